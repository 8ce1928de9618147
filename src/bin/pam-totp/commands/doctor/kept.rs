//! Folders, keys and records, and whose they are. Each key is read once, and nothing of a user is held who has no flaw.

use std::fs;
use std::path::Path;

use indicatif::ProgressBar;
use pam_totp::backend::{Backend, Local};
use pam_totp::doctor;
use pam_totp::doctor::clock::Ahead;
use pam_totp::doctor::finding::Finding;
use pam_totp::doctor::store::{self, Renamed};
use pam_totp::factor::enrollment::Enrollment;
use pam_totp::store::audit::{Flaw, Onlooker, audit};
use pam_totp::store::{Store, StoreError};
use pam_totp::system::account::Account;
use pam_totp::system::clock::now;
use pam_totp::system::disk;

use super::gather;
use crate::accounts::Accounts;
use crate::orphans::{self, Orphan, Orphans};
use crate::report::Format;
use crate::stream::bar;

/// What is said of the clock by what lies in the store, and what is said of the store.
pub fn check(backend: &Local, accounts: Option<&Accounts>, format: Format) -> (Option<Finding>, Vec<Finding>) {
    let folder = &backend.policy().store;
    let none = Accounts::default();
    let bar = if format.is_json() { ProgressBar::hidden() } else { bar(files(folder)) };
    let mut seen =
        StoreWalk { bar, now: now(), window: backend.policy().window, ahead: Ahead::new(now()), users: None };
    seen.users = backend.store().ok().map(|store| Owners::new(store, accounts.unwrap_or(&none), accounts.is_some()));
    let mut flaws = audit(folder, &mut seen);
    let StoreWalk { bar, ahead, users, .. } = seen;
    bar.finish_and_clear();
    let (of_others, without_account) = users.map(Owners::end).unwrap_or_default();
    flaws.extend(of_others);
    let mut findings: Vec<Finding> = flaws.iter().map(|flaw| store::check(flaw, folder)).collect();
    findings.extend(without_account);
    findings.extend(doctor::disk::check(&gather::disks(folder)));
    if findings.is_empty() {
        findings.push(store::fine());
    }
    (ahead.check(), findings)
}

/// How many there are to look at.
fn files(folder: &Path) -> usize {
    let count = |name| fs::read_dir(folder.join(name)).map_or(0, Iterator::count);
    count("secrets") + count("state")
}

/// What is found out while the files are read.
struct StoreWalk<'a> {
    bar: ProgressBar,
    now: u64,
    window: u64,
    ahead: Ahead,
    users: Option<Owners<'a>>,
}

impl Onlooker for StoreWalk<'_> {
    fn sees(&mut self, user: &str, found: &Result<Option<Enrollment>, StoreError>) {
        let Some(users) = &mut self.users else { return };
        users.sees(user, found);
        if let (Ok(Some(enrollment)), false) = (found, disk::is_entered()) {
            let record = users.store.record(user).ok().flatten().unwrap_or_default();
            self.ahead.look(user, enrollment, &record, self.now, self.window);
        }
    }

    fn advances(&self) {
        self.bar.inc(1);
    }
}

/// Whose the enrollments are.
struct Owners<'a> {
    store: &'a dyn Store,
    accounts: &'a Accounts,
    /// Nothing once they cannot be told: what was found by then would be half the truth.
    orphans: Option<Orphans<'a>>,
    of_others: Vec<Flaw>,
    gone: Vec<String>,
    renamed: Vec<Renamed>,
}

impl<'a> Owners<'a> {
    /// Orphans are not to be told from a disk alone: there every account of a directory looks gone.
    fn new(store: &'a dyn Store, accounts: &'a Accounts, are_listed: bool) -> Self {
        let can_tell = are_listed && orphans::can_tell_orphans().is_ok();
        let orphans = can_tell.then(|| Orphans::new(store, accounts));
        Self { store, accounts, orphans, of_others: Vec::new(), gone: Vec::new(), renamed: Vec::new() }
    }

    fn sees(&mut self, user: &str, found: &Result<Option<Enrollment>, StoreError>) {
        let Ok(account) = self.accounts.named(user) else { return self.orphans = None };
        let known = account.as_ref().map(|account| account.uid);
        let orphan = self.orphans.as_ref().map(|orphans| orphans.judge(user, known, found)).transpose();
        match orphan.map(Option::flatten) {
            Err(_) => self.orphans = None,
            Ok(Some(Orphan::NoAccount)) => self.gone.push(user.to_owned()),
            Ok(Some(Orphan::Renamed(names))) => {
                let (what, fix) = (Orphan::Renamed(names.clone()).words(), orphans::renaming(user, &names));
                self.renamed.push(Renamed { user: user.to_owned(), what, fix });
            }
            // Those of another uid have a finding of their own.
            Ok(Some(Orphan::OtherUid) | None) => {}
        }
        if let (Some(account), Ok(Some(enrollment))) = (account.filter(|account| account.name == user), found) {
            self.of_others.extend(of_other_uid(self.store, &account, enrollment));
        }
    }

    /// In order.
    fn end(mut self) -> (Vec<Flaw>, Vec<Finding>) {
        self.of_others.sort_by(|one, other| one.path.cmp(&other.path));
        self.gone.sort();
        self.renamed.sort_by(|one, other| one.user.cmp(&other.user));
        let gone: Vec<&str> = self.gone.iter().map(String::as_str).collect();
        let found = self.orphans.map(|_| store::orphans(&gone, self.renamed));
        (self.of_others, found.unwrap_or_default())
    }
}

/// An enrollment of another uid, in the words of the store, which refuses it.
fn of_other_uid(store: &dyn Store, account: &Account, enrollment: &Enrollment) -> Option<Flaw> {
    if enrollment.uid == account.uid {
        return None;
    }
    store::of_other_uid(&account.name, &enrollment.user, store.enrollment(account.into()).err()?)
}
