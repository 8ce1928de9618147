//! Does sshd ask as its stack needs it? Each file imports only from lines above its own:
//!
//! 1. [`patterns`], [`config`]: sshd_config, as sshd reads it.
//! 2. [`facts`], [`matches`]: what `sshd -T` said, and how it is asked about a `Match` block.
//! 3. [`methods`], `fix`: what should be set instead.
//! 4. [`check`]: all of it, in findings.

pub mod check;
pub mod config;
pub mod facts;
mod fix;
pub mod matches;
pub mod methods;
pub mod patterns;
