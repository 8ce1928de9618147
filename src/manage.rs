//! The transactions that change a user's factor.
//!
//! Each commits in this order: the state that serves old and new, then the secret, then the state pruned. A crash
//! anywhere leaves the old or the new secret and a state that fits both.

use std::fmt;

use sha2::{Digest, Sha256};

use crate::account::Account;
use crate::attempt::{self, Attempt, Outcome};
use crate::clock;
use crate::enrollment::{Device, Enrollment, Kind};
use crate::policy::Policy;
use crate::secret::{Answer, Secret};
use crate::source::Source;
use crate::state::{DeviceState, Record};
use crate::store::{Locked, Store, StoreError};
use crate::throttle::Limits;

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
}

impl From<StoreError> for ManageError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
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
        }
    }
}

impl std::error::Error for ManageError {}

/// How a new key is known to be in the phone.
pub enum Proof<'a> {
    /// By a code that it makes; the code counts as used.
    Code(&'a Answer),
    /// Not at all.
    None,
}

/// A device's id: the same key has the same id, so that a key that was removed and set again does not get its
/// used codes back.
pub fn device_id(secret: &Secret) -> String {
    let digest = Sha256::new().chain_update(b"pam_totp device ").chain_update(secret.as_bytes()).finalize();
    digest.iter().take(4).map(|byte| format!("{byte:02x}")).collect()
}

/// Makes `device` the one factor of an account.
pub fn set(
    store: &Store,
    policy: &Policy,
    account: &Account,
    device: Device,
    proof: &Proof<'_>,
    replace: bool,
) -> Result<(), ManageError> {
    if store.is_enrolled(&account.name)? && !replace {
        return Err(ManageError::AlreadyEnrolled);
    }
    let mut locked = store.lock(&account.name)?;
    // Looked at again under the lock: two programs may enroll at once.
    if store.is_enrolled(&account.name)? && !replace {
        return Err(ManageError::AlreadyEnrolled);
    }
    let mut record = locked.record()?.unwrap_or_default();
    let line = prove(policy, account, &device, proof, &record)?;
    // A file that cannot be read is replaced too: that is how it is mended.
    let old = store.enrollment_of(&account.name).ok().flatten();
    record.devices.retain(|line| old.iter().any(|e| e.devices.iter().any(|d| d.id == line.id)));
    record.set_device(line);
    locked.commit(&record)?;
    let id = device.id.clone();
    let enrollment =
        Enrollment { user: account.name.clone(), uid: account.uid, devices: vec![device], backup_codes: None };
    locked.replace_secret(&enrollment)?;
    record.devices.retain(|line| line.id == id);
    record.backup = None;
    record.trusts.clear();
    Ok(locked.commit(&record)?)
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
    let Proof::Code(answer) = proof else { return Ok(line) };
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
