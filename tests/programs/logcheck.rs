//! logcheck itself, with the rules that come with pam_totp, on lines that real logins wrote.

use super::fail2ban::everything_that_happens;
use crate::support::fail2ban::now;
use crate::support::packages::unpacked;
use crate::support::system::throw_away_with;
use std::process::Command;

/// logcheck does not run as root.
const INSTALL: &str = "for package in logcheck logcheck-database; do
    tar -C /mnt/$package -cf - usr etc | tar -C / --keep-directory-symlink -xf -
done
cp -r /mnt/sources/packaging/logcheck/. /etc/logcheck/
useradd --system logcheck
mkdir -p /run/lock/logcheck /var/lib/logcheck
chown -R logcheck: /etc/logcheck /run/lock/logcheck /var/lib/logcheck
";
const RUN: &str = "setpriv --reuid logcheck --clear-groups --regid logcheck logcheck -o -t -s -l /tmp/auth.log";

#[test]
fn it_mails_what_warns_and_not_what_is_usual() {
    // Itself, and Debian's own rules, which report each line of sudo.
    let files =
        || ["logcheck", "logcheck-database"].map(|name| format!("{name}={}", unpacked(name).display())).to_vec();
    throw_away_with(files, |system| {
        system.runs(Command::new("sh").args(["-euc", INSTALL]));
        everything_that_happens(system);
        system.file("/tmp/auth.log", &now(&system.log.lines()));
        let output = system.runs(Command::new("sh").args(["-c", RUN]));
        let mail = String::from_utf8_lossy(&output.stdout);
        // A heading, and under it a line of "=-".
        let sections: Vec<&str> = mail.split("\n\n").collect();
        let of = |heading: &str| sections.iter().find(|section| section.contains(heading)).copied().unwrap_or_default();
        for (heading, told) in [
            ("Security Events for pam_totp", "waiting: erin from 203.0.113.77 "),
            ("Security Events for pam_totp", "store error: "),
            ("Security Events for sudo", "wrong code: alice from local, 5 wrong codes "),
            ("System Events", "wrong code: erin from 203.0.113.77, 3 wrong codes "),
        ] {
            assert!(of(heading).contains(told), "{told} is not in {heading}: {mail}");
        }
        let usual = [
            "authentication failure; ",
            "right code: ",
            "used code: ",
            "no code asked: ",
            "no code: ",
            "no enrollment: ",
            "wrong code: alice from 198.51.100.2, 1 wrong code ",
        ];
        for line in mail.lines().filter(|line| line.contains("pam_totp(")) {
            assert!(!usual.iter().any(|usual| line.contains(usual)), "{line}");
        }
    });
}
