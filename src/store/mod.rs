//! Where enrollments and records are kept: five verbs, which any store must keep to. The one of a host is [`files`].

#[cfg(feature = "cli")]
pub mod audit;
pub mod error;
pub mod files;
#[cfg(feature = "cli")]
pub mod memory;
pub mod policy;
pub mod spool;
pub mod verbs;

pub use error::StoreError;
pub use files::folders::FileStore;
pub use files::opening::Walk;
#[cfg(feature = "cli")]
pub use memory::MemoryStore;
pub use policy::{edit_policy, read_policy, read_policy_on};
pub use verbs::{NotDone, Store, Transacted, Whose};
