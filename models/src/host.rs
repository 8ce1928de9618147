//! The host below the store: inodes and names, what is on the disk and what only in its cache, and what is left of both
//! when the power goes.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

use pam_totp::factor::record::slots::{self, FILE, NextSlot, SLOT, StateFile, Writing};
use pam_totp::factor::record::{BackupState, DeviceState, Record};

use crate::keys::{Enrolled, Phone};

/// A slot without its padding; empty where there is nothing, or nothing that could be read.
pub type Bytes = Arc<[u8]>;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Slot {
    /// What survives the power.
    durable: Bytes,
    /// What is read.
    cached: Bytes,
    /// To be written back at any time, or by fdatasync.
    dirty: bool,
}

/// An inode of the state: the file of two slots, and the lock on it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct File {
    slots: [Slot; 2],
    pub holder: Option<u8>,
}

/// A directory entry, as it is and as it is on the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Name<T> {
    pub cached: T,
    pub durable: T,
}

/// The secret file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Content {
    Absent,
    /// A whole file; whether its bytes are on the disk already.
    Whole(Enrolled, bool),
    Torn,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Host {
    inodes: Vec<File>,
    /// `/var/lib/pam_totp/state/alice`
    pub state: Name<Option<u8>>,
    /// `/run/pam_totp/state/alice`
    pub run: Option<u8>,
    /// `/var/lib/pam_totp/secrets/alice.toml`
    pub secret: Name<Content>,
    pub read_only: bool,
    /// In steps of 30 s.
    pub clock: u64,
}

/// What an interrupted write may leave of one slot.
fn remains(old: &Bytes, new: &Bytes) -> Vec<Bytes> {
    thread_local! {
        static KNOWN: RefCell<HashMap<(Bytes, Bytes), Vec<Bytes>>> = RefCell::default();
    }
    let key = (old.clone(), new.clone());
    if let Some(known) = KNOWN.with_borrow(|known| known.get(&key).cloned()) {
        return known;
    }
    let (before, after) = (padded(old), padded(new));
    let mut all = vec![old.clone(), new.clone(), Bytes::default()];
    // The head with the old body, the body with the old head, and the body cut in two: that no other cut is read as a
    // record is a test of the code's own (tests/pure/record.rs).
    let head = new.iter().position(|b| *b == b'\n').unwrap_or_default();
    for cut in [head, head.midpoint(new.len())] {
        for (first, second) in [(&after, &before), (&before, &after)] {
            let mixed: Vec<u8> = first[..cut].iter().chain(&second[cut..]).copied().collect();
            // A mixture that is read as one of the two is that one; only the code itself knows.
            match slots::read(&mixed) {
                StateFile::Nothing => {}
                found if found == slots::read(&before) || found == slots::read(&after) => {}
                _ => all.push(trimmed(&mixed)),
            }
        }
    }
    let mut once: Vec<Bytes> = Vec::new();
    all.into_iter().for_each(|bytes| {
        if !once.contains(&bytes) {
            once.push(bytes)
        }
    });
    KNOWN.with_borrow_mut(|known| known.insert(key, once.clone()));
    once
}

fn padded(bytes: &[u8]) -> Vec<u8> {
    let mut padded = bytes.to_vec();
    padded.resize(SLOT, b'\n');
    padded
}

pub fn trimmed(mut bytes: &[u8]) -> Bytes {
    while let Some(rest) = bytes.strip_suffix(&[b'\n'; 64]).or_else(|| bytes.strip_suffix(b"\n")) {
        bytes = rest;
    }
    bytes.into()
}

impl Slot {
    fn empty() -> Self {
        Self { durable: Bytes::default(), cached: Bytes::default(), dirty: false }
    }

    fn write(&mut self, bytes: Bytes) {
        self.cached = bytes;
        self.dirty = true;
    }
}

impl File {
    fn empty() -> Self {
        Self { slots: [Slot::empty(), Slot::empty()], holder: None }
    }

    /// What a login reads.
    pub fn read(&self) -> StateFile {
        let mut bytes = Vec::with_capacity(FILE);
        self.slots.iter().for_each(|slot| bytes.extend(padded(&slot.cached)));
        slots::read(&bytes)
    }

    /// Is there anything that fdatasync would write? Within the two minutes of `store::WRITTEN_BACK` there may be; where
    /// there is not, it is no matter whether it is called.
    pub fn is_dirty(&self) -> bool {
        self.slots.iter().any(|slot| slot.dirty)
    }

    /// The newest record in it.
    pub fn record(&self) -> Option<Record> {
        if let StateFile::Valid(slot) = self.read() { Some(slot.record) } else { None }
    }

    /// Which slots a write changes, and to what.
    fn targets(writing: &Writing) -> Vec<(usize, Bytes)> {
        let first = if writing.offset == 0 { 0 } else { 1 };
        writing.bytes.chunks(SLOT).enumerate().map(|(n, bytes)| (first + n, trimmed(bytes))).collect()
    }

    pub fn write(&mut self, writing: &Writing) {
        for (slot, bytes) in Self::targets(writing) {
            self.slots[slot].write(bytes);
        }
    }

    pub fn sync(&mut self) {
        for slot in self.slots.iter_mut().filter(|slot| slot.dirty) {
            (slot.durable, slot.dirty) = (slot.cached.clone(), false);
        }
    }

    /// What a write leaves in the cache that was cut off by a kill, a limit or a full disk.
    pub fn after_cut(&self, writing: &Writing) -> Vec<Self> {
        let mut all = vec![self.clone()];
        for (slot, bytes) in Self::targets(writing) {
            let parts = remains(&self.slots[slot].cached, &bytes);
            let with = |file: &Self, part: &Bytes| {
                let mut file = file.clone();
                file.slots[slot].write(part.clone());
                file
            };
            all = all.iter().flat_map(|file| parts.iter().map(move |part| with(file, part))).collect();
        }
        all
    }

    /// fdatasync said EIO: the pages count as clean and the disk has the old ones.
    pub fn fail_sync(&mut self) {
        self.slots.iter_mut().for_each(|slot| slot.dirty = false);
    }

    fn after_power_loss(&self) -> Vec<Self> {
        let mut all = vec![Self { holder: None, ..self.clone() }];
        for (n, slot) in self.slots.iter().enumerate() {
            let parts = if slot.dirty { remains(&slot.durable, &slot.cached) } else { vec![slot.durable.clone()] };
            let with = |file: &Self, part: &Bytes| {
                let mut file = file.clone();
                file.slots[n] = Slot { durable: part.clone(), cached: part.clone(), dirty: false };
                file
            };
            all = all.iter().flat_map(|file| parts.iter().map(move |part| with(file, part))).collect();
        }
        all
    }
}

impl Host {
    pub fn new(clock: u64) -> Self {
        let none = Name { cached: None, durable: None };
        let absent = Name { cached: Content::Absent, durable: Content::Absent };
        Self { inodes: Vec::new(), state: none, run: None, secret: absent, read_only: false, clock }
    }

    /// Seconds since 1970.
    pub fn now(&self) -> u64 {
        self.clock * crate::keys::PERIOD
    }

    pub fn file(&self, inode: u8) -> &File {
        &self.inodes[usize::from(inode)]
    }

    pub fn file_mut(&mut self, inode: u8) -> &mut File {
        &mut self.inodes[usize::from(inode)]
    }

    /// A new inode, without a name; the first one that nobody uses.
    pub fn create(&mut self, in_use: &[u8], content: File) -> u8 {
        let named = [self.state.cached, self.state.durable, self.run];
        let free = |n: &u8| !in_use.contains(n) && !named.contains(&Some(*n));
        let inode = (0..=u8::MAX).find(free).expect("a free inode");
        let at = usize::from(inode);
        if at == self.inodes.len() {
            self.inodes.push(content);
        } else {
            self.inodes[at] = content;
        }
        inode
    }

    pub fn empty_file() -> File {
        File::empty()
    }

    /// What nobody can reach any more is nothing: states that differ only there are one.
    pub fn forget_unreachable(&mut self, in_use: &[u8]) {
        let named = [self.state.cached, self.state.durable, self.run];
        for (n, file) in (0..).zip(self.inodes.iter_mut()) {
            if !in_use.contains(&n) && !named.contains(&Some(n)) {
                *file = File::empty();
            }
        }
        while self.inodes.last().is_some_and(|file| *file == File::empty()) {
            let last = self.inodes.len() as u8 - 1;
            if in_use.contains(&last) || named.contains(&Some(last)) {
                break;
            }
            self.inodes.pop();
        }
    }

    /// A user who enrolled long ago, and whose phone has been followed since.
    pub fn enrolled_long_ago(&mut self, enrolled: Enrolled, ahead: i64) {
        let line = |phone: Phone| DeviceState {
            id: phone.device().id.clone(),
            last: Some(self.clock.saturating_add_signed(ahead) - 10),
            drift: Some(ahead as i8),
            at: None,
        };
        let devices = enrolled.phones.all().into_iter().map(line).collect();
        let backup = enrolled.set_id().map(|id| BackupState { id, used: 0 });
        let record = Record { devices, backup, ..Record::default() };
        let mut file = File::empty();
        let mut place = NextSlot::default();
        for _ in 0..2 {
            let writing = place.write(&record).expect("the record fits");
            file.write(&writing);
            file.sync();
            place = writing.then;
        }
        let inode = Some(self.create(&[], file));
        self.state = Name { cached: inode, durable: inode };
        let whole = Content::Whole(enrolled, true);
        self.secret = Name { cached: whole, durable: whole };
    }

    /// The state file by its name.
    pub fn state_file(&self) -> Option<&File> {
        self.state.cached.map(|inode| self.file(inode))
    }

    /// An administrator's tool puts another file under the name, or none.
    pub fn put(&mut self, file: Option<File>, in_use: &[u8]) {
        let inode = file.map(|file| self.create(in_use, File { holder: None, ..file }));
        self.state = Name { cached: inode, durable: inode };
    }

    pub fn release(&mut self, process: u8) {
        self.inodes.iter_mut().filter(|file| file.holder == Some(process)).for_each(|file| file.holder = None);
    }

    /// The same but for who holds the locks.
    pub fn is_like(&self, other: &Self) -> bool {
        let unlocked = |host: &Self| {
            let mut host = host.clone();
            host.inodes.iter_mut().for_each(|file| file.holder = None);
            host.forget_unreachable(&[]);
            host
        };
        unlocked(self) == unlocked(other)
    }

    pub fn enrolled(&self) -> Option<Enrolled> {
        if let Content::Whole(enrolled, _) = self.secret.cached { Some(enrolled) } else { None }
    }

    /// Every host that may come up again: each unsynced slot old, new or torn, each unsynced name old or new, and `/run`
    /// empty.
    pub fn after_power_loss(&self) -> Vec<Self> {
        let mut all = vec![Self { run: None, ..self.clone() }];
        let names = [self.state.durable, self.state.cached];
        let names = if names[0] == names[1] { &names[..1] } else { &names[..] };
        let with = |host: &Self, name: Option<u8>| Self { state: Name { cached: name, durable: name }, ..host.clone() };
        all = all.iter().flat_map(|host| names.iter().map(move |name| with(host, *name))).collect();
        let mut secrets = Vec::new();
        for content in [self.secret.durable, self.secret.cached] {
            let torn = if let Content::Whole(_, false) = content { Some(Content::Torn) } else { None };
            secrets.extend([Some(content), torn].into_iter().flatten());
        }
        secrets.dedup();
        let with = |host: &Self, secret: Content| {
            let secret = if let Content::Whole(enrolled, _) = secret { Content::Whole(enrolled, true) } else { secret };
            Self { secret: Name { cached: secret, durable: secret }, ..host.clone() }
        };
        all = all.iter().flat_map(|host| secrets.iter().map(move |secret| with(host, *secret))).collect();
        for n in 0..self.inodes.len() {
            let files = self.inodes[n].after_power_loss();
            let with = |host: &Self, file: &File| {
                let mut host = host.clone();
                host.inodes[n] = file.clone();
                host
            };
            all = all.iter().flat_map(|host| files.iter().map(move |file| with(host, file))).collect();
        }
        for host in &mut all {
            host.forget_unreachable(&[]);
        }
        let mut once: Vec<Self> = Vec::new();
        all.into_iter().for_each(|host| {
            if !once.contains(&host) {
                once.push(host)
            }
        });
        once
    }
}
