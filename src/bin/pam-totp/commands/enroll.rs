//! `enroll`, `reconfigure`: a new key is shown, and stored once a code has proved it.

use std::io::{IsTerminal, Write};
use std::path::Path;

use clap::{Args, ValueEnum};
use pam_totp::backend::{Backend, LocalOrDoor};
use pam_totp::factor::attempt::Outcome;
use pam_totp::factor::change::{ChangeError, Deed, Proof};
use pam_totp::factor::enrollment::Device;
use pam_totp::factor::uri;
use pam_totp::login::messages::enrolling::{self as words, Purpose};
use pam_totp::manage::{ManageError, NewBackupCodes};
use pam_totp::qr::{DrawingStyle, Size, page};
use pam_totp::system::account::Account;
use zeroize::Zeroizing;

use crate::backend::local_or_door;
use crate::codes::{codes_text, none_or_a_set};
use crate::form::{self, CodeForm, new_device, new_key, warn};
use crate::input::Input;
use crate::label::{Label, label};
use crate::people::whom;
use crate::picture::{NewFile, Picture};
use crate::report::{Failure, Report, tell, wrapped};
use crate::target::{Target, enrolled_text, for_user, log_enrolled};
use crate::{proof, stacks};

#[derive(Args)]
pub struct EnrollArgs {
    /// Which user [default: you].
    user: Option<String>,
    #[command(flatten)]
    label: Label,
    #[command(flatten)]
    form: CodeForm,
    /// What to call the device. A new name adds a device to those that the user has [default: phone].
    #[arg(long, value_name = "NAME")]
    device: Option<String>,
    /// How to draw the QR code.
    #[arg(long, value_enum, default_value = "auto")]
    qr: Qr,
    /// Also write the QR code to a new file: a .png or .svg.
    #[arg(long, value_name = "FILE", value_parser = NewFile::parse)]
    qr_file: Option<NewFile>,
    /// Replace the key of --device, or of the only device. The old key and the backup codes are void.
    #[arg(long)]
    replace: bool,
    /// How many backup codes to make: 0, or 2 to 20 [default: 10; for one more device 0: the old codes stay].
    #[arg(long, value_name = "N", value_parser = none_or_a_set)]
    backup_codes: Option<u8>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Qr {
    /// utf8 where the terminal can, else ascii; none where there is no terminal.
    Auto,
    /// Half blocks.
    Utf8,
    /// Colored blanks and `##`, for terminals without UTF-8.
    Ascii,
    /// Not at all.
    None,
}

/// How many wrong codes there may be before the key is thrown away.
const TRIES: u32 = 3;

/// Account, key and prompt stand on the same screen as the QR code.
const ROWS_BELOW: u16 = 3;

/// Without UTF-8 a code takes four times the room.
const ASCII_IS_LARGE: &str = " If this terminal can show UTF-8, use --qr utf8.";

/// Shows a new key and stores it after a right code.
pub fn enroll(config: Option<&Path>, arguments: &EnrollArgs) -> Result<Report, Failure> {
    let backend = local_or_door(config)?;
    let account = whom(arguments.user.as_deref(), "enroll")?;
    proof::own_alone(&backend, &account)?;
    let mut input = Input::new(false)?;
    let target = Target::of(&backend, &account, arguments.device.as_deref(), arguments.replace, &mut input)?;
    let device = arguments.form.shape(new_device(new_key()?, &target.name)?, target.digits)?;
    backend.may(&account, Deed::set(&target.place, &device.secret))?;
    warn(&form::warnings(&device, true));
    let label = label(&backend, &arguments.label, &account)?;
    // Taken away again with a key that is refused.
    let picture = arguments.qr_file.as_ref().map(|file| file.write(&uri::otpauth(&device, &label.0, &label.1)));
    let picture = picture.transpose()?;
    show(&device, &label, arguments.qr, target.purpose(), picture.as_ref())?;
    let backup_codes = arguments.backup_codes.unwrap_or(target.usual_codes);
    let codes = prove(&backend, &account, &device, &target, backup_codes, &mut input).map_err(|failure| {
        let nothing = words::nothing_stored(&account.name, target.purpose());
        let message = match failure.code {
            "interrupted" => nothing,
            _ if failure.changed_nothing() => format!("{}\n{nothing}", failure.message),
            _ => failure.message,
        };
        Failure { message, ..failure }
    })?;
    picture.map(Picture::keep);
    log_enrolled(&backend, &account, &target.place, &device.secret, "proved by a code");
    let mut text = enrolled_text(&backend, &account, &target, true);
    if backend.policy().enabled && stacks::files().naming_us().is_empty() {
        text.push('\n');
        text.push_str(words::NO_STACK);
    }
    Ok(Report::for_people(text + codes_text(&codes).as_str()))
}

/// Likewise, and always in the place of what is there.
pub fn reconfigure(config: Option<&Path>, arguments: EnrollArgs) -> Result<Report, Failure> {
    enroll(config, &EnrollArgs { replace: true, ..arguments })
}

/// Asks for codes until one proves the key, and stores it.
fn prove(
    backend: &LocalOrDoor,
    account: &Account,
    device: &Device,
    target: &Target,
    backup_codes: u8,
    input: &mut Input,
) -> Result<NewBackupCodes, Failure> {
    for attempt in 1.. {
        let code = input.code_of(target.prompt(backend), device.digits.get(), false)?;
        let change = target.change(device.clone(), Proof::Code(code), backup_codes);
        // Last, because it is good for seconds, and not used up by a slip in the other one.
        let current = target.current(backend, account, &change, input)?;
        match proof::apply(backend, account, current, &change, input) {
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
        ManageError::Refused(ChangeError::WrongCode { .. }) | ManageError::Refused(ChangeError::UsedCode) => true,
        ManageError::Refused(ChangeError::CodeRefused { outcome, .. }) => !matches!(outcome, Outcome::Waiting { .. }),
        _ => false,
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
        Qr::Utf8 => Some(DrawingStyle::Utf8),
        Qr::Ascii => Some(DrawingStyle::Ascii),
        Qr::Auto if !out.is_terminal() => None,
        Qr::Auto => Some(if locale_is_utf8() { DrawingStyle::Utf8 } else { DrawingStyle::Ascii }),
    };
    let (full, short) = (uri::otpauth(device, issuer, account), uri::short_otpauth(device, issuer, account));
    let words = words::instructions(purpose, true);
    let below = ROWS_BELOW.saturating_add(picture.is_some().into());
    let page = style.map(|style| page::page(&[&full, &short], style, window(), &words, below)).transpose();
    let without = |why: &str| format!("{why}{}\n\n", words::instructions(purpose, false));
    let above = match page {
        Ok(Some(page)) => page,
        Ok(None) => Zeroizing::new(wrapped(&without(""), &out)),
        Err(why) => {
            let or_half_blocks = if style == Some(DrawingStyle::Ascii) { ASCII_IS_LARGE } else { "" };
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
        None if out.is_terminal() => page::USUAL,
        None => Size { columns: u16::MAX, rows: u16::MAX },
    }
}
