//! A throw-away system: the test runs itself again inside it, as root, and may do there what it likes.

use super::artifacts;
use super::codes;
use super::syslog::Syslog;
use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::thread;

/// The password of every user, too odd to be found in a message by chance.
pub const PASSWORD: &str = "Ohm7-uxei.queeph";

/// The key that every enrolled user's phone holds.
pub const KEY: &str = "JBSWY3DPEHPK3PXPGEZDGNBVGY3TQOJQ";

/// Runs `test` as process 1 of a system of its own.
pub fn throw_away(test: impl FnOnce(&System)) {
    throw_away_with(Vec::new, test);
}

/// As [`throw_away`], with more of this machine's files inside, each as `support/throw-away` takes it.
pub fn throw_away_with(files: impl FnOnce() -> Vec<String>, test: impl FnOnce(&System)) {
    if Path::new("/mnt/promises").exists() && std::env::var_os("THROW_AWAY").is_some() {
        test(&System::new());
    } else {
        run_again_inside(&files());
    }
}

fn run_again_inside(files: &[String]) {
    assert!(
        nix::unistd::geteuid().is_root(),
        "this test needs root: it makes namespaces and starts real login programs"
    );
    let name = thread::current().name().expect("a test's thread has the test's name").to_owned();
    let file = |name: &str, path: &Path| format!("{name}={}", path.display());
    let output = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/throw-away"))
        .arg(file("promises", &std::env::current_exe().expect("a test has a file")))
        .arg(file("pam-totp", artifacts::program()))
        .arg(file("pam-totpd", artifacts::daemon()))
        .arg(file("pam_totp.so", artifacts::module()))
        .arg(file("sources", Path::new(env!("CARGO_MANIFEST_DIR"))))
        .args(files)
        .args(["--", "/mnt/promises", "--exact", &name, "--nocapture"])
        .stdin(Stdio::null())
        .output()
        .expect("the throw-away system starts");
    let said = String::from_utf8_lossy(&output.stdout);
    print!("{said}{}", String::from_utf8_lossy(&output.stderr));
    assert_ne!(output.status.code(), Some(137), "did not end inside the throw-away system");
    assert!(output.status.success(), "failed inside the throw-away system");
    // A name that matched nothing would succeed as well.
    assert!(said.contains("1 passed"), "did not run inside the throw-away system");
}

pub struct System {
    pub log: Syslog,
}

impl System {
    fn new() -> Self {
        let system = Self { log: Syslog::listen() };
        install("/mnt/pam_totp.so", &pam_folder().join("pam_totp.so"), 0o644);
        install("/mnt/pam-totp", Path::new("/usr/bin/pam-totp"), 0o755);
        install("/mnt/pam-totpd", Path::new("/usr/sbin/pam-totpd"), 0o755);
        // What this machine's own pam_totp knows takes no part.
        for own in ["/var/lib/pam_totp", "/etc/security/pam_totp.toml"] {
            let _ = fs::remove_dir_all(own).or_else(|_| fs::remove_file(own));
        }
        folder("/var/lib/pam_totp", 0o700);
        folder("/var/lib/pam_totp/secrets", 0o700);
        folder("/var/lib/pam_totp/state", 0o700);
        folder("/var/spool/pam_totp", 0o700);
        folder("/run/pam_totp", 0o755);
        folder("/run/pam_totp/state", 0o700);
        system
    }

    /// Puts another build of the module in its place.
    pub fn module(&self, from: &str) {
        install(from, &pam_folder().join("pam_totp.so"), 0o644);
    }

    /// Puts an example stack of `pam.d/` in place of the service's own.
    pub fn stack(&self, service: &str, example: &str) {
        self.file(&format!("/etc/pam.d/{service}"), example);
    }

    /// Takes away the second that su itself waits after a refusal, beside what the stack asks for.
    pub fn without_delay_of_su(&self) {
        let path = "/etc/login.defs";
        let text = fs::read_to_string(path).expect("login.defs is text");
        self.file(path, &format!("{text}\nFAIL_DELAY 0\n"));
    }

    /// Takes the seconds after a refusal out of the stacks, for tests that are not about them.
    pub fn without_delays(&self) {
        for entry in fs::read_dir("/etc/pam.d").expect("/etc/pam.d") {
            let path = entry.expect("an entry of /etc/pam.d").path();
            let stack = fs::read_to_string(&path).expect("a stack is text");
            let hasty = stack.lines().map(hasty).collect::<String>();
            fs::write(&path, hasty).expect("writes a stack");
        }
    }

    pub fn policy(&self, text: &str) {
        self.file("/etc/security/pam_totp.toml", text);
    }

    pub fn file(&self, path: &str, text: &str) {
        fs::write(path, text).unwrap_or_else(|error| panic!("{path}: {error}"));
    }

    /// Adds a user with a home and the password.
    pub fn user(&self, name: &'static str) -> User {
        self.runs(Command::new("useradd").args(["--create-home", "--shell", "/bin/bash", name]));
        self.reads(&mut Command::new("chpasswd"), &format!("{name}:{PASSWORD}\n"));
        User { name }
    }

    /// Gives a user the key.
    pub fn enroll(&self, name: &'static str) -> User {
        self.reads(Command::new("pam-totp").args(["set", "--no-code", name]), &format!("{KEY}\n"));
        User { name }
    }

    /// Adds a user who has to give a code.
    pub fn enrolled(&self, name: &'static str) -> User {
        self.user(name);
        self.enroll(name)
    }

    /// Runs a command that must succeed.
    pub fn runs(&self, command: &mut Command) -> Output {
        self.reads(command, "")
    }

    /// Runs a command that must succeed with `input` on its standard input.
    pub fn reads(&self, command: &mut Command, input: &(impl AsRef<[u8]> + ?Sized)) -> Output {
        let output = self.tries(command, input);
        assert!(output.status.success(), "{command:?}: {output:?}");
        output
    }

    /// Runs a command that may fail.
    pub fn tries(&self, command: &mut Command, input: &(impl AsRef<[u8]> + ?Sized)) -> Output {
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        // A program that ends before it read everything is no failure of the test.
        let _ = child.stdin.take().expect("a pipe").write_all(input.as_ref());
        child.wait_with_output().expect("the command ends")
    }
}

/// A user of the throw-away system, and the phone in their hand.
pub struct User {
    pub name: &'static str,
}

impl User {
    /// The code that the phone shows now.
    pub fn code(&self) -> String {
        codes::fresh_code(KEY)
    }

    /// That code and those that follow it; the next one is right already, for a phone may be a little ahead.
    pub fn codes<const N: usize>(&self) -> [String; N] {
        codes::fresh_codes(KEY)
    }

    /// A code that is right neither now nor soon.
    pub fn wrong_code(&self) -> String {
        codes::wrong_code(KEY)
    }

    /// A command that this user starts, as a login shell would: without any privilege of root.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new("/usr/bin/setpriv");
        command.args(["--reuid", self.name, "--regid", self.name, "--init-groups", "--", program]);
        command.env("HOME", self.home()).env("USER", self.name).current_dir(self.home());
        command
    }

    pub fn home(&self) -> String {
        if self.name == "root" { "/root".into() } else { format!("/home/{}", self.name) }
    }
}

/// The folder that holds the distribution's own modules.
pub fn pam_folder() -> PathBuf {
    let folders = ["/lib", "/lib64", "/usr/lib", "/usr/lib64"].map(PathBuf::from);
    let triplets = fs::read_dir("/usr/lib").expect("/usr/lib").map(|entry| entry.expect("an entry of /usr/lib").path());
    let mut candidates = folders.into_iter().chain(triplets).map(|folder| folder.join("security"));
    candidates.find(|folder| folder.join("pam_unix.so").exists()).expect("the distribution has a PAM folder")
}

fn install(from: &str, to: &Path, mode: u32) {
    fs::copy(from, to).unwrap_or_else(|error| panic!("{}: {error}", to.display()));
    fs::set_permissions(to, fs::Permissions::from_mode(mode)).expect("sets a mode");
}

fn folder(path: &str, mode: u32) {
    fs::create_dir_all(path).unwrap_or_else(|error| panic!("{path}: {error}"));
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("sets a mode");
}

/// The line of a stack, without its delay.
fn hasty(line: &str) -> String {
    let is = |module| line.starts_with("auth") && line.contains(module);
    if is("pam_faildelay.so") {
        String::new()
    } else if is("pam_unix.so") || is("pam_totp.so") {
        format!("{line} nodelay\n")
    } else {
        format!("{line}\n")
    }
}
