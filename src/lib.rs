//! The house of pam_totp. Data flows down this list; nothing calls up.
//!
//! A login: `pam -> flow -> desk.preview -> prompt -> desk.verify -> verify -> attempt -> store`.
//! A change: `bin/pam-totp -> desk -> manage -> store`.
//! Either, where root's files are out of reach: `desk -> door/client | door/server -> access -> verify or manage`.
//!
//! Pure rooms take bytes and the time and do no I/O. `pam` opens no file, `store` knows no PAM.

#![deny(unsafe_code)]
#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::undocumented_unsafe_blocks,
    missing_docs
)]
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects
    )
)]

/// A place where tests make a panic happen; nothing in any other build.
macro_rules! panic_here {
    ($layer:literal) => {
        #[cfg(forced_panic)]
        crate::system::forced_panic::at($layer);
    };
}

#[cfg(feature = "module")]
pub mod pam;

#[cfg(feature = "cli")]
pub mod doctor;

pub mod backend;
#[cfg(feature = "cli")]
pub mod daemon;
pub mod door;
pub mod manage;

pub mod date;
#[cfg(feature = "cli")]
pub mod import;
pub mod policy;
pub mod qr;
pub mod text;

pub mod store;

pub mod system;

pub mod factor;

pub mod login;

/// Of this package: the module and the programs of one installation have the same.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
/// Stands in the module's file, so that it can be told which one it is without running any of it.
pub const VERSION_MARK: &str = concat!("pam_totp module ", env!("CARGO_PKG_VERSION"), "\0");
