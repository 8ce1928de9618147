//! Where the doctor and libpam differ, counted and printed.

use super::places::Stack;
use super::truths::Wrong;
use pam_totp::doctor::diagnose::Ill;
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

fn said(ills: &[Ill]) -> String {
    ills.iter().map(|ill| format!("    {:?} {} {}: {}\n", ill.level, ill.code, ill.place, ill.what)).collect()
}

impl Tally {
    pub fn missed(&mut self, wrong: Wrong, stack: &Stack, example: &str, found: &[Ill]) {
        let text = || format!("{}  libpam: {example}\n  doctor:\n{}", stack.print(), said(found));
        self.misses.entry(wrong).or_default().add(text);
    }

    pub fn false_alarm(&mut self, ill: &Ill, stack: &Stack) {
        let text = || format!("{}  doctor:\n{}", stack.print(), said(std::slice::from_ref(ill)));
        self.false_alarms.entry(ill.code).or_default().add(text);
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
        other.unheld.into_iter().for_each(|(code, count)| *self.unheld.entry(code).or_default() += count);
        self
    }

    pub fn print(&self) {
        println!("{} stacks judged, {} without us", self.judged, self.silent);
        for (wrong, kind) in &self.misses {
            println!("MISSED {wrong:?}: {}", kind.count);
        }
        for (code, kind) in &self.false_alarms {
            println!("FALSE ALARM {code}: {}", kind.count);
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
    }
}
