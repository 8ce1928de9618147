//! A backup code for the help desk: it opens one login, ends by itself, and voids nothing of the user's own.

use crate::support::application::{self, AUTH_ERR, SERVICE, SUCCESS, at, login_at};
use crate::support::program::{error_code, object, program};
use crate::support::strace::{calls, killed_at};
use crate::support::system::{System, throw_away};
use serde_json::{Value, json};
use std::fs;
use std::process::Command;

const SECRET: &str = "/var/lib/pam_totp/secrets/alice.toml";
/// The beginning of a step.
const T: u64 = 1_800_000_000;
const EXPIRING: [&str; 6] = ["/usr/bin/pam-totp", "backup-codes", "alice", "--expires", "8h", "--json"];

fn codes(object: &Value) -> Vec<String> {
    let codes = object["backup_codes"].as_array().expect("codes");
    codes.iter().map(|code| code.as_str().expect("a code").to_owned()).collect()
}

fn made_at(system: &System, time: u64) -> String {
    let output = system.runs(at(time, Command::new(EXPIRING[0]).args(&EXPIRING[1..])));
    let [code] = &codes(&serde_json::from_slice(&output.stdout).expect("an object"))[..] else { panic!("one code") };
    code.clone()
}

#[test]
fn how_it_is_asked_for_shown_and_logged() {
    throw_away(|system| {
        let alice = system.enrolled("alice");
        // Who has none of their own gets none beside it.
        let first = object(system, &["backup-codes", "alice", "--count", "1", "--expires", "8h"], "");
        assert_eq!((first.0, codes(&first.1).len()), (0, 1));
        system.log.line("made 1 temporary backup code for alice, until ");
        let (_, status) = object(system, &["status", "alice"], "");
        assert_eq!((&status["backup_codes"], &status["temporary_backup_codes"]["left"]), (&Value::Null, &json!(1)));
        assert_eq!(status["temporary_backup_codes"]["until_at"], first.1["until_at"]);
        let (_, said, _) = program(system, &["status", "alice"], "");
        assert!(said.contains("  temporary backup codes: 1 left, until "), "{said}");
        assert!(fs::read_to_string(SECRET).expect("the secret").starts_with("version = 3\n"));

        let own = codes(&object(system, &["backup-codes", "alice"], "").1);
        assert!(fs::read_to_string(SECRET).expect("the secret").starts_with("version = 1\n"));
        let verify = |code: &str| object(system, &["verify", "alice"], code).1;
        assert_eq!(verify(&codes(&first.1)[0])["reason"], "wrong", "a new set voids it");

        let second = codes(&object(system, &["backup-codes", "alice", "--count", "2", "--expires", "30m"], "").1);
        let answer = verify(&second[0]);
        assert_eq!(
            (&answer["reason"], &answer["via"], &answer["temporary"]),
            (&json!("ok"), &json!("backup_code"), &json!(true))
        );
        system.log.line("right temporary backup code: alice from local");
        assert_eq!(verify(&second[0])["reason"], "used");
        let third = codes(&object(system, &["backup-codes", "alice", "--expires", "2d"], "").1);
        assert_eq!(
            (verify(&second[0])["reason"].as_str(), verify(&second[1])["reason"].as_str()),
            (Some("wrong"), Some("wrong"))
        );
        assert_eq!(verify(&own[0])["backup_codes_left"], 9, "the user's own count as before");
        assert_eq!(verify(&own[0])["reason"], "used");
        assert_eq!(verify(&third[0])["reason"], "ok");

        for (arguments, exit) in [
            (&["--expires", "9m"][..], 2),
            (&["--expires", "8d"], 2),
            (&["--expires", "8"], 2),
            (&["--count", "13", "--expires", "8h"], 2),
            (&["--count", "1"], 2),
        ] {
            assert_eq!(
                error_code(system, &[&["backup-codes", "alice"], arguments].concat(), "").0,
                exit,
                "{arguments:?}"
            );
        }
        system.user("bob");
        assert_eq!(error_code(system, &["backup-codes", "bob", "--expires", "8h"], ""), (1, "not_enrolled".into()));
        let output = system.tries(alice.command("pam-totp").args(["backup-codes", "--expires", "8h", "--json"]), "");
        assert_eq!(output.status.code(), Some(4), "{output:?}");
    });
}

/// Killed anywhere, making a new one brings back none that was used, and costs nobody their own.
#[test]
fn a_used_one_never_comes_back() {
    throw_away(|system| {
        application::build(system);
        system.stack(SERVICE, "auth required pam_totp.so nodelay\n");
        system.enrolled("alice");
        let output = system.runs(at(T, Command::new("pam-totp").args(["--json", "backup-codes", "alice"])));
        let own = codes(&serde_json::from_slice(&output.stdout).expect("an object"));
        let used = made_at(system, T);
        assert_eq!(login_at(system, T, "alice", &used), SUCCESS);
        let (calls, _) = calls(system, T, &EXPIRING, "");
        // What lies between two of these changes nothing.
        let writes = ["pwrite64(", "fdatasync(", "write(", "fsync(", "rename(", "unlink("];
        let ours = calls.into_iter().skip_while(|call| !call.line.contains("/pam_totp.toml"));
        let ours = ours.filter(|call| writes.iter().any(|name| call.line.contains(name)));
        let mut used = vec![used];
        for call in ours {
            let now = made_at(system, T);
            assert_eq!(login_at(system, T, "alice", &now), SUCCESS, "{call:?}");
            used.push(now);
            killed_at(system, &call, T, &EXPIRING, "");
            assert_eq!(login_at(system, T, "alice", used.last().expect("one")), AUTH_ERR, "{call:?}");
        }
        assert!(used.len() > 8, "{}", used.len());
        let late = made_at(system, T);
        assert_eq!(login_at(system, T + 8 * 3_600, "alice", &late), AUTH_ERR, "it ended by itself");
        assert_eq!(login_at(system, T + 8 * 3_600 - 1, "alice", &late), SUCCESS);
        for code in used {
            assert_eq!(login_at(system, T, "alice", &code), AUTH_ERR);
        }
        assert_eq!(login_at(system, T, "alice", &own[0]), SUCCESS, "the user's own count as before");
    });
}
