//! The door to root's files for callers who are not root, or who are root and cannot write.

pub mod client;
pub mod message;
pub mod wire;
