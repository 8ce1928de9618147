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
use crate::report::{Failure, Format, PARTLY, Report, tell};
use crate::stream::Stream;

/// Each user alone: one who cannot be changed stops no other. What is heard of it changes nothing.
pub fn each(
    users: &[String],
    format: Format,
    event: &str,
    done: &str,
    change: impl Fn(&str) -> Result<(), ManageError>,
) -> Each {
    let mut each = Each::new(format);
    each.stream.counts(users.len());
    for user in users {
        match change(user) {
            Ok(()) => {
                each.stream.aside(|| log_change(&format!("{done} {}", clean(user))));
                hook::tell(&Event { event, user: Some(user), ..Event::default() });
                each.stream.line(&format!("{}: done", shown(user)));
                each.modified(user);
            }
            Err(error) => each.failed(user, &failure_of(user, error)),
        }
        each.stream.bar.inc(1);
    }
    each
}

/// What came of many. Of those who were said in a line of their own only the number is kept.
pub struct Each {
    stream: Stream,
    done: usize,
    modified: Vec<String>,
    failed: Failed,
    exit: u8,
}

impl Each {
    fn new(format: Format) -> Self {
        Self { stream: Stream::changing(format), done: 0, modified: Vec::new(), failed: Failed::new(), exit: 0 }
    }

    /// Of one user, who was changed.
    pub fn done(format: Format, user: &str, line: &str) -> Self {
        let mut each = Self::new(format);
        each.stream.line(line);
        each.modified(user);
        each
    }

    /// Of one user, who could not be.
    pub fn refused(format: Format, user: &str, failure: &Failure) -> Self {
        let mut each = Self::new(format);
        each.failed(user, failure);
        each
    }

    fn modified(&mut self, user: &str) {
        self.done += 1;
        match self.stream.format {
            Format::Text => {}
            Format::Json => self.modified.push(user.to_owned()),
            Format::JsonLines => self.stream.object(&json::UserLine::new(user, "modified")),
        }
    }

    fn failed(&mut self, user: &str, failure: &Failure) {
        self.exit = failure.exit;
        let error = self.stream.aside(|| said(user, failure));
        match self.stream.format {
            Format::Text => {}
            Format::Json => drop(self.failed.insert(user.to_owned(), error)),
            Format::JsonLines => {
                self.stream.object(&json::UserLine { error: Some(error), ..json::UserLine::new(user, "failed") });
            }
        }
    }

    pub fn report<T: Serialize>(self, object: impl FnOnce(Vec<String>, Failed) -> T) -> Report {
        // Of several failures the last one's code, where nothing was done.
        let exit = if self.done == 0 || self.exit == 0 { self.exit } else { PARTLY };
        let said: &[&str] = if self.stream.format == Format::JsonLines { &["modified", "failed"] } else { &[] };
        let report = Report::new(String::new(), &object(self.modified, self.failed)).without(said);
        self.stream.end(report.exiting(exit))
    }
}

/// The account of one of many.
pub fn account_of(user: &str) -> Result<Account, ManageError> {
    account::by_name(user).map_err(|_| Unavailable::Accounts)?.ok_or(ManageError::Refused(ChangeError::NotEnrolled))
}

/// One of many, for people and programs.
pub fn said(user: &str, failure: &Failure) -> json::ErrorReport {
    tell(&format!("pam-totp: {}: {}", shown(user), failure.message));
    failure.error()
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
