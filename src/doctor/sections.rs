//! The subjects of all that is looked at, for a panel with a card for each. Pure.

use super::finding::{Finding, Severity};
use super::{clock, door, labels, module, policy, programs, sshd, stacks, store, sudo, unseen};

/// What there is to be said of one subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Section {
    /// As its findings have it.
    pub about: &'static str,
    /// For people.
    pub title: &'static str,
    /// The worst of them.
    pub level: Severity,
}

/// In the order in which they are looked at.
const SUBJECTS: [(&str, &str); 11] = [
    (clock::ABOUT, "Clock"),
    (store::ABOUT, "Keys and records"),
    (labels::ABOUT, "SELinux labels"),
    (policy::ABOUT, "Policy"),
    (module::ABOUT, "PAM module"),
    (stacks::check::ABOUT, "PAM stacks"),
    (programs::elsewhere::ABOUT, "Programs"),
    (sshd::check::ABOUT, "SSH server"),
    (sudo::ABOUT, "sudo"),
    (door::ABOUT, "pam-totpd"),
    (unseen::ABOUT, "What could not be checked"),
];

/// Every subject, also those without a finding.
pub fn of(findings: &[Finding]) -> [Section; 11] {
    SUBJECTS.map(|(about, title)| {
        let own = findings.iter().filter(|finding| finding.about == about);
        Section { about, title, level: own.map(|finding| finding.level).max().unwrap_or(Severity::Fine) }
    })
}
