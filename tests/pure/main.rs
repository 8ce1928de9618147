//! The promises of the files that do no I/O, in a binary of their own: it needs no program and no throw-away system, so
//! that mutation testing builds and runs it a thousand times. `cargo test` runs the same tests in `promises`.

#![allow(clippy::disallowed_methods, clippy::disallowed_macros)]

// It reads sources and builds nothing, so `make quick` has it too.
#[path = "../project/house/mod.rs"]
mod house;
#[path = "mod.rs"]
mod pure;
#[path = "../support"]
mod support {
    pub mod effort;
}
