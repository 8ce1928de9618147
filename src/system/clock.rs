//! The host's clock.

use std::time::{SystemTime, UNIX_EPOCH};

/// When this version was written, in seconds since 1970: 2026-11-01. A clock that stands before it is certainly wrong (a
/// host without a battery begins in 1970). Moved on with each release.
pub const BUILT: u64 = 1_793_491_200;

/// Seconds since 1970; a clock before that is at 0, where every step was used.
pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs())
}

/// Is a clock that shows this certainly wrong?
pub fn is_wrong(now: u64) -> bool {
    now < BUILT
}
