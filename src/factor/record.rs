//! The state record: what is remembered of a user between logins. Its text, the slots that it is written to, and the first
//! version's text are below it. Pure.

mod lines;
pub mod slots;
pub mod text;
mod version1;

use std::net::IpAddr;

use crate::factor::source::{Network, Source};

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
    /// Lines that are not understood here, of a later version.
    pub other: Vec<String>,
    /// Words of a later version, behind the line that begins so.
    pub more: Vec<(String, String)>,
}

/// `device id last drift at - -`; the last two words are those of a counter that version 1 waited for.
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
}

/// `backup id used-bits`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackupState {
    /// The set's id in the secret file.
    pub id: String,
    /// Bit n: code n was used.
    pub used: u32,
}

/// The place by which wrong codes are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LaneKey {
    /// This host: set-uid programs and terminals.
    Local,
    /// Callers of pam-totpd who are not root.
    Door,
    /// Daemons that have codes of others judged.
    Judges,
    /// An eighth of all networks that have not logged in before.
    Other(u8),
    /// A network that has.
    Net(Network),
}

/// Lanes that have one bucket together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClassKey {
    /// This host: [`LaneKey::Local`], [`LaneKey::Door`], [`LaneKey::Judges`].
    Here,
    /// Networks that have logged in before.
    Known,
    /// All others.
    Other,
}

/// `lane key full seen last`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lane {
    /// Which.
    pub key: LaneKey,
    /// When its bucket is full.
    pub full: u64,
    /// When somebody last logged in there.
    pub seen: u64,
    /// When the last wrong code came.
    pub last: u64,
}

/// `class name full pairs`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Class {
    /// Which.
    pub key: ClassKey,
    /// When its bucket of single codes is full.
    pub full: u64,
    /// When its bucket of two codes in a row is full.
    pub pairs: u64,
}

/// `barred id from to`: steps that `unlock` left behind, and that never count again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Barred {
    /// The device's id.
    pub id: String,
    /// The first of them.
    pub from: u64,
    /// The last of them.
    pub to: u64,
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

/// `trust hash until address`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trust {
    /// Hash of what is trusted.
    pub hash: String,
    /// Until when.
    pub until: u64,
    /// Where; version 1 did not say.
    pub address: Option<IpAddr>,
}

/// `proving service at`: a key that was proved at a login. The account line of the same login takes it away, so that where
/// it stands later that line did not run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proving {
    /// The PAM services as one word, joined by commas, the last one last.
    pub service: String,
    /// When.
    pub at: u64,
}

/// `came at how`: how a file came to its place, where that is later than the logins that it tells of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Came {
    /// When, at the latest.
    pub at: u64,
    /// And how.
    pub how: CameBy,
}

/// How a file came to its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CameBy {
    /// By a command of ours, or so that nothing is to be done about it.
    Moved,
    /// From a copy: backup codes that were used since count again.
    Copied,
}

impl Proving {
    /// Bytes of the word.
    const MOST: usize = 64;

    /// A key was proved at this service, beside what was proved before.
    pub fn at(service: &str, now: u64, before: Option<&Self>) -> Self {
        let service = match before {
            Some(before) if before.is_at(service) => before.service.clone(),
            Some(before) => Self::joined(&before.service, Self::word(service)),
            None => Self::word(service),
        };
        Self { service, at: now }
    }

    /// Is it about this service?
    pub fn is_at(&self, service: &str) -> bool {
        let word = Self::word(service);
        self.services().any(|known| known == word)
    }

    /// Each service.
    pub fn services(&self) -> impl Iterator<Item = &str> {
        self.service.split(',')
    }

    /// The earliest ones go where there is no room.
    fn joined(before: &str, word: String) -> String {
        let room = Self::MOST.saturating_sub(word.len()).saturating_sub(1);
        let mut kept = before;
        while kept.len() > room {
            let Some((_, later)) = kept.split_once(',') else { return word };
            kept = later;
        }
        format!("{kept},{word}")
    }

    /// Services are file names; what else is said is cut and cleaned.
    fn word(service: &str) -> String {
        let plain = |byte: u8| if byte.is_ascii_graphic() && byte != b',' { char::from(byte) } else { '?' };
        let word: String = service.bytes().take(Self::MOST).map(plain).collect();
        if word.is_empty() { "?".into() } else { word }
    }
}

impl LaneKey {
    /// The class whose bucket it shares.
    pub fn class(self) -> ClassKey {
        match self {
            Self::Local | Self::Door | Self::Judges => ClassKey::Here,
            Self::Net(_) => ClassKey::Known,
            Self::Other(_) => ClassKey::Other,
        }
    }
}

/// The record does not fit where it is written, or could not be read again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLarge;

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

    /// The highest last step, or counter, in lines of a device that are not understood.
    pub fn last_unread(&self, id: &str) -> Option<u64> {
        let last = |line: &str| line.split(' ').nth(2)?.parse().ok();
        self.other.iter().filter(|line| begins(line, &format!("device {id}"))).filter_map(|line| last(line)).max()
    }

    /// Puts a device's line in the place of its old one, or adds it; and in the place of those that are not understood.
    pub fn set_device(&mut self, line: DeviceState) {
        self.other.retain(|other| !begins(other, &format!("device {}", line.id)));
        match self.devices.iter_mut().find(|d| d.id == line.id) {
            Some(old) => *old = line,
            None => self.devices.push(line),
        }
    }

    /// Puts the line of a set of backup codes in the place of the old one, and of those of this set that are not understood.
    pub fn set_backup(&mut self, line: BackupState) {
        self.other.retain(|other| !begins(other, &format!("backup {}", line.id)));
        self.backup = Some(line);
    }

    /// No address is remembered any more, nor one that only a later version knows. Whether there was one.
    pub fn forget_trusts(&mut self) -> bool {
        let before = self.other.len().saturating_add(self.trusts.len());
        self.trusts.clear();
        self.other.retain(|other| !begins(other, "trust"));
        self.other.len() < before
    }

    /// Lines of devices that are gone make room, the oldest first, where there are more than a record holds.
    pub fn make_room(&mut self, enrolled: impl Fn(&str) -> bool) {
        while self.devices.len() > MAX_DEVICES {
            let Some(gone) = self.devices.iter().position(|line| !enrolled(&line.id)) else { return };
            self.devices.remove(gone);
        }
        let (devices, other) = (&self.devices, &self.other);
        let is_there = |id: &str| {
            devices.iter().any(|line| line.id == id) || other.iter().any(|line| begins(line, &format!("device {id}")))
        };
        self.barred.retain(|barred| is_there(&barred.id));
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

    /// What goes first where there is no room: trusts, marks, idle networks; never a device.
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

/// Does a line begin with these words?
fn begins(line: &str, words: &str) -> bool {
    line.strip_prefix(words).is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
}
