//! otpauth URIs: taken apart as an app does it, they give back what they were made of, whatever it was.

use pam_totp::factor::enrollment::{Device, Kind};
use pam_totp::factor::otp::{Algorithm, Digits};
use pam_totp::factor::secret::Secret;
use pam_totp::factor::uri::otpauth;
use pam_totp::text::valid_label;

use super::pieces::Pieces;

pub fn hold(bytes: &[u8]) {
    let mut pieces = Pieces(bytes);
    let kind = match pieces.flag() {
        true => Kind::Totp { period: u32::try_from(pieces.number() % 3_600 + 1).expect("at most an hour") },
        false => Kind::Hotp { start: pieces.number() },
    };
    let device = Device {
        id: "d1".into(),
        name: pieces.text(),
        kind,
        algorithm: pieces.pick(&[Algorithm::Sha1, Algorithm::Sha256, Algorithm::Sha512]),
        digits: pieces.pick(&[6, 7, 8].map(|digits| Digits::new(digits).expect("6 to 8"))),
        secret: Secret::from_bytes(pieces.piece().to_vec().into()),
        skew: 0,
        created: 0,
    };
    let (issuer, account) = (pieces.text(), pieces.text());
    let uri = otpauth(&device, &issuer, &account);
    check(&uri, &device, &issuer, &account);
    #[cfg(feature = "cli")]
    reading::hold(&uri, &device, bytes);
    assert_eq!(valid_label(&issuer), (1..=128).contains(&issuer.len()) && !issuer.chars().any(unfit));
}

/// What an app cannot show, or takes for the colon between issuer and account.
fn unfit(letter: char) -> bool {
    letter == ':' || pam_totp::text::deceives(letter)
}

fn check(uri: &str, device: &Device, issuer: &str, account: &str) {
    assert!(uri.bytes().all(|byte| byte.is_ascii_graphic()), "{uri:?}");
    let (path, query) =
        uri.strip_prefix("otpauth://").and_then(|rest| rest.split_once('?')).expect("one question mark");
    let (kind, label) = path.split_once('/').expect("a label");
    assert_eq!(kind, if matches!(device.kind, Kind::Totp { .. }) { "totp" } else { "hotp" });
    let (before, after) = label.split_once(':').expect("a colon");
    assert_eq!((decoded(before), decoded(after)), (issuer.into(), account.into()));

    let parameters: Vec<(&str, &str)> = query.split('&').map(|one| one.split_once('=').expect("a value")).collect();
    // What an app takes where nothing is said.
    let mut expected = vec![("secret", device.secret.to_base32().to_string()), ("issuer", issuer.into())];
    if device.algorithm != Algorithm::Sha1 {
        expected.push(("algorithm", device.algorithm.name().into()));
    }
    if device.digits != Digits::SIX {
        expected.push(("digits", device.digits.get().to_string()));
    }
    match device.kind {
        Kind::Totp { period: 30 } => {}
        Kind::Totp { period } => expected.push(("period", period.to_string())),
        Kind::Hotp { start } => expected.push(("counter", start.to_string())),
    }
    let seen: Vec<(&str, String)> = parameters.iter().map(|(key, value)| (*key, decoded(value))).collect();
    assert_eq!(seen, expected, "each once, and no other");
}

/// RFC 3986 section 2.1.
fn decoded(text: &str) -> String {
    let mut pieces = text.split('%');
    let mut bytes = pieces.next().unwrap_or_default().as_bytes().to_vec();
    for piece in pieces {
        bytes.push(u8::from_str_radix(&piece[..2], 16).expect("two hex digits"));
        bytes.extend_from_slice(&piece.as_bytes()[2..]);
    }
    String::from_utf8(bytes).expect("UTF-8")
}

/// What programs read.
#[cfg(feature = "cli")]
mod reading {
    use super::*;
    use pam_totp::factor::uri::parse::{Parsed, UriError, parse};

    pub fn hold(uri: &str, device: &Device, bytes: &[u8]) {
        read_back(uri, device);
        // Bytes that nobody made a URI of, as they are and behind its beginning.
        let text = String::from_utf8_lossy(bytes);
        for text in
            [text.clone().into_owned(), format!("otpauth://totp/a?{text}"), format!("otpauth://hotp/?secret={text}")]
        {
            if let Some(Ok(parsed)) = parse(&text) {
                assert_eq!(
                    (parsed.period.is_some() && parsed.counts, parsed.counter.is_some() && !parsed.counts),
                    (false, false)
                );
            }
        }
    }

    /// Our own reader finds what we wrote, or says what of it no device of ours can have.
    fn read_back(uri: &str, device: &Device) {
        let read = parse(uri).expect("a URI");
        let secret = Secret::from_base32(&device.secret.to_base32());
        let (counts, period, counter) = match device.kind {
            Kind::Totp { period } => (false, Some(period), None),
            Kind::Hotp { start } => (true, None, Some(start)),
        };
        let expected = match (secret, period, counter) {
            (Err(error), ..) => Err(UriError::Key(error)),
            (_, Some(period), _) if !(15..=120).contains(&period) => Err(UriError::Value("period")),
            (_, _, Some(counter)) if counter >= 1 << 63 => Err(UriError::Value("counter")),
            (Ok(secret), ..) => Ok(Parsed {
                secret,
                counts,
                algorithm: Some(device.algorithm).filter(|algorithm| *algorithm != Algorithm::Sha1),
                digits: Some(device.digits).filter(|digits| *digits != Digits::SIX),
                period: period.filter(|period| *period != 30),
                counter,
            }),
        };
        assert_eq!(read, expected);
    }
}
