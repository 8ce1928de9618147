//! Files that only their owner can have changed: opened without being misled, checked, locked within a second.
//!
//! Every directory up to `/` is checked from the top down. Once a directory is known to belong to root and not
//! to be writable by others, only root can change what is in it, so the next check cannot be raced by a user.

use std::fs::{File, Metadata};
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, Instant, UNIX_EPOCH};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg, OFlag, open};
use nix::sys::stat::{Mode, SFlag, fchmod, lstat};
use nix::unistd::{Uid, UnlinkatFlags, unlinkat};
use zeroize::Zeroizing;

use crate::store::error::StoreError;
use crate::system::{disk, memory};

/// No file of ours is longer.
pub(in crate::store) const MAX_FILE: u64 = 64 * 1024;
/// What the reading of a policy or an enrollment takes for each byte of it; 85 were measured.
const PARSED: usize = 96;
/// How often a file may be replaced between its opening and the look at it.
const REPLACED: u32 = 8;
/// Between two tries for the lock.
const LOCK_PAUSE: Duration = Duration::from_millis(5);

/// Who may write to a file or directory of ours.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::store) enum Writers {
    /// Others may read it.
    Trusted,
    /// Others may not even read it.
    OwnerAlone,
}

/// Root, or the effective user of this process: euid 0 trusts root's files alone.
fn trusted(owner: u32) -> bool {
    owner == 0 || owner == Uid::effective().as_raw()
}

/// What one opening has looked at on its way from `/`: policy and store have the first step in common. Never kept for the
/// next opening.
#[derive(Debug, Default)]
pub struct Walk {
    root_is_checked: bool,
}

impl Walk {
    pub(in crate::store) fn check_directories(&mut self, path: &Path, last: Writers) -> Result<(), StoreError> {
        let mut above: Vec<&Path> = path.ancestors().skip(1).filter(|p| !p.as_os_str().is_empty()).collect();
        above.reverse();
        above.into_iter().try_for_each(|p| self.check_above(p))?;
        check_directory(path, last)
    }

    fn check_above(&mut self, path: &Path) -> Result<(), StoreError> {
        let is_root = path.parent().is_none();
        if !(is_root && self.root_is_checked) {
            check_directory(path, Writers::Trusted)?;
        }
        self.root_is_checked |= is_root;
        Ok(())
    }
}

pub(in crate::store) fn check_directories(path: &Path, last: Writers) -> Result<(), StoreError> {
    Walk::default().check_directories(path, last)
}

pub(in crate::store) fn check_directory(path: &Path, writers: Writers) -> Result<(), StoreError> {
    let stat = match lstat(path) {
        Err(Errno::ENOENT) => return Err(StoreError::Missing(path.into())),
        other => other.map_err(|e| StoreError::Io(path.into(), e))?,
    };
    let fault = |what| Err(StoreError::Unsafe(path.into(), what));
    match kind(stat.st_mode) {
        SFlag::S_IFDIR => {}
        SFlag::S_IFLNK => return fault("is a symbolic link (set `store` to the real path)"),
        _ => return fault("is not a directory"),
    }
    check_writers(path, (stat.st_uid, stat.st_mode), writers, stat.st_mode & 0o1000 != 0)
}

fn check_writers(path: &Path, (owner, mode): (u32, u32), writers: Writers, sticky: bool) -> Result<(), StoreError> {
    let fault = |what| Err(StoreError::Unsafe(path.into(), what));
    if !trusted(owner) {
        return fault("does not belong to root");
    }
    match writers {
        Writers::Trusted if mode & 0o022 != 0 && !sticky => fault("can be written by others"),
        Writers::OwnerAlone if mode & 0o077 != 0 => fault("is open to others (its mode has group or other bits)"),
        _ => Ok(()),
    }
}

fn kind(mode: u32) -> SFlag {
    SFlag::from_bits_truncate(mode & SFlag::S_IFMT.bits())
}

/// Opens without following, blocking or inheriting, then looks at what was opened: a FIFO or a link must neither
/// hang nor mislead a login.
pub(in crate::store) fn open_checked(
    path: &Path,
    access: OFlag,
    writers: Writers,
) -> Result<Option<(File, Metadata)>, StoreError> {
    for _ in 1..REPLACED {
        let Some(file) = open_unchecked(path, access)? else { return Ok(None) };
        let stat = file.metadata().map_err(|e| io_error(path, &e))?;
        // No name at all: it was replaced in this moment, and the next one is there already.
        if stat.nlink() > 0 {
            check_stat(&stat, path, writers)?;
            return Ok(Some((file, stat)));
        }
    }
    Err(StoreError::Busy)
}

const NOT_REGULAR: &str = "is not a regular file";

pub(in crate::store) fn open_unchecked(path: &Path, access: OFlag) -> Result<Option<File>, StoreError> {
    let flags = access | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC | OFlag::O_NOCTTY;
    // What lies on another system's disk nobody knows, and some devices do something when they are opened.
    if disk::is_entered()
        && lstat(path).is_ok_and(|stat| ![SFlag::S_IFREG, SFlag::S_IFLNK].contains(&kind(stat.st_mode)))
    {
        return Err(StoreError::Unsafe(path.into(), NOT_REGULAR));
    }
    match open(path, flags, Mode::empty()) {
        Ok(fd) => Ok(Some(File::from(fd))),
        Err(Errno::ENOENT) => Ok(None),
        Err(Errno::ELOOP) => Err(StoreError::Unsafe(path.into(), "is a symbolic link")),
        Err(Errno::EISDIR | Errno::ENXIO) => Err(StoreError::Unsafe(path.into(), NOT_REGULAR)),
        Err(errno) => Err(StoreError::Io(path.into(), errno)),
    }
}

pub(in crate::store) fn check_stat(stat: &Metadata, path: &Path, writers: Writers) -> Result<(), StoreError> {
    let fault = |what| Err(StoreError::Unsafe(path.into(), what));
    if !stat.is_file() {
        return fault(NOT_REGULAR);
    }
    if stat.nlink() != 1 {
        return fault("has another name (its link count is not 1)");
    }
    if stat.len() > MAX_FILE {
        return fault("is longer than 64 KiB");
    }
    check_writers(path, (stat.uid(), stat.mode()), writers, false)
}

pub(in crate::store) fn read_checked(path: &Path, writers: Writers) -> Result<Option<Zeroizing<Vec<u8>>>, StoreError> {
    let Some((mut file, stat)) = open_checked(path, OFlag::O_RDONLY, writers)? else { return Ok(None) };
    // Exactly as long as it was: our files are replaced, never extended, and a growing buffer would leave unwiped
    // copies of the keys behind.
    let length = usize::try_from(stat.len()).unwrap_or_default();
    let zeros = memory::room(length.saturating_mul(PARSED)).and_then(|()| memory::zeros(length));
    let mut bytes = Zeroizing::new(zeros.map_err(|memory::NoMemory| StoreError::Io(path.into(), Errno::ENOMEM))?);
    file.read_exact(&mut bytes).map_err(|e| io_error(path, &e))?;
    Ok(Some(bytes))
}

/// Opens a file, makes it where it is missing, and locks it. What it was under the lock comes along.
pub(in crate::store) fn lock_file(
    path: &Path,
    access: OFlag,
    writers: Writers,
    deadline: Option<Instant>,
) -> Result<(Flock<File>, Metadata), StoreError> {
    loop {
        if let Some(locked) = lock_if_there(path, access, writers, deadline)? {
            return Ok(locked);
        }
        let made = match create(path, OFlag::O_RDWR | OFlag::O_CREAT | OFlag::O_EXCL) {
            Err(StoreError::Io(_, Errno::EEXIST)) => continue,
            made => made?,
        };
        path.parent().map_or(Ok(()), sync_directory)?;
        if let Some(locked) = lock_opened(made, path, writers, deadline)? {
            return Ok(locked);
        }
    }
}

/// The same, but that it makes none.
pub(in crate::store) fn lock_if_there(
    path: &Path,
    access: OFlag,
    writers: Writers,
    deadline: Option<Instant>,
) -> Result<Option<(Flock<File>, Metadata)>, StoreError> {
    loop {
        let Some(file) = open_unchecked(path, access)? else { return Ok(None) };
        if let Some(locked) = lock_opened(file, path, writers, deadline)? {
            return Ok(Some(locked));
        }
    }
}

/// `None`: between opening and locking the file was replaced, and the lock is on the wrong one.
fn lock_opened(
    file: File,
    path: &Path,
    writers: Writers,
    deadline: Option<Instant>,
) -> Result<Option<(Flock<File>, Metadata)>, StoreError> {
    let Some(locked) = try_lock(file, path, deadline)? else { return Err(StoreError::Busy) };
    let held = locked.metadata().map_err(|e| io_error(path, &e))?;
    if lstat(path).is_ok_and(|named| (held.dev(), held.ino()) == (named.st_dev, named.st_ino)) {
        check_stat(&held, path, writers)?;
        return Ok(Some((locked, held)));
    }
    if deadline.is_none_or(|d| Instant::now() >= d) { Err(StoreError::Busy) } else { Ok(None) }
}

fn try_lock(mut file: File, path: &Path, deadline: Option<Instant>) -> Result<Option<Flock<File>>, StoreError> {
    loop {
        file = match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(locked) => return Ok(Some(locked)),
            Err((file, Errno::EWOULDBLOCK | Errno::EINTR)) => file,
            Err((_, errno)) => return Err(StoreError::Io(path.into(), errno)),
        };
        if deadline.is_none_or(|d| Instant::now() >= d) {
            return Ok(None);
        }
        std::thread::sleep(LOCK_PAUSE);
    }
}

/// For looking. Gives the file back where the lock is not to be had in time.
pub(in crate::store) fn lock_shared(mut file: File, deadline: Option<Instant>) -> Result<Flock<File>, File> {
    loop {
        file = match Flock::lock(file, FlockArg::LockSharedNonblock) {
            Ok(locked) => return Ok(locked),
            Err((file, _)) => file,
        };
        if deadline.is_none_or(|d| Instant::now() >= d) {
            return Err(file);
        }
        std::thread::sleep(LOCK_PAUSE);
    }
}

pub(in crate::store) fn create(path: &Path, flags: OFlag) -> Result<File, StoreError> {
    let fault = |e| StoreError::Io(path.into(), e);
    let mode = Mode::S_IRUSR | Mode::S_IWUSR;
    let flags = flags | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let file = File::from(open(path, flags, mode).map_err(fault)?);
    // The host's umask may have taken bits away.
    fchmod(&file, mode).map_err(fault)?;
    Ok(file)
}

pub(in crate::store) fn unlink(path: &Path) -> Result<(), StoreError> {
    match unlinkat(nix::fcntl::AT_FDCWD, path, UnlinkatFlags::NoRemoveDir) {
        Ok(()) | Err(Errno::ENOENT) => Ok(()),
        Err(errno) => Err(StoreError::Io(path.into(), errno)),
    }
}

pub(in crate::store) fn sync_directory(path: &Path) -> Result<(), StoreError> {
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    let fault = |e| StoreError::Io(path.into(), e);
    let directory = File::from(open(path, flags, Mode::empty()).map_err(fault)?);
    directory.sync_all().map_err(|e| io_error(path, &e))
}

pub(in crate::store) fn io_error(path: &Path, error: &std::io::Error) -> StoreError {
    StoreError::Io(path.into(), error.raw_os_error().map_or(Errno::EIO, Errno::from_raw))
}

/// When a file was made, in seconds since 1970, where the file system says so. It comes with the same look.
pub(in crate::store) fn born(metadata: &Metadata) -> Option<u64> {
    let born = metadata.created().ok()?.duration_since(UNIX_EPOCH).ok()?;
    Some(born.as_secs()).filter(|born| *born > 0)
}
