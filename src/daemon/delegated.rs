//! A delegate looks after another user: by root's file, and each time with a code of their own.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::Clerk;
use crate::door::errand::Errand;
use crate::door::listing::Listed;
use crate::door::wire::Reply;
use crate::factor::attempt::Outcome;
use crate::factor::change::{Change, ChangeError, Deed};
use crate::factor::secret::Answer;
use crate::factor::source::Source;
use crate::factor::throttle::ROW;
use crate::login::messages::log;
use crate::login::status::Status;
use crate::login::unavailable::DoorError;
use crate::manage::{self, Authority, ManageError, NewBackupCodes};
use crate::paths::DELEGATES;
use crate::policy::access::Denied;
use crate::policy::delegates::{Delegate, DelegatedRight, Delegates, Other};
use crate::store;
use crate::system::account::{self, Account, Group, LookupFailed};
use crate::system::clock;
use crate::text::clean;

impl Clerk<'_> {
    /// What this account may do for others. They are told without a code: it is of themselves. Where nobody can tell they may do
    /// nothing, and the log hears of that when they try.
    pub(super) fn rights(&self, own: &Account) -> Reply {
        let delegates = self.delegates().ok().flatten();
        Reply::Rights(delegates.map(|delegates| delegates.rights(&own.name)).unwrap_or_default())
    }

    /// Is this a delegate? A first enrollment asks for no code: a stolen session could make its own, and have all their rights.
    pub(super) fn is_delegate(&mut self, own: &Account) -> Result<bool, ManageError> {
        let delegates = self.delegates().map_err(|fault| self.faulty(&fault))?;
        Ok(delegates.is_some_and(|delegates| delegates.of(&own.name).next().is_some()))
    }

    /// One errand. Whatever comes of it is logged with both names.
    pub(super) fn delegated(&mut self, user: &str, errand: Errand, code: &Answer) -> Reply {
        let own = account::by_uid(self.caller.uid).ok().flatten();
        let (who, what) = (own.as_ref().map_or("", |own| &own.name), errand.right().word());
        // A list is of no other user.
        let whom = if errand == Errand::List { who } else { user };
        let result =
            own.as_ref().ok_or(Denied::NotDelegated.into()).and_then(|own| self.as_delegate(own, user, errand, code));
        result.unwrap_or_else(|error| {
            self.log(&log::refused_for(&log::by_delegate(&format!("{what} of {}", clean(whom)), who), &error));
            Reply::Refused(error.into())
        })
    }

    fn as_delegate(&mut self, own: &Account, user: &str, errand: Errand, code: &Answer) -> Result<Reply, ManageError> {
        // The sandbox of pam-totpd holds no other store.
        if !self.backend.policy().has_default_store() {
            return Err(DoorError::Fault.into());
        }
        let delegates = self.delegates().map_err(|fault| self.faulty(&fault))?.ok_or(Denied::NotDelegated)?;
        // Before the code: nobody else can have one judged here, or used up. Root is nobody's delegate: a process that is root
        // and cannot write to the store is shut in on purpose.
        if own.uid == 0 || !delegates.rights(&own.name).contains(&errand.right()) {
            return Err(Denied::NotDelegated.into());
        }
        self.is_proved(own, code)?;
        let delegation = Delegation::of(&delegates, own).map_err(|LookupFailed| DoorError::Fault)?;
        if errand == Errand::List {
            return self.list(&delegation);
        }
        // A name that does not exist is as little theirs as another's.
        let account = account::by_name(user).map_err(|LookupFailed| DoorError::Fault)?;
        let account = account.filter(|account| delegation.covers(errand.right(), account));
        self.runs(own, &account.ok_or(Denied::NotDelegated)?, errand)
    }

    /// Root's file; `None`: there are no delegates. While it or the policy has a fault, root alone looks after others.
    fn delegates(&self) -> Result<Option<Delegates>, String> {
        match self.backend.policy_fault() {
            Some(fault) => Err(fault),
            None => match store::read_policy(Path::new(DELEGATES)) {
                Ok(None) => Ok(None),
                Ok(Some(text)) => Delegates::parse(&text).map(Some).map_err(|fault| format!("{DELEGATES}: {fault}")),
                Err(error) => Err(error.to_string()),
            },
        }
    }

    fn faulty(&mut self, fault: &str) -> ManageError {
        self.log(&log::delegates_error(&fault));
        DoorError::Fault.into()
    }

    /// Judges the delegate's own code like a login's: what is wrong is counted, what is right is used up.
    fn is_proved(&mut self, own: &Account, code: &Answer) -> Result<(), ManageError> {
        let verdict = self.verdict(own, code, Source::Door, None, &Source::Door)?;
        let verdict = verdict.ok_or(ChangeError::NotEnrolled)?;
        match verdict.outcome {
            Outcome::Accepted { .. } => Ok(()),
            outcome => Err(ChangeError::CodeRefused { outcome, now: verdict.now }.into()),
        }
    }

    fn runs(&mut self, own: &Account, account: &Account, errand: Errand) -> Result<Reply, ManageError> {
        let backend = self.backend;
        let (store, policy, now) = (backend.store()?, backend.policy(), clock::now());
        // What another uid has enrolled, or what cannot be read, is root's to sort out: also for what root does without reading.
        let status = Status::of(store, &policy.throttle, &account.name, Some(account), now)?;
        let done = || Reply::Done(NewBackupCodes::new());
        let (reply, deed, event) = match errand {
            Errand::Status | Errand::List => (Reply::Status(status), Deed::Look.done(), None),
            Errand::Remove => {
                manage::apply(store, policy, account, Authority::Root, &Change::Remove)?;
                (done(), Deed::Remove.done(), Deed::Remove.event())
            }
            // By a wrong clock nothing comes back in time, and nothing ends.
            _ if clock::is_wrong(now) => return Err(DoorError::Fault.into()),
            Errand::Unlock if status.row >= ROW => return Err(Denied::Closed.into()),
            Errand::Unlock => {
                manage::unlock_waits(store, policy, account)?;
                (done(), "unlocked", Some("unlocked"))
            }
            Errand::BackupCodes { count, life } => {
                let until = now.saturating_add(life);
                let change = Change::TemporaryCodes { count, until };
                let codes = manage::apply(store, policy, account, Authority::Root, &change)?;
                (Reply::Temporary { codes, until }, Deed::TemporaryCodes.done(), Deed::TemporaryCodes.event())
            }
        };
        self.log(&log::by_delegate(&format!("{deed} {}", clean(&account.name)), &own.name));
        if let Some(event) = event {
            self.tell(&account.name, &own.name, event);
        }
        Ok(reply)
    }

    /// Of those whom the delegate may only list: whether they are enrolled.
    fn list(&mut self, delegation: &Delegation<'_>) -> Result<Reply, ManageError> {
        let (store, limits, now) = (self.backend.store()?, self.backend.policy().throttle, clock::now());
        let mut users = BTreeMap::new();
        for name in delegation.names() {
            let account = account::by_name(&name).map_err(|LookupFailed| DoorError::Fault)?;
            let Some(account) = account.filter(|account| delegation.covers(DelegatedRight::List, account)) else {
                continue;
            };
            let status = match delegation.covers(DelegatedRight::Status, &account) {
                true => Status::of(store, &limits, &account.name, Some(&account), now).ok(),
                false => {
                    let enrolled = store.is_enrolled(&account.name).ok();
                    enrolled.map(|enrolled| Status { enrolled, ..Status::default() })
                }
            };
            users.insert(account.name, status);
        }
        self.log(&log::by_delegate("listed users", &delegation.own.name));
        Ok(Reply::Listed(users.into_iter().map(|(user, status)| Listed { user, status }).collect()))
    }
}

/// A delegate at work. Whatever is asked of every user is looked up once.
struct Delegation<'a> {
    delegates: &'a Delegates,
    own: &'a Account,
    /// Uids of all delegates.
    theirs: BTreeSet<u32>,
    administrators: Administrators,
    /// The delegate's groups, by name. One that does not exist is nobody's.
    groups: BTreeMap<&'a str, TheirGroup>,
}

/// Their groups, and the uids of those who are in one, by whatever name.
struct Administrators {
    gids: BTreeSet<u32>,
    uids: BTreeSet<u32>,
}

impl Administrators {
    /// A group that is not there is a failure: the C library also says so when a service could not be asked.
    fn of(names: &[String]) -> Result<Self, LookupFailed> {
        let groups = names.iter().map(|name| account::group(name)?.ok_or(LookupFailed));
        let groups: Vec<Group> = groups.collect::<Result<_, _>>()?;
        let gids: BTreeSet<u32> = groups.iter().map(|group| group.gid).collect();
        let own = account::in_files()?.into_iter().map(|entry| entry.account);
        let mut uids: BTreeSet<u32> = own.filter(|own| gids.contains(&own.gid)).map(|own| own.uid).collect();
        for name in groups.iter().flat_map(|group| &group.members) {
            uids.extend(uid(name)?);
        }
        Ok(Self { gids, uids })
    }
}

/// Who is in a group.
struct TheirGroup {
    gid: u32,
    /// Those whom it lists.
    listed: BTreeSet<String>,
    /// Those in this host's files whose own group it is.
    own: Vec<String>,
}

impl TheirGroup {
    fn of(group: Group) -> Result<Self, LookupFailed> {
        let accounts = account::in_files()?.into_iter().map(|entry| entry.account);
        let own = accounts.filter(|account| account.gid == group.gid).map(|account| account.name).collect();
        Ok(Self { gid: group.gid, listed: group.members.into_iter().collect(), own })
    }
}

fn uid(name: &str) -> Result<Option<u32>, LookupFailed> {
    Ok(account::by_name(name)?.map(|account| account.uid))
}

impl<'a> Delegation<'a> {
    fn of(delegates: &'a Delegates, own: &'a Account) -> Result<Self, LookupFailed> {
        let administrators = Administrators::of(&delegates.administrators)?;
        let theirs = delegates.delegates.iter().map(|delegate| uid(&delegate.who)).collect::<Result<Vec<_>, _>>()?;
        let theirs = theirs.into_iter().flatten().chain([own.uid]).collect();
        let mut groups = BTreeMap::new();
        for name in delegates.of(&own.name).flat_map(|delegate| &delegate.groups) {
            if let Some(group) = account::group(name)? {
                groups.insert(name.as_str(), TheirGroup::of(group)?);
            }
        }
        Ok(Self { delegates, own, theirs, administrators, groups })
    }

    /// Looks up what [`Delegates::may`] must know.
    fn covers(&self, right: DelegatedRight, account: &Account) -> bool {
        let Ok(ids) = account::group_ids(account) else { return false };
        let is_in_one = ids.iter().any(|id| self.administrators.gids.contains(id));
        let is_named = self.delegates.delegates.iter().any(|delegate| delegate.who == account.name);
        let is_in = |members: &TheirGroup| ids.contains(&members.gid) || members.listed.contains(&account.name);
        let groups = self.groups.iter().filter(|(_, members)| is_in(members));
        let other = Other {
            name: &account.name,
            uid: account.uid,
            is_first_name: account::by_uid(account.uid).is_ok_and(|found| found.as_ref() == Some(account)),
            is_delegate: is_named || self.theirs.contains(&account.uid),
            is_administrator: is_in_one || self.administrators.uids.contains(&account.uid),
            groups: groups.map(|(name, _)| (*name).to_owned()).collect(),
        };
        self.delegates.may(&self.own.name, right, &other)
    }

    /// Who may be on the delegate's list. A directory that does not list its accounts leaves out those whom only their own
    /// group makes theirs.
    fn names(&self) -> BTreeSet<String> {
        let lists = |delegate: &&Delegate| delegate.may.contains(&DelegatedRight::List);
        let mut names = BTreeSet::new();
        for delegate in self.delegates.of(&self.own.name).filter(lists) {
            names.extend(delegate.users.iter().cloned());
            for members in delegate.groups.iter().filter_map(|name| self.groups.get(name.as_str())) {
                names.extend(members.listed.iter().chain(&members.own).cloned());
            }
        }
        names
    }
}
