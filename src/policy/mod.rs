//! The administrator's file: text to a checked [`Policy`]. Pure.

pub mod access;
pub mod arguments;
mod comments;
pub mod delegates;
pub mod rules;

use std::fmt;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use toml::value::Datetime;

use crate::date::Utc;
use crate::factor::throttle::Limits;
use crate::paths;
use crate::policy::comments::without_comments;
use crate::policy::rules::{Rule, Rules, Unenrolled};
use crate::text::{place, plain, position, valid_label};

/// What sshd's clients and scripts match.
pub const PROMPT: &str = "Verification code: ";

/// What users may do to their own enrollment without root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SelfService {
    /// A first enrollment.
    pub enroll: bool,
    /// A new key for the old one.
    pub replace: bool,
    /// Taking it off.
    pub remove: bool,
    /// A new set of backup codes.
    pub backup_codes: bool,
}

/// The policy of this host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Whether anybody is asked.
    pub enabled: bool,
    /// The name in the app; `None`: the hostname.
    pub issuer: Option<String>,
    /// `None`: the policy says nothing, so the stack's `nullok` counts.
    pub unenrolled: Option<Unenrolled>,
    /// Steps each way around a device's centre.
    pub window: u64,
    /// The parent of `secrets/` and `state/`.
    pub store: PathBuf,
    /// `None`: [`PROMPT`].
    pub prompt: Option<String>,
    /// A sentence shown with waits and after the third wrong code.
    pub support: Option<String>,
    /// How many wrong codes are looked at.
    pub throttle: Limits,
    /// Keys of `[throttle]` that an earlier version obeyed.
    pub without_effect: Vec<&'static str>,
    /// With `unenrolled = "enroll"`: until then, in seconds since 1970, enrolling may be put off.
    pub enroll_by: Option<u64>,
    /// `None`: every right, but not a first enrollment where those who are not enrolled are refused.
    pub self_service: Option<SelfService>,
    /// Who must, and who need not.
    pub rules: Rules,
    /// `None`: a code is asked for at every login.
    pub remember: Option<Remember>,
    /// A program that is told of each change.
    pub notify: Option<PathBuf>,
    /// `[door] judges`: accounts of daemons that may have codes of others judged, and no more.
    pub judges: Vec<String>,
}

/// `[remember]`: after a right code from an address of another host, no other for a while.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remember {
    /// How long.
    pub hours: u64,
    /// Where: PAM_SERVICE.
    pub services: Vec<String>,
}

impl Default for Policy {
    /// What an absent file means: on, and nobody gets in who is not enrolled.
    fn default() -> Self {
        Self {
            enabled: true,
            issuer: None,
            unenrolled: None,
            window: 1,
            store: PathBuf::from(paths::STORE),
            prompt: None,
            support: None,
            throttle: Limits::default(),
            without_effect: Vec::new(),
            enroll_by: None,
            self_service: None,
            rules: Rules::default(),
            remember: None,
            notify: None,
            judges: Vec::new(),
        }
    }
}

/// A policy that cannot be read: where, and what to fix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadPolicy {
    /// Line and column from 1, where known.
    pub at: Option<(usize, usize)>,
    /// What is wrong, in one line.
    pub what: String,
}

impl fmt::Display for BadPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.at {
            Some((line, column)) => write!(f, "line {line}, column {column}: {}", self.what),
            None => f.write_str(&self.what),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PolicyFile {
    enabled: Option<bool>,
    issuer: Option<toml::Spanned<String>>,
    unenrolled: Option<Unenrolled>,
    window: Option<toml::Spanned<u64>>,
    store: Option<toml::Spanned<PathBuf>>,
    prompt: Option<toml::Spanned<String>>,
    support: Option<toml::Spanned<String>>,
    notify: Option<toml::Spanned<PathBuf>>,
    enroll_by: Option<toml::Spanned<Datetime>>,
    self_service: Option<Vec<Right>>,
    #[serde(default)]
    throttle: ThrottleTable,
    #[serde(default)]
    require: Vec<toml::Spanned<RuleTable>>,
    #[serde(default)]
    exempt: Vec<toml::Spanned<RuleTable>>,
    remember: Option<RememberTable>,
    #[serde(default)]
    door: DoorTable,
}

type SpannedList = toml::Spanned<Vec<toml::Spanned<String>>>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleTable {
    users: Option<SpannedList>,
    groups: Option<SpannedList>,
    services: Option<SpannedList>,
    networks: Option<SpannedList>,
    ssh_auth: Option<SpannedList>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RememberTable {
    hours: toml::Spanned<u64>,
    services: SpannedList,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct DoorTable {
    judges: Option<SpannedList>,
}

#[derive(PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Right {
    Enroll,
    Replace,
    Remove,
    BackupCodes,
}

/// What is looked for in a file that is no policy.
#[derive(Deserialize)]
struct StoreAlone {
    store: Option<toml::Spanned<PathBuf>>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct ThrottleTable {
    free: Option<toml::Spanned<u32>>,
    every: Option<toml::Spanned<u64>>,
    /// Read, and without effect: an unknown key would put hosts that have it under the strictest policy.
    first_wait: Option<u64>,
    longest_wait: Option<u64>,
}

impl ThrottleTable {
    fn without_effect(&self) -> Vec<&'static str> {
        let keys = [("first_wait", self.first_wait), ("longest_wait", self.longest_wait)];
        keys.into_iter().filter(|(_, value)| value.is_some()).map(|(key, _)| key).collect()
    }
}

impl Policy {
    /// Reads a policy file.
    pub fn parse(bytes: &[u8]) -> Result<Self, BadPolicy> {
        let text = std::str::from_utf8(bytes).map_err(|_| BadPolicy { at: None, what: "not UTF-8".into() })?;
        // A fault is told of the whole text: there it has its line.
        let brief = without_comments(text).and_then(|brief| Self::read(&brief).ok());
        brief.map_or_else(|| Self::read(text), Ok)
    }

    fn read(text: &str) -> Result<Self, BadPolicy> {
        let file: PolicyFile = toml::from_str(text).map_err(|error| BadPolicy {
            at: position(text, &error),
            what: plain(&error.message().split_whitespace().collect::<Vec<_>>().join(" ")),
        })?;
        let default = Self::default();
        let check = Checker { text };
        let without_effect = file.throttle.without_effect();
        let throttle = check.throttle(file.throttle)?;
        Ok(Self {
            enabled: file.enabled.unwrap_or(default.enabled),
            issuer: check.label(file.issuer)?,
            unenrolled: file.unenrolled,
            window: check.within(file.window, 0, 3, "window", default.window)?,
            store: check.absolute(file.store)?.unwrap_or(default.store),
            prompt: check.sentence(file.prompt, 128, "prompt")?,
            support: check.sentence(file.support, 256, "support")?,
            throttle,
            without_effect,
            enroll_by: check.end_of_day(file.enroll_by)?,
            self_service: file.self_service.as_deref().map(rights),
            rules: Rules { require: check.rules(&file.require)?, exempt: check.rules(&file.exempt)? },
            remember: file.remember.map(|table| check.remember(table)).transpose()?,
            notify: check.program(file.notify)?,
            judges: file.door.judges.map(|list| check.words(&list)).transpose()?.unwrap_or_default(),
        })
    }

    /// In place of a policy that cannot be used: the strictest one. Its store is the one that the text names, if that
    /// can be told: the enrolled get in to fix it, and nobody by what another store holds of them. Until then nobody
    /// but root changes an enrollment.
    pub fn strictest(bytes: &[u8]) -> Self {
        let (unenrolled, self_service) = (Some(Unenrolled::Deny), Some(rights(&[])));
        let default = Self { unenrolled, self_service, ..Self::default() };
        let Ok(text) = std::str::from_utf8(bytes) else { return default };
        let store = toml::from_str(text).ok().and_then(|StoreAlone { store }| Checker { text }.absolute(store).ok()?);
        Self { store: store.unwrap_or(default.store), ..default }
    }

    /// What the user is asked with.
    pub fn prompt(&self) -> &str {
        self.prompt.as_deref().unwrap_or(PROMPT)
    }

    /// What users may do to their own enrollment.
    pub fn self_service(&self) -> SelfService {
        let may_enroll = !matches!(self.unenrolled, None | Some(Unenrolled::Deny));
        self.self_service.unwrap_or(SelfService { enroll: may_enroll, replace: true, remove: true, backup_codes: true })
    }

    /// Is this the installation's own store, which `pam-totpd` serves and `/run/pam_totp` continues?
    pub fn has_default_store(&self) -> bool {
        self.store == Path::new(paths::STORE)
    }
}

fn rights(listed: &[Right]) -> SelfService {
    let has = |right| listed.contains(&right);
    SelfService {
        enroll: has(Right::Enroll),
        replace: has(Right::Replace),
        remove: has(Right::Remove),
        backup_codes: has(Right::BackupCodes),
    }
}

/// A name of an account, a group or a service.
fn word(text: &str) -> Result<String, &'static str> {
    let is_word = !text.is_empty() && !text.chars().any(char::is_control);
    if is_word { Ok(text.to_owned()) } else { Err("is no name") }
}

struct Checker<'a> {
    text: &'a str,
}

impl Checker<'_> {
    fn throttle(&self, table: ThrottleTable) -> Result<Limits, BadPolicy> {
        let default = Limits::default();
        let free = self.within(table.free, 1, 20, "free", default.free)?;
        let every = self.within(table.every, 600, 86_400, "every", default.every)?;
        Ok(Limits { free, every })
    }

    fn rules(&self, tables: &[toml::Spanned<RuleTable>]) -> Result<Vec<Rule>, BadPolicy> {
        tables.iter().map(|table| self.rule(table)).collect()
    }

    fn rule(&self, table: &toml::Spanned<RuleTable>) -> Result<Rule, BadPolicy> {
        let RuleTable { users, groups, services, networks, ssh_auth } = table.get_ref();
        let words = |list: &Option<SpannedList>| list.as_ref().map(|list| self.words(list)).transpose();
        let rule = Rule {
            users: words(users)?,
            groups: words(groups)?,
            services: words(services)?,
            networks: networks.as_ref().map(|list| self.list(list, |network| network.parse())).transpose()?,
            ssh_auth: words(ssh_auth)?,
        };
        if rule == Rule::default() {
            return Err(self.fault(table, "a rule without a key would hold for nobody or everybody".into()));
        }
        Ok(rule)
    }

    fn remember(&self, table: RememberTable) -> Result<Remember, BadPolicy> {
        let hours = self.within(Some(table.hours), 1, 720, "hours", 0)?;
        Ok(Remember { hours, services: self.words(&table.services)? })
    }

    fn words(&self, list: &SpannedList) -> Result<Vec<String>, BadPolicy> {
        self.list(list, word)
    }

    fn word(&self, value: &toml::Spanned<String>) -> Result<String, BadPolicy> {
        word(value.get_ref()).map_err(|what| self.fault(value, format!("this {what}")))
    }

    fn list<T>(&self, list: &SpannedList, read: impl Fn(&str) -> Result<T, &'static str>) -> Result<Vec<T>, BadPolicy> {
        if list.get_ref().is_empty() {
            return Err(self.fault(list, "an empty list holds for nobody: take the key away".into()));
        }
        let one = |item: &toml::Spanned<String>| {
            read(item.get_ref()).map_err(|what| self.fault(item, format!("this {what}")))
        };
        list.get_ref().iter().map(one).collect()
    }

    fn within<T: PartialOrd + fmt::Display>(
        &self,
        value: Option<toml::Spanned<T>>,
        low: T,
        high: T,
        name: &str,
        default: T,
    ) -> Result<T, BadPolicy> {
        let Some(value) = value else { return Ok(default) };
        if *value.get_ref() < low || *value.get_ref() > high {
            return Err(self.fault(&value, format!("{name} must be {low} to {high}")));
        }
        Ok(value.into_inner())
    }

    fn absolute(&self, value: Option<toml::Spanned<PathBuf>>) -> Result<Option<PathBuf>, BadPolicy> {
        let Some(value) = value else { return Ok(None) };
        let plain = value.get_ref().components().all(|c| !matches!(c, std::path::Component::ParentDir));
        if !value.get_ref().is_absolute() || !plain {
            return Err(self.fault(&value, "store must be an absolute path without ..".into()));
        }
        Ok(Some(value.into_inner()))
    }

    /// Whose it is, is looked at when it is run.
    fn program(&self, value: Option<toml::Spanned<PathBuf>>) -> Result<Option<PathBuf>, BadPolicy> {
        let Some(value) = value else { return Ok(None) };
        let text = value.get_ref().to_string_lossy();
        if !value.get_ref().is_absolute() || value.get_ref().file_name().is_none() || text.chars().any(char::is_control)
        {
            return Err(self.fault(&value, "notify must be the absolute path of a program".into()));
        }
        Ok(Some(value.into_inner()))
    }

    /// A day without a time lasts until its end in UTC.
    fn end_of_day(&self, value: Option<toml::Spanned<Datetime>>) -> Result<Option<u64>, BadPolicy> {
        let Some(value) = value else { return Ok(None) };
        let end = match value.get_ref() {
            Datetime { date: Some(day), time: None, offset: None } => {
                let (year, month, day) = (day.year.into(), day.month.into(), day.day.into());
                Utc { year, month, day, hour: 23, minute: 59, second: 59 }.to_epoch()
            }
            _ => None,
        };
        end.map(Some).ok_or_else(|| self.fault(&value, "enroll_by must be a day like 2027-01-31".into()))
    }

    fn sentence(
        &self,
        value: Option<toml::Spanned<String>>,
        most: usize,
        name: &str,
    ) -> Result<Option<String>, BadPolicy> {
        let Some(value) = value else { return Ok(None) };
        let text = value.get_ref();
        if text.is_empty() || text.len() > most || text.chars().any(char::is_control) {
            return Err(self.fault(&value, format!("{name} must be one line of 1 to {most} bytes")));
        }
        Ok(Some(value.into_inner()))
    }

    /// What no app could show would be refused at every enrollment: better said where it is written.
    fn label(&self, value: Option<toml::Spanned<String>>) -> Result<Option<String>, BadPolicy> {
        let Some(value) = value else { return Ok(None) };
        if !valid_label(value.get_ref()) {
            return Err(self.fault(&value, "issuer must be one line of 1 to 128 bytes without a colon".into()));
        }
        Ok(Some(value.into_inner()))
    }

    /// Only of what is refused: finding a line reads all of the text before it.
    fn fault<T>(&self, value: &toml::Spanned<T>, what: String) -> BadPolicy {
        BadPolicy { at: place(self.text, value.span().start), what }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_absent_key_is_its_default() {
        assert_eq!(Policy::parse(b"").unwrap(), Policy::default());
        let all = "enabled = false\nissuer = \"ACME\"\nunenrolled = \"allow\"\nwindow = 3\nstore = \"/srv/x\"\n\
                   prompt = \"Code: \"\nsupport = \"Call 42.\"\nnotify = \"/usr/sbin/x\"\nenroll_by = 2027-01-31\nself_service = [\"remove\"]\n\
                   [throttle]\nfree = 3\nevery = 21600\nfirst_wait = 60\nlongest_wait = 600\n[remember]\nhours = 720\n\
                   services = [\"sshd\"]\n[door]\njudges = [\"postgres\"]\n[[exempt]]\nusers = [\"backup\"]\ngroups = [\"robots\"]\n\
                   services = [\"cron\"]\nnetworks = [\"192.0.2.0/24\"]\nssh_auth = [\"publickey\"]\n";
        let policy = Policy::parse(all.as_bytes()).unwrap();
        let expected = Policy {
            enabled: false,
            issuer: Some("ACME".into()),
            unenrolled: Some(Unenrolled::Allow),
            window: 3,
            store: "/srv/x".into(),
            prompt: Some("Code: ".into()),
            support: Some("Call 42.".into()),
            throttle: Limits { free: 3, every: 21_600 },
            without_effect: vec!["first_wait", "longest_wait"],
            enroll_by: Some(1_801_439_999),
            self_service: Some(SelfService { enroll: false, replace: false, remove: true, backup_codes: false }),
            rules: Rules {
                require: vec![],
                exempt: vec![Rule {
                    users: Some(vec!["backup".into()]),
                    groups: Some(vec!["robots".into()]),
                    services: Some(vec!["cron".into()]),
                    networks: Some(vec!["192.0.2.0/24".parse().unwrap()]),
                    ssh_auth: Some(vec!["publickey".into()]),
                }],
            },
            remember: Some(Remember { hours: 720, services: vec!["sshd".into()] }),
            notify: Some("/usr/sbin/x".into()),
            judges: vec!["postgres".into()],
        };
        assert_eq!(policy, expected);
    }

    #[test]
    fn each_bound_is_allowed_and_what_is_beyond_is_not() {
        let long = |text: &str, length: usize| format!("{text} = \"{}\"", "x".repeat(length));
        let cases = [
            ("window = 0", "window = 4"),
            ("window = 3", "window = -1"),
            ("[throttle]\nfree = 1", "[throttle]\nfree = 0"),
            ("[throttle]\nfree = 20", "[throttle]\nfree = 21"),
            ("[throttle]\nevery = 600", "[throttle]\nevery = 599"),
            ("[throttle]\nevery = 86400", "[throttle]\nevery = 86401"),
            ("[remember]\nservices = [\"sshd\"]\nhours = 1", "[remember]\nservices = [\"sshd\"]\nhours = 0"),
            ("[remember]\nservices = [\"sshd\"]\nhours = 720", "[remember]\nservices = [\"sshd\"]\nhours = 721"),
            (&long("prompt", 128), &long("prompt", 129)),
            (&long("prompt", 1), &long("prompt", 0)),
            (&long("support", 256), &long("support", 257)),
            (&long("issuer", 128), &long("issuer", 129)),
        ];
        for (allowed, beyond) in cases {
            assert!(Policy::parse(allowed.as_bytes()).is_ok(), "{allowed}");
            assert!(Policy::parse(beyond.as_bytes()).is_err(), "{beyond}");
        }
    }

    #[test]
    fn a_fault_says_where_and_what() {
        let said = |text: &[u8]| Policy::parse(text).unwrap_err().to_string();
        assert_eq!(said(b"\nwindow = 4\n"), "line 2, column 10: window must be 0 to 3");
        assert_eq!(said(b"\xff"), "not UTF-8");
        // In a log or on a terminal it shows as nothing but this line.
        let told = said(b"\"\\u001b[2J\\u202e\\nroot\" = 1\n");
        assert!(told.starts_with("line 1, column 1: unknown field `?[2J? root`, expected"), "{told}");
    }

    #[test]
    fn only_the_usual_store_is_the_installations() {
        assert!(Policy::default().has_default_store());
        assert!(!Policy::parse(b"store = \"/srv/x\"\n").unwrap().has_default_store());
    }

    /// Where nobody can tell what the administrator meant.
    #[test]
    fn the_strictest_policy_has_the_store_of_the_broken_one() {
        let store = |text: &[u8]| Policy::strictest(text).store;
        assert_eq!(store(b"store = \"/srv/x\"\nwindow = 9\n"), Path::new("/srv/x"));
        for none in [&b"store = \"srv/x\"\n"[..], b"store = 1\n", b"store = \"/srv/x\"\n[", b"\xff", b""] {
            assert_eq!(store(none), Path::new(paths::STORE));
        }
    }

    #[test]
    fn users_enroll_themselves_unless_those_without_are_refused() {
        let enroll = |text: &str| Policy::parse(text.as_bytes()).unwrap().self_service().enroll;
        assert!(!enroll("") && !enroll("unenrolled = \"deny\""));
        assert!(enroll("unenrolled = \"allow\"") && enroll("unenrolled = \"enroll\""));
        assert!(enroll("unenrolled = \"deny\"\nself_service = [\"enroll\"]"));
    }

    #[test]
    fn every_fault_has_a_line_and_a_column() {
        let cases = [
            ("enabled = ture\n", (1, 11)),
            ("enabled = true\nenabeld = true\n", (2, 1)),
            ("unenrolled = \"maybe\"\n", (1, 14)),
            ("window = 4\n", (1, 10)),
            ("window = -1\n", (1, 10)),
            ("issuer = \"a:b\"\n", (1, 10)),
            ("issuer = \"\"\n", (1, 10)),
            ("store = \"var/lib\"\n", (1, 9)),
            ("store = \"/var/../lib\"\n", (1, 9)),
            ("prompt = \"two\\nlines\"\n", (1, 10)),
            ("[throttle]\nfree = 0\n", (2, 8)),
            ("[throttle]\nfirst_wait = 90\nevery = 60\n", (3, 9)),
            ("[throtle]\n", (1, 2)),
            ("enroll_by = 2027-01-31T10:00:00Z\n", (1, 13)),
            ("self_service = [\"enrol\"]\n", (1, 17)),
            ("enabled = true\n\n[[require]]\n[[exempt]]\nusers = [\"bob\"]\n", (3, 1)),
            ("[[exempt]]\nuser = [\"bob\"]\n", (2, 1)),
            ("[[exempt]]\nusers = \"bob\"\n", (2, 9)),
            ("[[exempt]]\nusers = []\n", (2, 9)),
            ("[[exempt]]\nusers = [\"bob\", \"\"]\n", (2, 17)),
            ("[[exempt]]\nnetworks = [\"192.0.2.0/24\",\n  \"192.0.2.0/33\"]\n", (3, 3)),
            ("[exempt]\nusers = [\"bob\"]\n", (1, 1)),
            ("[remember]\nhours = 721\nservices = [\"sshd\"]\n", (2, 9)),
            ("[remember]\nhours = 12\n", (1, 1)),
            ("[door]\njudges = []\n", (2, 10)),
            ("[door]\njudges = [\"postgres\", \"\"]\n", (2, 23)),
            ("[door]\njudges = \"postgres\"\n", (2, 10)),
            ("[door]\njudge = [\"postgres\"]\n", (2, 1)),
            ("[remember]\nhours = 12\nservices = []\n", (3, 12)),
        ];
        for (text, at) in cases {
            let fault = Policy::parse(text.as_bytes()).unwrap_err();
            assert_eq!(fault.at, Some(at), "{text}: {fault}");
            assert!(!fault.what.contains('\n'));
        }
        assert!(Policy::parse(b"\xff").is_err());
    }
}
