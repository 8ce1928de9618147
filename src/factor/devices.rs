//! Which devices a user has once one has come, or one has gone. Pure.

use crate::factor::change::{ChangeError, Place};
use crate::factor::enrollment::{Device, MAX_DEVICES};

/// The devices with the new one in its place.
pub fn placed(mut devices: Vec<Device>, mut device: Device, place: &Place) -> Result<Vec<Device>, ChangeError> {
    match place {
        _ if devices.is_empty() => devices.push(device),
        Place::First => return Err(ChangeError::AlreadyEnrolled),
        Place::Beside if devices.iter().any(|old| old.name == device.name) => return Err(ChangeError::DeviceExists),
        Place::Beside => devices.push(device),
        Place::InsteadOf(name) => {
            let old = named_mut(&mut devices, name.as_deref())?;
            device.name = std::mem::take(&mut old.name);
            *old = device;
        }
    }
    match devices.as_slice() {
        devices if devices.len() > MAX_DEVICES => Err(ChangeError::TooManyDevices),
        // A login must know how many digits of an answer are the code.
        [first, rest @ ..] if rest.iter().any(|d| d.digits != first.digits) => Err(ChangeError::OtherDigits),
        all if (1..).zip(all).any(|(next, d)| all.iter().skip(next).any(|other| other.id == d.id)) => {
            Err(ChangeError::SameKey)
        }
        _ => Ok(devices),
    }
}

/// The devices without the named one, of which at least one must stay: who has none has no enrollment.
pub fn without(mut devices: Vec<Device>, name: &str) -> Result<Vec<Device>, ChangeError> {
    named_mut(&mut devices, Some(name))?;
    devices.retain(|device| device.name != name);
    if devices.is_empty() { Err(ChangeError::OnlyDevice) } else { Ok(devices) }
}

/// The device of this name, or the only one.
pub fn named_mut<'a>(devices: &'a mut [Device], name: Option<&str>) -> Result<&'a mut Device, ChangeError> {
    match (name, devices) {
        (None, [only]) => Ok(only),
        (None, _) => Err(ChangeError::WhichDevice),
        (Some(name), devices) => devices.iter_mut().find(|device| device.name == name).ok_or(ChangeError::NoSuchDevice),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::factor::enrollment::Kind;
    use crate::factor::otp::{Algorithm, Digits};
    use crate::factor::secret::Secret;

    fn device(id: &str, name: &str) -> Device {
        Device {
            id: id.into(),
            name: name.into(),
            kind: Kind::Totp { period: 30 },
            secret: Secret::from_bytes(vec![7; 20].into()),
            algorithm: Algorithm::Sha1,
            digits: Digits::SIX,
            skew: 0,
            created: 0,
        }
    }

    /// Devices a, b, ... of so many, with the ids 0, 1, ...
    fn owned(count: u8) -> Vec<Device> {
        (0..count).map(|n| device(&n.to_string(), &char::from(b'a' + n).to_string())).collect()
    }

    /// `id name` of each, or the reason.
    fn say(devices: Result<Vec<Device>, ChangeError>) -> Result<String, ChangeError> {
        let one = |device: &Device| format!("{}{}", device.id, device.name);
        devices.map(|all| all.iter().map(one).collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn one_table_of_places() {
        let instead = |name: Option<&str>| Place::InsteadOf(name.map(str::to_owned));
        let new = || device("9", "x");
        let eight = || Device { digits: Digits::new(8).unwrap(), ..new() };
        let cases = [
            (0, new(), Place::First, Ok("9x")),
            (0, new(), Place::Beside, Ok("9x")),
            (0, new(), instead(None), Ok("9x")),
            (0, eight(), Place::First, Ok("9x")),
            (1, new(), Place::First, Err(ChangeError::AlreadyEnrolled)),
            (1, new(), Place::Beside, Ok("0a 9x")),
            (1, device("9", "a"), Place::Beside, Err(ChangeError::DeviceExists)),
            (1, new(), instead(None), Ok("9a")),
            (1, eight(), instead(None), Ok("9a")),
            (1, eight(), Place::Beside, Err(ChangeError::OtherDigits)),
            (1, device("0", "x"), Place::Beside, Err(ChangeError::SameKey)),
            (2, new(), instead(None), Err(ChangeError::WhichDevice)),
            (2, new(), instead(Some("b")), Ok("0a 9b")),
            (2, new(), instead(Some("c")), Err(ChangeError::NoSuchDevice)),
            (2, eight(), instead(Some("b")), Err(ChangeError::OtherDigits)),
            (3, device("2", "x"), instead(Some("b")), Err(ChangeError::SameKey)),
            (4, new(), Place::Beside, Ok("0a 1b 2c 3d 9x")),
            (5, new(), Place::Beside, Err(ChangeError::TooManyDevices)),
            (5, new(), instead(Some("e")), Ok("0a 1b 2c 3d 9e")),
        ];
        for (count, device, place, expected) in cases {
            let result = say(placed(owned(count), device, &place));
            assert_eq!(result, expected.map(str::to_owned), "{count} {place:?}");
        }
    }

    #[test]
    fn the_last_one_stays() {
        assert_eq!(say(without(owned(3), "b")), Ok("0a 2c".into()));
        assert_eq!(say(without(owned(2), "x")), Err(ChangeError::NoSuchDevice));
        assert_eq!(say(without(owned(1), "a")), Err(ChangeError::OnlyDevice));
        assert_eq!(say(without(owned(1), "x")), Err(ChangeError::NoSuchDevice));
    }

    #[test]
    fn the_only_one_needs_no_name() {
        let named = |count, name| named_mut(&mut owned(count), name).map(|device| device.id.clone());
        assert_eq!(named(1, None), Ok("0".into()));
        assert_eq!(named(2, None), Err(ChangeError::WhichDevice));
        assert_eq!(named(0, None), Err(ChangeError::WhichDevice));
        assert_eq!(named(2, Some("b")), Ok("1".into()));
        assert_eq!(named(1, Some("b")), Err(ChangeError::NoSuchDevice));
    }
}
