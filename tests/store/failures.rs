//! System calls that fail, one after the other: a wrong code never gets in, a right one once at most.

use crate::support::application::{self, AUTH_ERR, SERVICE, SUCCESS, Said, login_at};
use crate::support::codes::code_at;
use crate::support::effort::effort;
use crate::support::lanes;
use crate::support::strace::{Call, calls, failing_at, failing_if_it_comes, trace};
use crate::support::system::{KEY, throw_away};
use pam_totp::store::{FileStore, Store};
use std::fs;
use std::path::Path;
use std::process::Command;

/// The beginning of a step.
const T: u64 = 1_800_000_000;
/// After that long two wrong codes are back in every bucket.
const REST: u64 = 28_800;
/// Where the charge is written, a call of this name; where the outcome is, which a wrong code has not, the second one.
const WRITES: &str = "pwrite64";
const RECORD: &str = "/var/lib/pam_totp/state/alice";
const LOGIN: [&str; 3] = ["/usr/local/bin/application", SERVICE, "alice"];

fn code(time: u64) -> String {
    code_at(KEY, time)
}

/// What a call can fail with: of the disk, of the limits that a caller sets, of a signal, of a kernel's policy.
const ERRORS: [&str; 7] = ["EIO", "ENOSPC", "EROFS", "EMFILE", "EINTR", "EACCES", "EFBIG"];

/// Each call with some of the errors, another some each time; with all of them where there is the time.
fn failures(calls: &[Call]) -> impl Iterator<Item = (&Call, &'static str)> {
    let each = effort(3, ERRORS.len());
    let errors = move |place: usize| (0..each).map(move |n| ERRORS[(place * each + n) % ERRORS.len()]);
    calls.iter().enumerate().flat_map(move |(place, call)| errors(place).map(move |error| (call, error)))
}

/// What the module calls, from the policy to the log; not what the application asks, nor libpam's audit after it.
fn ours(calls: Vec<Call>) -> Vec<Call> {
    let from_the_policy = calls.into_iter().skip_while(|call| !call.line.contains("/pam_totp.toml"));
    let ours = from_the_policy.take_while(|call| !call.line.contains("NETLINK_AUDIT"));
    // An unlock fails on no file system; nix panics where it does, which is caught and refused.
    let others = ["(0, ", "(1, ", "LOCK_UN"];
    let ours: Vec<Call> = ours.filter(|call| others.iter().all(|other| !call.line.contains(other))).collect();
    assert!(ours.len() > 25, "{ours:?}");
    ours
}

/// Those since the last login, be they counted on the disk or in `/run`.
fn wrong_codes() -> u32 {
    let record = FileStore::open(Path::new("/var/lib/pam_totp")).and_then(|store| store.record("alice"));
    record.expect("a whole record").and_then(|record| record.since).map_or(0, |since| since.count)
}

#[test]
fn whatever_call_fails_a_wrong_code_never_gets_in_and_a_right_one_once_at_most() {
    throw_away(|system| {
        application::build(system);
        system.enrolled("alice");
        // Debian's own order, in which a look-up that failed looks like one that found nobody.
        system.file("/etc/nsswitch.conf", "passwd: files systemd\n");
        // Whoever is taken for one who is not enrolled would get in.
        system.stack(SERVICE, "auth required pam_totp.so explain\nauth required pam_permit.so\n");
        system.policy("unenrolled = \"allow\"\n");
        let (calls, output) = calls(system, T, &LOGIN, &code(T));
        assert_eq!(Said::read(&output).codes, [SUCCESS]);
        let secret = fs::read("/var/lib/pam_totp/secrets/alice.toml").expect("the secret");
        let calls = ours(calls);
        let (mut refused, mut entered) = (0, 0);
        for (time, (call, error)) in (T + REST..).step_by(28_800).zip(failures(&calls)) {
            let failing = |code: &str| Said::read(&failing_at(system, call, error, time, &LOGIN, code));
            let (wrong, failed) = failing_if_it_comes(system, call, error, time, &LOGIN, &code(time + 6_000));
            let wrong = Said::read(&wrong);
            assert_eq!(failed, (call.name.as_str(), call.nth) != (WRITES, 2), "{call:?}");
            assert_eq!(wrong.codes, [AUTH_ERR], "{call:?} {error}: {wrong:?}");
            let counted = wrong_codes();
            let right = failing(&code(time));
            let later = [(); 2].map(|()| login_at(system, time, "alice", &code(time)));
            if right.codes == [SUCCESS] {
                // Whoever learns from an answer that it was wrong has had it counted.
                assert_eq!(counted, 1, "{call:?} {error}: {wrong:?}");
                entered += 1;
                assert_eq!(later, [AUTH_ERR, AUTH_ERR], "{call:?} {error}");
            } else {
                refused += 1;
                assert_eq!(right, wrong, "{call:?} {error}");
                assert_eq!(later[1], AUTH_ERR, "{call:?} {error}");
            }
            assert_eq!(fs::read("/var/lib/pam_totp/secrets/alice.toml").expect("the secret"), secret);
            assert_eq!(login_at(system, time + 30, "alice", &code(time + 30)), SUCCESS, "{call:?} {error}");
        }
        assert!(refused > 30 && entered > 5, "{refused} {entered}");
        assert_eq!(system.log.count("internal error"), 0);
    });
}

/// The kernel takes what it could not write for written. A record that nobody heard of may get lost with the power, but the
/// next login must not overwrite the only one that is on the disk.
#[test]
fn a_record_that_could_not_be_synced_is_written_again_and_none_over_one_that_cannot_be() {
    throw_away(|system| {
        application::build(system);
        system.enrolled("alice");
        system.stack(SERVICE, "auth required pam_totp.so explain\n");
        let record = || fs::read("/var/lib/pam_totp/state/alice").expect("the record");
        let (calls, output) = calls(system, T, &LOGIN, &code(T));
        assert_eq!(Said::read(&output).codes, [SUCCESS]);
        let [before, behind] = calls.iter().filter(|call| call.name == "fdatasync").collect::<Vec<_>>()[..] else {
            panic!("{calls:?}")
        };
        let failures = [(before, "EIO"), (behind, "EIO"), (behind, "EROFS"), (behind, "EACCES")];
        for (time, (call, error)) in (T + REST..).step_by(28_800).zip(failures) {
            let was = record();
            let failing = |typed: &str| {
                let said = Said::read(&failing_at(system, call, error, time, &LOGIN, typed));
                assert_eq!(said.codes, [AUTH_ERR]);
                let trace = trace();
                let (_, after) = trace.split_once("(INJECTED)").expect("the failure");
                assert_eq!(after.contains("pwrite64("), call.nth == 2, "{trace}");
                assert_eq!(record() == was, call.nth == 1, "{call:?}");
                said
            };
            assert_eq!(failing(&code(time + 6_000)), failing(&code(time)), "{call:?} {error}");
        }
        system.log.line("store error for alice: /var/lib/pam_totp/state/alice: I/O error");
    });
}

/// Whoever can make calls fail (a full disk, a limit, a file system of their own) hears nothing by it: neither from an
/// answer, nor by what is written.
#[test]
fn an_outcome_that_cannot_be_put_on_the_disk_is_told_as_a_wrong_code() {
    throw_away(|system| {
        application::build(system);
        system.enrolled("alice");
        system.stack(SERVICE, "auth required pam_totp.so explain\n");
        let (calls, output) = calls(system, T, &LOGIN, &code(T));
        assert_eq!(Said::read(&output).codes, [SUCCESS]);
        let named = |name: &str| calls.iter().filter(|call| call.name == name).collect::<Vec<_>>();
        let ([_, outcome], [_, behind]) = (&named(WRITES)[..], &named("fdatasync")[..]) else { panic!("{calls:?}") };
        let failures =
            [(outcome, "ENOSPC"), (outcome, "EROFS"), (behind, "EIO"), (behind, "EROFS"), (behind, "EACCES")];
        for (time, (call, error)) in (T + REST..).step_by(86_400).zip(failures) {
            // So few left that it is said how many.
            lanes::refilled("alice");
            lanes::wrong("alice", time, 11);
            let before = fs::read(RECORD).expect("the record");
            let types = |code: &str| {
                fs::write(RECORD, &before).expect("writes the record");
                let (output, _) = failing_if_it_comes(system, call, error, time, &LOGIN, code);
                let trace = trace();
                assert!(!trace.contains("root.sock") && !Path::new("/run/pam_totp/state/alice").exists(), "{trace}");
                (Said::read(&output), wrong_codes())
            };
            let stores = system.log.count("store error for alice: /var/lib/pam_totp/state/alice: ");
            let right = types(&code(time));
            assert_eq!(system.log.count("store error for alice: /var/lib/pam_totp/state/alice: "), stores + 1);
            let wrong = types(&code(time + 6_000));
            assert_eq!(right.0, wrong.0, "{call:?} {error}");
            assert_eq!(right.0.codes, [AUTH_ERR]);
            // An outcome that is there and perhaps not on the disk counts: the code is used up.
            assert_eq!((right.1, wrong.1), (if call.name == WRITES { 34 } else { 0 }, 34), "{call:?} {error}");
            let told = "3 Wrong code. 3 more here, then two codes in a row are asked for.";
            assert!(right.0.messages.iter().any(|message| message == told), "{right:?}");
            // What is not counted, as nobody guesses it, has an outcome all the same.
            if call.name != WRITES {
                let three = [0, 30, 60].map(|later| code(time + later)).join("-");
                assert_eq!(types(&three).0.codes, [AUTH_ERR], "{call:?} {error}");
            }
            fs::write(RECORD, &before).expect("writes the record");
            assert_eq!(login_at(system, time, "alice", &code(time)), SUCCESS);
        }
    });
}

/// No code is compared that was not counted before.
#[test]
fn a_charge_that_cannot_be_written_judges_nothing() {
    throw_away(|system| {
        application::build(system);
        system.enrolled("alice");
        let (calls, output) = calls(system, T, &LOGIN, &code(T));
        assert_eq!(Said::read(&output).codes, [SUCCESS]);
        let first = |name: &str| calls.iter().find(|call| call.name == name).expect("it comes");
        for (time, (call, error)) in (T + REST..).step_by(86_400).zip([
            (first(WRITES), "ENOSPC"),
            (first(WRITES), "EIO"),
            (first("fdatasync"), "EIO"),
        ]) {
            let before = fs::read(RECORD).expect("the record");
            for typed in [code(time), code(time + 6_000)] {
                let failed = system.log.count("store error for alice");
                assert_eq!(Said::read(&failing_at(system, call, error, time, &LOGIN, &typed)).codes, [AUTH_ERR]);
                assert_eq!(system.log.count("store error for alice"), failed + 1);
                assert!(fs::read(RECORD).expect("the record") == before, "{call:?}");
            }
            assert_eq!(login_at(system, time, "alice", &code(time)), SUCCESS, "it was not used up");
        }
        // Before anything was judged it may be tried again, on a disk that was read-only for a moment.
        let time = T + 9 * 86_400;
        let output = failing_at(system, first(WRITES), "EROFS", time, &LOGIN, &code(time));
        assert_eq!(Said::read(&output).codes, [SUCCESS]);
        assert_eq!(login_at(system, time, "alice", &code(time)), AUTH_ERR, "once");
    });
}

/// A backup code is written down on paper: it gets in once, whatever fails.
#[test]
fn whatever_call_fails_a_backup_code_gets_in_once_at_most() {
    throw_away(|system| {
        application::build(system);
        system.enrolled("alice");
        let made = || {
            let mut renew = Command::new("pam-totp");
            let output = system.runs(renew.args(["--json", "backup-codes", "--count", "20", "alice"]));
            let object: serde_json::Value = serde_json::from_slice(&output.stdout).expect("an object");
            let codes = object["backup_codes"].as_array().expect("codes").clone();
            codes.into_iter().map(|code| code.as_str().expect("a code").to_owned()).collect::<Vec<_>>()
        };
        let mut codes = made();
        let (calls, output) = calls(system, T, &LOGIN, &codes.pop().expect("a code"));
        assert_eq!(Said::read(&output).codes, [SUCCESS]);
        for (call, error) in failures(&ours(calls)) {
            let code = codes.pop().unwrap_or_else(|| {
                codes = made();
                codes.pop().expect("a code")
            });
            let first = Said::read(&failing_at(system, call, error, T, &LOGIN, &code)).codes;
            let later = [(); 2].map(|()| login_at(system, T, "alice", &code));
            let accepted = first.iter().chain(&later).filter(|answer| **answer == SUCCESS).count();
            assert!(accepted <= 1 && later[1] == AUTH_ERR, "{call:?} {error}: {first:?} {later:?}");
        }
    });
}

/// A desktop's lock lives for weeks: what fails once leaves nothing behind in it.
#[test]
fn after_a_call_that_failed_the_same_process_goes_on() {
    throw_away(|system| {
        application::build(system);
        system.enrolled("alice");
        let twice = ["/usr/local/bin/application", "-r", "2", SERVICE, "alice"];
        let answers = |time: u64| format!("{}\n{}\n", code(time), code(time + 30));
        let (calls, output) = calls(system, T, &twice, &answers(T));
        assert_eq!(Said::read(&output).codes, [SUCCESS, SUCCESS]);
        // Those of the first login. A kernel closes whatever it answers; strace does not.
        let calls: Vec<Call> = ours(calls).into_iter().filter(|call| call.name != "close").collect();
        for (time, (call, error)) in (T + REST..).step_by(28_800).zip(failures(&calls)) {
            let said = Said::read(&failing_at(system, call, error, time, &twice, &answers(time)));
            assert_eq!(said.codes.get(1), Some(&SUCCESS), "{call:?} {error}: {said:?}");
            let descriptors: Vec<&str> = said.messages.last().expect("the count").split(' ').collect();
            assert_eq!(descriptors[1], descriptors[2], "{call:?} {error}: {said:?}");
        }
    });
}
