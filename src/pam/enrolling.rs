//! Enrollment at login: the key is shown and proved in `auth`, and stored in `account` alone, because in some stacks
//! `auth` also runs after a wrong password. A stranger who gets that far leaves nothing behind.

use zeroize::Zeroizing;

use crate::account::Account;
use crate::backup::USUAL_CODES;
use crate::clock;
use crate::desk::Desk;
use crate::enrollment::Device;
use crate::hostname::hostname;
use crate::manage::{self, Codes, ManageError, Pending};
use crate::qr::{self, Style};
use crate::secret::Answer;
use crate::uri;
use crate::words::{self, user};

use super::flow::{ConversationFailed, Exit, Host, Items, Level, Tone, log_failure};
use crate::options::Options;

/// How often a wrong code may be mended before the key is thrown away.
const TRIES: u32 = 3;
/// What the device is called until its owner names it.
const DEVICE: &str = "phone";

/// The `auth` half: shows a new key, and keeps it for `account` once a code has proved it.
pub fn prove(
    host: &mut impl Host,
    desk: &impl Desk,
    options: &Options,
    items: &Items,
    account: &Account,
    required: bool,
) -> Exit {
    // Whom a rule names cannot put it off.
    let put_off = desk.policy().enroll_by.filter(|by| !required && clock::now() <= *by);
    match show_and_ask(host, desk, options, items, account, put_off) {
        Ok(Some(pending)) => {
            panic_here!("enrolling");
            if !host.keep(pending) {
                return refuse(host, items, account, "the key could not be kept for the account line");
            }
            host.log(Level::Info, &format!("enrolling: {} has proved a new key", words::clean(&account.name)));
            no_credential(options)
        }
        Ok(None) => {
            host.log(Level::Notice, &format!("enrolling: {} put it off", words::clean(&account.name)));
            no_credential(options)
        }
        Err(Refused::CannotShow) => refuse(host, items, account, "this program cannot show a key"),
        Err(Refused::NotProved) => refuse(host, items, account, "no code proved the new key"),
        Err(Refused::Other(what)) => refuse(host, items, account, &what),
        Err(Refused::Left) => {
            host.log(Level::Notice, "no answer: the application could not ask for a code, or its user left");
            Exit::ConversationFailed
        }
    }
}

/// A stranger, too, proves a key that he was just shown: as for everybody of whom no code is due, something else must
/// let him in. With after=publickey something has.
fn no_credential(options: &Options) -> Exit {
    if options.after_publickey { Exit::Success } else { Exit::Ignore }
}

/// The `account` half: stores what was proved, and shows the backup codes in the one moment in which that can be.
pub fn store(host: &mut impl Host, desk: &impl Desk, pending: Pending) -> Exit {
    let user = words::clean(&pending.account.name);
    // The application may have changed PAM_USER since: a key is nobody's but its prover's.
    let same = matches!(host.user(), Ok(Some(name)) if desk.names(&name, &pending.account));
    if !same {
        host.log(Level::Error, &format!("enrolling: the key that {user} proved is not stored: PAM_USER has changed"));
        return Exit::Refuse;
    }
    panic_here!("storing");
    match desk.enroll(pending, USUAL_CODES) {
        Ok(codes) => {
            host.log(Level::Notice, &format!("enrolled {user} at a login, proved by a code"));
            show_codes(host, &codes);
            // Only the stack decides whether the account is in order.
            Exit::Ignore
        }
        Err(error) => {
            host.log(Level::Error, &format!("enrolling {user} failed: {error}"));
            host.say(Tone::Error, user::NOT_STORED);
            Exit::Refuse
        }
    }
}

enum Refused {
    CannotShow,
    NotProved,
    Left,
    Other(String),
}

impl From<ConversationFailed> for Refused {
    fn from(_: ConversationFailed) -> Self {
        Self::Left
    }
}

fn refuse(host: &mut impl Host, items: &Items, account: &Account, why: &str) -> Exit {
    log_failure(host, items, Some(&account.name));
    host.log(Level::Notice, &format!("no enrollment: {} must enroll, and {why}", words::clean(&account.name)));
    Exit::Refuse
}

/// `None`: put off, where it may be until `put_off`.
fn show_and_ask(
    host: &mut impl Host,
    desk: &impl Desk,
    options: &Options,
    items: &Items,
    account: &Account,
    put_off: Option<u64>,
) -> Result<Option<Pending>, Refused> {
    let device = manage::new_device(DEVICE, clock::now()).map_err(|error| Refused::Other(error.to_string()))?;
    let mut text = presentation(desk, items, account, &device, put_off);
    let prompt = options.prompt.as_deref().unwrap_or_else(|| desk.policy().prompt());
    for _ in 0..TRIES {
        if options.quiet {
            return Err(Refused::CannotShow);
        }
        let code = tell_and_ask(host, &text, prompt, options.echo)?;
        if put_off.is_some() && code.as_bytes().is_empty() {
            return Ok(None);
        }
        text = match manage::prove_new(desk.policy(), account, &device, &code) {
            Ok(line) => return Ok(Some(Pending { account: account.clone(), device, line })),
            Err(ManageError::WrongCode { clock_off }) => user::wrong_code(clock_off).into(),
            Err(error) => error.to_string().into(),
        };
    }
    Err(Refused::NotProved)
}

/// What must be seen, and the question under it. A program that wants no messages (sudo, unless `!pam_silent`) shows
/// its prompts all the same: there the text is part of the question.
fn tell_and_ask(host: &mut impl Host, text: &str, prompt: &str, echo: bool) -> Result<Answer, Refused> {
    if host.is_silent() {
        let mut whole =
            Zeroizing::new(String::with_capacity(text.len().saturating_add(prompt.len()).saturating_add(1)));
        whole.push_str(text);
        whole.push('\n');
        whole.push_str(prompt);
        return Ok(host.prompt(&whole, echo)?);
    }
    if host.show(text) { Ok(host.prompt(prompt, echo)?) } else { Err(Refused::CannotShow) }
}

fn presentation(
    desk: &impl Desk,
    items: &Items,
    account: &Account,
    device: &Device,
    put_off: Option<u64>,
) -> Zeroizing<String> {
    let issuer = desk.policy().issuer.clone().or_else(hostname).unwrap_or_else(|| "localhost".into());
    // Reserved at once: a growing buffer would leave unwiped copies of the key behind.
    let mut text = Zeroizing::new(String::with_capacity(16_384));
    let drawing = if is_terminal(&items.tty) && uri::valid_label(&account.name) {
        qr::draw(&uri::otpauth(device, &issuer, &account.name), Style::Utf8, None, 0).ok()
    } else {
        None
    };
    text.push_str(&user::must_enroll(&issuer, &account.name, drawing.is_some(), put_off));
    text.push_str(&device.secret.to_groups());
    if let Some(drawing) = drawing {
        text.push('\n');
        text.push_str(drawing.text.trim_end_matches('\n'));
    }
    text
}

/// A terminal of this host draws half blocks in colors. ssh clients and web pages show neither: there the key is
/// typed.
fn is_terminal(tty: &str) -> bool {
    ["/dev/", "tty", "pts/"].iter().any(|start| tty.starts_with(start))
}

fn show_codes(host: &mut impl Host, codes: &Codes) {
    let mut text = Zeroizing::new(String::with_capacity(1_024));
    text.push_str(user::BACKUP_CODES);
    // Numbered, for web pages that run the lines together.
    for (number, code) in (1_u8..).zip(codes) {
        text.push_str(&format!("\n{number}. "));
        text.push_str(code);
    }
    // Asked, because some programs show messages with the next prompt only, or clear the screen after the login.
    // Whatever is answered, the factor is stored.
    let _ = tell_and_ask(host, &text, user::WRITTEN_DOWN, true);
}
