//! What every store must keep to: each code once, each guess counted, each change whole, whatever races, kills, tears or
//! turns newer. The store of a host and the one in memory pass it; another one becomes a [`Subject`].

use pam_totp::factor::attempt::Outcome;
use pam_totp::factor::change::{Change, ChangeError, Place, Proof};
use pam_totp::factor::enrollment::{Device, Enrollment};
use pam_totp::factor::judgment::{FirstStep, Judging, Seen, Submission, ToJudge, Verdict};
use pam_totp::factor::otp::{Algorithm, Digits, hotp, step};
use pam_totp::factor::record::Record;
use pam_totp::factor::secret::{Answer, Secret};
use pam_totp::factor::source::Source;
use pam_totp::factor::throttle::Limits;
use pam_totp::manage::{self, ManageError};
use pam_totp::policy::Policy;
use pam_totp::store::{Store, StoreError};
use pam_totp::system::account::Account;
use pam_totp::system::clock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

mod file;
mod memory;
mod promises;

/// An account that every host has.
const USER: &str = "daemon";
/// Whoever writes at once.
const AT_ONCE: usize = 64;

/// A kind of store, and what may happen to one.
trait Subject {
    /// A new one, with nobody in it.
    fn fresh(&self) -> Box<dyn Held>;
    /// With USER enrolled by key 1, this is done and ends in the middle: at every place where it can. What is left each time.
    fn interrupted(&self, work: Work, each: &dyn Fn(&dyn Store));
}

/// A store, and its medium.
trait Held: Sync {
    fn store(&self) -> &dyn Store;
    /// What may be left of USER's record by a write that was torn, or by a disk that forgets: each is put there in turn.
    fn torn(&self, each: &dyn Fn(&dyn Store));
    /// A later version has written USER's record.
    fn written_by_a_later_version(&self);
    /// USER's record, byte by byte.
    fn bytes(&self) -> Vec<u8>;
}

/// What is interrupted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Work {
    /// A login with what the phone with key 1 shows.
    Login,
    /// Root replaces key 1 by key 2.
    Replace,
}

fn account() -> Account {
    pam_totp::system::account::by_name(USER).expect("NSS").expect("an account that every host has")
}

fn device(key: u8) -> Device {
    Device::with_key(Secret::from_bytes(vec![key; 20].into()), "phone", 0)
}

/// What the phone with this key shows; the window forgives a step that ends meanwhile.
fn answer(key: u8, ahead: u64) -> Answer {
    let step = step(clock::now(), 30).saturating_add(ahead);
    Answer::new(hotp(&[key; 20], step, Algorithm::Sha1, Digits::SIX).as_bytes())
}

/// What it shows neither now nor soon.
fn wrong(key: u8) -> Answer {
    let now = step(clock::now(), 30);
    let shown = |step| hotp(&[key; 20], step, Algorithm::Sha1, Digits::SIX).as_bytes().to_vec();
    let near: Vec<Vec<u8>> = (now - 10..now + 10).map(shown).collect();
    let digits = (0..).map(|n: u32| format!("{n:06}").into_bytes()).find(|digits| !near.contains(digits));
    Answer::new(&digits.expect("twenty codes leave others"))
}

/// Both steps asked twice: the same each time, or a store that begins anew would do something else.
struct Twice<'a>(Submission<'a>);

impl Judging for Twice<'_> {
    fn charge(&self, enrollment: &Enrollment, seen: &Seen) -> FirstStep {
        let written = |step: &FirstStep| match step {
            FirstStep::Told(_, write) => write.clone(),
            FirstStep::ToJudge(due) => due.charged().cloned(),
        };
        let (first, second) = (self.0.charge(enrollment, seen), self.0.charge(enrollment, seen));
        assert_eq!(written(&first), written(&second));
        second
    }

    fn judge(&self, enrollment: &Enrollment, seen: &Seen, due: &ToJudge) -> (Verdict, Option<Record>) {
        let (first, second) = (self.0.judge(enrollment, seen, due), self.0.judge(enrollment, seen, due));
        assert_eq!(first, second);
        second
    }
}

fn types(store: &dyn Store, answer: &Answer) -> Result<Option<Outcome>, StoreError> {
    let (window, limits) = (1, Limits::default());
    let typed = Submission { answer, stretched: None, source: Source::Local, window, limits, memory: None };
    Ok(store.transact((&account()).into(), &Twice(typed))?.map(|judged| judged.verdict.outcome))
}

fn gets_in(store: &dyn Store, answer: &Answer) -> bool {
    matches!(types(store, answer), Ok(Some(Outcome::Accepted { .. })))
}

fn set(store: &dyn Store, key: u8, place: Place) -> Result<(), ManageError> {
    let change = Change::Set { device: device(key), proof: Proof::None, place, backup_codes: 0 };
    manage::apply(store, &Policy::default(), &account(), manage::Authority::Root, &change).map(drop)
}

fn enrolled(subject: &dyn Subject) -> Box<dyn Held> {
    let held = subject.fresh();
    set(held.store(), 1, Place::First).expect("enrolls");
    held
}

/// Of so many at once, how many did it.
fn at_once(work: &(dyn Fn() -> bool + Sync)) -> usize {
    let done = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| done.fetch_add(usize::from(work()), Ordering::SeqCst));
        }
    });
    done.into_inner()
}
