//! What a user reads where the stack says `explain`. Each is an oracle where no password or key came before. Pure.

use crate::date::Utc;
use crate::factor::attempt::Outcome;
use crate::factor::record::Since;
use crate::text::{clocks_differ, duration, moment};

/// A code that counts no more, where nobody needs to wait for the next one.
pub const USED: &str = "This code was already used. Take the next one.";

/// A code that came twice.
pub fn used(next_in: u64) -> String {
    match next_in {
        0 => USED.into(),
        1..=3_600 => format!("This code was already used. The next one comes in {}.", duration(next_in)),
        _ => "The clock of this host has gone back. Ask its administrator, or use a backup code.".into(),
    }
}

/// Codes of a time that does not count.
pub fn later(at: u64, now: u64) -> String {
    let (begin, left) = (Utc::from_epoch(at), duration(at.saturating_sub(now)));
    format!("Codes count again from {:02}:{:02} UTC (in {left}).", begin.hour, begin.minute)
}

/// A lane that waits, where nobody can be asked for more: what else is looked at, and from when on a single code is.
pub fn too_many(until: Option<u64>, need: u8, now: u64) -> String {
    let codes = match need {
        3 => "three codes in a row, like 123456-789012-345678 (the one shown now, then the next two)",
        _ => "two codes in a row, like 123456-789012 (the one shown now, then the next)",
    };
    let wait = until.map(|until| duration(until.saturating_sub(now)));
    let or_wait = wait.map_or(String::new(), |left| format!(", or try again in {left}"));
    format!("Too many wrong codes from here. Enter {codes}{or_wait}.")
}

/// Where somebody can be asked for more: as many codes as were typed, and one.
pub fn one_more(typed: usize, next_in: Option<u64>) -> String {
    let begin = if typed > 1 { "" } else { "Too many wrong codes from here. " };
    match next_in {
        Some(left) => format!("{begin}Now the code that comes after it (in {left} s): "),
        None => format!("{begin}Now press again; next code: "),
    }
}

/// The same code came again.
pub fn twice(next_in: Option<u64>) -> String {
    match next_in {
        Some(left) => format!("That is the same code again. Wait until the app shows another one (in {left} s)."),
        None => "That is the same code again. Press the button for another one.".into(),
    }
}

/// Where somebody can be asked once more.
pub fn another(next_in: Option<u64>) -> String {
    match next_in {
        Some(left) => format!("That is the same code again. Now the one after it (in {left} s): "),
        None => "That is the same code again. Press the button; next code: ".into(),
    }
}

/// Before single codes are no longer enough.
pub fn few_left(left: u32) -> String {
    match left {
        0 => "Wrong code. From now on two codes in a row are asked for here.".into(),
        _ => format!("Wrong code. {left} more here, then two codes in a row are asked for."),
    }
}

/// No code of an app can be right.
pub const CLOCK_IS_WRONG: &str =
    "The clock of this server is wrong, so codes of an app do not count. Use a backup code, or ask its administrator.";

/// What is said of a code that was not accepted, where there is more to say than that it is wrong.
pub fn refused(outcome: &Outcome, now: u64) -> Option<String> {
    match outcome {
        Outcome::Used { next_in } => Some(used(*next_in)),
        Outcome::Later { at } => Some(later(*at, now)),
        Outcome::Waiting { until, need, .. } => Some(too_many(*until, *need, now)),
        Outcome::Twice { next_in } => Some(twice(*next_in)),
        Outcome::Wrong { left, .. } if *left <= FEW => Some(few_left(*left)),
        Outcome::Accepted { .. } | Outcome::Wrong { .. } | Outcome::NotACode | Outcome::Untold => None,
    }
}

/// From so few on it is said how many wrong codes are left.
const FEW: u32 = 3;

/// After a success.
pub fn since(since: &Since) -> String {
    let (count, at) = (since.count, moment(since.at));
    let from = super::from(since.from);
    match count {
        1 => format!("1 wrong code was entered since your last right one, at {at} from {from}."),
        2..=99 => {
            format!("{count} wrong codes were entered since your last right one, the last at {at} from {from}.")
        }
        _ => format!(
            "{count} wrong codes were entered since your last right one, the last at {at} from {from}. Somebody who knows \
             your password may be guessing: change it."
        ),
    }
}

/// cPanel's words.
pub const INVALID: &str = "The security code is invalid.";

/// A code that does not prove a new key; nearly always it is the clock.
pub fn wrong_code(clock_off: Option<i64>) -> String {
    clock_off.map_or(INVALID.into(), |off| {
        let off = clocks_differ(off);
        format!("{INVALID} It would be right if the clocks agreed: the phone's clock is {off} this server's.")
    })
}

/// After a login by a code of the help desk.
pub const TEMPORARY_CODE: &str = "That was a temporary backup code. It cannot be used again.";

/// After a login by backup code.
pub fn backup_codes_left(left: u32) -> String {
    match left {
        0 => "That was your last backup code. Make new ones with `pam-totp backup-codes`.".into(),
        1 => "1 backup code is left. Make new ones with `pam-totp backup-codes`.".into(),
        2 => "2 backup codes are left. Make new ones with `pam-totp backup-codes`.".into(),
        _ => format!("{left} backup codes are left."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::factor::source::Source;

    #[test]
    fn what_has_a_number_says_one_or_many() {
        let told = |count| since(&Since { count, at: 0, from: Source::Unknown });
        assert_eq!(
            told(1),
            "1 wrong code was entered since your last right one, at 1970-01-01 00:00 UTC from an unknown place."
        );
        assert!(told(2).starts_with("2 wrong codes were"));
        let left = [0, 1, 2, 3].map(backup_codes_left);
        assert!(left[0].starts_with("That was your last"));
        assert!(
            left[1].starts_with("1 backup code is left. Make") && left[2].starts_with("2 backup codes are left. Make")
        );
        assert_eq!(left[3], "3 backup codes are left.");
        let clocks = "The security code is invalid. It would be right if the clocks agreed: the phone's clock is 90 s ahead of \
                    this server's.";
        assert_eq!(
            (wrong_code(None).as_str(), wrong_code(Some(90)).as_str()),
            ("The security code is invalid.", clocks)
        );
    }

    #[test]
    fn a_wait_says_until_when_and_what_else_counts() {
        let told = |until, need| too_many(until, need, 1_000);
        assert_eq!(
            told(Some(1_240), 2),
            "Too many wrong codes from here. Enter two codes in a row, like 123456-789012 (the one shown now, then the \
             next), or try again in 4 minutes."
        );
        assert!(told(None, 3).ends_with("(the one shown now, then the next two)."));
        assert_eq!(used(12), "This code was already used. The next one comes in 12 s.");
        let three = Since { count: 3, at: 1_795_287_600, from: "192.0.2.4".parse().unwrap() };
        let told =
            "3 wrong codes were entered since your last right one, the last at 2026-11-21 19:00 UTC from 192.0.2.4.";
        assert_eq!(since(&three), told);
    }
}
