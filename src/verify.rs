//! The transaction of a login: lock, read, decide, write one record, and only then answer.

use crate::account::Account;
use crate::attempt::{self, Attempt, Outcome};
use crate::backup::{BackupShaped, Stretched};
use crate::clock;
use crate::enrollment::{Device, Enrollment, Kind};
use crate::otp::{Algorithm, Digits};
use crate::policy::Policy;
use crate::secret::{Answer, GENERATED_BYTES, Secret};
use crate::source::Source;
use crate::state::Record;
use crate::store::{Locked, Store, StoreError};
use crate::trust::Memory;

/// What came of an answer, and what the log should know beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The outcome, on disk already.
    pub outcome: Outcome,
    /// The state was lost and has been made anew.
    pub healed: bool,
    /// A token is out of service until root gives its counter.
    pub counter_lost: bool,
    /// Seconds that the host's clock went back since a code was last accepted.
    pub clock_back: Option<u64>,
    /// Seconds that the device's clock is ahead of ours, if that explains a wrong code.
    pub clock_off: Option<i64>,
    /// Seconds since 1970 at which it was judged.
    pub now: u64,
}

/// Judges an answer for an account; a right one is remembered as `memory` says. `None`: the account has no factor
/// (any more).
pub fn verify(
    store: &Store,
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
    // Only under the lock: whoever waited for it must not be judged by the time at which he came.
    let now = clock::now();
    let mut record = found.unwrap_or_default();
    let healed = attempt::heal(enrollment, &mut record, now, policy.window);
    let counter_lost = enrollment.devices.iter().any(|device| attempt::counter_lost(device, &record));
    let attempt =
        Attempt { enrollment, answer, stretched, source, now, window: policy.window, limits: policy.throttle };
    let mut decision = attempt::decide(&attempt, &record);
    if let (Outcome::Accepted { .. }, Some(record), Some(memory)) = (&decision.outcome, &mut decision.write, memory) {
        memory.keep(record, now);
    }
    // A healed record is written whatever the outcome, or its distance from the clock would never be crossed.
    if let Some(record) = decision.write.or(healed.then_some(record)) {
        locked.commit(&record)?;
    }
    let wrong = matches!(decision.outcome, Outcome::Wrong { .. });
    let clock_off = if wrong { attempt.clock_off() } else { None };
    Ok(Verdict { outcome: decision.outcome, healed, counter_lost, clock_back: decision.clock_back, clock_off, now })
}

/// The work of a wrong code, for somebody who has no factor.
pub fn in_vain(policy: &Policy, answer: &Answer) {
    let enrollment = nobody();
    let mut record = Record::default();
    let now = clock::now();
    attempt::heal(&enrollment, &mut record, now, policy.window);
    let stretched = BackupShaped::recognize(answer.as_bytes()).map(|shaped| Stretched::in_vain(&shaped));
    let stretched = stretched.as_ref();
    let (source, window, limits) = (Source::Local, policy.window, policy.throttle);
    let attempt = Attempt { enrollment: &enrollment, answer, stretched, source, now, window, limits };
    attempt::decide(&attempt, &record);
    attempt.clock_off();
}

/// Stretching takes milliseconds, so it comes before the lock. What has the shape of a backup code costs them whoever
/// typed it, and whatever he has.
pub fn stretch(store: &Store, account: &Account, answer: &Answer) -> Result<Option<Stretched>, StoreError> {
    let Some(shaped) = BackupShaped::recognize(answer.as_bytes()) else { return Ok(None) };
    let set = store.enrollment(account)?.and_then(|e| e.backup_codes).filter(|set| set.form == shaped.form());
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
