//! The ways in which logins go through a stack: each one what its modules answered, and what libpam made of it.

use super::code::{self, AUTH_ERR, IGNORE, NEW_AUTHTOK_REQD, SUCCESS};
use super::explorer::Question;
use super::modules::{Part, Role};
use std::rc::Rc;

/// One of a stack's modules was asked.
#[derive(Clone, Debug)]
pub struct Step {
    pub question: Rc<Question>,
    pub answer: i32,
    /// Ours, which refuses without a key.
    pub is_shut: bool,
}

/// How it is with one of the things that a login depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Fact {
    variable: usize,
    /// Which of its answers it gave.
    state: usize,
    /// It is a password, or something else that proves who somebody is; and it is right.
    proof: Option<bool>,
}

impl Fact {
    fn is_usual(&self) -> bool {
        self.proof.is_some() || self.state == 0
    }

    fn differs(&self, way: &Way) -> bool {
        way.facts.iter().any(|theirs| theirs.variable == self.variable && theirs.state != self.state)
    }
}

/// One way through a stack. What it did not ask for may be so or so: a way stands for all logins that go like this.
#[derive(Clone, Debug)]
pub struct Way {
    pub told: i32,
    pub steps: Vec<Step>,
    /// What our line said of the code, where it was asked.
    pub code: Option<i32>,
    facts: Vec<Fact>,
}

impl Way {
    pub fn new(told: i32) -> Self {
        Self { told, steps: Vec::new(), code: None, facts: Vec::new() }
    }

    pub fn answers(&mut self, variable: usize, part: &Part, answer: i32) {
        let is_proof = matches!(part.role, Role::Directory | Role::Factor);
        let state = part.answers.iter().position(|known| *known == answer).expect("one of its answers");
        match part.role {
            Role::Code => self.code = Some(answer),
            _ => self.learn(Fact { variable, state, proof: is_proof.then_some(answer == SUCCESS) }),
        }
    }

    pub fn shows_key(&mut self, variable: usize, shows: bool) {
        self.learn(Fact { variable, state: usize::from(shows), proof: Some(shows) });
    }

    fn learn(&mut self, fact: Fact) {
        if self.facts.iter().all(|known| known.variable != fact.variable) {
            self.facts.push(fact);
        }
    }

    pub fn is_in(&self) -> bool {
        self.told == SUCCESS
    }

    /// The login goes on, be it with a new password.
    pub fn is_well(&self) -> bool {
        [SUCCESS, NEW_AUTHTOK_REQD].contains(&self.told)
    }

    /// How often our line looked at the code.
    pub fn asked(&self) -> usize {
        self.steps.iter().filter(|step| step.question.part.role == Role::Code && !step.is_shut).count()
    }

    pub fn code_is(&self, answer: i32) -> bool {
        self.code == Some(answer)
    }

    /// Somebody proved who they are: by a password or something else that is right.
    pub fn has_proof(&self) -> bool {
        self.facts.iter().any(|fact| fact.proof == Some(true))
    }

    /// One login can go both ways, but for the code.
    pub fn goes_with(&self, other: &Way) -> bool {
        !self.facts.iter().any(|fact| fact.differs(other))
    }

    /// The same, but for the code and for what is right.
    pub fn goes_as(&self, other: &Way) -> bool {
        !self.facts.iter().any(|fact| fact.proof.is_none() && fact.differs(other))
    }

    /// What it asks and the other one did not is no condition that refuses.
    pub fn asks_nothing_unusual_beside(&self, other: &Way) -> bool {
        let is_new = |fact: &&Fact| other.facts.iter().all(|theirs| theirs.variable != fact.variable);
        self.facts.iter().filter(is_new).all(Fact::is_usual)
    }

    /// Each condition is as it usually is.
    pub fn is_usual(&self) -> bool {
        self.facts.iter().all(Fact::is_usual)
    }

    pub fn print(&self) -> String {
        let mut words: Vec<String> = Vec::new();
        for step in &self.steps {
            let said = match (step.question.part.role, step.answer) {
                _ if step.is_shut => "no key".to_owned(),
                (Role::Code, SUCCESS) => "right code".to_owned(),
                (Role::Code, AUTH_ERR) => "wrong code".to_owned(),
                (Role::Code, IGNORE) => "none due".to_owned(),
                (_, answer) => code::name(answer),
            };
            words.push(format!("{} = {said}", step.question.line));
        }
        format!("{} -> {}", words.join(", "), code::name(self.told))
    }
}

/// All of them.
#[derive(Clone, Debug, Default)]
pub struct Ways(pub Vec<Way>);

impl Ways {
    /// What may prove who somebody is, as variables.
    pub fn proofs(&self) -> Vec<usize> {
        let facts = self.0.iter().flat_map(|way| &way.facts);
        let mut proofs: Vec<usize> = facts.filter(|fact| fact.proof.is_some()).map(|fact| fact.variable).collect();
        proofs.sort_unstable();
        proofs.dedup();
        proofs
    }
}

/// Is there a login that goes all of these ways, and in which something is right?
pub fn can_be_rightful(ways: &[&Way], proofs: &[usize]) -> bool {
    let facts = || ways.iter().flat_map(|way| &way.facts);
    let is_open = |proof: &usize| facts().all(|fact| fact.variable != *proof);
    ways.iter().any(|way| way.has_proof()) || proofs.iter().any(is_open)
}
