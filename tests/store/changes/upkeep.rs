//! What root does to an enrollment without a new key, broken off at every system call: moving it, following its device,
//! ending its waits.

use super::*;
use crate::support::lanes;
use pam_totp::factor::record::Record;
use pam_totp::store::{FileStore, Store};
use std::collections::BTreeMap;

const FOLDERS: [&str; 3] = ["/var/lib/pam_totp/secrets", "/var/lib/pam_totp/state", "/run/pam_totp/state"];
const BOBS: &str = "/var/lib/pam_totp/secrets/bob.toml";
/// What a change changes anything with.
const CHANGES: [&str; 7] = ["openat", "pwrite64", "fdatasync", "fsync", "rename", "unlinkat", "write"];

/// In some way, so many times over; whether the change said that it was done.
type Disturb = (fn(&System, &Change, &Call, usize) -> bool, usize);

const KILLED: Disturb = (killed, 1);

fn failing_in_turn() -> Disturb {
    (failing, effort(1, 3))
}

/// All that is kept of everybody.
struct Kept(BTreeMap<String, Vec<u8>>);

impl Kept {
    fn now() -> Self {
        let entries = FOLDERS.iter().flat_map(|folder| fs::read_dir(folder).expect("a folder"));
        let paths = entries.map(|entry| entry.expect("an entry").path().display().to_string());
        Self(paths.map(|path| (path.clone(), fs::read(path).expect("a file"))).collect())
    }

    fn restore(&self) {
        for path in Self::now().0.keys() {
            fs::remove_file(path).expect("removes a file");
        }
        for (path, content) in &self.0 {
            let file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
            std::io::Write::write_all(&mut file.expect("a new file"), content).expect("writes");
        }
    }
}

/// A change that leaves the one key what it is.
fn kept(arguments: &'static [&'static str], input: String) -> Change {
    change(arguments, input, [&[KEY], &[KEY]])
}

/// The exit code of a change at another time and by another input, undisturbed.
fn again(system: &System, time: u64, change: &Change, input: &str) -> Option<i32> {
    system.tries(at(time, Command::new("pam-totp").args(change.arguments)), input).status.code()
}

/// What counts of alice's, be it on the disk or in `/run`.
fn record() -> Option<Record> {
    FileStore::open(Path::new("/var/lib/pam_totp")).and_then(|store| store.record("alice")).expect("a record")
}

/// The one key of a file, which is whole.
fn key_of(path: &str) -> Option<String> {
    let bytes = fs::read(path).ok()?;
    assert_eq!(fs::metadata(path).expect("the file").permissions().mode() & 0o777, 0o600, "{path}");
    let enrollment = Enrollment::parse(&bytes).unwrap_or_else(|broken| panic!("{path}: {broken}"));
    let [device] = &enrollment.devices[..] else { panic!("{path}: {enrollment:?}") };
    Some(device.secret.to_base32().to_string())
}

fn every(_: &Call) -> bool {
    true
}

/// Breaks a change off at each call, and has a look at what is left: whether it is the old or the new.
fn each_call(
    system: &System,
    change: &Change,
    of: impl Fn(&Call) -> bool,
    (disturb, turns): Disturb,
    is_old: impl Fn(&str) -> bool,
) {
    let before = Kept::now();
    let (calls, _) = calls(system, T, &change.program(), &change.input);
    let calls: Vec<Call> = ours(calls).into_iter().filter(of).collect();
    let (mut old, mut new) = (0, 0);
    for (round, call) in (0..turns).flat_map(|turn| (turn..).zip(&calls)) {
        before.restore();
        let what = format!("{:?} at {call:?}", change.arguments);
        let done = disturb(system, change, call, round);
        let is_old = is_old(&what);
        assert!(!(done && is_old), "{what}: said to be done");
        old += usize::from(is_old);
        new += usize::from(!is_old);
    }
    assert!(old > 0 && new > 0, "{:?}: {old} {new}", change.arguments);
    assert_eq!(system.log.count("internal error"), 0);
    assert_eq!(system.log.count("holds the lock"), 0);
}

/// One key lets in one of the two, and once; the same again goes on to the end.
fn is_alices(system: &System, rename: &Change, serves_one: bool, what: &str) -> bool {
    let [used, next, later] = [T - 30, T, T + 60].map(|time| code_at(KEY, time));
    let holders = [SECRET, BOBS].map(key_of);
    assert_eq!(holders.iter().flatten().collect::<Vec<_>>(), [KEY], "{what}");
    let is_alices = holders[0].is_some();
    for user in ["alice", "bob"] {
        assert_eq!(login_at(system, T, user, &used), AUTH_ERR, "{what}: {user}");
    }
    let entered = ["alice", "bob"].map(|user| login_at(system, T, user, &next) == SUCCESS);
    // Killed between the two renamings it is nobody's, which the same again fixes.
    assert!(entered != [true, true] && (!serves_one || entered != [false, false]), "{what}: {entered:?}");

    let said = if is_alices { &[0][..] } else { &[1, 3] };
    assert!(again(system, T, rename, "").is_some_and(|exit| said.contains(&exit)), "{what}");
    assert_eq!([SECRET, BOBS].map(key_of), [None, Some(KEY.to_owned())], "{what}");
    let files = fs::read_dir(FOLDERS[0]).expect("the folder").count();
    assert_eq!(files, 1, "{what}: something is left behind");
    let serves = if entered.contains(&true) { AUTH_ERR } else { SUCCESS };
    assert_eq!(login_at(system, T, "bob", &next), serves, "{what}");
    assert_eq!([(); 2].map(|()| login_at(system, T + 60, "bob", &later)), [SUCCESS, AUTH_ERR], "{what}");
    assert_eq!(login_at(system, T + 60, "alice", &later), AUTH_ERR, "{what}");
    is_alices
}

fn a_move(disturb: Disturb, serves_one: bool) {
    throw_away(|system| {
        application::build(system);
        system.user("alice");
        system.user("bob");
        Before::with(system, &[KEY]);
        let before = Kept::now();
        let rename = kept(&["rename", "alice", "bob"], String::new());
        each_call(system, &rename, every, disturb, |what| is_alices(system, &rename, serves_one, what));
        // The account goes first where it is renamed; then nobody gets in before its enrollment follows.
        system.runs(Command::new("userdel").arg("alice"));
        before.restore();
        let changes = |call: &Call| CHANGES.contains(&call.name.as_str()) && !call.line.contains("O_RDONLY");
        each_call(system, &rename, changes, disturb, |what| is_alices(system, &rename, false, what));
    });
}

/// A phone that is nine and a half minutes fast.
fn a_resync(disturb: Disturb) {
    throw_away(|system| {
        application::build(system);
        system.user("alice");
        let before = Before::with(system, &[KEY]).secret;
        let shown = |time: u64| code_at(KEY, time + 570);
        let two = |time: u64| format!("{}\n{}\n", shown(time - 30), shown(time));
        let resync = kept(&["resync", "alice"], two(T));
        let (first, second, next) = (shown(T - 30), shown(T), shown(T + 60));
        let (later, at_last) = (two(T + 60), shown(T + 120));
        each_call(system, &resync, every, disturb, |what| {
            assert_eq!(key_of(SECRET).as_deref(), Some(KEY), "{what}");
            let is_old = fs::read(SECRET).ok() == before;
            for (time, used) in [(T - 30, &first), (T, &second)] {
                assert_eq!(login_at(system, time, "alice", used), AUTH_ERR, "{what}");
            }
            if is_old {
                assert_eq!(again(system, T + 60, &resync, &later), Some(0), "{what}");
                assert_eq!(login_at(system, T + 60, "alice", &next), AUTH_ERR, "{what}");
            } else {
                let twice = [(); 2].map(|()| login_at(system, T + 60, "alice", &next));
                assert_eq!(twice, [SUCCESS, AUTH_ERR], "{what}");
            }
            assert_eq!(login_at(system, T + 120, "alice", &at_last), SUCCESS, "{what}");
            assert!(!Path::new("/var/lib/pam_totp/secrets/.alice.toml.new").exists(), "{what}");
            is_old
        });
    });
}

/// A token of which the code of 0 was used; it stands at 5.
fn a_counter(disturb: Disturb) {
    throw_away(|system| {
        application::build(system);
        system.user("alice");
        let mut set = Command::new("pam-totp");
        system.reads(set.args(["set", "--no-code", "--type", "hotp", "alice"]), &format!("{KEY}\n"));
        let output = system.runs(Command::new("oathtool").args(["--hotp", "--base32", "--window", "9", KEY]));
        let codes: Vec<String> = String::from_utf8(output.stdout).expect("digits").lines().map(str::to_owned).collect();
        assert_eq!(login_at(system, T, "alice", &codes[0]), SUCCESS);
        let before = record();
        let counter = kept(&["resync", "alice", "--counter", "5"], String::new());
        each_call(system, &counter, every, disturb, |what| {
            assert_eq!(key_of(SECRET).as_deref(), Some(KEY), "{what}");
            let is_old = record() == before;
            assert_eq!(login_at(system, T, "alice", &codes[0]), AUTH_ERR, "{what}");
            let serves = if is_old { SUCCESS } else { AUTH_ERR };
            assert_eq!([1, 1].map(|n| login_at(system, T, "alice", &codes[n])), [serves, AUTH_ERR], "{what}");
            assert_eq!(again(system, T, &counter, ""), Some(0), "{what}");
            let entered = [4, 5, 5, 6].map(|n| login_at(system, T, "alice", &codes[n]));
            assert_eq!(entered, [AUTH_ERR, SUCCESS, AUTH_ERR, SUCCESS], "{what}");
            is_old
        });
    });
}

/// Somebody has guessed until no single code is looked at.
fn an_unlock(disturb: Disturb) {
    throw_away(|system| {
        application::build(system);
        system.user("alice");
        Before::with(system, &[KEY]);
        let [used, next, later] = [T - 30, T, T + 60].map(|time| code_at(KEY, time));
        lanes::spent("alice", T);
        let before = record();
        let unlock = kept(&["unlock", "alice"], String::new());
        each_call(system, &unlock, every, disturb, |what| {
            assert_eq!(key_of(SECRET).as_deref(), Some(KEY), "{what}");
            let is_old = record() == before;
            assert_eq!(login_at(system, T, "alice", &used), AUTH_ERR, "{what}");
            let entered = [(); 2].map(|()| login_at(system, T, "alice", &next));
            assert_eq!(entered, if is_old { [AUTH_ERR; 2] } else { [SUCCESS, AUTH_ERR] }, "{what}");
            assert_eq!(again(system, T, &unlock, ""), Some(0), "{what}");
            let entered = [&used, &later, &later].map(|code| login_at(system, T + 60, "alice", code));
            assert_eq!(entered, [AUTH_ERR, SUCCESS, AUTH_ERR], "{what}");
            is_old
        });
    });
}

#[test]
fn a_change_killed_while_it_moves_an_enrollment_leaves_one_holder_of_the_key() {
    a_move(KILLED, false);
}

#[test]
fn a_change_of_which_a_call_fails_while_it_moves_an_enrollment_leaves_one_holder_of_the_key() {
    a_move(failing_in_turn(), true);
}

#[test]
fn a_change_killed_while_it_follows_a_device_leaves_it_here_or_there() {
    a_resync(KILLED);
}

#[test]
fn a_change_of_which_a_call_fails_while_it_follows_a_device_leaves_it_here_or_there() {
    a_resync(failing_in_turn());
}

#[test]
fn a_change_killed_while_it_sets_a_counter_leaves_the_old_one_or_the_new_one() {
    a_counter(KILLED);
}

#[test]
fn a_change_of_which_a_call_fails_while_it_sets_a_counter_leaves_the_old_one_or_the_new_one() {
    a_counter(failing_in_turn());
}

#[test]
fn a_change_killed_while_it_ends_waits_ends_them_or_leaves_them() {
    an_unlock(KILLED);
}

#[test]
fn a_change_of_which_a_call_fails_while_it_ends_waits_ends_them_or_leaves_them() {
    an_unlock(failing_in_turn());
}
