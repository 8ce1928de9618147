//! One answer, from what a store has seen to what it must write: in two pure steps, with the time handed in.
//!
//! [`charge`] says what must be on record before anything is compared that could be accepted; [`judge`] says what comes of
//! the answer. Neither changes anything, so a store that loses a race sees anew and asks both again.

use crate::factor::attempt::{self, Attempt, Decision, Outcome};
use crate::factor::backup::Stretched;
use crate::factor::enrollment::Enrollment;
use crate::factor::healing;
use crate::factor::record::Record;
use crate::factor::remember::Memory;
use crate::factor::secret::Answer;
use crate::factor::source::Source;
use crate::factor::throttle::{self, Limits};
use crate::system::clock::is_wrong;

/// What a store knows of a user beside the enrollment, while nobody else can change it.
#[derive(Clone, Debug)]
pub struct Seen {
    /// The newest record; `None` where it is lost.
    pub record: Option<Record>,
    /// When that record came to its place, in seconds since 1970, where that is known.
    pub born: Option<u64>,
    /// When the file was made to which the next record goes, likewise.
    pub made: Option<u64>,
    /// The record under the name that the keys go to, for a change that moves them.
    pub there: Option<Record>,
    /// Seconds since 1970, told once nobody else could come between: a login that waited must not be judged by the
    /// time at which they came.
    pub now: u64,
}

/// What somebody typed, and by what it is judged.
#[derive(Clone, Copy)]
pub struct Submission<'a> {
    /// What was typed.
    pub answer: &'a Answer,
    /// The answer stretched, if it has the shape of a backup code.
    pub stretched: Option<&'a Stretched>,
    /// Where it came from.
    pub source: Source,
    /// The policy's `window`: steps each way.
    pub window: u64,
    /// The policy's `[throttle]`.
    pub limits: Limits,
    /// The policy's `[remember]`, for a right one.
    pub memory: Option<&'a Memory>,
}

/// What came of an answer, and what the log should know beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The outcome, on disk already once somebody is told.
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
    /// Why the outcome could not be put on disk, in words for the log alone: right or wrong, it is told as a wrong one.
    pub fault: Option<String>,
    /// Seconds since 1970 at which it was judged.
    pub now: u64,
}

impl Verdict {
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
            clock_is_wrong: is_wrong(now),
            fault: None,
            now,
        }
    }

    fn of(&self, outcome: Outcome) -> Self {
        Self { outcome, ..self.clone() }
    }
}

/// What comes before an answer is judged.
#[expect(clippy::large_enum_variant, reason = "a box would take what lay on the stack, keys too, into the heap")]
pub enum FirstStep {
    /// Nothing that could be accepted is looked at: this is the answer, and what is to be written with it.
    Told(Verdict, Option<Record>),
    /// To be judged.
    ToJudge(ToJudge),
}

/// An answer that is to be judged.
pub struct ToJudge {
    due: attempt::DueGuess,
    /// As it will be told, but for the outcome.
    verdict: Verdict,
    /// The record healed, where that alone is to be written.
    healed: Option<Record>,
}

impl ToJudge {
    /// To be on record before: the guess counted as a wrong one. `None` for what nobody can guess.
    pub fn charged(&self) -> Option<&Record> {
        self.due.charged.as_ref()
    }

    /// What is told where the outcome could not be written behind the charge: right or wrong, the same.
    pub fn unwritten(&self, fault: String) -> Verdict {
        Verdict { fault: Some(fault), ..self.verdict.of(self.due.otherwise()) }
    }
}

/// The two steps, for a store to take under its lock, or again after a lost race.
pub trait Judging {
    /// [`charge`]
    fn charge(&self, enrollment: &Enrollment, seen: &Seen) -> FirstStep;
    /// [`judge`]
    fn judge(&self, enrollment: &Enrollment, seen: &Seen, due: &ToJudge) -> (Verdict, Option<Record>);
}

impl Judging for Submission<'_> {
    fn charge(&self, enrollment: &Enrollment, seen: &Seen) -> FirstStep {
        charge(enrollment, seen, self)
    }

    fn judge(&self, enrollment: &Enrollment, seen: &Seen, due: &ToJudge) -> (Verdict, Option<Record>) {
        judge(enrollment, seen, self, due)
    }
}

/// What the answer is, if that can be said without comparing anything that could be accepted; else the record with the
/// guess counted.
pub fn charge(enrollment: &Enrollment, seen: &Seen, submission: &Submission<'_>) -> FirstStep {
    let (now, window) = (seen.now, submission.window);
    let mut record = seen.record.clone().unwrap_or_default();
    // A healed record is written whatever the outcome, or its distance from the clock would never be crossed.
    let healed = healing::heal(enrollment, &mut record, now, window);
    let copied = healing::notice_copy(&mut record, seen.born, now, enrollment.backup_codes.is_some());
    let verdict = Verdict {
        healed,
        copied,
        counter_lost: enrollment.devices.iter().any(|device| healing::counter_lost(device, &record)),
        closed: throttle::is_closed(&record),
        clock_back: healing::clock_back(enrollment, &record, now, window),
        ..Verdict::told(Outcome::NotACode, now)
    };
    let changed = healed || copied;
    match attempt::charge(&submission.attempt(enrollment, now), &record) {
        attempt::GuessCharge::Told(Decision { outcome, write }) => {
            FirstStep::Told(verdict.of(outcome), write.or(changed.then_some(record)))
        }
        attempt::GuessCharge::Due(due) => {
            let closed = due.charged.as_ref().is_some_and(throttle::is_closed);
            let healed = (changed && due.charged.is_none()).then_some(record);
            FirstStep::ToJudge(ToJudge { due, verdict: Verdict { closed, ..verdict }, healed })
        }
    }
}

/// What comes of the answer, and the record to write before anybody hears it: of a wrong code the one with the guess
/// counted, of a right one that without the guess and with the code used.
pub fn judge(
    enrollment: &Enrollment,
    seen: &Seen,
    submission: &Submission<'_>,
    due: &ToJudge,
) -> (Verdict, Option<Record>) {
    let Decision { outcome, write } = attempt::judge(&submission.attempt(enrollment, seen.now), &due.due);
    let mut write = write.or_else(|| due.healed.clone());
    let accepted = matches!(outcome, Outcome::Accepted { .. });
    if let (true, Some(record), Some(memory)) = (accepted, &mut write, submission.memory) {
        memory.keep(record, seen.now);
    }
    (due.verdict.of(outcome), write.or_else(|| due.due.charged.clone()))
}

impl Submission<'_> {
    /// The same, of an enrollment and at a time.
    pub fn attempt<'b>(&'b self, enrollment: &'b Enrollment, now: u64) -> Attempt<'b> {
        let Self { answer, stretched, source, window, limits, .. } = *self;
        Attempt { enrollment, answer, stretched, source, now, window, limits }
    }
}
