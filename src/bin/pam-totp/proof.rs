//! A change to an enrollment: root's, or its owner's, proved by a code of it.

use nix::unistd::Uid;
use pam_totp::backend::{Backend, LocalOrDoor};
use pam_totp::factor::attempt::Outcome;
use pam_totp::factor::change::{Change, ChangeError};
use pam_totp::factor::secret::Answer;
use pam_totp::login::messages::user;
use pam_totp::login::preview::Standing;
use pam_totp::manage::notify::Event;
use pam_totp::manage::{ManageError, NewBackupCodes};
use pam_totp::system::account::Account;

use crate::hook;
use crate::input::Input;
use crate::log::log_change;
use crate::report::Failure;

/// Users change nobody's enrollment but their own; said here, whether or not there is a door.
pub fn own_alone(backend: &LocalOrDoor, account: &Account) -> Result<(), Failure> {
    if is_anothers(backend, account) { Err(Failure::not_authorized(&account.name)) } else { Ok(()) }
}

pub fn is_anothers(backend: &LocalOrDoor, account: &Account) -> bool {
    backend.is_for_owners() && Uid::effective().as_raw() != account.uid
}

/// The code by which users prove what they have enrolled.
pub fn current_code(
    backend: &LocalOrDoor,
    account: &Account,
    change: &Change,
    prompt: &str,
    input: &mut Input,
) -> Result<Answer, Failure> {
    // Before anybody looks for their phone.
    backend.may(account, change.deed())?;
    if !backend.is_enrolled(&account.name)? {
        return Err(ManageError::Refused(ChangeError::NotEnrolled).into());
    }
    let digits = backend.digits(&Standing::Enrolled(account.clone())).get();
    input.code_of(prompt, digits, true)
}

/// Where the code that proves the change is the only one.
pub const CURRENT: &str = "Verification code, or a backup code: ";

/// How often somebody is asked for a further code: for the second, the third, and once for another one.
const ASKED_AGAIN: usize = 3;

/// Makes a change that the current code proves.
pub fn apply(
    backend: &LocalOrDoor,
    account: &Account,
    current: Option<Answer>,
    change: &Change,
    input: &mut Input,
) -> Result<NewBackupCodes, ManageError> {
    let digits = || backend.digits(&Standing::Enrolled(account.clone())).get();
    proved(digits, current, input, |current| backend.apply(account, current, change.clone()))
}

/// Does what a code proves. Where one is not looked at now and somebody can be asked, it asks for the next ones.
pub fn proved<T>(
    digits: impl Fn() -> usize,
    mut current: Option<Answer>,
    input: &mut Input,
    does: impl Fn(Option<&Answer>) -> Result<T, ManageError>,
) -> Result<T, ManageError> {
    for _ in 0..ASKED_AGAIN {
        let error = match does(current.as_ref()) {
            Err(error) if input.asks => error,
            result => return result,
        };
        let Some(before) = current.as_ref() else { return Err(error) };
        let digits = digits();
        let Some(question) = question(digits, before, &error) else { return Err(error) };
        let Ok(next) = input.code(&question) else { return Err(error) };
        current = Some(before.continued(next, digits));
    }
    does(current.as_ref())
}

/// What to ask next, where more codes are looked at than were typed.
fn question(digits: usize, typed: &Answer, error: &ManageError) -> Option<String> {
    let ManageError::Refused(ChangeError::CodeRefused { outcome, .. }) = error else { return None };
    match outcome {
        Outcome::Waiting { need, next_in, .. } => {
            let count = typed.as_codes(digits)?.count();
            (count < usize::from(*need)).then(|| user::one_more(count, *next_in))
        }
        Outcome::Twice { next_in } => Some(user::another(*next_in)),
        _ => None,
    }
}

/// Logs what root did, and tells the policy's program. What users did is logged and told by pam-totpd, where they cannot
/// forge it.
pub fn note_if_root(backend: &LocalOrDoor, what: &str, event: &Event<'_>) {
    if !backend.is_for_owners() {
        log_change(what);
        hook::tell(event);
    }
}
