//! Wrong codes are counted by lane, in buckets that time alone refills (RFC 4226 section 7.3): a success gives nothing
//! back, so that a guesser beside a busy owner has no more guesses than beside one who is away. No lane closes another,
//! and two codes in a row are looked at in every lane, so that nobody keeps out an owner with the phone. Pure.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::factor::record::{Class, ClassKey, Lane, LaneKey, MAX_NETWORKS, RANGES, Record};
use crate::factor::secret::Secret;
use crate::factor::source::{Network, Source};

/// Lanes that one class can pay for at once.
const CLASS: u64 = 4;
/// Two codes in a row: so many at once in a class, and one back each so many seconds.
const PAIRS: u64 = 20;
const PAIR_EVERY: u64 = 10;
/// After this many wrong single codes without a success (NIST SP 800-63B section 5.2.2) they are closed everywhere.
pub const ROW: u32 = 100;
/// So many of a million codes may be right at the usual price of a wrong one.
const RIGHT: u64 = 6;

/// The policy's `[throttle]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Wrong codes at once in a lane.
    pub free: u32,
    /// Seconds in which a lane gets one back.
    pub every: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { free: 15, every: 14_400 }
    }
}

/// Seconds in which a class gets one back, of those of a lane.
pub fn class_every(every: u64) -> u64 {
    (every.saturating_mul(3) / 4).max(1)
}

/// How many times a wrong code costs, where `right` codes of `digits` digits would be right at once: then a guess is worth
/// no more than one of a single phone.
pub fn weight(right: u64, digits: usize) -> u64 {
    let more = u32::try_from(digits.saturating_sub(6)).unwrap_or_default();
    right.div_ceil(RIGHT.saturating_mul(10_u64.saturating_pow(more))).max(1)
}

/// The lane of a login: a remote network has its own once it has logged in, else that of its range. The key decides which
/// range, so that nobody can choose a network that falls into another one's.
pub fn lane_of(record: &Record, source: Source, key: Option<&Secret>) -> LaneKey {
    match source {
        Source::Local => LaneKey::Local,
        Source::Door => LaneKey::Door,
        Source::Judge => LaneKey::Judges,
        Source::Unknown => LaneKey::Other(0),
        Source::Net(address) => {
            let network = Network::from(address);
            let own = LaneKey::Net(network);
            if record.lane(own).is_some() { own } else { LaneKey::Other(key.map_or(0, |key| range(key, network))) }
        }
    }
}

fn range(key: &Secret, network: Network) -> u8 {
    let wide: &[u8] = match &network {
        Network::V4([a, b, _]) => &[*a, *b],
        Network::V6([a, b, c, d, ..]) => &[*a, *b, *c, *d],
    };
    let Ok(mut mac) = <Hmac<Sha256> as KeyInit>::new_from_slice(key.as_bytes()) else { return 0 };
    mac.update(b"pam_totp range ");
    mac.update(wide);
    mac.finalize().into_bytes().first().map_or(0, |byte| byte % RANGES)
}

/// What a login may have looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gate {
    /// Since when a single code is; `None`: not before two in a row were right.
    pub single: Option<u64>,
    /// How many codes in a row are looked at now, where a single one is not: 2, or 3 under a flood of them.
    pub row: u8,
}

/// The buckets that one login takes from.
#[derive(Clone, Copy, Debug)]
pub struct Buckets {
    lane: LaneKey,
    free: u64,
    /// Seconds in which the lane gets one back: the policy's, times the weight.
    unit: u64,
    now: u64,
}

impl Buckets {
    /// For a lane, under this policy, for a user whose wrong codes weigh so much.
    pub fn new(lane: LaneKey, limits: &Limits, weight: u64, now: u64) -> Self {
        Self { lane, free: limits.free.into(), unit: limits.every.saturating_mul(weight).max(1), now }
    }

    /// Reckons all buckets in today's unit, so that another policy or weight changes nobody's number of guesses; and no
    /// bucket can be emptier than empty (the clock was set back, the policy has become milder). Whether anything moved:
    /// then it must be written, or a wait under a clock that was set back would never end.
    pub fn pull_in(&self, record: &mut Record) -> bool {
        let old = record.unit.replace(self.unit).unwrap_or(self.unit);
        let mut moved = false;
        let mut pull = |full: &mut u64, size: u64, old: u64, new: u64| {
            if *full > self.now {
                let owed = full.saturating_sub(self.now).min(size.saturating_mul(old));
                let pulled = self.now.saturating_add(rescaled(owed, old, new));
                moved |= std::mem::replace(full, pulled) != pulled;
            }
        };
        record.lanes.iter_mut().for_each(|lane| pull(&mut lane.full, self.free, old, self.unit));
        for class in &mut record.classes {
            let (old, new) = (class_every(old), class_every(self.unit));
            pull(&mut class.full, self.class_size(), old, new);
            pull(&mut class.pairs, PAIRS, PAIR_EVERY, PAIR_EVERY);
        }
        moved
    }

    /// What is looked at. A function of the record, the lane and the time, never of the code.
    pub fn gate(&self, record: &Record) -> Gate {
        let (lane, class, pairs) = self.levels(record);
        let single = opens(lane, self.free, self.unit).max(opens(class, self.class_size(), class_every(self.unit)));
        let row = if opens(pairs, PAIRS, PAIR_EVERY) <= self.now { 2 } else { 3 };
        Gate { single: (record.row < ROW).then_some(single), row }
    }

    /// Wrong single codes that are still looked at here.
    pub fn left(&self, record: &Record) -> u32 {
        if record.row >= ROW {
            return 0;
        }
        let (lane, class, _) = self.levels(record);
        let left = |full: u64, size: u64, each: u64| size.saturating_sub(full.saturating_sub(self.now).div_ceil(each));
        let here = left(lane, self.free, self.unit);
        let left = here.min(left(class, self.class_size(), class_every(self.unit)));
        u32::try_from(left).unwrap_or(u32::MAX).min(ROW.saturating_sub(record.row))
    }

    /// A wrong single code.
    pub fn charge_single(&self, record: &mut Record) {
        let (unit, now) = (self.unit, self.now);
        with_lane(record, self.lane, |lane| (lane.full, lane.last) = (charged(lane.full, unit, now), now));
        with_class(record, self.lane.class(), |class| class.full = charged(class.full, class_every(unit), now));
        record.row = record.row.saturating_add(1);
    }

    /// Two wrong codes in a row.
    pub fn charge_pair(&self, record: &mut Record) {
        with_lane(record, self.lane, |lane| lane.last = self.now);
        with_class(record, self.lane.class(), |class| class.pairs = charged(class.pairs, PAIR_EVERY, self.now));
    }

    /// The row has ended, and the network has a lane of its own from now on. No bucket gets anything back.
    pub fn succeed(&self, record: &mut Record, source: Source) {
        record.row = 0;
        if let Some(lane) = record.lanes.iter_mut().find(|lane| lane.key == self.lane) {
            lane.seen = self.now;
        }
        if let Source::Net(address) = source {
            self.remember(record, LaneKey::Net(Network::from(address)));
        }
    }

    fn remember(&self, record: &mut Record, key: LaneKey) {
        if record.lane(key).is_some() {
            return;
        }
        let networks = record.lanes.iter().filter(|l| matches!(l.key, LaneKey::Net(_)));
        if networks.clone().count() >= MAX_NETWORKS {
            // One whose bucket is not full never goes: leaving would fill it.
            let oldest = networks.filter(|l| l.full <= self.now).min_by_key(|l| l.seen).map(|l| l.key);
            let Some(oldest) = oldest else { return };
            record.lanes.retain(|l| l.key != oldest);
        }
        record.lanes.push(Lane { key, full: 0, seen: self.now, last: 0 });
    }

    fn class_size(&self) -> u64 {
        self.free.saturating_mul(CLASS)
    }

    fn levels(&self, record: &Record) -> (u64, u64, u64) {
        let lane = record.lane(self.lane).map_or(0, |lane| lane.full);
        record.class(self.lane.class()).map_or((lane, 0, 0), |class| (lane, class.full, class.pairs))
    }
}

/// A bucket, seen from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BucketLevel {
    /// Which lane.
    pub lane: LaneKey,
    /// Wrong codes that are missing in it.
    pub missing: u32,
    /// From when on the lane, and its class, let a single code be looked at.
    pub opens: u64,
}

/// All lanes, as they stand in a record.
pub fn levels(record: &Record, limits: &Limits, now: u64) -> Vec<BucketLevel> {
    let unit = record.unit.unwrap_or(limits.every).max(1);
    let of = |lane: &Lane| {
        let buckets = Buckets { lane: lane.key, free: limits.free.into(), unit, now };
        let (full, class, _) = buckets.levels(record);
        let class_opens = opens(class, buckets.class_size(), class_every(unit));
        let missing = u32::try_from(full.saturating_sub(now).div_ceil(unit)).unwrap_or(u32::MAX);
        BucketLevel { lane: lane.key, missing, opens: opens(full, buckets.free, unit).max(class_opens) }
    };
    record.lanes.iter().map(of).collect()
}

/// All buckets full again, and the row ended, as an administrator says. When a wrong code came is not forgotten: an address
/// that was remembered before is not remembered again.
pub fn refill(record: &mut Record, now: u64) {
    record.lanes.iter_mut().for_each(|lane| (lane.full, lane.seen) = (0, lane.seen.min(now)));
    record.classes.clear();
    (record.unit, record.row) = (None, 0);
}

/// Are single codes closed in every lane?
pub fn is_closed(record: &Record) -> bool {
    record.row >= ROW
}

/// Debts of one unit in those of another, rounded up: nobody gains by a change.
fn rescaled(owed: u64, old: u64, new: u64) -> u64 {
    if old == new {
        return owed;
    }
    let scaled = u128::from(owed).saturating_mul(new.into()).div_ceil(u128::from(old.max(1)));
    u64::try_from(scaled).unwrap_or(u64::MAX)
}

/// When a bucket has one again.
fn opens(full: u64, size: u64, each: u64) -> u64 {
    full.saturating_sub(size.saturating_sub(1).saturating_mul(each))
}

fn charged(full: u64, each: u64, now: u64) -> u64 {
    full.max(now).saturating_add(each)
}

/// The lane of a key, made if there is none yet.
fn with_lane(record: &mut Record, key: LaneKey, change: impl FnOnce(&mut Lane)) {
    if record.lane(key).is_none() {
        record.lanes.push(Lane { key, full: 0, seen: 0, last: 0 });
    }
    if let Some(lane) = record.lanes.iter_mut().find(|lane| lane.key == key) {
        change(lane);
    }
}

/// The class of a key, likewise.
fn with_class(record: &mut Record, key: ClassKey, change: impl FnOnce(&mut Class)) {
    if record.class(key).is_none() {
        record.classes.push(Class { key, full: 0, pairs: 0 });
    }
    if let Some(class) = record.classes.iter_mut().find(|class| class.key == key) {
        change(class);
    }
}
