//! A panel with a login form of its own: the example, as it stands in the documentation, on a real host.

use super::{LOGIN, block};
use crate::support::lanes;
use crate::support::program::object;
use crate::support::system::{PASSWORD, System, User, throw_away};
use pam_totp::system::clock::now;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

const HOME: &str = "192.0.2.4";
const SCRIPT: &str = "/usr/local/lib/panel_login.py";
const CALLS: &str = "/tmp/calls";

/// The panel, and between it and pam-totp somebody who writes down every command line, as all of the host can.
fn install(system: &System) {
    system.file(SCRIPT, LOGIN);
    let stack = block("/etc/pam.d/panel-password");
    assert!(!stack.contains("pam_totp"), "{stack}");
    system.file("/etc/pam.d/panel-password", stack);
    system.without_delays();
    let spy = "/usr/local/bin/pam-totp";
    system.file(spy, &format!("#!/bin/sh\nprintf '%s\\n' \"$*\" >>{CALLS}\nexec /usr/bin/pam-totp \"$@\"\n"));
    fs::set_permissions(spy, fs::Permissions::from_mode(0o755)).expect("sets a mode");
}

/// The forms of one visitor: the word, and what they are told.
fn visits(system: &System, user: &str, from: &str, lines: &[&str]) -> (String, String) {
    let output = system.reads(Command::new("python3").args([SCRIPT, user, from]), &(lines.join("\n") + "\n"));
    let said = String::from_utf8(output.stdout).expect("UTF-8");
    let (word, text) = said.trim_end_matches('\n').split_once(' ').expect("a word and a text");
    (word.to_owned(), text.to_owned())
}

fn calls() -> String {
    fs::read_to_string(CALLS).unwrap_or_default()
}

fn word(system: &System, user: &User, lines: &[&str]) -> String {
    visits(system, user.name, HOME, lines).0
}

#[test]
fn password_then_code_and_the_code_once() {
    throw_away(|system| {
        let alice = system.enrolled("alice");
        install(system);
        let wrong = ("no".to_owned(), "Name or password is wrong.".to_owned());
        let [code, next] = alice.codes();
        assert_eq!(visits(system, "alice", HOME, &["wrong password", &code]), wrong);
        assert_eq!(visits(system, "nobody-here", HOME, &[PASSWORD, &code]), wrong);
        assert_eq!(visits(system, "alice", HOME, &[&format!("{PASSWORD}{code}")]), wrong);
        assert_eq!(calls(), "", "who has no password must not reach the check");

        assert_eq!(word(system, &alice, &[PASSWORD]), "code");
        let invalid = ("no".to_owned(), "The security code is invalid.".to_owned());
        assert_eq!(visits(system, "alice", HOME, &[PASSWORD, &alice.wrong_code()]), invalid);
        assert_eq!(visits(system, "alice", HOME, &[PASSWORD, &code]), ("in".into(), String::new()));
        system.log.line("panel: right code: alice from 192.0.2.4");
        let (word, text) = visits(system, "alice", HOME, &[PASSWORD, &code]);
        assert_eq!((word.as_str(), text.starts_with("This code was used already.")), ("no", true), "{text}");
        assert_eq!(visits(system, "alice", HOME, &[PASSWORD, &next]).0, "in");
        let seen = calls();
        assert!(seen.contains("verify --service panel --from 192.0.2.4 -- alice"), "{seen}");
        for secret in [PASSWORD, &code, &next] {
            assert!(!seen.contains(secret), "on a command line: {seen}");
        }
    });
}

#[test]
fn each_decision_is_followed() {
    throw_away(|system| {
        let (alice, bob) = (system.enrolled("alice"), system.user("bob"));
        install(system);
        let exempt = "[[exempt]]\nservices = [\"panel\"]\nnetworks = [\"192.0.2.0/24\"]\n";
        let cases = [
            ("", &bob, "no"),
            ("unenrolled = \"allow\"\n", &bob, "in"),
            ("unenrolled = \"enroll\"\n", &bob, "enroll"),
            ("enabled = false\n", &alice, "in"),
            (exempt, &alice, "in"),
            ("unenroled = \"allow\"\n", &alice, "no"),
            ("", &alice, "code"),
        ];
        for (policy, user, expected) in cases {
            system.policy(policy);
            assert_eq!(word(system, user, &[PASSWORD]), expected, "{policy}");
        }
        system.policy(exempt);
        assert_eq!(visits(system, "alice", "198.51.100.7", &[PASSWORD]).0, "code", "exempt from one network alone");
        system.policy("");
        // A store that cannot be read opens nothing.
        fs::rename("/var/lib/pam_totp/secrets", "/var/lib/pam_totp/elsewhere").expect("moves it");
        assert_eq!(word(system, &alice, &[PASSWORD]), "no");
        assert_eq!(word(system, &bob, &[PASSWORD]), "no");
        fs::rename("/var/lib/pam_totp/elsewhere", "/var/lib/pam_totp/secrets").expect("moves it back");
        // A stack that came to stand under the panel's name asks for no code. That must not open the form.
        system.file("/etc/pam.d/panel", "auth required pam_unix.so\n");
        let (word, text) = visits(system, "alice", HOME, &[PASSWORD]);
        assert_eq!(
            (word.as_str(), text.contains("/etc/pam.d/panel does not name pam_totp.so")),
            ("no", true),
            "{text}"
        );
    });
}

#[test]
fn a_service_without_a_stack_is_judged_by_the_policy_alone() {
    throw_away(|system| {
        system.enrolled("alice");
        let explained = |service: &str| {
            let (exit, due) = object(system, &["policy", "explain", "alice", "--service", service], "");
            assert_eq!(exit, 0);
            (due["decision"].as_str().expect("a word").to_owned(), due["stack"].as_bool())
        };
        assert_eq!(explained("panel"), ("ask".into(), None));
        // No name of a file, but of a folder.
        assert_eq!((explained(""), explained(".")), (("ask".into(), None), ("ask".into(), None)));
        system.file("/etc/pam.d/panel", "auth required pam_unix.so\n");
        assert_eq!(explained("panel"), ("pass".into(), Some(false)));
        system.file("/etc/pam.d/panel", "auth required pam_unix.so\nauth requisite pam_totp.so\n");
        assert_eq!(explained("panel"), ("ask".into(), Some(true)));
        let said = system.runs(Command::new("pam-totp").args(["policy", "explain", "alice", "--service", "form"]));
        let said = String::from_utf8(said.stdout).expect("UTF-8");
        assert!(said.contains("There is no /etc/pam.d/form"), "{said}");
        // Some distributions keep theirs out of /etc.
        fs::create_dir_all("/usr/lib/pam.d").expect("a folder");
        system.file("/usr/lib/pam.d/vendors", "auth required pam_unix.so\n");
        assert_eq!(explained("vendors"), ("pass".into(), Some(false)));
        system.file("/usr/lib/pam.d/vendors", "auth requisite pam_totp.so\n");
        assert_eq!(explained("vendors"), ("ask".into(), Some(true)));
        // Who runs a service that has no file has that of `other`.
        system.file("/etc/pam.d/other", "auth required pam_totp.so nullok\n");
        assert_eq!(explained("form"), ("ask".into(), Some(true)));
    });
}

#[test]
fn a_stranger_with_the_password_closes_their_own_place_alone() {
    throw_away(|system| {
        let alice = system.enrolled("alice");
        install(system);
        let stranger = "203.0.113.9";
        lanes::wrong_from("alice", stranger.parse().expect("an address"), now(), 14);
        visits(system, "alice", stranger, &[PASSWORD, &alice.wrong_code()]);
        let [code, next] = alice.codes();
        let (word, text) = visits(system, "alice", stranger, &[PASSWORD, &code]);
        let wanted =
            "Too many wrong codes. Enter two codes in a row, like 123456-789012: the one shown now, then the next.";
        assert_eq!((word.as_str(), text.as_str()), ("no", wanted));
        // sudo's lane.
        assert_eq!(object(system, &["verify", "alice"], &code).0, 0);
        // A backup code gets the owner in from the stranger's place too.
        let made = object(system, &["backup-codes", "alice", "--count", "2"], "").1;
        let backup = made["backup_codes"][0].as_str().expect("a code");
        let (word, text) = visits(system, "alice", stranger, &[PASSWORD, backup]);
        assert_eq!((word.as_str(), text.as_str()), ("in", "1 backup codes are left."));
        assert_eq!(visits(system, "alice", stranger, &[PASSWORD, &next]).0, "in");
        // And so do two codes in a row, in the same field.
        let bob = system.enrolled("bob");
        lanes::closed("bob");
        let [code, next] = bob.codes();
        assert_eq!(visits(system, "bob", stranger, &[PASSWORD, &format!("{code}-{next}")]).0, "in");
    });
}

#[test]
fn an_address_is_remembered_where_the_policy_says_so() {
    throw_away(|system| {
        let alice = system.enrolled("alice");
        install(system);
        system.policy("[remember]\nhours = 1\nservices = [\"panel\"]\n");
        assert_eq!(visits(system, "alice", HOME, &[PASSWORD, &alice.code()]).0, "in");
        assert_eq!(visits(system, "alice", HOME, &[PASSWORD]).0, "in");
        assert_eq!(visits(system, "alice", "198.51.100.7", &[PASSWORD]).0, "code");
        visits(system, "alice", "192.0.2.77", &[PASSWORD, &alice.wrong_code()]);
        assert_eq!(visits(system, "alice", HOME, &[PASSWORD]).0, "code", "a wrong code from there ends it");
    });
}
