//! What the log reads of users who enroll at a login. Pure.

use std::fmt::Display;

use crate::factor::record::Proving;
use crate::text::{clean, moment};

/// Why somebody who must enroll was refused.
pub fn must_enroll(user: &str, why: &str) -> String {
    format!("no enrollment: {} must enroll, and {why}", clean(user))
}

/// A second key, where no account line would store it either.
pub const PROVED_BEFORE: &str = "what they proved before was not stored";

/// libpam took it not.
pub const NOT_KEPT: &str = "the key could not be kept for the account line";

/// Without the mark they would get in with a new key each time.
pub const NOT_MARKED: &str = "that they proved a key could not be noted";

/// No terminal, or too small a one.
pub const CANNOT_SHOW: &str = "this program cannot show a key";

/// A greeter, a lock screen.
pub const SHOWN_TO_OTHERS: &str = "this program shows its prompts where others may see them";

/// Too many wrong codes.
pub const NOT_PROVED: &str = "no code proved the new key";

/// The `auth` line is done.
pub fn proved(user: &str) -> String {
    format!("enrolling: {} has proved a new key", clean(user))
}

/// By Enter alone, where the policy leaves them time.
pub fn put_off(user: &str) -> String {
    format!("enrolling: {} put it off", clean(user))
}

/// The mark could not be written, and why.
pub fn not_marked(user: &str, error: &dyn Display) -> String {
    format!("enrolling: that {} has proved a key could not be noted: {error}", clean(user))
}

/// Between the two lines the application named somebody else.
pub fn changed_user(user: &str) -> String {
    format!("enrolling: the key that {} proved is not stored: PAM_USER has changed", clean(user))
}

/// The `account` line is done.
pub fn enrolled(user: &str) -> String {
    format!("enrolled {} at a login, proved by a code", clean(user))
}

/// It is not, and why.
pub fn failed(user: &str, error: &dyn Display) -> String {
    format!("enrolling {} failed: {error}", clean(user))
}

/// The set counts from now on.
pub fn codes_count(user: &str) -> String {
    format!("{} has typed back a backup code: the set counts", clean(user))
}

/// There is no set.
pub fn no_codes(user: &str) -> String {
    format!("{} has typed back no backup code: there are none", clean(user))
}

/// Another enrollment than the one that the codes were made for.
pub const CHANGED_SINCE: &str = "the enrollment has changed since";

/// There is no set, though a code was typed back.
pub fn codes_not_stored(user: &str, why: &dyn Display) -> String {
    format!("the backup codes of {} are not stored: {why}", clean(user))
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
