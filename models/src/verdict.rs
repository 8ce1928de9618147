//! What an answer comes to.

use pam_totp::factor::attempt::{self, Attempt, Decision, GuessCharge, Outcome};
use pam_totp::factor::record::Record;

use crate::run::Said;

/// What an answer comes to, and what is written for it.
pub struct Verdict {
    pub said: Said,
    /// Written before the code is judged.
    pub charge: Option<Record>,
    /// Written behind that, over the charge where there is one.
    pub write: Option<Record>,
}

impl Verdict {
    /// `attempt::charge` and `attempt::judge`. What they say depends on nothing that happens between the two, so it is known
    /// here before the charge is written. The observer looks when that is done.
    pub fn of(attempt: &Attempt<'_>, record: &Record) -> Self {
        let (Decision { outcome, write }, charge) = match attempt::charge(attempt, record) {
            GuessCharge::Told(decision) => (decision, None),
            GuessCharge::Due(due) => (attempt::judge(attempt, &due), due.charged),
        };
        let said = match outcome {
            Outcome::Accepted { .. } => Said::Accepted,
            Outcome::Used { .. } | Outcome::Later { .. } => Said::Used,
            Outcome::Wrong { .. } => Said::Wrong,
            Outcome::Waiting { .. } => Said::Waiting,
            Outcome::Twice { .. } | Outcome::NotACode | Outcome::Untold => Said::Refused,
        };
        Self { said, charge, write }
    }
}
