//! File transfers: one login with a code, then as many as one likes.

use crate::support::documents::document;
use crate::support::sshd::{self, KEYBOARD_INTERACTIVE, Sshd};
use crate::support::system::{PASSWORD, System, throw_away};
use crate::support::terminal::Terminal;
use std::fs;
use std::io::Read;
use std::process::Command;

const STACK: &str = include_str!("../../pam.d/sshd");

/// What docs/stacks.md tells people to put into their `~/.ssh/config`.
const SHARE: &str = "ControlMaster auto
ControlPath ~/.ssh/%C
ControlPersist 10m
";
/// More than any buffer on the way holds.
const SIZE: u64 = 3 << 20;

#[test]
fn one_code_serves_scp_sftp_and_rsync_for_as_long_as_the_connection_lasts() {
    throw_away(|system| {
        assert!(document("docs/stacks.md").contains(SHARE));
        system.stack("sshd", STACK);
        let alice = system.enrolled("alice");
        let _server = Sshd::start(system, KEYBOARD_INTERACTIVE);
        write_client_config(system, SHARE);
        fs::create_dir("/root/tree").expect("a folder");
        let sent = [random_file("/root/tree/one"), random_file("/root/tree/t w o")];

        let mut login = Terminal::run(ssh());
        login.answers(&sshd::prompt("alice", "Password: "), PASSWORD);
        login.answers(&sshd::prompt("alice", "Verification code: "), &alice.code());
        login.sees("in as alice");
        assert_eq!(login.ends().1, 0);

        system.runs(&mut unattended("scp", &["-r", "/root/tree", "alice@127.0.0.1:by-scp"]));
        let batch = "mkdir by-sftp\nput /root/tree/* by-sftp/\n";
        system.reads(&mut unattended("sftp", &["-b", "-", "alice@127.0.0.1"]), batch);
        system.runs(Command::new("rsync").args(["-a", "/root/tree/", "alice@127.0.0.1:by-rsync"]));
        for folder in ["by-scp", "by-sftp", "by-rsync"] {
            let arrived = ["one", "t w o"].map(|name| read(&format!("{}/{folder}/{name}", alice.home())));
            assert!(arrived == sent, "{folder}: not what was sent");
        }
        system.runs(Command::new("rsync").args(["-a", "alice@127.0.0.1:by-scp/", "/root/back"]));
        assert!(["one", "t w o"].map(|name| read(&format!("/root/back/{name}"))) == sent, "not what was fetched");

        system.runs(&mut unattended("ssh", &["-O", "exit", "alice@127.0.0.1"]));
        assert_eq!(system.log.count("right code: alice"), 1);
        let refused = system.tries(&mut unattended("scp", &["alice@127.0.0.1:by-scp/one", "/root/"]), "");
        assert!(!refused.status.success(), "got in without a code: {refused:?}");
    });
}

#[test]
fn a_transfer_with_a_connection_of_its_own_asks_for_its_own_code() {
    throw_away(|system| {
        system.stack("sshd", STACK);
        let alice = system.enrolled("alice");
        let _server = Sshd::start(system, KEYBOARD_INTERACTIVE);
        write_client_config(system, "");
        let sent = random_file("/root/file");
        let mut scp = Command::new("scp");
        scp.args(["/root/file", "alice@127.0.0.1:"]);
        let mut scp = Terminal::run(scp);
        scp.answers(&sshd::prompt("alice", "Password: "), PASSWORD);
        scp.answers(&sshd::prompt("alice", "Verification code: "), &alice.wrong_code());
        scp.answers(&sshd::prompt("alice", "Password: "), PASSWORD);
        scp.answers(&sshd::prompt("alice", "Verification code: "), &alice.code());
        let (screen, status) = scp.ends();
        assert_eq!(status, 0, "{screen}");
        assert!(read(&format!("{}/file", alice.home())) == sent, "not what was sent");
    });
}

fn write_client_config(system: &System, options: &str) {
    fs::create_dir("/root/.ssh").expect("~/.ssh");
    system.file("/root/.ssh/config", &format!("StrictHostKeyChecking no\nUserKnownHostsFile /dev/null\n{options}"));
}

fn ssh() -> Command {
    let mut command = Command::new("ssh");
    command.args(["alice@127.0.0.1", "echo in as $(id -un)"]);
    command
}

/// A program of OpenSSH with nobody there to ask.
fn unattended(program: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(["-o", "BatchMode=yes"]).args(arguments);
    command
}

fn random_file(path: &str) -> Vec<u8> {
    let mut content = Vec::new();
    let random = fs::File::open("/dev/urandom").expect("random bytes");
    random.take(SIZE).read_to_end(&mut content).expect("random bytes");
    fs::write(path, &content).expect("writes a file");
    content
}

fn read(path: &str) -> Vec<u8> {
    fs::read(path).unwrap_or_else(|error| panic!("{path}: {error}"))
}
