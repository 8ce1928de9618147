//! Every account of this host, as the name service lists them, or of the disk that is worked on.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use pam_totp::system::account::{self, Account, Group, LookupFailed, PasswdEntry};
use pam_totp::system::disk;
use pam_totp::text::clean;

use crate::people::unavailable;
use crate::report::Failure;

/// Shells that end at once.
const NO_SHELL: [&str; 5] = ["nologin", "false", "sync", "shutdown", "halt"];

/// An account's line.
pub struct AccountLine {
    pub account: Account,
    pub home: PathBuf,
    shell: String,
}

impl AccountLine {
    /// Does a login with it come to something? Who is missed here is refused one day and nobody was told, so each shell
    /// counts that is not known to end at once, whether /etc/shells lists it or not; an empty one is /bin/sh. The other
    /// question, who may enroll without root, is [`account::has_login_shell`], which counts nothing that is not listed.
    pub fn can_log_in(&self) -> bool {
        !NO_SHELL.contains(&self.shell.rsplit('/').next().unwrap_or_default())
    }
}

/// Accounts by name.
#[derive(Default)]
pub struct Accounts {
    lines: BTreeMap<String, AccountLine>,
    /// Who is not among them does not exist.
    are_all: bool,
}

impl Accounts {
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.lines.keys().map(String::as_str)
    }

    pub fn lines(&self) -> impl Iterator<Item = &AccountLine> {
        self.lines.values()
    }

    pub fn get(&self, name: &str) -> Option<&AccountLine> {
        self.lines.get(name)
    }

    /// An account among all, or looked up where the listing may lack it. Each look-up reads /etc/passwd from its
    /// beginning: one after the other they take time that grows with the square of the accounts.
    pub fn named(&self, name: &str) -> Result<Option<Account>, LookupFailed> {
        match self.get(name) {
            Some(line) => Ok(Some(line.account.clone())),
            None if self.are_all => Ok(None),
            None => account::by_name(name),
        }
    }

    /// The names of a uid that the listing lacks.
    pub fn of_uid(&self, uid: u32) -> Result<Vec<String>, LookupFailed> {
        let found = if self.are_all { None } else { account::by_uid(uid)? };
        Ok(found.into_iter().map(|account| account.name).collect())
    }
}

/// All of them. A directory that does not list its accounts leaves them out: who is missing here may exist.
pub fn all() -> Result<Accounts, Failure> {
    if disk::is_entered() {
        let entries = account::in_files().map_err(|_| unavailable())?;
        return Ok(by_name(entries));
    }
    let fault = |what: String| Failure::host(format!("`getent passwd` {what}: the accounts could not be listed"));
    // The one loop over all accounts without unsafe code; it reads what nsswitch.conf says.
    let output = Command::new("/usr/bin/getent").arg("passwd").stdin(Stdio::null()).output();
    let output = output.map_err(|e| fault(format!("did not start: {e}")))?;
    if !output.status.success() {
        return Err(fault(format!("failed: {}", output.status)));
    }
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(by_name(text.lines().filter_map(account::entry)))
}

/// Of two accounts with one name the first is meant, as everywhere: a directory may know another alice.
fn by_name(entries: impl IntoIterator<Item = PasswdEntry>) -> Accounts {
    let mut lines = BTreeMap::new();
    for PasswdEntry { account, home, shell } in entries {
        lines.entry(account.name.clone()).or_insert(AccountLine { account, home, shell });
    }
    Accounts { lines, are_all: account::are_all_listed() }
}

/// Who is in a group, be it their own or one that lists them.
pub struct GroupMembers {
    gid: u32,
    /// A group of everybody is looked through for everybody.
    names: BTreeSet<String>,
}

impl GroupMembers {
    /// Of a group that somebody named.
    pub fn of(group: &str) -> Result<Self, Failure> {
        let unknown = || Failure::bad_input("no_such_group", format!("there is no group {}", clean(group)));
        Self::find(group)?.ok_or_else(unknown)
    }

    /// A group that does not exist is nobody's.
    pub fn find(group: &str) -> Result<Option<Self>, Failure> {
        let found = account::group(group).map_err(|_| unavailable())?;
        Ok(found.map(|Group { gid, members }| Self { gid, names: members.into_iter().collect() }))
    }

    pub fn has(&self, name: &str, accounts: &Accounts) -> bool {
        self.names.contains(name) || accounts.get(name).is_some_and(|line| line.account.gid == self.gid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_shell_that_ends_at_once_is_left_out() {
        let line = |shell: &str| {
            let account = Account { name: "alice".into(), uid: 1000, gid: 1000 };
            AccountLine { account, home: PathBuf::new(), shell: shell.into() }
        };
        for shell in ["", "/bin/bash", "/opt/fish", "rbash"] {
            assert!(line(shell).can_log_in(), "{shell}");
        }
        for shell in ["/usr/sbin/nologin", "/bin/false", "/bin/sync", "halt"] {
            assert!(!line(shell).can_log_in(), "{shell}");
        }
    }
}
