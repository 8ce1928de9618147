//! No step is accepted twice, and none outside its window, whatever the clock does.

use super::*;

#[derive(Clone, Debug)]
enum Event {
    /// Time passes, or the clock is set back.
    Passes(i64),
    /// A device's code, so many steps from the clock.
    Types(usize, i64),
    /// A code that got in before, by its place.
    Again(prop::sample::Index),
    /// Digits.
    Guesses(u32),
    /// The state is gone.
    Lost,
    /// One device's line is gone.
    LineLost(usize),
    /// An administrator unlocks.
    BroughtBack,
}

fn user() -> impl Strategy<Value = User> {
    let algorithms = vec![Algorithm::Sha1, Algorithm::Sha256, Algorithm::Sha512];
    let skews = prop_oneof![3 => Just(0), 1 => -20_i8..=20];
    let one = (prop::sample::select(algorithms), prop::sample::select(vec![1_u32, 30, 60, 3_600]), skews);
    (6_u8..=8, vec(one, 1..=3), 0_u64..=3).prop_map(|(digits, devices, window)| {
        let devices = (0..).zip(devices).map(|(n, (algorithm, period, skew))| {
            let digits = Digits::new(digits).unwrap();
            Device { algorithm, digits, skew, ..device(n, Kind::Totp { period }) }
        });
        User { window, limits: FREE, ..User::with(devices.collect()) }
    })
}

fn logins() -> impl Strategy<Value = Event> {
    prop_oneof![
        6 => (0..3_usize, -8_i64..=8).prop_map(|(device, ahead)| Event::Types(device, ahead)),
        2 => any::<prop::sample::Index>().prop_map(Event::Again),
        1 => (0..100_000_000_u32).prop_map(Event::Guesses),
    ]
}

/// What was accepted, as the world outside saw it.
struct Witness {
    user: User,
    now: u64,
    /// The highest step that got in, of each device.
    highest: Vec<u64>,
    codes: Vec<String>,
}

impl Witness {
    fn new(user: User) -> Self {
        Self { highest: vec![0; user.record.devices.len()], user, now: NOW, codes: Vec::new() }
    }

    fn sees(&mut self, event: Event) {
        let enrollment = &self.user.enrollment;
        match event {
            Event::Passes(seconds) => self.now = self.now.saturating_add_signed(seconds),
            Event::Types(n, ahead) => {
                let device = enrollment.devices[n % enrollment.devices.len()].clone();
                let step = clock(&device, self.now).saturating_add_signed(ahead);
                let due = self.is_due(&device, step);
                let outcome = self.types(&code(&device, step));
                assert!(accepted(&outcome) || !due, "{outcome:?}");
            }
            Event::Again(_) if self.codes.is_empty() => {}
            Event::Again(place) => drop(self.types(&place.get(&self.codes).clone())),
            Event::Guesses(number) => {
                let digits = enrollment.digits().get();
                drop(self.types(&format!("{number:08}")[8 - digits..]));
            }
            Event::Lost => {
                self.user.record = Record::default();
                assert!(healing::heal(enrollment, &mut self.user.record, self.now, self.user.window));
            }
            Event::LineLost(n) => {
                let id = &enrollment.devices[n % enrollment.devices.len()].id;
                self.user.record.devices.retain(|line| line.id != *id);
                assert!(healing::heal(enrollment, &mut self.user.record, self.now, self.user.window));
            }
            Event::BroughtBack => {
                healing::bring_back(enrollment, &mut self.user.record, self.now, self.user.window);
            }
        }
    }

    /// Nothing stands against this code: it must get in.
    fn is_due(&self, device: &Device, step: u64) -> bool {
        let line = self.user.record.device(&device.id).unwrap();
        let Some(drift) = line.drift else { return false };
        let clock = clock(device, self.now);
        let centre = clock.saturating_add_signed(drift.into());
        let near = centre.abs_diff(step) <= self.user.window || (clock.min(centre)..=clock.max(centre)).contains(&step);
        self.now >= BUILT && near && line.last.is_some_and(|last| step > last)
    }

    fn types(&mut self, typed: &str) -> Outcome {
        let before = self.user.record.clone();
        let outcome = self.user.types(typed, self.now);
        let after = &self.user.record;
        let mut moved = 0;
        for (device, highest) in self.user.enrollment.devices.iter().zip(&mut self.highest) {
            let (was, is) = (before.device(&device.id).unwrap(), after.device(&device.id).unwrap());
            if was == is {
                continue;
            }
            let (step, clock) = (is.last.unwrap(), clock(device, self.now));
            moved += 1;
            assert!(step > *highest, "{step} of {} came again", device.id);
            assert!(clock.abs_diff(step) <= 4 + self.user.window, "{step} is not near {clock}");
            assert_eq!(code(device, step), typed);
            let drift = i64::try_from(i128::from(step) - i128::from(clock)).unwrap();
            // It follows by a window at most.
            let (window, centre) = (i64::try_from(self.user.window).unwrap(), was.drift.map(i64::from));
            let drift = centre.map_or(drift, |centre| drift.clamp(centre - window, centre + window));
            assert_eq!((is.drift.map(i64::from), is.at), (Some(drift.clamp(-4, 4)), Some(self.now)));
            *highest = step;
        }
        match &outcome {
            Outcome::Accepted { via: Via::Device(_), .. } => assert!(moved > 0),
            Outcome::Wrong { .. } => assert_eq!(moved, 0),
            Outcome::Used { .. } | Outcome::Later { .. } => {
                assert_eq!(after.devices, before.devices, "a used code moves nothing");
            }
            other => panic!("{other:?}"),
        }
        if accepted(&outcome) {
            self.codes.push(typed.to_owned());
        }
        outcome
    }
}

proptest! {
    #[test]
    fn a_clock_that_jumps_revives_no_code(
        user in user(),
        events in vec(prop_oneof![
            6 => logins(),
            2 => (0_i64..=90).prop_map(Event::Passes),
            1 => (-400_i64..=400).prop_map(Event::Passes),
            1 => (-100_000_000_i64..=100_000_000).prop_map(Event::Passes),
        ], 1..40),
    ) {
        let mut witness = Witness::new(user);
        events.into_iter().for_each(|event| witness.sees(event));
    }

    #[test]
    fn a_lost_state_revives_no_code(
        user in user(),
        events in vec(prop_oneof![
            6 => logins(),
            2 => (0_i64..=90).prop_map(Event::Passes),
            1 => (0_i64..=400).prop_map(Event::Passes),
            1 => Just(Event::Lost),
            1 => (0..3_usize).prop_map(Event::LineLost),
            1 => Just(Event::BroughtBack),
        ], 1..40),
    ) {
        let mut witness = Witness::new(user);
        events.into_iter().for_each(|event| witness.sees(event));
    }

    /// What an administrator does after a clock that went back.
    #[test]
    fn a_step_that_is_brought_back_is_still_beyond_every_code_of_now(
        user in user(), far in 0_u64..200, back in 0_u64..200_000, ahead in -20_i64..=20,
    ) {
        let (mut witness, now) = (Witness::new(user), NOW - back);
        witness.now = now;
        for n in 0..witness.highest.len() {
            let device = witness.user.enrollment.devices[n].clone();
            let last = clock(&device, NOW) + far;
            witness.user.record.devices[n].last = Some(last);
            witness.sees(Event::BroughtBack);
            let furthest = clock(&device, now) + 4 + witness.user.window;
            let line = &witness.user.record.devices[n];
            prop_assert_eq!(line.last, Some(last.min(furthest)));
            prop_assert_eq!(line.drift, if last > furthest { None } else { Some(0) });
            if last >= furthest {
                let before = witness.user.record.devices[n].clone();
                witness.types(&code(&device, clock(&device, now).saturating_add_signed(ahead)));
                prop_assert_eq!(&witness.user.record.devices[n], &before);
            }
        }
    }
}

#[test]
fn a_step_that_has_not_gone_too_far_is_left_where_it_is() {
    for (ahead, expected) in [(4, (4, Some(0))), (5, (5, Some(0))), (6, (5, None))] {
        let mut user = User::with_phone();
        user.record.devices[0].last = Some(NOW / 30 + ahead);
        healing::bring_back(&user.enrollment, &mut user.record, NOW, 1);
        assert_eq!((user.line().last.unwrap() - NOW / 30, user.line().drift), expected);
    }
}

#[test]
fn the_window_is_as_wide_as_the_policy_says() {
    for window in 0..=3 {
        let user = User { window, ..User::with_phone() };
        let reach: Vec<i64> =
            (-8..=8).filter(|ahead| accepted(&user.decide(user.code(NOW, *ahead), NOW).outcome)).collect();
        let window = i64::try_from(window).unwrap();
        assert_eq!(reach, (-window..=window).collect::<Vec<_>>());
    }
}

#[test]
fn a_device_is_followed_four_steps_and_no_further() {
    for direction in [1, -1] {
        let mut user = User::with_phone();
        let mut furthest = 0;
        for day in 1..20 {
            // A little further each day, as a watch goes wrong.
            let now = NOW + day * 86_400;
            let ahead = direction * i64::try_from(day).unwrap();
            if accepted(&user.types(user.code(now, ahead), now)) {
                furthest = ahead;
                assert_eq!(user.line().drift.map(i64::from), Some(direction * i64::try_from(day).unwrap().min(4)));
            }
        }
        assert_eq!(furthest, direction * 5, "four steps of drift and one of window");
    }
}

#[test]
fn who_types_late_once_and_twice_is_right_again_when_on_time() {
    for late in [vec![1_i64, 2], vec![1, 2, 3], vec![1, 2, 3, 4], vec![1, 2, 3, 4, 5]] {
        let mut user = User::with_phone();
        let mut types = |day: u64, late: i64| {
            let now = NOW + day * 86_400;
            accepted(&user.types(user.code(now, -late), now))
        };
        assert!((1..).zip(&late).all(|(day, late)| types(day, *late)), "{late:?}");
        assert!((30..40).all(|day| types(day, 0)), "{late:?}");
        assert_eq!(user.line().drift, Some(0));
    }
}

#[test]
fn one_late_code_does_not_leave_a_fast_phone_behind() {
    for (window, late) in (1..=3).flat_map(|window| (1..=4).map(move |late| (window, late))) {
        let mut user = User { window, ..User::with_phone() };
        user.record.devices[0].drift = Some(4);
        assert!(accepted(&user.types(user.code(NOW, 4 - late), NOW)), "window {window}, {late} steps late");
        assert!(accepted(&user.types(user.code(NOW + 30, 4), NOW + 30)), "window {window}, {late} steps late");
        assert_eq!(user.line().drift, Some(4));
    }
}

#[test]
fn a_host_whose_clock_is_set_right_knows_a_phone_that_was_right_all_along() {
    for (window, drift, by) in (0..=3)
        .flat_map(|window| [-4_i64, 4].into_iter().flat_map(move |drift| (2..=4).map(move |by| (window, drift, by))))
    {
        let mut user = User { window, ..User::with_phone() };
        user.record.devices[0].drift = i8::try_from(drift).ok();
        let left = drift - drift.signum() * by;
        for day in 0..10 {
            let now = NOW + day * 86_400;
            assert!(accepted(&user.types(user.code(now, left), now)), "window {window}, {drift}, {by}");
            assert!(!accepted(&user.types(user.code(now, left), now)));
        }
        // With a window of none the centre stays, and all between counts.
        assert_eq!(user.line().drift.map(i64::from), Some(if window == 0 { drift } else { left }));
    }
}

/// Around the centre, and at the clock with what is between: no code more.
#[test]
fn so_far_reaches_a_device_that_has_drifted() {
    for (window, drift, from, to) in [
        (1, 4, 0, 5),
        (1, -4, -5, 0),
        (1, 2, 0, 3),
        (1, -1, -2, 0),
        (1, 1, 0, 2),
        (0, 3, 0, 3),
        (3, 4, 0, 7),
        (3, -2, -5, 1),
    ] {
        let mut user = User { window, ..User::with_phone() };
        user.record.devices[0].drift = Some(drift);
        let is_right = |ahead: &i64| accepted(&user.decide(user.code(NOW, *ahead), NOW).outcome);
        assert_eq!(
            (-12..=12).filter(is_right).collect::<Vec<_>>(),
            (from..=to).collect::<Vec<_>>(),
            "{window} {drift}"
        );
    }
}

#[test]
fn a_used_code_says_when_the_next_one_comes() {
    // Typed so many seconds into a step, by a device so many steps ahead: seconds until it shows another one.
    for (into, ahead, next_in) in [(0, 0, 30), (18, 0, 12), (29, 0, 1), (18, 1, 12), (18, -1, 12)] {
        let now = NOW + into;
        let mut user = User::with_phone();
        let typed = user.code(now, ahead);
        assert!(accepted(&user.types(&typed, now)));
        assert_eq!(user.decide(&typed, now).outcome, Outcome::Used { next_in }, "{into} {ahead}");
        assert!(user.decide(&typed, now).write.is_none());
    }
}

#[test]
fn a_used_code_is_not_told_to_wait_for_one_that_is_there() {
    let mut user = User::with_phone();
    let typed = user.code(NOW, 0);
    assert!(accepted(&user.types(&typed, NOW)));
    for (later, next_in) in [(29, 1), (30, 0), (59, 0)] {
        assert_eq!(user.decide(&typed, NOW + later).outcome, Outcome::Used { next_in }, "{later}");
    }
    assert!(accepted(&user.types(user.code(NOW + 30, 0), NOW + 30)));
}

#[test]
fn an_older_code_than_the_last_is_used_though_nobody_typed_it() {
    let mut user = User::with_phone();
    assert!(accepted(&user.types(user.code(NOW, 0), NOW)));
    assert!(matches!(user.types(user.code(NOW, -1), NOW), Outcome::Used { .. }));
    assert_eq!(user.types(user.code(NOW, -2), NOW), Outcome::Wrong { since: 1, left: 14 });
}

#[test]
fn every_device_lets_its_user_in_and_no_other_devices_step_counts() {
    let devices = [30, 60].into_iter().zip(0..).map(|(period, n)| device(n, Kind::Totp { period })).collect();
    let mut user = User::with(devices);
    for n in [1, 0] {
        let typed = code(&user.enrollment.devices[n], clock(&user.enrollment.devices[n], NOW));
        let via = Via::Device(format!("d{n}"));
        assert_eq!(user.types(&typed, NOW), Outcome::Accepted { via, since: None });
        assert!(matches!(user.types(&typed, NOW), Outcome::Used { .. }));
    }
}

#[test]
fn a_code_is_as_people_type_it() {
    let user = User::with_phone();
    let code = user.code(NOW, 0);
    let (head, tail) = code.split_at(3);
    for typed in [format!("{head} {tail}"), format!(" {code} "), format!("{head}  {tail}")] {
        assert!(accepted(&user.decide(&typed, NOW).outcome), "{typed}");
    }
    let arabic: String = code.chars().map(|c| char::from_u32(u32::from(c) - 0x30 + 0x660).unwrap()).collect();
    let long = code.repeat(2_000);
    let no_codes = [
        "",
        " ",
        &code[..5],
        &format!("{code}0"),
        "abcdef",
        "0x1234",
        "+12345",
        "-12345",
        "12345.",
        &format!("{code}\n"),
        &format!("{code}\0"),
        &format!("{head}-{tail}"),
        &format!("{head}\t{tail}"),
        &arabic,
        &long,
        "\x08\n\r\x7fINCORRECT",
    ];
    for typed in no_codes {
        let decision = user.decide(typed, NOW);
        assert_eq!(decision.outcome, Outcome::NotACode, "{typed:?}");
        assert!(decision.write.is_none(), "not counted: {typed:?}");
    }
}
