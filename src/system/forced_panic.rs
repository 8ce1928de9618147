//! Panics on purpose, so that tests see what becomes of one at each layer. Compiled with `--cfg forced_panic` alone,
//! which no release is, and which a test holds the shipped module to: there `panic_here!` is nothing at all.
#![allow(clippy::panic, reason = "what it is for")]

use std::path::Path;

/// A file here, named like a layer, makes that layer panic once.
const FOLDER: &str = "/run/forced_panic";

/// Panics, if somebody asked for it.
#[track_caller]
pub fn at(layer: &str) {
    if std::fs::remove_file(Path::new(FOLDER).join(layer)).is_ok() {
        panic!("forced");
    }
}
