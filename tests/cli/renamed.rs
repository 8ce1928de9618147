//! `usermod -l`: the account lives on under another name, and what was enrolled goes there.

use crate::support::codes::fresh_code;
use crate::support::host::{self, Once};
use crate::support::program::{error_code, object};
use crate::support::system::{KEY, PASSWORD, System, throw_away};
use serde_json::Value;
use std::fs;
use std::process::Command;

/// The key that robert had for a while.
const OTHER: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

fn verifies(system: &System, answer: &str) -> Value {
    object(system, &["verify", "robert"], &format!("{answer}\n")).1["reason"].clone()
}

fn renames(system: &System) {
    let (exit, renamed) = object(system, &["rename", "bob", "robert"], "");
    assert_eq!((exit, &renamed["renamed"]), (0, &Value::Bool(true)), "{renamed}");
    assert_eq!(error_code(system, &["status", "bob"], ""), (3, "no_such_user".into()));
    let file = fs::read_to_string("/var/lib/pam_totp/secrets/robert.toml").expect("their file");
    let uid = String::from_utf8(system.runs(Command::new("id").args(["-u", "robert"])).stdout).expect("digits");
    assert!(file.contains("user = \"robert\"\n") && file.contains(&format!("uid = {uid}")), "{file}");
}

/// A login of robert's, who must enroll, whose program ends before the account line.
fn proves() {
    let mut login = Once::start("host", "robert", 1);
    login.answers("Password: ", PASSWORD);
    login.sees("Key:     ");
    let key = login.sees("\n").replace(' ', "");
    login.answers("Verification code: ", &fresh_code(&key));
    assert_eq!(login.code(), 0);
}

#[test]
fn what_bob_enrolled_goes_along_though_no_bob_is_left_and_robert_has_a_record() {
    throw_away(|system| {
        host::build(system, &[]);
        system.stack("host", "auth requisite pam_unix.so nodelay\nauth requisite pam_totp.so explain nodelay\n");
        let bob = system.enrolled("bob");
        let codes: [String; 2] = bob.codes();
        assert_eq!(object(system, &["verify", "bob"], &format!("{}\n", codes[0])).1["reason"], "ok");
        system.runs(Command::new("usermod").args(["-l", "robert", "bob"]));

        system.policy("unenrolled = \"enroll\"\n");
        proves();
        system.policy("unenrolled = \"allow\"\n");
        renames(system);
        let status = object(system, &["status", "robert"], "").1;
        assert_eq!((&status["enrolled"], &status["proving"]), (&Value::Bool(true), &Value::Null), "{status}");
        assert_eq!(verifies(system, &codes[0]), "used");
        assert_eq!(verifies(system, &codes[1]), "ok");
    });
}

/// What was used under the new name before does not come back with the key.
#[test]
fn a_key_that_robert_had_before_gets_no_used_code_back() {
    throw_away(|system| {
        let _bob = system.enrolled("bob");
        system.user("robert");
        let set = |replace: &[&str], key: &str| {
            system.reads(
                Command::new("pam-totp").args(["set", "--no-code", "robert"]).args(replace),
                &format!("{key}\n"),
            );
        };
        set(&[], OTHER);
        let code = fresh_code(OTHER);
        assert_eq!(verifies(system, &code), "ok");
        let wrong = "000000x";
        assert_eq!(error_code(system, &["rename", "bob", "robert"], ""), (1, "already_enrolled".into()));
        system.runs(Command::new("pam-totp").args(["remove", "robert"]));
        system.runs(Command::new("userdel").arg("bob"));
        renames(system);
        assert_eq!(verifies(system, wrong), "wrong");
        set(&["--replace"], OTHER);
        assert_eq!(verifies(system, &code), "used");
        assert_ne!(OTHER, KEY);
    });
}
