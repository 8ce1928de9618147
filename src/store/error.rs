//! Why a store refuses.

use std::fmt;
use std::path::PathBuf;

use nix::errno::Errno;

use crate::factor::enrollment::Broken;

/// Longest file name of a user, before its ending.
pub const MAX_NAME: usize = 240;

/// A file of a later version, said by each in its own words.
pub const WRITTEN_BY_NEWER: &str = "was written by a newer pam_totp";

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
    /// The record does not fit a slot.
    TooLarge,
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
                // One that still has the older module in memory; or an older version was installed.
                write!(
                    f,
                    "{} {WRITTEN_BY_NEWER}: restart this service; if this stays, install that version again",
                    p.display()
                )
            }
            Self::Broken(p, broken) => write!(f, "{} is damaged: {broken}: enroll this user again", p.display()),
            Self::NotTheirs(p, what) => write!(f, "{} {what}: fix it with `pam-totp rename` or `remove`", p.display()),
            Self::NameTooLong => write!(f, "the user name is longer than {MAX_NAME} bytes and cannot enroll"),
            Self::TooLarge => f.write_str("the state record does not fit its slot"),
        }
    }
}

impl std::error::Error for StoreError {}
