//! The throttle over a user's whole life: wrong codes from every place, alone and in rows, while the clock jumps, the
//! policy changes and the phone drifts. A witness who knows the rule alone, and nothing of how it is reckoned, counts
//! along: a bucket is a number of guesses that are missing, and time alone gives them back.

use pam_totp::factor::record::slots::{StateFile, print, read};
use pam_totp::factor::record::{ClassKey, LaneKey, Record};
use pam_totp::factor::secret::Secret;
use pam_totp::factor::source::Source;
use pam_totp::factor::throttle::{Buckets, Gate, Limits, ROW, class_every, lane_of};

use super::pieces::Pieces;

const START: u64 = 1_800_000_000;
/// A case is over after so many events.
const MOST: usize = 512;
/// What rounding to whole seconds may come to.
const CLOSE: f64 = 1e-2;

pub fn hold(bytes: &[u8]) {
    let mut pieces = Pieces(bytes);
    let mut life = Life::new(&mut pieces);
    for _ in 0..MOST {
        if pieces.is_empty() {
            return;
        }
        life.event(&mut pieces);
        life.is_as_the_witness_says();
    }
}

/// A bucket as the rule has it.
#[derive(Clone, Copy, Debug, Default)]
struct Bucket {
    /// Guesses that are missing.
    missing: f64,
    /// Wrong codes that were looked at, since the beginning.
    looked_at: f64,
    /// And how many time has given back, at the most.
    given: f64,
}

impl Bucket {
    fn passes(&mut self, seconds: u64, each: u64) {
        let back = seconds as f64 / each as f64;
        self.missing = (self.missing - back).max(0.0);
        self.given += back;
    }

    fn guessed(&mut self) {
        self.missing += 1.0;
        self.looked_at += 1.0;
    }
}

struct Life {
    record: Record,
    limits: Limits,
    weight: u64,
    now: u64,
    key: Secret,
    sources: Vec<Source>,
    lanes: Vec<(LaneKey, Bucket)>,
    /// Of single codes, and of two in a row.
    classes: Vec<(ClassKey, Bucket, Bucket)>,
    row: u32,
    /// The most that any policy has allowed at once.
    most_free: u32,
    /// What gives every bucket as much as it holds, or takes it: clocks that jumped, policies with smaller buckets.
    jumps: u32,
}

impl Life {
    fn new(pieces: &mut Pieces<'_>) -> Self {
        let nets = (0..12).map(|n| Source::from_address(&format!("198.{n}.100.7")).expect("an address"));
        let mut sources: Vec<Source> = [Source::Local, Source::Door, Source::Unknown].into_iter().chain(nets).collect();
        // In half of all cases one guesser alone.
        let guesser = pieces.byte();
        if guesser % 2 == 1 {
            sources = vec![sources[usize::from(guesser / 2) % sources.len()]];
        }
        Self {
            record: Record::default(),
            limits: Limits::default(),
            weight: 1,
            now: START,
            key: Secret::from_bytes(vec![pieces.byte(); 20].into()),
            sources,
            lanes: Vec::new(),
            classes: Vec::new(),
            row: 0,
            most_free: Limits::default().free,
            jumps: 0,
        }
    }

    fn event(&mut self, pieces: &mut Pieces<'_>) {
        match pieces.byte() % 16 {
            0 => self.passes(u64::from(pieces.byte()) * pieces.pick(&[1, 60, 3_600])),
            1 => self.passes(pieces.pick(&[600, 3_600, 10_800, 14_400, 86_400])),
            2 if pieces.byte() % 4 == 0 => self.jumps_to(pieces),
            3 if pieces.byte() % 4 == 0 => self.is_governed_by(Limits {
                free: u32::from(pieces.byte() % 20) + 1,
                every: pieces.pick(&[600, 3_601, 14_400, 86_400]),
            }),
            4 => self.weight = pieces.pick(&[1, 1, 2, 3, 13]),
            5 => self.is_written_and_read(pieces),
            6 => self.types(pieces, Shape::Row, pieces_right),
            7 | 8 => self.types(pieces, Shape::Row, |_| false),
            9 => self.types(pieces, Shape::Three, pieces_right),
            10 => self.types(pieces, Shape::Single, pieces_right),
            _ => self.types(pieces, Shape::Single, |_| false),
        }
    }

    fn passes(&mut self, seconds: u64) {
        self.now += seconds;
        // In the unit in which the numbers stand.
        let unit = self.record.unit.unwrap_or(self.limits.every);
        self.lanes.iter_mut().for_each(|(_, lane)| lane.passes(seconds, unit));
        for (_, class, pairs) in &mut self.classes {
            class.passes(seconds, class_every(unit));
            pairs.passes(seconds, 10);
        }
    }

    /// Forward it is time that passes; back it gives nothing.
    fn jumps_to(&mut self, pieces: &mut Pieces<'_>) {
        let seconds = i64::from(pieces.byte() as i8) * pieces.pick(&[60, 86_400, 3_000_000]);
        let now = self.now.saturating_add_signed(seconds).clamp(START, START * 4);
        if now >= self.now {
            self.passes(now - self.now);
        }
        self.now = now;
        self.jumps += 1;
    }

    fn is_governed_by(&mut self, limits: Limits) {
        self.jumps += u32::from(limits.free < self.limits.free);
        self.limits = limits;
        self.most_free = self.most_free.max(limits.free);
    }

    fn buckets(&self, source: Source) -> (LaneKey, Buckets) {
        let lane = lane_of(&self.record, source, Some(&self.key));
        (lane, Buckets::new(lane, &self.limits, self.weight, self.now))
    }

    /// As a login does it, from this place.
    fn types(&mut self, pieces: &mut Pieces<'_>, shape: Shape, is_right: fn(&mut Pieces<'_>) -> bool) {
        let source = pieces.pick(&self.sources);
        let (lane, buckets) = self.buckets(source);
        let mut record = self.record.clone();
        buckets.pull_in(&mut record);
        self.is_pulled_in(&record);
        let gate = buckets.gate(&record);
        assert_eq!(gate, buckets.gate(&record), "by nothing else");
        self.waits_no_longer_than_for_one(gate);
        if !shape.is_open(gate, self.now) {
            self.record = record;
            assert!(shape != Shape::Three, "three in a row always are");
            assert!(shape == Shape::Row || self.is_spent(lane), "closed, with some left in {lane:?}");
            return;
        }
        let before = record.clone();
        if is_right(pieces) {
            buckets.succeed(&mut record, source);
            self.row = 0;
            leaves_every_bucket(&before, &record, self.now);
        } else {
            self.is_wrong(shape, lane, &buckets, &mut record);
            leaves_all_others(&before, &record, lane);
        }
        self.record = record;
    }

    fn is_wrong(&mut self, shape: Shape, lane: LaneKey, buckets: &Buckets, record: &mut Record) {
        let (at_once, left) = (self.lane(lane).missing, buckets.left(record));
        match shape {
            Shape::Single => {
                assert!(self.row < ROW, "a hundred in a row are the most");
                assert!(left > 0 && at_once <= f64::from(self.limits.free) - 1.0 + CLOSE, "{at_once} {left}");
                buckets.charge_single(record);
                assert_eq!(buckets.left(record), left - 1, "what is told is true");
                self.lane(lane).guessed();
                self.class(lane.class()).0.guessed();
                self.row += 1;
            }
            Shape::Row => {
                buckets.charge_pair(record);
                self.class(lane.class()).1.guessed();
            }
            Shape::Three => {}
        }
    }

    /// No number lies further ahead than an empty bucket's, and in today's unit as many are missing as before.
    fn is_pulled_in(&mut self, record: &Record) {
        let unit = self.limits.every * self.weight;
        let (free, jumps) = (f64::from(self.limits.free), self.jumps);
        let missing = |full: u64, each: u64| full.saturating_sub(self.now) as f64 / each as f64;
        let agrees = |witness: &mut Bucket, missing: f64, size: f64, each: u64| {
            assert!(missing <= size, "{missing} of {size}");
            // A smaller bucket forgives, and a clock that went back may have taken what it held.
            witness.missing = witness.missing.min(size);
            assert!(missing >= witness.missing - 1e-6, "{missing} are missing, and {witness:?} should be");
            assert!(jumps > 0 || missing <= witness.missing + 1.0 / each as f64 + 1e-6, "{missing}, {witness:?}");
            witness.missing = missing;
        };
        let full = |record: &Record, key: LaneKey| record.lane(key).map_or(0, |lane| lane.full);
        for (key, lane) in &mut self.lanes {
            agrees(lane, missing(full(record, *key), unit), free, unit);
        }
        for (key, class, pairs) in &mut self.classes {
            let (full, rows) = record.class(*key).map_or((0, 0), |class| (class.full, class.pairs));
            agrees(class, missing(full, class_every(unit)), free * 4.0, class_every(unit));
            agrees(pairs, missing(rows, 10), 20.0, 10);
        }
        // One lane alone never closes another of its class: there no more is missing than in itself.
        for (key, class, _) in &self.classes {
            let mut lanes = self.lanes.iter().filter(|(lane, _)| lane.class() == *key);
            if let (Some((_, lane)), None) = (lanes.next(), lanes.next()) {
                assert!(jumps > 0 || class.missing <= lane.missing + CLOSE, "{class:?} {lane:?}");
            }
        }
    }

    fn waits_no_longer_than_for_one(&self, gate: Gate) {
        let one = self.limits.every * self.weight;
        assert!(gate.single.is_none_or(|opens| opens <= self.now + one), "{gate:?} at {}", self.now);
        assert_eq!(gate.single.is_none(), self.row >= ROW);
        assert!(matches!(gate.row, 2 | 3));
    }

    /// Has the lane none left, or its class, or the row?
    fn is_spent(&mut self, lane: LaneKey) -> bool {
        let free = f64::from(self.limits.free);
        let of_lane = self.lane(lane).missing;
        let of_class = self.class(lane.class()).0.missing;
        self.row >= ROW || of_lane > free - 1.0 || of_class > free * 4.0 - 1.0
    }

    fn lane(&mut self, key: LaneKey) -> &mut Bucket {
        let place = self.lanes.iter().position(|(other, _)| *other == key).unwrap_or(self.lanes.len());
        if place == self.lanes.len() {
            self.lanes.push((key, Bucket::default()));
        }
        &mut self.lanes[place].1
    }

    fn class(&mut self, key: ClassKey) -> (&mut Bucket, &mut Bucket) {
        let place = self.classes.iter().position(|(other, ..)| *other == key).unwrap_or(self.classes.len());
        if place == self.classes.len() {
            self.classes.push((key, Bucket::default(), Bucket::default()));
        }
        let (_, singles, pairs) = &mut self.classes[place];
        (singles, pairs)
    }

    /// Over the whole life, and whatever happened in it.
    fn is_as_the_witness_says(&self) {
        let holds = |bucket: &Bucket, size: f64| {
            let most = size * f64::from(self.jumps + 1) + bucket.given;
            assert!(bucket.looked_at <= most + CLOSE, "{bucket:?} of {size}, {} jumps", self.jumps);
        };
        let free = f64::from(self.most_free);
        self.lanes.iter().for_each(|(_, lane)| holds(lane, free));
        for (_, class, pairs) in &self.classes {
            holds(class, free * 4.0);
            holds(pairs, 20.0);
        }
        assert_eq!(self.record.row, self.row, "a pair moves none");
        assert!(self.row <= ROW);
    }

    /// Whatever else a record holds: every class is written, and every lane of which anything is missing.
    fn is_written_and_read(&mut self, pieces: &mut Pieces<'_>) {
        let mut stuffed = self.record.clone();
        stuffed.other = (0..pieces.byte() % 6).map(|n| format!("later{n} {}", "x".repeat(70))).collect();
        let trust =
            pam_totp::factor::record::Trust { hash: "0123456789abcdef".repeat(4), until: self.now, address: None };
        stuffed.trusts = vec![trust; usize::from(pieces.byte() % 9)];
        stuffed.devices = (0..10_u64)
            .map(|n| pam_totp::factor::record::DeviceState {
                id: format!("{n:064}"),
                last: Some(u64::MAX - n),
                drift: Some(-4),
                at: Some(u64::MAX),
            })
            .take(usize::from(pieces.byte() % 11))
            .collect();
        stuffed.barred = (stuffed.devices.iter().chain(&stuffed.devices))
            .map(|line| pam_totp::factor::record::Barred { id: line.id.clone(), from: u64::MAX - 99, to: u64::MAX })
            .collect();
        let Ok(printed) = print(1, &stuffed) else { return };
        let StateFile::Valid(slot) = read(&printed) else { panic!("what was written is read") };
        assert_eq!((&slot.record.classes, slot.record.row), (&stuffed.classes, stuffed.row));
        assert_eq!((&slot.record.devices, &slot.record.barred), (&stuffed.devices, &stuffed.barred));
        let is_kept = |lane: &pam_totp::factor::record::Lane| slot.record.lane(lane.key) == Some(lane);
        let is_idle =
            |lane: &pam_totp::factor::record::Lane| matches!(lane.key, LaneKey::Net(_)) && lane.full <= lane.seen;
        assert!(stuffed.lanes.iter().all(|lane| is_kept(lane) || is_idle(lane)));
        // The rest is the witness's alone.
        let StateFile::Valid(slot) = read(&print(1, &self.record).expect("it fits")) else { panic!("a record") };
        assert_eq!(slot.record, self.record);
        self.record = slot.record;
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    Single,
    Row,
    Three,
}

impl Shape {
    fn is_open(self, gate: Gate, now: u64) -> bool {
        match self {
            Self::Single => gate.single.is_some_and(|opens| opens <= now),
            Self::Row => gate.row <= 2,
            Self::Three => true,
        }
    }
}

fn pieces_right(pieces: &mut Pieces<'_>) -> bool {
    pieces.flag()
}

/// A success changes none; a network may get a lane that is full, in the place of one that was full.
fn leaves_every_bucket(before: &Record, after: &Record, now: u64) {
    assert_eq!(before.classes, after.classes);
    for lane in &before.lanes {
        let full = after.lane(lane.key).map(|lane| lane.full);
        let gone = full.is_none() && matches!(lane.key, LaneKey::Net(_)) && lane.full <= now;
        assert!(gone || full == Some(lane.full), "{lane:?} {full:?}");
    }
    let new = after.lanes.iter().filter(|lane| before.lane(lane.key).is_none());
    assert!(new.clone().count() <= 1 && new.into_iter().all(|lane| lane.full == 0));
    let networks = after.lanes.iter().filter(|lane| matches!(lane.key, LaneKey::Net(_)));
    assert!(networks.count() <= pam_totp::factor::record::MAX_NETWORKS);
}

/// A failure changes its own lane and class.
fn leaves_all_others(before: &Record, after: &Record, lane: LaneKey) {
    let others = |record: &Record| {
        let lanes: Vec<_> = record.lanes.iter().filter(|it| it.key != lane).cloned().collect();
        let classes: Vec<_> = record.classes.iter().filter(|it| it.key != lane.class()).cloned().collect();
        (lanes, classes)
    };
    assert_eq!(others(before), others(after));
}
