//! What becomes of a user at a stack, once the policy has said whether a code is due. Pure.

use super::files::StackFiles;
use super::line::{ControlAction, Facility};
use super::model::{LoginOutcome, StackModel, Variables, World};
use super::modules::Role;
use super::run::ModuleAnswer;
use super::words::named;

/// The directories of those whose account stands in this host's own files.
const LOCAL: [&str; 5] = ["pam_unix.so", "pam_unix2.so", "pam_tcb.so", "pam_extrausers.so", "pam_pwdb.so"];
const LOCALUSER: &str = "pam_localuser.so";

/// What the policy says of a login.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Demand {
    /// No code.
    Nothing,
    /// One.
    Code,
    /// An enrollment.
    Enrollment,
    /// Nothing helps.
    Refusal,
}

/// What becomes of the login.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StackDecision {
    /// They get in without a code.
    Pass,
    /// They get in with one.
    Ask,
    /// They get in once they have enrolled.
    Enroll,
    /// They do not get in.
    Refuse,
}

/// Who logs in.
#[derive(Clone, Copy, Debug, Default)]
pub struct LoginUser {
    /// They are in /etc/passwd.
    pub is_local: bool,
    /// They have shown a key.
    pub has_key: bool,
}

/// What a stack makes of the policy's word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prediction {
    /// Where nothing is said against it.
    pub decision: StackDecision,
    /// Why it is not what the policy says.
    pub why: Option<String>,
    /// What else it depends on, and what goes wrong besides.
    pub notes: Vec<String>,
}

/// That of a service whose stack names us.
pub fn predict(files: &StackFiles, service: &str, person: LoginUser, due: Demand) -> Prediction {
    let mut variables = Variables::default();
    let stack = StackModel::of(files, service, Facility::Auth, &mut variables);
    let own = person.directories(&variables);
    let first = own.first().copied();
    let worlds = person.worlds(&variables, first);
    let case = Logins { stack: &stack, variables: &variables, due };
    let usual = case.usual(&worlds);
    let (decision, why) =
        usual.map_or_else(|| (StackDecision::Refuse, Some(NO_WAY.into())), |usual| case.decide(usual));
    let mut notes = usual.map(|usual| case.conditions(&worlds, usual, decision)).unwrap_or_default();
    for other in own.iter().skip(1) {
        let worlds = person.worlds(&variables, Some(*other));
        let otherwise = case.usual(&worlds).map(|usual| case.decide(usual).0);
        let line = variables.0.get(*other).map(|variable| named(&variable.line));
        let differs = otherwise.filter(|otherwise| *otherwise != decision).zip(line);
        notes.extend(differs.map(|(otherwise, line)| format!("users whom {line} knows {}", otherwise.words())));
    }
    notes.extend(usual.and_then(|usual| case.unheeded(usual, decision)));
    if decision == StackDecision::Enroll {
        notes.extend(not_stored(files, service, person));
    }
    Prediction { decision, why, notes }
}

const NO_WAY: &str = "refused by the stack: nothing in it says yes";

impl LoginUser {
    /// Those that may know them. Where no line asks theirs, it is one of the others.
    fn directories(self, variables: &Variables) -> Vec<usize> {
        let is_local = |number: &usize| {
            variables.0.get(*number).is_some_and(|variable| LOCAL.contains(&variable.line.module_name()))
        };
        let all = variables.0.iter().enumerate().filter(|(_, variable)| variable.role == Role::Directory);
        let (local, others): (Vec<usize>, Vec<usize>) = all.map(|(number, _)| number).partition(is_local);
        let (own, rest) = if self.is_local { (local, others) } else { (others, local) };
        if own.is_empty() { rest } else { own }
    }

    /// The logins that are theirs: known to that directory alone, the plainest first.
    fn worlds(self, variables: &Variables, own: Option<usize>) -> Vec<World> {
        let mut worlds = variables.worlds();
        for (number, variable) in variables.0.iter().enumerate() {
            let says = |yes: bool| move |world: &World| (world.answer(number) == ModuleAnswer::Success) == yes;
            worlds = match variable.role {
                Role::Directory if Some(number) == own => preferred(worlds, says(true)),
                Role::Directory => {
                    let is_not_theirs =
                        |world: &World| matches!(world.answer(number), ModuleAnswer::Unknown | ModuleAnswer::Ignore);
                    preferred(preferred(worlds, says(false)), is_not_theirs)
                }
                // In a stack of keys alone one was shown.
                _ if variable.line.is_ours() => preferred(worlds, says(self.has_key || own.is_none())),
                _ if variable.line.module_name() == LOCALUSER => preferred(worlds, says(self.is_local)),
                _ => worlds,
            };
        }
        worlds
    }
}

/// Those that fit; all where none does, as answers that make no difference are not told apart.
fn preferred(worlds: Vec<World>, fits: impl Fn(&World) -> bool) -> Vec<World> {
    if worlds.iter().any(&fits) { worlds.into_iter().filter(fits).collect() } else { worlds }
}

struct Logins<'a> {
    stack: &'a StackModel,
    variables: &'a Variables,
    due: Demand,
}

impl Logins<'_> {
    /// The plainest login that gets in with a right code, if any does.
    fn usual<'w>(&self, worlds: &'w [World]) -> Option<&'w World> {
        worlds.iter().find(|world| self.stack.login(world, ModuleAnswer::Success).is_in()).or(worlds.first())
    }

    /// What our line answers. One that cannot read its arguments refuses.
    fn answer(&self) -> ModuleAnswer {
        let broken = |at: usize| self.stack.line(at).is_some_and(|line| line.options().is_err());
        match self.due {
            _ if self.stack.codes().any(broken) => ModuleAnswer::Refuse,
            Demand::Nothing => ModuleAnswer::Ignore,
            Demand::Code | Demand::Enrollment => ModuleAnswer::Success,
            Demand::Refusal => ModuleAnswer::Refuse,
        }
    }

    fn decide(&self, world: &World) -> (StackDecision, Option<String>) {
        let outcome = self.stack.login(world, self.answer());
        match (outcome.is_in(), outcome.asked.is_empty(), self.due) {
            (true, true, Demand::Nothing) => (StackDecision::Pass, None),
            (true, true, _) => (StackDecision::Pass, Some(self.passes(&outcome))),
            (true, false, Demand::Nothing) => (StackDecision::Pass, None),
            (true, false, Demand::Code) => (StackDecision::Ask, None),
            (true, false, Demand::Enrollment) => (StackDecision::Enroll, None),
            (true, false, Demand::Refusal) => {
                let line = self.named(outcome.asked.last());
                (StackDecision::Pass, Some(format!("the stack accepts the login, whatever pam_totp.so says: {line}")))
            }
            (false, false, Demand::Refusal) => (StackDecision::Refuse, None),
            (false, ..) => (StackDecision::Refuse, Some(self.refuses(&outcome))),
        }
    }

    /// Why our line is not asked.
    fn passes(&self, outcome: &LoginOutcome) -> String {
        let ours = self.stack.codes().find(|at| !outcome.reached.contains(at));
        let by = ours.and_then(|ours| self.stack.last_before(outcome, ours));
        format!("the stack does not reach pam_totp.so: {} ends it, or jumps over that line", self.named(by.as_ref()))
    }

    /// Why everything is right and they do not get in.
    fn refuses(&self, outcome: &LoginOutcome) -> String {
        let fails = |at: &&usize| {
            self.stack.line(**at).is_some_and(|line| line.control.action("ignore") != ControlAction::Ignore)
        };
        let last = self.named(outcome.reached.last());
        match (self.due, outcome.asked.iter().rfind(fails)) {
            (Demand::Nothing, Some(at)) => {
                format!("refused by the stack: {} also fails where no code is due", self.named(Some(at)))
            }
            (Demand::Nothing, None) if !outcome.asked.is_empty() => {
                format!("refused by the stack: no code is due, and no line says yes then; it ends at {last}")
            }
            _ => format!("refused by the stack: it ends at {last}, though all is right"),
        }
    }

    /// Each condition that by itself makes another decision.
    fn conditions(&self, worlds: &[World], usual: &World, decision: StackDecision) -> Vec<String> {
        let mut notes = Vec::new();
        for world in worlds {
            let mut other = self
                .variables
                .0
                .iter()
                .enumerate()
                .filter(|(number, _)| world.answer(*number) != usual.answer(*number));
            let (Some((number, variable)), None) = (other.next(), other.next()) else { continue };
            let (otherwise, _) = self.decide(world);
            if otherwise == decision {
                continue;
            }
            let who = match world.answer(number) {
                ModuleAnswer::Success => format!("who pass {}", named(&variable.line)),
                _ => format!("whom {} refuses", named(&variable.line)),
            };
            let note = format!("users {who} {}", otherwise.words());
            if !notes.contains(&note) {
                notes.push(note);
            }
        }
        notes
    }

    /// A code that need not be right.
    fn unheeded(&self, world: &World, decision: StackDecision) -> Option<String> {
        let wrong = self.stack.login(world, ModuleAnswer::Refuse);
        let is_free = decision == StackDecision::Ask && wrong.is_in();
        is_free.then(|| format!("a wrong code gets in too: {}", self.named(wrong.asked.last())))
    }

    fn named(&self, at: Option<&usize>) -> String {
        at.and_then(|at| self.stack.line(*at)).map_or_else(|| "its end".into(), named)
    }
}

impl StackDecision {
    fn words(self) -> &'static str {
        match self {
            Self::Pass => "are not asked",
            Self::Ask => "are asked",
            Self::Enroll => "enroll",
            Self::Refuse => "are refused",
        }
    }
}

/// What is enrolled at a login is stored by our account line.
fn not_stored(files: &StackFiles, service: &str, person: LoginUser) -> Option<String> {
    let mut variables = Variables::default();
    let stack = StackModel::of(files, service, Facility::Account, &mut variables);
    let worlds = person.worlds(&variables, person.directories(&variables).first().copied());
    let outcome = worlds.first().map(|world| stack.login(world, ModuleAnswer::Ignore)).unwrap_or_default();
    if !outcome.asked.is_empty() {
        return None;
    }
    let why = match stack.codes().next() {
        None => "the stack has no `account` line of pam_totp.so".to_owned(),
        Some(ours) => {
            let by = stack.last_before(&outcome, ours).and_then(|at| stack.line(at));
            format!("{} ends the account stack before pam_totp.so", by.map_or_else(|| "its end".into(), named))
        }
    };
    Some(format!("what is enrolled at this login is not stored: {why}"))
}

/// What a stack comes to once no code is due of anybody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WithoutCodes {
    /// It refuses those who have a right password; all of them, or those whom these modules know.
    Refuses(Vec<String>),
    /// It refuses everybody, for the code is all that it asks for.
    Closes,
    /// It lets everybody in, for the code is all that it asks for.
    Opens,
}

/// That of a service whose stack names us; `None` where those with a right password get in, and nobody else.
pub fn without_codes(files: &StackFiles, service: &str) -> Option<WithoutCodes> {
    let mut variables = Variables::default();
    let stack = StackModel::of(files, service, Facility::Auth, &mut variables);
    if opens(&stack, &variables) {
        return Some(WithoutCodes::Opens);
    }
    let directories = variables.0.iter().enumerate().filter(|(_, variable)| variable.role == Role::Directory);
    let mut known_by: Vec<(Option<usize>, &str)> =
        directories.map(|(number, variable)| (Some(number), variable.line.module_name())).collect();
    if known_by.is_empty() {
        known_by.push((None, ""));
    }
    let case = Logins { stack: &stack, variables: &variables, due: Demand::Nothing };
    let (mut kept, mut lost) = (false, Vec::new());
    for (own, name) in known_by {
        let person = LoginUser { is_local: LOCAL.contains(&name), has_key: false };
        let worlds = person.worlds(&variables, own);
        let Some(usual) = case.usual(&worlds).filter(|usual| stack.login(usual, ModuleAnswer::Success).is_in()) else {
            continue;
        };
        match stack.login(usual, ModuleAnswer::Ignore).is_in() {
            true => kept = true,
            false => lost.push(name.to_owned()),
        }
    }
    match () {
        () if lost.is_empty() => None,
        () if !variables.has_credentials() => Some(WithoutCodes::Closes),
        () => Some(WithoutCodes::Refuses(if kept { lost } else { Vec::new() })),
    }
}

/// Does somebody get in who has proved nothing, and only because no code is due?
fn opens(stack: &StackModel, variables: &Variables) -> bool {
    let is_condition =
        |number: &usize| variables.0.get(*number).is_some_and(|variable| matches!(variable.role, Role::Condition(_)));
    let worlds = variables.worlds();
    let mut usual = worlds.iter().filter(|world| !world.is_rightful() && !world.odd.iter().any(is_condition));
    usual.any(|world| {
        stack.login(world, ModuleAnswer::Ignore).is_in() && !stack.login(world, ModuleAnswer::Refuse).is_in()
    })
}
