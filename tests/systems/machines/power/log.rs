//! What qemu's blklogwrites writes of a disk: every write and every flush, in the order in which they were done.
//! The format is that of the kernel's dm-log-writes.

use std::ops::Range;
use std::path::Path;

const SECTOR: usize = 512;
const MAGIC: u64 = 0x006a_7366_7773_6872;
const FLUSH: u64 = 1;
const FUA: u64 = 2;

/// One of them.
pub struct Entry {
    /// Where on the disk, in bytes.
    pub offset: usize,
    /// The bytes, by their place in the log.
    data: Range<usize>,
    /// Is all that was done before on the disk now?
    pub is_flush: bool,
    /// Was this one on the disk when it was done?
    pub is_fua: bool,
    /// Where it ends in the log.
    end: usize,
}

/// All of them.
pub struct Log {
    bytes: Vec<u8>,
    pub entries: Vec<Entry>,
}

impl Log {
    pub fn read(path: &Path) -> Self {
        let bytes = std::fs::read(path).expect("the log of the disk");
        let number = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"));
        assert_eq!(number(0), MAGIC, "no log of writes");
        let mut entries = Vec::new();
        let mut at = SECTOR;
        while at + SECTOR <= bytes.len() {
            let [sector, sectors, flags] = [0, 8, 16].map(|place| number(at + place));
            let data = at + SECTOR..at + SECTOR + sectors as usize * SECTOR;
            // Of the last one the power may have taken the rest.
            if data.end > bytes.len() {
                break;
            }
            at = data.end;
            let offset = sector as usize * SECTOR;
            entries.push(Entry { offset, data, is_flush: flags & FLUSH != 0, is_fua: flags & FUA != 0, end: at });
        }
        Self { bytes, entries }
    }

    pub fn data(&self, entry: &Entry) -> &[u8] {
        &self.bytes[entry.data.clone()]
    }

    /// How many were done when the log was so long.
    pub fn done_at(&self, length: u64) -> usize {
        self.entries.partition_point(|entry| entry.end as u64 <= length)
    }
}
