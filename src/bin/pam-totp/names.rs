//! Looks up each name that the policy has, and the program that it names.

use std::path::Path;

use pam_totp::doctor::delegates::{self, Read};
use pam_totp::doctor::finding::Finding;
use pam_totp::doctor::names::{Looked, Lookups, check};
use pam_totp::paths::DELEGATES;
use pam_totp::policy::Policy;
use pam_totp::policy::delegates::Delegates;
use pam_totp::store::read_policy;
use pam_totp::system::account;

use crate::accounts::Accounts;
use crate::{hook, stacks};

/// What does not fit, of the policy at `path`. Of another system's disk its own files are asked.
pub fn unknown(path: &Path, policy: &Policy, accounts: &Accounts) -> Vec<Finding> {
    let user = |name: &str| user(name, accounts);
    let lookups = Lookups { user: &user, group: &group, has_stack: &stacks::has_file };
    check(path, policy, &lookups).into_iter().chain(hook::judge(path, policy)).collect()
}

/// What does not fit in the file of delegates, as far as the caller may read it.
pub fn of_delegates(accounts: &Accounts, is_enrolled: &dyn Fn(&str) -> bool) -> Vec<Finding> {
    let path = Path::new(DELEGATES);
    let read = match read_policy(path) {
        Ok(None) => return Vec::new(),
        Ok(Some(text)) => Read::Text(Delegates::parse(&text)),
        Err(error) if error.is_out_of_reach() => return Vec::new(),
        Err(error) => Read::Unusable(error),
    };
    let user = |name: &str| user(name, accounts);
    let lookups = Lookups { user: &user, group: &group, has_stack: &stacks::has_file };
    delegates::check(path, &read, &lookups, is_enrolled)
}

fn user(name: &str, accounts: &Accounts) -> Looked {
    match accounts.named(name) {
        Ok(Some(account)) if account.name == name => Looked::There,
        Ok(Some(account)) => Looked::Called(account.name),
        Ok(None) => match accounts.named(&name.to_lowercase()) {
            Ok(Some(account)) => Looked::Near(account.name),
            _ => Looked::Nowhere,
        },
        Err(account::LookupFailed) => Looked::Failed,
    }
}

fn group(name: &str) -> Looked {
    match account::group(name) {
        Ok(Some(_)) => Looked::There,
        Ok(None) => Looked::Nowhere,
        Err(account::LookupFailed) => Looked::Failed,
    }
}
