//! The state record: two slots of 4096 bytes, of which the newest valid one counts. Bytes to a [`Record`]
//! and back, whole: unknown lines are kept, newer versions are recognized. Pure.

mod lines;
mod version1;

use std::fmt::{self, Write};

use lines::number;
pub use lines::{BackupState, Barred, Came, Class, ClassKey, DeviceState, How, Lane, LaneKey, Proving, Since, Trust};

/// Bytes of a slot: one block of the file system, so that one failed block cannot take both.
pub const SLOT: usize = 4096;
/// Bytes of the file.
pub const FILE: usize = 2 * SLOT;
/// RFC 6238 section 6: a device's clock is followed this many steps away from ours, and no further.
pub const MAX_DRIFT: i8 = 4;
/// Five devices, twice while they are being replaced.
const MAX_DEVICES: usize = 10;
/// Remote networks with a lane of their own.
pub const MAX_NETWORKS: usize = 8;
/// Lanes of the networks that have none.
pub const RANGES: u8 = 8;
/// All lanes: three of this host, the networks, the ranges.
pub const MAX_LANES: usize = 3 + MAX_NETWORKS + RANGES as usize;
/// Remembered addresses.
pub const MAX_TRUSTS: usize = 8;
/// Ranges of steps that `unlock` left behind, of one device.
pub const MAX_BARRED: usize = 2;
/// Bytes of what a later version wrote and this one carries along: whole lines, and words behind those of a known line.
const MAX_OTHER: usize = 512;
/// The version that is written.
const VERSION: u32 = 2;

/// What is remembered of a user between logins.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// One line for each device.
    pub devices: Vec<DeviceState>,
    /// The used bits of the backup codes.
    pub backup: Option<BackupState>,
    /// `unit every`: seconds in which a lane gets one wrong code back, when the buckets were written.
    pub unit: Option<u64>,
    /// The buckets of the lanes.
    pub lanes: Vec<Lane>,
    /// The buckets of the classes.
    pub classes: Vec<Class>,
    /// `row count`: wrong single codes since the last success of any kind.
    pub row: u32,
    /// Steps that never count again, though they are beyond the last one.
    pub barred: Vec<Barred>,
    /// Wrong codes since the last login.
    pub since: Option<Since>,
    /// Remembered addresses.
    pub trusts: Vec<Trust>,
    /// A key that was proved at a login, and that no account line has stored yet.
    pub proving: Option<Proving>,
    /// How the file came to its place, where no login made it.
    pub came: Option<Came>,
    /// Lines of a later version.
    pub other: Vec<String>,
    /// Words of a later version, behind the line that begins so.
    pub more: Vec<(String, String)>,
}

/// What a state file holds.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "a box would take what lay on the stack, keys too, into the heap")]
pub enum Found {
    /// A slot of a later version: never healed, never written.
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
pub struct Place {
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
    pub then: Place,
}

/// The record that counts of two files, the one that is written and one that is only looked at; and where the next one
/// goes. `None`: one of them is of a later version.
pub fn newest(own: Found, other: Found) -> Option<(Option<Record>, Place)> {
    if own == Found::Newer || other == Found::Newer {
        return None;
    }
    let slot = if let Found::Valid(slot) = &own { Some(slot.index) } else { None };
    let newest = match (own, other) {
        (Found::Valid(a), Found::Valid(b)) => Some(if b.sequence > a.sequence { b } else { a }),
        (Found::Valid(one), _) | (_, Found::Valid(one)) => Some(one),
        _ => None,
    };
    let place = Place { sequence: newest.as_ref().map_or(0, |n| n.sequence), newest: slot };
    Some((newest.map(|slot| slot.record), place))
}

impl Place {
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

/// The record fits no slot that could be read again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLarge;

/// Reads a state file, or what is left of it.
pub fn read(file: &[u8]) -> Found {
    choose(file, |one, other| one.sequence < other.sequence)
}

/// The older record of a state file, where there are two.
pub fn read_older(file: &[u8]) -> Found {
    choose(file, |one, other| one.sequence > other.sequence)
}

fn choose(file: &[u8], gives_way: impl Fn(&Slot, &Slot) -> bool) -> Found {
    let mut chosen: Option<Slot> = None;
    for (index, bytes) in (0_u8..2).zip(file.chunks(SLOT)) {
        match parse_slot(bytes) {
            Some(Head::Newer) => return Found::Newer,
            Some(Head::Valid(sequence, record)) => {
                let slot = Slot { sequence, index, record };
                chosen = chosen.filter(|chosen| !gives_way(chosen, &slot)).or(Some(slot));
            }
            None => {}
        }
    }
    chosen.map_or(Found::Nothing, Found::Valid)
}

/// Writes a slot. What does not fit is dropped in this order: trusts, marks, idle networks; never a device. A record
/// beyond its bounds is never written: it would read as a lost one.
pub fn print(sequence: u64, record: &Record) -> Result<Vec<u8>, TooLarge> {
    let mut record = record.clone();
    loop {
        let body = record.body();
        let mut slot = String::with_capacity(FILE);
        // Writing to a string does not fail.
        let _ = write!(slot, "pam_totp {VERSION} {sequence} {} {:08x}\n{body}", body.len(), checksum(sequence, &body));
        let mut slot = slot.into_bytes();
        if slot.len() <= SLOT && record.is_sound() {
            slot.resize(SLOT, b'\n');
            return Ok(slot);
        }
        record.drop_one()?;
    }
}

#[expect(clippy::large_enum_variant, reason = "a box would take what lay on the stack, keys too, into the heap")]
enum Head {
    Newer,
    Valid(u64, Record),
}

fn parse_slot(bytes: &[u8]) -> Option<Head> {
    let end = bytes.iter().position(|b| *b == b'\n')?;
    let (head, rest) = bytes.split_at_checked(end)?;
    let mut words = std::str::from_utf8(head).ok()?.split(' ');
    if words.next()? != "pam_totp" {
        return None;
    }
    let version: u32 = number(words.next()?)?;
    if version > VERSION {
        return Some(Head::Newer);
    }
    let sequence: u64 = number(words.next()?)?;
    let length: usize = number(words.next()?)?;
    let crc = u32::from_str_radix(words.next()?, 16).ok()?;
    let body = std::str::from_utf8(rest.get(1..)?.get(..length)?).ok()?;
    if words.next().is_some() || crc != checksum(sequence, body) {
        return None;
    }
    let record = match version {
        1 => version1::parse(body)?,
        VERSION => Record::parse(body)?,
        _ => return None,
    };
    Some(Head::Valid(sequence, record))
}

/// Over the sequence number too: a head torn from another body must not count.
fn checksum(sequence: u64, body: &str) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&sequence.to_le_bytes());
    hasher.update(body.as_bytes());
    hasher.finalize()
}

impl Record {
    /// The line of a device.
    pub fn device(&self, id: &str) -> Option<&DeviceState> {
        self.devices.iter().find(|d| d.id == id)
    }

    /// The lane of a key.
    pub fn lane(&self, key: LaneKey) -> Option<&Lane> {
        self.lanes.iter().find(|l| l.key == key)
    }

    /// The class of a key.
    pub fn class(&self, key: ClassKey) -> Option<&Class> {
        self.classes.iter().find(|c| c.key == key)
    }

    /// Did `unlock` leave this step of a device behind?
    pub fn is_barred(&self, id: &str, step: u64) -> bool {
        self.barred.iter().any(|barred| barred.id == id && (barred.from..=barred.to).contains(&step))
    }

    /// Puts a device's line in the place of its old one, or adds it.
    pub fn set_device(&mut self, line: DeviceState) {
        match self.devices.iter_mut().find(|d| d.id == line.id) {
            Some(old) => *old = line,
            None => self.devices.push(line),
        }
    }

    /// Lines of devices that are gone make room, the oldest first, where there are more than a record holds.
    pub fn make_room(&mut self, enrolled: impl Fn(&str) -> bool) {
        while self.devices.len() > MAX_DEVICES {
            let Some(gone) = self.devices.iter().position(|line| !enrolled(&line.id)) else { return };
            self.devices.remove(gone);
        }
        let devices = &self.devices;
        self.barred.retain(|barred| devices.iter().any(|line| line.id == barred.id));
    }

    fn parse(body: &str) -> Option<Self> {
        let mut record = Self::default();
        body.split_terminator('\n').try_for_each(|line| record.take(line))?;
        // As the lines are written, wherever they stood.
        let place = |name: &str| FORMS.iter().position(|form| name.split(' ').next() == Some(form.keyword));
        record.more.sort_by_key(|(name, _)| place(name));
        record.is_sound().then_some(record)
    }

    /// One line more.
    fn take(&mut self, line: &str) -> Option<()> {
        let (keyword, _) = line.split_once(' ')?;
        let Some(form) = FORMS.iter().find(|form| form.keyword == keyword) else {
            self.other.push(line.to_owned());
            return Some(());
        };
        let (line, more) = form.split(line);
        let known = line.split_once(' ')?.1;
        match keyword {
            "device" => self.devices.push(known.parse().ok()?),
            "backup" if self.backup.is_none() => self.backup = Some(known.parse().ok()?),
            "unit" if self.unit.is_none() => self.unit = Some(number(known).filter(|unit| *unit > 0)?),
            "lane" => self.lanes.push(known.parse().ok()?),
            "class" => self.classes.push(known.parse().ok()?),
            "row" if self.row == 0 => self.row = number(known).filter(|row| *row > 0)?,
            "barred" => self.barred.push(known.parse().ok()?),
            "since" if self.since.is_none() => self.since = Some(known.parse().ok()?),
            "trust" => self.trusts.push(known.parse().ok()?),
            "proving" if self.proving.is_none() => self.proving = Some(known.parse().ok()?),
            "came" if self.came.is_none() => self.came = Some(known.parse().ok()?),
            _ => return None,
        }
        self.more.extend(more.map(|more| (form.name(line).to_owned(), more.to_owned())));
        Some(())
    }

    /// Within its bounds, and every line once.
    fn is_sound(&self) -> bool {
        let networks = self.lanes.iter().filter(|l| matches!(l.key, LaneKey::Net(_))).count();
        let once = |n: usize, same: &dyn Fn(usize, usize) -> bool| (0..n).all(|a| (0..a).all(|b| !same(a, b)));
        let id = |n: usize| self.devices.get(n).map(|d| &d.id);
        let lane = |n: usize| self.lanes.get(n).map(|l| l.key);
        let class = |n: usize| self.classes.get(n).map(|c| c.key);
        let barred = |id: &str| self.barred.iter().filter(|b| b.id == id).count();
        let (range, trust) = (|n: usize| self.barred.get(n), |n: usize| self.trusts.get(n).map(|t| &t.hash));
        let other = self.other.iter().chain(self.more.iter().map(|(_, more)| more));
        self.devices.len() <= MAX_DEVICES
            && networks <= MAX_NETWORKS
            && self.trusts.len() <= MAX_TRUSTS
            && self.barred.iter().all(|b| barred(&b.id) <= MAX_BARRED)
            && other.map(|text| text.len().saturating_add(1)).sum::<usize>() <= MAX_OTHER
            && once(self.devices.len(), &|a, b| id(a) == id(b))
            && once(self.lanes.len(), &|a, b| lane(a) == lane(b))
            && once(self.classes.len(), &|a, b| class(a) == class(b))
            && once(self.barred.len(), &|a, b| range(a) == range(b))
            && once(self.trusts.len(), &|a, b| trust(a) == trust(b))
    }

    fn body(&self) -> String {
        // As much for every record: under a limit on memory a wrong code, whose record is the longer one, would fail
        // where a right one does not, and be counted nowhere.
        let mut body = String::with_capacity(SLOT);
        // Writing to a string does not fail.
        let _ = self.write_body(&mut body);
        body
    }

    fn write_body(&self, out: &mut String) -> fmt::Result {
        self.devices.iter().try_for_each(|line| self.write(out, line))?;
        self.backup.iter().try_for_each(|line| self.write(out, line))?;
        self.unit.iter().try_for_each(|unit| self.write(out, &format_args!("unit {unit}")))?;
        self.lanes.iter().try_for_each(|line| self.write(out, line))?;
        self.classes.iter().try_for_each(|line| self.write(out, line))?;
        if self.row > 0 {
            self.write(out, &format_args!("row {}", self.row))?;
        }
        self.barred.iter().try_for_each(|line| self.write(out, line))?;
        self.since.iter().try_for_each(|line| self.write(out, line))?;
        self.trusts.iter().try_for_each(|line| self.write(out, line))?;
        self.proving.iter().try_for_each(|line| self.write(out, line))?;
        self.came.iter().try_for_each(|line| self.write(out, line))?;
        self.other.iter().try_for_each(|line| writeln!(out, "{line}"))
    }

    /// A line, and what a later version had behind it.
    fn write(&self, out: &mut String, line: &dyn fmt::Display) -> fmt::Result {
        let start = out.len();
        write!(out, "{line}")?;
        let written = out.get(start..).unwrap_or_default();
        let begins =
            |name: &str| written.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with(' '));
        let more = self.more.iter().filter(|(name, _)| begins(name)).map(|(_, more)| more.as_str());
        let more: Vec<&str> = more.take(1).collect();
        more.iter().try_for_each(|more| write!(out, " {more}"))?;
        out.write_char('\n')
    }

    fn drop_one(&mut self) -> Result<(), TooLarge> {
        if self.trusts.pop().is_some() || self.proving.take().is_some() || self.came.take().is_some() {
            return Ok(());
        }
        // Full when somebody last logged in there, and no wrong code since: full for certain, whatever time it is.
        let idle = self.lanes.iter().filter(|l| l.full <= l.seen && matches!(l.key, LaneKey::Net(_)));
        let oldest = idle.min_by_key(|l| l.seen).map(|l| l.key).ok_or(TooLarge)?;
        self.lanes.retain(|l| l.key != oldest);
        Ok(())
    }
}

/// How a known line is told: its keyword, how many words it has, and how many of them name it among its like.
struct Form {
    keyword: &'static str,
    words: usize,
    name: usize,
}

const FORMS: [Form; 11] = [
    Form { keyword: "device", words: 7, name: 2 },
    Form { keyword: "backup", words: 3, name: 2 },
    Form { keyword: "unit", words: 2, name: 1 },
    Form { keyword: "lane", words: 5, name: 2 },
    Form { keyword: "class", words: 4, name: 2 },
    Form { keyword: "row", words: 2, name: 1 },
    Form { keyword: "barred", words: 4, name: 4 },
    Form { keyword: "since", words: 4, name: 1 },
    Form { keyword: "trust", words: 4, name: 2 },
    Form { keyword: "proving", words: 3, name: 1 },
    Form { keyword: "came", words: 3, name: 1 },
];

impl Form {
    /// The words that this version knows, and those behind them.
    fn split<'a>(&self, line: &'a str) -> (&'a str, Option<&'a str>) {
        match line.match_indices(' ').nth(self.words.saturating_sub(1)) {
            Some((end, _)) => (line.get(..end).unwrap_or(line), line.get(end.saturating_add(1)..)),
            None => (line, None),
        }
    }

    fn name<'a>(&self, line: &'a str) -> &'a str {
        let end = line.match_indices(' ').nth(self.name.saturating_sub(1)).map(|(end, _)| end);
        end.and_then(|end| line.get(..end)).unwrap_or(line)
    }
}
