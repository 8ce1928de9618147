//! Failures are counted by lane, and a lane with too many of them waits (RFC 4226 section 7.3). No lane ever
//! blocks another: a stranger on the Internet cannot close sudo or the owner's usual networks. Pure.

use crate::source::{Network, Source};
use crate::state::{Lane, LaneKey, MAX_NETWORKS, Record};

/// After this many failures without a success (NIST SP 800-63B section 5.2.2) a wait takes [`LONG_WAIT`].
const MANY: u32 = 100;
/// Seconds: six hours.
const LONG_WAIT: u64 = 6 * 3_600;
/// Seconds between two givings-back of the free failures; else each login of the owner would hand a guesser
/// in the same lane new ones.
const GIVE_BACK: u64 = 3_600;

/// The policy's `[throttle]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Failures without a wait.
    pub free: u32,
    /// Seconds of the first wait; each further one doubles.
    pub first_wait: u64,
    /// Seconds of the longest wait of that row.
    pub longest_wait: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { free: 5, first_wait: 30, longest_wait: 900 }
    }
}

impl Limits {
    /// Seconds of wait after the failure that was number `fails`.
    fn wait_after(&self, fails: u32) -> u64 {
        let Some(doublings) = fails.checked_sub(self.free.saturating_add(1)) else { return 0 };
        if fails >= MANY {
            return LONG_WAIT.max(self.longest_wait);
        }
        let factor = 1_u64.checked_shl(doublings).unwrap_or(u64::MAX);
        self.first_wait.saturating_mul(factor).min(self.longest_wait)
    }
}

/// The lane of a login: a remote network has its own once it has logged in.
pub fn lane_of(record: &Record, source: Source) -> LaneKey {
    match source {
        Source::Local => LaneKey::Local,
        Source::Door => LaneKey::Door,
        Source::Unknown => LaneKey::Other,
        Source::Net(address) => {
            let own = LaneKey::Net(Network::from(address));
            if record.lane(own).is_some() { own } else { LaneKey::Other }
        }
    }
}

/// Until when this lane waits, if it does. A deadline that the clock has moved away from (it was set back) is
/// pulled in to what the failures deserve, in `record`; the second value says that this happened.
pub fn waiting(record: &mut Record, key: LaneKey, now: u64, limits: &Limits) -> (Option<u64>, bool) {
    let Some(lane) = record.lanes.iter_mut().find(|l| l.key == key) else { return (None, false) };
    if lane.until <= now {
        return (None, false);
    }
    let furthest = now.saturating_add(limits.wait_after(lane.fails));
    let moved = lane.until > furthest;
    if moved {
        lane.last = now;
        lane.until = furthest;
    }
    ((lane.until > now).then_some(lane.until), moved)
}

/// Counts a failure; returns the end of the wait that it starts.
pub fn fail(record: &mut Record, key: LaneKey, now: u64, limits: &Limits) -> Option<u64> {
    let lane = lane_mut(record, key)?;
    lane.fails = lane.fails.saturating_add(1);
    lane.last = now;
    let wait = limits.wait_after(lane.fails);
    lane.until = if wait == 0 { 0 } else { now.saturating_add(wait) };
    (wait > 0).then_some(lane.until)
}

/// Clears the lane, and gives its network a lane of its own.
pub fn succeed(record: &mut Record, key: LaneKey, source: Source, now: u64, limits: &Limits) {
    if let Some(lane) = lane_mut(record, key) {
        lane.until = 0;
        let elapsed = now.checked_sub(lane.seen).is_none_or(|passed| passed >= GIVE_BACK);
        if elapsed {
            lane.fails = 0;
            lane.seen = now;
        } else {
            lane.fails = lane.fails.min(limits.free);
        }
    }
    if let Source::Net(address) = source {
        remember(record, LaneKey::Net(Network::from(address)), now);
    }
}

fn remember(record: &mut Record, key: LaneKey, now: u64) {
    if record.lane(key).is_some() {
        return;
    }
    let networks = record.lanes.iter().filter(|l| matches!(l.key, LaneKey::Net(_)));
    if networks.clone().count() >= MAX_NETWORKS {
        // One that waits never goes: leaving would wash its wait out.
        let Some(oldest) = networks.filter(|l| l.until <= now).min_by_key(|l| l.seen).map(|l| l.key) else { return };
        record.lanes.retain(|l| l.key != oldest);
    }
    record.lanes.push(Lane { key, fails: 0, last: 0, until: 0, seen: now });
}

fn lane_mut(record: &mut Record, key: LaneKey) -> Option<&mut Lane> {
    if record.lane(key).is_none() {
        record.lanes.push(Lane { key, fails: 0, last: 0, until: 0, seen: 0 });
    }
    record.lanes.iter_mut().find(|l| l.key == key)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_800_000_000;

    fn net(text: &str) -> Source {
        Source::from_address(text).unwrap()
    }

    #[test]
    fn five_are_free_then_waits_double_to_a_quarter_of_an_hour_and_to_six_hours() {
        let limits = Limits::default();
        let waits: Vec<u64> = (1..=12).map(|n| limits.wait_after(n)).collect();
        assert_eq!(waits, [0, 0, 0, 0, 0, 30, 60, 120, 240, 480, 900, 900]);
        assert_eq!((limits.wait_after(99), limits.wait_after(100), limits.wait_after(u32::MAX)), (900, 21_600, 21_600));
    }

    #[test]
    fn a_wait_ends_by_itself_and_after_a_clock_that_went_back() {
        let (mut record, limits) = (Record::default(), Limits::default());
        for _ in 0..5 {
            assert_eq!(fail(&mut record, LaneKey::Local, NOW, &limits), None);
        }
        assert_eq!(fail(&mut record, LaneKey::Local, NOW, &limits), Some(NOW + 30));
        for now in [NOW, NOW + 29] {
            assert_eq!(waiting(&mut record, LaneKey::Local, now, &limits), (Some(NOW + 30), false));
        }
        assert_eq!(waiting(&mut record, LaneKey::Local, NOW + 30, &limits), (None, false));
        let year_ago = NOW - 31_536_000;
        assert_eq!(waiting(&mut record, LaneKey::Local, year_ago, &limits), (Some(year_ago + 30), true));
        assert_eq!(waiting(&mut record, LaneKey::Local, year_ago + 30, &limits), (None, false));
        assert_eq!(waiting(&mut record, LaneKey::Other, NOW, &limits), (None, false));
    }

    #[test]
    fn a_wait_is_over_where_the_policy_has_become_milder() {
        let mut record = Record::default();
        fail_times(6, &mut record, LaneKey::Local);
        let milder = Limits { free: 20, ..Limits::default() };
        assert_eq!(waiting(&mut record, LaneKey::Local, NOW, &milder), (None, true));
        assert_eq!(record.lane(LaneKey::Local).unwrap().until, NOW);
    }

    #[test]
    fn the_free_failures_come_back_at_most_once_an_hour() {
        let (mut record, limits) = (Record::default(), Limits::default());
        let fails = |record: &Record| record.lane(LaneKey::Local).unwrap().fails;
        fail_times(7, &mut record, LaneKey::Local);
        succeed(&mut record, LaneKey::Local, Source::Local, NOW, &limits);
        assert_eq!(fails(&record), 0);
        fail_times(7, &mut record, LaneKey::Local);
        succeed(&mut record, LaneKey::Local, Source::Local, NOW + 3_599, &limits);
        assert_eq!(fails(&record), 5);
        assert_eq!(waiting(&mut record, LaneKey::Local, NOW, &limits), (None, false), "the wait itself is over");
        assert_eq!(fail(&mut record, LaneKey::Local, NOW, &limits), Some(NOW + 30));
        succeed(&mut record, LaneKey::Local, Source::Local, NOW + 3_600, &limits);
        assert_eq!(fails(&record), 0);
    }

    #[test]
    fn a_network_that_logged_in_has_its_own_lane() {
        let (mut record, limits) = (Record::default(), Limits::default());
        let (home, stranger) = (net("192.0.2.4"), net("203.0.113.9"));
        assert_eq!(lane_of(&record, home), LaneKey::Other);
        succeed(&mut record, LaneKey::Other, home, NOW, &limits);
        assert_eq!(lane_of(&record, net("192.0.2.200")), LaneKey::Net(Network::V4([192, 0, 2])));
        assert_eq!(lane_of(&record, stranger), LaneKey::Other);
        assert_eq!(lane_of(&record, Source::Unknown), LaneKey::Other);
        fail_times(9, &mut record, LaneKey::Other);
        let own = lane_of(&record, home);
        assert_eq!(waiting(&mut record, own, NOW, &limits), (None, false));
    }

    #[test]
    fn the_ninth_network_displaces_the_oldest_idle_one_and_never_one_that_waits() {
        let (mut record, limits) = (Record::default(), Limits::default());
        for n in 0..8_u64 {
            succeed(&mut record, LaneKey::Other, net(&format!("192.0.{n}.1")), NOW + n, &limits);
        }
        fail_times(6, &mut record, LaneKey::Net(Network::V4([192, 0, 0])));
        succeed(&mut record, LaneKey::Other, net("198.51.100.1"), NOW + 9, &limits);
        let has = |record: &Record, net| record.lane(LaneKey::Net(Network::V4(net))).is_some();
        assert!(has(&record, [192, 0, 0]), "waits, so it stays");
        assert!(!has(&record, [192, 0, 1]), "the oldest idle one goes");
        assert!(has(&record, [198, 51, 100]));
        assert!(print_fits(&record));
    }

    fn fail_times(times: u32, record: &mut Record, key: LaneKey) {
        for _ in 0..times {
            fail(record, key, NOW, &Limits::default());
        }
    }

    fn print_fits(record: &Record) -> bool {
        crate::state::print(1, record).is_ok()
    }
}
