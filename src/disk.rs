//! Another system's disk in the place of `/`: for the rescue of a host that nobody gets in to.
//!
//! Whatever is known of this host and not of that disk asks [`is_entered`] and keeps out: the name service, the
//! door, the records in `/run`, the hostname.

use std::fs::OpenOptions;
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::sys::stat::{Mode, fstat, stat};
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

/// Is `/` another system's disk?
pub fn is_entered() -> bool {
    ENTERED.load(Ordering::Relaxed)
}

/// The text of a file of that disk. Whatever else than a file is there is not waited for.
pub fn read(path: &str) -> io::Result<String> {
    let flags = OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
    let mut file = OpenOptions::new().read(true).custom_flags(flags.bits()).open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
