//! `backup-codes --expires`: a code that a help desk reads out, and that ends by itself.

use std::path::Path;

use pam_totp::backup::{LONGEST_LIFE, MAX_TEMPORARY};
use pam_totp::clock::{self, now};
use pam_totp::desk::Front;
use pam_totp::manage::Change;
use pam_totp::notify::Event;
use pam_totp::text::{clean, counted, moment, shown};

use crate::commands::enroll::with_codes;
use crate::notify;
use crate::people::{front, log_change, whom};
use crate::report::{Failure, Report};
use crate::target::for_user;

const SHORTEST_LIFE: u64 = 600;

/// Seconds of a time such as `30m`, `8h`, `2d`.
pub fn life(text: &str) -> Result<u64, String> {
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

/// Makes them; the user's own stay as they are.
pub fn backup_codes(
    config: Option<&Path>,
    user: Option<&str>,
    count: Option<u8>,
    life: u64,
) -> Result<Report, Failure> {
    let desk: Front = front(config)?;
    if desk.is_for_owners() {
        return Err(Failure::only_root());
    }
    let count = count.unwrap_or(1);
    if usize::from(count) > MAX_TEMPORARY {
        return Err(Failure::usage(format!("--count {count}: with --expires at most {MAX_TEMPORARY} codes")));
    }
    let account = whom(user, "backup-codes")?;
    let now = now();
    if clock::is_wrong(now) {
        return Err(Failure::host("the clock of this host is wrong, so nothing can end by it: set it first"));
    }
    let until = now.saturating_add(life);
    let codes = desk.apply(&account, None, Change::TemporaryCodes { count, until });
    let codes = codes.map_err(|error| for_user(&account, error))?;
    let codes_word = counted(u64::from(count), "temporary backup code", "temporary backup codes");
    log_change(&format!("made {codes_word} for {}, until {}", clean(&account.name), moment(until).replace(' ', "T")));
    notify::tell(&Event { event: "temporary_backup_codes", user: Some(&account.name), ..Event::default() });
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
    let report = Report::new(text.to_string()).with("user", account.name).with("until_at", until);
    Ok(with_codes(report, &codes))
}
