//! `forget`: ends remembered addresses.

use std::path::Path;

use clap::Args;
use pam_totp::backend::LocalOrDoor;
use pam_totp::factor::change::{Change, Deed};
use pam_totp::text::shown;

use crate::backend::local_or_door;
use crate::each::{Each, account_of, each};
use crate::json::{self, Failed};
use crate::people::{by_name, whom};
use crate::proof::own_alone;
use crate::report::{Failure, Format, Report};

#[derive(Args)]
pub struct ForgetArgs {
    /// Whose; without it your own.
    users: Vec<String>,
}

/// Ends remembered addresses.
pub fn forget(config: Option<&Path>, ForgetArgs { users }: &ForgetArgs, format: Format) -> Result<Report, Failure> {
    let backend = local_or_door(config)?;
    if backend.is_for_owners() {
        return own(&backend, users, format);
    }
    let own = if users.is_empty() { vec![whom(None, "forget")?.name] } else { Vec::new() };
    let users = if users.is_empty() { &own } else { users };
    let each = each(users, format, "addresses_forgotten", Deed::Forget.done(), |user| {
        backend.apply(&account_of(user)?, None, Change::Forget).map(drop)
    });
    Ok(each.report(forgotten))
}

/// Ends what is remembered of them. It takes nothing away but a login without a code, so it needs none.
fn own(backend: &LocalOrDoor, users: &[String], format: Format) -> Result<Report, Failure> {
    let account = match users {
        [] => whom(None, "forget")?,
        [name] => by_name(name)?,
        _ => return Err(Failure::usage("without root you look after your own enrollment alone")),
    };
    own_alone(backend, &account)?;
    backend.apply(&account, None, Change::Forget)?;
    let text = format!("{}: done", shown(&account.name));
    Ok(Each::done(format, &account.name, &text).report(forgotten))
}

fn forgotten(modified: Vec<String>, failed: Failed) -> json::ForgetReport {
    json::ForgetReport { modified, failed }
}
