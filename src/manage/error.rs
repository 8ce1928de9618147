//! Why nothing was changed.

use std::fmt;

use crate::factor::change::ChangeError;
use crate::login::messages::refusal;
use crate::login::unavailable::{DoorError, Unavailable};
use crate::policy::access::Denied;
use crate::store::{NotDone, StoreError};
use crate::system::random::NoRandom;

/// Why nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ManageError {
    /// Nobody can make it now.
    Unavailable(Unavailable),
    /// The change cannot be.
    Refused(ChangeError),
    /// This user may not do this.
    Denied(Denied),
}

impl From<StoreError> for ManageError {
    fn from(error: StoreError) -> Self {
        Self::Unavailable(error.into())
    }
}

impl From<Denied> for ManageError {
    fn from(denied: Denied) -> Self {
        Self::Denied(denied)
    }
}

impl From<Unavailable> for ManageError {
    fn from(error: Unavailable) -> Self {
        Self::Unavailable(error)
    }
}

impl From<DoorError> for ManageError {
    fn from(error: DoorError) -> Self {
        Self::Unavailable(error.into())
    }
}

impl From<ChangeError> for ManageError {
    fn from(error: ChangeError) -> Self {
        Self::Refused(error)
    }
}

impl From<NoRandom> for ManageError {
    fn from(error: NoRandom) -> Self {
        Self::Refused(error.into())
    }
}

impl fmt::Display for ManageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unavailable(error) => error.fmt(f),
            Self::Refused(error) => f.write_str(&refusal::change(error)),
            Self::Denied(denied) => f.write_str(refusal::denied(*denied)),
        }
    }
}

impl std::error::Error for ManageError {}

impl From<NotDone> for ManageError {
    fn from(error: NotDone) -> Self {
        match error {
            NotDone::Store(error) => error.into(),
            NotDone::Refused(error) => Self::Refused(error),
        }
    }
}
