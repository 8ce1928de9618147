//! Debian's fail2ban with our filter and jail, on a log as a syslog daemon or the journal writes it.

use super::packages::unpacked;
use super::system::System;
use std::process::Command;

/// When all of it happened.
const PRECISELY: &str = "2026-11-21T20:19:00.123456+00:00";
const ROOT: &str = "/mnt/fail2ban";

/// For `throw_away_with`: fail2ban, unpacked.
pub fn files() -> Vec<String> {
    vec![format!("fail2ban={}", unpacked("fail2ban").display())]
}

/// Puts its configuration in place, with ours, as the packages do.
pub fn install(system: &System) {
    system.runs(Command::new("cp").args(["-r", &format!("{ROOT}/etc/fail2ban"), "/etc/fail2ban"]));
    for part in ["filter.d", "jail.d"] {
        let ours = format!("/mnt/sources/packaging/fail2ban/{part}/pam_totp.conf");
        system.runs(Command::new("cp").args([&ours, &format!("/etc/fail2ban/{part}/")]));
    }
}

/// One of its programs.
pub fn program(name: &str) -> Command {
    let mut command = Command::new(format!("{ROOT}/usr/bin/{name}"));
    command.env("PYTHONPATH", format!("{ROOT}/usr/lib/python3/dist-packages"));
    command
}

/// How the one who keeps a log writes a line.
#[derive(Clone, Copy, Debug)]
pub enum Form {
    /// /var/log/auth.log, as it has been for ever.
    Traditional,
    /// The same with the time that rsyslog writes now.
    Precise,
    /// The journal, as fail2ban reads it.
    Journal,
}

impl Form {
    pub const ALL: [Self; 3] = [Self::Traditional, Self::Precise, Self::Journal];

    /// What `common.conf` calls it.
    fn logtype(self) -> &'static str {
        match self {
            Self::Traditional | Self::Precise => "file",
            Self::Journal => "journal",
        }
    }

    /// `authpriv.notice sshd[7]: text`, as [`super::syslog::Syslog`] keeps it. A line that ends within a line is written as syslog
    /// daemons do.
    fn line(self, kept: &str) -> String {
        let (_, line) = kept.split_once(' ').expect("facility and severity");
        let line = line.replace('\n', "#012");
        match self {
            Self::Traditional | Self::Journal => format!("Nov 21 20:19:00 throwaway {line}"),
            Self::Precise => format!("{PRECISELY} throwaway {line}"),
        }
    }
}

/// These lines as if all of it had happened at this moment: a server forgets what is ten minutes old.
pub fn now(lines: &[String]) -> String {
    let output = Command::new("date").args(["--utc", "+%FT%T.%6N+00:00"]).output().expect("date");
    let time = String::from_utf8(output.stdout).expect("UTF-8");
    lines.iter().map(|line| Form::Precise.line(line).replace(PRECISELY, time.trim()) + "\n").collect()
}

/// Whom `filter` would count, for each line that it matches: the address and the user.
pub fn counts(system: &System, filter: &str, form: Form, lines: &[String]) -> Vec<String> {
    let text: String = lines.iter().map(|line| form.line(line) + "\n").collect();
    system.file("/tmp/log", &text);
    let logtype = if filter.contains('[') { "," } else { "[" };
    let filter = format!("{}{logtype}logtype={}]", filter.trim_end_matches(']'), form.logtype());
    let mut regex = program("fail2ban-regex");
    // Like `<F-USER>` in a ban; what a line leaves out stays as it is called.
    let output = system.tries(regex.args(["--usedns", "no", "--out", "<ip> <F-USER>", "/tmp/log", &filter]), "");
    let (said, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(!errors.contains("Error") && !said.contains("ERROR"), "{filter}: {said}{errors}");
    let mut counted: Vec<String> = said.lines().map(|line| line.trim().to_owned()).collect();
    counted.sort();
    counted
}
