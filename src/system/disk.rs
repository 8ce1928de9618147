//! Another system's disk in the place of `/`: for the rescue of a host that nobody gets in to.
//!
//! Whatever is known of this host and not of that disk asks [`is_entered`] and keeps out: the name service, the
//! door, the records in `/run`, the hostname.

use std::fs::File;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, OFlag, OpenHow, ResolveFlag, open, openat2};
use nix::sys::stat::{FileStat, Mode, SFlag, fstat, lstat, stat};
use nix::sys::statfs::{PROC_SUPER_MAGIC, SYSFS_MAGIC, fstatfs};
use nix::unistd::{chdir, chroot, fchdir};

static ENTERED: AtomicBool = AtomicBool::new(false);

/// Why a disk is not worked on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotEntered {
    /// A system call failed.
    Io(Errno),
    /// Not root's, or others can write to it.
    NotRoots,
    /// It is the system that runs here.
    Own,
}

impl std::fmt::Display for NotEntered {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Io(errno) => f.write_str(errno.desc()),
            Self::NotRoots => f.write_str("does not belong to root alone: no system has such a root directory"),
            Self::Own => f.write_str("is the system that runs here: leave --root out"),
        }
    }
}

/// Takes a directory as `/`, for good. Only there do the symbolic links of that disk lead to where its owner meant.
pub fn enter(directory: &Path) -> Result<(), NotEntered> {
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    // Checked and entered is the same one, whatever is put under its name meanwhile.
    let directory = open(directory, flags, Mode::empty()).map_err(NotEntered::Io)?;
    let (there, here) = (fstat(&directory).map_err(NotEntered::Io)?, stat("/").map_err(NotEntered::Io)?);
    if there.st_uid != 0 || there.st_mode & 0o022 != 0 {
        return Err(NotEntered::NotRoots);
    }
    if (there.st_dev, there.st_ino) == (here.st_dev, here.st_ino) {
        return Err(NotEntered::Own);
    }
    // Before the chroot: from the moment in which the disk may be seen, nothing of this host's is asked.
    ENTERED.store(true, Ordering::SeqCst);
    fchdir(&directory).and_then(|()| chroot(".")).and_then(|()| chdir("/")).map_err(NotEntered::Io)
}

/// Is `/` another system's disk? Never in the module, which does without all that is for it.
pub fn is_entered() -> bool {
    cfg!(feature = "cli") && ENTERED.load(Ordering::Relaxed)
}

/// No file that is read whole is longer.
const LONGEST: u64 = 16 << 20;

/// Why a file is not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotRead {
    /// A system call failed.
    Io(Errno),
    /// A folder, a device, a pipe.
    NotRegular,
    /// A link, where the file itself is meant.
    Link,
    /// Longer than any file of its kind.
    TooLong,
    /// It leads back to the system that runs here.
    Ours,
}

/// In words, also where a user reads it.
pub const NOT_REGULAR: &str = "it is not a regular file";

impl std::fmt::Display for NotRead {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Io(errno) => f.write_str(errno.desc()),
            Self::NotRegular => f.write_str(NOT_REGULAR),
            Self::Link => f.write_str("it is a symbolic link: name the file itself"),
            Self::TooLong => f.write_str("it is too long: no such file has more than 16 MiB"),
            Self::Ours => f.write_str("its links lead out of that disk, into this system's /proc or /sys, or nowhere"),
        }
    }
}

impl From<Errno> for NotRead {
    fn from(errno: Errno) -> Self {
        if errno == Errno::ELOOP && is_entered() { Self::Ours } else { Self::Io(errno) }
    }
}

/// Opens what a path leads to. On another system's disk no link of the kernel's is followed: where its /proc is mounted,
/// as people do for a chroot, `/proc/1/root` leads back to this system.
pub fn resolve(path: &Path, flags: OFlag) -> nix::Result<OwnedFd> {
    let flags = flags | OFlag::O_CLOEXEC;
    if !is_entered() {
        return open(path, flags, Mode::empty());
    }
    let how = OpenHow::new().flags(flags).resolve(ResolveFlag::RESOLVE_NO_MAGICLINKS);
    match openat2(AT_FDCWD, path, how) {
        // Before Linux 5.6 nothing tells the kernel's links from others: none is followed at all.
        Err(Errno::ENOSYS) if has_links(path)? => Err(Errno::ELOOP),
        Err(Errno::ENOSYS) => open(path, flags | OFlag::O_NOFOLLOW, Mode::empty()),
        opened => opened,
    }
}

fn has_links(path: &Path) -> nix::Result<bool> {
    for part in path.ancestors().filter(|part| !part.as_os_str().is_empty()) {
        if kind(&lstat(part)?) == SFlag::S_IFLNK {
            return Ok(true);
        }
    }
    Ok(false)
}

/// A regular file that could be read whole, looked at without being opened.
pub fn look(path: impl AsRef<Path>) -> Result<FileStat, NotRead> {
    check(&resolve(path.as_ref(), OFlag::O_PATH)?, LONGEST)
}

/// Opens a regular file, which is looked at before: to open a tape rewinds it, to open a watchdog starts it, and a pipe has
/// somebody at its other end. With O_NOFOLLOW the file itself is meant.
pub fn open_regular(path: &Path, links: OFlag, longest: u64) -> Result<(File, FileStat), NotRead> {
    check(&resolve(path, OFlag::O_PATH | links)?, longest)?;
    let file = resolve(path, OFlag::O_RDONLY | OFlag::O_NONBLOCK | OFlag::O_NOCTTY | links)?;
    let stat = check(&file, longest)?;
    Ok((file.into(), stat))
}

fn check(file: &OwnedFd, longest: u64) -> Result<FileStat, NotRead> {
    let stat = fstat(file)?;
    match kind(&stat) {
        SFlag::S_IFREG => {}
        SFlag::S_IFLNK => return Err(NotRead::Link),
        _ => return Err(NotRead::NotRegular),
    }
    if u64::try_from(stat.st_size).map_or(true, |size| size > longest) {
        return Err(NotRead::TooLong);
    }
    // What the kernel tells there it tells of the system that runs.
    if is_entered() && [PROC_SUPER_MAGIC, SYSFS_MAGIC].contains(&fstatfs(file)?.filesystem_type()) {
        return Err(NotRead::Ours);
    }
    Ok(stat)
}

fn kind(stat: &FileStat) -> SFlag {
    SFlag::from_bits_truncate(stat.st_mode & SFlag::S_IFMT.bits())
}

/// The bytes of a file, whole or not at all.
pub fn bytes(path: impl AsRef<Path>) -> Result<Vec<u8>, NotRead> {
    let (file, _) = open_regular(path.as_ref(), OFlag::empty(), LONGEST)?;
    let (mut bytes, most) = (Vec::new(), LONGEST.saturating_add(1));
    let read = file.take(most).read_to_end(&mut bytes);
    let read = read.map_err(|error| error.raw_os_error().map_or(Errno::ENOMEM, Errno::from_raw))?;
    // It may have grown, and what the kernel makes up as it is read has no length.
    if u64::try_from(read).is_ok_and(|read| read < most) { Ok(bytes) } else { Err(NotRead::TooLong) }
}

/// Its text.
pub fn read(path: impl AsRef<Path>) -> Result<String, NotRead> {
    let text = String::from_utf8(bytes(path)?);
    Ok(text.unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
}
