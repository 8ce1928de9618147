//! One file a command, called like it.

pub mod backup_codes;
pub mod completions;
pub mod doctor;
pub mod enroll;
pub mod forget;
pub mod generate;
pub mod import;
pub mod issuer;
pub mod list;
pub mod notify;
pub mod policy;
pub mod remove;
pub mod rename;
pub mod resync;
pub mod set;
pub mod stack;
pub mod status;
pub mod r#try;
pub mod unlock;
pub mod verify;
