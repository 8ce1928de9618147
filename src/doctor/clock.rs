//! Is the clock right? Pure.

use crate::doctor::finding::Finding;
use crate::doctor::shell::quoted;
use crate::factor::enrollment::Enrollment;
use crate::factor::healing;
use crate::factor::record::Record;
use crate::system::clock;
use crate::text::{clean, counted, moment};

pub(super) const ABOUT: &str = "clock";
/// So many names are in one command: the kernel starts none with a million.
const A_COMMAND: usize = 100;
/// And so many commands are shown. When they were run, the next ones are.
const COMMANDS: usize = 10;

/// What programs and files say of the clock.
#[derive(Clone, Debug, Default)]
pub struct ClockFacts {
    /// What it says, in seconds since 1970.
    pub now: u64,
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
pub fn check(facts: &ClockFacts) -> Finding {
    let by = match facts.daemons.as_slice() {
        [] => "by nothing that runs here".to_owned(),
        daemons => format!("by {}", daemons.join(", ")),
    };
    let fix = [
        "ls /lib/systemd/systemd-timesyncd /usr/sbin/chronyd /usr/sbin/ntpd 2>/dev/null | grep -q . || apt-get install -y systemd-timesyncd",
        "timedatectl set-ntp true",
    ];
    if clock::is_wrong(facts.now) {
        let when = moment(facts.now);
        let what = format!(
            "it says {when}, which is before this program was built. Until it is set, codes of apps are refused; backup codes work"
        );
        return Finding::fault(ABOUT, "clock_is_wrong", what).fixed_by(fix).fixed_by(["date -u   # is it right now?"]);
    }
    match synchronized(facts) {
        Some(true) => Finding::fine(ABOUT, format!("synchronized, {by}")),
        Some(false) => {
            let what = format!("not synchronized, {by}: once it is a minute off, every code is refused");
            Finding::fault(ABOUT, "not_synchronized", what).fixed_by(fix)
        }
        None => {
            let what = format!("compare it with a phone's: whether it is synchronized cannot be told here ({by})");
            Finding::warning(ABOUT, "unknown_clock", what).fixed_by(["date -u"])
        }
    }
}

fn synchronized(facts: &ClockFacts) -> Option<bool> {
    let says = |text: &Option<String>, yes: &str, no: &str| match text {
        Some(text) if text.contains(yes) => Some(true),
        Some(text) if text.contains(no) => Some(false),
        _ => None,
    };
    let timesyncd = facts.timesync_mark && facts.daemons.iter().any(|daemon| daemon.starts_with("systemd-timesyn"));
    says(&facts.chronyc, "Leap status     : Normal", "Leap status     : Not synchronised")
        .or_else(|| says(&facts.ntpq, "sync_ntp", "sync_unspec"))
        .or(timesyncd.then_some(true))
        .or_else(|| says(&facts.timedatectl, "NTPSynchronized=yes", "NTPSynchronized=no"))
}

/// What the store knows of times that the clock has not reached.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ahead {
    /// Whose last code lies further ahead than any phone's could.
    pub names: Vec<String>,
    /// It stands before this program was made, or before somebody enrolled.
    pub clock_is_wrong: bool,
}

impl Ahead {
    /// Of nobody yet.
    pub fn new(now: u64) -> Self {
        Self { clock_is_wrong: clock::is_wrong(now), names: Vec::new() }
    }

    /// Looks at a user's enrollment and record, by the clock of this host.
    pub fn look(&mut self, name: &str, enrollment: &Enrollment, record: &Record, now: u64, window: u64) {
        self.clock_is_wrong |= enrollment.devices.iter().any(|device| device.created > now);
        if healing::clock_back(enrollment, record, now, window).is_some() {
            self.names.push(name.to_owned());
        }
    }

    /// Users whose last code lies ahead of the clock.
    pub fn check(&self) -> Option<Finding> {
        let (mut names, clock_is_wrong) = (self.names.clone(), self.clock_is_wrong);
        names.sort();
        let some: Vec<String> = names.iter().take(5).map(|name| clean(name)).collect();
        let more = if names.len() > some.len() { ", ..." } else { "" };
        let what = format!(
            "behind the last codes of {} ({}{more}): it went back, or was wrong before, and their codes are refused \
             until it is right again. Set the clock first. Only if it is right now, unlock them",
            counted(names.len(), "user", "users"),
            some.join(", ")
        );
        // Not to be pasted while the clock is certainly wrong.
        let mark = if clock_is_wrong { "# " } else { "" };
        let unlock = names.chunks(A_COMMAND).take(COMMANDS).map(|names| {
            let names: String = names.iter().map(|name| format!(" {}", quoted(name))).collect();
            format!("{mark}pam-totp unlock{names}")
        });
        let finding = || Finding::fault(ABOUT, "records_ahead", what).fixed_by(["timedatectl"]).fixed_by(unlock);
        (!names.is_empty()).then(finding)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::finding::Severity;
    use crate::factor::record::DeviceState;

    #[test]
    fn only_what_is_known_of_the_clock_is_fine() {
        let level = |facts: &ClockFacts| check(&ClockFacts { now: clock::BUILT, ..facts.clone() }).level;
        let told = |text: &str| Some(text.to_owned());
        assert_eq!(level(&ClockFacts::default()), Severity::Warning);
        assert_eq!(
            level(&ClockFacts { timesync_mark: true, ..ClockFacts::default() }),
            Severity::Warning,
            "of an earlier daemon"
        );
        let daemons = vec!["systemd-timesyn".to_owned()];
        assert_eq!(level(&ClockFacts { timesync_mark: true, daemons, ..ClockFacts::default() }), Severity::Fine);
        assert_eq!(
            level(&ClockFacts { timedatectl: told("NTP=yes\nNTPSynchronized=no\n"), ..ClockFacts::default() }),
            Severity::Fault
        );
        assert_eq!(
            level(&ClockFacts { timedatectl: told("NTPSynchronized=yes\n"), ..ClockFacts::default() }),
            Severity::Fine
        );
        let lost = told("Leap status     : Not synchronised\n");
        assert_eq!(
            level(&ClockFacts { chronyc: lost, timedatectl: told("NTPSynchronized=yes\n"), ..ClockFacts::default() }),
            Severity::Fault
        );
        // Whatever they say.
        let synchronized = ClockFacts { timedatectl: told("NTPSynchronized=yes\n"), ..ClockFacts::default() };
        for now in [0, 946_684_800, clock::BUILT - 1] {
            let found = check(&ClockFacts { now, ..synchronized.clone() });
            assert_eq!((found.level, found.code), (Severity::Fault, "clock_is_wrong"), "{now}");
        }
        assert_eq!(
            level(&ClockFacts { ntpq: told("leap_none, sync_ntp, 1 event"), ..ClockFacts::default() }),
            Severity::Fine
        );
    }

    /// A device's clock may be ahead of ours by its skew, its drift and the window: so far its codes count.
    #[test]
    fn a_record_is_ahead_only_beyond_what_its_device_can_have_shown() {
        const NOW: u64 = 1_900_000_000;
        const STEP: u64 = NOW / 30;
        let user = |skew: i8, last: u64| {
            let text = format!(
                "version = 3\nuser = \"alice\"\nuid = 1000\n\n[[device]]\nid = \"1f3a9c07\"\nname = \"token\"\n\
                 type = \"totp\"\nsecret = \"GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ\"\nalgorithm = \"SHA1\"\ndigits = 6\n\
                 period = 30\nskew = {skew}\ncreated = 2026-03-10T14:03:00Z\n"
            );
            let line = DeviceState { id: "1f3a9c07".into(), last: Some(last), drift: None, at: None };
            let record = Record { devices: vec![line], ..Record::default() };
            ("alice".to_owned(), Enrollment::parse(text.as_bytes()).unwrap(), record)
        };
        let looked = |(name, enrollment, record): (String, Enrollment, Record), now| {
            let mut ahead = Ahead::new(now);
            ahead.look(&name, &enrollment, &record, now, 1);
            ahead
        };
        for (skew, last, is_ahead) in [
            (0, STEP + 5, false),
            (0, STEP + 6, true),
            (10, STEP + 15, false),
            (10, STEP + 16, true),
            (-10, STEP - 5, false),
            (-10, STEP - 4, true),
        ] {
            let ahead = looked(user(skew, last), NOW);
            assert_eq!(ahead.names.len(), usize::from(is_ahead), "{skew} {last}");
            assert_eq!((ahead.check().is_some(), ahead.clock_is_wrong), (is_ahead, false));
        }
        assert!(looked(user(0, 0), 1_700_000_000).clock_is_wrong, "before the enrollment");
    }

    #[test]
    fn a_command_names_no_more_users_than_the_kernel_takes() {
        let found = |count: usize| {
            let names = (0..count).map(|n| format!("user{n:04}")).collect();
            Ahead { names, clock_is_wrong: false }.check().unwrap()
        };
        let what = found(250).message;
        assert!(what.contains("250 users (user0000, user0001, user0002, user0003, user0004, ...)"), "{what}");
        let counts = |found: &Finding| found.fix.iter().map(|line| line.matches("user").count()).collect::<Vec<_>>();
        assert_eq!(counts(&found(250)), [0, 100, 100, 50]);
        assert_eq!(counts(&found(2_000)).len(), 1 + COMMANDS, "and then the doctor is asked again");
    }
}
