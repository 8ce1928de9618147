//! The decision over a user's whole life: devices of both kinds, codes old and new, alone and in rows, a clock that
//! jumps, states that are lost, healed, brought back and resynchronized. No step and no counter lets anybody in twice,
//! and none at or below the last.

use std::collections::BTreeSet;

use pam_totp::factor::attempt::{self, Attempt, Outcome, Via};
use pam_totp::factor::enrollment::{Device, Enrollment, Kind};
use pam_totp::factor::healing;
use pam_totp::factor::otp::{Algorithm, Digits, hotp};
use pam_totp::factor::record::{DeviceState, Record};
use pam_totp::factor::resync::{Shown, resync};
use pam_totp::factor::secret::{Answer, Secret};
use pam_totp::factor::source::Source;
use pam_totp::factor::throttle::Limits;
use pam_totp::system::clock;

use super::pieces::Pieces;

const START: u64 = 1_800_000_000;
/// Waits are for `history.rs`: here every code is looked at.
const FREE: Limits = Limits { free: u32::MAX, every: 1 };
/// A case is over after so many events.
const MOST: usize = 64;

pub fn hold(bytes: &[u8]) {
    let mut pieces = Pieces(bytes);
    let mut life = Life::new(&mut pieces);
    for _ in 0..MOST {
        if pieces.is_empty() {
            return;
        }
        life.event(&mut pieces);
    }
}

struct Life {
    enrollment: Enrollment,
    record: Record,
    window: u64,
    now: u64,
    /// The latest moment at which something was proved or healed: a clock that is behind it is wrong, and nobody heals by
    /// it.
    latest: u64,
    /// Where somebody unlocked: the clock does not go back behind that, for the codes from before it would be in reach.
    unlocked: u64,
    /// What got in or was used up, of each device, beside it what its line says now.
    used: Vec<BTreeSet<u64>>,
}

impl Life {
    fn new(pieces: &mut Pieces<'_>) -> Self {
        let digits = Digits::new(pieces.byte() % 3 + 6).expect("6 to 8");
        let devices: Vec<Device> = (0..=pieces.byte() % 3).map(|n| device(n, digits, pieces)).collect();
        let lines = devices.iter().map(|device| {
            let last = if let Kind::Hotp { start } = device.kind { start } else { 0 };
            DeviceState { id: device.id.clone(), last: Some(last), drift: Some(0), at: None }
        });
        let record = Record { devices: lines.collect(), ..Record::default() };
        let used = vec![BTreeSet::new(); devices.len()];
        let enrollment = Enrollment { user: "alice".into(), uid: 1000, devices, backup_codes: None };
        Self { enrollment, record, window: u64::from(pieces.byte() % 4), now: START, latest: START, unlocked: 0, used }
    }

    fn event(&mut self, pieces: &mut Pieces<'_>) {
        self.now = self.now.max(self.unlocked);
        let n = usize::from(pieces.byte()) % self.enrollment.devices.len();
        let clock_is_right = self.now >= self.latest;
        match pieces.byte() % 12 {
            0 => self.now = self.now.saturating_add(u64::from(pieces.byte())),
            1 => self.now = self.now.saturating_add_signed(i64::from(pieces.byte() as i8) * 45),
            2 => self.now = self.now.saturating_add_signed(i64::from(pieces.byte() as i8) * 86_400),
            3 if clock_is_right => {
                self.record = Record::default();
                assert!(self.heal());
            }
            4 if clock_is_right => {
                let id = &self.enrollment.devices[n].id;
                self.record.devices.retain(|line| line.id != *id);
                assert!(self.heal());
            }
            5 => self.is_unlocked(),
            6 => self.resync(n, pieces),
            7 => self.set_counter(n, pieces),
            8 => {
                // One that was seen before.
                let seen: Vec<u64> = self.used[n].iter().copied().collect();
                if !seen.is_empty() {
                    let first = pieces.pick(&seen).saturating_sub(u64::from(pieces.byte() % 2));
                    self.types(n, first, usize::from(pieces.byte() % 3) + 1);
                }
            }
            _ => {
                let ahead = i64::from(pieces.byte() as i8) / 4;
                let at = self.shown(n).saturating_add_signed(ahead);
                self.types(n, at, usize::from(pieces.byte() % 3) + 1);
            }
        }
    }

    /// The step that a device's clock shows, or the counter that its state expects.
    fn shown(&self, n: usize) -> u64 {
        let device = &self.enrollment.devices[n];
        device.step(self.now).or(self.line(n).last).unwrap_or_default()
    }

    fn line(&self, n: usize) -> &DeviceState {
        self.record.device(&self.enrollment.devices[n].id).expect("healed")
    }

    fn heal(&mut self) -> bool {
        self.latest = self.now;
        healing::heal(&self.enrollment, &mut self.record, self.now, self.window)
    }

    /// Where the clock is behind, it is set right at once: what was used since it will be, no state can know.
    fn is_unlocked(&mut self) {
        healing::bring_back(&self.enrollment, &mut self.record, self.now, self.window);
        self.unlocked = self.latest;
    }

    /// So many codes in a row, from this step or counter on.
    fn types(&mut self, n: usize, first: u64, count: usize) {
        let device = &self.enrollment.devices[n];
        let row = (0..count as u64).map(|next| code(device, first.saturating_add(next)));
        let typed = row.collect::<Vec<_>>().join(&b'-');
        let answer = Answer::new(&typed);
        let Self { enrollment, window, now, .. } = &*self;
        let (source, stretched, limits) = (Source::Local, None, FREE);
        let attempt = Attempt { enrollment, answer: &answer, stretched, source, now: *now, window: *window, limits };
        // A hundred wrong ones are for `history.rs`, too.
        let before = Record { row: 0, classes: Vec::new(), ..self.record.clone() };
        let decision = attempt::decide(&attempt, &before);
        if let Some(record) = decision.write {
            self.record = record;
        }
        match decision.outcome {
            Outcome::Accepted { via: Via::Device(_), .. } => assert!(self.moved(&before, &typed, count) > 0),
            Outcome::Wrong { .. } => assert_eq!(self.moved(&before, &typed, count), 0),
            Outcome::Used { .. } | Outcome::Later { .. } => {
                assert_eq!(self.record.devices, before.devices, "a used code writes nothing");
            }
            Outcome::Twice { .. } => assert!(typed[..typed.len() / 2] == typed[typed.len() / 2 + 1..] || count == 3),
            other => panic!("{other:?}"),
        }
    }

    /// How many devices went on since, each by steps that show what was typed and never counted before.
    fn moved(&mut self, before: &Record, typed: &[u8], count: usize) -> usize {
        let mut moved = 0;
        for n in 0..self.enrollment.devices.len() {
            let device = self.enrollment.devices[n].clone();
            let was = before.device(&device.id).expect("a line").last;
            let is = self.line(n).last;
            if was == is {
                continue;
            }
            moved += 1;
            let is = is.expect("a step is not forgotten");
            let last = if device.step(self.now).is_some() { is } else { is - 1 };
            let first = last + 1 - count as u64;
            let row: Vec<Vec<u8>> = (first..=last).map(|step| code(&device, step)).collect();
            assert_eq!(row.join(&b'-'), typed);
            for step in first..=last {
                self.uses(n, was.expect("without a counter no code counts"), step, count as u64);
            }
        }
        moved
    }

    fn uses(&mut self, n: usize, was: u64, step: u64, count: u64) {
        match self.enrollment.devices[n].step(self.now) {
            Some(clock) => {
                assert!(step > was, "{step} is not beyond {was}");
                assert!(self.now >= clock::BUILT, "no code of an app by a clock that is certainly wrong");
                let typing = if count == 1 { 0 } else { count };
                let near = clock.saturating_sub(4 + self.window + typing)..=clock + 4 + self.window;
                assert!(near.contains(&step), "{step} is not near {clock}");
                self.latest = self.latest.max(self.now);
            }
            None => assert!(step >= was, "{step} is before the next one, {was}"),
        }
        assert!(self.used[n].last().is_none_or(|last| *last < step), "{step} came again");
        self.used[n].insert(step);
    }

    fn resync(&mut self, n: usize, pieces: &mut Pieces<'_>) {
        let device = self.enrollment.devices[n].clone();
        let at = self.shown(n).saturating_add_signed(i64::from(pieces.byte() as i8) / 4);
        let typed = [at, at.saturating_add(1)].map(|at| Answer::new(&code(&device, at)));
        let was = self.line(n).last;
        let Shown::Here(device, line) = resync(&device, self.line(n), &self.record, &typed[0], &typed[1], self.now)
        else {
            return;
        };
        let last = line.last.expect("found");
        let later = if device.step(self.now).is_some() { last } else { last - 1 };
        for (step, typed) in [later - 1, later].into_iter().zip(&typed) {
            assert_eq!(code(&device, step), typed.as_bytes());
            assert!(self.used[n].last().is_none_or(|last| *last < step), "{step} came again");
            assert!(was.is_some_and(|was| step > was || device.step(0).is_none() && step >= was));
            self.used[n].insert(step);
        }
        assert!(device.skew.unsigned_abs() <= 20 && line.drift.is_none_or(|drift| drift.unsigned_abs() <= 4));
        self.latest = self.latest.max(self.now);
        self.enrollment.devices[n] = *device;
        self.record.set_device(line);
    }

    /// As root does it, who reads it off the token: never back, and beyond what was used.
    fn set_counter(&mut self, n: usize, pieces: &mut Pieces<'_>) {
        let device = self.enrollment.devices[n].clone();
        let Kind::Hotp { start } = device.kind else { return };
        let next = self.used[n].last().map_or(start, |last| last + 1).max(self.line(n).last.unwrap_or(start));
        let line = DeviceState { last: Some(next + u64::from(pieces.byte() % 8)), ..self.line(n).clone() };
        self.record.set_device(line);
    }
}

fn device(n: u8, digits: Digits, pieces: &mut Pieces<'_>) -> Device {
    let kind = match pieces.byte() % 4 {
        0 => Kind::Hotp { start: u64::from(pieces.byte()) },
        which => Kind::Totp { period: [30, 60, 1][usize::from(which) - 1] },
    };
    let skewed = matches!(kind, Kind::Totp { .. }) && pieces.flag();
    Device {
        id: format!("d{n}"),
        name: format!("device {n}"),
        kind,
        secret: Secret::from_bytes(vec![pieces.byte(), n, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16].into()),
        algorithm: pieces.pick(&[Algorithm::Sha1, Algorithm::Sha256, Algorithm::Sha512]),
        digits,
        skew: if skewed { i8::try_from(pieces.byte() % 41).expect("small") - 20 } else { 0 },
        created: 0,
    }
}

fn code(device: &Device, counter: u64) -> Vec<u8> {
    hotp(device.secret.as_bytes(), counter, device.algorithm, device.digits).as_bytes().to_vec()
}
