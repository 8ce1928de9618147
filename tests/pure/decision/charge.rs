//! Counted before it is judged: whoever can stop the process between the two has made a guess that counts.

use super::*;

impl User {
    /// What is to be on record before anything is judged.
    fn charged(&self, typed: &str, now: u64) -> Option<Record> {
        let charge = self.attempted(typed, now, |attempt| attempt::charge(attempt, &self.record));
        if let GuessCharge::Due(due) = charge { due.charged } else { None }
    }
}

/// The record of a guess is the same, be it right or wrong, until it was judged.
#[test]
fn a_login_that_is_killed_behind_the_charge_is_a_wrong_code() {
    for count in [1_usize, 2] {
        let user = User::with_phone();
        let (mut killed, mut wrong) = (user.clone(), user.clone());
        killed.is_killed(user.row(NOW, 0, count as i64), NOW);
        assert!(matches!(wrong.types(user.wrong_row(NOW, count), NOW), Outcome::Wrong { since: 1, .. }));
        assert_eq!(killed.record, wrong.record);
        assert_ne!(killed.record, user.record);
        // It was not used up.
        assert!(accepted(&killed.types(user.row(NOW, 0, count as i64), NOW)));
    }
}

#[test]
fn sixteen_kills_are_fifteen_guesses() {
    let mut user = User::with_phone();
    for _ in 0..16 {
        user.is_killed(user.code(NOW, 0), NOW);
    }
    assert!(waits(&user.decide(user.code(NOW, 0), NOW).outcome));
    assert_eq!((user.record.row, user.record.since.as_ref().map(|since| since.count)), (15, Some(15)));
}

#[test]
fn a_right_code_leaves_the_record_without_its_charge() {
    let mut user = User::with_phone();
    user.fails(2, NOW - 60);
    let before = user.record.clone();
    for count in [1, 2, 3] {
        let mut user = user.clone();
        assert!(accepted(&user.types(user.row(NOW, 0, count), NOW)));
        assert_eq!((&user.record.classes, user.record.row, &user.record.since), (&before.classes, 0, &None));
        assert_eq!(user.record.lanes[0].full, before.lanes[0].full);
        assert_eq!((user.record.lanes[0].seen, user.record.lanes[0].last), (NOW, NOW - 60));
        assert_eq!(user.line().last, Some(NOW / 30 + count as u64 - 1));
    }
}

#[test]
fn nothing_is_charged_for_what_nobody_can_guess_or_what_is_no_guess() {
    let mut user = User::with_phone();
    assert!(accepted(&user.types(user.code(NOW, 0), NOW)));
    let used = user.code(NOW, 0);
    for typed in
        [&used, "", "no code", "123456-123456", &user.row(NOW, 1, 3), &user.wrong_row(NOW, 3), "abcd-efgh-jkmn-pqrs"]
    {
        assert_eq!(user.charged(typed, NOW), None, "{typed}");
    }
    for typed in [&user.code(NOW, 1), &user.wrong(NOW), &user.row(NOW, 1, 2), &user.wrong_row(NOW, 2)] {
        assert!(user.charged(typed, NOW).is_some(), "{typed}");
    }
    for _ in 0..50 {
        assert!(matches!(user.types(&used, NOW), Outcome::Used { .. }));
        assert_eq!(user.types("", NOW), Outcome::NotACode);
    }
    assert!(user.record.lanes.is_empty() && user.record.since.is_none());
}

/// Codes that can never count again tell nothing, so they come first; in a wait not even they are looked at.
#[test]
fn a_used_code_is_told_before_anything_is_charged_and_in_a_wait_not_at_all() {
    let mut user = User::with_phone();
    let typed = user.code(NOW, 0);
    assert!(accepted(&user.types(&typed, NOW)));
    user.fails(14, NOW);
    let told = user.attempted(&typed, NOW, |attempt| attempt::charge(attempt, &user.record));
    assert!(matches!(told, GuessCharge::Told(decision) if decision.outcome == Outcome::Used { next_in: 30 }));
    user.fails(1, NOW);
    assert!(waits(&user.types(&typed, NOW)));
    // Of a row the first is looked at.
    assert!(matches!(user.types([&*typed, "000000"].join("-"), NOW), Outcome::Used { .. }));
}

#[test]
fn what_it_comes_to_if_nothing_is_right_is_known_before_it_is_judged() {
    let mut user = User::with_phone();
    user.fails(13, NOW);
    for (right, wrong) in [(user.code(NOW, 0), user.wrong(NOW)), (user.row(NOW, 0, 2), user.wrong_row(NOW, 2))] {
        let otherwise = |typed: &str| {
            let charge = user.attempted(typed, NOW, |attempt| attempt::charge(attempt, &user.record));
            let GuessCharge::Due(due) = charge else { panic!("{typed}") };
            due.otherwise()
        };
        assert_eq!(otherwise(&right), otherwise(&wrong));
        assert_eq!(otherwise(&wrong), user.decide(&wrong, NOW).outcome);
    }
}

/// The charge is reckoned from the same record as the outcome, in two steps as in one.
#[test]
fn in_two_steps_as_in_one() {
    let mut user = User::with_phone();
    user.from(net("192.0.2.4")).fails(2, NOW + 31_536_000);
    user.from(Source::Local);
    for typed in
        [user.code(NOW, 0), user.wrong(NOW), user.row(NOW, 0, 2), user.wrong_row(NOW, 2), user.wrong_row(NOW, 3)]
    {
        let whole = user.decide(&typed, NOW);
        let (outcome, on_disk) = user.attempted(&typed, NOW, |attempt| {
            let GuessCharge::Due(due) = attempt::charge(attempt, &user.record) else { panic!("{typed}") };
            let decision = attempt::judge(attempt, &due);
            (decision.outcome, decision.write.or(due.charged))
        });
        assert_eq!((whole.outcome, whole.write), (outcome, on_disk), "{typed}");
    }
}
