//! `status`: what one user has. Never a secret.

use std::path::Path;

use clap::Args;
use pam_totp::backend::{Backend, LocalOrDoor};
use pam_totp::factor::change::Deed;
use pam_totp::factor::secret::{GENERATED_BYTES, Secret};
use pam_totp::system::account;
use pam_totp::system::hostname::hostname;
use zeroize::Zeroizing;

use crate::backend::local_or_door_anyway;
use crate::delegate::CallingDelegate;
use crate::json;
use crate::people::whom;
use crate::proof::is_anothers;
use crate::report::{Failure, Report};
use crate::standing::UserStatus;

#[derive(Args)]
pub struct StatusArgs {
    /// Which user [default: you].
    user: Option<String>,
}

/// What one user has.
pub fn status(config: Option<&Path>, StatusArgs { user }: &StatusArgs, json: bool) -> Result<Report, Failure> {
    let user = user.as_deref();
    let (backend, warnings) = local_or_door_anyway(config)?;
    let (standing, may) = if backend.is_for_owners() { own(&backend, user, json)? } else { of_root(&backend, user)? };
    let (text, issuer) = (standing.text(), backend.policy().issuer.clone().or_else(hostname));
    let delegate = CallingDelegate::of(&backend).map(|delegate| delegate.rights()).unwrap_or_default();
    Ok(Report::new(text, &json::StatusReport { user: standing.into_user(), issuer, may, delegate, warnings }))
}

fn of_root(backend: &LocalOrDoor, user: Option<&str>) -> Result<(UserStatus, Vec<&'static str>), Failure> {
    let store = backend.store()?;
    let name = match user {
        // Of an account that is gone there may still be an enrollment to look at.
        Some(name) if store.is_enrolled(name)? => name.to_owned(),
        other => whom(other, "status")?.name,
    };
    let account = account::by_name(&name).ok().flatten();
    Ok((UserStatus::of(store, &backend.policy().throttle, &name, account)?, allowed(|_| true)))
}

/// What users may know of themselves, and delegates of others.
fn own(backend: &LocalOrDoor, user: Option<&str>, json: bool) -> Result<(UserStatus, Vec<&'static str>), Failure> {
    let account = whom(user, "status")?;
    if is_anothers(backend, &account) {
        let delegate = CallingDelegate::of(backend).ok_or_else(|| Failure::not_authorized_to_look(&account.name))?;
        let status = delegate.status(&account.name, json)?;
        return Ok((UserStatus::told(account.name, status), Vec::new()));
    }
    let (status, may) = (backend.status(&account)?, allowed(|deed| backend.may(&account, deed).is_ok()));
    Ok((UserStatus::told(account.name, status), may))
}

/// The words of what is allowed, with any key that is long enough.
fn allowed(is_allowed: impl Fn(Deed<'_>) -> bool) -> Vec<&'static str> {
    let key = Secret::from_bytes(Zeroizing::new(vec![0; GENERATED_BYTES]));
    let deeds = [
        ("enroll", Deed::Enroll(&key)),
        ("add", Deed::Add(&key)),
        ("replace", Deed::Replace(&key)),
        ("resync", Deed::Resync),
        ("counter", Deed::Counter),
        ("backup_codes", Deed::BackupCodes),
        ("temporary_backup_codes", Deed::TemporaryCodes),
        ("forget", Deed::Forget),
        ("remove_device", Deed::RemoveDevice),
        ("remove", Deed::Remove),
    ];
    deeds.into_iter().filter(|(_, deed)| is_allowed(*deed)).map(|(word, _)| word).collect()
}
