//! `import`: what users have with another module becomes theirs here.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Component, Path, PathBuf};

use clap::{Args, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};
use nix::fcntl::OFlag;
use nix::unistd::Uid;
use pam_totp::backend::{Backend, Local};
use pam_totp::factor::change::ChangeError;
use pam_totp::import::{ForeignUser, Host, ImportedUser, Remark, cpanel, google, oath};
use pam_totp::login::messages::user;
use pam_totp::manage::ManageError;
use pam_totp::manage::import::{Imported, import as store_found, would_import};
use pam_totp::manage::notify::Event;
use pam_totp::system::account::{self, Account};
use pam_totp::system::clock;
use pam_totp::system::disk::{self, NotRead};
use pam_totp::text::clean;
use zeroize::Zeroizing;

use crate::accounts::{self, AccountLine};
use crate::backend::local;
use crate::each::{failure_of, said};
use crate::json::{self, Failed};
use crate::log::log_change;
use crate::people::by_name;
use crate::read_as_user::{self, Unread};
use crate::report::{Failure, PARTLY, Report};
use crate::{hook, stacks};

/// No file of one user is longer.
const ONE: u64 = 64 * 1024;

/// Nor one of all users: two million lines.
const MANY: u64 = 256 * 1024 * 1024;

#[derive(Args)]
pub struct ImportArgs {
    #[command(subcommand)]
    from: From,
}

#[derive(Subcommand)]
enum From {
    /// What pam_google_authenticator keeps in its users' homes.
    GoogleAuthenticator(Google),
    /// pam_oath's file of all users.
    Oath(Oath),
    /// cPanel's tfa_userdata.json.
    Cpanel(Many),
}

#[derive(Args)]
struct Google {
    /// Whose; or with --user, a file.
    #[arg(value_name = "USER|FILE", required_unless_present = "all")]
    what: Option<String>,
    /// Every account that has such a file.
    #[arg(long, conflicts_with_all = ["what", "user"])]
    all: bool,
    /// Whose the file is.
    #[arg(long, conflicts_with = "file")]
    user: Option<String>,
    /// Where it lies below a home, as their `secret=` says.
    #[arg(long, value_name = "PATH", default_value = ".google_authenticator")]
    file: PathBuf,
    #[command(flatten)]
    how: ImportHow,
}

#[derive(Args)]
struct Oath {
    /// The file, which must be root's; with --user, that user's or root's.
    #[arg(required_unless_present = "all")]
    file: Option<PathBuf>,
    /// One user of it alone.
    #[arg(long, requires = "file")]
    user: Option<String>,
    /// Every account that has such a file in its home; of each only its owner's lines.
    #[arg(long, conflicts_with_all = ["file", "user"])]
    all: bool,
    /// Where it lies below a home, as their `usersfile=` says.
    #[arg(long = "file", value_name = "PATH", default_value = ".oath", conflicts_with = "file")]
    below: PathBuf,
    #[command(flatten)]
    how: ImportHow,
}

#[derive(Args)]
struct Many {
    /// The file, which must be root's.
    file: PathBuf,
    #[command(flatten)]
    how: ImportHow,
}

#[derive(Args)]
struct ImportHow {
    /// Say what would be done, and write nothing.
    #[arg(long)]
    dry_run: bool,
    /// Void the other key and the backup codes of those who are enrolled already.
    #[arg(long)]
    replace: bool,
}

/// Takes over from another module.
pub fn import(config: Option<&Path>, arguments: &ImportArgs, json: bool) -> Result<Report, Failure> {
    if !Uid::effective().is_root() {
        return Err(Failure::only_root());
    }
    let backend = local(config)?;
    let host = Host { now: clock::now(), window: backend.policy().window };
    match &arguments.from {
        From::GoogleAuthenticator(google) => from_homes(&backend, google, &host, json),
        From::Oath(oath) => from_oath(&backend, oath, &host, json),
        From::Cpanel(many) => {
            let entries = cpanel::parse(&read_roots(&many.file)?).map_err(|e| bad(&many.file, &e))?;
            from_file(ImportRun::new(&backend, ("cPanel", ""), &many.how), &many.file, entries, &[], json)
        }
    }
}

fn from_homes(backend: &Local, google: &Google, host: &Host, json: bool) -> Result<Report, Failure> {
    let mut run = ImportRun::new(backend, ("google-authenticator", "pam_google_authenticator.so"), &google.how);
    let parse = |bytes: &[u8], path: &Path| google::parse(bytes, host).map_err(|error| bad(path, &error));
    below_a_home(&google.file)?;
    match (&google.what, &google.user) {
        (Some(file), Some(user)) => {
            let (account, path) = (by_name(user)?, Path::new(file));
            let found = read_one(path, &account, ONE).and_then(|bytes| parse(&bytes, path));
            run.user(&account.name, Ok(&account), found);
        }
        (Some(user), None) => {
            let account = by_name(user)?;
            let path = account::home(&account).map_err(|_| no_accounts())?.join(&google.file);
            let found = read_as_user::read(&account, &path).map_err(|unread| not_read(&path, unread));
            run.user(&account.name, Ok(&account), found.and_then(|bytes| parse(&bytes, &path)));
        }
        (None, _) => of_everybody(&mut run, &google.file, json, |_, bytes, path| parse(bytes, path))?,
    }
    Ok(run.report(NOBODY))
}

const NOBODY: &str = "Nobody has such a file.";

fn below_a_home(path: &Path) -> Result<(), Failure> {
    let below = path.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    if below { Ok(()) } else { Err(Failure::usage("--file is a path below the home, without `..`")) }
}

/// What lies in all homes, each read by its owner.
fn of_everybody(
    run: &mut ImportRun<'_>,
    below: &Path,
    json: bool,
    parse: impl Fn(&Account, &[u8], &Path) -> Result<ForeignUser, Failure>,
) -> Result<(), Failure> {
    let accounts = accounts::all()?;
    run.shows_progress(accounts.len(), json);
    for AccountLine { account, home, .. } in accounts.values().filter(|line| line.home.is_absolute()) {
        let path = home.join(below);
        match read_as_user::read(account, &path) {
            Err(Unread::Absent) => {}
            read => {
                let read = read.map_err(|unread| not_read(&path, unread));
                run.user(&account.name, Ok(account), read.and_then(|bytes| parse(account, &bytes, &path)));
            }
        }
        run.bar.inc(1);
    }
    Ok(())
}

/// A file in a home is its owner's alone: it says nothing of anybody else, whatever stands in it.
fn from_oath(backend: &Local, oath: &Oath, host: &Host, json: bool) -> Result<Report, Failure> {
    let mut run = ImportRun::new(backend, ("pam_oath", "pam_oath.so"), &oath.how);
    below_a_home(&oath.below)?;
    let of = |names: &[&str], bytes: &[u8], path: &Path| oath::of_user(bytes, names, host).map_err(|e| bad(path, &e));
    match (&oath.file, &oath.user) {
        (Some(path), None) => {
            let (entries, remarks) = oath::parse(&read_roots(path)?, host).map_err(|e| bad(path, &e))?;
            return from_file(run, path, entries, &remarks, json);
        }
        (Some(path), Some(user)) => {
            let account = by_name(user)?;
            let found = read_one(path, &account, MANY).and_then(|bytes| of(&[user, &account.name], &bytes, path));
            run.user(&account.name, Ok(&account), found);
        }
        (None, _) => {
            of_everybody(&mut run, &oath.below, json, |account, bytes, path| of(&[&account.name], bytes, path))?
        }
    }
    Ok(run.report(NOBODY))
}

fn from_file(
    mut run: ImportRun<'_>,
    path: &Path,
    entries: Vec<ImportedUser>,
    remarks: &[Remark],
    json: bool,
) -> Result<Report, Failure> {
    run.shows_progress(entries.len(), json);
    run.of_file = remarks.iter().map(|remark| object(*remark)).collect();
    run.lines.extend(remarks.iter().map(|remark| told(&clean(&path.to_string_lossy()), *remark)));
    // One look-up after the other takes time that grows with the square of the accounts.
    let accounts = if entries.len() > 1 { accounts::all()? } else { BTreeMap::new() };
    for ImportedUser { user, found } in entries {
        let is_setting = matches!(found, Err(cpanel::NO_USER));
        let account = match accounts::named(&user, &accounts) {
            Ok(Some(account)) => Ok(account),
            // A setting beside the users, or nobody at all.
            Ok(None) if is_setting => {
                run.bar.inc(1);
                continue;
            }
            Ok(None) => Err(Failure::no_such_user(&user)),
            Err(_) => Err(no_accounts()),
        };
        run.user(&user, account.as_ref(), found.map_err(|error| bad(path, &error)));
        run.bar.inc(1);
    }
    Ok(run.report("There is nobody in that file."))
}

/// One import and what came of it so far.
struct ImportRun<'a> {
    backend: &'a Local,
    /// The other one's name, and its module.
    source: (&'static str, &'static str),
    how: &'a ImportHow,
    bar: ProgressBar,
    modified: Vec<String>,
    already: Vec<String>,
    failed: Failed,
    warnings: BTreeMap<String, Vec<json::ImportRemark>>,
    notes: BTreeMap<String, Vec<json::ImportRemark>>,
    of_file: Vec<json::ImportRemark>,
    lines: Vec<String>,
    exit: u8,
}

impl<'a> ImportRun<'a> {
    fn new(backend: &'a Local, source: (&'static str, &'static str), how: &'a ImportHow) -> Self {
        let (bar, modified, already, lines) = (ProgressBar::hidden(), Vec::new(), Vec::new(), Vec::new());
        let (failed, warnings, notes) = (Failed::new(), BTreeMap::new(), BTreeMap::new());
        let (of_file, exit) = (Vec::new(), 0);
        Self { backend, source, how, bar, modified, already, failed, warnings, notes, of_file, lines, exit }
    }

    /// On stderr, and only where that is a terminal.
    fn shows_progress(&mut self, users: usize, json: bool) {
        if !json {
            let style = ProgressStyle::with_template("{bar:40} {pos} of {len}, {eta} left").ok();
            self.bar = ProgressBar::new(users.try_into().unwrap_or(u64::MAX));
            self.bar.set_style(style.unwrap_or_else(ProgressStyle::default_bar));
        }
    }

    /// One user; what comes of them stops no other.
    fn user(&mut self, name: &str, account: Result<&Account, &Failure>, found: Result<ForeignUser, Failure>) {
        let outcome = match (account, found) {
            (Err(failure), _) => Err(Failure { message: failure.message.clone(), ..*failure }),
            (_, Err(failure)) => Err(failure),
            (Ok(account), Ok(found)) => self.store(account, &found).map(|imported| (account, found, imported)),
        };
        match outcome {
            Ok((account, found, imported)) => self.done(&account.name, &found, imported),
            Err(failure) => {
                self.exit = failure.exit;
                let said = self.bar.suspend(|| said(name, &failure));
                self.failed.insert(name.to_owned(), said);
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
            self.bar.suspend(|| log_change(line));
            hook::tell(&Event { event: "imported", user: Some(name), ..Event::default() });
        });
        self.lines.push(format!("{shown}: {words}"));
        let is_new = matches!(imported, Imported::New { .. });
        let list = if is_new { &mut self.modified } else { &mut self.already };
        list.push(name.to_owned());
        // Said once: who is here already was told.
        let mut remarks = if is_new { found.remarks.clone() } else { Vec::new() };
        if let Imported::New { used: used @ 1.., .. } = imported {
            remarks.push(Remark::UsedScratch(used));
        }
        for (warns, all) in [(true, &mut self.warnings), (false, &mut self.notes)] {
            let own: Vec<Remark> = remarks.iter().copied().filter(|remark| remark.is_warning() == warns).collect();
            self.lines.extend(own.iter().map(|remark| told(&shown, *remark)));
            if !own.is_empty() {
                all.insert(name.to_owned(), own.into_iter().map(object).collect());
            }
        }
        if let Imported::New { counts_from: Some(at), .. } | Imported::CaughtUp { counts_from: Some(at) } = imported {
            self.lines.push(format!("{shown}: note: {}", user::later(at, clock::now())));
        }
    }

    fn report(mut self, nobody: &str) -> Report {
        self.bar.finish_and_clear();
        let (new, old, failed) = (self.modified.len(), self.already.len(), self.failed.len());
        let stacks = if self.source.1.is_empty() { Vec::new() } else { stacks::naming(self.source.1) };
        match (new + old + failed, self.how.dry_run) {
            (0, _) => self.lines.push(nobody.to_owned()),
            (_, true) => {
                self.lines.push(format!(
                    "{new} would be imported, {old} are already, {failed} would fail. Nothing was written."
                ));
            }
            (_, false) => self.lines.push(format!("{new} imported, {old} already, {failed} failed.")),
        }
        if !stacks.is_empty() && new + old > 0 {
            self.lines.push(format!(
                "Next: in {} put the line of pam_totp.so in the place of that of {}, or both ask, and each takes codes that \
                 the other has seen. ImportRun this once more when that is done.",
                stacks.iter().map(|stack| format!("/etc/pam.d/{}", clean(stack))).collect::<Vec<_>>().join(", "),
                self.source.1
            ));
        }
        let exit = if new + old == 0 || failed == 0 { self.exit } else { PARTLY };
        let object = json::ImportReport {
            modified: self.modified,
            already: self.already,
            failed: self.failed,
            warnings: self.warnings,
            notes: self.notes,
            file_notes: self.of_file,
            stacks,
            dry_run: self.how.dry_run,
        };
        Report::new(self.lines.join("\n"), &object).exiting(exit)
    }
}

fn told(whom: &str, remark: Remark) -> String {
    let kind = if remark.is_warning() { "WARNING" } else { "note" };
    format!("{whom}: {kind}: {remark}")
}

fn object(remark: Remark) -> json::ImportRemark {
    json::ImportRemark { code: remark.code(), message: remark.to_string() }
}

fn bad(path: &Path, what: &dyn std::fmt::Display) -> Failure {
    Failure::bad_input("bad_file", format!("{}: {what}", clean(&path.to_string_lossy())))
}

fn not_read(path: &Path, unread: Unread) -> Failure {
    bad(path, &unread.words())
}

fn no_accounts() -> Failure {
    Failure::host("the accounts could not be looked up")
}

/// A file that somebody named, of one user: their own, or root's. Under their home they read it.
fn read_one(path: &Path, account: &Account, longest: u64) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let home = account::home(account).map_err(|_| no_accounts())?;
    let absolute = std::path::absolute(path).map_err(|e| bad(path, &e))?;
    if home.is_absolute() && absolute.starts_with(&home) {
        return read_as_user::read(account, &absolute).map_err(|unread| not_read(path, unread));
    }
    read_here(path, longest, &[0, account.uid])
}

/// A file of many users is root's: another owner could give anybody a key that they know.
fn read_roots(path: &Path) -> Result<Zeroizing<Vec<u8>>, Failure> {
    read_here(path, MANY, &[0])
}

fn read_here(path: &Path, longest: u64, owners: &[u32]) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let fault = |what: &dyn std::fmt::Display| bad(path, what);
    let (mut file, stat) = disk::open_regular(path, OFlag::O_NOFOLLOW, longest).map_err(|e| match e {
        NotRead::TooLong => fault(&"it is too long"),
        other => fault(&other),
    })?;
    if !owners.contains(&stat.st_uid) || stat.st_mode & 0o022 != 0 {
        return Err(fault(&"others can write it: `chown root` and `chmod 600` it, once you know what it holds"));
    }
    // Exactly as long as it is: a growing buffer would leave unwiped copies of the keys behind.
    let mut bytes = Zeroizing::new(vec![0; usize::try_from(stat.st_size).unwrap_or_default()]);
    file.read_exact(&mut bytes).map_err(|e| fault(&e))?;
    Ok(bytes)
}
