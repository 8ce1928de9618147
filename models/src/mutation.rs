//! What could be wrong with the design or the code, each a way that somebody has gone. The checker must find every one.

use pam_totp::factor::attempt::{self, Attempt, GuessCharge};
use pam_totp::factor::plan::{Keys, Plan};
use pam_totp::factor::record::Record;
use pam_totp::factor::record::slots::{SLOT, Writing};
use pam_totp::factor::throttle::Limits;

use crate::keys::{PERIOD, Phone, Typed, WINDOW};
use crate::run::Said;
use crate::verdict::Verdict;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mutation {
    /// Two logins at once read one record.
    NoLock,
    /// The record is read before the lock is there, and not again.
    NoRecheck,
    /// The lock may be on a file that is no longer the one of that name.
    NoInodeCheck,
    /// Whether somebody is enrolled is looked at before the lock alone.
    NoSecondLook,
    /// A lost state starts a window ahead of the clock, as if no phone's clock were fast.
    DriftForgotten,
    /// A lost state starts beyond all time.
    HealedForEver,
    /// A lost state starts where a new one does.
    HealedFromNothing,
    /// A change renames the secret, and only then writes the state.
    SecretBeforeState,
    /// A change drops the old phone's line in its first commit.
    PrunedBeforeSecret,
    /// A change drops the old phone's line in its last one: set again, its used codes are fresh.
    VoidKeysForgotten,
    /// The secret is renamed before its bytes are on the disk.
    RenameBeforeSync,
    /// The secret is written over the old one.
    SecretInPlace,
    /// The answer does not wait for fdatasync.
    AnswerBeforeSync,
    /// A commit overwrites the only slot that is on the disk, where the writer of the newest one died.
    NoSyncBefore,
    /// What fdatasync could not write is left as it is, and the next fdatasync says that all is well.
    NotWrittenAgain,
    /// A commit writes both slots.
    BothSlots,
    /// A commit writes over the newer slot.
    NewestSlot,
    /// A code is judged, and only then is the guess written.
    JudgeBeforeCharge,
    /// The guess is written as a wrong one only where it is one.
    RightUncharged,
    /// The outcome goes to the other slot than the charge: over the only record that is on the disk.
    OutcomeInOtherSlot,
    /// Charge and outcome have one number, and where the disk turns read-only between the two the outcome goes to `/run`:
    /// nobody can tell which is the later one.
    OneSequence,
    /// Used codes are not told first: a user who types one pays for a wrong one.
    UsedCharged,
    /// A success fills the buckets.
    SuccessRefills,
    /// A wait is no wait.
    WaitIgnored,
    /// In a wait two codes in a row are not looked at either.
    RowsWait,
    /// Of two codes in a row only the first is used up.
    SecondHalfFresh,
    /// Of two codes in a row only the second must be a fresh one.
    FirstHalfUsed,
    /// A login believes two consecutive codes that are typed one behind the other, wherever they are.
    ResyncAtLogin,
    /// The window is all that counts: drift that followed who was late leaves their phone behind.
    ClockOutOfReach,
    /// A commit that failed is answered as if it had not.
    FailureIgnored,
    /// On a disk that is writable again its record counts alone.
    RunForgotten,
    /// The record in `/run` stays there when the disk is writable again.
    LeftOverStays,
    /// One who can write on the disk does not lock the record in `/run`.
    LeftOverUnlocked,
    /// One who has found no state file and cannot make it does not look again once it has locked the one in `/run`.
    NoLookBehindRun,
    /// `unlock` brings a state back to the clock, not to the furthest step.
    UnlockToNow,
    /// `unlock` lowers a state that lies in the future, and does not bar what was used of it.
    UnlockWithoutBand,
    /// Nothing is wrong, but this exception is not granted: one that nothing needs is none.
    Without(Exception),
}

/// What the design does not promise, because nothing on the host can know of it any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Exception {
    /// An administrator puts an older state file back: what was used since is fresh.
    Restored,
    /// The state is lost, and the clock went back: codes beyond the furthest step of the new time are fresh when their
    /// time comes again.
    LostAndBack,
    /// The state is lost while a key is not enrolled, and that key is set again.
    LostAndSet,
    /// The power goes while the disk is read-only: what was used since then was known in `/run` alone.
    RunLost,
    /// A program made the state file, another one went on with it, and the power goes before the first one has synced the
    /// folder: no file system of Linux loses the name of a file that was synced, but none must keep it.
    NameLost,
    /// The phone's clock is fast, and its owner types a code one step late, and another time one that is two steps late:
    /// the centre has followed them, and what the phone shows is beyond both the window and the clock. Two codes in a row
    /// are not.
    FastAndLate,
}

/// What a login goes by.
pub fn limits(limits: Limits, mutation: Option<Mutation>) -> Limits {
    let free = if mutation == Some(Mutation::WaitIgnored) { 20 } else { limits.free };
    Limits { free, ..limits }
}

/// What a mistaken login makes of an answer.
pub fn judged(
    verdict: Verdict,
    mutation: Option<Mutation>,
    attempt: &Attempt<'_>,
    record: &Record,
    typed: Typed,
) -> Verdict {
    match (mutation, typed) {
        (Some(Mutation::ResyncAtLogin), Typed::Code(phone, step)) => resync(verdict, attempt, record, phone, step),
        (Some(Mutation::ClockOutOfReach), Typed::Code(phone, step)) => {
            around_the_centre(verdict, attempt, record, phone, step)
        }
        (Some(Mutation::UsedCharged), Typed::Code(..)) if verdict.said == Said::Used => {
            let charge = match guessed(attempt, record) {
                GuessCharge::Due(due) => due.charged,
                GuessCharge::Told(_) => None,
            };
            Verdict { charge, ..verdict }
        }
        (Some(Mutation::RightUncharged), _) if verdict.said == Said::Accepted => {
            Verdict { charge: verdict.charge.map(|_| record.clone()), ..verdict }
        }
        (Some(Mutation::SuccessRefills), _) if verdict.said == Said::Accepted => changed(verdict, |record| {
            record.lanes.iter_mut().for_each(|lane| lane.full = 0);
            record.classes.clear();
        }),
        (Some(Mutation::RowsWait), Typed::Row(..)) => match guessed(attempt, record) {
            GuessCharge::Told(_) => Verdict { said: Said::Waiting, charge: None, write: None },
            GuessCharge::Due(_) => verdict,
        },
        (Some(Mutation::SecondHalfFresh), Typed::Row(_, step)) if verdict.said == Said::Accepted => {
            changed(verdict, |record| record.devices.iter_mut().for_each(|line| line.last = Some(step)))
        }
        (Some(Mutation::FirstHalfUsed), Typed::Row(phone, step)) => {
            let mut earlier = record.clone();
            let line = earlier.devices.iter_mut().find(|line| line.id == phone.device().id);
            let Some(line) = line.filter(|line| line.last == Some(step)) else { return verdict };
            line.last = Some(step - 1);
            Verdict::of(attempt, &earlier)
        }
        _ => verdict,
    }
}

/// What comes of a wrong code.
fn guessed(attempt: &Attempt<'_>, record: &Record) -> GuessCharge {
    attempt::charge(&Attempt { answer: &Typed::Wrong.answer(), stretched: None, ..*attempt }, record)
}

fn changed(mut verdict: Verdict, change: impl FnMut(&mut Record)) -> Verdict {
    verdict.write.iter_mut().for_each(change);
    verdict
}

/// A TOTP resynchronization at a login: the second of two consecutive codes within twenty steps. The first one is kept in
/// the record, in a line that nobody else reads.
fn resync(verdict: Verdict, attempt: &Attempt<'_>, record: &Record, phone: Phone, step: u64) -> Verdict {
    let near = step.abs_diff(attempt.now / PERIOD) <= 20;
    if !near || matches!(verdict.said, Said::Accepted | Said::Waiting) {
        return verdict;
    }
    let mut next = verdict.charge.as_ref().unwrap_or(record).clone();
    let second = next.other.contains(&format!("typed {}", step - 1));
    next.other.clear();
    if second {
        let line = next.devices.iter_mut().find(|line| line.id == phone.device().id);
        line.into_iter().for_each(|line| line.last = Some(step));
        return Verdict { said: Said::Accepted, write: Some(next), ..verdict };
    }
    next.other.push(format!("typed {step}"));
    match verdict.charge {
        Some(_) => Verdict { charge: Some(next), ..verdict },
        None => Verdict { write: Some(next), ..verdict },
    }
}

/// A login that looks around the centre alone.
fn around_the_centre(verdict: Verdict, attempt: &Attempt<'_>, record: &Record, phone: Phone, step: u64) -> Verdict {
    let drift = record.device(&phone.device().id).and_then(|line| line.drift);
    let far = |drift: i8| (attempt.now / PERIOD).saturating_add_signed(drift.into()).abs_diff(step) > WINDOW;
    if verdict.said != Said::Accepted || !drift.is_some_and(far) {
        return verdict;
    }
    Verdict { said: Said::Wrong, write: None, ..verdict }
}

/// What a mistaken change writes.
pub fn planned(mut plan: Plan, mutation: Option<Mutation>, clock: u64) -> Plan {
    let keeps = |keys: &Keys, id: &str| match keys {
        Keys::Replace(new) => new.devices.iter().any(|device| device.id == id),
        _ => true,
    };
    let (before, after) = (&mut plan.before, &mut plan.after);
    match mutation {
        Some(Mutation::SecretBeforeState) if plan.keys != Keys::Keep => *after = before.take().or(after.take()),
        Some(Mutation::PrunedBeforeSecret) => {
            before.iter_mut().chain(after).for_each(|record| record.devices.retain(|line| keeps(&plan.keys, &line.id)))
        }
        Some(Mutation::VoidKeysForgotten) => {
            after.iter_mut().for_each(|record| record.devices.retain(|line| keeps(&plan.keys, &line.id)));
        }
        Some(Mutation::UnlockToNow) if plan.keys == Keys::Keep => {
            let lines = before.iter_mut().flat_map(|record| &mut record.devices);
            lines.for_each(|line| line.last = line.last.map(|last| last.min(clock)));
        }
        Some(Mutation::UnlockWithoutBand) if plan.keys == Keys::Keep => {
            before.iter_mut().for_each(|record| record.barred.clear());
        }
        _ => {}
    }
    plan
}

/// Where a commit writes.
pub fn written(mut writing: Writing, mutation: Option<Mutation>) -> Writing {
    let one_slot = writing.bytes.len() == SLOT;
    match mutation {
        Some(Mutation::NewestSlot) if one_slot => writing.offset = SLOT as u64 - writing.offset,
        Some(Mutation::BothSlots) if one_slot => {
            writing.offset = 0;
            writing.bytes.extend_from_within(..);
        }
        _ => {}
    }
    writing
}
