//! `unlock`: one code is enough again.

use std::cell::RefCell;
use std::path::Path;

use clap::Args;
use pam_totp::backend::Backend;
use pam_totp::door::errand::Errand;
use pam_totp::factor::plan::Unlocked;
use pam_totp::login::messages;
use pam_totp::manage;
use pam_totp::system::clock::now;
use pam_totp::text::{self, clean, shown};

use crate::backend::local_anyway;
use crate::delegate::CallingDelegate;
use crate::each::each;
use crate::json;
use crate::report::{Failure, Format, Report, tell};

#[derive(Args)]
pub struct UnlockArgs {
    /// Which users.
    #[arg(required = true)]
    users: Vec<String>,
}

/// Clears waits and a future state.
pub fn unlock(config: Option<&Path>, UnlockArgs { users }: &UnlockArgs, format: Format) -> Result<Report, Failure> {
    if let Some(delegate) = CallingDelegate::instead_of_root(config) {
        return by_delegate(&delegate, users, format);
    }
    let (backend, warnings) = local_anyway(config)?;
    let told = RefCell::new(Vec::new());
    let each = each(users, format, "unlocked", "unlocked", |user| {
        let unlocked = manage::unlock(backend.store()?, backend.policy(), user)?;
        told.borrow_mut().extend(beside(user, &unlocked));
        Ok(())
    });
    let notes = told.into_inner();
    notes.iter().for_each(|line| tell(line));
    Ok(each.report(|modified, failed| json::UnlockReport { modified, failed, notes, warnings }))
}

/// One user: each call takes a code of the delegate's.
fn by_delegate(delegate: &CallingDelegate, users: &[String], format: Format) -> Result<Report, Failure> {
    let each = delegate.changes(users, Errand::Unlock, format, "is unlocked")?;
    let (notes, warnings) = (Vec::new(), Vec::new());
    Ok(each.report(|modified, failed| json::UnlockReport { modified, failed, notes, warnings }))
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
        lines.push(format!("{user}: {}", messages::user::later(at, now())));
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
