//! Reads a user's file where it is spelled exactly as we print it, as nearly every one is: line by line, in the one order.
//! That is TOML, too, and here it only has to be read as TOML reads it; a login need not pay for all that TOML could
//! have been. Whatever else stands there is left to `as_toml`, faults too. Pure.

use std::ops::Range;
use std::str::FromStr;

use toml::Spanned;
use toml::value::{Date, Datetime, Offset, Time};

use crate::factor::enrollment::file::{BackupTable, DeviceTable, EnrollmentFile};

/// `None`: not in this spelling. No key is copied, wherever that ends.
pub fn read(text: &str) -> Option<EnrollmentFile> {
    let mut lines = Lines { text, rest: text };
    let file = EnrollmentFile {
        version: lines.number("version = ")?,
        user: lines.string("user = ")?,
        uid: lines.number("uid = ")?,
        device: lines.devices()?,
        backup_codes: lines.backup_codes()?,
    };
    lines.rest.is_empty().then_some(file)
}

/// The lines of the text that are not read yet. A field is read where its turn is, so none can come twice.
struct Lines<'a> {
    text: &'a str,
    rest: &'a str,
}

impl<'a> Lines<'a> {
    fn devices(&mut self) -> Option<Vec<DeviceTable>> {
        let mut devices = Vec::new();
        while self.next_is("\n[[device]]\n") {
            devices.push(DeviceTable {
                id: self.string("id = ")?,
                name: self.string("name = ")?,
                r#type: self.string("type = ")?,
                period: self.number_or_none("period = ")?,
                counter: self.number_or_none("counter = ")?,
                secret: self.place("secret = ")?,
                algorithm: self.string("algorithm = ")?,
                digits: self.number("digits = ")?,
                skew: self.number_or_none("skew = ")?,
                created: self.date("created = ")?,
            });
        }
        Some(devices)
    }

    fn backup_codes(&mut self) -> Option<Option<BackupTable>> {
        if !self.next_is("\n[backup_codes]\n") {
            return Some(None);
        }
        let mut table = BackupTable {
            id: self.string("id = ")?,
            digits: self.number_or_none("digits = ")?,
            salt: self.string("salt = ")?,
            iterations: self.number("iterations = ")?,
            hashes: self.list("hashes = [\n")?,
            created: self.date("created = ")?,
            temporary_until: None,
            temporary: None,
        };
        if !self.rest.is_empty() {
            table.temporary_until = Some(self.date("temporary_until = ")?);
            table.temporary = Some(self.list("temporary = [\n")?);
        }
        Some(Some(table))
    }

    /// Goes behind this text if it comes next.
    fn next_is(&mut self, text: &str) -> bool {
        let behind = self.rest.strip_prefix(text);
        self.rest = behind.unwrap_or(self.rest);
        behind.is_some()
    }

    /// What stands behind this key, up to the end of the line.
    fn value(&mut self, key: &str) -> Option<&'a str> {
        let (value, rest) = self.rest.strip_prefix(key)?.split_once('\n')?;
        self.rest = rest;
        Some(value)
    }

    fn string(&mut self, key: &str) -> Option<String> {
        unquoted(self.value(key)?).map(str::to_owned)
    }

    /// Where a string stands.
    fn place(&mut self, key: &str) -> Option<Spanned<String>> {
        let start = self.text.len().checked_sub(self.rest.len())?.checked_add(key.len())?;
        let value = self.value(key)?;
        unquoted(value)?;
        Some(Spanned::new(start..start.checked_add(value.len())?, String::new()))
    }

    /// In its shortest spelling.
    fn number<T: FromStr>(&mut self, key: &str) -> Option<T> {
        let value = self.value(key)?;
        let digits = value.strip_prefix('-').unwrap_or(value);
        let shortest = digits.bytes().all(|byte| byte.is_ascii_digit()) && !digits.starts_with('0');
        (shortest || value == "0").then(|| value.parse().ok())?
    }

    /// The inner `None`: there is no such key.
    fn number_or_none<T: FromStr>(&mut self, key: &str) -> Option<Option<T>> {
        if self.rest.starts_with(key) { self.number(key).map(Some) } else { Some(None) }
    }

    /// Whether there is such a day is checked with all else.
    fn date(&mut self, key: &str) -> Option<Datetime> {
        const SHAPE: &str = "0000-00-00T00:00:00Z";
        let value = self.value(key)?;
        let fits = |(byte, shape): (u8, u8)| if shape == b'0' { byte.is_ascii_digit() } else { byte == shape };
        if value.len() != SHAPE.len() || !value.bytes().zip(SHAPE.bytes()).all(fits) {
            return None;
        }
        let two = |place: Range<usize>| value.get(place)?.parse().ok();
        let date = Date { year: value.get(..4)?.parse().ok()?, month: two(5..7)?, day: two(8..10)? };
        let time = Time { hour: two(11..13)?, minute: two(14..16)?, second: two(17..19), nanosecond: None };
        Some(Datetime { date: Some(date), time: Some(time), offset: Some(Offset::Z) })
    }

    /// A string a line.
    fn list(&mut self, head: &str) -> Option<Vec<String>> {
        let mut list = Vec::new();
        self.next_is(head).then_some(())?;
        while !self.next_is("]\n") {
            list.push(unquoted(self.value("    ")?.strip_suffix(',')?)?.to_owned());
        }
        Some(list)
    }
}

/// What stands in the quotes, if it means nothing but itself.
fn unquoted(value: &str) -> Option<&str> {
    let inside = value.strip_prefix('"')?.strip_suffix('"')?;
    let is_odd = |byte: u8| byte.is_ascii_control() || matches!(byte, b'"' | b'\\');
    (!inside.bytes().any(is_odd)).then_some(inside)
}
