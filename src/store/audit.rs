//! Everything that lies in the store, looked at as a login would look at it; nothing is changed.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::fcntl::OFlag;

use super::error::StoreError;
use super::files::folders::FileStore;
use super::files::name::user_name;
use super::files::opening::{Writers, born, check_directories, check_directory, io_error, open_checked};
use super::files::slots::read_slots;
use crate::factor::enrollment::Enrollment;
use crate::factor::healing;
use crate::factor::record::slots::{Slot, StateFile};
use crate::factor::record::{CameBy, Proving, Record};
use crate::paths::RUN;
use crate::system::clock;
use crate::system::disk;

/// What is not as it was left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flaw {
    /// Where.
    pub path: PathBuf,
    /// Whose file it is, where it is a user's.
    pub user: Option<String>,
    /// What is wrong with it.
    pub kind: FlawKind,
    /// What is there; `None`: nothing.
    pub form: Option<FileKind>,
}

/// How a file or folder can be off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FlawKind {
    /// A login refuses it.
    Refused(StoreError),
    /// It names another user.
    Named(String),
    /// A record without a valid slot: the next login makes it anew.
    Lost,
    /// What a change that was killed left behind; it holds a key.
    LeftOver,
    /// A key was proved at a login, and no account line has stored it.
    NotStored(Proving),
    /// A record that was put back from a copy, of somebody who has backup codes or has none.
    Copied {
        /// Those that were used since may count again.
        codes: bool,
    },
    /// Nothing of ours.
    Foreign,
    /// The store's own folder, which versions before left open to everybody's eyes.
    Watched,
}

/// What the file or folder is, for who fixes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// A folder.
    Folder,
    /// A file with one name.
    File,
    /// A file that has other names as well.
    Linked,
    /// A link, a pipe, or what else is neither.
    Odd,
}

impl Flaw {
    /// With what is there now.
    pub fn new(path: &Path, user: Option<String>, kind: FlawKind) -> Self {
        let form = std::fs::symlink_metadata(path).ok().map(|metadata| match metadata.file_type() {
            kind if kind.is_dir() => FileKind::Folder,
            kind if kind.is_file() && metadata.nlink() == 1 => FileKind::File,
            kind if kind.is_file() => FileKind::Linked,
            _ => FileKind::Odd,
        });
        Self { path: path.to_owned(), user, kind, form }
    }
}

/// Looks on at an audit, so that no file is read a second time for what else is to be found out.
pub trait Onlooker {
    /// What is enrolled under a name.
    fn sees(&mut self, user: &str, found: &Result<Option<Enrollment>, StoreError>);
    /// A file was looked at.
    fn advances(&self);
}

/// The flaws of the store under `root`, and of what continues it.
pub fn audit(root: &Path, onlooker: &mut dyn Onlooker) -> Vec<Flaw> {
    let (secrets, state) = (root.join("secrets"), root.join("state"));
    let mut flaws = Vec::new();
    if folder(&mut flaws, check_directories(root, Writers::Trusted), root) {
        // A login takes it as it is.
        let closed = check_directory(root, Writers::OwnerAlone);
        flaws.extend(closed.is_err().then(|| Flaw::new(root, None, FlawKind::Watched)));
    }
    let mut states = vec![(state.clone(), check_directory(&state, Writers::OwnerAlone))];
    // Another system's /run went with it.
    if root == Path::new(crate::paths::STORE) && !disk::is_entered() {
        let run = PathBuf::from(RUN);
        folder(&mut flaws, run.parent().map_or(Ok(()), |run| check_directories(run, Writers::Trusted)), &run);
        states.push((run.clone(), check_directory(&run, Writers::OwnerAlone)));
    }
    let store = FileStore { secrets: secrets.clone(), state, run: None, continues: false, locks_to_look: true };
    if folder(&mut flaws, check_directory(&secrets, Writers::OwnerAlone), &secrets) {
        each(&mut flaws, &secrets, |path, file| secret(&store, path, file, onlooker));
    }
    for (path, checked) in states {
        if folder(&mut flaws, checked, &path) {
            each(&mut flaws, &path, |path, file| {
                onlooker.advances();
                record(&store, path, file)
            });
        }
    }
    flaws
}

/// Is it in order?
fn folder(flaws: &mut Vec<Flaw>, checked: Result<(), StoreError>, path: &Path) -> bool {
    let Err(error) = checked else { return true };
    // It may be one of the folders above that is refused.
    let path = match &error {
        StoreError::Missing(path) | StoreError::Unsafe(path, _) | StoreError::Io(path, _) => path.clone(),
        _ => path.to_owned(),
    };
    let flaw = Flaw::new(&path, None, FlawKind::Refused(error));
    if !flaws.contains(&flaw) {
        flaws.push(flaw);
    }
    false
}

/// Nothing is held of a file without a flaw: there may be a million.
fn each(flaws: &mut Vec<Flaw>, folder: &Path, mut look: impl FnMut(&Path, &str) -> Option<Flaw>) {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) => {
            let kind = FlawKind::Refused(io_error(folder, &error));
            return flaws.push(Flaw::new(folder, None, kind));
        }
    };
    let mut look = |path: &Path| look(path, path.file_name()?.to_str().unwrap_or_default());
    let mut found: Vec<Flaw> = entries.flatten().filter_map(|entry| look(&entry.path())).collect();
    found.sort_by(|one, other| one.path.cmp(&other.path));
    flaws.append(&mut found);
}

fn secret(store: &FileStore, path: &Path, file: &str, onlooker: &mut dyn Onlooker) -> Option<Flaw> {
    onlooker.advances();
    let Some(user) = file.strip_suffix(".toml").and_then(user_name) else {
        let ours = file.strip_prefix('.').and_then(|file| file.strip_suffix(".toml.new")).and_then(user_name);
        let kind = if ours.is_some() { FlawKind::LeftOver } else { FlawKind::Foreign };
        return Some(Flaw::new(path, ours, kind));
    };
    let found = store.read_enrollment(user.as_str().into());
    onlooker.sees(&user, &found);
    let kind = match found {
        Ok(Some(enrollment)) if enrollment.user != user => FlawKind::Named(enrollment.user),
        Ok(_) => return None,
        Err(error) => FlawKind::Refused(error),
    };
    Some(Flaw::new(path, Some(user), kind))
}

fn record(store: &FileStore, path: &Path, file: &str) -> Option<Flaw> {
    let Some(user) = user_name(file) else {
        return Some(Flaw::new(path, None, FlawKind::Foreign));
    };
    let mut made = None;
    let found = open_checked(path, OFlag::O_RDONLY, Writers::OwnerAlone);
    let found = found.and_then(|opened| match opened {
        Some((file, metadata)) => {
            made = born(&metadata).filter(|_| path.starts_with(&store.state));
            read_slots(&file, path)
        }
        None => Ok(StateFile::Nothing),
    });
    let kind = match found {
        Ok(StateFile::Valid(Slot { record, .. })) => match copied(store, &user, &record, made) {
            Some(copied) => copied,
            None => FlawKind::NotStored(record.proving?),
        },
        Ok(StateFile::Nothing) => FlawKind::Lost,
        Ok(StateFile::Newer) => FlawKind::Refused(StoreError::Newer(path.to_owned())),
        Err(error) => FlawKind::Refused(error),
    };
    Some(Flaw::new(path, Some(user), kind))
}

/// Put back, and no login has noticed yet; or noticed, and the backup codes are still the old ones.
fn copied(store: &FileStore, user: &str, record: &Record, born: Option<u64>) -> Option<FlawKind> {
    let unnoticed = born.is_some_and(|born| healing::is_copy(record, born, clock::now()));
    let noticed = record.came.is_some_and(|came| came.how == CameBy::Copied);
    if !unnoticed && !noticed {
        return None;
    }
    let codes = store.read_enrollment(user.into()).ok()??.backup_codes.is_some();
    (unnoticed || codes).then_some(FlawKind::Copied { codes })
}
