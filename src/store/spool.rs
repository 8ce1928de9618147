//! Lines for the policy's `notify` program, left by those who must not run one: the module, inside somebody else's process,
//! and pam-totpd, in its sandbox.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use nix::fcntl::{Flock, FlockArg, OFlag};

use super::error::StoreError;
use super::files::opening::{Writers, check_directories, create, io_error, read_checked, unlink};
use crate::paths::SPOOL;
use crate::system::{clock, random};

/// More are not left: nobody takes them.
const MOST: usize = 1_000;

/// Leaves a line. Whatever comes of it, the change was made.
pub fn leave(line: &str) -> Result<(), StoreError> {
    let folder = Path::new(SPOOL);
    check_directories(folder, Writers::OwnerAlone)?;
    let entries = std::fs::read_dir(folder).map_err(|e| io_error(folder, &e))?;
    if entries.take(MOST).count() >= MOST {
        return Err(StoreError::Unsafe(folder.into(), "is full: see `systemctl status pam-totp-notify.path`"));
    }
    let random = random::bytes(8).map_err(|_| StoreError::Busy)?;
    let name: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
    let (temporary, path) = (folder.join(format!(".{name}")), folder.join(format!("{:012}-{name}", clock::now())));
    let mut file = create(&temporary, OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL)?;
    let written = file.write_all(line.as_bytes()).and_then(|()| file.sync_data());
    written.and_then(|()| std::fs::rename(&temporary, &path)).map_err(|e| {
        let _ = unlink(&temporary);
        io_error(&path, &e)
    })
}

/// Takes turns with others who tell them.
pub fn lock() -> Result<Flock<File>, StoreError> {
    let folder = Path::new(SPOOL);
    check_directories(folder, Writers::OwnerAlone)?;
    let opened = File::open(folder).map_err(|e| io_error(folder, &e))?;
    Flock::lock(opened, FlockArg::LockExclusive).map_err(|(_, errno)| StoreError::Io(folder.into(), errno))
}

/// Can lines be taken away here? Where they cannot, each would be told again and again.
pub fn check_writable() -> Result<(), StoreError> {
    let probe = Path::new(SPOOL).join(".writable");
    unlink(&probe)?;
    create(&probe, OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL)?;
    unlink(&probe)
}

/// What waits there, the oldest first. What begins with a dot is not whole yet.
pub fn waiting() -> Result<Vec<PathBuf>, StoreError> {
    let folder = Path::new(SPOOL);
    let fault = |e: std::io::Error| io_error(folder, &e);
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(fault)? {
        let entry = entry.map_err(fault)?;
        if !entry.file_name().as_encoded_bytes().starts_with(b".") {
            paths.push(entry.path());
        }
    }
    paths.sort();
    Ok(paths)
}

/// The line; `None` where somebody has taken it.
pub fn read(path: &Path) -> Result<Option<String>, StoreError> {
    let bytes = read_checked(path, Writers::OwnerAlone)?;
    Ok(bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
}

/// It was told.
pub fn take(path: &Path) -> Result<(), StoreError> {
    unlink(path)
}
