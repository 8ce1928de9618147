//! Accounts: the only place that asks NSS. Of another system's disk only its files are read.

mod entry;
mod files;

use std::ffi::CString;
use std::path::PathBuf;

use nix::errno::Errno;
use nix::unistd::{self, Gid, Uid, User, getgrouplist};

use crate::system::{disk, memory};
pub use entry::{Account, Group, LookupFailed, PasswdEntry};
pub use files::{entries as in_files, entry};

/// What a look-up of the longest group takes: the library gives up beyond 1 MiB, in which a hundred thousand names have
/// room, copies it as it grows, and makes a text of each name.
const GROUP: usize = 12 << 20;
/// Longest name that is looked up; LOGIN_NAME_MAX is 256 with its NUL.
const MAX_NAME: usize = 255;

/// Is NSS asked for this name? What no account can be called is not handed to its modules, whose care is not known.
pub fn is_looked_up(name: &str) -> bool {
    let odd = |c: char| matches!(c, '/' | ':') || c.is_control();
    !name.is_empty() && name.len() <= MAX_NAME && !name.contains(odd)
}

/// The account of a name, if there is one.
pub fn by_name(name: &str) -> Result<Option<Account>, LookupFailed> {
    if !is_looked_up(name) {
        return Ok(None);
    }
    Ok(find(|| User::from_name(name), |account| account.name == name)?.map(|entry| entry.account))
}

/// The account of a uid, if there is one.
pub fn by_uid(uid: u32) -> Result<Option<Account>, LookupFailed> {
    Ok(find(|| User::from_uid(Uid::from_raw(uid)), |account| account.uid == uid)?.map(|entry| entry.account))
}

/// Does a listing of the accounts lack none? Only where nobody but the files is asked: a directory lists whom it likes.
pub fn are_all_listed() -> bool {
    disk::is_entered() || disk::read(SOURCES).is_ok_and(|text| files::are_alone(&text))
}

/// Whom NSS asks.
const SOURCES: &str = "/etc/nsswitch.conf";

fn find(
    by_nss: impl Fn() -> nix::Result<Option<User>>,
    is_it: impl Fn(&Account) -> bool,
) -> Result<Option<PasswdEntry>, LookupFailed> {
    if disk::is_entered() {
        return Ok(files::entries()?.into_iter().find(|entry| is_it(&entry.account)));
    }
    by_nss().map(|user| user.map(PasswdEntry::from)).map_err(|_| LookupFailed)
}

/// The group of a name, if there is one.
pub fn group(name: &str) -> Result<Option<Group>, LookupFailed> {
    if disk::is_entered() {
        return files::group(name);
    }
    memory::room(GROUP).map_err(|memory::NoMemory| LookupFailed)?;
    let found = unistd::Group::from_name(name).map_err(|_| LookupFailed)?;
    Ok(found.map(|group| Group { gid: group.gid.as_raw(), members: group.mem }))
}

/// Which of these groups the account is in. A group that is not found counts as a failure: the C library also says
/// so when a service could not be asked.
pub fn groups_among(account: &Account, names: &[&str]) -> Result<Vec<String>, LookupFailed> {
    let ids = group_ids(account)?;
    let mut groups = Vec::new();
    for name in names {
        // By name, and not each of the user's groups by its id: a directory may take long for each of hundreds.
        let group = group(name)?.ok_or(LookupFailed)?;
        if ids.contains(&group.gid) || group.members.contains(&account.name) {
            groups.push((*name).to_owned());
        }
    }
    Ok(groups)
}

/// The ids of all groups that the account is in. In files a group lists its members, or is the account's own.
pub fn group_ids(account: &Account) -> Result<Vec<u32>, LookupFailed> {
    if disk::is_entered() {
        return Ok(vec![account.gid]);
    }
    let name = CString::new(account.name.as_str()).map_err(|_| LookupFailed)?;
    Errno::clear();
    let ids = getgrouplist(&name, Gid::from_raw(account.gid)).map_err(|_| LookupFailed)?;
    // The list holds what could be had. The caller of sudo or su decides how many descriptors there are.
    if matches!(Errno::last(), Errno::EMFILE | Errno::ENFILE | Errno::ENOMEM) {
        return Err(LookupFailed);
    }
    Ok(ids.into_iter().map(Gid::as_raw).collect())
}

/// Where its home is.
pub fn home(account: &Account) -> Result<PathBuf, LookupFailed> {
    let entry = find(|| User::from_name(&account.name), |found| found.name == account.name)?;
    Ok(entry.map(|entry| entry.home).unwrap_or_default())
}

/// Has it a login shell? Nobody logs in to a service's account, and nobody but root shall enroll for one.
pub fn has_login_shell(account: &Account) -> Result<bool, LookupFailed> {
    let entry = find(|| User::from_name(&account.name), |found| found.name == account.name)?;
    let shell = entry.map(|entry| entry.shell).unwrap_or_default();
    let listed = SHELLS.into_iter().find_map(|path| disk::read(path).ok());
    Ok(is_login_shell(&shell, listed.as_deref().unwrap_or(SHELL)))
}

/// The administrator's list, else the distribution's.
const SHELLS: [&str; 2] = ["/etc/shells", "/usr/etc/shells"];
/// The only one where there is no list, and what an account without a shell gets.
const SHELL: &str = "/bin/sh";

/// Some lists name `nologin` and `false`, so that FTP servers let their owners in: they are no login shells.
fn is_login_shell(shell: &str, listed: &str) -> bool {
    let shell = if shell.is_empty() { SHELL } else { shell };
    let refuses = shell.rsplit('/').next().is_some_and(|name| matches!(name, "nologin" | "false"));
    !refuses && listed.lines().any(|line| line.trim_end() == shell)
}

impl From<User> for PasswdEntry {
    fn from(user: User) -> Self {
        let account = Account { name: user.name, uid: user.uid.as_raw(), gid: user.gid.as_raw() };
        Self { account, home: user.dir, shell: user.shell.to_string_lossy().into_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_a_login_shell() {
        let listed = "# shells\n/bin/sh\n/bin/bash \n/usr/sbin/nologin\n/bin/false\n";
        for shell in ["/bin/sh", "/bin/bash", ""] {
            assert!(is_login_shell(shell, listed), "{shell}");
        }
        for shell in ["/usr/sbin/nologin", "/bin/false", "/bin/zsh", "bash", "/bin"] {
            assert!(!is_login_shell(shell, listed), "{shell}");
        }
        assert!(is_login_shell("/bin/sh", SHELL) && !is_login_shell("/bin/bash", SHELL));
    }
}
