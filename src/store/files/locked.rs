//! A user under the lock: the record in its two slots, and the secret file replaced whole.

use std::fs::{File, Metadata};
use std::io::Write;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{Flock, OFlag};
use nix::sys::resource::{Resource, getrlimit};
use nix::sys::stat::lstat;

use super::folders::FileStore;
use super::name::file_name;
use super::opening::{
    Writers, born, check_directories, check_directory, create, io_error, lock_file, lock_if_there, sync_directory,
    unlink,
};
use super::slots::read_slots;
use crate::factor::enrollment::Enrollment;
use crate::factor::record::Record;
use crate::factor::record::slots::{self, NextSlot, StateFile, Writing};
use crate::paths::RUN;
use crate::store::error::StoreError;
use crate::system::clock;

/// How long a login waits for another one of the same user.
pub const LOCK_BOUND: Duration = Duration::from_secs(1);
/// Seconds after which the kernel has written to the disk what nobody has synced: 35 by default, and room.
const WRITTEN_BACK: u64 = 120;

impl FileStore {
    /// Takes the one lock of a user. Held until the value is dropped; never across a prompt.
    pub fn lock(&self, name: &str) -> Result<Locked<'_>, StoreError> {
        let file = file_name(name)?;
        let path = self.state.join(&file);
        check_limit(&path)?;
        let deadline = Instant::now().checked_add(LOCK_BOUND);
        let (disk, run) = loop {
            match lock_file(&path, OFlag::O_RDWR, Writers::OwnerAlone, deadline) {
                Err(StoreError::Io(_, Errno::EROFS)) => {}
                disk => break (Some(disk?), None),
            }
            let Some(run) = self.run.as_ref().filter(|_| self.continues) else {
                return Err(StoreError::Io(path, Errno::EROFS));
            };
            // The lock on the disk's file is held in either case: a process that sees the disk writable and one that
            // does not (mount namespaces differ) must not both accept one code.
            let disk = lock_if_there(&path, OFlag::O_RDONLY, Writers::OwnerAlone, deadline)?;
            let run = lock_run(run, &file, deadline)?;
            // Those who can write on the disk may have made the file just now. If they make it later, they find the one in
            // `/run`, and wait for its lock.
            if disk.is_some() || lstat(&path) == Err(Errno::ENOENT) {
                break (disk, Some(run));
            }
            if deadline.is_none_or(|deadline| Instant::now() >= deadline) {
                return Err(StoreError::Busy);
            }
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
            deadline,
            place: NextSlot::default(),
            is_fresh,
            born,
            charged: None,
            left_over: None,
        })
    }
}

/// A user under their lock.
#[derive(Debug)]
pub struct Locked<'a> {
    store: &'a FileStore,
    name: String,
    file: String,
    path: PathBuf,
    disk: Option<Flock<File>>,
    run: Option<Flock<File>>,
    /// Until when others are waited for.
    deadline: Option<Instant>,
    /// Where the next record goes, by what was read.
    place: NextSlot,
    /// What is to be written was written just now: perhaps by somebody who died before it was on the disk.
    is_fresh: bool,
    /// When the file was made.
    born: Option<u64>,
    /// What was written, and nobody has waited for.
    charged: Option<Writing>,
    /// The record that continued in `/run` while the disk was read-only, now that it no longer is.
    left_over: Option<LeftOver>,
}

/// A record in `/run`, under its own lock: where the disk had none, that is all that a program has locked which continued there.
#[derive(Debug)]
struct LeftOver {
    path: PathBuf,
    file: Flock<File>,
}

impl Locked<'_> {
    /// The name that is locked.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The newest record, of the disk or of `/run`; `None` where it is lost. Remembers which slot to write.
    pub fn record(&mut self) -> Result<Option<Record>, StoreError> {
        let disk = self.disk.as_ref().map_or(Ok(StateFile::Nothing), |file| read_slots(file, &self.path))?;
        let run = match &self.run {
            Some(file) => read_slots(file, Path::new(RUN))?,
            None => self.left_over()?,
        };
        let later = self.store.run.as_ref().filter(|_| run == StateFile::Newer);
        let later = || StoreError::Newer(later.map_or_else(|| self.path.clone(), |run| run.join(&self.file)));
        let (own, other) = if self.run.is_some() { (run, disk) } else { (disk, run) };
        let (record, place) = slots::newest(own, other).ok_or_else(later)?;
        self.place = place;
        Ok(record)
    }

    /// Left over in `/run` from a time when the disk was read-only; newer than the disk's until the next commit.
    fn left_over(&mut self) -> Result<StateFile, StoreError> {
        if let (None, Some(run)) = (&self.left_over, &self.store.run) {
            let path = run.join(&self.file);
            let locked = lock_if_there(&path, OFlag::O_RDONLY, Writers::OwnerAlone, self.deadline)?;
            self.left_over = locked.map(|(file, _)| LeftOver { path, file });
        }
        let left_over = self.left_over.as_ref();
        left_over.map_or(Ok(StateFile::Nothing), |LeftOver { path, file }| read_slots(file, path))
    }

    /// When the file of the record that was read was made, in seconds since 1970, where that is known.
    pub fn born(&self) -> Option<u64> {
        self.born.filter(|_| self.left_over.is_none())
    }

    /// When the file was made that the next record goes to, likewise.
    pub fn made(&self) -> Option<u64> {
        self.born
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
            // Else pam-totpd, asked now, would take the code for a used one.
            error if error.is_out_of_reach() => StoreError::Io(self.path.clone(), Errno::EIO),
            error => error,
        });
        (self.place, self.is_fresh) = (settled?, false);
        // Behind the disk's record from now on: should that be lost, it must not stand in for it. What cannot be
        // taken away (a `/run` that is read-only) changes no verdict.
        let _ = self.left_over.take().map(|left_over| unlink(&left_over.path));
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

fn lock_run(run: &Path, file: &str, deadline: Option<Instant>) -> Result<(Flock<File>, Metadata), StoreError> {
    run.parent().map_or(Ok(()), |parent| check_directories(parent, Writers::Trusted))?;
    check_directory(run, Writers::OwnerAlone)?;
    lock_file(&run.join(file), OFlag::O_RDWR, Writers::OwnerAlone, deadline)
}

/// Not older than two minutes, however far ahead its time stands: the clock may have been set.
fn is_fresh(stat: &Metadata) -> bool {
    u64::try_from(stat.mtime()).is_ok_and(|written| clock::now().saturating_sub(written) < WRITTEN_BACK)
}

/// The caller of sudo or su sets its limits. A record that is cut off at a place of their choice may be whole for a
/// right code and broken for a wrong one, which then nobody counts: so none is begun that could not be written whole.
fn check_limit(path: &Path) -> Result<(), StoreError> {
    let (limit, _) = getrlimit(Resource::RLIMIT_FSIZE).map_err(|e| StoreError::Io(path.into(), e))?;
    let cut = usize::try_from(limit).is_ok_and(|limit| limit < slots::FILE);
    if cut { Err(StoreError::Io(path.into(), Errno::EFBIG)) } else { Ok(()) }
}
