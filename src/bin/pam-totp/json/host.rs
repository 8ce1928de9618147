//! Of the host: its policy, its stacks, what it imports.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::error::{Failed, is_false};
use serde::Serialize;
use serde_json::{Map, Value};

/// `try`.
#[derive(Serialize)]
pub struct TryReport {
    /// The PAM service.
    pub service: String,
    /// The stack that was run: the service, or `other`.
    pub stack: String,
    /// Who would log in.
    pub user: String,
    /// What the modules said and asked.
    pub messages: Vec<TryMessage>,
    /// What the `auth` lines came to.
    pub auth: TryAnswer,
    /// What the `account` lines came to, null where `auth` refused.
    pub account: Option<TryAnswer>,
    /// Would the user get in?
    pub let_in: bool,
}

/// A message of a module.
#[derive(Serialize)]
pub struct TryMessage {
    /// One of `hidden`, `shown`, `info`, `error`. The first two ask.
    pub style: &'static str,
    /// What it says. An answer is in none of them.
    pub text: String,
}

/// An answer of PAM's.
#[derive(Serialize)]
pub struct TryAnswer {
    /// As PAM's pages name it, such as `PAM_SUCCESS`.
    pub code: &'static str,
    /// The same in libpam's words.
    pub message: String,
}

/// `policy show`.
#[derive(Serialize)]
pub struct PolicyShowReport {
    /// The path of the policy.
    pub file: String,
    /// The keys that the file sets. All others have their defaults.
    pub from_file: Vec<String>,
    /// The name of the host, which is the issuer where the policy names none; null where it has no name.
    pub hostname: Option<String>,
    /// Each key.
    #[serde(flatten)]
    pub keys: PolicyKeys,
}

/// The keys of the policy, as they count; see pam_totp.toml(5).
#[derive(Serialize)]
pub struct PolicyKeys {
    /// Is two-factor authentication on?
    pub enabled: bool,
    /// The issuer of new keys, null where the policy names none and the host has no name.
    pub issuer: Option<String>,
    /// What happens to those who are not enrolled: `deny`, `allow` or `enroll`.
    pub unenrolled: &'static str,
    /// The day until which enrolling can wait, such as `2027-01-31`; null for none.
    pub enroll_by: Option<String>,
    /// What users may do themselves: some of `enroll`, `replace`, `remove`, `backup-codes`.
    pub self_service: Vec<&'static str>,
    /// How many steps a code may be off.
    pub window: u64,
    /// The folder of keys and records.
    pub store: PathBuf,
    /// The prompt for a code.
    pub prompt: String,
    /// What users read who are refused, null for nothing.
    pub support: Option<String>,
    /// How many wrong codes are looked at.
    pub throttle: ThrottleKeys,
    /// The rules that require a code, as the file has them.
    pub require: Value,
    /// The rules that exempt from it, as the file has them.
    pub exempt: Value,
    /// When addresses are remembered, as the file has it; null for never.
    pub remember: Value,
    /// The program that is told of changes, null for none.
    pub notify: Option<PathBuf>,
    /// Who has codes judged.
    pub door: DoorKeys,
}

/// The throttle.
#[derive(Serialize)]
pub struct ThrottleKeys {
    /// Wrong codes that cost nothing.
    pub free: u32,
    /// Seconds until one more is looked at.
    pub every: u64,
}

/// The door.
#[derive(Serialize)]
pub struct DoorKeys {
    /// The accounts of daemons that have codes judged.
    pub judges: Vec<String>,
}

/// `policy check`.
#[derive(Default, Serialize)]
pub struct PolicyCheckReport {
    /// The path of the policy.
    pub file: String,
    /// Is it right?
    pub valid: bool,
    /// Where a policy is right: sentences on what will not work as it is written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warnings: Option<Vec<String>>,
    /// Where it is wrong: the line, from 1; null where no line is to blame.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<Option<usize>>,
    /// Where it is wrong: the column, from 1; null where no line is to blame.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<Option<usize>>,
    /// Where it is wrong: why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// `policy set`.
#[derive(Serialize)]
pub struct PolicySetReport<'a> {
    /// The path of the policy.
    pub file: String,
    /// The keys that were named and their values, null for one that was removed.
    pub set: Map<String, Value>,
    /// Was the file written? With `--dry-run`: would it be?
    pub changed: bool,
    /// The lines that go, with `-` before them, and those that come, with `+`.
    pub lines: &'a [String],
    /// Sentences on what will not work as it was set.
    pub warnings: &'a [String],
    /// With `--dry-run`: how many users would be refused, with the policy on. Only for root.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub people: Option<RefusedPeople>,
    /// With `--dry-run`: true.
    #[serde(skip_serializing_if = "is_false")]
    pub dry_run: bool,
}

/// `policy enable`.
#[derive(Serialize)]
pub struct PolicyEnableReport {
    /// Always true.
    pub enabled: bool,
    /// False where the policy was on already.
    pub changed: bool,
    /// The services whose stacks ask for a code.
    pub stacks: Vec<String>,
    /// How many accounts have a login shell.
    pub accounts: usize,
    /// How many of these are not enrolled.
    pub unenrolled: usize,
    /// How many of those are refused.
    pub refused: usize,
    /// Sentences on stacks that store nothing of what users enroll there.
    pub warnings: Vec<String>,
    /// With `--dry-run`: true. Nothing was changed, and the rest says what would be.
    #[serde(skip_serializing_if = "is_false")]
    pub dry_run: bool,
}

/// Who is refused.
#[derive(Serialize)]
pub struct RefusedPeople {
    /// How many accounts have a login shell.
    pub accounts: usize,
    /// How many of these are not enrolled.
    pub unenrolled: usize,
    /// How many of those are refused.
    pub refused: usize,
}

/// `policy disable`.
#[derive(Serialize)]
pub struct PolicyDisableReport {
    /// Always false.
    pub enabled: bool,
    /// False where the policy was off already.
    pub changed: bool,
    /// Services that refuse users now.
    pub refuse: Vec<String>,
    /// Services that let everybody in now.
    pub open: Vec<String>,
    /// With `--dry-run`: true. Nothing was changed, and the rest says what would be.
    #[serde(skip_serializing_if = "is_false")]
    pub dry_run: bool,
}

/// `policy explain`.
#[derive(Serialize)]
pub struct PolicyExplainReport {
    /// Who logs in.
    pub user: String,
    /// What happens: `pass`, `ask`, `enroll` or `refuse`.
    pub decision: &'static str,
    /// Why, for people.
    pub rule: String,
    /// Sentences on what else it depends on, and on what goes wrong besides.
    pub notes: Vec<String>,
    /// Does the stack of the service name pam_totp.so? Null without `--service`, and where the service has no stack.
    pub stack: Option<bool>,
}

/// `issuer`.
#[derive(Serialize)]
pub struct IssuerReport {
    /// The issuer of new keys, null where the policy names none and the host has no name.
    pub issuer: Option<String>,
    /// The same: panels know an issuer of a reseller's beside the host's, and here they are one.
    pub system_wide_issuer: Option<String>,
    /// Was the policy changed?
    pub changed: bool,
}

/// `import`.
#[derive(Default, Serialize)]
pub struct ImportReport {
    /// Who was imported. With `--dry-run`: who would be.
    pub modified: Vec<String>,
    /// Who was imported before.
    pub already: Vec<String>,
    /// Who was not, and why.
    pub failed: Failed,
    /// By the user's name: what the user loses, or must know.
    pub warnings: BTreeMap<String, Vec<ImportRemark>>,
    /// By the user's name: what is not the same here.
    pub notes: BTreeMap<String, Vec<ImportRemark>>,
    /// Such notes on lines that are nobody's.
    pub file_notes: Vec<ImportRemark>,
    /// The files in `/etc/pam.d` that still name the other module.
    pub stacks: Vec<String>,
    /// Was nothing written, as `--dry-run` asks?
    pub dry_run: bool,
}

/// A remark.
#[derive(Serialize)]
pub struct ImportRemark {
    /// A word: see [words in the answers](#words-in-the-answers).
    pub code: &'static str,
    /// The same for people.
    pub message: String,
}

/// `doctor`.
#[derive(Serialize)]
pub struct DoctorReport<'a> {
    /// What was found, in the order of its subjects.
    pub findings: Vec<DoctorFinding<'a>>,
    /// Every subject, in order, also those of which nothing is to be said.
    pub sections: Vec<DoctorSection>,
}

/// A section.
#[derive(Serialize)]
pub struct DoctorSection {
    /// The subject, as `about` of a finding says it.
    pub about: &'static str,
    /// The same for people.
    pub title: &'static str,
    /// The worst level of its findings; `fine` where there are none.
    pub level: &'static str,
}

/// A finding.
#[derive(Serialize)]
pub struct DoctorFinding<'a> {
    /// `fault`, `warning`, `note` or `fine`.
    pub level: &'static str,
    /// The subject: a word.
    pub about: &'static str,
    /// A word for what it is. A later version may have new ones.
    pub code: &'static str,
    /// What it is, for people.
    pub message: &'a str,
    /// The lines that fix it, to be pasted into a root shell.
    pub fix: &'a [String],
}
