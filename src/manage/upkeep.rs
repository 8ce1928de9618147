//! What root does to an enrollment without touching its keys: takes it off, clears waits, moves it, forgets it, adds the
//! backup codes that its first login has shown.

use super::ManageError;
use crate::factor::backup::BackupCodes;
use crate::factor::change::ChangeError;
use crate::factor::enrollment::Enrollment;
use crate::factor::healing::{self, BroughtBack};
use crate::factor::record::{BackupState, Came, How, Proving, Record};
use crate::factor::throttle;
use crate::policy::Policy;
use crate::store::files::locked::Locked;
use crate::store::{FileStore, StoreError};
use crate::system::account::Account;
use crate::system::clock;

/// Takes the enrollment off; works when the account is gone and when the file is unusable.
pub fn remove(store: &FileStore, name: &str) -> Result<(), ManageError> {
    if !store.is_enrolled(name)? {
        return Err(ChangeError::NotEnrolled.into());
    }
    let mut locked = store.lock(name)?;
    forget_trusts(&mut locked)?;
    locked.remove_secret()?;
    void_codes(&mut locked);
    Ok(())
}

/// Which codes of a set that is gone were used, nobody can tell any more: an import that brings them again must not take
/// them for those that it left itself. The enrollment is off by now, whatever comes of this.
pub(super) fn void_codes(locked: &mut Locked<'_>) {
    let Ok(Some(mut record)) = locked.record() else { return };
    if let Some(state) = &mut record.backup {
        state.used = u32::MAX;
        let _ = locked.commit(&record);
    }
}

/// Takes away all that is kept under a name that no account has any more.
pub fn forget(store: &FileStore, name: &str) -> Result<(), ManageError> {
    if !store.keeps(name)? {
        return Err(ChangeError::NotEnrolled.into());
    }
    Ok(store.lock(name)?.forget()?)
}

/// An address that was trusted is not, once another factor is there.
pub(super) fn forget_trusts(locked: &mut Locked<'_>) -> Result<(), StoreError> {
    let Some(mut record) = locked.record()? else { return Ok(()) };
    if record.forget_trusts() { locked.commit(&record) } else { Ok(()) }
}

/// What [`unlock`] came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unlocked {
    /// What became of devices whose record lay in the future.
    pub brought_back: BroughtBack,
    /// Seconds that the clock is behind the last login; 0: it is not.
    pub was_ahead: u64,
    /// The clock is certainly wrong: nothing was brought back.
    pub clock_is_wrong: bool,
}

/// Ends all waits, and brings back a state that lies in the future. No used code counts again by that.
pub fn unlock(store: &FileStore, policy: &Policy, name: &str) -> Result<Unlocked, ManageError> {
    if !store.is_enrolled(name)? {
        // One who must enroll is refused while a mark stands.
        return if end_proving(store, name)? {
            Ok(Unlocked::default())
        } else {
            Err(ManageError::Refused(ChangeError::NotEnrolled))
        };
    }
    let mut locked = store.lock(name)?;
    let enrollment = locked.enrollment_of()?.ok_or(ChangeError::NotEnrolled)?;
    let mut record = locked.record()?.unwrap_or_default();
    let now = clock::now();
    healing::heal(&enrollment, &mut record, now, policy.window);
    let was_ahead = healing::clock_back(&enrollment, &record, now, policy.window).unwrap_or_default();
    let brought_back = healing::bring_back(&enrollment, &mut record, now, policy.window);
    throttle::refill(&mut record, now);
    record.forget_trusts();
    record.proving = None;
    // Used backup codes count again until there are new ones: that stays noted.
    match &enrollment.backup_codes {
        Some(_) => drop(healing::notice_copy(&mut record, locked.born(), now, true)),
        None => healing::forget_copy(&mut record, locked.born(), now),
    }
    locked.commit(&record)?;
    Ok(Unlocked { brought_back, was_ahead, clock_is_wrong: clock::is_wrong(now) })
}

/// Marks that a key was proved at a login and waits for the account line. Only where the password was right: a stranger must
/// not be able to leave the mark.
pub fn mark_proving(store: &FileStore, name: &str, service: &str) -> Result<(), StoreError> {
    let mut locked = store.lock(name)?;
    // By now somebody else may have enrolled them.
    if store.is_enrolled(name)? {
        return Ok(());
    }
    let mut record = locked.record()?.unwrap_or_default();
    record.proving = Some(Proving::at(service, clock::now(), record.proving.as_ref()));
    locked.commit(&record)
}

/// Takes the mark away; whether there was one. Makes no record where there is none.
pub fn end_proving(store: &FileStore, name: &str) -> Result<bool, StoreError> {
    if store.peek(name)?.is_none_or(|record| record.proving.is_none()) {
        return Ok(false);
    }
    let mut locked = store.lock(name)?;
    let record = locked.record()?.unwrap_or_default();
    locked.commit(&Record { proving: None, ..record })?;
    Ok(true)
}

/// Gives an account its first backup codes, which were shown and typed back while nothing was locked. Whether that was
/// done: not where the device of that enrollment is gone by now (its codes would open another's), nor over a set made since.
pub fn add_codes(
    store: &FileStore,
    policy: &Policy,
    account: &Account,
    device: &str,
    set: BackupCodes,
) -> Result<bool, ManageError> {
    if !store.is_enrolled(&account.name)? {
        return Ok(false);
    }
    let mut locked = store.lock(&account.name)?;
    let Some(enrollment) = locked.enrollment(account)? else { return Ok(false) };
    if enrollment.backup_codes.is_some() || !enrollment.devices.iter().any(|known| known.id == device) {
        return Ok(false);
    }
    let mut record = locked.record()?.unwrap_or_default();
    healing::heal(&enrollment, &mut record, clock::now(), policy.window);
    // Before the set is there: a crash in between leaves none, and no set of which all codes count as used.
    record.backup = Some(BackupState { id: set.id.clone(), used: 0 });
    locked.commit(&record)?;
    locked.replace_secret(&Enrollment { backup_codes: Some(set), ..enrollment })?;
    Ok(true)
}

/// Moves an enrollment to an account, or ties it to the account's present uid where the names are the same.
pub fn rename(store: &FileStore, old: &str, new: &Account) -> Result<(), ManageError> {
    if !store.is_enrolled(old)? {
        return Err(ChangeError::NotEnrolled.into());
    }
    if old != new.name && store.is_enrolled(&new.name)? {
        return Err(ChangeError::AlreadyEnrolled.into());
    }
    let moved = |enrollment: Enrollment| Enrollment { user: new.name.clone(), uid: new.uid, ..enrollment };
    if old == new.name {
        let locked = store.lock(old)?;
        let enrollment = locked.enrollment_of()?.ok_or(ChangeError::NotEnrolled)?;
        return Ok(locked.replace_secret(&moved(enrollment))?);
    }
    // Always in the same order, so that two renamings cannot wait for each other.
    let (first, second) = if old < new.name.as_str() { (old, new.name.as_str()) } else { (new.name.as_str(), old) };
    let (first, second) = (store.lock(first)?, store.lock(second)?);
    let (mut from, mut to) = if old < new.name.as_str() { (first, second) } else { (second, first) };
    if store.is_enrolled(&new.name)? {
        return Err(ChangeError::AlreadyEnrolled.into());
    }
    let enrollment = from.enrollment_of()?.ok_or(ChangeError::NotEnrolled)?;
    let record = from.record()?.unwrap_or_default();
    let before = to.record()?.unwrap_or_default();
    to.commit(&moved_record(record, before, from.born(), enrollment.backup_codes.is_some()))?;
    // First it names the new account, so that it is the old one's no more, and only then it goes there: at no moment does
    // one key serve two accounts. Who is killed in between finds it where it was, and the same command goes on.
    let given = from.replace_secret(&moved(enrollment.clone())).and_then(|()| from.give_secret(&to));
    if given.is_err() && store.is_enrolled(old) == Ok(true) {
        let _ = from.replace_secret(&enrollment);
    }
    Ok(given?)
}

/// The record for another name, whose file may be newer than every login in it. What was used under that name before stays
/// used: the same key may come back there.
fn moved_record(mut record: Record, before: Record, born: Option<u64>, has_backup_codes: bool) -> Record {
    let now = clock::now();
    healing::notice_copy(&mut record, born, now, has_backup_codes);
    let how = record.came.map_or(How::Moved, |came| came.how);
    (record.came, record.proving) = (Some(Came { at: now, how }), None);
    let own: Vec<String> = record.devices.iter().map(|line| line.id.clone()).collect();
    for line in before.devices {
        match record.devices.iter_mut().find(|own| own.id == line.id) {
            Some(own) => own.last = own.last.max(line.last),
            None => record.devices.push(line),
        }
    }
    record.make_room(|id| own.iter().any(|own| own == id));
    record
}
