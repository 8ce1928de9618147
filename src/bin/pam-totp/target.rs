//! Which of a user's devices a new key is for.

use pam_totp::backend::{Backend, LocalOrDoor};
use pam_totp::factor::backup::USUAL_CODES;
use pam_totp::factor::change::{Change, ChangeError, Deed, Place, Proof};
use pam_totp::factor::enrollment::{Device, MAX_DEVICES};
use pam_totp::factor::otp::Digits;
use pam_totp::factor::secret::{Answer, Secret};
use pam_totp::login::messages::enrolling::{self as words, NEW_PHONE, OLD_PHONE, OWN_DEVICE, Purpose};
use pam_totp::login::status::Status;
use pam_totp::manage::ManageError;
use pam_totp::manage::notify::Event;
use pam_totp::system::account::Account;

use crate::input::Input;
use crate::proof::{current_code, note_if_root};
use crate::report::Failure;

/// What a device is called of which nobody says it.
pub const USUAL_NAME: &str = "phone";

/// The place of a new device, known before anybody scans a code in vain.
pub struct Target {
    pub place: Place,
    /// What the device is called if it replaces none.
    pub name: String,
    /// Those of the devices that stay.
    pub digits: Option<Digits>,
    /// Backup codes where nobody says how many.
    pub usual_codes: u8,
    /// There is something that it takes the place of.
    replaces: bool,
}

impl Target {
    /// Of the words of a call; asks which one is meant only where somebody can be asked.
    pub fn of(
        backend: &LocalOrDoor,
        account: &Account,
        device: Option<&str>,
        replace: bool,
        input: &mut Input,
    ) -> Result<Self, Failure> {
        let status = status(backend, account, device.is_none() && replace)?;
        let names: Vec<&str> = status.devices.iter().map(|device| device.name.as_str()).collect();
        let known = |name: &str| names.contains(&name);
        let place = match (status.enrolled, replace, device) {
            (false, true, _) if backend.is_for_owners() => {
                return Err(ManageError::Refused(ChangeError::NotEnrolled).into());
            }
            (false, true, _) => Place::InsteadOf(None),
            (false, false, _) => Place::First,
            (true, false, None) => return Err(for_user(account, ManageError::Refused(ChangeError::AlreadyEnrolled))),
            (true, false, Some(name)) if known(name) => {
                return Err(with_names(ManageError::Refused(ChangeError::DeviceExists), &names));
            }
            (true, false, Some(_)) if names.len() >= MAX_DEVICES => {
                return Err(with_names(ManageError::Refused(ChangeError::TooManyDevices), &names));
            }
            (true, false, Some(_)) => Place::Beside,
            (true, true, None) if names.len() > 1 => Place::InsteadOf(Some(which(&names, input)?)),
            (true, true, None) => Place::InsteadOf(None),
            (true, true, Some(name)) if known(name) => Place::InsteadOf(Some(name.to_owned())),
            (true, true, Some(_)) => return Err(with_names(ManageError::Refused(ChangeError::NoSuchDevice), &names)),
        };
        let stays = matches!(place, Place::Beside) || names.len() > 1;
        let keeps_codes = matches!(place, Place::Beside) && status.backup_codes.is_some();
        Ok(Self {
            name: device.unwrap_or(USUAL_NAME).to_owned(),
            digits: if stays { digits_of(&status) } else { None },
            replaces: status.enrolled,
            usual_codes: if keeps_codes { 0 } else { USUAL_CODES },
            place,
        })
    }

    /// What the new device is for.
    pub fn purpose(&self) -> Purpose {
        match (&self.place, self.replaces) {
            (Place::Beside, _) => Purpose::Further,
            (Place::InsteadOf(_), true) => Purpose::Instead,
            _ => Purpose::First,
        }
    }

    /// The prompt for the code that proves the new key: where a second one is asked for, it says whose.
    pub fn prompt(&self, backend: &LocalOrDoor) -> &'static str {
        if self.asks_for_current(backend) { NEW_PHONE } else { "Verification code: " }
    }

    fn asks_for_current(&self, backend: &LocalOrDoor) -> bool {
        backend.is_for_owners() && self.place != Place::First
    }

    /// Puts the device there.
    pub fn change(&self, device: Device, proof: Proof, backup_codes: u8) -> Change {
        Change::Set { device, proof, place: self.place.clone(), backup_codes }
    }

    /// The code by which users prove what they have, where they have something.
    pub fn current(
        &self,
        backend: &LocalOrDoor,
        account: &Account,
        change: &Change,
        input: &mut Input,
    ) -> Result<Option<Answer>, Failure> {
        let prompt = if self.place == Place::Beside { OWN_DEVICE } else { OLD_PHONE };
        let asks = self.asks_for_current(backend);
        asks.then(|| current_code(backend, account, change, prompt, input)).transpose()
    }
}

/// The digits that the devices of a user share.
pub fn digits_of(status: &Status) -> Option<Digits> {
    Digits::new(u8::try_from(status.devices.first()?.digits).ok()?)
}

/// A store that cannot be read says so here; an enrollment that cannot be used is no hindrance where it is replaced whole.
fn status(backend: &LocalOrDoor, account: &Account, replaced: bool) -> Result<Status, Failure> {
    if !backend.is_enrolled(&account.name)? {
        return Ok(Status::default());
    }
    match backend.status(account) {
        Err(_) if replaced && !backend.is_for_owners() => Ok(Status { enrolled: true, ..Status::default() }),
        status => Ok(status?),
    }
}

fn which(names: &[&str], input: &mut Input) -> Result<String, Failure> {
    if !input.asks {
        return Err(with_names(ManageError::Refused(ChangeError::WhichDevice), names));
    }
    let answer = input.visible(&format!("Which device ({})? ", names.join(", ")), "device")?;
    match std::str::from_utf8(&answer) {
        Ok(name) if names.contains(&name) => Ok(name.to_owned()),
        _ => Err(with_names(ManageError::Refused(ChangeError::NoSuchDevice), names)),
    }
}

fn with_names(error: ManageError, names: &[&str]) -> Failure {
    let failure = Failure::from(error);
    Failure { message: format!("{} ({})", failure.message, names.join(", ")), ..failure }
}

/// With the name of whom it is about.
pub fn for_user(account: &Account, error: ManageError) -> Failure {
    match error {
        ManageError::Refused(ChangeError::AlreadyEnrolled) => {
            let failure = Failure::from(error);
            let message = format!("{} is {}, --device NAME adds another device", account.name, failure.message);
            Failure { message, ..failure }
        }
        error => error.into(),
    }
}

pub fn log_enrolled(backend: &LocalOrDoor, account: &Account, place: &Place, key: &Secret, how: &str) {
    let deed = Deed::set(place, key);
    let device = match place {
        Place::First | Place::Beside => None,
        Place::InsteadOf(device) => device.as_deref(),
    };
    let what = format!("{} {}, {how}", deed.done(), pam_totp::text::clean(&account.name));
    let event = deed.event().unwrap_or_default();
    note_if_root(backend, &what, &Event { event, user: Some(&account.name), device, ..Event::default() });
}

pub fn enrolled_text(backend: &LocalOrDoor, account: &Account, target: &Target, proved: bool) -> String {
    words::stored(&account.name, target.purpose(), &target.name, proved, backend.policy().enabled)
}
