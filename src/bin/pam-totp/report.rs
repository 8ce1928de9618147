//! What the program says at its end: text or one JSON object, and an exit code.

use std::io::{self, IsTerminal, Write};
use std::os::fd::AsFd;
use std::process::ExitCode;

use nix::errno::Errno;
use nix::unistd::Uid;
use pam_totp::backend::PolicyFault;
use pam_totp::factor::attempt::Outcome;
use pam_totp::factor::change::ChangeError;
use pam_totp::login::messages::refusal;
use pam_totp::login::unavailable::{DoorError, Unavailable};
use pam_totp::manage::ManageError;
use pam_totp::policy::access::Denied;
use pam_totp::qr::page;
use pam_totp::store::StoreError;
use pam_totp::store::error::WRITTEN_BY_NEWER;
use pam_totp::text::wrap::wrap;
use pam_totp::text::{clocks_differ, plain, shown};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::json;

/// The JSON contract; frozen.
const VERSION: u64 = 1;

/// The answer is no.
pub const NO: u8 = 1;
/// The call's words are off.
pub const USAGE: u8 = 2;
const NO_SUCH_USER: u8 = 3;
const NOT_PERMITTED: u8 = 4;
/// The host's fault.
pub const HOST: u8 = 5;
/// Some of the users, not all.
pub const PARTLY: u8 = 6;

/// As a shell has it: 128 and the number of the signal.
const INTERRUPTED: u8 = 130;

/// How a command answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// For people.
    Text,
    /// For programs, in one object.
    Json,
    /// In a line for each user, and one for the rest.
    JsonLines,
}

impl Format {
    /// Programs are asked nothing.
    pub fn is_json(self) -> bool {
        self != Self::Text
    }
}

/// A command that did its work, whatever the answer.
pub struct Report {
    text: String,
    /// Its lines are not to be broken: a table, a drawing, or commands to paste.
    unwrapped: bool,
    fields: Map<String, Value>,
    /// The object was begun, with a list that is still open.
    begun: bool,
    /// What came of the users before it.
    written: io::Result<()>,
    exit: u8,
}

impl Report {
    /// With what people read, empty for nothing, and what programs read.
    pub fn new(text: String, object: &impl Serialize) -> Self {
        Self { fields: json::fields(object), ..Self::for_people(text) }
    }

    /// Of what comes to this only where somebody was asked: with `--json` it was an error before.
    pub fn for_people(text: String) -> Self {
        Self { text, unwrapped: false, fields: Map::new(), begun: false, written: Ok(()), exit: 0 }
    }

    /// Without the fields that were said user by user.
    pub fn without(mut self, fields: &[&str]) -> Self {
        self.fields.retain(|name, _| !fields.contains(&name.as_str()));
        self
    }

    /// Behind users: in the object that they began, and only if somebody heard of them.
    pub fn behind(self, begun: bool, written: io::Result<()>) -> Self {
        Self { begun, written, ..self }
    }

    /// With lines that stay as they are.
    pub fn unwrapped(mut self) -> Self {
        self.unwrapped = true;
        self
    }

    /// With another exit code than 0.
    pub fn exiting(mut self, exit: u8) -> Self {
        self.exit = exit;
        self
    }
}

/// A command that did not do its work.
#[derive(Debug)]
pub struct Failure {
    /// A word for programs.
    pub code: &'static str,
    /// What is wrong and what to do next.
    pub message: String,
    /// The exit code.
    pub exit: u8,
    /// So many codes in a row would be looked at.
    pub codes: Option<u8>,
    /// Seconds that the device's clock is ahead, where that explains a wrong code.
    pub clock_off: Option<i64>,
    /// It was the code of what is enrolled that was refused.
    pub current: bool,
}

impl Failure {
    /// For programs.
    pub fn error(&self) -> json::ErrorReport {
        let Self { code, codes, clock_off, current, .. } = *self;
        json::ErrorReport { code, message: self.message.clone(), codes, clock_off, current }
    }

    fn new(code: &'static str, exit: u8, message: impl Into<String>) -> Self {
        Self { code, exit, message: message.into(), codes: None, clock_off: None, current: false }
    }

    /// The call's words are off.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new("usage", USAGE, message)
    }

    /// A key or name that cannot be used.
    pub fn bad_input(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(code, USAGE, message)
    }

    /// No such account.
    pub fn no_such_user(name: &str) -> Self {
        let mut message = format!("there is no user {}", shown(name));
        if pam_totp::system::disk::is_entered() {
            message += " in that disk's /etc/passwd, and accounts of a directory are not known there: \
                        `list`, `status`, `unlock` and `remove` work on all who are enrolled";
        }
        Self::new("no_such_user", NO_SUCH_USER, message)
    }

    /// The caller may not do that to this user.
    pub fn not_authorized(name: &str) -> Self {
        let name = shown(name);
        Self::new("not_permitted", NOT_PERMITTED, format!("You are not authorized to modify {name}"))
    }

    /// Nor look at what this user has.
    pub fn not_authorized_to_look(name: &str) -> Self {
        let name = pam_totp::text::clean(name);
        Self::new("not_permitted", NOT_PERMITTED, format!("You are not authorized to look at {name}"))
    }

    /// The caller may not do that.
    pub fn not_permitted(message: impl Into<String>) -> Self {
        Self::new("not_permitted", NOT_PERMITTED, message)
    }

    /// What was named cannot be a file in /etc/pam.d.
    pub fn no_service(name: &str) -> Self {
        let text = format!("{} is no PAM service: give the name of a file in /etc/pam.d", pam_totp::text::clean(name));
        Self::bad_input("bad_name", text.trim_start())
    }

    /// Nobody but root can do it.
    pub fn only_root() -> Self {
        Self::new("not_permitted", NOT_PERMITTED, "only root may do this (try sudo)")
    }

    /// Somebody pressed Control-C at a prompt.
    pub fn interrupted() -> Self {
        Self::new("interrupted", INTERRUPTED, "stopped: nothing was changed")
    }

    /// The same, where a code that was typed before counts whatever comes after it.
    pub fn having_judged(self) -> Self {
        let message = "stopped: what was typed before counts as it does at a login".into();
        if self.exit == INTERRUPTED { Self { message, ..self } } else { self }
    }

    /// Has it come to nothing, as far as anybody can know?
    pub fn changed_nothing(&self) -> bool {
        self.exit != HOST
    }

    /// The host cannot do it.
    pub fn host(message: impl Into<String>) -> Self {
        Self::new("host", HOST, message)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        match error {
            // Of root nobody can ask more: what keeps it out is the host's.
            StoreError::Io(_, Errno::EACCES | Errno::EPERM) if !Uid::effective().is_root() => {
                Self::new("not_permitted", NOT_PERMITTED, format!("{error}: only root may do this (try sudo)"))
            }
            StoreError::NameTooLong => Self::new("name_too_long", USAGE, error.to_string()),
            // No service: this program is older than what has written it.
            StoreError::Newer(path) => {
                let path = path.display();
                Self::new(
                    "store",
                    HOST,
                    format!("{path} {WRITTEN_BY_NEWER}: install that version again; nothing was changed"),
                )
            }
            _ => Self::new("store", HOST, error.to_string()),
        }
    }
}

impl From<Unavailable> for Failure {
    fn from(error: Unavailable) -> Self {
        match error {
            Unavailable::Store(error) => error.into(),
            Unavailable::Door { here: None, door } => door.into(),
            Unavailable::Door { here: Some(here), door } => {
                let failure = Self::from(door);
                Self { message: format!("{here}; asked instead, {}", failure.message), ..failure }
            }
            Unavailable::Accounts | Unavailable::NoJudge { .. } => Self::new("store", HOST, error.to_string()),
        }
    }
}

impl From<Denied> for Failure {
    fn from(denied: Denied) -> Self {
        let (code, exit) = match denied {
            Denied::PolicyOff => ("policy_off", NOT_PERMITTED),
            Denied::ShortKey => ("bad_key", USAGE),
            Denied::Required => ("required", NOT_PERMITTED),
            Denied::Closed => ("closed", NOT_PERMITTED),
            Denied::NotYours | Denied::NotYoursToSee | Denied::NotSelf | Denied::NoLogin | Denied::NotDelegated => {
                ("not_permitted", NOT_PERMITTED)
            }
        };
        Self::new(code, exit, refusal::denied(denied))
    }
}

impl From<DoorError> for Failure {
    fn from(error: DoorError) -> Self {
        let message = if Uid::effective().is_root() { error.what() } else { error.what_to_users() };
        match error {
            DoorError::NotForYou => Self::new("not_permitted", NOT_PERMITTED, message),
            DoorError::Closed => Self::new("no_door", HOST, message),
            _ => Self::new("door", HOST, message),
        }
    }
}

impl From<&PolicyFault> for Failure {
    fn from(fault: &PolicyFault) -> Self {
        match fault {
            PolicyFault::File(error) => error.clone().into(),
            _ => Self::new("policy", HOST, format!("{fault}: fix the policy first")),
        }
    }
}

impl From<ManageError> for Failure {
    fn from(error: ManageError) -> Self {
        match error {
            ManageError::Unavailable(error) => error.into(),
            ManageError::Refused(error) => error.into(),
            ManageError::Denied(denied) => denied.into(),
        }
    }
}

impl From<ChangeError> for Failure {
    fn from(error: ChangeError) -> Self {
        let message = ManageError::from(error.clone()).to_string();
        match error {
            ChangeError::AlreadyEnrolled => Self::new("already_enrolled", NO, message),
            ChangeError::NotEnrolled => Self::new("not_enrolled", NO, message),
            ChangeError::DeviceExists => Self::new("device_exists", NO, message),
            ChangeError::NoSuchDevice => Self::new("no_such_device", NO, message),
            ChangeError::WhichDevice => Self::new("which_device", USAGE, message),
            ChangeError::TooManyDevices => Self::new("too_many_devices", NO, message),
            ChangeError::OnlyDevice => Self::new("only_device", NO, message),
            ChangeError::OtherDigits => Self::new("other_digits", USAGE, message),
            ChangeError::SameKey => Self::new("same_key", USAGE, message),
            ChangeError::NotConsecutive => Self::new("wrong_code", NO, message),
            ChangeError::NoCounter => Self::new("no_counter", NO, message),
            ChangeError::TooManyPairs => Self::new("waiting", NO, message),
            ChangeError::NotHotp => Self::new("no_counter", USAGE, message),
            ChangeError::WrongCode { clock_off } => {
                let clock = clock_off.map_or(String::new(), |off| format!("\n{}", clock_hint(off)));
                Self { clock_off, ..Self::new("wrong_code", NO, message + &clock) }
            }
            ChangeError::UsedCode => Self::new("used_code", NO, message),
            ChangeError::CodeNeeded => Self::new("code_needed", USAGE, message),
            ChangeError::CodeRefused { outcome, .. } => {
                let (code, codes) = match outcome {
                    Outcome::Used { .. } | Outcome::Later { .. } => ("used_code", None),
                    Outcome::Waiting { need, .. } => ("waiting", Some(need)),
                    _ => ("wrong_code", None),
                };
                Self { codes, current: true, ..Self::new(code, NO, message) }
            }
            ChangeError::NoRandom => Self::new("host", HOST, message),
        }
    }
}

/// Nearly always it is the server's clock: say so, and how to look.
fn clock_hint(off: i64) -> String {
    let off = clocks_differ(off);
    format!(
        "Check the clocks: the phone's clock is {off} this server's. If they agreed, the code would be right. Look at the \
         server's with `timedatectl` or `chronyc tracking`, and set the phone's to automatic."
    )
}

/// A line of an answer or a question on stdout, while there is more to come.
pub fn say(text: &str) -> Result<(), Failure> {
    let written = writeln!(io::stdout(), "{}", wrapped(text, &io::stdout()));
    written.map_err(|e| Failure::host(format!("stdout: {e}")))
}

/// A line on stderr.
pub fn tell(text: &str) {
    let _ = writeln!(io::stderr(), "{}", wrapped(text, &io::stderr()));
}

/// For a terminal, which would break long lines in the middle of a word; a pipe or a file gets each message in one line.
pub fn wrapped(text: &str, to: &(impl AsFd + IsTerminal)) -> String {
    if !to.is_terminal() {
        return text.to_owned();
    }
    let columns = terminal_size::terminal_size_of(to).map_or(page::USUAL.columns, |(columns, _)| columns.0);
    wrap(text, page::text_width(columns))
}

/// Prints and ends. stdout carries the one object in JSON, the report else; errors go to stderr.
pub fn finish(json: bool, result: Result<Report, Failure>) -> ExitCode {
    let (exit, written) = match (result, json) {
        (Ok(Report { written: Err(error), exit, .. }), _) => (exit, Err(error)),
        (Ok(report), true) => (report.exit, print_object(report.fields, report.begun)),
        (Err(failure), true) => {
            (failure.exit, print_object(json::fields(&json::FailureReport { error: failure.error() }), false))
        }
        (Ok(report), false) if report.text.is_empty() => (report.exit, Ok(())),
        (Ok(report), false) => {
            let text = if report.unwrapped { report.text } else { wrapped(&report.text, &io::stdout()) };
            (report.exit, writeln!(io::stdout(), "{text}"))
        }
        (Err(failure), false) => {
            if failure.exit == INTERRUPTED {
                // Behind what the terminal shows for the key.
                eprintln!();
            }
            // It may quote what somebody pasted.
            tell(&format!("pam-totp: {}", plain(&failure.message)));
            (failure.exit, Ok(()))
        }
    };
    if exit == INTERRUPTED {
        // A shell that runs a script ends it only if the signal ended us.
        let _ = nix::sys::signal::raise(nix::sys::signal::Signal::SIGINT);
    }
    // What nobody could read was not said: a full disk or a closed pipe behind stdout is the host's fault.
    ExitCode::from(if written.is_err() { HOST } else { exit })
}

/// `begun`: goes on behind a list.
fn print_object(fields: Map<String, Value>, begun: bool) -> io::Result<()> {
    let mut object = Map::from_iter([("version".to_owned(), VERSION.into())]);
    object.extend(fields);
    let text = Value::Object(object).to_string();
    let mut out = io::stdout().lock();
    match text.strip_prefix('{').filter(|_| begun) {
        Some(rest) => writeln!(out, "],{rest}")?,
        None => writeln!(out, "{text}")?,
    }
    out.flush()
}
