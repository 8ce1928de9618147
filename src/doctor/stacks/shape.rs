//! How a stack asks. Pure.

use super::files::{ChainStep, StackFiles};
use super::line::Facility;
use crate::policy::arguments::Arguments;

/// How a stack asks, which sshd has to go with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StackShape {
    /// One question after the other.
    Questions,
    /// Password and code in one answer.
    OneField,
    /// The code alone, behind a key.
    Key,
}

impl StackShape {
    /// For programs.
    pub fn word(self) -> &'static str {
        match self {
            Self::Questions => "questions",
            Self::OneField => "one_field",
            Self::Key => "key",
        }
    }
}

/// That of a service; `None` where it does not name us.
pub fn shape(files: &StackFiles, service: &str) -> Option<StackShape> {
    let steps = files.chain(service, Facility::Auth);
    let ours: Vec<Arguments> = steps
        .iter()
        .filter_map(ChainStep::line)
        .filter(|line| line.is_ours())
        .filter_map(|line| line.options().ok())
        .collect();
    match () {
        () if ours.is_empty() => None,
        () if ours.iter().any(|options| options.forward_pass) => Some(StackShape::OneField),
        () if ours.iter().any(|options| options.after_publickey) => Some(StackShape::Key),
        () => Some(StackShape::Questions),
    }
}
