//! Lanes: whom a wrong code is counted to, and whom it leaves alone.

use super::*;
use pam_totp::factor::record::{Class, ClassKey, Lane, MAX_NETWORKS};

const HOME: &str = "192.0.2.4";

impl User {
    /// Wrong codes that are missing where they come from now.
    fn missing(&self, source: Source, now: u64) -> u32 {
        let lane = throttle::lane_of(&self.record, source, self.key());
        let levels = throttle::levels(&self.record, &self.limits, now);
        levels.iter().find(|level| level.lane == lane).map_or(0, |level| level.missing)
    }

    fn lane(&self, source: Source) -> LaneKey {
        throttle::lane_of(&self.record, source, self.key())
    }

    fn key(&self) -> Option<&Secret> {
        self.enrollment.devices.first().map(|device| &device.secret)
    }

    /// Logs in there with the next code, and its networks has a lane from then on.
    fn knows(&mut self, source: Source, now: u64) -> &mut Self {
        let typed = self.code(now, 0);
        let outcome = self.from(source).types(typed, now);
        assert!(accepted(&outcome), "{outcome:?}");
        self
    }
}

#[test]
fn a_wrong_code_is_missing_in_its_lane_and_its_class_alone() {
    let sources = [Source::Local, Source::Door, net(HOME), net("2001:db8:1:2::4"), Source::Unknown];
    let classes = [ClassKey::Here, ClassKey::Here, ClassKey::Known, ClassKey::Known, ClassKey::Other];
    let mut user = User::with_phone();
    user.knows(sources[2], NOW - 90).knows(sources[3], NOW - 60);
    for (source, class) in sources.iter().zip(classes) {
        let mut user = user.clone();
        user.from(*source).fails(3, NOW);
        let missing: Vec<u32> = sources.iter().map(|source| user.missing(*source, NOW)).collect();
        let own: Vec<u32> = sources.iter().map(|other| if other == source { 3 } else { 0 }).collect();
        assert_eq!(missing, own, "{source:?}");
        assert_eq!(user.record.classes, [Class { key: class, full: NOW + 3 * 10_800, pairs: 0 }]);
        let lane = user.record.lane(user.lane(*source)).unwrap();
        assert_eq!((lane.full, lane.last, user.record.row), (NOW + 3 * 14_400, NOW, 3));
    }
}

#[test]
fn no_lane_closes_another() {
    let (home, office, stranger) = (net(HOME), net("2001:db8::1"), net("203.0.113.9"));
    let mut user = User::with_phone();
    user.knows(home, NOW - 90).knows(office, NOW - 60);
    let all = [Source::Local, Source::Door, home, office, stranger, Source::Unknown];
    assert_ne!(user.lane(stranger), user.lane(Source::Unknown), "this key puts them into two ranges");
    for waiting in all {
        let mut user = user.clone();
        user.from(waiting).fails(15, NOW);
        for other in all {
            let typed = user.code(NOW, 0);
            let outcome = user.from(other).decide(typed, NOW).outcome;
            assert_eq!(accepted(&outcome), other != waiting, "{waiting:?} waits, {other:?} comes");
        }
    }
}

#[test]
fn a_neighbor_shares_the_lane_of_a_network() {
    let mut user = User::with_phone();
    user.knows(net(HOME), NOW - 30);
    user.from(net("192.0.2.77")).fails(15, NOW);
    let typed = user.code(NOW, 0);
    assert!(waits(&user.from(net(HOME)).decide(&typed, NOW).outcome));
    assert!(accepted(&user.from(net("192.0.3.4")).decide(&typed, NOW).outcome));
}

/// The key decides, so that nobody can look for a network that falls into another one's range; and neighbors, who are
/// many addresses of one guesser, fall into one.
#[test]
fn unknown_networks_share_eight_ranges_that_the_key_decides() {
    let range = |key: u8, address: &str| {
        let user = User::with(vec![device(key, Kind::Totp { period: 30 })]);
        let LaneKey::Other(range) = user.lane(net(address)) else { panic!("{address}") };
        range
    };
    let addresses: Vec<String> = (0..64).map(|n| format!("198.{n}.100.7")).collect();
    let ranges = |key| -> Vec<u8> { addresses.iter().map(|address| range(key, address)).collect() };
    let seen: std::collections::BTreeSet<u8> = ranges(1).into_iter().collect();
    assert_eq!(seen, (0..8).collect(), "all are in use, and no other");
    assert!((2..6).all(|key| ranges(key) != ranges(1)), "another key, other ranges");
    for (one, other, alike) in [
        ("198.51.100.7", "198.51.200.9", true),
        ("2001:db8:1:2::1", "2001:db8:9:9::1", true),
        ("198.51.100.7", "198.52.100.7", false),
        ("2001:db8::1", "2001:db9::1", false),
        ("2001:db8::1", "2002:db8::1", false),
    ] {
        assert_eq!((0..20).all(|key| range(key, one) == range(key, other)), alike, "{one} {other}");
    }
    let user = User::with_phone();
    assert_eq!(user.lane(Source::Unknown), LaneKey::Other(0));
    assert_eq!(throttle::lane_of(&user.record, net(HOME), None), LaneKey::Other(0), "no device, no key");
    assert_eq!([Source::Local, Source::Door].map(|source| user.lane(source)), [LaneKey::Local, LaneKey::Door]);
}

#[test]
fn a_login_gives_its_network_a_lane_and_nothing_back() {
    let mut user = User::with_phone();
    let stranger = net("203.0.113.9");
    user.from(stranger).fails(4, NOW);
    let (range, class) = (user.lane(stranger), user.record.classes.clone());
    let before = user.record.lane(range).cloned().unwrap();
    user.knows(stranger, NOW + 30);
    let own = user.lane(stranger);
    assert!(matches!(own, LaneKey::Net(_)));
    let new = Lane { key: own, full: 0, seen: NOW + 30, last: 0 };
    assert_eq!(user.record.lanes, [Lane { seen: NOW + 30, ..before.clone() }, new.clone()]);
    assert_eq!(user.record.classes, class);
    // Known by now, it is seen again.
    user.knows(stranger, NOW + 60);
    assert_eq!(user.record.lanes, [Lane { seen: NOW + 30, ..before }, Lane { seen: NOW + 60, ..new }]);
}

#[test]
fn two_codes_in_a_row_give_a_network_its_lane_and_leave_the_class_as_it_was() {
    let mut user = User::with_phone();
    let stranger = net("203.0.113.9");
    user.from(stranger).fails(15, NOW);
    let wrong = user.wrong_row(NOW, 2);
    user.types(wrong, NOW);
    let class = user.record.classes.clone();
    let typed = user.row(NOW, 1, 2);
    assert!(accepted(&user.types(typed, NOW)));
    assert_eq!(user.missing(stranger, NOW), 0, "its own lane is full");
    assert_eq!((user.record.classes.clone(), user.record.row), (class, 0));
}

#[test]
fn the_ninth_network_takes_the_lane_of_the_one_seen_least_lately() {
    let town = |n: usize| net(&format!("198.51.{n}.4"));
    let mut user = User::with_phone();
    for n in 0..MAX_NETWORKS {
        user.knows(town(n), NOW + 30 * n as u64);
    }
    // The first one comes again, so that it is the second that goes.
    user.knows(town(0), NOW + 900).knows(town(8), NOW + 930);
    let has_lane =
        |user: &User| -> Vec<usize> { (0..10).filter(|n| matches!(user.lane(town(*n)), LaneKey::Net(_))).collect() };
    assert_eq!(has_lane(&user), [0, 2, 3, 4, 5, 6, 7, 8]);
    // One whose bucket is not full never goes: it would come back full.
    user.from(town(2)).fails(1, NOW + 960);
    let mut later = user.clone();
    user.knows(town(9), NOW + 990);
    assert_eq!(has_lane(&user), [0, 2, 4, 5, 6, 7, 8, 9]);
    later.knows(town(9), NOW + 960 + 14_400);
    assert_eq!(has_lane(&later), [0, 3, 4, 5, 6, 7, 8, 9], "full again");
}

#[test]
fn where_no_network_can_go_the_ninth_has_no_lane_of_its_own() {
    let town = |n: usize| net(&format!("198.51.{n}.4"));
    let mut user = User::with_phone();
    for n in 0..MAX_NETWORKS {
        user.knows(town(n), NOW + 30 * n as u64);
        user.from(town(n)).fails(1, NOW + 300);
    }
    let before = user.record.lanes.clone();
    user.knows(town(8), NOW + 330);
    assert!(matches!(user.lane(town(8)), LaneKey::Other(_)));
    assert_eq!(user.record.lanes, before);
}

#[test]
fn wrong_codes_are_told_once_at_the_next_login_from_wherever_they_came() {
    let mut user = User::with_phone();
    user.from(Source::Unknown).fails(2, NOW);
    user.from(net("203.0.113.9")).fails(3, NOW + 5);
    let now = NOW + 60;
    match user.from(Source::Local).types(User::with_phone().code(now, 0), now) {
        Outcome::Accepted { since: Some(since), .. } => {
            assert_eq!((since.count, since.at, since.from), (5, NOW + 5, net("203.0.113.9")));
        }
        other => panic!("{other:?}"),
    }
    let now = now + 30;
    let via = Via::Device("d0".into());
    assert_eq!(user.types(user.code(now, 0), now), Outcome::Accepted { via, since: None });
}

/// See `remember.rs`; the network of a wrong code alone is meant.
#[test]
fn a_wrong_code_ends_what_was_remembered_of_its_network() {
    let mut user = User::with_phone();
    user.knows(net(HOME), NOW - 30);
    let trust = |address: &str| pam_totp::factor::record::Trust {
        hash: "ab".into(),
        until: NOW + 3_600,
        address: Some(address.parse().unwrap()),
    };
    user.record.trusts = vec![trust(HOME), trust("198.51.100.7")];
    for (source, typed, left) in [
        (Source::Local, "000000", 2),
        (net("192.0.2.77"), "no code", 2),
        (net("192.0.2.77"), "000000-000000", 2),
        (net("192.0.2.77"), "000000-000001-000002", 2),
        (net("192.0.2.77"), "000000-000001", 1),
        (net("198.51.100.9"), "000000", 0),
    ] {
        user.from(source).types(typed, NOW);
        assert_eq!(user.record.trusts.len(), left, "{source:?} {typed}");
    }
}
