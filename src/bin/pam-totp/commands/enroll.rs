//! `enroll`, `generate`: a key comes into being and is stored once it is proved.

use pam_totp::text;
use std::io::{IsTerminal, Write};
use std::path::Path;

use pam_totp::access::Deed;
use pam_totp::account::Account;
use pam_totp::attempt::Outcome;
use pam_totp::backup::{MAX_CODES, MIN_CODES, USUAL_CODES};
use pam_totp::clock;
use pam_totp::desk::{Desk, Front};
use pam_totp::enrollment::Place;
use pam_totp::enrollment::{Device, valid_device_name};
use pam_totp::hostname::hostname;
use pam_totp::manage::{self, Change, Codes, ManageError, Proof};
use pam_totp::notify::Event;
use pam_totp::qr::{self, Size, Style};
use pam_totp::random;
use pam_totp::secret::{GENERATED_BYTES, Secret};
use pam_totp::uri;
use pam_totp::words::enrolling::{self as words, Purpose};
use zeroize::Zeroizing;

use crate::form;
use crate::input::Input;
use crate::people::{front, whom};
use crate::picture::Picture;
use crate::proof::{self, CURRENT, current_code, log_if_root, tell_if_root};
use crate::report::{Failure, Report, tell, wrapped};
use crate::stacks;
use crate::target::{Target, USUAL_NAME, digits_of, for_user};
use crate::{BackupCodes, Enroll, Generate, Label, Qr};

/// How many wrong codes there may be before the key is thrown away.
const TRIES: u32 = 3;
/// Account, key and prompt stand on the same screen as the QR code.
const ROWS_BELOW: u16 = 3;

/// Without UTF-8 a code takes four times the room.
const ASCII_IS_LARGE: &str = " If this terminal can show UTF-8, use --qr utf8.";

/// Shows a new key and stores it after a right code.
pub fn enroll(config: Option<&Path>, arguments: &Enroll) -> Result<Report, Failure> {
    let desk = front(config)?;
    let account = whom(arguments.user.as_deref(), "enroll")?;
    proof::check(&desk, &account)?;
    let mut input = Input::new(false)?;
    let target = Target::of(&desk, &account, arguments.device.as_deref(), arguments.replace, &mut input)?;
    let device = arguments.form.shape(new_device(new_key()?, &target.name)?, target.digits)?;
    desk.may(&account, Deed::set(&target.place, &device.secret))?;
    warn(&form::warnings(&device, true));
    let label = label(&desk, &arguments.label, &account)?;
    // Taken away again with a key that is refused.
    let picture = arguments.qr_file.as_ref().map(|file| file.write(&uri::otpauth(&device, &label.0, &label.1)));
    let picture = picture.transpose()?;
    show(&device, &label, arguments.qr, target.purpose(), picture.as_ref())?;
    let backup_codes = arguments.backup_codes.unwrap_or(target.usual_codes);
    let codes = prove(&desk, &account, &device, &target, backup_codes, &mut input).map_err(|failure| {
        let nothing = words::nothing_stored(&account.name, target.purpose());
        let message = match failure.code {
            "interrupted" => nothing,
            _ if failure.changed_nothing() => format!("{}\n{nothing}", failure.message),
            _ => failure.message,
        };
        Failure { message, ..failure }
    })?;
    picture.map(Picture::keep);
    log_enrolled(&desk, &account, &target.place, "proved by a code");
    let mut text = enrolled_text(&desk, &account, &target, true);
    if desk.policy().enabled && stacks::files().naming_us().is_empty() {
        text.push('\n');
        text.push_str(words::NO_STACK);
    }
    Ok(Report::new(text + codes_text(&codes).as_str()))
}

/// Asks for codes until one proves the key, and stores it.
fn prove(
    desk: &Front,
    account: &Account,
    device: &Device,
    target: &Target,
    backup_codes: u8,
    input: &mut Input,
) -> Result<Codes, Failure> {
    for attempt in 1.. {
        let code = input.code_of(target.prompt(desk), device.digits.get(), false)?;
        // Last, because it is good for seconds, and not used up by a slip in the other one.
        let current = target.current(desk, account, &device.secret, input)?;
        let (device, place) = (device.clone(), target.place.clone());
        let change = Change::Set { device, proof: Proof::Code(&code), place, backup_codes };
        match proof::apply(desk, account, current, &change, input) {
            Err(error) if input.asks && attempt < TRIES && is_a_slip(&error) => {
                tell(&Failure::from(error).message);
            }
            result => return result.map_err(|error| for_user(account, error)),
        }
    }
    unreachable!("the last try returns")
}

/// Another code may do: these change nothing, and nobody has to wait.
fn is_a_slip(error: &ManageError) -> bool {
    match error {
        ManageError::WrongCode { .. } | ManageError::UsedCode => true,
        ManageError::CodeRefused { outcome, .. } => !matches!(outcome, Outcome::Waiting { .. }),
        _ => false,
    }
}

/// Makes a new set of backup codes; the old one is void.
pub fn backup_codes(config: Option<&Path>, arguments: &BackupCodes, json: bool) -> Result<Report, Failure> {
    let count = arguments.count.unwrap_or(USUAL_CODES);
    if usize::from(count) < MIN_CODES {
        return Err(Failure::usage(format!(
            "--count {count} is for --expires: a set has {MIN_CODES} to {MAX_CODES} codes"
        )));
    }
    let desk = front(config)?;
    let account = whom(arguments.user.as_deref(), "backup-codes")?;
    proof::check(&desk, &account)?;
    let change = Change::BackupCodes(count);
    let codes = if desk.is_for_owners() {
        let mut input = Input::new(json)?;
        let current = current_code(&desk, &account, Deed::BackupCodes, CURRENT, &mut input)?;
        proof::apply(&desk, &account, Some(current), &change, &mut input)
    } else {
        desk.apply(&account, None, change)
    };
    let codes = codes.map_err(|error| for_user(&account, error))?;
    log_if_root(&desk, &format!("made new backup codes for {}", pam_totp::text::clean(&account.name)));
    tell_if_root(&desk, &Event { event: "backup_codes", user: Some(&account.name), ..Event::default() });
    let text = format!("{} has new backup codes; the old ones are void.{}", account.name, *codes_text(&codes));
    Ok(with_codes(Report::new(text).with("user", account.name), &codes))
}

/// Shown once: only their hashes are kept.
pub fn codes_text(codes: &Codes) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(1_024));
    if !codes.is_empty() {
        text.push_str(
            "\n\nBackup codes, each good for one login without the phone. They are shown only now: write them down.",
        );
    }
    for code in codes {
        text.push_str("\n  ");
        text.push_str(code);
    }
    text
}

pub fn with_codes(report: Report, codes: &Codes) -> Report {
    report.with("backup_codes", codes.iter().map(|code| code.as_str()).collect::<Vec<_>>())
}

/// Prints a new key; nothing is stored.
pub fn generate(config: Option<&Path>, arguments: &Generate) -> Result<Report, Failure> {
    let desk = front(config)?;
    let account = whom(arguments.user.as_deref(), "generate")?;
    let (issuer, name) = label(&desk, &arguments.label, &account)?;
    let enrolled = desk.status(&account).ok().filter(|status| status.enrolled);
    let digits = enrolled.and_then(|status| digits_of(&status));
    let device = arguments.form.shape(new_device(new_key()?, USUAL_NAME)?, digits)?;
    let warnings = form::warnings(&device, true);
    warn(&warnings);
    let (secret, uri) = (device.secret.to_base32(), uri::otpauth(&device, &issuer, &name));
    let drawing = arguments.qr.of(&uri)?;
    let picture = arguments.qr_file.as_ref().map(|file| file.write(&uri)).transpose()?;
    let mut text =
        format!("Issuer:  {issuer}\nAccount: {name}\nKey:     {}\nURI:     {}", *device.secret.to_groups(), *uri);
    for more in picture.iter().map(Picture::words).chain(drawing.iter().map(|(_, drawn)| drawn.trim_end().to_owned())) {
        text.push('\n');
        text.push_str(&more);
    }
    let report = Report::new(text)
        .unwrapped()
        .with("user", account.name)
        .with("secret", secret.as_str())
        .with("uri", uri.as_str())
        .with("issuer", issuer)
        .with("account", name)
        .with("warnings", warnings);
    let report = drawing.iter().fold(report, |report, (field, drawn)| report.with(field, drawn.as_str()));
    Ok(picture.map(Picture::keep).into_iter().fold(report, |report, path| report.with("qr_file", path)))
}

pub fn log_enrolled(desk: &Front, account: &Account, place: &Place, how: &str) {
    let word = match place {
        Place::First => "enrolled",
        Place::Beside => "added a device for",
        Place::InsteadOf(_) => "replaced a device of",
    };
    log_if_root(desk, &format!("{word} {}, {how}", pam_totp::text::clean(&account.name)));
    let (event, device) = match place {
        Place::First => ("enrolled", None),
        Place::Beside => ("device_added", None),
        Place::InsteadOf(device) => ("replaced", device.as_deref()),
    };
    tell_if_root(desk, &Event { event, user: Some(&account.name), device, ..Event::default() });
}

pub fn enrolled_text(desk: &Front, account: &Account, target: &Target, proved: bool) -> String {
    words::stored(&account.name, target.purpose(), &target.name, proved, desk.policy().enabled)
}

/// On stderr, also where stdout carries JSON: there they are a field as well.
pub fn warn(warnings: &[String]) {
    warnings.iter().for_each(|warning| tell(&format!("pam-totp: {warning}")));
}

fn new_key() -> Result<Secret, Failure> {
    random::bytes(GENERATED_BYTES).map(Secret::from_bytes).map_err(|error| Failure::host(error.to_string()))
}

/// A name that a device may have.
pub fn valid_name(name: &str) -> Result<(), Failure> {
    let fault = || Failure::bad_input("bad_name", "a device's name has 1 to 64 printable characters");
    if valid_device_name(name) { Ok(()) } else { Err(fault()) }
}

pub fn new_device(secret: Secret, name: &str) -> Result<Device, Failure> {
    valid_name(name)?;
    Ok(manage::device_of(secret, name, clock::now()))
}

/// Issuer and account. The account is the user alone: the issuer names the host.
fn label(desk: &Front, label: &Label, account: &Account) -> Result<(String, String), Failure> {
    let issuer = label.issuer.clone().or_else(|| desk.policy().issuer.clone()).or_else(hostname);
    let issuer = issuer.ok_or_else(|| Failure::host("this host has no name to show: give --issuer"))?;
    let name = label.account.clone().unwrap_or_else(|| account.name.clone());
    if [&issuer, &name].into_iter().all(|text| text::valid_label(text)) {
        Ok((issuer, name))
    } else {
        let text = "issuer and account have 1 to 128 printable characters and no colon";
        Err(Failure::bad_input("bad_name", text))
    }
}

/// The QR code for those who scan, what to do, and account and key for those who type: last, next to the prompt.
fn show(
    device: &Device,
    (issuer, account): &(String, String),
    qr: Qr,
    purpose: Purpose,
    picture: Option<&Picture>,
) -> Result<(), Failure> {
    let mut out = std::io::stdout();
    let style = match qr {
        Qr::None => None,
        Qr::Utf8 => Some(Style::Utf8),
        Qr::Ascii => Some(Style::Ascii),
        Qr::Auto if !out.is_terminal() => None,
        Qr::Auto => Some(if locale_is_utf8() { Style::Utf8 } else { Style::Ascii }),
    };
    let (full, short) = (uri::otpauth(device, issuer, account), uri::short_otpauth(device, issuer, account));
    let words = words::instructions(purpose, true);
    let below = ROWS_BELOW.saturating_add(picture.is_some().into());
    let page = style.map(|style| qr::page(&[&full, &short], style, window(), &words, below)).transpose();
    let without = |why: &str| format!("{why}{}\n\n", words::instructions(purpose, false));
    let above = match page {
        Ok(Some(page)) => page,
        Ok(None) => Zeroizing::new(wrapped(&without(""), &out)),
        Err(why) => {
            let or_half_blocks = if style == Some(Style::Ascii) { ASCII_IS_LARGE } else { "" };
            Zeroizing::new(wrapped(&without(&format!("{why}{or_half_blocks}\n\n")), &out))
        }
    };
    let mut write = || {
        out.write_all(above.as_bytes())?;
        if let Some(picture) = picture {
            writeln!(out, "{}", picture.words())?;
        }
        writeln!(out, "Account: {account} at {issuer}")?;
        writeln!(out, "Key:     {}", *device.secret.to_groups())
    };
    write().map_err(|e| Failure::host(format!("stdout: {e}")))
}

fn locale_is_utf8() -> bool {
    let value =
        ["LC_ALL", "LC_CTYPE", "LANG"].iter().find_map(|name| std::env::var(name).ok().filter(|v| !v.is_empty()));
    value.is_some_and(|value| value.to_ascii_lowercase().replace('-', "").contains("utf8"))
}

/// The terminal behind stdout; what goes elsewhere has no limit.
fn window() -> Size {
    let out = std::io::stdout();
    match terminal_size::terminal_size_of(&out) {
        Some((columns, rows)) => Size { columns: columns.0, rows: rows.0 },
        None if out.is_terminal() => qr::USUAL,
        None => Size { columns: u16::MAX, rows: u16::MAX },
    }
}
