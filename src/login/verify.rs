//! The transaction of a login: lock, read, write the guess as a wrong one, judge, write the outcome, sync, and only then
//! answer.

use crate::factor::attempt::{self, Attempt, Charge, Decision, Due, Outcome};
use crate::factor::backup::{BackupShaped, Stretched};
use crate::factor::enrollment::{Device, Enrollment, Kind};
use crate::factor::healing;
use crate::factor::otp::{Algorithm, Digits};
use crate::factor::record::Record;
use crate::factor::remember::Memory;
use crate::factor::secret::{Answer, GENERATED_BYTES, Secret};
use crate::factor::source::Source;
use crate::factor::throttle;
use crate::policy::Policy;
use crate::store::files::locked::Locked;
use crate::store::{FileStore, StoreError};
use crate::system::account::Account;
use crate::system::clock;

/// What came of an answer, and what the log should know beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The outcome, on disk already.
    pub outcome: Outcome,
    /// The state was lost and has been made anew.
    pub healed: bool,
    /// The state was put back from a copy, and nobody has noticed before.
    pub copied: bool,
    /// A token is out of service until root gives its counter.
    pub counter_lost: bool,
    /// A hundred wrong codes in a row: single codes are not looked at anywhere.
    pub closed: bool,
    /// Seconds that the host's clock went back since a code was last accepted.
    pub clock_back: Option<u64>,
    /// Seconds that the device's clock is ahead of ours, if that explains a wrong code.
    pub clock_off: Option<i64>,
    /// The host's clock stands before this program was written.
    pub clock_is_wrong: bool,
    /// The outcome could not be put on disk: right or wrong, it is told as a wrong one. For the log alone.
    pub fault: Option<StoreError>,
    /// Seconds since 1970 at which it was judged.
    pub now: u64,
}

impl Verdict {
    /// What it came to, and whether a clock explains it.
    fn with(self, outcome: Outcome, fault: Option<StoreError>, attempt: &Attempt<'_>) -> Self {
        let wrong = matches!(outcome, Outcome::Wrong { .. }) && fault.is_none();
        let clock_off = if wrong { attempt.clock_off() } else { None };
        Self { outcome, clock_off, fault, ..self }
    }

    /// As somebody else has judged, who logs the rest.
    pub fn told(outcome: Outcome, now: u64) -> Self {
        Self {
            outcome,
            healed: false,
            copied: false,
            counter_lost: false,
            closed: false,
            clock_back: None,
            clock_off: None,
            clock_is_wrong: clock::is_wrong(now),
            fault: None,
            now,
        }
    }
}

/// Judges an answer for an account; a right one is remembered as `memory` says. `None`: the account has no factor
/// (any more).
pub fn verify(
    store: &FileStore,
    policy: &Policy,
    account: &Account,
    source: Source,
    answer: &Answer,
    memory: Option<&Memory>,
) -> Result<Option<Verdict>, StoreError> {
    let stretched = stretch(store, account, answer)?;
    let mut locked = store.lock(&account.name)?;
    let Some(enrollment) = locked.enrollment(account)? else { return Ok(None) };
    panic_here!("verify");
    judge(&mut locked, &enrollment, policy, source, answer, stretched.as_ref(), memory).map(Some)
}

/// The same under a lock that is held already: what proves a change is used up like a login's code.
pub fn judge(
    locked: &mut Locked<'_>,
    enrollment: &Enrollment,
    policy: &Policy,
    source: Source,
    answer: &Answer,
    stretched: Option<&Stretched>,
    memory: Option<&Memory>,
) -> Result<Verdict, StoreError> {
    let found = locked.record()?;
    // Only under the lock: whoever waited for it must not be judged by the time at which they came.
    let now = clock::now();
    let mut record = found.unwrap_or_default();
    let healed = healing::heal(enrollment, &mut record, now, policy.window);
    let copied = healing::notice_copy(&mut record, locked.born(), now, enrollment.backup_codes.is_some());
    let counter_lost = enrollment.devices.iter().any(|device| healing::counter_lost(device, &record));
    let attempt =
        Attempt { enrollment, answer, stretched, source, now, window: policy.window, limits: policy.throttle };
    let told = Verdict {
        healed,
        copied,
        counter_lost,
        closed: throttle::is_closed(&record),
        clock_back: healing::clock_back(enrollment, &record, now, policy.window),
        ..Verdict::told(Outcome::NotACode, now)
    };
    let changed = healed || copied;
    match attempt::charge(&attempt, &record) {
        // A healed record is written whatever the outcome, or its distance from the clock would never be crossed.
        Charge::Told(decision) => {
            let Decision { outcome, write } = decision;
            write.or(changed.then_some(record)).map_or(Ok(()), |record| locked.commit(&record))?;
            Ok(told.with(outcome, None, &attempt))
        }
        Charge::Due(due) => {
            let closed = due.charged.as_ref().is_some_and(throttle::is_closed);
            let (outcome, fault) = charged(locked, &attempt, &due, changed.then_some(record), memory)?;
            Ok(Verdict { closed, ..told }.with(outcome, fault, &attempt))
        }
    }
}

/// The charge, the judgement and the outcome. From the charge on no failure tells right from wrong: whoever makes calls
/// fail (a full disk, a limit) would hear of guesses that were right.
fn charged(
    locked: &mut Locked<'_>,
    attempt: &Attempt<'_>,
    due: &Due,
    healed: Option<Record>,
    memory: Option<&Memory>,
) -> Result<(Outcome, Option<StoreError>), StoreError> {
    if let Some(charge) = &due.charged {
        locked.charge(charge)?;
    }
    let Decision { outcome, write } = attempt::judge(attempt, due);
    let accepted = matches!(outcome, Outcome::Accepted { .. });
    let mut write = write.or(healed.filter(|_| due.charged.is_none()));
    if let (true, Some(record), Some(memory)) = (accepted, &mut write, memory) {
        memory.keep(record, attempt.now);
    }
    match (locked.settle(write.as_ref()), due.charged.is_some()) {
        (Ok(()), _) => Ok((outcome, None)),
        (Err(error), true) => Ok((due.otherwise(), Some(error))),
        (Err(error), false) => Err(error),
    }
}

/// The work of a wrong code, for somebody who has no factor.
pub fn in_vain(policy: &Policy, answer: &Answer) {
    let enrollment = nobody();
    let mut record = Record::default();
    let now = clock::now();
    healing::heal(&enrollment, &mut record, now, policy.window);
    let stretched = BackupShaped::recognize(answer.as_bytes()).map(|shaped| Stretched::in_vain(&shaped));
    let stretched = stretched.as_ref();
    let (source, window, limits) = (Source::Local, policy.window, policy.throttle);
    let attempt = Attempt { enrollment: &enrollment, answer, stretched, source, now, window, limits };
    attempt::decide(&attempt, &record);
    attempt.clock_off();
}

/// Stretching takes milliseconds, so it comes before the lock. What has the shape of a backup code costs them whoever
/// typed it, and whatever he has.
pub fn stretch(store: &FileStore, account: &Account, answer: &Answer) -> Result<Option<Stretched>, StoreError> {
    let Some(shaped) = BackupShaped::recognize(answer.as_bytes()) else { return Ok(None) };
    let set = store.enrollment(account)?.and_then(|e| e.backup_codes).filter(|set| set.has(shaped.form()));
    Ok(Some(set.map_or_else(|| Stretched::in_vain(&shaped), |set| Stretched::new(&shaped, &set))))
}

fn nobody() -> Enrollment {
    let device = Device {
        id: "nobody".into(),
        name: "nobody".into(),
        kind: Kind::Totp { period: 30 },
        secret: Secret::from_bytes(vec![0; GENERATED_BYTES].into()),
        algorithm: Algorithm::Sha1,
        digits: Digits::SIX,
        skew: 0,
        created: 0,
    };
    Enrollment { user: String::new(), uid: u32::MAX, devices: vec![device], backup_codes: None }
}
