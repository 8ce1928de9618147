//! What holds of any bytes at all. libFuzzer looks for some of which it does not (`fuzz/fuzz_targets`), and
//! `tests/pure/corpora.rs` tries those again that it has found worth keeping.

// A fuzz target takes one of them.
#![allow(dead_code)]

pub mod answer;
pub mod arguments;
pub mod base32;
pub mod buckets;
pub mod enrollment;
#[cfg(feature = "cli")]
pub mod import;
pub mod login;
mod pieces;
pub mod policy;
pub mod record;
pub mod script;
pub mod split;
pub mod steps;
pub mod uri;
pub mod wire;

/// A fuzz target, by its name, and what it asserts of bytes.
type Invariant = (&'static str, fn(&[u8]));

/// A fuzz target each; its seeds are in `fuzz/seeds/NAME`.
pub const ALL: &[Invariant] = &[
    ("answer", answer::hold),
    ("arguments", arguments::hold),
    ("base32", base32::hold),
    ("buckets", buckets::hold),
    ("enrollment", enrollment::hold),
    #[cfg(feature = "cli")]
    ("import", import::hold),
    ("login", login::hold),
    ("policy", policy::hold),
    ("record", record::hold),
    ("split", split::hold),
    ("steps", steps::hold),
    ("uri", uri::hold),
    ("wire", wire::hold),
];
