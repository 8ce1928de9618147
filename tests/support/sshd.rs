//! Debian's own SSH server with its own configuration, and the real client.

use super::application::clock;
use super::server::Server;
use super::system::{System, User};
use super::terminal::Terminal;
use super::until;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

const PROGRAM: &str = "/usr/sbin/sshd";
const HOST_KEY: &str = "/etc/ssh/ssh_host_ed25519_key";

/// Later ones hang up on an address for some seconds after a few failures, before PAM is asked.
const NO_PENALTIES: [&str; 2] = ["-o", "PerSourcePenalties=no"];

/// What the README asks for: one prompt after the other, and no method that bypasses them.
pub const KEYBOARD_INTERACTIVE: &str = "KbdInteractiveAuthentication yes\nPasswordAuthentication no\n";

/// What it takes for key and code: without the first line sshd asks for one of the two.
pub const KEY_AND_CODE: &str = "AuthenticationMethods publickey,keyboard-interactive:pam
KbdInteractiveAuthentication yes
PasswordAuthentication no
";

pub struct Sshd {
    _server: Server,
}

impl Sshd {
    /// Starts the server with a drop-in, and waits until it listens.
    pub fn start(system: &System, drop_in: &str) -> Self {
        Self::start_by(system, drop_in, Command::new(PROGRAM))
    }

    /// The same with its clock stopped at `time`: what serves a connection inherits it, sessions do not.
    pub fn start_at(system: &System, drop_in: &str, time: u64) -> Self {
        let mut sshd = Command::new(PROGRAM);
        sshd.envs(clock(time));
        Self::start_by(system, drop_in, sshd)
    }

    fn start_by(system: &System, drop_in: &str, mut sshd: Command) -> Self {
        let _ = fs::remove_dir_all("/etc/ssh");
        fs::create_dir_all("/etc/ssh/sshd_config.d").expect("/etc/ssh");
        fs::create_dir_all("/run/sshd").expect("/run/sshd");
        fs::copy("/usr/share/openssh/sshd_config", "/etc/ssh/sshd_config").expect("Debian's own sshd_config");
        system.file("/etc/ssh/sshd_config.d/00-pam_totp.conf", drop_in);
        system.runs(Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f", HOST_KEY]));
        if system.tries(Command::new(PROGRAM).args(["-t", "-h", HOST_KEY]).args(NO_PENALTIES), "").status.success() {
            sshd.args(NO_PENALTIES);
        }
        let options = ["-D", "-o", "ListenAddress=127.0.0.1", "-h", HOST_KEY];
        let listening = "Server listening on 127.0.0.1 port 22";
        let before = system.log.count(listening);
        let server = Server::start(sshd.args(options));
        until("sshd listens", || system.log.count(listening) > before);
        Self { _server: server }
    }
}

/// How many of the server's processes serve connections.
pub fn connections() -> usize {
    let processes = fs::read_dir("/proc").expect("/proc").map(|entry| entry.expect("an entry of /proc").path());
    // The link of a process that has ended, but whose parent has not asked for its status, cannot be read.
    let is_sshd = |process: &PathBuf| fs::read_link(process.join("exe")).is_ok_and(|exe| exe.ends_with("sshd"));
    let listener = 1;
    processes.filter(is_sshd).count() - listener
}

/// The client, which says `in as NAME` after a login.
pub fn ssh(user: &str, options: &[&str]) -> Terminal {
    client(Command::new("/usr/bin/ssh"), user, "127.0.0.1", options)
}

/// The same, started in another way or for another address of the server's.
pub fn client(mut command: Command, user: &str, host: &str, options: &[&str]) -> Terminal {
    command.args(["-F", "none", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"]);
    command.args(options);
    command.args([&format!("{user}@{host}"), "echo in as $(id -un)"]);
    Terminal::run(command)
}

/// Options of a client that asks the user only once.
pub const ONCE: [&str; 2] = ["-o", "NumberOfPasswordPrompts=1"];

/// How the client shows one of the server's prompts.
pub fn prompt(user: &str, prompt: &str) -> String {
    format!("({user}@127.0.0.1) {prompt}")
}

/// Gives the user a key pair, and returns the private file.
pub fn key_pair(system: &System, user: &User) -> String {
    let file = format!("/tmp/{}", user.name);
    system.runs(Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f", &file]));
    let folder = format!("{}/.ssh", user.home());
    fs::create_dir(&folder).expect("the user's .ssh");
    fs::copy(format!("{file}.pub"), format!("{folder}/authorized_keys")).expect("authorized_keys");
    system.runs(Command::new("chown").args(["-R", user.name, &folder]));
    file
}
