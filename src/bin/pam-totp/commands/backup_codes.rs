//! `backup-codes`: a new set of them, or with `--expires` codes that a help desk reads out, and that end by themselves.

use std::path::Path;

use clap::Args;
use pam_totp::backend::LocalOrDoor;
use pam_totp::factor::backup::{LONGEST_LIFE, MAX_CODES, MAX_TEMPORARY, MIN_CODES, SHORTEST_LIFE, USUAL_CODES};
use pam_totp::factor::change::Change;
use pam_totp::manage::NewBackupCodes;
use pam_totp::manage::notify::Event;
use pam_totp::system::account::Account;
use pam_totp::system::clock::{self, now};
use pam_totp::text::{clean, counted, moment, shown};

use crate::backend::local_or_door;
use crate::codes::{codes_text, listed};
use crate::delegate::CallingDelegate;
use crate::input::Input;
use crate::log::log_change;
use crate::people::whom;
use crate::proof::{self, CURRENT, current_code, note_if_root};
use crate::report::{Failure, Report};
use crate::target::for_user;
use crate::{hook, json};

#[derive(Args)]
pub struct BackupCodesArgs {
    /// Which user [default: you].
    user: Option<String>,
    /// How many: 2 to 20, with --expires 1 to 12 [default: 10, with --expires 1].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=MAX_CODES as i64))]
    count: Option<u8>,
    /// Codes of a help desk: root makes them beside the user's own, which stay, and after this time none counts: 10m to 7d.
    #[arg(long, value_name = "TIME", value_parser = life)]
    expires: Option<u64>,
}

/// Seconds of a time such as `30m`, `8h`, `2d`.
fn life(text: &str) -> Result<u64, String> {
    let of = |number: &str, unit: u64| number.parse::<u64>().ok()?.checked_mul(unit);
    let seconds = match text.split_at_checked(text.len().saturating_sub(1)) {
        Some((number, "m")) => of(number, 60),
        Some((number, "h")) => of(number, 3_600),
        Some((number, "d")) => of(number, 86_400),
        _ => None,
    };
    let seconds = seconds.filter(|seconds| (SHORTEST_LIFE..=LONGEST_LIFE).contains(seconds));
    seconds.ok_or_else(|| "a time from 10m to 7d, such as 30m, 8h or 2d".into())
}

/// Makes backup codes.
pub fn backup_codes(config: Option<&Path>, arguments: &BackupCodesArgs, json: bool) -> Result<Report, Failure> {
    match arguments.expires {
        Some(life) => temporary(config, arguments, life, json),
        None => new_set(config, arguments, json),
    }
}

/// Makes a new set of backup codes; the old one is void.
fn new_set(config: Option<&Path>, arguments: &BackupCodesArgs, json: bool) -> Result<Report, Failure> {
    let count = arguments.count.unwrap_or(USUAL_CODES);
    if usize::from(count) < MIN_CODES {
        return Err(Failure::usage(format!(
            "--count {count} is for --expires: a set has {MIN_CODES} to {MAX_CODES} codes"
        )));
    }
    let backend = local_or_door(config)?;
    let account = whom(arguments.user.as_deref(), "backup-codes")?;
    proof::own_alone(&backend, &account)?;
    let change = Change::BackupCodes(count);
    let codes = if backend.is_for_owners() {
        let mut input = Input::new(json)?;
        let current = current_code(&backend, &account, &change, CURRENT, &mut input)?;
        proof::apply(&backend, &account, Some(current), &change, &mut input)
    } else {
        backend.apply(&account, None, change.clone())
    };
    let codes = codes.map_err(|error| for_user(&account, error))?;
    note_if_root(
        &backend,
        &format!("{} {}", change.deed().done(), pam_totp::text::clean(&account.name)),
        &Event { event: change.deed().event().unwrap_or_default(), user: Some(&account.name), ..Event::default() },
    );
    let text = format!("{} has new backup codes; the old ones are void.{}", account.name, *codes_text(&codes));
    let object = json::BackupCodesReport { user: &account.name, backup_codes: listed(&codes), until_at: None };
    Ok(Report::new(text, &object))
}

/// With when they end.
fn by_root(
    backend: &LocalOrDoor,
    account: &Account,
    count: u8,
    life: u64,
    codes_word: &str,
) -> Result<(NewBackupCodes, u64), Failure> {
    let now = now();
    if clock::is_wrong(now) {
        return Err(Failure::host("the clock of this host is wrong, so nothing can end by it: set it first"));
    }
    let until = now.saturating_add(life);
    let codes = backend.apply(account, None, Change::TemporaryCodes { count, until });
    let codes = codes.map_err(|error| for_user(account, error))?;
    log_change(&format!("made {codes_word} for {}, until {}", clean(&account.name), moment(until).replace(' ', "T")));
    hook::tell(&Event { event: "temporary_backup_codes", user: Some(&account.name), ..Event::default() });
    Ok((codes, until))
}

/// Makes them; the user's own stay as they are.
fn temporary(config: Option<&Path>, arguments: &BackupCodesArgs, life: u64, json: bool) -> Result<Report, Failure> {
    let backend: LocalOrDoor = local_or_door(config)?;
    let delegate = CallingDelegate::of(&backend);
    if backend.is_for_owners() && delegate.is_none() {
        return Err(Failure::only_root());
    }
    let count = arguments.count.unwrap_or(1);
    if usize::from(count) > MAX_TEMPORARY {
        return Err(Failure::usage(format!("--count {count}: with --expires at most {MAX_TEMPORARY} codes")));
    }
    let account = whom(arguments.user.as_deref(), "backup-codes")?;
    let codes_word = counted(u64::from(count), "temporary backup code", "temporary backup codes");
    let (codes, until) = match delegate {
        Some(delegate) => delegate.temporary_codes(&account.name, count, life, json)?,
        None => by_root(&backend, &account, count, life, &codes_word)?,
    };
    let each = if count == 1 { "" } else { "each " };
    let mut text = zeroize::Zeroizing::new(String::with_capacity(1_024));
    text.push_str(&format!(
        "{codes_word} for {}, {each}good for one login until {}.\nThe user's own backup codes stay. Earlier temporary ones are void.",
        shown(&account.name),
        moment(until)
    ));
    for code in &codes {
        text.push_str("\n  ");
        text.push_str(code);
    }
    let object = json::BackupCodesReport { user: &account.name, backup_codes: listed(&codes), until_at: Some(until) };
    Ok(Report::new(text.to_string(), &object))
}
