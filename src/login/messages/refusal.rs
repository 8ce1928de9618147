//! Why nothing was changed, for those who asked for it. Pure.

use std::borrow::Cow;

use super::user;
use crate::factor::change::ChangeError;
use crate::factor::secret;
use crate::policy::access::Denied;
use crate::system::random::NoRandom;

const DEVICE_CODE_INVALID: &str = "The code of the device that is enrolled is invalid.";

/// The change cannot be.
pub fn change(error: &ChangeError) -> Cow<'static, str> {
    Cow::Borrowed(match error {
        ChangeError::AlreadyEnrolled => "already enrolled: --replace makes a new key and voids the old one",
        ChangeError::DeviceExists => {
            "there is already a device of that name: --replace gives it a new key, \
             another NAME adds a device"
        }
        ChangeError::NoSuchDevice => "there is no device of that name: `pam-totp status` shows them",
        ChangeError::WhichDevice => "there are several devices: say which with --device NAME",
        ChangeError::TooManyDevices => "a user can have five devices: remove one, or --replace one",
        ChangeError::OnlyDevice => "that is the only device: use `remove` without --device",
        ChangeError::OtherDigits => {
            "all devices of a user must have codes of the same number of digits: \
             leave --digits out"
        }
        ChangeError::SameKey => "a device of this user has this key already: use another key",
        ChangeError::NotConsecutive => {
            "these are not two codes in a row, or they are too far off: wait for \
             the next two and type both"
        }
        ChangeError::NoCounter => {
            "the device's counter was lost: root sets it with `pam-totp resync \
             USER --counter N`"
        }
        ChangeError::TooManyPairs => "too many wrong codes were entered just now: try again in 10 s",
        ChangeError::NotHotp => "only a device of type hotp has a counter: leave --counter out",
        ChangeError::NotEnrolled => "not enrolled",
        ChangeError::WrongCode { .. } => user::INVALID,
        ChangeError::UsedCode => user::USED,
        ChangeError::CodeNeeded => {
            "this needs a code of a device that is enrolled, or a backup code: \
             type one at the prompt, or as the last line of stdin"
        }
        ChangeError::CodeRefused { outcome, now } => {
            return user::refused(outcome, *now).map_or(Cow::Borrowed(DEVICE_CODE_INVALID), Cow::Owned);
        }
        ChangeError::NoRandom => return Cow::Owned(NoRandom.to_string()),
    })
}

/// This user may not do this.
pub fn denied(denied: Denied) -> &'static str {
    match denied {
        Denied::NotYours => "You are not authorized to modify another user",
        Denied::NotYoursToSee => "You are not authorized to look at another user",
        Denied::PolicyOff => "this host has codes switched off: nobody can enroll",
        Denied::NotSelf => "this host's policy (self_service) leaves that to its administrator",
        Denied::NoLogin => "an account that is root's or has no login shell is enrolled by root",
        Denied::Required => {
            "this host requires two-factor authentication of you: you can replace \
             it (`enroll --replace`), not remove it"
        }
        Denied::ShortKey => secret::TOO_SHORT,
        Denied::Closed => {
            "a hundred wrong codes came in a row: the user gets in with two codes in a row or a backup code, and only root \
             unlocks them"
        }
        Denied::NotDelegated => "this host's administrator has not delegated that to you",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_refused_reads_why() {
        assert_eq!(denied(Denied::NotYours), "You are not authorized to modify another user");
        assert_eq!(denied(Denied::NotYoursToSee), "You are not authorized to look at another user");
        assert_eq!(denied(Denied::ShortKey), "the key is too short: 128 bits (26 characters) at least");
    }
}
