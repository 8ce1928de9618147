//! What can be wrong with a stack, and what that depends on beside its files. Pure.

use crate::doctor::finding::Level;
use crate::policy::rules::Unenrolled;

/// What the policy says, as far as it matters to stacks.
#[derive(Clone, Copy, Debug, Default)]
pub struct Circumstances {
    /// `enabled`.
    pub enabled: bool,
    /// `unenrolled`, where the policy says it.
    pub unenrolled: Option<Unenrolled>,
    /// Everybody with a login shell is enrolled.
    pub all_enrolled: bool,
    /// Somebody with a login shell is refused, or would be, for want of one.
    pub refuses: bool,
    /// Rules name those who must have one.
    pub requires: bool,
}

/// What ails a stack, before it is known how to fix it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ill {
    /// How bad.
    pub level: Level,
    /// For programs.
    pub code: &'static str,
    /// The line that it is about.
    pub place: String,
    /// What is wrong, and what happens because of it.
    pub what: String,
}
