//! What pam_totp promises; a file a promise.

// What the module must not do inside its host, a test may.
#![allow(clippy::disallowed_methods, clippy::disallowed_macros)]

mod across;
mod demo;
mod disks;
mod enrollment;
mod face;
mod install;
mod kills;
mod limits;
mod login;
mod program;
mod qr;
mod races;
mod record;
mod rfc;
mod rules;
mod sshd;
mod su;
mod sudo;
mod support;
