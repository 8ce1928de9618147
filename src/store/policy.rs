//! The policy file on the disk: every login reads it, the program replaces it whole.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::fchown;
use std::path::Path;
use std::time::Instant;

use nix::fcntl::OFlag;
use nix::sys::stat::{Mode, fchmod, lstat};
use zeroize::Zeroizing;

use super::error::StoreError;
use super::files::locked::LOCK_BOUND;
use super::files::opening::{MAX_FILE, Walk, Writers, io_error, lock_file, read_checked, sync_directory, unlink};

/// A policy file's bytes; `None` where there is none.
pub fn read_policy(path: &Path) -> Result<Option<Zeroizing<Vec<u8>>>, StoreError> {
    read_policy_on(&mut Walk::default(), path)
}

/// The same, where the walk goes on to the store.
pub fn read_policy_on(walk: &mut Walk, path: &Path) -> Result<Option<Zeroizing<Vec<u8>>>, StoreError> {
    check_parent(walk, path)?;
    read_checked(path, Writers::Trusted)
}

/// Replaces a policy file by what `edit` makes of it, whole or not at all; `None` leaves it as it is. Two who edit at
/// once take turns: neither change is lost.
pub fn edit_policy<E: From<StoreError>>(
    path: &Path,
    edit: impl FnOnce(Option<&[u8]>) -> Result<Option<Vec<u8>>, E>,
) -> Result<(), E> {
    check_parent(&mut Walk::default(), path)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let temporary = path.with_file_name(format!(".{name}.new"));
    // The new file is the lock: who waited for it finds that it has become the policy, and makes another.
    let (new, _) = lock_file(&temporary, OFlag::O_RDWR, Writers::Trusted, Instant::now().checked_add(LOCK_BOUND))?;
    let replaced = read_policy(path).map_err(E::from).and_then(|old| edit(old.as_ref().map(|bytes| &***bytes)));
    let replaced = replaced.and_then(|bytes| match bytes {
        Some(bytes) => replace(path, &temporary, &new, &bytes).map(|()| true).map_err(E::from),
        None => Ok(false),
    });
    if !matches!(replaced, Ok(true)) {
        let _ = unlink(&temporary);
    }
    replaced.map(|_| ())
}

fn replace(path: &Path, temporary: &Path, mut new: &File, bytes: &[u8]) -> Result<(), StoreError> {
    if u64::try_from(bytes.len()).map_or(true, |length| length > MAX_FILE) {
        return Err(StoreError::Unsafe(path.into(), "would be longer than 64 KiB"));
    }
    let fault = |e: std::io::Error| io_error(path, &e);
    // Who may read the old one may read the new one.
    let mode = match lstat(path) {
        Ok(old) => {
            fchown(new, Some(old.st_uid), Some(old.st_gid)).map_err(fault)?;
            Mode::from_bits_truncate(old.st_mode)
        }
        Err(_) => Mode::from_bits_truncate(0o644),
    };
    fchmod(new, mode).map_err(|e| StoreError::Io(path.into(), e))?;
    // What an edit that was killed left behind goes.
    new.set_len(0).and_then(|()| new.write_all(bytes)).and_then(|()| new.sync_all()).map_err(fault)?;
    fs::rename(temporary, path).map_err(fault)?;
    path.parent().map_or(Ok(()), sync_directory)
}

fn check_parent(walk: &mut Walk, path: &Path) -> Result<(), StoreError> {
    path.parent().map_or(Ok(()), |parent| walk.check_directories(parent, Writers::Trusted))
}
