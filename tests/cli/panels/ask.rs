//! What panels ask of lists, logs and sweeps.

use crate::support::program::{error_code, object, program};
use crate::support::system::{KEY, throw_away};
use serde_json::json;
use std::process::Command;

#[test]
fn only_those_who_were_named_are_listed() {
    throw_away(|system| {
        system.enrolled("alice");
        system.user("bob");
        let list = |names: &[&str]| object(system, &[&["list"], names].concat(), "");
        let users = |list: &serde_json::Value| -> Vec<(String, bool)> {
            let users = list["users"].as_array().expect("users").iter();
            users.map(|u| (u["user"].as_str().expect("a name").into(), u["enrolled"] == true)).collect()
        };
        let (exit, both) = list(&["bob", "alice", "bob"]);
        assert_eq!((exit, users(&both)), (0, vec![("bob".into(), false), ("alice".into(), true)]));
        assert_eq!(both["failed"], json!({}));
        let (exit, some) = list(&["alice", "mallory"]);
        assert_eq!((exit, users(&some)), (6, vec![("alice".into(), true)]));
        assert_eq!(some["failed"]["mallory"]["code"], "no_such_user");
        let (exit, none) = list(&["mallory"]);
        assert_eq!((exit, users(&none)), (3, vec![]));
        let (exit, long) = list(&["alice", &"x".repeat(300)]);
        assert_eq!((exit, users(&long).len(), long["failed"].as_object().map(serde_json::Map::len)), (6, 1, Some(1)));
        assert_eq!(users(&list(&["alice", "bob", "--unenrolled"]).1), [("bob".into(), false)]);
        // Of an account that is gone there is still something to look at.
        system.runs(Command::new("userdel").args(["--remove", "alice"]));
        assert_eq!(users(&list(&["alice"]).1), [("alice".into(), true)]);
        assert_eq!(list(&["alice", "bob", "--orphans"]).1["users"][0]["orphan"], "no_account");
        assert!(list(&[]).1["failed"].is_null());
    });
}

#[test]
fn the_log_says_who_in_the_panel_did_it() {
    throw_away(|system| {
        let bob = system.enrolled("bob");
        assert_eq!(object(system, &["unlock", "bob", "--by", "reseller7"], "").0, 0);
        system.log.line("unlocked bob (by root, uid 0 for panel user reseller7)");
        assert_eq!(object(system, &["--by", "a b\nc)", "remove", "bob"], "").0, 0);
        system.log.line("removed the enrollment of bob (by root, uid 0 for panel user a?b?c))");
        assert_eq!(error_code(system, &["--by", "", "unlock", "bob"], ""), (2, "usage".into()));
        let output = system.tries(bob.command("pam-totp").args(["--by", "root", "status", "--json"]), "");
        assert_eq!(output.status.code(), Some(4), "{output:?}");
    });
}

#[test]
fn of_all_some_can_stay() {
    throw_away(|system| {
        for name in ["alice", "bob", "carol", "dave"] {
            system.enrolled(name);
        }
        let all = |except: &[&str]| object(system, &[&["remove", "--all", "--yes"], except].concat(), "");
        // A typo would remove just the one that was to stay.
        let (exit, answer) = all(&["--except", "alcie"]);
        assert_eq!((exit, &answer["error"]["code"]), (3, &json!("no_such_user")));
        assert_eq!(object(system, &["remove", "alice", "--except", "bob"], "").0, 2);
        let (exit, answer) = all(&["--except", "alice", "--except", "carol"]);
        assert_eq!((exit, &answer["modified"]), (0, &json!(["bob", "dave"])));
    });
}

#[test]
fn a_typo_in_the_policy_keeps_nobody_from_being_helped() {
    throw_away(|system| {
        let alice = system.enrolled("alice");
        for text in ["window = 1\nunenroled = \"deny\"\n", "window = \n"] {
            system.policy(text);
            for _ in 0..16 {
                // As long as logins go on.
                system.policy("");
                object(system, &["verify", "alice"], &alice.wrong_code());
            }
            system.policy(text);
            let line = text.lines().count();
            for arguments in [&["status", "alice"][..], &["list"], &["unlock", "alice"]] {
                let (exit, answer) = object(system, arguments, "");
                assert_eq!(exit, 0, "{arguments:?}: {answer}");
                let warning = answer["warnings"][0].as_str().expect("a warning");
                assert!(warning.contains(&format!("pam_totp.toml: line {line}, column ")), "{warning}");
                let (_, _, errors) = program(system, arguments, "");
                assert!(errors.contains("fix the policy"), "{errors}");
            }
            assert_eq!(object(system, &["status", "alice"], "").1["waits"], json!([]));
            // What changes enrollments waits until it is known which rules hold.
            assert_eq!(error_code(system, &["remove", "alice"], ""), (5, "policy".into()));
        }
        let own = alice.command("pam-totp").args(["status", "--json"]).output().expect("it starts");
        assert_ne!(own.status.code(), Some(101), "{own:?}");
    });
}

#[test]
fn places_and_names_are_said_as_people_say_them() {
    throw_away(|system| {
        let alice = system.enrolled("alice");
        // From there somebody has logged in before, so it is counted by itself.
        for from in ["192.0.2.7", "2001:db8::5"] {
            assert_eq!(object(system, &["remove", "alice"], "").0, 0);
            system.runs(Command::new("rm").args(["-f", "/var/lib/pam_totp/state/alice"]));
            assert_eq!(object(system, &["set", "alice", "--no-code"], KEY).0, 0);
            let verify = |code: &str| object(system, &["verify", "alice", "--from", from], code).0;
            assert_eq!(verify(&alice.code()), 0);
            (0..15).for_each(|_| assert_eq!(verify(&alice.wrong_code()), 1));
            let network = if from.contains(':') { "2001:db8::/64" } else { "192.0.2.0/24" };
            let (_, said, _) = program(system, &["status", "alice"], "");
            assert!(said.contains(&format!("too many wrong codes from {network}: two codes in a row")), "{said}");
            assert_eq!(object(system, &["status", "alice"], "").1["waits"][0]["place"], network);
        }
        let name = "john doe";
        let passwd = std::fs::read_to_string("/etc/passwd").expect("the accounts");
        system.file("/etc/passwd", &format!("{passwd}{name}:x:4711:4711::/:/bin/sh\n"));
        system.enroll(name);
        for arguments in [&["status", name][..], &["list"], &["unlock", name]] {
            let (exit, said, _) = program(system, arguments, "");
            assert!(exit == 0 && said.contains("\"john doe\""), "{said}");
        }
        system.log.line("unlocked john?doe (by root, uid 0)");
    });
}
