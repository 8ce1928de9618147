//! The second half of a login: an answer is judged by the store, each code once.

use crate::factor::attempt::{self, Attempt, Outcome};
use crate::factor::backup::{BackupShaped, Stretched};
use crate::factor::enrollment::{Device, Enrollment, Kind};
use crate::factor::healing;
use crate::factor::judgment::{Submission, Verdict};
use crate::factor::otp::{Algorithm, Digits};
use crate::factor::record::Record;
use crate::factor::remember::Memory;
use crate::factor::secret::{Answer, GENERATED_BYTES, Secret};
use crate::factor::source::Source;
use crate::policy::Policy;
use crate::store::{Store, StoreError, Transacted};
use crate::system::account::Account;
use crate::system::clock;

/// Judges an answer for an account; a right one is remembered as `memory` says. `None`: the account is not enrolled
/// (any more).
pub fn verify(
    store: &dyn Store,
    policy: &Policy,
    account: &Account,
    source: Source,
    answer: &Answer,
    memory: Option<&Memory>,
) -> Result<Option<Verdict>, StoreError> {
    let stretched = stretch(store, account, answer)?;
    let submission = submission(policy, source, answer, stretched.as_ref());
    let submission = Submission { memory, ..submission };
    Ok(store.transact(account.into(), &submission)?.map(|judged| explained(judged, &submission)))
}

/// What is asked of a store, by this policy.
pub fn submission<'a>(
    policy: &Policy,
    source: Source,
    answer: &'a Answer,
    stretched: Option<&'a Stretched>,
) -> Submission<'a> {
    Submission { answer, stretched, source, window: policy.window, limits: policy.throttle, memory: None }
}

/// Whether a clock explains a wrong code; told only once that is on disk.
fn explained(judged: Transacted, submission: &Submission<'_>) -> Verdict {
    let Transacted { enrollment, seen, verdict } = judged;
    let wrong = matches!(verdict.outcome, Outcome::Wrong { .. });
    // Told as wrong where it could not be written, it costs what a wrong one costs.
    let clock_off = if wrong { submission.attempt(&enrollment, seen.now).clock_off() } else { None };
    Verdict { clock_off: clock_off.filter(|_| verdict.fault.is_none()), ..verdict }
}

/// The work of a wrong code, for somebody who is not enrolled.
pub fn decoy(policy: &Policy, answer: &Answer) {
    let enrollment = nobody();
    let mut record = Record::default();
    let now = clock::now();
    healing::heal(&enrollment, &mut record, now, policy.window);
    let stretched = BackupShaped::recognize(answer.as_bytes()).map(|shaped| Stretched::decoy(&shaped));
    let stretched = stretched.as_ref();
    let (source, window, limits) = (Source::Local, policy.window, policy.throttle);
    let attempt = Attempt { enrollment: &enrollment, answer, stretched, source, now, window, limits };
    attempt::decide(&attempt, &record);
    attempt.clock_off();
}

/// Stretching takes milliseconds, so it comes before the lock. What has the shape of a backup code costs them for
/// every user, whatever they have.
pub fn stretch(store: &dyn Store, account: &Account, answer: &Answer) -> Result<Option<Stretched>, StoreError> {
    let Some(shaped) = BackupShaped::recognize(answer.as_bytes()) else { return Ok(None) };
    let set = store.enrollment(account.into())?.and_then(|e| e.backup_codes).filter(|set| set.has(shaped.form()));
    Ok(Some(set.map_or_else(|| Stretched::decoy(&shaped), |set| Stretched::new(&shaped, &set))))
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
