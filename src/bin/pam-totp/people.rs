//! Who asks, for whom, and the log line about it.

use std::fmt;
use std::path::Path;
use std::sync::{Mutex, OnceLock};

use nix::unistd::Uid;
use pam_totp::account::{self, Account};
use pam_totp::desk::{Desk, Front, Local, PolicyFault};
use pam_totp::disk;
use pam_totp::store::StoreError;
use pam_totp::text::{clean, plain};
use syslog::{Facility, Formatter3164, Logger, LoggerBackend};

use crate::notify;
use crate::report::{Failure, Report};

/// The policy and the store, or why there is no working with them.
pub fn desk(config: Option<&Path>) -> Result<Local, Failure> {
    let desk = Local::open(config);
    notify::learn(desk.policy());
    match desk.fault() {
        Some(fault) => Err(fault.into()),
        None => Ok(desk),
    }
}

/// The same for what helps users who are shut out: a typo in the policy is no reason to leave them there. It goes on with
/// what logins go on with, and says so.
pub fn desk_anyway(config: Option<&Path>) -> Result<(Local, Warnings), Failure> {
    let desk = Local::open(config);
    notify::learn(desk.policy());
    let warnings = Warnings::of(desk.fault())?;
    Ok((desk, warnings))
}

/// Likewise, without root at the door.
pub fn front_anyway(config: Option<&Path>) -> Result<(Front, Warnings), Failure> {
    let desk = Front::open(config);
    notify::learn(desk.policy());
    let warnings = Warnings::of(desk.fault())?;
    Ok((desk, warnings))
}

/// What is wrong beside what was asked for.
pub struct Warnings(Vec<String>);

impl Warnings {
    /// A file that was named and is not there, or that cannot be read, may be a typo of the caller's: no warning, a fault.
    fn of(fault: Option<&PolicyFault>) -> Result<Self, Failure> {
        match fault {
            None => Ok(Self(Vec::new())),
            Some(fault @ (PolicyFault::Text(..) | PolicyFault::File(StoreError::Unsafe(..)))) => {
                let warning = format!("{fault}: fix the policy. Until then the strictest one is in force");
                eprintln!("pam-totp: {}", plain(&warning));
                Ok(Self(vec![warning]))
            }
            Some(fault) => Err(fault.into()),
        }
    }

    /// The report, with them where there are any.
    pub fn beside(self, report: Report) -> Report {
        if self.0.is_empty() { report } else { report.with("warnings", self.0) }
    }
}

/// The same for what users may do themselves: without root they ask at the door.
pub fn front(config: Option<&Path>) -> Result<Front, Failure> {
    let desk = Front::open(config);
    notify::learn(desk.policy());
    match desk.fault() {
        Some(fault) => Err(fault.into()),
        None => Ok(desk),
    }
}

/// The account that is meant. Without a name root means itself; under sudo nobody guesses.
pub fn whom(name: Option<&str>, command: &str) -> Result<Account, Failure> {
    match name {
        Some(name) => by_name(name),
        None if disk::is_entered() => Err(Failure::usage("Say for whom: with --root nobody is there yourself")),
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

/// The accounts or the groups could not be looked up.
pub fn unavailable() -> Failure {
    if !disk::is_entered() {
        return Failure::host("the accounts could not be looked up: see /etc/nsswitch.conf and the services behind it");
    }
    let files = ["/etc/passwd", "/etc/group"];
    let why = files.iter().find_map(|file| Some(format!("that disk's {file}: {}", disk::look(file).err()?)));
    let why = why.unwrap_or_else(|| "that disk's /etc/passwd or /etc/group could not be read".into());
    Failure::host(format!("{why}: is all of that system mounted?"))
}

fn sudo_user() -> Option<String> {
    std::env::var("SUDO_USER").ok().filter(|user| !user.is_empty() && Uid::effective().is_root())
}

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
    match REMEMBERED.get() {
        None => logger()?.notice(text),
        Some(Remembered { disk, log, .. }) => match log.lock() {
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
struct Remembered {
    disk: String,
    person: Person,
    log: Mutex<Result<Log, syslog::Error>>,
}

static REMEMBERED: OnceLock<Remembered> = OnceLock::new();

/// Looks the person up and opens the log while this system can be seen.
pub fn remember(disk: &str) {
    REMEMBERED.get_or_init(|| Remembered { disk: disk.to_owned(), person: person(), log: Mutex::new(logger()) });
}

/// The person behind this process.
#[derive(Clone)]
pub struct Person {
    uid: u32,
    /// The name, where the uid has one.
    pub account: Option<String>,
}

/// The login's uid, which su and sudo do not change; else what sudo says; else our own.
pub fn person() -> Person {
    if let Some(Remembered { person, .. }) = REMEMBERED.get() {
        return person.clone();
    }
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
