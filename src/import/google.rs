//! `~/.google_authenticator`: the key in the first line, options behind `" `, scratch codes of eight digits. Pure.

use zeroize::Zeroizing;

use super::{ForeignUser, Host, NO_COUNTER, NOT_BASE32, Remark, TOO_LONG, Token, Unusable, bounded, lines, words};
use crate::factor::attempt::LOOK_AHEAD;
use crate::factor::backup::{BackupShaped, MAX_CODES, SCRATCH};
use crate::factor::enrollment::Kind;
use crate::factor::healing::reach;
use crate::factor::otp::{Algorithm, Digits, step};
use crate::factor::record::MAX_DRIFT;
use crate::factor::secret::{MAX_BYTES, Secret};

/// What their module takes for a window where none is said.
const WINDOW: u64 = 3;

/// What the option lines say. Of an option that stands twice theirs reads the first.
#[derive(Default)]
struct GoogleOptions {
    totp: bool,
    counter: Option<Result<u64, Unusable>>,
    period: Option<Result<u32, Unusable>>,
    window: Option<u64>,
    /// The greatest step on record.
    used: Option<u64>,
    /// Some step on record cannot be read.
    lost: bool,
    /// `None` within: it cannot be read.
    skew: Option<Option<i64>>,
}

/// Reads a user's file. Of what is odd in it only that stops an import without which no code would be right there.
pub fn parse(bytes: &[u8], host: &Host) -> Result<ForeignUser, Unusable> {
    if bytes.is_empty() {
        return Err(Unusable::at(0, "it is empty"));
    }
    let mut found = ForeignUser::default();
    let (mut options, mut scratch) = (GoogleOptions::default(), Vec::new());
    let mut lines = lines(bytes);
    let (_, key) = lines.next().unwrap_or_default();
    let secret = found.key(base32(key), 1)?;
    for (number, line) in lines {
        match line.strip_prefix(b"\" ") {
            // Behind more than one blank theirs finds no option.
            Some(option) if !option.first().is_some_and(u8::is_ascii_whitespace) => {
                options.read(option, number, &mut found)?;
            }
            None if line.trim_ascii().is_empty() => {}
            None if line.trim_ascii().iter().all(u8::is_ascii_digit) => match scratch_code(line.trim_ascii()) {
                Some(code) => scratch.push(code),
                None => found.remarks.push(Remark::OddScratch(number)),
            },
            _ => found.remarks.push(Remark::UnknownLine(number)),
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
    found.remarks = bounded(found.remarks);
    Ok(found)
}

impl GoogleOptions {
    fn read(&mut self, option: &[u8], line: usize, found: &mut ForeignUser) -> Result<(), Unusable> {
        let mut words = words(option);
        let fault = Unusable::at(line, "there is no number that can be meant");
        let name = words.next().unwrap_or_default();
        let is_odd = match name {
            "TOTP_AUTH" => {
                self.totp = true;
                false
            }
            // Where the counter stands decides which codes were used.
            "HOTP_COUNTER" => {
                let counter = words.next().and_then(|word| word.parse().ok());
                self.counter.get_or_insert(counter.ok_or(fault)).is_err()
            }
            "STEP_SIZE" => {
                let period = number(words.next()).and_then(|n| u32::try_from(n).ok());
                let period = period.filter(|period| Kind::Totp { period: *period }.is_valid());
                self.period.get_or_insert(period.ok_or(fault)).is_err()
            }
            "WINDOW_SIZE" => {
                let window = number(words.next());
                self.window = self.window.or(window);
                window.is_none()
            }
            "TIME_SKEW" => {
                let skew = words.next().and_then(|word| word.parse::<i32>().ok()).map(i64::from);
                self.skew.get_or_insert(skew).is_none()
            }
            "DISALLOW_REUSE" => {
                let steps: Vec<Option<u64>> = words.map(|word| number(Some(word))).collect();
                self.used = self.used.max(steps.iter().copied().flatten().max());
                let is_odd = steps.contains(&None);
                self.lost |= is_odd;
                is_odd
            }
            // They were not asked for a code: they may not have the phone any more.
            "OTP_DISABLED" => return Err(Unusable::at(line, "codes are switched off for this user")),
            _ => {
                found.remarks.extend(remark(name, line).filter(|remark| !found.remarks.contains(remark)));
                false
            }
        };
        found.remarks.extend(is_odd.then_some(Remark::OddLine(line)));
        Ok(())
    }

    fn token(&self, secret: Secret, host: &Host, found: &mut ForeignUser) -> Result<Token, Unusable> {
        let (algorithm, digits) = (Algorithm::Sha1, Digits::SIX);
        let window = self.window.unwrap_or(WINDOW);
        // Theirs goes by the counter wherever there is one, and 0 is none.
        if let Some(next @ 1..) = self.counter.transpose()? {
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
        let period = self.period.unwrap_or(Ok(30))?;
        let each_way = window.checked_div(2).unwrap_or_default();
        if each_way > host.window {
            found.remarks.push(Remark::Window(each_way));
        }
        let skew = self.skew.unwrap_or(Some(0));
        // Theirs may be 25 hours off.
        let is_near = |skew: &i64| skew.unsigned_abs() <= u64::from(MAX_DRIFT.unsigned_abs());
        if let Some(skew) = skew.filter(|skew| !is_near(skew)) {
            found.remarks.push(Remark::Skew(skew.saturating_mul(period.into())));
        }
        let furthest = step(host.now, period).saturating_add(reach(host.window));
        // What cannot be read may be later than what can. Beyond our reach that is no matter.
        let used = self.used.filter(|used| !self.lost || *used > furthest);
        match used {
            None => found.remarks.push(Remark::Unrecorded),
            Some(used) => {
                let ahead = used.saturating_sub(step(host.now, period)).saturating_mul(period.into());
                if used > furthest {
                    found.remarks.push(Remark::Future(ahead));
                }
            }
        }
        // Within a wider window the phone's clock may have been anywhere: the first code tells.
        let near = skew.filter(|skew| is_near(skew) && each_way <= host.window);
        let drift = near.and_then(|skew| i8::try_from(skew).ok());
        Ok(Token { kind: Kind::Totp { period }, secret, algorithm, digits, used, drift })
    }
}

/// What is to be said of another option.
fn remark(name: &str, line: usize) -> Option<Remark> {
    let is_last = |digits: &str| digits.bytes().all(|b| b.is_ascii_digit());
    match name {
        "RATE_LIMIT" => Some(Remark::RateLimit),
        // Three tries on their way to a skew.
        "RESETTING_TIME_SKEW" => None,
        name if name.strip_prefix("LAST").is_some_and(is_last) => Some(Remark::Remembered),
        _ => Some(Remark::UnknownLine(line)),
    }
}

/// As they read numbers: of a machine that counts steps with 31 bits.
fn number(word: Option<&str>) -> Option<u64> {
    word?.parse::<i32>().ok().and_then(|n| u64::try_from(n).ok())
}

/// As a number, which is how theirs reads it: zeros in front are none of its digits.
fn scratch_code(digits: &[u8]) -> Option<BackupShaped> {
    let first = digits.iter().position(|digit| *digit != b'0')?;
    let code = digits.get(first..).filter(|code| code.len() == SCRATCH)?;
    BackupShaped::recognize(code)
}

/// As their module reads a key: 0, 1 and 8 are slips of O, L and B, and bits beyond the last whole byte are none.
fn base32(line: &[u8]) -> Result<Secret, &'static str> {
    let mut key = Zeroizing::new(Vec::with_capacity(MAX_BYTES));
    let (mut bits, mut count) = (0_u16, 0_u32);
    for letter in line.iter().filter(|b| !matches!(b, b' ' | b'\t' | b'-' | b'\r')) {
        let value = match letter.to_ascii_uppercase() {
            b'0' => b'O',
            b'1' => b'L',
            b'8' => b'B',
            other => other,
        };
        let value = match value {
            b'A'..=b'Z' => value.wrapping_sub(b'A'),
            b'2'..=b'7' => value.wrapping_sub(b'2').saturating_add(26),
            _ => return Err(NOT_BASE32),
        };
        bits = bits.wrapping_shl(5) | u16::from(value);
        count = count.saturating_add(5);
        if count >= 8 {
            if key.len() >= MAX_BYTES {
                return Err(TOO_LONG);
            }
            count = count.saturating_sub(8);
            key.push(u8::try_from(bits.wrapping_shr(count) & 0xff).unwrap_or_default());
        }
    }
    if key.is_empty() { Err(NOT_BASE32) } else { Ok(Secret::from_bytes(key)) }
}
