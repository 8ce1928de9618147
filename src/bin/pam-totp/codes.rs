//! Backup codes, as they are asked for and shown.

use pam_totp::factor::backup::{MAX_CODES, MIN_CODES};
use pam_totp::manage::NewBackupCodes;
use zeroize::Zeroizing;

pub fn none_or_a_set(text: &str) -> Result<u8, String> {
    let count = text.parse().ok().filter(|n| *n == 0 || (MIN_CODES..=MAX_CODES).contains(&usize::from(*n)));
    count.ok_or_else(|| format!("0, or {MIN_CODES} to {MAX_CODES}"))
}

/// Shown once: only their hashes are kept.
pub fn codes_text(codes: &NewBackupCodes) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(1_024));
    if !codes.is_empty() {
        text.push_str(
            "\n\nBackup codes, each good for one login without the phone. They are shown only now: write them down.",
        );
    }
    for code in codes {
        text.push_str("\n  ");
        text.push_str(code);
    }
    text
}

/// For programs.
pub fn listed(codes: &NewBackupCodes) -> Vec<&str> {
    codes.iter().map(|code| code.as_str()).collect()
}
