//! Many users, each alone: one who cannot be changed stops no other.

use pam_totp::factor::change::ChangeError;
use pam_totp::login::unavailable::Unavailable;
use pam_totp::manage::ManageError;
use pam_totp::manage::notify::Event;
use pam_totp::system::account::{self, Account};
use pam_totp::text::{clean, shown};
use serde::Serialize;

use crate::hook;
use crate::json::{self, Failed};
use crate::log::log_change;
use crate::report::{Failure, PARTLY, Report, tell};

/// Each user alone: one who cannot be changed stops no other.
pub fn each(users: &[String], event: &str, done: &str, change: impl Fn(&str) -> Result<(), ManageError>) -> Each {
    let mut each = Each::default();
    for user in users {
        match change(user) {
            Ok(()) => {
                log_change(&format!("{done} {}", clean(user)));
                hook::tell(&Event { event, user: Some(user), ..Event::default() });
                each.lines.push(format!("{}: done", shown(user)));
                each.modified.push(user.clone());
            }
            Err(error) => {
                let failure = failure_of(user, error);
                each.exit = failure.exit;
                each.failed.insert(user.clone(), said(user, &failure));
            }
        }
    }
    each
}

/// What came of many.
#[derive(Default)]
pub struct Each {
    modified: Vec<String>,
    failed: Failed,
    lines: Vec<String>,
    exit: u8,
}

impl Each {
    pub fn report<T: Serialize>(self, object: impl FnOnce(Vec<String>, Failed) -> T) -> Report {
        let exit = if self.modified.is_empty() || self.failed.is_empty() { self.exit } else { PARTLY };
        Report::new(self.lines.join("\n"), &object(self.modified, self.failed)).exiting(exit)
    }
}

/// The account of one of many.
pub fn account_of(user: &str) -> Result<Account, ManageError> {
    account::by_name(user).map_err(|_| Unavailable::Accounts)?.ok_or(ManageError::Refused(ChangeError::NotEnrolled))
}

/// One of many, for people and programs.
pub fn said(user: &str, failure: &Failure) -> json::ErrorReport {
    tell(&format!("pam-totp: {}: {}", shown(user), failure.message));
    json::ErrorReport { codes: None, ..failure.error() }
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
