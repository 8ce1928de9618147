//! What is asked of kernel and libc.

pub mod account;
pub mod beat;
pub mod clock;
pub mod disk;
#[cfg(forced_panic)]
pub mod forced_panic;
pub mod hostname;
pub mod interfaces;
pub mod memory;
pub mod mounts;
pub mod random;
