//! What the product does on real systems: Debian's own, with systemd as process 1. `make check-systems` runs it; a file a topic.

// What the module must not do inside its host, a test may.
#![allow(clippy::disallowed_methods, clippy::disallowed_macros)]

mod containers;
mod machines;
mod support;
