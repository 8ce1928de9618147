//! `policy show`: each key, what counts, and who says so.

use std::path::Path;

use pam_totp::backend::Desk;
use pam_totp::date::Utc;
use pam_totp::policy::rules::Unenrolled;
use pam_totp::policy::{Policy, SelfService};
use pam_totp::store;
use pam_totp::system::hostname::hostname;
use serde_json::{Map, Value, json};

use crate::backend::desk;
use crate::policy_file::path;
use crate::report::{Failure, Report};

pub fn show(config: Option<&Path>) -> Result<Report, Failure> {
    let desk = desk(config)?;
    let file = keys(config)?;
    let values = in_force(desk.policy(), &file);
    let mut rows = Vec::new();
    for (key, value) in &values {
        let written = file.get(key);
        let inner = value.as_object().filter(|_| ["throttle", "door"].contains(&key.as_str()));
        match inner {
            None => rows.push((key.clone(), value, written.is_some())),
            Some(table) => rows.extend(table.iter().map(|(inner, value)| {
                (format!("{key}.{inner}"), value, written.is_some_and(|table| table.get(inner).is_some()))
            })),
        }
    }
    let lines = rows.iter().map(|(key, value, from_file)| {
        let value = if value.is_null() { "none".into() } else { value.to_string() };
        format!("{key:<22} {value:<30} {}", if *from_file { "from the file" } else { "default" })
    });
    let lines: Vec<String> = std::iter::once(path(config).display().to_string()).chain(lines).collect();
    let from_file: Vec<&String> = rows.iter().filter(|row| row.2).map(|row| &row.0).collect();
    let report = Report::new(lines.join("\n")).unwrapped().with("file", path(config).display().to_string());
    let report = report.with("from_file", json!(from_file));
    Ok(values.into_iter().fold(report, |report, (key, value)| report.with(&key, value)))
}

/// The keys of the file as they stand there.
fn keys(config: Option<&Path>) -> Result<Map<String, Value>, Failure> {
    let bytes = store::read_policy(path(config))?.unwrap_or_default();
    let text = std::str::from_utf8(&bytes).unwrap_or_default();
    toml::from_str(text).map_err(|e| Failure::host(e.message()))
}

/// Each key with what counts, in the order of the example policy.
fn in_force(policy: &Policy, file: &Map<String, Value>) -> Vec<(String, Value)> {
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
    let throttle = json!({ "free": throttle.free, "every": throttle.every });
    let values = [
        ("enabled", json!(enabled)),
        ("issuer", json!(issuer.clone().or_else(hostname))),
        ("unenrolled", json!(unenrolled.unwrap_or(Unenrolled::Deny).word())),
        ("enroll_by", json!(day)),
        ("self_service", json!(rights(policy.self_service()))),
        ("window", json!(window)),
        ("store", json!(store)),
        ("prompt", json!(policy.prompt())),
        ("support", json!(support)),
        ("throttle", throttle),
        // There are none by default, and they count as they are written.
        ("require", file.get("require").cloned().unwrap_or(json!([]))),
        ("exempt", file.get("exempt").cloned().unwrap_or(json!([]))),
        ("remember", file.get("remember").cloned().unwrap_or_default()),
        ("notify", json!(notify)),
        ("door", json!({ "judges": judges })),
    ];
    values.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

fn rights(may: SelfService) -> Vec<&'static str> {
    let all =
        [(may.enroll, "enroll"), (may.replace, "replace"), (may.remove, "remove"), (may.backup_codes, "backup-codes")];
    all.into_iter().filter(|right| right.0).map(|right| right.1).collect()
}
