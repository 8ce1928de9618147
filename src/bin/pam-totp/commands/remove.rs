//! `remove`: turns two-factor authentication off for users, one, many, or all; or takes one device of several.

use std::collections::BTreeMap;
use std::path::Path;

use clap::Args;
use pam_totp::backend::{Backend, Local, LocalOrDoor};
use pam_totp::door::errand::Errand;
use pam_totp::factor::change::Change;
use pam_totp::manage;
use pam_totp::system::{account, disk};
use pam_totp::text::{clean, counted, shown};

use crate::accounts::{self, Accounts};
use crate::backend::{local, local_or_door};
use crate::delegate::CallingDelegate;
use crate::each::{Each, account_of, each};
use crate::form::valid_name;
use crate::input::{Input, agrees};
use crate::json::{self, Failed};
use crate::log::person;
use crate::orphans::{self, Orphan, Orphans, renaming};
use crate::people::{by_name, unavailable, whom};
use crate::proof::{CURRENT, apply, current_code, is_anothers, own_alone};
use crate::report::{Failure, Format, NO, Report, USAGE};

/// So many are named before they are removed.
const ASKED_OF: usize = 20;

#[derive(Args)]
pub struct RemoveArgs {
    /// Which users [default: you, without root]. With --orphans: only those of them that are orphans.
    users: Vec<String>,
    /// Only this device. The user keeps the others.
    #[arg(long, value_name = "NAME", conflicts_with_all = ["orphans", "all"])]
    device: Option<String>,
    /// Every enrollment whose account is gone, or has another uid now.
    #[arg(long)]
    orphans: bool,
    /// Everybody's but your own.
    #[arg(long, conflicts_with_all = ["users", "orphans"])]
    all: bool,
    /// With --all: not of this user; may be repeated.
    #[arg(long, value_name = "USER", conflicts_with_all = ["users", "orphans"])]
    except: Vec<String>,
    /// Do not ask for confirmation.
    #[arg(long)]
    yes: bool,
}

/// Removes enrollments.
pub fn remove(config: Option<&Path>, arguments: &RemoveArgs, format: Format) -> Result<Report, Failure> {
    match arguments {
        RemoveArgs { all: true, except, yes, .. } => all(config, except, *yes, format),
        RemoveArgs { except, .. } if !except.is_empty() => Err(Failure::usage("--except is for --all")),
        RemoveArgs { orphans: true, users, yes, .. } => orphans(config, users, *yes, format),
        RemoveArgs { users, device, .. } => {
            let backend = local_or_door(config)?;
            device.as_deref().map_or(Ok(()), valid_name)?;
            match users.as_slice() {
                users if backend.is_for_owners() => by_owner(&backend, users, device.as_deref(), format),
                [] => Err(Failure::usage("Say whose: `remove alice`, `remove --orphans` or `remove --all`")),
                users => match device {
                    Some(device) => Ok(one_device(&backend, users, device, format)),
                    None => by_root(config, users, format),
                },
            }
        }
    }
}

/// Removes whole enrollments.
fn by_root(config: Option<&Path>, users: &[String], format: Format) -> Result<Report, Failure> {
    let backend = local(config)?;
    let each =
        each(users, format, "removed", "removed the enrollment of", |user| manage::remove(backend.store()?, user));
    Ok(each.report(removed))
}

/// Removes one device of several.
fn one_device(backend: &LocalOrDoor, users: &[String], device: &str, format: Format) -> Report {
    let done = format!("removed the device {} of", clean(device));
    let each = each(users, format, "device_removed", &done, |user| {
        backend.apply(&account_of(user)?, None, Change::RemoveDevice(device.to_owned())).map(drop)
    });
    each.report(removed)
}

fn removed(modified: Vec<String>, failed: Failed) -> json::RemoveReport {
    json::RemoveReport { modified, failed, renamed: Vec::new() }
}

fn all(config: Option<&Path>, except: &[String], yes: bool, format: Format) -> Result<Report, Failure> {
    let own = own_name()?;
    let names = local(config)?.store()?.names()?;
    // A typo would remove just the one that was to stay.
    for name in except.iter().filter(|name| names.binary_search(name).is_err()) {
        by_name(name)?;
    }
    let stays = |name: &String| Some(name) == own.as_ref() || except.contains(name);
    let names: Vec<String> = names.into_iter().filter(|name| !stays(name)).collect();
    let question = turn_off(names.len());
    if !names.is_empty() && !yes && !agrees(&question, format.is_json())? {
        return Ok(unchanged());
    }
    by_root(config, &names, format)
}

/// Whose enrollment is kept; on another system's disk nobody's is one's own.
fn own_name() -> Result<Option<String>, Failure> {
    if disk::is_entered() {
        return Ok(None);
    }
    // A directory that does not answer would cost the person behind this their own enrollment.
    let person = person();
    match person.account {
        Some(name) => Ok(Some(name)),
        None => Err(Failure::host(format!("no account has your {person}, so yours cannot be kept: name the users"))),
    }
}

/// With names there is nothing to ask: they say whom. That is how the removal of an account calls this.
fn orphans(config: Option<&Path>, users: &[String], yes: bool, format: Format) -> Result<Report, Failure> {
    orphans::can_tell_orphans()?;
    let backend: Local = local(config)?;
    let store = backend.store()?;
    let (names, accounts) = match users {
        [] => (store.names()?, accounts::all()?),
        // By name even one that may be renamed is removed.
        users => {
            let kept = users.iter().map(|user| Ok(store.keeps(user)?.then(|| user.clone())));
            let kept = kept.collect::<Result<Vec<_>, Failure>>()?;
            (kept.into_iter().flatten().collect(), Accounts::default())
        }
    };
    let orphans = Orphans::new(store, &accounts);
    let mut found = Vec::new();
    for name in names {
        let Some(orphan) = orphans.look(&name)? else { continue };
        // A listing can end too early, on a host that is short of something, and does not say so: there is no other copy of
        // the key.
        let is_missed =
            !matches!(orphan, Orphan::OtherUid) && account::by_name(&name).map_err(|_| unavailable())?.is_some();
        found.extend((!is_missed).then_some((name, orphan)));
    }
    // What was another's uid once may be the same person under a new name, and there is no other copy of the key.
    let is_left = |orphan: &Orphan| users.is_empty() && matches!(orphan, Orphan::Renamed(_));
    let (left, found): (Vec<_>, Vec<_>) = found.into_iter().partition(|(_, orphan)| is_left(orphan));
    if users.is_empty() && !found.is_empty() && !yes {
        let some = found.iter().take(ASKED_OF);
        let mut question: String = some.map(|(name, orphan)| format!("{name}: {}\n", orphan.words())).collect();
        if let Some(more @ 1..) = found.len().checked_sub(ASKED_OF) {
            question.push_str(&format!("and {more} more: see `pam-totp list --orphans`.\n"));
        }
        question
            .push_str("Is every directory service up? Users who are only missing there would lose their enrollment.\n");
        question.push_str(&turn_off(found.len()));
        if !agrees(&question, format.is_json())? {
            return Ok(unchanged());
        }
    }
    let orphans: BTreeMap<String, Orphan> = found.into_iter().collect();
    let names: Vec<String> = orphans.keys().cloned().collect();
    let each = each(&names, format, "removed", "removed the enrollment of", |name| match orphans.get(name) {
        // Waits and counts go too: the next account of that name starts clean.
        Some(Orphan::NoAccount | Orphan::Renamed(_)) => manage::forget(store, name),
        _ => manage::remove(store, name),
    });
    let mut renamed = Vec::new();
    for (name, orphan) in &left {
        let Orphan::Renamed(names) = orphan else { continue };
        eprintln!("pam-totp: {} was left alone: {}", clean(name), orphan.words());
        renaming(name, names).iter().for_each(|command| eprintln!("    {command}"));
        let renamed_to = names.first().cloned().unwrap_or_default();
        renamed.push(json::RenamedAccount { user: name.clone(), renamed_to });
    }
    Ok(each.report(|modified, failed| json::RemoveReport { modified, failed, renamed }))
}

fn turn_off(users: usize) -> String {
    format!("Turn two-factor authentication off for {}?", counted(users, "user", "users"))
}

fn unchanged() -> Report {
    Report::for_people("Nothing was changed.".into()).exiting(NO)
}

/// Removes the user's own enrollment, with a code of what is removed. Answers as root's `remove` does.
fn by_owner(backend: &LocalOrDoor, users: &[String], device: Option<&str>, format: Format) -> Result<Report, Failure> {
    let name = match users {
        [] => whom(None, "remove")?.name,
        [name] => name.clone(),
        _ => return Err(Failure::usage("without root a command is about you alone: leave the names out, or use sudo")),
    };
    if let (None, Some(delegate)) = (device, delegate_of(backend, &name)) {
        return Ok(delegate.changes(users, Errand::Remove, format, "is not enrolled any more")?.report(removed));
    }
    match take_off(backend, &name, device, format.is_json()) {
        Ok(()) => {
            let text = match device {
                Some(device) => format!("{device} is no device of {} any more.", shown(&name)),
                None => format!("{} is not enrolled any more.", shown(&name)),
            };
            Ok(Each::done(format, &name, &text).report(removed))
        }
        Err(failure) if failure.exit == USAGE => Err(failure),
        Err(failure) => Ok(Each::refused(format, &name, &failure).report(removed)),
    }
}

/// The caller, where the account is another's and may be one of theirs.
fn delegate_of(backend: &LocalOrDoor, name: &str) -> Option<CallingDelegate> {
    by_name(name).ok().filter(|account| is_anothers(backend, account)).and_then(|_| CallingDelegate::of(backend))
}

fn take_off(backend: &LocalOrDoor, name: &str, device: Option<&str>, json: bool) -> Result<(), Failure> {
    let account = by_name(name)?;
    own_alone(backend, &account)?;
    let change = device.map_or(Change::Remove, |device| Change::RemoveDevice(device.to_owned()));
    let mut input = Input::new(json)?;
    let current = current_code(backend, &account, &change, CURRENT, &mut input)?;
    apply(backend, &account, Some(current), &change, &mut input)?;
    Ok(())
}
