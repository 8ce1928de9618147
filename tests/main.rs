//! What pam_totp promises; a file a promise.

// What the module must not do inside its host, a test may.
#![allow(clippy::disallowed_methods, clippy::disallowed_macros)]

mod cli;
mod daemon;
mod module;
mod programs;
mod project;
mod pure;
mod store;
mod support;
