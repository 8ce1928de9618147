//! HOTP: ten codes ahead, codes in a row from further away, forward only.

use super::*;

/// Further than any test here gets, by at most 103 counters a login.
const REACHED: u64 = 3_300;

fn token() -> User {
    let token = Device { digits: Digits::new(8).unwrap(), ..device(0, Kind::Hotp { start: 20 }) };
    User { limits: FREE, ..User::with(vec![token]) }
}

#[derive(Clone, Debug)]
enum Event {
    Passes(i64),
    /// So many codes in a row, the first of them so many counters from the next one.
    Types(i64, usize),
}

proptest! {
    #[test]
    fn a_counter_goes_forward_by_one_near_code_or_a_far_row(
        events in vec(prop_oneof![
            1 => (-30_i64..=700).prop_map(Event::Passes),
            4 => (-20_i64..=120, 1..=3_usize).prop_map(|(ahead, count)| Event::Types(ahead, count)),
            4 => (-2_i64..=12, 1..=3_usize).prop_map(|(ahead, count)| Event::Types(ahead, count)),
        ], 1..30),
    ) {
        let (mut user, mut now) = (token(), NOW);
        for event in events {
            let next = user.line().last.unwrap();
            let (ahead, count) = match event {
                Event::Passes(seconds) => {
                    now = now.saturating_add_signed(seconds);
                    continue;
                }
                Event::Types(ahead, count) => (ahead, count),
            };
            let first = next.saturating_add_signed(ahead);
            let counters = first..first + count as u64;
            let device = user.enrollment.devices[0].clone();
            let typed: Vec<String> = counters.clone().map(|counter| code(&device, counter)).collect();
            let before = user.record.clone();
            let outcome = user.types(typed.join("-"), now);
            let reach = if count == 1 { 0..=9 } else { 0..=101 - count as i64 };
            match ahead {
                ahead if reach.contains(&ahead) => {
                    prop_assert!(accepted(&outcome));
                    prop_assert_eq!((user.line().last, user.line().at), (Some(counters.end), Some(now)));
                }
                -10..=-1 => {
                    prop_assert_eq!(outcome, Outcome::Used { next_in: 0 }, "whatever follows it");
                    prop_assert_eq!(&user.record, &before);
                }
                _ => {
                    prop_assert!(matches!(outcome, Outcome::Wrong { .. }), "{:?}", outcome);
                    prop_assert_eq!(&user.record.devices, &before.devices);
                }
            }
        }
    }
}

/// So a counter is known by its code, and the model above has no chance in it.
#[test]
fn no_two_counters_within_reach_show_the_same_digits() {
    let token = &token().enrollment.devices[0];
    let codes: std::collections::BTreeSet<String> = (0..REACHED).map(|counter| code(token, counter)).collect();
    assert_eq!(codes.len(), usize::try_from(REACHED).unwrap());
}

/// One beyond the look-ahead tells nothing by itself, whatever comes behind it.
#[test]
fn far_codes_count_in_one_answer_alone() {
    let mut user = token();
    let token = user.enrollment.devices[0].clone();
    for counter in [50, 51, 52, 53] {
        assert!(matches!(user.types(code(&token, counter), NOW), Outcome::Wrong { .. }), "{counter}");
    }
    for (first, second) in [(50, 52), (51, 50), (19, 20), (9, 10), (19, 50)] {
        let typed = [code(&token, first), code(&token, second)].join("-");
        assert!(!accepted(&user.decide(&typed, NOW).outcome), "{first} {second}");
    }
    // Across the end of the look-ahead.
    for first in [28, 29, 30] {
        let typed = [code(&token, first), code(&token, first + 1)].join(" ");
        assert!(accepted(&user.decide(typed, NOW).outcome), "{first}");
    }
    assert!(accepted(&user.types([code(&token, 52), code(&token, 53)].concat(), NOW)));
    for counter in 44..54 {
        assert_eq!(user.types(code(&token, counter), NOW), Outcome::Used { next_in: 0 }, "{counter}");
    }
}

/// All tokens of a user together reach a hundred counters ahead.
#[test]
fn so_far_ahead_a_row_is_found() {
    for (tokens, reach) in [(1, 100), (2, 50), (3, 33), (5, 20)] {
        let mut user = User::with((0..tokens).map(|n| device(n, Kind::Hotp { start: 20 })).collect());
        user.limits = FREE;
        let last = user.enrollment.devices.last().unwrap().clone();
        for (first, is_right) in [(20, true), (20 + reach - 1, true), (20 + reach, false)] {
            let typed = [code(&last, first), code(&last, first + 1)].join("-");
            assert_eq!(accepted(&user.decide(typed, NOW).outcome), is_right, "{tokens} {first}");
        }
    }
}

#[test]
fn the_first_code_of_all_gets_in_once() {
    let mut user = User::with(vec![device(0, Kind::Hotp { start: 0 })]);
    let first = code(&user.enrollment.devices[0], 0);
    assert!(accepted(&user.types(&first, NOW)));
    assert_eq!(user.types(&first, NOW), Outcome::Used { next_in: 0 });
}

#[test]
fn a_lost_counter_lets_nobody_in() {
    let mut user = token();
    user.record = Record::default();
    assert!(healing::heal(&user.enrollment, &mut user.record, NOW, 1));
    let token = user.enrollment.devices[0].clone();
    for counter in 0..90 {
        assert!(matches!(user.types(code(&token, counter), NOW), Outcome::Wrong { .. }), "{counter}");
    }
    for first in [0, 20, 90] {
        let typed = [code(&token, first), code(&token, first + 1)].join("-");
        assert!(matches!(user.types(typed, NOW), Outcome::Wrong { .. }), "{first}");
    }
    assert_eq!(user.line().last, None);
}

#[test]
fn only_a_token_whose_counter_is_gone_is_out_of_service() {
    let is_lost = |kind, last: Option<Option<u64>>| {
        let mut user = User::with(vec![device(0, kind)]);
        user.record.devices.retain_mut(|line| {
            line.last = last.flatten();
            last.is_some()
        });
        healing::counter_lost(&user.enrollment.devices[0], &user.record)
    };
    let (token, phone) = (Kind::Hotp { start: 20 }, Kind::Totp { period: 30 });
    assert_eq!([None, Some(None), Some(Some(20))].map(|last| is_lost(token, last)), [true, true, false]);
    assert_eq!([None, Some(None), Some(Some(20))].map(|last| is_lost(phone, last)), [false; 3]);
}
