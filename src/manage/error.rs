//! Why nothing was changed.

use std::fmt;

use crate::factor::change::ChangeError;
use crate::login::messages::user;
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
            Self::Refused(error) => refusal(error, f),
            Self::Denied(denied) => denied.fmt(f),
        }
    }
}

/// The sentences for a change that cannot be; here, because one of them is a login's.
fn refusal(error: &ChangeError, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match error {
        ChangeError::AlreadyEnrolled => f.write_str("already enrolled: --replace makes a new key and voids the old one"),
        ChangeError::DeviceExists => f.write_str("there is already a device of that name: --replace gives it a new key, another NAME adds a device"),
        ChangeError::NoSuchDevice => f.write_str("there is no device of that name: `pam-totp status` shows them"),
        ChangeError::WhichDevice => f.write_str("there are several devices: say which with --device NAME"),
        ChangeError::TooManyDevices => f.write_str("a user can have five devices: remove one, or --replace one"),
        ChangeError::OnlyDevice => {
            f.write_str("that is the only device: use `remove` without --device")
        }
        ChangeError::OtherDigits => f.write_str("all devices of a user must have codes of the same number of digits: leave --digits out"),
        ChangeError::SameKey => f.write_str("a device of this user has this key already: use another key"),
        ChangeError::NotConsecutive => f.write_str(
            "these are not two codes in a row, or they are too far off: wait for the next two and type both",
        ),
        ChangeError::NoCounter => {
            f.write_str("the device's counter was lost: root sets it with `pam-totp resync USER --counter N`")
        }
        ChangeError::TooManyPairs => f.write_str("too many wrong codes were entered just now: try again in 10 s"),
        ChangeError::NotHotp => f.write_str("only a device of type hotp has a counter: leave --counter out"),
        ChangeError::NotEnrolled => f.write_str("not enrolled"),
        ChangeError::WrongCode { .. } => f.write_str("The security code is invalid."),
        ChangeError::UsedCode => f.write_str("This code was already used. Take the next one."),
        ChangeError::CodeNeeded => f.write_str("this needs a code of a device that is enrolled, or a backup code: type one at the prompt, or as the last line of stdin"),
        ChangeError::CodeRefused { outcome, now } => {
            let invalid = "The code of the device that is enrolled is invalid.";
            f.write_str(user::refused(outcome, *now).as_deref().unwrap_or(invalid))
        }
        ChangeError::NoRandom => write!(f, "{NoRandom}"),
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
