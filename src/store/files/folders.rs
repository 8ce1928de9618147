//! The folders of a store, opened and checked, and what is looked at in them without a lock.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::stat::lstat;

use super::name::{file_name, user_name};
use super::opening::{
    Walk, Writers, check_directory, io_error, lock_shared, open_checked, open_unchecked, read_checked,
};
use super::slots::{read_file, read_slots};
use crate::factor::enrollment::{Broken, Enrollment};
use crate::factor::record::Record;
use crate::factor::record::slots::{self, StateFile};
use crate::paths::{RUN, STORE};
use crate::store::error::StoreError;
use crate::store::verbs::Whose;
use crate::system::{disk, mounts};

/// How long somebody who only looks waits for a login.
const LOOK_BOUND: Duration = Duration::from_millis(50);

/// An opened store: its directories were checked.
#[derive(Clone, Debug)]
pub struct FileStore {
    pub(in crate::store) secrets: PathBuf,
    pub(in crate::store) state: PathBuf,
    pub(in crate::store) run: Option<PathBuf>,
    /// Whether the record may continue there while the disk is read-only.
    pub(in crate::store) continues: bool,
    /// Whether somebody who only looks takes the lock for it.
    pub(in crate::store) locks_to_look: bool,
}

impl FileStore {
    /// Checks the directories from `/` down; makes none.
    pub fn open(root: &Path) -> Result<Self, StoreError> {
        Self::open_on(&mut Walk::default(), root)
    }

    /// The same, where the walk has begun for the policy.
    pub fn open_on(walk: &mut Walk, root: &Path) -> Result<Self, StoreError> {
        walk.check_directories(root, Writers::Trusted)?;
        let (secrets, state) = (root.join("secrets"), root.join("state"));
        check_directory(&secrets, Writers::OwnerAlone)?;
        check_directory(&state, Writers::OwnerAlone)?;
        // Under another system's root `/run` is empty, or this host's own, bound there for a chroot.
        let run = (root == Path::new(STORE) && !disk::is_entered()).then(|| PathBuf::from(RUN));
        Ok(Self { secrets, state, run, continues: true, locks_to_look: true })
    }

    /// Whether the record may continue under `/run` while the disk is read-only. Where it may not, that is an error, and the
    /// caller can ask somebody first who sees the disk writable.
    pub fn continuing(self, continues: bool) -> Self {
        Self { continues, ..self }
    }

    /// Is the disk read-only for this process alone, in its sandbox? There the record is known to others who write it.
    pub fn is_read_only_here_alone(&self) -> bool {
        mounts::is_read_only_here_alone(&self.state)
    }

    /// Can a user's record not be written on the disk, for whoever it is? Looks only, and takes no lock.
    pub fn is_read_only(&self, name: &str) -> bool {
        let opened = file_name(name).map(|file| open_unchecked(&self.state.join(file), OFlag::O_RDWR));
        matches!(opened, Ok(Err(StoreError::Io(_, Errno::EROFS))))
    }

    /// Whether a look at a record takes no lock, not even a shared one: a process that was stopped would hold it. What is
    /// seen may be a guess in flight, counted as wrong. That is nothing to show, but it remembers no address that it should
    /// not: a wrong code ends what is remembered, and only a right one's outcome adds to it.
    pub fn looking_unlocked(self, unlocked: bool) -> Self {
        Self { locks_to_look: !unlocked, ..self }
    }

    /// Is the user enrolled? ENOENT in a checked directory is the only "no"; what is there is looked at under the lock.
    pub(super) fn has_secret(&self, name: &str) -> Result<bool, StoreError> {
        let Ok(file) = file_name(name) else { return Ok(false) };
        let path = self.secret_path(&file);
        match lstat(&path) {
            Ok(_) => Ok(true),
            Err(Errno::ENOENT) => Ok(false),
            Err(errno) => Err(StoreError::Io(path, errno)),
        }
    }

    /// Is there anything under a name, be it a record alone?
    pub(super) fn has_any(&self, name: &str) -> Result<bool, StoreError> {
        let Ok(file) = file_name(name) else { return Ok(false) };
        Ok(self.has_secret(name)? || lstat(&self.state.join(file)).is_ok())
    }

    /// What is enrolled under a name, read without the lock; of an account, if it is that account's.
    pub(in crate::store) fn read_enrollment(&self, whose: Whose<'_>) -> Result<Option<Enrollment>, StoreError> {
        let Ok(file) = file_name(whose.name) else { return Ok(None) };
        let path = self.secret_path(&file);
        let Some(bytes) = read_checked(&path, Writers::OwnerAlone)? else { return Ok(None) };
        let enrollment = match Enrollment::parse(&bytes) {
            Ok(enrollment) => enrollment,
            Err(Broken::NEWER) => return Err(StoreError::Newer(path)),
            Err(broken) => return Err(StoreError::Broken(path, broken)),
        };
        match whose.account {
            Some(account) if enrollment.user != account.name => Err(StoreError::NotTheirs(path, "names another user")),
            Some(account) if enrollment.uid != account.uid => {
                let what = "was enrolled by another uid (the account was deleted and created again)";
                Err(StoreError::NotTheirs(path, what))
            }
            _ => Ok(Some(enrollment)),
        }
    }

    /// The newest record, for looking at it; makes nothing, and waits for nobody.
    pub(super) fn peek(&self, name: &str) -> Result<Option<Record>, StoreError> {
        let Ok(file) = file_name(name) else { return Ok(None) };
        let mut newest: Option<slots::Slot> = None;
        for directory in [Some(&self.state), self.run.as_ref()].into_iter().flatten() {
            let path = directory.join(&file);
            let Some((opened, _)) = open_checked(&path, OFlag::O_RDONLY, Writers::OwnerAlone)? else { continue };
            let found = if self.locks_to_look { look_locked(opened, &path)? } else { read_slots(&opened, &path)? };
            match found {
                StateFile::Newer => return Err(StoreError::Newer(path)),
                StateFile::Nothing => {}
                StateFile::Valid(slot) => newest = newest.filter(|n| n.sequence > slot.sequence).or(Some(slot)),
            }
        }
        Ok(newest.map(|slot| slot.record))
    }

    /// The names that have a secret file.
    pub(super) fn enrolled_names(&self) -> Result<Vec<String>, StoreError> {
        let fault = |e: std::io::Error| io_error(&self.secrets, &e);
        let mut names = Vec::new();
        for entry in std::fs::read_dir(&self.secrets).map_err(fault)? {
            let file = entry.map_err(fault)?.file_name();
            names.extend(file.to_str().and_then(|f| f.strip_suffix(".toml")).and_then(user_name));
        }
        names.sort();
        Ok(names)
    }

    pub(super) fn secret_path(&self, file: &str) -> PathBuf {
        self.secrets.join(format!("{file}.toml"))
    }
}

/// While a login holds the lock the newest slot may be a guess that is not judged yet: then it is the older one.
fn look_locked(opened: File, path: &Path) -> Result<StateFile, StoreError> {
    match lock_shared(opened, Instant::now().checked_add(LOOK_BOUND)) {
        Ok(locked) => read_slots(&locked, path),
        Err(unlocked) => Ok(slots::read_older(&read_file(&unlocked, path)?)),
    }
}
