//! `try`: a login through a PAM stack, here and now, that stops before anybody is in.

use std::ffi::{CString, c_int};
use std::io::{self, Write};

use clap::Args;
use nix::unistd::{Uid, ttyname};
use pam_totp::system::account;
use pam_totp::text::{clean, deceives};
use zeroize::Zeroizing;

use crate::input::Input;
use crate::log::person;
use crate::pam_app::{Conversation, Item, MessageStyle, PamAnswer, Stack};
use crate::people::{source, whom};
use crate::report::{Failure, HOST, NO, Report};
use crate::{json, stacks};

#[derive(Args)]
pub struct TryArgs {
    /// The PAM service: the name of a file in /etc/pam.d.
    service: String,
    /// Who logs in [default: you].
    user: Option<String>,
    /// The IP address that the login comes from [default: this host].
    #[arg(long, value_name = "ADDRESS")]
    from: Option<String>,
    /// What ssh has accepted before, as in SSH_AUTH_INFO_0: publickey, for example.
    #[arg(long, value_name = "METHOD")]
    ssh_auth: Option<String>,
}

/// Longest name of a service.
const MAX_SERVICE: usize = 255;

const PAM_SUCCESS: c_int = 0;

const PAM_NEW_AUTHTOK_REQD: c_int = 12;

/// Runs `auth`, and after a success `account`.
pub fn run(arguments: &TryArgs, json: bool) -> Result<Report, Failure> {
    let service = service_name(&arguments.service)?;
    let user = user_name(arguments.user.as_deref(), &service)?;
    let given = given(arguments)?;
    let mut talk = Talk { input: Input::new(json)?, json, heard: Vec::new(), failure: None };
    let stack = if stacks::has_file(&service) { service.as_str() } else { "other" };
    talk.says(&announced(&service, stack));
    let (auth, account) = login(&service, &user, &given, &mut talk)?;
    let Talk { heard, failure, .. } = talk;
    if let Some(failure) = failure {
        return Err(failure.having_judged());
    }
    let verdict = TryVerdict::of(&auth, account.as_ref());
    let mut lines = vec![said("auth", &auth)];
    lines.extend(account.as_ref().map(|answer| said("account", answer)));
    lines.push(format!("{} {} No session was opened, no credentials were set.", service, verdict.words(&clean(&user))));
    let object = json::TryReport {
        stack: stack.to_owned(),
        user,
        messages: heard,
        auth: object(&auth),
        account: account.as_ref().map(object),
        let_in: verdict == TryVerdict::In,
        service,
    };
    Ok(Report::new(lines.join("\n"), &object).exiting(verdict.exit()))
}

/// Where a file name could be more than a name, libpam is not asked: it takes what stands behind the last slash.
fn service_name(name: &str) -> Result<String, Failure> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-+@".contains(c);
    if name.is_empty() || name.len() > MAX_SERVICE || name.starts_with('.') || !name.chars().all(plain) {
        return Err(Failure::no_service(name));
    }
    // As libpam does.
    Ok(name.to_ascii_lowercase())
}

/// The user that a stack is asked about may exist or not: programs at the network ask so, too.
fn user_name(name: Option<&str>, service: &str) -> Result<String, Failure> {
    match name {
        None => Ok(whom(None, &format!("try {service}"))?.name),
        Some(name) if account::is_looked_up(name) => Ok(name.to_owned()),
        Some(_) => Err(Failure::bad_input("bad_name", "no account can have such a name")),
    }
}

fn announced(service: &str, stack: &str) -> String {
    let mut lines = Vec::new();
    if stack != service {
        lines.push(format!("{service} has no file in /etc/pam.d: PAM takes the stack of `other`."));
    }
    if !Uid::effective().is_root() {
        lines.push(
            "Without root, modules know what that user may know: the login program may get another answer.".into(),
        );
    }
    lines.join("\n")
}

/// What a login program tells libpam beside the names.
struct Given {
    items: Vec<(Item, CString)>,
    /// `NAME=value`
    environment: Option<CString>,
}

fn given(arguments: &TryArgs) -> Result<Given, Failure> {
    let TryArgs { from, ssh_auth, .. } = arguments;
    source(from.as_deref())?;
    let method = |c: char| c.is_ascii_alphanumeric() || c == '-';
    if ssh_auth.as_ref().is_some_and(|word| word.is_empty() || !word.chars().all(method)) {
        return Err(Failure::usage("--ssh-auth needs the name of a method of ssh, such as publickey"));
    }
    let tty = ttyname(io::stdin()).ok().and_then(|tty| tty.into_os_string().into_string().ok());
    let items = [(Item::Tty, tty), (Item::Ruser, person().account), (Item::Rhost, from.clone())];
    let items = items.into_iter().filter_map(|(item, value)| Some(text(&value?).map(|value| (item, value))));
    // As sshd has it: the method, and what it saw.
    let environment = ssh_auth.as_ref().map(|word| text(&format!("SSH_AUTH_INFO_0={word} (tried)\n"))).transpose()?;
    Ok(Given { items: items.collect::<Result<_, _>>()?, environment })
}

fn text(text: &str) -> Result<CString, Failure> {
    CString::new(text).map_err(|_| Failure::usage("a name has a NUL inside"))
}

/// What `auth` answered, and after a success `account`.
fn login(service: &str, user: &str, given: &Given, talk: &mut Talk) -> Result<(PamAnswer, Option<PamAnswer>), Failure> {
    let fault = |answer: PamAnswer| Failure::host(format!("libpam: {}", answer.words));
    let mut stack = Stack::start(&text(service)?, &text(user)?, talk).map_err(fault)?;
    for (item, value) in &given.items {
        stack.set(*item, value).map_err(fault)?;
    }
    if let Some(pair) = &given.environment {
        stack.put(pair).map_err(fault)?;
    }
    let auth = stack.authenticate();
    let account = (auth.code == PAM_SUCCESS).then(|| stack.account());
    Ok((auth, account))
}

/// The person at the terminal, or lines of stdin.
struct Talk {
    input: Input,
    json: bool,
    heard: Vec<json::TryMessage>,
    /// Why there was no answer.
    failure: Option<Failure>,
}

impl Talk {
    fn says(&mut self, line: &str) {
        if !self.json && !line.is_empty() {
            // A pipe that nobody reads changes no login; the verdict has an exit code.
            let _ = writeln!(io::stdout(), "{line}");
        }
    }
}

impl Conversation for Talk {
    fn hears(&mut self, style: MessageStyle, text: &str) -> Option<Zeroizing<Vec<u8>>> {
        let (word, label) = match style {
            MessageStyle::Hidden => ("hidden", "asks, hidden: "),
            MessageStyle::Shown => ("shown", "asks, shown:  "),
            MessageStyle::Error => ("error", "error:        "),
            MessageStyle::Info => ("info", "says:         "),
        };
        self.heard.push(json::TryMessage { style: word, text: text.to_owned() });
        // A drawing begins at the left, or its first row would not stand over the others.
        let label = if text.starts_with('\u{1b}') { format!("{label}\n") } else { label.to_owned() };
        let line = Zeroizing::new(format!("{label}{}", *printable(text)));
        let prompts = matches!(style, MessageStyle::Hidden | MessageStyle::Shown);
        if !(prompts && self.input.asks) {
            self.says(&line);
        }
        let answer = match style {
            MessageStyle::Hidden => self.input.hidden(&line, "answer"),
            MessageStyle::Shown => self.input.visible(&line, "answer"),
            MessageStyle::Error | MessageStyle::Info => Ok(Zeroizing::default()),
        };
        answer.map_err(|failure| self.failure = Some(failure)).ok()
    }
}

/// A module's text may hold lines, and the colors of a QR code; nothing else that moves on a terminal.
fn printable(text: &str) -> Zeroizing<String> {
    let mut out = Zeroizing::new(String::with_capacity(text.len()));
    let mut rest = text;
    while let Some(letter) = rest.chars().next() {
        let length = color(rest).unwrap_or(letter.len_utf8());
        let (piece, after) = rest.split_at(length);
        let harmless = length > 1 && letter == '\u{1b}' || matches!(letter, '\n' | '\t') || !deceives(letter);
        out.push_str(if harmless { piece } else { "?" });
        rest = after;
    }
    out
}

/// How long the color is that a text begins with.
fn color(text: &str) -> Option<usize> {
    let inside = text.strip_prefix("\u{1b}[")?;
    let end = inside.find(|c: char| !(c.is_ascii_digit() || c == ';'))?;
    inside[end..].starts_with('m').then_some(end + 3)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum TryVerdict {
    In,
    NewPassword,
    Refused,
    /// No module's judgement: the stack itself does not work.
    Broken,
}

impl TryVerdict {
    fn of(auth: &PamAnswer, account: Option<&PamAnswer>) -> Self {
        match account.unwrap_or(auth).code {
            PAM_SUCCESS => Self::In,
            PAM_NEW_AUTHTOK_REQD => Self::NewPassword,
            // OPEN, SYMBOL, SERVICE, SYSTEM, BUF, ABORT, MODULE_UNKNOWN, BAD_ITEM
            1..=5 | 26 | 28 | 29 => Self::Broken,
            _ => Self::Refused,
        }
    }

    fn words(self, user: &str) -> String {
        match self {
            Self::In => format!("would let {user} in."),
            Self::NewPassword => format!("would let {user} in only with a new password."),
            Self::Refused => format!("would refuse {user}."),
            Self::Broken => format!("would refuse {user}: its stack does not work, see the log."),
        }
    }

    fn exit(self) -> u8 {
        match self {
            Self::In => 0,
            Self::NewPassword | Self::Refused => NO,
            Self::Broken => HOST,
        }
    }
}

fn said(part: &str, answer: &PamAnswer) -> String {
    format!("{part}: {} ({})", name(answer.code), answer.words)
}

fn object(answer: &PamAnswer) -> json::TryAnswer {
    json::TryAnswer { code: name(answer.code), message: answer.words.clone() }
}

/// As the manual pages of PAM have it.
fn name(code: c_int) -> &'static str {
    const NAMES: [&str; 32] = [
        "PAM_SUCCESS",
        "PAM_OPEN_ERR",
        "PAM_SYMBOL_ERR",
        "PAM_SERVICE_ERR",
        "PAM_SYSTEM_ERR",
        "PAM_BUF_ERR",
        "PAM_PERM_DENIED",
        "PAM_AUTH_ERR",
        "PAM_CRED_INSUFFICIENT",
        "PAM_AUTHINFO_UNAVAIL",
        "PAM_USER_UNKNOWN",
        "PAM_MAXTRIES",
        "PAM_NEW_AUTHTOK_REQD",
        "PAM_ACCT_EXPIRED",
        "PAM_SESSION_ERR",
        "PAM_CRED_UNAVAIL",
        "PAM_CRED_EXPIRED",
        "PAM_CRED_ERR",
        "PAM_NO_MODULE_DATA",
        "PAM_CONV_ERR",
        "PAM_AUTHTOK_ERR",
        "PAM_AUTHTOK_RECOVERY_ERR",
        "PAM_AUTHTOK_LOCK_BUSY",
        "PAM_AUTHTOK_DISABLE_AGING",
        "PAM_TRY_AGAIN",
        "PAM_IGNORE",
        "PAM_ABORT",
        "PAM_AUTHTOK_EXPIRED",
        "PAM_MODULE_UNKNOWN",
        "PAM_BAD_ITEM",
        "PAM_CONV_AGAIN",
        "PAM_INCOMPLETE",
    ];
    usize::try_from(code).ok().and_then(|code| NAMES.get(code)).unwrap_or(&"an unknown code")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_keeps_its_lines_and_colors_and_moves_nothing() {
        let cases = [
            ("Code: ", "Code: "),
            ("a\nb\tc", "a\nb\tc"),
            ("\u{1b}[0;38;5;16m##\u{1b}[0m", "\u{1b}[0;38;5;16m##\u{1b}[0m"),
            ("\u{1b}[2J\u{1b}]0;x\u{7}\u{202e}\u{1b}", "?[2J?]0;x???"),
            ("ü\u{1b}[1", "ü?[1"),
        ];
        for (text, shown) in cases {
            assert_eq!(*printable(text), shown, "{text:?}");
        }
    }

    #[test]
    fn a_service_is_a_name_and_no_path() {
        assert_eq!(service_name("SSHD").unwrap(), "sshd");
        assert_eq!(service_name("systemd-user").unwrap(), "systemd-user");
        for name in ["", ".", "..", "../x", "a/b", "/etc/passwd", "a b", "a\n", "ü", ".sshd", &"a".repeat(300)] {
            assert_eq!(service_name(name).unwrap_err().code, "bad_name", "{name:?}");
        }
    }
}
