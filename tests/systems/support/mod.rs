//! What the topics stand on: containers, and of the promises' own support a phone and a person at a terminal.

#![allow(dead_code)] // The promises use all of it.

use std::thread;
use std::time::{Duration, Instant};

#[path = "../../support/codes.rs"]
pub mod codes;
pub mod container;
pub mod machine;
mod prompts;
#[path = "../../support/terminal.rs"]
pub mod terminal;

/// Longer than anything takes that a test waits for, on a busy machine too.
pub const PATIENCE: Duration = Duration::from_secs(180);

/// Waits for what nobody announces.
pub fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < PATIENCE, "waited in vain: {what}");
        thread::sleep(Duration::from_millis(20));
    }
}
