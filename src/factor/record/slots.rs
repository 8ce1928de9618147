//! A state file: two slots of 4096 bytes, of which the newest valid one counts. Newer versions are recognized. Pure.

use std::cmp::Ordering;
use std::fmt::Write;

use crate::factor::record::lines::number;
use crate::factor::record::text::VERSION;
use crate::factor::record::{Record, TooLarge, text, version1};

/// Bytes of a slot: one block of the file system, so that one failed block cannot take both.
pub const SLOT: usize = text::LONGEST;
/// Bytes of the file.
pub const FILE: usize = 2 * SLOT;

/// What a state file holds.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "a box would take what lay on the stack, keys too, into the heap")]
pub enum StateFile {
    /// A slot of a later version, or with more of one than can be carried along: never healed, never written.
    Newer,
    /// No valid slot.
    Nothing,
    /// The newest valid slot.
    Valid(Slot),
}

/// A valid slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slot {
    /// Sequence number; the higher one counts.
    pub sequence: u64,
    /// 0 or 1: the place in the file.
    pub index: u8,
    /// Its content.
    pub record: Record,
}

/// Where the next record of a file goes: never over the newest one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct NextSlot {
    /// The highest sequence number that was read or written.
    sequence: u64,
    /// The slot of this file that must not be overwritten.
    newest: Option<u8>,
}

/// One write, and where the one behind it goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Writing {
    /// What to write.
    pub bytes: Vec<u8>,
    /// And where to.
    pub offset: u64,
    /// Once it is on disk.
    pub then: NextSlot,
}

/// The record that counts of two files, the one that is written and one that is only looked at; and where the next one
/// goes. `None`: one of them is of a later version.
pub fn newest(own: StateFile, other: StateFile) -> Option<(Option<Record>, NextSlot)> {
    if own == StateFile::Newer || other == StateFile::Newer {
        return None;
    }
    let slot = if let StateFile::Valid(slot) = &own { Some(slot.index) } else { None };
    let newest = match (own, other) {
        (StateFile::Valid(a), StateFile::Valid(b)) => Some(if b.sequence > a.sequence { b } else { a }),
        (StateFile::Valid(one), _) | (_, StateFile::Valid(one)) => Some(one),
        _ => None,
    };
    let place = NextSlot { sequence: newest.as_ref().map_or(0, |n| n.sequence), newest: slot };
    Some((newest.map(|slot| slot.record), place))
}

impl NextSlot {
    /// Is there a record in this file that must not be lost?
    pub fn is_kept(self) -> bool {
        self.newest.is_some()
    }

    /// A record over the older slot.
    pub fn write(self, record: &Record) -> Result<Writing, TooLarge> {
        let sequence = self.sequence.saturating_add(1);
        let mut bytes = print(sequence, record)?;
        let slot = match self.newest {
            Some(0) => 1,
            Some(_) => 0,
            // Nothing valid in this file: both slots at once, so that no later write needs a new block.
            None => {
                bytes.resize(FILE, b'\n');
                0
            }
        };
        let offset = if slot == 1 { SLOT as u64 } else { 0 };
        Ok(Writing { bytes, offset, then: Self { sequence, newest: Some(slot) } })
    }

    /// Where a further record goes while the one of `writing` is not on the disk yet: over it, and later than it. The slot
    /// that must be kept is the same.
    pub fn over(self, writing: &Writing) -> Self {
        Self { sequence: writing.then.sequence, ..self }
    }
}

/// Reads a state file, or what is left of it.
pub fn read(file: &[u8]) -> StateFile {
    choose(file, |one, other| other.cmp(&one))
}

/// The older record of a state file, where there are two.
pub fn read_older(file: &[u8]) -> StateFile {
    choose(file, |one, other| one.cmp(&other))
}

/// The first valid slot, in an order of their sequence numbers. The other one's record is not read: nobody needs it.
fn choose(file: &[u8], order: impl Fn(u64, u64) -> Ordering) -> StateFile {
    let mut whole = Vec::with_capacity(2);
    for (index, bytes) in (0_u8..2).zip(file.chunks(SLOT)) {
        match Head::of(bytes) {
            Some(Head::Newer) => return StateFile::Newer,
            Some(Head::Whole(slot)) => whole.push((index, slot)),
            None => {}
        }
    }
    whole.sort_by(|(_, one), (_, other)| order(one.sequence, other.sequence));
    whole.into_iter().find_map(|(index, slot)| slot.parse(index)).unwrap_or(StateFile::Nothing)
}

/// Writes a slot.
pub fn print(sequence: u64, record: &Record) -> Result<Vec<u8>, TooLarge> {
    text::fitted(record, |body| {
        let mut slot = String::with_capacity(FILE);
        // Writing to a string does not fail.
        let _ = write!(slot, "pam_totp {VERSION} {sequence} {} {:08x}\n{body}", body.len(), checksum(sequence, body));
        let mut slot = slot.into_bytes();
        let fits = slot.len() <= SLOT;
        slot.resize(SLOT, b'\n');
        fits.then_some(slot)
    })
}

/// What the first line of a slot says.
enum Head<'a> {
    Newer,
    Whole(Whole<'a>),
}

/// A slot as it was written.
struct Whole<'a> {
    version: u32,
    sequence: u64,
    body: &'a str,
}

impl<'a> Head<'a> {
    fn of(bytes: &'a [u8]) -> Option<Self> {
        let end = bytes.iter().position(|b| *b == b'\n')?;
        let (head, rest) = bytes.split_at_checked(end)?;
        let mut words = std::str::from_utf8(head).ok()?.split(' ');
        if words.next()? != "pam_totp" {
            return None;
        }
        let version: u32 = number(words.next()?)?;
        if version > VERSION {
            return Some(Self::Newer);
        }
        let sequence: u64 = number(words.next()?)?;
        let length: usize = number(words.next()?)?;
        let crc = u32::from_str_radix(words.next()?, 16).ok()?;
        let body = std::str::from_utf8(rest.get(1..)?.get(..length)?).ok()?;
        let is_whole = words.next().is_none() && crc == checksum(sequence, body);
        is_whole.then_some(Self::Whole(Whole { version, sequence, body }))
    }
}

impl Whole<'_> {
    fn parse(&self, index: u8) -> Option<StateFile> {
        let valid = |record| StateFile::Valid(Slot { sequence: self.sequence, index, record });
        match self.version {
            // Nobody adds to it any more: what it did not say then is damage.
            1 => version1::parse(self.body).map(valid),
            VERSION => {
                let lines: Vec<&str> = self.body.split_terminator('\n').collect();
                // With more than can be carried along it counts as much, or the other slot would bring used codes back.
                Some(Record::of_lines(&lines).map_or(StateFile::Newer, valid))
            }
            _ => None,
        }
    }
}

/// Over the sequence number too: a head torn from another body must not count.
fn checksum(sequence: u64, body: &str) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&sequence.to_le_bytes());
    hasher.update(body.as_bytes());
    hasher.finalize()
}
