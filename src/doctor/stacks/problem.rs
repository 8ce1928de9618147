//! What can be wrong with a stack, and what that depends on beside its files. Pure.

use crate::doctor::finding::Severity;
use crate::policy::Policy;
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

impl Circumstances {
    /// `unenrolled` and `refused`: how many with a login shell are not enrolled, and how many are refused for that; `None`
    /// where it is not known.
    pub fn of(policy: &Policy, unenrolled: Option<usize>, refused: Option<usize>) -> Self {
        Self {
            enabled: policy.enabled,
            unenrolled: policy.unenrolled,
            all_enrolled: unenrolled == Some(0),
            // Who is not known may be refused.
            refuses: refused.is_none_or(|refused| refused > 0),
            requires: !policy.rules.require.is_empty(),
        }
    }
}

/// Something wrong with a stack, before it is known how to fix it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// How bad.
    pub level: Severity,
    /// For programs.
    pub code: &'static str,
    /// The line that it is about.
    pub place: String,
    /// What is wrong, and what happens because of it.
    pub what: String,
}
