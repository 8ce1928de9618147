//! What libpam does with a chain when its modules answer so and so. Pure.

use super::files::{ChainStep, StepKind};
use super::line::{ControlAction, StackLine};

/// What a module answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ModuleAnswer {
    /// PAM_SUCCESS
    Success,
    /// PAM_IGNORE
    Ignore,
    /// PAM_AUTH_ERR
    Refuse,
    /// PAM_PERM_DENIED
    Denied,
    /// PAM_USER_UNKNOWN
    Unknown,
    /// PAM_AUTHINFO_UNAVAIL
    Unavailable,
    /// PAM_NEW_AUTHTOK_REQD
    NewPassword,
}

/// Each of them, in the order of a line's effects.
const ANSWERS: [ModuleAnswer; 7] = [
    ModuleAnswer::Success,
    ModuleAnswer::Ignore,
    ModuleAnswer::Refuse,
    ModuleAnswer::Denied,
    ModuleAnswer::Unknown,
    ModuleAnswer::Unavailable,
    ModuleAnswer::NewPassword,
];

impl ModuleAnswer {
    /// As it is called in brackets.
    pub fn name(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Ignore => "ignore",
            Self::Refuse => "auth_err",
            Self::Denied => "perm_denied",
            Self::Unknown => "user_unknown",
            Self::Unavailable => "authinfo_unavail",
            Self::NewPassword => "new_authtok_reqd",
        }
    }
}

/// What comes of an answer at a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// As if the line were not there.
    Ignore,
    /// Counts, unless something failed before.
    Ok,
    /// The same, and then on at that step, the end of this stack.
    Done(usize),
    /// Fails.
    Bad,
    /// Fails, and on at the end of this stack.
    Die(usize),
    /// Forgets what was in this stack.
    Reset,
    /// On at that step.
    Goto(usize),
}

/// A chain, made ready to be run often.
#[derive(Clone, Debug)]
pub struct Chain(Vec<Prepared>);

#[derive(Clone, Debug)]
struct Prepared {
    level: usize,
    is: Is,
}

#[derive(Clone, Debug)]
enum Is {
    Module([Effect; ANSWERS.len()]),
    Substack,
    Missing,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Impression {
    None,
    Good(ModuleAnswer),
    Bad,
}

impl Chain {
    /// Works out where each answer of each step leads.
    pub fn new(steps: &[ChainStep]) -> Self {
        let prepared = steps.iter().enumerate().map(|(at, step)| {
            let is = match &step.what {
                StepKind::Substack => Is::Substack,
                StepKind::Missing(_) => Is::Missing,
                StepKind::Module(line) => Is::Module(ANSWERS.map(|answer| effect(steps, at, line, answer))),
            };
            Prepared { level: step.level, is }
        });
        Self(prepared.collect())
    }

    /// What comes of an answer at a step; `None` where no module is asked.
    pub fn effect(&self, at: usize, answer: ModuleAnswer) -> Option<Effect> {
        let Is::Module(effects) = &self.0.get(at)?.is else { return None };
        let number = ANSWERS.iter().position(|known| *known == answer)?;
        effects.get(number).copied()
    }

    /// May the stack end well here, or go on elsewhere than at the next step?
    pub fn goes_elsewhere(&self, at: usize) -> bool {
        let next = at.saturating_add(1);
        let effects = ANSWERS.into_iter().filter_map(|answer| self.effect(at, answer));
        effects.into_iter().any(|effect| matches!(effect, Effect::Done(to) | Effect::Goto(to) if to != next))
    }

    /// Runs it: what libpam tells the application, `None` for a refusal.
    pub fn run(&self, mut ask: impl FnMut(usize) -> ModuleAnswer) -> Option<ModuleAnswer> {
        let (mut at, mut impression) = (0_usize, Impression::None);
        // The impression on entering each substack.
        let mut entered: Vec<Impression> = Vec::with_capacity(4);
        while let Some(step) = self.0.get(at) {
            let depth = step.level.saturating_add(1);
            entered.truncate(depth);
            entered.resize(depth, impression);
            let next = at.saturating_add(1);
            let effect = match step.is {
                Is::Substack => Effect::Ignore,
                Is::Missing => Effect::Bad,
                Is::Module(_) => {
                    let answer = ask(at);
                    let effect = self.effect(at, answer).unwrap_or(Effect::Bad);
                    let counts = matches!(impression, Impression::None | Impression::Good(ModuleAnswer::Success));
                    if counts && matches!(effect, Effect::Ok | Effect::Done(_)) {
                        impression = Impression::Good(answer);
                    }
                    effect
                }
            };
            at = match effect {
                Effect::Done(end) if matches!(impression, Impression::Good(_)) => end,
                Effect::Ignore | Effect::Ok | Effect::Done(_) => next,
                Effect::Bad | Effect::Die(_) => {
                    impression = Impression::Bad;
                    if let Effect::Die(end) = effect { end } else { next }
                }
                Effect::Reset => {
                    impression = entered.get(step.level).copied().unwrap_or(Impression::None);
                    next
                }
                Effect::Goto(target) => target,
            };
        }
        match impression {
            Impression::Good(answer) => Some(answer),
            Impression::None | Impression::Bad => None,
        }
    }
}

fn effect(steps: &[ChainStep], at: usize, line: &StackLine, answer: ModuleAnswer) -> Effect {
    if !line.control.is_understood || !line.has_kind() {
        return Effect::Bad;
    }
    match line.control.action(answer.name()) {
        ControlAction::Ignore => Effect::Ignore,
        ControlAction::Ok => Effect::Ok,
        ControlAction::Done => Effect::Done(end_of(steps, at)),
        ControlAction::Bad => Effect::Bad,
        ControlAction::Die => Effect::Die(end_of(steps, at)),
        ControlAction::Reset => Effect::Reset,
        // Further than there are lines: libpam fails.
        ControlAction::Jump(count) => {
            skip(steps, at, count).map_or_else(|| Effect::Die(end_of(steps, at)), Effect::Goto)
        }
    }
}

/// How a run ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChainRun {
    /// The modules that were asked, as places in the chain.
    pub reached: Vec<usize>,
    /// Did the whole succeed?
    pub succeeds: bool,
}

/// Runs a chain once.
pub fn run(steps: &[ChainStep], answer: impl Fn(usize, &StackLine) -> ModuleAnswer) -> ChainRun {
    let mut reached = Vec::new();
    let told = Chain::new(steps).run(|at| {
        reached.push(at);
        steps.get(at).and_then(ChainStep::line).map_or(ModuleAnswer::Refuse, |line| answer(at, line))
    });
    ChainRun { reached, succeeds: told == Some(ModuleAnswer::Success) }
}

/// Behind the stack that this step is in.
fn end_of(steps: &[ChainStep], at: usize) -> usize {
    let level = steps.get(at).map_or(0, |step| step.level);
    let inside = |step: &&ChainStep| step.level >= level;
    at.saturating_add(steps.iter().skip(at).take_while(inside).count())
}

/// The step that a jump over `count` lines leads to; a substack is one of them.
fn skip(steps: &[ChainStep], at: usize, count: usize) -> Option<usize> {
    let level = steps.get(at)?.level;
    let mut target = at.saturating_add(1);
    for _ in 0..count {
        steps.get(target).filter(|step| step.level >= level)?;
        target = target.saturating_add(1);
        while steps.get(target).is_some_and(|step| step.level > level) {
            target = target.saturating_add(1);
        }
    }
    Some(target)
}

/// Behind a line of this chain, how many lines of its own stack come before another one; for a jump.
pub fn distance(steps: &[ChainStep], from: usize, to: usize) -> Option<usize> {
    (0..=steps.len()).find(|count| skip(steps, from, *count) == Some(to))
}

#[cfg(test)]
mod tests {
    use super::super::files::StackFiles;
    use super::super::line::Facility;
    use super::*;

    /// The modules that are reached, where those in `right` succeed, and whether all succeeds.
    fn outcome(text: &str, right: &[&str]) -> (String, bool) {
        let mut files = StackFiles::default();
        files.add("x", "/etc/pam.d/x", text);
        let inner = "auth [success=1 default=ignore] in.so\nauth requisite pam_deny.so\nauth required pam_permit.so\n";
        files.add("inner", "/etc/pam.d/inner", inner);
        let steps = files.chain("x", Facility::Auth);
        let run = run(&steps, |_, line| {
            let right = line.module == "pam_permit.so" || right.contains(&line.module.as_str());
            if right { ModuleAnswer::Success } else { ModuleAnswer::Refuse }
        });
        let names = run.reached.iter().filter_map(|at| Some(steps.get(*at)?.line()?.module.clone()));
        (names.collect::<Vec<_>>().join(" "), run.succeeds)
    }

    #[test]
    fn a_run_ends_as_in_libpam() {
        let deny = "pam_deny.so";
        let cases = [
            ("auth sufficient a.so\nauth required b.so\n", "a.so", "a.so", true),
            ("auth sufficient a.so\nauth required b.so\n", "b.so", "a.so b.so", true),
            ("auth optional a.so\nauth required b.so\n", "b.so", "a.so b.so", true),
            ("auth requisite a.so\nauth required b.so\n", "b.so", "a.so", false),
            ("auth required a.so\nauth sufficient b.so\nauth required c.so\n", "b.so", "a.so b.so c.so", false),
            ("auth substack inner\nauth required b.so\n", "in.so b.so", "in.so pam_permit.so b.so", true),
            ("auth substack inner\nauth required b.so\n", "b.so", "in.so pam_deny.so b.so", false),
            ("auth include inner\nauth required b.so\n", "b.so", "in.so pam_deny.so", false),
            (
                "auth [success=1 default=ignore] a.so\nauth substack inner\nauth required b.so\n",
                "a.so b.so",
                "a.so b.so",
                true,
            ),
            ("auth [success=3 default=ignore] a.so\nauth required b.so\n", "a.so b.so", "a.so", false),
            ("auth [success=ok default=reset] a.so\nauth required b.so\n", "b.so", "a.so b.so", true),
            ("auth requird a.so\nauth required b.so\n", "a.so b.so", "a.so b.so", false),
            ("auth optional a.so\n", "", "a.so", false),
        ];
        for (text, right, reached, succeeds) in cases {
            let right: Vec<&str> = right.split(' ').filter(|name| *name != deny).collect();
            assert_eq!(outcome(text, &right), (reached.to_owned(), succeeds), "{text}");
        }
    }
}
