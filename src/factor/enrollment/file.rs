//! What a user's file says, before any of it is checked, and why it may be none. Pure.

use std::fmt;

use serde::Deserialize;
use toml::Spanned;
use toml::value::Datetime;

/// The versions that we read. Written is the lowest one that can hold the content: 2 has a device's skew, and backup codes
/// of eight digits; 3 backup codes for a time, and counters that 32 bits do not hold.
pub const VERSIONS: std::ops::RangeInclusive<i64> = 1..=3;

/// A file that is no enrollment. Never holds text of the file, which may be a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// Line and column, both from 1, where the parser knows them.
    pub at: Option<(usize, usize)>,
    /// What is wrong.
    pub what: &'static str,
}

impl Broken {
    /// Not damaged at all: of a later version, which may have keys and types that this one does not know.
    pub const NEWER: Self = Self { at: None, what: "written by a newer pam_totp" };
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.at {
            Some((line, column)) => write!(f, "{} at line {line}, column {column}", self.what),
            None => f.write_str(self.what),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnrollmentFile {
    pub version: i64,
    pub user: String,
    pub uid: u32,
    pub device: Vec<DeviceTable>,
    pub backup_codes: Option<BackupTable>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeviceTable {
    pub id: String,
    pub name: String,
    pub r#type: String,
    /// Where it stands in the text. It is read from there alone: this string is not the key.
    pub secret: Spanned<String>,
    pub algorithm: String,
    pub digits: u8,
    pub period: Option<u32>,
    pub counter: Option<u64>,
    pub skew: Option<i8>,
    pub created: Datetime,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BackupTable {
    pub id: String,
    pub digits: Option<usize>,
    pub salt: String,
    pub iterations: u32,
    pub hashes: Vec<String>,
    pub created: Datetime,
    pub temporary: Option<Vec<String>>,
    pub temporary_until: Option<Datetime>,
}
