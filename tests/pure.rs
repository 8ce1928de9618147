//! The promises of the files that do no I/O, in a binary of their own: it needs no program and no throw-away system, so
//! that mutation testing builds and runs it a thousand times. `cargo test` runs the same tests in `promises`.

#![allow(clippy::disallowed_methods, clippy::disallowed_macros)]

mod corpora;
mod enrollment;
mod flow;
mod heart;
mod invariants;
mod inverses;
mod record;
mod rfc;
mod rules;
mod support {
    pub mod effort;
}
mod wire;
