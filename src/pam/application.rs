//! The program that a stack runs in, as PAM's own word for it is: what it tells, asks, shows and keeps.

use crate::factor::secret::Answer;
use crate::factor::source::Process;
use crate::login::messages::log;
use crate::manage::Pending;

/// What a line in a stack comes to; `pam/mod.rs` makes it a PAM code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Proved.
    Success,
    /// Not our business; the stack decides.
    Ignore,
    /// Refused. There is one such answer: wrong, used, waiting, unenrolled, unknown and broken look alike.
    Refuse,
    /// The application could not ask.
    ConversationFailed,
}

/// The application could not ask its user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConversationFailed;

/// How a sentence is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// Something to know.
    Info,
    /// Something went wrong.
    Error,
}

/// How urgent a log line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogLevel {
    /// An administrator must act.
    Error,
    /// A failed login.
    Notice,
    /// A login.
    Info,
    /// With `debug` only.
    Debug,
}

/// PAM items and environment, copied before any prompt.
#[derive(Clone, Debug, Default)]
pub struct Items {
    /// PAM_SERVICE.
    pub service: String,
    /// PAM_TTY.
    pub tty: String,
    /// PAM_RHOST.
    pub rhost: String,
    /// PAM_RUSER.
    pub ruser: String,
    /// sshd's true addresses.
    pub ssh_connection: Option<String>,
    /// The methods that sshd has seen succeed, a line each.
    pub ssh_auth_info: Option<String>,
}

/// The program that we are in.
pub trait Application: Process {
    /// Everything that is known before the first prompt.
    fn items(&mut self) -> Items;
    /// The user; `None` for a name that is no text.
    fn user(&mut self) -> Result<Option<String>, ConversationFailed>;
    /// Asks.
    fn prompt(&mut self, text: &str, echo: bool) -> Result<Answer, ConversationFailed>;
    /// Tells; whether it is shown is the program's affair.
    fn say(&mut self, tone: Tone, text: &str);
    /// Grows with every program that this one has run and waited for.
    fn children(&self) -> u64;
    /// Is this PAM_TTY a terminal of this host?
    fn has_terminal(&self, tty: &str) -> bool;
    /// Shows what that terminal alone may show; whether it did.
    fn show(&mut self, tty: &str, text: &str) -> bool;
    /// The program wants no messages.
    fn is_silent(&self) -> bool;
    /// Logs.
    fn log(&mut self, level: LogLevel, text: &str);
    /// Asks for a delay if the stack fails.
    fn delay(&mut self, microseconds: u32);
    /// PAM_AUTHTOK.
    fn password(&mut self) -> Option<Answer>;
    /// Sets PAM_AUTHTOK; whether that worked.
    fn set_password(&mut self, password: &[u8]) -> bool;
    /// Keeps a code for the next line; whether that worked.
    fn stash(&mut self, code: Answer) -> bool;
    /// The code that an earlier line kept, once.
    fn take_stash(&mut self) -> Option<Answer>;
    /// Keeps a proved key for the account line; whether that worked.
    fn keep(&mut self, pending: Pending) -> bool;
}

/// In the words that log readers know.
pub(super) fn log_failure(host: &mut impl Application, items: &Items, user: Option<&str>) {
    let Items { tty, ruser, rhost, .. } = items;
    let (uid, euid) = host.ids();
    host.log(LogLevel::Notice, &log::AuthFailure { uid, euid, tty, ruser, rhost, user }.to_string());
}
