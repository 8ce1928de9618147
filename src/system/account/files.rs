//! `/etc/passwd` and `/etc/group` as text.
//!
//! Of another system's disk nothing else is asked: its nsswitch.conf would have the C library load NSS modules from
//! that disk into this process, which is root here, and the modules that are loaded already know this host's accounts.

use super::entry::{Account, Group, LookupFailed, PasswdEntry};
use crate::system::disk;

/// Every account.
pub fn entries() -> Result<Vec<PasswdEntry>, LookupFailed> {
    Ok(read("/etc/passwd")?.lines().filter_map(entry).collect())
}

/// A group that stands there.
pub fn group(name: &str) -> Result<Option<Group>, LookupFailed> {
    Ok(read("/etc/group")?.lines().filter_map(group_of).find(|(found, _)| found == name).map(|(_, group)| group))
}

fn read(path: &str) -> Result<String, LookupFailed> {
    disk::read(path).map_err(|_| LookupFailed)
}

/// An account's line; those that start with `+` or `-` speak of a directory.
pub fn entry(line: &str) -> Option<PasswdEntry> {
    let mut fields = line.split(':');
    let (name, uid, gid) = (fields.next()?, fields.nth(1)?, fields.next()?);
    let (home, shell) = (fields.nth(1)?.into(), fields.next()?.to_owned());
    let account = Account { name: name.to_owned(), uid: uid.parse().ok()?, gid: gid.parse().ok()? };
    (!name.is_empty() && !name.starts_with(['+', '-', '#'])).then_some(PasswdEntry { account, home, shell })
}

/// Does this nsswitch.conf have nobody but the files asked for accounts?
pub fn are_alone(sources: &str) -> bool {
    let lines = sources.lines().map(|line| line.split('#').next().unwrap_or_default());
    let mut said = lines.filter_map(|line| line.trim_start().strip_prefix("passwd")?.trim_start().strip_prefix(':'));
    said.next().is_some_and(|sources| sources.trim() == "files") && said.next().is_none()
}

fn group_of(line: &str) -> Option<(String, Group)> {
    let mut fields = line.split(':');
    let (name, gid, members) = (fields.next()?, fields.nth(1)?, fields.next()?);
    let members = members.split(',').filter(|member| !member.is_empty()).map(str::to_owned).collect();
    Some((name.to_owned(), Group { gid: gid.parse().ok()?, members }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_accounts_and_groups() {
        let alice = entry("alice:x:1001:1002:Alice,,,:/home/alice:/bin/bash").unwrap();
        assert_eq!((alice.account.uid, alice.account.gid, alice.shell.as_str()), (1001, 1002, "/bin/bash"));
        assert_eq!(entry("bob:x:1:1::/:").unwrap().shell, "");
        for line in [
            "",
            "+",
            "+::::::",
            "+bob:x:1:1::/:/bin/sh",
            "-bob:x:1:1::/:/bin/sh",
            "#a:x:1:1::/:",
            "a:x:1",
            "a:x:b:1::/:/",
        ] {
            assert!(entry(line).is_none(), "{line}");
        }
        let (name, group) = group_of("sudo:x:27:alice,bob").unwrap();
        assert_eq!((name.as_str(), group.gid, group.members), ("sudo", 27, vec!["alice".to_owned(), "bob".to_owned()]));
        assert!(group_of("x:x:5:").unwrap().1.members.is_empty());
    }
    #[test]
    fn only_the_files_list_all() {
        for text in ["passwd: files", "# passwd: sss\n passwd :\tfiles # alone\ngroup: files sss\n"] {
            assert!(are_alone(text), "{text}");
        }
        for text in [
            "",
            "group: files",
            "passwd:",
            "passwd: files systemd",
            "passwd: sss files",
            "passwd: files [NOTFOUND=return] ldap",
            "passwd: compat",
            "passwd: files\npasswd: sss",
            "#passwd: files",
            "passwd_compat: files",
        ] {
            assert!(!are_alone(text), "{text}");
        }
    }
}
