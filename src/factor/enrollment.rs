//! The user's file: what they enrolled. Text to a checked [`Enrollment`] and back; the two readers of the text are below it.
//! Pure.

mod as_printed;
mod as_toml;
mod file;

use std::fmt::{self, Write};

use sha2::{Digest, Sha256};
use toml::Spanned;
use toml::value::{Datetime, Offset};
use zeroize::Zeroizing;

pub use crate::factor::enrollment::file::Broken;

use crate::date::Utc;
use crate::factor::backup::{
    BackupCodeForm, BackupCodes, MAX_CODES, MAX_ITERATIONS, MAX_TEMPORARY, SCRATCH, Temporary,
};
use crate::factor::enrollment::file::{BackupTable, DeviceTable, EnrollmentFile, VERSIONS};
use crate::factor::otp::{self, Algorithm, Digits};
use crate::factor::secret::Secret;
use crate::text::deceives;

/// More devices than this do not fit the state record while they are being replaced.
pub const MAX_DEVICES: usize = 5;
/// RFC 6238 section 6: steps that two consecutive codes may move a device's clock away from ours.
pub const MAX_SKEW: i8 = 20;
/// The largest counter that a device can start at: as large as a number of TOML.
pub const MAX_COUNTER: u64 = i64::MAX.unsigned_abs();
/// Seconds a code may last, for a device that is enrolled here; imported ones may differ.
pub const PERIODS: std::ops::RangeInclusive<u32> = 15..=120;

/// What kind of one-time code a device makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// RFC 6238, with the period in seconds.
    Totp {
        /// Seconds a code lasts.
        period: u32,
    },
    /// RFC 4226, with the counter it was enrolled at.
    Hotp {
        /// First counter.
        start: u64,
    },
}

impl Kind {
    /// A period of at most an hour, a counter that lasts.
    pub fn is_valid(self) -> bool {
        match self {
            Self::Totp { period } => (1..=3_600).contains(&period),
            Self::Hotp { start } => start <= MAX_COUNTER,
        }
    }
}

/// One phone, token or app.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// Ties the state to this secret.
    pub id: String,
    /// For people.
    pub name: String,
    /// Clock or counter.
    pub kind: Kind,
    /// The shared key.
    pub secret: Secret,
    /// The hash under the HMAC.
    pub algorithm: Algorithm,
    /// Digits of a code.
    pub digits: Digits,
    /// TOTP: steps that its clock is ahead of ours, as two consecutive codes have shown; drift counts from there.
    /// Kept here and not in the state, so that a lost state cannot forget which steps can have been used.
    pub skew: i8,
    /// Seconds since 1970.
    pub created: u64,
}

impl Device {
    /// With this key, and otherwise as every app can show its codes.
    pub fn with_key(secret: Secret, name: &str, now: u64) -> Self {
        Self {
            id: device_id(&secret),
            name: name.to_owned(),
            kind: Kind::Totp { period: 30 },
            secret,
            algorithm: Algorithm::Sha1,
            digits: Digits::SIX,
            skew: 0,
            created: now,
        }
    }

    /// The step that its clock shows at `now`, but for drift; an HOTP device has no clock.
    pub fn step(&self, now: u64) -> Option<u64> {
        let Kind::Totp { period } = self.kind else { return None };
        Some(otp::step(now, period).saturating_add_signed(self.skew.into()))
    }
}

/// A device's id: the same key has the same id, so that a key that was removed and set again does not get its
/// used codes back.
pub fn device_id(secret: &Secret) -> String {
    let digest = Sha256::new().chain_update(b"pam_totp device ").chain_update(secret.as_bytes()).finalize();
    digest.iter().take(4).map(|byte| format!("{byte:02x}")).collect()
}

/// What a user has enrolled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Enrollment {
    /// The canonical name; must equal the account's.
    pub user: String,
    /// The account's uid at enrollment: a recreated account inherits nothing.
    pub uid: u32,
    /// One to [`MAX_DEVICES`], all with the same number of digits.
    pub devices: Vec<Device>,
    /// One set of backup codes, if any.
    pub backup_codes: Option<BackupCodes>,
}

/// The key that stands, in quotes, where the reader found it.
fn key<'a>(text: &'a str, secret: &Spanned<String>) -> &'a str {
    text.get(secret.span()).unwrap_or_default().trim_matches(['"', '\''])
}

impl Enrollment {
    /// Reads a secret file.
    pub fn parse(bytes: &[u8]) -> Result<Self, Broken> {
        let text = std::str::from_utf8(bytes).map_err(|_| broken("not UTF-8"))?;
        Self::parse_printed(text).map_or_else(|| Self::parse_toml(text), Ok)
    }

    /// Reads a file that is spelled as [`Self::print`] spells it and has no fault: a fraction of the work. `None` of any
    /// other one; never anything that [`Self::parse_toml`] reads otherwise.
    pub fn parse_printed(text: &str) -> Option<Self> {
        Self::checked(as_printed::read(text)?, text).ok()
    }

    /// Reads a file in any spelling, and says where a fault is.
    pub fn parse_toml(text: &str) -> Result<Self, Broken> {
        Self::checked(as_toml::read(text)?, text)
    }

    fn checked(file: EnrollmentFile, text: &str) -> Result<Self, Broken> {
        match file.version {
            later if later > *VERSIONS.end() => return Err(Broken::NEWER),
            version if !VERSIONS.contains(&version) => return Err(broken("there is no such version")),
            1 if file.device.iter().any(|d| d.skew.is_some()) => return Err(broken("version 1 has no skew")),
            1 if file.backup_codes.iter().any(|set| set.digits.is_some()) => {
                return Err(broken("version 1 has no backup codes of eight digits"));
            }
            1 if file.backup_codes.iter().any(|set| set.temporary.is_some()) => {
                return Err(broken("version 1 has no temporary backup codes"));
            }
            _ => {}
        }
        if file.device.is_empty() || file.device.len() > MAX_DEVICES {
            return Err(broken("one to five devices are allowed"));
        }
        let devices = file.device.into_iter().map(|table| device(table, text)).collect::<Result<Vec<_>, _>>()?;
        // They would share one line of the state, and codes of one would count as codes of the other.
        if (1..).zip(&devices).any(|(next, d)| devices.iter().skip(next).any(|other| other.id == d.id)) {
            return Err(broken("two devices have the same id"));
        }
        let same_digits = devices.windows(2).all(|w| matches!(w, [a, b] if a.digits == b.digits));
        if !same_digits {
            return Err(broken("the devices differ in their digits"));
        }
        let backup_codes = file.backup_codes.map(backup_codes).transpose()?;
        Ok(Self { user: file.user, uid: file.uid, devices, backup_codes })
    }

    /// Writes a secret file.
    pub fn print(&self) -> Zeroizing<String> {
        // Reserved at once: a growing buffer would leave unwiped copies of the keys behind.
        let mut out = Zeroizing::new(String::with_capacity(16_384));
        // Writing to a string does not fail.
        let _ = self.print_to(&mut out);
        out
    }

    fn version(&self) -> i64 {
        let far = |device: &Device| matches!(device.kind, Kind::Hotp { start } if u32::try_from(start).is_err());
        let set = self.backup_codes.as_ref();
        match () {
            () if set.is_some_and(|set| set.temporary.is_some()) || self.devices.iter().any(far) => 3,
            () if set.is_some_and(|set| set.form == BackupCodeForm::Digits)
                || self.devices.iter().any(|d| d.skew != 0) =>
            {
                2
            }
            () => 1,
        }
    }

    fn print_to(&self, out: &mut String) -> fmt::Result {
        let version = self.version();
        writeln!(out, "version = {version}\nuser = {}\nuid = {}", TomlString(&self.user), self.uid)?;
        for device in &self.devices {
            writeln!(out, "\n[[device]]\nid = {}\nname = {}", TomlString(&device.id), TomlString(&device.name))?;
            match device.kind {
                Kind::Totp { period } => writeln!(out, "type = \"totp\"\nperiod = {period}")?,
                Kind::Hotp { start } => writeln!(out, "type = \"hotp\"\ncounter = {start}")?,
            }
            writeln!(out, "secret = \"{}\"", *device.secret.to_base32())?;
            writeln!(out, "algorithm = \"{}\"\ndigits = {}", device.algorithm.name(), device.digits.get())?;
            if device.skew != 0 {
                writeln!(out, "skew = {}", device.skew)?;
            }
            writeln!(out, "created = {}", Utc::from_epoch(device.created))?;
        }
        if let Some(set) = &self.backup_codes {
            writeln!(out, "\n[backup_codes]\nid = {}", TomlString(&set.id))?;
            if set.form == BackupCodeForm::Digits {
                writeln!(out, "digits = {SCRATCH}")?;
            }
            writeln!(out, "salt = \"{}\"", encode(&set.salt))?;
            writeln!(out, "iterations = {}\nhashes = [", set.iterations)?;
            for hash in &set.hashes {
                writeln!(out, "    \"{}\",", encode(hash))?;
            }
            writeln!(out, "]\ncreated = {}", Utc::from_epoch(set.created))?;
            if let Some(Temporary { hashes, until }) = &set.temporary {
                writeln!(out, "temporary_until = {}\ntemporary = [", Utc::from_epoch(*until))?;
                hashes.iter().try_for_each(|hash| writeln!(out, "    \"{}\",", encode(hash)))?;
                writeln!(out, "]")?;
            }
        }
        Ok(())
    }

    /// The digits that all devices share.
    pub fn digits(&self) -> Digits {
        self.devices.first().map_or(Digits::SIX, |d| d.digits)
    }
}

fn broken(what: &'static str) -> Broken {
    Broken { at: None, what }
}

fn device(table: DeviceTable, text: &str) -> Result<Device, Broken> {
    let kind = match (table.r#type.as_str(), table.period, table.counter) {
        ("totp", Some(period), None) => Some(Kind::Totp { period }),
        ("hotp", None, Some(start)) => Some(Kind::Hotp { start }),
        _ => None,
    };
    let fault = broken("a device needs type \"totp\" with a period of 1 to 3600 or \"hotp\" with a counter");
    let kind = kind.filter(|kind| kind.is_valid()).ok_or(fault)?;
    let skew = table.skew.unwrap_or_default();
    if skew.unsigned_abs() > MAX_SKEW.unsigned_abs() || (skew != 0 && matches!(kind, Kind::Hotp { .. })) {
        return Err(broken("a skew is at most 20 steps, of a TOTP device"));
    }
    Ok(Device {
        id: identifier(table.id)?,
        name: name(table.name)?,
        kind,
        secret: Secret::from_canonical(key(text, &table.secret)).map_err(|_| broken("a secret is not base32"))?,
        algorithm: Algorithm::from_name(&table.algorithm).ok_or(broken("an algorithm is unknown"))?,
        digits: Digits::new(table.digits).ok_or(broken("digits must be 6 to 8"))?,
        skew,
        created: epoch(&table.created)?,
    })
}

fn backup_codes(table: BackupTable) -> Result<BackupCodes, Broken> {
    let fault = || broken("the backup codes are damaged");
    if table.hashes.len() > MAX_CODES || !(1..=MAX_ITERATIONS).contains(&table.iterations) {
        return Err(fault());
    }
    let hashes = |texts: &[String]| texts.iter().map(|h| decode(h)?.try_into().ok()).collect::<Option<Vec<[u8; 32]>>>();
    let temporary = match (&table.temporary, &table.temporary_until) {
        (None, None) => None,
        (Some(texts), Some(until)) if texts.len() <= MAX_TEMPORARY => {
            Some(Temporary { hashes: hashes(texts).ok_or_else(fault)?, until: epoch(until)? })
        }
        _ => return Err(fault()),
    };
    let form = match table.digits {
        None => BackupCodeForm::Letters,
        Some(SCRATCH) => BackupCodeForm::Digits,
        Some(_) => return Err(fault()),
    };
    Ok(BackupCodes {
        id: identifier(table.id)?,
        form,
        salt: decode(&table.salt).ok_or_else(fault)?,
        iterations: table.iterations,
        hashes: hashes(&table.hashes).ok_or_else(fault)?,
        created: epoch(&table.created)?,
        temporary,
    })
}

/// Identifiers go into the state record, whose words are separated by spaces.
fn identifier(id: String) -> Result<String, Broken> {
    let plain = (1..=16).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric());
    plain.then_some(id).ok_or(broken("an id is not 1 to 16 letters and digits"))
}

/// Names are shown on terminals and in logs.
fn name(name: String) -> Result<String, Broken> {
    valid_device_name(&name).then_some(name).ok_or(broken("a device's name is empty, too long or not printable"))
}

/// Up to 64 bytes that show as they are.
pub fn valid_device_name(name: &str) -> bool {
    (1..=64).contains(&name.len()) && !name.chars().any(deceives)
}

fn encode(bytes: &[u8]) -> String {
    base32::encode(base32::Alphabet::Rfc4648 { padding: false }, bytes)
}

fn decode(text: &str) -> Option<Vec<u8>> {
    base32::decode(base32::Alphabet::Rfc4648 { padding: false }, text)
}

fn epoch(date: &Datetime) -> Result<u64, Broken> {
    let fault = broken("a date is not of the form 2026-11-21T19:00:00Z");
    let (Some(day), Some(time), Some(Offset::Z)) = (date.date, date.time, date.offset) else { return Err(fault) };
    let utc = Utc {
        year: day.year.into(),
        month: day.month.into(),
        day: day.day.into(),
        hour: time.hour.into(),
        minute: time.minute.into(),
        second: time.second.unwrap_or_default().into(),
    };
    utc.to_epoch().ok_or(fault)
}

/// A TOML basic string.
struct TomlString<'a>(&'a str);

impl fmt::Display for TomlString<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        for letter in self.0.chars() {
            match letter {
                '"' | '\\' => write!(f, "\\{letter}")?,
                _ if letter.is_control() => write!(f, "\\u{:04X}", u32::from(letter))?,
                _ => f.write_char(letter)?,
            }
        }
        f.write_char('"')
    }
}
