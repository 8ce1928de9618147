//! A program that runs, as it stands between two calls; and what it was started for.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use pam_totp::factor::record::Record;
use pam_totp::factor::record::slots;
use pam_totp::factor::throttle::Limits;

use crate::host::{Bytes, Content, trimmed};
use crate::keys::{PERIOD, Phone, Typed};

/// Fewer wrong codes and a shorter wait than the policy's, so that few steps reach them; but a wait that is longer than two
/// codes in a row take.
pub const LIMITS: Limits = Limits { free: 2, every: 120 };

/// Where a new phone goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Where {
    /// There must be none.
    First,
    Beside,
    /// All others are void.
    Instead,
}

/// What a program was started for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Deed {
    Login(Typed),
    /// A new phone.
    Set {
        phone: Phone,
        place: Where,
        proof: Option<u64>,
        owner: Option<Typed>,
    },
    /// New backup codes.
    Renew {
        set: u8,
        owner: Option<Typed>,
    },
    Remove,
    Unlock,
}

/// Which call comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Call {
    Open,
    SyncStateFolder,
    Lock,
    OpenRun,
    LockRun,
    /// Of the record in `/run`, where the disk is writable.
    LockLeftOver,
    /// Reads both files, and says what is to be written first.
    Read(Stage),
    /// What a program has left behind that died.
    SyncBefore,
    /// Writes the guess as a wrong one; behind it, the code is judged.
    Charge,
    /// Writes what came of a right code over the charge.
    Outcome,
    /// Writes any other record.
    Write,
    Sync,
    /// Takes the record in `/run` away, once the disk has a newer one.
    UnlinkRun,
    WriteTemporary,
    SyncTemporary,
    Rename,
    SyncSecrets,
    UnlinkSecret,
    Answer,
}

/// How far a transaction is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stage {
    Locked,
    /// The owner's code is judged, and that is on the disk.
    Authorized,
    /// The state serves old and new.
    ServesBoth,
    Over,
}

/// What is said at the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Said {
    Accepted,
    Used,
    Wrong,
    Waiting,
    /// The store refuses; the same for right and wrong codes.
    Error,
    Done,
    Refused,
}

/// A record as a program holds it: told from others by its bytes.
#[derive(Clone, Debug)]
pub struct Held(Arc<(Record, Bytes)>);

impl Held {
    pub fn new(record: Record) -> Self {
        let printed = trimmed(&slots::print(0, &record).unwrap_or_default());
        Self(Arc::new((record, printed)))
    }

    pub fn record(&self) -> &Record {
        &self.0.0
    }
}

impl Hash for Held {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        self.0.1.hash(hasher);
    }
}

impl PartialEq for Held {
    fn eq(&self, other: &Self) -> bool {
        self.0.1 == other.0.1
    }
}

/// A guess that is charged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Guess {
    /// Of whom: the host's own logins, or the door's callers.
    pub lane: usize,
    /// Two codes in a row.
    pub is_row: bool,
    pub is_wrong: bool,
    /// The observer has counted it.
    pub is_judged: bool,
}

/// A program that runs.
#[derive(Clone, Debug, PartialEq, Hash)]
pub struct Run {
    pub deed: Deed,
    pub call: Call,
    pub after: Stage,
    /// The state file on the disk, and the one in `/run` where the disk was found read-only.
    pub disk: Option<u8>,
    pub run: Option<u8>,
    /// The one in `/run` where the disk is writable.
    pub left: Option<u8>,
    pub read_only: bool,
    /// Sees the disk read-only whatever it is.
    pub is_sandboxed: bool,
    pub place: slots::NextSlot,
    /// What is written first: a charge, or all there is to write.
    pub record: Option<Held>,
    /// What is written over a charge.
    pub outcome: Option<Held>,
    pub guess: Option<Guess>,
    /// The line of a new phone, proved before the owner's code is judged.
    pub proved: Option<Held>,
    /// What a change still has to write.
    pub rest: Option<Rest>,
    pub left_over: bool,
    pub said: Option<Said>,
    /// Read before there was a lock: only a mutation does.
    pub early: bool,
    /// The clock has gone on since it began. Programs live for two seconds at most.
    pub is_late: bool,
    /// The clock has gone on since it read the record.
    pub has_aged: bool,
}

/// What is still to be written of a plan.
#[derive(Clone, Debug, PartialEq, Hash)]
pub struct Rest {
    /// The keys, before the record that serves both where a mistake has it so.
    pub keys: Option<Content>,
    pub after: Option<Held>,
}

/// Steps in so many seconds, rounded up.
pub fn steps(seconds: u64) -> u64 {
    seconds.div_ceil(PERIOD)
}
