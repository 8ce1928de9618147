//! A change of what a user has: one vocabulary, from the command over the wire to the record, and why one cannot be. Pure.

use crate::factor::attempt::Outcome;
use crate::factor::enrollment::Device;
use crate::factor::record::DeviceState;
use crate::factor::secret::{Answer, Secret};
use crate::system::random::NoRandom;

/// A change of one user's enrollment.
#[derive(Clone, Debug)]
pub enum Change {
    /// A new device.
    Set {
        /// The new device.
        device: Device,
        /// How its key is known to be in the phone.
        proof: Proof,
        /// Where it goes.
        place: Place,
        /// How many backup codes to make with it. With none, a device beside others leaves theirs, and any other
        /// takes them away.
        backup_codes: u8,
    },
    /// A new set of so many backup codes; the old one is void.
    BackupCodes(u8),
    /// So many codes beside the set, in place of those that were made so before, for a help desk: they end by themselves.
    TemporaryCodes {
        /// How many: 1 to [`crate::factor::backup::MAX_TEMPORARY`].
        count: u8,
        /// Seconds since 1970.
        until: u64,
    },
    /// Remove the enrollment.
    Remove,
    /// Remove one device of several.
    RemoveDevice(String),
    /// End the remembered addresses. Needs no code: it takes nothing away but a login without one.
    Forget,
    /// Follow a device to where two consecutive codes show it: of this name, or whichever it is.
    Resync {
        /// The device.
        device: Option<String>,
        /// A code.
        first: Answer,
        /// The next one.
        second: Answer,
    },
    /// Put a token's counter here, or leave it where it is if that is further.
    Counter {
        /// The token, if there are several.
        device: Option<String>,
        /// The next counter.
        counter: u64,
    },
}

/// How a new key is known to be in the phone.
#[derive(Clone, Debug)]
pub enum Proof {
    /// By a code that it makes; the code counts as used.
    Code(Answer),
    /// By a code before, at the login that it is stored in.
    Before(DeviceState),
    /// Not at all.
    None,
}

/// Where a new device goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// The user has none yet.
    First,
    /// Beside those that they have.
    Beside,
    /// Instead of the one of this name, or of the only one, whose name it takes.
    InsteadOf(Option<String>),
}

/// What is asked for, as the policy decides it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed<'a> {
    /// To look.
    Look,
    /// To have an answer judged as a login's.
    Judge,
    /// A first enrollment with this key.
    Enroll(&'a Secret),
    /// A further device, with this key.
    Add(&'a Secret),
    /// Another key for one that is there.
    Replace(&'a Secret),
    /// To follow a device whose clock or counter has run away.
    Resync,
    /// To put a token's counter somewhere. Root's alone.
    Counter,
    /// A new set of backup codes.
    BackupCodes,
    /// Codes that a help desk reads out. Root's alone.
    TemporaryCodes,
    /// To end remembered addresses: it only makes logins stricter.
    Forget,
    /// To take one device of several off.
    RemoveDevice,
    /// To remove the enrollment.
    Remove,
}

impl Change {
    /// What the policy is asked. The deed comes from the change itself, so that what is allowed and what is done cannot
    /// differ.
    pub fn deed(&self) -> Deed<'_> {
        match self {
            Self::Set { device, place, .. } => Deed::set(place, &device.secret),
            Self::BackupCodes(_) => Deed::BackupCodes,
            Self::TemporaryCodes { .. } => Deed::TemporaryCodes,
            Self::Remove => Deed::Remove,
            Self::RemoveDevice(_) => Deed::RemoveDevice,
            Self::Forget => Deed::Forget,
            Self::Resync { .. } => Deed::Resync,
            Self::Counter { .. } => Deed::Counter,
        }
    }
}

impl<'a> Deed<'a> {
    /// What it is to put a device with this key into its place.
    pub fn set(place: &Place, key: &'a Secret) -> Self {
        match place {
            Place::First => Self::Enroll(key),
            Place::Beside => Self::Add(key),
            Place::InsteadOf(_) => Self::Replace(key),
        }
    }

    /// What the log says was done, before the user's name.
    pub fn done(self) -> &'static str {
        match self {
            Self::Look | Self::Judge => "looked at",
            Self::Enroll(_) => "enrolled",
            Self::Add(_) => "added a device for",
            Self::Replace(_) => "replaced a device of",
            Self::Resync => "resynchronized a device of",
            Self::Counter => "set the counter of a device of",
            Self::BackupCodes => "made new backup codes for",
            Self::TemporaryCodes => "made temporary backup codes for",
            Self::Forget => "ended the remembered addresses of",
            Self::RemoveDevice => "removed a device of",
            Self::Remove => "removed the enrollment of",
        }
    }

    /// What the policy's program is told was done, in one word; nothing of what changes nothing.
    pub fn event(self) -> Option<&'static str> {
        Some(match self {
            Self::Look | Self::Judge => return None,
            Self::Enroll(_) => "enrolled",
            Self::Add(_) => "device_added",
            Self::Replace(_) => "replaced",
            Self::Resync | Self::Counter => "resynced",
            Self::BackupCodes => "backup_codes",
            Self::TemporaryCodes => "temporary_backup_codes",
            Self::Forget => "addresses_forgotten",
            Self::RemoveDevice => "device_removed",
            Self::Remove => "removed",
        })
    }
}

/// Why a change cannot be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChangeError {
    /// There is an enrollment, and it was not said to replace it.
    AlreadyEnrolled,
    /// There is no enrollment.
    NotEnrolled,
    /// There is a device of that name.
    DeviceExists,
    /// There is no device of that name.
    NoSuchDevice,
    /// There are several devices, and it was not said which.
    WhichDevice,
    /// More devices than a record holds.
    TooManyDevices,
    /// The last device goes with the enrollment, and not by its name.
    OnlyDevice,
    /// Codes of another length than those of the other devices.
    OtherDigits,
    /// Another device has this key.
    SameKey,
    /// Two codes that no device shows one after the other.
    NotConsecutive,
    /// The token's counter was lost, and codes cannot bring it back.
    NoCounter,
    /// So many wrong pairs of codes came just now that no further one is looked at.
    TooManyPairs,
    /// A counter for a device that has none.
    NotHotp,
    /// The code does not prove the key.
    WrongCode {
        /// Seconds that the phone's clock is ahead of the host's, if that explains it.
        clock_off: Option<i64>,
    },
    /// The code proves the key, but was used already.
    UsedCode,
    /// A change by users themselves needs a code of what they have enrolled.
    CodeNeeded,
    /// That code is not right, or cannot be looked at now.
    CodeRefused {
        /// What came of it.
        outcome: Outcome,
        /// Seconds since 1970 at which it was judged.
        now: u64,
    },
    /// There is no chance to be had for keys and codes.
    NoRandom,
}

impl From<NoRandom> for ChangeError {
    fn from(_: NoRandom) -> Self {
        Self::NoRandom
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_is_what_is_done() {
        let device = Device::with_key(Secret::from_bytes(vec![7; 20].into()), "phone", 0);
        let key = device.secret.clone();
        let set = |place| Change::Set { device: device.clone(), proof: Proof::None, place, backup_codes: 0 };
        let code = || Answer::new(b"123456");
        let rows = [
            (set(Place::First), Deed::Enroll(&key), "enrolled", "enrolled"),
            (set(Place::Beside), Deed::Add(&key), "added a device for", "device_added"),
            (set(Place::InsteadOf(None)), Deed::Replace(&key), "replaced a device of", "replaced"),
            (Change::BackupCodes(10), Deed::BackupCodes, "made new backup codes for", "backup_codes"),
            (
                Change::TemporaryCodes { count: 1, until: 5 },
                Deed::TemporaryCodes,
                "made temporary backup codes for",
                "temporary_backup_codes",
            ),
            (Change::Remove, Deed::Remove, "removed the enrollment of", "removed"),
            (Change::RemoveDevice("phone".into()), Deed::RemoveDevice, "removed a device of", "device_removed"),
            (Change::Forget, Deed::Forget, "ended the remembered addresses of", "addresses_forgotten"),
            (
                Change::Resync { device: None, first: code(), second: code() },
                Deed::Resync,
                "resynchronized a device of",
                "resynced",
            ),
            (Change::Counter { device: None, counter: 5 }, Deed::Counter, "set the counter of a device of", "resynced"),
        ];
        for (change, deed, done, event) in rows {
            assert_eq!((change.deed(), deed.done(), deed.event()), (deed, done, Some(event)));
        }
        for look in [Deed::Look, Deed::Judge] {
            assert_eq!((look.done(), look.event()), ("looked at", None));
        }
    }
}
