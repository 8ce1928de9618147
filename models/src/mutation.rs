//! What could be wrong with the design or the code, each a way that somebody has gone. The checker must find every one.

use pam_totp::attempt::{Decision, Outcome, Via};
use pam_totp::state::{Record, SLOT, Writing};

use crate::keys::{Typed, WINDOW};

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
    /// A login believes two consecutive codes wherever they are.
    ResyncAtLogin,
    /// The window is all that counts: drift that followed who was late leaves his phone behind.
    ClockOutOfReach,
    /// A commit that failed is answered as if it had not.
    FailureIgnored,
    /// On a disk that is writable again its record counts alone.
    RunForgotten,
    /// The record in `/run` stays there when the disk is writable again.
    LeftOverStays,
    /// `unlock` brings a state back to the clock, not to the furthest step.
    UnlockToNow,
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
    /// `unlock` after the clock went back: the same.
    UnlockedAndBack,
    /// The power goes while the disk is read-only: what was used since then was known in `/run` alone.
    RunLost,
    /// A program made the state file, another one went on with it, and the power goes before the first one has synced the
    /// folder: no file system of Linux loses the name of a file that was synced, but none must keep it.
    NameLost,
    /// The state is lost, the disk is read-only, and it turns writable under a login: that one holds a lock in `/run`
    /// alone, and the next one a lock on the disk alone.
    TwoLocks,
    /// The phone's clock is fast, and its owner types a code one step late, and another time one that is two steps late:
    /// the centre has followed him, and what the phone shows is beyond both the window and the clock.
    FastAndLate,
}

/// A TOTP resynchronization at a login: the second of two consecutive codes within twenty steps.
pub fn resync(decision: Decision, record: &Record, typed: Typed, clock: u64) -> Decision {
    let Typed::Code(phone, step) = typed else { return decision };
    let near = step.abs_diff(clock) <= 20;
    if !near || matches!(decision.outcome, Outcome::Accepted { .. } | Outcome::Waiting { .. }) {
        return decision;
    }
    let mut record = decision.write.unwrap_or_else(|| record.clone());
    let id = &phone.device().id;
    let Some(line) = record.devices.iter_mut().find(|line| line.id == *id) else {
        return Decision { write: Some(record), ..decision };
    };
    let second = line.pending.is_some_and(|(first, _)| first + 1 == step);
    let outcome = if second {
        (line.last, line.pending) = (Some(step), None);
        Outcome::Accepted { via: Via::Device(id.clone()), since: None }
    } else {
        line.pending = Some((step, clock));
        decision.outcome
    };
    Decision { outcome, write: Some(record), clock_back: None }
}

/// A login that looks around the centre alone.
pub fn around_the_centre(decision: Decision, record: &Record, typed: Typed, clock: u64) -> Decision {
    let Typed::Code(phone, step) = typed else { return decision };
    let drift = record.device(&phone.device().id).and_then(|line| line.drift);
    let far = |drift: i8| clock.saturating_add_signed(drift.into()).abs_diff(step) > WINDOW;
    if !matches!(decision.outcome, Outcome::Accepted { .. }) || !drift.is_some_and(far) {
        return decision;
    }
    Decision { outcome: Outcome::Wrong { fails: 0, wait_until: None }, write: Some(record.clone()), clock_back: None }
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
