//! The module inside the process of an application.

mod answers;
mod confdir;
mod face;
mod inputs;
mod inside;
mod limits;
mod memory;
mod mistakes;
mod names;
mod panics;
mod secrets;
mod set_uid;
mod stopped;
mod uncounted;
