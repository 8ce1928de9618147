//! `remove`, `unlock`, `rename`: what administrators do to the enrollments of others.

use pam_totp::text;
use std::cell::RefCell;
use std::path::Path;

use pam_totp::account;
use pam_totp::clock::now;
use pam_totp::desk::{Desk, Front, Local};
use pam_totp::manage::{self, Change, ManageError, Unlocked};
use pam_totp::notify::Event;
use pam_totp::store::StoreError;
use pam_totp::text::{clean, shown};
use pam_totp::words;
use serde_json::{Map, Value, json};

use crate::notify;
use crate::people::{by_name, desk, desk_anyway, front, log_change, whom};
use crate::proof;
use crate::report::{Failure, PARTLY, Report, tell};

/// Removes the enrollment.
pub fn remove(config: Option<&Path>, users: &[String]) -> Result<Report, Failure> {
    let desk = desk(config)?;
    each(users, "removed", "removed the enrollment of", |user| manage::remove(desk.store()?, user))
}

/// Removes one device of several.
pub fn remove_device(desk: &Front, users: &[String], device: &str) -> Result<Report, Failure> {
    each(users, "device_removed", &format!("removed the device {} of", clean(device)), |user| {
        let account = account::by_name(user).map_err(|_| StoreError::NoAccounts)?.ok_or(ManageError::NotEnrolled)?;
        desk.apply(&account, None, Change::RemoveDevice(device.to_owned())).map(|_| ())
    })
}

/// Ends remembered addresses.
pub fn forget(config: Option<&Path>, users: &[String]) -> Result<Report, Failure> {
    let desk = front(config)?;
    if desk.is_for_owners() {
        return proof::forget(&desk, users);
    }
    let own = if users.is_empty() { vec![whom(None, "forget")?.name] } else { Vec::new() };
    each(
        if users.is_empty() { &own } else { users },
        "addresses_forgotten",
        "ended the remembered addresses of",
        |user| {
            let account =
                account::by_name(user).map_err(|_| StoreError::NoAccounts)?.ok_or(ManageError::NotEnrolled)?;
            desk.apply(&account, None, Change::Forget).map(drop)
        },
    )
}

/// Clears waits and a future state.
pub fn unlock(config: Option<&Path>, users: &[String]) -> Result<Report, Failure> {
    let (desk, warnings) = desk_anyway(config)?;
    let told = RefCell::new(Vec::new());
    let report = each(users, "unlocked", "unlocked", |user| {
        let unlocked = manage::unlock(desk.store()?, desk.policy(), user)?;
        told.borrow_mut().extend(beside(user, &unlocked));
        Ok(())
    })?;
    let told = told.into_inner();
    told.iter().for_each(|line| tell(line));
    Ok(warnings.beside(report.with("notes", told)))
}

/// What an administrator must know of whom they have unlocked.
fn beside(user: &str, unlocked: &Unlocked) -> Vec<String> {
    let Unlocked { brought_back, was_ahead, clock_is_wrong } = unlocked;
    let user = shown(user);
    let mut lines = Vec::new();
    if *clock_is_wrong {
        lines.push(format!(
            "{user}: set the clock first (`timedatectl`), then unlock again: it is wrong, and until it is right no code of \
             an app counts"
        ));
        return lines;
    }
    if let Some(at) = brought_back.counts_from.filter(|at| *at > now()) {
        lines.push(format!("{user}: {}", words::user::later(at, now())));
    }
    if *was_ahead > 0 {
        let ahead = text::duration(*was_ahead);
        lines.push(format!(
            "{user}: the last code was of {ahead} later than the clock says. If the clock was ahead then, codes of that \
             time may be known: enroll {user} again with a new key"
        ));
    }
    for device in &brought_back.stay {
        let device = clean(device);
        lines.push(format!(
            "{user}: {device} was unlocked too often with a wrong clock: enroll it again with a new key"
        ));
    }
    lines
}

/// Moves an enrollment.
pub fn rename(config: Option<&Path>, old: &str, new: &str) -> Result<Report, Failure> {
    let desk: Local = desk(config)?;
    let account = by_name(new)?;
    manage::rename(desk.store()?, old, &account).map_err(|error| not_moved(old, &account.name, error))?;
    log_change(&format!("moved the enrollment of {} to {}", clean(old), clean(&account.name)));
    let renamed = Event { event: "renamed", user: Some(&account.name), old_user: Some(old), ..Event::default() };
    notify::tell(&renamed);
    let (old, new) = (shown(old), shown(&account.name));
    Ok(Report::new(format!("The enrollment of {old} belongs to {new} now."))
        .with("user", account.name)
        .with("renamed", true))
}

/// Which of the two it is about.
fn not_moved(old: &str, new: &str, error: ManageError) -> Failure {
    let failure = for_user(old, error);
    let message = match failure.code {
        "already_enrolled" => format!("{} is enrolled already: remove that enrollment first", shown(new)),
        "not_enrolled" => format!("{} is not enrolled", shown(old)),
        _ => return failure,
    };
    Failure { message, ..failure }
}

/// Each user alone: one who cannot be changed stops no other.
pub fn each(
    users: &[String],
    event: &str,
    done: &str,
    change: impl Fn(&str) -> Result<(), ManageError>,
) -> Result<Report, Failure> {
    let (mut modified, mut failed, mut lines, mut exit) = (Vec::new(), Map::new(), Vec::new(), 0);
    for user in users {
        match change(user) {
            Ok(()) => {
                log_change(&format!("{done} {}", clean(user)));
                notify::tell(&Event { event, user: Some(user), ..Event::default() });
                lines.push(format!("{}: done", shown(user)));
                modified.push(Value::from(user.clone()));
            }
            Err(error) => {
                let failure = for_user(user, error);
                exit = failure.exit;
                failed.insert(user.clone(), said(user, &failure));
            }
        }
    }
    let exit = if modified.is_empty() || failed.is_empty() { exit } else { PARTLY };
    Ok(Report::new(lines.join("\n")).with("modified", modified).with("failed", failed).exiting(exit))
}

/// One of many, for people and programs.
pub fn said(user: &str, failure: &Failure) -> Value {
    tell(&format!("pam-totp: {}: {}", shown(user), failure.message));
    json!({ "code": failure.code, "message": failure.message })
}

/// Whose failure it is may say more than the error.
pub fn for_user(user: &str, error: ManageError) -> Failure {
    let nobody = matches!(error, ManageError::NotEnrolled) && matches!(account::by_name(user), Ok(None));
    let failure = Failure::from(error);
    match failure.code {
        _ if nobody => Failure::no_such_user(user),
        "not_permitted" => Failure::not_authorized(user),
        _ => failure,
    }
}
