//! A delegate looks after another user: by root's file, and each time with a code of their own.

use std::collections::BTreeSet;
use std::path::Path;

use super::Clerk;
use crate::door::errand::Errand;
use crate::door::listing::Listed;
use crate::door::wire::Reply;
use crate::factor::attempt::Outcome;
use crate::factor::change::{Change, ChangeError, Deed};
use crate::factor::secret::Answer;
use crate::factor::source::Source;
use crate::login::messages::log;
use crate::login::status::Status;
use crate::login::unavailable::DoorError;
use crate::manage::{self, Authority, ManageError, NewBackupCodes};
use crate::paths::DELEGATES;
use crate::policy::access::Denied;
use crate::policy::delegates::{Delegate, DelegatedRight, Delegates, Other};
use crate::store;
use crate::system::account::{self, Account, LookupFailed};
use crate::system::clock;
use crate::text::clean;

impl Clerk<'_> {
    /// What this account may do for others. They are told without a code: it is of themselves.
    pub(super) fn rights(&mut self, own: &Account) -> Result<Reply, ManageError> {
        let delegates = self.delegates()?;
        Ok(Reply::Rights(delegates.map(|delegates| delegates.rights(&own.name)).unwrap_or_default()))
    }

    /// One errand. Whatever comes of it is logged with both names.
    pub(super) fn delegated(&mut self, user: &str, errand: Errand, code: &Answer) -> Reply {
        match self.as_delegate(user, errand, code) {
            Ok(reply) => reply,
            Err(error) => self.refuse(user, error),
        }
    }

    fn as_delegate(&mut self, user: &str, errand: Errand, code: &Answer) -> Result<Reply, ManageError> {
        let right = errand.right();
        let own = account::by_uid(self.caller.uid).map_err(|LookupFailed| DoorError::Fault)?;
        // Root is nobody's delegate: a process that is root and cannot write to the store is shut in on purpose.
        let own = own.filter(|own| own.uid != 0).ok_or(Denied::NotDelegated)?;
        let delegates = self.delegates()?.ok_or(Denied::NotDelegated)?;
        // Before the code: nobody else can have one judged here, or used up.
        if !delegates.rights(&own.name).contains(&right) {
            return Err(Denied::NotDelegated.into());
        }
        self.is_proved(&own, code)?;
        let delegation = Delegation::of(&delegates, &own);
        match errand {
            Errand::List => self.list(&delegation),
            _ => {
                // A name that does not exist is as little theirs as another's.
                let account = account::by_name(user).map_err(|LookupFailed| DoorError::Fault)?;
                let account =
                    account.filter(|account| delegation.covers(right, account)).ok_or(Denied::NotDelegated)?;
                self.runs(&own, &account, errand)
            }
        }
    }

    /// Root's file; `None`: there are no delegates. While it or the policy has a fault, root alone looks after others.
    fn delegates(&mut self) -> Result<Option<Delegates>, ManageError> {
        if let Some(fault) = self.backend.policy_fault() {
            self.log(&log::policy_error(&fault));
            return Err(DoorError::Fault.into());
        }
        let Some(text) = store::read_policy(Path::new(DELEGATES))? else { return Ok(None) };
        Delegates::parse(&text).map(Some).map_err(|fault| {
            self.log(&log::delegates_error(&fault));
            DoorError::Fault.into()
        })
    }

    /// Judges the delegate's own code like a login's: what is wrong is counted, what is right is used up.
    fn is_proved(&mut self, own: &Account, code: &Answer) -> Result<(), ManageError> {
        // The sandbox of pam-totpd holds no other store.
        if !self.backend.policy().has_default_store() {
            return Err(DoorError::Fault.into());
        }
        let verdict = self.verdict(own, code, Source::Door, None, &Source::Door)?;
        let verdict = verdict.ok_or(ChangeError::NotEnrolled)?;
        match verdict.outcome {
            Outcome::Accepted { .. } => Ok(()),
            outcome => Err(ChangeError::CodeRefused { outcome, now: verdict.now }.into()),
        }
    }

    fn runs(&mut self, own: &Account, account: &Account, errand: Errand) -> Result<Reply, ManageError> {
        let backend = self.backend;
        let (store, policy) = (backend.store()?, backend.policy());
        let (reply, done, event) = match errand {
            Errand::Status | Errand::List => {
                let status = Status::of(store, &policy.throttle, &account.name, Some(account), clock::now())?;
                (Reply::Status(status), Deed::Look.done(), None)
            }
            Errand::Unlock => {
                // Root, who can set the clock, is told more.
                if manage::unlock(store, policy, &account.name)?.clock_is_wrong {
                    return Err(DoorError::Fault.into());
                }
                (Reply::Done(NewBackupCodes::new()), "unlocked", Some("unlocked"))
            }
            Errand::Remove => {
                manage::apply(store, policy, account, Authority::Root, &Change::Remove)?;
                (Reply::Done(NewBackupCodes::new()), Deed::Remove.done(), Deed::Remove.event())
            }
            Errand::BackupCodes { count, life } => {
                let now = clock::now();
                // Nothing can end by it.
                if clock::is_wrong(now) {
                    return Err(DoorError::Fault.into());
                }
                let until = now.saturating_add(life);
                let change = Change::TemporaryCodes { count, until };
                let codes = manage::apply(store, policy, account, Authority::Root, &change)?;
                (Reply::Temporary { codes, until }, Deed::TemporaryCodes.done(), Deed::TemporaryCodes.event())
            }
        };
        self.log(&log::by_delegate(&format!("{done} {}", clean(&account.name)), &own.name));
        if let Some(event) = event {
            self.tell(&account.name, &own.name, event);
        }
        Ok(reply)
    }

    fn list(&mut self, delegation: &Delegation<'_>) -> Result<Reply, ManageError> {
        let (store, limits, now) = (self.backend.store()?, self.backend.policy().throttle, clock::now());
        let mut users = Vec::new();
        for name in delegation.names().map_err(|LookupFailed| DoorError::Fault)? {
            let account = account::by_name(&name).map_err(|LookupFailed| DoorError::Fault)?;
            let Some(account) = account.filter(|account| delegation.covers(DelegatedRight::List, account)) else {
                continue;
            };
            let status = Status::of(store, &limits, &account.name, Some(&account), now).ok();
            users.push(Listed { user: account.name, status });
        }
        self.log(&log::by_delegate("listed users", &delegation.own.name));
        Ok(Reply::Listed(users))
    }
}

/// A delegate at work: the file, who they are, and the uids of all delegates, which are looked up once.
struct Delegation<'a> {
    delegates: &'a Delegates,
    own: &'a Account,
    uids: Option<Vec<u32>>,
}

impl<'a> Delegation<'a> {
    fn of(delegates: &'a Delegates, own: &'a Account) -> Self {
        let uid = |delegate: &Delegate| account::by_name(&delegate.who).map(|found| found.map(|account| account.uid));
        let uids = delegates.delegates.iter().map(uid).collect::<Result<Vec<_>, _>>();
        Self { delegates, own, uids: uids.ok().map(|uids| uids.into_iter().flatten().collect()) }
    }

    /// Looks up what [`Delegates::may`] must know.
    fn covers(&self, right: DelegatedRight, account: &Account) -> bool {
        let is_in = |names: &[String]| {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            account::groups_among(account, &names)
        };
        // In a group that does not exist nobody is; in one that could not be looked up nobody is known to be.
        let groups = self.delegates.of(&self.own.name).flat_map(|delegate| &delegate.groups);
        let groups = groups.filter_map(|group| is_in(std::slice::from_ref(group)).ok()).flatten().collect();
        let other = Other {
            name: &account.name,
            uid: account.uid,
            is_only_name: account::by_uid(account.uid).ok().map(|found| found.as_ref() == Some(account)),
            is_delegate: self.uids.as_ref().map(|uids| uids.contains(&account.uid)),
            is_administrator: is_in(&self.delegates.administrators).ok().map(|found| !found.is_empty()),
            groups,
        };
        self.delegates.may(&self.own.name, right, &other)
    }

    /// Who may be on the delegate's list, each once: by name, as a member of a group, or in this host's files by their own
    /// group. A directory that does not list its accounts leaves out those whom only their own group makes theirs.
    fn names(&self) -> Result<BTreeSet<String>, LookupFailed> {
        let mut names = BTreeSet::new();
        let lists = self.delegates.of(&self.own.name).filter(|delegate| delegate.may.contains(&DelegatedRight::List));
        for delegate in lists {
            names.extend(delegate.users.iter().cloned());
            for group in &delegate.groups {
                let Some(group) = account::group(group)? else { continue };
                names.extend(group.members);
                let accounts = account::in_files()?.into_iter().map(|entry| entry.account);
                names.extend(accounts.filter(|account| account.gid == group.gid).map(|account| account.name));
            }
        }
        Ok(names)
    }
}
