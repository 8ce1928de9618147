//! Clocks that jump, states that are older or newer than the clock, phones that run fast or slow.

use super::*;
use pam_totp::factor::resync::{Shown, resync};

const DAY: u64 = 86_400;
/// 2038-01-19, the last second of 31 bits; 2106-02-07, the last one of 32; the last of a step of 32 bits.
const END_OF_31: u64 = 0x7fff_ffff;
const END_OF_32: u64 = 0xffff_ffff;
const END_OF_STEPS: u64 = (END_OF_32 + 1) * 30 - 1;

/// From each of these the clock jumps to each other one, both ways.
const MOMENTS: [u64; 23] = [
    30,
    59,
    3_600,
    NOW - 365 * DAY,
    NOW - DAY,
    NOW - 3_600,
    NOW - 151,
    NOW - 30,
    NOW - 1,
    NOW,
    NOW + 29,
    NOW + 30,
    NOW + 3_600,
    NOW + DAY,
    NOW + 365 * DAY,
    END_OF_31,
    END_OF_31 + 1,
    END_OF_32,
    END_OF_32 + 1,
    END_OF_STEPS,
    END_OF_STEPS + 1,
    u64::MAX / 2,
    u64::MAX,
];

#[test]
fn from_every_moment_to_every_other() {
    for (before, after) in MOMENTS.iter().flat_map(|before| MOMENTS.map(|after| (*before, after))) {
        let mut user = User::with_phone();
        let used = user.code(before, 0);
        assert_eq!(accepted(&user.types(&used, before)), before >= BUILT, "{before}");
        user.record.row = 0;
        let (was, is) = (user.line().last.unwrap(), after / 30);
        assert!(before < BUILT || !accepted(&user.decide(&used, after).outcome), "{used} of {before} again at {after}");
        let back = was.checked_sub(is + 5).filter(|steps| *steps > 0).map(|steps| steps * 30);
        assert_eq!(healing::clock_back(&user.enrollment, &user.record, after, 1), back, "{before} to {after}");
        let decision = user.decide(user.code(after, 0), after);
        assert_eq!(accepted(&decision.outcome), is > was && after >= BUILT, "{before} to {after}");
        if is <= was {
            assert!(matches!(decision.outcome, Outcome::Used { .. }), "{before} to {after}");
        }
        if is <= was && after >= BUILT {
            unlocked_they_get_in_soon(user, after);
        }
    }
}

/// Or, where the last one is not far ahead, as soon as the steps around it are over; and it is said when that is.
fn unlocked_they_get_in_soon(mut user: User, now: u64) {
    let ahead = user.line().last.unwrap().saturating_sub(now / 30 + 5);
    let brought = healing::bring_back(&user.enrollment, &mut user.record, now, user.window);
    assert_eq!((brought.counts_from.is_some(), brought.stay.len()), (ahead > 0, 0), "{now}");
    let from = brought.counts_from.unwrap_or((user.line().last.unwrap() + 1).saturating_mul(30)).max(now);
    assert!(from - now <= if ahead <= 12 { 180 + ahead * 30 } else { 180 }, "{now}: {from}");
    if from < u64::MAX - 30 {
        assert!(!accepted(&user.decide(user.code(from - 1, 0), from - 1).outcome), "{now}: not before {from}");
        assert!(accepted(&user.types(user.code(from, 0), from)), "{now}: {from}");
    }
}

#[test]
fn no_time_of_day_is_too_early_or_too_late_for_anything() {
    for now in MOMENTS.into_iter().chain([0, 1, 29]) {
        for (last, drift) in [(Some(0), Some(-4)), (Some(u64::MAX), Some(4)), (Some(now / 30), None)] {
            let mut user = User { window: 3, ..User::with_phone() };
            (user.record.devices[0].last, user.record.devices[0].drift) = (last, drift);
            for typed in ["000000", "999999", "no code"] {
                user.types(typed, now);
                user.types(["123456", typed].join("-"), now);
                user.attempt(&Answer::new(typed.as_bytes()), None, now).clock_off();
            }
            for level in throttle::levels(&user.record, &user.limits, now) {
                assert!(level.missing <= 15, "{level:?} at {now}");
            }
            healing::bring_back(&user.enrollment, &mut user.record, now, 3);
            user.record.devices.clear();
            assert_eq!(healing::heal(&user.enrollment, &mut user.record, now, 3), now >= BUILT);
            let code = Answer::new(b"000000");
            let line = DeviceState { id: "d0".into(), last, drift, at: None };
            resync(&user.enrollment.devices[0], &line, &user.record, &code, &code, now);
        }
    }
}

/// What was used since the snapshot, the state cannot know: it counts once more, as long as its window lasts.
#[test]
fn a_state_that_was_restored_brings_no_code_back_beyond_its_window() {
    for (later, comes_back) in [(0, true), (30, true), (59, true), (60, false), (3_600, false), (DAY, false)] {
        let mut user = User::with_phone();
        assert!(accepted(&user.types(user.code(NOW - DAY, 0), NOW - DAY)));
        let snapshot = user.record.clone();
        let used = user.code(NOW, 0);
        assert!(accepted(&user.types(&used, NOW)));
        user.record = snapshot;
        assert_eq!(accepted(&user.types(&used, NOW + later)), comes_back, "{later}");
        assert!(!accepted(&user.types(&used, NOW + later)), "at most once");
        // What the snapshot knows of stays used, and the owner goes on.
        assert!(!accepted(&user.types(user.code(NOW - DAY, 0), NOW + later)));
        assert!(accepted(&user.types(user.code(NOW + later + 30, 0), NOW + later + 30)));
    }
}

/// The host was restored with its clock, and the clock was set right: the steps between were never used here.
#[test]
fn a_state_that_is_newer_than_the_clock_accepts_what_is_newer_still() {
    for ahead in [30, 3_600, 365 * DAY] {
        let mut user = User::with_phone();
        assert!(accepted(&user.types(user.code(NOW + ahead, 0), NOW + ahead)));
        for now in [NOW, NOW + ahead / 2, NOW + ahead] {
            assert!(matches!(user.types(user.code(now, 0), now), Outcome::Used { .. }), "{now}");
        }
        assert!(accepted(&user.types(user.code(NOW + ahead + 30, 0), NOW + ahead + 30)));
    }
}

/// A phone that gains or loses a second a day.
struct Phone {
    user: User,
    direction: i64,
}

impl Phone {
    fn new(direction: i64) -> Self {
        Self { user: User::with_phone(), direction }
    }

    /// What it shows on a day, so many steps later.
    fn shows(&self, day: u64, later: u64) -> (u64, String) {
        let now = NOW + day * DAY + later * 30;
        let clock = now.checked_add_signed(self.direction * i64::try_from(day).unwrap()).unwrap();
        (now, code(&self.user.enrollment.devices[0], clock / 30))
    }

    fn logs_in(&mut self, day: u64, later: u64) -> Outcome {
        let (now, code) = self.shows(day, later);
        self.user.types(code, now)
    }

    fn resyncs(&mut self, day: u64) {
        let ((_, first), (now, second)) = (self.shows(day, 2), self.shows(day, 3));
        let (first, second) = (Answer::new(first.as_bytes()), Answer::new(second.as_bytes()));
        let shown = resync(&self.user.enrollment.devices[0], self.user.line(), &self.user.record, &first, &second, now);
        let Shown::Here(device, line) = shown else { panic!("{day}: {shown:?}") };
        self.user.enrollment.devices[0] = *device;
        self.user.record.set_device(line);
    }
}

/// Four steps that drift may reach, and one of the window; who comes seldom is lost as soon as they are beyond both.
#[test]
fn a_second_a_day_is_followed_for_five_months_and_the_log_says_what_it_was() {
    for (direction, every, refused) in
        [(1, 1, 180), (1, 10, 180), (1, 60, 60), (-1, 1, 151), (-1, 10, 160), (-1, 60, 60), (0, 1, 366)]
    {
        let mut phone = Phone::new(direction);
        let first = (1..=365).filter(|day| day % every == 0).find(|day| !accepted(&phone.logs_in(*day, 0)));
        assert_eq!(first.unwrap_or(366), refused, "{direction} s a day, a login each {every} days");
        let Some(day) = first else { continue };
        let (now, typed) = phone.shows(day, 1);
        assert!(matches!(phone.logs_in(day, 1), Outcome::Wrong { .. }), "a clock too far off is no used code");
        let off = phone.user.attempt(&Answer::new(typed.as_bytes()), None, now).clock_off();
        let away = off.unwrap() - direction * i64::try_from(day).unwrap();
        assert!(away.abs() < 30, "{direction} {every}: the log says {off:?}");
    }
}

#[test]
fn resync_brings_them_back_each_time_for_another_five_months() {
    for (direction, every, days) in
        [(1, 1, vec![180, 360]), (1, 10, vec![180, 360]), (-1, 1, vec![151, 331]), (-1, 10, vec![160, 340])]
    {
        let mut phone = Phone::new(direction);
        let mut resynced = Vec::new();
        for day in (1..=365).filter(|day| day % every == 0) {
            if accepted(&phone.logs_in(day, 0)) {
                continue;
            }
            resynced.push(day);
            phone.resyncs(day);
            assert!(accepted(&phone.logs_in(day, 4)), "{day}");
        }
        assert_eq!(resynced, days, "{direction} s a day, a login each {every} days");
    }
}
