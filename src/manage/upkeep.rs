//! What root does to an enrollment without its owner: takes it off, clears waits, moves it, forgets it, adds the backup codes
//! that its first login has shown.

use super::error::ManageError;
use crate::factor::backup::BackupCodes;
use crate::factor::change::ChangeError;
use crate::factor::enrollment::Enrollment;
use crate::factor::plan::{self, Keys, Plan, Planned, Reads, Unlocked};
use crate::factor::record::{Proving, Record};
use crate::policy::Policy;
use crate::store::{NotDone, Store, StoreError, Whose};
use crate::system::account::Account;

/// Takes the enrollment off; works when the account is gone and when the file is unusable.
pub fn remove(store: &dyn Store, name: &str) -> Result<(), ManageError> {
    if !store.is_enrolled(name)? {
        return Err(ChangeError::NotEnrolled.into());
    }
    Ok(store.carry_out(name.into(), None, &mut Planned::of(Reads::Record, |_, seen| Ok(plan::remove(seen))))?)
}

/// Takes away all that is kept under a name that no account has any more.
pub fn forget(store: &dyn Store, name: &str) -> Result<(), ManageError> {
    if !store.keeps(name)? {
        return Err(ChangeError::NotEnrolled.into());
    }
    let all = Plan { keys: Keys::Forget, ..Plan::default() };
    Ok(store.carry_out(name.into(), None, &mut Planned::of(Reads::Nothing, |_, _| Ok(all.clone())))?)
}

/// Ends all waits, and brings back a record that lies in the future. No used code counts again by that.
pub fn unlock(store: &dyn Store, policy: &Policy, name: &str) -> Result<Unlocked, ManageError> {
    let mut unlocked = Unlocked::default();
    if !store.is_enrolled(name)? {
        // One who must enroll is refused while a mark stands.
        return if end_proving(store, name)? { Ok(unlocked) } else { Err(ChangeError::NotEnrolled.into()) };
    }
    let mut unlock = Planned::of(Reads::All, |old, seen| {
        let (plan, told) = plan::unlock(old.ok_or(ChangeError::NotEnrolled)?, seen, policy.window);
        unlocked = told;
        Ok(plan)
    });
    store.carry_out(name.into(), None, &mut unlock)?;
    Ok(unlocked)
}

/// The same by somebody who has the right to do this and no more: what closes single codes everywhere stays counted. Else they
/// could guess as often as they unlock, if they know the password too.
pub fn unlock_waits(store: &dyn Store, policy: &Policy, account: &Account) -> Result<(), ManageError> {
    let mut unlock = Planned::of(Reads::All, |old, seen| {
        let (mut plan, _) = plan::unlock(old.ok_or(ChangeError::NotEnrolled)?, seen, policy.window);
        let row = seen.record.as_ref().map(|record| record.row).unwrap_or_default();
        if let Some(record) = &mut plan.before {
            record.row = row;
        }
        Ok(plan)
    });
    Ok(store.carry_out(account.into(), None, &mut unlock)?)
}

/// Marks that a key was proved at a login and waits for the account line. Only where the password was right: a stranger must
/// not be able to leave the mark.
pub fn mark_proving(store: &dyn Store, name: &str, service: &str) -> Result<(), StoreError> {
    let mut mark = Planned::of(Reads::All, |old, seen| {
        // By now somebody else may have enrolled them.
        if old.is_some() {
            return Ok(Plan::default());
        }
        let mut record = seen.record.clone().unwrap_or_default();
        record.proving = Some(Proving::at(service, seen.now, record.proving.as_ref()));
        Ok(Plan { before: Some(record), ..Plan::default() })
    });
    let marked = done(store.carry_out(name.into(), None, &mut mark));
    // Whatever they have got by now, no mark is needed.
    if marked.is_err() && store.is_enrolled(name)? { Ok(()) } else { marked }
}

/// Takes the mark away; whether there was one. Makes no record where there is none.
pub fn end_proving(store: &dyn Store, name: &str) -> Result<bool, StoreError> {
    if store.record(name)?.is_none_or(|record| record.proving.is_none()) {
        return Ok(false);
    }
    let mut end = Planned::of(Reads::Record, |_, seen| {
        let record = seen.record.clone().unwrap_or_default();
        Ok(Plan { before: Some(Record { proving: None, ..record }), ..Plan::default() })
    });
    done(store.carry_out(name.into(), None, &mut end)).map(|()| true)
}

/// Of what cannot be refused.
fn done(result: Result<(), NotDone>) -> Result<(), StoreError> {
    match result {
        Err(NotDone::Store(error)) => Err(error),
        Ok(()) | Err(NotDone::Refused(_)) => Ok(()),
    }
}

/// Gives an account its first backup codes, which were shown and typed back while nothing was locked. Whether that was
/// done: not where the device of that enrollment is gone by now (its codes would open another's), nor over a set made since.
pub fn add_codes(
    store: &dyn Store,
    policy: &Policy,
    account: &Account,
    device: &str,
    set: &BackupCodes,
) -> Result<bool, ManageError> {
    if !store.is_enrolled(&account.name)? {
        return Ok(false);
    }
    let mut added = false;
    let mut add = Planned::of(Reads::All, |old, seen| {
        let fits = |old: &&Enrollment| old.backup_codes.is_none() && old.devices.iter().any(|known| known.id == device);
        let plan = old.filter(fits).map(|old| plan::add_codes(old, set.clone(), seen, policy.window));
        added = plan.is_some();
        Ok(plan.unwrap_or_default())
    });
    store.carry_out(account.into(), None, &mut add)?;
    Ok(added)
}

/// Moves an enrollment to an account, or ties it to the account's present uid where the names are the same.
pub fn rename(store: &dyn Store, old: &str, new: &Account) -> Result<(), ManageError> {
    let moves = old != new.name;
    if !store.is_enrolled(old)? {
        return Err(ChangeError::NotEnrolled.into());
    }
    if moves && store.is_enrolled(&new.name)? {
        return Err(ChangeError::AlreadyEnrolled.into());
    }
    let reads = if moves { Reads::All } else { Reads::Enrollment };
    let mut rename = Planned::of(reads, |found, seen| {
        let found = found.ok_or(ChangeError::NotEnrolled)?;
        Ok(match moves {
            true => plan::rename(found, seen, &new.name, new.uid),
            false => plan::tie(found, &new.name, new.uid),
        })
    });
    let whose = Whose { name: old, account: None, to: moves.then_some(new.name.as_str()) };
    Ok(store.carry_out(whose, None, &mut rename)?)
}
