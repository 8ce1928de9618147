//! Refusals are told in beats, so that nobody can tell by the time why they were refused.

use std::time::{Duration, Instant};

/// A refusal is told this long after the answer came, or a multiple of it: a file read and a record on disk, which a wrong
/// code costs and an unknown user does not, fit in, and a stretched backup code too.
const BEAT: Duration = Duration::from_millis(20);

/// Waits for the next beat of those that began at `answered`.
pub fn wait(answered: Instant) {
    let beat = BEAT.as_nanos();
    let since = answered.elapsed().as_nanos().checked_rem(beat).unwrap_or_default();
    std::thread::sleep(Duration::from_nanos(u64::try_from(beat.saturating_sub(since)).unwrap_or_default()));
}
