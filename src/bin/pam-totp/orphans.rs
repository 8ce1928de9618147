//! Enrollments whose account is gone, or has another uid now.

use std::collections::BTreeMap;

use pam_totp::doctor::shell::quoted;
use pam_totp::store::{Store, StoreError};
use pam_totp::system::account::{self, LookupFailed};
use pam_totp::system::disk;
use pam_totp::text::clean;

use crate::accounts::{self, Accounts, named};
use crate::people::unavailable;
use crate::report::Failure;

/// Not from a disk alone: there every account of a directory looks gone.
pub fn can_tell_orphans() -> Result<(), Failure> {
    let why = "--orphans cannot be told with --root: accounts of a directory are not known there and would look gone";
    if disk::is_entered() { Err(Failure::usage(why)) } else { Ok(()) }
}

/// Those of `names` whose enrollment has no owner.
pub fn orphans(store: &dyn Store, names: Vec<String>, accounts: &Accounts) -> Result<Vec<(String, Orphan)>, Failure> {
    let (mut found, uids) = (Vec::new(), Uids::of(accounts));
    for name in names {
        let uid = match store.enrollment(name.as_str().into()) {
            // On its way to another account: `rename` goes on with it, and there is no other copy.
            Ok(Some(enrollment)) if enrollment.user != name && is_without(store, &enrollment.user, accounts)? => {
                continue;
            }
            Ok(enrollment) => enrollment.map(|enrollment| enrollment.uid),
            // A damaged file is its owner's all the same.
            Err(StoreError::Broken(..) | StoreError::Newer(..) | StoreError::Unsafe(..)) => None,
            Err(error) => return Err(error.into()),
        };
        let is_enrolled = |name: &str| Ok(store.is_enrolled(name)?);
        if let Some(orphan) = Orphan::of(&name, uid, accounts, &uids, is_enrolled)? {
            found.push((name, orphan));
        }
    }
    Ok(found)
}

/// An account that is not enrolled.
fn is_without(store: &dyn Store, name: &str, accounts: &Accounts) -> Result<bool, Failure> {
    let account = accounts::named(name, accounts).map_err(|_| unavailable())?;
    Ok(account.is_some() && !store.is_enrolled(name)?)
}

/// The names of each uid.
pub struct Uids<'a>(BTreeMap<u32, Vec<&'a str>>);

impl<'a> Uids<'a> {
    pub fn of(accounts: &'a Accounts) -> Self {
        let mut uids: BTreeMap<u32, Vec<&str>> = BTreeMap::new();
        for (name, line) in accounts {
            uids.entry(line.account.uid).or_default().push(name);
        }
        Self(uids)
    }

    /// All names of a uid; where the listing lacks it, the one that is found.
    fn names(&self, uid: u32) -> Result<Vec<String>, LookupFailed> {
        match self.0.get(&uid) {
            Some(names) => Ok(names.iter().map(|name| (*name).to_owned()).collect()),
            None => Ok(account::by_uid(uid)?.into_iter().map(|account| account.name).collect()),
        }
    }
}

/// Why an enrollment has no owner.
#[derive(Clone, PartialEq, Eq)]
pub enum Orphan {
    NoAccount,
    OtherUid,
    /// The account is gone, but its uid has these names, which are not enrolled. Whether that is the same person under
    /// a new name, or somebody who got the uid later, no file knows.
    Renamed(Vec<String>),
}

impl Orphan {
    /// `is_enrolled`: whose name has an enrollment of its own, nobody else's is theirs.
    pub fn of(
        name: &str,
        uid: Option<u32>,
        accounts: &Accounts,
        uids: &Uids<'_>,
        is_enrolled: impl Fn(&str) -> Result<bool, Failure>,
    ) -> Result<Option<Self>, Failure> {
        let known = named(name, accounts).map_err(|_| unavailable())?.map(|account| account.uid);
        let (None, Some(uid)) = (known, uid) else {
            return Ok(match (known, uid) {
                (None, _) => Some(Self::NoAccount),
                (Some(known), Some(uid)) if known != uid => Some(Self::OtherUid),
                _ => None,
            });
        };
        let mut free = Vec::new();
        for name in uids.names(uid).map_err(|_| unavailable())? {
            if !is_enrolled(&name)? {
                free.push(name);
            }
        }
        Ok(Some(if free.is_empty() { Self::NoAccount } else { Self::Renamed(free) }))
    }

    /// For programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoAccount => "no_account",
            Self::OtherUid => "other_uid",
            Self::Renamed(_) => "renamed",
        }
    }

    /// What it may be called now.
    pub fn renamed_to(&self) -> Option<&str> {
        match self {
            Self::Renamed(names) => names.first().map(String::as_str),
            Self::NoAccount | Self::OtherUid => None,
        }
    }

    /// For people.
    pub fn words(&self) -> String {
        match self {
            Self::NoAccount => "there is no such account".into(),
            Self::OtherUid => "enrolled by another uid (the account was deleted and created again)".into(),
            Self::Renamed(names) => {
                let names: Vec<String> = names.iter().map(|name| clean(name)).collect();
                format!("there is no such account, but its uid is {}'s: it may be renamed", names.join("'s and "))
            }
        }
    }
}

/// The commands for an enrollment whose account may be renamed: which of them is right, the administrator knows.
pub fn renaming(old: &str, names: &[String]) -> Vec<String> {
    let old = quoted(old);
    let move_it = names.iter().map(|new| {
        let (new, shown) = (quoted(new), clean(new));
        format!("pam-totp rename {old} {new}   # if {shown} is the same person")
    });
    move_it.chain([format!("# if that is somebody else: pam-totp remove {old}")]).collect()
}
