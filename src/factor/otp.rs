//! HOTP (RFC 4226) and TOTP (RFC 6238): a key and a counter in, a code out. Pure.

use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::{Sha256, Sha512};
use subtle::{Choice, ConstantTimeEq};
use zeroize::{Zeroize, ZeroizeOnDrop};

/// The hash under the HMAC (RFC 6238 section 1.2). Several apps treat every choice as SHA1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// The default, and the only one all apps implement.
    Sha1,
    /// HMAC-SHA-256.
    Sha256,
    /// HMAC-SHA-512.
    Sha512,
}

impl Algorithm {
    /// The name in secret files and otpauth URIs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sha1 => "SHA1",
            Self::Sha256 => "SHA256",
            Self::Sha512 => "SHA512",
        }
    }

    /// The inverse of [`Algorithm::name`].
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Sha1, Self::Sha256, Self::Sha512].into_iter().find(|a| a.name() == name)
    }
}

/// How many digits a code has: 6, 7 or 8 (RFC 4226 section 5.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Digits(u8);

impl Digits {
    /// What every app shows.
    pub const SIX: Self = Self(6);

    /// Six to eight, else nothing.
    pub fn new(digits: u8) -> Option<Self> {
        (6..=8).contains(&digits).then_some(Self(digits))
    }

    /// The number of digits.
    pub fn get(self) -> usize {
        usize::from(self.0)
    }
}

/// A code as the user reads it: ASCII digits with leading zeros. Wiped, never printed.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Code {
    text: [u8; 8],
    len: u8,
}

impl Code {
    /// The last digits of a number: it modulo 10^digits.
    fn of(number: u32, digits: Digits) -> Self {
        let (mut code, mut rest) = (Self { text: [b'0'; 8], len: digits.0 }, number);
        for place in code.text.iter_mut().take(digits.get()).rev() {
            let digit = u8::try_from(rest % 10).unwrap_or_default();
            *place = b'0'.saturating_add(digit);
            rest /= 10;
        }
        code
    }

    /// The digits.
    pub fn as_bytes(&self) -> &[u8] {
        self.text.get(..usize::from(self.len)).unwrap_or_default()
    }

    /// Compares in constant time; only the lengths, which are no secret, are compared early.
    pub fn matches(&self, typed: &[u8]) -> Choice {
        self.as_bytes().ct_eq(typed)
    }
}

/// HOTP(K, C), RFC 4226 section 5.3.
pub fn hotp(key: &[u8], counter: u64, algorithm: Algorithm, digits: Digits) -> Code {
    Codes::new(key, algorithm, digits).at(counter)
}

/// The codes of one key: half of the work is to hash it, and that is done once for all of them. What it leaves is as secret
/// as the key, and wipes itself as well, each copy of it.
pub struct Codes {
    keyed: Option<Keyed>,
    digits: Digits,
}

enum Keyed {
    Sha1(Hmac<Sha1>),
    Sha256(Hmac<Sha256>),
    Sha512(Hmac<Sha512>),
}

impl Codes {
    /// HMAC takes a key of any length: there always are some.
    pub fn new(key: &[u8], algorithm: Algorithm, digits: Digits) -> Self {
        let keyed = match algorithm {
            Algorithm::Sha1 => Hmac::new_from_slice(key).map(Keyed::Sha1),
            Algorithm::Sha256 => Hmac::new_from_slice(key).map(Keyed::Sha256),
            Algorithm::Sha512 => Hmac::new_from_slice(key).map(Keyed::Sha512),
        };
        Self { keyed: keyed.ok(), digits }
    }

    /// The code of a counter.
    pub fn at(&self, counter: u64) -> Code {
        let message = counter.to_be_bytes();
        let number = match &self.keyed {
            Some(Keyed::Sha1(keyed)) => truncate(keyed.clone(), &message),
            Some(Keyed::Sha256(keyed)) => truncate(keyed.clone(), &message),
            Some(Keyed::Sha512(keyed)) => truncate(keyed.clone(), &message),
            // Of no length: nothing that is typed matches it.
            None => return Code { text: [0; 8], len: 0 },
        };
        Code::of(number, self.digits)
    }
}

/// Dynamic truncation, RFC 4226 section 5.3.
fn truncate(mut mac: impl Mac, message: &[u8]) -> u32 {
    mac.update(message);
    let mut tag = mac.finalize().into_bytes();
    let offset = usize::from(tag.last().copied().unwrap_or_default() & 0x0f);
    let four = tag.get(offset..offset.saturating_add(4)).and_then(|b| b.try_into().ok()).unwrap_or_default();
    tag.as_mut_slice().zeroize();
    u32::from_be_bytes(four) & 0x7fff_ffff
}

/// The TOTP step that `now` (seconds since 1970) lies in: RFC 6238 section 4.2 with T0 = 0.
pub fn step(now: u64, period: u32) -> u64 {
    now.checked_div(u64::from(period)).unwrap_or_default()
}
