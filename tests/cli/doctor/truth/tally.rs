//! Where the doctor and libpam differ, counted and printed.

use super::fixes::Pasted;
use super::places::Stack;
use super::truths::Wrong;
use pam_totp::doctor::stacks::problem::Problem;
use std::collections::BTreeMap;

/// So many examples of each kind are kept.
const EXAMPLES: usize = 3;

/// What was counted.
#[derive(Debug, Default)]
pub struct Tally {
    pub judged: usize,
    /// Those in which the service does not come to our line.
    pub silent: usize,
    misses: BTreeMap<Wrong, Kind>,
    false_alarms: BTreeMap<&'static str, Kind>,
    /// By the finding that it was for.
    harms: BTreeMap<&'static str, Kind>,
    /// How often something was pasted.
    pub pasted: usize,
    /// Findings that are about something else than what happens to logins.
    unheld: BTreeMap<&'static str, usize>,
}

#[derive(Debug, Default)]
struct Kind {
    count: usize,
    examples: Vec<String>,
}

impl Kind {
    fn add(&mut self, example: impl FnOnce() -> String) {
        self.count += 1;
        if self.examples.len() < EXAMPLES {
            self.examples.push(example());
        }
    }

    fn and(&mut self, other: Kind) {
        self.count += other.count;
        self.examples.extend(other.examples);
        self.examples.truncate(EXAMPLES);
    }
}

fn said(problems: &[Problem]) -> String {
    problems
        .iter()
        .map(|problem| format!("    {:?} {} {}: {}\n", problem.level, problem.code, problem.place, problem.what))
        .collect()
}

impl Tally {
    pub fn missed(&mut self, wrong: Wrong, stack: &Stack, example: &str, found: &[Problem]) {
        let text = || format!("{}  libpam: {example}\n  doctor:\n{}", stack.print(), said(found));
        self.misses.entry(wrong).or_default().add(text);
    }

    pub fn false_alarm(&mut self, problem: &Problem, stack: &Stack) {
        let text = || format!("{}  doctor:\n{}", stack.print(), said(std::slice::from_ref(problem)));
        self.false_alarms.entry(problem.code).or_default().add(text);
    }

    pub fn pasted(&mut self, stack: &Stack, pasted: &Pasted) {
        self.pasted += 1;
        if let Some(harm) = &pasted.harm {
            let after = Stack { texts: pasted.texts.clone(), ..stack.clone() };
            let lines = pasted.lines.join("\n    ");
            let text = || format!("{}  pasted:\n    {lines}\n{}  {harm}", stack.print(), after.print());
            self.harms.entry(pasted.code).or_default().add(text);
        }
    }

    pub fn unheld(&mut self, code: &'static str) {
        *self.unheld.entry(code).or_default() += 1;
    }

    /// Both together.
    pub fn and(mut self, other: Self) -> Self {
        self.judged += other.judged;
        self.silent += other.silent;
        other.misses.into_iter().for_each(|(wrong, kind)| self.misses.entry(wrong).or_default().and(kind));
        other.false_alarms.into_iter().for_each(|(code, kind)| self.false_alarms.entry(code).or_default().and(kind));
        self.pasted += other.pasted;
        other.harms.into_iter().for_each(|(code, kind)| self.harms.entry(code).or_default().and(kind));
        other.unheld.into_iter().for_each(|(code, count)| *self.unheld.entry(code).or_default() += count);
        self
    }

    /// What may not be at all: somebody is wronged and nothing is said, or is wronged by what is said.
    pub fn bad(&self) -> Vec<String> {
        let misses = self.misses.iter().map(|(wrong, kind)| format!("missed {wrong:?}: {}", kind.count));
        misses.chain(self.harms.iter().map(|(code, kind)| format!("harm by {code}: {}", kind.count))).collect()
    }

    /// What is said and is not so, by the code.
    pub fn false_words(&self) -> Vec<(&'static str, usize)> {
        self.false_alarms.iter().map(|(code, kind)| (*code, kind.count)).collect()
    }

    pub fn print(&self) {
        println!("{} stacks judged, {} without us; {} times lines were pasted", self.judged, self.silent, self.pasted);
        for (wrong, kind) in &self.misses {
            println!("MISSED {wrong:?}: {}", kind.count);
        }
        for (code, kind) in &self.false_alarms {
            println!("FALSE ALARM {code}: {}", kind.count);
        }
        for (code, kind) in &self.harms {
            println!("HARM {code}: {}", kind.count);
        }
        for (code, count) in &self.unheld {
            println!("not held against libpam: {code}: {count}");
        }
        for (wrong, kind) in &self.misses {
            kind.examples.iter().for_each(|example| println!("\nMISSED {wrong:?}: {example}"));
        }
        for (code, kind) in &self.false_alarms {
            kind.examples.iter().for_each(|example| println!("\nFALSE ALARM {code}: {example}"));
        }
        for (code, kind) in &self.harms {
            kind.examples.iter().for_each(|example| println!("\nHARM {code}: {example}"));
        }
    }
}
