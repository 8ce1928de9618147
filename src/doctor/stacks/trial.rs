//! A service's logins, all tried in thought, and the first of each kind that goes wrong. Pure.

use std::collections::BTreeSet;

use super::files::StackFiles;
use super::line::Facility;
use super::model::{LoginOutcome, StackModel, Variables, World};
use super::run::ModuleAnswer;

/// A login that goes otherwise than it should.
#[derive(Clone, Debug)]
pub struct TriedLogin {
    /// Who logs in, and what holds then.
    pub world: World,
    /// What became of it.
    pub outcome: LoginOutcome,
}

/// The stack of a service for `auth`, and what was seen of its logins. Of each kind the plainest is kept: that with the
/// fewest conditions.
#[derive(Clone, Debug)]
pub struct Trial {
    /// The stack.
    pub stack: StackModel,
    /// What its logins depend on.
    pub variables: Variables,
    /// Somebody gets in, whatever it takes.
    pub somebody: bool,
    /// Somebody gets in after a code was looked at.
    pub asks: bool,
    /// What a usual login with a right code comes to: one that gets in where there is one.
    pub usual: Option<LoginOutcome>,
    /// They get in and no code is looked at; with the line that ends the stack or jumps over ours. One for each line.
    pub past: Vec<(Option<usize>, TriedLogin)>,
    /// They get in with a wrong code.
    pub wrong_code: Option<TriedLogin>,
    /// They get in with a right code, and have proved nothing else.
    pub code_alone: Option<TriedLogin>,
    /// They get in with nothing, as no code is due.
    pub nothing: Option<TriedLogin>,
    /// They get in with a right code, and do not where none is due.
    pub none_due: Option<TriedLogin>,
    /// They would get in if our lines were not there.
    pub shut_out: Option<TriedLogin>,
    /// A code is looked at a second time.
    pub twice: Option<TriedLogin>,
    /// A code is looked at, though nothing is proved; with the line. One for each line.
    pub strangers: Vec<(usize, TriedLogin)>,
}

impl Trial {
    /// Tries each login.
    pub fn of(files: &StackFiles, service: &str) -> Self {
        let mut variables = Variables::default();
        let stack = StackModel::of(files, service, Facility::Auth, &mut variables);
        let without = stack.without_us(service, Facility::Auth, &mut variables);
        let worlds = variables.worlds();
        let mut trial = Self {
            stack,
            variables,
            somebody: false,
            asks: false,
            usual: None,
            past: Vec::new(),
            wrong_code: None,
            code_alone: None,
            nothing: None,
            none_due: None,
            shut_out: None,
            twice: None,
            strangers: Vec::new(),
        };
        // The conditions under which somebody gets in where our lines are not there.
        let gets_in = |world: &&World| world.is_rightful() && without.login(world, ModuleAnswer::Success).is_in();
        let open: BTreeSet<Vec<usize>> =
            worlds.iter().filter(gets_in).map(|world| trial.variables.conditions(world)).collect();
        for world in worlds {
            let is_open = open.contains(&trial.variables.conditions(&world));
            trial.logs_in(world, &without, is_open);
        }
        trial
    }

    fn logs_in(&mut self, world: World, without: &StackModel, is_open: bool) {
        let right = self.stack.login(&world, ModuleAnswer::Success);
        // Where our line is not asked, its answer changes nothing.
        let with = |code| if right.asked.is_empty() { right.clone() } else { self.stack.login(&world, code) };
        let (wrong, none) = (with(ModuleAnswer::Refuse), with(ModuleAnswer::Ignore));
        let rightful = world.is_rightful();
        self.somebody |= right.is_in() || none.is_in();
        self.asks |= right.is_in() && !right.asked.is_empty() && (rightful || !self.has_credentials());
        let is_better = |usual: &LoginOutcome| !usual.is_in() || usual.asked.is_empty();
        let is_usual = right.is_in() && !right.asked.is_empty();
        if self.usual.as_ref().is_none_or(|usual| is_better(usual) && is_usual) {
            self.usual = Some(right.clone());
        }
        let case = |outcome: &LoginOutcome| Some(TriedLogin { world: world.clone(), outcome: outcome.clone() });
        let keep = |slot: &mut Option<TriedLogin>, outcome: &LoginOutcome| {
            if slot.is_none() {
                *slot = case(outcome);
            }
        };
        if wrong.is_in() && !wrong.asked.is_empty() {
            keep(&mut self.wrong_code, &wrong);
        }
        if right.is_in() && right.asked.len() > 1 {
            keep(&mut self.twice, &right);
        }
        // One whom another module keeps out is not to get in by this.
        if rightful && right.is_in() && !none.is_in() && (world.odd.is_empty() || is_open) {
            keep(&mut self.none_due, &none);
        }
        if rightful && !right.is_in() && without.login(&world, ModuleAnswer::Success).is_in() {
            keep(&mut self.shut_out, &right);
        }
        if !rightful && right.is_in() && !right.asked.is_empty() {
            keep(&mut self.code_alone, &right);
        }
        if !rightful && none.is_in() {
            keep(&mut self.nothing, &none);
        }
        if right.is_in() && right.asked.is_empty() && (rightful || !world.odd.is_empty()) {
            let by = self.passes_at(&right);
            if self.past.iter().all(|(known, _)| *known != by) {
                self.past.extend(case(&right).map(|case| (by, case)));
            }
        }
        for at in wrong.asked.iter().filter(|_| !rightful) {
            if self.strangers.iter().all(|(known, _)| known != at) {
                self.strangers.extend(case(&wrong).map(|case| (*at, case)));
            }
        }
    }

    /// The line that ends the stack before ours, or jumps over it.
    fn passes_at(&self, outcome: &LoginOutcome) -> Option<usize> {
        let ours = self.stack.codes().find(|at| !outcome.reached.contains(at))?;
        self.stack.last_before(outcome, ours)
    }

    /// Does it know the user by anything else than the code?
    pub fn has_credentials(&self) -> bool {
        self.variables.has_credentials()
    }
}

/// What was seen of the stack for `account`.
#[derive(Clone, Debug)]
pub struct AccountTrial {
    /// The stack.
    pub stack: StackModel,
    /// What it depends on.
    pub variables: Variables,
    /// It ends well without having come to our line; with the line that ends it or jumps over ours.
    pub past: Option<(Option<usize>, TriedLogin)>,
    /// It would end well if our lines were not there, or never does.
    pub shuts_out: bool,
}

impl AccountTrial {
    /// Tries each account.
    pub fn of(files: &StackFiles, service: &str) -> Self {
        let mut variables = Variables::default();
        let stack = StackModel::of(files, service, Facility::Account, &mut variables);
        let without = stack.without_us(service, Facility::Account, &mut variables);
        let (mut past, mut shuts_out, mut somebody) = (None, false, false);
        for world in variables.worlds() {
            // Our line has nothing to say of accounts.
            let outcome = stack.login(&world, ModuleAnswer::Ignore);
            let is_well = outcome.told.is_some_and(is_content);
            somebody |= is_well;
            shuts_out |= !is_well && without.login(&world, ModuleAnswer::Ignore).told.is_some_and(is_content);
            if is_well && outcome.asked.is_empty() && past.is_none() {
                let ours = stack.codes().next();
                let by = ours.and_then(|ours| stack.last_before(&outcome, ours));
                past = Some((by, TriedLogin { world, outcome }));
            }
        }
        Self { stack, variables, past, shuts_out: shuts_out || !somebody }
    }
}

/// The login goes on, be it with a new password.
fn is_content(told: ModuleAnswer) -> bool {
    matches!(told, ModuleAnswer::Success | ModuleAnswer::NewPassword)
}
