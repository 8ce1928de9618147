//! What pam_totp promises; a file a promise.

// What the module must not do inside its host, a test may.
#![allow(clippy::disallowed_methods, clippy::disallowed_macros)]

mod across;
mod answers;
mod confdir;
mod disks;
mod inside;
mod kills;
mod login;
mod mistakes;
mod names;
mod races;
mod sshd;
mod su;
mod sudo;
mod support;
