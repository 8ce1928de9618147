//! Other hosts, whose addresses a client comes from: a second network at the end of a cable.

use super::sshd::{self, Sshd};
use super::system::{PASSWORD, System, User};
use super::terminal::Terminal;
use std::process::Command;

/// The server's own address on the cable.
pub const HOST: &str = "192.0.2.1";
pub const OFFICE: &str = "198.51.100.2";
pub const NEIGHBOR: &str = "198.51.100.3";
pub const ELSEWHERE: &str = "203.0.113.2";

/// Lays the cable, and starts a server that also listens there.
pub fn start(system: &System, drop_in: &str) -> Sshd {
    let ip = |arguments: &str| system.runs(Command::new("ip").args(arguments.split(' ')));
    ip("netns add far");
    ip("link add near type veth peer name far netns far");
    ip(&format!("addr add {HOST}/32 dev near"));
    ip("link set near up");
    ip("-n far link set far up");
    for address in [OFFICE, NEIGHBOR, ELSEWHERE] {
        ip(&format!("-n far addr add {address}/32 dev far"));
        ip(&format!("route add {address} dev near"));
    }
    ip("-n far route add default dev far");
    let server = Sshd::start(system, &format!("{drop_in}ListenAddress {HOST}\n"));
    system.log.line(&format!("Server listening on {HOST} port 22"));
    server
}

/// The client at one of the far addresses, or at one of the host's own.
pub fn ssh(from: &str, user: &str, options: &[&str]) -> Terminal {
    let mut command = Command::new("ip");
    command.args(["netns", "exec", "far", "/usr/bin/ssh"]);
    if [HOST, "127.0.0.1"].contains(&from) {
        command = Command::new("/usr/bin/ssh");
    }
    let host = if from == "127.0.0.1" { from } else { HOST };
    sshd::client(command, user, host, &[&["-b", from], &sshd::ONCE, options].concat())
}

/// The password is all that is asked.
pub fn gets_in_by_password(from: &str, user: &User) {
    let mut client = ssh(from, user.name, &[]);
    client.answers("Password: ", PASSWORD);
    gets_in(client, user);
}

pub fn gets_in_by_code(from: &str, user: &User) {
    let mut client = ssh(from, user.name, &[]);
    client.answers("Password: ", PASSWORD);
    client.answers("Verification code: ", &user.code());
    gets_in(client, user);
}

/// A code is asked for, and without one nobody gets in.
pub fn is_asked(from: &str, user: &User) {
    answers_and_is_refused(from, user, "");
}

pub fn answers_and_is_refused(from: &str, user: &User, code: &str) {
    let mut client = ssh(from, user.name, &[]);
    client.answers("Password: ", PASSWORD);
    client.answers("Verification code: ", code);
    let (screen, status) = client.ends();
    assert_eq!(status, 255, "{screen}");
    assert!(screen.contains("Permission denied"), "{screen}");
}

/// Nothing more is asked.
pub fn gets_in(client: Terminal, user: &User) {
    let (screen, status) = client.ends();
    assert!(screen.contains(&format!("in as {}", user.name)), "{screen}");
    assert_eq!(status, 0, "{screen}");
}
