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
    /// With `wrong_code`, where it explains the code: seconds that the device's clock is ahead, negative where it is behind.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clock_off: Option<i64>,
    /// Of a user's own change: true where the code of what is enrolled was refused, not that of a new key.
    #[serde(skip_serializing_if = "is_false")]
    pub current: bool,
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
