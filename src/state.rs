//! The state record: two slots of 4096 bytes, of which the newest valid one counts. Bytes to a [`Record`]
//! and back, whole: unknown lines are kept, newer versions are recognized. Pure.

use std::fmt::{self, Write};
use std::str::FromStr;

use crate::attempt::MAX_DRIFT;
use crate::source::{Network, Source};

/// Bytes of a slot: one block of the file system, so that one failed block cannot take both.
pub const SLOT: usize = 4096;
/// Bytes of the file.
pub const FILE: usize = 2 * SLOT;
/// Five devices, twice while they are being replaced.
const MAX_DEVICES: usize = 10;
/// Remote networks with a lane of their own.
pub const MAX_NETWORKS: usize = 8;
/// Remembered addresses.
pub const MAX_TRUSTS: usize = 8;
/// Bytes of unknown lines that are carried along.
const MAX_OTHER: usize = 512;

/// What is remembered of a user between logins.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// One line for each device.
    pub devices: Vec<DeviceState>,
    /// The used bits of the backup codes.
    pub backup: Option<BackupState>,
    /// Failures and waits.
    pub lanes: Vec<Lane>,
    /// Wrong codes since the last login.
    pub since: Option<Since>,
    /// Remembered addresses.
    pub trusts: Vec<Trust>,
    /// Lines of a later version.
    pub other: Vec<String>,
}

/// `device id last drift at pending pending_at`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceState {
    /// The device's id in the secret file.
    pub id: String,
    /// TOTP: the highest step that was accepted. HOTP: the next counter, `None` when it was lost.
    pub last: Option<u64>,
    /// TOTP: steps that the device's clock is ahead of ours; `None` when it is not known.
    pub drift: Option<i8>,
    /// When it last let its user in.
    pub at: Option<u64>,
    /// HOTP: the counter of a code beyond the look-ahead, and when it came.
    pub pending: Option<(u64, u64)>,
}

/// `backup id used-bits`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackupState {
    /// The set's id in the secret file.
    pub id: String,
    /// Bit n: code n was used.
    pub used: u32,
}

/// Whose failures are counted together, so that nobody's guesses close another one's door.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LaneKey {
    /// Root hosts without a remote address.
    Local,
    /// Callers who are not root.
    Door,
    /// All networks that have not logged in before.
    Other,
    /// A network that has.
    Net(Network),
}

/// `lane key fails last until seen`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lane {
    /// Whose.
    pub key: LaneKey,
    /// Failures since the lane's last success.
    pub fails: u32,
    /// When the last failure was.
    pub last: u64,
    /// Until when no code is evaluated.
    pub until: u64,
    /// When a success last gave the free failures back; at most an hour before the last success.
    pub seen: u64,
}

/// `since count at address`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Since {
    /// How many.
    pub count: u32,
    /// When the last one was.
    pub at: u64,
    /// Where the last one came from.
    pub from: Source,
}

/// `trust hash until`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trust {
    /// Hash of what is trusted.
    pub hash: String,
    /// Until when.
    pub until: u64,
}

/// What a state file holds.
#[derive(Clone, Debug, PartialEq, Eq)]
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
}

/// The record fits no slot that could be read again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLarge;

/// Reads a state file, or what is left of it.
pub fn read(file: &[u8]) -> Found {
    let mut newest = None;
    for (index, bytes) in (0_u8..2).zip(file.chunks(SLOT)) {
        match parse_slot(bytes) {
            Some(Head::Newer) => return Found::Newer,
            Some(Head::Valid(sequence, record)) => {
                let newer = newest.as_ref().is_none_or(|best: &Slot| best.sequence < sequence);
                if newer {
                    newest = Some(Slot { sequence, index, record });
                }
            }
            None => {}
        }
    }
    newest.map_or(Found::Nothing, Found::Valid)
}

/// Writes a slot. What does not fit is dropped in this order: trusts, idle networks; never a device. A record
/// beyond its bounds is never written: it would read as a lost one.
pub fn print(sequence: u64, record: &Record) -> Result<Vec<u8>, TooLarge> {
    let mut record = record.clone();
    loop {
        let body = record.body();
        let mut slot = String::with_capacity(FILE);
        // Writing to a string does not fail.
        let _ = write!(slot, "pam_totp 1 {sequence} {} {:08x}\n{body}", body.len(), checksum(sequence, &body));
        let mut slot = slot.into_bytes();
        if slot.len() <= SLOT && record.is_sound() {
            slot.resize(SLOT, b'\n');
            return Ok(slot);
        }
        record.drop_one()?;
    }
}

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
    if version > 1 {
        return Some(Head::Newer);
    }
    let sequence: u64 = number(words.next()?)?;
    let length: usize = number(words.next()?)?;
    let crc = u32::from_str_radix(words.next()?, 16).ok()?;
    let body = std::str::from_utf8(rest.get(1..)?.get(..length)?).ok()?;
    if version != 1 || words.next().is_some() || crc != checksum(sequence, body) {
        return None;
    }
    Some(Head::Valid(sequence, Record::parse(body)?))
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
    }

    fn parse(body: &str) -> Option<Self> {
        let mut record = Self::default();
        for line in body.split_terminator('\n') {
            let (keyword, rest) = line.split_once(' ')?;
            match keyword {
                "device" => record.devices.push(rest.parse().ok()?),
                "backup" if record.backup.is_none() => record.backup = Some(rest.parse().ok()?),
                "lane" => record.lanes.push(rest.parse().ok()?),
                "since" if record.since.is_none() => record.since = Some(rest.parse().ok()?),
                "trust" => record.trusts.push(rest.parse().ok()?),
                "backup" | "since" => return None,
                _ => record.other.push(line.to_owned()),
            }
        }
        record.is_sound().then_some(record)
    }

    /// Within its bounds, every device and lane once.
    fn is_sound(&self) -> bool {
        let networks = self.lanes.iter().filter(|l| matches!(l.key, LaneKey::Net(_))).count();
        let once = |n: usize, same: &dyn Fn(usize, usize) -> bool| (0..n).all(|a| (0..a).all(|b| !same(a, b)));
        let id = |n: usize| self.devices.get(n).map(|d| &d.id);
        let key = |n: usize| self.lanes.get(n).map(|l| l.key);
        self.devices.len() <= MAX_DEVICES
            && networks <= MAX_NETWORKS
            && self.trusts.len() <= MAX_TRUSTS
            && self.other.iter().map(|l| l.len().saturating_add(1)).sum::<usize>() <= MAX_OTHER
            && once(self.devices.len(), &|a, b| id(a) == id(b))
            && once(self.lanes.len(), &|a, b| key(a) == key(b))
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
        for d in &self.devices {
            let (pending, pending_at) = d.pending.unzip();
            let (last, drift) = (OrMark(d.last, '?'), OrMark(d.drift, '?'));
            let (at, pending, pending_at) = (OrMark(d.at, '-'), OrMark(pending, '-'), OrMark(pending_at, '-'));
            writeln!(out, "device {} {last} {drift} {at} {pending} {pending_at}", d.id)?;
        }
        if let Some(b) = &self.backup {
            writeln!(out, "backup {} {:x}", b.id, b.used)?;
        }
        for l in &self.lanes {
            writeln!(out, "lane {} {} {} {} {}", l.key, l.fails, l.last, l.until, l.seen)?;
        }
        if let Some(s) = &self.since {
            writeln!(out, "since {} {} {}", s.count, s.at, s.from)?;
        }
        for t in &self.trusts {
            writeln!(out, "trust {} {}", t.hash, t.until)?;
        }
        self.other.iter().try_for_each(|line| writeln!(out, "{line}"))
    }

    fn drop_one(&mut self) -> Result<(), TooLarge> {
        if self.trusts.pop().is_some() {
            return Ok(());
        }
        let idle = self.lanes.iter().filter(|l| l.until == 0 && matches!(l.key, LaneKey::Net(_)));
        let oldest = idle.min_by_key(|l| l.seen).map(|l| l.key).ok_or(TooLarge)?;
        self.lanes.retain(|l| l.key != oldest);
        Ok(())
    }
}

/// Numbers as we write them and no other spelling: no sign, no leading zero.
fn number<T: FromStr + ToString>(text: &str) -> Option<T> {
    text.parse::<T>().ok().filter(|n| n.to_string() == text)
}

struct OrMark<T>(Option<T>, char);

impl<T: fmt::Display> fmt::Display for OrMark<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(value) => value.fmt(f),
            None => f.write_char(self.1),
        }
    }
}

fn or_mark<T: FromStr + ToString>(text: &str, mark: &str) -> Option<Option<T>> {
    if text == mark { Some(None) } else { number(text).map(Some) }
}

/// The words of a line: exactly `N`.
fn words<const N: usize>(line: &str) -> Option<[&str; N]> {
    let mut words = line.split(' ');
    let mut all = [""; N];
    for place in &mut all {
        *place = words.next().filter(|w| !w.is_empty())?;
    }
    words.next().is_none().then_some(all)
}

fn identifier(word: &str) -> Option<String> {
    let plain = word.len() <= 64 && word.bytes().all(|b| b.is_ascii_alphanumeric());
    plain.then(|| word.to_owned())
}

impl FromStr for DeviceState {
    type Err = ();

    fn from_str(line: &str) -> Result<Self, ()> {
        let parse = || {
            let [id, last, drift, at, pending, pending_at] = words(line)?;
            let pending = match (or_mark(pending, "-")?, or_mark(pending_at, "-")?) {
                (Some(counter), Some(at)) => Some((counter, at)),
                (None, None) => None,
                _ => return None,
            };
            let drift: Option<i8> = or_mark(drift, "?")?;
            let line = Self { id: identifier(id)?, last: or_mark(last, "?")?, drift, at: or_mark(at, "-")?, pending };
            drift.is_none_or(|d| (-MAX_DRIFT..=MAX_DRIFT).contains(&d)).then_some(line)
        };
        parse().ok_or(())
    }
}

impl FromStr for BackupState {
    type Err = ();

    fn from_str(line: &str) -> Result<Self, ()> {
        let [id, used] = words(line).ok_or(())?;
        let used = u32::from_str_radix(used, 16).map_err(|_| ())?;
        Ok(Self { id: identifier(id).ok_or(())?, used })
    }
}

impl FromStr for Lane {
    type Err = ();

    fn from_str(line: &str) -> Result<Self, ()> {
        let parse = || {
            let [key, fails, last, until, seen] = words(line)?;
            Some(Self {
                key: key.parse().ok()?,
                fails: number(fails)?,
                last: number(last)?,
                until: number(until)?,
                seen: number(seen)?,
            })
        };
        parse().ok_or(())
    }
}

impl FromStr for Since {
    type Err = ();

    fn from_str(line: &str) -> Result<Self, ()> {
        let [count, at, from] = words(line).ok_or(())?;
        Ok(Self { count: number(count).ok_or(())?, at: number(at).ok_or(())?, from: from.parse()? })
    }
}

impl FromStr for Trust {
    type Err = ();

    fn from_str(line: &str) -> Result<Self, ()> {
        let [hash, until] = words(line).ok_or(())?;
        Ok(Self { hash: identifier(hash).ok_or(())?, until: number(until).ok_or(())? })
    }
}

impl fmt::Display for LaneKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (prefix, bytes): (_, &[u8]) = match self {
            Self::Local => return f.write_str("local"),
            Self::Door => return f.write_str("door"),
            Self::Other => return f.write_str("other"),
            Self::Net(Network::V4(bytes)) => ("4/", bytes),
            Self::Net(Network::V6(bytes)) => ("6/", bytes),
        };
        f.write_str(prefix)?;
        bytes.iter().try_for_each(|b| write!(f, "{b:02x}"))
    }
}

impl FromStr for LaneKey {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text.split_at_checked(2) {
            Some(("4/", hex)) => bytes(hex).map(|b| Self::Net(Network::V4(b))),
            Some(("6/", hex)) => bytes(hex).map(|b| Self::Net(Network::V6(b))),
            _ => [Self::Local, Self::Door, Self::Other].into_iter().find(|k| k.to_string() == text),
        }
        .ok_or(())
    }
}

fn bytes<const N: usize>(hex: &str) -> Option<[u8; N]> {
    let mut out = [0; N];
    let pairs = hex.as_bytes().chunks(2);
    if hex.len() != N.saturating_mul(2) || !hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
        return None;
    }
    for (place, pair) in out.iter_mut().zip(pairs) {
        *place = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(out)
}
