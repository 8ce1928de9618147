//! A caller without root who looks after other users: pam-totpd knows whose delegate they are, and asks for their own code.

use std::path::Path;

use nix::unistd::Uid;
use pam_totp::backend::{Backend, LocalOrDoor};
use pam_totp::door::client;
use pam_totp::door::errand::Errand;
use pam_totp::door::listing::Listed;
use pam_totp::door::wire::Reply;
use pam_totp::factor::change::ChangeError;
use pam_totp::factor::secret::Answer;
use pam_totp::login::preview::Standing;
use pam_totp::login::status::Status;
use pam_totp::login::unavailable::DoorError;
use pam_totp::manage::NewBackupCodes;
use pam_totp::policy::access::Denied;
use pam_totp::policy::delegates::DelegatedRight;
use pam_totp::system::account::Account;
use pam_totp::text::shown;

use crate::backend::local_or_door;
use crate::each::Each;
use crate::input::Input;
use crate::people::whom;
use crate::proof::proved;
use crate::report::{Failure, Format, USAGE};

/// What proves the delegate.
const OWN: &str = "Your own verification code: ";

/// Whom root has delegated something to.
pub struct CallingDelegate {
    own: Account,
    /// Of their codes.
    digits: usize,
    rights: Vec<DelegatedRight>,
}

impl CallingDelegate {
    /// The caller, if that is what they are. Where nobody can tell, they are none: what they asked for is refused as before.
    pub fn of(backend: &LocalOrDoor) -> Option<Self> {
        let own = Some(backend).filter(|backend| backend.is_for_owners()).and_then(|_| whom(None, "status").ok())?;
        let rights = client::rights(&own).ok().filter(|rights| !rights.is_empty())?;
        let digits = backend.digits(&Standing::Enrolled(own.clone())).get();
        Some(Self { own, digits, rights })
    }

    /// The same for a command that is root's alone, with everybody else.
    pub fn instead_of_root(config: Option<&Path>) -> Option<Self> {
        if Uid::effective().is_root() { None } else { Self::of(&local_or_door(config).ok()?) }
    }

    /// What they may do, in the words of the file.
    pub fn rights(&self) -> Vec<&'static str> {
        self.rights.iter().map(|right| right.word()).collect()
    }

    pub fn status(&self, user: &str, json: bool) -> Result<Status, Failure> {
        match self.runs(user, Errand::Status, json)? {
            Reply::Status(status) => Ok(status),
            _ => Err(DoorError::Garbled.into()),
        }
    }

    pub fn list(&self, json: bool) -> Result<Vec<Listed>, Failure> {
        match self.runs(&self.own.name, Errand::List, json)? {
            Reply::Listed(users) => Ok(users),
            _ => Err(DoorError::Garbled.into()),
        }
    }

    /// The codes, and until when they count.
    pub fn temporary_codes(
        &self,
        user: &str,
        count: u8,
        life: u64,
        json: bool,
    ) -> Result<(NewBackupCodes, u64), Failure> {
        match self.runs(user, Errand::BackupCodes { count, life }, json)? {
            Reply::Temporary { codes, until } => Ok((codes, until)),
            _ => Err(DoorError::Garbled.into()),
        }
    }

    /// A change of the one user whom a command names, answered as root's is.
    pub fn changes(&self, users: &[String], errand: Errand, format: Format, done: &str) -> Result<Each, Failure> {
        let [user] = users else {
            return Err(Failure::usage("a delegate names one user: each call takes a code of your own"));
        };
        match self.runs(user, errand, format.is_json()) {
            Ok(Reply::Done(_)) => Ok(Each::done(format, user, &format!("{} {done}.", shown(user)))),
            Ok(_) => Err(DoorError::Garbled.into()),
            Err(failure) if failure.exit == USAGE => Err(failure),
            Err(failure) => Ok(Each::refused(format, user, &failure)),
        }
    }

    fn runs(&self, user: &str, errand: Errand, json: bool) -> Result<Reply, Failure> {
        // Before anybody looks for their phone.
        if !self.rights.contains(&errand.right()) {
            return Err(Denied::NotDelegated.into());
        }
        let mut input = Input::new(json)?;
        let code = input.code_of(OWN, self.digits, true)?;
        let does = |code: Option<&Answer>| client::delegated(user, errand, code.ok_or(ChangeError::CodeNeeded)?);
        Ok(proved(|| self.digits, Some(code), &mut input, does)?)
    }
}
