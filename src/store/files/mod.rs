//! The store of a host: safe opening, the bounded lock, the two slots, the atomic replacement.

pub mod folders;
pub mod locked;
pub(super) mod name;
pub(super) mod opening;
pub(super) mod slots;
mod transact;
