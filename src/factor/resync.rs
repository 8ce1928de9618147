//! Where a device stands, shown by two consecutive codes of it (RFC 4226 section 7.4, RFC 6238 section 6). Pure.
//!
//! Not at a login, beyond the reach of drift: there it would revive codes that somebody has photographed.

use crate::factor::attempt::steps_ahead;
use crate::factor::enrollment::{Device, Kind, MAX_SKEW};
use crate::factor::otp::{self, Codes};
use crate::factor::record::{Barred, DeviceState, MAX_DRIFT, Record};
use crate::factor::secret::Answer;

/// How many counters ahead of the last one a token is looked for.
const COUNTERS: u64 = 1_000;

/// What two codes show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shown {
    /// The device as it is to be stored, and its line with both codes as used.
    Here(Box<Device>, DeviceState),
    /// They are codes of it, but not both later than the last one that was accepted.
    Used,
    /// They are not two consecutive codes of it, or too far away.
    Nowhere,
    /// The counter of the token was lost: old codes would do as well as new ones.
    NoCounter,
}

/// Looks for the two codes around our clock, or ahead of the counter. `record` has what `unlock` barred.
pub fn resync(
    device: &Device,
    line: &DeviceState,
    record: &Record,
    first: &Answer,
    second: &Answer,
    now: u64,
) -> Shown {
    // And whatever it reaches below such a band: further back than a login reaches, codes from before `unlock` lie.
    let reach = u64::from(MAX_SKEW.unsigned_abs()).saturating_mul(2);
    let is_barred = |step: u64| {
        let holds = |barred: &Barred| barred.from <= step.saturating_add(reach) && step <= barred.to;
        record.barred.iter().any(|barred| barred.id == device.id && holds(barred))
    };
    match (device.kind, line.last) {
        (Kind::Totp { period }, last) => {
            let (clock, reach) = (otp::step(now, period), MAX_SKEW.unsigned_abs().into());
            let (from, to) = (clock.saturating_sub(reach), clock.saturating_add(reach));
            match search(device, from, to, first, second) {
                Some(later) if last.is_some_and(|last| later <= last.saturating_add(1)) => Shown::Used,
                Some(later) if is_barred(later) || is_barred(later.saturating_sub(1)) => Shown::Used,
                Some(later) => on_the_clock(device, line, later, clock),
                None => Shown::Nowhere,
            }
        }
        (Kind::Hotp { .. }, None) => Shown::NoCounter,
        (Kind::Hotp { .. }, Some(next)) => {
            match search(device, next.saturating_sub(COUNTERS), next.saturating_add(COUNTERS), first, second) {
                Some(later) if later <= next => Shown::Used,
                Some(later) => {
                    let line = DeviceState { last: Some(later.saturating_add(1)), ..line.clone() };
                    Shown::Here(Box::new(device.clone()), line)
                }
                None => Shown::Nowhere,
            }
        }
    }
}

/// What drift can hold stays drift.
fn on_the_clock(device: &Device, line: &DeviceState, later: u64, clock: u64) -> Shown {
    let Ok(ahead) = i8::try_from(steps_ahead(later, clock)) else { return Shown::Nowhere };
    let near = ahead.unsigned_abs() <= MAX_DRIFT.unsigned_abs();
    let (skew, drift) = if near { (0, ahead) } else { (ahead, 0) };
    let line = DeviceState { last: Some(later), drift: Some(drift), ..line.clone() };
    Shown::Here(Box::new(Device { skew, ..device.clone() }), line)
}

/// The later counter of the highest pair of `from..=to` that was typed. Every pair is computed and compared.
fn search(device: &Device, from: u64, to: u64, first: &Answer, second: &Answer) -> Option<u64> {
    let digits = device.digits.get();
    let (first, second) = (first.as_code(digits)?, second.as_code(digits)?);
    let shown = Codes::new(device.secret.as_bytes(), device.algorithm, device.digits);
    let (mut found, mut before) = (None, shown.at(from));
    for counter in from.saturating_add(1)..=to {
        let this = shown.at(counter);
        if bool::from(before.matches(&first) & this.matches(&second)) {
            found = Some(counter);
        }
        before = this;
    }
    found
}
