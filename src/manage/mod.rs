//! A change of what a user has: allowed, planned, carried out by the store, told.

pub mod change;
pub mod error;
#[cfg(feature = "cli")]
pub mod import;
pub mod notify;
pub mod upkeep;

pub use change::{Authority, NewBackupCodes, Pending, apply, make_codes, new_device};
pub use error::ManageError;
pub use upkeep::{add_codes, end_proving, forget, mark_proving, remove, rename, unlock, unlock_waits};
