//! What a change writes, and in which order. Pure: the time and the chance are handed in.
//!
//! First the record that serves the old keys and the new ones, then the keys, then the record that the new ones alone need.
//! A crash anywhere leaves the old keys or the new ones, and a record that fits both. A store carries it out.

use crate::factor::attempt;
use crate::factor::backup::{BackupCodes, TEMPORARY_BITS};
use crate::factor::change::{Change, ChangeError, Place};
use crate::factor::devices::{named_mut, placed, without};
use crate::factor::enrollment::{Device, Enrollment, Kind};
use crate::factor::healing::{self, BroughtBack};
use crate::factor::judgment::Seen;
use crate::factor::new_codes::NewCodes;
use crate::factor::prove::prove;
use crate::factor::record::{BackupState, Came, CameBy, DeviceState, LaneKey, Record};
use crate::factor::resync::{self, Shown};
use crate::factor::secret::Answer;
use crate::factor::throttle::{self, Buckets, Limits};
use crate::system::clock::is_wrong;

/// What is written, from top to bottom; `None`: nothing there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// The record that serves old and new keys.
    pub before: Option<Record>,
    /// What becomes of the keys.
    pub keys: Keys,
    /// The record that the new keys need. Behind a removal nothing depends on it.
    pub after: Option<Record>,
}

/// What becomes of a user's keys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Keys {
    /// They stay.
    #[default]
    Keep,
    /// These instead, whole.
    Replace(Enrollment),
    /// They go; the record stays, so that neither used codes nor waits are washed out.
    Remove,
    /// They go to the name that stands in them, which has none, and under which `before` is written. At no moment one key
    /// serves two accounts.
    MoveTo(Enrollment),
    /// They go, and the record too: for a name that no account has.
    Forget,
}

/// For whom a change is made, and by what right.
#[derive(Clone, Copy, Debug)]
pub struct Terms<'a> {
    /// The account's name.
    pub user: &'a str,
    /// Its uid.
    pub uid: u32,
    /// By the user's own right, and not by root's.
    pub is_owner: bool,
    /// Whether a code comes with it that proves what is enrolled.
    pub has_code: bool,
    /// The policy's `window`.
    pub window: u64,
    /// The policy's `[throttle]`.
    pub limits: Limits,
}

/// A change on its way through a store: it is asked in this order, under the lock, and again from the beginning where
/// somebody came between.
pub trait Planning {
    /// What must be known of the user.
    fn reads(&self) -> Reads {
        Reads::All
    }

    /// What is refused before the owner's code is used up.
    fn check(&mut self, _: Option<&Enrollment>, _: &Seen) -> Result<(), ChangeError> {
        Ok(())
    }

    /// To be on record before the change is looked at: what could be guessed by it, counted.
    fn charge(&mut self, _: Option<&Enrollment>, _: &Seen) -> Option<Record> {
        None
    }

    /// What is written, over the charge where there is one.
    fn plan(&mut self, enrollment: Option<&Enrollment>, seen: &Seen) -> Result<Plan, ChangeError>;

    /// What is written over the charge where there is no plan, if there was one.
    fn refund(&mut self) -> Option<Record> {
        None
    }
}

/// What a change must know of a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reads {
    /// Nothing: it must work on what cannot be read.
    Nothing,
    /// The record alone.
    Record,
    /// The enrollment alone: it is changed, and used codes and waits stay as they are.
    Enrollment,
    /// Both. An enrollment that cannot be used is refused.
    All,
    /// The same, but one that cannot be used is taken for none: it is replaced whole.
    AllOrReplaced,
}

/// A change that is one plan.
pub struct Planned<F>(Reads, F);

impl<F: FnMut(Option<&Enrollment>, &Seen) -> Result<Plan, ChangeError>> Planned<F> {
    /// Made of what it reads.
    pub fn of(reads: Reads, plan: F) -> Self {
        Self(reads, plan)
    }
}

impl<F: FnMut(Option<&Enrollment>, &Seen) -> Result<Plan, ChangeError>> Planning for Planned<F> {
    fn reads(&self) -> Reads {
        self.0
    }

    fn plan(&mut self, enrollment: Option<&Enrollment>, seen: &Seen) -> Result<Plan, ChangeError> {
        self.1(enrollment, seen)
    }
}

/// May the change be made of what is enrolled? Nothing is used up by asking. The line of a new device that was proved.
pub fn check(
    terms: &Terms<'_>,
    old: Option<&Enrollment>,
    seen: &Seen,
    change: &Change,
) -> Result<Option<DeviceState>, ChangeError> {
    let mut proved = None;
    match change {
        // The new key first: a slip there must not use up the old one's code.
        Change::Set { device, proof, place, .. } => {
            // Looked at again under the lock: two programs may enroll at once.
            may_set(terms.is_owner, place, old.is_some())?;
            let nothing = Record::default();
            let line = prove(device, proof, seen.record.as_ref().unwrap_or(&nothing), seen.now, terms.window)?;
            drop(new_devices(terms, old, device, place)?);
            proved = Some(line);
        }
        Change::RemoveDevice(name) => drop(without(enrolled(old)?.devices.clone(), name)?),
        Change::Resync { .. } => {
            let healed = Healed::of(terms, enrolled(old)?, seen);
            if terms.is_owner && healed.buckets(terms).gate(&healed.record).row > 2 {
                return Err(ChangeError::TooManyPairs);
            }
        }
        Change::Remove | Change::Forget => {}
        Change::BackupCodes(_) | Change::TemporaryCodes { .. } | Change::Counter { .. } => drop(enrolled(old)?),
    }
    let needs_code = terms.is_owner && old.is_some() && needs_code(change);
    if needs_code && !terms.has_code { Err(ChangeError::CodeNeeded) } else { Ok(proved) }
}

/// Must its owner prove it? To end remembered addresses takes nothing away but a login without a code.
pub fn needs_code(change: &Change) -> bool {
    !matches!(change, Change::Forget)
}

/// What the change writes, once it is allowed. `proved`: as [`check`] gave it.
pub fn plan(
    terms: &Terms<'_>,
    old: Option<&Enrollment>,
    seen: &Seen,
    change: &Change,
    proved: Option<DeviceState>,
    codes: &mut dyn NewCodes,
) -> Result<Plan, ChangeError> {
    match change {
        Change::Set { device, place, backup_codes, .. } => {
            let line = proved.ok_or(ChangeError::CodeNeeded)?;
            let devices = new_devices(terms, old, device, place)?;
            let new_codes = if *backup_codes == 0 { None } else { Some(codes.set(*backup_codes, seen.now)?) };
            let keeps_codes = *place == Place::Beside && new_codes.is_none();
            let backup_codes = if keeps_codes { old.and_then(|old| old.backup_codes.clone()) } else { new_codes };
            let (user, uid) = (terms.user.to_owned(), terms.uid);
            Ok(set(Enrollment { user, uid, devices, backup_codes }, line, seen, keeps_codes))
        }
        Change::BackupCodes(count) => {
            let backup_codes = if *count == 0 { None } else { Some(codes.set(*count, seen.now)?) };
            Ok(renew(terms, Enrollment { backup_codes, ..enrolled(old)?.clone() }, seen))
        }
        Change::TemporaryCodes { count, until } => {
            let old = enrolled(old)?;
            let set = old.backup_codes.clone().map_or_else(|| codes.set(0, seen.now), Ok)?;
            let set = codes.temporary(set, *count, *until)?;
            Ok(add_temporary(terms, Enrollment { backup_codes: Some(set), ..old.clone() }, seen))
        }
        Change::Remove => Ok(remove(seen)),
        Change::RemoveDevice(name) => {
            let old = enrolled(old)?;
            let devices = without(old.devices.clone(), name)?;
            Ok(Plan {
                before: untrusted(seen),
                keys: Keys::Replace(Enrollment { devices, ..old.clone() }),
                after: None,
            })
        }
        Change::Forget => Ok(Plan { before: untrusted(seen), ..Plan::default() }),
        Change::Resync { device, first, second } => {
            follow(terms, enrolled(old)?, seen, device.as_deref(), first, second)
        }
        Change::Counter { device, counter } => count(terms, enrolled(old)?, seen, device.as_deref(), *counter),
    }
}

/// Two codes of an owner are a guess as at a login, from the same bucket, and are counted before anything is computed.
pub fn charge(terms: &Terms<'_>, old: Option<&Enrollment>, seen: &Seen, change: &Change) -> Option<Record> {
    let is_guess = terms.is_owner && matches!(change, Change::Resync { .. });
    let mut healed = Healed::of(terms, old.filter(|_| is_guess)?, seen);
    healed.buckets(terms).charge_pair(&mut healed.record);
    Some(healed.record)
}

fn enrolled(old: Option<&Enrollment>) -> Result<&Enrollment, ChangeError> {
    old.ok_or(ChangeError::NotEnrolled)
}

/// To owners a first enrollment is another right than a further device, so they must say which it is.
pub fn may_set(is_owner: bool, place: &Place, enrolled: bool) -> Result<(), ChangeError> {
    match place {
        Place::First if enrolled => Err(ChangeError::AlreadyEnrolled),
        Place::Beside | Place::InsteadOf(_) if is_owner && !enrolled => Err(ChangeError::NotEnrolled),
        _ => Ok(()),
    }
}

/// The devices with the new one among them.
fn new_devices(
    terms: &Terms<'_>,
    old: Option<&Enrollment>,
    device: &Device,
    place: &Place,
) -> Result<Vec<Device>, ChangeError> {
    let devices = old.map_or_else(Vec::new, |old| old.devices.clone());
    // By the same key the code of the change and that of the proof are one device's: one of them would come back.
    if terms.is_owner && devices.iter().any(|old| old.id == device.id) {
        return Err(ChangeError::SameKey);
    }
    placed(devices, device.clone(), place)
}

fn set(new: Enrollment, line: DeviceState, seen: &Seen, keeps_codes: bool) -> Plan {
    let mut before = seen.record.clone().unwrap_or_default();
    // The lines of keys that are void stay while there is room: set again, they do not get used codes back.
    before.set_device(line);
    // Before the key is there: a crash behind it must not leave an address that needs no code.
    before.forget_trusts();
    before.make_room(|id| new.devices.iter().any(|device| device.id == id));
    let mut after = before.clone();
    // A crash before this leaves codes that count as used, and that nobody was shown.
    if !keeps_codes {
        after.backup = unused(&new);
        healing::forget_copy(&mut after, seen.made, seen.now);
    }
    // What was proved at a login is stored by this, or there is no need of it any more.
    after.proving = None;
    Plan { before: Some(before), keys: Keys::Replace(new), after: Some(after) }
}

fn unused(new: &Enrollment) -> Option<BackupState> {
    new.backup_codes.as_ref().map(|set| BackupState { id: set.id.clone(), used: 0 })
}

fn renew(terms: &Terms<'_>, new: Enrollment, seen: &Seen) -> Plan {
    let mut after = seen.record.clone().unwrap_or_default();
    healing::heal(&new, &mut after, seen.now, terms.window);
    after.backup = unused(&new);
    healing::forget_copy(&mut after, seen.made, seen.now);
    Plan { before: None, keys: Keys::Replace(new), after: Some(after) }
}

/// Used first, and unused only once the new ones are there: a crash in between leaves codes that open nothing, and at no
/// moment the bits of new codes with those that were used before.
fn add_temporary(terms: &Terms<'_>, new: Enrollment, seen: &Seen) -> Plan {
    let mut before = seen.record.clone().unwrap_or_default();
    healing::heal(&new, &mut before, seen.now, terms.window);
    let mut after = before.clone();
    before.backup.iter_mut().for_each(|state| state.used |= TEMPORARY_BITS);
    after.backup.iter_mut().for_each(|state| state.used &= !TEMPORARY_BITS);
    Plan { before: Some(before), keys: Keys::Replace(new), after: Some(after) }
}

/// Takes the keys away. Which codes of a set that is gone were used, nobody can tell any more: an import that brings them
/// again must not take them for those that it left itself.
pub fn remove(seen: &Seen) -> Plan {
    let mut after = seen.record.clone().filter(|record| record.backup.is_some());
    if let Some(record) = &mut after {
        record.forget_trusts();
        record.backup.iter_mut().for_each(|state| state.used = u32::MAX);
    }
    Plan { before: untrusted(seen), keys: Keys::Remove, after }
}

/// An address that was trusted is not, once another key is there.
fn untrusted(seen: &Seen) -> Option<Record> {
    let mut record = seen.record.clone()?;
    record.forget_trusts().then_some(record)
}

/// What every login finds: the record healed, its buckets pulled in.
struct Healed {
    record: Record,
    weight: u64,
    now: u64,
}

impl Healed {
    fn of(terms: &Terms<'_>, enrollment: &Enrollment, seen: &Seen) -> Self {
        let (mut record, now) = (seen.record.clone().unwrap_or_default(), seen.now);
        healing::heal(enrollment, &mut record, now, terms.window);
        let weight = attempt::weight(enrollment, &record, now, terms.window);
        let mut healed = Self { record, weight, now };
        if !is_wrong(now) {
            healed.buckets(terms).pull_in(&mut healed.record);
        }
        healed
    }

    fn buckets(&self, terms: &Terms<'_>) -> Buckets {
        Buckets::new(LaneKey::Door, &terms.limits, self.weight, self.now)
    }
}

/// Follows a device to where it stands: a clock or a counter that has run away.
fn follow(
    terms: &Terms<'_>,
    old: &Enrollment,
    seen: &Seen,
    name: Option<&str>,
    first: &Answer,
    second: &Answer,
) -> Result<Plan, ChangeError> {
    let mut record = Healed::of(terms, old, seen).record;
    let (device, line) = find(old, &record, name, first, second, seen.now)?;
    record.set_device(line);
    let mut new = old.clone();
    let skewed = new.devices.iter_mut().find(|d| d.id == device.id && d.skew != device.skew);
    let keys = match skewed.map(|old| *old = device) {
        Some(()) => Keys::Replace(new),
        None => Keys::Keep,
    };
    Ok(Plan { before: Some(record), keys, after: None })
}

/// The device that shows these two codes one after the other.
fn find(
    old: &Enrollment,
    record: &Record,
    name: Option<&str>,
    first: &Answer,
    second: &Answer,
    now: u64,
) -> Result<(Device, DeviceState), ChangeError> {
    let named = |device: &&Device| name.is_none_or(|name| device.name == name);
    let is_there = old.devices.iter().any(|device| named(&device));
    let mut error = if is_there { ChangeError::NotConsecutive } else { ChangeError::NoSuchDevice };
    for device in old.devices.iter().filter(named) {
        let Some(line) = record.device(&device.id) else { continue };
        match resync::resync(device, line, record, first, second, now) {
            Shown::Here(device, line) => return Ok((*device, line)),
            Shown::Used => error = ChangeError::UsedCode,
            Shown::NoCounter if error == ChangeError::NotConsecutive => error = ChangeError::NoCounter,
            Shown::NoCounter | Shown::Nowhere => {}
        }
    }
    Err(error)
}

/// Puts a token's counter here, or leaves it where it is if that is further.
fn count(
    terms: &Terms<'_>,
    old: &Enrollment,
    seen: &Seen,
    name: Option<&str>,
    counter: u64,
) -> Result<Plan, ChangeError> {
    let mut record = Healed::of(terms, old, seen).record;
    let mut devices = old.devices.clone();
    let device = named_mut(&mut devices, name)?;
    let Kind::Hotp { start } = device.kind else { return Err(ChangeError::NotHotp) };
    // Healed, so it has one.
    let line = record.device(&device.id).cloned().ok_or(ChangeError::NotHotp)?;
    let last = Some(counter.max(line.last.unwrap_or(start)));
    record.set_device(DeviceState { last, ..line });
    Ok(Plan { before: Some(record), ..Plan::default() })
}

/// Gives an enrollment its first backup codes, which were shown and typed back while nothing was locked.
pub fn add_codes(old: &Enrollment, set: BackupCodes, seen: &Seen, window: u64) -> Plan {
    let mut record = seen.record.clone().unwrap_or_default();
    healing::heal(old, &mut record, seen.now, window);
    // Before the set is there: a crash in between leaves none, and no set of which all codes count as used.
    record.set_backup(BackupState { id: set.id.clone(), used: 0 });
    Plan {
        before: Some(record),
        keys: Keys::Replace(Enrollment { backup_codes: Some(set), ..old.clone() }),
        after: None,
    }
}

/// Ties an enrollment to the account's present uid.
pub fn tie(old: &Enrollment, user: &str, uid: u32) -> Plan {
    Plan { keys: Keys::Replace(Enrollment { user: user.to_owned(), uid, ..old.clone() }), ..Plan::default() }
}

/// Moves an enrollment to another account.
pub fn rename(old: &Enrollment, seen: &Seen, user: &str, uid: u32) -> Plan {
    let record = moved_record(seen, old.backup_codes.is_some());
    let moved = Enrollment { user: user.to_owned(), uid, ..old.clone() };
    Plan { before: Some(record), keys: Keys::MoveTo(moved), after: None }
}

/// The record for another name, whose file may be newer than every login in it. What was used under that name before stays
/// used: the same key may come back there.
fn moved_record(seen: &Seen, has_backup_codes: bool) -> Record {
    let mut record = seen.record.clone().unwrap_or_default();
    healing::notice_copy(&mut record, seen.born, seen.now, has_backup_codes);
    let how = record.came.map_or(CameBy::Moved, |came| came.how);
    (record.came, record.proving) = (Some(Came { at: seen.now, how }), None);
    let own: Vec<String> = record.devices.iter().map(|line| line.id.clone()).collect();
    for line in seen.there.iter().flat_map(|there| &there.devices).cloned() {
        match record.devices.iter_mut().find(|own| own.id == line.id) {
            Some(own) => own.last = own.last.max(line.last),
            None => record.devices.push(line),
        }
    }
    record.make_room(|id| own.iter().any(|own| own == id));
    record
}

/// What [`unlock`] comes to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unlocked {
    /// What becomes of devices whose record lies in the future.
    pub brought_back: BroughtBack,
    /// Seconds that the clock is behind the last login; 0: it is not.
    pub was_ahead: u64,
    /// The clock is certainly wrong: nothing is brought back.
    pub clock_is_wrong: bool,
}

/// Ends all waits, and brings back a record that lies in the future. No used code counts again by that.
pub fn unlock(old: &Enrollment, seen: &Seen, window: u64) -> (Plan, Unlocked) {
    let (mut record, now) = (seen.record.clone().unwrap_or_default(), seen.now);
    healing::heal(old, &mut record, now, window);
    let was_ahead = healing::clock_back(old, &record, now, window).unwrap_or_default();
    let brought_back = healing::bring_back(old, &mut record, now, window);
    throttle::refill(&mut record, now);
    record.forget_trusts();
    record.proving = None;
    // Used backup codes count again until there are new ones: that stays noted.
    match &old.backup_codes {
        Some(_) => drop(healing::notice_copy(&mut record, seen.born, now, true)),
        None => healing::forget_copy(&mut record, seen.born, now),
    }
    let unlocked = Unlocked { brought_back, was_ahead, clock_is_wrong: is_wrong(now) };
    (Plan { before: Some(record), ..Plan::default() }, unlocked)
}
