//! Users look after their own enrollment: what the program does for them without root.

use crate::support::codes::code_at;
use crate::support::door::Door;
use crate::support::lanes;
use crate::support::program;
use crate::support::reference;
use crate::support::system::{KEY, System, User, throw_away};
use crate::support::terminal::Terminal;
use pam_totp::factor::record::Trust;
use serde_json::{Value, json};
use std::fs;
use std::process::Command;

/// The beginning of a step.
const T: u64 = 1_800_000_000;
const OTHER_KEY: &str = "GEZDGNBVGY3TQOJQJBSWY3DPEHPK3PXP";
const ALLOW: &str = "unenrolled = \"allow\"\n";
/// What proves a change.
const CURRENT: &str = "Verification code, or a backup code: ";
const SECRET: &str = "/var/lib/pam_totp/secrets/alice.toml";

fn on_terminal(user: &User, arguments: &[&str]) -> Terminal {
    let mut command = user.command("pam-totp");
    command.args(arguments);
    Terminal::run(command)
}

/// The screen of a command that ends well.
fn ends_well(terminal: Terminal) -> String {
    let (screen, exit) = terminal.ends();
    assert_eq!(exit, 0, "{screen}");
    screen
}

/// Ten, each in its four groups.
fn backup_codes(screen: &str) -> Vec<String> {
    let codes: Vec<_> =
        screen.lines().map(str::trim).filter(|l| l.len() == 19 && l.matches('-').count() == 3).collect();
    assert_eq!(codes.len(), 10, "{screen}");
    codes.into_iter().map(str::to_owned).collect()
}

/// The key that the screen shows.
fn shown_key(terminal: &mut Terminal) -> String {
    terminal.sees("Key:     ");
    terminal.sees("\n").replace([' ', '\r'], "")
}

#[test]
fn a_user_enrolls_renews_replaces_and_removes_with_a_code_each_time() {
    throw_away(|system| {
        let door = Door::open(T);
        let alice = system.user("alice");
        system.policy(ALLOW);
        assert_eq!(ends_well(on_terminal(&alice, &["status"])), "alice is not enrolled.\n");

        let mut terminal = on_terminal(&alice, &["enroll", "--qr", "none"]);
        let key = shown_key(&mut terminal);
        terminal.answers("Verification code: ", &code_at(&key, T + 6000));
        terminal.sees("The security code is invalid.");
        terminal.answers("Verification code: ", &code_at(&key, T));
        let screen = ends_well(terminal);
        assert!(screen.contains("Two-factor authentication is on for alice. The next login needs the next code."));
        let backup = backup_codes(&screen);
        let (screen, exit) = on_terminal(&alice, &["enroll"]).ends();
        assert!(
            exit == 1 && screen.contains("alice is already enrolled: --replace") && !screen.contains("Key:"),
            "{screen}"
        );
        let screen = ends_well(on_terminal(&alice, &["status"]));
        assert!(screen.contains("phone: since 2027-01-15") && screen.contains("10 of 10 left"), "{screen}");

        door.at(T + 30);
        let before = fs::read_to_string(SECRET).expect("the secret");
        let mut terminal = on_terminal(&alice, &["backup-codes"]);
        terminal.answers(CURRENT, &code_at(&key, T));
        terminal.sees("This code was already used.");
        assert_eq!(terminal.ends().1, 1);
        let mut terminal = on_terminal(&alice, &["remove"]);
        terminal.answers(CURRENT, &code_at(&key, T + 6000));
        terminal.sees("The code of the device that is enrolled is invalid.");
        assert_eq!(terminal.ends().1, 1);
        assert_eq!(fs::read_to_string(SECRET).expect("the secret"), before);
        let mut terminal = on_terminal(&alice, &["backup-codes"]);
        terminal.answers(CURRENT, &code_at(&key, T + 30));
        let renewed = backup_codes(&ends_well(terminal));

        // With a code of the phone that is gone there is no replacing it; with a backup code of the new set there is.
        let mut terminal = on_terminal(&alice, &["enroll", "--replace", "--qr", "none"]);
        let new = shown_key(&mut terminal);
        for (current, said) in
            [(&backup[0], "The code of the device that is enrolled is invalid."), (&renewed[0], "is on for alice")]
        {
            terminal.answers("Code on the NEW phone: ", &code_at(&new, T + 30));
            terminal.answers("Code on the OLD phone, or a backup code: ", current);
            terminal.sees(said);
        }
        backup_codes(&ends_well(terminal));
        let secret = fs::read_to_string(SECRET).expect("the secret");
        assert!(secret.contains(&new) && !secret.contains(&key), "one phone for the other");

        door.at(T + 60);
        let mut terminal = on_terminal(&alice, &["remove"]);
        terminal.answers(CURRENT, &code_at(&new, T + 60));
        assert!(ends_well(terminal).contains("alice is not enrolled any more."));
        assert!(!fs::exists(SECRET).expect("looks"));
        let (screen, exit) = on_terminal(&alice, &["remove"]).ends();
        assert_eq!((screen.as_str(), exit), ("pam-totp: alice: not enrolled\n", 1));
        system.log.line("removed the enrollment of alice (asked by uid ");
    });
}

/// One object on stdout, whatever happens.
fn object(system: &System, user: &User, arguments: &[&str], input: &str) -> (i32, Value) {
    let output = system.tries(user.command("pam-totp").arg("--json").args(arguments), input);
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let object = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{arguments:?}: {e}: {text}"));
    reference::holds(arguments, &object);
    (output.status.code().expect("an exit code"), object)
}

fn fails(system: &System, user: &User, arguments: &[&str], input: &str) -> (i32, String) {
    let (exit, mut object) = object(system, user, arguments, input);
    // `remove` and `unlock` say it of each user.
    if let Some((_, error)) = object["failed"].as_object().and_then(|failed| failed.iter().next()) {
        object = json!({ "error": error });
    }
    (exit, object["error"]["code"].as_str().unwrap_or_else(|| panic!("{arguments:?}: {object}")).to_owned())
}

#[test]
fn a_panel_of_the_users_reads_key_code_and_current_code_in_this_order() {
    throw_away(|system| {
        let door = Door::open(T);
        let alice = system.user("alice");
        system.policy(ALLOW);
        let asks = |arguments: &[&str], input: &str| object(system, &alice, arguments, input);
        let made = asks(&["generate"], "").1;
        assert_eq!((made["user"].as_str(), made["secret"].as_str().map(str::len)), (Some("alice"), Some(32)));

        let (exit, set) = asks(&["set", "alice"], &format!("{KEY}\n{}\n", code_at(KEY, T)));
        assert_eq!((exit, set["enrolled"].as_bool()), (0, Some(true)), "{set}");
        let (exit, status) = asks(&["status"], "");
        assert_eq!((exit, &status["enrolled"], &status["devices"][0]["created_at"]), (0, &json!(true), &json!(T)));
        assert!(!status.to_string().contains(KEY));
        door.at(T + 30);
        let replace = format!("{OTHER_KEY}\n{}\n{}\n", code_at(OTHER_KEY, T + 30), code_at(KEY, T + 30));
        let (exit, set) = asks(&["set", "alice", "--replace"], &replace);
        assert_eq!((exit, &set["proved"]), (0, &json!(true)), "{set}");
        door.at(T + 60);
        let (exit, codes) = asks(&["backup-codes", "--count", "3"], &code_at(OTHER_KEY, T + 60));
        assert_eq!((exit, codes["backup_codes"].as_array().map(Vec::len)), (0, Some(3)));
        let backup = codes["backup_codes"][0].as_str().expect("a code");
        let removed = json!({ "version": 1, "modified": ["alice"], "failed": {} });
        assert_eq!(asks(&["remove", "alice"], &format!("{backup}\n")), (0, removed));
        // What root's program logs of root, a user's could only pretend.
        assert_eq!(system.log.count("(by alice"), 0);
    });
}

/// The code of the change and that of the proof would be one device's, and the later one come back.
#[test]
fn a_key_is_not_replaced_by_itself() {
    throw_away(|system| {
        let door = Door::open(T);
        let alice = system.user("alice");
        system.policy(ALLOW);
        let first = format!("{KEY}\n{}\n", code_at(KEY, T));
        assert_eq!(object(system, &alice, &["set", "alice"], &first).0, 0);
        let replace = |proof: u64, current: u64| {
            let input = format!("{KEY}\n{}\n{}\n", code_at(KEY, proof), code_at(KEY, current));
            fails(system, &alice, &["set", "alice", "--replace"], &input)
        };
        door.at(T + 90);
        let refused = (2, "same_key".to_owned());
        assert_eq!([replace(T + 60, T + 90), replace(T + 90, T + 90)], [refused.clone(), refused]);
        let (exit, codes) = object(system, &alice, &["backup-codes", "--count", "3"], &code_at(KEY, T + 90));
        assert_eq!(exit, 0, "no code was used up: {codes}");
        assert_eq!(fails(system, &alice, &["remove"], &code_at(KEY, T + 90)), (1, "used_code".into()));
    });
}

#[test]
fn status_says_what_its_caller_may_do() {
    throw_away(|system| {
        let alice = system.enrolled("alice");
        let _door = Door::open(T);
        let owners = |policy: &str| {
            system.policy(policy);
            object(system, &alice, &["status"], "").1["may"].clone()
        };
        let own = ["enroll", "add", "replace", "resync", "backup_codes", "forget", "remove_device", "remove"];
        assert_eq!(owners(ALLOW), json!(own));
        assert_eq!(owners("self_service = [\"backup-codes\"]\n"), json!(["backup_codes", "forget"]));
        // A first enrollment and the end of one are root's where those without a device are refused.
        assert_eq!(owners(""), json!(["add", "replace", "resync", "backup_codes", "forget", "remove_device"]));
        assert_eq!(owners("enabled = false\n"), json!(["resync", "backup_codes", "forget", "remove_device"]));
        let (_, roots) = program::object(system, &["status", "alice"], "");
        let every = [&own[..4], &["counter"], &own[4..5], &["temporary_backup_codes"], &own[5..]].concat();
        assert_eq!(roots["may"], json!(every));
    });
}

#[test]
fn what_a_user_may_not_do_has_its_word_and_its_exit_code() {
    throw_away(|system| {
        let alice = system.enrolled("alice");
        system.enrolled("bob");
        let bobs = fs::read_to_string("/var/lib/pam_totp/secrets/bob.toml").expect("bob's");
        let fails = |arguments: &[&str], input: &str| fails(system, &alice, arguments, input);
        system.policy(ALLOW);
        let for_the_phone = format!("{OTHER_KEY}\n123456\n123456\n");
        let not_permitted = (4, "not_permitted".to_owned());
        for door in [None, Some(())] {
            let _door = door.map(|()| Door::open(T));
            for arguments in [
                ["remove", "bob"].as_slice(),
                &["status", "bob"],
                &["backup-codes", "bob"],
                &["set", "bob", "--replace"],
                &["unlock", "alice"],
                &["rename", "alice", "bob"],
                &["list"],
            ] {
                assert_eq!(fails(arguments, &for_the_phone), not_permitted, "{arguments:?}");
            }
            let (exit, judged) = object(system, &alice, &["verify", "alice"], "123456");
            assert_eq!((exit, &judged["accepted"], &judged["reason"]), (4, &json!(false), &json!("store")));
            if door.is_none() {
                for arguments in [["status"].as_slice(), &["remove"], &["backup-codes"], &["set", "alice"]] {
                    assert_eq!(fails(arguments, &for_the_phone), (5, "no_door".into()), "{arguments:?}");
                }
                let said = system.tries(alice.command("pam-totp").arg("status"), "");
                assert!(String::from_utf8_lossy(&said.stderr).contains("`systemctl enable --now pam-totpd.socket`"));
            }
        }
        assert_eq!(fs::read_to_string("/var/lib/pam_totp/secrets/bob.toml").expect("bob's"), bobs);
        assert_eq!(fails(&["remove"], "123456"), (1, "wrong_code".into()));
        assert_eq!(fails(&["remove", "alice", "bob"], "123456"), (2, "usage".into()));
        assert_eq!(fails(&["set", "alice", "--replace", "--no-code"], &for_the_phone), not_permitted);
        system.policy("self_service = []\n");
        assert_eq!(fails(&["remove"], ""), not_permitted, "before a code is asked for");
        system.policy("enabled = false\n");
        assert_eq!(fails(&["set", "alice", "--replace"], &for_the_phone), (4, "policy_off".into()));
        for required in [format!("{ALLOW}[[require]]\nusers = [\"alice\"]\n"), "unenrolled = \"deny\"\n".to_owned()] {
            system.policy(&required);
            assert_eq!(fails(&["remove"], ""), (4, "required".into()), "before a code is asked for");
        }

        // Nobody scans a key in vain.
        system.policy("");
        let carol = system.user("carol");
        let (screen, exit) = on_terminal(&carol, &["enroll"]).ends();
        assert_eq!(exit, 4, "{screen}");
        assert!(screen.contains("leaves that to its administrator") && !screen.contains("Key:"), "{screen}");
        let output = system.tries(&mut Command::new("pam-totp"), "");
        assert_eq!(output.status.code(), Some(2), "{output:?}");
    });
}

const TWO: &str = "Too many wrong codes from here. Now the code that comes after it (in 30 s): ";
const THREE: &str = "Now the code that comes after it (in 30 s): ";

/// Malware in the session can type wrong codes all day: its owner, who has the phone, is asked for one code more.
#[test]
fn where_one_code_is_not_looked_at_the_program_asks_for_the_next_one() {
    throw_away(|system| {
        let door = Door::open(T);
        let alice = system.enrolled("alice");
        system.policy(ALLOW);
        let renews = || on_terminal(&alice, &["backup-codes"]);
        lanes::spent("alice", T);
        let mut terminal = renews();
        terminal.answers(CURRENT, &code_at(KEY, T));
        terminal.answers(TWO, &code_at(KEY, T + 30));
        let codes = backup_codes(&ends_well(terminal));

        // The same code again is no guess.
        door.at(T + 60);
        let before = lanes::record("alice");
        let mut terminal = renews();
        terminal.answers(CURRENT, &code_at(KEY, T + 60));
        terminal.answers(TWO, &code_at(KEY, T + 60));
        terminal.sees("That is the same code again. Now the one after it (in 30 s): ");
        assert_eq!(lanes::record("alice"), before);
        terminal.types(&code_at(KEY, T + 90));
        let new = backup_codes(&ends_well(terminal));
        assert_ne!(new, codes);

        // Under a flood a third one.
        door.at(T + 120);
        lanes::flooded("alice", T + 120);
        let mut terminal = renews();
        terminal.answers(CURRENT, &code_at(KEY, T + 120));
        terminal.answers(TWO, &code_at(KEY, T + 150));
        terminal.answers(THREE, &code_at(KEY, T + 180));
        let new = backup_codes(&ends_well(terminal));

        // A backup code does, wherever it is typed; and a wrong pair is refused.
        door.at(T + 300);
        let mut terminal = on_terminal(&alice, &["remove"]);
        terminal.answers(CURRENT, &code_at(KEY, T + 6_000));
        terminal.answers(TWO, &code_at(KEY, T + 6_030));
        terminal.sees("From now on two codes in a row are asked for");
        assert_eq!(terminal.ends().1, 1);
        let mut terminal = on_terminal(&alice, &["remove"]);
        terminal.answers(CURRENT, &code_at(KEY, T + 300));
        terminal.answers(TWO, &new[0]);
        assert!(ends_well(terminal).contains("alice is not enrolled any more."));
    });
}

/// A panel's form has as many fields as the answer says.
#[test]
fn a_panel_of_the_users_hears_how_many_codes_are_wanted() {
    throw_away(|system| {
        let _door = Door::open(T);
        let alice = system.enrolled("alice");
        system.policy(ALLOW);
        let (one, two, three) = (code_at(KEY, T), code_at(KEY, T + 30), code_at(KEY, T + 60));
        let refused = |current: &str| {
            let (exit, object) = object(system, &alice, &["backup-codes", "--count", "3"], current);
            let error = &object["error"];
            (exit, error["code"].as_str().expect("a word").to_owned(), error["codes"].clone())
        };
        lanes::spent("alice", T);
        assert_eq!(refused(&one), (1, "waiting".into(), json!(2)));
        let (_, removed) = object(system, &alice, &["remove"], &one);
        assert_eq!(removed["failed"]["alice"]["codes"], json!(2), "{removed}");
        assert_eq!(refused(&format!("{one}-{one}")), (1, "wrong_code".into(), Value::Null));
        lanes::flooded("alice", T);
        assert_eq!(refused(&format!("{one}-{two}")), (1, "waiting".into(), json!(3)));
        let all = format!("{one} {two} {three}");
        let (exit, codes) = object(system, &alice, &["backup-codes", "--count", "3"], &all);
        assert_eq!((exit, codes["backup_codes"].as_array().map(Vec::len)), (0, Some(3)), "{codes}");
    });
}

/// A panel's form says at which field it was, and what to do about the clock.
#[test]
fn a_panel_of_the_users_hears_which_code_was_refused() {
    throw_away(|system| {
        let _door = Door::open(T);
        let alice = system.enrolled("alice");
        system.policy(ALLOW);
        let replace = |proof: &str, current: &str| {
            let input = format!("{OTHER_KEY}\n{proof}\n{current}\n");
            let (exit, object) = object(system, &alice, &["set", "alice", "--replace"], &input);
            let error = object["error"].clone();
            (exit, error["code"].clone(), error["current"].clone(), error["clock_off"].clone())
        };
        let (right, current) = (code_at(OTHER_KEY, T), code_at(KEY, T));
        let wrong = |current: Value, clock_off: Value| (1, json!("wrong_code"), current, clock_off);
        assert_eq!(replace(&right, "123456"), wrong(json!(true), Value::Null));
        assert_eq!(replace("123456", &current), wrong(Value::Null, Value::Null));
        assert_eq!(replace(&code_at(OTHER_KEY, T - 600), &current), wrong(Value::Null, json!(-600)));
    });
}

/// It takes nothing away but a login without a code: no phone is needed for it, and it is nobody else's.
#[test]
fn a_user_sees_and_ends_what_is_remembered_of_them() {
    throw_away(|system| {
        let _door = Door::open(T);
        let (alice, bob) = (system.enrolled("alice"), system.enrolled("bob"));
        system.policy("unenrolled = \"deny\"\nself_service = []\n");
        let trust = |hash: &str, until, address: Option<&str>| Trust {
            hash: hash.into(),
            until,
            address: address.map(|address| address.parse().expect("an address")),
        };
        lanes::changes("alice", |record| {
            record.trusts =
                vec![trust("a", T + 60, Some("192.0.2.4")), trust("b", T + 90, None), trust("c", T, Some("192.0.2.9"))];
        });
        let remembered = || object(system, &alice, &["status"], "").1["remembered"].clone();
        let known = json!([{ "address": "192.0.2.4", "until_at": T + 60 }, { "address": null, "until_at": T + 90 }]);
        assert_eq!(remembered(), known);
        let screen = ends_well(on_terminal(&alice, &["status"]));
        let until = "  remembered until 2027-01-15 08:01 UTC: ";
        assert!(screen.contains(&format!("{until}192.0.2.4\n")), "{screen}");
        assert!(screen.contains(&format!("{until}an address of an earlier version\n")), "{screen}");

        assert_eq!(fails(system, &bob, &["forget", "alice"], ""), (4, "not_permitted".into()));
        assert_eq!(fails(system, &alice, &["forget", "alice", "bob"], ""), (2, "usage".into()));
        assert_eq!(remembered(), known);
        let (exit, object) = object(system, &alice, &["forget"], "");
        assert_eq!((exit, &object["modified"]), (0, &json!(["alice"])), "{object}");
        assert_eq!(remembered(), json!([]));
        let logged = system.log.line("ended the remembered addresses of alice");
        assert!(logged.contains("pam-totpd"), "{logged}");
        let carol = system.user("carol");
        assert_eq!(fails(system, &carol, &["forget"], ""), (1, "not_enrolled".into()));
    });
}
