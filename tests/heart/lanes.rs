//! Waits: what they stop, what they count, and whom they leave alone.

use super::*;

fn net(address: &str) -> Source {
    Source::from_address(address).unwrap()
}

impl User {
    fn from(&mut self, source: Source) -> &mut Self {
        self.source = source;
        self
    }

    fn fails_of(&self, key: LaneKey) -> u32 {
        self.record.lane(key).map_or(0, |lane| lane.fails)
    }
}

#[test]
fn five_are_free_and_then_it_waits() {
    let mut user = User::with_phone();
    for fails in 1..=5 {
        let wrong = user.wrong(NOW);
        assert_eq!(user.types(wrong, NOW), Outcome::Wrong { fails, wait_until: None });
    }
    let mut now = NOW;
    for (fails, wait) in (6..).zip([30, 60, 120, 240, 480, 900, 900]) {
        let wrong = user.wrong(now);
        assert_eq!(user.types(wrong, now), Outcome::Wrong { fails, wait_until: Some(now + wait) });
        now += wait;
    }
}

#[test]
fn a_hundred_cost_six_hours() {
    let mut user = User::with_phone();
    let mut now = NOW;
    for _ in 0..99 {
        user.fails(1, now);
        now += 900;
    }
    let wrong = user.wrong(now);
    assert_eq!(user.types(wrong, now), Outcome::Wrong { fails: 100, wait_until: Some(now + 21_600) });
}

#[test]
fn during_a_wait_no_code_is_looked_at_or_counted() {
    let mut user = User::with_phone();
    user.fails(6, NOW);
    let before = user.record.clone();
    let until = NOW + 30;
    for now in [NOW, NOW + 29] {
        for typed in [user.code(now, 0), user.wrong(now)] {
            let decision = user.decide(typed.as_bytes(), now);
            assert_eq!(decision.outcome, Outcome::Waiting { until });
            assert!(decision.write.is_none());
        }
        assert_eq!(user.decide(b"no code", now).outcome, Outcome::NotACode);
    }
    assert_eq!(user.record, before);
    // Not looked at, so not used up.
    let typed = user.code(NOW, 1);
    assert_eq!(user.types(&typed, NOW + 29), Outcome::Waiting { until });
    assert!(accepted(&user.types(&typed, until)));
}

#[test]
fn a_used_code_in_a_wait_is_not_looked_at_either() {
    let mut user = User::with_phone();
    let typed = user.code(NOW, 0);
    assert!(accepted(&user.types(&typed, NOW)));
    user.fails(6, NOW);
    assert!(matches!(user.types(&typed, NOW), Outcome::Waiting { .. }));
}

#[test]
fn what_is_no_guess_is_not_counted() {
    let mut user = User::with_phone();
    let typed = user.code(NOW, 0);
    assert!(accepted(&user.types(&typed, NOW)));
    for _ in 0..50 {
        assert!(matches!(user.types(&typed, NOW), Outcome::Used { .. }));
        assert_eq!(user.types("", NOW), Outcome::NotACode);
    }
    assert_eq!((user.fails_of(LaneKey::Local), user.record.since.clone()), (0, None));
}

#[test]
fn no_lane_closes_another() {
    let (home, office, stranger) = (net("192.0.2.4"), net("2001:db8::1"), net("203.0.113.9"));
    let own = |source| User::with_phone().from(source).clone();
    for waiting in [Source::Local, home, office, stranger] {
        let mut user = User::with_phone();
        for (day, source) in (1..).zip([home, office]) {
            let now = NOW - day * 86_400;
            user.record.devices[0].last = Some(0);
            assert!(accepted(&user.from(source).types(own(source).code(now, 0), now)));
        }
        user.record.devices[0].last = Some(0);
        user.from(waiting).fails(6, NOW);
        for other in [Source::Local, home, office, stranger, Source::Unknown] {
            let outcome = user.from(other).decide(own(other).code(NOW, 0).as_bytes(), NOW).outcome;
            // Strangers and names share a lane.
            let shared = other == waiting || (waiting == stranger && other == Source::Unknown);
            assert_eq!(accepted(&outcome), !shared, "{waiting:?} waits, {other:?} comes");
        }
    }
}

#[test]
fn a_neighbor_shares_the_lane_of_a_network() {
    let mut user = User::with_phone();
    assert!(accepted(&user.from(net("192.0.2.4")).types(User::with_phone().code(NOW, 0), NOW)));
    user.from(net("192.0.2.77")).fails(6, NOW);
    let now = NOW + 29;
    assert!(matches!(user.from(net("192.0.2.4")).types(User::with_phone().code(now, 1), now), Outcome::Waiting { .. }));
    assert!(accepted(&user.from(net("192.0.3.4")).types(User::with_phone().code(now, 1), now)));
}

#[test]
fn a_success_ends_the_wait_and_gives_the_free_ones_back_once_an_hour() {
    let mut user = User::with_phone();
    user.fails(6, NOW);
    let now = NOW + 30;
    assert!(accepted(&user.types(user.code(now, 0), now)));
    assert_eq!(user.fails_of(LaneKey::Local), 0, "the first success for an hour");
    user.fails(6, now);
    let now = now + 30;
    assert!(accepted(&user.types(user.code(now, 0), now)));
    assert_eq!(user.fails_of(LaneKey::Local), 5);
    let wrong = user.wrong(now);
    assert_eq!(user.types(wrong, now), Outcome::Wrong { fails: 6, wait_until: Some(now + 30) });
    let now = now + 3_600;
    assert!(accepted(&user.types(user.code(now, 0), now)));
    assert_eq!(user.fails_of(LaneKey::Local), 0);
}

#[test]
fn a_clock_that_went_back_prolongs_no_wait() {
    let mut user = User::with_phone();
    user.fails(6, NOW);
    user.fails(1, NOW + 30);
    let now = NOW - 31_536_000;
    let until = now + 60;
    let moved = user.decide(user.wrong(now).as_bytes(), now);
    assert_eq!(moved.outcome, Outcome::Waiting { until });
    user.record = moved.write.expect("the new end is kept, or it would move on with each try");
    assert!(matches!(user.types("000000", now + 59), Outcome::Waiting { .. }));
    assert!(accepted(&user.types(user.code(until, 0), until)));
}

#[test]
fn the_policy_sets_the_waits() {
    let mut user = User { limits: Limits { free: 1, first_wait: 7, longest_wait: 10 }, ..User::with_phone() };
    user.fails(1, NOW);
    for (fails, wait) in [(2, 7), (3, 10), (4, 10)] {
        let now = NOW + 100 * u64::from(fails);
        let wrong = user.wrong(now);
        assert_eq!(user.types(wrong, now), Outcome::Wrong { fails, wait_until: Some(now + wait) });
    }
}

#[test]
fn a_policy_that_allows_more_ends_the_waits_that_it_would_not_start() {
    let mut user = User::with_phone();
    user.fails(6, NOW);
    user.limits.free = 6;
    assert!(accepted(&user.types(user.code(NOW, 0), NOW)));
}

#[test]
fn no_number_of_failures_overflows_a_wait() {
    let mut user = User { limits: Limits { free: 1, first_wait: 3_600, longest_wait: 86_400 }, ..User::with_phone() };
    user.fails(1, NOW);
    for fails in [32, 33, 63, 64, 65, 66, 99, u32::MAX] {
        let lane = &mut user.record.lanes[0];
        (lane.fails, lane.until) = (fails - 1, 0);
        let expected = Outcome::Wrong { fails, wait_until: Some(NOW + 86_400) };
        assert_eq!(user.decide(user.wrong(NOW).as_bytes(), NOW).outcome, expected);
    }
}

#[test]
fn wrong_codes_are_told_once_at_the_next_login_from_wherever_they_came() {
    let mut user = User { limits: FREE, ..User::with_phone() };
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
