//! The door to root's files for callers who are not root, or who are root and cannot write.

pub mod client;
pub mod errand;
pub mod listing;
pub mod message;
mod status;
pub mod wire;
mod words;
