//! The transactions that change a user's factor.
//!
//! Each commits in this order: the state that serves old and new, then the secret, then the state pruned. A crash
//! anywhere leaves the old or the new secret and a state that fits both.

#[cfg(feature = "cli")]
pub mod import;

use std::fmt;

use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::access::Denied;
use crate::account::Account;
use crate::attempt::{self, Attempt, Outcome};
use crate::backup::{self, BackupCodes, Stretched};
use crate::clock;
use crate::door::DoorError;
use crate::enrollment::{Device, Enrollment, Kind};
use crate::otp::{Algorithm, Digits};
use crate::policy::Policy;
use crate::random::{self, NoRandom};
use crate::secret::{Answer, GENERATED_BYTES, Secret};
use crate::source::Source;
use crate::state::{BackupState, DeviceState, Record};
use crate::store::{Locked, Store, StoreError};
use crate::throttle::Limits;
use crate::verify;
use crate::words::user;

/// Why nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ManageError {
    /// The store refuses.
    Store(StoreError),
    /// There is a factor, and it was not said to replace it.
    AlreadyEnrolled,
    /// There is no factor.
    NotEnrolled,
    /// The code does not prove the key.
    WrongCode {
        /// Seconds that the phone's clock is ahead of the host's, if that explains it.
        clock_off: Option<i64>,
    },
    /// The code proves the key, but was used already.
    UsedCode,
    /// A change by the user himself needs a code of the factor that he has.
    CodeNeeded,
    /// That code is not right, or cannot be looked at now.
    CodeRefused {
        /// Seconds until the next try counts; 0: at once.
        retry_after: u64,
        /// It was right once.
        used: bool,
    },
    /// There is no chance to be had for keys and codes.
    NoRandom,
    /// This user may not do this.
    Denied(Denied),
    /// The door was no help.
    Door(DoorError),
}

impl From<StoreError> for ManageError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<Denied> for ManageError {
    fn from(denied: Denied) -> Self {
        Self::Denied(denied)
    }
}

impl From<DoorError> for ManageError {
    fn from(error: DoorError) -> Self {
        Self::Door(error)
    }
}

impl From<NoRandom> for ManageError {
    fn from(_: NoRandom) -> Self {
        Self::NoRandom
    }
}

impl fmt::Display for ManageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Store(error) => error.fmt(f),
            Self::AlreadyEnrolled => f.write_str("already enrolled: --replace makes a new key and voids the old one"),
            Self::NotEnrolled => f.write_str("not enrolled"),
            Self::WrongCode { .. } => f.write_str("The security code is invalid."),
            Self::UsedCode => f.write_str("This code was already used. Take the next one."),
            Self::CodeNeeded => f.write_str("this needs a code of the phone that is enrolled, or a backup code"),
            Self::CodeRefused { used: true, retry_after } => f.write_str(&user::used(*retry_after)),
            Self::CodeRefused { retry_after: 0, .. } => {
                f.write_str("The code of the phone that is enrolled is invalid.")
            }
            Self::CodeRefused { retry_after, .. } => f.write_str(&user::too_many(*retry_after)),
            Self::NoRandom => NoRandom.fmt(f),
            Self::Denied(denied) => denied.fmt(f),
            Self::Door(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for ManageError {}

/// By whose right a change is made.
#[derive(Clone, Copy, Debug)]
pub enum By<'a> {
    /// Root's.
    Root,
    /// The user's own. Whatever he has enrolled must be proved by a code in the same request, so that a stolen
    /// session can neither add to, nor replace, nor remove the factor.
    Owner(Option<&'a Answer>),
}

/// A change of one user's factor.
pub enum Change<'a> {
    /// This device and no other.
    Set {
        /// The new device.
        device: Device,
        /// How its key is known to be in the phone.
        proof: Proof<'a>,
        /// Void the one that is there.
        replace: bool,
        /// How many backup codes to make with it; 0 for none.
        backup_codes: u8,
    },
    /// A new set of so many backup codes; the old one is void.
    BackupCodes(u8),
    /// Take the factor off.
    Remove,
}

/// New backup codes, in the one moment in which they can be shown.
pub type Codes = Vec<Zeroizing<String>>;

/// How a new key is known to be in the phone.
pub enum Proof<'a> {
    /// By a code that it makes; the code counts as used.
    Code(&'a Answer),
    /// By a code before, at the login that it is stored in.
    Before(DeviceState),
    /// Not at all.
    None,
}

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
    Ok(device_of(Secret::from_bytes(random::bytes(GENERATED_BYTES)?), name, now))
}

/// A device with a key that is there already.
pub fn device_of(secret: Secret, name: &str, now: u64) -> Device {
    Device {
        id: device_id(&secret),
        name: name.to_owned(),
        kind: Kind::Totp { period: 30 },
        secret,
        algorithm: Algorithm::Sha1,
        digits: Digits::SIX,
        created: now,
    }
}

/// Proves a fresh key by a code; nothing is written.
pub fn prove_new(
    policy: &Policy,
    account: &Account,
    device: &Device,
    code: &Answer,
) -> Result<DeviceState, ManageError> {
    prove(policy, account, device, &Proof::Code(code), &Record::default())
}

/// A device's id: the same key has the same id, so that a key that was removed and set again does not get its
/// used codes back.
pub fn device_id(secret: &Secret) -> String {
    let digest = Sha256::new().chain_update(b"pam_totp device ").chain_update(secret.as_bytes()).finalize();
    digest.iter().take(4).map(|byte| format!("{byte:02x}")).collect()
}

/// Makes a change, whole or not at all.
pub fn apply(
    store: &Store,
    policy: &Policy,
    account: &Account,
    by: By<'_>,
    change: Change<'_>,
) -> Result<Codes, ManageError> {
    // Stretching takes milliseconds, so it comes before the lock.
    let current = match by {
        By::Owner(Some(code)) => verify::stretch(store, account, code)?,
        _ => None,
    };
    let enrolled = store.is_enrolled(&account.name)?;
    match &change {
        Change::Set { replace, .. } => may_set(by, *replace, enrolled)?,
        Change::BackupCodes(_) | Change::Remove if !enrolled => return Err(ManageError::NotEnrolled),
        _ => {}
    }
    let transaction = Transaction { locked: store.lock(&account.name)?, store, policy, account, by, current };
    match change {
        Change::Set { device, proof, replace, backup_codes } => transaction.set(device, &proof, replace, backup_codes),
        Change::BackupCodes(count) => transaction.renew(count),
        Change::Remove => transaction.remove(),
    }
}

/// Only once the change is proved, though under the lock: to make a set costs many times what a request costs, and
/// everybody may send requests.
fn new_codes(count: u8) -> Result<(Option<BackupCodes>, Codes), ManageError> {
    if count == 0 {
        return Ok((None, Codes::new()));
    }
    let random = random::bytes(backup::random_bytes(count))?;
    let (set, codes) = BackupCodes::make(&random, count, clock::now()).ok_or(ManageError::NoRandom)?;
    Ok((Some(set), codes))
}

/// To an owner a replacement and a first enrollment are two rights, so he must say which it is.
fn may_set(by: By<'_>, replace: bool, enrolled: bool) -> Result<(), ManageError> {
    match by {
        _ if enrolled && !replace => Err(ManageError::AlreadyEnrolled),
        By::Owner(_) if replace && !enrolled => Err(ManageError::NotEnrolled),
        _ => Ok(()),
    }
}

/// One change under its lock.
struct Transaction<'a> {
    locked: Locked<'a>,
    store: &'a Store,
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
        let code = code.ok_or(ManageError::CodeNeeded)?;
        let current = self.current.as_ref();
        let verdict = verify::judge(&mut self.locked, &enrollment, self.policy, Source::Door, code, current, None)?;
        let left = |until: u64| until.saturating_sub(verdict.now);
        match verdict.outcome {
            Outcome::Accepted { .. } => Ok(()),
            Outcome::Used { next_in } => Err(ManageError::CodeRefused { retry_after: next_in, used: true }),
            Outcome::Waiting { until } | Outcome::Wrong { wait_until: Some(until), .. } => {
                Err(ManageError::CodeRefused { retry_after: left(until), used: false })
            }
            Outcome::Wrong { .. } | Outcome::NotACode => Err(ManageError::CodeRefused { retry_after: 0, used: false }),
        }
    }

    fn set(mut self, device: Device, proof: &Proof<'_>, replace: bool, count: u8) -> Result<Codes, ManageError> {
        // Looked at again under the lock: two programs may enroll at once.
        may_set(self.by, replace, self.store.is_enrolled(&self.account.name)?)?;
        let record = self.locked.record()?.unwrap_or_default();
        // The new key first: a slip there must not use up the old one's code.
        let line = prove(self.policy, self.account, &device, proof, &record)?;
        self.authorize()?;
        let (backup_codes, codes) = new_codes(count)?;
        let mut record = self.locked.record()?.unwrap_or_default();
        // A file that cannot be read is replaced too: that is how root mends it.
        let old = self.store.enrollment_of(&self.account.name).ok().flatten();
        record.devices.retain(|line| old.iter().any(|e| e.devices.iter().any(|d| d.id == line.id)));
        record.set_device(line);
        self.locked.commit(&record)?;
        let id = device.id.clone();
        let (user, uid) = (self.account.name.clone(), self.account.uid);
        let unused = backup_codes.as_ref().map(|set| BackupState { id: set.id.clone(), used: 0 });
        self.locked.replace_secret(&Enrollment { user, uid, devices: vec![device], backup_codes })?;
        record.devices.retain(|line| line.id == id);
        // A crash before this leaves codes that count as used, and that nobody was shown.
        record.backup = unused;
        record.trusts.clear();
        self.locked.commit(&record)?;
        Ok(codes)
    }

    fn renew(mut self, count: u8) -> Result<Codes, ManageError> {
        let enrollment = self.locked.enrollment(self.account)?.ok_or(ManageError::NotEnrolled)?;
        self.authorize()?;
        let (backup_codes, codes) = new_codes(count)?;
        let mut record = self.locked.record()?.unwrap_or_default();
        let unused = backup_codes.as_ref().map(|set| BackupState { id: set.id.clone(), used: 0 });
        let renewed = Enrollment { backup_codes, ..enrollment };
        self.locked.replace_secret(&renewed)?;
        attempt::heal(&renewed, &mut record, clock::now(), self.policy.window);
        record.backup = unused;
        self.locked.commit(&record)?;
        Ok(codes)
    }

    fn remove(mut self) -> Result<Codes, ManageError> {
        self.authorize()?;
        forget_trusts(&mut self.locked)?;
        self.locked.remove_secret()?;
        Ok(Codes::new())
    }
}

/// The state line of a device that has been proved.
fn prove(
    policy: &Policy,
    account: &Account,
    device: &Device,
    proof: &Proof<'_>,
    record: &Record,
) -> Result<DeviceState, ManageError> {
    let start = match device.kind {
        Kind::Totp { .. } => 0,
        Kind::Hotp { start } => start,
    };
    let known = record.device(&device.id).and_then(|line| line.last).unwrap_or_default().max(start);
    let line = DeviceState { id: device.id.clone(), last: Some(known), drift: Some(0), at: None, pending: None };
    let answer = match proof {
        Proof::Code(answer) => answer,
        Proof::Before(proved) => return Ok(proved.clone()),
        Proof::None => return Ok(line),
    };
    // Judged by the heart itself, in a record of its own: no lane, no wait, and nothing counted.
    let enrollment =
        Enrollment { user: account.name.clone(), uid: account.uid, devices: vec![device.clone()], backup_codes: None };
    let alone = Record { devices: vec![line], ..Record::default() };
    let attempt = Attempt {
        enrollment: &enrollment,
        answer,
        stretched: None,
        source: Source::Local,
        now: clock::now(),
        window: policy.window,
        limits: Limits::default(),
    };
    let decision = attempt::decide(&attempt, &alone);
    match (decision.outcome, decision.write) {
        (Outcome::Accepted { .. }, Some(proved)) => {
            let line = proved.devices.into_iter().next().ok_or(ManageError::WrongCode { clock_off: None })?;
            Ok(DeviceState { at: None, ..line })
        }
        (Outcome::Used { .. }, _) => Err(ManageError::UsedCode),
        _ => Err(ManageError::WrongCode { clock_off: attempt.clock_off() }),
    }
}

/// Takes the factor off; works when the account is gone and when the file is unusable.
pub fn remove(store: &Store, name: &str) -> Result<(), ManageError> {
    if !store.is_enrolled(name)? {
        return Err(ManageError::NotEnrolled);
    }
    let mut locked = store.lock(name)?;
    forget_trusts(&mut locked)?;
    Ok(locked.remove_secret()?)
}

/// Takes away all that is kept under a name that no account has any more.
pub fn forget(store: &Store, name: &str) -> Result<(), ManageError> {
    if !store.keeps(name)? {
        return Err(ManageError::NotEnrolled);
    }
    Ok(store.lock(name)?.forget()?)
}

fn forget_trusts(locked: &mut Locked<'_>) -> Result<(), StoreError> {
    match locked.record()? {
        Some(record) if !record.trusts.is_empty() => locked.commit(&Record { trusts: Vec::new(), ..record }),
        _ => Ok(()),
    }
}

/// Clears waits, and brings back a state that lies in the future.
pub fn unlock(store: &Store, policy: &Policy, name: &str) -> Result<(), ManageError> {
    if !store.is_enrolled(name)? {
        return Err(ManageError::NotEnrolled);
    }
    let mut locked = store.lock(name)?;
    let enrollment = locked.enrollment_of()?.ok_or(ManageError::NotEnrolled)?;
    let mut record = locked.record()?.unwrap_or_default();
    let now = clock::now();
    attempt::heal(&enrollment, &mut record, now, policy.window);
    attempt::bring_back(&enrollment, &mut record, now, policy.window);
    for lane in &mut record.lanes {
        (lane.fails, lane.last, lane.until) = (0, 0, 0);
        lane.seen = lane.seen.min(now);
    }
    record.trusts.clear();
    Ok(locked.commit(&record)?)
}

/// Moves a factor to an account, or ties it to the account's present uid where the names are the same.
pub fn rename(store: &Store, old: &str, new: &Account) -> Result<(), ManageError> {
    if !store.is_enrolled(old)? {
        return Err(ManageError::NotEnrolled);
    }
    if old != new.name && store.is_enrolled(&new.name)? {
        return Err(ManageError::AlreadyEnrolled);
    }
    let moved = |enrollment: Enrollment| Enrollment { user: new.name.clone(), uid: new.uid, ..enrollment };
    if old == new.name {
        let locked = store.lock(old)?;
        let enrollment = locked.enrollment_of()?.ok_or(ManageError::NotEnrolled)?;
        return Ok(locked.replace_secret(&moved(enrollment))?);
    }
    // Always in the same order, so that two renamings cannot wait for each other.
    let (first, second) = if old < new.name.as_str() { (old, new.name.as_str()) } else { (new.name.as_str(), old) };
    let (first, second) = (store.lock(first)?, store.lock(second)?);
    let (mut from, mut to) = if old < new.name.as_str() { (first, second) } else { (second, first) };
    if store.is_enrolled(&new.name)? {
        return Err(ManageError::AlreadyEnrolled);
    }
    let enrollment = from.enrollment_of()?.ok_or(ManageError::NotEnrolled)?;
    let record = from.record()?;
    to.record()?;
    to.commit(&record.unwrap_or_default())?;
    to.replace_secret(&moved(enrollment))?;
    Ok(from.remove_secret()?)
}
