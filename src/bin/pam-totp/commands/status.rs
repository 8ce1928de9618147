//! `status`: what one user has. Never a secret.

use std::path::Path;

use clap::Args;
use pam_totp::backend::{Desk, Front};
use pam_totp::system::account;
use pam_totp::system::hostname::hostname;

use crate::backend::front_anyway;
use crate::people::whom;
use crate::proof::is_anothers;
use crate::report::{Failure, Report};
use crate::standing::Standing;

#[derive(Args)]
pub struct Status {
    /// Which user [default: you].
    user: Option<String>,
}

/// What one user has.
pub fn status(config: Option<&Path>, Status { user }: &Status) -> Result<Report, Failure> {
    let user = user.as_deref();
    let (desk, warnings) = front_anyway(config)?;
    let report = if desk.is_for_owners() { own(&desk, user)? } else { of_root(&desk, user)? };
    Ok(warnings.beside(report).with("issuer", desk.policy().issuer.clone().or_else(hostname)))
}

fn of_root(desk: &Front, user: Option<&str>) -> Result<Report, Failure> {
    let store = desk.store()?;
    let name = match user {
        // Of an account that is gone there may still be an enrollment to look at.
        Some(name) if store.is_enrolled(name)? => name.to_owned(),
        other => whom(other, "status")?.name,
    };
    Ok(Standing::of(store, &desk.policy().throttle, &name, account::by_name(&name).ok().flatten())?.report())
}

/// What users may know of themselves.
fn own(desk: &Front, user: Option<&str>) -> Result<Report, Failure> {
    let account = whom(user, "status")?;
    if is_anothers(desk, &account) {
        return Err(Failure::not_authorized_to_look(&account.name));
    }
    let status = desk.status(&account)?;
    Ok(Standing::told(account.name, status).report())
}
