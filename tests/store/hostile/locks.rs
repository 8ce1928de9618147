//! The lock: somebody else holds it, lets it go, or the file is another one by then.

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::thread;

use super::*;
use crate::support::until;
use pam_totp::store::Store;

/// Another process that holds a file's lock until it is let go.
struct Holder {
    process: Child,
    input: Option<ChildStdin>,
}

impl Holder {
    fn of(path: &Path) -> Self {
        let mut process = Command::new("flock")
            .arg("--exclusive")
            .arg(path)
            .args(["sh", "-c", "echo held; cat"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut said).unwrap();
        assert_eq!(said, "held\n");
        let input = process.stdin.take();
        Self { process, input }
    }

    fn lets_go(&mut self) {
        drop(self.input.take());
        assert!(self.process.wait().unwrap().success());
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        drop(self.input.take());
        let _ = self.process.wait();
    }
}

/// Waits until this process has opened the file, as a login does before it waits for the lock.
fn until_opened(path: &Path) {
    until("the file is opened", || {
        let mut open =
            fs::read_dir("/proc/self/fd").unwrap().filter_map(|entry| fs::read_link(entry.ok()?.path()).ok());
        open.any(|target| target == path)
    });
}

#[test]
fn a_lock_that_is_held_is_waited_for_one_second() {
    let place = Place::enrolled();
    let mut holder = Holder::of(&place.state());
    let before = place.snapshot();
    let start = Instant::now();
    assert_eq!(place.login(), Err(StoreError::Busy.into()));
    assert!(start.elapsed() >= Duration::from_secs(1), "{:?}", start.elapsed());
    let enrolled = in_time(|| place.enrolls(&place.account, 2, true));
    assert_eq!(enrolled, Err(ManageError::from(StoreError::Busy)));
    assert_eq!(place.snapshot(), before);
    holder.lets_go();
    place.gets_in();
}

#[test]
fn a_lock_that_is_let_go_is_taken() {
    let place = Place::enrolled();
    let mut holder = Holder::of(&place.state());
    thread::scope(|scope| {
        let login = scope.spawn(|| place.gets_in());
        until_opened(&place.state());
        holder.lets_go();
        login.join().unwrap();
    });
}

/// While a login holds the lock, the newest slot may be a guess that nobody has judged.
#[test]
fn who_only_looks_waits_a_moment_and_sees_no_guess_that_is_not_judged() {
    let place = Place::enrolled();
    place.gets_in();
    let store = place.store().unwrap();
    let looks = || store.record(USER).unwrap().unwrap();
    let before = looks();
    assert_eq!(before.row, 0);
    let mut locked = store.lock(USER).unwrap();
    let record = locked.record().unwrap().unwrap();
    locked.charge(&Record { row: 1, ..record.clone() }).unwrap();
    let start = Instant::now();
    assert_eq!(in_time(looks), before);
    assert!((50..900).contains(&start.elapsed().as_millis()), "{:?}", start.elapsed());
    locked.settle(Some(&Record { row: 2, ..record })).unwrap();
    drop(locked);
    assert_eq!(looks().row, 2);
    // Two who look do not wait for each other.
    let shared = fs::File::open(place.state()).unwrap();
    let shared = nix::fcntl::Flock::lock(shared, nix::fcntl::FlockArg::LockShared).unwrap();
    assert_eq!(looks().row, 2);
    drop(shared);
}

#[test]
fn nobodys_lock_stops_somebody_else() {
    let place = Place::enrolled();
    let root = account::by_name("root").unwrap().unwrap();
    place.enrolls(&root, 2, false).unwrap();
    let _holder = Holder::of(&place.path("state").join("root"));
    place.gets_in();
}

#[test]
fn a_state_that_was_replaced_meanwhile_is_the_one_that_counts() {
    let place = Place::enrolled();
    let fresh = fs::read(place.state()).unwrap();
    // In the new file the code was used.
    let typed = answer(1);
    assert!(matches!(place.types(&typed).unwrap().unwrap().outcome, Outcome::Accepted { .. }));
    let used = place.path("state").join("used");
    fs::copy(place.state(), &used).unwrap();
    fs::write(place.state(), &fresh).unwrap();

    let mut holder = Holder::of(&place.state());
    let old = fs::File::open(place.state()).unwrap();
    let verdict = thread::scope(|scope| {
        let login = scope.spawn(|| place.types(&typed));
        // The test's own handle on it is open already; so wait for a second one.
        until("the login has opened the file", || {
            let links = fs::read_dir("/proc/self/fd").unwrap();
            let targets = links.filter_map(|entry| fs::read_link(entry.ok()?.path()).ok());
            targets.filter(|target| *target == place.state()).count() >= 2
        });
        fs::rename(&used, place.state()).unwrap();
        holder.lets_go();
        login.join().unwrap()
    });
    let verdict = verdict.unwrap().unwrap();
    assert!(matches!(verdict.outcome, Outcome::Used { .. }), "{verdict:?}");
    assert_eq!(std::io::read_to_string(old).unwrap().into_bytes(), fresh, "nothing was written to the old one");
}

#[test]
fn no_lock_is_kept_by_a_login_that_was_refused() {
    let place = Place::enrolled();
    let secret = fs::read(place.secret()).unwrap();
    fs::write(place.secret(), "garbage").unwrap();
    assert!(place.login().is_err());
    fs::write(place.secret(), secret).unwrap();
    let mut holder = Holder::of(&place.state());
    holder.lets_go();
    place.gets_in();
}
