//! What is wrong with a stack: each of its logins is tried in thought, and what goes wrong is said in words. Pure.

use super::arguments;
use super::files::{ChainStep, StackFiles, StepKind};
use super::line::{ControlAction, Facility, StackLine};
use super::model::{Variables, World};
use super::modules::{FACTORS, Role, is_known};
use super::problem::{Circumstances, Problem};
use super::run::ModuleAnswer;
use super::services::runs_without_root;
use super::trial::{AccountTrial, Trial, TriedLogin};
use super::words::{named, whom, written};
use crate::doctor::finding::Severity;
use crate::policy::arguments::Arguments;
use crate::policy::rules::Unenrolled;
use crate::text::clean;

/// What is wrong with one stack.
pub fn problems(files: &StackFiles, service: &str, circumstances: &Circumstances) -> Vec<Problem> {
    let auth = files.chain(service, Facility::Auth);
    let account = files.chain(service, Facility::Account);
    let mut problems: Vec<Problem> = auth.iter().chain(&account).flat_map(unreadable).collect();
    // In a stack that refuses everybody, nothing else can be told, and of one that does not name us nothing is to be.
    if problems.is_empty() && files.stack_of(service).is_some() {
        let trial = Trial::of(files, service);
        let diagnosis = Diagnosis { trial: &trial, forwards: forwards(&auth) };
        problems.extend(diagnosis.all());
        problems.extend(arguments::check(service, &trial, circumstances));
        problems.extend(of_account(files, service, &trial, circumstances));
    }
    let mut seen = Vec::new();
    problems.retain(|problem| {
        let is_new = !seen.contains(&(problem.code, problem.place.clone()));
        seen.push((problem.code, problem.place.clone()));
        is_new
    });
    problems
}

/// What libpam, or our module, refuses everybody for.
fn unreadable(step: &ChainStep) -> Vec<Problem> {
    let fault = |code, line: &StackLine, what: String| {
        vec![Problem { level: Severity::Fault, code, place: line.place(), what }]
    };
    match &step.what {
        StepKind::Substack => Vec::new(),
        StepKind::Missing(line) => {
            let name = if line.kind_word == "@include" { &line.control.text } else { &line.module };
            fault(
                "missing_include",
                line,
                format!("includes {}, which is not there: libpam refuses everybody", clean(name)),
            )
        }
        StepKind::Module(line) if !line.is_ours() => Vec::new(),
        StepKind::Module(line) if !line.has_kind() || !line.control.is_understood => {
            let word = if line.has_kind() { &line.control.text } else { &line.kind_word };
            fault(
                "bad_word",
                line,
                format!("libpam does not know the word '{}': the line refuses everybody", clean(word)),
            )
        }
        StepKind::Module(line) => match line.options() {
            Ok(_) => Vec::new(),
            Err(bad) => fault("bad_argument", line, bad.to_string()),
        },
    }
}

fn forwards(steps: &[ChainStep]) -> bool {
    let ours = steps.iter().filter_map(ChainStep::line).filter(|line| line.is_ours());
    ours.into_iter().any(|line| line.options().is_ok_and(|options| options.forward_pass))
}

fn fault(code: &'static str, place: String, what: impl Into<String>) -> Problem {
    Problem { level: Severity::Fault, code, place, what: what.into() }
}

fn warning(code: &'static str, place: String, what: impl Into<String>) -> Problem {
    Problem { level: Severity::Warning, ..fault(code, place, what) }
}

fn doubted(line: &StackLine, what: &str) -> Problem {
    let what = format!("users who pass {} {what}. What that module checks is not known here", named(line));
    warning("condition", line.place(), what)
}

/// The line of the first condition that does not hold as usual.
fn odd_line<'a>(variables: &'a Variables, world: &World) -> Option<&'a StackLine> {
    world.odd.first().and_then(|number| variables.0.get(*number)).map(|variable| &variable.line)
}

struct Diagnosis<'a> {
    trial: &'a Trial,
    /// A line of ours takes password and code in one answer.
    forwards: bool,
}

impl<'a> Diagnosis<'a> {
    fn all(&self) -> Vec<Problem> {
        if !self.trial.somebody {
            let what = "nobody gets in through this stack, whatever they type: one of its lines always refuses";
            let mut problems = vec![fault("nobody", self.first_place(), what)];
            problems.extend(self.strangers());
            return problems;
        }
        let mut problems = self.past();
        problems.extend(self.shut_out());
        problems.extend(self.ways_in());
        problems.extend(self.none_due());
        problems.extend(self.twice());
        problems.extend(self.strangers());
        problems
    }

    fn line(&self, at: usize) -> Option<&'a StackLine> {
        self.trial.stack.line(at)
    }

    fn place(&self, at: Option<usize>) -> String {
        at.and_then(|at| self.line(at)).map_or_else(|| self.first_place(), StackLine::place)
    }

    fn first_place(&self) -> String {
        self.ours().next().map(StackLine::place).unwrap_or_default()
    }

    fn ours(&self) -> impl Iterator<Item = &'a StackLine> {
        self.trial.stack.steps.iter().filter_map(ChainStep::line).filter(|line| line.is_ours())
    }

    /// Right passwords that never come to our line.
    fn past(&self) -> Vec<Problem> {
        let trial = self.trial;
        if !trial.asks && self.forwards {
            return Vec::new();
        }
        let found = trial.past.iter().map(|(by, case)| {
            let by_line = by.and_then(|at| self.line(at));
            let by = by_line.map_or(String::new(), named);
            let odd = whom(&trial.variables, &case.world);
            match (trial.asks, odd.is_empty()) {
                (false, true) => fault(
                    "unreachable",
                    self.first_place(),
                    format!("never reached: after a right password {by} ends the stack, so nobody is asked for a code"),
                ),
                (false, false) => fault(
                    "unreachable",
                    self.first_place(),
                    format!("never reached: only users {odd} get in, and they are not asked for a code"),
                ),
                (true, true) if by_line.is_some_and(is_directory) => fault(
                    "sufficient_before",
                    self.first_place(),
                    format!("skipped for some: users whom {by} knows are not asked for a code"),
                ),
                (true, true) => fault(
                    "sufficient_before",
                    self.first_place(),
                    format!("skipped for some: users who come to {by} are not asked for a code"),
                ),
                (true, false) => self.condition(case, "are not asked for a code"),
            }
        });
        found.collect()
    }

    /// What depends on something that holds for some.
    fn condition(&self, case: &TriedLogin, what: &str) -> Problem {
        let line = odd_line(&self.trial.variables, &case.world);
        let place = line.map_or_else(|| self.first_place(), StackLine::place);
        let unknown = line.is_some_and(|line| !is_known(line) && !FACTORS.contains(&line.module_name()));
        let then = match unknown {
            true => ". What that module checks is not known here",
            false if line.is_some_and(|line| FACTORS.contains(&line.module_name())) => "",
            false => {
                ". If that is intended, write an [[exempt]] rule instead: the log and `policy explain` know of those"
            }
        };
        warning("condition", place, format!("users {} {what}{then}", whom(&self.trial.variables, &case.world)))
    }

    /// Whom our lines keep out, though everything is right.
    fn shut_out(&self) -> Option<Problem> {
        let case = self.trial.shut_out.as_ref()?;
        let names: Vec<String> = self.knowing(&case.world).map(|line| clean(line.module_name())).collect();
        let who = match names.as_slice() {
            [] => format!("users {}", whom(&self.trial.variables, &case.world)),
            names if case.world.odd.is_empty() => format!("users whom {} knows", names.join(" and ")),
            names => {
                format!("users whom {} knows and {}", names.join(" and "), whom(&self.trial.variables, &case.world))
            }
        };
        let last = case.outcome.reached.last().and_then(|at| self.line(*at)).map_or(String::new(), named);
        let what = format!(
            "keeps out {who}, even with the right password and code: they end at {last}. Without this line they get in"
        );
        Some(fault("shut_out", self.first_place(), what))
    }

    /// The lines by which a user is known here.
    fn knowing(&self, world: &World) -> impl Iterator<Item = &'a StackLine> {
        let known = self.trial.variables.0.iter().enumerate();
        let known = known.filter(|(number, variable)| {
            variable.role == Role::Directory && world.answer(*number) == ModuleAnswer::Success
        });
        known.map(|(_, variable)| &variable.line).collect::<Vec<_>>().into_iter()
    }

    /// What lets somebody in who should not get in.
    fn ways_in(&self) -> Vec<Problem> {
        let trial = self.trial;
        let mut problems = Vec::new();
        let asked = |case: &TriedLogin| case.outcome.asked.first().and_then(|at| self.line(*at));
        let plain = |case: &&TriedLogin| case.world.odd.is_empty();
        let has = trial.has_credentials();
        let wrong = trial.wrong_code.as_ref().and_then(asked);
        let by_code = trial.code_alone.as_ref().filter(plain).and_then(asked).filter(|_| has);
        let is_sufficient = |line: &StackLine| line.control.action("success") == ControlAction::Done;
        let enough = "a right code alone, or a right password alone, is enough";
        problems.extend(wrong.map(|line| match is_sufficient(line) {
            true => fault("sufficient", line.place(), enough),
            false => fault("optional", line.place(), "a wrong code is accepted"),
        }));
        let doubt = trial.code_alone.as_ref().and_then(|case| self.doubtful(case));
        problems.extend(by_code.map(|line| match (is_sufficient(line), doubt) {
            (true, _) => fault("sufficient", line.place(), enough),
            (false, Some(unknown)) => doubted(unknown, "need only a code, and no other password"),
            (false, None) => fault(
                "password_optional",
                line.place(),
                "a right code is enough, whatever the password \
                is",
            ),
        }));
        problems.extend(trial.nothing.as_ref().filter(plain).map(|case| match self.doubtful(case) {
            Some(unknown) => doubted(unknown, "need no other password"),
            None => self.open(case),
        }));
        let by_key = |line: &&StackLine| line.options().is_ok_and(|options| options.after_publickey);
        let alone = trial.code_alone.as_ref().and_then(asked).filter(|line| !has && !by_key(line));
        problems.extend(alone.map(|_| {
            let what = match doubt {
                Some(unknown) => format!(
                    "no module that is known here checks a password: unless {} does, anybody who holds the phone \
                     gets in",
                    named(unknown)
                ),
                None => "nothing but the code is asked for: anybody who holds the phone gets in".to_owned(),
            };
            warning("code_alone", self.first_place(), what)
        }));
        let odd = |case: &&TriedLogin| !case.world.odd.is_empty();
        let code = trial.code_alone.as_ref().filter(odd).filter(|_| has);
        problems.extend(code.map(|case| self.condition(case, "need only a code, and no password")));
        let nothing = trial.nothing.as_ref().filter(odd);
        problems.extend(nothing.map(|case| self.condition(case, "need no password")));
        problems
    }

    /// A module that had to say yes there, and may well be one that checks a password.
    fn doubtful(&self, case: &TriedLogin) -> Option<&'a StackLine> {
        let variables = &self.trial.variables;
        let said_yes = |line: &&StackLine| variables.answer_of(line, &case.world) == Some(ModuleAnswer::Success);
        let lines = case.outcome.reached.iter().filter_map(|at| self.line(*at));
        lines.into_iter().filter(|line| !is_known(line)).find(said_yes)
    }

    fn open(&self, case: &TriedLogin) -> Problem {
        let permit = |at: &usize| self.line(*at).is_some_and(|line| line.module_name() == "pam_permit.so");
        let place = self.place(case.outcome.reached.iter().copied().find(permit));
        let root = case.outcome.reached.iter().filter_map(|at| self.line(*at));
        match root.into_iter().find(|line| line.module_name() == "pam_rootok.so") {
            Some(line) => {
                let what = "this program asks PAM as root, so pam_rootok.so accepts everybody without any credential";
                fault("permit", line.place(), what)
            }
            None => {
                let what = "users who need no code get in without any credential: no password has to be right here";
                fault("permit", place, what)
            }
        }
    }

    /// Whom a stack refuses once no code is due.
    fn none_due(&self) -> Option<Problem> {
        let case = self.trial.none_due.as_ref()?;
        let ends = |at: &usize| self.line(*at).filter(|line| line.is_ours());
        let line = case.outcome.asked.iter().rev().find_map(ends);
        let fails = line.filter(|line| !matches!(line.control.action("ignore"), ControlAction::Ignore));
        let why = match fails {
            Some(line) => format!("`{}` also fails where no code is due", written(&line.control)),
            None => "where no code is due, no line accepts the password".to_owned(),
        };
        let what = format!(
            "{why}: users who are exempt or do not have to enroll are refused, and everybody is once the policy is off"
        );
        Some(fault("no_code_due", line.map_or_else(|| self.first_place(), StackLine::place), what))
    }

    fn twice(&self) -> Option<Problem> {
        let second = self.trial.twice.as_ref()?.outcome.asked.get(1).copied();
        let what = "asks a second time in one login: the code that the first line used up is refused here";
        Some(fault("asked_twice", self.place(second), what))
    }

    /// Whose code is looked at though nothing was right before.
    fn strangers(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        for (at, case) in &self.trial.strangers {
            let Some((line, options)) = self.line(*at).and_then(|line| Some((line, line.options().ok()?))) else {
                continue;
            };
            let (code, learns) = match options {
                Arguments { after_publickey: true, .. } => continue,
                Arguments { explain: true, .. } => ("explain", ", and learns from `explain` who is enrolled"),
                _ if !self.trial.has_credentials() => continue,
                _ => ("strangers", ""),
            };
            problems.push(warning(code, line.place(), self.for_strangers(case, *at, learns)));
        }
        problems
    }

    /// Why codes of strangers are looked at, and what to do about it.
    fn for_strangers(&self, case: &TriedLogin, ours: usize, learns: &str) -> String {
        let level = |at: usize| self.trial.stack.steps.get(at).map_or(0, |step| step.level);
        let is_credential = |at: &usize| self.line(*at).is_some_and(super::modules::is_credential);
        let failed = case.outcome.reached.iter().copied().filter(|at| *at < ours).rfind(is_credential);
        let ends = |at: usize| self.line(at).is_some_and(|line| line.control.action("success") == ControlAction::Done);
        let ends = (0..self.trial.stack.steps.len()).filter(is_credential).any(ends);
        let then = match failed {
            None => "Put it behind the password",
            // Included, a right password too would end the stack before our line.
            Some(at) if level(at) > level(ours) && ends => "Put it where a wrong password ends the stack",
            Some(at) if level(at) > level(ours) => {
                "Use `include` instead of `substack`, so that a wrong password ends the stack"
            }
            Some(_) => "Use `requisite` for the password, so that a wrong one ends the stack",
        };
        let when = if failed.is_some() { "after a wrong password too" } else { "before the password" };
        format!("asks for a code {when}: a stranger who knows a user's name can make that user wait{learns}. {then}")
    }
}

fn is_directory(line: &StackLine) -> bool {
    super::modules::is_password(line)
}

/// Where users enroll at the login, the account line stores it; and it keeps nobody out.
fn of_account(files: &StackFiles, service: &str, auth: &Trial, circumstances: &Circumstances) -> Vec<Problem> {
    let trial = AccountTrial::of(files, service);
    let ours = trial.stack.codes().next().and_then(|at| trial.stack.line(at));
    let mut problems = Vec::new();
    if let Some(line) = ours.filter(|_| trial.shuts_out) {
        let what = "the account stack refuses users because of this line, which says nothing about accounts";
        problems.push(fault("shut_out", line.place(), what));
    }
    let lines = auth.stack.steps.iter().filter_map(ChainStep::line).filter(|line| line.is_ours());
    let one_field =
        lines.clone().any(|line| line.options().is_ok_and(|options| options.forward_pass || options.use_first_pass));
    let Some((by, case)) = trial.past.as_ref().filter(|_| !one_field && !runs_without_root(service)) else {
        return problems;
    };
    let enrolls = circumstances.enabled && circumstances.unenrolled == Some(Unenrolled::Enroll);
    let first = lines.map(StackLine::place).next().unwrap_or_default();
    match ours {
        None if enrolls => {
            let what = "no `account` line of pam_totp.so: what users enroll at a login is never stored";
            problems.push(fault("no_account", first, what));
        }
        None => {}
        Some(line) => {
            let ender = by.and_then(|at| trial.stack.line(at)).map_or(String::new(), named);
            let odd = whom(&trial.variables, &case.world);
            let who = if odd.is_empty() { String::new() } else { format!(" for users {odd}") };
            let what = format!(
                "put it before the other account lines: {ender} may end the account stack before it{who}, and then \
                 what users enroll at a login is not stored"
            );
            let level = if enrolls { Severity::Fault } else { Severity::Note };
            problems.push(Problem { level, ..fault("no_account", line.place(), what) });
        }
    }
    problems
}
