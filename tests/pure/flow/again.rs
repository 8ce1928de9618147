//! Where single codes wait, the line asks for a further one instead of refusing: an owner with the phone need not know
//! how codes in a row are typed. It is a prompt, which programs show that swallow messages.

use std::collections::VecDeque;

use super::*;

const TWO: &str = "Too many wrong codes from here. Now the code that comes after it (in 12 s): ";
const THREE: &str = "Now the code that comes after it (in 12 s): ";
const ANOTHER: &str = "That is the same code again. Now the one after it (in 12 s): ";
const TOKENS: &str = "Too many wrong codes from here. Now press again; next code: ";
const OTHER_OF_TOKENS: &str = "That is the same code again. Press the button; next code: ";
const LEFT: &str = "no answer: the application could not ask for a code, or its user left";

fn ok() -> Step {
    Step::Logs(LogLevel::Info, "right code: alice from 192.0.2.4 (device d1)".into())
}

/// What the log reads of a code that was not looked at.
fn not_looked_at(need: u8) -> Step {
    notes(&format!(
        "waiting: alice from 192.0.2.4 had too many wrong codes, 3 hours left; the code was not looked at, {need} in a row are"
    ))
}

fn same() -> Step {
    notes("same code: alice from 192.0.2.4 entered one code twice in a row")
}

fn two() -> Outcome {
    waiting(2, Some(12))
}

fn twice() -> Outcome {
    Outcome::Twice { next_in: Some(12) }
}

/// What the backend says of the answers, in turn; when none is left, the last code is right.
fn waits(arguments: &[&CStr], outcomes: impl IntoIterator<Item = Outcome>) -> Line {
    let verdicts: VecDeque<Verdict> = outcomes.into_iter().map(verdict).collect();
    line(arguments).with(|line| {
        line.clerk.first = verdicts.into();
        line.clerk.policy.support = Some("Call 42.".into());
    })
}

#[test]
fn the_code_after_it_is_asked_for_and_both_are_judged_together() {
    let mut line = waits(&[c"explain"], [two()]);
    let steps = [asks(PROMPT, "123456"), not_looked_at(2), asks(TWO, "789012"), ok()];
    assert_eq!(line.runs(&steps), Exit::Success);
    assert_eq!(line.answers(), ["123456", "123456-789012"]);
    assert_eq!(line.script.delay, Some(2_000_000), "asked for once");
}

#[test]
fn under_a_flood_a_third_one() {
    let mut line = waits(&[c"explain"], [waiting(3, Some(12)), waiting(3, Some(12))]);
    let steps =
        [asks(PROMPT, "111111"), not_looked_at(3), asks(TWO, "222222"), not_looked_at(3), asks(THREE, "333333"), ok()];
    assert_eq!(line.runs(&steps), Exit::Success);
    assert_eq!(line.answers(), ["111111", "111111-222222", "111111-222222-333333"]);
    // It may begin between the two.
    let mut line = waits(&[c"explain"], [two(), waiting(3, Some(12))]);
    let steps =
        [asks(PROMPT, "111111"), not_looked_at(2), asks(TWO, "222222"), not_looked_at(3), asks(THREE, "333333"), ok()];
    assert_eq!(line.runs(&steps), Exit::Success);
}

#[test]
fn of_a_token_the_button_is_pressed_again() {
    let mut line = waits(&[c"explain"], [waiting(2, None), Outcome::Twice { next_in: None }]);
    let steps = [
        asks(PROMPT, "111111"),
        not_looked_at(2),
        asks(TOKENS, "111111"),
        same(),
        asks(OTHER_OF_TOKENS, "222222"),
        ok(),
    ];
    assert_eq!(line.runs(&steps), Exit::Success);
    assert_eq!(line.answers(), ["111111", "111111-111111", "111111-222222"]);
}

#[test]
fn the_same_code_again_costs_nothing_and_another_one_is_asked_for() {
    let mut line = waits(&[c"explain"], [two(), twice()]);
    let steps = [asks(PROMPT, "123456"), not_looked_at(2), asks(TWO, "123 456"), same(), asks(ANOTHER, "789012"), ok()];
    assert_eq!(line.runs(&steps), Exit::Success);
    assert_eq!(line.answers(), ["123456", "123456-123 456", "123456-789012"]);
}

/// A program that answers every prompt with the same text comes to an end, and has guessed nothing.
#[test]
fn a_program_that_always_answers_the_same_is_asked_four_times_at_most() {
    let mut line = waits(&[c"explain"], [two(), twice(), twice(), twice()]);
    let told = complains("That is the same code again. Wait until the app shows another one (in 12 s).");
    let mut steps = vec![asks(PROMPT, "123456"), not_looked_at(2), asks(TWO, "123456"), same()];
    steps.extend([asks(ANOTHER, "123456"), same(), asks(ANOTHER, "123456"), notes(FAILURE), same(), told]);
    assert_eq!(line.runs(&steps), Exit::Refuse);
    assert_eq!(line.answers().len(), 4);
}

#[test]
fn a_backup_code_typed_instead_stands_for_itself() {
    let backup = || Outcome::Accepted { via: Via::Backup { left: 4 }, since: None };
    let mut line = waits(&[c"explain"], [two(), backup()]);
    let accepted = Step::Logs(LogLevel::Info, "right backup code: alice from 192.0.2.4 (4 left)".into());
    let steps = [
        asks(PROMPT, "123456"),
        not_looked_at(2),
        asks(TWO, "abcd-efgh-jkmn-pqrs"),
        accepted,
        says("4 backup codes are left."),
    ];
    assert_eq!(line.runs(&steps), Exit::Success);
    assert_eq!(line.answers(), ["123456", "abcd-efgh-jkmn-pqrs"]);
}

#[test]
fn both_typed_at_once_are_judged_at_once() {
    let mut line = waits(&[c"explain"], []);
    assert_eq!(line.runs(&[asks(PROMPT, "123456-789012"), ok()]), Exit::Success);
    assert_eq!(line.answers(), ["123456-789012"]);
    // At the second prompt too: not behind the first one.
    let mut line = waits(&[c"explain"], [two()]);
    let steps = [asks(PROMPT, "111111"), not_looked_at(2), asks(TWO, "123456 789012"), ok()];
    assert_eq!(line.runs(&steps), Exit::Success);
    assert_eq!(line.answers(), ["111111", "123456 789012"]);
}

#[test]
fn a_wrong_row_is_refused_and_not_asked_for_again() {
    let mut line = waits(&[c"explain"], [two(), wrong(17, 0)]);
    let steps = [
        asks(PROMPT, "123456"),
        not_looked_at(2),
        asks(TWO, "789012"),
        notes(FAILURE),
        notes(
            "wrong code: alice from 192.0.2.4, 17 wrong codes in all since the last right one, 0 more looked at there",
        ),
        complains("Wrong code. From now on two codes in a row are asked for here."),
        says("Call 42."),
    ];
    assert_eq!(line.runs(&steps), Exit::Refuse);
}

#[test]
fn who_leaves_at_the_second_prompt_has_not_guessed() {
    let mut line = waits(&[c"explain"], [two()]);
    let steps = [asks(PROMPT, "123456"), not_looked_at(2), Step::Asks(TWO.into(), false, None), notes(LEFT)];
    assert_eq!(line.runs(&steps), Exit::ConversationFailed);
    assert_eq!(line.answers(), ["123456"]);
}

#[test]
fn the_second_prompt_shows_what_is_typed_where_the_first_one_did() {
    let shown = |text: &str, reply: &str| Step::Asks(text.into(), true, Some(reply.into()));
    let mut line = waits(&[c"explain", c"echo"], [two()]);
    assert_eq!(line.runs(&[shown(PROMPT, "123456"), not_looked_at(2), shown(TWO, "789012"), ok()]), Exit::Success);
}

/// Nothing more is asked, and no sign is given, where nobody hears why, or where no prompt of ours was answered: a program
/// would answer with the password.
#[test]
fn elsewhere_a_wait_is_one_prompt_and_one_refusal() {
    let told = "Too many wrong codes from here. Enter two codes in a row, like 123456-789012 (the one shown now, then the \
                next), or try again in 3 hours.";
    let refused = || vec![notes(FAILURE), not_looked_at(2)];
    let explained = || [refused(), vec![complains(told), says("Call 42.")]].concat();
    let asked = || asks(PROMPT, "123456");

    assert_eq!(waits(&[], [two()]).runs(&[vec![asked()], refused()].concat()), Exit::Refuse);
    let quiet = [vec![asked()], refused()].concat();
    assert_eq!(waits(&[c"explain", c"quiet"], [two()]).runs(&quiet), Exit::Refuse);

    let password = |line: &mut Line| line.script.password = Some(b"123456".to_vec());
    let mut line = waits(&[c"explain", c"use_first_pass"], [two()]).with(password);
    assert_eq!(line.runs(&explained()), Exit::Refuse);

    let mut line = waits(&[c"forward_pass"], [two()]);
    assert_eq!(line.runs(&[asks(BOTH, "hunter2123456")]), Exit::Ignore);
    line.options = Arguments::parse(&[c"explain"]).unwrap();
    assert_eq!(line.runs_again(&explained()), Exit::Refuse);
    assert_eq!(line.answers(), ["123456"]);
}

/// A row at the end of the one field is judged as one.
#[test]
fn one_field_takes_both_codes_at_its_end() {
    let mut line = waits(&[c"forward_pass"], []);
    assert_eq!(line.runs(&[asks(BOTH, "hunter2123456-789012")]), Exit::Ignore);
    line.options = Arguments::default();
    assert_eq!(line.runs_again(&[ok()]), Exit::Success);
    assert_eq!(line.answers(), ["123456-789012"]);
}

#[test]
fn what_is_said_of_a_wait_that_cannot_be_asked_about() {
    let cases = [
        (
            Outcome::Waiting { until: None, need: 2, next_in: Some(12) },
            "Too many wrong codes from here. Enter two codes in a row, like 123456-789012 (the one shown now, then the next).",
        ),
        (
            Outcome::Waiting { until: None, need: 3, next_in: Some(12) },
            "Too many wrong codes from here. Enter three codes in a row, like 123456-789012-345678 (the one shown now, then \
             the next two).",
        ),
        (twice(), "That is the same code again. Wait until the app shows another one (in 12 s)."),
        (Outcome::Twice { next_in: None }, "That is the same code again. Press the button for another one."),
    ];
    for (outcome, told) in cases {
        let is_wait = matches!(outcome, Outcome::Waiting { .. });
        let mut line = waits(&[c"explain", c"use_first_pass"], [outcome]);
        line.script.password = Some(b"123456".to_vec());
        assert_eq!(line.script.plays(&[], |_| Exit::Refuse), Exit::Refuse);
        let exit = login(&mut line.script, &line.clerk, &line.options);
        assert_eq!(exit, Exit::Refuse);
        let said: Vec<Step> = line.script.steps.iter().filter(|s| matches!(s, Step::Says(..))).cloned().collect();
        let support = is_wait.then(|| says("Call 42."));
        assert_eq!(said, [complains(told)].into_iter().chain(support).collect::<Vec<_>>());
    }
}

/// By a clock that is certainly wrong no code of an app counts: that is what its owner needs to hear.
#[test]
fn a_clock_that_is_wrong_is_named_instead_of_hours() {
    let told = "The clock of this server is wrong, so codes of an app do not count. Use a backup code, or ask its \
                administrator.";
    let noted = "clock: this host's clock stands before this program was made: codes of apps do not count until it is set; \
                 see `timedatectl`";
    let mut verdict = verdict(wrong(1, 14));
    verdict.clock_is_wrong = true;
    let mut line = waits(&[c"explain"], []).with(|line| line.clerk.verdict = Ok(Some(verdict)));
    let reason =
        "wrong code: alice from 192.0.2.4, 1 wrong code in all since the last right one, 14 more looked at there";
    let steps =
        [asks(PROMPT, "123456"), notes(FAILURE), notes(reason), notes(noted), complains(told), says("Call 42.")];
    assert_eq!(line.runs(&steps), Exit::Refuse);
}
