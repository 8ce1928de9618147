//! `stack list`: which stacks there are, which ask for a code, and which can be switched.

use std::path::Path;

use pam_totp::backend::Local;
use pam_totp::doctor::finding::Finding;
use pam_totp::doctor::programs::one_field;
use pam_totp::doctor::stacks::add::{self, WantedStack};
use pam_totp::doctor::stacks::files::StackFiles;
use pam_totp::doctor::stacks::remove;
use pam_totp::doctor::stacks::services::title;
use pam_totp::doctor::stacks::shape::{StackShape, shape};
use pam_totp::system::disk;
use pam_totp::text::clean;

use super::refusals::{of_one_field, one_field_stays_open, refused};
use crate::backend::local_anyway;
use crate::json::{ListedStack, StackListReport};
use crate::report::{Failure, Report};
use crate::stacks;

pub fn list(config: Option<&Path>) -> Result<Report, Failure> {
    let (files, (backend, _)) = (stacks::files(), local_anyway(config)?);
    // The same for each service.
    let before = of_one_field(&files, &backend);
    let listed: Vec<ListedStack> =
        files.own().filter_map(|service| listed(&files, &before, service, &backend)).collect();
    let text: Vec<String> = listed.iter().map(line).collect();
    Ok(Report::new(text.join("\n"), &StackListReport { stacks: listed }).unwrapped())
}

fn listed(files: &StackFiles, before: &[Finding], service: &str, backend: &Local) -> Option<ListedStack> {
    let there = shape(files, service);
    let wanted = if one_field::has_one_field(service) { StackShape::OneField } else { StackShape::Questions };
    let can = match there {
        Some(_) => removed(files, service).map(|()| "remove"),
        None => added(files, before, service, wanted, backend).map(|()| "add"),
    };
    let options = if wanted == StackShape::OneField { vec!["--one-field"] } else { Vec::new() };
    Some(ListedStack {
        service: service.to_owned(),
        title: title(service),
        file: files.path(service)?,
        asks: there.is_some(),
        shape: there.map(StackShape::word),
        can: can.as_ref().ok().copied(),
        options,
        problem: can.err(),
    })
}

fn added(
    files: &StackFiles,
    before: &[Finding],
    service: &str,
    shape: StackShape,
    backend: &Local,
) -> Result<(), String> {
    let plan = add::add(files, service, &WantedStack { shape, remote: false, like: None });
    let plan = plan.map_err(|why| refused(&why).message)?;
    one_field_stays_open(files, before, &plan, backend).map_err(|failure| failure.message)
}

fn removed(files: &StackFiles, service: &str) -> Result<(), String> {
    let plan = remove::remove(files, service, |path| disk::read(path).ok()).map_err(|why| refused(&why).message)?;
    let shared = || {
        format!(
            "{} asks by a file that other services include too, such as common-auth, which pam-auth-update writes: switch it off there",
            clean(service)
        )
    };
    if plan.changes.is_empty() { Err(shared()) } else { Ok(()) }
}

fn line(stack: &ListedStack) -> String {
    let asks = match (stack.asks, stack.options.as_slice()) {
        (true, _) => "asks for a code".to_owned(),
        (false, []) => "does not ask".to_owned(),
        (false, options) => format!("does not ask ({})", options.join(" ")),
    };
    let problem = stack.problem.as_ref().map(|problem| format!(", and cannot be switched: {problem}"));
    format!("{:<24} {asks}{}", clean(&stack.service), problem.unwrap_or_default())
}
