//! `policy disable`: nobody is asked for a code, once it was said which stacks that would open or close.

use std::path::Path;

use clap::Args;
use pam_totp::backend::Backend;

use crate::backend::local;
use crate::consequences::Off;
use crate::input::agrees;
use crate::log::log_change;
use crate::policy_file::{POLICY_CHANGED, path, set_key};
use crate::report::{Failure, NO, Report};
use crate::{hook, json};

#[derive(Args)]
pub struct PolicyDisableArgs {
    /// Do not ask for confirmation.
    #[arg(long)]
    yes: bool,
}

pub fn disable(
    config: Option<&Path>,
    PolicyDisableArgs { yes }: &PolicyDisableArgs,
    json: bool,
) -> Result<Report, Failure> {
    let backend = local(config)?;
    let off = Off::of(path(config));
    if let Some(question) = off.question().filter(|_| backend.policy().enabled && !*yes) {
        if !agrees(&question, json)? {
            return Ok(Report::for_people("Nothing was changed.".into()).exiting(NO));
        }
    }
    let changed = set_key(config, "enabled", Some(false.into()), |policy| policy.enabled = false)?;
    if changed {
        log_change("switched the policy off");
        hook::tell(&POLICY_CHANGED);
    }
    let state = if changed { "The policy is off" } else { "The policy was off already" };
    let object = json::PolicyDisableReport { enabled: false, changed, refuse: off.refuse, open: off.open };
    Ok(Report::new(format!("{state}: nobody is asked for a code. Enrollments stay."), &object))
}
