//! What the log reads. Pure.

use std::fmt::Display;
use std::time::Duration;

use crate::factor::attempt::{Outcome, Via};
use crate::factor::judgment::Verdict;
use crate::factor::source::Source;
use crate::login::preview::Reason;
use crate::text::{clean, clocks_differ, counted, duration, moment};

pub mod enrolling;

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

impl Display for AuthFailure<'_> {
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

/// The reason of a verdict, or which code was right. Whether its user gets in other modules say too: in some stacks they
/// have refused the password already.
pub fn verdict(verdict: &Verdict, user: &str, source: &dyn Display) -> String {
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
pub fn lines(verdict: &Verdict, user: &str, source: &dyn Display) -> Vec<String> {
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

/// Before the first question: the policy's file cannot be used.
pub fn policy_error(fault: &dyn Display) -> String {
    format!("policy error: {fault}: the strictest policy is in force")
}

/// The delegates' file cannot be used.
pub fn delegates_error(fault: &dyn Display) -> String {
    format!("delegates error: {fault}: nobody but root looks after others")
}

/// What a delegate did, and who that was.
pub fn by_delegate(done: &str, delegate: &str) -> String {
    format!("{done}, by the delegate {}", clean(delegate))
}

/// The store, or what stands for it, failed.
pub fn store_error(user: Option<&str>, error: &dyn Display) -> String {
    let who = user.map(|user| format!(" for {}", clean(user))).unwrap_or_default();
    format!("store error{who}: {error}")
}

/// The program that is told of changes could not be.
pub fn notify_error(error: &dyn Display) -> String {
    format!("notify: {error}")
}

/// after=publickey, and a login by something else.
pub const NO_KEY: &str = "no public key came before: refused by after=publickey (see AuthenticationMethods)";

/// forward_pass, where libpam took no password.
pub const NOT_PASSED_ON: &str = "the password could not be passed on to the next module";

/// use_first_pass, and nothing to use.
pub const NO_PASSWORD: &str = "use_first_pass: no earlier module asked for a password";

/// The conversation failed.
pub const NO_ANSWER: &str = "no answer: the application could not ask for a code, or its user left";

/// sshd's own words in place of what was typed.
pub const SSHD_REPLACED: &str =
    "sshd replaced the answer: this user may not log in here (root without PermitRootLogin yes?)";

/// Whose name nobody knows: what was typed may be a password.
pub fn unknown_user(source: Source) -> String {
    format!("no enrollment: unknown user from {source}")
}

/// Who is not enrolled, as the door sees it.
pub fn not_enrolled(user: Option<&str>, from: &dyn Display) -> String {
    let who = user.map_or("a user".into(), clean);
    format!("no enrollment: {who} from {from} is not enrolled")
}

/// The same at a login, which it ends.
pub fn refused_unenrolled(user: Option<&str>, source: Source) -> String {
    not_enrolled(user, &source) + ", and the policy refuses those"
}

/// What came of a request at the door, and who made it.
pub fn asked_by(text: &str, uid: u32, pid: i32) -> String {
    format!("{text} (asked by uid {uid}, pid {pid})")
}

/// A request at the door that got no answer: its process crashed.
pub fn request_failed(how: &dyn Display) -> String {
    format!("a request got no answer: its process ended with {how}")
}

/// A request at the door that took too long.
pub fn request_too_long(bound: Duration) -> String {
    format!("a request got no answer: its process was ended after {} seconds", bound.as_secs())
}

/// A connection at the door that no process could be started for.
pub fn not_received(why: &dyn Display) -> String {
    format!("a request got no answer: {why}")
}

/// A request at the door that was refused.
pub fn refused_for(whom: &str, why: &dyn Display) -> String {
    format!("refused for {whom}: {why}")
}

/// A daemon that may have codes judged, by the account that it runs as.
pub fn a_program_of(account: &str) -> String {
    format!("a program of {}", clean(account))
}

/// Root, for whom no daemon's word counts.
pub fn judged_for_nobody(user: &str) -> String {
    format!("the codes of {} are judged for nobody else", clean(user))
}

/// What else was typed may be a password.
pub const NO_SUCH_USER: &str = "there is no such user";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_reads_as_pam_unix_says_it() {
        let failure = AuthFailure { uid: 0, euid: 0, tty: "ssh", ruser: "", rhost: "192.0.2.4", user: Some("bob x") };
        assert_eq!(
            failure.to_string(),
            "authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=192.0.2.4  user=bob?x"
        );
    }
}
