//! New backup codes for a plan. Pure: the chance is handed in.

use zeroize::Zeroizing;

use crate::factor::backup::{BackupCodes, random_bytes};
use crate::factor::change::ChangeError;
use crate::system::random::NoRandom;

/// Where new backup codes come from.
pub trait NewCodes {
    /// A set of so many.
    fn set(&mut self, count: u8, now: u64) -> Result<BackupCodes, ChangeError>;
    /// That set, with so many temporary codes.
    fn temporary(&mut self, set: BackupCodes, count: u8, until: u64) -> Result<BackupCodes, ChangeError>;
}

/// So many random bytes.
pub type Draw = fn(usize) -> Result<Zeroizing<Vec<u8>>, NoRandom>;

/// Backup codes of random bytes, drawn once the change is allowed: to make a set costs many times what a request costs, and
/// everybody may send requests.
pub struct Drawn {
    draw: Draw,
    /// The codes, in the one moment in which they can be shown.
    pub shown: Vec<Zeroizing<String>>,
}

impl Drawn {
    /// With this source of chance.
    pub fn by(draw: Draw) -> Self {
        Self { draw, shown: Vec::new() }
    }
}

impl NewCodes for Drawn {
    fn set(&mut self, count: u8, now: u64) -> Result<BackupCodes, ChangeError> {
        let bytes = (self.draw)(random_bytes(count))?;
        let (set, shown) = BackupCodes::make(&bytes, count, now).ok_or(ChangeError::NoRandom)?;
        self.shown = shown;
        Ok(set)
    }

    fn temporary(&mut self, set: BackupCodes, count: u8, until: u64) -> Result<BackupCodes, ChangeError> {
        let bytes = (self.draw)(random_bytes(count))?;
        let (set, shown) = set.with_temporary(&bytes, count, until).ok_or(ChangeError::NoRandom)?;
        self.shown = shown;
        Ok(set)
    }
}
