//! What a new device is: its name, its key, the kind of its codes, and which apps can make them.

use clap::{Args, ValueEnum};
use pam_totp::factor::enrollment::{Device, Kind, MAX_COUNTER, PERIODS, valid_device_name};
use pam_totp::factor::otp::{Algorithm, Digits};
use pam_totp::factor::secret::{GENERATED_BYTES, Secret};
use pam_totp::factor::uri::parse::Parsed;
use pam_totp::system::{clock, random};

use crate::report::{Failure, tell};

#[derive(Args, Clone)]
pub struct CodeForm {
    /// How codes are made: by the clock (RFC 6238), or by a counter, for tokens with a button (RFC 4226) [default: totp].
    #[arg(long = "type", value_enum)]
    kind: Option<KindName>,
    /// Digits of a code: 6 to 8 [default: those of the user's other devices, else 6].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(6..=8))]
    digits: Option<u8>,
    /// The hash that codes are made with [default: SHA1].
    #[arg(long, value_enum, ignore_case = true)]
    algorithm: Option<Hash>,
    /// Seconds that a code of type totp lasts: 15 to 120 [default: 30].
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(15..=120))]
    period: Option<u32>,
    /// The next counter of a device of type hotp [default: 0].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(..=MAX_COUNTER))]
    counter: Option<u64>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum KindName {
    Totp,
    Hotp,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Hash {
    #[value(name = "SHA1")]
    Sha1,
    #[value(name = "SHA256")]
    Sha256,
    #[value(name = "SHA512")]
    Sha512,
}

const USUAL_PERIOD: u32 = 30;

impl Hash {
    fn of(algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::Sha1 => Self::Sha1,
            Algorithm::Sha256 => Self::Sha256,
            Algorithm::Sha512 => Self::Sha512,
        }
    }
}

/// What both say, or what one of them says.
fn agreed<T: Copy + PartialEq>(option: &str, given: Option<T>, uri: Option<T>) -> Result<Option<T>, Failure> {
    match (given, uri) {
        (Some(given), Some(uri)) if given != uri => {
            Err(Failure::usage(format!("{option} is not what the URI says: leave the option out")))
        }
        _ => Ok(uri.or(given)),
    }
}

impl CodeForm {
    /// What a URI says, and the options where it says nothing. An app that reads it shows six digits then, whatever the
    /// user's other devices have.
    pub fn of_uri(&self, uri: &Parsed) -> Result<Self, Failure> {
        let kind = if uri.counts { KindName::Hotp } else { KindName::Totp };
        let digits = uri.digits.and_then(|digits| u8::try_from(digits.get()).ok());
        let usual = u8::try_from(Digits::SIX.get()).ok();
        Ok(Self {
            kind: agreed("--type", self.kind, Some(kind))?,
            digits: agreed("--digits", self.digits, digits)?.or(usual),
            algorithm: agreed("--algorithm", self.algorithm, uri.algorithm.map(Hash::of))?,
            period: agreed("--period", self.period, uri.period)?,
            counter: agreed("--counter", self.counter, uri.counter)?,
        })
    }

    /// The device in this form; `digits`: those of the user's other devices.
    pub fn shape(&self, device: Device, digits: Option<Digits>) -> Result<Device, Failure> {
        debug_assert!(PERIODS.contains(&USUAL_PERIOD));
        let kind = match (self.kind.unwrap_or(KindName::Totp), self.period, self.counter) {
            (KindName::Totp, period, None) => Kind::Totp { period: period.unwrap_or(USUAL_PERIOD) },
            (KindName::Totp, _, Some(_)) => return Err(Failure::usage("--counter is for --type hotp")),
            (KindName::Hotp, None, counter) => Kind::Hotp { start: counter.unwrap_or_default() },
            (KindName::Hotp, Some(_), _) => return Err(Failure::usage("--period is for --type totp")),
        };
        let algorithm = match self.algorithm.unwrap_or(Hash::Sha1) {
            Hash::Sha1 => Algorithm::Sha1,
            Hash::Sha256 => Algorithm::Sha256,
            Hash::Sha512 => Algorithm::Sha512,
        };
        let digits = self.digits.and_then(Digits::new).or(digits).unwrap_or(Digits::SIX);
        Ok(Device { kind, algorithm, digits, ..device })
    }
}

/// What apps are known to get wrong: they take the QR code, and show codes that are never right.
pub fn warnings(device: &Device, proved: bool) -> Vec<String> {
    let mut what = Vec::new();
    if device.algorithm != Algorithm::Sha1 {
        what.push(format!("{} (Authy, Duo and Microsoft Authenticator take it for SHA1)", device.algorithm.name()));
    }
    if device.digits != Digits::SIX {
        what.push(format!("{} digits", device.digits.get()));
    }
    match device.kind {
        Kind::Totp { period: USUAL_PERIOD } => {}
        Kind::Totp { period } => what.push(format!("a period of {period} s")),
        Kind::Hotp { .. } => what.push("a counter instead of the clock".into()),
    }
    if what.is_empty() {
        return Vec::new();
    }
    let end = if proved {
        "A right code proves that this one can."
    } else {
        "Without a code nobody knows whether this one can: the next login may refuse its user."
    };
    vec![format!("Not every app can do this: {}. {end}", what.join(", "))]
}

pub fn new_device(secret: Secret, name: &str) -> Result<Device, Failure> {
    valid_name(name)?;
    Ok(Device::with_key(secret, name, clock::now()))
}

pub fn new_key() -> Result<Secret, Failure> {
    random::bytes(GENERATED_BYTES).map(Secret::from_bytes).map_err(|error| Failure::host(error.to_string()))
}

/// A name that a device may have.
pub fn valid_name(name: &str) -> Result<(), Failure> {
    let fault = || Failure::bad_input("bad_name", "a device's name has 1 to 64 printable characters");
    if valid_device_name(name) { Ok(()) } else { Err(fault()) }
}

/// On stderr, also where stdout carries JSON: there they are a field as well.
pub fn warn(warnings: &[String]) {
    warnings.iter().for_each(|warning| tell(&format!("pam-totp: {warning}")));
}
