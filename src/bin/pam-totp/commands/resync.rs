//! `resync`: where a device stands that has run away.

use std::path::Path;

use clap::Args;
use pam_totp::factor::change::{Change, Deed};
use pam_totp::factor::enrollment::MAX_COUNTER;
use pam_totp::login::messages::enrolling::OTHER_DEVICE;
use pam_totp::manage::notify::Event;
use pam_totp::text::clean;

use crate::backend::local_or_door;
use crate::form::valid_name;
use crate::input::Input;
use crate::json;
use crate::people::whom;
use crate::proof::{self, current_code, note_if_root};
use crate::report::{Failure, Report};

#[derive(Args)]
pub struct ResyncArgs {
    /// Which user [default: you].
    user: Option<String>,
    /// Which device, if there are several.
    #[arg(long, value_name = "NAME")]
    device: Option<String>,
    /// Instead of codes: the next counter of a device of type hotp. Never goes back. For root.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(..=MAX_COUNTER))]
    counter: Option<u64>,
}

/// Finds the device by two codes in a row, or sets its counter.
pub fn resync(config: Option<&Path>, arguments: &ResyncArgs, json: bool) -> Result<Report, Failure> {
    let backend = local_or_door(config)?;
    let account = whom(arguments.user.as_deref(), "resync")?;
    proof::own_alone(&backend, &account)?;
    let device = arguments.device.clone();
    device.as_deref().map_or(Ok(()), valid_name)?;
    let done = |deed: Deed<'_>| {
        let name = clean(&account.name);
        note_if_root(
            &backend,
            &format!("{} {name}", deed.done()),
            &Event { event: deed.event().unwrap_or_default(), user: Some(&account.name), ..Event::default() },
        );
        let text = format!("{name} can log in with the next code.");
        Report::new(text, &json::ResyncReport { user: account.name.clone(), resynchronized: true })
    };
    if let Some(counter) = arguments.counter {
        if backend.is_for_owners() {
            return Err(Failure::not_permitted(
                "only root may set a counter: leave --counter out, and type two codes in a row",
            ));
        }
        backend.apply(&account, None, Change::Counter { device, counter })?;
        return Ok(done(Deed::Counter));
    }
    let mut input = Input::new(json)?;
    backend.may(&account, Deed::Resync)?;
    let first = input.code("Code on the device: ")?;
    let second = input.code("The next code that it shows: ")?;
    let change = Change::Resync { device, first, second };
    let current = backend
        .is_for_owners()
        .then(|| current_code(&backend, &account, &change, OTHER_DEVICE, &mut input))
        .transpose()?;
    proof::apply(&backend, &account, current, &change, &mut input)?;
    Ok(done(change.deed()))
}
