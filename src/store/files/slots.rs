//! The two slots of a state file, read.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::opening::io_error;
use crate::factor::record::slots::{self, StateFile};
use crate::store::error::StoreError;

/// What both slots of a state file hold.
pub fn read_slots(file: &File, path: &Path) -> Result<StateFile, StoreError> {
    Ok(slots::read(&read_file(file, path)?))
}

/// The bytes of a state file, as far as there are any.
pub fn read_file(file: &File, path: &Path) -> Result<Vec<u8>, StoreError> {
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
