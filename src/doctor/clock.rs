//! Is the clock right? Pure.

use crate::doctor::finding::Finding;
use crate::doctor::shell::quoted;
use crate::text::{clean, counted};

const ABOUT: &str = "clock";

/// What programs and files say of the clock.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    /// `timedatectl show`.
    pub timedatectl: Option<String>,
    /// `chronyc -n tracking`.
    pub chronyc: Option<String>,
    /// `ntpq -c rv`.
    pub ntpq: Option<String>,
    /// systemd-timesyncd's mark that it has reached a server since the boot.
    pub timesync_mark: bool,
    /// The daemons that run, by their names.
    pub daemons: Vec<String>,
}

/// Is the clock synchronized, and by what? What nobody can say is no "yes".
pub fn check(clock: &Clock) -> Finding {
    let by = match clock.daemons.as_slice() {
        [] => "by nothing that runs here".to_owned(),
        daemons => format!("by {}", daemons.join(", ")),
    };
    let fix = [
        "ls /lib/systemd/systemd-timesyncd /usr/sbin/chronyd /usr/sbin/ntpd 2>/dev/null | grep -q . || apt-get install -y systemd-timesyncd",
        "timedatectl set-ntp true",
    ];
    match synchronized(clock) {
        Some(true) => Finding::fine(ABOUT, format!("synchronized, {by}")),
        Some(false) => {
            let what = format!("not synchronized, {by}: once it is a minute off, every code is refused");
            Finding::fault(ABOUT, "not_synchronized", what).fixed_by(fix)
        }
        None => {
            let what = format!("whether it is synchronized cannot be known here ({by}): compare it with a phone's");
            Finding::warning(ABOUT, "unknown_clock", what).fixed_by(["date -u"])
        }
    }
}

fn synchronized(clock: &Clock) -> Option<bool> {
    let says = |text: &Option<String>, yes: &str, no: &str| match text {
        Some(text) if text.contains(yes) => Some(true),
        Some(text) if text.contains(no) => Some(false),
        _ => None,
    };
    let timesyncd = clock.timesync_mark && clock.daemons.iter().any(|daemon| daemon.starts_with("systemd-timesyn"));
    says(&clock.chronyc, "Leap status     : Normal", "Leap status     : Not synchronised")
        .or_else(|| says(&clock.ntpq, "sync_ntp", "sync_unspec"))
        .or(timesyncd.then_some(true))
        .or_else(|| says(&clock.timedatectl, "NTPSynchronized=yes", "NTPSynchronized=no"))
}

/// Users whose last code lies ahead of the clock.
pub fn ahead(names: &[String], clock_is_wrong: bool) -> Option<Finding> {
    let some: Vec<String> = names.iter().take(5).map(|name| clean(name)).collect();
    let more = if names.len() > some.len() { ", ..." } else { "" };
    let what = format!(
        "behind the last codes of {} ({}{more}): it went back, or was wrong before; their codes are refused until it \
         is right again. Set the clock first. Only if it is right now, unlock them",
        counted(names.len(), "user", "users"),
        some.join(", ")
    );
    let all: String = names.iter().map(|name| format!(" {}", quoted(name))).collect();
    // Not to be pasted while the clock is certainly wrong.
    let mark = if clock_is_wrong { "# " } else { "" };
    (!names.is_empty()).then(|| {
        let unlock = format!("{mark}pam-totp unlock{all}");
        Finding::fault(ABOUT, "records_ahead", what).fixed_by(["timedatectl".to_owned(), unlock])
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::finding::Level;

    #[test]
    fn only_what_is_known_of_the_clock_is_fine() {
        let level = |facts: &Clock| check(facts).level;
        let told = |text: &str| Some(text.to_owned());
        assert_eq!(level(&Clock::default()), Level::Warning);
        assert_eq!(level(&Clock { timesync_mark: true, ..Clock::default() }), Level::Warning, "of an earlier daemon");
        let daemons = vec!["systemd-timesyn".to_owned()];
        assert_eq!(level(&Clock { timesync_mark: true, daemons, ..Clock::default() }), Level::Fine);
        assert_eq!(
            level(&Clock { timedatectl: told("NTP=yes\nNTPSynchronized=no\n"), ..Clock::default() }),
            Level::Fault
        );
        assert_eq!(level(&Clock { timedatectl: told("NTPSynchronized=yes\n"), ..Clock::default() }), Level::Fine);
        let lost = told("Leap status     : Not synchronised\n");
        assert_eq!(
            level(&Clock { chronyc: lost, timedatectl: told("NTPSynchronized=yes\n"), ..Clock::default() }),
            Level::Fault
        );
        assert_eq!(level(&Clock { ntpq: told("leap_none, sync_ntp, 1 event"), ..Clock::default() }), Level::Fine);
    }
}
