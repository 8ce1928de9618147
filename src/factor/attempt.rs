//! The decision: an enrollment, its state, an answer and the time in; an outcome and the new state out. Pure.
//!
//! In two steps, because who can stop the process must learn nothing that was not counted before. [`charge`] looks at
//! codes that can never count again, and says what is to be on record first: the guess, as a wrong one. Only then
//! [`judge`] computes the steps that could be accepted.
//!
//! A step is accepted only when it is greater than the device's last one, and no switch turns this off (RFC 6238 section
//! 5.2). A used code is refused, not counted, and writes nothing. All steps are computed and compared in constant time.

use std::ops::RangeInclusive;

use subtle::Choice;

use crate::factor::backup::{self, BackupCodeForm, BackupCodes, Stretched};
use crate::factor::enrollment::{Device, Enrollment, Kind};
use crate::factor::healing::{counts_from, reach};
use crate::factor::otp::{Codes, step};
use crate::factor::record::{BackupState, DeviceState, MAX_DRIFT, Record, Since};
use crate::factor::remember;
use crate::factor::secret::{Answer, CodesInARow};
use crate::factor::source::Source;
use crate::factor::throttle::{self, Buckets, Limits};
use crate::system::clock::is_wrong;

/// RFC 4226 section 7.4: codes of a token that were shown but not typed.
pub(crate) const LOOK_AHEAD: u64 = 10;
/// Tokens further ahead than that prove themselves with codes in a row, all of a user together by so many counters.
const FAR_AHEAD: u64 = 100;
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
    /// By what is not told: to a daemon that may have codes judged, and no more.
    Untold,
    /// A temporary backup code.
    Temporary,
}

/// What came of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Accepted.
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
    /// A code of a time that does not count, though nobody knows that it was used: the state was lost, or unlocked.
    Later {
        /// Seconds since 1970 from which on codes count again.
        at: u64,
    },
    /// A wrong code.
    Wrong {
        /// Wrong codes since the last login.
        since: u32,
        /// Single codes that are still looked at in this lane.
        left: u32,
    },
    /// Not looked at.
    Waiting {
        /// When a single code is looked at again; `None`: that cannot be said, or only once codes in a row were right.
        until: Option<u64>,
        /// So many codes in a row are looked at now.
        need: u8,
        /// Seconds to the next code of the app; `None` for a token with a button.
        next_in: Option<u64>,
    },
    /// The same code twice in a row: not looked at.
    Twice {
        /// Seconds to the next code of the app; `None` for a token with a button.
        next_in: Option<u64>,
    },
    /// The answer is no code at all: not counted.
    NotACode,
    /// Not accepted, and why is not told: to a daemon that may have codes judged, and no more.
    Untold,
}

/// An outcome and what goes with it.
pub struct Decision {
    /// The verdict.
    pub outcome: Outcome,
    /// The record to write before anybody hears the verdict; `None`: nothing changed.
    pub write: Option<Record>,
}

/// What comes before an answer is judged.
#[expect(clippy::large_enum_variant, reason = "a box would take what lay on the stack, keys too, into the heap")]
pub enum GuessCharge {
    /// Nothing that could be accepted is looked at: this is the answer.
    Told(Decision),
    /// To be judged.
    Due(DueGuess),
}

/// An answer that is to be judged.
pub struct DueGuess {
    /// To be on record before: the guess counted as a wrong one. `None` for what nobody can guess.
    pub charged: Option<Record>,
    /// The record as it is without the guess, and whether that differs from what is on disk.
    clean: Record,
    moved: bool,
    buckets: Buckets,
    /// What may be looked at; backup codes of letters always may.
    guess: Option<Guess>,
    /// What it comes to if nothing is right.
    otherwise: Outcome,
}

impl DueGuess {
    /// What it comes to if nothing is right.
    pub fn otherwise(&self) -> Outcome {
        self.otherwise.clone()
    }
}

enum Guess {
    Codes(CodesInARow),
    Scratch,
}

/// Both steps at once, where nobody can come between: nothing is guessed here, or nothing is on disk.
pub fn decide(attempt: &Attempt<'_>, record: &Record) -> Decision {
    match charge(attempt, record) {
        GuessCharge::Told(decision) => decision,
        GuessCharge::Due(due) => {
            let Decision { outcome, write } = judge(attempt, &due);
            Decision { outcome, write: write.or(due.charged) }
        }
    }
}

/// What must be on record before an answer is judged. `record` must be healed.
pub fn charge(attempt: &Attempt<'_>, record: &Record) -> GuessCharge {
    let mut clean = record.clone();
    let key = attempt.enrollment.devices.first().map(|device| &device.secret);
    let lane = throttle::lane_of(&clean, attempt.source, key);
    let weight = weight(attempt.enrollment, &clean, attempt.now, attempt.window);
    let buckets = Buckets::new(lane, &attempt.limits, weight, attempt.now);
    // By a clock that is certainly wrong no number is lowered, for it would stay so under the right one.
    let moved = !attempt.clock_is_wrong() && buckets.pull_in(&mut clean);
    let letters = attempt.stretched.is_some_and(|stretched| stretched.form() == BackupCodeForm::Letters);
    let told =
        |outcome, clean: Record| GuessCharge::Told(Decision { outcome, write: if moved { Some(clean) } else { None } });
    let due = |charged, clean, guess, otherwise| {
        GuessCharge::Due(DueGuess { charged, clean, moved, buckets, guess, otherwise })
    };
    let (guess, closed) = match attempt.guess(&clean, &buckets) {
        Ok(guess) => (guess, None),
        Err(closed) => (None, Some(closed)),
    };
    if let Some(outcome) = attempt.stale(&clean, guess.as_ref()) {
        return told(outcome, clean);
    }
    panic_here!("charge");
    match (guess, closed) {
        (None, Some(closed)) if !letters => told(closed, clean),
        (None, None) if !letters => told(Outcome::NotACode, clean),
        // Nobody guesses 80 bits, so nothing is counted, and it is looked at in a wait too: its owner needs to get in.
        (None, closed) => {
            let wrong = attempt.wrong(&clean, &buckets);
            due(None, clean, None, closed.unwrap_or(wrong))
        }
        (Some(guess), _) => {
            let charged = attempt.charged(&clean, &buckets, &guess);
            let wrong = attempt.wrong(charged.as_ref().unwrap_or(&clean), &buckets);
            due(charged, clean, Some(guess), wrong)
        }
    }
}

/// Judges an answer, once its charge is on record.
pub fn judge(attempt: &Attempt<'_>, due: &DueGuess) -> Decision {
    let mut record = due.clean.clone();
    panic_here!("attempt");
    let stretched = attempt.backup_code(due.guess.as_ref());
    let by_backup = stretched.and_then(|stretched| attempt.try_backup(&mut record, stretched));
    let by_device = match &due.guess {
        Some(Guess::Codes(codes)) if by_backup.is_none() => attempt.try_devices(&mut record, codes),
        _ => None,
    };
    let Some(via) = by_backup.or(by_device) else {
        let write = due.moved && due.charged.is_none();
        return Decision { outcome: due.otherwise.clone(), write: write.then_some(record) };
    };
    record.barred.retain(|barred| {
        record.devices.iter().all(|line| line.id != barred.id || line.last.is_none_or(|last| barred.to > last))
    });
    let since = record.since.take();
    due.buckets.succeed(&mut record, attempt.source);
    Decision { outcome: Outcome::Accepted { via, since }, write: Some(record) }
}

impl Attempt<'_> {
    /// What may be looked at of the answer beside a backup code of letters; or why it may not.
    fn guess(&self, record: &Record, buckets: &Buckets) -> Result<Option<Guess>, Outcome> {
        let scratch = |set: &BackupCodes| set.form == BackupCodeForm::Digits;
        let has_scratch = self.enrollment.backup_codes.as_ref().is_some_and(scratch);
        let gate = buckets.gate(record);
        let waiting = |single: Option<u64>| Outcome::Waiting {
            until: single.filter(|_| !self.clock_is_wrong()),
            need: gate.row,
            next_in: self.next_code(),
        };
        let closed = gate.single.is_none_or(|opens| opens > self.now);
        // Eight digits are a device's, if it makes so many; else they mean something only to who has such a set.
        let guess = match (self.answer.as_codes(self.enrollment.digits().get()), self.stretched) {
            (Some(codes), _) => Guess::Codes(codes),
            (None, Some(stretched)) if stretched.form() == BackupCodeForm::Digits && has_scratch => Guess::Scratch,
            _ => return Ok(None),
        };
        match &guess {
            Guess::Codes(codes) if codes.repeat() => Err(Outcome::Twice { next_in: self.next_code() }),
            Guess::Codes(codes) if codes.count() == 2 && gate.row > 2 => Err(waiting(gate.single)),
            Guess::Codes(codes) if codes.count() > 1 => Ok(Some(guess)),
            _ if closed => Err(waiting(gate.single)),
            _ => Ok(Some(guess)),
        }
    }

    /// The outcome of a code that can never count, by what the record knows of it. Nothing else is compared.
    fn stale(&self, record: &Record, guess: Option<&Guess>) -> Option<Outcome> {
        self.stale_backup(record, guess).or_else(|| self.stale_code(record, guess))
    }

    fn stale_backup(&self, record: &Record, guess: Option<&Guess>) -> Option<Outcome> {
        let (set, stretched) = (self.enrollment.backup_codes.as_ref()?, self.backup_code(guess)?);
        let state = record.backup.as_ref().filter(|state| state.id == set.id)?;
        stretched.find_among(set, |n| is_used(state, n) && self.is_alive(set, n)).map(|_| Outcome::Used { next_in: 0 })
    }

    /// A temporary code that has ended is a wrong one.
    fn is_alive(&self, set: &BackupCodes, place: u32) -> bool {
        !backup::is_temporary(place) || set.temporary.as_ref().is_some_and(|codes| codes.counts(self.now))
    }

    /// Letters are always looked at, digits only where they are nothing else and no wait is due.
    fn backup_code(&self, guess: Option<&Guess>) -> Option<&Stretched> {
        self.stretched.filter(|it| it.form() == BackupCodeForm::Letters || matches!(guess, Some(Guess::Scratch)))
    }

    fn stale_code(&self, record: &Record, guess: Option<&Guess>) -> Option<Outcome> {
        let Some(Guess::Codes(codes)) = guess else { return None };
        let first = codes.each().into_iter().next()?;
        self.enrollment.devices.iter().fold(None, |found, device| {
            // No early end: every device costs its time.
            let this = self.stale_of(device, record, first, codes.count());
            found.or(this)
        })
    }

    fn stale_of(&self, device: &Device, record: &Record, first: &[u8], count: usize) -> Option<Outcome> {
        let line = record.device(&device.id)?;
        let last = line.last?;
        let Some(clock) = device.step(self.now) else {
            let used = last.saturating_sub(LOOK_AHEAD)..=last.checked_sub(1)?;
            return search(device, used, &[first], |_| true).map(|_| Outcome::Used { next_in: 0 });
        };
        let steps = steps(line, clock, count, self.window);
        let is_stale = |step: u64| step <= last || record.is_barred(&device.id, step);
        let stale = steps.filter(|step| is_stale(*step));
        let matched = search(device, stale, &[first], |_| true)?;
        let counts_from = counts_from(device, line, record)?;
        // Only what a login wrote itself is known to be used.
        let is_known = matched <= last && line.drift.is_some();
        Some(match is_known {
            true => Outcome::Used { next_in: counts_from.saturating_sub(self.now) },
            false => Outcome::Later { at: counts_from },
        })
    }

    /// The guess counted as a wrong one. Three codes in a row, and codes of 80 bits, are no guess.
    fn charged(&self, clean: &Record, buckets: &Buckets, guess: &Guess) -> Option<Record> {
        let mut record = clean.clone();
        match guess {
            Guess::Codes(codes) if codes.count() > 2 => return None,
            Guess::Codes(codes) if codes.count() == 2 => buckets.charge_pair(&mut record),
            _ => buckets.charge_single(&mut record),
        }
        let count = record.since.as_ref().map_or(0, |s| s.count).saturating_add(1);
        record.since = Some(Since { count, at: self.now, from: self.source });
        remember::forget(&mut record, self.source);
        Some(record)
    }

    fn wrong(&self, record: &Record, buckets: &Buckets) -> Outcome {
        let since = record.since.as_ref().map_or(0, |since| since.count);
        Outcome::Wrong { since, left: buckets.left(record) }
    }

    fn clock_is_wrong(&self) -> bool {
        is_wrong(self.now)
    }

    /// Seconds until an app shows another code; `None` where only tokens with buttons make some.
    fn next_code(&self) -> Option<u64> {
        let left = |device: &Device| match device.kind {
            Kind::Totp { period } => {
                Some(u64::from(period).saturating_sub(self.now.checked_rem(period.into()).unwrap_or_default()))
            }
            Kind::Hotp { .. } => None,
        };
        self.enrollment.devices.iter().filter_map(left).max()
    }

    fn try_backup(&self, record: &mut Record, stretched: &Stretched) -> Option<Via> {
        let set = self.enrollment.backup_codes.as_ref()?;
        let state = record.backup.as_mut().filter(|b| b.id == set.id)?;
        let place = stretched.find_among(set, |n| !is_used(state, n) && self.is_alive(set, n))?;
        state.used |= bit(place);
        if backup::is_temporary(place) {
            return Some(Via::Temporary);
        }
        let left = (0_u32..).zip(&set.hashes).filter(|(n, _)| !is_used(state, *n)).count();
        Some(Via::Backup { left: u32::try_from(left).unwrap_or_default() })
    }

    fn try_devices(&self, record: &mut Record, codes: &CodesInARow) -> Option<Via> {
        let codes = codes.each();
        let mut via = None;
        for device in &self.enrollment.devices {
            let Some(line) = record.device(&device.id) else { continue };
            let proved = match device.step(self.now) {
                Some(clock) => self.try_totp(device, clock, line, record, &codes),
                None => self.try_hotp(device, line, &codes),
            };
            // No early end: every device costs its time.
            if let (None, Some(proved)) = (&via, proved) {
                record.set_device(proved);
                via = Some(Via::Device(device.id.clone()));
            }
        }
        via
    }

    fn try_totp(
        &self,
        device: &Device,
        clock: u64,
        line: &DeviceState,
        record: &Record,
        codes: &[&[u8]],
    ) -> Option<DeviceState> {
        let (first, last) = steps(line, clock, codes.len(), self.window).into_inner();
        let fresh = line.last.map_or(0, |last| last.saturating_add(1));
        let counts = |step: u64| !record.is_barred(&device.id, step) && !self.clock_is_wrong();
        let matched = search(device, first.max(fresh)..=last, codes, counts)?;
        // A single code moves the centre by no more than the window: one late code must not leave behind a phone that is
        // fast. Two in a row show where the phone is.
        let followed = match (codes.len(), line.drift) {
            (1, Some(drift)) => {
                let centre = clock.saturating_add_signed(drift.into());
                matched.clamp(centre.saturating_sub(self.window), centre.saturating_add(self.window))
            }
            _ => matched,
        };
        let drift = Some(drift(followed, clock));
        Some(DeviceState { last: Some(matched), drift, at: Some(self.now), ..line.clone() })
    }

    /// Forward only: a counter never goes back.
    fn try_hotp(&self, device: &Device, line: &DeviceState, codes: &[&[u8]]) -> Option<DeviceState> {
        let next = line.last?;
        let ahead = match codes {
            [_] => LOOK_AHEAD.saturating_sub(1),
            _ => self.far_ahead(),
        };
        let matched = search(device, next..=next.saturating_add(ahead), codes, |_| true)?;
        Some(DeviceState { last: Some(matched.saturating_add(1)), at: Some(self.now), ..line.clone() })
    }

    /// Counters in which codes in a row of one token are looked for.
    fn far_ahead(&self) -> u64 {
        let tokens = self.enrollment.devices.iter().filter(|device| matches!(device.kind, Kind::Hotp { .. })).count();
        FAR_AHEAD.checked_div(u64::try_from(tokens).unwrap_or(u64::MAX)).unwrap_or(LOOK_AHEAD)
    }

    /// Seconds that the device's clock is ahead of ours, if that explains a wrong code. For the log alone, and
    /// only once the failure is on disk: this takes long enough to tell wrong from right by the time, and a
    /// caller who makes the write fail would guess uncounted.
    pub fn clock_off(&self) -> Option<i64> {
        let code = self.answer.as_code(self.enrollment.digits().get())?;
        self.enrollment.devices.iter().fold(None, |found, device| {
            let (Kind::Totp { period }, Some(shown)) = (device.kind, device.step(self.now)) else { return found };
            let steps = shown.saturating_sub(CLOCK_SEARCH)..=shown.saturating_add(CLOCK_SEARCH);
            let matched = search(device, steps, &[&code], |_| true);
            found.or(matched.map(|m| steps_ahead(m, step(self.now, period)).saturating_mul(period.into())))
        })
    }
}

/// How much a wrong code weighs: by how many would be right at once.
pub fn weight(enrollment: &Enrollment, record: &Record, now: u64, window: u64) -> u64 {
    let right = |device: &Device| match (device.step(now), record.device(&device.id)) {
        (Some(clock), Some(line)) => u64::try_from(steps(line, clock, 1, window).count()).unwrap_or(u64::MAX),
        (Some(_), None) => 0,
        (None, _) => LOOK_AHEAD,
    };
    let right = enrollment.devices.iter().map(right).fold(0, u64::saturating_add);
    throttle::weight(right, enrollment.digits().get())
}

/// The steps of a clock's device in which so many codes in a row are looked for.
fn steps(line: &DeviceState, clock: u64, count: usize, window: u64) -> RangeInclusive<u64> {
    let widest = reach(window);
    match (line.drift, count) {
        // The clock itself always counts: drift also follows who types late, or a host whose clock was wrong, and would
        // leave behind a phone that is right. Of one that is four steps off, six codes are right instead of three.
        (Some(drift), 1) => {
            let centre = clock.saturating_add_signed(drift.into());
            centre.saturating_sub(window).min(clock)..=centre.saturating_add(window).max(clock)
        }
        (None, 1) => clock.saturating_sub(widest)..=clock.saturating_add(widest),
        // Over all that drift can hold, and back by the time that it takes to type them.
        _ => {
            let typing = u64::try_from(count).unwrap_or(u64::MAX);
            clock.saturating_sub(widest).saturating_sub(typing)..=clock.saturating_add(widest)
        }
    }
}

fn bit(place: u32) -> u32 {
    1_u32.checked_shl(place).unwrap_or_default()
}

fn is_used(state: &BackupState, place: u32) -> bool {
    state.used & bit(place) != 0
}

/// The highest counter of `counters` at which these codes end, each typed at its own; all of them must count. Every one
/// is computed and compared.
fn search(
    device: &Device,
    counters: impl Iterator<Item = u64>,
    codes: &[&[u8]],
    counts: impl Fn(u64) -> bool,
) -> Option<u64> {
    let mut found = None;
    // Only where there is a counter: mostly no step is stale.
    let mut shown = None;
    let keyed = || Codes::new(device.secret.as_bytes(), device.algorithm, device.digits);
    // At each place of the row: did the codes up to there match, ending at the counter before this one?
    let mut before = vec![Choice::from(0); codes.len()];
    for counter in counters {
        let code = shown.get_or_insert_with(keyed).at(counter);
        let allowed = Choice::from(u8::from(counts(counter)));
        let mut whole = Choice::from(1);
        for (typed, before) in codes.iter().zip(&mut before) {
            whole = std::mem::replace(before, whole & allowed & code.matches(typed));
        }
        if before.last().is_some_and(|end| bool::from(*end)) {
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
