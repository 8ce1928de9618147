//! Every sentence that a user or a log gets. Pure.

use crate::date::Utc;
use crate::factor::attempt::{Outcome, Via};
use crate::factor::judgment::Verdict;
use crate::factor::record::{LaneKey, Proving, Since};
use crate::factor::source::Source;
use crate::login::preview::Reason;
use crate::text::{clean, clocks_differ, counted, duration, moment};

pub mod enrolling;

/// Where wrong codes came from, in one word or two.
pub fn from(source: Source) -> String {
    match source {
        Source::Local | Source::Door => "this host".into(),
        Source::Judge | Source::Unknown => "an unknown place".into(),
        Source::Net(address) => address.to_string(),
    }
}

/// Where the wrong codes of a lane came from.
pub fn place(lane: LaneKey) -> String {
    match lane {
        LaneKey::Local => "this host".into(),
        LaneKey::Door => "programs that run without root".into(),
        LaneKey::Judges => "programs with an account of their own".into(),
        LaneKey::Net(network) => network.to_string(),
        LaneKey::Other(_) => "places without a login before".into(),
    }
}

/// What a user reads where the stack says `explain`. Each is an oracle where no password came before.
pub mod user {
    use super::*;

    /// A code that came twice.
    pub fn used(next_in: u64) -> String {
        match next_in {
            0 => "This code was already used. Take the next one.".into(),
            1..=3_600 => format!("This code was already used. The next one comes in {}.", super::duration(next_in)),
            _ => "The clock of this host has gone back. Ask its administrator, or use a backup code.".into(),
        }
    }

    /// Codes of a time that does not count.
    pub fn later(at: u64, now: u64) -> String {
        let (begin, left) = (Utc::from_epoch(at), super::duration(at.saturating_sub(now)));
        format!("Codes count again from {:02}:{:02} UTC (in {left}).", begin.hour, begin.minute)
    }

    /// A lane that waits, where nobody can be asked for more: what else is looked at, and from when on a single code is.
    pub fn too_many(until: Option<u64>, need: u8, now: u64) -> String {
        let codes = match need {
            3 => "three codes in a row, like 123456-789012-345678 (the one shown now, then the next two)",
            _ => "two codes in a row, like 123456-789012 (the one shown now, then the next)",
        };
        let wait = until.map(|until| super::duration(until.saturating_sub(now)));
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
    pub const CLOCK_IS_WRONG: &str = "The clock of this server is wrong, so codes of an app do not count. Use a backup code, or ask its administrator.";

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
        let (count, at) = (since.count, super::moment(since.at));
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

    /// A code that does not prove a new key; nearly always it is the clock.
    pub fn wrong_code(clock_off: Option<i64>) -> String {
        let invalid = "The security code is invalid.";
        clock_off.map_or(invalid.into(), |off| {
            let off = super::clocks_differ(off);
            format!("{invalid} It would be right if the clocks agreed: the phone's clock is {off} this server's.")
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
}

/// What the log reads.
pub mod log {
    use super::*;

    /// Who failed, in the words that log readers know from pam_unix, to the letter.
    pub struct AuthFailure<'a> {
        /// Real uid of the process.
        pub uid: u32,
        /// Effective uid of the process.
        pub euid: u32,
        /// PAM_TTY.
        pub tty: &'a str,
        /// PAM_RUSER.
        pub ruser: &'a str,
        /// PAM_RHOST.
        pub rhost: &'a str,
        /// The account; `None` when there is none: what was typed may be a password.
        pub user: Option<&'a str>,
    }

    impl std::fmt::Display for AuthFailure<'_> {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            let (tty, ruser, rhost) = (clean(self.tty), clean(self.ruser), clean(self.rhost));
            let (uid, euid) = (self.uid, self.euid);
            write!(f, "authentication failure; logname= uid={uid} euid={euid} tty={tty} ruser={ruser} rhost={rhost} ")?;
            self.user.map_or(Ok(()), |user| write!(f, " user={}", clean(user)))
        }
    }

    /// Why somebody was not asked: to be found when it is asked how they got in.
    pub fn no_code(reason: Reason, user: Option<&str>, source: Source) -> String {
        let why = match reason {
            Reason::SwitchedOff => "the policy is switched off",
            Reason::NotEnrolled => "not enrolled, and those who are not may log in without a code",
            Reason::Exempt => "the policy exempts this login",
            Reason::Remembered => "a code was given from this address not long ago",
        };
        // What else was typed may be a password.
        let user = user.map_or_else(|| "somebody".to_owned(), clean);
        format!("no code asked: {user} from {source}: {why}")
    }

    /// A key was proved, and no account line has stored it: what is wrong, and what to do.
    pub fn not_stored(user: &str, proving: &Proving) -> String {
        let (user, at, service) = (clean(user), moment(proving.at), clean(&proving.service));
        let files: Vec<String> = proving.services().map(|service| format!("/etc/pam.d/{}", clean(service))).collect();
        let files = files.join(" and ");
        format!(
            "the enrollment that {user} proved at {service} at {at} was not stored: no account line ran; put `account \
             required pam_totp.so` before the other account lines of {files}, then run `pam-totp unlock {user}`"
        )
    }

    /// The reason of a verdict, or which code was right. Whether its user gets in other modules say too: in some stacks they
    /// have refused the password already.
    pub fn verdict(verdict: &Verdict, user: &str, source: &dyn std::fmt::Display) -> String {
        let user = clean(user);
        match &verdict.outcome {
            Outcome::Accepted { via: Via::Device(id), .. } => {
                format!("right code: {user} from {source} (device {id})")
            }
            Outcome::Accepted { via: Via::Untold, .. } => format!("right code: {user} from {source}"),
            Outcome::Untold => {
                format!("refused: {user} from {source}: pam-totpd did not accept the code, and its own log says why")
            }
            Outcome::Accepted { via: Via::Backup { left }, .. } => {
                format!("right backup code: {user} from {source} ({left} left)")
            }
            Outcome::Accepted { via: Via::Temporary, .. } => {
                format!("right temporary backup code: {user} from {source}")
            }
            Outcome::Used { .. } => format!("used code: {user} from {source} entered a code that was accepted before"),
            Outcome::Later { at } => {
                let at = moment(*at);
                format!(
                    "used code: {user} from {source} entered a code of a time that is over; codes count again from {at}"
                )
            }
            Outcome::Wrong { since, left } => {
                // Counted wherever they came from; what is left is this place's.
                let since = counted(*since, "wrong code", "wrong codes");
                format!(
                    "wrong code: {user} from {source}, {since} in all since the last right one, {left} more looked at there"
                )
            }
            Outcome::Waiting { until, need, .. } => {
                let left = until.map(|until| duration(until.saturating_sub(verdict.now)));
                let left = left.map_or(String::new(), |left| format!(", {left} left"));
                format!(
                    "waiting: {user} from {source} had too many wrong codes{left}; the code was not looked at, \
                     {need} in a row are"
                )
            }
            Outcome::Twice { .. } => format!("same code: {user} from {source} entered one code twice in a row"),
            Outcome::NotACode => format!("no code: the answer of {user} from {source} has not the shape of a code"),
        }
    }

    /// All that the log should know of a verdict, one line each.
    pub fn lines(verdict: &Verdict, user: &str, source: &dyn std::fmt::Display) -> Vec<String> {
        std::iter::once(self::verdict(verdict, user, source)).chain(notes(verdict, user)).collect()
    }

    /// What else the log should know, one line each.
    pub fn notes(verdict: &Verdict, user: &str) -> Vec<String> {
        let user = clean(user);
        let mut notes = Vec::new();
        if verdict.healed {
            notes.push(format!(
                "state of {user} was lost and is made again: codes of the next three minutes are refused, \
                 backup codes count as used"
            ));
        }
        if verdict.copied {
            notes.push(format!(
                "state of {user} was put back from a copy: backup codes that were used since may count again: make new ones \
                 with `pam-totp backup-codes {user}`; a device enrolled since is gone: see `pam-totp status {user}`"
            ));
        }
        if verdict.counter_lost {
            notes.push(format!(
                "a token of {user} is out of service, as its counter was lost: `pam-totp resync {user} --counter N`"
            ));
        }
        if verdict.closed && !matches!(verdict.outcome, Outcome::Accepted { .. }) {
            notes.push(format!(
                "closed: {user} had a hundred wrong codes in a row: single codes are not looked at until two in a row, or a \
                 backup code, are right"
            ));
        }
        if verdict.clock_is_wrong {
            notes.push(
                "clock: this host's clock stands before this program was made: codes of apps do not count until it is set; \
                 see `timedatectl`"
                    .into(),
            );
        }
        if let Some(ahead) = verdict.clock_off {
            let off = clocks_differ(ahead);
            notes.push(format!(
                "clock: the code of {user} would be right if the device's clock, {off} this host's, were right; \
                 see `timedatectl`"
            ));
        }
        if let Some(back) = verdict.clock_back {
            let back = duration(back);
            notes.push(format!(
                "clock: this host's clock went back by {back} or more since the last code of {user}: codes up to \
                 that one stay refused; when the clock is right, `pam-totp unlock {user}`"
            ));
        }
        notes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_reads_as_pam_unix_says_it() {
        let failure =
            log::AuthFailure { uid: 0, euid: 0, tty: "ssh", ruser: "", rhost: "192.0.2.4", user: Some("bob x") };
        assert_eq!(
            failure.to_string(),
            "authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=192.0.2.4  user=bob?x"
        );
    }

    #[test]
    fn what_has_a_number_says_one_or_many() {
        let since = |count| user::since(&Since { count, at: 0, from: Source::Unknown });
        assert_eq!(
            since(1),
            "1 wrong code was entered since your last right one, at 1970-01-01 00:00 UTC from an unknown place."
        );
        assert!(since(2).starts_with("2 wrong codes were"));
        let left = [0, 1, 2, 3].map(user::backup_codes_left);
        assert!(left[0].starts_with("That was your last"));
        assert!(
            left[1].starts_with("1 backup code is left. Make") && left[2].starts_with("2 backup codes are left. Make")
        );
        assert_eq!(left[3], "3 backup codes are left.");
        let told = "The security code is invalid. It would be right if the clocks agreed: the phone's clock is 90 s ahead of \
                    this server's.";
        assert_eq!(
            (user::wrong_code(None).as_str(), user::wrong_code(Some(90)).as_str()),
            ("The security code is invalid.", told)
        );
    }

    #[test]
    fn a_wait_says_until_when_and_what_else_counts() {
        let too_many = |until, need| user::too_many(until, need, 1_000);
        assert_eq!(
            too_many(Some(1_240), 2),
            "Too many wrong codes from here. Enter two codes in a row, like 123456-789012 (the one shown now, then the \
             next), or try again in 4 minutes."
        );
        assert!(too_many(None, 3).ends_with("(the one shown now, then the next two)."));
        assert_eq!(user::used(12), "This code was already used. The next one comes in 12 s.");
        let since = Since { count: 3, at: 1_795_287_600, from: "192.0.2.4".parse().unwrap() };
        let told =
            "3 wrong codes were entered since your last right one, the last at 2026-11-21 19:00 UTC from 192.0.2.4.";
        assert_eq!(user::since(&since), told);
    }
}
