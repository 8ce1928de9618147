//! How a stack asks. Pure.

use super::files::{Files, Step};
use super::line::Kind;
use crate::policy::arguments::Options;

/// How a stack asks, which sshd has to go with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// One question after the other.
    Questions,
    /// Password and code in one answer.
    OneField,
    /// The code alone, behind a key.
    Key,
}

/// That of a service; `None` where it does not name us.
pub fn shape(files: &Files, service: &str) -> Option<Shape> {
    let steps = files.chain(service, Kind::Auth);
    let ours: Vec<Options> = steps
        .iter()
        .filter_map(Step::line)
        .filter(|line| line.is_ours())
        .filter_map(|line| line.options().ok())
        .collect();
    match () {
        () if ours.is_empty() => None,
        () if ours.iter().any(|options| options.forward_pass) => Some(Shape::OneField),
        () if ours.iter().any(|options| options.after_publickey) => Some(Shape::Key),
        () => Some(Shape::Questions),
    }
}
