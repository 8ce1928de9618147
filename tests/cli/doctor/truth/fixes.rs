//! What the lines that the doctor says to paste do to those who log in, once a real shell has pasted them.

use super::code::{AUTH_ERR, IGNORE, SUCCESS};
use super::explorer::Explorer;
use super::modules::Role;
use super::places::Stack;
use super::shapes::Texts;
use super::truths::Seen;
use super::verdict::{self, CIRCUMSTANCES};
use super::ways::{Step, Way, Ways};
use pam_totp::doctor::stacks::fix::fix;

/// Modules that count failures: each of their lines matters at each login.
const COUNTERS: [&str; 2] = ["pam_faillock.so", "pam_tally2.so"];

/// Modules that do something for the session, and keep nobody out.
const SERVANTS: [&str; 6] =
    ["pam_ssh_add.so", "pam_gnome_keyring.so", "pam_kwallet.so", "pam_mount.so", "pam_ecryptfs.so", "pam_cap.so"];

/// What was pasted for a finding, and what came of it.
pub struct Pasted {
    pub code: &'static str,
    pub lines: Vec<String>,
    /// The stack as it is now.
    pub texts: Texts,
    pub harm: Option<String>,
}

/// Pastes what the doctor says of each of its findings, each into the stack as it was.
pub fn paste_each(explorer: &mut Explorer, stack: &Stack, seen: &Seen) -> Vec<Pasted> {
    let files = verdict::files(&stack.texts);
    let mut pasted: Vec<Pasted> = Vec::new();
    for problem in verdict::warnings(stack, &files) {
        let lines = fix(&files, &stack.service, problem.code, &CIRCUMSTANCES);
        let is_new = pasted.iter().all(|known| known.lines != lines);
        if is_new && lines.iter().any(|line| !line.starts_with('#')) {
            pasted.push(paste(explorer, stack, seen, problem.code, lines));
        }
    }
    pasted
}

fn paste(explorer: &mut Explorer, stack: &Stack, seen: &Seen, code: &'static str, lines: Vec<String>) -> Pasted {
    explorer.put(&stack.texts);
    let harm = explorer.shell(&lines).err();
    let texts = explorer.read();
    let [auth, account] = explorer.explore(&stack.service);
    let harm = harm
        .or_else(|| of_auth(&seen.auth, &auth))
        .or_else(|| of_account(&seen.account, &seen.account_without, &account));
    Pasted { code, lines, texts, harm }
}

/// A login that goes one way before and another one now.
fn find(before: &Ways, after: &Ways, harm: impl Fn(&Way, &Way) -> Option<&'static str>) -> Option<String> {
    before.0.iter().find_map(|was| {
        let (now, what) =
            after.0.iter().filter(|now| was.goes_with(now)).find_map(|now| Some((now, harm(was, now)?)))?;
        Some(format!("{what}\n    was: {}\n    now: {}", was.print(), now.print()))
    })
}

fn of_auth(before: &Ways, after: &Ways) -> Option<String> {
    let has_credentials = [before, after].iter().any(|ways| !ways.proofs().is_empty());
    find(before, after, |was, now| {
        let codes = [SUCCESS, AUTH_ERR, IGNORE];
        let fits = |code: i32| [was, now].iter().all(|way| way.code.is_none_or(|known| known == code));
        let has_proof = was.has_proof() || now.has_proof();
        codes.into_iter().filter(|code| fits(*code)).find_map(|code| {
            let is_right = code != AUTH_ERR;
            let rightly = is_right && (has_proof || !has_credentials);
            match (was.is_in(), now.is_in()) {
                // Another module's condition may come back to its right.
                (true, false) if rightly && now.asks_nothing_unusual_beside(was) => {
                    Some("got in rightly, and does not any more")
                }
                (false, true) if !(is_right && has_proof) => Some("did not get in, and does now"),
                (true, true) if was.asked() > 0 && now.asked() == 0 => Some("is not asked for a code any more"),
                (was_in, is_in) if loses(was, now, was_in && is_in) => {
                    Some("another module's line is not asked any more")
                }
                _ => None,
            }
        })
    })
}

fn of_account(before: &Ways, without_us: &Ways, after: &Ways) -> Option<String> {
    let is_refused = |was: &Way, now: &Way| {
        let mut theirs = without_us.0.iter().filter(|way| way.goes_with(was) && way.goes_with(now));
        theirs.all(|way| !way.is_well())
    };
    find(before, after, |was, now| match (was.is_well(), now.is_well()) {
        (true, false) => Some("the account was good, and is not any more"),
        (false, true) if is_refused(was, now) => Some("the account was not good, and is now"),
        (true, true) if loses(was, now, true) => Some("another module's account line is not asked any more"),
        _ => None,
    })
}

/// A condition is looked at no more where somebody gets in, or what counts wrong passwords where one is judged.
fn loses(was: &Way, now: &Way, gets_in: bool) -> bool {
    let is_asked = |line: &str| now.steps.iter().any(|step| step.question.line == line);
    let is_wrong = |step: &Step| step.question.part.role == Role::Directory && step.answer == AUTH_ERR;
    let is_guess = !now.has_proof() && now.steps.iter().any(is_wrong);
    let is_of = |step: &Step, modules: &[&str]| modules.iter().any(|module| step.question.line.starts_with(module));
    let matters = |step: &Step| {
        let part = &step.question.part;
        let is_condition = part.role == Role::Condition && part.answers.len() > 1;
        is_condition && (gets_in || (is_guess && is_of(step, &COUNTERS))) && !is_of(step, &SERVANTS)
    };
    was.steps.iter().any(|step| matters(step) && !is_asked(&step.question.line))
}
