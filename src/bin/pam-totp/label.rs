//! The two names that an app shows of a key.

use clap::Args;
use pam_totp::backend::{Backend, LocalOrDoor};
use pam_totp::system::account::Account;
use pam_totp::system::hostname::hostname;
use pam_totp::text;

use crate::report::Failure;

#[derive(Args)]
pub struct Label {
    /// The name that the app shows first [default: the policy's, else the hostname].
    #[arg(long)]
    issuer: Option<String>,
    /// The name that the app shows second [default: USER].
    #[arg(long)]
    account: Option<String>,
}

/// Issuer and account. The account is the user alone: the issuer names the host.
pub fn label(backend: &LocalOrDoor, label: &Label, account: &Account) -> Result<(String, String), Failure> {
    let issuer = label.issuer.clone().or_else(|| backend.policy().issuer.clone()).or_else(hostname);
    let issuer = issuer.ok_or_else(|| Failure::host("this host has no name to show: give --issuer"))?;
    let name = label.account.clone().unwrap_or_else(|| account.name.clone());
    if [&issuer, &name].into_iter().all(|text| text::valid_label(text)) {
        Ok((issuer, name))
    } else {
        let text = "issuer and account have 1 to 128 printable characters and no colon";
        Err(Failure::bad_input("bad_name", text))
    }
}
