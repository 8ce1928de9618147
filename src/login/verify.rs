//! The second half of a login: an answer is judged by the store, each code once.

use crate::factor::attempt::{self, Attempt, Outcome};
use crate::factor::backup::{BackupShaped, Stretched};
use crate::factor::enrollment::{Device, Enrollment, Kind};
use crate::factor::healing;
use crate::factor::judgment::{Question, Verdict};
use crate::factor::otp::{Algorithm, Digits};
use crate::factor::record::Record;
use crate::factor::remember::Memory;
use crate::factor::secret::{Answer, GENERATED_BYTES, Secret};
use crate::factor::source::Source;
use crate::policy::Policy;
use crate::store::{Judged, Store, StoreError};
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
    panic_here!("verify");
    let question = question(policy, source, answer, stretched.as_ref());
    let question = Question { memory, ..question };
    Ok(store.transact(account.into(), &question)?.map(|judged| explained(judged, &question)))
}

/// What is asked of a store, by this policy.
pub fn question<'a>(
    policy: &Policy,
    source: Source,
    answer: &'a Answer,
    stretched: Option<&'a Stretched>,
) -> Question<'a> {
    Question { answer, stretched, source, window: policy.window, limits: policy.throttle, memory: None }
}

/// Whether a clock explains a wrong code; told only once that is on disk.
fn explained(judged: Judged, question: &Question<'_>) -> Verdict {
    let Judged { enrollment, seen, verdict } = judged;
    let wrong = matches!(verdict.outcome, Outcome::Wrong { .. }) && verdict.fault.is_none();
    let clock_off = if wrong { question.attempt(&enrollment, seen.now).clock_off() } else { None };
    Verdict { clock_off, ..verdict }
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
pub fn stretch(store: &dyn Store, account: &Account, answer: &Answer) -> Result<Option<Stretched>, StoreError> {
    let Some(shaped) = BackupShaped::recognize(answer.as_bytes()) else { return Ok(None) };
    let set = store.enrollment(account.into())?.and_then(|e| e.backup_codes).filter(|set| set.has(shaped.form()));
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
