//! `policy show`: each key, what counts, and who says so.

use std::path::Path;

use pam_totp::backend::Backend;
use pam_totp::date::Utc;
use pam_totp::policy::rules::Unenrolled;
use pam_totp::policy::{Policy, SelfService};
use pam_totp::store;
use pam_totp::system::hostname::hostname;
use serde_json::{Map, Value};

use crate::backend::local;
use crate::json::{self, DoorKeys, PolicyKeys, ThrottleKeys};
use crate::policy_file::path;
use crate::report::{Failure, Report};

pub fn show(config: Option<&Path>) -> Result<Report, Failure> {
    let backend = local(config)?;
    let file = written(config)?;
    let (name, keys) = (path(config).display().to_string(), in_force(backend.policy(), &file));
    let mut values = json::fields(&keys);
    let mut rows = Vec::new();
    for key in ORDER {
        let (written, value) = (file.get(key), values.remove(key).unwrap_or_default());
        match value {
            Value::Object(table) if ["throttle", "door"].contains(&key) => {
                rows.extend(table.into_iter().map(|(inner, value)| {
                    (format!("{key}.{inner}"), value, written.is_some_and(|table| table.get(inner).is_some()))
                }));
            }
            value => rows.push((key.to_owned(), value, written.is_some())),
        }
    }
    debug_assert!(values.is_empty(), "{values:?} has no place in the order");
    let lines = rows.iter().map(|(key, value, from_file)| {
        let value = if value.is_null() { "none".into() } else { value.to_string() };
        format!("{key:<22} {value:<30} {}", if *from_file { "from the file" } else { "default" })
    });
    let text: Vec<String> = std::iter::once(name.clone()).chain(lines).collect();
    let from_file = rows.into_iter().filter(|row| row.2).map(|row| row.0).collect();
    let object = json::PolicyShowReport { file: name, from_file, hostname: hostname(), keys };
    Ok(Report::new(text.join("\n"), &object).unwrapped())
}

/// The order of the example policy.
const ORDER: [&str; 15] = [
    "enabled",
    "issuer",
    "unenrolled",
    "enroll_by",
    "self_service",
    "window",
    "store",
    "prompt",
    "support",
    "throttle",
    "require",
    "exempt",
    "remember",
    "notify",
    "door",
];

/// The keys of the file as they stand there.
fn written(config: Option<&Path>) -> Result<Map<String, Value>, Failure> {
    let bytes = store::read_policy(path(config))?.unwrap_or_default();
    let text = std::str::from_utf8(&bytes).unwrap_or_default();
    toml::from_str(text).map_err(|e| Failure::host(e.message()))
}

/// Each key with what counts.
fn in_force(policy: &Policy, file: &Map<String, Value>) -> PolicyKeys {
    // Named one by one, so that no key comes into the policy and is left out here.
    let Policy {
        enabled,
        issuer,
        unenrolled,
        window,
        store,
        support,
        throttle,
        enroll_by,
        prompt: _,
        self_service: _,
        rules: _,
        remember: _,
        judges,
        notify,
        without_effect: _,
    } = policy;
    let day = enroll_by.map(|end| {
        let Utc { year, month, day, .. } = Utc::from_epoch(end);
        format!("{year:04}-{month:02}-{day:02}")
    });
    let rules = |key: &str| file.get(key).cloned().unwrap_or_else(|| Value::Array(Vec::new()));
    PolicyKeys {
        enabled: *enabled,
        issuer: issuer.clone().or_else(hostname),
        unenrolled: unenrolled.unwrap_or(Unenrolled::Deny).word(),
        enroll_by: day,
        self_service: rights(policy.self_service()),
        window: *window,
        store: store.clone(),
        prompt: policy.prompt().to_owned(),
        support: support.clone(),
        throttle: ThrottleKeys { free: throttle.free, every: throttle.every },
        // There are none by default, and they count as they are written.
        require: rules("require"),
        exempt: rules("exempt"),
        remember: file.get("remember").cloned().unwrap_or_default(),
        notify: notify.clone(),
        door: DoorKeys { judges: judges.clone() },
    }
}

fn rights(may: SelfService) -> Vec<&'static str> {
    let all =
        [(may.enroll, "enroll"), (may.replace, "replace"), (may.remove, "remove"), (may.backup_codes, "backup-codes")];
    all.into_iter().filter(|right| right.0).map(|right| right.1).collect()
}
