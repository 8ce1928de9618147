//! Any answer to any record. Whether it is looked at depends on the record, the place, the time and the number of codes;
//! what it comes to is what a plain reading of the rules says; and until it was judged, nothing tells a right code from
//! a wrong one: neither what is written, nor what is said of a row whose first code was used.

use pam_totp::factor::attempt::{self, Attempt, GuessCharge, Outcome, Via};
use pam_totp::factor::enrollment::{Device, Enrollment, Kind};
use pam_totp::factor::otp::{Algorithm, Digits, hotp};
use pam_totp::factor::record::{Barred, Class, DeviceState, Lane, LaneKey, Record};
use pam_totp::factor::secret::{Answer, Secret};
use pam_totp::factor::source::Source;
use pam_totp::factor::throttle::{Buckets, Limits, ROW, lane_of};
use pam_totp::system::clock;

use super::pieces::Pieces;

const START: u64 = 1_800_000_000;

pub fn hold(bytes: &[u8]) {
    let mut pieces = Pieces(bytes);
    let case = Case::new(&mut pieces);
    for count in [1, 2, 3, 2, 1] {
        let codes = case.codes(&mut pieces, count);
        case.judges(&codes);
    }
}

struct Case {
    enrollment: Enrollment,
    record: Record,
    source: Source,
    now: u64,
    window: u64,
    limits: Limits,
}

type Row = Vec<Vec<u8>>;

/// What the rules make of codes that are looked at.
#[derive(Debug, PartialEq, Eq)]
enum Rule {
    /// The first of them can never count again.
    Stale,
    /// The device's, and its last step or next counter from then on.
    Right(String, u64),
    Wrong,
}

impl Case {
    fn new(pieces: &mut Pieces<'_>) -> Self {
        let digits = Digits::new(pieces.byte() % 3 + 6).expect("6 to 8");
        let devices: Vec<Device> = (0..=pieces.byte() % 3).map(|n| device(n, digits, pieces)).collect();
        let now = pieces.pick(&[START, START, START + 29, 1_000_000]);
        let enrollment = Enrollment { user: "alice".into(), uid: 1000, devices, backup_codes: None };
        let net = Source::from_address("192.0.2.4").expect("an address");
        let mut case = Self {
            enrollment,
            record: Record::default(),
            source: pieces.pick(&[Source::Local, Source::Door, Source::Unknown, net]),
            now,
            window: u64::from(pieces.byte() % 4),
            limits: Limits { free: u32::from(pieces.byte() % 20) + 1, every: pieces.pick(&[600, 14_400, 86_400]) },
        };
        case.lines(pieces);
        case.numbers(pieces);
        case
    }

    /// Devices that were used a while ago, just now, or by a clock that went back since; and bands.
    fn lines(&mut self, pieces: &mut Pieces<'_>) {
        for device in &self.enrollment.devices {
            let id = device.id.clone();
            let clock = device.step(self.now).unwrap_or(1_000);
            let last = clock.saturating_add_signed(i64::from(pieces.byte() as i8) / 8);
            let drift = pieces.pick(&[Some(0), Some(0), Some(-4), Some(2), None]);
            if pieces.flag() {
                let from = clock.saturating_add_signed(i64::from(pieces.byte() as i8) / 8);
                self.record.barred.push(Barred { id: id.clone(), from, to: from + u64::from(pieces.byte() % 12) });
            }
            self.record.devices.push(DeviceState { id, last: Some(last), drift, at: None });
        }
        if pieces.byte() % 8 == 0 {
            self.record.devices[0].last = None;
        }
    }

    /// Buckets that are full, nearly empty, empty, or far ahead.
    fn numbers(&mut self, pieces: &mut Pieces<'_>) {
        let mut full = |each: u64| match pieces.byte() % 8 {
            7 => self.now + 500_000_000,
            n => self.now.saturating_add_signed((i64::from(n) - 3) * each as i64 * 5),
        };
        self.record.unit = Some(self.limits.every);
        let keys = [LaneKey::Local, LaneKey::Door, LaneKey::Other(0)];
        self.record.lanes = keys.map(|key| Lane { key, full: full(self.limits.every), seen: 7, last: 9 }).to_vec();
        let classes = [LaneKey::Local.class(), LaneKey::Other(0).class()];
        let class = |key| Class { key, full: full(self.limits.every * 3), pairs: full(20) };
        self.record.classes = classes.map(class).to_vec();
        self.record.row = pieces.pick(&[0, 0, 7, ROW - 1, ROW]);
    }

    /// So many codes in a row of a device near its clock or counter, of which one may be wrong.
    fn codes(&self, pieces: &mut Pieces<'_>, count: u64) -> Row {
        let device = pieces.pick(&self.enrollment.devices);
        let line = self.record.device(&device.id).expect("a line");
        let at = device.step(self.now).or(line.last).unwrap_or(1_000);
        let first = at.saturating_add_signed(i64::from(pieces.byte() as i8) / 8);
        let mut codes: Row = (first..first + count).map(|at| code(&device, at)).collect();
        if pieces.byte() % 4 == 0 {
            let place = usize::from(pieces.byte()) % codes.len();
            codes[place] = self.wrong(codes.len()).swap_remove(place);
        }
        codes
    }

    /// Codes that are not right, and differ from one another.
    fn wrong(&self, count: usize) -> Row {
        let digits = self.enrollment.digits().get();
        let rows = (0..).map(|n| (0..count).map(|m| format!("{:0digits$}", 3 * n + m).into_bytes()).collect());
        let plain = |codes: &Row| codes.iter().all(|code| self.rule(&[code.clone()].to_vec()) == Rule::Wrong);
        rows.into_iter().find(|codes: &Row| plain(codes) && self.rule(codes) == Rule::Wrong).expect("a million codes")
    }

    fn rule(&self, codes: &Row) -> Rule {
        let devices =
            self.enrollment.devices.iter().filter_map(|device| Some((device, self.record.device(&device.id)?)));
        let stale = |(device, line): (&Device, &DeviceState)| {
            let Some(last) = line.last else { return false };
            let steps = match device.step(self.now) {
                Some(clock) => self.reach(line, clock, codes.len() as u64),
                None => (last.saturating_sub(10), last.saturating_sub(1)),
            };
            let over = |step: u64| match device.step(self.now) {
                Some(_) => step <= last || self.is_barred(&device.id, step),
                None => step < last,
            };
            (steps.0..=steps.1).any(|step| over(step) && code(device, step) == codes[0])
        };
        if devices.clone().any(stale) {
            return Rule::Stale;
        }
        let right = |(device, line): (&Device, &DeviceState)| {
            let ends = self.ends(device, line, codes.len() as u64);
            let shows = |end: &u64| {
                (end + 1 - codes.len() as u64..=*end).zip(codes).all(|(at, typed)| code(device, at) == *typed)
            };
            let end = ends.into_iter().rev().find(shows)?;
            Some(Rule::Right(device.id.clone(), if device.step(self.now).is_some() { end } else { end + 1 }))
        };
        devices.filter_map(right).next().unwrap_or(Rule::Wrong)
    }

    /// The steps or counters at which a row of this device may end.
    fn ends(&self, device: &Device, line: &DeviceState, count: u64) -> Vec<u64> {
        let tokens = self.enrollment.devices.iter().filter(|device| device.step(0).is_none()).count() as u64;
        let Some(clock) = device.step(self.now) else {
            let Some(next) = line.last else { return Vec::new() };
            let reach = if count == 1 { 9 } else { 100 / tokens };
            return (next + count - 1..=next + reach).collect();
        };
        let (from, to) = self.reach(line, clock, count);
        let counts = |step: u64| line.last.is_none_or(|last| step > last) && !self.is_barred(&device.id, step);
        let is_open = |end: &u64| (end + 1 - count..=*end).all(|step| step >= from && counts(step));
        (from + count - 1..=to).filter(|end| self.now >= clock::BUILT && is_open(end)).collect()
    }

    fn reach(&self, line: &DeviceState, clock: u64, count: u64) -> (u64, u64) {
        let widest = 4 + self.window;
        match line.drift {
            Some(drift) if count == 1 => {
                let centre = clock.saturating_add_signed(drift.into());
                ((centre - self.window).min(clock), (centre + self.window).max(clock))
            }
            None if count == 1 => (clock - widest, clock + widest),
            _ => (clock - widest - count, clock + widest),
        }
    }

    fn is_barred(&self, id: &str, step: u64) -> bool {
        self.record.barred.iter().any(|barred| barred.id == id && barred.from <= step && step <= barred.to)
    }

    fn judges(&self, codes: &Row) {
        let wrong = self.wrong(codes.len());
        let (told, told_wrong) = (self.decide(codes), self.decide(&wrong));
        let (charged, charged_wrong) = (self.charged(codes), self.charged(&wrong));
        let pulled_in = self.pulled_in();
        if codes.windows(2).any(|two| two[0] == two[1]) {
            assert!(matches!(told.0, Outcome::Twice { .. }) && told.1 == pulled_in);
            return;
        }
        if matches!(told_wrong.0, Outcome::Waiting { .. }) {
            assert_eq!((&told, charged), (&told_wrong, None), "it waits for whatever is typed");
            assert!(codes.len() < 3 && told.1 == pulled_in);
            return;
        }
        assert!(matches!(told_wrong.0, Outcome::Wrong { .. }), "{told_wrong:?}");
        assert_eq!(charged_wrong.clone().or(pulled_in.clone()), told_wrong.1, "a wrong code leaves its charge");
        assert_eq!(charged_wrong.is_none(), codes.len() == 3);
        match self.rule(codes) {
            Rule::Stale => {
                assert!(matches!(told.0, Outcome::Used { .. } | Outcome::Later { .. }), "{told:?}");
                assert_eq!((charged, &told.1), (None, &pulled_in));
                let others = [&codes[..1], &wrong[1..]].concat();
                assert!(
                    others.windows(2).any(|two| two[0] == two[1]) || self.decide(&others) == told,
                    "whatever follows"
                );
            }
            Rule::Wrong => assert_eq!((told, charged), (told_wrong, charged_wrong), "and none of its codes is told of"),
            Rule::Right(id, last) => {
                assert_eq!(charged, charged_wrong, "whoever kills it has made a guess");
                self.is_accepted(&id, last, told, &pulled_in.unwrap_or(self.record.clone()));
            }
        }
    }

    fn is_accepted(&self, id: &str, last: u64, told: (Outcome, Option<Record>), before: &Record) {
        let Outcome::Accepted { via, since } = told.0 else { panic!("{id} shows {last}: {:?}", told.0) };
        let after = told.1.expect("a step that was used");
        assert_eq!((via, since), (Via::Device(id.to_owned()), before.since.clone()));
        assert_eq!((&after.classes, after.row, &after.since), (&before.classes, 0, &None));
        assert!(before.lanes.iter().all(|lane| after.lane(lane.key).map(|lane| lane.full) == Some(lane.full)));
        for line in &before.devices {
            let is = after.device(&line.id).expect("no line goes");
            let expected = if line.id == id { Some(last) } else { line.last };
            assert_eq!((is.last, is == line), (expected, line.id != id));
        }
        let passed = |barred: &&Barred| {
            after.device(&barred.id).is_none_or(|line| line.last.is_none_or(|last| barred.to > last))
        };
        assert_eq!(after.barred, before.barred.iter().filter(passed).cloned().collect::<Vec<_>>());
    }

    /// The record without the guess, if that differs from what is on disk.
    fn pulled_in(&self) -> Option<Record> {
        let mut record = self.record.clone();
        let lane = lane_of(&record, self.source, self.enrollment.devices.first().map(|device| &device.secret));
        let weight = attempt::weight(&self.enrollment, &record, self.now, self.window);
        let moved = Buckets::new(lane, &self.limits, weight, self.now).pull_in(&mut record);
        (self.now >= clock::BUILT && moved).then_some(record)
    }

    fn decide(&self, codes: &Row) -> (Outcome, Option<Record>) {
        let decision = self.attempted(codes, |attempt| attempt::decide(attempt, &self.record));
        (decision.outcome, decision.write)
    }

    fn charged(&self, codes: &Row) -> Option<Record> {
        let charge = self.attempted(codes, |attempt| attempt::charge(attempt, &self.record));
        if let GuessCharge::Due(due) = charge { due.charged } else { None }
    }

    fn attempted<T>(&self, codes: &Row, then: impl FnOnce(&Attempt<'_>) -> T) -> T {
        let Self { enrollment, source, now, window, limits, .. } = self;
        let (answer, stretched) = (Answer::new(&codes.join(&b'-')), None);
        let (source, now, window, limits) = (*source, *now, *window, *limits);
        then(&Attempt { enrollment, answer: &answer, stretched, source, now, window, limits })
    }
}

fn device(n: u8, digits: Digits, pieces: &mut Pieces<'_>) -> Device {
    let kind =
        if pieces.byte() % 4 == 0 { Kind::Hotp { start: 0 } } else { Kind::Totp { period: pieces.pick(&[30, 60]) } };
    Device {
        id: format!("d{n}"),
        name: format!("device {n}"),
        kind,
        secret: Secret::from_bytes(vec![pieces.byte(), n, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16].into()),
        algorithm: Algorithm::Sha1,
        digits,
        skew: 0,
        created: 0,
    }
}

fn code(device: &Device, counter: u64) -> Vec<u8> {
    hotp(device.secret.as_bytes(), counter, device.algorithm, device.digits).as_bytes().to_vec()
}
