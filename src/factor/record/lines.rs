//! The words of a record's lines, one spelling of each. Pure.

use std::fmt::{self, Write};
use std::str::FromStr;

use crate::factor::record::{
    BackupState, Barred, Came, CameBy, Class, ClassKey, DeviceState, Lane, LaneKey, MAX_DRIFT, Proving, RANGES, Since,
    Trust,
};
use crate::factor::source::{self, Network};

/// Whole numbers as we write them and no other spelling: no plus, no leading zero.
pub(super) fn number<T: FromStr>(text: &str) -> Option<T> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let is_ours = text == "0" || digits.starts_with(|first| matches!(first, '1'..='9'));
    text.parse().ok().filter(|_| is_ours)
}

/// The words of a line: exactly `N`.
fn words<const N: usize>(line: &str) -> Option<[&str; N]> {
    let mut words = line.split(' ');
    let mut all = [""; N];
    for place in &mut all {
        *place = words.next().filter(|w| !w.is_empty())?;
    }
    words.next().is_none().then_some(all)
}

fn identifier(word: &str) -> Option<String> {
    let plain = word.len() <= 64 && word.bytes().all(|b| b.is_ascii_alphanumeric());
    plain.then(|| word.to_owned())
}

struct OrMark<T>(Option<T>, char);

impl<T: fmt::Display> fmt::Display for OrMark<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(value) => value.fmt(f),
            None => f.write_char(self.1),
        }
    }
}

fn or_mark<T: FromStr>(text: &str, mark: &str) -> Option<Option<T>> {
    if text == mark { Some(None) } else { number(text).map(Some) }
}

impl fmt::Display for DeviceState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (last, drift, at) = (OrMark(self.last, '?'), OrMark(self.drift, '?'), OrMark(self.at, '-'));
        write!(f, "device {} {last} {drift} {at} - -", self.id)
    }
}

impl FromStr for DeviceState {
    type Err = ();

    fn from_str(line: &str) -> Result<Self, ()> {
        let parse = || {
            let [id, last, drift, at, pending, pending_at] = words(line)?;
            // What version 1 waited for is read, and forgotten.
            let (pending, pending_at): (Option<u64>, Option<u64>) = (or_mark(pending, "-")?, or_mark(pending_at, "-")?);
            let drift: Option<i8> = or_mark(drift, "?")?;
            let is_sound = pending.is_some() == pending_at.is_some()
                && drift.is_none_or(|d| (-MAX_DRIFT..=MAX_DRIFT).contains(&d));
            let line = Self { id: identifier(id)?, last: or_mark(last, "?")?, drift, at: or_mark(at, "-")? };
            is_sound.then_some(line)
        };
        parse().ok_or(())
    }
}

impl fmt::Display for BackupState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "backup {} {:x}", self.id, self.used)
    }
}

impl FromStr for BackupState {
    type Err = ();

    fn from_str(line: &str) -> Result<Self, ()> {
        let [id, used] = words(line).ok_or(())?;
        let used = u32::from_str_radix(used, 16).map_err(|_| ())?;
        Ok(Self { id: identifier(id).ok_or(())?, used })
    }
}

impl fmt::Display for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "lane {} {} {} {}", self.key, self.full, self.seen, self.last)
    }
}

impl FromStr for Lane {
    type Err = ();

    fn from_str(line: &str) -> Result<Self, ()> {
        let parse = || {
            let [key, full, seen, last] = words(line)?;
            Some(Self { key: key.parse().ok()?, full: number(full)?, seen: number(seen)?, last: number(last)? })
        };
        parse().ok_or(())
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "class {} {} {}", self.key, self.full, self.pairs)
    }
}

impl FromStr for Class {
    type Err = ();

    fn from_str(line: &str) -> Result<Self, ()> {
        let parse = || {
            let [key, full, pairs] = words(line)?;
            Some(Self { key: key.parse().ok()?, full: number(full)?, pairs: number(pairs)? })
        };
        parse().ok_or(())
    }
}

impl fmt::Display for Barred {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "barred {} {} {}", self.id, self.from, self.to)
    }
}

impl FromStr for Barred {
    type Err = ();

    fn from_str(line: &str) -> Result<Self, ()> {
        let parse = || {
            let [id, from, to] = words(line)?;
            let barred = Self { id: identifier(id)?, from: number(from)?, to: number(to)? };
            (barred.from <= barred.to).then_some(barred)
        };
        parse().ok_or(())
    }
}

impl fmt::Display for Since {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "since {} {} {}", self.count, self.at, self.from)
    }
}

impl FromStr for Since {
    type Err = ();

    fn from_str(line: &str) -> Result<Self, ()> {
        let [count, at, from] = words(line).ok_or(())?;
        Ok(Self { count: number(count).ok_or(())?, at: number(at).ok_or(())?, from: from.parse()? })
    }
}

impl fmt::Display for Trust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "trust {} {} {}", self.hash, self.until, OrMark(self.address, '-'))
    }
}

impl FromStr for Trust {
    type Err = ();

    fn from_str(line: &str) -> Result<Self, ()> {
        let parse = || {
            let [hash, until, address] = words(line)?;
            let address = if address == "-" { None } else { Some(source::literal(address)?) };
            Some(Self { hash: identifier(hash)?, until: number(until)?, address })
        };
        parse().ok_or(())
    }
}

impl fmt::Display for Proving {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "proving {} {}", self.service, self.at)
    }
}

impl FromStr for Proving {
    type Err = ();

    fn from_str(line: &str) -> Result<Self, ()> {
        let [service, at] = words(line).ok_or(())?;
        let is_word = service.len() <= Self::MOST && service.split(',').all(|word| Self::word(word) == word);
        let at = number(at).filter(|_| is_word).ok_or(())?;
        Ok(Self { service: service.to_owned(), at })
    }
}

impl fmt::Display for Came {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "came {} {}", self.at, self.how.word())
    }
}

impl FromStr for Came {
    type Err = ();

    fn from_str(line: &str) -> Result<Self, ()> {
        let [at, how] = words(line).ok_or(())?;
        let how = [CameBy::Moved, CameBy::Copied].into_iter().find(|known| known.word() == how).ok_or(())?;
        Ok(Self { at: number(at).ok_or(())?, how })
    }
}

impl CameBy {
    fn word(self) -> &'static str {
        match self {
            Self::Moved => "moved",
            Self::Copied => "copied",
        }
    }
}

impl fmt::Display for ClassKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl ClassKey {
    fn word(self) -> &'static str {
        match self {
            Self::Here => "here",
            Self::Known => "known",
            Self::Other => "other",
        }
    }
}

impl FromStr for ClassKey {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        [Self::Here, Self::Known, Self::Other].into_iter().find(|key| key.word() == text).ok_or(())
    }
}

impl fmt::Display for LaneKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (prefix, bytes): (_, &[u8]) = match self {
            Self::Local => return f.write_str("local"),
            Self::Door => return f.write_str("door"),
            Self::Judges => return f.write_str("judges"),
            Self::Other(range) => return write!(f, "other/{range}"),
            Self::Net(Network::V4(bytes)) => ("4/", bytes),
            Self::Net(Network::V6(bytes)) => ("6/", bytes),
        };
        f.write_str(prefix)?;
        bytes.iter().try_for_each(|b| write!(f, "{b:02x}"))
    }
}

impl FromStr for LaneKey {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text.split_once('/').unwrap_or((text, "")) {
            ("4", hex) => bytes(hex).map(|b| Self::Net(Network::V4(b))),
            ("6", hex) => bytes(hex).map(|b| Self::Net(Network::V6(b))),
            ("other", range) => number(range).filter(|range| *range < RANGES).map(Self::Other),
            _ if text == "local" => Some(Self::Local),
            _ if text == "door" => Some(Self::Door),
            _ if text == "judges" => Some(Self::Judges),
            _ => None,
        }
        .ok_or(())
    }
}

fn bytes<const N: usize>(hex: &str) -> Option<[u8; N]> {
    let mut out = [0; N];
    let pairs = hex.as_bytes().chunks(2);
    if hex.len() != N.saturating_mul(2) || !hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
        return None;
    }
    for (place, pair) in out.iter_mut().zip(pairs) {
        *place = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(out)
}
