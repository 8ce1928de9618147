//! The decision: each code once, and never outside its window; wrong codes counted before they are judged, in buckets
//! that no lane empties for another. Sequences of logins at random, judged by what was shown and typed, and tables for
//! what has a number.

use proptest::collection::vec;
use proptest::prelude::*;

use pam_totp::factor::attempt::{self, Attempt, Decision, GuessCharge, Outcome, Via};
use pam_totp::factor::backup::{BackupCodeForm, BackupCodes, BackupShaped, Stretched};
use pam_totp::factor::enrollment::{Device, Enrollment, Kind};
use pam_totp::factor::healing;
use pam_totp::factor::otp::{Algorithm, Digits, hotp};
use pam_totp::factor::record::{BackupState, DeviceState, LaneKey, Record};
use pam_totp::factor::secret::{Answer, Secret};
use pam_totp::factor::source::Source;
use pam_totp::factor::throttle::{self, Limits};
use pam_totp::system::clock::BUILT;

mod backup;
mod band;
mod buckets;
mod charge;
mod copies;
mod counter;
mod history;
mod jumps;
mod lanes;
mod life;
mod lost;
mod once;
mod resync;
mod rows;
mod temporary;

/// The beginning of a step of 30 s.
pub(crate) const NOW: u64 = 1_800_000_000;
/// Every code is looked at, up to a hundred wrong ones in a row.
pub(crate) const FREE: Limits = Limits { free: u32::MAX, every: 1 };

/// A user with what they enrolled, and what the host remembers of them.
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
            DeviceState { id: device.id.clone(), last: Some(last), drift: Some(0), at: None }
        };
        let record = Record { devices: devices.iter().map(line).collect(), ..Record::default() };
        let enrollment = Enrollment { user: "alice".into(), uid: 1000, devices, backup_codes: None };
        Self { enrollment, record, window: 1, limits: Limits::default(), source: Source::Local }
    }

    pub(crate) fn with_phone() -> Self {
        Self::with(vec![device(0, Kind::Totp { period: 30 })])
    }

    /// What an answer comes to, and what is written of it.
    pub(crate) fn decide(&self, typed: impl AsRef<[u8]>, now: u64) -> Decision {
        self.attempted(typed, now, |attempt| attempt::decide(attempt, &self.record))
    }

    fn attempted<T>(&self, typed: impl AsRef<[u8]>, now: u64, then: impl FnOnce(&Attempt<'_>) -> T) -> T {
        let answer = Answer::new(typed.as_ref());
        // In vain where there is no such set, but not for as long as a login takes it.
        let decoy = |form| BackupCodes {
            id: String::new(),
            form,
            salt: Vec::new(),
            iterations: 1,
            hashes: Vec::new(),
            created: 0,
            temporary: None,
        };
        let stretched = BackupShaped::recognize(typed.as_ref()).map(|shaped| {
            let set = self.enrollment.backup_codes.clone().filter(|set| set.has(shaped.form()));
            Stretched::new(&shaped, &set.unwrap_or_else(|| decoy(shaped.form())))
        });
        then(&self.attempt(&answer, stretched.as_ref(), now))
    }

    fn attempt<'a>(&'a self, answer: &'a Answer, stretched: Option<&'a Stretched>, now: u64) -> Attempt<'a> {
        let Self { enrollment, window, limits, source, .. } = self;
        Attempt { enrollment, answer, stretched, source: *source, now, window: *window, limits: *limits }
    }

    /// A login: what is to be written is written.
    pub(crate) fn types(&mut self, typed: impl AsRef<[u8]>, now: u64) -> Outcome {
        let decision = self.decide(typed, now);
        self.record = decision.write.unwrap_or_else(|| self.record.clone());
        decision.outcome
    }

    /// A login that is killed before anything is judged: only the charge is on record.
    fn is_killed(&mut self, typed: impl AsRef<[u8]>, now: u64) {
        let charge = self.attempted(typed, now, |attempt| attempt::charge(attempt, &self.record));
        let charged = if let GuessCharge::Due(due) = charge { due.charged } else { None };
        self.record = charged.unwrap_or_else(|| self.record.clone());
    }

    /// A code that no device shows anywhere near, and another one for each `n`.
    fn wrong_code(&self, now: u64, n: usize) -> String {
        let shown = |code: &String| {
            let counters = |device: &Device| match device.kind {
                Kind::Totp { period } => (now / u64::from(period)).saturating_sub(50)..=now / u64::from(period) + 50,
                Kind::Hotp { .. } => 0..=300,
            };
            self.enrollment.devices.iter().any(|device| counters(device).any(|n| self::code(device, n) == *code))
        };
        let digits = self.enrollment.digits().get();
        (0..).map(|n| format!("{n:0digits$}")).filter(|code| !shown(code)).nth(n).unwrap()
    }

    fn wrong(&self, now: u64) -> String {
        self.wrong_code(now, 0)
    }

    /// So many codes in a row, none of which is right.
    fn wrong_row(&self, now: u64, count: usize) -> String {
        (0..count).map(|n| self.wrong_code(now, n)).collect::<Vec<_>>().join("-")
    }

    /// So many wrong codes, all of which are looked at.
    fn fails(&mut self, times: u32, now: u64) {
        let wrong = self.wrong(now);
        for n in 0..times {
            let outcome = self.types(&wrong, now);
            assert!(matches!(outcome, Outcome::Wrong { .. }), "{n}: {outcome:?}");
        }
    }

    /// What the first device shows `ahead` steps from `now`.
    pub(crate) fn code(&self, now: u64, ahead: i64) -> String {
        let device = &self.enrollment.devices[0];
        self::code(device, clock(device, now).checked_add_signed(ahead).unwrap())
    }

    /// So many codes of the first device in a row, of which the first is `ahead` steps from `now`.
    pub(crate) fn row(&self, now: u64, ahead: i64, count: i64) -> String {
        (ahead..ahead + count).map(|ahead| self.code(now, ahead)).collect::<Vec<_>>().join("-")
    }

    pub(crate) fn line(&self) -> &DeviceState {
        &self.record.devices[0]
    }

    fn from(&mut self, source: Source) -> &mut Self {
        self.source = source;
        self
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

pub(crate) fn net(address: &str) -> Source {
    Source::from_address(address).unwrap()
}

fn waits(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Waiting { .. })
}
