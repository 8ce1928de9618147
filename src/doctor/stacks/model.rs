//! Every login through a stack, in thought: each directory that may know the user, each other proof of who it is, each
//! condition that may hold or not. Pure.

use super::files::{ChainStep, StackFiles};
use super::line::{Facility, StackLine};
use super::modules::{Role, counts_failures, is_silent, may_be_missing, never_says_yes, not_known, role};
use super::run::{Chain, Effect, ModuleAnswer};

/// So many combinations of conditions are all tried: ten of them, each one way or the other.
const ALL: usize = 1024;
/// So many combinations of passwords and other proofs are all tried.
const ALL_PROOFS: usize = 108;

/// What decides a login beside our code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variable {
    /// A directory, a second factor or a condition.
    pub role: Role,
    /// The line that it was first seen in.
    pub line: StackLine,
    /// What it may answer; first what it does where nothing is said.
    answers: Vec<ModuleAnswer>,
}

impl Variable {
    /// Two lines of one directory, or of one condition with the same arguments, answer alike.
    fn is_of(&self, role: Role, line: &StackLine) -> bool {
        let same = self.line.module_name() == line.module_name();
        // It locks an account, or does not, whatever the line is for.
        if counts_failures(line) {
            return same;
        }
        let is_condition = matches!(role, Role::Condition(_));
        same && self.role == role && (!is_condition || self.line.arguments == line.arguments)
    }

    fn is_condition(&self) -> bool {
        matches!(self.role, Role::Condition(_))
    }
}

/// Who answers at a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asks {
    /// Our line; one with `forward_pass` only splits.
    Code,
    Split,
    /// Ours, which refuses everybody who has shown no key: by that they are known.
    Key(usize),
    Fixed(ModuleAnswer),
    Variable(usize),
    /// One that counts failures: so, while it has not locked the account.
    Counter(usize, ModuleAnswer),
    Nobody,
}

/// What all logins through some chains depend on.
#[derive(Clone, Debug, Default)]
pub struct Variables(pub Vec<Variable>);

/// One way in which a login may go: what each variable answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct World {
    answers: Vec<ModuleAnswer>,
    /// A password is right, in a directory or more.
    pub by_password: bool,
    /// Something else is.
    pub by_factor: bool,
    /// The variables that do not answer as they do where nothing is said, without the directories.
    pub odd: Vec<usize>,
}

impl World {
    /// Is somebody there who has proved who they are?
    pub fn is_rightful(&self) -> bool {
        self.by_password || self.by_factor
    }

    /// What this variable answers.
    pub fn answer(&self, variable: usize) -> ModuleAnswer {
        self.answers.get(variable).copied().unwrap_or(ModuleAnswer::Refuse)
    }
}

/// What became of a login.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LoginOutcome {
    /// libpam's answer; `None` for a refusal.
    pub told: Option<ModuleAnswer>,
    /// The steps at which a module was asked.
    pub reached: Vec<usize>,
    /// Those of them at which our line looked at a code.
    pub asked: Vec<usize>,
}

impl LoginOutcome {
    /// Are they in?
    pub fn is_in(&self) -> bool {
        self.told == Some(ModuleAnswer::Success)
    }
}

/// One stack of a service, ready to be tried.
#[derive(Clone, Debug)]
pub struct StackModel {
    /// The steps as they stand in the files.
    pub steps: Vec<ChainStep>,
    asks: Vec<Asks>,
    chain: Chain,
}

impl StackModel {
    /// That of a service; what it depends on goes to the variables.
    pub fn of(files: &StackFiles, service: &str, kind: Facility, variables: &mut Variables) -> Self {
        Self::new(files.chain(service, kind), service, kind, variables)
    }

    fn new(steps: Vec<ChainStep>, service: &str, kind: Facility, variables: &mut Variables) -> Self {
        let chain = Chain::new(&steps);
        let resets = steps.iter().filter_map(ChainStep::line).any(|line| line.control.text.contains("reset"));
        let mut certain = !resets;
        let asks = steps.iter().enumerate().map(|(at, step)| match step.line() {
            None => Asks::Nobody,
            Some(line) => {
                let asks = variables.asks(&chain, at, line, service, kind, certain);
                certain &= !chain.goes_elsewhere(at);
                asks
            }
        });
        let asks = asks.collect();
        Self { steps, asks, chain }
    }

    /// As if our lines were not there.
    pub fn without_us(&self, service: &str, kind: Facility, variables: &mut Variables) -> Self {
        let is_ours = |step: &ChainStep| step.line().is_some_and(StackLine::is_ours);
        let steps = self.steps.iter().filter(|step| !is_ours(step)).cloned().collect();
        Self::new(steps, service, kind, variables)
    }

    /// The line at a step.
    pub fn line(&self, at: usize) -> Option<&StackLine> {
        self.steps.get(at)?.line()
    }

    /// The steps at which our line looks at a code.
    pub fn codes(&self) -> impl Iterator<Item = usize> + '_ {
        self.asks.iter().enumerate().filter(|(_, asks)| matches!(asks, Asks::Code | Asks::Key(_))).map(|(at, _)| at)
    }

    /// One login, in which our line answers `code`: right, wrong, or none is due.
    pub fn login(&self, world: &World, code: ModuleAnswer) -> LoginOutcome {
        let (mut reached, mut asked) = (Vec::new(), Vec::new());
        let told = self.chain.run(|at| {
            reached.push(at);
            match self.asks.get(at).copied().unwrap_or(Asks::Nobody) {
                Asks::Split => ModuleAnswer::Ignore,
                Asks::Code => {
                    asked.push(at);
                    code
                }
                Asks::Key(key) if world.answer(key) != ModuleAnswer::Success => ModuleAnswer::Refuse,
                Asks::Key(_) => {
                    asked.push(at);
                    if code == ModuleAnswer::Ignore { ModuleAnswer::Success } else { code }
                }
                Asks::Fixed(answer) => answer,
                Asks::Variable(number) => world.answer(number),
                Asks::Counter(number, usual) if world.answer(number) == ModuleAnswer::Success => usual,
                Asks::Counter(..) => ModuleAnswer::Refuse,
                Asks::Nobody => ModuleAnswer::Refuse,
            }
        });
        LoginOutcome { told, reached, asked }
    }

    /// The last step before `end` that a login came to: what ends the stack there, or jumps over the rest.
    pub fn last_before(&self, outcome: &LoginOutcome, end: usize) -> Option<usize> {
        outcome.reached.iter().copied().rfind(|at| *at < end)
    }
}

impl Variables {
    fn asks(&mut self, chain: &Chain, at: usize, line: &StackLine, service: &str, kind: Facility, drops: bool) -> Asks {
        let role = role(service, kind, line);
        match role {
            Role::Ours => match line.options() {
                Ok(options) if options.forward_pass => Asks::Split,
                Ok(options) if options.after_publickey => {
                    Asks::Key(self.add(Role::Factor, line, vec![ModuleAnswer::Refuse, ModuleAnswer::Success]))
                }
                _ => Asks::Code,
            },
            Role::Fixed(answer) => Asks::Fixed(answer),
            Role::Condition(usual) if counts_failures(line) => {
                let answers = vec![ModuleAnswer::Success, ModuleAnswer::Refuse];
                Asks::Counter(self.add(role, line, answers), usual.unwrap_or(ModuleAnswer::Success))
            }
            Role::Directory | Role::Factor | Role::Condition(_) => {
                Asks::Variable(self.add(role, line, answers(chain, at, line, role, kind, drops)))
            }
        }
    }

    fn add(&mut self, role: Role, line: &StackLine, answers: Vec<ModuleAnswer>) -> usize {
        let number = self.0.iter().position(|known| known.is_of(role, line)).unwrap_or_else(|| {
            self.0.push(Variable { role, line: line.clone(), answers: Vec::new() });
            self.0.len().saturating_sub(1)
        });
        if let Some(variable) = self.0.get_mut(number) {
            for answer in answers {
                if !variable.answers.contains(&answer) {
                    variable.answers.push(answer);
                }
            }
        }
        number
    }

    /// Is there anything among them by which a user is known?
    pub fn has_credentials(&self) -> bool {
        self.0.iter().any(|variable| !variable.is_condition())
    }

    /// What a condition answers in a world.
    pub fn answer_of(&self, line: &StackLine, world: &World) -> Option<ModuleAnswer> {
        let is_of = |variable: &Variable| variable.is_condition() && variable.is_of(variable.role, line);
        self.0.iter().position(is_of).map(|number| world.answer(number))
    }

    /// The conditions that do not hold as usual in a world.
    pub fn conditions(&self, world: &World) -> Vec<usize> {
        let is_condition = |number: &usize| self.0.get(*number).is_some_and(Variable::is_condition);
        world.odd.iter().copied().filter(is_condition).collect()
    }

    /// Every way in which a login may go, the plainest first.
    pub fn worlds(&self) -> Vec<World> {
        let conditions = self.combined(Variable::is_condition, ALL);
        let proofs = self.combined(|variable| !variable.is_condition(), ALL_PROOFS);
        let mut worlds = Vec::with_capacity(conditions.len().saturating_mul(proofs.len()));
        for condition in &conditions {
            for proof in &proofs {
                worlds.push(self.world(condition, proof));
            }
        }
        worlds.sort_by_key(|world| world.odd.len());
        worlds
    }

    fn world(&self, condition: &[usize], proof: &[usize]) -> World {
        let both = condition.iter().zip(proof).zip(&self.0);
        let chosen = both.map(|((condition, proof), variable)| (variable, *condition.max(proof)));
        let answers: Vec<ModuleAnswer> = chosen
            .map(|(variable, choice)| variable.answers.get(choice).copied().unwrap_or(ModuleAnswer::Refuse))
            .collect();
        let is = |role: Role| {
            self.0.iter().zip(&answers).any(|(v, answer)| v.role == role && *answer == ModuleAnswer::Success)
        };
        let odd = |(_, (variable, answer)): &(usize, (&Variable, &ModuleAnswer))| {
            let is_usual = match variable.role {
                Role::Directory => **answer != ModuleAnswer::Unavailable,
                _ => variable.answers.first() == Some(*answer),
            };
            !is_usual
        };
        let odd = self.0.iter().zip(&answers).enumerate().filter(odd).map(|(number, _)| number).collect();
        World { by_password: is(Role::Directory), by_factor: is(Role::Factor), odd, answers }
    }

    /// For each of these variables the number of an answer, the others at their first: all combinations, or where
    /// those are too many, each one and each two that are not at their first.
    fn combined(&self, which: impl Fn(&Variable) -> bool, bound: usize) -> Vec<Vec<usize>> {
        let counts: Vec<usize> =
            self.0.iter().map(|variable| if which(variable) { variable.answers.len().max(1) } else { 1 }).collect();
        let first = vec![0; counts.len()];
        let all = counts.iter().try_fold(1_usize, |all, count| all.checked_mul(*count).filter(|all| *all <= bound));
        let mut found = vec![first];
        match all {
            Some(_) => {
                for (number, count) in counts.iter().enumerate() {
                    found = found.iter().flat_map(|old| choices(old, number, *count)).collect();
                }
            }
            None => {
                for _ in 0..2 {
                    let more = |old: &Vec<usize>| {
                        let each = counts.iter().enumerate().filter(|(number, _)| old.get(*number) == Some(&0));
                        each.flat_map(|(number, count)| choices(old, number, *count)).collect::<Vec<_>>()
                    };
                    found = found.iter().flat_map(more).collect();
                    found.sort();
                    found.dedup();
                }
            }
        }
        found
    }
}

fn choices(old: &[usize], number: usize, count: usize) -> Vec<Vec<usize>> {
    let with = |choice| {
        let mut new = old.to_vec();
        if let Some(slot) = new.get_mut(number) {
            *slot = choice;
        }
        new
    };
    (0..count).map(with).collect()
}

/// What this module may answer here, the usual first. Of answers with one effect one is enough. `certain`: each login
/// comes here, so that a condition which fails for good lets nobody in whom it would not let in otherwise.
fn answers(chain: &Chain, at: usize, line: &StackLine, role: Role, kind: Facility, certain: bool) -> Vec<ModuleAnswer> {
    use ModuleAnswer::{Denied, Ignore, NewPassword, Refuse, Success, Unavailable, Unknown};
    let all: Vec<ModuleAnswer> = match (role, kind) {
        (Role::Directory, Facility::Auth) => vec![not_known(line), Refuse, Success, Unavailable],
        (Role::Directory, _) => vec![Success, NewPassword, Unknown, Refuse, Unavailable],
        // Not set up for this user, or for nobody.
        (Role::Factor, _) if may_be_missing(line) => vec![Refuse, Success, Unavailable, Ignore],
        (Role::Factor, _) => vec![Refuse, Success, Unavailable],
        (Role::Condition(Some(usual)), _) if never_says_yes(line) => vec![usual, Refuse, Denied],
        (Role::Condition(Some(usual)), _) if is_silent(line) => vec![usual, Ignore, Success, Refuse, Denied],
        (Role::Condition(Some(usual)), _) => vec![usual, Success, Refuse, Denied],
        _ if shortens(chain, at, Success) && !fails(chain, at, Refuse) => vec![Refuse, Denied, Success],
        _ => vec![Success, Refuse, Denied],
    };
    let is_proof = matches!(role, Role::Directory | Role::Factor);
    let mut kept: Vec<ModuleAnswer> = Vec::new();
    for answer in all {
        let effect = chain.effect(at, answer);
        let is_new = (is_proof && answer == Success) || kept.iter().all(|known| chain.effect(at, *known) != effect);
        let matters = is_proof || !certain || !fails(chain, at, answer);
        if kept.is_empty() || (is_new && matters && !kept.contains(&answer)) {
            kept.push(answer);
        }
    }
    kept
}

fn fails(chain: &Chain, at: usize, answer: ModuleAnswer) -> bool {
    matches!(chain.effect(at, answer), Some(Effect::Bad | Effect::Die(_)))
}

fn shortens(chain: &Chain, at: usize, answer: ModuleAnswer) -> bool {
    match chain.effect(at, answer) {
        Some(Effect::Done(_)) => true,
        Some(Effect::Goto(target)) => target > at.saturating_add(1),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn worlds(lines: &[String]) -> Vec<World> {
        let (mut files, mut variables) = (StackFiles::default(), Variables::default());
        files.add("x", "/etc/pam.d/x", &lines.concat());
        StackModel::of(&files, "x", Facility::Auth, &mut variables);
        variables.worlds()
    }

    fn conditions(count: usize) -> Vec<String> {
        (0..count).map(|number| format!("auth [success=1 default=ignore] pam_c{number}.so\n")).collect()
    }

    #[test]
    fn each_combination_is_tried_up_to_ten_conditions_and_each_two_beyond() {
        assert_eq!(worlds(&conditions(3)).len(), 8);
        assert_eq!(worlds(&conditions(10)).len(), 1024);
        assert_eq!(worlds(&conditions(11)).len(), 1 + 11 + 55);
        assert_eq!(worlds(&conditions(40)).iter().map(|world| world.odd.len()).max(), Some(2));
    }

    #[test]
    fn lines_of_one_directory_and_of_one_condition_answer_alike() {
        let twice = |line: &str| vec![format!("auth sufficient {line}\n"); 2];
        assert_eq!(worlds(&twice("pam_unix.so")).len(), 2);
        assert_eq!(worlds(&twice("pam_access.so accessfile=/etc/a")).len(), 2);
        let mut two = twice("pam_access.so accessfile=/etc/a");
        two.push("auth sufficient pam_access.so accessfile=/etc/b\n".into());
        assert_eq!(worlds(&two).len(), 4);
    }

    #[test]
    fn what_fails_for_good_is_no_way_to_log_in() {
        let required = |module| format!("auth required {module}\n");
        assert_eq!(worlds(&[required("pam_access.so"), required("pam_shells.so")]).len(), 1);
        // But what was forgotten in between has to be tried.
        let reset = "auth [default=reset] pam_env.so\n".to_owned();
        assert!(worlds(&[required("pam_access.so"), reset]).len() > 1);
        let usual = worlds(&[required("pam_unix.so"), "auth sufficient pam_u2f.so\n".into()]);
        assert!(usual.first().is_some_and(|world| world.odd.is_empty() && !world.is_rightful()));
    }
}
