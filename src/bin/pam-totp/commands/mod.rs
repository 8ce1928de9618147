//! One file a command, called like it.

pub mod backup_codes;
pub mod completions;
pub mod enroll;
pub mod import;
pub mod list;
pub mod policy;
pub mod remove;
pub mod resync;
pub mod set;
pub mod stack;
pub mod r#try;
