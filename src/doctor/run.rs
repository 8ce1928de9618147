//! What libpam does with a chain when its modules answer so and so. Pure.

use super::stacks::{Action, Line, Step, What};

/// What a module answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// PAM_SUCCESS
    Success,
    /// PAM_IGNORE
    Ignore,
    /// PAM_AUTH_ERR
    Refuse,
    /// PAM_USER_UNKNOWN
    Unknown,
}

impl Answer {
    /// As it is called in brackets.
    fn name(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Ignore => "ignore",
            Self::Refuse => "auth_err",
            Self::Unknown => "user_unknown",
        }
    }
}

/// How a run ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Run {
    /// The modules that were asked, as places in the chain.
    pub reached: Vec<usize>,
    /// Did the whole succeed?
    pub succeeds: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Impression {
    None,
    Good(Answer),
    Bad,
}

/// Runs a chain.
pub fn run(steps: &[Step], answer: impl Fn(usize, &Line) -> Answer) -> Run {
    let (mut at, mut impression, mut result) = (0_usize, Impression::None, Run::default());
    // The impression on entering each substack.
    let mut entered: Vec<Impression> = Vec::new();
    while let Some(step) = steps.get(at) {
        entered.truncate(step.level.saturating_add(1));
        entered.resize(step.level.saturating_add(1), impression);
        let next = at.saturating_add(1);
        let line = match &step.what {
            What::Substack => {
                at = next;
                continue;
            }
            What::Missing(_) => {
                impression = Impression::Bad;
                at = next;
                continue;
            }
            What::Module(line) => line,
        };
        result.reached.push(at);
        let answer = answer(at, line);
        let understood = line.control.is_understood && line.has_kind();
        let action = if understood { line.control.action(answer.name()) } else { Action::Bad };
        match action {
            Action::Ignore => {}
            Action::Reset => impression = entered.get(step.level).copied().unwrap_or(Impression::None),
            Action::Ok | Action::Done => {
                if matches!(impression, Impression::None | Impression::Good(Answer::Success)) {
                    impression = Impression::Good(answer);
                }
            }
            Action::Bad | Action::Die => impression = Impression::Bad,
            Action::Jump(_) => {}
        }
        at = match action {
            Action::Die => end_of(steps, at),
            Action::Done if matches!(impression, Impression::Good(_)) => end_of(steps, at),
            Action::Jump(count) => match skip(steps, at, count) {
                Some(target) => target,
                // Further than there are lines: libpam fails.
                None => {
                    impression = Impression::Bad;
                    end_of(steps, at)
                }
            },
            _ => next,
        };
    }
    result.succeeds = impression == Impression::Good(Answer::Success);
    result
}

/// Behind the stack that this step is in.
fn end_of(steps: &[Step], at: usize) -> usize {
    let level = steps.get(at).map_or(0, |step| step.level);
    let inside = |step: &&Step| step.level >= level;
    at.saturating_add(steps.iter().skip(at).take_while(inside).count())
}

/// The step that a jump over `count` lines leads to; a substack is one of them.
fn skip(steps: &[Step], at: usize, count: usize) -> Option<usize> {
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
pub fn distance(steps: &[Step], from: usize, to: usize) -> Option<usize> {
    (0..=steps.len()).find(|count| skip(steps, from, *count) == Some(to))
}

#[cfg(test)]
mod tests {
    use super::super::stacks::{Files, Kind};
    use super::*;

    /// The modules that are reached, where those in `right` succeed, and whether all succeeds.
    fn outcome(text: &str, right: &[&str]) -> (String, bool) {
        let mut files = Files::default();
        files.add("x", "/etc/pam.d/x", text);
        let inner = "auth [success=1 default=ignore] in.so\nauth requisite pam_deny.so\nauth required pam_permit.so\n";
        files.add("inner", "/etc/pam.d/inner", inner);
        let steps = files.chain("x", Kind::Auth);
        let run = run(&steps, |_, line| {
            let right = line.module == "pam_permit.so" || right.contains(&line.module.as_str());
            if right { Answer::Success } else { Answer::Refuse }
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
