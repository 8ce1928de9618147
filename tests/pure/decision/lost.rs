//! A state that was lost, a clock that is wrong: nobody is locked out, and the log knows why.

use super::*;

fn healed(mut user: User) -> User {
    user.record = Record::default();
    assert!(healing::heal(&user.enrollment, &mut user.record, NOW, user.window));
    user
}

#[test]
fn what_is_whole_is_not_healed() {
    let mut user = User::with_phone();
    user.record.set_device(DeviceState { id: "old".into(), ..user.line().clone() });
    let before = user.record.clone();
    assert!(!healing::heal(&user.enrollment, &mut user.record, NOW, 1));
    assert_eq!(user.record, before, "lines of devices that are gone are kept");
}

#[test]
fn after_a_loss_the_next_code_comes_within_three_minutes() {
    for (window, ahead, steps) in [(1, 0, 6), (1, 4, 2), (1, -4, 10), (0, 0, 5), (3, 0, 8)] {
        let mut user = healed(User { window, ..User::with_phone() });
        let again = NOW + (5 + window) * 30;
        let first = (0..).find(|step| {
            let now = NOW + step * 30;
            let outcome = user.types(user.code(now, ahead), now);
            // Nobody knows whether it was used, so nothing is said of that.
            assert!(accepted(&outcome) || outcome == Outcome::Later { at: again }, "{outcome:?}");
            accepted(&outcome)
        });
        assert_eq!(first, Some(steps), "window {window}, {ahead} steps ahead");
        assert_eq!(user.line().drift.map(i64::from), Some(ahead));
        // From now on the record knows.
        let now = NOW + steps * 30;
        assert!(matches!(user.types(user.code(now, ahead), now), Outcome::Used { .. }));
    }
}

#[test]
fn two_codes_in_a_row_after_a_loss_wait_as_long() {
    let mut user = healed(User::with_phone());
    assert_eq!(user.types(user.row(NOW, -1, 2), NOW), Outcome::Later { at: NOW + 180 });
    assert!(
        matches!(user.types(user.row(NOW + 150, 0, 2), NOW + 150), Outcome::Later { .. }),
        "its first is too early"
    );
    assert!(accepted(&user.types(user.row(NOW + 180, 0, 2), NOW + 210)));
}

/// Under the right clock it would stay there for ever.
#[test]
fn by_a_clock_that_is_certainly_wrong_no_device_is_made_anew() {
    for now in [0, 1_000, BUILT - 1] {
        let mut user = User::with(vec![device(0, Kind::Totp { period: 30 }), device(1, Kind::Hotp { start: 20 })]);
        user.record = Record::default();
        assert!(
            healing::heal(&user.enrollment, &mut user.record, now, 1),
            "the token's counter is lost, whatever time it is"
        );
        assert_eq!(user.record.devices.iter().map(|line| line.id.as_str()).collect::<Vec<_>>(), ["d1"]);
        assert!(!accepted(&user.types(user.code(now + 3_600, 0), now + 3_600)), "no code counts meanwhile");
        assert!(healing::heal(&user.enrollment, &mut user.record, BUILT, 1));
        assert_eq!(user.record.device("d0").and_then(|line| line.last), Some(BUILT / 30 + 5));
        assert!(accepted(&user.types(user.code(BUILT + 180, 0), BUILT + 180)));
    }
}

#[test]
fn by_a_clock_that_is_certainly_wrong_no_code_of_an_app_counts() {
    for (now, counts) in [(3_600, false), (BUILT - 1, false), (BUILT, true)] {
        let mut user = User::with(vec![device(0, Kind::Totp { period: 30 }), device(1, Kind::Hotp { start: 20 })]);
        for typed in [user.code(now, 0), user.row(now, 1, 2), user.row(now, 3, 3)] {
            assert_eq!(accepted(&user.types(&typed, now)), counts, "{now}: {typed}");
        }
        let token = user.enrollment.devices[1].clone();
        assert!(accepted(&user.types(code(&token, 20), now)), "a token needs no clock");
    }
}

#[test]
fn only_what_was_lost_is_made_anew() {
    let mut user = User::with((0..2).map(|n| device(n, Kind::Totp { period: 30 })).collect());
    assert!(accepted(&user.types(user.code(NOW, 0), NOW)));
    user.record.devices.truncate(1);
    let kept = user.line().clone();
    assert!(healing::heal(&user.enrollment, &mut user.record, NOW, 1));
    let made = DeviceState { id: "d1".into(), last: Some(NOW / 30 + 5), drift: None, at: None };
    assert_eq!(user.record.devices, [kept, made]);
}

/// While a key is replaced there are lines of both; and a key that comes back must not get its used codes back.
#[test]
fn lines_of_devices_that_are_gone_make_room_only_where_it_is_needed() {
    let heals = |enrolled: u8, known: u8, gone: u8| {
        let mut user = User::with((0..enrolled).map(|n| device(n, Kind::Totp { period: 30 })).collect());
        let line = user.line().clone();
        user.record.devices.truncate(known.into());
        user.record.devices.extend((0..gone).map(|n| DeviceState { id: format!("old{n}"), ..line.clone() }));
        let healed = healing::heal(&user.enrollment, &mut user.record, NOW, 1);
        let is_old = |line: &&DeviceState| line.id.starts_with("old");
        (healed, user.record.devices.len(), user.record.devices.iter().filter(is_old).count())
    };
    assert_eq!(heals(5, 5, 5), (false, 10, 5), "nothing was lost");
    assert_eq!(heals(1, 0, 1), (true, 2, 1), "room for both");
    assert_eq!(heals(5, 4, 1), (true, 6, 1));
    assert_eq!(heals(5, 0, 5), (true, 10, 5), "just enough room");
    assert_eq!(heals(5, 3, 6), (true, 10, 5), "one goes");
    assert_eq!(heals(5, 0, 8), (true, 10, 5));
}

fn clock_back(user: &User, now: u64) -> Option<u64> {
    healing::clock_back(&user.enrollment, &user.record, now, user.window)
}

#[test]
fn a_clock_that_went_back_is_told_and_accepts_nothing_older() {
    let mut user = User::with_phone();
    assert!(accepted(&user.types(user.code(NOW, 0), NOW)));
    // Within the reach of drift nobody can tell.
    for (back, told) in [(0, None), (150, None), (151, Some(30)), (180, Some(30)), (3_600, Some(3_450))] {
        let now = NOW - back;
        assert_eq!(clock_back(&user, now), told, "{back}");
        for ahead in [-1, 0, 1] {
            let decision = user.decide(user.code(now, ahead), now);
            let future = NOW / 30 < now / 30 + u64::from(ahead == 1);
            assert_eq!(accepted(&decision.outcome), future, "{back} {ahead}");
            assert_eq!(decision.write.is_some(), future, "{back} {ahead}");
        }
    }
}

#[test]
fn the_furthest_clock_is_told_of_several_devices() {
    let mut user = User::with((0..3).map(|n| device(n, Kind::Totp { period: 30 })).collect());
    for (line, ahead) in user.record.devices.iter_mut().zip([0, 25, 15]) {
        line.last = Some(NOW / 30 + ahead);
    }
    assert_eq!(clock_back(&user, NOW), Some(600));
}

#[test]
fn a_wrong_clock_explains_a_code_up_to_twenty_steps_off() {
    let user = User::with_phone();
    let off = |typed: &str| user.attempt(&Answer::new(typed.as_bytes()), None, NOW).clock_off();
    for ahead in [-20, -7, -2, 2, 20] {
        assert_eq!(off(&user.code(NOW, ahead)), Some(ahead * 30), "{ahead}");
        assert!(matches!(user.decide(user.code(NOW, ahead), NOW).outcome, Outcome::Wrong { .. }));
    }
    for typed in [&user.code(NOW, 21), &user.code(NOW, -21), &user.wrong(NOW), "no code"] {
        assert_eq!(off(typed), None, "{typed}");
    }
}

#[test]
fn a_wrong_clock_is_looked_for_on_every_device_with_a_clock() {
    let devices = vec![device(0, Kind::Hotp { start: 0 }), device(1, Kind::Totp { period: 60 })];
    let user = User::with(devices);
    let typed = code(&user.enrollment.devices[1], NOW / 60 - 10);
    assert_eq!(user.attempt(&Answer::new(typed.as_bytes()), None, NOW).clock_off(), Some(-600));
}

#[test]
fn the_edges_of_time_are_no_edge() {
    for now in [0, 1, u64::MAX - 1, u64::MAX] {
        let mut user = User::with_phone();
        let typed = user.enrollment.devices[0].clone();
        let typed = code(&typed, now / 30);
        user.record = Record::default();
        healing::heal(&user.enrollment, &mut user.record, now, 3);
        assert!(!accepted(&user.types(&typed, now)), "{now}");
        user.attempt(&Answer::new(typed.as_bytes()), None, now).clock_off();
    }
}
