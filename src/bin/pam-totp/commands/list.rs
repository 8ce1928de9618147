//! `list`: everybody who has an enrollment, or should.

use std::path::Path;

use clap::Args;
use pam_totp::backend::{Backend, Local};
use pam_totp::factor::throttle::Limits;
use pam_totp::store::{Store, StoreError};
use pam_totp::system::account::Account;
use pam_totp::text::shown;

use crate::accounts::{self, Accounts, GroupMembers};
use crate::backend::local_anyway;
use crate::each::said;
use crate::json::{self, Failed, ListedUser};
use crate::orphans::{Orphan, can_tell_orphans, orphans, renaming};
use crate::people::by_name;
use crate::report::{Failure, PARTLY, Report};
use crate::rollout::Rollout;
use crate::standing::UserStatus;

/// Without a filter: every user who is enrolled. With several filters: the users who pass each of them.
#[derive(Args)]
pub struct ListArgs {
    /// Only these users.
    #[arg(value_name = "USER")]
    users: Vec<String>,
    /// Accounts with a login shell that are not enrolled.
    #[arg(long)]
    unenrolled: bool,
    /// Accounts with a login shell that are refused unless they are enrolled.
    #[arg(long)]
    required: bool,
    /// Enrollments whose account is gone, or has another uid now.
    #[arg(long, conflicts_with_all = ["unenrolled", "required"])]
    orphans: bool,
    /// Members of this group.
    #[arg(long, value_name = "GROUP")]
    group: Option<String>,
}

pub fn list(config: Option<&Path>, arguments: &ListArgs) -> Result<Report, Failure> {
    let (backend, warnings) = local_anyway(config)?;
    let store = backend.store()?;
    let mut found = FoundUsers::default();
    let named = Named::of(store, &arguments.users)?;
    // Of a few users nobody lists a whole directory.
    let lists = named.is_everybody || arguments.filters();
    let accounts = if lists { accounts::all()? } else { Accounts::new() };
    if arguments.orphans {
        can_tell_orphans()?;
        let group = arguments.group.as_deref().map(GroupMembers::of).transpose()?;
        let names = store.names()?.into_iter().filter(|name| named.means(name)).collect();
        for (name, orphan) in orphans(store, names, &accounts)? {
            if group.as_ref().is_none_or(|group| group.has(&name, &accounts)) {
                found.orphan(&name, &orphan);
            }
        }
    } else {
        for name in names(&backend, &accounts, arguments, &named)? {
            found.user(store, &backend.policy().throttle, &name, accounts::named(&name, &accounts).ok().flatten());
        }
    }
    if found.lines.is_empty() && named.failed.is_empty() {
        found.lines.push(arguments.nobody().into());
    }
    let (users, exit) = (found.users, named.exit());
    let failed = (!named.is_everybody).then_some(named.failed);
    Ok(Report::new(found.lines.join("\n"), &json::ListReport { users, failed, warnings }).unwrapped().exiting(exit))
}

/// The users that somebody named.
struct Named {
    /// Nobody was named.
    is_everybody: bool,
    users: Vec<String>,
    failed: Failed,
    exit: u8,
}

impl Named {
    fn of(store: &dyn Store, users: &[String]) -> Result<Self, Failure> {
        let mut named = Self { is_everybody: users.is_empty(), users: Vec::new(), failed: Failed::new(), exit: 0 };
        for user in users {
            let known = match store.is_enrolled(user) {
                Ok(true) => Ok(user.clone()),
                // By the name that counts: a directory may know them by several.
                Ok(false) => by_name(user).map(|account| account.name),
                Err(error @ StoreError::NameTooLong) => Err(error.into()),
                Err(error) => return Err(error.into()),
            };
            match known {
                Ok(name) if named.users.contains(&name) => {}
                Ok(name) => named.users.push(name),
                Err(failure) => {
                    named.exit = failure.exit;
                    named.failed.insert(user.clone(), said(user, &failure));
                }
            }
        }
        Ok(named)
    }

    fn means(&self, name: &String) -> bool {
        self.is_everybody || self.users.contains(name)
    }

    fn exit(&self) -> u8 {
        if self.exit == 0 || self.users.is_empty() { self.exit } else { PARTLY }
    }
}

impl ListArgs {
    fn filters(&self) -> bool {
        self.unenrolled || self.required || self.orphans || self.group.is_some()
    }

    fn nobody(&self) -> &'static str {
        match self {
            Self { orphans: true, .. } => "Every enrollment has its account.",
            Self { unenrolled: false, required: false, group: None, .. } => "Nobody is enrolled.",
            _ => "No user matches.",
        }
    }
}

/// The names that pass every filter.
fn names(backend: &Local, accounts: &Accounts, arguments: &ListArgs, named: &Named) -> Result<Vec<String>, Failure> {
    if !arguments.filters() {
        return if named.is_everybody { Ok(backend.store()?.names()?) } else { Ok(named.users.clone()) };
    }
    let group = arguments.group.as_deref().map(GroupMembers::of).transpose()?;
    let rollout = Rollout::of(backend, accounts)?;
    let people: Vec<String> = if arguments.unenrolled || arguments.required {
        rollout.people().map(ToOwned::to_owned).collect()
    } else {
        rollout.enrolled.iter().cloned().collect()
    };
    let passes = |name: &String| {
        named.means(name)
            && (!arguments.unenrolled || !rollout.enrolled.contains(name))
            && (!arguments.required || rollout.is_required(name))
            && group.as_ref().is_none_or(|group| group.has(name, accounts))
    };
    Ok(people.into_iter().filter(passes).collect())
}

#[derive(Default)]
struct FoundUsers {
    users: Vec<ListedUser>,
    lines: Vec<String>,
}

impl FoundUsers {
    fn user(&mut self, store: &dyn Store, limits: &Limits, name: &str, account: Option<Account>) {
        match UserStatus::of(store, limits, name, account) {
            Ok(standing) => {
                self.lines.push(standing.line());
                self.users.push(ListedUser::User(standing.into_user()));
            }
            // One damaged file hides nobody else.
            Err(error) => {
                self.lines.push(format!("{:<24} cannot be used: {error}", shown(name)));
                let (user, problem) = (name.to_owned(), error.to_string());
                self.users.push(ListedUser::Problem(json::UnusableUser { user, enrolled: true, problem }));
            }
        }
    }

    fn orphan(&mut self, name: &str, orphan: &Orphan) {
        self.lines.push(format!("{:<24} {}", shown(name), orphan.words()));
        if let Orphan::Renamed(names) = orphan {
            self.lines.extend(renaming(name, names).into_iter().map(|command| format!("    {command}")));
        }
        self.users.push(ListedUser::Orphan(json::OrphanedUser {
            user: name.to_owned(),
            enrolled: true,
            orphan: orphan.code(),
            renamed_to: orphan.renamed_to().map(ToOwned::to_owned),
        }));
    }
}
