//! The house of pam_totp: its rooms, from the top down. A room imports from those below it, and from none above it.
//!
//! ```text
//! pam      the edge: libpam's entry points, one login over an application, one enrollment at a login
//! doctor   what is wrong with a host: facts, a model of libpam, what to say and what fixes it
//! daemon   one request at the door, judged
//! backend  where a program's requests go: the files here, or the door
//! door     the protocol of pam-totpd's sockets, and its caller
//! manage   a change of what a user has: allowed, planned, carried out, told
//! login    the two halves of a login, before and behind the prompt, and what it says
//! store    the only code that touches our files
//! import   what other programs keep of a user. Pure
//! qr       pictures of a key. Pure
//! policy   who must, who may, and what the line of a stack says. Pure
//! factor   what a user has, how an answer is judged, what a change writes. Pure
//! system   what is asked of kernel and libc
//! text     text that shows as what it is, and the words for times and numbers. Pure
//! date     UTC. Pure
//! paths    where an installation keeps things
//! ```
//!
//! A login: `pam -> backend.preview -> prompt -> backend.verify -> login::verify -> store`, which asks `factor::judgment`.
//! A change: `bin/pam-totp -> backend -> manage -> store`, which asks `factor::plan`.
//! Either, where root's files are out of reach: `backend -> door::client | daemon -> policy::access -> login or manage`.
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

#[cfg(feature = "cli")]
pub mod daemon;

pub mod backend;
pub mod door;
pub mod manage;

pub mod login;

pub mod store;

#[cfg(feature = "cli")]
pub mod import;
pub mod qr;

pub mod policy;

pub mod factor;

pub mod system;

pub mod date;
pub mod paths;
pub mod text;

/// Of this package: the module and the programs of one installation have the same.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
/// Stands in the module's file, so that it can be told which one it is without running any of it.
pub const VERSION_MARK: &str = concat!("pam_totp module ", env!("CARGO_PKG_VERSION"), "\0");
