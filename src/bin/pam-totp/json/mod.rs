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
    DoctorFinding, DoctorReport, DoorKeys, ImportRemark, ImportReport, IssuerReport, PolicyCheckReport,
    PolicyDisableReport, PolicyEnableReport, PolicyExplainReport, PolicyKeys, PolicySetReport, PolicyShowReport,
    StackFileChange, StackReport, ThrottleKeys, TryAnswer, TryMessage, TryReport,
};
pub use users::{
    BackupCodesLeft, BackupCodesReport, DeviceStanding, ForgetReport, GenerateReport, ListReport, ListedUser,
    OrphanedUser, RememberedAddress, RemoveReport, RenameReport, RenamedAccount, ResyncReport, SetReport, StatusReport,
    TemporaryCodesLeft, UnlockReport, UnstoredKey, UnusableUser, UserStanding, VerifyReport, WaitingPlace, WrongCodes,
};

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

/// `completions`, `--help`, `--version`.
#[derive(Serialize)]
pub struct TextReport {
    /// What the command prints without `--json`.
    pub text: String,
}

/// `notify`.
#[derive(Serialize)]
pub struct NotifyReport {
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
