//! What requests and replies have in common, in words. Pure.

use super::message::{DoorMessage, Fields, Malformed, parsed, text};
use crate::factor::enrollment::{Kind, valid_device_name};
use crate::factor::otp::Digits;
use crate::factor::record::Since;

/// Bytes of a name.
pub(super) const MAX_NAME: usize = 256;

pub(super) fn device_name(word: &str) -> Result<String, Malformed> {
    text(word, MAX_NAME).and_then(|name| if valid_device_name(&name) { Ok(name) } else { Err(Malformed) })
}

pub(super) fn kind_words(kind: Kind) -> (&'static str, String) {
    match kind {
        Kind::Totp { period } => ("totp", period.to_string()),
        Kind::Hotp { start } => ("hotp", start.to_string()),
    }
}

pub(super) fn kind_from(kind: &str, parameter: &str) -> Result<Kind, Malformed> {
    match kind {
        "totp" => Ok(Kind::Totp { period: parsed(parameter)? }),
        "hotp" => Ok(Kind::Hotp { start: parsed(parameter)? }),
        _ => Err(Malformed),
    }
    .and_then(|kind| if kind.is_valid() { Ok(kind) } else { Err(Malformed) })
}

pub(super) fn digits(word: &str) -> Result<Digits, Malformed> {
    Digits::new(parsed(word)?).ok_or(Malformed)
}

impl DoorMessage {
    pub(super) fn since(&mut self, since: &Since) {
        self.field("since", &[&since.count.to_string(), &since.at.to_string(), &since.from.to_string()]);
    }
}

impl Fields<'_> {
    pub(super) fn since(&mut self) -> Result<Option<Since>, Malformed> {
        let Some([count, at, from]) = self.take("since")? else { return Ok(None) };
        Ok(Some(Since { count: parsed(count)?, at: parsed(at)?, from: parsed(from)? }))
    }
}
