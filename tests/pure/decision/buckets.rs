//! Buckets, by their numbers: how many wrong codes are looked at, for how long then none is, and what of that no clock,
//! no policy and no number of right codes changes.

use super::*;
use pam_totp::factor::record::slots::{self, StateFile};
use pam_totp::factor::record::{Class, ClassKey, Lane};
use pam_totp::factor::throttle::{BucketLevel, Buckets, ROW};
use pam_totp::system::clock;

const HOUR: u64 = 3_600;
const YEAR: u64 = 31_536_000;

impl User {
    /// Wrong single codes that are looked at from here on, if they come now.
    fn left(&self, now: u64) -> u32 {
        match self.decide(self.wrong(now), now).outcome {
            Outcome::Wrong { left, .. } => left + 1,
            Outcome::Waiting { .. } => 0,
            other => panic!("{other:?}"),
        }
    }
}

fn waiting(until: impl Into<Option<u64>>, need: u8, now: u64) -> Outcome {
    Outcome::Waiting { until: until.into(), need, next_in: Some(30 - now % 30) }
}

#[test]
fn fifteen_are_looked_at_and_one_more_each_four_hours() {
    let mut user = User::with_phone();
    for since in 1..=15 {
        let wrong = user.wrong(NOW);
        assert_eq!(user.types(wrong, NOW), Outcome::Wrong { since, left: 15 - since });
    }
    let before = user.record.clone();
    for now in [NOW, NOW + 14_399] {
        for typed in [user.code(now, 0), user.wrong(now)] {
            let decision = user.decide(&typed, now);
            assert_eq!(decision.outcome, waiting(NOW + 14_400, 2, now));
            assert!(decision.write.is_none());
        }
        assert_eq!(user.decide("no code", now).outcome, Outcome::NotACode);
        let door = user.clone().from(Source::Door).clone();
        assert!(accepted(&door.decide(door.code(now, 0), now).outcome), "another lane is open meanwhile");
    }
    assert_eq!(user.record, before);
    // Not looked at, so not used up.
    let typed = user.code(NOW + 14_400, 0);
    assert_eq!(user.types(&typed, NOW + 14_399), waiting(NOW + 14_400, 2, NOW + 14_399));
    assert!(accepted(&user.clone().types(&typed, NOW + 14_400)));
    for (later, left) in [(4, 1), (8, 2), (59, 14), (60, 15), (YEAR, 15)] {
        assert_eq!(user.left(NOW + later * HOUR), left, "{later}");
    }
}

#[test]
fn a_class_has_sixty_and_one_more_each_three_hours() {
    let mut user = User::with_phone();
    let sources: Vec<Source> = (0..64).map(|n| net(&format!("198.{n}.100.7"))).collect();
    let mut looked_at = 0;
    for source in &sources {
        user.from(*source);
        while user.left(NOW) > 0 {
            user.record.row = 0;
            user.fails(1, NOW);
            looked_at += 1;
        }
    }
    assert_eq!(looked_at, 60, "of eight ranges of fifteen");
    let now = NOW + 3 * HOUR - 1;
    assert!(sources.iter().all(|source| user.clone().from(*source).left(now) == 0), "in none");
    let open = sources.iter().filter(|source| user.clone().from(**source).left(now + 1) > 0).count();
    assert!(open > 0, "in those that have some left");
    assert_eq!(user.from(Source::Local).left(NOW), 15, "and the other classes are as they were");
}

#[test]
fn a_success_gives_nothing_back_and_takes_nothing() {
    let mut user = User::with_phone();
    user.fails(14, NOW);
    for now in [NOW + 30, NOW + 60, NOW + 90] {
        let full = user.record.lanes[0].full;
        let typed = if now == NOW + 90 { user.row(now, 0, 2) } else { user.code(now, 0) };
        assert!(accepted(&user.types(typed, now)));
        assert_eq!((user.record.lanes[0].full, user.left(now)), (full, 1));
    }
}

#[test]
fn a_flood_of_pairs_closes_nobody_out() {
    let mut user = User::with_phone();
    for n in 0..500_u64 {
        let wrong = user.wrong_row(NOW, 2);
        user.from(net(&format!("198.{}.100.7", n % 256))).types(wrong, NOW + n / 5);
    }
    assert_eq!(user.record.row, 0, "in my first draft it closed sudo");
    let now = NOW + 100;
    assert!(accepted(&user.from(Source::Local).decide(User::with_phone().code(now, 0), now).outcome));
    // Singles are open in their own lanes, too; and two in a row in the other classes.
    assert!(accepted(&user.from(net("198.7.100.7")).decide(User::with_phone().code(now, 0), now).outcome));
    assert!(accepted(&user.from(Source::Local).decide(User::with_phone().row(now, 0, 2), now).outcome));
}

#[test]
fn the_twenty_first_pair_needs_a_third_code_for_ten_seconds() {
    let mut user = User::with_phone();
    user.fails(15, NOW);
    for since in 16..=35 {
        let wrong = user.wrong_row(NOW, 2);
        assert_eq!(user.types(wrong, NOW), Outcome::Wrong { since, left: 0 });
    }
    let before = user.record.clone();
    for typed in [user.wrong_row(NOW, 2), user.row(NOW, 0, 2), user.wrong(NOW)] {
        for now in [NOW, NOW + 9] {
            let decision = user.decide(&typed, now);
            assert_eq!(decision.outcome, waiting(NOW + 14_400, 3, now));
            assert!(decision.write.is_none());
        }
    }
    // Three are neither bounded nor counted.
    for _ in 0..50 {
        let wrong = user.decide(user.wrong_row(NOW, 3), NOW);
        assert!(wrong.outcome == Outcome::Wrong { since: 35, left: 0 } && wrong.write.is_none());
    }
    assert_eq!(user.record, before);
    assert!(accepted(&user.decide(user.row(NOW, 0, 3), NOW).outcome));
    let now = NOW + 10;
    assert_eq!(user.decide(user.wrong(now), now).outcome, waiting(NOW + 14_400, 2, now));
    assert!(accepted(&user.decide(user.row(now, 0, 2), now).outcome));
}

#[test]
fn after_a_hundred_in_a_row_no_single_one_is_looked_at_anywhere_until_two_in_a_row_are_right() {
    let mut user = User::with_phone();
    let sources = [Source::Local, Source::Door, net("192.0.2.4"), net("198.51.100.7")];
    let mut now = NOW;
    for n in 0..100 {
        assert!(!throttle::is_closed(&user.record));
        user.from(sources[n % 4]);
        now += if user.left(now) == 0 { 4 * HOUR } else { 0 };
        user.fails(1, now);
    }
    assert!(user.record.row == ROW && throttle::is_closed(&user.record));
    // It is said before, where the row ends before the bucket does.
    let mut near = User::with_phone();
    near.record.row = 97;
    assert_eq!([3, 2, 1].map(|left| (near.left(NOW), near.fails(1, NOW)).0 == left), [true; 3]);
    now += YEAR;
    for source in sources {
        user.from(source);
        assert_eq!(user.decide(user.code(now, 0), now).outcome, waiting(None, 2, now), "{source:?}, a year later");
    }
    for (count, gets_in) in [(2, true), (3, true)] {
        let mut user = user.clone();
        user.from(Source::Local).fails_in_a_row(2, now);
        assert!(throttle::is_closed(&user.record), "a wrong pair opens nothing");
        assert_eq!(accepted(&user.types(user.row(now, 0, count), now)), gets_in);
        let left = sources.map(|source| user.from(source).left(now + 90));
        assert_eq!(left, [15; 4], "as their buckets say");
    }
}

impl User {
    fn fails_in_a_row(&mut self, count: usize, now: u64) {
        let wrong = self.wrong_row(now, count);
        assert!(matches!(self.types(wrong, now), Outcome::Wrong { .. }));
    }
}

#[test]
fn a_clock_that_went_back_a_year_shuts_for_four_hours_from_there() {
    let mut user = User::with_phone();
    user.fails(15, NOW + YEAR);
    user.fails_in_a_row(2, NOW + YEAR);
    let moved = user.decide(user.wrong(NOW), NOW);
    assert_eq!(moved.outcome, waiting(NOW + 14_400, 3, NOW));
    // Were it not written, it would move on with each try.
    let later = NOW + 14_399;
    assert_eq!(user.decide(user.wrong(later), later).outcome, waiting(later + 14_400, 3, later));
    user.record = moved.write.expect("the corrected number");
    assert_eq!(user.record.lanes[0].full, NOW + 15 * 14_400);
    assert_eq!(user.record.classes[0].pairs, NOW + 200);
    assert_eq!(user.decide(user.wrong(later), later).outcome, waiting(NOW + 14_400, 2, later));
    let now = NOW + 14_400;
    assert!(accepted(&user.types(user.code(now, 0), now)));
}

/// It is corrected with whatever is written, too.
#[test]
fn what_a_clock_that_went_back_left_is_fixed_by_every_kind_of_answer() {
    let mut user = User::with_phone();
    let used = user.code(NOW, 0);
    assert!(accepted(&user.types(&used, NOW)));
    user.from(Source::Door).fails(2, NOW + YEAR);
    user.from(Source::Local);
    let most = NOW + 15 * 14_400;
    for typed in [&used, "no code", "123456-123456", &user.wrong_row(NOW, 3), &user.wrong(NOW), &user.code(NOW, 1)] {
        let written = user.decide(typed, NOW).write.expect(typed);
        let door = written.lane(LaneKey::Door).unwrap();
        assert_eq!(door.full, most, "{typed}");
    }
}

#[test]
fn by_a_clock_of_1970_nothing_is_fixed_and_nothing_gained() {
    let mut user = User::with_phone();
    user.fails(15, NOW);
    for now in [0, 60, clock::BUILT - 1] {
        for typed in [user.wrong(now + 3_600), user.code(now + 3_600, 0)] {
            let decision = user.decide(typed, now);
            assert_eq!(decision.outcome, waiting(None, 2, now), "no hours are named");
            assert!(decision.write.is_none());
        }
    }
    assert_eq!(user.left(NOW), 0);
    assert_eq!(user.left(NOW + 14_400), 1);
    // From its build on the clock may be right.
    let now = clock::BUILT;
    assert_eq!(user.decide(user.wrong(now), now).outcome, waiting(now + 14_400, 2, now));
}

#[test]
fn at_the_ends_of_time_nothing_overflows() {
    for now in [0, 1, clock::BUILT, NOW, u64::MAX - 1, u64::MAX] {
        for full in [0, 1, now, now.saturating_add(1), u64::MAX - 1, u64::MAX] {
            let mut user = User::with_phone();
            user.record.unit = Some(u64::MAX);
            user.record.lanes = vec![Lane { key: LaneKey::Local, full, seen: full, last: full }];
            user.record.classes = vec![Class { key: ClassKey::Here, full, pairs: full }];
            for limits in [Limits::default(), Limits { free: u32::MAX, every: u64::MAX }, Limits { free: 0, every: 0 }]
            {
                user.limits = limits;
                for typed in ["000000", "000000-000001", "000000-000001-000002"] {
                    user.decide(typed, now);
                }
                throttle::levels(&user.record, &limits, now);
            }
        }
    }
}

/// Five are missing, whatever one of them weighs.
#[test]
fn a_change_of_weight_changes_nobodys_number_of_guesses() {
    let mut user = User::with_phone();
    user.fails(5, NOW);
    let mut full = Vec::new();
    for (drift, left) in [(Some(0), 10), (None, 10), (Some(4), 10), (None, 10)] {
        user.record.devices[0].drift = drift;
        assert_eq!(user.left(NOW), left, "{drift:?}");
        user.record = user.decide("no code", NOW).write.unwrap_or(user.record);
        full.push((user.record.lanes[0].full - NOW, user.record.classes[0].full - NOW, user.record.unit));
    }
    let (light, heavy) = ((72_000, 54_000, Some(14_400)), (144_000, 108_000, Some(28_800)));
    assert_eq!(full, [light, heavy, light, heavy]);
    // At a weight of two it takes twice as long.
    assert_eq!([7, 8].map(|hours| user.left(NOW + hours * HOUR)), [10, 11]);
}

#[test]
fn debts_are_rescaled_upwards_and_to_the_second() {
    for (old, new, owed, expected) in [(3, 1, 10, 4), (1, 3, 10, 30), (2, 3, 10, 15), (3, 2, 10, 7), (3, 2, 1, 1)] {
        let mut record = Record { unit: Some(old * 14_400), ..Record::default() };
        let lane = Lane { key: LaneKey::Door, full: NOW + owed, seen: 0, last: 0 };
        record.lanes = vec![lane.clone(), Lane { key: LaneKey::Local, full: NOW, ..lane }];
        let buckets = Buckets::new(LaneKey::Local, &Limits::default(), new, NOW);
        assert_eq!(buckets.pull_in(&mut record), expected != owed, "{old} {new} {owed}");
        assert_eq!(record.lanes.iter().map(|lane| lane.full).collect::<Vec<_>>(), [NOW + expected, NOW]);
        assert_eq!(record.unit, Some(new * 14_400));
        assert!(!buckets.pull_in(&mut record), "once is enough");
    }
}

#[test]
fn another_policy_counts_in_its_own_numbers_from_its_first_login_on() {
    let strict = Limits { free: 3, every: 86_400 };
    let mild = Limits { free: 20, every: 600 };
    let mut user = User::with_phone();
    user.fails(2, NOW);
    for (limits, left) in [(strict, 1), (mild, 18), (Limits::default(), 13)] {
        user.limits = limits;
        assert_eq!(user.left(NOW), left, "{limits:?}");
        user.types("no code", NOW);
        assert_eq!(user.left(NOW + limits.every), left + 1, "{limits:?}");
    }
    // No bucket is emptier than empty.
    user.limits = Limits::default();
    user.fails(13, NOW);
    user.limits = strict;
    assert_eq!(user.decide(user.wrong(NOW), NOW).outcome, waiting(NOW + 86_400, 2, NOW));
    user.limits = Limits { free: 1, every: 600 };
    assert_eq!(user.decide(user.wrong(NOW), NOW).outcome, waiting(NOW + 600, 2, NOW));
}

/// More than six right codes of a million, by digits: each wrong one weighs more.
#[test]
fn one_table_of_weights() {
    for (right, digits, weight) in [
        (0, 6, 1),
        (1, 6, 1),
        (6, 6, 1),
        (7, 6, 2),
        (12, 6, 2),
        (13, 6, 3),
        (50, 6, 9),
        (75, 6, 13),
        (60, 7, 1),
        (61, 7, 2),
        (600, 8, 1),
        (601, 8, 2),
        (u64::MAX, 6, u64::MAX / 6 + 1),
        (u64::MAX, 64, 1),
    ] {
        assert_eq!(throttle::weight(right, digits), weight, "{right} of {digits} digits");
    }
    assert_eq!([1, 2, 4, 5, 600, 14_400, u64::MAX].map(throttle::class_every), [1, 1, 3, 3, 450, 10_800, u64::MAX / 4]);
}

#[test]
fn what_a_wrong_code_of_each_enrollment_weighs() {
    let (phone, token) = (Kind::Totp { period: 30 }, Kind::Hotp { start: 0 });
    for (kinds, drift, window, weight) in [
        (vec![phone], Some(0), 1, 1),
        (vec![phone], Some(4), 1, 1),
        (vec![phone], None, 1, 2),
        (vec![phone], Some(4), 3, 2),
        (vec![phone; 2], Some(0), 1, 1),
        (vec![phone; 3], Some(0), 1, 2),
        (vec![phone; 5], Some(0), 1, 3),
        (vec![phone; 5], Some(-4), 1, 5),
        (vec![token], Some(0), 1, 2),
        (vec![token, phone], Some(0), 1, 3),
        (vec![token; 5], Some(0), 1, 9),
        (vec![phone; 5], None, 3, 13),
    ] {
        let mut user = User::with((0..).zip(kinds).map(|(n, kind)| device(n, kind)).collect());
        user.record.devices.iter_mut().for_each(|line| line.drift = drift);
        assert_eq!(attempt::weight(&user.enrollment, &user.record, NOW, window), weight);
        user.window = window;
        user.fails(1, NOW);
        assert_eq!(user.record.lanes[0].full, NOW + 14_400 * weight);
        user.record.devices.clear();
        let tokens = user.enrollment.devices.iter().filter(|device| device.kind == token).count() as u64;
        let weight = throttle::weight(10 * tokens, 6);
        assert_eq!(attempt::weight(&user.enrollment, &user.record, NOW, window), weight, "no line, no code");
    }
}

#[test]
fn a_record_of_version_1_keeps_what_was_counted() {
    let body = "device d0 0 0 - - -\nlane local 6 1800000000 1800000030 0\nlane door 20 1799990000 0 0\n\
                lane 4/c00002 0 0 0 1799990000\nlane other 3 1799999000 0 0\nsince 29 1800000000 local\n";
    let mut crc = crc32fast::Hasher::new();
    crc.update(&7_u64.to_le_bytes());
    crc.update(body.as_bytes());
    let file = format!("pam_totp 1 7 {} {:08x}\n{body}", body.len(), crc.finalize());
    let StateFile::Valid(slot) = slots::read(file.as_bytes()) else { panic!("a record") };
    let mut user = User { record: slot.record, ..User::with_phone() };
    assert_eq!(user.record.row, 29, "wrong codes since the last login");
    let left = |user: &mut User, source| user.from(source).left(NOW);
    assert_eq!(left(&mut user, Source::Local), 9);
    // The fifteen that it had, and what came back since.
    assert_eq!(left(&mut user, Source::Door), 0);
    assert_eq!(user.left(1_799_990_000 + 14_400), 1);
    assert_eq!(left(&mut user, net("192.0.2.4")), 15);
    assert_eq!(left(&mut user, Source::Unknown), 12, "all strangers had one lane: now it is the first of theirs");
    let class = |key| user.record.class(key).unwrap().full;
    assert_eq!(class(ClassKey::Here), NOW + 21 * 10_800, "the sum of its lanes");
    assert_eq!((class(ClassKey::Known), class(ClassKey::Other)), (0, 1_799_999_000 + 3 * 10_800));
}

#[test]
fn all_lanes_are_told_as_they_stand() {
    let mut user = User::with_phone();
    user.fails(2, NOW - 1);
    user.from(Source::Door).fails(15, NOW);
    let level = |lane, missing, opens| BucketLevel { lane, missing, opens };
    let expected =
        [level(LaneKey::Local, 2, (NOW - 1 + 2 * 14_400) - 14 * 14_400), level(LaneKey::Door, 15, NOW + 14_400)];
    assert_eq!(throttle::levels(&user.record, &user.limits, NOW), expected);
    // Where the class has none, none of its lanes has.
    user.record.classes[0].full = NOW + 60 * 10_800;
    let opens = throttle::levels(&user.record, &user.limits, NOW).iter().map(|level| level.opens).collect::<Vec<_>>();
    assert_eq!(opens, [NOW + 10_800, NOW + 14_400]);
    assert_eq!(throttle::levels(&Record::default(), &user.limits, NOW), []);
}

/// What an administrator's `unlock` does to them; no step is touched.
#[test]
fn unlocked_all_buckets_are_full_and_the_row_is_over() {
    let mut user = User::with_phone();
    user.knows_then_fails();
    let (devices, since) = (user.record.devices.clone(), user.record.since.clone());
    throttle::refill(&mut user.record, NOW);
    assert_eq!((user.record.row, user.record.unit, &user.record.classes), (0, None, &Vec::new()));
    assert_eq!((&user.record.devices, &user.record.since), (&devices, &since));
    assert!(user.record.lanes.iter().all(|lane| lane.full == 0 && lane.seen <= NOW && lane.last > 0));
    assert_eq!(user.left(NOW), 15);
    assert!(accepted(&user.decide(user.row(NOW, 1, 2), NOW).outcome), "pairs too");
}

impl User {
    fn knows_then_fails(&mut self) {
        let home = net("192.0.2.4");
        assert!(accepted(&self.from(home).types(User::with_phone().code(NOW - 60, 0), NOW - 60)));
        self.fails(15, NOW);
        self.record.lanes[0].seen = NOW + YEAR;
        for _ in 0..20 {
            self.fails_in_a_row(2, NOW);
        }
        self.record.row = ROW;
    }
}
