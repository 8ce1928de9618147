//! Which devices a user has once one has come, or one has gone. Pure.

use super::ManageError;
use crate::enrollment::{Device, MAX_DEVICES};

/// Where a new device goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// The user has none yet.
    First,
    /// Beside those that he has.
    Beside,
    /// Instead of the one of this name, or of the only one, whose name it takes.
    InsteadOf(Option<String>),
}

/// The devices with the new one in its place.
pub fn placed(mut devices: Vec<Device>, mut device: Device, place: &Place) -> Result<Vec<Device>, ManageError> {
    match place {
        _ if devices.is_empty() => devices.push(device),
        Place::First => return Err(ManageError::AlreadyEnrolled),
        Place::Beside if devices.iter().any(|old| old.name == device.name) => return Err(ManageError::DeviceExists),
        Place::Beside => devices.push(device),
        Place::InsteadOf(name) => {
            let old = named_mut(&mut devices, name.as_deref())?;
            device.name = std::mem::take(&mut old.name);
            *old = device;
        }
    }
    match devices.as_slice() {
        devices if devices.len() > MAX_DEVICES => Err(ManageError::TooManyDevices),
        // A login must know how many digits of an answer are the code.
        [first, rest @ ..] if rest.iter().any(|d| d.digits != first.digits) => Err(ManageError::OtherDigits),
        all if (1..).zip(all).any(|(next, d)| all.iter().skip(next).any(|other| other.id == d.id)) => {
            Err(ManageError::SameKey)
        }
        _ => Ok(devices),
    }
}

/// The devices without the named one, of which at least one must stay: who has none has no factor.
pub fn without(mut devices: Vec<Device>, name: &str) -> Result<Vec<Device>, ManageError> {
    named_mut(&mut devices, Some(name))?;
    devices.retain(|device| device.name != name);
    if devices.is_empty() { Err(ManageError::OnlyDevice) } else { Ok(devices) }
}

/// The device of this name, or the only one.
pub fn named_mut<'a>(devices: &'a mut [Device], name: Option<&str>) -> Result<&'a mut Device, ManageError> {
    match (name, devices) {
        (None, [only]) => Ok(only),
        (None, _) => Err(ManageError::WhichDevice),
        (Some(name), devices) => devices.iter_mut().find(|device| device.name == name).ok_or(ManageError::NoSuchDevice),
    }
}
