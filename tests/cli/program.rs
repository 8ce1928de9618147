//! The program keeps its word: what it stores, what it says, and with which exit code.

use crate::support::codes::{code_at, fresh_code, now, wrong_code};
use crate::support::program::{error_code, object, program};
use crate::support::system::{KEY, throw_away};
use crate::support::terminal::Terminal;
use serde_json::{Value, json};
use std::fs;
use std::process::Command;

const OTHER_KEY: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

/// Both files of a user, to see that nothing changed.
fn files(name: &str) -> (Option<String>, Option<String>) {
    let read = |path: String| fs::read_to_string(path).ok();
    (read(format!("/var/lib/pam_totp/secrets/{name}.toml")), read(format!("/var/lib/pam_totp/state/{name}")))
}

#[test]
fn every_error_has_its_word_and_its_exit_code() {
    throw_away(|system| {
        system.enrolled("bob");
        system.user("carol");
        let nothing = files("bob");
        let cases: [(&[&str], &str, i32, &str); 18] = [
            (&[], "", 2, "usage"),
            (&["frobnicate"], "", 2, "usage"),
            (&["enroll", "carol"], "", 2, "usage"),
            (&["set", "carol"], "", 2, "usage"),
            (&["set", "carol"], KEY, 2, "usage"),
            (&["set", "nobody-here"], "", 3, "no_such_user"),
            (&["set", "carol", "--no-code"], "not base32!\n", 2, "bad_key"),
            (&["set", "carol", "--no-code"], "A\n", 2, "bad_key"),
            (&["set", "carol", "--no-code"], "JBSWY3DPEHPK3PXP\n", 2, "bad_key"),
            (&["set", "carol", "--no-code", "--device", "a\tb"], KEY, 2, "bad_name"),
            (&["set", "bob", "--no-code"], OTHER_KEY, 1, "already_enrolled"),
            (&["generate", "nobody-here"], "", 3, "no_such_user"),
            (&["generate", "carol", "--issuer", "a:b"], "", 2, "bad_name"),
            (&["status", "nobody-here"], "", 3, "no_such_user"),
            (&["verify", "nobody-here"], "123456", 3, "no_such_user"),
            (&["verify", "bob", "--from", "host.example"], "123456", 2, "usage"),
            (&["rename", "carol", "bob"], "", 1, "not_enrolled"),
            (&["rename", "bob", "nobody-here"], "", 3, "no_such_user"),
        ];
        for (arguments, input, exit, code) in cases {
            assert_eq!(error_code(system, arguments, input), (exit, code.to_owned()), "{arguments:?}");
        }
        assert_eq!(files("bob"), nothing, "an error changed something");
        assert_eq!(files("carol"), (None, None), "an error stored something");
    });
}

#[test]
fn without_json_errors_go_to_stderr_and_answers_to_stdout() {
    throw_away(|system| {
        let (exit, stdout, stderr) = program(system, &["status", "nobody-here"], "");
        assert_eq!((exit, stdout.as_str()), (3, ""));
        assert_eq!(stderr, "pam-totp: there is no user nobody-here\n");
        let (exit, stdout, stderr) = program(system, &["list"], "");
        assert_eq!((exit, stdout.as_str(), stderr.as_str()), (0, "Nobody is enrolled.\n", ""));
        let (exit, stdout, _) = program(system, &["--version"], "");
        assert_eq!((exit, stdout.starts_with("pam-totp ")), (0, true));
    });
}

#[test]
fn a_panel_generates_sets_verifies_and_removes() {
    throw_away(|system| {
        system.user("bob");
        let (exit, made) = object(system, &["generate", "bob", "--issuer", "ACME Inc"], "");
        assert_eq!(exit, 0);
        let key = made["secret"].as_str().expect("a key");
        assert_eq!(key.len(), 32);
        let uri = format!("otpauth://totp/ACME%20Inc:bob?secret={key}&issuer=ACME%20Inc");
        let expected = json!({ "version": 1, "user": "bob", "secret": key, "uri": uri, "issuer": "ACME Inc",
                               "account": "bob", "now_at": made["now_at"], "warnings": [] });
        assert_eq!(made, expected);
        assert!(made["now_at"].is_u64(), "{made}");
        assert_eq!(files("bob"), (None, None), "generate stored something");

        let wrong = wrong_code(key);
        assert_eq!(error_code(system, &["set", "bob"], &format!("{key}\n{wrong}\n")), (1, "wrong_code".into()));
        assert_eq!(object(system, &["status", "bob"], "").1["enrolled"], false);

        let code = fresh_code(key);
        // As a person would paste it.
        let spelled =
            key.to_lowercase().as_bytes().chunks(4).map(String::from_utf8_lossy).collect::<Vec<_>>().join(" ");
        let (exit, set) = object(system, &["set", "bob"], &format!("{spelled}\r\n{code}\n"));
        assert_eq!(
            (exit, set),
            (
                0,
                json!({ "version": 1, "user": "bob", "enrolled": true, "changed": true, "proved": true, "warnings": [],
                               "backup_codes": [] })
            )
        );
        let line = system.log.line("enrolled bob, proved by a code (by root, uid 0)");
        assert!(line.starts_with("authpriv.notice pam-totp"), "{line}");

        let (exit, used) = object(system, &["verify", "bob"], &code);
        assert_eq!(
            (exit, &used["accepted"], &used["reason"]),
            (1, &json!(false), &json!("used")),
            "proving uses it up"
        );
        let wait = used["retry_after"].as_u64().expect("seconds");
        assert!((1..=30).contains(&wait), "{wait}");

        let (exit, removed) = object(system, &["remove", "bob"], "");
        assert_eq!((exit, removed), (0, json!({ "version": 1, "modified": ["bob"], "failed": {} })));
        system.log.line("removed the enrollment of bob (by root, uid 0)");
        // The state stays, so that a key which comes back does not bring its used codes back.
        let (_, _) = object(system, &["set", "bob", "--no-code"], key);
        assert_eq!(object(system, &["verify", "bob"], &code).1["reason"], "used");
    });
}

#[test]
fn a_login_by_verify_is_judged_and_counted_like_any_other() {
    throw_away(|system| {
        let bob = system.enrolled("bob");
        system.user("carol");
        let verify = |input: &str, from: &[&str]| object(system, &[&["verify", "bob"], from].concat(), input);
        let reason = |answer: &(i32, Value)| (answer.0, answer.1["reason"].as_str().expect("a reason").to_owned());
        assert_eq!(reason(&object(system, &["verify", "carol"], "123456")), (1, "not_enrolled".into()));
        assert!(!fs::exists("/var/lib/pam_totp/state/carol").unwrap());
        let stranger = ["--from", "203.0.113.9"];
        for _ in 0..15 {
            let wrong = verify(&bob.wrong_code(), &stranger);
            assert_eq!((reason(&wrong), wrong.1["retry_after"].as_u64()), ((1, "wrong".into()), Some(0)));
            assert!(wrong.1["codes"].is_null());
        }
        let code = bob.code();
        let waits = verify(&code, &stranger);
        assert_eq!(reason(&waits), (1, "waiting".into()), "even the right code waits");
        // Four hours less what this test has taken.
        let wait = waits.1["retry_after"].as_u64().expect("seconds");
        assert!((14_400 - 600..=14_400).contains(&wait), "{wait}");
        assert_eq!(waits.1["codes"], 2);
        assert!((1..=30).contains(&waits.1["next_in"].as_u64().expect("seconds")), "{waits:?}");
        let (_, status) = object(system, &["status", "bob"], "");
        let lane = status["waits"][0]["lane"].as_str().expect("a lane");
        assert!(lane.starts_with("other/"), "{lane}");
        assert_eq!((&status["waits"][0]["failures"], &status["wrong_in_a_row"]), (&json!(15), &json!(15)));
        assert_eq!((&status["failures"]["count"], &status["failures"]["from"]), (&json!(15), &json!("203.0.113.9")));
        let (_, said, _) = program(system, &["status", "bob"], "");
        let place = status["waits"][0]["place"].as_str().expect("a place");
        let told = format!("  too many wrong codes from {place}: two codes in a row, or one in ");
        assert!(said.lines().any(|line| line.starts_with(&told)) && !said.contains(lane), "{said}");
        let ok = verify(&bob.code(), &["--service", "panel"]);
        let expected = json!({ "version": 1, "user": "bob", "accepted": true, "reason": "ok", "retry_after": 0,
                               "via": "code" });
        assert_eq!(ok, (0, expected), "the stranger's wait is not the host's");
        system.log.line("panel: right code: bob from local");
        assert_eq!(
            object(system, &["unlock", "bob"], ""),
            (0, json!({ "version": 1, "modified": ["bob"], "failed": {}, "notes": [] }))
        );
        assert_eq!(object(system, &["status", "bob"], "").1["waits"], json!([]));
        let (exit, list) = object(system, &["list"], "");
        assert_eq!((exit, list["users"].as_array().map(Vec::len)), (0, Some(1)));
        assert_eq!(list["users"][0]["devices"][0]["name"], "phone");
        assert!(!list.to_string().contains(KEY) && !status.to_string().contains(KEY), "a secret was shown");
    });
}

#[test]
fn some_of_many_is_said_to_be_partly() {
    throw_away(|system| {
        system.enrolled("bob");
        system.user("carol");
        let (exit, answer) = object(system, &["remove", "bob", "carol", "nobody-here"], "");
        assert_eq!((exit, &answer["modified"]), (6, &json!(["bob"])));
        assert_eq!(answer["failed"]["carol"]["code"], "not_enrolled");
        assert_eq!(answer["failed"]["nobody-here"]["code"], "no_such_user");
        assert_eq!(program(system, &["remove", "carol"], "").0, 1);
        assert_eq!(program(system, &["unlock", "nobody-here"], "").0, 3);
    });
}

#[test]
fn what_cannot_be_moved_is_said_with_its_name() {
    throw_away(|system| {
        system.enrolled("bob");
        system.enrolled("carol");
        let (bob, carol) = (files("bob"), files("carol"));
        let (exit, _, stderr) = program(system, &["rename", "bob", "carol"], "");
        assert_eq!((exit, &*stderr), (1, "pam-totp: carol is enrolled already: remove that enrollment first\n"));
        assert_eq!((files("bob"), files("carol")), (bob, carol));
        assert_eq!(program(system, &["remove", "bob"], "").0, 0);
        let (exit, _, stderr) = program(system, &["rename", "bob", "carol"], "");
        assert_eq!((exit, &*stderr), (1, "pam-totp: bob is not enrolled\n"));
    });
}

#[test]
fn an_enrollment_can_be_removed_when_the_account_is_gone() {
    throw_away(|system| {
        system.enrolled("bob");
        system.runs(Command::new("userdel").args(["--remove", "bob"]));
        assert_eq!(object(system, &["status", "bob"], "").1["enrolled"], true);
        assert_eq!(program(system, &["remove", "bob"], "").0, 0);
        assert_eq!(program(system, &["status", "bob"], "").0, 3);
    });
}

#[test]
fn an_account_made_again_does_not_inherit_an_enrollment_and_rename_fixes_it() {
    throw_away(|system| {
        let bob = system.enrolled("bob");
        system.runs(Command::new("usermod").args(["--uid", "4242", "bob"]));
        assert_eq!(program(system, &["verify", "bob"], &bob.code()).0, 5);
        // Nor does anything say that all is well.
        assert_eq!(error_code(system, &["status", "bob"], ""), (5, "store".into()));
        let problem = object(system, &["list"], "").1["users"][0]["problem"].to_string();
        assert!(problem.contains("`pam-totp rename`"), "{problem}");
        assert_eq!(program(system, &["rename", "bob", "bob"], "").0, 0);
        let code = bob.code();
        assert_eq!(program(system, &["verify", "bob"], &code).0, 0);
        system.runs(Command::new("usermod").args(["--login", "robert", "bob"]));
        assert_eq!(object(system, &["rename", "bob", "robert"], "").1["renamed"], true);
        system.log.line("moved the enrollment of bob to robert (by root, uid 0)");
        assert_eq!(object(system, &["verify", "robert"], &code).1["reason"], "used", "used codes move along");
        assert_eq!(files("bob").0, None);
    });
}

#[test]
fn who_is_not_root_changes_nobody() {
    throw_away(|system| {
        system.enrolled("bob");
        let carol = system.user("carol");
        let before = files("bob");
        let run = |arguments: &[&str], input| {
            let output = system.tries(carol.command("pam-totp").arg("--json").args(arguments), input);
            let object: Value = serde_json::from_slice(&output.stdout).expect("one object");
            (output.status.code(), object)
        };
        let (exit, answer) = run(&["remove", "bob"], "");
        let refusal = json!({ "code": "not_permitted", "message": "You are not authorized to modify bob" });
        assert_eq!((exit, answer), (Some(4), json!({ "version": 1, "modified": [], "failed": { "bob": refusal } })));
        for arguments in
            [&["set", "carol", "--no-code"][..], &["status", "bob"], &["list"], &["rename", "bob", "carol"]]
        {
            let (exit, answer) = run(arguments, KEY);
            assert_eq!((exit, answer["error"]["code"].as_str()), (Some(4), Some("not_permitted")), "{arguments:?}");
        }
        let (_, answer) = run(&["status", "bob"], "");
        assert_eq!(answer["error"]["message"], "You are not authorized to look at bob");
        let (exit, answer) = run(&["verify", "bob"], "123456");
        assert_eq!((exit, &answer["accepted"], &answer["reason"]), (Some(4), &json!(false), &json!("store")));
        assert_eq!(files("bob"), before);
    });
}

#[test]
fn root_means_itself_and_under_sudo_nobody_guesses() {
    throw_away(|system| {
        system.file("/etc/sudoers.d/carol", "carol ALL=(ALL) NOPASSWD: ALL\n");
        let carol = system.user("carol");
        let output = system.tries(carol.command("sudo").args(["pam-totp", "enroll"]), "");
        assert_eq!(output.status.code(), Some(2));
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(said, "pam-totp: Say for whom: `enroll carol` or `enroll root`\n");
        system.reads(carol.command("sudo").args(["pam-totp", "set", "carol", "--no-code"]), &format!("{KEY}\n"));
        system.log.line("enrolled carol, not proved (by carol, uid ");
        assert_eq!(object(system, &["generate"], "").1["user"], "root");
    });
}

#[test]
fn a_broken_policy_is_said_with_its_place_and_nothing_is_changed() {
    throw_away(|system| {
        system.enrolled("bob");
        system.policy("window = 1\nunenroled = \"deny\"\n");
        let before = files("bob");
        let (exit, answer) = object(system, &["remove", "bob"], "");
        assert_eq!((exit, answer["error"]["code"].as_str()), (5, Some("policy")));
        let message = answer["error"]["message"].as_str().expect("a message");
        assert!(message.contains("/etc/security/pam_totp.toml: line 2, column 1: unknown field"), "{message}");
        assert_eq!(files("bob"), before);
        assert_eq!(error_code(system, &["--config", "/nowhere.toml", "list"], ""), (5, "policy".into()));
    });
}

#[test]
fn an_enrollment_at_the_terminal_is_stored_after_a_right_code_only() {
    throw_away(|system| {
        system.user("bob");
        let mut command = Command::new("pam-totp");
        command.args(["enroll", "bob", "--issuer", "ACME", "--qr", "none"]).env("TERM", "xterm");
        let mut terminal = Terminal::run(command);
        terminal.sees("Account: bob at ACME");
        terminal.sees("Key:     ");
        let key = terminal.sees("Verification code: ").replace([' ', '\r', '\n'], "");
        assert_eq!(key.len(), 32, "{key}");
        terminal.types(&wrong_code(&key));
        terminal.sees("The security code is invalid.");
        assert_eq!(files("bob").0, None);
        // A phone that is five minutes slow: said, by how much and where to look.
        terminal.answers("Verification code: ", &code_at(&key, now() - 300));
        terminal.sees("s behind this server's");
        terminal.sees("timedatectl");
        terminal.answers("Verification code: ", &fresh_code(&key));
        let (screen, exit) = terminal.ends();
        assert_eq!(exit, 0, "{screen}");
        assert!(screen.contains("Two-factor authentication is on for bob. The next login needs the next code."));
        assert!(files("bob").0.is_some_and(|file| file.contains(&key)));

        // The enrolled is refused before a key is shown, unless the old one shall go.
        let before = files("bob");
        let (exit, stdout, stderr) = program(system, &["enroll", "bob"], "");
        assert_eq!((exit, stdout.as_str()), (1, ""));
        assert_eq!(
            stderr,
            "pam-totp: bob is already enrolled: --replace makes a new key and voids the old one, \
                             --device NAME adds another device\n"
        );
        let mut again = Terminal::run({
            let mut command = Command::new("pam-totp");
            command.args(["enroll", "bob", "--replace", "--qr", "none"]);
            command
        });
        again.sees("Verification code: ");
        again.presses_control('c');
        let (screen, status) = again.ends();
        // As a shell has it whose program was ended by SIGINT.
        assert_eq!(status, 130, "{screen}");
        let nothing = "Nothing was stored: two-factor authentication for bob is as before.";
        assert!(screen.contains(nothing), "{screen}");
        assert_eq!(files("bob"), before, "an enrollment that was left changed something");
    });
}

/// Too few or too many digits are no code: nothing was judged, so it costs no try.
#[test]
fn a_slip_costs_no_try_and_who_gives_up_is_told_that_nothing_was_stored() {
    throw_away(|system| {
        system.user("bob");
        let mut command = Command::new("pam-totp");
        command.args(["enroll", "bob", "--qr", "none"]);
        let mut terminal = Terminal::run(command);
        terminal.sees("Key:     ");
        let key = terminal.sees("Verification code: ").replace([' ', '\r', '\n'], "");
        terminal.types("12345");
        terminal.sees("That is 5 digits; a code has 6.");
        for slip in ["", "1234567", "12345x", "no code"] {
            terminal.answers("Verification code: ", slip);
        }
        for _ in 0..3 {
            terminal.answers("Verification code: ", &wrong_code(&key));
            terminal.sees("The security code is invalid.");
        }
        let (screen, status) = terminal.ends();
        assert_eq!(status, 1, "{screen}");
        assert!(screen.contains("Nothing was stored: two-factor authentication for bob is still off."), "{screen}");
        assert!(screen.lines().all(|line| line.len() <= 78), "{screen}");
        assert_eq!(files("bob").0, None);

        // Who leaves takes the picture of the key along.
        let mut command = Command::new("pam-totp");
        command.args(["enroll", "bob", "--qr", "none", "--qr-file", "/tmp/bob.png"]);
        let mut terminal = Terminal::run(command);
        terminal.sees("Verification code: ");
        assert!(fs::exists("/tmp/bob.png").expect("a folder"));
        terminal.presses_control('c');
        assert_eq!(terminal.ends().1, 130);
        assert!(!fs::exists("/tmp/bob.png").expect("a folder"));

        system.policy("enabled = false\n");
        let (exit, said, _) = program(system, &["set", "bob", "--no-code"], KEY);
        assert_eq!(exit, 0);
        assert!(said.contains("bob is enrolled. But two-factor authentication is switched off on this host"), "{said}");
    });
}

#[test]
fn a_set_replaced_key_is_the_only_one() {
    throw_away(|system| {
        let bob = system.enrolled("bob");
        let (exit, _) =
            object(system, &["set", "bob", "--replace"], &format!("{OTHER_KEY}\n{}\n", fresh_code(OTHER_KEY)));
        assert_eq!(exit, 0);
        assert_eq!(object(system, &["verify", "bob"], &bob.code()).1["reason"], "wrong");
        assert!(!files("bob").0.expect("a file").contains(KEY));
        assert_eq!(object(system, &["status", "bob"], "").1["devices"].as_array().map(Vec::len), Some(1));
    });
}
