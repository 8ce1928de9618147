//! What `--json` prints: a struct a report. The contract of version 1: keys may be added, and none changes.
//!
//! docs/json.md is made of these structs and their comments, and a test holds it to them. The first words of a comment
//! name the command, or what the object is.

mod error;
mod host;
mod stacks;
mod users;

use serde::Serialize;
use serde_json::{Map, Value};

pub use error::{ErrorReport, Failed, FailureReport};
pub use host::{
    DoctorFinding, DoctorReport, DoctorSection, DoorKeys, ImportRemark, ImportReport, IssuerReport, PolicyCheckReport,
    PolicyDisableReport, PolicyEnableReport, PolicyExplainReport, PolicyKeys, PolicySetReport, PolicyShowReport,
    RefusedPeople, ThrottleKeys, TryAnswer, TryMessage, TryReport,
};
pub use stacks::{ListedStack, StackFileChange, StackListReport, StackReport};
pub use users::{
    BackupCodesLeft, BackupCodesReport, DeviceStanding, ForgetReport, GenerateReport, ListReport, ListedUser,
    OrphanedUser, RememberedAddress, RemoveReport, RenameReport, RenamedAccount, ResyncReport, SetReport, StatusReport,
    TemporaryCodesLeft, UnlockReport, UnstoredKey, UnusableUser, UserLine, UserStanding, VerifyReport, WaitingPlace,
    WrongCodes,
};

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
