//! Keys that wipe themselves and never print, and base32 (RFC 4648 section 6): forgiving where people type it, strict where
//! we wrote it. Pure.

use std::fmt;

use base32::Alphabet::Rfc4648;
use zeroize::Zeroizing;

/// RFC 4226 R6: at least 128 bits; what we accept from users and administrators.
pub const MIN_BYTES: usize = 16;
/// Fewer than [`MIN_BYTES`], in words.
pub const TOO_SHORT: &str = "the key is too short: 128 bits (26 characters) at least";
/// RFC 4226 R6: 160 bits recommended; what we generate.
pub const GENERATED_BYTES: usize = 20;
/// RFC 4648 section 6.
const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
/// Longer than any HMAC block: nobody has such a key, a file that holds one is broken.
pub(crate) const MAX_BYTES: usize = 128;

/// A shared key.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<Vec<u8>>);

/// Why a text is no key. Says where, and never which letter stands there: that one may be of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyError {
    /// There is no letter at all.
    Empty,
    /// The letter at this place, from 1, is none of base32; blanks and hyphens are not counted.
    Letter(usize),
    /// No whole bytes have so many letters.
    Length(usize),
    /// Not as we write keys.
    NotCanonical,
    /// Shorter than [`MIN_BYTES`].
    TooShort,
    /// Longer than any real key.
    TooLong,
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("there is no key"),
            Self::Letter(place) => write!(
                f,
                "letter {place} of the key is not one of A to Z and 2 to 7 (0, 1, 8 and 9 are never in a key)"
            ),
            Self::Length(letters) => {
                write!(f, "the key is not complete: {letters} letters are one too few or too many")
            }
            Self::NotCanonical => f.write_str("the key is not written as pam_totp writes it"),
            Self::TooShort => f.write_str(TOO_SHORT),
            Self::TooLong => f.write_str("the key is too long: 1024 bits at most"),
        }
    }
}

impl Secret {
    /// Takes over raw bytes, for example fresh random ones.
    pub fn from_bytes(bytes: Zeroizing<Vec<u8>>) -> Self {
        Self(bytes)
    }

    /// What a person types or pastes: blanks, hyphens, lower case and padding are forgiven, and so are bits beyond the last
    /// whole byte, which other programs leave at random and drop. Nothing else is.
    /// Keys below 128 bits are left to the caller to refuse: imported ones may be shorter.
    pub fn from_base32(text: &str) -> Result<Self, KeyError> {
        decode(&letters(text)?)
    }

    /// What we wrote ourselves, where anything else is damage: no bit beyond the last whole byte is set.
    pub fn from_canonical(text: &str) -> Result<Self, KeyError> {
        let letters = letters(text)?;
        let key = decode(&letters)?;
        if ends_with_a_byte(&letters) { Ok(key) } else { Err(KeyError::NotCanonical) }
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

/// The letters of a key without what is forgiven; each is one of base32.
fn letters(text: &str) -> Result<Zeroizing<String>, KeyError> {
    if text.len() > 4 * MAX_BYTES {
        return Err(KeyError::TooLong);
    }
    let mut clean = Zeroizing::new(String::with_capacity(text.len()));
    clean.extend(text.trim_end_matches(['=', ' ', '\r', '\n']).chars().filter(|c| !matches!(c, ' ' | '-')));
    clean.make_ascii_uppercase();
    let is_odd = |letter: char| !matches!(letter, 'A'..='Z' | '2'..='7');
    match (1..).zip(clean.chars()).find(|(_, letter)| is_odd(*letter)) {
        Some((place, _)) => Err(KeyError::Letter(place)),
        None => Ok(clean),
    }
}

/// The library takes every length ("A" becomes an empty key). It sees no wrong letter: what it has decoded up to one it would
/// free unwiped.
fn decode(letters: &str) -> Result<Secret, KeyError> {
    match letters.len() {
        0 => return Err(KeyError::Empty),
        length if matches!(length % 8, 1 | 3 | 6) => return Err(KeyError::Length(length)),
        _ => {}
    }
    let bytes = base32::decode(Rfc4648 { padding: false }, letters).map(Zeroizing::new).ok_or(KeyError::Empty)?;
    if bytes.len() > MAX_BYTES { Err(KeyError::TooLong) } else { Ok(Secret(bytes)) }
}

/// Is no bit set beyond the last whole byte?
fn ends_with_a_byte(letters: &str) -> bool {
    let beyond = match letters.len() % 8 {
        2 => 2,
        4 => 4,
        5 => 1,
        7 => 3,
        _ => 0,
    };
    let last = letters.bytes().last().and_then(|letter| ALPHABET.iter().position(|known| *known == letter));
    last.is_some_and(|last| last.trailing_zeros() >= beyond)
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
        self.as_codes(digits).filter(|codes| codes.count() == 1).map(|codes| codes.digits)
    }

    /// The answer as one to three codes in a row: spaces anywhere, and between two codes at most one hyphen.
    pub fn as_codes(&self, digits: usize) -> Option<CodesInARow> {
        let mut codes = CodesInARow { digits: Zeroizing::new(Vec::with_capacity(MAX_ANSWER)), each: digits };
        let mut hyphen = None;
        for byte in self.0.iter().filter(|byte| **byte != b' ') {
            let typed = codes.digits.len();
            match byte {
                b'0'..=b'9' => codes.digits.push(*byte),
                b'-' if codes.is_whole() && hyphen != Some(typed) => hyphen = Some(typed),
                _ => return None,
            }
        }
        let ends_in_hyphen = hyphen == Some(codes.digits.len());
        (codes.is_whole() && codes.count() <= MAX_ROW && !ends_in_hyphen).then_some(codes)
    }

    /// The codes in a row without one that is typed twice; `None` if it is no such answer.
    fn without_repeats(&self, digits: usize) -> Option<Self> {
        let codes = self.as_codes(digits)?;
        let mut each = codes.each();
        each.dedup();
        Some(Self::new(&Zeroizing::new(each.join(&b'-'))))
    }

    /// What was typed so far, and more. A user who types another kind of answer, a backup code or all codes at once, means
    /// that; and of a code that came twice, one is enough.
    pub fn continued(&self, more: Self, digits: usize) -> Self {
        match (self.without_repeats(digits), more.as_code(digits)) {
            (Some(before), Some(_)) => before.joined(&more),
            _ => more,
        }
    }

    /// Both in a row, as they are typed at once.
    pub fn joined(&self, next: &Self) -> Self {
        let mut both = Zeroizing::new(Vec::with_capacity(MAX_ANSWER.saturating_mul(2)));
        for part in [self.as_bytes(), b"-", next.as_bytes()] {
            both.extend_from_slice(part);
        }
        Self::new(&both)
    }
}

/// No more codes in a row are ever asked for.
const MAX_ROW: usize = 3;

/// Codes in a row.
#[derive(Clone)]
pub struct CodesInARow {
    digits: Zeroizing<Vec<u8>>,
    each: usize,
}

impl CodesInARow {
    /// How many.
    pub fn count(&self) -> usize {
        self.digits.len().checked_div(self.each).unwrap_or_default()
    }

    /// Each of them.
    pub fn each(&self) -> Vec<&[u8]> {
        self.digits.chunks(self.each.max(1)).collect()
    }

    /// Is one typed twice, one after the other? No device shows that.
    pub fn repeat(&self) -> bool {
        self.each().windows(2).any(|pair| matches!(pair, [first, second] if first == second))
    }

    /// Some code, and no piece of a further one.
    fn is_whole(&self) -> bool {
        !self.digits.is_empty() && self.digits.len().checked_rem(self.each) == Some(0)
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Answer")
    }
}
