//! The transactions that change a user's enrollment.
//!
//! Each commits in this order: the state that serves old and new, then the secret, then the state pruned. A crash
//! anywhere leaves the old or the new secret and a state that fits both.

mod follow;
#[cfg(feature = "cli")]
pub mod import;
pub mod notify;
mod upkeep;

use std::fmt;

use zeroize::Zeroizing;

use crate::factor::attempt::Outcome;
use crate::factor::backup::{self, BackupCodes, Stretched, TEMPORARY_BITS};
use crate::factor::change::{Change, ChangeError, Place, Proof};
use crate::factor::devices::{placed, without};
use crate::factor::enrollment::{Device, Enrollment};
use crate::factor::healing;
use crate::factor::prove::prove;
use crate::factor::record::{BackupState, DeviceState, Record};
use crate::factor::secret::{Answer, GENERATED_BYTES, Secret};
use crate::factor::source::Source;
use crate::login::messages::user;
use crate::login::unavailable::{DoorError, Unavailable};
use crate::login::verify;
use crate::policy::Policy;
use crate::policy::access::Denied;
use crate::store::files::locked::Locked;
use crate::store::{FileStore, StoreError};
use crate::system::account::Account;
use crate::system::clock;
use crate::system::random::{self, NoRandom};

pub use upkeep::{Unlocked, add_codes, end_proving, forget, mark_proving, remove, rename, unlock};
use upkeep::{forget_trusts, void_codes};

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

/// By whose right a change is made.
#[derive(Clone, Copy, Debug)]
pub enum By<'a> {
    /// Root's.
    Root,
    /// The user's own. What they have enrolled must be proved by a code in the same request, so that a stolen
    /// session can neither add to, nor replace, nor remove it.
    Owner(Option<&'a Answer>),
}

/// New backup codes, in the one moment in which they can be shown.
pub type Codes = Vec<Zeroizing<String>>;

/// A key that was proved and is not stored yet.
#[derive(Clone)]
pub struct Pending {
    /// Whose.
    pub account: Account,
    /// The new device.
    pub device: Device,
    /// Its state line, with the proving code's step as used.
    pub line: DeviceState,
}

/// A device with a fresh key, as every app can show its codes.
pub fn new_device(name: &str, now: u64) -> Result<Device, NoRandom> {
    Ok(Device::with_key(Secret::from_bytes(random::bytes(GENERATED_BYTES)?), name, now))
}

/// Makes a change, whole or not at all.
pub fn apply(
    store: &FileStore,
    policy: &Policy,
    account: &Account,
    by: By<'_>,
    change: Change,
) -> Result<Codes, ManageError> {
    // Stretching takes milliseconds, so it comes before the lock.
    let current = match by {
        By::Owner(Some(code)) => verify::stretch(store, account, code)?,
        _ => None,
    };
    let enrolled = store.is_enrolled(&account.name)?;
    match &change {
        Change::Set { place, .. } => may_set(by, place, enrolled)?,
        _ if !enrolled => return Err(ChangeError::NotEnrolled.into()),
        _ => {}
    }
    let transaction = Transaction { locked: store.lock(&account.name)?, store, policy, account, by, current };
    match change {
        Change::Set { device, proof, place, backup_codes } => transaction.set(device, &proof, &place, backup_codes),
        Change::BackupCodes(count) => transaction.renew(count),
        Change::TemporaryCodes { count, until } => transaction.add_temporary(count, until),
        Change::Remove => transaction.remove(),
        Change::RemoveDevice(name) => transaction.remove_device(&name),
        Change::Forget => transaction.forget(),
        Change::Resync { device, first, second } => transaction.resync(device.as_deref(), &first, &second),
        Change::Counter { device, counter } => transaction.set_counter(device.as_deref(), counter),
    }
}

/// Only once the change is proved, though under the lock: to make a set costs many times what a request costs, and
/// everybody may send requests.
fn new_codes(count: u8) -> Result<(Option<BackupCodes>, Codes), ManageError> {
    if count == 0 {
        return Ok((None, Codes::new()));
    }
    make_codes(count).map(|(set, codes)| (Some(set), codes))
}

/// A set that nobody has yet; nothing is written.
pub fn make_codes(count: u8) -> Result<(BackupCodes, Codes), ManageError> {
    let random = random::bytes(backup::random_bytes(count))?;
    BackupCodes::make(&random, count, clock::now()).ok_or(ManageError::Refused(ChangeError::NoRandom))
}

/// To owners a first enrollment is another right than a further device, so they must say which it is.
fn may_set(by: By<'_>, place: &Place, enrolled: bool) -> Result<(), ManageError> {
    match (by, place) {
        (_, Place::First) if enrolled => Err(ManageError::Refused(ChangeError::AlreadyEnrolled)),
        (By::Owner(_), Place::Beside | Place::InsteadOf(_)) if !enrolled => {
            Err(ManageError::Refused(ChangeError::NotEnrolled))
        }
        _ => Ok(()),
    }
}

/// One change under its lock.
struct Transaction<'a> {
    locked: Locked<'a>,
    store: &'a FileStore,
    policy: &'a Policy,
    account: &'a Account,
    by: By<'a>,
    current: Option<Stretched>,
}

impl Transaction<'_> {
    /// The code that the owner must give is judged, counted and used up like any login's.
    fn authorize(&mut self) -> Result<(), ManageError> {
        let By::Owner(code) = self.by else { return Ok(()) };
        let Some(enrollment) = self.locked.enrollment(self.account)? else { return Ok(()) };
        let code = code.ok_or(ChangeError::CodeNeeded)?;
        let current = self.current.as_ref();
        let verdict = verify::judge(&mut self.locked, &enrollment, self.policy, Source::Door, code, current, None)?;
        match verdict.outcome {
            Outcome::Accepted { .. } => Ok(()),
            outcome => Err(ManageError::Refused(ChangeError::CodeRefused { outcome, now: verdict.now })),
        }
    }

    fn set(mut self, device: Device, proof: &Proof, place: &Place, count: u8) -> Result<Codes, ManageError> {
        // Looked at again under the lock: two programs may enroll at once.
        may_set(self.by, place, self.store.is_enrolled(&self.account.name)?)?;
        let record = self.locked.record()?.unwrap_or_default();
        // The new key first: a slip there must not use up the old one's code.
        let line = prove(&device, proof, &record, clock::now(), self.policy.window)?;
        let (old_devices, old_codes) = self.old(place)?.map_or_else(Default::default, |e| (e.devices, e.backup_codes));
        // By the same key the code of the change and that of the proof are one device's: one of them would come back.
        if matches!(self.by, By::Owner(_)) && old_devices.iter().any(|old| old.id == device.id) {
            return Err(ChangeError::SameKey.into());
        }
        let devices = placed(old_devices, device, place)?;
        self.authorize()?;
        let (new_codes, shown) = new_codes(count)?;
        let mut record = self.locked.record()?.unwrap_or_default();
        // The lines of keys that are void stay while there is room: set again, they do not get used codes back.
        record.set_device(line);
        // Before the key is there: a crash behind it must not leave an address that needs no code.
        record.forget_trusts();
        record.make_room(|id| devices.iter().any(|device| device.id == id));
        self.locked.commit(&record)?;
        let unused = new_codes.as_ref().map(|set| BackupState { id: set.id.clone(), used: 0 });
        let keeps_codes = *place == Place::Beside && new_codes.is_none();
        let backup_codes = if keeps_codes { old_codes } else { new_codes };
        let (user, uid) = (self.account.name.clone(), self.account.uid);
        self.locked.replace_secret(&Enrollment { user, uid, devices, backup_codes })?;
        // A crash before this leaves codes that count as used, and that nobody was shown.
        if !keeps_codes {
            record.backup = unused;
            healing::forget_copy(&mut record, self.locked.born(), clock::now());
        }
        // What was proved at a login is stored by this, or there is no need of it any more.
        record.proving = None;
        self.locked.commit(&record)?;
        Ok(shown)
    }

    /// What a new device finds. A file that cannot be used is replaced whole: that is how root fixes it.
    fn old(&self, place: &Place) -> Result<Option<Enrollment>, ManageError> {
        match (self.locked.enrollment(self.account), place) {
            (Err(error @ (StoreError::Io(..) | StoreError::Newer(_))), _) => Err(error.into()),
            (Err(_), Place::InsteadOf(None)) => Ok(None),
            (old, _) => Ok(old?),
        }
    }

    fn renew(mut self, count: u8) -> Result<Codes, ManageError> {
        let enrollment = self.locked.enrollment(self.account)?.ok_or(ChangeError::NotEnrolled)?;
        self.authorize()?;
        let (backup_codes, codes) = new_codes(count)?;
        let mut record = self.locked.record()?.unwrap_or_default();
        let unused = backup_codes.as_ref().map(|set| BackupState { id: set.id.clone(), used: 0 });
        let renewed = Enrollment { backup_codes, ..enrollment };
        self.locked.replace_secret(&renewed)?;
        healing::heal(&renewed, &mut record, clock::now(), self.policy.window);
        record.backup = unused;
        healing::forget_copy(&mut record, self.locked.born(), clock::now());
        self.locked.commit(&record)?;
        Ok(codes)
    }

    fn add_temporary(mut self, count: u8, until: u64) -> Result<Codes, ManageError> {
        let enrollment = self.locked.enrollment(self.account)?.ok_or(ChangeError::NotEnrolled)?;
        self.authorize()?;
        let now = clock::now();
        let none = || make_codes(0).map(|(set, _)| set);
        let set = enrollment.backup_codes.clone().map_or_else(none, Ok)?;
        let random = random::bytes(backup::random_bytes(count))?;
        let (set, codes) = set.with_temporary(&random, count, until).ok_or(ChangeError::NoRandom)?;
        let mut record = self.locked.record()?.unwrap_or_default();
        let renewed = Enrollment { backup_codes: Some(set), ..enrollment };
        // Used first, and unused only once the new ones are there: a crash in between leaves codes that open nothing, and
        // at no moment the bits of new codes with those that were used before.
        healing::heal(&renewed, &mut record, now, self.policy.window);
        let mark = |record: &mut Record, mark: fn(u32) -> u32| {
            record.backup.iter_mut().for_each(|state| state.used = mark(state.used));
        };
        mark(&mut record, |used| used | TEMPORARY_BITS);
        self.locked.commit(&record)?;
        self.locked.replace_secret(&renewed)?;
        mark(&mut record, |used| used & !TEMPORARY_BITS);
        self.locked.commit(&record)?;
        Ok(codes)
    }

    fn remove(mut self) -> Result<Codes, ManageError> {
        self.authorize()?;
        forget_trusts(&mut self.locked)?;
        self.locked.remove_secret()?;
        void_codes(&mut self.locked);
        Ok(Codes::new())
    }

    fn forget(mut self) -> Result<Codes, ManageError> {
        forget_trusts(&mut self.locked)?;
        Ok(Codes::new())
    }

    fn remove_device(mut self, name: &str) -> Result<Codes, ManageError> {
        let enrollment = self.locked.enrollment(self.account)?.ok_or(ChangeError::NotEnrolled)?;
        let devices = without(enrollment.devices.clone(), name)?;
        self.authorize()?;
        forget_trusts(&mut self.locked)?;
        self.locked.replace_secret(&Enrollment { devices, ..enrollment })?;
        Ok(Codes::new())
    }
}
