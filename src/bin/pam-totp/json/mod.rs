//! What `--json` prints: a struct a report. The contract of version 1: keys may be added, and none changes.
//!
//! docs/json.md is made of these structs and their comments, and a test holds it to them. The first words of a comment
//! name the command, or what the object is.

mod host;
mod users;

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Map, Value};

pub use host::{
    Disabled, Doctor, Door, Enabled, Explained, Finding, Imported, Issuer, PolicyChecked, PolicyKeys, PolicySet,
    PolicyShown, Remark, StackChanged, StackFile, Throttle, Tried, TriedAnswer, TriedMessage,
};
pub use users::{
    BackupCodes, BackupCodesLeft, Device, Failures, Forgotten, Generated, Listed, ListedUsers, Orphan, Problem,
    Proving, Remembered, Removed, Renamed, RenamedAccount, Resynchronized, SetKey, Status, TemporaryCodesLeft,
    Unlocked, User, Verified, Wait,
};

/// An error: one that ends the command, or one of many users'.
#[derive(Serialize)]
pub struct Error {
    /// A word: see [errors](#errors).
    pub code: &'static str,
    /// What is wrong and what to do next, for people.
    pub message: String,
    /// With `waiting`, of a user's own change: so many codes in a row would be looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub codes: Option<u8>,
}

/// Errors by the user's name.
pub type Failed = BTreeMap<String, Error>;

/// Each command, where it fails.
#[derive(Serialize)]
pub struct Failure {
    /// What is wrong.
    pub error: Error,
}

/// `completions`, and `--help` and `--version`.
#[derive(Serialize)]
pub struct Text {
    /// What the command prints without `--json`.
    pub text: String,
}

/// `notify`.
#[derive(Serialize)]
pub struct Notified {
    /// How many changes the program was told of.
    pub told: u64,
}

/// The fields of an object.
pub fn fields(object: &impl Serialize) -> Map<String, Value> {
    match serde_json::to_value(object) {
        Ok(Value::Object(fields)) => fields,
        _ => unreachable!("each report is a struct, with text for keys"),
    }
}

fn is_false(flag: &bool) -> bool {
    !flag
}
