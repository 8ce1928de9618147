//! `set`: a key that came from elsewhere is stored.

use std::fmt::Display;
use std::path::Path;

use clap::Args;
use pam_totp::backend::{Backend, LocalOrDoor};
use pam_totp::factor::change::{Deed, Proof};
use pam_totp::factor::enrollment::Device;
use pam_totp::factor::secret::{KeyError, Secret};
use pam_totp::factor::uri::parse::parse;
use pam_totp::system::account::Account;

use crate::backend::local_or_door;
use crate::codes::{codes_text, listed, none_or_a_set};
use crate::form::{self, CodeForm, new_device, warn};
use crate::input::Input;
use crate::people::by_name;
use crate::report::{Failure, Report};
use crate::target::{Target, USUAL_NAME, enrolled_text, for_user, log_enrolled};
use crate::{json, proof};

#[derive(Args)]
pub struct SetArgs {
    /// Which user.
    user: String,
    #[command(flatten)]
    form: CodeForm,
    /// What to call the device. A new name adds a device to those that the user has [default: phone].
    #[arg(long, value_name = "NAME")]
    device: Option<String>,
    /// Store the key without a code that proves it.
    #[arg(long)]
    no_code: bool,
    /// Replace the key of --device, or of the only device. The old key and the backup codes are void.
    #[arg(long)]
    replace: bool,
    /// How many backup codes to make: 0, or 2 to 20.
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = none_or_a_set)]
    backup_codes: u8,
}

/// Stores a key that came from elsewhere. One that is there already stays as it is, with its codes.
pub fn set(config: Option<&Path>, arguments: &SetArgs, json: bool) -> Result<Report, Failure> {
    let backend = local_or_door(config)?;
    let account = by_name(&arguments.user)?;
    proof::own_alone(&backend, &account)?;
    let mut input = Input::new(json)?;
    let (key, form) = given(&input.key("Key or otpauth:// URI: ")?, &arguments.form)?;
    if is_there(&backend, &account, arguments, &key, &form)? {
        let text = format!("{} has this key already: nothing was changed.", account.name);
        let (user, backup_codes, warnings) = (&account.name, Vec::new(), &[]);
        let object = json::SetReport { user, enrolled: true, changed: false, proved: false, backup_codes, warnings };
        return Ok(Report::new(text, &object));
    }
    if arguments.device.is_none() && !arguments.replace {
        // Who may not enroll at all hears that first, whether or not there is a door.
        backend.may(&account, Deed::Enroll(&key))?;
    }
    let target = Target::of(&backend, &account, arguments.device.as_deref(), arguments.replace, &mut input)?;
    let device = form.shape(new_device(key, &target.name)?, target.digits)?;
    let key = device.secret.clone();
    backend.may(&account, Deed::set(&target.place, &key))?;
    let warnings = form::warnings(&device, !arguments.no_code);
    warn(&warnings);
    let code = if arguments.no_code {
        None
    } else {
        Some(input.code_of(target.prompt(&backend), device.digits.get(), false)?)
    };
    let change = target.change(device, code.map_or(Proof::None, Proof::Code), arguments.backup_codes);
    let current = target.current(&backend, &account, &change, &mut input)?;
    let codes =
        proof::apply(&backend, &account, current, &change, &mut input).map_err(|error| for_user(&account, error))?;
    let how = if arguments.no_code { "not proved" } else { "proved by a code" };
    log_enrolled(&backend, &account, &target.place, &key, how);
    let text = format!("{}{}", enrolled_text(&backend, &account, &target, !arguments.no_code), *codes_text(&codes));
    let (user, backup_codes, warnings) = (&account.name, listed(&codes), &warnings);
    let proved = !arguments.no_code;
    let object = json::SetReport { user, enrolled: true, changed: true, proved, backup_codes, warnings };
    Ok(Report::new(text, &object))
}

/// The key, and what kind of codes it is for: as the options say, or a URI.
fn given(line: &[u8], form: &CodeForm) -> Result<(Secret, CodeForm), Failure> {
    let bad = |error: &dyn Display| Failure::bad_input("bad_key", error.to_string());
    let no_text = |error: std::str::Utf8Error| bad(&KeyError::Letter(error.valid_up_to().saturating_add(1)));
    let text = std::str::from_utf8(line).map_err(no_text)?;
    let (key, form) = match parse(text) {
        Some(uri) => {
            let uri = uri.map_err(|error| bad(&error))?;
            let form = form.of_uri(&uri)?;
            (uri.secret, form)
        }
        None => (Secret::from_base32(text).map_err(|error| bad(&error))?, form.clone()),
    };
    key.long_enough().map_err(|error| bad(&error))?;
    Ok((key, form))
}

/// Has the user a device with this key in this form, and by this name, if one was said? Root alone is told: without root a
/// change needs a code, and who has none learns nothing.
fn is_there(
    backend: &LocalOrDoor,
    account: &Account,
    arguments: &SetArgs,
    key: &Secret,
    form: &CodeForm,
) -> Result<bool, Failure> {
    if backend.is_for_owners() {
        return Ok(false);
    }
    // What cannot be read is no key that is there; it is said where it is to be changed.
    let Ok(Some(enrollment)) = backend.store()?.enrollment(account.into()) else { return Ok(false) };
    let others = (enrollment.devices.len() > 1).then(|| enrollment.digits());
    let name = arguments.device.as_deref();
    let wanted = form.shape(new_device(key.clone(), name.unwrap_or(USUAL_NAME))?, others)?;
    let form = |device: &Device| (device.kind, device.algorithm, device.digits);
    let is_it = |device: &Device| device.secret == wanted.secret && form(device) == form(&wanted);
    Ok(enrollment.devices.iter().any(|device| is_it(device) && name.is_none_or(|name| name == device.name)))
}
