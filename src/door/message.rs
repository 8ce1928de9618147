//! The form of what goes through the door: lines of words. Pure.
//!
//! ```text
//! message = "pam_totp 1" LF head LF *(field LF) LF         ; at most 4096 bytes, the empty line is its end
//! field   = keyword *(SP word)                             ; in a word, all but visible ASCII is %XX
//! ```

use std::fmt::Write;
use std::str::FromStr;

use zeroize::Zeroizing;

/// Bytes of a message.
pub const MAX: usize = 4096;
const VERSION: &str = "pam_totp 1";

/// No message of this version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

/// A message that is being written; reserved at once, because a growing buffer would leave unwiped copies behind.
pub(super) struct DoorMessage(Zeroizing<String>);

impl DoorMessage {
    pub(super) fn new(head: &str) -> Self {
        let mut text = Zeroizing::new(String::with_capacity(2 * MAX));
        // Writing to a string does not fail.
        let _ = writeln!(text, "{VERSION}\n{head}");
        Self(text)
    }

    pub(super) fn field(&mut self, keyword: &str, words: &[&str]) {
        self.0.push_str(keyword);
        for word in words {
            self.0.push(' ');
            self.0.push_str(word);
        }
        self.0.push('\n');
    }

    pub(super) fn end(mut self) -> Zeroizing<String> {
        self.0.push('\n');
        self.0
    }
}

/// A message that is being read: each field is taken once. What is left over is a fault in a request.
pub(super) struct Fields<'a> {
    pub(super) head: &'a str,
    rest: Vec<(&'a str, Vec<&'a str>)>,
}

impl<'a> Fields<'a> {
    pub(super) fn split(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let text = std::str::from_utf8(bytes).map_err(|_| Malformed)?;
        let mut lines = text.strip_suffix("\n\n").filter(|_| bytes.len() <= MAX).ok_or(Malformed)?.split('\n');
        if lines.next() != Some(VERSION) {
            return Err(Malformed);
        }
        let head = lines.next().ok_or(Malformed)?;
        let field = |line: &'a str| {
            let mut words = line.split(' ');
            Some((words.next()?, words.collect()))
        };
        Ok(Self { head, rest: lines.map(field).collect::<Option<_>>().ok_or(Malformed)? })
    }

    /// The words of a field that comes at most once; a second one is left over.
    pub(super) fn take<const N: usize>(&mut self, keyword: &str) -> Result<Option<[&'a str; N]>, Malformed> {
        let Some(place) = self.rest.iter().position(|(k, _)| *k == keyword) else { return Ok(None) };
        self.rest.remove(place).1.try_into().map(Some).map_err(|_| Malformed)
    }

    pub(super) fn one<const N: usize>(&mut self, keyword: &str) -> Result<[&'a str; N], Malformed> {
        self.take(keyword)?.ok_or(Malformed)
    }

    pub(super) fn all<const N: usize, T>(
        &mut self,
        keyword: &str,
        most: usize,
        read: impl Fn([&'a str; N]) -> Result<T, Malformed>,
    ) -> Result<Vec<T>, Malformed> {
        let mut all = Vec::new();
        while let Some(words) = self.take(keyword)? {
            all.push(read(words)?);
        }
        if all.len() > most { Err(Malformed) } else { Ok(all) }
    }

    pub(super) fn end(self) -> Result<(), Malformed> {
        if self.rest.is_empty() { Ok(()) } else { Err(Malformed) }
    }
}

pub(super) fn encoded(bytes: &[u8]) -> Zeroizing<String> {
    let mut out = Zeroizing::new(String::with_capacity(bytes.len().saturating_mul(3)));
    for byte in bytes {
        if byte.is_ascii_graphic() && *byte != b'%' {
            out.push(char::from(*byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

/// The inverse of [`encoded`], and of nothing else: one text has one spelling.
pub(super) fn decoded(word: &str) -> Result<Zeroizing<Vec<u8>>, Malformed> {
    let mut pieces = word.split('%');
    let mut bytes = Zeroizing::new(Vec::with_capacity(word.len()));
    bytes.extend_from_slice(pieces.next().unwrap_or_default().as_bytes());
    for piece in pieces {
        let (hex, plain) = piece.split_at_checked(2).ok_or(Malformed)?;
        bytes.push(u8::from_str_radix(hex, 16).map_err(|_| Malformed)?);
        bytes.extend_from_slice(plain.as_bytes());
    }
    if *encoded(&bytes) == word { Ok(bytes) } else { Err(Malformed) }
}

pub(super) fn text(word: &str, most: usize) -> Result<String, Malformed> {
    let bytes = decoded(word)?;
    let text = std::str::from_utf8(&bytes).map_err(|_| Malformed)?;
    if text.len() > most { Err(Malformed) } else { Ok(text.to_owned()) }
}

pub(super) fn parsed<T: FromStr>(word: &str) -> Result<T, Malformed> {
    word.parse().map_err(|_| Malformed)
}

pub(super) fn maybe<T: FromStr>(word: &str) -> Result<Option<T>, Malformed> {
    if word == "none" { Ok(None) } else { parsed(word).map(Some) }
}

pub(super) fn or_none<T: ToString>(value: Option<T>) -> String {
    value.map_or("none".into(), |value| value.to_string())
}
