//! What pam_totp promises; a file a promise.

// What the module must not do inside its host, a test may.
#![allow(clippy::disallowed_methods, clippy::disallowed_macros)]

mod across;
mod answers;
mod clocks;
mod cockpit;
mod confdir;
mod counts;
mod demo;
mod disks;
mod docs;
mod door;
mod enrollment;
mod face;
mod failures;
mod first_login;
mod flow;
mod heart;
mod hostile;
mod inside;
mod install;
mod kills;
mod limits;
mod list;
mod lockers;
mod login;
mod mistakes;
mod names;
mod owners;
mod policy;
mod program;
mod qr;
mod races;
mod record;
mod remember;
mod rfc;
mod rules;
mod rules_at_work;
mod sshd;
mod su;
mod sudo;
mod support;
mod transfers;
mod vsftpd;
mod wire;
