//! What a delegate asks for another user, in words. Pure.

use super::message::{DoorMessage, Fields, Malformed, parsed};
use crate::factor::backup::{LONGEST_LIFE, MAX_TEMPORARY, SHORTEST_LIFE};
use crate::policy::delegates::DelegatedRight;

/// What a delegate asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Errand {
    /// What a user has.
    Status,
    /// The same of each of the delegate's users.
    List,
    /// One code shall be enough again.
    Unlock,
    /// Remove the enrollment.
    Remove,
    /// So many backup codes that end by themselves.
    BackupCodes {
        /// How many.
        count: u8,
        /// Seconds from now: [`SHORTEST_LIFE`] to [`LONGEST_LIFE`].
        life: u64,
    },
}

impl Errand {
    /// The right that it takes.
    pub fn right(self) -> DelegatedRight {
        match self {
            Self::Status => DelegatedRight::Status,
            Self::List => DelegatedRight::List,
            Self::Unlock => DelegatedRight::Unlock,
            Self::Remove => DelegatedRight::Remove,
            Self::BackupCodes { .. } => DelegatedRight::BackupCodes,
        }
    }
}

impl DoorMessage {
    pub(super) fn errand(&mut self, errand: Errand) {
        if let Errand::BackupCodes { count, life } = errand {
            self.field("codes", &[&count.to_string(), &life.to_string()]);
        }
    }
}

impl Fields<'_> {
    pub(super) fn errand(&mut self, word: &str) -> Result<Errand, Malformed> {
        Ok(match DelegatedRight::ALL.into_iter().find(|right| right.word() == word).ok_or(Malformed)? {
            DelegatedRight::Status => Errand::Status,
            DelegatedRight::List => Errand::List,
            DelegatedRight::Unlock => Errand::Unlock,
            DelegatedRight::Remove => Errand::Remove,
            DelegatedRight::BackupCodes => {
                let [count, life] = self.one("codes")?;
                let (count, life): (u8, u64) = (parsed(count)?, parsed(life)?);
                let fits =
                    (1..=MAX_TEMPORARY).contains(&count.into()) && (SHORTEST_LIFE..=LONGEST_LIFE).contains(&life);
                if fits { Errand::BackupCodes { count, life } } else { return Err(Malformed) }
            }
        })
    }
}
