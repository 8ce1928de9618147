//! Of users and what they have.

use std::net::IpAddr;

use super::error::{ErrorReport, Failed};
use super::host::ImportRemark;
use serde::Serialize;

/// `generate`.
#[derive(Serialize)]
pub struct GenerateReport<'a> {
    /// Whom the key is for.
    pub user: &'a str,
    /// The key, in base32.
    pub secret: &'a str,
    /// The key as an `otpauth://` URI, which is what a QR code says.
    pub uri: &'a str,
    /// The name that an app shows first.
    pub issuer: &'a str,
    /// The name that an app shows second.
    pub account: &'a str,
    /// Sentences on what apps may get wrong.
    pub warnings: &'a [String],
    /// What the host's clock says, by which codes are judged.
    pub now_at: u64,
    /// With `--qr svg`: the QR code, a picture for a web page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub qr_svg: Option<&'a str>,
    /// With `--qr utf8`: the QR code in half blocks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub qr_utf8: Option<&'a str>,
    /// With `--qr ascii`: the QR code in colored blanks and `##`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub qr_ascii: Option<&'a str>,
    /// With `--qr-file`: the path of the picture.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub qr_file: Option<String>,
}

/// `set`.
#[derive(Serialize)]
pub struct SetReport<'a> {
    /// Who has the key.
    pub user: &'a str,
    /// Always true.
    pub enrolled: bool,
    /// False where the user had this key already.
    pub changed: bool,
    /// Has a code proved the key? False too where nothing was changed.
    pub proved: bool,
    /// The new backup codes, shown this once.
    pub backup_codes: Vec<&'a str>,
    /// Sentences on what apps may get wrong.
    pub warnings: &'a [String],
}

/// `backup-codes`.
#[derive(Serialize)]
pub struct BackupCodesReport<'a> {
    /// Whose they are.
    pub user: &'a str,
    /// The new ones, shown this once.
    pub backup_codes: Vec<&'a str>,
    /// With `--expires`: until when they count.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until_at: Option<u64>,
}

/// `verify`.
#[derive(Default, Serialize)]
pub struct VerifyReport {
    /// Whose code it is.
    pub user: String,
    /// Was the code right? It is used up then.
    pub accepted: bool,
    /// One of `ok`, `wrong`, `used`, `waiting`, `same`, `not_enrolled`, `store`.
    pub reason: &'static str,
    /// Seconds until a single code is looked at again; 86400 where that is only after codes in a row. Else 0.
    pub retry_after: u64,
    /// With `ok`: `code` or `backup_code`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub via: Option<&'static str>,
    /// With `ok` by one of the user's own backup codes: how many are left.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backup_codes_left: Option<u32>,
    /// With `ok` by a backup code of `--expires`: true.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub temporary: Option<bool>,
    /// With `waiting`: so many codes in a row are looked at now, 2 or 3, in one answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub codes: Option<u8>,
    /// With `waiting`, where the device has a clock: seconds to its next code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_in: Option<u64>,
    /// With `wrong`, where it explains the code: seconds that the device's clock is ahead, negative where it is behind.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clock_off: Option<i64>,
    /// With `store`: why no code can be judged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<ErrorReport>,
}

/// `status`.
#[derive(Serialize)]
pub struct StatusReport {
    /// What the user has.
    #[serde(flatten)]
    pub user: UserStanding,
    /// The issuer of new keys, null where the policy names none and the host has no name.
    pub issuer: Option<String>,
    /// What the caller may do to the user: some of `enroll`, `add` (a device), `replace` (a key), `resync`, `counter`,
    /// `backup_codes`, `temporary_backup_codes`, `forget`, `remove_device`, `remove`. Root may do all of them.
    pub may: Vec<&'static str>,
    /// Where root has delegated other users to the caller: some of `status`, `list`, `unlock`, `remove`, `backup-codes`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub delegate: Vec<&'static str>,
    /// Where the policy has a fault: what it is. The command goes on by the strictest policy, as logins do.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

/// A user.
#[derive(Serialize)]
pub struct UserStanding {
    /// The name.
    pub user: String,
    /// Has the user a device?
    pub enrolled: bool,
    /// The devices.
    pub devices: Vec<DeviceStanding>,
    /// The user's own backup codes, null where there are none.
    pub backup_codes: Option<BackupCodesLeft>,
    /// Those of `--expires`, null where none counts.
    pub temporary_backup_codes: Option<TemporaryCodesLeft>,
    /// Wrong codes since the last right one, null where there are none.
    pub failures: Option<WrongCodes>,
    /// Wrong single codes since the last success. A hundred close single codes everywhere.
    pub wrong_in_a_row: u32,
    /// The places from where a single code is not looked at now.
    pub waits: Vec<WaitingPlace>,
    /// The addresses from where no code is asked for.
    pub remembered: Vec<RememberedAddress>,
    /// A key that was proved at a login and not stored, null where there is none.
    pub proving: Option<UnstoredKey>,
}

/// A device.
#[derive(Serialize)]
pub struct DeviceStanding {
    /// What it is called.
    pub name: String,
    /// `totp` or `hotp`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// `SHA1`, `SHA256` or `SHA512`.
    pub algorithm: &'static str,
    /// Digits of a code: 6 to 8.
    pub digits: usize,
    /// Seconds that a code lasts, null with `hotp`.
    pub period: Option<u32>,
    /// When it was enrolled.
    pub created_at: u64,
    /// When a code of it was last accepted, null where none was.
    pub last_used_at: Option<u64>,
    /// How many steps `resync` found its clock ahead.
    pub skew_steps: i8,
}

/// Backup codes of the user's own.
#[derive(Serialize)]
pub struct BackupCodesLeft {
    /// How many can still be used.
    pub left: u32,
    /// How many there were.
    pub of: u32,
}

/// Temporary backup codes.
#[derive(Serialize)]
pub struct TemporaryCodesLeft {
    /// How many can still be used.
    pub left: u32,
    /// Until when they count.
    pub until_at: u64,
}

/// Wrong codes.
#[derive(Serialize)]
pub struct WrongCodes {
    /// How many.
    pub count: u32,
    /// When the last one came.
    pub last_at: u64,
    /// The address that it came from, or a word such as `local`.
    pub from: String,
}

/// A wait.
#[derive(Serialize)]
pub struct WaitingPlace {
    /// The place: a network, or a word such as `local`.
    pub lane: String,
    /// The place in words.
    pub place: String,
    /// Wrong codes that it still counts.
    pub failures: u32,
    /// When a single code is looked at again.
    pub until_at: u64,
}

/// A remembered address.
#[derive(Serialize)]
pub struct RememberedAddress {
    /// The address, null where an earlier version did not note it.
    pub address: Option<IpAddr>,
    /// Until when no code is asked for.
    pub until_at: u64,
}

/// A key that was not stored.
#[derive(Serialize)]
pub struct UnstoredKey {
    /// The PAM service where it was proved.
    pub service: String,
    /// When.
    pub proved_at: u64,
}

/// `list`.
#[derive(Serialize)]
pub struct ListReport {
    /// Who was found.
    pub users: Vec<ListedUser>,
    /// Where users were named: those whom nobody knows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failed: Option<Failed>,
    /// Who runs this, also behind sudo and pkexec: the one whom `remove --all` leaves out. Null where no account is theirs.
    pub caller: Option<String>,
    /// Where the policy has a fault: what it is.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

#[derive(Serialize)]
#[serde(untagged)]
pub enum ListedUser {
    User(UserStanding),
    Problem(UnusableUser),
    Orphan(OrphanedUser),
}

/// A user whose file cannot be used.
#[derive(Serialize)]
pub struct UnusableUser {
    /// The name.
    pub user: String,
    /// Always true.
    pub enrolled: bool,
    /// Why it cannot be used, for people.
    pub problem: String,
}

/// An orphan.
#[derive(Serialize)]
pub struct OrphanedUser {
    /// The name of the enrollment.
    pub user: String,
    /// Always true.
    pub enrolled: bool,
    /// Why it has no owner: `no_account`, `other_uid` or `renamed`.
    pub orphan: &'static str,
    /// With `renamed`: the name that the uid has now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub renamed_to: Option<String>,
}

/// `remove`.
#[derive(Serialize)]
pub struct RemoveReport {
    /// Of whom something was removed.
    pub modified: Vec<String>,
    /// Of whom nothing was, and why.
    pub failed: Failed,
    /// With `--orphans`, where there are any: enrollments that were left alone, as their account may be renamed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub renamed: Vec<RenamedAccount>,
}

/// A renamed account.
#[derive(Serialize)]
pub struct RenamedAccount {
    /// The name of the enrollment.
    pub user: String,
    /// The name that the uid has now.
    pub renamed_to: String,
}

/// `unlock`.
#[derive(Serialize)]
pub struct UnlockReport {
    /// Who was unlocked.
    pub modified: Vec<String>,
    /// Who was not, and why.
    pub failed: Failed,
    /// Sentences that an administrator should know, such as from when codes count.
    pub notes: Vec<String>,
    /// Where the policy has a fault: what it is.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

/// `forget`.
#[derive(Serialize)]
pub struct ForgetReport {
    /// Of whom no address is remembered any more.
    pub modified: Vec<String>,
    /// Of whom that could not be ended, and why.
    pub failed: Failed,
}

/// A line of a change: of `import`, `remove`, `unlock` or `forget`.
#[derive(Serialize)]
pub struct UserLine<'a> {
    /// Whose line it is.
    pub user: &'a str,
    /// Where `--json` has the user: `modified`, `already` or `failed`.
    pub result: &'static str,
    /// With `failed`: why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<ErrorReport>,
    /// Of an import: what the user loses, or must know.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<ImportRemark>,
    /// Of an import: what is not the same here.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<ImportRemark>,
}

impl<'a> UserLine<'a> {
    /// With nothing to say beside it.
    pub fn new(user: &'a str, result: &'static str) -> Self {
        Self { user, result, error: None, warnings: Vec::new(), notes: Vec::new() }
    }
}

/// `rename`.
#[derive(Serialize)]
pub struct RenameReport {
    /// Whose the enrollment is now.
    pub user: String,
    /// Always true.
    pub renamed: bool,
}

/// `resync`.
#[derive(Serialize)]
pub struct ResyncReport {
    /// Whose device it is.
    pub user: String,
    /// Always true.
    pub resynchronized: bool,
}
