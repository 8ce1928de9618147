//! otpauth URIs as apps read them. Pure.

#[cfg(feature = "cli")]
pub mod parse;

use std::fmt::Write;

use zeroize::Zeroizing;

use crate::factor::enrollment::{Device, Kind};
use crate::factor::otp::{Algorithm, Digits};

/// `otpauth://totp/ISSUER:ACCOUNT?secret=...&issuer=ISSUER`; algorithm, digits and period only where they are not
/// what every app assumes: they would push the QR code past 24 rows.
pub fn otpauth(device: &Device, issuer: &str, account: &str) -> Zeroizing<String> {
    written(device, issuer, account, true)
}

/// The same with the issuer in the label alone, where apps look if it is said nowhere else: for a QR code that would
/// not fit its window.
pub fn short_otpauth(device: &Device, issuer: &str, account: &str) -> Zeroizing<String> {
    written(device, issuer, account, false)
}

fn written(device: &Device, issuer: &str, account: &str, twice: bool) -> Zeroizing<String> {
    // Reserved at once: a growing buffer would leave unwiped copies of the key behind.
    let mut uri = Zeroizing::new(String::with_capacity(2_048));
    let kind = if matches!(device.kind, Kind::Totp { .. }) { "totp" } else { "hotp" };
    let (issuer, account) = (percent(issuer), percent(account));
    // Writing to a string does not fail.
    let _ = write!(uri, "otpauth://{kind}/{issuer}:{account}?secret={}", *device.secret.to_base32());
    if twice {
        let _ = write!(uri, "&issuer={issuer}");
    }
    if device.algorithm != Algorithm::Sha1 {
        let _ = write!(uri, "&algorithm={}", device.algorithm.name());
    }
    if device.digits != Digits::SIX {
        let _ = write!(uri, "&digits={}", device.digits.get());
    }
    let _ = match device.kind {
        Kind::Totp { period: 30 } => Ok(()),
        Kind::Totp { period } => write!(uri, "&period={period}"),
        Kind::Hotp { start } => write!(uri, "&counter={start}"),
    };
    uri
}

/// RFC 3986 section 2.1: everything but unreserved characters.
fn percent(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            // Writing to a string does not fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::factor::secret::Secret;

    #[test]
    fn only_what_differs_from_the_defaults_is_said() {
        let mut device = Device {
            id: "a".into(),
            name: "phone".into(),
            kind: Kind::Totp { period: 30 },
            secret: Secret::from_base32("JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP").unwrap(),
            algorithm: Algorithm::Sha1,
            digits: Digits::SIX,
            skew: 0,
            created: 0,
        };
        let uri = otpauth(&device, "ACME & Söhne", "alice@host");
        let label = "ACME%20%26%20S%C3%B6hne";
        let plain =
            format!("otpauth://totp/{label}:alice%40host?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP&issuer={label}");
        assert_eq!(*uri, plain);
        let short = short_otpauth(&device, "ACME & Söhne", "alice@host");
        assert_eq!(Some(&**short), plain.strip_suffix(&format!("&issuer={label}")));
        device.algorithm = Algorithm::Sha256;
        device.digits = Digits::new(8).unwrap();
        device.kind = Kind::Totp { period: 60 };
        assert_eq!(*otpauth(&device, "ACME & Söhne", "alice@host"), plain + "&algorithm=SHA256&digits=8&period=60");
    }
}
