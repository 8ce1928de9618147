//! `list`: everybody who has an enrollment, or should.

use std::path::Path;

use clap::Args;
use pam_totp::backend::{Backend, Local};
use pam_totp::door::listing::Listed;
use pam_totp::factor::throttle::Limits;
use pam_totp::store::{Store, StoreError};
use pam_totp::system::account::Account;
use pam_totp::system::disk;
use pam_totp::text::shown;

use crate::accounts::{self, Accounts, GroupMembers};
use crate::backend::local_anyway;
use crate::delegate::CallingDelegate;
use crate::each::said;
use crate::json::{self, Failed, ListedUser};
use crate::log::person;
use crate::orphans::{Orphan, Orphans, can_tell_orphans, renaming};
use crate::people::by_name;
use crate::report::{Failure, Format, PARTLY, Report};
use crate::rollout::Rollout;
use crate::standing::UserStatus;
use crate::stream::Stream;

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

pub fn list(config: Option<&Path>, arguments: &ListArgs, format: Format) -> Result<Report, Failure> {
    if let Some(delegate) = CallingDelegate::instead_of_root(config) {
        return of_delegate(&delegate, arguments, format);
    }
    let (backend, warnings) = local_anyway(config)?;
    let store = backend.store()?;
    let named = Named::of(store, &arguments.users)?;
    // Of a few users nobody lists a whole directory.
    let lists = named.is_everybody || arguments.filters();
    let accounts = if lists { accounts::all()? } else { Accounts::default() };
    let mut found = FoundUsers { stream: Stream::looking(format, "users"), count: 0 };
    if arguments.orphans {
        found.orphans(store, &accounts, arguments, &named)?;
    } else {
        let names = names(&backend, &accounts, arguments, &named)?;
        found.stream.counts(names.len());
        for name in names {
            found.user(store, &backend.policy().throttle, &name, accounts.named(&name).ok().flatten());
            if found.stream.is_over() {
                break;
            }
        }
    }
    let nobody = found.count == 0 && named.failed.is_empty();
    let (exit, text) = (named.exit(), if nobody { arguments.nobody() } else { "" });
    let failed = (!named.is_everybody).then_some(named.failed);
    let caller = caller();
    let report = Report::new(text.into(), &json::ListReport { users: Vec::new(), failed, caller, warnings });
    Ok(found.stream.end(report.unwrapped().exiting(exit)))
}

/// All of a delegate's users, enrolled or not.
fn of_delegate(delegate: &CallingDelegate, arguments: &ListArgs, format: Format) -> Result<Report, Failure> {
    if arguments.filters() || !arguments.users.is_empty() {
        return Err(Failure::usage("a delegate's list has all of their users: leave names and filters out"));
    }
    let users = delegate.list(format.is_json())?;
    let mut found = FoundUsers { stream: Stream::looking(format, "users"), count: 0 };
    found.stream.counts(users.len());
    for Listed { user, status } in users {
        match status {
            Some(status) => found.standing(UserStatus::told(user, status)),
            None => found.unusable(&user, "ask the administrator"),
        }
    }
    let text = if found.count == 0 { "You have no users on this host." } else { "" };
    let report = json::ListReport { users: Vec::new(), failed: None, caller: caller(), warnings: Vec::new() };
    Ok(found.stream.end(Report::new(text.into(), &report).unwrapped()))
}

/// On another system's disk nobody is.
fn caller() -> Option<String> {
    if disk::is_entered() { None } else { person().account }
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
        rollout.enrolled().map(ToOwned::to_owned).collect()
    };
    let passes = |name: &String| {
        named.means(name)
            && (!arguments.unenrolled || !rollout.is_enrolled(name))
            && (!arguments.required || rollout.is_required(name))
            && group.as_ref().is_none_or(|group| group.has(name, accounts))
    };
    Ok(people.into_iter().filter(passes).collect())
}

/// Who was found, said one by one.
struct FoundUsers {
    stream: Stream,
    count: usize,
}

impl FoundUsers {
    fn user(&mut self, store: &dyn Store, limits: &Limits, name: &str, account: Option<Account>) {
        match UserStatus::of(store, limits, name, account) {
            Ok(standing) => self.standing(standing),
            // One damaged file hides nobody else.
            Err(error) => self.unusable(name, &error.to_string()),
        }
    }

    fn standing(&mut self, standing: UserStatus) {
        self.stream.line(&standing.line());
        self.said(&ListedUser::User(standing.into_user()));
    }

    fn unusable(&mut self, name: &str, problem: &str) {
        self.stream.line(&format!("{:<24} cannot be used: {problem}", shown(name)));
        let (user, problem) = (name.to_owned(), problem.to_owned());
        self.said(&ListedUser::Problem(json::UnusableUser { user, enrolled: true, problem }));
    }

    fn said(&mut self, user: &ListedUser) {
        self.count += 1;
        self.stream.bar.inc(1);
        self.stream.object(user);
    }

    fn orphans(
        &mut self,
        store: &dyn Store,
        accounts: &Accounts,
        arguments: &ListArgs,
        named: &Named,
    ) -> Result<(), Failure> {
        can_tell_orphans()?;
        let group = arguments.group.as_deref().map(GroupMembers::of).transpose()?;
        let (orphans, names) = (Orphans::new(store, accounts), store.names()?);
        self.stream.counts(names.len());
        let mut held = Vec::new();
        for name in names.into_iter().filter(|name| named.means(name)) {
            let orphan = orphans.look(&name)?.filter(|_| group.as_ref().is_none_or(|group| group.has(&name, accounts)));
            match orphan {
                // A look-up may fail yet, and then the one object says that alone.
                Some(orphan) if self.stream.format == Format::Json => held.push((name, orphan)),
                Some(orphan) => self.orphan(&name, &orphan),
                None => self.stream.bar.inc(1),
            }
            if self.stream.is_over() {
                break;
            }
        }
        held.iter().for_each(|(name, orphan)| self.orphan(name, orphan));
        Ok(())
    }

    fn orphan(&mut self, name: &str, orphan: &Orphan) {
        self.stream.line(&format!("{:<24} {}", shown(name), orphan.words()));
        if let Orphan::Renamed(names) = orphan {
            renaming(name, names).iter().for_each(|command| self.stream.line(&format!("    {command}")));
        }
        self.said(&ListedUser::Orphan(json::OrphanedUser {
            user: name.to_owned(),
            enrolled: true,
            orphan: orphan.code(),
            renamed_to: orphan.renamed_to().map(ToOwned::to_owned),
        }));
    }
}
