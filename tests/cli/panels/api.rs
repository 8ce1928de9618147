//! Logins of an API: name and password in one field, through a PAM service of their own.

use super::LOGIN;
use crate::support::application::{self, AUTH_ERR, SUCCESS, login};
use crate::support::server::Server;
use crate::support::system::{PASSWORD, System, throw_away};
use crate::support::until;
use std::net::TcpStream;
use std::process::Command;

const EXEMPT: &str = "[[exempt]]\nservices = [\"panel-api\"]\n";

fn start(system: &System) -> Server {
    system.stack("panel-api", include_str!("../../../pam.d/panel-api"));
    system.stack("panel-api-one-field", include_str!("../../../pam.d/panel-api-one-field"));
    application::build(system);
    system.without_delays();
    system.file("/usr/local/lib/panel_login.py", LOGIN);
    let server = Server::start(Command::new("python3").args(["-c", include_str!("../../support/basic.py")]));
    until("the API listens", || TcpStream::connect("127.0.0.1:8000").is_ok());
    server
}

/// Calls the API, and says whether it was let in.
fn calls(system: &System, service: &str, user: &str, field: &str) -> bool {
    let url = format!("http://127.0.0.1:8000/{service}");
    let mut curl = Command::new("/usr/bin/curl");
    curl.args(["--silent", "--output", "/dev/null", "--write-out", "%{http_code}", "--user"]);
    let status = system.reads(curl.arg(format!("{user}:{field}")).arg(url), "").stdout;
    match &*status {
        b"200" => true,
        b"401" => false,
        other => panic!("{}", String::from_utf8_lossy(other)),
    }
}

#[test]
fn an_exempt_service_takes_the_password_alone_and_no_other_service_does() {
    throw_away(|system| {
        let alice = system.enrolled("alice");
        let _server = start(system);
        // Before the policy says so, the one field is the answer to both questions, and can never be right.
        assert!(!calls(system, "panel-api", "alice", PASSWORD));
        assert!(!calls(system, "panel-api", "alice", &format!("{PASSWORD}{}", alice.code())));

        system.policy(EXEMPT);
        assert!(calls(system, "panel-api", "alice", PASSWORD));
        assert!(!calls(system, "panel-api", "alice", "wrong password"));
        assert!(!calls(system, "panel-api", "alice", ""));
        assert!(!calls(system, "panel-api", "alice", &format!("{PASSWORD}{}", alice.code())), "that is no password");
        assert!(!calls(system, "panel-api", "nobody-here", PASSWORD));
        // Nothing else was opened.
        assert!(!calls(system, "panel-api-one-field", "alice", PASSWORD));
        assert_eq!(login(system, "alice", ""), AUTH_ERR);
        assert_eq!(login(system, "alice", &alice.code()), SUCCESS, "nor did a call use the code up");
        // Who must be enrolled and is not is refused, as everywhere.
        system.user("bob");
        system.policy(&format!("{EXEMPT}[[require]]\nusers = [\"bob\"]\n"));
        assert!(!calls(system, "panel-api", "bob", PASSWORD));
    });
}

#[test]
fn one_field_takes_password_and_code_once() {
    throw_away(|system| {
        let alice = system.enrolled("alice");
        let _server = start(system);
        system.policy(EXEMPT);
        let calls = |user: &str, field: &str| calls(system, "panel-api-one-field", user, field);
        let [code, next] = alice.codes();
        assert!(!calls("alice", PASSWORD));
        assert!(!calls("alice", &format!("{PASSWORD}{}", alice.wrong_code())));
        assert!(!calls("alice", &format!("wrong password{code}")), "and the code stays good");
        assert!(calls("alice", &format!("{PASSWORD}{code}")));
        system.log.line("right code: alice from 127.0.0.1");
        assert!(!calls("alice", &format!("{PASSWORD}{code}")));
        system.log.line("used code: alice from 127.0.0.1");
        assert!(calls("alice", &format!("{PASSWORD}{next}")));
        system.user("bob");
        assert!(!calls("bob", PASSWORD), "not enrolled, and the policy refuses those");
        system.policy("unenrolled = \"allow\"\n");
        assert!(calls("bob", PASSWORD));
    });
}
