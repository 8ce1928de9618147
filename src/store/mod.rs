//! The only code that touches our files: safe opening, the bounded lock, the two slots, the atomic replacement.

#[cfg(feature = "cli")]
pub mod audit;
mod files;
mod policy;
pub mod spool;

use std::fmt;
use std::fs::{File, Metadata};
use std::io::Write;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{Flock, OFlag};
use nix::sys::resource::{Resource, getrlimit};
use nix::sys::stat::lstat;

use crate::door::DoorError;
use crate::factor::enrollment::{Broken, Enrollment};
use crate::factor::record::Record;
use crate::factor::record::slots::{self, Found, NextSlot, Writing};
use crate::paths::RUN;
use crate::system::account::Account;
use crate::system::clock;
use crate::system::disk;
use crate::text::clean;

use files::{
    Writers, born, check_directories, check_directory, create, io_error, lock_file, lock_shared, open_checked,
    read_checked, sync_directory, unlink,
};
pub use policy::{edit_policy, read_policy};

/// How long a login waits for another one of the same user.
const LOCK_BOUND: Duration = Duration::from_secs(1);
/// How long somebody who only looks waits for a login.
const LOOK_BOUND: Duration = Duration::from_millis(50);
/// Seconds after which the kernel has written to the disk what nobody has synced: 35 by default, and room.
const WRITTEN_BACK: u64 = 120;
/// Longest file name before its ending.
const MAX_NAME: usize = 240;

/// Why the store refuses. Never holds text of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreError {
    /// A directory that the installation makes is not there: perhaps a file system is not mounted.
    Missing(PathBuf),
    /// Not as we left it: somebody may have tampered with it.
    Unsafe(PathBuf, &'static str),
    /// A system call failed.
    Io(PathBuf, Errno),
    /// Another login of this user held the lock for the whole second.
    Busy,
    /// The state or secret file was written by a later version.
    Newer(PathBuf),
    /// A secret file that is no enrollment.
    Broken(PathBuf, Broken),
    /// The file says another user than its name, or another uid than the account's.
    NotTheirs(PathBuf, &'static str),
    /// The name is too long for a file name.
    NameTooLong,
    /// NSS could not say whether the account exists.
    NoAccounts,
    /// The record does not fit a slot.
    TooLarge,
    /// This process, of that account, asked for somebody else, and may not have codes judged.
    NoJudge {
        /// The account's name.
        own: String,
        /// If it is a daemon's: those that may, and it.
        judges: Option<String>,
    },
    /// The files are out of this process's reach, and why; and why the door was no help.
    Door(Box<StoreError>, DoorError),
}

impl StoreError {
    /// Out of reach of this process, but perhaps not of pam-totpd.
    pub fn is_out_of_reach(&self) -> bool {
        matches!(self, Self::Io(_, Errno::EACCES | Errno::EPERM | Errno::EROFS))
    }

    /// The disk takes no more, as any process of this host hears.
    pub fn is_of_the_disk(&self) -> bool {
        matches!(self, Self::Io(_, Errno::ENOSPC | Errno::EDQUOT | Errno::EROFS))
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(p) => write!(f, "{} is missing: mount it or install pam_totp again", p.display()),
            Self::Unsafe(p, what) => write!(f, "{} {what}: refusing to use it", p.display()),
            Self::Io(p, errno) => write!(f, "{}: {}", p.display(), errno.desc()),
            Self::Busy => f.write_str(
                "another login of this user holds the lock: try again; should it last, `lslocks` names the process",
            ),
            Self::Newer(p) => {
                write!(f, "{} was written by a newer pam_totp: restart this service", p.display())
            }
            Self::Broken(p, broken) => write!(f, "{} is damaged: {broken}: enroll this user again", p.display()),
            Self::NotTheirs(p, what) => write!(f, "{} {what}: fix it with `pam-totp rename` or `remove`", p.display()),
            Self::NameTooLong => write!(f, "the user name is longer than {MAX_NAME} bytes and cannot enroll"),
            Self::NoAccounts => f.write_str("the account could not be looked up"),
            Self::TooLarge => f.write_str("the state record does not fit its slot"),
            Self::NoJudge { own, judges } => {
                let own = clean(own);
                write!(f, "this program runs as {own} and may not have the codes of other users judged")?;
                match judges {
                    Some(judges) => write!(f, ": `pam-totp policy set door.judges {}` lets it", clean(judges)),
                    None => Ok(()),
                }
            }
            Self::Door(here, door) => write!(f, "{here}; asked instead, {door}"),
        }
    }
}

impl std::error::Error for StoreError {}

/// An opened store: its directories were checked.
#[derive(Clone, Debug)]
pub struct Store {
    secrets: PathBuf,
    state: PathBuf,
    run: Option<PathBuf>,
    /// Whether the record may continue there while the disk is read-only.
    continues: bool,
}

impl Store {
    /// Checks the directories from `/` down; makes none.
    pub fn open(root: &Path) -> Result<Self, StoreError> {
        check_directories(root, Writers::Trusted)?;
        let (secrets, state) = (root.join("secrets"), root.join("state"));
        check_directory(&secrets, Writers::OwnerAlone)?;
        check_directory(&state, Writers::OwnerAlone)?;
        // Under another system's root `/run` is empty, or this host's own, bound there for a chroot.
        let run = (root == Path::new(crate::paths::STORE) && !disk::is_entered()).then(|| PathBuf::from(RUN));
        Ok(Self { secrets, state, run, continues: true })
    }

    /// Whether the record may continue under `/run` while the disk is read-only. Where it may not, that is an error, and the
    /// caller can ask somebody first who sees the disk writable.
    pub fn continuing(self, continues: bool) -> Self {
        Self { continues, ..self }
    }

    /// Is there a factor? ENOENT in a checked directory is the only "no"; what is there is looked at under the lock.
    pub fn is_enrolled(&self, name: &str) -> Result<bool, StoreError> {
        let Ok(file) = file_name(name) else { return Ok(false) };
        let path = self.secret_path(&file);
        match lstat(&path) {
            Ok(_) => Ok(true),
            Err(Errno::ENOENT) => Ok(false),
            Err(errno) => Err(StoreError::Io(path, errno)),
        }
    }

    /// Is there anything under a name, be it a record alone?
    pub fn keeps(&self, name: &str) -> Result<bool, StoreError> {
        let Ok(file) = file_name(name) else { return Ok(false) };
        Ok(self.is_enrolled(name)? || lstat(&self.state.join(file)).is_ok())
    }

    /// The factor of an account, read without the lock.
    pub fn enrollment(&self, account: &Account) -> Result<Option<Enrollment>, StoreError> {
        let Some(enrollment) = self.enrollment_of(&account.name)? else { return Ok(None) };
        let fault = |what| Err(StoreError::NotTheirs(self.secret_path(&file_name(&account.name)?), what));
        if enrollment.user != account.name {
            return fault("names another user");
        }
        if enrollment.uid != account.uid {
            return fault("was enrolled by another uid (the account was deleted and created again)");
        }
        Ok(Some(enrollment))
    }

    /// The factor under a name, whoever that is now: for administrators.
    pub fn enrollment_of(&self, name: &str) -> Result<Option<Enrollment>, StoreError> {
        let Ok(file) = file_name(name) else { return Ok(None) };
        let path = self.secret_path(&file);
        let Some(bytes) = read_checked(&path, Writers::OwnerAlone)? else { return Ok(None) };
        match Enrollment::parse(&bytes) {
            Ok(enrollment) => Ok(Some(enrollment)),
            Err(Broken::NEWER) => Err(StoreError::Newer(path)),
            Err(broken) => Err(StoreError::Broken(path, broken)),
        }
    }

    /// The newest record, for looking at it; makes nothing, and waits for nobody. While a login holds the lock the newest
    /// slot may be a guess that is not judged yet: then it is the older one.
    pub fn peek(&self, name: &str) -> Result<Option<Record>, StoreError> {
        let Ok(file) = file_name(name) else { return Ok(None) };
        let mut newest: Option<slots::Slot> = None;
        for directory in [Some(&self.state), self.run.as_ref()].into_iter().flatten() {
            let path = directory.join(&file);
            let Some((opened, _)) = open_checked(&path, OFlag::O_RDONLY, Writers::OwnerAlone)? else { continue };
            let found = match lock_shared(opened, Instant::now().checked_add(LOOK_BOUND)) {
                Ok(locked) => read_slots(&locked, &path)?,
                Err(unlocked) => slots::read_older(&read_file(&unlocked, &path)?),
            };
            match found {
                Found::Newer => return Err(StoreError::Newer(path)),
                Found::Nothing => {}
                Found::Valid(slot) => newest = newest.filter(|n| n.sequence > slot.sequence).or(Some(slot)),
            }
        }
        Ok(newest.map(|slot| slot.record))
    }

    /// The names that have a secret file.
    pub fn names(&self) -> Result<Vec<String>, StoreError> {
        let fault = |e: std::io::Error| io_error(&self.secrets, &e);
        let mut names = Vec::new();
        for entry in std::fs::read_dir(&self.secrets).map_err(fault)? {
            let file = entry.map_err(fault)?.file_name();
            names.extend(file.to_str().and_then(|f| f.strip_suffix(".toml")).and_then(user_name));
        }
        names.sort();
        Ok(names)
    }

    /// Takes the one lock of a user. Held until the value is dropped; never across a prompt.
    pub fn lock(&self, name: &str) -> Result<Locked<'_>, StoreError> {
        let file = file_name(name)?;
        let path = self.state.join(&file);
        check_limit(&path)?;
        let deadline = Instant::now().checked_add(LOCK_BOUND);
        let (disk, read_only) = match lock_file(&path, OFlag::O_RDWR, Writers::OwnerAlone, deadline) {
            Err(StoreError::Io(_, Errno::EROFS)) => {
                (lock_file(&path, OFlag::O_RDONLY, Writers::OwnerAlone, deadline), true)
            }
            other => (other, false),
        };
        // The lock on the disk's file is held in either case: a process that sees the disk writable and one that
        // does not (mount namespaces differ) must not both accept one code.
        let disk = match disk {
            Err(StoreError::Io(_, Errno::EROFS)) if read_only => None,
            disk => Some(disk?),
        };
        let run = match &self.run {
            Some(run) if read_only && self.continues => Some(lock_run(run, &file, deadline)?),
            _ if read_only => return Err(StoreError::Io(path, Errno::EROFS)),
            _ => None,
        };
        // What continues in `/run` is another file, made whenever the disk became read-only.
        let born = disk.as_ref().filter(|_| run.is_none()).and_then(|(_, stat)| born(stat));
        let is_fresh = run.as_ref().or(disk.as_ref()).is_some_and(|(_, stat)| is_fresh(stat));
        Ok(Locked {
            store: self,
            name: name.to_owned(),
            file,
            path,
            disk: disk.map(|(file, _)| file),
            run: run.map(|(file, _)| file),
            place: NextSlot::default(),
            is_fresh,
            born,
            charged: None,
            left_over: None,
        })
    }

    fn secret_path(&self, file: &str) -> PathBuf {
        self.secrets.join(format!("{file}.toml"))
    }
}

/// A user under his lock.
#[derive(Debug)]
pub struct Locked<'a> {
    store: &'a Store,
    name: String,
    file: String,
    path: PathBuf,
    disk: Option<Flock<File>>,
    run: Option<Flock<File>>,
    /// Where the next record goes, by what was read.
    place: NextSlot,
    /// What is to be written was written just now: perhaps by somebody who died before it was on the disk.
    is_fresh: bool,
    /// When the file was made.
    born: Option<u64>,
    /// What was written, and nobody has waited for.
    charged: Option<Writing>,
    /// The record that continued in `/run` while the disk was read-only, now that it no longer is.
    left_over: Option<PathBuf>,
}

impl Locked<'_> {
    /// The factor, for a login of this account.
    pub fn enrollment(&self, account: &Account) -> Result<Option<Enrollment>, StoreError> {
        self.store.enrollment(account)
    }

    /// The factor under the locked name, for administrators.
    pub fn enrollment_of(&self) -> Result<Option<Enrollment>, StoreError> {
        self.store.enrollment_of(&self.name)
    }

    /// The newest record, of the disk or of `/run`; `None` where it is lost. Remembers which slot to write.
    pub fn record(&mut self) -> Result<Option<Record>, StoreError> {
        let disk = self.disk.as_ref().map_or(Ok(Found::Nothing), |file| read_slots(file, &self.path))?;
        let run = match (&self.run, &self.store.run) {
            (Some(file), _) => read_slots(file, Path::new(RUN))?,
            // Left over from a time when the disk was read-only; newer than the disk's until the next commit.
            (None, Some(run)) => {
                let path = run.join(&self.file);
                match open_checked(&path, OFlag::O_RDONLY, Writers::OwnerAlone)? {
                    Some((file, _)) => read_slots(&file, self.left_over.insert(path))?,
                    None => Found::Nothing,
                }
            }
            (None, None) => Found::Nothing,
        };
        let (own, other) = if self.run.is_some() { (run, disk) } else { (disk, run) };
        let (record, place) = slots::newest(own, other).ok_or_else(|| StoreError::Newer(self.path.clone()))?;
        self.place = place;
        Ok(record)
    }

    /// When the file of the record that was read was made, in seconds since 1970, where that is known.
    pub fn born(&self) -> Option<u64> {
        self.born.filter(|_| self.left_over.is_none())
    }

    /// Writes the record over the older slot: one pwrite, one fdatasync. Only then may anybody be answered.
    pub fn commit(&mut self, record: &Record) -> Result<(), StoreError> {
        self.charge(record)?;
        self.settle(None)
    }

    /// Writes a record over the older slot, where [`Locked::settle`] puts the outcome too, and does not wait for the disk.
    /// The newest record must be there before: else a power failure in the middle of this write leaves neither.
    pub fn charge(&mut self, record: &Record) -> Result<(), StoreError> {
        panic_here!("store");
        if self.is_fresh && self.place.is_kept() {
            self.sync()?;
            self.is_fresh = false;
        }
        let writing = self.place.write(record).map_err(|_| StoreError::TooLarge)?;
        self.write(&writing)?;
        self.charged = Some(writing);
        Ok(())
    }

    /// Writes the outcome, over the charge where there is one, and waits for the disk. Only then may anybody be answered.
    /// Whatever fails behind a charge, the charge stands: no other way to the record may be tried.
    pub fn settle(&mut self, outcome: Option<&Record>) -> Result<(), StoreError> {
        if let (Some(outcome), None) = (outcome, &self.charged) {
            self.charge(outcome)?;
            return self.settle(None);
        }
        let Some(charge) = self.charged.take() else { return Ok(()) };
        let settled = match outcome {
            Some(outcome) => self.write_over(&charge, outcome),
            None => self.sync_again(&charge).map(|()| charge.then),
        };
        let settled = settled.map_err(|error| match error {
            // Else whoever were asked now would take the code for a used one.
            error if error.is_out_of_reach() => StoreError::Io(self.path.clone(), Errno::EIO),
            error => error,
        });
        (self.place, self.is_fresh) = (settled?, false);
        // Behind the disk's record from now on: should that be lost, it must not stand in for it. What cannot be
        // taken away (a `/run` that is read-only) changes no verdict.
        let _ = self.left_over.take().map(|path| unlink(&path));
        Ok(())
    }

    fn write_over(&self, charge: &Writing, outcome: &Record) -> Result<NextSlot, StoreError> {
        let writing = self.place.over(charge).write(outcome).map_err(|_| StoreError::TooLarge)?;
        if let Err(error) = self.write(&writing) {
            // Half an outcome would be no record, and the guess not counted.
            let _ = self.write(charge);
            let _ = self.sync();
            return Err(error);
        }
        self.sync_again(&writing).map(|()| writing.then)
    }

    /// The kernel gives up what it could not write, and the next fdatasync would say that all is well: written again, it is
    /// tried again.
    fn sync_again(&self, writing: &Writing) -> Result<(), StoreError> {
        self.sync().inspect_err(|_| {
            let _ = self.write(writing);
        })
    }

    fn write(&self, writing: &Writing) -> Result<(), StoreError> {
        self.written()?.write_all_at(&writing.bytes, writing.offset).map_err(|e| io_error(&self.path, &e))
    }

    fn sync(&self) -> Result<(), StoreError> {
        self.written()?.sync_data().map_err(|e| io_error(&self.path, &e))
    }

    /// The file that is written.
    fn written(&self) -> Result<&File, StoreError> {
        let file = self.run.as_ref().or(self.disk.as_ref());
        file.map(|file| &**file).ok_or_else(|| StoreError::Io(self.path.clone(), Errno::EROFS))
    }

    /// Replaces the secret file whole: a crash leaves the old or the new one, and at most the one temporary file,
    /// which the next change reuses.
    pub fn replace_secret(&self, enrollment: &Enrollment) -> Result<(), StoreError> {
        let (path, temporary) = (self.store.secret_path(&self.file), self.temporary());
        let fault = |e: std::io::Error| io_error(&path, &e);
        unlink(&temporary)?;
        let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL;
        let mut file = create(&temporary, flags)?;
        let written = file.write_all(enrollment.print().as_bytes()).and_then(|()| file.sync_all());
        if let Err(error) = written.and_then(|()| std::fs::rename(&temporary, &path)) {
            // The old file stands. The temporary one holds a key: it goes, if it can.
            let _ = unlink(&temporary);
            return Err(fault(error));
        }
        sync_directory(&self.store.secrets)
    }

    /// Takes the secret away and keeps the state, so that neither replays nor waits are washed out.
    pub fn remove_secret(&self) -> Result<(), StoreError> {
        unlink(&self.temporary())?;
        unlink(&self.store.secret_path(&self.file))?;
        sync_directory(&self.store.secrets)
    }

    /// The secret file goes to another name, which has none: one call, so that it is never under both.
    pub fn give_secret(&self, to: &Self) -> Result<(), StoreError> {
        let (path, new) = (self.store.secret_path(&self.file), self.store.secret_path(&to.file));
        unlink(&to.temporary())?;
        std::fs::rename(&path, &new).map_err(|e| io_error(&path, &e))?;
        sync_directory(&self.store.secrets)
    }

    /// Takes all away, the record too. Only for a name without an account: else a wait would be washed out. Who waits
    /// for the lock finds that the name is gone, and starts anew.
    pub fn forget(self) -> Result<(), StoreError> {
        self.remove_secret()?;
        for directory in [Some(&self.store.state), self.store.run.as_ref()].into_iter().flatten() {
            unlink(&directory.join(&self.file))?;
        }
        sync_directory(&self.store.state)
    }

    /// One fixed name; a leading dot is no user's.
    fn temporary(&self) -> PathBuf {
        self.store.secrets.join(format!(".{}.toml.new", self.file))
    }
}

/// The file name of a user: characters outside `[A-Za-z0-9._@-]` and a leading dot are percent-encoded.
fn file_name(user: &str) -> Result<String, StoreError> {
    let mut name = String::with_capacity(user.len());
    for byte in user.bytes() {
        let plain = byte.is_ascii_alphanumeric() || b"_@-".contains(&byte) || (byte == b'.' && !name.is_empty());
        if plain {
            name.push(char::from(byte));
        } else {
            name.push_str(&format!("%{byte:02X}"));
        }
    }
    if name.is_empty() || name.len() > MAX_NAME { Err(StoreError::NameTooLong) } else { Ok(name) }
}

/// The inverse of [`file_name`]; `None` for what it would not have made.
fn user_name(file: &str) -> Option<String> {
    let mut pieces = file.split('%');
    let mut bytes = pieces.next()?.as_bytes().to_vec();
    for piece in pieces {
        let (hex, rest) = piece.split_at_checked(2)?;
        bytes.push(u8::from_str_radix(hex, 16).ok()?);
        bytes.extend(rest.as_bytes());
    }
    let user = String::from_utf8(bytes).ok()?;
    (file_name(&user).ok()? == file).then_some(user)
}

fn lock_run(run: &Path, file: &str, deadline: Option<Instant>) -> Result<(Flock<File>, Metadata), StoreError> {
    run.parent().map_or(Ok(()), |parent| check_directories(parent, Writers::Trusted))?;
    check_directory(run, Writers::OwnerAlone)?;
    lock_file(&run.join(file), OFlag::O_RDWR, Writers::OwnerAlone, deadline)
}

/// Not older than two minutes, however far ahead its time stands: the clock may have been set.
fn is_fresh(stat: &Metadata) -> bool {
    u64::try_from(stat.mtime()).is_ok_and(|written| clock::now().saturating_sub(written) < WRITTEN_BACK)
}

/// Whoever starts sudo or su sets its limits. A record that is cut off at a place of his choice may be whole for a right
/// code and broken for a wrong one, which then nobody counts: so none is begun that could not be written whole.
fn check_limit(path: &Path) -> Result<(), StoreError> {
    let (limit, _) = getrlimit(Resource::RLIMIT_FSIZE).map_err(|e| StoreError::Io(path.into(), e))?;
    let cut = usize::try_from(limit).is_ok_and(|limit| limit < slots::FILE);
    if cut { Err(StoreError::Io(path.into(), Errno::EFBIG)) } else { Ok(()) }
}

fn read_slots(file: &File, path: &Path) -> Result<Found, StoreError> {
    Ok(slots::read(&read_file(file, path)?))
}

fn read_file(file: &File, path: &Path) -> Result<Vec<u8>, StoreError> {
    let mut bytes = vec![0; slots::FILE];
    let mut length = 0_usize;
    while let Some(rest) = bytes.get_mut(length..).filter(|r| !r.is_empty()) {
        match file.read_at(rest, u64::try_from(length).unwrap_or_default()) {
            Ok(0) => break,
            Ok(n) => length = length.saturating_add(n),
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
            Err(e) => return Err(io_error(path, &e)),
        }
    }
    bytes.truncate(length);
    Ok(bytes)
}
