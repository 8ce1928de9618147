//! Killed at any system call, whatever was under way: no key is lost, and no code counts twice.

use crate::support::application::{self, AUTH_ERR, SERVICE, SUCCESS, Said, at, login_at};
use crate::support::codes::{code_at, key};
use crate::support::host::{self, Once};
use crate::support::record::Newest;
use crate::support::strace::{Call, calls, killed_at, killing, recorded, strace, was_killed};
use crate::support::system::{KEY, System, throw_away};
use pam_totp::factor::enrollment::Enrollment;
use std::fs;
use std::path::Path;
use std::process::Command;

const SECRET: &str = "/var/lib/pam_totp/secrets/alice.toml";
const STATE: &str = "/var/lib/pam_totp/state/alice";
/// The beginning of a step.
const T: u64 = 1_800_000_000;
const LOGIN: [&str; 3] = ["/usr/local/bin/application", SERVICE, "alice"];

fn code(time: u64) -> String {
    code_at(KEY, time)
}

fn read(path: &str) -> Vec<u8> {
    fs::read(path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn listed(folder: &str) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("a folder of the store");
    entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("a name")).collect()
}

/// From the first call that touches `what`; before that a program only starts.
fn from(what: &str, calls: Vec<Call>) -> Vec<Call> {
    let from: Vec<Call> = calls.into_iter().skip_while(|call| !call.line.contains(what)).collect();
    assert!(from.len() > 20, "{from:?}");
    from
}

#[test]
fn a_login_killed_at_any_call_loses_no_key_and_no_code_counts_twice() {
    throw_away(|system| {
        application::build(system);
        system.enrolled("alice");
        let (calls, output) = calls(system, T, &LOGIN, &code(T));
        assert_eq!(Said::read(&output).codes, [SUCCESS]);
        let secret = read(SECRET);
        let (mut answered, mut used, mut counted) = (0, 0, 0);
        for (time, call) in (T + 60..).step_by(60).zip(calls) {
            let before = Newest::of(&read(STATE));
            let output = killed_at(system, &call, time, &LOGIN, &code(time));
            assert_eq!(read(SECRET), secret, "{call:?}");
            let now = Newest::of(&read(STATE));
            let (was_used, was_answered) = (now.last != before.last, Said::read(&output).codes == [SUCCESS]);
            // Killed in between, it is counted as a wrong one.
            let was_counted = now.since == before.since + 1;
            assert!(now == before || was_used != was_counted, "{call:?}: {before:?} {now:?}");
            let later = [(); 2].map(|()| login_at(system, time, "alice", &code(time)));
            let expected = if was_used { [AUTH_ERR, AUTH_ERR] } else { [SUCCESS, AUTH_ERR] };
            assert_eq!(later, expected, "{call:?}");
            assert!(was_used || !was_answered, "{call:?}: answered before it was recorded");
            assert_eq!(login_at(system, time + 30, "alice", &code(time + 30)), SUCCESS, "{call:?}");
            answered += usize::from(was_answered);
            used += usize::from(was_used);
            counted += usize::from(was_counted);
        }
        // The kills came before, between and after both.
        assert!(0 < answered && answered < used && counted > 0, "{answered} {used} {counted}");
    });
}

#[test]
fn a_login_that_heals_killed_at_any_call_never_replays_and_heals_later() {
    throw_away(|system| {
        application::build(system);
        system.enrolled("alice");
        let lose = || fs::remove_file(STATE).expect("the record is lost");
        lose();
        let (calls, output) = calls(system, T, &LOGIN, &code(T));
        assert_eq!(Said::read(&output).codes, [AUTH_ERR]);
        for (time, call) in (T + 600..).step_by(600).zip(from("read(0, ", calls)) {
            lose();
            killed_at(system, &call, time, &LOGIN, &code(time));
            for used in [time - 30, time, time + 30] {
                assert_eq!(login_at(system, time, "alice", &code(used)), AUTH_ERR, "{call:?}");
            }
            assert_eq!(login_at(system, time + 180, "alice", &code(time + 180)), SUCCESS, "{call:?}");
            assert_eq!(login_at(system, time + 180, "alice", &code(time + 180)), AUTH_ERR, "{call:?}");
        }
    });
}

/// Twenty codes at a time, as many as there are.
fn backup_codes(system: &System) -> Vec<String> {
    let output = system.runs(Command::new("pam-totp").args(["--json", "backup-codes", "--count", "20", "alice"]));
    let object: serde_json::Value = serde_json::from_slice(&output.stdout).expect("an object");
    let codes = object["backup_codes"].as_array().expect("codes");
    codes.iter().map(|code| code.as_str().expect("a code").to_owned()).collect()
}

#[test]
fn a_login_by_backup_code_killed_at_any_call_spends_it_or_leaves_it_and_never_both() {
    throw_away(|system| {
        application::build(system);
        system.enrolled("alice");
        let mut codes = backup_codes(system);
        let (calls, output) = calls(system, T, &LOGIN, &codes.pop().expect("a code"));
        assert_eq!(Said::read(&output).codes, [SUCCESS]);
        let (mut spent, mut left) = (0, 0);
        for call in from("read(0, ", calls) {
            if codes.is_empty() {
                codes = backup_codes(system);
            }
            let (code, before) = (codes.pop().expect("a code"), read(STATE));
            let answered = Said::read(&killed_at(system, &call, T, &LOGIN, &code)).codes == [SUCCESS];
            let recorded = read(STATE) != before;
            let later = [(); 2].map(|()| login_at(system, T, "alice", &code));
            assert_eq!(later, if recorded { [AUTH_ERR, AUTH_ERR] } else { [SUCCESS, AUTH_ERR] }, "{call:?}");
            assert!(recorded || !answered, "{call:?}: answered before it was recorded");
            spent += usize::from(recorded);
            left += usize::from(!recorded);
        }
        assert!(spent > 0 && left > 0, "{spent} {left}");
    });
}

const SET: [&str; 4] = ["/usr/bin/pam-totp", "set", "--replace", "alice"];

/// The key and the code that proves it.
fn proved(key: &str, time: u64) -> String {
    format!("{key}\n{}\n", code_at(key, time))
}

#[test]
fn a_replacement_killed_at_any_call_leaves_the_old_key_or_the_new_one() {
    throw_away(|system| {
        application::build(system);
        system.user("alice");
        let set = |key: &str| system.reads(at(T, Command::new(SET[0]).args(&SET[1..])), &proved(key, T));
        set(&key(0));
        let (calls, _) = calls(system, T, &SET, &proved(&key(1), T));
        let (mut old, mut new) = (0, 0);
        for (round, call) in (2..).step_by(2).zip(from("/pam_totp.toml", calls)) {
            let [before, after] = [key(round), key(round + 1)];
            set(&before);
            assert_eq!(listed("/var/lib/pam_totp/secrets"), ["alice.toml"], "the last round's leftover");
            let whole = read(SECRET);
            killed_at(system, &call, T, &SET, &proved(&after, T));
            let current = if read(SECRET) == whole {
                old += 1;
                before
            } else {
                new += 1;
                after
            };
            let files = listed("/var/lib/pam_totp/secrets");
            assert!(files.iter().all(|file| ["alice.toml", ".alice.toml.new"].contains(&file.as_str())), "{files:?}");
            // The code that proved the key is a used one, whatever became of the program.
            assert_eq!(login_at(system, T, "alice", &code_at(&current, T)), AUTH_ERR, "{call:?}");
            assert_eq!(login_at(system, T + 30, "alice", &code_at(&current, T + 30)), SUCCESS, "{call:?}");
            assert_eq!(login_at(system, T + 30, "alice", &code_at(&current, T + 30)), AUTH_ERR, "{call:?}");
        }
        assert!(old > 0 && new > 0, "{old} {new}");
        assert_eq!(system.log.count("store error"), 0);
        assert_eq!(system.log.count("was lost"), 0);
    });
}

#[test]
fn a_removal_killed_at_any_call_leaves_the_key_or_none_and_forgets_no_used_code() {
    throw_away(|system| {
        application::build(system);
        system.user("alice");
        let run = |time, arguments: &[&str], input: &str| {
            system.tries(at(time, Command::new("pam-totp").args(arguments)), input).status.code()
        };
        let remove = ["/usr/bin/pam-totp", "remove", "alice"];
        assert_eq!(run(T, &SET[1..], &proved(KEY, T)), Some(0));
        let (calls, _) = calls(system, T, &remove, "");
        let (mut kept, mut gone) = (0, 0);
        for (time, call) in (T + 90..).step_by(90).zip(from("/pam_totp.toml", calls)) {
            // The key that is there already would use up no code.
            assert!(matches!(run(time, &remove[1..], ""), Some(0 | 1)), "{call:?}");
            assert_eq!(run(time, &SET[1..], &proved(KEY, time)), Some(0));
            let whole = read(SECRET);
            killed_at(system, &call, time, &remove, "");
            if Path::new(SECRET).exists() {
                kept += 1;
                assert_eq!(read(SECRET), whole, "{call:?}");
                assert_eq!(login_at(system, time, "alice", &code(time)), AUTH_ERR, "{call:?}");
                assert_eq!(login_at(system, time + 30, "alice", &code(time + 30)), SUCCESS, "{call:?}");
                assert_eq!(run(time, &remove[1..], ""), Some(0), "{call:?}");
            } else {
                gone += 1;
                assert_eq!(login_at(system, time + 30, "alice", &code(time + 30)), AUTH_ERR, "{call:?}");
                assert_eq!(run(time, &remove[1..], ""), Some(1), "{call:?}");
            }
            assert!(listed("/var/lib/pam_totp/secrets").is_empty(), "{call:?}");
            assert_eq!(run(time, &["set", "--no-code", "alice"], &format!("{KEY}\n")), Some(0), "{call:?}");
            assert_eq!(login_at(system, time, "alice", &code(time)), AUTH_ERR, "{call:?}");
            assert_eq!(login_at(system, time + 60, "alice", &code(time + 60)), SUCCESS, "{call:?}");
        }
        assert!(kept > 0 && gone > 0, "{kept} {gone}");
    });
}

const ENROLLS: &str = "auth required pam_permit.so
auth required pam_totp.so nodelay
account required pam_totp.so
account required pam_permit.so
";

/// What became of bob's first login.
struct FirstLogin {
    key: String,
    /// The first of the backup codes, if they were asked to type one back; they did.
    backup: Option<String>,
    said: String,
}

/// Bob types the key that it shows, and its code, and what comes then.
fn enrolls(mut strace: Command) -> FirstLogin {
    let mut login = Once::with(strace.args([host::HOST, "once", "host", "bob", "2"]));
    login.sees("Key:     ");
    let key = login.sees("\n").replace(' ', "");
    login.answers("Verification code: ", &code_at(&key, T));
    let shown = login.may_say("\n(1) ").and_then(|_| login.may_say("\n"));
    let backup = shown.filter(|_| login.may_say("Backup code: ").is_some());
    if let Some(code) = &backup {
        login.types(code);
    }
    FirstLogin { key, backup, said: login.rest() }
}

#[test]
fn an_enrollment_at_login_killed_at_any_call_stores_the_key_or_lets_its_owner_enroll_again() {
    throw_away(|system| {
        application::build(system);
        host::build(system, &[]);
        system.stack("host", ENROLLS);
        system.policy("unenrolled = \"enroll\"\n");
        system.user("bob");
        let (secret, state) = ("/var/lib/pam_totp/secrets/bob.toml", "/var/lib/pam_totp/state/bob");
        // Whether there are backup codes: all of those that they were shown, or none.
        let serves = |FirstLogin { key, backup, .. }: &FirstLogin, what: &Call| {
            let enrollment = Enrollment::parse(&read(secret)).unwrap_or_else(|broken| panic!("{what:?}: {broken}"));
            assert_eq!(enrollment.devices[0].secret.to_base32().as_str(), key, "{what:?}");
            let entered = [T, T + 30, T + 30].map(|time| login_at(system, time, "bob", &code_at(key, time)));
            assert_eq!(entered, [AUTH_ERR, SUCCESS, AUTH_ERR], "{what:?}");
            let counts = enrollment.backup_codes.is_some();
            if let Some(code) = backup {
                let entered = [(); 2].map(|()| login_at(system, T, "bob", code));
                assert_eq!(entered, [if counts { SUCCESS } else { AUTH_ERR }, AUTH_ERR], "{what:?}");
            }
            assert!(!counts || backup.is_some(), "{what:?}: nobody has the codes");
            counts
        };
        let FirstLogin { said, .. } = enrolls(strace(T, &[]));
        assert!(said.contains("\n(10) ") && said.ends_with("ended 0\n"), "{said}");
        // Of draws one run makes more than another, so that which one is meant is not known: they change nothing.
        let calls = from("/state/bob\", O_RDWR", recorded()).into_iter().filter(|call| call.name != "getrandom");
        let calls: Vec<Call> = calls.collect();
        let (mut with_codes, mut without, mut lost) = (0, 0, 0);
        for call in &calls {
            for file in [secret, state] {
                fs::remove_file(file).expect("the next one starts afresh");
            }
            let login = enrolls(killing(call, T));
            was_killed(call);
            let files = listed("/var/lib/pam_totp/secrets");
            assert!(files.iter().all(|file| ["bob.toml", ".bob.toml.new"].contains(&file.as_str())), "{files:?}");
            if Path::new(secret).exists() {
                let counts = serves(&login, call);
                with_codes += usize::from(counts);
                without += usize::from(!counts);
                assert!(counts || !login.said.contains("Your backup codes are on."), "{call:?}: said too early");
            } else {
                lost += 1;
                assert!(login.backup.is_none(), "{call:?}: shown before the key was stored");
                let again = enrolls(strace(T, &[]));
                assert!(again.said.ends_with("ended 0\n"), "{call:?}: {}", again.said);
                assert_eq!(listed("/var/lib/pam_totp/secrets"), ["bob.toml"], "{call:?}: the leftover");
                assert!(serves(&again, call), "{call:?}");
            }
        }
        assert!(with_codes > 0 && without > 0 && lost > 0, "{with_codes} {without} {lost}");
        assert_eq!(system.log.count("store error") + system.log.count("internal error"), 0);
    });
}
