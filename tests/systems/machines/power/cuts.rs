//! What may be on a disk after the power was cut: all that was flushed, and of the rest any part.

use super::log::Log;

/// What a disk writes whole. The journal of ext4 itself counts on that; for records torn in any other way see `record::`.
const BLOCK: usize = 4096;

/// A disk that is written up to a cut, and then to the next one.
pub struct Disk<'a> {
    log: &'a Log,
    /// What is on it for certain.
    flushed: Vec<u8>,
    /// How many entries that takes.
    to: usize,
}

impl<'a> Disk<'a> {
    /// `first`: what was on it before the log began.
    pub fn new(log: &'a Log, first: Vec<u8>) -> Self {
        Self { log, flushed: first, to: 0 }
    }

    /// The disk after the power was cut behind so many entries. `survives` says of each block that was written and not flushed
    /// whether it got there. The cuts of one disk must be asked for in their order.
    pub fn cut(&mut self, entries: usize, mut survives: impl FnMut() -> bool) -> Vec<u8> {
        let done = &self.log.entries[self.to..entries];
        let flushed = self.to + done.iter().rposition(|entry| entry.is_flush).map_or(0, |last| last + 1);
        for entry in &self.log.entries[self.to..flushed] {
            let data = self.log.data(entry);
            self.flushed[entry.offset..entry.offset + data.len()].copy_from_slice(data);
        }
        self.to = flushed;
        let mut disk = self.flushed.clone();
        for entry in &self.log.entries[flushed..entries] {
            for (number, block) in self.log.data(entry).chunks(BLOCK).enumerate() {
                let offset = entry.offset + number * BLOCK;
                if entry.is_fua || survives() {
                    disk[offset..offset + block.len()].copy_from_slice(block);
                }
            }
        }
        disk
    }
}

/// The numbers of a test that is the same each time.
pub struct Chance(u64);

impl Chance {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// True `percent` times of a hundred.
    pub fn is(&mut self, percent: u64) -> bool {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 33) % 100 < percent
    }
}
