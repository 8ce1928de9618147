//! The two halves of a login, before and behind the prompt, and what it says.

pub mod messages;
pub mod preview;
pub mod status;
pub mod unavailable;
pub mod verify;
