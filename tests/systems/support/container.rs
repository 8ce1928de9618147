//! A Debian system of its own, with its own systemd as process 1. It is gone when the test is.

use super::codes;
use super::terminal::Terminal;
use super::until;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;
use tempfile::TempDir;

/// The password of every user.
pub const PASSWORD: &str = "Ohm7-uxei.queeph";

/// The key that every enrolled user's phone holds.
pub const KEY: &str = "JBSWY3DPEHPK3PXPGEZDGNBVGY3TQOJQ";

const SUPPORT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/systems/support");
const SCRIPTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/systems");

/// Of a client that asks only once and knows nobody.
pub const SSH: &str =
    "-F none -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o NumberOfPasswordPrompts=1";

/// Gives a command a terminal of the guest's own, and says how it ended.
const ON_A_TERMINAL: [&str; 4] = ["script", "--quiet", "--flush", "--return"];

/// Makes each function, which takes a [`Release`], a test on both.
macro_rules! on_each_release {
    ($($test:ident),+ $(,)?) => {
        mod debian12 {
            $(#[test] fn $test() { super::$test($crate::support::container::Release::Debian12); })+
        }
        mod debian13 {
            $(#[test] fn $test() { super::$test($crate::support::container::Release::Debian13); })+
        }
    };
}
pub(crate) use on_each_release;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Release {
    /// With systemd 252.
    Debian12,
    /// With systemd 257.
    Debian13,
}

impl Release {
    pub fn name(self) -> &'static str {
        match self {
            Self::Debian12 => "bookworm",
            Self::Debian13 => "trixie",
        }
    }

    /// Its folder, as `scripts/systems/tree` made it.
    pub fn tree(self) -> &'static Path {
        static TREES: [OnceLock<PathBuf>; 2] = [OnceLock::new(), OnceLock::new()];
        TREES[self as usize].get_or_init(|| script("tree", &[self.name()]))
    }

    /// The same with the packages of a topic.
    fn topic(self, topic: &str) -> PathBuf {
        script("tree", &[self.name(), topic])
    }

    /// What was installed above it.
    fn product(self) -> &'static Path {
        static LAYERS: [OnceLock<PathBuf>; 2] = [OnceLock::new(), OnceLock::new()];
        LAYERS[self as usize].get_or_init(|| {
            self.tree();
            script("product", &[self.name()])
        })
    }
}

/// Runs a script of ours that makes a folder and prints where that is.
fn script(name: &str, arguments: &[&str]) -> PathBuf {
    let output = Command::new(format!("{SCRIPTS}/{name}")).args(arguments).stderr(Stdio::inherit()).output();
    let output = output.expect("the script starts");
    assert!(output.status.success(), "{name} {arguments:?} failed");
    let said = String::from_utf8(output.stdout).expect("UTF-8");
    PathBuf::from(said.lines().last().expect("a path"))
}

pub struct Container {
    pub release: Release,
    supervisor: Child,
    /// Where the scripts beside this file tell its process 1, and what the console shows.
    folder: TempDir,
}

impl Container {
    /// Boots it with the product installed and its sockets enabled.
    pub fn boot(release: Release) -> Self {
        Self::prepared(release, "")
    }

    /// The same, after its shell has run a script as root, before anything of it runs.
    pub fn prepared(release: Release, script: &str) -> Self {
        let enable = "systemctl --quiet enable pam-totpd.socket\n";
        Self::start(release, &[release.product(), release.tree()], &format!("{enable}{script}\n"))
    }

    /// The same with the packages of a topic, of `scripts/systems/packages`, besides.
    pub fn with(release: Release, topic: &str, script: &str) -> Self {
        Self::start(release, &[release.product(), &release.topic(topic)], script)
    }

    /// Boots it as Debian has it, without the product.
    pub fn bare(release: Release, script: &str) -> Self {
        Self::start(release, &[release.tree()], script)
    }

    /// The same, with the files of a folder above its own.
    pub fn beside(release: Release, files: &Path, script: &str) -> Self {
        Self::start(release, &[files, release.tree()], script)
    }

    fn start(release: Release, layers: &[&Path], prepare: &str) -> Self {
        assert!(nix::unistd::geteuid().is_root(), "this test needs root: it boots a system in namespaces of its own");
        let folder = TempDir::with_prefix("pam_totp-").expect("a folder");
        fs::write(folder.path().join("prepare"), prepare).expect("writes a script");
        let mut boot = Command::new(format!("{SUPPORT}/boot"));
        let supervisor =
            boot.arg(folder.path()).args(layers).stdin(Stdio::piped()).spawn().expect("the container starts");
        let container = Self { release, supervisor, folder };
        container.wait_for_boot();
        container
    }

    /// Waits until all has started that starts at boot, also again.
    pub fn wait_for_boot(&self) {
        let console = || fs::read_to_string(self.folder.path().join("console")).unwrap_or_default();
        until("the system boots", || {
            let ended = console().lines().rfind(|line| !line.is_empty()).is_some_and(ended_for_good);
            assert!(!ended, "{:?} does not boot:\n{}", self.release, console());
            let state = self.tries("[ -S /run/systemd/private ] && systemctl is-system-running --wait");
            let state = String::from_utf8_lossy(&state.stdout).trim().to_owned();
            if state == "degraded" {
                let failed = self.runs("systemctl --no-pager --failed; journalctl --no-pager --boot --priority=notice");
                panic!("{:?} boots, but not all of it:\n{failed}\n{}", self.release, console());
            }
            state == "running"
        });
    }

    /// A command that root runs in it. The path is the guest's.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new(format!("{SUPPORT}/inside"));
        command.arg(self.folder.path()).arg(program);
        command
    }

    /// A command of root's on a terminal of the guest's own.
    pub fn terminal(&self, shell: &str) -> Terminal {
        let mut script = self.command("script");
        script.args(&ON_A_TERMINAL[1..]).args(["--command", shell, "/dev/null"]);
        Terminal::run(script)
    }

    /// Runs lines of shell as root, which must succeed: what they said on standard output.
    pub fn runs(&self, shell: &str) -> String {
        self.reads(shell, "")
    }

    /// The same, with standard input.
    pub fn reads(&self, shell: &str, input: &str) -> String {
        let output = self.tries_with(shell, input);
        assert!(output.status.success(), "{:?}: {shell}: {output:?}", self.release);
        String::from_utf8(output.stdout).expect("UTF-8")
    }

    /// Runs lines of shell as root, which may fail.
    pub fn tries(&self, shell: &str) -> Output {
        self.tries_with(shell, "")
    }

    pub fn tries_with(&self, shell: &str, input: &str) -> Output {
        let mut command = self.command("sh");
        command.args(["-c", shell]);
        given(command, input)
    }

    /// Writes a file of the guest's.
    pub fn file(&self, path: &str, text: &str) {
        self.reads(&format!("cat >'{path}'"), text);
    }

    /// What the journal has of this boot, a line each, without its times.
    pub fn journal(&self, options: &str) -> String {
        self.runs(&format!("journalctl --no-pager --boot --output=cat {options}"))
    }

    /// Waits for a line of the journal that holds `text`.
    pub fn logs(&self, text: &str) -> String {
        let mut found = None;
        until(&format!("a line of the journal with {text:?}"), || {
            found = self.journal("").lines().find(|line| line.contains(text)).map(str::to_owned);
            found.is_some()
        });
        found.expect("it was found")
    }

    /// Adds a user with a home and the password.
    pub fn user(&self, name: &str) {
        self.reads(
            &format!("useradd --create-home --shell /bin/bash {name} && chpasswd"),
            &format!("{name}:{PASSWORD}\n"),
        );
    }

    /// Adds a user who has to give a code.
    pub fn enrolled(&self, name: &str) {
        self.user(name);
        self.reads(&format!("pam-totp set --no-code {name}"), &format!("{KEY}\n"));
    }

    /// Has sshd ask for the password and then for a code.
    pub fn ssh_asks(&self) {
        self.runs("pam-totp stack add --yes sshd");
        self.ssh_prompts();
        self.runs("systemctl reload ssh");
    }

    /// What README asks of sshd: one prompt after the other, and no method that bypasses them.
    pub fn ssh_prompts(&self) {
        let drop_in = "KbdInteractiveAuthentication yes\nPasswordAuthentication no\n";
        self.file("/etc/ssh/sshd_config.d/00-pam_totp.conf", drop_in);
    }

    /// The client at the guest's own sshd, which says `in as NAME` after a login.
    pub fn ssh(&self, user: &str) -> Terminal {
        self.ssh_with(user, "echo in as $(id -un)")
    }

    /// The same with another command, in single quotes.
    pub fn ssh_with(&self, user: &str, shell: &str) -> Terminal {
        self.terminal(&format!("ssh {SSH} {user}@127.0.0.1 '{shell}'"))
    }

    /// A login by ssh with this code, which must come to its end.
    pub fn ssh_in(&self, user: &str, code: &str) {
        let mut ssh = self.ssh(user);
        ssh.answers("Password: ", PASSWORD);
        ssh.answers("Verification code: ", code);
        ssh.sees(&format!("in as {user}"));
        assert_eq!(ssh.ends().1, 0);
    }

    /// A login by ssh with this code, which must be refused.
    pub fn ssh_refused(&self, user: &str, code: &str) {
        let mut ssh = self.ssh(user);
        ssh.answers("Password: ", PASSWORD);
        ssh.answers("Verification code: ", code);
        ssh.sees("Permission denied");
        assert_eq!(ssh.ends().1, 255);
    }

    /// Lets a user do everything as root, with their own password.
    pub fn sudo_for(&self, user: &str) {
        self.file("/etc/sudoers.d/users", &format!("Defaults lecture = never\n{user} ALL=(ALL:ALL) ALL\n"));
    }

    /// The state of a unit in one word, as `active`.
    pub fn state(&self, unit: &str) -> String {
        let said = self.tries(&format!("systemctl is-active {unit}")).stdout;
        String::from_utf8(said).expect("UTF-8").trim().to_owned()
    }

    /// Lines of shell that a user runs, without any privilege of root.
    pub fn tries_as(&self, user: &str, shell: &str, input: &str) -> Output {
        let mut command = self.command("setpriv");
        command.args(as_user(user)).args(["sh", "-c", shell]);
        given(command, input)
    }

    /// The same, which must succeed: what they said on standard output.
    pub fn runs_as(&self, user: &str, shell: &str) -> String {
        let output = self.tries_as(user, shell, "");
        assert!(output.status.success(), "{:?}: {user}: {shell}: {output:?}", self.release);
        String::from_utf8(output.stdout).expect("UTF-8")
    }

    /// A command of a user's on a terminal of their own.
    pub fn terminal_of(&self, user: &str, shell: &str) -> Terminal {
        let mut script = self.command("setpriv");
        script.args(as_user(user)).args(ON_A_TERMINAL).args(["--command", shell, "/dev/null"]);
        Terminal::run(script)
    }

    /// Boots it again, with what is on its disk.
    pub fn reboots(&self) {
        let init = self.folder.path().join("init");
        let before = fs::read_to_string(&init).expect("it runs");
        self.tries("systemctl reboot");
        until("it goes down", || fs::read_to_string(&init).unwrap_or_default() != before);
        self.wait_for_boot();
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        drop(self.supervisor.stdin.take());
        let _ = self.supervisor.wait();
    }
}

/// Does a line of the console say so? One that reboots ends with 129.
fn ended_for_good(line: &str) -> bool {
    line.strip_prefix("process 1 ended with ").is_some_and(|status| status != "129")
}

/// What makes a process a user's, as a login would.
fn as_user(user: &str) -> [String; 7] {
    ["--reuid", user, "--regid", user, "--init-groups", "--reset-env", "--"].map(str::to_owned)
}

/// Runs a command with standard input.
fn given(mut command: Command, input: &str) -> Output {
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("a command starts");
    // Whoever ends before they read everything has read enough.
    let _ = child.stdin.take().expect("a pipe").write_all(input.as_bytes());
    child.wait_with_output().expect("the command ends")
}

/// The code that the phone of an enrolled user shows now.
pub fn code() -> String {
    codes::fresh_code(KEY)
}

/// That code and those that follow it; the next one is right already.
pub fn codes<const N: usize>() -> [String; N] {
    codes::fresh_codes(KEY)
}

/// The first code that is not this one, and is right already.
pub fn code_after(used: &str) -> String {
    let [now, next] = codes();
    if now == used { next } else { now }
}

/// A code that is right neither now nor soon.
pub fn wrong_code() -> String {
    codes::wrong_code(KEY)
}
