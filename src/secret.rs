//! Keys that wipe themselves and never print, and a strict base32 (RFC 4648 section 6). Pure.

use std::fmt;

use base32::Alphabet::Rfc4648;
use zeroize::Zeroizing;

/// RFC 4226 R6: at least 128 bits; what we accept from users and administrators.
pub const MIN_BYTES: usize = 16;
/// RFC 4226 R6: 160 bits recommended; what we generate.
pub const GENERATED_BYTES: usize = 20;
/// RFC 4648 section 6.
const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
/// Longer than any HMAC block: nobody has such a key, a file that holds one is broken.
pub(crate) const MAX_BYTES: usize = 128;

/// A shared key.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<Vec<u8>>);

/// Why a text is no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyError {
    /// A character outside A-Z, 2-7, or a length or trailing bits that base32 does not have.
    NotBase32,
    /// Shorter than [`MIN_BYTES`].
    TooShort,
    /// Longer than any real key.
    TooLong,
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotBase32 => "the key is not base32 (letters A to Z, digits 2 to 7)",
            Self::TooShort => "the key is too short: 128 bits (26 characters) at least",
            Self::TooLong => "the key is too long: 1024 bits at most",
        })
    }
}

impl Secret {
    /// Takes over raw bytes, for example fresh random ones.
    pub fn from_bytes(bytes: Zeroizing<Vec<u8>>) -> Self {
        Self(bytes)
    }

    /// What a person types or pastes: spaces, hyphens, lower case and padding are forgiven, and nothing else.
    /// Keys below 128 bits are left to the caller to refuse: imported ones may be shorter.
    pub fn from_base32(text: &str) -> Result<Self, KeyError> {
        if text.len() > 4 * MAX_BYTES {
            return Err(KeyError::TooLong);
        }
        let mut clean = Zeroizing::new(String::with_capacity(text.len()));
        clean.extend(text.trim_end_matches(['=', ' ', '\r', '\n']).chars().filter(|c| !matches!(c, ' ' | '-')));
        clean.make_ascii_uppercase();
        // Before the library sees it: what it has decoded up to a wrong character it would free unwiped.
        if !clean.bytes().all(|letter| ALPHABET.contains(&letter)) {
            return Err(KeyError::NotBase32);
        }
        let bytes =
            base32::decode(Rfc4648 { padding: false }, &clean).map(Zeroizing::new).ok_or(KeyError::NotBase32)?;
        // The library takes impossible lengths and stray trailing bits ("A" becomes an empty key): only what
        // encodes back to the same text is base32.
        if bytes.is_empty() || *encode(&bytes) != *clean {
            return Err(KeyError::NotBase32);
        }
        if bytes.len() > MAX_BYTES {
            return Err(KeyError::TooLong);
        }
        Ok(Self(bytes))
    }

    /// Base32 without padding.
    pub fn to_base32(&self) -> Zeroizing<String> {
        encode(&self.0)
    }

    /// Base32 in groups of four, as people type it.
    pub fn to_groups(&self) -> Zeroizing<String> {
        let plain = self.to_base32();
        let mut groups = Zeroizing::new(String::with_capacity(plain.len().saturating_mul(2)));
        for (place, letter) in plain.chars().enumerate() {
            if place > 0 && place % 4 == 0 {
                groups.push(' ');
            }
            groups.push(letter);
        }
        groups
    }

    /// The raw key.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// 128 bits or more?
    pub fn long_enough(&self) -> Result<(), KeyError> {
        if self.0.len() < MIN_BYTES { Err(KeyError::TooShort) } else { Ok(()) }
    }
}

/// Base32 into one buffer: the library's own grows while it encodes, and leaves the half of a key behind.
fn encode(bytes: &[u8]) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(bytes.len().saturating_mul(2)));
    for chunk in bytes.chunks(5) {
        let mut five = Zeroizing::new([0_u8; 8]);
        five.iter_mut().skip(3).zip(chunk).for_each(|(to, from)| *to = *from);
        let bits = Zeroizing::new(u64::from_be_bytes(*five));
        let letters = chunk.len().saturating_mul(8).div_ceil(5);
        for shift in [35_u32, 30, 25, 20, 15, 10, 5, 0].into_iter().take(letters) {
            let letter = usize::try_from(bits.wrapping_shr(shift) & 31).ok().and_then(|n| ALPHABET.get(n));
            text.push(char::from(letter.copied().unwrap_or_default()));
        }
    }
    text
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// What the user answered to a prompt: wiped, never printed, bounded.
#[derive(Clone)]
pub struct Answer(Zeroizing<Vec<u8>>);

/// PAM_MAX_RESP_SIZE: nothing longer comes from a well-behaved application.
pub const MAX_ANSWER: usize = 512;

impl Answer {
    /// Copies the answer; one beyond the bound is kept as an empty one, which is no code.
    pub fn new(bytes: &[u8]) -> Self {
        Self(Zeroizing::new(if bytes.len() > MAX_ANSWER { Vec::new() } else { bytes.to_vec() }))
    }

    /// The bytes as typed.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The answer as `digits` digits, typed with or without spaces ("123 456"); `None` if it is no such code.
    pub fn as_code(&self, digits: usize) -> Option<Zeroizing<Vec<u8>>> {
        let mut code = Zeroizing::new(Vec::with_capacity(MAX_ANSWER));
        code.extend(self.0.iter().filter(|b| **b != b' '));
        (code.len() == digits && code.iter().all(u8::is_ascii_digit)).then_some(code)
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Answer")
    }
}
