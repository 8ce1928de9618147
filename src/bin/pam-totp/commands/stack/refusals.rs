//! Why a stack stays as it is.

use std::path::Path;

use pam_totp::backend::{Backend, Local};
use pam_totp::doctor::finding::Finding;
use pam_totp::doctor::programs::one_field;
use pam_totp::doctor::stacks::files::StackFiles;
use pam_totp::doctor::stacks::plan::{self, StackPlan};

use crate::report::Failure;

pub fn refused(why: &plan::NotChanged) -> Failure {
    match why {
        plan::NotChanged::NoStack(_) | plan::NotChanged::NotSshd(_) => Failure::usage(why.to_string()),
        _ => Failure::not_permitted(why.to_string()),
    }
}

/// What is wrong with programs of one field.
pub fn of_one_field(files: &StackFiles, backend: &Local) -> Vec<Finding> {
    one_field::check(files, &backend.policy().rules, |program| Path::new(program).exists())
}

/// A shared file asks in programs that cannot ask twice: those come first. `before`: what was wrong with them already.
pub fn one_field_stays_open(
    files: &StackFiles,
    before: &[Finding],
    plan: &StackPlan,
    backend: &Local,
) -> Result<(), Failure> {
    let mut after = files.clone();
    for change in &plan.changes {
        let name = change.path.rsplit('/').next().unwrap_or_default();
        after.put(name, &change.path, change.after.as_deref().unwrap_or_default());
    }
    match of_one_field(&after, backend).into_iter().find(|finding| !before.contains(finding)) {
        None => Ok(()),
        Some(finding) => Err(Failure::not_permitted(format!("{}. First: {}", finding.message, finding.fix.join("; ")))),
    }
}
