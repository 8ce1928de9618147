//! pam_google_authenticator, with its own program and its own module.

use super::*;
use pam_totp::factor::backup::BackupCodeForm;
use pam_totp::factor::secret::Answer;
use pam_totp::login::verify;
use pam_totp::store::FileStore;
use pam_totp::system::account;

const FILE: &str = ".google_authenticator";

/// Has the user make a key with their program; the lines of their file.
fn makes(system: &System, user: &User, options: &str) -> Vec<String> {
    system.runs(user.command("google-authenticator").args(options.split(' ')));
    lines(user)
}

fn lines(user: &User) -> Vec<String> {
    let text = fs::read_to_string(Path::new(&user.home()).join(FILE)).expect("their file");
    text.lines().map(str::to_owned).collect()
}

fn is_scratch(line: &&String) -> bool {
    line.len() == 8 && line.bytes().all(|b| b.is_ascii_digit())
}

#[test]
fn a_code_used_just_before_the_move_stays_used_and_the_next_one_gets_in() {
    throw_away(|system| {
        theirs(system, "pam_google_authenticator.so");
        let (alice, bob) = (system.user("alice"), system.user("bob"));
        let file = makes(system, &alice, "-t -d -f -r 3 -R 30 -w 3 -q");
        makes(system, &bob, "-t -d -f -u -w 3 -q -e 0");
        let (key, scratch) = (file[0].clone(), file.iter().filter(is_scratch).cloned().collect::<Vec<_>>());
        assert_eq!(scratch.len(), 5);
        assert_eq!(there(system, T, "alice", &code_at(&key, T)), SUCCESS);
        assert_eq!(there(system, T, "alice", &scratch[0]), SUCCESS);

        let before = store();
        let (exit, said) = imports(system, T, &["google-authenticator", "--all", "--dry-run"]);
        assert_eq!((exit, &said["modified"], &said["dry_run"]), (0, &json!(["alice", "bob"]), &json!(true)), "{said}");
        assert_eq!(store(), before, "a dry run writes nothing");

        let (exit, said) = imports(system, T, &["google-authenticator", "--all"]);
        assert_eq!((exit, &said["modified"], &said["failed"]), (0, &json!(["alice", "bob"]), &json!({})), "{said}");
        assert_eq!(words(&said, "notes", "alice"), ["rate_limit"], "{said}");
        assert_eq!(words(&said, "notes", "bob"), ["use_unrecorded"], "{said}");
        assert_eq!((&said["warnings"], &said["stacks"]), (&json!({}), &json!(["theirs"])));
        system.runs(Command::new("pam-totp").args(["remove", "bob"]));
        let again = at(T, Command::new("pam-totp").args(["import", "google-authenticator", "bob"])).output();
        let again = again.expect("it imports again");
        let told = "bob: note: Codes count again from 08:03 UTC (in 3 minutes).";
        let text = String::from_utf8(again.stdout).expect("UTF-8");
        assert!(text.lines().any(|line| line == told), "{text}");
        system.log.line("imported the enrollment of alice from google-authenticator (by ");

        assert_eq!(login_at(system, T, "alice", &code_at(&key, T)), AUTH_ERR, "used there");
        assert_eq!(login_at(system, T, "alice", &scratch[0]), AUTH_ERR, "used there");
        assert_eq!(login_at(system, T, "alice", &scratch[1]), SUCCESS);
        assert_eq!(login_at(system, T, "alice", &scratch[1]), AUTH_ERR, "used here");
        assert_eq!(login_at(system, T + 30, "alice", &code_at(&key, T + 30)), SUCCESS);
        assert_eq!(login_at(system, T + 30, "alice", &code_at(&key, T + 30)), AUTH_ERR);

        // New ones void those on the old paper.
        system.runs(Command::new("pam-totp").args(["backup-codes", "alice"]));
        assert_eq!(login_at(system, T + 60, "alice", &scratch[2]), AUTH_ERR);
    });
}

#[test]
fn until_the_stacks_are_switched_over_what_is_used_there_is_used_here_after_another_run() {
    throw_away(|system| {
        theirs(system, "pam_google_authenticator.so");
        let alice = system.user("alice");
        let file = makes(system, &alice, "-t -d -f -u -w 3 -q");
        let (key, scratch) = (file[0].clone(), file.iter().filter(is_scratch).cloned().collect::<Vec<_>>());
        let run = |time| imports(system, time, &["google-authenticator", "alice"]).1;
        assert_eq!(run(T)["modified"], json!(["alice"]));
        assert_eq!(there(system, T + 600, "alice", &code_at(&key, T + 600)), SUCCESS);
        assert_eq!(there(system, T + 600, "alice", &scratch[0]), SUCCESS);
        assert_eq!(login_at(system, T + 600, "alice", &scratch[4]), SUCCESS);
        let said = run(T + 600);
        assert_eq!((&said["modified"], &said["already"]), (&json!([]), &json!(["alice"])), "{said}");
        assert_eq!(login_at(system, T + 600, "alice", &code_at(&key, T + 600)), AUTH_ERR, "used there");
        for used in [0, 4] {
            assert_eq!(login_at(system, T + 600, "alice", &scratch[used]), AUTH_ERR, "{used} was used");
        }
        assert_eq!(login_at(system, T + 630, "alice", &code_at(&key, T + 630)), SUCCESS);
        assert_eq!(login_at(system, T + 630, "alice", &scratch[1]), SUCCESS);
        let before = store();
        assert_eq!(run(T + 700)["already"], json!(["alice"]));
        assert_eq!(store(), before, "there was nothing new");
    });
}

#[test]
fn a_file_that_records_no_use_lets_no_code_in_that_may_have_been_used() {
    throw_away(|system| {
        theirs(system, "pam_google_authenticator.so");
        let alice = system.user("alice");
        let key = makes(system, &alice, "-t -D -f -u -w 17 -q").remove(0);
        for _ in 0..2 {
            assert_eq!(there(system, T, "alice", &code_at(&key, T)), SUCCESS, "they take it twice");
        }
        let (_, said) = imports(system, T, &["google-authenticator", "alice"]);
        assert_eq!(words(&said, "notes", "alice"), ["window", "use_unrecorded"], "{said}");
        for ahead in [0, 30, 60, 90] {
            assert_eq!(login_at(system, T + ahead, "alice", &code_at(&key, T + ahead)), AUTH_ERR, "{ahead}");
        }
        assert_eq!(login_at(system, T + 180, "alice", &code_at(&key, T + 180)), SUCCESS);
    });
}

#[test]
fn a_counter_goes_on_where_it_was() {
    throw_away(|system| {
        theirs(system, "pam_google_authenticator.so");
        let alice = system.user("alice");
        let key = makes(system, &alice, "-c -f -u -w 3 -q").remove(0);
        let code = |counter: u64| oathtool(&["--hotp", "--base32", "--counter", &counter.to_string(), &key]);
        assert_eq!(there(system, T, "alice", &code(2)), SUCCESS);
        let (exit, said) = imports(system, T, &["google-authenticator", "alice"]);
        assert_eq!((exit, &said["modified"], &said["notes"]), (0, &json!(["alice"]), &json!({})), "{said}");
        assert_eq!(login_at(system, T, "alice", &code(2)), AUTH_ERR, "used there");
        assert_eq!(login_at(system, T, "alice", &code(1)), AUTH_ERR, "older");
        assert_eq!(login_at(system, T, "alice", &code(3)), SUCCESS);
    });
}

#[test]
fn other_periods_and_clocks_that_go_wrong_come_along() {
    throw_away(|system| {
        application::build(system);
        let (alice, bob) = (system.user("alice"), system.user("bob"));
        let key = makes(system, &alice, "-t -d -f -u -w 3 -q -S 60").remove(0);
        let ahead = format!("{KEY}\n\" TIME_SKEW 3\n\" DISALLOW_REUSE {}\n\" TOTP_AUTH\n", T / 30 + 3);
        keeps(&bob, FILE, ahead);
        let (_, said) = imports(system, T, &["google-authenticator", "--all"]);
        assert_eq!(said["modified"], json!(["alice", "bob"]), "{said}");
        let minute = |time: u64| oathtool(&["--totp", "-b", "-s", "60", "--now", &format!("@{time}"), &key]);
        assert_eq!(login_at(system, T + 420, "alice", &minute(T + 420)), SUCCESS);
        assert_eq!(login_at(system, T, "bob", &code_at(KEY, T + 90)), AUTH_ERR, "used there");
        assert_eq!(login_at(system, T + 30, "bob", &code_at(KEY, T + 120)), SUCCESS, "their phone is 90 s ahead");
    });
}

#[test]
fn other_keys_are_replaced_only_where_it_was_said() {
    throw_away(|system| {
        application::build(system);
        let alice = system.enrolled("alice");
        keeps(&alice, FILE, format!("{}\n\" DISALLOW_REUSE 7\n\" TOTP_AUTH\n12345678\n", key(1)));
        let before = store();
        let (exit, said) = imports(system, T, &["google-authenticator", "alice"]);
        assert_eq!((exit, &said["failed"]["alice"]["code"]), (1, &json!("already_enrolled")), "{said}");
        assert_eq!(store(), before);
        let (exit, said) = imports(system, T, &["google-authenticator", "alice", "--replace"]);
        assert_eq!((exit, &said["modified"]), (0, &json!(["alice"])), "{said}");
        assert_eq!(login_at(system, T, "alice", &code_at(KEY, T)), AUTH_ERR, "void");
        assert_eq!(login_at(system, T, "alice", &code_at(&key(1), T)), SUCCESS);
        assert_eq!(login_at(system, T, "alice", "1234 5678"), SUCCESS);
        let (_, said) = imports(system, T, &["google-authenticator", "alice", "--replace"]);
        assert_eq!(said["already"], json!(["alice"]), "{said}");
        assert_eq!(login_at(system, T, "alice", "12345678"), AUTH_ERR, "does not come back");
        // The first key again: what was used with it stays used.
        let bob = system.enrolled("bob");
        assert_eq!(login_at(system, T, "bob", &code_at(KEY, T)), SUCCESS);
        keeps(&bob, FILE, format!("{}\n\" TOTP_AUTH\n", key(2)));
        assert_eq!(imports(system, T, &["google-authenticator", "bob", "--replace"]).0, 0);
        assert_eq!(program(system, &["set", "bob", "--replace", "--no-code"], &format!("{KEY}\n")).0, 0);
        assert_eq!(login_at(system, T, "bob", &code_at(KEY, T)), AUTH_ERR);
        assert_eq!(login_at(system, T + 30, "bob", &code_at(KEY, T + 30)), SUCCESS);
    });
}

/// Their file lists a scratch code for ever once it is used here.
#[test]
fn a_scratch_code_that_was_used_here_does_not_come_back_with_the_key() {
    throw_away(|system| {
        application::build(system);
        let (paper, other) = ("12345678", "23456789");
        let file = |key: &str| format!("{key}\n\" DISALLOW_REUSE 7\n\" TOTP_AUTH\n{paper}\n{other}\n");
        let again = |user: &User, arguments: &[&str]| {
            let arguments = [&["google-authenticator", user.name], arguments].concat();
            let (exit, dry) = imports(system, T, &[arguments.as_slice(), &["--dry-run"]].concat());
            let (_, said) = imports(system, T, &arguments);
            assert_eq!((exit, &said["modified"]), (0, &json!([user.name])), "{said}");
            assert_eq!(dry["warnings"], said["warnings"], "{}", user.name);
            words(&said, "warnings", user.name)
        };
        let gets_in = |user: &User, code: &str| login_at(system, T, user.name, code);

        // The set is still there, with one device more: each code by itself.
        let alice = system.user("alice");
        keeps(&alice, FILE, file(&key(1)));
        assert!(again(&alice, &[]).is_empty());
        assert_eq!(gets_in(&alice, paper), SUCCESS);
        let tablet = ["set", "alice", "--device", "tablet", "--no-code"];
        assert_eq!(program(system, &tablet, &format!("{}\n", key(9))).0, 0);
        assert_eq!(again(&alice, &["--replace"]), ["used_scratch_codes"]);
        assert_eq!((gets_in(&alice, paper), gets_in(&alice, other)), (AUTH_ERR, SUCCESS));

        // The set is gone, and with it which of them it was.
        for used in [paper.to_owned(), code_at(&key(2), T)] {
            let bob = system.user(if used == paper { "bob" } else { "carol" });
            keeps(&bob, FILE, file(&key(2)));
            assert!(again(&bob, &[]).is_empty());
            assert_eq!(gets_in(&bob, &used), SUCCESS);
            assert_eq!(program(system, &["remove", bob.name], "").0, 0);
            assert_eq!(again(&bob, &[]), ["used_scratch_codes"], "{used}");
            assert_eq!((gets_in(&bob, paper), gets_in(&bob, other)), (AUTH_ERR, AUTH_ERR), "{used}");
        }

        // Another key came between, with codes of its own or none, and went again or not.
        let between: [&[&[&str]]; 4] = [
            &[&["set", "USER", "--replace", "--no-code"]],
            &[&["set", "USER", "--replace", "--no-code", "--backup-codes", "3"]],
            &[&["set", "USER", "--replace", "--no-code", "--backup-codes", "3"], &["remove", "USER"]],
            &[&["backup-codes", "USER"], &["remove", "USER"]],
        ];
        for (name, commands) in ["erin", "frank", "grace", "heidi"].into_iter().zip(between) {
            let user = system.user(name);
            keeps(&user, FILE, file(&key(4)));
            assert!(again(&user, &[]).is_empty());
            assert_eq!(gets_in(&user, paper), SUCCESS);
            for command in commands {
                let command: Vec<&str> = command.iter().map(|word| if *word == "USER" { name } else { word }).collect();
                assert_eq!(program(system, &command, &format!("{}\n", key(5))).0, 0, "{command:?}");
            }
            assert_eq!(again(&user, &["--replace"]), ["used_scratch_codes"], "{commands:?}");
            assert_eq!((gets_in(&user, paper), gets_in(&user, other)), (AUTH_ERR, AUTH_ERR), "{commands:?}");
        }
        let ivan = system.user("ivan");
        keeps(&ivan, FILE, file(&key(6)));
        assert!(again(&ivan, &[]).is_empty());
        assert_eq!(gets_in(&ivan, paper), SUCCESS);
        keeps(&ivan, FILE, format!("{}\n\" DISALLOW_REUSE 7\n\" TOTP_AUTH\n87654321\n", key(7)));
        assert!(again(&ivan, &["--replace"]).is_empty());
        keeps(&ivan, FILE, file(&key(6)));
        assert_eq!(again(&ivan, &["--replace"]), ["used_scratch_codes"]);
        assert_eq!(gets_in(&ivan, paper), AUTH_ERR);

        // What is left of another key says nothing of these.
        let dave = system.enrolled("dave");
        assert_eq!(login_at(system, T, "dave", &code_at(KEY, T)), SUCCESS);
        assert_eq!(program(system, &["remove", "dave"], "").0, 0);
        keeps(&dave, FILE, file(&key(3)));
        assert!(again(&dave, &[]).is_empty());
        assert_eq!(gets_in(&dave, paper), SUCCESS);
    });
}

/// With files that their owners did not leave in their homes, as `secret=` has it elsewhere.
#[test]
fn a_file_is_taken_from_where_it_is() {
    throw_away(|system| {
        let (alice, bob, carol) = (system.user("alice"), system.user("bob"), system.user("carol"));
        let text = format!("{KEY}\n\" TOTP_AUTH\n");
        fs::create_dir("/etc/google-auth").expect("a folder of root's");
        system.file("/etc/google-auth/alice", &text);
        let run = |arguments: &[&str]| imports(system, T, &[&["google-authenticator"], arguments].concat()).1;
        assert_eq!(run(&["/etc/google-auth/alice", "--user", "alice"])["modified"], json!(["alice"]));
        fs::create_dir("/home/bob/.config").expect("a folder of bob's");
        keeps(&bob, ".config/ga", &text);
        assert_eq!(run(&["bob", "--file", ".config/ga"])["modified"], json!(["bob"]));
        let own = keeps(&carol, "elsewhere", &text);
        assert_eq!(run(&[own.to_str().unwrap(), "--user", "carol"])["modified"], json!(["carol"]));
        let foreign = keeps(&alice, "mine", &text);
        let said = run(&[foreign.to_str().unwrap(), "--user", "bob"]);
        assert_eq!(said["failed"]["bob"]["code"], json!("bad_file"), "{said}");
        for path in ["/etc/google-auth/alice", "../alice/mine", "a/../../alice/mine"] {
            let arguments = ["import", "google-authenticator", "bob", "--file", path];
            assert_eq!(error_code(system, &arguments, ""), (2, "usage".into()), "{path}");
        }
        assert_eq!(
            run(&["root"])["failed"]["root"]["message"],
            json!("/root/.google_authenticator: there is no such file")
        );
        assert_eq!(
            error_code(system, &["import", "google-authenticator", "nobody-here"], ""),
            (3, "no_such_user".into())
        );
        assert_eq!(error_code(system, &["import", "google-authenticator"], ""), (2, "usage".into()));
        let output = system.tries(alice.command("pam-totp").args(["import", "google-authenticator", "alice"]), "");
        assert_eq!(output.status.code(), Some(4), "{output:?}");
    });
}

#[test]
fn a_key_that_was_a_clocks_goes_by_its_counter() {
    throw_away(|system| {
        application::build(system);
        let alice = system.enrolled("alice");
        assert_eq!(login_at(system, T, "alice", &code_at(KEY, T)), SUCCESS);
        keeps(&alice, FILE, format!("{KEY}\n\" HOTP_COUNTER 5\n"));
        let (exit, said) = imports(system, T, &["google-authenticator", "alice", "--replace"]);
        assert_eq!((exit, &said["modified"]), (0, &json!(["alice"])), "{said}");
        let code = |counter: &str| oathtool(&["--hotp", "--base32", "--counter", counter, KEY]);
        assert_eq!(login_at(system, T, "alice", &code("4")), AUTH_ERR);
        assert_eq!(login_at(system, T, "alice", &code("5")), SUCCESS);
    });
}

/// Somebody took a token for a clock, and no counter ever reaches the steps of one.
#[test]
fn the_steps_of_a_clock_are_no_counter_once_the_slip_is_fixed() {
    throw_away(|system| {
        application::build(system);
        let alice = system.user("alice");
        let replaces = |text: String| {
            keeps(&alice, FILE, text);
            let (exit, said) = imports(system, T, &["google-authenticator", "alice", "--replace"]);
            assert_eq!((exit, &said["modified"]), (0, &json!(["alice"])), "{said}");
        };
        replaces(format!("{KEY}\n\" DISALLOW_REUSE 59000000\n\" TOTP_AUTH\n"));
        replaces(format!("{}\n\" TOTP_AUTH\n", key(1)));
        replaces(format!("{KEY}\n\" HOTP_COUNTER 5\n"));
        let code = oathtool(&["--hotp", "--base32", "--counter", "5", KEY]);
        assert_eq!(login_at(system, T, "alice", &code), SUCCESS);
    });
}

/// The time must not tell who came from elsewhere.
#[test]
fn eight_digits_cost_the_same_work_whoever_types_them() {
    throw_away(|system| {
        let alice = system.user("alice");
        keeps(&alice, FILE, format!("{}\n\" TOTP_AUTH\n12345678\n", key(1)));
        assert_eq!(imports(system, T, &["google-authenticator", "alice"]).0, 0);
        system.enrolled("bob");
        system.enrolled("carol");
        system.runs(Command::new("pam-totp").args(["backup-codes", "carol"]));
        system.user("dave");
        let store = FileStore::open(Path::new("/var/lib/pam_totp")).expect("the store");
        for name in ["alice", "bob", "carol", "dave"] {
            let account = account::by_name(name).expect("accounts").expect("an account");
            let stretched = |typed: &str| verify::stretch(&store, &account, &Answer::new(typed.as_bytes())).unwrap();
            assert_eq!(stretched("12345678").expect("stretched").form(), BackupCodeForm::Digits, "{name}");
            assert!(stretched("123456").is_none() && stretched("123456789").is_none(), "{name}");
        }
    });
}
