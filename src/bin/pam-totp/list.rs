//! `list`: everybody who has a factor, or should.

use std::collections::BTreeMap;
use std::path::Path;

use clap::Args;
use pam_totp::account::Account;
use pam_totp::desk::{Desk, Local};
use pam_totp::disk;
use pam_totp::store::{Store, StoreError};
use pam_totp::throttle::Limits;
use pam_totp::words::clean;
use serde_json::{Value, json};

use super::accounts::{self, Line, Members, Orphan};
use super::look::Standing;
use super::people::{desk, unavailable};
use super::report::{Failure, Report};
use super::rollout::Rollout;

/// Without a filter: every user who has a factor. Several filters: who passes each of them.
#[derive(Args)]
pub struct List {
    /// Accounts with a login shell that have no factor.
    #[arg(long)]
    unenrolled: bool,
    /// Accounts with a login shell that are refused without a factor.
    #[arg(long)]
    required: bool,
    /// Factors without an account, or enrolled by another uid.
    #[arg(long, conflicts_with_all = ["unenrolled", "required"])]
    orphans: bool,
    /// Members of this group.
    #[arg(long, value_name = "GROUP")]
    group: Option<String>,
}

pub fn list(config: Option<&Path>, arguments: &List) -> Result<Report, Failure> {
    let desk = desk(config)?;
    let store = desk.store()?;
    let mut found = Found::default();
    let accounts = accounts::all()?;
    if arguments.orphans {
        can_tell_orphans()?;
        let group = arguments.group.as_deref().map(Members::of).transpose()?;
        for (name, orphan) in orphans(store, store.names()?, &accounts)? {
            if group.as_ref().is_none_or(|group| group.has(&name, &accounts)) {
                found.orphan(&name, orphan);
            }
        }
    } else {
        for name in names(&desk, &accounts, arguments)? {
            found.user(store, &desk.policy().throttle, &name, accounts::named(&name, &accounts).ok().flatten());
        }
    }
    if found.lines.is_empty() {
        found.lines.push(arguments.nobody().into());
    }
    Ok(Report::new(found.lines.join("\n")).with("users", found.users))
}

impl List {
    fn nobody(&self) -> &'static str {
        match self {
            Self { orphans: true, .. } => "Every factor has its account.",
            Self { unenrolled: false, required: false, group: None, .. } => "Nobody is enrolled.",
            _ => "There is nobody like that.",
        }
    }
}

/// The names that pass every filter.
fn names(desk: &Local, accounts: &BTreeMap<String, Line>, arguments: &List) -> Result<Vec<String>, Failure> {
    if !(arguments.unenrolled || arguments.required || arguments.group.is_some()) {
        return Ok(desk.store()?.names()?);
    }
    let group = arguments.group.as_deref().map(Members::of).transpose()?;
    let rollout = Rollout::of(desk, accounts)?;
    let people: Vec<String> = if arguments.unenrolled || arguments.required {
        rollout.people().map(ToOwned::to_owned).collect()
    } else {
        rollout.enrolled.iter().cloned().collect()
    };
    let passes = |name: &String| {
        (!arguments.unenrolled || !rollout.enrolled.contains(name))
            && (!arguments.required || rollout.is_required(name))
            && group.as_ref().is_none_or(|group| group.has(name, accounts))
    };
    Ok(people.into_iter().filter(passes).collect())
}

/// Not from a disk alone: there every account of a directory looks gone.
pub fn can_tell_orphans() -> Result<(), Failure> {
    let why = "--orphans cannot be told with --root: accounts of a directory are not known there and would look gone";
    if disk::is_entered() { Err(Failure::usage(why)) } else { Ok(()) }
}

/// Those of `names` whose factor has no owner.
pub fn orphans(
    store: &Store,
    names: Vec<String>,
    accounts: &BTreeMap<String, Line>,
) -> Result<Vec<(String, Orphan)>, Failure> {
    let mut found = Vec::new();
    for name in names {
        let uid = match store.enrollment_of(&name) {
            // On its way to another account: `rename` goes on with it, and there is no other copy.
            Ok(Some(enrollment)) if enrollment.user != name && is_without(store, &enrollment.user, accounts)? => {
                continue;
            }
            Ok(enrollment) => enrollment.map(|enrollment| enrollment.uid),
            // A damaged file is its owner's all the same.
            Err(StoreError::Broken(..) | StoreError::Newer(..) | StoreError::Unsafe(..)) => None,
            Err(error) => return Err(error.into()),
        };
        if let Some(orphan) = Orphan::of(&name, uid, accounts)? {
            found.push((name, orphan));
        }
    }
    Ok(found)
}

/// An account without a factor.
fn is_without(store: &Store, name: &str, accounts: &BTreeMap<String, Line>) -> Result<bool, Failure> {
    let account = accounts::named(name, accounts).map_err(|_| unavailable())?;
    Ok(account.is_some() && !store.is_enrolled(name)?)
}

#[derive(Default)]
struct Found {
    users: Vec<Value>,
    lines: Vec<String>,
}

impl Found {
    fn user(&mut self, store: &Store, limits: &Limits, name: &str, account: Option<Account>) {
        match Standing::of(store, limits, name, account) {
            Ok(standing) => {
                self.lines.push(standing.line());
                self.users.push(standing.object());
            }
            // One damaged file hides nobody else.
            Err(error) => {
                self.lines.push(format!("{:<24} cannot be used: {error}", clean(name)));
                self.users.push(json!({ "user": name, "enrolled": true, "problem": error.to_string() }));
            }
        }
    }

    fn orphan(&mut self, name: &str, orphan: Orphan) {
        self.lines.push(format!("{:<24} {}", clean(name), orphan.words()));
        self.users.push(json!({ "user": name, "enrolled": true, "orphan": orphan.code() }));
    }
}
