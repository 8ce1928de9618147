//! `stack add` and `stack remove`: lines for codes in the files of PAM stacks, put there and taken away again.

mod list;
mod refusals;

use std::fs;
use std::path::Path;

use clap::{Args, Subcommand};
use nix::unistd::Uid;
use pam_totp::backend::{Backend, Local};
use pam_totp::doctor::stacks::add::{self, WantedStack};
use pam_totp::doctor::stacks::plan::{FileChange, StackPlan};
use pam_totp::doctor::stacks::remove;
use pam_totp::doctor::stacks::shape::StackShape;
use pam_totp::store;
use pam_totp::system::disk;
use pam_totp::text::clean;

use crate::backend::local_anyway;
use crate::input::agrees;
use crate::log::log_change;
use crate::report::{Failure, NO, Report};
use crate::rollout::{Count, Rollout};
use crate::{accounts, json, stacks};
use refusals::refused;

#[derive(Subcommand)]
pub enum StackCommand {
    /// List the PAM stacks of this host: which ask for a code, and where `stack add` would work.
    List,
    /// Have a PAM stack ask for a code after the password. Changes nothing where somebody would be locked out or let in
    /// by it.
    Add(StackAddArgs),
    /// Take the lines of pam_totp.so out of a PAM stack, and put back what they replaced.
    Remove(StackRemoveArgs),
}

#[derive(Args)]
pub struct StackAddArgs {
    /// The PAM service: the name of a file in /etc/pam.d.
    service: String,
    /// For programs with one field: users type the password and right behind it the code.
    #[arg(long, conflicts_with = "key")]
    one_field: bool,
    /// For sshd behind `AuthenticationMethods publickey,keyboard-interactive:pam`: a key and a code, no password.
    #[arg(long)]
    key: bool,
    /// For programs at the network that tell PAM no address, such as mail servers.
    #[arg(long)]
    remote: bool,
    /// With the module arguments that this service has.
    #[arg(long, value_name = "SERVICE", conflicts_with_all = ["one_field", "key"])]
    like: Option<String>,
    /// Show the lines that would change; write nothing.
    #[arg(long)]
    dry_run: bool,
    /// Do it without asking, also where users are refused by it.
    #[arg(long)]
    yes: bool,
}

#[derive(Args)]
pub struct StackRemoveArgs {
    /// The PAM service: the name of a file in /etc/pam.d.
    service: String,
    /// Show the lines that would change; write nothing.
    #[arg(long)]
    dry_run: bool,
}

pub fn run(config: Option<&Path>, command: &StackCommand, json: bool) -> Result<Report, Failure> {
    match command {
        StackCommand::List => list::list(config),
        StackCommand::Add(arguments) => add(config, arguments, json),
        StackCommand::Remove(arguments) => remove(arguments),
    }
}

fn add(config: Option<&Path>, arguments: &StackAddArgs, json: bool) -> Result<Report, Failure> {
    let service = known(&arguments.service)?;
    let shape = match (arguments.one_field, arguments.key) {
        (true, _) => StackShape::OneField,
        (_, true) => StackShape::Key,
        _ => StackShape::Questions,
    };
    let wanted = WantedStack { shape, remote: arguments.remote, like: arguments.like.clone() };
    let files = stacks::files();
    let plan = add::add(&files, service, &wanted).map_err(|why| refused(&why))?;
    if plan.changes.is_empty() {
        let note = if plan.notes.is_empty() { "It asks for codes already." } else { "It names pam_totp.so already." };
        return Ok(report(service, &plan, note, None));
    }
    let (backend, _) = local_anyway(config)?;
    refusals::one_field_stays_open(&files, &refusals::of_one_field(&files, &backend), &plan, &backend)?;
    // Where it asked before, nobody is refused by this.
    let count = if files.stack_of(service).is_some() { None } else { who_is_refused(&backend, arguments.dry_run)? };
    let refused = count.filter(|count| count.refused > 0 && backend.policy().enabled);
    if arguments.dry_run {
        let note = refused.map_or("Nothing was written.".into(), |count| format!("Nothing was written. {count}"));
        return Ok(report(service, &plan, &note, Some(count)));
    }
    only_root()?;
    let question = refused.map(|count| format!("Once it asks for codes {count}\nChange {}?", clean(service)));
    if let Some(question) = question.filter(|_| !arguments.yes) {
        if !agrees(&question, json)? {
            return Ok(Report::for_people("Nothing was changed.".into()).exiting(NO));
        }
    }
    write(&plan.changes)?;
    log_change(&format!("put lines for codes into the stack of {}", clean(service)));
    let next = match shape {
        StackShape::Key => "sshd must ask for a key first: AuthenticationMethods publickey,keyboard-interactive:pam.",
        _ => "Keep a root shell open until a login in a second terminal has worked.",
    };
    Ok(report(service, &plan, next, None))
}

fn remove(arguments: &StackRemoveArgs) -> Result<Report, Failure> {
    let service = known(&arguments.service)?;
    let files = stacks::files();
    let plan = remove::remove(&files, service, |path| disk::read(path).ok()).map_err(|why| refused(&why))?;
    if plan.changes.is_empty() {
        return Ok(report(service, &plan, "Its file has no line of pam_totp.so.", None));
    }
    if arguments.dry_run {
        return Ok(report(service, &plan, "Nothing was written.", Some(None)));
    }
    only_root()?;
    write(&plan.changes)?;
    log_change(&format!("took the lines for codes out of the stack of {}", clean(service)));
    Ok(report(service, &plan, "It asks for no code any more, unless a file that it includes does.", None))
}

fn known(service: &str) -> Result<&str, Failure> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-+@".contains(c);
    if service.is_empty() || !service.chars().all(plain) {
        return Err(Failure::no_service(service));
    }
    Ok(service)
}

fn only_root() -> Result<(), Failure> {
    if Uid::effective().is_root() { Ok(()) } else { Err(Failure::only_root()) }
}

/// How many cannot log in there, as they are not enrolled. `looks`: who may not know it sees the lines all the same.
fn who_is_refused(backend: &Local, looks: bool) -> Result<Option<Count>, Failure> {
    if disk::is_entered() || !(backend.policy().enabled || looks) {
        return Ok(None);
    }
    let count = |accounts| Ok::<_, Failure>(Rollout::of(backend, &accounts)?.count());
    match accounts::all().and_then(count) {
        Err(_) if looks => Ok(None),
        count => count.map(Some),
    }
}

/// Each file whole, or not at all.
fn write(changes: &[FileChange]) -> Result<(), Failure> {
    for change in changes {
        let path = Path::new(&change.path);
        if fs::symlink_metadata(path).is_ok_and(|found| found.is_symlink()) {
            return Err(Failure::host(format!(
                "{} is a link: another program keeps that file, such as authselect. Change it there, see pam_totp(8)",
                clean(&change.path)
            )));
        }
    }
    changes.iter().try_for_each(write_one)
}

fn write_one(FileChange { path, before, after }: &FileChange) -> Result<(), Failure> {
    let other = || Failure::host(format!("{} has changed meanwhile: try again", clean(path)));
    store::edit_policy(Path::new(path), |bytes| match (bytes.map(<[u8]>::to_vec), after) {
        (now, _) if now.as_deref() != before.as_deref().map(str::as_bytes) => Err(other()),
        (_, Some(after)) => Ok(Some(after.clone().into_bytes())),
        (_, None) => Ok(None),
    })?;
    match after {
        Some(_) => Ok(()),
        None => fs::remove_file(path).map_err(|error| Failure::host(format!("{}: {error}", clean(path)))),
    }
}

/// `tried`: nothing was written, and so many would be refused, where that can be told.
fn report(service: &str, plan: &StackPlan, note: &str, tried: Option<Option<Count>>) -> Report {
    let mut lines: Vec<String> = plan.changes.iter().flat_map(shown).collect();
    let notes: Vec<String> = plan.notes.iter().map(|note| format!("{note}.")).collect();
    lines.extend(notes.iter().cloned());
    lines.push(note.to_owned());
    let file = |change: &FileChange| json::StackFileChange { file: change.path.clone(), lines: differing(change) };
    let (files, changed) = (plan.changes.iter().map(file).collect(), !plan.changes.is_empty());
    let (dry_run, people) = (tried.is_some(), tried.flatten().map(Into::into));
    let object = json::StackReport { service, changed, files, notes: &notes, people, dry_run };
    Report::new(lines.join("\n"), &object).unwrapped()
}

fn shown(change: &FileChange) -> Vec<String> {
    let title = match (&change.before, &change.after) {
        (None, _) => format!("{}, a new file:", change.path),
        (_, None) => return vec![format!("{} goes", change.path)],
        _ => format!("{}:", change.path),
    };
    std::iter::once(title).chain(differing(change).into_iter().map(|line| format!("  {line}"))).collect()
}

/// The lines that go, behind `-`, and those that come, behind `+`, with their numbers.
fn differing(change: &FileChange) -> Vec<String> {
    let lines = |text: &Option<String>| -> Vec<String> {
        text.iter().flat_map(|text| text.lines()).map(ToOwned::to_owned).collect()
    };
    let (before, after) = (lines(&change.before), lines(&change.after));
    let (mut said, mut rest) = (Vec::new(), before.as_slice());
    for (number, line) in (1_usize..).zip(&after) {
        match rest.iter().position(|old| old == line) {
            // What stands between was taken away.
            Some(at) if !gone_too_far(rest, &after, at, number) => {
                said.extend(rest.iter().take(at).map(|old| format!("- {old}")));
                rest = rest.get(at.saturating_add(1)..).unwrap_or_default();
            }
            _ => said.push(format!("+ {line}")),
        }
    }
    said.extend(rest.iter().map(|old| format!("- {old}")));
    said
}

/// Would a line that is found again skip lines that come later, too?
fn gone_too_far(rest: &[String], after: &[String], at: usize, number: usize) -> bool {
    let later = after.get(number..).unwrap_or_default();
    rest.iter().take(at).any(|old| later.contains(old))
}
