//! What does no I/O.

mod corpora;
mod enrollment;
mod flow;
// A simulated year is too long for each of a thousand builds, which are made without the programs' features.
mod decision;
#[cfg(feature = "cli")]
mod guessing;
mod invariants;
mod inverses;
mod record;
mod rfc;
mod rules;
mod wire;
