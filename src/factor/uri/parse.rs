//! An otpauth URI as somebody pastes it: the key, and for what kind of codes it is. Issuer and account are for apps to show.
//! Pure.

use std::fmt;

use zeroize::Zeroizing;

use crate::factor::enrollment::{MAX_COUNTER, PERIODS};
use crate::factor::otp::{Algorithm, Digits};
use crate::factor::secret::{KeyError, Secret};

/// What a URI says. What it does not say is left to who asks; apps take SHA1, six digits and 30 seconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parsed {
    /// The key, of whatever length.
    pub secret: Secret,
    /// By a counter (hotp), not by the clock (totp).
    pub counts: bool,
    /// The hash.
    pub algorithm: Option<Algorithm>,
    /// Digits of a code.
    pub digits: Option<Digits>,
    /// Seconds that a code lasts; of totp alone.
    pub period: Option<u32>,
    /// The next counter; of hotp alone.
    pub counter: Option<u64>,
}

/// Why a URI is of no use. Holds no text of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UriError {
    /// An export of several accounts at once.
    Migration,
    /// Neither totp nor hotp.
    Type,
    /// A parameter stands there more than once.
    Twice(&'static str),
    /// A % without two hexadecimal digits, or bytes that are no text.
    Percent(&'static str),
    /// A value that none of our devices can have.
    Value(&'static str),
    /// The key is none.
    Key(KeyError),
}

impl fmt::Display for UriError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Migration => f.write_str(
                "this is an export of an app (otpauth-migration), not one key: give the otpauth:// URI or the key of the \
                 one account, or make a new key with `pam-totp enroll`",
            ),
            Self::Type => f.write_str("the URI is neither otpauth://totp/ nor otpauth://hotp/"),
            Self::Twice(name) => write!(f, "the URI has more than one `{name}`"),
            Self::Percent(name) => {
                write!(f, "the URI's `{name}` has a % that is not followed by two hexadecimal digits of a text")
            }
            Self::Value(name) => {
                let can_be = match *name {
                    "algorithm" => "SHA1, SHA256 or SHA512".to_owned(),
                    "digits" => "6 to 8".to_owned(),
                    "period" => format!("{} to {} seconds", PERIODS.start(), PERIODS.end()),
                    _ => format!("0 to {MAX_COUNTER}"),
                };
                write!(f, "the URI's `{name}` is not one that pam_totp can do: {can_be}")
            }
            Self::Key(error) => error.fmt(f),
        }
    }
}

/// Reads such a URI; `None`: it is none, and perhaps a key.
pub fn parse(text: &str) -> Option<Result<Parsed, UriError>> {
    let (scheme, rest) = text.trim_ascii().split_once(':')?;
    if scheme.eq_ignore_ascii_case("otpauth-migration") {
        return Some(Err(UriError::Migration));
    }
    scheme.eq_ignore_ascii_case("otpauth").then(|| read(rest))
}

fn read(rest: &str) -> Result<Parsed, UriError> {
    let rest = rest.strip_prefix("//").ok_or(UriError::Type)?;
    let rest = rest.split('#').next().unwrap_or_default();
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    let kind = path.split('/').next().unwrap_or_default();
    let counts = match kind {
        _ if kind.eq_ignore_ascii_case("totp") => false,
        _ if kind.eq_ignore_ascii_case("hotp") => true,
        _ => return Err(UriError::Type),
    };
    let query = Query(query);
    let secret = query.text("secret")?.unwrap_or_default();
    Ok(Parsed {
        secret: Secret::from_base32(&secret).map_err(UriError::Key)?,
        counts,
        algorithm: query.value("algorithm", |text| Algorithm::from_name(&text.to_ascii_uppercase()))?,
        digits: query.value("digits", |text| Digits::new(number(text)?))?,
        period: if counts {
            None
        } else {
            query.value("period", |text| number(text).filter(|n| PERIODS.contains(n)))?
        },
        counter: if counts { query.value("counter", |text| number(text).filter(|n| *n <= MAX_COUNTER))? } else { None },
    })
}

/// Digits alone: no sign.
fn number<T: std::str::FromStr>(text: &str) -> Option<T> {
    text.parse().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()))
}

/// What stands behind the question mark. What nobody asks for is not looked at.
struct Query<'a>(&'a str);

impl Query<'_> {
    fn value<T>(&self, name: &'static str, read: impl Fn(&str) -> Option<T>) -> Result<Option<T>, UriError> {
        self.text(name)?.map(|text| read(&text).ok_or(UriError::Value(name))).transpose()
    }

    fn text(&self, name: &'static str) -> Result<Option<Zeroizing<String>>, UriError> {
        let values = self.0.split('&').filter_map(|pair| pair.split_once('=').filter(|(other, _)| *other == name));
        let mut values = values.map(|(_, value)| value);
        let first = values.next();
        match values.next() {
            Some(_) => Err(UriError::Twice(name)),
            None => first.map(|value| decoded(value).ok_or(UriError::Percent(name))).transpose(),
        }
    }
}

/// RFC 3986 section 2.1, and nothing else: a + is a +.
fn decoded(text: &str) -> Option<Zeroizing<String>> {
    // Reserved at once: a growing buffer would leave unwiped copies of the key behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(text.len()));
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let mut digit = || char::from(rest.next()?).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
            bytes.push(digit()?.wrapping_shl(4) | digit()?);
        } else {
            bytes.push(byte);
        }
    }
    std::str::from_utf8(&bytes).ok().map(|text| Zeroizing::new(text.to_owned()))
}
