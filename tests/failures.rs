//! System calls that fail, one after the other: a wrong code never gets in, a right one once at most.

use crate::support::application::{self, AUTH_ERR, SERVICE, SUCCESS, Said, login_at};
use crate::support::codes::code_at;
use crate::support::strace::{Call, calls, failing_at};
use crate::support::system::{KEY, throw_away};
use std::fs;

/// The beginning of a step.
const T: u64 = 1_800_000_000;
/// After that long a login gives the owner all free tries back.
const HOUR: u64 = 3_600;
const LOGIN: [&str; 3] = ["/usr/local/bin/application", SERVICE, "alice"];

fn code(time: u64) -> String {
    code_at(KEY, time)
}

/// What the module calls, from the policy to the log; not what the application asks, nor libpam's audit after it.
fn ours(calls: Vec<Call>) -> Vec<Call> {
    let from_the_policy = calls.into_iter().skip_while(|call| !call.line.contains("/pam_totp.toml"));
    let ours = from_the_policy.take_while(|call| !call.line.contains("NETLINK_AUDIT"));
    // An unlock fails on no file system; nix panics where it does, which is caught and refused.
    let others = ["(0, ", "(1, ", "LOCK_UN"];
    let ours: Vec<Call> = ours.filter(|call| others.iter().all(|other| !call.line.contains(other))).collect();
    assert!(ours.len() > 30, "{ours:?}");
    ours
}

#[test]
fn whatever_call_fails_a_wrong_code_never_gets_in_and_a_right_one_once_at_most() {
    throw_away(|system| {
        application::build(system);
        system.enrolled("alice");
        // Debian's own order, in which a look-up that failed looks like one that found nobody.
        system.file("/etc/nsswitch.conf", "passwd: files systemd\n");
        // Whoever is taken for one without a factor would get in.
        system.stack(SERVICE, "auth required pam_totp.so explain\nauth required pam_permit.so\n");
        system.policy("unenrolled = \"allow\"\n");
        let (calls, output) = calls(system, T, &LOGIN, &code(T));
        assert_eq!(Said::read(&output).codes, [SUCCESS]);
        let secret = fs::read("/var/lib/pam_totp/secrets/alice.toml").expect("the secret");
        let calls = ours(calls);
        let failures = calls.iter().flat_map(|call| ["EIO", "EMFILE", "EACCES"].map(|error| (call, error)));
        let mut refused = 0;
        for (time, (call, error)) in (T + HOUR..).step_by(7_200).zip(failures) {
            let failing = |code: &str| Said::read(&failing_at(system, call, error, time, &LOGIN, code));
            let wrong = failing(&code(time + 6_000));
            assert_eq!(wrong.codes, [AUTH_ERR], "{call:?} {error}: {wrong:?}");
            let right = failing(&code(time));
            let later = [(); 2].map(|()| login_at(system, time, "alice", &code(time)));
            if right.codes == [SUCCESS] {
                assert_eq!(later, [AUTH_ERR, AUTH_ERR], "{call:?} {error}");
            } else {
                refused += 1;
                assert_eq!(right, wrong, "{call:?} {error}");
                assert_eq!(later[1], AUTH_ERR, "{call:?} {error}");
            }
            assert_eq!(fs::read("/var/lib/pam_totp/secrets/alice.toml").expect("the secret"), secret);
            assert_eq!(login_at(system, time + 30, "alice", &code(time + 30)), SUCCESS, "{call:?} {error}");
        }
        assert!(refused > 30, "{refused}");
        assert_eq!(system.log.count("internal error"), 0);
    });
}
