//! The heart: each code once, and never outside its window; waits that no right code crosses and no lane shares.
//! Sequences of logins at random, judged by what was shown and typed, and tables for what has a number.

use proptest::collection::vec;
use proptest::prelude::*;

use pam_totp::attempt::{self, Attempt, Decision, Outcome, Via};
use pam_totp::backup::{BackupCodes, BackupShaped, Form, Stretched};
use pam_totp::enrollment::{Device, Enrollment, Kind};
use pam_totp::otp::{Algorithm, Digits, hotp};
use pam_totp::secret::{Answer, Secret};
use pam_totp::source::Source;
use pam_totp::state::{BackupState, DeviceState, LaneKey, Record};
use pam_totp::throttle::{self, Limits};

mod backup;
mod counter;
mod jumps;
mod lanes;
mod life;
mod lost;
mod once;
mod resync;

/// The beginning of a step of 30 s.
pub(crate) const NOW: u64 = 1_800_000_000;
const FREE: Limits = Limits { free: u32::MAX - 1, first_wait: 30, longest_wait: 900 };

/// A user with what he enrolled, and what the host remembers of him.
#[derive(Clone, Debug)]
pub(crate) struct User {
    pub(crate) enrollment: Enrollment,
    pub(crate) record: Record,
    pub(crate) window: u64,
    pub(crate) limits: Limits,
    pub(crate) source: Source,
}

impl User {
    /// Enrolled long ago, never logged in.
    pub(crate) fn with(devices: Vec<Device>) -> Self {
        let line = |device: &Device| {
            let last = if let Kind::Hotp { start } = device.kind { start } else { 0 };
            DeviceState { id: device.id.clone(), last: Some(last), drift: Some(0), at: None, pending: None }
        };
        let record = Record { devices: devices.iter().map(line).collect(), ..Record::default() };
        let enrollment = Enrollment { user: "alice".into(), uid: 1000, devices, backup_codes: None };
        Self { enrollment, record, window: 1, limits: Limits::default(), source: Source::Local }
    }

    pub(crate) fn with_phone() -> Self {
        Self::with(vec![device(0, Kind::Totp { period: 30 })])
    }

    pub(crate) fn decide(&self, typed: &[u8], now: u64) -> Decision {
        let answer = Answer::new(typed);
        let shaped = BackupShaped::recognize(typed);
        let codes = self.enrollment.backup_codes.as_ref();
        let stretched =
            shaped.map(|shaped| codes.map_or_else(|| Stretched::in_vain(&shaped), |set| Stretched::new(&shaped, set)));
        attempt::decide(&self.attempt(&answer, stretched.as_ref(), now), &self.record)
    }

    fn attempt<'a>(&'a self, answer: &'a Answer, stretched: Option<&'a Stretched>, now: u64) -> Attempt<'a> {
        let Self { enrollment, window, limits, source, .. } = self;
        Attempt { enrollment, answer, stretched, source: *source, now, window: *window, limits: *limits }
    }

    /// A login: what is to be written is written.
    pub(crate) fn types(&mut self, typed: impl AsRef<[u8]>, now: u64) -> Outcome {
        let decision = self.decide(typed.as_ref(), now);
        if let Some(record) = decision.write {
            self.record = record;
        }
        decision.outcome
    }

    /// A code that no device shows anywhere near.
    fn wrong(&self, now: u64) -> String {
        let shown = |code: &String| {
            let counters = |device: &Device| match device.kind {
                Kind::Totp { period } => (now / u64::from(period)).saturating_sub(50)..=now / u64::from(period) + 50,
                Kind::Hotp { .. } => 0..=300,
            };
            self.enrollment.devices.iter().any(|device| counters(device).any(|n| self::code(device, n) == *code))
        };
        (0..).map(|n| format!("{n:0width$}", width = self.enrollment.digits().get())).find(|c| !shown(c)).unwrap()
    }

    fn fails(&mut self, times: u32, now: u64) {
        for _ in 0..times {
            let wrong = self.wrong(now);
            assert!(matches!(self.types(wrong, now), Outcome::Wrong { .. }));
        }
    }

    /// What the first device shows `ahead` steps from `now`.
    pub(crate) fn code(&self, now: u64, ahead: i64) -> String {
        let device = &self.enrollment.devices[0];
        self::code(device, clock(device, now).checked_add_signed(ahead).unwrap())
    }

    pub(crate) fn line(&self) -> &DeviceState {
        &self.record.devices[0]
    }
}

pub(crate) fn device(n: u8, kind: Kind) -> Device {
    Device {
        id: format!("d{n}"),
        name: "phone".into(),
        kind,
        secret: Secret::from_bytes(vec![n; 20].into()),
        algorithm: Algorithm::Sha1,
        digits: Digits::SIX,
        skew: 0,
        created: 0,
    }
}

pub(crate) fn code(device: &Device, counter: u64) -> String {
    let code = hotp(device.secret.as_bytes(), counter, device.algorithm, device.digits);
    String::from_utf8(code.as_bytes().to_vec()).unwrap()
}

pub(crate) fn clock(device: &Device, now: u64) -> u64 {
    let Kind::Totp { period } = device.kind else { panic!("{} has no clock", device.id) };
    (now / u64::from(period)).checked_add_signed(device.skew.into()).unwrap()
}

pub(crate) fn accepted(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Accepted { .. })
}
