//! Many users, each alone: one who cannot be changed stops no other.

use pam_totp::factor::change::ChangeError;
use pam_totp::manage::ManageError;
use pam_totp::manage::notify::Event;
use pam_totp::store::StoreError;
use pam_totp::system::account::{self, Account};
use pam_totp::text::{clean, shown};
use serde_json::{Map, Value, json};

use crate::hook;
use crate::log::log_change;
use crate::report::{Failure, PARTLY, Report, tell};

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
                hook::tell(&Event { event, user: Some(user), ..Event::default() });
                lines.push(format!("{}: done", shown(user)));
                modified.push(Value::from(user.clone()));
            }
            Err(error) => {
                let failure = failure_of(user, error);
                exit = failure.exit;
                failed.insert(user.clone(), said(user, &failure));
            }
        }
    }
    let exit = if modified.is_empty() || failed.is_empty() { exit } else { PARTLY };
    Ok(Report::new(lines.join("\n")).with("modified", modified).with("failed", failed).exiting(exit))
}

/// The account of one of many.
pub fn account_of(user: &str) -> Result<Account, ManageError> {
    account::by_name(user).map_err(|_| StoreError::NoAccounts)?.ok_or(ManageError::Refused(ChangeError::NotEnrolled))
}

/// One of many, for people and programs.
pub fn said(user: &str, failure: &Failure) -> Value {
    tell(&format!("pam-totp: {}: {}", shown(user), failure.message));
    json!({ "code": failure.code, "message": failure.message })
}

/// Whose failure it is may say more than the error.
pub fn failure_of(user: &str, error: ManageError) -> Failure {
    let nobody =
        matches!(error, ManageError::Refused(ChangeError::NotEnrolled)) && matches!(account::by_name(user), Ok(None));
    let failure = Failure::from(error);
    match failure.code {
        _ if nobody => Failure::no_such_user(user),
        "not_permitted" => Failure::not_authorized(user),
        _ => failure,
    }
}
