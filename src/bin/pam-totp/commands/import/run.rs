//! One import: what comes of each user, and what is said of it.

use clap::Args;
use pam_totp::backend::{Backend, Local};
use pam_totp::factor::change::ChangeError;
use pam_totp::import::{ForeignUser, Remark};
use pam_totp::login::messages::user;
use pam_totp::manage::ManageError;
use pam_totp::manage::import::{Imported, import as store_found, would_import};
use pam_totp::manage::notify::Event;
use pam_totp::system::account::Account;
use pam_totp::system::clock;
use pam_totp::text::clean;

use crate::each::{failure_of, said};
use crate::log::log_change;
use crate::report::{Failure, Format, PARTLY, Report};
use crate::stream::Stream;
use crate::{hook, json, stacks};

#[derive(Args)]
pub struct ImportHow {
    /// Say what would be done, and write nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// Void the other key and the backup codes of those who are enrolled already.
    #[arg(long)]
    pub replace: bool,
}

/// One import and what came of it so far.
pub struct ImportRun<'a> {
    backend: &'a Local,
    /// The other one's name, and its module.
    source: (&'static str, &'static str),
    how: &'a ImportHow,
    pub stream: Stream,
    /// How many are new, were there, could not be imported.
    count: (usize, usize, usize),
    /// What the one object says.
    object: json::ImportReport,
    exit: u8,
}

impl<'a> ImportRun<'a> {
    pub fn new(backend: &'a Local, source: (&'static str, &'static str), how: &'a ImportHow, format: Format) -> Self {
        let object = json::ImportReport { dry_run: how.dry_run, ..json::ImportReport::default() };
        Self { backend, source, how, stream: Stream::changing(format), count: (0, 0, 0), object, exit: 0 }
    }

    /// What is to be said of the file at `path`.
    pub fn of_file(&mut self, path: &str, remarks: &[Remark]) {
        remarks.iter().for_each(|remark| self.stream.line(&told(path, *remark)));
        self.object.file_notes = remarks.iter().map(|remark| object(*remark)).collect();
    }

    /// One user; what comes of them stops no other.
    pub fn user(&mut self, name: &str, account: Result<&Account, &Failure>, found: Result<ForeignUser, Failure>) {
        let outcome = match (account, found) {
            (Err(failure), _) => Err(Failure { message: failure.message.clone(), ..*failure }),
            (_, Err(failure)) => Err(failure),
            (Ok(account), Ok(found)) => self.store(account, &found).map(|imported| (account, found, imported)),
        };
        match outcome {
            Ok((account, found, imported)) => self.done(&account.name, &found, imported),
            Err(failure) => self.failed(name, &failure),
        }
    }

    fn failed(&mut self, name: &str, failure: &Failure) {
        (self.exit, self.count.2) = (failure.exit, self.count.2 + 1);
        let error = self.stream.aside(|| said(name, failure));
        match self.stream.format {
            Format::Text => {}
            Format::Json => drop(self.object.failed.insert(name.to_owned(), error)),
            Format::JsonLines => {
                self.stream.object(&json::UserLine { error: Some(error), ..json::UserLine::new(name, "failed") });
            }
        }
    }

    fn store(&self, account: &Account, found: &ForeignUser) -> Result<Imported, Failure> {
        let (store, replace) = (self.backend.store()?, self.how.replace);
        let imported = if self.how.dry_run {
            would_import(store, account, found, replace)
        } else {
            store_found(store, self.backend.policy(), account, found, replace)
        };
        imported.map_err(|error| match error {
            ManageError::Refused(ChangeError::AlreadyEnrolled) => {
                let message = "already enrolled with another key: --replace voids that one".to_owned();
                Failure { message, ..error.into() }
            }
            error => failure_of(&account.name, error),
        })
    }

    fn done(&mut self, name: &str, found: &ForeignUser, imported: Imported) {
        let (shown, from) = (clean(name), self.source.0);
        let (words, log) = match imported {
            Imported::New { .. } if self.how.dry_run => ("would be imported", None),
            Imported::New { .. } => ("imported", Some(format!("imported the enrollment of {shown} from {from}"))),
            Imported::CaughtUp { .. } => (
                "already imported; what was used there since counts as used",
                Some(format!("took over what {shown} used with {from} since the import")),
            ),
            Imported::Already => ("already imported", None),
        };
        log.filter(|_| !self.how.dry_run).iter().for_each(|line| {
            self.stream.aside(|| log_change(line));
            hook::tell(&Event { event: "imported", user: Some(name), ..Event::default() });
        });
        self.stream.line(&format!("{shown}: {words}"));
        let is_new = matches!(imported, Imported::New { .. });
        // Said once: who is here already was told.
        let mut remarks = if is_new { found.remarks.clone() } else { Vec::new() };
        if let Imported::New { used: used @ 1.., .. } = imported {
            remarks.push(Remark::UsedScratch(used));
        }
        // Warnings first.
        remarks.sort_by_key(|remark| !remark.is_warning());
        remarks.iter().for_each(|remark| self.stream.line(&told(&shown, *remark)));
        self.found(name, is_new, &remarks);
        if let Imported::New { counts_from: Some(at), .. } | Imported::CaughtUp { counts_from: Some(at) } = imported {
            self.stream.line(&format!("{shown}: note: {}", user::later(at, clock::now())));
        }
    }

    /// For programs. Of those who were said in a line of their own only the number is kept.
    fn found(&mut self, name: &str, is_new: bool, remarks: &[Remark]) {
        let count = if is_new { &mut self.count.0 } else { &mut self.count.1 };
        *count += 1;
        let of = |warns| -> Vec<_> {
            remarks.iter().filter(|remark| remark.is_warning() == warns).map(|remark| object(*remark)).collect()
        };
        match self.stream.format {
            Format::Text => {}
            Format::Json => {
                let list = if is_new { &mut self.object.modified } else { &mut self.object.already };
                list.push(name.to_owned());
                for (warns, all) in [(true, &mut self.object.warnings), (false, &mut self.object.notes)] {
                    let own = of(warns);
                    if !own.is_empty() {
                        all.insert(name.to_owned(), own);
                    }
                }
            }
            Format::JsonLines => {
                let (warnings, notes) = (of(true), of(false));
                let result = if is_new { "modified" } else { "already" };
                self.stream.object(&json::UserLine { warnings, notes, ..json::UserLine::new(name, result) });
            }
        }
    }

    pub fn report(mut self, nobody: &str) -> Report {
        let (new, old, failed) = self.count;
        self.object.stacks = if self.source.1.is_empty() { Vec::new() } else { stacks::naming(self.source.1) };
        let mut text = match (new + old + failed, self.how.dry_run) {
            (0, _) => nobody.to_owned(),
            (_, true) => {
                format!("{new} would be imported, {old} are already, {failed} would fail. Nothing was written.")
            }
            (_, false) => format!("{new} imported, {old} already, {failed} failed."),
        };
        if !self.object.stacks.is_empty() && new + old > 0 {
            text += &format!(
                "\nNext: in {} put the line of pam_totp.so in the place of that of {}, or both ask, and each takes codes that \
                 the other has seen. Run this once more when that is done.",
                self.object
                    .stacks
                    .iter()
                    .map(|stack| format!("/etc/pam.d/{}", clean(stack)))
                    .collect::<Vec<_>>()
                    .join(", "),
                self.source.1
            );
        }
        let exit = if new + old == 0 || failed == 0 { self.exit } else { PARTLY };
        let said: &[&str] = match self.stream.format {
            Format::JsonLines => &["modified", "already", "failed", "warnings", "notes"],
            Format::Text | Format::Json => &[],
        };
        self.stream.end(Report::new(text, &self.object).without(said).exiting(exit))
    }
}

fn told(whom: &str, remark: Remark) -> String {
    let kind = if remark.is_warning() { "WARNING" } else { "note" };
    format!("{whom}: {kind}: {remark}")
}

fn object(remark: Remark) -> json::ImportRemark {
    json::ImportRemark { code: remark.code(), message: remark.to_string() }
}
