//! `set`: a key that came from elsewhere is stored.

use std::path::Path;

use clap::Args;
use pam_totp::access::Deed;
use pam_totp::manage::{Change, Proof};
use pam_totp::secret::{KeyError, Secret};

use super::enroll::{codes_text, enrolled_text, log_enrolled, new_device, warn, with_codes};
use super::form::{self, Form};
use super::input::Input;
use super::none_or_a_set;
use super::own;
use super::people::{by_name, front};
use super::report::{Failure, Report};
use super::target::{Target, for_user};

#[derive(Args)]
pub struct Set {
    /// Which user.
    user: String,
    #[command(flatten)]
    form: Form,
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

/// Stores a key that came from elsewhere.
pub fn set(config: Option<&Path>, arguments: &Set, json: bool) -> Result<Report, Failure> {
    let desk = front(config)?;
    let account = by_name(&arguments.user)?;
    own::check(&desk, &account)?;
    let mut input = Input::new(json)?;
    let key = input.hidden("Key: ", "key")?;
    let no_text = |error: std::str::Utf8Error| KeyError::Letter(error.valid_up_to().saturating_add(1));
    let key = std::str::from_utf8(&key).map_err(no_text).and_then(Secret::from_base32);
    let key = key.and_then(|key| key.long_enough().map(|()| key));
    let key = key.map_err(|error| Failure::bad_input("bad_key", error.to_string()))?;
    if arguments.device.is_none() && !arguments.replace {
        // Who may not enroll at all hears that first, whether or not there is a door.
        desk.may(&account, Deed::Enroll(&key))?;
    }
    let target = Target::of(&desk, &account, arguments.device.as_deref(), arguments.replace, &mut input)?;
    let device = arguments.form.shape(new_device(key, &target.name)?, target.digits)?;
    let key = device.secret.clone();
    desk.may(&account, Deed::set(&target.place, &key))?;
    let warnings = form::warnings(&device, !arguments.no_code);
    warn(&warnings);
    let code =
        if arguments.no_code { None } else { Some(input.code_of(target.prompt(&desk), device.digits.get(), false)?) };
    let current = target.current(&desk, &account, &key, &mut input)?;
    let proof = code.as_ref().map_or(Proof::None, Proof::Code);
    let place = target.place.clone();
    let change = Change::Set { device, proof, place, backup_codes: arguments.backup_codes };
    let codes = own::apply(&desk, &account, current, &change, &mut input).map_err(|error| for_user(&account, error))?;
    log_enrolled(&desk, &account, &target.place, if arguments.no_code { "not proved" } else { "proved by a code" });
    let text = format!("{}{}", enrolled_text(&desk, &account, &target, !arguments.no_code), *codes_text(&codes));
    let report = Report::new(text).with("user", account.name).with("enrolled", true);
    Ok(with_codes(report.with("proved", !arguments.no_code).with("warnings", warnings), &codes))
}
