//! What every store does, in five verbs.

use super::error::StoreError;
use crate::factor::change::ChangeError;
use crate::factor::enrollment::Enrollment;
use crate::factor::judgment::{Judging, Seen, Verdict};
use crate::factor::plan::Planning;
use crate::factor::record::Record;
use crate::system::account::Account;

/// Whose keys: by name alone, or of the account that has that name now.
#[derive(Clone, Copy, Debug)]
pub struct Whose<'a> {
    /// The name that they are kept under.
    pub name: &'a str,
    /// They must be this account's: a name that was given away does not inherit them.
    pub account: Option<&'a Account>,
    /// The name that they go to, for a change that moves them.
    pub to: Option<&'a str>,
}

impl<'a> From<&'a str> for Whose<'a> {
    fn from(name: &'a str) -> Self {
        Self { name, account: None, to: None }
    }
}

impl<'a> From<&'a Account> for Whose<'a> {
    fn from(account: &'a Account) -> Self {
        Self { name: &account.name, account: Some(account), to: None }
    }
}

/// An answer that was judged, and that is on record.
pub struct Transacted {
    /// What it was judged by.
    pub enrollment: Enrollment,
    /// And what was seen beside that.
    pub seen: Seen,
    /// What came of it.
    pub verdict: Verdict,
}

/// Why a change was not carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotDone {
    /// The store refuses.
    Store(StoreError),
    /// The change cannot be made of what is there.
    Refused(ChangeError),
}

impl From<StoreError> for NotDone {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<ChangeError> for NotDone {
    fn from(error: ChangeError) -> Self {
        Self::Refused(error)
    }
}

/// What every store does. tests/store/conformance.rs holds each of them to it.
pub trait Store: Send + Sync {
    /// What a user has, as it is now; nobody is waited for.
    fn enrollment(&self, whose: Whose<'_>) -> Result<Option<Enrollment>, StoreError>;

    /// The newest record in which no guess is open, for looking at it; nobody is waited for.
    fn record(&self, name: &str) -> Result<Option<Record>, StoreError>;

    /// The names that are enrolled, in order.
    fn names(&self) -> Result<Vec<String>, StoreError>;

    /// Judges an answer, each code once. `None`: not enrolled. The charge is on record before it is judged, and the outcome
    /// before this returns; or both at once, where a lost race begins anew. Whatever fails behind the charge, right and
    /// wrong answers come to the same.
    fn transact(&self, whose: Whose<'_>, judging: &dyn Judging) -> Result<Option<Transacted>, StoreError>;

    /// Makes a change: whole, or not at all. `authority`: what proves the owner's right, where something is enrolled; it is
    /// used up like a login's.
    fn carry_out(
        &self,
        whose: Whose<'_>,
        authority: Option<&dyn Judging>,
        planning: &mut dyn Planning,
    ) -> Result<(), NotDone>;

    /// Is this name enrolled? Whatever is there counts, be it usable or not.
    fn is_enrolled(&self, name: &str) -> Result<bool, StoreError> {
        Ok(self.names()?.iter().any(|enrolled| enrolled == name))
    }

    /// Is anything kept under this name, be it a record alone?
    fn keeps(&self, name: &str) -> Result<bool, StoreError> {
        Ok(self.is_enrolled(name)? || self.record(name)?.is_some())
    }
}
