//! When does sudo ask for no code? Pure.

use crate::doctor::finding::Finding;
use crate::text::clean;

pub(super) const ABOUT: &str = "sudo";

/// What was found of sudo.
#[derive(Clone, Debug, Default)]
pub struct SudoFacts {
    /// `sudo -V`, as root.
    pub version: String,
    /// `FILE:LINE` of each `NOPASSWD`.
    pub nopasswd: Vec<String>,
    /// Its stack has `explain`.
    pub explains: bool,
}

/// Where sudo's stack names us: when it asks nobody.
pub fn check(sudo: &SudoFacts) -> Vec<Finding> {
    let said = |key: &str| sudo.version.lines().find_map(|line| line.strip_prefix(key)).map(str::trim);
    let mut findings = Vec::new();
    match said("Authentication timestamp timeout:") {
        Some("0.0 minutes" | "0 minutes") => findings.push(Finding::fine(ABOUT, "asks each time")),
        Some(time) => {
            let what = format!("does not ask again for {} after a code", clean(time).replace('?', " "));
            findings.push(Finding::note(ABOUT, "sudo_ticket", what).fixed_by([
                "echo 'Defaults timestamp_timeout=0' >/etc/sudoers.d/pam_totp",
                "chmod 440 /etc/sudoers.d/pam_totp && visudo -c",
            ]));
        }
        None => findings.push(
            Finding::warning(ABOUT, "sudo_unread", "`sudo -V` does not say how long a ticket lasts")
                .fixed_by(["sudo -V"]),
        ),
    }
    if let Some(first) = sudo.nopasswd.first() {
        let what = format!("under NOPASSWD ({}) it asks for neither password nor code", clean(first));
        let look = ["grep -rn NOPASSWD /etc/sudoers /etc/sudoers.d"];
        findings.push(Finding::note(ABOUT, "nopasswd", what).fixed_by(look));
    }
    if sudo.explains && said("Sudo version").is_some_and(|version| !shows_messages(version)) {
        let what = "this version does not show users what `explain` says; versions from 1.9.16 on do";
        findings.push(Finding::note(ABOUT, "sudo_silent", what));
    }
    findings
}

/// Does this line of sudoers let commands through without a password?
pub fn asks_nobody(line: &str) -> bool {
    line.split('#').next().is_some_and(|line| line.contains("NOPASSWD"))
}

/// Does this build of sudo have a service of its own for `sudo -i`? By `sudo -V`, as root.
pub fn names_sudo_i(version: &str) -> bool {
    version.lines().any(|line| line.starts_with("PAM service") && line.ends_with(": sudo-i"))
}

/// From 1.9.16 on.
fn shows_messages(version: &str) -> bool {
    let numbers: Vec<u32> = version.split(['.', 'p']).map_while(|number| number.parse().ok()).collect();
    numbers.as_slice() >= [1, 9, 16].as_slice()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_sudo_and_its_files_say_is_read() {
        assert!(asks_nobody("%wheel ALL=(ALL) NOPASSWD: ALL") && !asks_nobody("# %wheel ALL=(ALL) NOPASSWD: ALL"));
        assert!(names_sudo_i("PAM service name to use: sudo\nPAM service name to use for login shells: sudo-i\n"));
        assert!(!names_sudo_i("PAM service name to use for login shells: sudo\n"));
    }

    #[test]
    fn sudo_shows_messages_from_a_version_on() {
        assert!(shows_messages("1.9.16") && shows_messages("1.9.17p2") && shows_messages("2.0"));
        assert!(!shows_messages("1.9.13p3") && !shows_messages("1.8.31"));
    }
}
