//! Every change of an enrollment, broken off at every system call: killed there, or with that call failing. What is
//! left is the old enrollment or the new one, whole; no code that was used counts again; the next one lets its owner
//! in.

use crate::support::application::{self, AUTH_ERR, SUCCESS, at, login_at};
use crate::support::codes::code_at;
use crate::support::effort::effort;
use crate::support::strace::{Call, calls, failing_at, killed_at};
use crate::support::system::{KEY, System, throw_away};
use pam_totp::factor::enrollment::Enrollment;
use std::fs;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::process::Command;

mod door;
mod upkeep;

const SECRET: &str = "/var/lib/pam_totp/secrets/alice.toml";
const STATE: &str = "/var/lib/pam_totp/state/alice";
/// Thousands of refusals, each of which would wait for its beat.
const HURRIES: &str = "auth required pam_totp.so nodelay\n";
/// The beginning of a step.
const T: u64 = 1_800_000_000;
const TABLET: &str = "GEZDGNBVGY3TQOJQJBSWY3DPEHPK3PXP";
/// What a call can fail with, each call with another one.
const ERRORS: [&str; 7] = ["EIO", "ENOSPC", "EROFS", "EMFILE", "EINTR", "EACCES", "EFBIG"];

/// A change as a program makes it.
struct Change {
    /// What pam-totp is called with.
    arguments: &'static [&'static str],
    /// What it reads.
    input: String,
    /// The keys before and after it.
    keys: [&'static [&'static str]; 2],
}

/// What google-authenticator keeps, in which the code of T was used.
const THEIRS: &str = "/root/alice.google_authenticator";

fn change(arguments: &'static [&'static str], input: String, keys: [&'static [&'static str]; 2]) -> Change {
    Change { arguments, input, keys }
}

/// A key comes.
fn coming() -> Vec<Change> {
    let proved = |key: &str| format!("{key}\n{}\n", code_at(key, T));
    vec![
        change(&["set", "alice"], proved(KEY), [&[], &[KEY]]),
        change(&["set", "alice", "--replace"], proved(TABLET), [&[KEY], &[TABLET]]),
        change(
            &["set", "alice", "--device", "tablet", "--backup-codes", "2"],
            proved(TABLET),
            [&[KEY], &[KEY, TABLET]],
        ),
        // Nothing is read but that file.
        change(&["import", "google-authenticator", THEIRS, "--user", "alice"], proved(KEY), [&[], &[KEY]]),
    ]
}

/// One goes, or none.
fn going() -> Vec<Change> {
    vec![
        change(&["remove", "alice", "--device", "tablet"], String::new(), [&[KEY, TABLET], &[KEY]]),
        change(&["backup-codes", "alice"], String::new(), [&[KEY], &[KEY]]),
        change(&["backup-codes", "alice", "--expires", "8h"], String::new(), [&[KEY], &[KEY]]),
        change(&["remove", "alice"], String::new(), [&[KEY], &[]]),
    ]
}

/// Files as they were before a change.
struct Before {
    secret: Option<Vec<u8>>,
    state: Option<Vec<u8>>,
}

impl Before {
    /// Everybody with these keys, each of which has let its owner in at T - 30.
    fn with(system: &System, keys: &[&str]) -> Self {
        for (key, device) in keys.iter().zip(["phone", "tablet"]) {
            let mut set = Command::new("pam-totp");
            system.reads(set.args(["set", "--no-code", "--device", device, "alice"]), &format!("{key}\n"));
            assert_eq!(login_at(system, T - 30, "alice", &code_at(key, T - 30)), SUCCESS);
        }
        Self { secret: fs::read(SECRET).ok(), state: fs::read(STATE).ok() }
    }

    fn restore(&self) {
        let _ = fs::remove_file("/run/pam_totp/state/alice");
        for (path, content) in [(SECRET, &self.secret), (STATE, &self.state)] {
            let _ = fs::remove_file(path);
            if let Some(content) = content {
                let file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
                std::io::Write::write_all(&mut file.expect("a new file"), content).expect("writes");
            }
        }
    }
}

/// The calls that are about our files, from the policy on.
fn ours(calls: Vec<Call>) -> Vec<Call> {
    let calls: Vec<Call> = calls.into_iter().skip_while(|call| !call.line.contains("/pam_totp.toml")).collect();
    assert!(calls.len() > 20, "{calls:?}");
    calls
}

impl Change {
    fn program(&self) -> Vec<&'static str> {
        [&["/usr/bin/pam-totp"], self.arguments].concat()
    }

    /// What is there is the old enrollment or the new one, and serves its owner.
    fn is_old_or_new(&self, system: &System, before: &Before, what: &str) -> bool {
        let files: Vec<_> = fs::read_dir("/var/lib/pam_totp/secrets").expect("the folder").collect();
        let known = |name: &str| ["alice.toml", ".alice.toml.new"].contains(&name);
        assert!(files.iter().flatten().all(|file| file.file_name().to_str().is_some_and(known)), "{what}: {files:?}");
        let now = fs::read(SECRET).ok();
        let is_old = now == before.secret;
        let keys = self.keys[usize::from(!is_old)];
        let found = now.map_or_else(Vec::new, |bytes| {
            let mode = fs::metadata(SECRET).expect("the secret").permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{what}");
            let enrollment = Enrollment::parse(&bytes).unwrap_or_else(|broken| panic!("{what}: {broken}"));
            enrollment.devices.iter().map(|device| device.secret.to_base32().to_string()).collect()
        });
        assert_eq!(found, keys, "{what}");
        for key in [KEY, TABLET] {
            for used in [T - 30, T] {
                // What let somebody in, or proved the key, never does again; what did neither may.
                let proves = self.input.contains(key) && used == T;
                if proves && !keys.contains(&key) || !proves && used == T {
                    continue;
                }
                assert_eq!(login_at(system, T, "alice", &code_at(key, used)), AUTH_ERR, "{what}: {used}");
            }
            let serves = if keys.contains(&key) { SUCCESS } else { AUTH_ERR };
            assert_eq!(login_at(system, T + 60, "alice", &code_at(key, T + 60)), serves, "{what}");
            assert_eq!(login_at(system, T + 60, "alice", &code_at(key, T + 60)), AUTH_ERR, "{what}");
        }
        is_old
    }

    /// The same once more, undisturbed: it takes up whatever was left, or says that there is nothing to do.
    fn goes_on(&self, system: &System, what: &str) {
        // The key that is there already would change nothing.
        for key in [&crate::support::codes::key(9), KEY] {
            let mut replace = Command::new("pam-totp");
            replace.args(["set", "--no-code", "--replace", "alice"]);
            if self.keys[0].len() + self.keys[1].len() > 2 {
                replace.args(["--device", "phone"]);
            }
            system.reads(at(T + 90, &mut replace), &format!("{key}\n"));
        }
        assert!(!Path::new("/var/lib/pam_totp/secrets/.alice.toml.new").exists(), "{what}");
        assert_eq!(login_at(system, T + 120, "alice", &code_at(KEY, T + 120)), SUCCESS, "{what}");
    }
}

/// Breaks each change off at each call in some way; `disturb` says whether the change said that it was done.
fn each_change(changes: fn() -> Vec<Change>, turns: usize, disturb: impl Fn(&System, &Change, &Call, usize) -> bool) {
    throw_away(|system| {
        application::build(system);
        system.file("/etc/pam.d/application", HURRIES);
        system.user("alice");
        system.file(THEIRS, &format!("{KEY}\n\" DISALLOW_REUSE {}\n\" TOTP_AUTH\n", T / 30));
        fs::set_permissions(THEIRS, fs::Permissions::from_mode(0o600)).expect("sets the mode");
        for (turn, change) in (0..turns).flat_map(|turn| changes().into_iter().map(move |change| (turn, change))) {
            Before { secret: None, state: None }.restore();
            let before = Before::with(system, change.keys[0]);
            let (calls, _) = calls(system, T, &change.program(), &change.input);
            let (mut old, mut new) = (0, 0);
            for (round, call) in ours(calls).iter().enumerate() {
                before.restore();
                let what = format!("{:?} at {call:?}", change.arguments);
                let done = disturb(system, &change, call, round + turn);
                let is_old = change.is_old_or_new(system, &before, &what);
                assert!(!(done && is_old), "{what}: said to be done");
                old += usize::from(is_old);
                new += usize::from(!is_old);
                if round % 8 == 0 {
                    change.goes_on(system, &what);
                }
            }
            assert!(old > 0 && new > 0, "{:?}: {old} {new}", change.arguments);
        }
        assert_eq!(system.log.count("internal error"), 0);
        assert_eq!(system.log.count("holds the lock"), 0);
    });
}

fn killed(system: &System, change: &Change, call: &Call, _: usize) -> bool {
    killed_at(system, call, T, &change.program(), &change.input);
    false
}

fn failing(system: &System, change: &Change, call: &Call, turn: usize) -> bool {
    let error = ERRORS[turn % ERRORS.len()];
    failing_at(system, call, error, T, &change.program(), &change.input).status.success()
}

#[test]
fn a_change_killed_at_any_call_leaves_the_old_enrollment_or_the_new_one_where_a_key_comes() {
    each_change(coming, 1, killed);
}

#[test]
fn a_change_killed_at_any_call_leaves_the_old_enrollment_or_the_new_one_where_one_goes() {
    each_change(going, 1, killed);
}

#[test]
fn a_change_of_which_any_call_fails_leaves_the_old_enrollment_or_the_new_one_where_a_key_comes() {
    each_change(coming, effort(1, ERRORS.len()), failing);
}

#[test]
fn a_change_of_which_any_call_fails_leaves_the_old_enrollment_or_the_new_one_where_one_goes() {
    each_change(going, effort(1, ERRORS.len()), failing);
}
