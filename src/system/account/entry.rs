//! What is known of accounts and groups, from NSS or from files.

use std::path::PathBuf;

/// An account of this host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// The canonical `pw_name`: a directory service that folds case makes no second name.
    pub name: String,
    /// Its uid.
    pub uid: u32,
    /// Its primary group.
    pub gid: u32,
}

/// An account and what starts when it logs in.
#[derive(Clone, Debug)]
pub struct PasswdEntry {
    /// The account.
    pub account: Account,
    /// Its home.
    pub home: PathBuf,
    /// Its shell; empty for `/bin/sh`.
    pub shell: String,
}

/// A group of this host.
#[derive(Clone, Debug)]
pub struct Group {
    /// Its id.
    pub gid: u32,
    /// Whom it lists: not those whose own group it is.
    pub members: Vec<String>,
}

/// NSS could not answer. Never taken for "no such user".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LookupFailed;
