//! `~/.google_authenticator`: the key in the first line, options behind `" `, scratch codes of eight digits. Pure.

use zeroize::Zeroizing;

use super::{Found, Host, NO_COUNTER, Remark, Token, Unusable, lines};
use crate::backup::{BackupShaped, MAX_CODES};
use crate::enrollment::Kind;
use crate::otp::{Algorithm, Digits, step};
use crate::secret::{KeyError, MAX_BYTES, Secret};

/// Steps that we follow a device's clock; theirs may be 25 hours off.
const MAX_DRIFT: i64 = 4;
/// Codes of a counter that we look ahead.
const LOOK_AHEAD: u64 = 10;
/// What their module takes for a window where none is said.
const WINDOW: u64 = 3;

/// What the option lines say.
#[derive(Default)]
struct Options {
    totp: bool,
    counter: Option<u64>,
    period: Option<u32>,
    window: Option<u64>,
    /// The greatest step on record.
    used: Option<u64>,
    skew: i64,
}

/// Reads a user's file.
pub fn parse(bytes: &[u8], host: &Host) -> Result<Found, Unusable> {
    let mut found = Found::default();
    let (mut options, mut scratch) = (Options::default(), Vec::new());
    let mut lines = lines(bytes)?;
    let (_, key) = lines.next().ok_or(Unusable::at(0, "it is empty"))?;
    let secret = found.key(base32(key), 1)?;
    for (number, line) in lines {
        match line.strip_prefix("\" ") {
            Some(option) => options.read(option, number, &mut found)?,
            None if line.trim().is_empty() => {}
            None => scratch.push(scratch_code(line).ok_or(Unusable::at(number, "there is no scratch code"))?),
        }
    }
    let token = options.token(secret, host, &mut found)?;
    found.tokens.push(token);
    // Six digits: the device's codes cannot be taken for these.
    if let Some(more @ 1..) = scratch.len().checked_sub(MAX_CODES) {
        found.remarks.push(Remark::TooManyScratch(more));
        scratch.truncate(MAX_CODES);
    }
    found.scratch = scratch;
    Ok(found)
}

impl Options {
    fn read(&mut self, option: &str, line: usize, found: &mut Found) -> Result<(), Unusable> {
        let mut words = option.split_ascii_whitespace();
        let fault = Unusable::at(line, "there is no number that can be meant");
        match words.next().unwrap_or_default() {
            "TOTP_AUTH" => self.totp = true,
            "HOTP_COUNTER" => self.counter = Some(number(words.next()).ok_or(fault)?),
            "STEP_SIZE" => {
                let period = number(words.next()).and_then(|n| u32::try_from(n).ok());
                self.period = Some(period.filter(|n| Kind::Totp { period: *n }.is_valid()).ok_or(fault)?);
            }
            "WINDOW_SIZE" => self.window = Some(number(words.next()).ok_or(fault)?),
            "TIME_SKEW" => {
                let skew = words.next().and_then(|word| word.parse::<i32>().ok()).ok_or(fault)?;
                self.skew = skew.into();
            }
            "DISALLOW_REUSE" => {
                let steps = words.map(|word| number(Some(word))).collect::<Option<Vec<_>>>().ok_or(fault)?;
                self.used = self.used.max(steps.into_iter().max());
            }
            // Somebody was not asked for a code: he may not have the phone any more.
            "OTP_DISABLED" => return Err(Unusable::at(line, "codes are switched off for this user")),
            "RATE_LIMIT" => found.remarks.push(Remark::RateLimit),
            // Three tries on their way to a skew.
            "RESETTING_TIME_SKEW" => {}
            last if last.strip_prefix("LAST").is_some_and(|n| n.bytes().all(|b| b.is_ascii_digit())) => {
                if !found.remarks.contains(&Remark::Remembered) {
                    found.remarks.push(Remark::Remembered);
                }
            }
            _ => found.remarks.push(Remark::UnknownLine(line)),
        }
        Ok(())
    }

    fn token(&self, secret: Secret, host: &Host, found: &mut Found) -> Result<Token, Unusable> {
        let (algorithm, digits) = (Algorithm::Sha1, Digits::SIX);
        let window = self.window.unwrap_or(WINDOW);
        // Theirs goes by the counter wherever there is one, and 0 is none.
        if let Some(next @ 1..) = self.counter {
            let kind = Kind::Hotp { start: next };
            if !kind.is_valid() {
                return Err(Unusable::at(0, NO_COUNTER));
            }
            if window > LOOK_AHEAD {
                found.remarks.push(Remark::Window(window));
            }
            return Ok(Token { kind, secret, algorithm, digits, used: Some(next), drift: Some(0) });
        }
        if !self.totp {
            return Err(Unusable::at(0, "it says neither TOTP_AUTH nor HOTP_COUNTER, so no code gets in"));
        }
        let period = self.period.unwrap_or(30);
        let each_way = window.checked_div(2).unwrap_or_default();
        if each_way > host.window {
            found.remarks.push(Remark::Window(each_way));
        }
        let far = self.skew.abs() > MAX_DRIFT;
        if far {
            found.remarks.push(Remark::Skew(self.skew.saturating_mul(period.into())));
        }
        match self.used {
            None => found.remarks.push(Remark::Unrecorded),
            Some(used) => {
                let reach = step(host.now, period).saturating_add(MAX_DRIFT.unsigned_abs()).saturating_add(host.window);
                let ahead = used.saturating_sub(step(host.now, period)).saturating_mul(period.into());
                if used > reach {
                    found.remarks.push(Remark::Future(ahead));
                }
            }
        }
        // Within a wider window the phone's clock may have been anywhere: the first code tells.
        let drift = i8::try_from(self.skew).ok().filter(|_| !far && each_way <= host.window);
        Ok(Token { kind: Kind::Totp { period }, secret, algorithm, digits, used: self.used, drift })
    }
}

/// As they read numbers: of a machine that counts steps with 31 bits.
fn number(word: Option<&str>) -> Option<u64> {
    word?.parse::<i32>().ok().and_then(|n| u64::try_from(n).ok())
}

/// The first digit of theirs is none of 0.
fn scratch_code(line: &str) -> Option<BackupShaped> {
    let line = line.trim_end();
    let exact = line.len() == crate::backup::SCRATCH && line.bytes().all(|b| b.is_ascii_digit());
    BackupShaped::recognize(line.as_bytes()).filter(|_| exact && !line.starts_with('0'))
}

/// As their module reads a key: 0, 1 and 8 are slips of O, L and B, and bits beyond the last whole byte are none.
fn base32(line: &str) -> Result<Secret, KeyError> {
    let mut key = Zeroizing::new(Vec::with_capacity(MAX_BYTES));
    let (mut bits, mut count) = (0_u16, 0_u32);
    for letter in line.bytes().filter(|b| !matches!(b, b' ' | b'\t' | b'-' | b'\r')) {
        let value = match letter.to_ascii_uppercase() {
            b'0' => b'O',
            b'1' => b'L',
            b'8' => b'B',
            other => other,
        };
        let value = match value {
            b'A'..=b'Z' => value.wrapping_sub(b'A'),
            b'2'..=b'7' => value.wrapping_sub(b'2').saturating_add(26),
            _ => return Err(KeyError::NotBase32),
        };
        bits = bits.wrapping_shl(5) | u16::from(value);
        count = count.saturating_add(5);
        if count >= 8 {
            if key.len() >= MAX_BYTES {
                return Err(KeyError::TooLong);
            }
            count = count.saturating_sub(8);
            key.push(u8::try_from(bits.wrapping_shr(count) & 0xff).unwrap_or_default());
        }
    }
    if key.is_empty() { Err(KeyError::NotBase32) } else { Ok(Secret::from_bytes(key)) }
}
