//! Two codes in a row show where a device stands; from then on its codes count there, and nowhere else.

use super::*;
use pam_totp::factor::resync::{Shown, resync};

const STEP: u64 = NOW / 30;

/// What the first device shows at two steps, put before us at NOW.
fn shows(user: &User, first: u64, second: u64) -> Shown {
    let device = &user.enrollment.devices[0];
    let code = |step| Answer::new(code(device, step).as_bytes());
    resync(device, user.line(), &user.record, &code(first), &code(second), NOW)
}

fn followed(mut user: User, shown: Shown) -> User {
    let Shown::Here(device, line) = shown else { panic!("{shown:?}") };
    user.enrollment.devices[0] = *device;
    user.record.set_device(line);
    user
}

#[test]
fn a_device_is_found_up_to_twenty_steps_away() {
    for ahead in -25_i64..=25 {
        let user = User::with_phone();
        let second = STEP.checked_add_signed(ahead).unwrap();
        let shown = shows(&user, second - 1, second);
        if !(-19..=20).contains(&ahead) {
            assert_eq!(shown, Shown::Nowhere, "{ahead}");
            continue;
        }
        let mut user = followed(user, shown);
        let ahead = i8::try_from(ahead).unwrap();
        let (skew, drift) = (user.enrollment.devices[0].skew, user.line().drift);
        assert_eq!((skew, drift), if ahead.abs() <= 4 { (0, Some(ahead)) } else { (ahead, Some(0)) });
        // Both are used up, and so is all before them; the one after them is right.
        for used in [0, 1] {
            let device = &user.enrollment.devices[0];
            let typed = code(device, second - used);
            assert!(!accepted(&user.types(typed, NOW)), "{ahead}");
        }
        let typed = code(&user.enrollment.devices[0], second + 1);
        assert!(accepted(&user.types(typed, NOW + 30)), "{ahead}");
    }
}

#[test]
fn only_two_in_a_row_and_both_unused() {
    let mut user = User::with_phone();
    for (first, second) in [(10, 10), (10, 12), (11, 10)] {
        assert_eq!(shows(&user, STEP + first, STEP + second), Shown::Nowhere, "{first}, {second}");
    }
    let device = user.enrollment.devices[0].clone();
    let right = Answer::new(code(&device, STEP + 11).as_bytes());
    for no_code in ["", "12345", "1234567", "abcdef"] {
        let no_code = Answer::new(no_code.as_bytes());
        for (first, second) in [(&no_code, &right), (&right, &no_code)] {
            assert_eq!(resync(&device, user.line(), &user.record, first, second, NOW), Shown::Nowhere);
        }
    }
    // Whoever has photographed codes has only those that are over.
    for (last, shown) in [(9, true), (10, false), (11, false), (30, false)] {
        user.record.devices[0].last = Some(STEP + last);
        assert_eq!(shows(&user, STEP + 10, STEP + 11) != Shown::Used, shown, "{last}");
    }
}

/// The skew is beside the key: a lost state does not bring back what was used since.
#[test]
fn after_a_loss_nothing_comes_back_however_far_the_device_is_off() {
    for ahead in [-18_i64, 18] {
        let mut user = User::with_phone();
        let second = STEP.checked_add_signed(ahead).unwrap();
        user = followed(user.clone(), shows(&user, second - 1, second));
        let used = code(&user.enrollment.devices[0], second + 1);
        assert!(accepted(&user.types(&used, NOW + 30)));
        user.record = Record::default();
        assert!(healing::heal(&user.enrollment, &mut user.record, NOW + 30, user.window));
        assert!(!accepted(&user.types(&used, NOW + 30)), "{ahead}");
        let first = (0..20).find(|step| {
            let typed = code(&user.enrollment.devices[0], second + 1 + step);
            accepted(&user.types(typed, NOW + 30 + step * 30))
        });
        assert_eq!(first, Some(6), "three minutes later: {ahead}");
    }
}

#[test]
fn a_skew_is_no_window() {
    let mut user = User::with(vec![Device { skew: 15, ..device(0, Kind::Totp { period: 30 }) }]);
    for far in [STEP - 1, STEP, STEP + 1, STEP + 13, STEP + 17] {
        let typed = code(&user.enrollment.devices[0], far);
        assert!(!accepted(&user.types(typed, NOW)), "{far}");
    }
    // It says when the next one comes as the device will show it.
    let typed = code(&user.enrollment.devices[0], STEP + 15);
    assert!(accepted(&user.types(&typed, NOW + 10)));
    assert_eq!(user.types(&typed, NOW + 10), Outcome::Used { next_in: 20 });
}

#[test]
fn a_token_is_found_ahead_and_never_back() {
    let token = |last| {
        let mut user = User::with(vec![device(0, Kind::Hotp { start: 20 })]);
        user.record.devices[0].last = last;
        user
    };
    for (first, next) in [(50, Some(52)), (51, Some(53)), (1_049, Some(1_051)), (1_050, None)] {
        let shown = shows(&token(Some(50)), first, first + 1);
        match next {
            Some(next) => {
                let user = followed(token(Some(50)), shown);
                assert_eq!(user.line().last, Some(next));
            }
            None => assert_eq!(shown, Shown::Nowhere, "{first}"),
        }
    }
    for first in [48, 49, 20] {
        assert_eq!(shows(&token(Some(50)), first, first + 1), Shown::Used, "{first}");
    }
    assert_eq!(shows(&token(None), 50, 51), Shown::NoCounter, "old codes would do as well");
}
