//! Enrollment at login: the key is shown and proved in `auth`, and stored in `account` alone, because in some stacks
//! `auth` also runs after a wrong password. A stranger who gets that far leaves nothing behind.
//!
//! Key and backup codes stand in the text of prompts: some programs write every other message into a log.

use crate::text;
use zeroize::Zeroizing;

use crate::backend::Backend;
use crate::factor::backup::BackupShaped;
use crate::factor::change::ChangeError;
use crate::factor::enrollment::Device;
use crate::factor::prove::prove_new;
use crate::factor::uri;
use crate::login::messages::enrolling as say;
use crate::login::messages::log::{self, enrolling as logged};
use crate::manage::notify::Event;
use crate::manage::{self, ManageError, NewBackupCodes, Pending};
use crate::qr::page;
use crate::qr::{DrawingStyle, QrError, Size};
use crate::system::account::Account;
use crate::system::clock;
use crate::system::hostname::hostname;

use super::application::{Application, ConversationFailed, Exit, Items, LogLevel, Tone, log_failure};
use crate::factor::secret::Answer;
use crate::policy::arguments::Arguments;

/// How many wrong codes there may be before the key is thrown away, and how many wrong backup codes.
const TRIES: u32 = 3;
/// How many answers of too few or too many digits cost no try, each time. A program may give one answer for ever.
const SLIPS: u32 = 3;
/// Account, key and prompt, which stand under a QR code.
const ROWS_BELOW: u16 = 3;
/// What the device is called until its owner names it.
const DEVICE: &str = "phone";
/// PAM_MAX_MSG_SIZE: so much of a prompt every program shows.
const LONGEST: usize = 512;

/// The `auth` half: shows a new key, and keeps it for `account` once a code has proved it.
pub fn prove(
    host: &mut impl Application,
    backend: &impl Backend,
    options: &Arguments,
    items: &Items,
    account: &Account,
    required: bool,
) -> Exit {
    // Before anything is said.
    if options.quiet {
        return refuse(host, items, account, logged::CANNOT_SHOW);
    }
    // Whom a rule names cannot put it off.
    let put_off = backend.policy().enroll_by.filter(|by| !required && clock::now() <= *by);
    if options.explain && is_lost_here(host, backend, items, account) && put_off.is_none() {
        host.say(Tone::Error, say::NOT_STORED_BEFORE);
        return refuse(host, items, account, logged::PROVED_BEFORE);
    }
    match show_and_ask(host, backend, options, items, account, put_off) {
        Ok(Some(pending)) => {
            panic_here!("enrolling");
            if !host.keep(pending) {
                return refuse(host, items, account, logged::NOT_KEPT);
            }
            host.log(LogLevel::Info, &logged::proved(&account.name));
            if options.explain && !mark(host, backend, items, account) {
                return refuse(host, items, account, logged::NOT_MARKED);
            }
            no_credential(options)
        }
        Ok(None) => {
            host.log(LogLevel::Notice, &logged::put_off(&account.name));
            no_credential(options)
        }
        Err(NotEnrolled::Elsewhere) => refuse(host, items, account, logged::SHOWN_TO_OTHERS),
        Err(NotEnrolled::NotProved) => {
            let exit = refuse(host, items, account, logged::NOT_PROVED);
            host.say(Tone::Error, say::NOT_ENROLLED);
            exit
        }
        Err(NotEnrolled::Other(what)) => refuse(host, items, account, &what),
        Err(NotEnrolled::Left) => {
            host.log(LogLevel::Notice, log::NO_ANSWER);
            Exit::ConversationFailed
        }
    }
}

/// Was a key proved here before, and stored by no account line? A user who must enroll would get in with a new key each time.
/// Another service may well store it. A record that cannot be read lets nobody through.
fn is_lost_here(host: &mut impl Application, backend: &impl Backend, items: &Items, account: &Account) -> bool {
    match backend.proving(account) {
        Ok(None) => false,
        Ok(Some(proving)) => {
            host.log(LogLevel::Error, &logged::not_stored(&account.name, &proving));
            // Who is root here can fix no stack while they are refused.
            proving.is_at(&items.service) && account.uid != 0
        }
        Err(error) => {
            host.log(LogLevel::Error, &log::store_error(Some(&account.name), &error));
            true
        }
    }
}

/// With `explain` the password was right: no stranger leaves a mark. A disk that is full or read-only stops no login; what a
/// caller of su can make fail (a limit, a lock) does, or they would get in with a new key each time.
fn mark(host: &mut impl Application, backend: &impl Backend, items: &Items, account: &Account) -> bool {
    let Err(error) = backend.mark_proving(account, &items.service) else { return true };
    host.log(LogLevel::Error, &logged::not_marked(&account.name, &error));
    error.is_of_the_disk()
}

/// The account line has run, whatever comes of it.
fn unmark(host: &mut impl Application, backend: &impl Backend, account: &Account) {
    if let Err(error) = backend.end_proving(account) {
        host.log(LogLevel::Error, &log::store_error(Some(&account.name), &error));
    }
}

/// A stranger, too, proves a key that they were just shown: as for everybody of whom no code is due, something else must
/// let them in. With after=publickey something has.
fn no_credential(options: &Arguments) -> Exit {
    if options.after_publickey { Exit::Success } else { Exit::Ignore }
}

/// The `account` half: stores what was proved, and shows the backup codes in the one moment in which that can be. A set-uid
/// program does it itself, so its caller could stop it with the lock: who gets here has the password of that account, and
/// nothing was enrolled there.
pub fn store(host: &mut impl Application, backend: &impl Backend, options: &Arguments, pending: Pending) -> Exit {
    // The application may have changed PAM_USER since: a key is nobody's but its prover's.
    let same = matches!(host.user(), Ok(Some(name)) if backend.names(&name, &pending.account));
    if !same {
        host.log(LogLevel::Error, &logged::changed_user(&pending.account.name));
        unmark(host, backend, &pending.account);
        return Exit::Refuse;
    }
    panic_here!("storing");
    let (account, device) = (pending.account.clone(), pending.device.id.clone());
    match backend.enroll(pending) {
        Ok(()) => {
            host.log(LogLevel::Notice, &logged::enrolled(&account.name));
            tell(host, backend, "enrolled", &account);
            let said = offer_codes(host, backend, &account, &device);
            say_aloud(host, options, Tone::Info, said);
            // Only the stack decides whether the account is in order.
            Exit::Ignore
        }
        Err(error) => {
            host.log(LogLevel::Error, &logged::failed(&account.name, &error));
            unmark(host, backend, &account);
            say_aloud(host, options, Tone::Error, say::NOT_STORED);
            Exit::Refuse
        }
    }
}

/// No login fails by it.
fn tell(host: &mut impl Application, backend: &impl Backend, event: &str, account: &Account) {
    let items = host.items();
    let user = Some(account.name.as_str());
    let from = Some(items.rhost.as_str()).filter(|from| !from.is_empty());
    let told =
        Event { event, user, by: user, service: Some(&items.service), from, at: clock::now(), ..Event::default() };
    if let Err(error) = backend.tell(&told) {
        host.log(LogLevel::Error, &log::notify_error(&error));
    }
}

/// The device is stored, whatever comes of this. A set counts only once one of its codes was typed back: some programs
/// show no long prompt, and who leaves has nothing written down. Gives what to say of it.
fn offer_codes(host: &mut impl Application, backend: &impl Backend, account: &Account, device: &str) -> &'static str {
    let kept = backend.make_codes().and_then(|(set, codes)| {
        if is_typed_back(host, &codes) { backend.add_codes(account, device, set).map(Some) } else { Ok(None) }
    });
    let user = &account.name;
    let (level, line) = match &kept {
        Ok(Some(true)) => (LogLevel::Notice, logged::codes_count(user)),
        Ok(None) => (LogLevel::Notice, logged::no_codes(user)),
        Ok(Some(false)) => (LogLevel::Error, logged::codes_not_stored(user, &logged::CHANGED_SINCE)),
        Err(error) => (LogLevel::Error, logged::codes_not_stored(user, error)),
    };
    host.log(level, &line);
    if matches!(kept, Ok(Some(true))) {
        tell(host, backend, "backup_codes", account);
    }
    if matches!(kept, Ok(Some(true))) { say::BACKUP_CODES_ON } else { say::NO_BACKUP_CODES }
}

/// The prompts alone, where the account line says `quiet`.
fn say_aloud(host: &mut impl Application, options: &Arguments, tone: Tone, text: &str) {
    if !options.quiet {
        host.say(tone, text);
    }
}

/// Shows the codes until one of them comes back; in vain after Enter alone, too many slips, or where nobody answers.
fn is_typed_back(host: &mut impl Application, codes: &NewBackupCodes) -> bool {
    let mut above = say::BACKUP_CODES;
    for _ in 0..TRIES {
        let mut text = Zeroizing::new(String::with_capacity(2 * LONGEST));
        text.push_str(above);
        for (number, code) in (1_u8..).zip(codes) {
            text.push_str(&format!("({number}) "));
            text.push_str(code);
            text.push('\n');
        }
        text.push_str(say::TYPE_ONE_BACK);
        let Ok(answer) = host.prompt(&text, true) else { return false };
        if answer.as_bytes().is_empty() {
            return false;
        }
        let typed = BackupShaped::recognize(answer.as_bytes()).map(|typed| typed.print());
        if typed.is_some_and(|typed| codes.contains(&typed)) {
            return true;
        }
        above = say::NOT_ONE_OF_THEM;
    }
    false
}

enum NotEnrolled {
    Elsewhere,
    NotProved,
    Left,
    Other(String),
}

impl From<ConversationFailed> for NotEnrolled {
    fn from(_: ConversationFailed) -> Self {
        Self::Left
    }
}

fn refuse(host: &mut impl Application, items: &Items, account: &Account, why: &str) -> Exit {
    log_failure(host, items, Some(&account.name));
    host.log(LogLevel::Notice, &logged::must_enroll(&account.name, why));
    Exit::Refuse
}

/// `None`: put off, where it may be until `put_off`.
fn show_and_ask(
    host: &mut impl Application,
    backend: &impl Backend,
    options: &Arguments,
    items: &Items,
    account: &Account,
    put_off: Option<u64>,
) -> Result<Option<Pending>, NotEnrolled> {
    let mut first = true;
    if is_called_here(host, items) {
        if !host.has_terminal(&items.tty) || asks_elsewhere(host)? {
            return Err(NotEnrolled::Elsewhere);
        }
        first = false;
    }
    let device = manage::new_device(DEVICE, clock::now()).map_err(|error| NotEnrolled::Other(error.to_string()))?;
    let question = FirstCode {
        account: &account.name,
        issuer: backend.policy().issuer.clone().or_else(hostname).unwrap_or_else(|| "localhost".into()),
        device: &device,
        prompt: options.prompt.as_deref().unwrap_or_else(|| backend.policy().prompt()),
    };
    let mut text = if question.is_drawn(host, items, &say::beside_qr(first, put_off)) {
        question.with("")
    } else {
        let intro = if first { say::must_enroll() } else { String::new() };
        question.with_account(&format!("{intro}{}", say::new_key(put_off)))
    };
    for _ in 0..TRIES {
        let code = question.ask(host, options.echo, text)?;
        if put_off.is_some() && code.as_bytes().is_empty() {
            return Ok(None);
        }
        text = match prove_new(&device, &code, clock::now(), backend.policy().window) {
            Ok(line) => return Ok(Some(Pending { account: account.clone(), device, line })),
            Err(ChangeError::WrongCode { clock_off }) => question.with_account(&say::not_proved(clock_off)),
            Err(error) => question.with_account(&format!("{}\n", ManageError::from(error))),
        };
    }
    Err(NotEnrolled::NotProved)
}

/// Is it a program that users of this host call, such as sudo and su? It may hand a prompt to another program, in the
/// arguments that every process can read (`sudo -A`), or without a terminal write it to a log.
fn is_called_here(host: &impl Application, items: &Items) -> bool {
    let (real, effective) = host.ids();
    let own = |name: &str| name.eq_ignore_ascii_case(&items.rhost);
    let names_no_other_host = own("") || own("localhost") || hostname().is_some_and(|name| own(&name));
    host.is_silent() || (real != effective && names_no_other_host)
}

/// Does it run another program to ask with? A prompt that holds nothing secret finds out.
fn asks_elsewhere(host: &mut impl Application) -> Result<bool, ConversationFailed> {
    let before = host.children();
    host.prompt(&(say::must_enroll() + say::PRESS_ENTER), true)?;
    Ok(host.children() != before)
}

/// What asks for the first code of a new key.
struct FirstCode<'a> {
    account: &'a str,
    issuer: String,
    device: &'a Device,
    prompt: &'a str,
}

impl FirstCode<'_> {
    /// For a code; digits that are too few or too many to be one are asked for again.
    fn ask(
        &self,
        host: &mut impl Application,
        echo: bool,
        text: Zeroizing<String>,
    ) -> Result<Answer, ConversationFailed> {
        let mut text = text;
        for _ in 0..SLIPS {
            let code = host.prompt(&text, echo)?;
            let Some(slip) = say::wrong_length(&code, self.device.digits.get()) else { return Ok(code) };
            text = self.with_account(&format!("{slip}\n"));
        }
        host.prompt(&text, echo)
    }

    /// The key between this and the prompt. A page shows nothing of the question before, so that each has it.
    fn with(&self, above: &str) -> Zeroizing<String> {
        // Reserved at once: a growing buffer would leave unwiped copies of the key behind.
        let mut text = Zeroizing::new(String::with_capacity(2 * LONGEST));
        text.push_str(above);
        text.push_str("Key:     ");
        text.push_str(&self.device.secret.to_groups());
        text.push('\n');
        text.push_str(self.prompt);
        text
    }

    /// And the account, as much of it as there is room for.
    fn with_account(&self, above: &str) -> Zeroizing<String> {
        let room = LONGEST.saturating_sub(self.with(above).len()).saturating_sub(1);
        let account = say::account_line(self.account, &self.issuer, room);
        self.with(&format!("{above}{account}"))
    }

    /// Has a terminal of this host shown a QR code? ssh clients and web pages show none.
    fn is_drawn(&self, host: &mut impl Application, items: &Items, words: &str) -> bool {
        if host.is_silent() || !host.has_terminal(&items.tty) || !text::valid_label(self.account) {
            return false;
        }
        let Ok(page) = self.page(words) else { return false };
        let account = say::account_line(self.account, &self.issuer, page::text_width(page::USUAL.columns));
        let mut text = Zeroizing::new(String::with_capacity(page.len().saturating_add(account.len())));
        text.push_str(&page);
        // The program ends the last line.
        text.push_str(account.trim_end_matches('\n'));
        host.show(&items.tty, &text)
    }

    /// In the window that every terminal has. What does not fit into that may fit into this one, which we cannot ask.
    fn page(&self, words: &str) -> Result<Zeroizing<String>, QrError> {
        let full = uri::otpauth(self.device, &self.issuer, self.account);
        let short = uri::short_otpauth(self.device, &self.issuer, self.account);
        let tall = Size { rows: u16::MAX, ..page::USUAL };
        page::page(&[&full, &short], DrawingStyle::Utf8, page::USUAL, words, ROWS_BELOW)
            .or_else(|_| page::page(&[&short], DrawingStyle::Utf8, tall, words, ROWS_BELOW))
    }
}
