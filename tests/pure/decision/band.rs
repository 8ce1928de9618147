//! What `unlock` leaves behind: codes count again, and none of them a second time.

use super::*;
use pam_totp::factor::healing::BroughtBack;
use pam_totp::factor::record::Barred;
use pam_totp::factor::resync::{Shown, resync};

const STEP: u64 = NOW / 30;
const DAY: u64 = 86_400;

impl User {
    fn is_unlocked(&mut self, now: u64) -> BroughtBack {
        healing::bring_back(&self.enrollment, &mut self.record, now, self.window)
    }

    /// From and to, of all bands.
    fn bands(&self) -> Vec<(u64, u64)> {
        self.record.barred.iter().map(|barred| (barred.from, barred.to)).collect()
    }
}

/// The clock went back a day; an administrator unlocks; the clock is set right.
fn unlocked_a_day_behind() -> User {
    let mut user = User::with_phone();
    assert!(accepted(&user.types(user.code(NOW, 0), NOW)));
    user.is_unlocked(NOW - DAY);
    user
}

#[test]
fn the_last_one_comes_back_to_where_a_lost_one_would_be_and_bars_the_steps_around_it() {
    for window in 0..=3 {
        let mut user = User { window, ..User::with_phone() };
        user.record.devices[0].last = Some(STEP);
        let brought = user.is_unlocked(NOW - DAY);
        let furthest = STEP - DAY / 30 + 4 + window;
        assert_eq!((user.line().last, user.line().drift), (Some(furthest), None));
        assert_eq!(user.record.barred, [Barred { id: "d0".into(), from: STEP - 2 * (4 + window) - 1, to: STEP }]);
        assert_eq!(brought, BroughtBack { counts_from: Some((furthest + 1) * 30), stay: vec![] });
    }
}

#[test]
fn no_code_that_was_used_counts_again_once_the_clock_is_right() {
    for (ahead, drift) in [(0, 0), (5, 4), (-5, -4), (2, 1)] {
        let mut user = User::with_phone();
        user.record.devices[0].drift = Some(drift);
        // What was typed until then, by one who came for every code.
        for before in (1..=20).rev() {
            let _ = user.types(user.code(NOW - before * 30, ahead), NOW - before * 30);
        }
        assert!(accepted(&user.types(user.code(NOW, ahead), NOW)), "{ahead}");
        let last = STEP.checked_add_signed(ahead).unwrap();
        user.is_unlocked(NOW - DAY);
        let device = user.enrollment.devices[0].clone();
        for (now, step, count) in (0..10).flat_map(|later| {
            let now = NOW + later * 30;
            (last - 40..=last).flat_map(move |step| [1, 2, 3].map(|count| (now, step, count)))
        }) {
            let row: Vec<String> = (step..step + count).map(|step| code(&device, step)).collect();
            let outcome = user.clone().types(row.join("-"), now);
            assert!(!accepted(&outcome), "{ahead}: {count} from {} at {}", last - step, now - NOW);
        }
        assert!(accepted(&user.types(code(&device, last + 1), NOW + 30)), "the next one does");
    }
}

#[test]
fn a_barred_code_is_no_used_one_and_says_from_when_on_they_count() {
    let mut user = unlocked_a_day_behind();
    let after = (STEP + 1) * 30;
    for typed in [user.code(NOW, 0), user.code(NOW, -1), user.row(NOW, -1, 2), user.row(NOW, 0, 2), user.row(NOW, 0, 3)]
    {
        let decision = user.decide(&typed, NOW);
        assert!(decision.write.is_none());
        // By the record's last step they count already: the device does not show one before the band's end.
        assert!(matches!(decision.outcome, Outcome::Later { .. }), "{typed}: {:?}", decision.outcome);
    }
    // A row that ends in the band is no better.
    let now = NOW - 240;
    assert!(!accepted(&user.decide(user.row(now, -4, 2), now).outcome));
    assert!(accepted(&user.decide(user.row(now, -5, 2), now).outcome), "of all that come before it");
    assert!(accepted(&user.types(user.code(after, 0), after)));
}

#[test]
fn codes_count_from_behind_the_band_where_the_last_one_lies_before_it() {
    let mut user = User::with_phone();
    assert!(accepted(&user.types(user.code(NOW, 0), NOW)));
    // Ten minutes back: the band begins right behind the last one.
    let now = NOW - 600;
    let brought = user.is_unlocked(now);
    assert_eq!(user.line().last, Some(STEP - 20 + 5));
    assert_eq!(user.bands(), [(STEP - 11, STEP)]);
    let first = (STEP - 14) * 30;
    assert_eq!(brought.counts_from, Some(first));
    assert_eq!(user.decide(user.code(now, 0), now).outcome, Outcome::Later { at: first });
    for now in [first, first + 60] {
        assert!(accepted(&user.decide(user.code(now, 0), now).outcome));
    }
    // In the band they count from behind it, and a login before it says so too.
    let inside = (STEP - 11) * 30;
    assert_eq!(user.decide(user.code(inside, 0), inside).outcome, Outcome::Later { at: first });
    assert!(accepted(&user.types(user.code(inside - 30, 0), inside - 30)));
    let after = (STEP + 1) * 30;
    assert_eq!(user.decide(user.code(inside, 0), inside).outcome, Outcome::Later { at: after });
    assert_eq!(user.decide(user.code(inside - 30, 0), inside).outcome, Outcome::Used { next_in: after - inside });
    assert!(accepted(&user.types(user.code(after, 0), after)));
}

#[test]
fn right_behind_the_last_one_the_band_begins_there() {
    let mut user = User::with_phone();
    user.record.devices[0].last = Some(STEP);
    let now = NOW - 300;
    assert_eq!(user.is_unlocked(now).counts_from, Some((STEP + 1) * 30));
    assert_eq!((user.line().last, user.bands()), (Some(STEP - 5), vec![(STEP - 4, STEP)]));
}

#[test]
fn resync_obeys_the_band() {
    let user = unlocked_a_day_behind();
    let device = &user.enrollment.devices[0];
    let shows = |second: u64| {
        let code = |step| Answer::new(code(device, step).as_bytes());
        resync(device, user.line(), &user.record, &code(second - 1), &code(second), NOW)
    };
    // It reaches further back than a login does, and there lie codes that were used before.
    for second in STEP - 19..=STEP + 1 {
        assert_eq!(shows(second), Shown::Used, "{second}");
    }
    assert!(matches!(shows(STEP + 2), Shown::Here(..)));
    // A band that lies far ahead bars nothing of now.
    let mut ahead = user.clone();
    ahead.record.barred[0].from += 100;
    ahead.record.barred[0].to += 100;
    let shown = |second: u64| {
        let code = |step| Answer::new(code(device, step).as_bytes());
        resync(device, ahead.line(), &ahead.record, &code(second - 1), &code(second), NOW)
    };
    assert!((STEP - 19..=STEP + 20).all(|second| matches!(shown(second), Shown::Here(..))));
}

/// Each device has its own.
#[test]
fn the_band_of_one_device_bars_no_other() {
    let mut user = User::with((0..2).map(|n| device(n, Kind::Totp { period: 30 })).collect());
    assert!(accepted(&user.types(user.code(NOW, 0), NOW)));
    let before = user.record.devices[1].clone();
    user.is_unlocked(NOW - DAY);
    assert_eq!(user.record.devices[1], before);
    assert!(accepted(&user.decide(code(&user.enrollment.devices[1], STEP), NOW).outcome));
    assert!(!accepted(&user.decide(user.code(NOW, 0), NOW).outcome));
}

#[test]
fn bands_that_touch_become_one_and_a_third_one_leaves_the_device_where_it_is() {
    // Each last one, and the bands after it was brought back; the clock stays behind.
    let mut user = User::with_phone();
    for (last, bands) in [
        (STEP, vec![(STEP - 11, STEP)]),
        (STEP + 12, vec![(STEP - 11, STEP + 12)]),
        (STEP + 25, vec![(STEP - 11, STEP + 12), (STEP + 14, STEP + 25)]),
        (STEP + 20, vec![(STEP - 11, STEP + 12), (STEP + 9, STEP + 25)]),
    ] {
        user.record.devices[0].last = Some(last);
        let brought = user.is_unlocked(NOW - DAY);
        assert!(brought.stay.is_empty());
        let mut sorted = user.bands();
        sorted.sort_unstable();
        let joined = if last == STEP + 20 { vec![(STEP - 11, STEP + 25)] } else { bands };
        assert_eq!(sorted, joined, "{}", last - STEP);
    }
    for (last, bands) in [(STEP + 100, 2), (STEP + 200, 2)] {
        user.record.devices[0].last = Some(last);
        let before = user.record.clone();
        let brought = user.is_unlocked(NOW - DAY);
        assert_eq!(user.bands().len(), bands);
        if last == STEP + 200 {
            assert_eq!((brought.stay, &user.record), (vec!["phone".to_owned()], &before));
        }
    }
}

#[test]
fn a_band_that_ends_where_another_one_begins_becomes_one_with_it() {
    for (last, bands) in [
        (STEP - 12, vec![(STEP - 23, STEP)]),
        (STEP - 13, vec![(STEP - 24, STEP - 13), (STEP - 11, STEP)]),
        (STEP + 12, vec![(STEP - 11, STEP + 12)]),
        (STEP + 13, vec![(STEP - 11, STEP), (STEP + 2, STEP + 13)]),
    ] {
        let mut user = unlocked_a_day_behind();
        user.record.devices[0].last = Some(last);
        user.is_unlocked(NOW - DAY);
        let mut sorted = user.bands();
        sorted.sort_unstable();
        assert_eq!(sorted, bands, "{}", last as i64 - STEP as i64);
    }
}

/// Nothing of it is lost by the encoder.
#[test]
fn two_bands_for_each_device_are_written_and_read_again() {
    let mut user = User::with((0..5).map(|n| device(n, Kind::Totp { period: 30 })).collect());
    for last in [STEP, STEP + 500] {
        user.record.devices.iter_mut().for_each(|line| line.last = Some(last));
        assert!(user.is_unlocked(NOW - DAY).stay.is_empty());
    }
    assert_eq!(user.record.barred.len(), 10);
    let printed = pam_totp::factor::record::slots::print(1, &user.record).unwrap();
    let pam_totp::factor::record::slots::StateFile::Valid(slot) = pam_totp::factor::record::slots::read(&printed)
    else {
        panic!("a record")
    };
    assert_eq!(slot.record, user.record);
}

#[test]
fn a_band_that_the_last_one_has_passed_goes() {
    let mut user = unlocked_a_day_behind();
    user.record.barred.push(Barred { id: "d0".into(), from: STEP + 50, to: STEP + 60 });
    // Not by a wrong code, and not while it reaches beyond the last one.
    user.fails(1, NOW);
    assert!(accepted(&user.types(user.code(NOW - 2 * 3_600, 0), NOW - 2 * 3_600)));
    assert_eq!(user.bands(), [(STEP - 11, STEP), (STEP + 50, STEP + 60)]);
    assert!(accepted(&user.types(user.code(NOW, 1), NOW)));
    assert_eq!(user.bands(), [(STEP + 50, STEP + 60)]);
    // Or by the next unlock, which makes room so.
    user.record.barred.push(Barred { id: "d0".into(), from: STEP - 90, to: STEP + 5 });
    user.record.devices[0].last = Some(STEP + 5_000);
    assert!(user.is_unlocked(NOW).stay.is_empty());
    assert_eq!(user.bands(), [(STEP + 50, STEP + 60), (STEP + 4_989, STEP + 5_000)]);
}

#[test]
fn what_lies_not_in_the_future_and_what_has_no_clock_is_left_alone() {
    let mut user = User::with(vec![device(0, Kind::Totp { period: 30 }), device(1, Kind::Hotp { start: 7 })]);
    user.record.devices[0].last = Some(STEP + 5);
    let before = user.record.clone();
    assert_eq!(user.is_unlocked(NOW), BroughtBack::default());
    assert_eq!(user.record, before);
    // One that is healed says from when on its codes count.
    user.record.devices[0].drift = None;
    let healed = user.record.clone();
    assert_eq!(user.is_unlocked(NOW).counts_from, Some((STEP + 6) * 30));
    assert_eq!(user.record, healed);
    // Of several the last.
    user.enrollment.devices.push(device(2, Kind::Totp { period: 60 }));
    user.record.set_device(DeviceState { id: "d2".into(), last: Some(NOW / 60 + 5), drift: None, at: None });
    assert_eq!(user.is_unlocked(NOW).counts_from, Some((NOW / 60 + 6) * 60));
}

#[test]
fn by_a_clock_that_is_certainly_wrong_nothing_is_lowered() {
    let mut user = User::with_phone();
    assert!(accepted(&user.types(user.code(NOW, 0), NOW)));
    let before = user.record.clone();
    for now in [0, 3_600, BUILT - 1] {
        assert_eq!(user.is_unlocked(now), BroughtBack::default());
        assert_eq!(user.record, before, "{now}");
    }
    assert!(user.is_unlocked(BUILT).counts_from.is_some());
}

proptest! {
    /// The clock goes back, somebody unlocks, the clock is set right: whatever was typed before, in rows or alone, by a
    /// phone that is fast or slow, does not count again, and the next code does within minutes.
    #[test]
    fn unlocked_no_code_counts_twice_once_the_clock_is_right(
        window in 0..=3_u64,
        logins in vec((1..400_u64, -4..=4_i64, 1..=3_i64), 1..12),
        behind in vec(1..200_000_u64, 1..4),
        later in 0..400_u64,
    ) {
        let mut user = User { window, limits: FREE, ..User::with_phone() };
        let (mut now, mut used) = (NOW, Vec::new());
        for (pause, ahead, count) in logins {
            now += pause;
            let typed = user.row(now, ahead - count + 1, count);
            if accepted(&user.types(&typed, now)) {
                let last = user.line().last.unwrap();
                used.extend((last + 1 - count as u64)..=last);
            }
        }
        for back in behind {
            let _ = user.is_unlocked(now - back);
        }
        now += later;
        let device = user.enrollment.devices[0].clone();
        for step in used {
            for count in 1..=3 {
                for first in step + 1 - count..=step {
                    let row: Vec<String> = (first..first + count).map(|step| code(&device, step)).collect();
                    let mut user = User { record: Record { row: 0, ..user.record.clone() }, ..user.clone() };
                    prop_assert!(!accepted(&user.types(row.join("-"), now)), "{} of {}", count, first);
                }
            }
        }
        user.record.row = 0;
        let again = (0..30).find(|n| accepted(&user.clone().types(user.code(now + n * 30, 0), now + n * 30)));
        prop_assert!(again.is_some_and(|n| n <= 2 * (4 + window) + 2), "{:?}", again);
    }
}
