//! What could not be looked at is not called fine. Pure.

use std::fmt::Display;

use super::finding::Finding;
use super::shell::quoted;
use super::stacks::check::ABOUT as STACKS;
use crate::text::clean;

pub(super) const ABOUT: &str = "doctor";

/// `files_alone`: another system's disk is looked at.
pub fn check(files_alone: bool, is_root: bool) -> Option<Finding> {
    match (files_alone, is_root) {
        (true, _) => {
            let what = "only files were looked at: not the clock, sshd, sudo and pam-totpd, which run with that system";
            Some(Finding::warning(ABOUT, "files_alone", what).fixed_by(["pam-totp doctor   # once that system runs"]))
        }
        (false, false) => {
            let what = "without root, keys, records, sshd's settings and the processes of others could not be looked \
                at";
            Some(Finding::warning(ABOUT, "needs_root", what).fixed_by(["sudo pam-totp doctor"]))
        }
        (false, true) => None,
    }
}

/// A stack that was not looked at, and why.
pub fn stack(path: &str, why: impl Display) -> Finding {
    let what = format!("{}: {why}: it was not looked at", clean(path));
    Finding::warning(STACKS, "left_out", what).fixed_by([format!("ls -lL {}", quoted(path))])
}
