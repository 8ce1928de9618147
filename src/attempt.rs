//! The heart: an enrollment, its state, an answer and the time in; an outcome and the new state out. Pure.
//!
//! Rules: a step is accepted only when it is greater than the device's last one, and no switch turns this off
//! (RFC 6238 section 5.2). A used code is refused, not counted, and writes nothing. All steps are computed and
//! compared in constant time, so that the time tells nothing about which one matched.

use zeroize::Zeroizing;

use crate::backup::{BackupCodes, Form, Stretched};
use crate::enrollment::{Device, Enrollment, Kind};
use crate::otp::{hotp, step};
use crate::secret::Answer;
use crate::source::Source;
use crate::state::{BackupState, DeviceState, LaneKey, Record, Since};
use crate::throttle::{self, Limits};

/// RFC 6238 section 6: a device's clock is followed this many steps away from ours, and no further.
pub(crate) const MAX_DRIFT: i8 = 4;
/// RFC 4226 section 7.4: codes of a token that were shown but not typed.
const LOOK_AHEAD: u64 = 10;
/// A token further ahead than that proves itself with two consecutive codes.
const FAR_AHEAD: u64 = 100;
/// Seconds between those two codes.
const PENDING: u64 = 600;
/// A wrong code is looked for this many steps away, to tell a wrong clock from a wrong code.
const CLOCK_SEARCH: u64 = 20;

/// One answer to judge.
pub struct Attempt<'a> {
    /// Who is enrolled with what.
    pub enrollment: &'a Enrollment,
    /// What was typed.
    pub answer: &'a Answer,
    /// The answer stretched, if it has the shape of a backup code.
    pub stretched: Option<&'a Stretched>,
    /// Where it came from.
    pub source: Source,
    /// Seconds since 1970.
    pub now: u64,
    /// Steps each way around the device's centre: 0 to 3. Its clock counts too.
    pub window: u64,
    /// The policy's `[throttle]`.
    pub limits: Limits,
}

/// How a login with the right code was proved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Via {
    /// A device, by its id.
    Device(String),
    /// A backup code; so many are left.
    Backup {
        /// Codes that were not used yet.
        left: u32,
    },
}

/// What came of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Let in.
    Accepted {
        /// By what.
        via: Via,
        /// Wrong codes since the last login.
        since: Option<Since>,
    },
    /// A code that was accepted before, or an older one.
    Used {
        /// Seconds to the next code that can be accepted; 0 where it is there already, or no question of time.
        next_in: u64,
    },
    /// A wrong code, counted.
    Wrong {
        /// Wrong codes in this lane since its last success.
        fails: u32,
        /// The end of the wait that it started.
        wait_until: Option<u64>,
    },
    /// Not looked at.
    Waiting {
        /// The end of the wait.
        until: u64,
    },
    /// The answer is no code at all: not counted.
    NotACode,
}

/// An outcome and what goes with it.
pub struct Decision {
    /// The verdict.
    pub outcome: Outcome,
    /// The record to write before anybody hears the verdict; `None`: nothing changed.
    pub write: Option<Record>,
    /// Seconds that the host's clock went back since a code was last accepted. For the log.
    pub clock_back: Option<u64>,
}

/// Brings a record up to an enrollment: a device without its line, or all of them where the state was lost, is
/// put beyond every code that may have been used. Never a lock-out, never a replay. Returns whether it had to.
pub fn heal(enrollment: &Enrollment, record: &mut Record, now: u64, window: u64) -> bool {
    let mut healed = false;
    for device in &enrollment.devices {
        if record.device(&device.id).is_some() {
            continue;
        }
        let last = furthest(device, now, window);
        record.set_device(DeviceState { id: device.id.clone(), last, drift: None, at: None, pending: None });
        healed = true;
    }
    if let Some(set) = &enrollment.backup_codes {
        let known = record.backup.as_ref().is_some_and(|b| b.id == set.id);
        if !known {
            record.backup = Some(BackupState { id: set.id.clone(), used: u32::MAX });
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

/// Brings steps that lie in the future (a snapshot, a clock that went back) to where a lost state would be: the
/// next code counts within three minutes, and no step that can have been used by now comes back.
pub fn bring_back(enrollment: &Enrollment, record: &mut Record, now: u64, window: u64) {
    for device in &enrollment.devices {
        let Some(furthest) = furthest(device, now, window) else { continue };
        let ahead = |line: &&mut DeviceState| line.id == device.id && line.last.is_some_and(|last| last > furthest);
        if let Some(line) = record.devices.iter_mut().find(ahead) {
            line.last = Some(furthest);
            line.drift = None;
        }
    }
}

/// The highest step that can have been accepted until now, be it around the centre or at the clock; a counter cannot be
/// known.
fn furthest(device: &Device, now: u64, window: u64) -> Option<u64> {
    Some(device.step(now)?.saturating_add_signed(MAX_DRIFT.into()).saturating_add(window))
}

/// Judges one answer. `record` must be healed.
pub fn decide(attempt: &Attempt<'_>, record: &Record) -> Decision {
    let mut record = record.clone();
    let lane = throttle::lane_of(&record, attempt.source);
    let clock_back = attempt.clock_back(&record);
    let (waiting, moved) = throttle::waiting(&mut record, lane, attempt.now, &attempt.limits);
    let unchanged = |outcome, record| Decision { outcome, write: if moved { Some(record) } else { None }, clock_back };

    // Backup codes are tried in any lane, during a wait too: 80 bits need no wait, and their owner needs the door.
    // The imported ones have 26 and are judged like a device's.
    let verdict = match attempt.typed() {
        Typed::Backup(stretched) => attempt.try_backup(&mut record, stretched),
        Typed::Nothing => return unchanged(Outcome::NotACode, record),
        Typed::Scratch(_) | Typed::Code(_) if waiting.is_some() => Verdict::Wrong,
        Typed::Scratch(stretched) => attempt.try_backup(&mut record, stretched),
        Typed::Code(code) => attempt.try_devices(&mut record, &code),
    };
    panic_here!("attempt");
    match (verdict, waiting) {
        (Verdict::Right(via), _) => {
            let since = record.since.take();
            throttle::succeed(&mut record, lane, attempt.source, attempt.now, &attempt.limits);
            Decision { outcome: Outcome::Accepted { via, since }, write: Some(record), clock_back }
        }
        (Verdict::Used { next_in }, _) => unchanged(Outcome::Used { next_in }, record),
        (Verdict::Wrong, Some(until)) => unchanged(Outcome::Waiting { until }, record),
        (Verdict::Wrong, None) => {
            let outcome = attempt.count(&mut record, lane);
            Decision { outcome, write: Some(record), clock_back }
        }
    }
}

/// What an answer is, by its shape.
enum Typed<'a> {
    Backup(&'a Stretched),
    Scratch(&'a Stretched),
    Code(Zeroizing<Vec<u8>>),
    Nothing,
}

enum Verdict {
    Right(Via),
    Used { next_in: u64 },
    Wrong,
}

impl Attempt<'_> {
    fn code(&self) -> Option<Zeroizing<Vec<u8>>> {
        self.answer.as_code(self.enrollment.digits().get())
    }

    fn typed(&self) -> Typed<'_> {
        let scratch = |set: &BackupCodes| set.form == Form::Digits;
        match (self.stretched, self.code()) {
            (Some(stretched), _) if stretched.form() == Form::Letters => Typed::Backup(stretched),
            // Eight digits are a device's, if it makes so many; else they mean something only to who has such a set.
            (_, Some(code)) => Typed::Code(code),
            (Some(stretched), None) if self.enrollment.backup_codes.as_ref().is_some_and(scratch) => {
                Typed::Scratch(stretched)
            }
            _ => Typed::Nothing,
        }
    }

    /// Counts a failure in its lane and in what the owner is told at his next login.
    fn count(&self, record: &mut Record, lane: LaneKey) -> Outcome {
        let wait_until = throttle::fail(record, lane, self.now, &self.limits);
        let count = record.since.as_ref().map_or(0, |s| s.count).saturating_add(1);
        record.since = Some(Since { count, at: self.now, from: self.source });
        let fails = record.lane(lane).map_or(0, |l| l.fails);
        Outcome::Wrong { fails, wait_until }
    }

    fn try_backup(&self, record: &mut Record, stretched: &Stretched) -> Verdict {
        let Some(set) = &self.enrollment.backup_codes else { return Verdict::Wrong };
        let (Some(place), Some(state)) = (stretched.find(set), record.backup.as_mut().filter(|b| b.id == set.id))
        else {
            return Verdict::Wrong;
        };
        let bit = 1_u32.checked_shl(place).unwrap_or_default();
        if state.used & bit != 0 {
            return Verdict::Used { next_in: 0 };
        }
        state.used |= bit;
        let left = (0_u32..).zip(&set.hashes).filter(|(n, _)| state.used & 1_u32.wrapping_shl(*n) == 0).count();
        Verdict::Right(Via::Backup { left: u32::try_from(left).unwrap_or_default() })
    }

    fn try_devices(&self, record: &mut Record, code: &[u8]) -> Verdict {
        let mut verdict = Verdict::Wrong;
        for device in &self.enrollment.devices {
            let Some(line) = record.devices.iter_mut().find(|l| l.id == device.id) else { continue };
            let this = match device.step(self.now) {
                Some(clock) => self.try_totp(device, clock, line, code),
                None => self.try_hotp(device, line, code),
            };
            // No early end: every device costs its time.
            verdict = match (verdict, this) {
                (Verdict::Right(via), _) | (_, Verdict::Right(via)) => Verdict::Right(via),
                (used @ Verdict::Used { .. }, _) | (_, used @ Verdict::Used { .. }) => used,
                _ => Verdict::Wrong,
            };
        }
        verdict
    }

    fn try_totp(&self, device: &Device, clock: u64, line: &mut DeviceState, code: &[u8]) -> Verdict {
        let (centre, reach) = match line.drift {
            Some(drift) => (clock.saturating_add_signed(drift.into()), self.window),
            None => (clock, self.window.saturating_add_signed(MAX_DRIFT.into())),
        };
        let (first, last) = (centre.saturating_sub(reach), centre.saturating_add(reach));
        // The clock itself always counts: drift also follows who types late, or a host whose clock was wrong, and would
        // leave behind a phone that is right. Of one that is four steps off, six codes are right instead of three.
        let Some(matched) = search(device, first.min(clock), last.max(clock), code) else {
            return Verdict::Wrong;
        };
        if line.last.is_some_and(|last| matched <= last) {
            return Verdict::Used { next_in: self.next_in(device, line) };
        }
        line.last = Some(matched);
        // By no more than the window: one late code must not leave behind a phone that is fast.
        line.drift = Some(drift(matched.clamp(first, last), clock));
        line.at = Some(self.now);
        Verdict::Right(Via::Device(device.id.clone()))
    }

    /// Seconds until the device shows a step beyond the last one; 0 where it does.
    fn next_in(&self, device: &Device, line: &DeviceState) -> u64 {
        let Kind::Totp { period } = device.kind else { return 0 };
        let ahead = i64::from(line.drift.unwrap_or_default()).saturating_add(device.skew.into());
        let next = line.last.unwrap_or_default().saturating_add(1).saturating_add_signed(ahead.saturating_neg());
        let begins = next.saturating_mul(u64::from(period));
        begins.saturating_sub(self.now)
    }

    /// Forward only: a counter never goes back.
    fn try_hotp(&self, device: &Device, line: &mut DeviceState, code: &[u8]) -> Verdict {
        let Some(next) = line.last else { return Verdict::Wrong };
        let near = search(device, next, next.saturating_add(LOOK_AHEAD - 1), code);
        let used = search(device, next.saturating_sub(LOOK_AHEAD), next.saturating_sub(1), code);
        let far = search(device, next.saturating_add(LOOK_AHEAD), next.saturating_add(FAR_AHEAD), code);
        let fresh = |at: u64| self.now.checked_sub(at).is_some_and(|age| age <= PENDING);
        let second =
            |far: &u64| line.pending.is_some_and(|(first, at)| fresh(at) && first.checked_add(1) == Some(*far));
        match (near.or(far.filter(second)), used) {
            (Some(counter), _) => {
                line.last = Some(counter.saturating_add(1));
                line.pending = None;
                line.at = Some(self.now);
                Verdict::Right(Via::Device(device.id.clone()))
            }
            (None, Some(_)) => Verdict::Used { next_in: 0 },
            (None, None) => {
                line.pending = far.map(|counter| (counter, self.now));
                Verdict::Wrong
            }
        }
    }

    /// Seconds that the device's clock is ahead of ours, if that explains a wrong code. For the log alone, and
    /// only once the failure is on disk: this takes long enough to tell wrong from right by the time, and a
    /// caller who makes the write fail would guess uncounted.
    pub fn clock_off(&self) -> Option<i64> {
        let code = self.code()?;
        self.enrollment.devices.iter().fold(None, |found, device| {
            let (Kind::Totp { period }, Some(shown)) = (device.kind, device.step(self.now)) else { return found };
            let from = shown.saturating_sub(CLOCK_SEARCH);
            let matched = search(device, from, shown.saturating_add(CLOCK_SEARCH), &code);
            found.or(matched.map(|m| steps_ahead(m, step(self.now, period)).saturating_mul(period.into())))
        })
    }

    fn clock_back(&self, record: &Record) -> Option<u64> {
        let back = |device: &Device| {
            let Kind::Totp { period } = device.kind else { return None };
            let last = record.device(&device.id)?.last?;
            last.checked_sub(furthest(device, self.now, self.window)?)
                .filter(|s| *s > 0)?
                .checked_mul(u64::from(period))
        };
        self.enrollment.devices.iter().filter_map(back).max()
    }
}

/// The highest counter of `from..=to` whose code was typed. Every one is computed and compared.
fn search(device: &Device, from: u64, to: u64, typed: &[u8]) -> Option<u64> {
    let mut found = None;
    for counter in from..=to {
        let code = hotp(device.secret.as_bytes(), counter, device.algorithm, device.digits);
        if bool::from(code.matches(typed)) {
            found = Some(counter);
        }
    }
    found
}

/// Steps that a device is ahead of the clock, bounded.
fn drift(matched: u64, clock: u64) -> i8 {
    let bound = i64::from(MAX_DRIFT);
    i8::try_from(steps_ahead(matched, clock).clamp(bound.saturating_neg(), bound)).unwrap_or_default()
}

pub(crate) fn steps_ahead(matched: u64, clock: u64) -> i64 {
    i64::try_from(i128::from(matched).saturating_sub(i128::from(clock))).unwrap_or_default()
}
