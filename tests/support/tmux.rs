//! A terminal that can be looked at: the screen that tmux keeps, drawn as a theme would show it.

use super::PATIENCE;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A program on a terminal of its own.
pub struct Tmux {
    folder: TempDir,
}

impl Tmux {
    pub fn start(columns: u16, rows: u16, command: &[&str]) -> Self {
        let tmux = Self { folder: tempfile::tempdir().expect("a folder") };
        let (columns, rows) = (columns.to_string(), rows.to_string());
        // The shell stays, or the screen would go with the program.
        let shell = ["sh", "-c", r#""$@"; echo "ended with $?"; read -r _"#, "sh"];
        tmux.tells(&[&["new-session", "-d", "-x", &columns, "-y", &rows], &shell[..], command].concat());
        tmux
    }

    /// Waits until the screen shows `text`, and returns all of it.
    pub fn shows(&self, text: &str) -> String {
        self.screen_that(text, |screen| screen.contains(text))
    }

    /// Waits until the last thing on the screen is `prompt`, and returns all of it.
    pub fn asks(&self, prompt: &str) -> String {
        // tmux leaves trailing blanks out.
        self.screen_that(prompt, |screen| screen.trim_end().ends_with(prompt.trim_end()))
    }

    fn screen_that(&self, expected: &str, is_there: impl Fn(&str) -> bool) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let screen = self.tells(&["capture-pane", "-p"]);
            if is_there(&screen) {
                return screen;
            }
            assert!(Instant::now() < deadline, "the screen never shows {expected:?}:\n{screen}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits until the program has ended with `status`.
    pub fn ends(&self, status: i32) {
        self.shows(&format!("ended with {status}\n"));
    }

    /// Types a line.
    pub fn types(&self, line: &str) {
        self.tells(&["send-keys", "-l", line]);
        self.tells(&["send-keys", "Enter"]);
    }

    /// Draws the screen with a "dark" or a "light" theme.
    pub fn picture(&self, theme: &str) -> PathBuf {
        let capture = self.tells(&["capture-pane", "-p", "-e", "-N"]);
        std::fs::write(self.file("capture"), capture).expect("writes a file");
        let picture = self.file(&format!("{theme}.png"));
        // Handed over as text: the checkout is not to be seen from inside a throw-away system.
        let drawn = Command::new("/usr/bin/python3")
            .args(["-c", include_str!("screen.py"), theme])
            .arg(&picture)
            .stdin(std::fs::File::open(self.file("capture")).expect("the capture"))
            .status()
            .expect("python3 starts");
        assert!(drawn.success(), "the screen cannot be drawn");
        picture
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("tmux");
        command.args(["-u", "-f", "/dev/null", "-S"]).arg(self.file("socket")).args(arguments);
        command.env("LC_ALL", "C.UTF-8").stdin(Stdio::null());
        command
    }

    fn tells(&self, arguments: &[&str]) -> String {
        let output = self.command(arguments).output().expect("tmux starts");
        assert!(output.status.success(), "tmux {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("the screen is UTF-8")
    }
}

impl Drop for Tmux {
    fn drop(&mut self) {
        // A server that already ended is none to end.
        let _ = self.command(&["kill-server"]).output();
    }
}

/// What the QR codes of a picture say, one a line.
pub fn scan(picture: &Path) -> String {
    let seen = Command::new("zbarimg")
        .args(["--quiet", "--raw", "-Sdisable", "-Sqrcode.enable"])
        .arg(picture)
        .output()
        .expect("zbarimg starts");
    String::from_utf8(seen.stdout).expect("the code holds text").trim_end().to_owned()
}
