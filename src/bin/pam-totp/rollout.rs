//! Who has an enrollment, who lacks one, and whom that keeps out.

use std::collections::BTreeSet;
use std::fmt;

use pam_totp::backend::{Backend, Local};
use pam_totp::doctor::stacks::files::AskingStack;
use pam_totp::factor::source::Source;
use pam_totp::policy::Policy;
use pam_totp::policy::rules::{DecidedBy, Facts, Ruling, Unenrolled, decide};
use pam_totp::store::Store;
use pam_totp::text::counted;

use crate::accounts::{Accounts, GroupMembers};
use crate::json::RefusedPeople;
use crate::report::Failure;
use crate::stacks;

/// What sshd may have seen succeed: nothing, or all there is.
const SHOWN: [&str; 2] = ["", "publickey\npassword\nkeyboard-interactive\nhostbased\ngssapi-with-mic"];

/// Accounts and enrollments side by side.
pub struct Rollout<'a> {
    accounts: &'a Accounts,
    /// In order.
    enrolled: Vec<String>,
    pub stacks: Vec<AskingStack>,
    policy: Policy,
    /// The groups that rules name.
    groups: Vec<(String, Option<GroupMembers>)>,
}

impl<'a> Rollout<'a> {
    pub fn of(backend: &Local, accounts: &'a Accounts) -> Result<Self, Failure> {
        Self::under(backend.policy().clone(), backend.store()?, accounts)
    }

    /// Under a policy that is not in force yet.
    pub fn under(policy: Policy, store: &dyn Store, accounts: &'a Accounts) -> Result<Self, Failure> {
        let rules = policy.rules.require.iter().chain(&policy.rules.exempt);
        let named: BTreeSet<&String> = rules.flat_map(|rule| rule.groups.iter().flatten()).collect();
        let groups = named.into_iter().map(|name| Ok((name.clone(), GroupMembers::find(name)?)));
        let groups = groups.collect::<Result<Vec<_>, Failure>>()?;
        let enrolled = store.names()?;
        Ok(Self { accounts, enrolled, stacks: stacks::files().naming_us(), policy, groups })
    }

    /// Who can log in.
    pub fn people(&self) -> impl Iterator<Item = &str> {
        self.accounts.lines().filter(|line| line.can_log_in()).map(|line| line.account.name.as_str())
    }

    pub fn is_enrolled(&self, name: &str) -> bool {
        self.enrolled.binary_search_by(|enrolled| enrolled.as_str().cmp(name)).is_ok()
    }

    pub fn enrolled(&self) -> impl Iterator<Item = &str> {
        self.enrolled.iter().map(String::as_str)
    }

    /// Is there a login for which they must be enrolled?
    pub fn is_required(&self, name: &str) -> bool {
        self.rulings(name).any(|ruling| match ruling {
            // A place that is not known may be in the rule's network.
            Ruling::Ask { by: DecidedBy::Require(_) | DecidedBy::Doubt(_), .. } => true,
            ruling => refuses(&ruling),
        })
    }

    /// What their logins may come to: in each stack of this host, from anywhere, however sshd knew them before. Before
    /// there is a stack, in sshd's, which is the first to have one, without `nullok`.
    fn rulings(&self, name: &str) -> impl Iterator<Item = Ruling> {
        let inside = |group: &(String, Option<GroupMembers>)| match &group.1 {
            Some(members) => members.has(name, self.accounts),
            None => false,
        };
        let groups: Vec<String> =
            self.groups.iter().filter(|group| inside(group)).map(|group| group.0.clone()).collect();
        let mut stacks: Vec<(&str, bool)> = self.stacks.iter().map(|s| (s.service.as_str(), s.nullok)).collect();
        if stacks.is_empty() {
            stacks.push(("sshd", false));
        }
        let logins = stacks.into_iter().flat_map(|stack| SHOWN.map(|shown| (stack, shown)));
        let rulings = logins.map(|((service, nullok), ssh_auth)| {
            // An unknown place may be in any network: that requires, and exempts nobody.
            let (user, source, groups) = (Some(name), Source::Unknown, Some(groups.clone()));
            let facts = Facts { user, service, source, ssh_auth, groups, own: None };
            decide(&self.policy.rules, self.policy.unenrolled, nullok, &facts)
        });
        rulings.collect::<Vec<_>>().into_iter()
    }

    pub fn count(&self) -> Count {
        let without: Vec<&str> = self.people().filter(|name| !self.is_enrolled(name)).collect();
        let refused = without.iter().filter(|name| self.rulings(name).any(|ruling| refuses(&ruling))).count();
        Count { accounts: self.people().count(), unenrolled: without.len(), refused }
    }
}

fn refuses(ruling: &Ruling) -> bool {
    matches!(ruling, Ruling::Ask { without: Unenrolled::Deny, .. })
}

/// Accounts with a login shell, those of them that are not enrolled, and those of these that are refused.
#[derive(Clone, Copy)]
pub struct Count {
    pub accounts: usize,
    pub unenrolled: usize,
    pub refused: usize,
}

impl From<Count> for RefusedPeople {
    fn from(Count { accounts, unenrolled, refused }: Count) -> Self {
        Self { accounts, unenrolled, refused }
    }
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { accounts, unenrolled, refused } = self;
        let accounts = counted(*accounts, "account", "accounts");
        let are = if *unenrolled == 1 { "is" } else { "are" };
        write!(f, "{unenrolled} of {accounts} with a shell {are} not enrolled")?;
        match *refused {
            0 => f.write_str("; nobody is refused for that."),
            all if all == *unenrolled => write!(f, " and {are} refused: see `pam-totp list --unenrolled`."),
            1 => f.write_str("; 1 of them is refused: see `pam-totp list --required --unenrolled`."),
            some => write!(f, "; {some} of them are refused: see `pam-totp list --required --unenrolled`."),
        }
    }
}
