//! The same where its owner asks for it at the door: pam-totpd broken off at every system call.

use super::*;
use crate::support::door::{VERIFY, knock};
use crate::support::strace;
use crate::support::system::User;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;
use std::process::Stdio;
use std::thread;

/// What an owner asks for, in the words of the door.
struct Wish {
    request: String,
    /// Their key before and after it.
    keys: [&'static str; 2],
}

fn replace(time: u64, [old, new]: [&'static str; 2]) -> Wish {
    let (code, current) = (code_at(new, time), code_at(old, time));
    let device = "device totp 30 SHA1 6 phone";
    let request = format!("set\nuser alice\n{device}\nkey {new}\ncode {code}\nreplace\ncount 2\ncurrent {current}");
    Wish { request, keys: [old, new] }
}

fn renew(time: u64, key: &'static str) -> Wish {
    let request = format!("backup-codes\nuser alice\ncount 2\ncurrent {}", code_at(key, time));
    Wish { request, keys: [key, key] }
}

/// The door with alice before it.
struct Broken<'a> {
    system: &'a System,
    alice: User,
    listener: UnixListener,
}

impl Broken<'_> {
    /// What she hears from a pam-totpd that is started in this way.
    fn says(&self, mut strace: Command, wish: &Wish) -> String {
        let message = format!("pam_totp 1\n{}\n\n", wish.request);
        thread::scope(|scope| {
            let hears = scope.spawn(|| knock(self.system, &self.alice, &message));
            let (connection, _) = self.listener.accept().expect("a connection");
            strace.arg("/usr/sbin/pam-totpd").stdin(OwnedFd::from(connection)).stderr(Stdio::null());
            let mut daemon = strace.spawn().expect("pam-totpd starts");
            // Or the connection would stay open here when it has ended there.
            drop(strace);
            daemon.wait().expect("it ends");
            hears.join().expect("an answer, or none")
        })
    }

    /// What is left is the old enrollment or the new one, and serves its owner; no code does twice.
    fn is_old_or_new(&self, before: &Before, wish: &Wish, heard: &str, what: &str) -> bool {
        let now = fs::read(SECRET).expect("a secret");
        let enrollment = Enrollment::parse(&now).unwrap_or_else(|broken| panic!("{what}: {broken}"));
        let is_old = before.secret.as_ref() == Some(&now);
        let key = wish.keys[usize::from(!is_old)];
        let found: Vec<_> = enrollment.devices.iter().map(|device| device.secret.to_base32().to_string()).collect();
        assert_eq!(found, [key], "{what}");
        let logs_in = |time: u64, code: &str| login_at(self.system, time, "alice", code) == SUCCESS;
        assert!(!logs_in(T, &code_at(key, T - 30)), "{what}: used before");
        let entered = [(); 2].map(|()| logs_in(T, &code_at(key, T)));
        // The code that the change was asked with, or that proved the new key.
        assert!(!entered[1] && (is_old || !entered[0]), "{what}: {entered:?}");
        assert_eq!([(); 2].map(|()| logs_in(T + 60, &code_at(key, T + 60))), [true, false], "{what}");
        // Whoever was shown backup codes has them.
        for code in heard.lines().filter_map(|line| line.strip_prefix("code ")) {
            assert_eq!([(); 2].map(|()| logs_in(T + 60, code)), [true, false], "{what}: {heard:?}");
        }
        is_old
    }
}

/// Breaks the door off at each call in some way; `disturb` starts it so and `check`s that it was.
fn each_wish(turns: usize, disturb: fn(&Call, usize) -> Command, check: fn(&Call)) {
    throw_away(|system| {
        application::build(system);
        let alice = system.user("alice");
        let before = Before::with(system, &[KEY]);
        let listener = UnixListener::bind(VERIFY).expect("a door");
        fs::set_permissions(VERIFY, fs::Permissions::from_mode(0o666)).expect("an open one");
        let door = Broken { system, alice, listener };
        for (turn, wish) in (0..turns).flat_map(|turn| [(turn, replace(T, [KEY, TABLET])), (turn, renew(T, KEY))]) {
            before.restore();
            let heard = door.says(strace::strace(T, &[]), &wish);
            assert!(heard.starts_with("pam_totp 1\ndone\ncode "), "{heard:?}");
            let calls = ours(strace::recorded());
            let (mut old, mut new) = (0, 0);
            for (round, call) in (turn..).zip(&calls) {
                before.restore();
                let what = format!("{:?} at {call:?}", wish.keys);
                let heard = door.says(disturb(call, round), &wish);
                check(call);
                let is_old = door.is_old_or_new(&before, &wish, &heard, &what);
                assert!(!(heard.contains("\ndone\n") && is_old), "{what}: said to be done");
                old += usize::from(is_old);
                new += usize::from(!is_old);
                if round % 8 == 0 {
                    let key = wish.keys[usize::from(!is_old)];
                    let heard = door.says(strace::strace(T + 90, &[]), &renew(T + 90, key));
                    assert!(heard.starts_with("pam_totp 1\ndone\n"), "{what}: {heard:?}");
                    assert_eq!(fs::read_dir("/var/lib/pam_totp/secrets").expect("the folder").count(), 1, "{what}");
                }
            }
            assert!(old > 0 && new > 0, "{:?}: {old} {new}", wish.keys);
        }
        assert_eq!(system.log.count("internal error"), 0);
        assert_eq!(system.log.count("holds the lock"), 0);
    });
}

#[test]
fn a_change_killed_at_any_call_of_the_door_leaves_the_old_enrollment_or_the_new_one() {
    each_wish(1, |call, _| strace::killing(call, T), strace::was_killed);
}

#[test]
fn a_change_of_which_any_call_of_the_door_fails_leaves_the_old_enrollment_or_the_new_one() {
    let disturb = |call: &Call, turn: usize| strace::failing(call, ERRORS[turn % ERRORS.len()], T);
    each_wish(effort(1, 3), disturb, strace::has_failed);
}
