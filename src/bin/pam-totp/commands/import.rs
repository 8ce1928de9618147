//! `import`: what users have with another module becomes theirs here.

mod run;

use std::io::Read;
use std::path::{Component, Path, PathBuf};

use clap::{Args, Subcommand};
use nix::fcntl::OFlag;
use nix::unistd::Uid;
use pam_totp::backend::{Backend, Local};
use pam_totp::import::{ForeignUser, Host, ImportedUser, Remark, cpanel, google, oath};
use pam_totp::system::account::{self, Account};
use pam_totp::system::clock;
use pam_totp::system::disk::{self, NotRead};
use pam_totp::text::clean;
use zeroize::Zeroizing;

use crate::accounts::{self, AccountLine, Accounts};
use crate::backend::local;
use crate::people::by_name;
use crate::read_as_user::{self, Unread};
use crate::report::{Failure, Format, Report};
use run::{ImportHow, ImportRun};

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

/// Takes over from another module.
pub fn import(config: Option<&Path>, arguments: &ImportArgs, format: Format) -> Result<Report, Failure> {
    if !Uid::effective().is_root() {
        return Err(Failure::only_root());
    }
    let backend = local(config)?;
    let host = Host { now: clock::now(), window: backend.policy().window };
    match &arguments.from {
        From::GoogleAuthenticator(google) => from_homes(&backend, google, &host, format),
        From::Oath(oath) => from_oath(&backend, oath, &host, format),
        From::Cpanel(many) => {
            let entries = cpanel::parse(&read_roots(&many.file)?).map_err(|e| bad(&many.file, &e))?;
            let run = ImportRun::new(&backend, ("cPanel", ""), &many.how, format);
            from_file(run, &many.file, entries.len(), entries.into_iter(), &[])
        }
    }
}

fn from_homes(backend: &Local, google: &Google, host: &Host, format: Format) -> Result<Report, Failure> {
    let mut run = ImportRun::new(backend, ("google-authenticator", "pam_google_authenticator.so"), &google.how, format);
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
        (None, _) => of_everybody(&mut run, &google.file, |_, bytes, path| parse(bytes, path))?,
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
    parse: impl Fn(&Account, &[u8], &Path) -> Result<ForeignUser, Failure>,
) -> Result<(), Failure> {
    let accounts = accounts::all()?;
    run.stream.counts(accounts.lines().count());
    for AccountLine { account, home, .. } in accounts.lines().filter(|line| line.home.is_absolute()) {
        let path = home.join(below);
        match read_as_user::read(account, &path) {
            Err(Unread::Absent) => {}
            read => {
                let read = read.map_err(|unread| not_read(&path, unread));
                run.user(&account.name, Ok(account), read.and_then(|bytes| parse(account, &bytes, &path)));
            }
        }
        run.stream.bar.inc(1);
    }
    Ok(())
}

/// A file in a home is its owner's alone: it says nothing of anybody else, whatever stands in it.
fn from_oath(backend: &Local, oath: &Oath, host: &Host, format: Format) -> Result<Report, Failure> {
    let mut run = ImportRun::new(backend, ("pam_oath", "pam_oath.so"), &oath.how, format);
    below_a_home(&oath.below)?;
    let of = |names: &[&str], bytes: &[u8], path: &Path| oath::of_user(bytes, names, host).map_err(|e| bad(path, &e));
    match (&oath.file, &oath.user) {
        (Some(path), None) => {
            let bytes = read_roots(path)?;
            let (users, remarks) = oath::ImportedUsers::of(&bytes);
            return from_file(run, path, users.count(), users.each(host), &remarks);
        }
        (Some(path), Some(user)) => {
            let account = by_name(user)?;
            let found = read_one(path, &account, MANY).and_then(|bytes| of(&[user, &account.name], &bytes, path));
            run.user(&account.name, Ok(&account), found);
        }
        (None, _) => of_everybody(&mut run, &oath.below, |account, bytes, path| of(&[&account.name], bytes, path))?,
    }
    Ok(run.report(NOBODY))
}

fn from_file(
    mut run: ImportRun<'_>,
    path: &Path,
    count: usize,
    entries: impl Iterator<Item = ImportedUser>,
    remarks: &[Remark],
) -> Result<Report, Failure> {
    // One look-up after the other takes time that grows with the square of the accounts.
    let accounts = if count > 1 { accounts::all()? } else { Accounts::default() };
    run.stream.counts(count);
    run.of_file(&clean(&path.to_string_lossy()), remarks);
    for ImportedUser { user, found } in entries {
        let is_setting = matches!(found, Err(cpanel::NO_USER));
        let account = match accounts.named(&user) {
            Ok(Some(account)) => Ok(account),
            // A setting beside the users, or nobody at all.
            Ok(None) if is_setting => {
                run.stream.bar.inc(1);
                continue;
            }
            Ok(None) => Err(Failure::no_such_user(&user)),
            Err(_) => Err(no_accounts()),
        };
        run.user(&user, account.as_ref(), found.map_err(|error| bad(path, &error)));
        run.stream.bar.inc(1);
    }
    Ok(run.report("There is nobody in that file."))
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
