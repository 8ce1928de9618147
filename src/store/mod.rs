//! The only code that touches our files.

#[cfg(feature = "cli")]
pub mod audit;
pub mod error;
pub mod files;
pub mod policy;
pub mod spool;

pub use error::StoreError;
pub use files::folders::FileStore;
pub use policy::{edit_policy, read_policy};
