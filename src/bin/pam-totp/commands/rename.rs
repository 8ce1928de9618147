//! `rename`: an enrollment goes to another account.

use std::path::Path;

use clap::Args;
use pam_totp::backend::{Backend, Local};
use pam_totp::manage::notify::Event;
use pam_totp::manage::{self, ManageError};
use pam_totp::text::{clean, shown};

use crate::backend::local;
use crate::each::failure_of;
use crate::log::log_change;
use crate::people::by_name;
use crate::report::{Failure, Report};
use crate::{hook, json};

#[derive(Args)]
pub struct RenameArgs {
    /// The name that the enrollment has.
    old: String,
    /// The new name; the same name again for an account that was created again.
    new: String,
}

/// Moves an enrollment.
pub fn rename(config: Option<&Path>, RenameArgs { old, new }: &RenameArgs) -> Result<Report, Failure> {
    let backend: Local = local(config)?;
    let account = by_name(new)?;
    manage::rename(backend.store()?, old, &account).map_err(|error| not_moved(old, &account.name, error))?;
    log_change(&format!("moved the enrollment of {} to {}", clean(old), clean(&account.name)));
    let renamed = Event { event: "renamed", user: Some(&account.name), old_user: Some(old), ..Event::default() };
    hook::tell(&renamed);
    let text = format!("The enrollment of {} belongs to {} now.", shown(old), shown(&account.name));
    Ok(Report::new(text, &json::RenameReport { user: account.name, renamed: true }))
}

/// Which of the two it is about.
fn not_moved(old: &str, new: &str, error: ManageError) -> Failure {
    let failure = failure_of(old, error);
    let message = match failure.code {
        "already_enrolled" => format!("{} is enrolled already: remove that enrollment first", shown(new)),
        "not_enrolled" => format!("{} is not enrolled", shown(old)),
        _ => return failure,
    };
    Failure { message, ..failure }
}
