//! What users look after themselves, without root: their own factor, each change proved by a code of it.

use nix::unistd::Uid;
use pam_totp::access::Deed;
use pam_totp::account::Account;
use pam_totp::desk::Front;
use pam_totp::manage::{Change, ManageError};
use pam_totp::secret::Answer;
use pam_totp::words::clean;
use serde_json::Map;

use super::change;
use super::input::Input;
use super::look::Standing;
use super::people::{by_name, log_change, whom};
use super::report::{Failure, Report, USAGE};

/// A user looks after nobody's factor but his own; said here, whether or not there is a door.
pub fn check(desk: &Front, account: &Account) -> Result<(), Failure> {
    if desk.is_for_owners() && Uid::effective().as_raw() != account.uid {
        return Err(Failure::not_authorized(&account.name));
    }
    Ok(())
}

/// The code by which a user proves what he has enrolled.
pub fn current_code(desk: &Front, account: &Account, deed: Deed<'_>, input: &mut Input) -> Result<Answer, Failure> {
    // Before anybody looks for his phone.
    desk.may(account, deed)?;
    if !desk.is_enrolled(&account.name)? {
        return Err(ManageError::NotEnrolled.into());
    }
    input.code("Current code: ")
}

/// Logs what root did; what a user did is logged by pam-totpd, where he cannot forge it.
pub fn log_if_root(desk: &Front, what: &str) {
    if !desk.is_for_owners() {
        log_change(what);
    }
}

/// What a user may know of himself.
pub fn status(desk: &Front, user: Option<&str>) -> Result<Report, Failure> {
    let account = whom(user, "status")?;
    check(desk, &account)?;
    let status = desk.status(&account)?;
    Ok(Standing::told(account.name, status).report())
}

/// Takes his own factor off, with a code of what is taken off. Answers as root's `remove` does.
pub fn remove(desk: &Front, users: &[String], device: Option<&str>, json: bool) -> Result<Report, Failure> {
    let name = match users {
        [] => whom(None, "remove")?.name,
        [name] => name.clone(),
        _ => return Err(Failure::usage("without root you look after your own factor alone")),
    };
    match take_off(desk, &name, device, json) {
        Ok(()) => {
            let text = match device {
                Some(device) => format!("{device} is no device of {} any more.", clean(&name)),
                None => format!("{} is not enrolled any more.", clean(&name)),
            };
            Ok(Report::new(text).with("modified", vec![name]).with("failed", Map::new()))
        }
        Err(failure) if failure.exit == USAGE => Err(failure),
        Err(failure) => {
            let failed = Map::from_iter([(name.clone(), change::said(&name, &failure))]);
            let report = Report::new(String::new()).with("modified", Vec::<String>::new()).with("failed", failed);
            Ok(report.exiting(failure.exit))
        }
    }
}

fn take_off(desk: &Front, name: &str, device: Option<&str>, json: bool) -> Result<(), Failure> {
    let account = by_name(name)?;
    check(desk, &account)?;
    let (deed, change) = match device {
        Some(device) => (Deed::RemoveDevice, Change::RemoveDevice(device.to_owned())),
        None => (Deed::Remove, Change::Remove),
    };
    let current = current_code(desk, &account, deed, &mut Input::new(json)?)?;
    desk.apply(&account, Some(&current), change)?;
    Ok(())
}
