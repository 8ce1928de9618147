//! What users look after themselves, without root: their own enrollment, each change proved by a code of it.

use nix::unistd::Uid;
use pam_totp::access::Deed;
use pam_totp::account::Account;
use pam_totp::attempt::Outcome;
use pam_totp::desk::{Desk, Front};
use pam_totp::manage::{Change, Codes, ManageError};
use pam_totp::notify::Event;
use pam_totp::preview::Standing;
use pam_totp::secret::Answer;
use pam_totp::text::shown;
use pam_totp::words::user;
use serde_json::Map;

use crate::each;
use crate::input::Input;
use crate::notify;
use crate::people::{by_name, log_change, whom};
use crate::report::{Failure, Report, USAGE};
use crate::standing;

/// Users change nobody's enrollment but their own; said here, whether or not there is a door.
pub fn check(desk: &Front, account: &Account) -> Result<(), Failure> {
    if is_anothers(desk, account) { Err(Failure::not_authorized(&account.name)) } else { Ok(()) }
}

fn is_anothers(desk: &Front, account: &Account) -> bool {
    desk.is_for_owners() && Uid::effective().as_raw() != account.uid
}

/// The code by which users prove what they have enrolled.
pub fn current_code(
    desk: &Front,
    account: &Account,
    deed: Deed<'_>,
    prompt: &str,
    input: &mut Input,
) -> Result<Answer, Failure> {
    // Before anybody looks for their phone.
    desk.may(account, deed)?;
    if !desk.is_enrolled(&account.name)? {
        return Err(ManageError::NotEnrolled.into());
    }
    let digits = desk.digits(&Standing::Enrolled(account.clone())).get();
    input.code_of(prompt, digits, true)
}

/// Where the code that proves the change is the only one.
pub const CURRENT: &str = "Verification code, or a backup code: ";

/// How often somebody is asked for a further code: for the second, the third, and once for another one.
const ASKED_AGAIN: usize = 3;

/// Makes a change. Where one current code is not looked at now and somebody can be asked, it asks for the next ones.
pub fn apply(
    desk: &Front,
    account: &Account,
    mut current: Option<Answer>,
    change: &Change<'_>,
    input: &mut Input,
) -> Result<Codes, ManageError> {
    for _ in 0..ASKED_AGAIN {
        let error = match desk.apply(account, current.as_ref(), change.clone()) {
            Err(error) if input.asks => error,
            result => return result,
        };
        let Some(before) = current.as_ref() else { return Err(error) };
        let digits = desk.digits(&Standing::Enrolled(account.clone())).get();
        let Some(question) = question(digits, before, &error) else { return Err(error) };
        let Ok(next) = input.code(&question) else { return Err(error) };
        current = Some(before.continued(next, digits));
    }
    desk.apply(account, current.as_ref(), change.clone())
}

/// What to ask next, where more codes are looked at than were typed.
fn question(digits: usize, typed: &Answer, error: &ManageError) -> Option<String> {
    let ManageError::CodeRefused { outcome, .. } = error else { return None };
    match outcome {
        Outcome::Waiting { need, next_in, .. } => {
            let count = typed.as_codes(digits)?.count();
            (count < usize::from(*need)).then(|| user::one_more(count, *next_in))
        }
        Outcome::Twice { next_in } => Some(user::another(*next_in)),
        _ => None,
    }
}

/// Logs what root did; what users did is logged by pam-totpd, where they cannot forge it.
pub fn log_if_root(desk: &Front, what: &str) {
    if !desk.is_for_owners() {
        log_change(what);
    }
}

/// Likewise tells the policy's program: what users did is told by pam-totpd.
pub fn tell_if_root(desk: &Front, event: &Event<'_>) {
    if !desk.is_for_owners() {
        notify::tell(event);
    }
}

/// What users may know of themselves.
pub fn status(desk: &Front, user: Option<&str>) -> Result<Report, Failure> {
    let account = whom(user, "status")?;
    if is_anothers(desk, &account) {
        return Err(Failure::not_authorized_to_look(&account.name));
    }
    let status = desk.status(&account)?;
    Ok(standing::Standing::told(account.name, status).report())
}

/// Removes the user's own enrollment, with a code of what is removed. Answers as root's `remove` does.
pub fn remove(desk: &Front, users: &[String], device: Option<&str>, json: bool) -> Result<Report, Failure> {
    let name = match users {
        [] => whom(None, "remove")?.name,
        [name] => name.clone(),
        _ => return Err(Failure::usage("without root a command is about you alone: leave the names out, or use sudo")),
    };
    match take_off(desk, &name, device, json) {
        Ok(()) => {
            let text = match device {
                Some(device) => format!("{device} is no device of {} any more.", shown(&name)),
                None => format!("{} is not enrolled any more.", shown(&name)),
            };
            Ok(Report::new(text).with("modified", vec![name]).with("failed", Map::new()))
        }
        Err(failure) if failure.exit == USAGE => Err(failure),
        Err(failure) => {
            let failed = Map::from_iter([(name.clone(), each::said(&name, &failure))]);
            let report = Report::new(String::new()).with("modified", Vec::<String>::new()).with("failed", failed);
            Ok(report.exiting(failure.exit))
        }
    }
}

/// Ends what is remembered of them. It takes nothing away but a login without a code, so it needs none.
pub fn forget(desk: &Front, users: &[String]) -> Result<Report, Failure> {
    let account = match users {
        [] => whom(None, "forget")?,
        [name] => by_name(name)?,
        _ => return Err(Failure::usage("without root you look after your own enrollment alone")),
    };
    check(desk, &account)?;
    desk.apply(&account, None, Change::Forget)?;
    let text = format!("{}: done", shown(&account.name));
    Ok(Report::new(text).with("modified", vec![account.name]).with("failed", Map::new()))
}

fn take_off(desk: &Front, name: &str, device: Option<&str>, json: bool) -> Result<(), Failure> {
    let account = by_name(name)?;
    check(desk, &account)?;
    let (deed, change) = match device {
        Some(device) => (Deed::RemoveDevice, Change::RemoveDevice(device.to_owned())),
        None => (Deed::Remove, Change::Remove),
    };
    let mut input = Input::new(json)?;
    let current = current_code(desk, &account, deed, CURRENT, &mut input)?;
    apply(desk, &account, Some(current), &change, &mut input)?;
    Ok(())
}
