//! Stores what somebody brought along from another module: their keys, the codes that they used there, their scratch
//! codes.

use crate::factor::backup::{self, BackupCodeForm, BackupCodes, BackupShaped, Stretched};
use crate::factor::change::ChangeError;
use crate::factor::enrollment::{Device, Enrollment, Kind, device_id};
use crate::factor::healing;
use crate::factor::judgment::Seen;
use crate::factor::plan::{Keys, Plan, Planned, Reads};
use crate::factor::record::{BackupState, DeviceState, Record};
use crate::import::{ForeignUser, Token};
use crate::policy::Policy;
use crate::store::{Store, StoreError};
use crate::system::account::Account;
use crate::system::random;

use super::error::ManageError;

/// No token was pressed more often; the steps of a clock are beyond it, and below the seconds since 1970. Taken for a
/// counter, one would be the token's end.
const MOST_COUNTED: u64 = 10_000_000;

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Imported {
    /// They are enrolled now.
    New {
        /// Of their scratch codes so many were used here before.
        used: u32,
        /// Seconds since 1970 from which on codes of every device count, where it is not known which were used.
        counts_from: Option<u64>,
    },
    /// They had these keys already; what they used there since counts as used here.
    CaughtUp {
        /// The same.
        counts_from: Option<u64>,
    },
    /// They had all that already.
    Already,
}

/// Stores it, whole or not at all. Users who have these very keys keep what they have, so that it can be done again:
/// after an interruption, and in the moment in which the stacks are switched over.
pub fn import(
    store: &dyn Store,
    policy: &Policy,
    account: &Account,
    found: &ForeignUser,
    replace: bool,
) -> Result<Imported, ManageError> {
    // Its lock would leave a record behind for somebody who keeps what they have.
    let reads = if has_unusable(store, account, found, replace)? { Reads::AllOrReplaced } else { Reads::All };
    let mut imported = Imported::Already;
    let mut planned = Planned::of(reads, |standing: Option<&Enrollment>, seen: &Seen| {
        let (plan, told) = match standing {
            Some(enrollment) if has_just(enrollment, found) => catch_up(policy, enrollment, found, seen),
            Some(_) if !replace => return Err(ChangeError::AlreadyEnrolled),
            _ => {
                // Also of another uid: used codes stay used.
                let old = store.enrollment(account.name.as_str().into()).ok().flatten();
                enroll(policy, enrollment(account, found, seen.now)?, old.as_ref(), found, seen)
            }
        };
        imported = told;
        Ok(plan)
    });
    store.carry_out(account.into(), None, &mut planned)?;
    Ok(imported)
}

/// What would come of it; writes nothing.
pub fn would_import(
    store: &dyn Store,
    account: &Account,
    found: &ForeignUser,
    replace: bool,
) -> Result<Imported, ManageError> {
    let standing =
        if has_unusable(store, account, found, replace)? { None } else { store.enrollment(account.into())? };
    if standing.is_some_and(|enrollment| has_just(&enrollment, found)) {
        return Ok(Imported::Already);
    }
    let old = store.enrollment(account.name.as_str().into()).ok().flatten();
    let before = store.record(&account.name)?.unwrap_or_default();
    let used = used_before(found, old.as_ref(), &before).count_ones();
    Ok(Imported::New { used, counts_from: None })
}

/// May it be done, and is what stands there of no use? A file that cannot be read is replaced too: that is how root fixes it.
fn has_unusable(store: &dyn Store, account: &Account, found: &ForeignUser, replace: bool) -> Result<bool, ManageError> {
    match store.enrollment(account.into()) {
        Ok(Some(enrollment)) if !has_just(&enrollment, found) && !replace => Err(ChangeError::AlreadyEnrolled.into()),
        Ok(_) => Ok(false),
        Err(StoreError::Broken(..) | StoreError::NotTheirs(..)) if replace => Ok(true),
        Err(error) => Err(error.into()),
    }
}

fn has_just(enrollment: &Enrollment, found: &ForeignUser) -> bool {
    enrollment.devices.len() == found.tokens.len()
        && found.tokens.iter().all(|token| enrollment.devices.iter().any(|device| is_of(device, token)))
}

/// Wherever its counter is by now.
fn is_of(device: &Device, token: &Token) -> bool {
    same_kind(device.kind, token.kind)
        && (&device.secret, device.algorithm, device.digits) == (&token.secret, token.algorithm, token.digits)
}

fn same_kind(one: Kind, other: Kind) -> bool {
    match (one, other) {
        (Kind::Totp { period: a }, Kind::Totp { period: b }) => a == b,
        (Kind::Hotp { .. }, Kind::Hotp { .. }) => true,
        _ => false,
    }
}

fn enroll(
    policy: &Policy,
    enrollment: Enrollment,
    old: Option<&Enrollment>,
    found: &ForeignUser,
    seen: &Seen,
) -> (Plan, Imported) {
    let now = seen.now;
    let before = seen.record.clone().unwrap_or_default();
    let used = used_before(found, old, &before);
    // No address is trusted any more from the moment in which another key may be there.
    let mut record = Record { devices: Vec::new(), proving: None, ..before.clone() };
    record.forget_trusts();
    // Before the secret, unlike with codes that nobody was shown yet: these were given out long ago, and counted as used
    // after a crash they would be lost for good. Where there is an old set, it is void a moment early.
    if let Some(set) = &enrollment.backup_codes {
        record.backup = Some(BackupState { id: set.id.clone(), used });
    }
    let known = found.tokens.iter().zip(&enrollment.devices).filter_map(|(token, device)| line(token, device, &before));
    record.devices.extend(known);
    healing::heal(&enrollment, &mut record, now, policy.window);
    let place = |line: &DeviceState| enrollment.devices.iter().position(|device| device.id == line.id);
    record.devices.sort_by_key(place);
    for (line, device) in record.devices.iter_mut().zip(&enrollment.devices) {
        // The key was here before: what was used then stays used. Steps of a clock say nothing of a counter.
        let other_kind = |old: &Device| old.id == device.id && !same_kind(old.kind, device.kind);
        let was = before.device(&line.id).and_then(|line| line.last);
        let clocks =
            matches!(device.kind, Kind::Hotp { .. }) && was.is_some_and(|was| (MOST_COUNTED..now).contains(&was));
        if !old.into_iter().flat_map(|e| &e.devices).any(other_kind) && !clocks {
            line.last = line.last.max(was);
        }
    }
    // The lines of keys that are void stay while there is room: set again, they do not get used codes back.
    let is_new = |id: &str| enrollment.devices.iter().any(|device| device.id == id);
    let is_old = |id: &str| old.into_iter().flat_map(|old| &old.devices).any(|device| device.id == id);
    record.devices.extend(before.devices.iter().filter(|line| !is_new(&line.id)).cloned());
    record.make_room(|id| is_new(id) || is_old(id));
    let counts_from = counts_from(&enrollment, &record, now);
    let backup = record.backup.clone().filter(|_| enrollment.backup_codes.is_some());
    let after = Some(Record { backup, ..record.clone() });
    let plan = Plan { before: Some(record), keys: Keys::Replace(enrollment), after };
    (plan, Imported::New { used: used.count_ones(), counts_from })
}

/// When codes count of which nobody knows whether they were used.
fn counts_from(enrollment: &Enrollment, record: &Record, now: u64) -> Option<u64> {
    let from = |device: &Device| {
        let line = record.device(&device.id).filter(|line| line.drift.is_none())?;
        healing::counts_from(device, line, record).filter(|from| *from > now)
    };
    enrollment.devices.iter().filter_map(from).max()
}

/// The scratch codes that were used here already, as bits: the other module's file still lists them. Where their key was
/// here before and nobody can tell which they were, it was all of them.
fn used_before(found: &ForeignUser, old: Option<&Enrollment>, before: &Record) -> u32 {
    let ids: Vec<String> = found.tokens.iter().map(|token| device_id(&token.secret)).collect();
    let is_of_theirs = |id: &str| ids.iter().any(|own| own == id);
    let old_set = old.and_then(|old| old.backup_codes.as_ref());
    let state = before.backup.as_ref();
    // An import that was interrupted left the key's line too, and a set that was stored nowhere and used by nobody.
    let interrupted = state.is_some_and(|state| state.used == 0 && old_set.is_none_or(|set| set.id != state.id));
    let was_here = before.devices.iter().any(|line| is_of_theirs(&line.id)) && !interrupted;
    let (told, still_here) = (
        old_set.filter(|set| set.form == BackupCodeForm::Digits),
        old.is_some_and(|old| old.devices.iter().any(|device| is_of_theirs(&device.id))),
    );
    let was_used = |code: &BackupShaped| {
        let place = told.and_then(|set| Some((Stretched::new(code, set).find(set)?, set)));
        match place {
            Some((place, set)) => state.is_none_or(|state| state.id != set.id || state.used & bit(place) != 0),
            None => was_here && !(told.is_some() && still_here),
        }
    };
    (0..).zip(&found.scratch).filter(|(_, code)| was_used(code)).fold(0, |bits, (place, _)| bits | bit(place))
}

fn bit(place: u32) -> u32 {
    1_u32.checked_shl(place).unwrap_or_default()
}

fn all(set: &BackupCodes) -> u32 {
    (0..).zip(&set.hashes).fold(0, |bits, (place, _)| bits | bit(place))
}

/// The state line that the source knows.
fn line(token: &Token, device: &Device, before: &Record) -> Option<DeviceState> {
    let at = before.device(&device.id).and_then(|line| line.at);
    Some(DeviceState { id: device.id.clone(), last: Some(token.used?), drift: token.drift, at })
}

fn enrollment(account: &Account, found: &ForeignUser, now: u64) -> Result<Enrollment, ChangeError> {
    let devices = (1..).zip(&found.tokens).map(|(number, token)| device(number, token, now)).collect();
    let backup_codes = match found.scratch.as_slice() {
        [] => None,
        codes => {
            let random = random::bytes(backup::random_bytes(0))?;
            Some(BackupCodes::import(&random, codes, now).ok_or(ChangeError::NoRandom)?)
        }
    };
    Ok(Enrollment { user: account.name.clone(), uid: account.uid, devices, backup_codes })
}

fn device(number: usize, token: &Token, now: u64) -> Device {
    let name = match token.kind {
        Kind::Totp { .. } => "phone",
        Kind::Hotp { .. } => "token",
    };
    Device {
        id: device_id(&token.secret),
        name: if number == 1 { name.to_owned() } else { format!("{name} {number}") },
        kind: token.kind,
        secret: token.secret.clone(),
        algorithm: token.algorithm,
        digits: token.digits,
        skew: 0,
        created: now,
    }
}

/// Whatever was used there since counts as used here; nothing that was used here comes back.
fn catch_up(policy: &Policy, enrollment: &Enrollment, found: &ForeignUser, seen: &Seen) -> (Plan, Imported) {
    let now = seen.now;
    let mut record = seen.record.clone().unwrap_or_default();
    healing::heal(enrollment, &mut record, now, policy.window);
    let mut lost = Record::default();
    healing::heal(enrollment, &mut lost, now, policy.window);
    for device in &enrollment.devices {
        let Some(token) = found.tokens.iter().find(|token| is_of(device, token)) else { continue };
        let Some(line) = record.devices.iter_mut().find(|line| line.id == device.id) else { continue };
        // Nothing recorded: as long as they have not come here, they may have gone there until now.
        let beyond = || lost.device(&device.id).and_then(|line| line.last).filter(|_| line.at.is_none());
        let used = token.used.or_else(beyond);
        // A counter that was lost is for root to give, and here it is.
        line.last = line.last.max(used);
    }
    let scratch = enrollment.backup_codes.as_ref().filter(|set| set.form == BackupCodeForm::Digits);
    if let (Some(set), Some(state)) = (scratch, &mut record.backup) {
        let left = found.scratch.iter().filter_map(|code| Stretched::new(code, set).find(set));
        let left = left.fold(0, |bits, place| bits | bit(place));
        state.used |= all(set) & !left;
    }
    if seen.record.as_ref() == Some(&record) {
        return (Plan::default(), Imported::Already);
    }
    let counts_from = counts_from(enrollment, &record, now);
    (Plan { before: Some(record), ..Plan::default() }, Imported::CaughtUp { counts_from })
}
