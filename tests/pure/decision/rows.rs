//! Codes in a row: how they are typed, which ones are right, and what is said of the others.

use super::*;
use crate::pure::invariants::script;
use pam_totp::pam::application;
use pam_totp::pam::flow;
use pam_totp::policy::arguments::Arguments;

const STEP: u64 = NOW / 30;

#[test]
fn as_people_type_them() {
    for digits in 6..=8 {
        let mut user = User::with_phone();
        user.enrollment.devices[0].digits = Digits::new(digits).unwrap();
        let codes = [1, 2, 3].map(|ahead| user.code(NOW, ahead));
        for (count, between) in (1..=3).flat_map(|count| ["", " ", "-", "  ", " - ", "- "].map(|it| (count, it))) {
            let typed = codes[..count].join(between);
            let (head, tail) = typed.split_at(3);
            for typed in [typed.clone(), format!(" {head} {tail} ")] {
                assert!(accepted(&user.decide(&typed, NOW).outcome), "{typed:?}");
            }
        }
        let [one, two, three] = &codes;
        for typed in [
            format!("{one}--{two}"),
            format!("{one}- -{two}"),
            format!("-{one}-{two}"),
            format!("{one}-{two}-"),
            format!("{one}-"),
            format!("{one}-{two}{}", &three[1..]),
            format!("{one}-{two}-{three}-{one}"),
            format!("{one}{two}{three}{one}"),
            format!("{}-{}{two}", &one[..3], &one[3..]),
            format!("{one},{two}"),
            format!("{one}\t{two}"),
            format!("{one}_{two}"),
        ] {
            let decision = user.decide(&typed, NOW);
            // Sixteen digits with hyphens anywhere are as good as a backup code of no letters.
            let as_backup = digits == 8 && matches!(decision.outcome, Outcome::Wrong { .. });
            assert!(as_backup || decision.outcome == Outcome::NotACode, "{typed:?}: {:?}", decision.outcome);
            assert!(decision.write.is_none());
        }
    }
}

/// As in the design, to the letter.
#[test]
fn twelve_digits_and_a_hyphen() {
    let user = User::with_phone();
    for (typed, is_code) in [
        ("123456789012", true),
        ("123456-789012", true),
        ("123 456 789 012", true),
        ("123-456789012", false),
        ("123456 789-012", false),
        ("12345678901", false),
    ] {
        let outcome = user.decide(typed, NOW).outcome;
        assert_eq!(matches!(outcome, Outcome::Wrong { .. }), is_code, "{typed}: {outcome:?}");
        assert_eq!(outcome == Outcome::NotACode, !is_code, "{typed}");
    }
}

/// The mistake that people make: they type what the app still shows.
#[test]
fn the_same_code_twice_is_told_and_not_looked_at() {
    let mut user = User::with_phone();
    let codes = [1, 2].map(|ahead| user.code(NOW, ahead));
    let [one, two] = &codes;
    for state in ["open", "waiting", "flooded", "closed"] {
        match state {
            "waiting" => user.fails(15, NOW),
            "flooded" => (0..20).for_each(|_| drop(user.types("000000-000001", NOW))),
            "closed" => user.record.row = throttle::ROW,
            _ => {}
        }
        for typed in [
            [one, one].map(|it| &**it).join("-"),
            [one, one, two].map(|it| &**it).join(" "),
            [one, two, two].map(|it| &**it).join(""),
        ] {
            let decision = user.decide(&typed, NOW + 12);
            assert_eq!(decision.outcome, Outcome::Twice { next_in: Some(18) }, "{state} {typed}");
            assert!(decision.write.is_none());
        }
    }
    let token = User::with(vec![device(0, Kind::Hotp { start: 0 })]);
    assert_eq!(token.decide("123456123456", NOW).outcome, Outcome::Twice { next_in: None });
    assert!(
        matches!(user.decide("123456-123457-123456", NOW).outcome, Outcome::Wrong { .. }),
        "not behind one another"
    );
}

/// Over all that drift can hold, and back by the time that it takes to type them.
#[test]
fn so_far_away_a_row_is_found_and_shows_where_the_device_is() {
    for (window, count) in (0..=3_i64).flat_map(|window| [(window, 2), (window, 3)]) {
        let mut user = User { window: window as u64, ..User::with_phone() };
        user.record.devices[0].drift = Some(3);
        let is_right = |ahead: &i64| accepted(&user.decide(user.row(NOW, *ahead, count), NOW).outcome);
        let right: Vec<i64> = (-20..=20).filter(is_right).collect();
        let expected: Vec<i64> = (-(4 + window) - count..=4 + window + 1 - count).collect();
        assert_eq!(right, expected, "window {window}, {count} codes");
        for ahead in expected {
            let mut user = user.clone();
            user.types(user.row(NOW, ahead, count), NOW);
            let last = ahead + count - 1;
            assert_eq!(user.line().drift.map(i64::from), Some(last.clamp(-4, 4)), "{ahead}");
            assert_eq!(user.line().last, STEP.checked_add_signed(last));
            assert_eq!(user.line().at, Some(NOW));
        }
    }
}

/// Two minutes off, a phone is lost to single codes; two in a row bring it back.
#[test]
fn a_phone_that_is_two_minutes_off_is_followed_by_two_in_a_row() {
    for off in [-4, 4] {
        let mut user = User::with_phone();
        let alone = user.code(NOW, off);
        assert!(!accepted(&user.types(alone, NOW)), "{off}");
        assert!(accepted(&user.types(user.row(NOW + 30, off - 1, 2), NOW + 30)), "{off}");
        assert!(accepted(&user.types(user.code(NOW + 60, off), NOW + 60)), "{off}");
    }
}

#[test]
fn both_are_used_up() {
    let mut user = User::with_phone();
    let typed = user.row(NOW, 0, 2);
    assert!(accepted(&user.types(&typed, NOW + 30)));
    for again in [user.code(NOW, 0), user.code(NOW, 1), typed, user.row(NOW, 1, 2), user.row(NOW, -1, 2)] {
        let decision = user.decide(&again, NOW + 30);
        assert!(matches!(decision.outcome, Outcome::Used { .. }), "{again}: {:?}", decision.outcome);
        assert!(decision.write.is_none());
    }
    assert!(accepted(&user.types(user.code(NOW, 2), NOW + 60)));
}

#[test]
fn only_two_that_follow_each_other_on_one_device_and_are_later_than_the_last() {
    let mut user = User::with((0..2).map(|n| device(n, Kind::Totp { period: 30 })).collect());
    let code = |n: usize, ahead: i64| code(&user.enrollment.devices[n], STEP.checked_add_signed(ahead).unwrap());
    let wrong = user.wrong(NOW);
    let [here, there]: [Vec<String>; 2] = [0, 1].map(|n| (0..6).map(|ahead| code(n, ahead)).collect());
    user.record.devices[0].last = Some(STEP);
    for (what, typed) in [
        ("in reverse", [&here[2], &here[1]]),
        ("in reverse, over a used one", [&here[1], &here[0]]),
        ("one is missing between", [&here[1], &here[3]]),
        ("halves of two devices", [&here[1], &there[2]]),
        ("halves of two devices", [&there[1], &here[2]]),
        ("a wrong one behind", [&here[1], &wrong]),
        ("a wrong one before", [&wrong, &here[1]]),
    ] {
        let mut user = user.clone();
        let outcome = user.types(typed.map(|it| &**it).join("-"), NOW);
        assert_eq!(outcome, Outcome::Wrong { since: 1, left: 15 }, "{what}");
        let class = &user.record.classes[0];
        assert_eq!((class.full, class.pairs, user.record.row), (0, NOW + 10, 0), "counted as a pair: {what}");
        // Nothing is missing in the lane, but when it came is known: it ends what was remembered of its network.
        let lane = user.record.lane(LaneKey::Local).unwrap();
        assert_eq!((lane.full, lane.last), (0, NOW), "{what}");
        // And none of them is used up.
        assert!(accepted(&user.types([&*here[1], &here[2]].join("-"), NOW)), "{what}");
    }
    for typed in [[&*here[1], &here[2], &here[4]], [&here[1], &here[3], &here[4]], [&here[1], &here[2], &wrong]] {
        let decision = user.decide(typed.join("-"), NOW);
        assert_eq!(decision.outcome, Outcome::Wrong { since: 0, left: 15 });
        assert!(decision.write.is_none(), "three in a row nobody guesses");
    }
    // The other device is as good.
    let before = user.line().clone();
    let via = Via::Device("d1".into());
    assert_eq!(user.types(there[1..3].join("-"), NOW), Outcome::Accepted { via, since: None });
    assert_eq!((user.line(), user.record.devices[1].last), (&before, Some(STEP + 2)));
}

/// Told apart, a used and a guessed one behind it would say whether the guess was right.
#[test]
fn behind_a_used_code_nothing_is_compared() {
    let mut user = User::with_phone();
    assert!(accepted(&user.types(user.code(NOW, 0), NOW)));
    let used = user.code(NOW, 0);
    let (right, wrong) = (user.code(NOW, 1), user.wrong(NOW));
    for count in [2, 3] {
        for behind in [[&*right, &*user.code(NOW, 2)], [&*wrong, &*right], [&*wrong, "999999"]] {
            let typed = [&[&*used], &behind[..count - 1]].concat().join("-");
            let decision = user.decide(&typed, NOW);
            assert_eq!(decision.outcome, Outcome::Used { next_in: 30 }, "{typed}");
            assert!(decision.write.is_none());
        }
    }
    // Whoever has seen it needs both of the others.
    assert!(matches!(user.decide([&*right, &used].join("-"), NOW).outcome, Outcome::Wrong { .. }));
}

/// They are looked at where single ones are, too, and end a row.
#[test]
fn two_in_a_row_are_right_while_single_ones_are_open() {
    let mut user = User::with_phone();
    user.fails(3, NOW);
    let (lanes, classes) = (user.record.lanes.clone(), user.record.classes.clone());
    let outcome = user.types(user.row(NOW, -1, 2), NOW);
    assert!(matches!(outcome, Outcome::Accepted { since: Some(_), .. }));
    assert_eq!((user.record.row, user.record.lanes[0].full, &user.record.classes), (0, lanes[0].full, &classes));
}

#[test]
fn a_wait_says_when_the_app_shows_the_next_code() {
    let phone = |period| device(0, Kind::Totp { period });
    let token = device(1, Kind::Hotp { start: 0 });
    for (devices, next_in) in [
        (vec![phone(30)], Some(18)),
        (vec![phone(60), Device { id: "d2".into(), ..phone(30) }], Some(48)),
        (vec![phone(30), token.clone()], Some(18)),
        (vec![token], None),
    ] {
        let mut user = User::with(devices);
        user.fails(15, NOW);
        let outcome = user.decide("000000", NOW + 12).outcome;
        assert!(matches!(outcome, Outcome::Waiting { next_in: it, need: 2, .. } if it == next_in), "{outcome:?}");
    }
}

/// Password and code in one field: `forward_pass`.
#[test]
fn in_one_field_they_stand_at_the_end_with_one_hyphen_between_two() {
    for (typed, code) in [
        ("pw123456-789012", "123456-789012"),
        ("pw123456-789012-345678", "123456-789012-345678"),
        ("pw-123456", "123456"),
        ("pw123456", "123456"),
        ("123456-789012", "123456-789012"),
        ("pwabcd-efgh-jkmn-pqrs", "abcd-efgh-jkmn-pqrs"),
        ("pw123456789012", "789012"),
        ("pw123456--789012", "789012"),
        ("pw12345-789012", "789012"),
        ("pw123456-12345", ""),
        ("pw", ""),
    ] {
        let (mut application, clerk) = (script::script(), script::clerk());
        application.replies = [Some(typed.into())].into();
        let options = Arguments::parse(&[c"forward_pass"]).unwrap();
        assert_eq!(flow::login(&mut application, &clerk, &options), application::Exit::Ignore);
        assert_eq!(application.stash.unwrap().as_bytes(), code.as_bytes(), "{typed}");
        let password = &typed[..typed.len() - code.len()];
        assert_eq!(application.password.as_deref(), Some(password.as_bytes()), "{typed}");
    }
}
