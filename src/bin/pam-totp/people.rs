//! Who asks, for whom, and the log line about it.

use std::fmt;
use std::path::Path;

use nix::unistd::Uid;
use pam_totp::account::{self, Account};
use pam_totp::desk::{Front, Local};
use pam_totp::words::clean;
use syslog::{Facility, Formatter3164};

use super::report::Failure;

/// The policy and the store, or why there is no working with them.
pub fn desk(config: Option<&Path>) -> Result<Local, Failure> {
    let desk = Local::open(config);
    match desk.fault() {
        Some(fault) => Err(fault.into()),
        None => Ok(desk),
    }
}

/// The same for what users may do themselves: without root they ask at the door.
pub fn front(config: Option<&Path>) -> Result<Front, Failure> {
    let desk = Front::open(config);
    match desk.fault() {
        Some(fault) => Err(fault.into()),
        None => Ok(desk),
    }
}

/// The account that is meant. Without a name root means itself; under sudo nobody guesses.
pub fn whom(name: Option<&str>, command: &str) -> Result<Account, Failure> {
    match name {
        Some(name) => by_name(name),
        None => match sudo_user() {
            Some(user) => {
                let user = clean(&user);
                Err(Failure::usage(format!("Say for whom: `{command} {user}` or `{command} root`")))
            }
            None => {
                let uid = Uid::current();
                let account = account::by_uid(uid.as_raw()).map_err(|_| unavailable())?;
                account.ok_or_else(|| Failure::no_such_user(&format!("with the uid {uid}")))
            }
        },
    }
}

/// The account of a name.
pub fn by_name(name: &str) -> Result<Account, Failure> {
    let account = account::by_name(name).map_err(|_| unavailable())?;
    account.ok_or_else(|| Failure::no_such_user(name))
}

fn unavailable() -> Failure {
    Failure::host("the accounts could not be looked up: see /etc/nsswitch.conf and the services behind it")
}

fn sudo_user() -> Option<String> {
    std::env::var("SUDO_USER").ok().filter(|user| !user.is_empty() && Uid::effective().is_root())
}

/// Logs a change to authpriv with the person behind it. A log that cannot be written is said and stops nothing.
pub fn log_change(what: &str) {
    let text = format!("{what} (by {})", person());
    if log(&text).is_err() {
        eprintln!("pam-totp: the system log did not take the line: {text}");
    }
}

/// Logs a line as it is.
pub fn log(text: &str) -> Result<(), syslog::Error> {
    let formatter = Formatter3164 {
        facility: Facility::LOG_AUTHPRIV,
        hostname: None,
        process: "pam-totp".into(),
        pid: std::process::id(),
    };
    // Made anew for each line: the crate does not connect again after the daemon was restarted.
    syslog::unix(formatter)?.notice(text)
}

/// The person behind this process.
pub struct Person {
    uid: u32,
    /// The name, where the uid has one.
    pub account: Option<String>,
}

/// The login's uid, which su and sudo do not change; else what sudo says; else our own.
pub fn person() -> Person {
    let loginuid = std::fs::read_to_string("/proc/self/loginuid").ok();
    let loginuid = loginuid.and_then(|text| text.trim().parse::<u32>().ok()).filter(|uid| *uid != u32::MAX);
    let sudo = std::env::var("SUDO_UID").ok().and_then(|text| text.parse::<u32>().ok());
    let uid = loginuid.or(sudo).unwrap_or_else(|| Uid::current().as_raw());
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
