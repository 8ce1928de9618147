//! Of PAM stacks.

use super::error::is_false;
use super::host::RefusedPeople;
use serde::Serialize;

/// `stack list`.
#[derive(Serialize)]
pub struct StackListReport {
    /// The services that have a stack of their own, by name.
    pub stacks: Vec<ListedStack>,
}

/// A listed stack.
#[derive(Serialize)]
pub struct ListedStack {
    /// The PAM service.
    pub service: String,
    /// What people call the program; null where pam-totp does not know it.
    pub title: Option<&'static str>,
    /// The path of its file.
    pub file: String,
    /// Does it ask for a code?
    pub asks: bool,
    /// How it asks: `questions`, `one_field` or `key`; null where it does not.
    pub shape: Option<&'static str>,
    /// What can be done there: `add` or `remove`; null for nothing.
    pub can: Option<&'static str>,
    /// The options that `stack add` needs there.
    pub options: Vec<&'static str>,
    /// Why nothing can be done there, for people; null where something can.
    pub problem: Option<String>,
}

/// `stack add`, `stack remove`.
#[derive(Serialize)]
pub struct StackReport<'a> {
    /// The PAM service.
    pub service: &'a str,
    /// Was a file written? With `--dry-run`: would one be?
    pub changed: bool,
    /// The files that change.
    pub files: Vec<StackFileChange>,
    /// Sentences on what else to know of it.
    pub notes: &'a [String],
    /// With `add --dry-run`, where the service does not ask yet: whom it refuses then, with the policy on. Only root is told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub people: Option<RefusedPeople>,
    /// With `--dry-run`: true.
    #[serde(skip_serializing_if = "is_false")]
    pub dry_run: bool,
}

/// A file of a stack.
#[derive(Serialize)]
pub struct StackFileChange {
    /// Its path.
    pub file: String,
    /// The lines that go, with `-` before them, and those that come, with `+`.
    pub lines: Vec<String>,
}
