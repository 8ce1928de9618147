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
    /// Only say which stacks would then refuse everybody, or let everybody in.
    #[arg(long)]
    dry_run: bool,
}

pub fn disable(
    config: Option<&Path>,
    PolicyDisableArgs { yes, dry_run }: &PolicyDisableArgs,
    json: bool,
) -> Result<Report, Failure> {
    let backend = local(config)?;
    let off = Off::of(path(config));
    if *dry_run {
        let would = off.said().unwrap_or_else(|| "With the policy off nobody is asked for a code.".into());
        let Off { refuse, open, .. } = off;
        let changed = backend.policy().enabled;
        let object = json::PolicyDisableReport { enabled: false, changed, refuse, open, dry_run: true };
        return Ok(Report::new(format!("{would}\nNothing was changed."), &object));
    }
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
    let Off { refuse, open, .. } = off;
    let object = json::PolicyDisableReport { enabled: false, changed, refuse, open, dry_run: false };
    Ok(Report::new(format!("{state}: nobody is asked for a code. Enrollments stay."), &object))
}
