//! Folders, keys and records: what the store refuses, in its own words, and how to fix it.

use std::path::Path;

use nix::errno::Errno;

use crate::doctor::finding::Finding;
use crate::doctor::shell::quoted;
use crate::doctor::stacks::files::STACKS;
use crate::login::messages::log::enrolling as logged;
use crate::paths::POLICY;
use crate::store::StoreError;
use crate::store::audit::{FileKind, Flaw, FlawKind};
use crate::store::error::WRITTEN_BY_NEWER;
use crate::text::{clean, counted};

/// Its subject.
pub const ABOUT: &str = "store";

/// What to do about a flaw of the store in this folder.
pub fn check(flaw: &Flaw, store: &Path) -> Finding {
    let path = quoted(&flaw.path.display().to_string());
    match &flaw.kind {
        FlawKind::LeftOver => {
            let what = format!("{}: a change was killed and left this behind; it may hold a key", shown(&flaw.path));
            Finding::warning(ABOUT, "left_over", what).fixed_by([format!("rm {path}")])
        }
        FlawKind::Foreign => {
            let what = format!("{}: see who put it there: pam_totp makes nothing of this name", shown(&flaw.path));
            Finding::warning(ABOUT, "foreign", what).fixed_by(aside(&path))
        }
        FlawKind::Lost => {
            let what = format!(
                "{}: no valid record: the next login makes a new one, up to three minutes late",
                shown(&flaw.path)
            );
            Finding::warning(ABOUT, "lost_record", what).fixed_by(aside(&path))
        }
        FlawKind::Named(other) => {
            let user = flaw.user.as_deref().unwrap_or_default();
            let what = format!("{} names {}: nobody can log in with it", shown(&flaw.path), clean(other));
            let (user, other) = (quoted(user), quoted(other));
            Finding::fault(ABOUT, "named_otherwise", what).fixed_by([
                format!("# if a move to {other} was interrupted: pam-totp rename {user} {other}"),
                format!("# if it is {user}'s own: pam-totp rename {user} {user}"),
            ])
        }
        FlawKind::Copied { codes } => {
            let user = quoted(flaw.user.as_deref().unwrap_or_default());
            let what = format!(
                "{} was put back from a copy: {}a device enrolled since is gone",
                shown(&flaw.path),
                if *codes { "backup codes that were used since may count again, and " } else { "" }
            );
            let done = if *codes { "backup-codes" } else { "unlock" };
            Finding::warning(ABOUT, "copied", what).fixed_by([
                format!("pam-totp status {user}   # are these their devices?"),
                format!("pam-totp {done} {user}"),
            ])
        }
        FlawKind::NotStored(proving) => {
            let user = flaw.user.as_deref().unwrap_or_default();
            let files: Vec<String> = proving.services().map(|service| format!("{STACKS}/{}", clean(service))).collect();
            Finding::fault(ABOUT, "not_stored", logged::not_stored(user, proving)).fixed_by([
                format!(
                    "# first put \"account required pam_totp.so\" before the other account lines of {}",
                    files.join(" and ")
                ),
                format!("pam-totp unlock {}", quoted(user)),
            ])
        }
        FlawKind::Watched => {
            let what = format!("{}: others can see in it when somebody enrolls", shown(&flaw.path));
            Finding::warning(ABOUT, "watched", what).fixed_by([format!("chmod 700 {path}")])
        }
        FlawKind::Refused(error) => refused(flaw, error, &path, store),
    }
}

fn refused(flaw: &Flaw, error: &StoreError, path: &str, store: &Path) -> Finding {
    let fault = |code| Finding::fault(ABOUT, code, error.to_string());
    match (error, &flaw.user) {
        (StoreError::Io(_, Errno::EACCES | Errno::EPERM), _) => {
            Finding::warning(ABOUT, "needs_root", format!("{}: only root can look at this", shown(&flaw.path)))
        }
        (StoreError::Missing(_), _) => missing(flaw, error, path, store),
        (StoreError::Newer(_), _) => {
            let what = format!(
                "{} {WRITTEN_BY_NEWER}: this user is refused until you install that version again",
                shown(&flaw.path)
            );
            Finding::fault(ABOUT, "newer", what).fixed_by([
                "# install that version again; \"After a downgrade\" in docs/get-back-in.md says what else helps",
            ])
        }
        (StoreError::NotTheirs(..), Some(user)) => {
            fault("not_theirs").fixed_by([format!("pam-totp rename {0} {0}", quoted(user))])
        }
        (StoreError::Broken(..), Some(user)) => fault("damaged").fixed_by(again(user)),
        (StoreError::Unsafe(_, what), user) => fault("unsafe").fixed_by(match (flaw.form, user) {
            (Some(FileKind::Folder), None) => owned_folder(&flaw.path, path, store),
            (_, None) => elsewhere(what, path),
            (Some(FileKind::File), _) => vec![format!("chown root:root {path}"), format!("chmod 600 {path}")],
            (Some(FileKind::Linked), _) => {
                vec![
                    format!("cp -p {path} {path}.one && mv {path}.one {path}"),
                    format!("chown root:root {path}"),
                    format!("chmod 600 {path}"),
                ]
            }
            (_, Some(user)) if is_key(&flaw.path) => again(user),
            (_, Some(_)) => aside(path).into(),
        }),
        _ => fault("refused").fixed_by([format!("ls -ld {path}; dmesg | tail")]),
    }
}

/// A new key in place of one that cannot be used.
fn again(user: &str) -> Vec<String> {
    vec![format!("pam-totp enroll {} --replace", quoted(user))]
}

/// Out of the way, where it takes no file of root's with it.
fn aside(path: &str) -> [String; 2] {
    const ASIDE: &str = "/root/pam_totp.aside";
    [format!("mkdir -pm 700 {ASIDE}"), format!("mv --backup=numbered -- {path} {ASIDE}/")]
}

/// An empty folder where a disk did not come would say that nobody is enrolled, so a person looks first: `mount -a` is
/// content without the disks that need not come, and knows nothing of those that no fstab names.
fn missing(flaw: &Flaw, error: &StoreError, path: &str, store: &Path) -> Finding {
    let mode = if is_closed(&flaw.path, store) { "700" } else { "755" };
    let make = format!("install -d -o root -g root -m {mode} {path}");
    // No disk belongs under /run, and it is needed only while the one with the keys is read-only.
    if flaw.path.starts_with("/run") {
        return Finding::warning(ABOUT, "missing", error.to_string()).fixed_by([make]);
    }
    let above = quoted(&flaw.path.parent().unwrap_or(Path::new("/")).display().to_string());
    Finding::fault(ABOUT, "missing", error.to_string()).fixed_by([
        "mount -a".to_owned(),
        format!("findmnt -T {above}; grep -v '^#' /etc/fstab   # is the disk there that belongs there?"),
        format!("# only if no disk of its own belongs there: {make}"),
    ])
}

/// A link or something else is where a folder belongs: what that is good for only a person knows.
fn elsewhere(what: &str, path: &str) -> Vec<String> {
    if !what.contains("symbolic link") {
        return vec![format!("ls -ld {path}   # a folder belongs there: see what this is")];
    }
    vec![
        format!("readlink -f {path}"),
        format!(
            "# then write into {POLICY}, above its tables: store = \"the real folder that secrets/ and state/ \
            are in\""
        ),
    ]
}

fn owned_folder(folder: &Path, path: &str, store: &Path) -> Vec<String> {
    let mode = if is_closed(folder, store) { "700" } else { "go-w" };
    vec![format!("chown root:root {path}"), format!("chmod {mode} {path}")]
}

/// Is it one that nobody but root may look into?
fn is_closed(folder: &Path, store: &Path) -> bool {
    folder == store || folder.ends_with("secrets") || folder.ends_with("state")
}

/// Is the file a user's key, and not their record?
fn is_key(file: &Path) -> bool {
    file.parent().is_some_and(|folder| folder.ends_with("secrets"))
}

/// A path as it may be printed.
fn shown(path: &Path) -> String {
    clean(&path.display().to_string())
}

/// An enrollment that another account's uid made, by a refusal of the store's. `user`: whom its file names; one that names
/// another user has a flaw of its own.
pub fn of_other_uid(name: &str, user: &str, error: StoreError) -> Option<Flaw> {
    let StoreError::NotTheirs(path, _) = &error else { return None };
    let path = path.clone();
    (user == name).then(|| Flaw::new(&path, Some(name.to_owned()), FlawKind::Refused(error)))
}

/// An enrollment whose account may have a new name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Renamed {
    /// The old name.
    pub user: String,
    /// What is known of it.
    pub what: String,
    /// The commands, one of which is right.
    pub fix: Vec<String>,
}

/// Enrollments without an account.
pub fn orphans(gone: &[&str], renamed: Vec<Renamed>) -> Vec<Finding> {
    let some: Vec<String> = gone.iter().take(5).map(|name| clean(name)).collect();
    let enrolled = counted(gone.len(), "user is", "users are");
    let what = format!("{enrolled} enrolled without an account on this host ({})", some.join(", "));
    // It looks again, and asks.
    let gone =
        (!gone.is_empty()).then(|| Finding::warning(ABOUT, "orphans", what).fixed_by(["pam-totp remove --orphans"]));
    let renamed = renamed.into_iter().map(|Renamed { user, what, fix }| {
        Finding::warning(ABOUT, "renamed", format!("{}: {what}", clean(&user))).fixed_by(fix)
    });
    gone.into_iter().chain(renamed).collect()
}

/// What there is to say where nothing was found.
pub fn fine() -> Finding {
    Finding::fine(ABOUT, "folders, keys and records are as they were left")
}
