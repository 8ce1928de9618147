//! What a stack makes of one user's login, whatever the policy says of them. Pure.

use super::model::{Outcome, Stack, Variables, World};
use super::modules::Role;
use super::run::Answer;
use super::stacks::{Files, Line};
use super::trial::{AccountTrial, Trial};
use super::words::{named, whom};

/// What becomes of a login with a right password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Our line looks at the code, or finds that none is due, and they get in.
    Asked,
    /// They get in, and our line is never asked: this one ends the stack before it, or jumps over it.
    Unasked(String),
    /// They do not get in: the stack ends at this line.
    Refused(String),
}

/// What the stack of a service does with a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prospect {
    /// With a right code, where one is due.
    pub right_code: Fate,
    /// Where no code is due.
    pub none_due: Fate,
    /// Those who get in unasked under a condition, in words: `who pass pam_access.so (/etc/pam.d/x:2, sufficient)`.
    pub unasked: Vec<String>,
    /// The stack asks for nothing but the code.
    pub code_alone: bool,
    /// What is enrolled at a login is stored, whatever the account stack says.
    pub stores: bool,
}

/// The module that knows the accounts of this host's own files.
const LOCAL: [&str; 5] = ["pam_unix.so", "pam_unix2.so", "pam_tcb.so", "pam_extrausers.so", "pam_pwdb.so"];

/// That of a user, whose account stands in this host's own files or in those of a directory service.
pub fn of(files: &Files, service: &str, is_local: bool) -> Prospect {
    let Trial { stack, variables, past, .. } = Trial::of(files, service);
    let worlds = variables.worlds();
    let knows = |line: &Line| LOCAL.contains(&line.module_name()) == is_local;
    let known: Vec<&World> = worlds.iter().filter(|world| is_known_by(&variables, world, knows)).collect();
    // A stack that asks none of their directories: somebody else's must do.
    let theirs: Vec<&World> = if known.is_empty() { plain(&worlds) } else { known };
    let fate = |code| fate(&stack, &theirs, code);
    let past = past.into_iter().filter(|(_, case)| !case.world.odd.is_empty());
    let account = AccountTrial::of(files, service);
    Prospect {
        right_code: fate(Answer::Success),
        none_due: fate(Answer::Ignore),
        unasked: past.map(|(_, case)| whom(&variables, &case.world)).collect(),
        code_alone: !variables.has_credentials(),
        stores: account.past.is_none(),
    }
}

/// Nothing unusual holds, and of the directories those alone know the user that would.
fn is_known_by(variables: &Variables, world: &World, knows: impl Fn(&Line) -> bool) -> bool {
    let directories = variables.0.iter().enumerate().filter(|(_, variable)| variable.role == Role::Directory);
    let mut answers = directories.map(|(number, variable)| (knows(&variable.line), world.answer(number)));
    let theirs = answers.all(|(knows, answer)| match answer {
        Answer::Success => knows,
        answer => answer == Answer::Unknown,
    });
    world.odd.is_empty() && world.by_password && theirs
}

/// Those in which nothing unusual holds, or only what proves who it is.
fn plain(worlds: &[World]) -> Vec<&World> {
    let rightful = worlds.iter().filter(|world| world.is_rightful());
    let fewest = rightful.clone().map(|world| world.odd.len()).min();
    match fewest {
        Some(fewest) => rightful.filter(|world| world.odd.len() == fewest).collect(),
        None => worlds.first().into_iter().collect(),
    }
}

/// The best of what becomes of them: of several directories it is not known which one is theirs.
fn fate(stack: &Stack, worlds: &[&World], code: Answer) -> Fate {
    let outcomes: Vec<Outcome> = worlds.iter().map(|world| stack.login(world, code)).collect();
    let place = |outcome: &Outcome, end: usize| {
        stack.last_before(outcome, end).and_then(|at| stack.line(at)).map(named).unwrap_or_default()
    };
    if outcomes.iter().any(|outcome| outcome.is_in() && !outcome.asked.is_empty()) {
        return Fate::Asked;
    }
    if let Some(outcome) = outcomes.iter().find(|outcome| outcome.is_in()) {
        let ours = stack.codes().next().unwrap_or(usize::MAX);
        return Fate::Unasked(place(outcome, ours));
    }
    Fate::Refused(outcomes.first().map(|outcome| place(outcome, usize::MAX)).unwrap_or_default())
}
