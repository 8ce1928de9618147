//! The policy file: where it is, and one key of it set.

use std::path::Path;

use pam_totp::backend::PolicyFault;
use pam_totp::manage::notify::Event;
use pam_totp::paths::POLICY;
use pam_totp::policy::Policy;
use pam_totp::store;

use crate::edit::{self, Key};
use crate::report::Failure;

pub fn path(config: Option<&Path>) -> &Path {
    config.unwrap_or(Path::new(POLICY))
}

/// For panels.
pub const POLICY_CHANGED: Event<'static> = Event {
    event: "policy_changed",
    user: None,
    device: None,
    old_user: None,
    by: None,
    person: None,
    service: None,
    from: None,
    at: 0,
};

/// Sets one key, or takes it away; false where that changes nothing.
pub fn set_key(
    config: Option<&Path>,
    key: &str,
    value: Option<toml_edit::Value>,
    change: impl FnOnce(&mut Policy),
) -> Result<bool, Failure> {
    let path = path(config);
    let mut changed = false;
    store::edit_policy(path, |bytes| {
        let bad = |bad| Failure::from(&PolicyFault::Text(path.into(), bad));
        if bytes.is_none() && config.is_some() {
            return Err(Failure::from(&PolicyFault::Absent(path.into())));
        }
        let bytes = bytes.unwrap_or_default();
        let before = Policy::parse(bytes).map_err(bad)?;
        let mut after = before.clone();
        change(&mut after);
        if after == before {
            return Ok(None);
        }
        changed = true;
        let text = std::str::from_utf8(bytes).unwrap_or_default();
        let text = edit::with_key(text, Key::dotted(key), value.as_ref(), |text| {
            Policy::parse(text.as_bytes()).as_ref() == Ok(&after)
        });
        let text = text.ok_or_else(|| Failure::host(format!("{}: change the key `{key}` by hand", path.display())))?;
        Ok(Some(text.into_bytes()))
    })?;
    Ok(changed)
}
