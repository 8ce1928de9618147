//! What people bring along from elsewhere: the bytes of another module's file to devices, the codes that were used, and what
//! cannot be carried. Pure; nothing in here ever holds text of a file but its keys and codes.

pub mod cpanel;
pub mod google;
pub mod oath;

use std::fmt;

use crate::factor::backup::BackupShaped;
use crate::factor::enrollment::{Kind, MAX_DEVICES};
use crate::factor::otp::{Algorithm, Digits};
use crate::factor::secret::{MIN_BYTES, Secret};

/// Lines that are named one by one; a file of nothing else is no reason for a flood.
const MAX_NAMED: usize = 10;

/// RFC 4226 R6 wants 128 bits, cPanel gives 80: shorter keys than that are nobody's.
pub const SHORTEST: usize = 10;

/// What must be known of this host to read a file well.
#[derive(Clone, Copy, Debug)]
pub struct Host {
    /// Seconds since 1970.
    pub now: u64,
    /// The policy's window, in steps each way.
    pub window: u64,
}

/// What one user has there.
#[derive(Debug, Default)]
pub struct ForeignUser {
    /// One to five, all with the same digits.
    pub tokens: Vec<Token>,
    /// Eight digits each.
    pub scratch: Vec<BackupShaped>,
    /// What their administrator should know.
    pub remarks: Vec<Remark>,
}

/// One phone or token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// Clock, or the next counter.
    pub kind: Kind,
    /// The key.
    pub secret: Secret,
    /// The hash.
    pub algorithm: Algorithm,
    /// Digits of a code.
    pub digits: Digits,
    /// TOTP: the last step that was accepted there, where that is known. HOTP: the next counter.
    pub used: Option<u64>,
    /// Steps that its clock is ahead of ours, where that is known.
    pub drift: Option<i8>,
}

/// A user of a file of many.
#[derive(Debug)]
pub struct ImportedUser {
    /// As the file calls them.
    pub user: String,
    /// What they have.
    pub found: Result<ForeignUser, Unusable>,
}

/// What was not carried as it was, or should be looked after. Holds no text of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remark {
    /// A key of so many bits.
    WeakKey(usize),
    /// A PIN that was part of each answer.
    Pin(usize),
    /// A device with other digits than the first.
    OtherDigits(usize),
    /// A device beyond the fifth.
    TooMany(usize),
    /// So many scratch codes beyond those that a set holds.
    TooManyScratch(usize),
    /// Scratch codes that were used here before.
    UsedScratch(u32),
    /// Which codes were used is not recorded.
    Unrecorded,
    /// A step that lies so many seconds in the future was used.
    Future(u64),
    /// A clock that is too far off, in seconds.
    Skew(i64),
    /// A window wider than ours: steps each way, or codes of a counter.
    Window(u64),
    /// A limit of their own.
    RateLimit,
    /// Addresses from which no code was asked for a while.
    Remembered,
    /// A line that means nothing to us.
    UnknownLine(usize),
    /// An option without a number that can be meant.
    OddLine(usize),
    /// Digits that are no scratch code.
    OddScratch(usize),
    /// So many lines more of these kinds.
    MoreLines(usize),
    /// A device that no code could come from.
    OddDevice(Unusable),
    /// The user's name stands there more than once.
    RepeatedName,
    /// The same key once more.
    Repeated(usize),
    /// Names of mailboxes and teams beside the account.
    NoAccounts(usize),
}

impl Remark {
    /// Should somebody do something about it?
    pub fn is_warning(self) -> bool {
        use Remark::{OddDevice, OtherDigits, Pin, RepeatedName, Skew, TooMany, TooManyScratch, UsedScratch, WeakKey};
        let scratch = matches!(self, TooManyScratch(_) | UsedScratch(_));
        let device = matches!(self, OddDevice(_) | RepeatedName);
        scratch || device || matches!(self, WeakKey(_) | Pin(_) | OtherDigits(_) | TooMany(_) | Skew(_))
    }

    /// For programs.
    pub fn code(self) -> &'static str {
        match self {
            Self::WeakKey(_) => "weak_key",
            Self::Pin(_) => "pin",
            Self::OtherDigits(_) => "other_digits",
            Self::TooMany(_) => "too_many_devices",
            Self::TooManyScratch(_) => "too_many_scratch_codes",
            Self::UsedScratch(_) => "used_scratch_codes",
            Self::Unrecorded => "use_unrecorded",
            Self::Future(_) => "used_in_future",
            Self::Skew(_) => "clock_skew",
            Self::Window(_) => "window",
            Self::RateLimit => "rate_limit",
            Self::Remembered => "remembered",
            Self::UnknownLine(_) => "unknown_line",
            Self::OddLine(_) => "odd_line",
            Self::OddScratch(_) => "odd_scratch_code",
            Self::MoreLines(_) => "more_lines",
            Self::OddDevice(_) => "odd_device",
            Self::RepeatedName => "repeated_name",
            Self::Repeated(_) => "repeated_key",
            Self::NoAccounts(_) => "no_accounts",
        }
    }
}

impl fmt::Display for Remark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WeakKey(bits) => {
                write!(
                    f,
                    "the key has {bits} bits, 128 are the least (RFC 4226): give a new one with `enroll --replace`"
                )
            }
            Self::Pin(line) => write!(
                f,
                "line {line} has a PIN, which is NOT carried: logins ask for one thing less unless a password comes before"
            ),
            Self::OtherDigits(line) => {
                write!(f, "the device of line {line} has other digits than the first one and is NOT carried")
            }
            Self::TooMany(line) => {
                write!(f, "the device of line {line} is one more than {MAX_DEVICES} and is NOT carried")
            }
            Self::TooManyScratch(count) => {
                write!(f, "{count} scratch codes are too many for a set and are NOT carried")
            }
            Self::UsedScratch(count) => write!(
                f,
                "{count} scratch codes count as used, as this key was here before: `pam-totp backup-codes` makes new ones"
            ),
            Self::Unrecorded => {
                f.write_str("which codes were used is not recorded there: those of the next three minutes are refused")
            }
            Self::Future(ahead) => write!(
                f,
                "a code of {ahead} s ahead was used: those up to it are refused, unless `pam-totp unlock` brings it back"
            ),
            Self::Skew(ahead) => write!(
                f,
                "the device's clock is {} this host's, which is too far: set it right, or `pam-totp resync`",
                crate::text::clocks_differ(*ahead)
            ),
            Self::Window(size) => {
                write!(f, "a window of {size} codes or steps is not carried: the policy's `window` holds for everybody")
            }
            Self::RateLimit => {
                f.write_str("the rate limit is not carried: the policy's [throttle] holds for everybody")
            }
            Self::Remembered => {
                f.write_str("addresses that were let in without a code are not carried: see the policy's [remember]")
            }
            Self::UnknownLine(line) => write!(f, "line {line} means nothing to us and is not carried"),
            Self::OddLine(line) => write!(f, "line {line} has no number that can be meant and is not carried"),
            Self::OddScratch(line) => {
                write!(f, "line {line} is no scratch code (eight digits, the first of them not 0) and is not carried")
            }
            Self::MoreLines(count) => write!(f, "{count} more lines mean nothing to us and are not carried"),
            Self::OddDevice(why) => write!(f, "{why}: this device is NOT carried"),
            Self::RepeatedName => f.write_str("the name stands in the file more than once: the last entry is carried"),
            Self::Repeated(line) => write!(f, "line {line} has the same key once more"),
            Self::NoAccounts(count) => {
                write!(f, "{count} mailboxes and team users have no account here and are not carried")
            }
        }
    }
}

/// Why nothing of a file can be carried. Holds no text of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unusable {
    /// From 1; 0 where it is no question of a line.
    pub line: usize,
    /// What is wrong.
    pub what: &'static str,
}

impl Unusable {
    fn at(line: usize, what: &'static str) -> Self {
        Self { line, what }
    }
}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => f.write_str(self.what),
            line => write!(f, "{} in line {line}", self.what),
        }
    }
}

const NOT_BASE32: &str = "the key is not base32";
const TOO_SHORT: &str = "the key is shorter than 80 bits";
const TOO_LONG: &str = "the key is longer than 1024 bits";
const NO_KEY: &str = "there is no key";
const NO_COUNTER: &str = "the counter is none that lasts";

impl ForeignUser {
    /// A key, as weak as they come.
    fn key(&mut self, secret: Result<Secret, &'static str>, line: usize) -> Result<Secret, Unusable> {
        let secret = secret.map_err(|what| Unusable::at(line, what))?;
        match secret.as_bytes().len() {
            short if short < SHORTEST => Err(Unusable::at(line, TOO_SHORT)),
            weak if weak < MIN_BYTES => {
                self.remarks.push(Remark::WeakKey(weak.saturating_mul(8)));
                Ok(secret)
            }
            _ => Ok(secret),
        }
    }
}

/// A line and its number from 1, without the CR that some editors leave and the mark that they begin with. Bytes: a line that
/// is no text is as odd as any other, and no reason to leave the rest.
fn lines(bytes: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let bytes = without_mark(bytes);
    let lines = bytes.strip_suffix(b"\n").unwrap_or(bytes).split(|byte| *byte == b'\n');
    (1..).zip(lines.map(|line| line.strip_suffix(b"\r").unwrap_or(line)))
}

/// Without the byte order mark.
fn without_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)
}

/// The words of a line. One that is no text is none that anybody asks for.
fn words(line: &[u8]) -> impl Iterator<Item = &str> {
    let words = line.split(|byte| byte.is_ascii_whitespace()).filter(|word| !word.is_empty());
    words.map(|word| std::str::from_utf8(word).unwrap_or(NO_TEXT))
}

/// Neither a number nor a name nor a key.
const NO_TEXT: &str = "\u{fffd}";

/// The first odd lines one by one, and how many more there are.
fn bounded(remarks: Vec<Remark>) -> Vec<Remark> {
    let is_line =
        |remark: &Remark| matches!(remark, Remark::UnknownLine(_) | Remark::OddLine(_) | Remark::OddScratch(_));
    let (mut seen, mut kept) = (0_usize, Vec::new());
    for remark in remarks {
        seen = seen.saturating_add(usize::from(is_line(&remark)));
        if !is_line(&remark) || seen <= MAX_NAMED {
            kept.push(remark);
        }
    }
    if let Some(more @ 1..) = seen.checked_sub(MAX_NAMED) {
        kept.push(Remark::MoreLines(more));
    }
    kept
}
