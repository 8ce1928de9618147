//! What is wrong, as each report says it.

use std::collections::BTreeMap;

use serde::Serialize;

/// An error: one that ends the command, or one of a user's among many.
#[derive(Serialize)]
pub struct ErrorReport {
    /// A word: see [errors](#errors).
    pub code: &'static str,
    /// What is wrong and what to do next, for people.
    pub message: String,
    /// With `waiting`, of a user's own change: so many codes in a row would be looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub codes: Option<u8>,
}

/// Errors by the user's name.
pub type Failed = BTreeMap<String, ErrorReport>;

/// A failure: what a command prints that does not do its work.
#[derive(Serialize)]
pub struct FailureReport {
    /// What is wrong.
    pub error: ErrorReport,
}

pub fn is_false(flag: &bool) -> bool {
    !flag
}
