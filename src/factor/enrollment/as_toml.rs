//! Reads a user's file however people may have written it: as TOML, with the line and column of what is wrong. Pure.

use serde::Deserialize;

use crate::factor::enrollment::file::{Broken, EnrollmentFile, VERSIONS};
use crate::text::position;

/// What every version has.
#[derive(Deserialize)]
struct AnyVersion {
    version: i64,
}

pub fn read(text: &str) -> Result<EnrollmentFile, Broken> {
    let masked = masked(text);
    toml::from_str(&masked).map_err(|e| match toml::from_str(&masked) {
        Ok(AnyVersion { version }) if version > *VERSIONS.end() => Broken::NEWER,
        _ => Broken { at: position(text, &e), what: "not an enrollment" },
    })
}

/// The text as the parser gets it: its errors keep a copy of all, which nobody wipes, so it sees no key. Every place
/// stays where it is.
fn masked(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        match line.split_once('=') {
            Some((key, value)) if key.trim() == "secret" => {
                out.push_str(key);
                out.push('=');
                out.extend(value.chars().map(|letter| if letter.is_ascii_alphanumeric() { 'A' } else { letter }));
            }
            _ => out.push_str(line),
        }
    }
    out
}
