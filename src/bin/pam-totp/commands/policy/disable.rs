//! `policy disable`: nobody is asked for a code, once it was said which stacks that would open or close.

use std::path::Path;

use clap::Args;
use pam_totp::backend::Desk;

use crate::backend::desk;
use crate::consequences::Off;
use crate::hook;
use crate::input::agrees;
use crate::log::log_change;
use crate::policy_file::{POLICY_CHANGED, path, set_key};
use crate::report::{Failure, NO, Report};

#[derive(Args)]
pub struct Disable {
    /// Do not ask for confirmation.
    #[arg(long)]
    yes: bool,
}

pub fn disable(config: Option<&Path>, Disable { yes }: &Disable, json: bool) -> Result<Report, Failure> {
    let desk = desk(config)?;
    let off = Off::of(path(config));
    if let Some(question) = off.question().filter(|_| desk.policy().enabled && !*yes) {
        if !agrees(&question, json)? {
            return Ok(Report::new("Nothing was changed.".into()).with("enabled", true).exiting(NO));
        }
    }
    let changed = set_key(config, "enabled", Some(false.into()), |policy| policy.enabled = false)?;
    if changed {
        log_change("switched the policy off");
        hook::tell(&POLICY_CHANGED);
    }
    let state = if changed { "The policy is off" } else { "The policy was off already" };
    Ok(Report::new(format!("{state}: nobody is asked for a code. Enrollments stay."))
        .with("enabled", false)
        .with("changed", changed)
        .with("refuse", off.refuse)
        .with("open", off.open))
}
