//! What a record needs before it is used, and what an administrator brings back: never a lock-out, never a replay. Pure.

use std::ops::RangeInclusive;

use crate::factor::enrollment::{Device, Enrollment, Kind};
use crate::factor::record::{BackupState, Barred, Came, CameBy, DeviceState, MAX_BARRED, MAX_DRIFT, Record};
use crate::system::clock::is_wrong;

/// Brings a record up to an enrollment: a device without its line, or all of them where the state was lost, is
/// put beyond every code that may have been used. Never a lock-out, never a replay. Returns whether it had to. By a clock
/// that is certainly wrong nobody knows where that is: the device has no line, and no code counts, until it is right.
pub fn heal(enrollment: &Enrollment, record: &mut Record, now: u64, window: u64) -> bool {
    let mut healed = false;
    for device in &enrollment.devices {
        let is_clocked = matches!(device.kind, Kind::Totp { .. });
        if record.device(&device.id).is_some() || is_clocked && is_wrong(now) {
            continue;
        }
        // A line that is not understood is none, but what it says was used stays used.
        let last = furthest(device, now, window).max(record.last_unread(&device.id));
        record.set_device(DeviceState { id: device.id.clone(), last, drift: None, at: None });
        healed = true;
    }
    if let Some(set) = &enrollment.backup_codes {
        let known = record.backup.as_ref().is_some_and(|b| b.id == set.id);
        if !known {
            record.set_backup(BackupState { id: set.id.clone(), used: u32::MAX });
            healed = true;
        }
    }
    record.make_room(|id| enrollment.devices.iter().any(|device| device.id == id));
    healed
}

/// Is this a token whose state was lost? No code of it counts: which ones were used cannot be known.
pub fn counter_lost(device: &Device, record: &Record) -> bool {
    let lost = record.device(&device.id).is_none_or(|line| line.last.is_none());
    lost && matches!(device.kind, Kind::Hotp { .. })
}

/// What [`bring_back`] came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BroughtBack {
    /// Seconds since 1970 from which on codes of every device count again.
    pub counts_from: Option<u64>,
    /// The names of devices that stay where they are: too many ranges of theirs are barred already.
    pub stay: Vec<String>,
}

/// Brings steps that lie in the future (a snapshot, a clock that went back) to where a lost state would be. No step comes
/// back that can have been used: those up to now stay below the last one, and those that were in the window of the old
/// last one are barred. Between the two there was no login, as the true time is at or past the old last one. By a clock
/// that is certainly wrong nothing is lowered.
pub fn bring_back(enrollment: &Enrollment, record: &mut Record, now: u64, window: u64) -> BroughtBack {
    let mut back = BroughtBack::default();
    if is_wrong(now) {
        return back;
    }
    for device in &enrollment.devices {
        let Some(furthest) = furthest(device, now, window) else { continue };
        let ahead = record.device(&device.id).and_then(|line| line.last).filter(|last| *last > furthest);
        if let Some(last) = ahead {
            let wide = reach(window).saturating_mul(2).saturating_add(1);
            let from = last.saturating_sub(wide).max(furthest.saturating_add(1));
            record.barred.retain(|barred| barred.id != device.id || barred.to > furthest);
            if !bar(record, &device.id, from..=last) {
                back.stay.push(device.name.clone());
                continue;
            }
            if let Some(line) = record.devices.iter_mut().find(|line| line.id == device.id) {
                (line.last, line.drift) = (Some(furthest), None);
            }
        }
        let line = record.device(&device.id).filter(|line| line.drift.is_none());
        back.counts_from = back.counts_from.max(line.and_then(|line| counts_from(device, line, record)));
    }
    back
}

/// Adds to the steps that never count. Ranges that touch become one; `false`: there are too many that do not.
fn bar(record: &mut Record, id: &str, steps: RangeInclusive<u64>) -> bool {
    let (mut from, mut to) = steps.into_inner();
    let mut others = Vec::new();
    for barred in record.barred.iter().filter(|barred| barred.id == id) {
        if barred.from <= to.saturating_add(1) && from <= barred.to.saturating_add(1) {
            (from, to) = (from.min(barred.from), to.max(barred.to));
        } else {
            others.push(barred.clone());
        }
    }
    if others.len() >= MAX_BARRED {
        return false;
    }
    record.barred.retain(|barred| barred.id != id);
    record.barred.extend(others);
    record.barred.push(Barred { id: id.to_owned(), from, to });
    true
}

/// The highest step that can have been accepted until now, be it around the centre or at the clock; a counter cannot be
/// known.
pub fn furthest(device: &Device, now: u64, window: u64) -> Option<u64> {
    Some(device.step(now)?.saturating_add(reach(window)))
}

/// How many steps from what a device's clock should show a code of it can be accepted, each way.
pub fn reach(window: u64) -> u64 {
    window.saturating_add_signed(MAX_DRIFT.into())
}

/// When the first step of a clock's device begins that counts again: one beyond the last that is not barred.
pub fn counts_from(device: &Device, line: &DeviceState, record: &Record) -> Option<u64> {
    let Kind::Totp { period } = device.kind else { return None };
    let next = line.last.unwrap_or_default().saturating_add(1);
    // Ranges that touch are one, so that behind it no other begins.
    let over = record.barred.iter().find(|b| b.id == device.id && (b.from..=b.to).contains(&next));
    let next = over.map_or(next, |barred| barred.to.saturating_add(1));
    let ahead = i64::from(line.drift.unwrap_or_default()).saturating_add(device.skew.into());
    Some(next.saturating_add_signed(ahead.saturating_neg()).saturating_mul(period.into()))
}

/// Seconds that the host's clock went back since a code was last accepted.
pub fn clock_back(enrollment: &Enrollment, record: &Record, now: u64, window: u64) -> Option<u64> {
    let back = |device: &Device| {
        let Kind::Totp { period } = device.kind else { return None };
        let last = record.device(&device.id)?.last?;
        last.checked_sub(furthest(device, now, window)?).filter(|s| *s > 0)?.checked_mul(u64::from(period))
    };
    enrollment.devices.iter().filter_map(back).max()
}

/// Was the file of this record put back from a copy? Then it was made after every login that it tells of, though no command
/// of ours made it, and backup codes that were used since count again. A clock that is or was wrong says nothing.
pub fn is_copy(record: &Record, born: u64, now: u64) -> bool {
    let came = record.came.map_or(0, |came| came.at);
    last_login(record).is_some_and(|last| last.max(came) < born) && born <= now && !is_wrong(now)
}

/// The last login that a record tells of.
fn last_login(record: &Record) -> Option<u64> {
    let seen = record.lanes.iter().map(|lane| lane.seen).filter(|seen| *seen > 0);
    record.devices.iter().filter_map(|line| line.at).chain(seen).max()
}

/// Notices a copy, once: in the record it stays noted until somebody made new backup codes. By a clock that is behind the
/// file it is noted that the file is older than it seems: a login of now would tell of a time before it.
pub fn notice_copy(record: &mut Record, born: Option<u64>, now: u64, has_backup_codes: bool) -> bool {
    let Some(born) = born else { return false };
    let is_copy = is_copy(record, born, now);
    let noted = record.came.map_or(CameBy::Moved, |came| came.how);
    if is_copy {
        let how = if has_backup_codes { CameBy::Copied } else { noted };
        record.came = Some(Came { at: now, how });
    } else if born > now && record.came.is_none_or(|came| came.at < born) {
        record.came = Some(Came { at: born, how: noted });
    }
    is_copy
}

/// Somebody has looked after what a copy brought back.
pub fn forget_copy(record: &mut Record, born: Option<u64>, now: u64) {
    notice_copy(record, born, now, false);
    if let Some(came) = &mut record.came {
        came.how = CameBy::Moved;
    }
}
