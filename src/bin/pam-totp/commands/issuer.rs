//! `issuer`: the name that apps show beside the account.

use std::path::Path;

use clap::Args;
use pam_totp::backend::Backend;
use pam_totp::system::hostname::hostname;
use pam_totp::text;

use crate::backend::local;
use crate::log::log_change;
use crate::policy_file::{POLICY_CHANGED, set_key};
use crate::report::{Failure, Report};
use crate::{hook, json};

#[derive(Args)]
pub struct IssuerArgs {
    /// The new one; "" for the hostname.
    name: Option<String>,
}

/// Shows or sets the name that apps show beside the account.
pub fn issuer(config: Option<&Path>, IssuerArgs { name }: &IssuerArgs) -> Result<Report, Failure> {
    let mut changed = false;
    if let Some(name) = name.as_deref() {
        if !name.is_empty() && !text::valid_label(name) {
            return Err(Failure::bad_input("bad_name", "an issuer has 1 to 128 printable characters and no colon"));
        }
        let issuer = Some(name.to_owned()).filter(|name| !name.is_empty());
        let value = issuer.clone().map(Into::into);
        changed = set_key(config, "issuer", value, |policy| policy.issuer = issuer)?;
        if changed {
            log_change(&match name {
                "" => "reset the issuer".into(),
                name => format!("set the issuer to {}", text::clean(name)),
            });
            hook::learn(local(config)?.policy());
            hook::tell(&POLICY_CHANGED);
        }
    }
    let issuer = local(config)?.policy().issuer.clone().or_else(hostname);
    let text = issuer.clone().unwrap_or("There is none, and this host has no name to show.".into());
    Ok(Report::new(text, &json::IssuerReport { issuer: issuer.clone(), system_wide_issuer: issuer, changed }))
}
