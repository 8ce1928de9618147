//! Arguments of our lines that the rest of the stack, or the policy, does not go with. Pure.

use super::files::ChainStep;
use super::line::StackLine;
use super::modules::{asks_nothing, is_credential, is_password};
use super::problem::{Circumstances, Problem};
use super::trial::Trial;
use crate::doctor::finding::Severity;

/// Each of our lines for `auth`.
pub fn check(service: &str, trial: &Trial, circumstances: &Circumstances) -> Vec<Problem> {
    let mut problems = Vec::new();
    let lines = trial.stack.steps.iter().enumerate().filter_map(|(at, step)| Some((at, step.line()?)));
    for (at, line) in lines.filter(|(_, line)| line.is_ours()) {
        let Ok(options) = line.options() else { continue };
        let mut say =
            |level, code, what: &str| problems.push(Problem { level, code, place: line.place(), what: what.into() });
        if line.kind_word.starts_with('-') {
            let what = "with the leading `-` nobody is asked for a code once the module is missing";
            say(Severity::Warning, "may_be_missing", what);
        }
        if options.forward_pass {
            say_of_split(trial, at, &mut say);
        }
        if options.use_first_pass {
            say_of_first_pass(trial, at, &mut say);
        }
        if options.after_publickey && !service.starts_with("sshd") {
            let what = "`after=publickey` is for sshd: here nobody has shown a key, and everybody is refused";
            say(Severity::Fault, "after_publickey", what);
        }
        if options.nullok && circumstances.all_enrolled && circumstances.unenrolled.is_none() {
            let what = "`nullok`, though everybody with a shell is enrolled: accounts that are made later need no code";
            say(Severity::Warning, "nullok", what);
        }
    }
    problems
}

/// Lines that a usual login comes to before this one.
fn before(trial: &Trial, at: usize) -> impl Iterator<Item = &StackLine> {
    let reached = trial.usual.iter().flat_map(|outcome| &outcome.reached).filter(move |reached| **reached < at);
    reached.filter_map(|at| trial.stack.line(*at))
}

fn say_of_first_pass(trial: &Trial, at: usize, say: &mut impl FnMut(Severity, &'static str, &str)) {
    let mut askers = before(trial, at).filter(|line| !asks_nothing(line)).peekable();
    if askers.peek().is_none() {
        let what = "`use_first_pass`, but no module before it asks: everybody is refused";
        say(Severity::Fault, "use_first_pass", what);
    } else if askers.all(is_password) {
        say(
            Severity::Fault,
            "use_first_pass",
            "`use_first_pass` takes the password for the code: everybody is refused",
        );
    }
}

fn say_of_split(trial: &Trial, at: usize, say: &mut impl FnMut(Severity, &'static str, &str)) {
    let asked = trial.usual.iter().flat_map(|outcome| &outcome.asked).copied();
    let is_checked = |judge: usize| {
        let between = trial.stack.steps.iter().take(judge).skip(at);
        between.filter_map(ChainStep::line).any(is_credential)
    };
    match asked.into_iter().find(|judge| *judge > at && trial.asks) {
        // Where nobody gets in at all, that is said.
        None if !trial.somebody => {}
        None => {
            let what = "`forward_pass` without a second line behind the password: no code is checked";
            say(Severity::Fault, "forward_pass", what);
        }
        Some(judge) if !is_checked(judge) => {
            let what = "nothing checks the password between `forward_pass` and the line that takes the code";
            say(Severity::Fault, "forward_pass_order", what);
        }
        Some(_) => {}
    }
}
