//! Who is meant by a name, and from where.

use nix::unistd::Uid;
use pam_totp::factor::source::Source;
use pam_totp::system::account::{self, Account};
use pam_totp::system::disk;
use pam_totp::text::{self, clean};

use crate::report::Failure;

/// The account that is meant. Without a name root means itself; under sudo nobody guesses.
pub fn whom(name: Option<&str>, command: &str) -> Result<Account, Failure> {
    match name {
        Some(name) => by_name(name),
        None if disk::is_entered() => Err(Failure::usage("Say for whom: with --root nobody is there yourself")),
        None => match sudo_user() {
            Some(user) => {
                let user = clean(&user);
                Err(Failure::usage(format!("Say for whom: `{command} {user}` or `{command} root`")))
            }
            None => {
                let uid = Uid::current();
                let account = account::by_uid(uid.as_raw()).map_err(|_| unavailable())?;
                account.ok_or_else(|| Failure::no_such_user(&format!("with the uid {uid}")))
            }
        },
    }
}

/// The account of a name.
pub fn by_name(name: &str) -> Result<Account, Failure> {
    let account = account::by_name(name).map_err(|_| unavailable())?;
    account.ok_or_else(|| Failure::no_such_user(name))
}

/// The accounts or the groups could not be looked up.
pub fn unavailable() -> Failure {
    if !disk::is_entered() {
        return Failure::host("the accounts could not be looked up: see /etc/nsswitch.conf and the services behind it");
    }
    let files = ["/etc/passwd", "/etc/group"];
    let why = files.iter().find_map(|file| Some(format!("that disk's {file}: {}", disk::look(file).err()?)));
    let why = why.unwrap_or_else(|| "that disk's /etc/passwd or /etc/group could not be read".into());
    Failure::host(format!("{why}: is all of that system mounted?"))
}

fn sudo_user() -> Option<String> {
    std::env::var("SUDO_USER").ok().filter(|user| !user.is_empty() && Uid::effective().is_root())
}

/// Where a login is said to come from.
pub fn source(from: Option<&str>) -> Result<Source, Failure> {
    let Some(text) = from else { return Ok(Source::Local) };
    Source::from_address(text)
        .ok_or_else(|| Failure::usage(format!("--from needs an IP address, not {}", text::clean(text))))
}
