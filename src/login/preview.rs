//! Before the prompt: is this user asked for a code?

use crate::factor::remember::Memory;
use crate::factor::source::{Source, is_remote};
use crate::login::unavailable::Unavailable;
use crate::policy::Policy;
use crate::policy::rules::Unenrolled;
use crate::policy::rules::{self, DecidedBy, Facts, Ruling};
use crate::store::{Store, StoreError};
use crate::system::account::{self, Account};
use crate::system::clock;
use crate::system::interfaces;

/// What is known of a login before the prompt.
#[derive(Clone, Copy, Debug)]
pub struct Login<'a> {
    /// What was typed; `None` is a name that cannot be one.
    pub name: Option<&'a str>,
    /// PAM_SERVICE.
    pub service: &'a str,
    /// Where it comes from.
    pub source: Source,
    /// SSH_AUTH_INFO_0.
    pub ssh_auth: &'a str,
    /// The stack's `nullok`.
    pub nullok: bool,
    /// May the policy's `[remember]` apply? Only where a root host names the address, and where a user sees whether
    /// they are asked.
    pub remembers: bool,
}

/// What to do with a login.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Preview {
    /// No code is due; with the account's name, if one was found.
    Ignore(Reason, Option<String>),
    /// Ask; what the answer can come to depends on the standing.
    Ask(Standing),
    /// Let them enroll now.
    Enroll {
        /// Whom.
        account: Account,
        /// By a rule, so that it cannot be put off.
        required: bool,
    },
}

/// Why no code is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The policy is off.
    SwitchedOff,
    /// Those who are not enrolled may pass.
    NotEnrolled,
    /// A rule exempts this login.
    Exempt,
    /// A code was given from this address not long ago.
    Remembered,
}

/// Who is being asked. All are asked alike, and all but the first are refused alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Enrolled.
    Enrolled(Account),
    /// An account that is not enrolled.
    Unenrolled(Account),
    /// No such account.
    Unknown,
    /// Nobody can tell; nobody gets in by that.
    Faulty(Unavailable),
}

impl Preview {
    /// The account's name, for the log.
    pub fn user(&self) -> Option<&str> {
        match self {
            Self::Ask(standing) => standing.user(),
            Self::Enroll { account, .. } => Some(&account.name),
            Self::Ignore(_, user) => user.as_deref(),
        }
    }
}

impl Standing {
    /// The account's name, for the log; what else was typed may be a password.
    pub fn user(&self) -> Option<&str> {
        match self {
            Self::Enrolled(account) | Self::Unenrolled(account) => Some(&account.name),
            Self::Unknown | Self::Faulty(_) => None,
        }
    }
}

/// Looks at policy, account, rules and secret file, in this order. The ruling says which rule decided.
pub fn preview(
    store: Result<&dyn Store, &StoreError>,
    policy: &Policy,
    login: &Login<'_>,
    is_enrolled: impl Fn(&str) -> Result<bool, Unavailable>,
) -> (Preview, Ruling) {
    panic_here!("preview");
    if !policy.enabled {
        // Nobody is looked up: a directory that does not answer locks nobody out.
        return (Preview::Ignore(Reason::SwitchedOff, None), Ruling::Off);
    }
    let account = login.name.map_or(Ok(None), account::by_name);
    let found = account.as_ref().ok().and_then(Option::as_ref);
    let ruling = rules::decide(&policy.rules, policy.unenrolled, login.nullok, &facts(policy, login, found));
    let (without, by) = match ruling {
        Ruling::Off => return (Preview::Ignore(Reason::SwitchedOff, None), ruling),
        Ruling::Exempt(_) => return (Preview::Ignore(Reason::Exempt, found.map(|found| found.name.clone())), ruling),
        Ruling::Ask { without, by } => (without, by),
    };
    let preview = match (standing(login.name, account, is_enrolled), without) {
        (Standing::Enrolled(account), _) if is_remembered(store, policy, login, &account) => {
            Preview::Ignore(Reason::Remembered, Some(account.name))
        }
        (Standing::Unenrolled(account), Unenrolled::Allow) => Preview::Ignore(Reason::NotEnrolled, Some(account.name)),
        // Only NSS says whose a name is: where it was not asked, a directory may still find somebody who is enrolled.
        (Standing::Unknown, Unenrolled::Allow) if login.name.is_some_and(account::is_looked_up) => {
            Preview::Ignore(Reason::NotEnrolled, None)
        }
        (Standing::Unenrolled(account), Unenrolled::Enroll) => {
            Preview::Enroll { account, required: matches!(by, DecidedBy::Require(_) | DecidedBy::Doubt(_)) }
        }
        (standing, _) => Preview::Ask(standing),
    };
    (preview, ruling)
}

/// Looks up only what a rule hangs on: a login without rules costs no system call more.
fn facts<'a>(policy: &Policy, login: &Login<'a>, account: Option<&'a Account>) -> Facts<'a> {
    let (service, source, ssh_auth) = (login.service, login.source, login.ssh_auth);
    let user = account.map(|account| account.name.as_str());
    let mut facts = Facts { user, service, source, ssh_auth, groups: None, own: None };
    if policy.rules.hang_on_own_addresses(&facts) {
        facts.own = interfaces::addresses();
    }
    let groups = policy.rules.groups_in_question(&facts);
    if !groups.is_empty() {
        facts.groups = account.and_then(|account| account::groups_among(account, &groups).ok());
    }
    facts
}

/// What a code from here is remembered by, if it is.
pub fn memory(policy: &Policy, login: &Login<'_>, account: &Account) -> Option<Memory> {
    let remember = policy.remember.as_ref().filter(|_| login.remembers)?;
    let Source::Net(address) = login.source else { return None };
    let applies = remember.services.iter().any(|service| service == login.service)
        && is_remote(address, interfaces::addresses().as_deref()) == Some(true);
    applies.then(|| Memory::new(remember.hours, account, address))
}

fn is_remembered(
    store: Result<&dyn Store, &StoreError>,
    policy: &Policy,
    login: &Login<'_>,
    account: &Account,
) -> bool {
    let Some(memory) = memory(policy, login, account) else { return false };
    let record = store.as_ref().ok().and_then(|store| store.record(&account.name).ok().flatten());
    record.is_some_and(|record| memory.holds(&record, clock::now()))
}

/// Unenrolled means exactly: the account was looked up without an error, and there is no file in a `secrets/`
/// that passed its checks. Anything else would let an unmounted disk open the host.
fn standing(
    name: Option<&str>,
    account: Result<Option<Account>, account::LookupFailed>,
    is_enrolled: impl Fn(&str) -> Result<bool, Unavailable>,
) -> Standing {
    let canonical = account.as_ref().ok().and_then(Option::as_ref).map(|account| account.name.as_str());
    match (is_enrolled(canonical.or(name).unwrap_or_default()), account) {
        (Err(error), _) => Standing::Faulty(error),
        (Ok(true), Ok(Some(account))) => Standing::Enrolled(account),
        (Ok(false), Ok(Some(account))) => Standing::Unenrolled(account),
        (Ok(false), Ok(None)) => Standing::Unknown,
        // glibc hides a service that failed behind a later one that knows nobody ("files systemd", out of
        // descriptors): who is enrolled is there all the same.
        (Ok(true), Ok(None)) | (Ok(_), Err(account::LookupFailed)) => Standing::Faulty(Unavailable::Accounts),
    }
}
