//! The person behind a change, and the log line about it.

use std::fmt;
use std::sync::{Mutex, OnceLock};

use nix::unistd::Uid;
use pam_totp::system::account;
use pam_totp::text::clean;
use syslog::{Facility, Formatter3164, Logger, LoggerBackend};

use crate::report::Failure;

/// Logs a change to authpriv with the person behind it. A log that cannot be written is said and stops nothing.
pub fn log_change(what: &str) {
    let behind = PANEL_USER.get().map_or(String::new(), |name| format!(" for panel user {}", clean(name)));
    let text = format!("{what} (by {}{behind})", person());
    if log(&text).is_err() {
        eprintln!("pam-totp: the system log did not take the line: {text}");
    }
}

/// Who in the panel does this, as the panel says: root alone can say so, as the log believes it.
pub fn on_behalf_of(name: &str) -> Result<(), Failure> {
    if !Uid::effective().is_root() {
        return Err(Failure::not_permitted("--by: only root may say who is behind a change"));
    }
    if name.trim().is_empty() {
        return Err(Failure::usage("--by needs the name of somebody"));
    }
    PANEL_USER.get_or_init(|| name.to_owned());
    Ok(())
}

/// Who is behind a change: the panel's user, where it names one, and the person.
pub fn behind() -> (Option<&'static str>, String) {
    (PANEL_USER.get().map(String::as_str), person().account.unwrap_or_else(|| "unknown".into()))
}

static PANEL_USER: OnceLock<String> = OnceLock::new();

/// Logs a line as it is, behind the name of the disk that it is about.
pub fn log(text: &str) -> Result<(), syslog::Error> {
    match OTHER_DISK.get() {
        None => logger()?.notice(text),
        Some(OtherDisk { disk, log, .. }) => match log.lock() {
            Ok(mut log) => log.as_mut().map_err(|_| no_log())?.notice(format!("--root {disk}: {text}")),
            Err(_) => Err(no_log()),
        },
    }
}

type Log = Logger<LoggerBackend, Formatter3164>;

fn no_log() -> syslog::Error {
    std::io::Error::from(std::io::ErrorKind::NotFound).into()
}

/// A new one for each line: the crate does not connect again after the daemon was restarted.
fn logger() -> Result<Log, syslog::Error> {
    syslog::unix(Formatter3164 {
        facility: Facility::LOG_AUTHPRIV,
        hostname: None,
        process: "pam-totp".into(),
        pid: std::process::id(),
    })
}

/// What this system has to say of a change to another one's disk.
struct OtherDisk {
    disk: String,
    person: Person,
    log: Mutex<Result<Log, syslog::Error>>,
}

static OTHER_DISK: OnceLock<OtherDisk> = OnceLock::new();

/// Looks the person up and opens the log while this system can be seen.
pub fn remember(disk: &str) {
    OTHER_DISK.get_or_init(|| OtherDisk { disk: disk.to_owned(), person: person(), log: Mutex::new(logger()) });
}

/// The person behind this process.
#[derive(Clone)]
pub struct Person {
    uid: u32,
    /// The name, where the uid has one.
    pub account: Option<String>,
}

/// The login's uid, which su, sudo and pkexec do not change; else what these say; else our own.
pub fn person() -> Person {
    static PERSON: OnceLock<Person> = OnceLock::new();
    match OTHER_DISK.get() {
        Some(OtherDisk { person, .. }) => person.clone(),
        // Once: among many accounts a look-up takes long, and each change of many names the person.
        None => PERSON.get_or_init(found).clone(),
    }
}

fn found() -> Person {
    let loginuid = std::fs::read_to_string("/proc/self/loginuid").ok();
    let loginuid = loginuid.and_then(|text| text.trim().parse::<u32>().ok()).filter(|uid| *uid != u32::MAX);
    let said = |name: &&str| std::env::var(name).ok().and_then(|text| text.parse::<u32>().ok());
    let uid = loginuid
        .or_else(|| ["SUDO_UID", "PKEXEC_UID"].iter().find_map(said))
        .unwrap_or_else(|| Uid::current().as_raw());
    Person { uid, account: account::by_uid(uid).ok().flatten().map(|account| account.name) }
}

impl fmt::Display for Person {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.account {
            Some(name) => write!(f, "{}, uid {}", clean(name), self.uid),
            None => write!(f, "uid {}", self.uid),
        }
    }
}
