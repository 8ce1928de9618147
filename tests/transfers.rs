//! File transfers: one login with a code, then as many as one likes.

use crate::support::sshd::{self, KEYBOARD_INTERACTIVE, Sshd};
use crate::support::system::{PASSWORD, throw_away};
use crate::support::terminal::Terminal;
use crate::support::until;
use std::fs;
use std::io::Read;
use std::path::Path;
use std::process::Command;

const STACK: &str = include_str!("../pam.d/sshd");

/// Where the client of the one login waits for others to use it.
const SOCKET: &str = "/root/login";
/// More than any buffer on the way holds.
const SIZE: u64 = 3 << 20;

#[test]
fn one_code_serves_scp_sftp_and_rsync_for_as_long_as_the_connection_lasts() {
    throw_away(|system| {
        system.stack("sshd", STACK);
        let alice = system.enrolled("alice");
        let _server = Sshd::start(system, KEYBOARD_INTERACTIVE);
        fs::create_dir("/root/tree").expect("a folder");
        let sent = [random_file("/root/tree/one"), random_file("/root/tree/t w o")];

        let mut login = Terminal::run(over_one("/usr/bin/ssh", &["-M", "-N", "alice@127.0.0.1"]));
        login.answers(&sshd::prompt("alice", "Password: "), PASSWORD);
        login.answers(&sshd::prompt("alice", "Verification code: "), &alice.code());
        until("the login serves others", || Path::new(SOCKET).exists());

        system.runs(&mut over_one("/usr/bin/scp", &["-r", "/root/tree", "alice@127.0.0.1:by-scp"]));
        let batch = "mkdir by-sftp\nput /root/tree/* by-sftp/\n";
        system.reads(&mut over_one("/usr/bin/sftp", &["-b", "-", "alice@127.0.0.1"]), batch);
        system.runs(&mut rsync(&["-a", "/root/tree/", "alice@127.0.0.1:by-rsync"]));
        for folder in ["by-scp", "by-sftp", "by-rsync"] {
            let arrived = ["one", "t w o"].map(|name| read(&format!("{}/{folder}/{name}", alice.home())));
            assert!(arrived == sent, "{folder}: not what was sent");
        }
        system.runs(&mut rsync(&["-a", "alice@127.0.0.1:by-scp/", "/root/back"]));
        assert!(["one", "t w o"].map(|name| read(&format!("/root/back/{name}"))) == sent, "not what was fetched");

        system.runs(&mut over_one("/usr/bin/ssh", &["-O", "exit", "alice@127.0.0.1"]));
        login.ends();
        assert_eq!(system.log.count("accepted code of alice"), 1);
        let refused = system.tries(&mut over_one("/usr/bin/scp", &["alice@127.0.0.1:by-scp/one", "/root/"]), "");
        assert!(!refused.status.success(), "got in without a code: {refused:?}");
    });
}

#[test]
fn a_transfer_with_a_connection_of_its_own_asks_for_its_own_code() {
    throw_away(|system| {
        system.stack("sshd", STACK);
        let alice = system.enrolled("alice");
        let _server = Sshd::start(system, KEYBOARD_INTERACTIVE);
        let sent = random_file("/root/file");
        let mut command = Command::new("/usr/bin/scp");
        command.args(["-F", "none", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"]);
        command.args(["/root/file", "alice@127.0.0.1:"]);
        let mut scp = Terminal::run(command);
        scp.answers(&sshd::prompt("alice", "Password: "), PASSWORD);
        scp.answers(&sshd::prompt("alice", "Verification code: "), &alice.wrong_code());
        scp.answers(&sshd::prompt("alice", "Password: "), PASSWORD);
        scp.answers(&sshd::prompt("alice", "Verification code: "), &alice.code());
        let (screen, status) = scp.ends();
        assert_eq!(status, 0, "{screen}");
        assert!(read(&format!("{}/file", alice.home())) == sent, "not what was sent");
    });
}

/// A program of OpenSSH that uses the one login. Where that is missing it cannot ask: nobody sits at it.
fn over_one(program: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    if !arguments.contains(&"-M") {
        command.args(["-o", "BatchMode=yes"]);
    }
    command.args(["-F", "none", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"]);
    command.args(["-o", &format!("ControlPath={SOCKET}")]).args(arguments);
    command
}

fn rsync(arguments: &[&str]) -> Command {
    let mut command = Command::new("/usr/bin/rsync");
    command.args(["-e", &format!("ssh -F none -o BatchMode=yes -o ControlPath={SOCKET}")]).args(arguments);
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
