//! Several devices a user: each code of each once, and one that comes or goes takes nothing of the others along.

use crate::support::application::{self, AUTH_ERR, SUCCESS, at, login_at};
use crate::support::codes::{code_at, key};
use crate::support::door::Door;
use crate::support::program::{error_code, object, program};
use crate::support::reference;
use crate::support::system::{KEY, System, User, throw_away};
use crate::support::terminal::Terminal;
use serde_json::{Value, json};
use std::fs;
use std::process::Command;

/// The beginning of a step.
const T: u64 = 1_800_000_000;
const TABLET: &str = "GEZDGNBVGY3TQOJQJBSWY3DPEHPK3PXP";
const SECRET: &str = "/var/lib/pam_totp/secrets/alice.toml";

/// What pam-totp says at a time; one object.
fn says(system: &System, time: u64, arguments: &[&str], input: &str) -> (i32, Value) {
    let mut command = Command::new("pam-totp");
    let output = system.tries(at(time, command.arg("--json").args(arguments)), input);
    let object = serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{arguments:?}: {e}: {output:?}"));
    reference::holds(arguments, &object);
    (output.status.code().expect("an exit code"), object)
}

fn names(system: &System, user: &str) -> Vec<String> {
    let (_, status) = object(system, &["status", user], "");
    let devices = status["devices"].as_array().expect("devices");
    devices.iter().map(|device| device["name"].as_str().expect("a name").to_owned()).collect()
}

/// Codes that oathtool makes of other forms.
fn oathtool(arguments: &[&str]) -> String {
    let output = Command::new("oathtool").arg("--base32").args(arguments).output().expect("oathtool starts");
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    String::from_utf8(output.stdout).expect("digits").trim().to_owned()
}

#[test]
fn a_device_comes_and_goes_and_the_others_stay() {
    throw_away(|system| {
        application::build(system);
        system.enrolled("alice");
        let set = |arguments: &[&str], key: &str, time: u64| {
            let arguments = [&["set", "alice"], arguments].concat();
            says(system, time, &arguments, &format!("{key}\n{}\n", code_at(key, time)))
        };
        let (exit, made) = set(&["--device", "tablet", "--backup-codes", "2"], TABLET, T);
        assert_eq!((exit, &made["proved"]), (0, &json!(true)), "{made}");
        let backup = |n: usize| made["backup_codes"][n].as_str().expect("a code").to_owned();
        assert_eq!(names(system, "alice"), ["phone", "tablet"]);
        // The proving code is used up, the others of both are not, and each is good for once.
        for (time, key, code) in [
            (T, TABLET, AUTH_ERR),
            (T, KEY, SUCCESS),
            (T, KEY, AUTH_ERR),
            (T + 30, TABLET, SUCCESS),
            (T + 30, KEY, SUCCESS),
            (T + 30, TABLET, AUTH_ERR),
        ] {
            assert_eq!(login_at(system, time, "alice", &code_at(key, time)), code, "{time} {key}");
        }
        // A further device leaves the backup codes.
        assert_eq!(set(&["--device", "watch"], &key(1), T + 60).0, 0);
        assert_eq!(login_at(system, T + 60, "alice", &backup(0)), SUCCESS);

        // One is replaced, under its name: its key is void, the others' are not, and the backup codes are.
        assert_eq!(set(&["--replace", "--device", "tablet"], &key(2), T + 90).0, 0);
        assert_eq!(names(system, "alice"), ["phone", "tablet", "watch"]);
        for (key, code) in [(TABLET, AUTH_ERR), (&key(2), SUCCESS), (&key(1), SUCCESS), (KEY, SUCCESS)] {
            assert_eq!(login_at(system, T + 120, "alice", &code_at(key, T + 120)), code, "{key}");
        }
        assert_eq!(login_at(system, T + 120, "alice", &backup(1)), AUTH_ERR);

        // And one goes.
        let (exit, removed) = says(system, T, &["remove", "alice", "--device", "watch"], "");
        assert_eq!((exit, &removed["modified"]), (0, &json!(["alice"])));
        system.log.line("removed the device watch of alice (by root, uid 0)");
        assert_eq!(login_at(system, T + 150, "alice", &code_at(&key(1), T + 150)), AUTH_ERR);
        assert_eq!(login_at(system, T + 150, "alice", &code_at(KEY, T + 150)), SUCCESS);
        let status = program(system, &["status", "alice"], "").1;
        assert!(status.contains("  phone: since ") && status.contains("  tablet: since "), "{status}");
    });
}

#[test]
fn what_is_not_said_clearly_changes_nothing() {
    throw_away(|system| {
        system.enrolled("alice");
        let set = |arguments: &[&str], key: &str| {
            error_code(system, &[&["set", "alice", "--no-code"], arguments].concat(), &format!("{key}\n"))
        };
        let refused = |arguments: &[&str], key: &str, exit: i32, code: &str| {
            let before = fs::read_to_string(SECRET).expect("the secret");
            assert_eq!(set(arguments, key), (exit, code.to_owned()), "{arguments:?}");
            assert_eq!(fs::read_to_string(SECRET).expect("the secret"), before, "{arguments:?}");
        };
        refused(&[], TABLET, 1, "already_enrolled");
        refused(&["--device", "phone"], TABLET, 1, "device_exists");
        refused(&["--device", "tablet"], KEY, 2, "same_key");
        refused(&["--device", "tablet", "--digits", "8"], TABLET, 2, "other_digits");
        refused(&["--device", "tablet", "--replace"], TABLET, 1, "no_such_device");
        refused(&["--device", "tab\u{202e}let"], TABLET, 2, "bad_name");
        for form in [
            &["--digits", "9"][..],
            &["--digits", "5"],
            &["--period", "14"],
            &["--period", "121"],
            &["--algorithm", "MD5"],
            &["--type", "push"],
            &["--counter", "4"],
            &["--type", "hotp", "--period", "30"],
            &["--type", "hotp", "--counter", "9223372036854775808"],
        ] {
            refused(&[&["--device", "tablet"], form].concat(), TABLET, 2, "usage");
        }
        let removes = |device: &str| {
            let (exit, object) = object(system, &["remove", "alice", "--device", device], "");
            (exit, object["failed"]["alice"]["code"].as_str().expect("a code").to_owned())
        };
        assert_eq!(removes("phone"), (1, "only_device".into()));
        assert_eq!(removes("tablet"), (1, "no_such_device".into()));
        assert_eq!(names(system, "alice"), ["phone"]);

        for n in 1..5 {
            let name = format!("device {n}");
            let (exit, made) = object(system, &["set", "alice", "--no-code", "--device", &name], &key(n));
            assert_eq!(exit, 0, "{made}");
        }
        refused(&["--device", "one too many"], TABLET, 1, "too_many_devices");
        refused(&["--replace"], TABLET, 2, "which_device");
        let (_, _, said) = program(system, &["set", "alice", "--no-code", "--replace"], TABLET);
        assert!(
            said.ends_with("say which with --device NAME (phone, device 1, device 2, device 3, device 4)\n"),
            "{said}"
        );
    });
}

#[test]
fn where_somebody_can_be_asked_they_are_asked_which() {
    throw_away(|system| {
        application::build(system);
        system.enrolled("alice");
        object(system, &["set", "alice", "--no-code", "--device", "tablet"], TABLET);
        let enroll = || {
            let mut command = Command::new("pam-totp");
            at(T, command.args(["enroll", "alice", "--replace", "--qr", "none"]));
            Terminal::run(command)
        };
        let mut terminal = enroll();
        terminal.answers("Which device (phone, tablet)? ", "tabled");
        terminal.sees("there is no device of that name");
        assert_eq!(terminal.ends().1, 1);
        let mut terminal = enroll();
        terminal.answers("Which device (phone, tablet)? ", "tablet");
        terminal.sees("Key:     ");
        let new = terminal.sees("\n").replace([' ', '\r'], "");
        terminal.answers("Verification code: ", &code_at(&new, T));
        let (screen, exit) = terminal.ends();
        assert_eq!(exit, 0, "{screen}");
        assert_eq!(names(system, "alice"), ["phone", "tablet"]);
        for (key, code) in [(TABLET, AUTH_ERR), (&new, SUCCESS), (KEY, SUCCESS)] {
            assert_eq!(login_at(system, T + 30, "alice", &code_at(key, T + 30)), code);
        }
    });
}

/// The codes that are not as every app makes them, made by another program.
#[test]
fn other_codes_than_every_app_makes_count_and_are_warned_of() {
    throw_away(|system| {
        application::build(system);
        let login = |user: &str, time: u64, code: &str| login_at(system, time, user, code);
        for (user, form, totp, step) in [
            ("alice", &["--algorithm", "SHA256", "--digits", "8"][..], "--totp=sha256", 30),
            ("bob", &["--algorithm", "sha512", "--digits", "7", "--period", "60"], "--totp=sha512", 60),
            ("carol", &["--period", "15"], "--totp=sha1", 15),
        ] {
            system.user(user);
            let digits = form.iter().position(|word| *word == "--digits").map_or("6", |place| form[place + 1]);
            let code = |time: u64| {
                let (time, step) = (format!("@{time}"), format!("{step}s"));
                oathtool(&[totp, "--digits", digits, "--time-step-size", &step, "--now", &time, TABLET])
            };
            let (exit, made) = says(system, T, &[&["generate", user], form].concat(), "");
            let warning = made["warnings"][0].as_str().expect("a warning");
            assert!(exit == 0 && warning.starts_with("Not every app can do this: "), "{made}");
            let input = format!("{TABLET}\n{}\n", code(T));
            let (exit, made) = says(system, T, &[&["set", user], form].concat(), &input);
            assert_eq!((exit, made["warnings"].as_array().map(Vec::len)), (0, Some(1)), "{made}");
            assert_eq!(login(user, T, &code(T)), AUTH_ERR, "used to prove it");
            assert_eq!(login(user, T + step, &code(T + step)), SUCCESS, "{user}");
            assert_eq!(login(user, T + step, &code(T + step)), AUTH_ERR, "{user}");
        }
        let told = program(system, &["status", "bob"], "").1;
        assert!(told.contains("(60 s, 7 digits, SHA512)"), "{told}");
        // A further device has as many digits as the others.
        assert_eq!(object(system, &["set", "bob", "--no-code", "--device", "tablet"], KEY).0, 0);
        assert_eq!(object(system, &["status", "bob"], "").1["devices"][1]["digits"], 7);
        let (_, _, said) = program(system, &["set", "carol", "--no-code", "--replace", "--digits", "7"], KEY);
        assert!(said.contains("Without a code nobody knows whether this one can"), "{said}");
    });
}

#[test]
fn a_token_counts_forward_and_comes_back_after_a_loss_by_roots_hand_alone() {
    throw_away(|system| {
        application::build(system);
        system.user("alice");
        let code = |counter: u64| oathtool(&["--hotp", "--counter", &counter.to_string(), TABLET]);
        let hotp = ["set", "alice", "--type", "hotp", "--counter", "5"];
        let (exit, made) = object(system, &hotp, &format!("{TABLET}\n{}\n", code(5)));
        assert_eq!(exit, 0, "{made}");
        let login = |counter: u64| login_at(system, T, "alice", &code(counter));
        assert_eq!(
            [login(5), login(6), login(6), login(9), login(8)],
            [AUTH_ERR, SUCCESS, AUTH_ERR, SUCCESS, AUTH_ERR]
        );

        // Pressed in a pocket, further than a login looks.
        let resync = |first: u64| {
            error_or_done(system, &["resync", "alice"], &format!("{}\n{}\n", code(first), code(first + 1)))
        };
        assert_eq!(resync(7), "used_code");
        assert_eq!(resync(500), "done");
        assert_eq!([login(501), login(502)], [AUTH_ERR, SUCCESS]);

        fs::remove_file("/var/lib/pam_totp/state/alice").expect("removes the state");
        assert_eq!(login(503), AUTH_ERR, "nobody knows which were used");
        system
            .log
            .line("a token of alice is out of service, as its counter was lost: `pam-totp resync alice --counter N`");
        assert_eq!(resync(503), "no_counter", "old codes would do as well");
        assert_eq!(error_or_done(system, &["resync", "alice", "--counter", "503"], ""), "done");
        assert_eq!([login(502), login(503)], [AUTH_ERR, SUCCESS]);
        // Never back, whatever root types.
        assert_eq!(error_or_done(system, &["resync", "alice", "--counter", "1"], ""), "done");
        assert_eq!([login(503), login(504)], [AUTH_ERR, SUCCESS]);
        system.enrolled("bob");
        assert_eq!(error_or_done(system, &["resync", "bob", "--counter", "1"], ""), "no_counter");
    });
}

fn error_or_done(system: &System, arguments: &[&str], input: &str) -> String {
    let (exit, object) = says(system, T, arguments, input);
    assert_eq!(exit == 0, object["resynchronized"] == json!(true), "{object}");
    object["error"]["code"].as_str().unwrap_or("done").to_owned()
}

#[test]
fn two_codes_in_a_row_bring_a_clock_back_that_ran_away() {
    throw_away(|system| {
        application::build(system);
        system.enrolled("alice");
        let off = |time: u64| code_at(KEY, time + 300);
        assert_eq!(login_at(system, T, "alice", &off(T)), AUTH_ERR);
        let resync = |pair: [u64; 2]| {
            error_or_done(
                system,
                &["resync", "alice"],
                &format!("{}\n{}\n", code_at(KEY, pair[0]), code_at(KEY, pair[1])),
            )
        };
        assert_eq!(resync([T + 270, T + 300 + 30]), "wrong_code", "not in a row");
        assert_eq!(resync([T + 660, T + 690]), "wrong_code", "too far");
        assert_eq!(resync([T + 270, T + 300]), "done");
        assert_eq!(resync([T + 270, T + 300]), "used_code");
        system.log.line("resynchronized a device of alice (by root, uid 0)");
        assert_eq!(login_at(system, T, "alice", &off(T)), AUTH_ERR, "they proved it and are used up");
        assert_eq!(login_at(system, T + 30, "alice", &off(T + 30)), SUCCESS);
        assert_eq!(
            login_at(system, T + 60, "alice", &code_at(KEY, T + 60)),
            AUTH_ERR,
            "it counts there and nowhere else"
        );
        let told = program(system, &["status", "alice"], "").1;
        assert!(told.contains("its clock is 300 s ahead of this host's"), "{told}");
        // Written so that no older pam_totp takes it for an enrollment without it.
        assert!(fs::read_to_string(SECRET).expect("the secret").starts_with("version = 2\n"));
        // Set right, it is found again, and the file is as before.
        assert_eq!(resync([T + 390, T + 420]), "done");
        assert_eq!(resync([T + 300 + 420, T + 300 + 450]), "wrong_code");
    });
}

/// A stolen session can neither add a device of its own, nor take one off, nor move one.
#[test]
fn users_need_a_code_for_each_device_they_add_move_or_remove() {
    throw_away(|system| {
        let door = Door::open(T);
        let alice = system.enrolled("alice");
        system.policy("unenrolled = \"allow\"\n");
        let asks = |user: &User, arguments: &[&str], input: &str| {
            let output = system.tries(user.command("pam-totp").arg("--json").args(arguments), input);
            let object: Value = serde_json::from_slice(&output.stdout).expect("one object");
            let failed = object["failed"]["alice"]["code"].as_str();
            let code = object["error"]["code"].as_str().or(failed).unwrap_or("done").to_owned();
            (output.status.code().expect("an exit code"), code)
        };
        let alice = |arguments: &[&str], input: &str| asks(&alice, arguments, input).1;
        let add = ["set", "alice", "--device", "tablet"];
        let key_and_code = format!("{TABLET}\n{}", code_at(TABLET, T));
        let before = fs::read_to_string(SECRET).expect("the secret");
        assert_eq!(alice(&add, &format!("{key_and_code}\n")), "usage", "the third line is missing");
        assert_eq!(alice(&add, &format!("{key_and_code}\n{}\n", code_at(KEY, T + 6000))), "wrong_code");
        assert_eq!(fs::read_to_string(SECRET).expect("the secret"), before);
        assert_eq!(alice(&add, &format!("{key_and_code}\n{}\n", code_at(KEY, T))), "done");
        system.log.line("added a device for alice (asked by uid ");
        assert_eq!(names(system, "alice"), ["phone", "tablet"]);

        door.at(T + 30);
        let pair = format!("{}\n{}", code_at(KEY, T + 300), code_at(KEY, T + 330));
        assert_eq!(
            alice(&["resync", "--device", "phone"], &format!("{pair}\n{}\n", code_at(TABLET, T + 6000))),
            "wrong_code"
        );
        assert_eq!(alice(&["resync", "--device", "phone"], &format!("{pair}\n{}\n", code_at(TABLET, T + 30))), "done");
        system.log.line("resynchronized a device of alice (asked by uid ");
        assert_eq!(alice(&["resync", "--counter", "7"], ""), "not_permitted");

        door.at(T + 60);
        let code = code_at(KEY, T + 360);
        assert_eq!(alice(&["remove", "--device", "watch"], &format!("{code}\n")), "no_such_device");
        assert_eq!(alice(&["remove", "--device", "tablet"], &format!("{}\n", code_at(KEY, T + 6000))), "wrong_code");
        assert_eq!(alice(&["remove", "--device", "tablet"], &format!("{code}\n")), "done");
        assert_eq!(names(system, "alice"), ["phone"]);
        door.at(T + 90);
        assert_eq!(alice(&["remove", "--device", "phone"], &format!("{}\n", code_at(KEY, T + 390))), "only_device");
        assert_eq!(names(system, "alice"), ["phone"]);
    });
}

/// A key that was replaced and comes back, within the minutes in which its last code is still shown.
#[test]
fn a_key_that_comes_back_does_not_get_its_used_codes_back() {
    throw_away(|system| {
        application::build(system);
        system.enrolled("alice");
        assert_eq!(login_at(system, T, "alice", &code_at(KEY, T)), SUCCESS);
        for key in [TABLET, KEY] {
            assert_eq!(says(system, T, &["set", "alice", "--no-code", "--replace"], key).0, 0);
        }
        assert_eq!(login_at(system, T, "alice", &code_at(KEY, T)), AUTH_ERR);
        assert_eq!(login_at(system, T + 30, "alice", &code_at(KEY, T + 30)), SUCCESS);
    });
}
