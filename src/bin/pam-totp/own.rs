//! What users look after themselves, without root: their own factor, each change proved by a code of it.

use nix::unistd::Uid;
use pam_totp::access::Deed;
use pam_totp::account::Account;
use pam_totp::desk::Front;
use pam_totp::manage::{Change, ManageError};
use pam_totp::secret::Answer;
use serde_json::Map;

use super::input::Input;
use super::look::Standing;
use super::people::{by_name, log_change, whom};
use super::report::{Failure, Report};

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

/// Takes his own factor off, with a code of what is taken off.
pub fn remove(desk: &Front, users: &[String], json: bool) -> Result<Report, Failure> {
    let account = match users {
        [] => whom(None, "remove")?,
        [name] => by_name(name)?,
        _ => return Err(Failure::usage("without root you look after your own factor alone")),
    };
    check(desk, &account)?;
    let current = current_code(desk, &account, Deed::Remove, &mut Input::new(json)?)?;
    desk.apply(&account, Some(&current), Change::Remove)?;
    let text = format!("{} is not enrolled any more.", account.name);
    Ok(Report::new(text).with("modified", vec![account.name]).with("failed", Map::new()))
}
