//! Enrollments whose account is gone, or has another uid now.

use std::collections::BTreeMap;

use pam_totp::doctor::shell::quoted;
use pam_totp::factor::enrollment::Enrollment;
use pam_totp::store::{Store, StoreError};
use pam_totp::system::account::LookupFailed;
use pam_totp::system::disk;
use pam_totp::text::clean;

use crate::accounts::{AccountLine, Accounts};
use crate::people::unavailable;
use crate::report::Failure;

/// Not from a disk alone: there every account of a directory looks gone.
pub fn can_tell_orphans() -> Result<(), Failure> {
    let why = "--orphans cannot be told with --root: accounts of a directory are not known there and would look gone";
    if disk::is_entered() { Err(Failure::usage(why)) } else { Ok(()) }
}

/// Looks for enrollments without an owner.
pub struct Orphans<'a> {
    store: &'a dyn Store,
    accounts: &'a Accounts,
    uids: BTreeMap<u32, Vec<&'a str>>,
}

impl<'a> Orphans<'a> {
    pub fn new(store: &'a dyn Store, accounts: &'a Accounts) -> Self {
        let mut uids: BTreeMap<u32, Vec<&str>> = BTreeMap::new();
        for AccountLine { account, .. } in accounts.lines() {
            uids.entry(account.uid).or_default().push(&account.name);
        }
        Self { store, accounts, uids }
    }

    /// Why the enrollment of this name has no owner, if it has none.
    pub fn look(&self, name: &str) -> Result<Option<Orphan>, Failure> {
        let account = self.accounts.named(name).map_err(|_| unavailable())?;
        self.judge(name, account.map(|account| account.uid), &self.store.enrollment(name.into()))
    }

    /// The same of an enrollment that was read. `known`: the uid that the name has now.
    pub fn judge(
        &self,
        name: &str,
        known: Option<u32>,
        found: &Result<Option<Enrollment>, StoreError>,
    ) -> Result<Option<Orphan>, Failure> {
        let uid = match found {
            // On its way to another account: `rename` goes on with it, and there is no other copy.
            Ok(Some(enrollment)) if enrollment.user != name && self.is_without(&enrollment.user)? => return Ok(None),
            Ok(enrollment) => enrollment.as_ref().map(|enrollment| enrollment.uid),
            // A damaged file is its owner's all the same.
            Err(StoreError::Broken(..) | StoreError::Newer(..) | StoreError::Unsafe(..)) => None,
            Err(error) => return Err(error.clone().into()),
        };
        Ok(match (known, uid) {
            (None, None) => Some(Orphan::NoAccount),
            (None, Some(uid)) => Some(self.renamed(uid)?),
            (Some(known), Some(uid)) if known != uid => Some(Orphan::OtherUid),
            _ => None,
        })
    }

    /// An account that is not enrolled.
    fn is_without(&self, name: &str) -> Result<bool, Failure> {
        let account = self.accounts.named(name).map_err(|_| unavailable())?;
        Ok(account.is_some() && !self.store.is_enrolled(name)?)
    }

    /// Whose name has an enrollment of its own, nobody else's is theirs.
    fn renamed(&self, uid: u32) -> Result<Orphan, Failure> {
        let mut free = Vec::new();
        for name in self.names(uid).map_err(|_| unavailable())? {
            if !self.store.is_enrolled(&name)? {
                free.push(name);
            }
        }
        Ok(if free.is_empty() { Orphan::NoAccount } else { Orphan::Renamed(free) })
    }

    /// All names of a uid; where the listing lacks it, the one that is found.
    fn names(&self, uid: u32) -> Result<Vec<String>, LookupFailed> {
        match self.uids.get(&uid) {
            Some(names) => Ok(names.iter().map(|name| (*name).to_owned()).collect()),
            None => self.accounts.of_uid(uid),
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
