//! HOTP: ten codes ahead, two in a row from further away, forward only.

use super::*;

/// Further than any test here gets, by at most 101 counters a login.
const REACHED: u64 = 3_200;

fn token() -> User {
    let token = Device { digits: Digits::new(8).unwrap(), ..device(0, Kind::Hotp { start: 20 }) };
    User { limits: FREE, ..User::with(vec![token]) }
}

#[derive(Clone, Debug)]
enum Event {
    Passes(i64),
    /// A code, so many counters from the next one.
    Types(i64),
    /// The code after the one that was typed last.
    TypesNext,
}

proptest! {
    #[test]
    fn a_counter_goes_forward_by_one_near_code_or_two_far_ones(
        events in vec(prop_oneof![
            1 => (-30_i64..=700).prop_map(Event::Passes),
            4 => (-20_i64..=120).prop_map(Event::Types),
            4 => (-2_i64..=12).prop_map(Event::Types),
            4 => Just(Event::TypesNext),
        ], 1..30),
    ) {
        let (mut user, mut now, mut typed) = (token(), NOW, 0_u64);
        // The far code that waits for the one after it, and when it came.
        let mut first: Option<(u64, u64)> = None;
        for event in events {
            let next = user.line().last.unwrap();
            match event {
                Event::Passes(seconds) => {
                    now = now.saturating_add_signed(seconds);
                    continue;
                }
                Event::Types(ahead) => typed = next.saturating_add_signed(ahead),
                Event::TypesNext => typed += 1,
            }
            let ahead = i64::try_from(typed).unwrap() - i64::try_from(next).unwrap();
            let second = first.is_some_and(|(far, at)| far + 1 == typed && at <= now && now - at <= 600);
            let before = user.record.clone();
            let outcome = user.types(code(&user.enrollment.devices[0], typed), now);
            let line = user.line();
            match ahead {
                0..=9 => prop_assert!(accepted(&outcome)),
                10..=100 if second => prop_assert!(accepted(&outcome)),
                -10..=-1 => {
                    prop_assert_eq!(outcome, Outcome::Used { next_in: 0 });
                    prop_assert_eq!(&user.record, &before);
                    continue;
                }
                _ => {
                    let wrong = matches!(outcome, Outcome::Wrong { wait_until: None, .. });
                    prop_assert!(wrong, "{:?}", outcome);
                    first = (10..=100).contains(&ahead).then_some((typed, now));
                    prop_assert_eq!((line.last, line.pending), (Some(next), first));
                    continue;
                }
            }
            prop_assert_eq!((line.last, line.pending, line.at), (Some(typed + 1), None, Some(now)));
            first = None;
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

#[test]
fn the_far_code_waits_ten_minutes() {
    for (seconds, gets_in) in [(0, true), (600, true), (601, false), (-1, false)] {
        let mut user = token();
        let token = user.enrollment.devices[0].clone();
        assert_eq!(user.types(code(&token, 50), NOW), Outcome::Wrong { fails: 1, wait_until: None });
        let outcome = user.types(code(&token, 51), NOW.saturating_add_signed(seconds));
        assert_eq!(accepted(&outcome), gets_in, "{seconds}");
    }
}

#[test]
fn two_far_codes_must_be_the_last_two_that_were_typed() {
    let mut user = token();
    let token = user.enrollment.devices[0].clone();
    for counter in [50, 80, 51, 53, 52, 52] {
        assert!(!accepted(&user.types(code(&token, counter), NOW)), "{counter}");
    }
    assert!(accepted(&user.types(code(&token, 53), NOW)));
    for counter in 44..54 {
        assert_eq!(user.types(code(&token, counter), NOW), Outcome::Used { next_in: 0 }, "{counter}");
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
    assert!(attempt::heal(&user.enrollment, &mut user.record, NOW, 1));
    let token = user.enrollment.devices[0].clone();
    for counter in 0..130 {
        assert!(matches!(user.types(code(&token, counter), NOW), Outcome::Wrong { .. }), "{counter}");
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
        attempt::counter_lost(&user.enrollment.devices[0], &user.record)
    };
    let (token, phone) = (Kind::Hotp { start: 20 }, Kind::Totp { period: 30 });
    assert_eq!([None, Some(None), Some(Some(20))].map(|last| is_lost(token, last)), [true, true, false]);
    assert_eq!([None, Some(None), Some(Some(20))].map(|last| is_lost(phone, last)), [false; 3]);
}
