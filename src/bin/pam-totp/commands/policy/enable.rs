//! `policy enable`: codes are asked for, once it was said who would be refused.

use std::path::Path;

use clap::Args;
use pam_totp::backend::Backend;
use pam_totp::policy::Policy;

use crate::backend::local;
use crate::input::agrees;
use crate::log::log_change;
use crate::policy_file::{POLICY_CHANGED, path, set_key};
use crate::report::{Failure, NO, Report};
use crate::rollout::{Count, Rollout};
use crate::{accounts, consequences, hook, json};

#[derive(Args)]
pub struct PolicyEnableArgs {
    /// Do not ask for confirmation.
    #[arg(long)]
    yes: bool,
    /// Say how many users would be refused; change nothing.
    #[arg(long)]
    dry_run: bool,
}

pub fn enable(
    config: Option<&Path>,
    PolicyEnableArgs { yes, dry_run }: &PolicyEnableArgs,
    json: bool,
) -> Result<Report, Failure> {
    let backend = local(config)?;
    let accounts = accounts::all()?;
    let rollout = Rollout::of(&backend, &accounts)?;
    let count = rollout.count();
    let asks = !rollout.stacks.is_empty();
    if asks && !backend.policy().enabled && count.refused > 0 && !*yes && !*dry_run {
        let question = format!("{count}\nSwitch two-factor authentication on?");
        if !agrees(&question, json)? {
            return Ok(Report::for_people("Nothing was changed.".into()).exiting(NO));
        }
    }
    let changed = match dry_run {
        true => !backend.policy().enabled,
        false => set_key(config, "enabled", Some(true.into()), |policy| policy.enabled = true)?,
    };
    if changed && !*dry_run {
        log_change("switched the policy on");
        hook::tell(&POLICY_CHANGED);
    }
    let stacks: Vec<String> = rollout.stacks.iter().map(|stack| stack.service.clone()).collect();
    let effect = if asks {
        let when = if *dry_run { "With the policy on, these" } else { "These" };
        format!("{when} stacks ask for a code: {}.\n{count}", stacks.join(", "))
    } else if *dry_run {
        "Nothing asks for a code yet.".into()
    } else {
        "Nothing asks for a code yet: `pam-totp stack add sshd` has sshd ask after the password. Keep a root shell open \
         until a login in a second terminal has worked."
            .into()
    };
    let state = match (changed, dry_run) {
        (false, _) => "The policy was on already.",
        (true, false) => "The policy is on.",
        (true, true) => "Nothing was changed.",
    };
    let warnings = consequences::unstored(path(config), &Policy { enabled: true, ..backend.policy().clone() });
    let warned: String = warnings.iter().map(|warning| format!("\nwarning: {warning}")).collect();
    let Count { accounts, unenrolled, refused } = count;
    let object = json::PolicyEnableReport {
        enabled: true,
        changed,
        stacks,
        accounts,
        unenrolled,
        refused,
        warnings,
        dry_run: *dry_run,
    };
    Ok(Report::new(format!("{state} {effect}{warned}"), &object))
}
