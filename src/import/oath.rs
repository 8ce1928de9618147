//! `users.oath`: a line a device, `TYPE USER PIN KEY [COUNTER [LAST-CODE [LAST-TIME]]]`, the key in hex. Pure.

use zeroize::Zeroizing;

use super::{ForeignUser, Host, ImportedUser, NO_COUNTER, NO_TEXT, Remark, TOO_LONG, Token, Unusable, bounded, words};
use crate::date::Utc;
use crate::factor::enrollment::{Kind, MAX_DEVICES};
use crate::factor::otp::{Algorithm, Codes, Digits, step};
use crate::factor::secret::{MAX_BYTES, Secret};

/// The times in there are local, and nobody knows whose: no zone is further from UTC.
const ZONES: u64 = 15 * 3_600;
/// Steps that a device may have been ahead in their window.
const AHEAD: u64 = 100;

/// No account has a longer name.
const LONGEST_NAME: usize = 256;

/// Every user of a file, in the order of their names, and the lines that are no user's.
pub fn parse(bytes: &[u8], host: &Host) -> Result<(Vec<ImportedUser>, Vec<Remark>), Unusable> {
    let (users, remarks) = ImportedUsers::of(bytes);
    Ok((users.each(host).collect(), remarks))
}

/// The users of a file. Each is looked at when it is their turn: what a million of them have is never held at once.
pub struct ImportedUsers<'a> {
    /// By name, and those of one name in the file's order.
    lines: Vec<NamedLine<'a>>,
}

/// A name, the line's number, and the line.
type NamedLine<'a> = (&'a str, usize, &'a [u8]);

impl<'a> ImportedUsers<'a> {
    /// Those of a file, and what is to be said of lines that are no user's.
    pub fn of(bytes: &'a [u8]) -> (Self, Vec<Remark>) {
        let (mut lines, mut remarks) = (Vec::new(), Vec::new());
        for (number, bytes) in super::lines(bytes) {
            match Line::read(bytes) {
                Some(line) if is_name(line.user) => lines.push((line.user, number, bytes)),
                Some(_) => remarks.push(Remark::OddDevice(Unusable::at(number, "no account can have the name"))),
                // Theirs passes over what it does not know, so that people write what they like behind a #.
                None if matches!(bytes.trim_ascii_start().first(), None | Some(b'#')) => {}
                None => remarks.push(Remark::UnknownLine(number)),
            }
        }
        lines.sort_by_key(|line| line.0);
        (Self { lines }, bounded(remarks))
    }

    /// How many they are.
    pub fn count(&self) -> usize {
        self.by_user().count()
    }

    /// One after the other.
    pub fn each(&self, host: &Host) -> impl Iterator<Item = ImportedUser> {
        self.by_user()
            .filter_map(|lines| Some(ImportedUser { user: lines.first()?.0.to_owned(), found: found(lines, host) }))
    }

    fn by_user(&self) -> impl Iterator<Item = &[NamedLine<'a>]> {
        self.lines.chunk_by(|one, next| one.0 == next.0)
    }
}

/// One user of a file, by the first of these names that stands in it. Nobody else's lines are looked at.
pub fn of_user(bytes: &[u8], names: &[&str], host: &Host) -> Result<ForeignUser, Unusable> {
    let (users, remarks) = ImportedUsers::of(bytes);
    let of = |name: &&str| users.by_user().find(|lines| lines.iter().all(|line| line.0 == *name));
    let lines = names.iter().find_map(of).ok_or(Unusable::at(0, "it has no line of the user"))?;
    let mut found = found(lines, host)?;
    found.remarks.extend(remarks);
    Ok(found)
}

fn is_name(user: &str) -> bool {
    user.len() <= LONGEST_NAME && user != NO_TEXT && !user.chars().any(char::is_control)
}

struct Line<'a> {
    /// Seconds; none for a counter.
    period: Option<u32>,
    digits: Digits,
    user: &'a str,
    pin: &'a str,
    key: &'a str,
    counter: Option<&'a str>,
    last_code: Option<&'a str>,
    last_time: Option<&'a str>,
}

impl<'a> Line<'a> {
    fn read(line: &'a [u8]) -> Option<Self> {
        let mut words = words(line);
        let (period, digits) = kind(words.next()?)?;
        let (user, pin, key) = (words.next()?, words.next()?, words.next()?);
        let (counter, last_code, last_time) = (words.next(), words.next(), words.next());
        Some(Self { period, digits, user, pin, key, counter, last_code, last_time })
    }
}

/// `HOTP`, `HOTP/E/8`, `HOTP/T30`, `HOTP/T60/6`.
fn kind(text: &str) -> Option<(Option<u32>, Digits)> {
    let mut words = text.split('/');
    let hotp = words.next()? == "HOTP";
    let period = match words.next() {
        None | Some("E") => None,
        Some("T30") => Some(30),
        Some("T60") => Some(60),
        Some(_) => return None,
    };
    let digits = match words.next() {
        None => Digits::SIX,
        Some(word) => Digits::new(word.parse().ok().filter(|_| word.len() == 1)?)?,
    };
    (hotp && words.next().is_none()).then_some((period, digits))
}

/// A device that cannot be used stops none beside it.
fn found(lines: &[NamedLine<'_>], host: &Host) -> Result<ForeignUser, Unusable> {
    let mut found = ForeignUser::default();
    let mut first = None;
    for (number, line) in lines.iter().filter_map(|(_, number, line)| Some((number, Line::read(line)?))) {
        let before = found.remarks.len();
        let added = line.token(*number, host, &mut found).and_then(|token| found.add(token, *number));
        match added {
            Ok(remark) => {
                found.remarks.extend(remark);
                if !matches!(line.pin, "-" | "+") {
                    found.remarks.push(Remark::Pin(*number));
                }
            }
            Err(why) => {
                first = first.or(Some(why));
                found.remarks.truncate(before);
                found.remarks.push(Remark::OddDevice(why));
            }
        }
    }
    match first {
        Some(why) if found.tokens.is_empty() => return Err(why),
        _ => {}
    }
    if found.tokens.iter().any(|token| token.used.is_none()) {
        found.remarks.push(Remark::Unrecorded);
    }
    Ok(found)
}

impl ForeignUser {
    /// The remark on a device that is not carried.
    fn add(&mut self, token: Token, number: usize) -> Result<Option<Remark>, Unusable> {
        if self.tokens.first().is_some_and(|first| first.digits != token.digits) {
            return Ok(Some(Remark::OtherDigits(number)));
        }
        let full = self.tokens.len() >= MAX_DEVICES;
        match self.tokens.iter_mut().find(|other| other.secret == token.secret) {
            Some(same) if same.period() == token.period() => {
                same.used = same.used.max(token.used);
                return Ok(Some(Remark::Repeated(number)));
            }
            // They would share one line of the state.
            Some(_) => return Err(Unusable::at(number, "a key that was there before has another type")),
            None if full => return Ok(Some(Remark::TooMany(number))),
            None => self.tokens.push(token),
        }
        Ok(None)
    }
}

impl Token {
    fn period(&self) -> Option<u32> {
        match self.kind {
            Kind::Totp { period } => Some(period),
            Kind::Hotp { .. } => None,
        }
    }
}

impl Line<'_> {
    fn token(&self, number: usize, host: &Host, found: &mut ForeignUser) -> Result<Token, Unusable> {
        let secret = found.key(hex(self.key), number)?;
        let (algorithm, digits) = (Algorithm::Sha1, self.digits);
        let Some(period) = self.period else {
            let counter = self.counter.map_or(Some(0), |word| word.parse::<u64>().ok());
            // Theirs writes down the counter that was used, and knows it again by its code.
            let next = counter.and_then(|counter| counter.checked_add(u64::from(self.last_code.is_some())));
            let kind = next.map(|start| Kind::Hotp { start }).filter(|kind| kind.is_valid());
            let kind = kind.ok_or(Unusable::at(number, NO_COUNTER))?;
            return Ok(Token { kind, secret, algorithm, digits, used: next, drift: Some(0) });
        };
        let used = self.last_step(&secret, period, host);
        // Within their window the clock may have been anywhere: the first code tells.
        Ok(Token { kind: Kind::Totp { period }, secret, algorithm, digits, used, drift: None })
    }

    /// The step of the last code, which is on record by its digits alone. Of several that fit the latest: it refuses a few
    /// codes too many, and none too few.
    fn last_step(&self, secret: &Secret, period: u32, host: &Host) -> Option<u64> {
        let (code, time) = (self.last_code?, local_time(self.last_time?)?);
        let from = step(time.saturating_sub(ZONES), period);
        let latest = step(host.now, period).saturating_add(AHEAD);
        let to = step(time.saturating_add(ZONES), period).saturating_add(AHEAD).min(latest);
        let shown = Codes::new(secret.as_bytes(), Algorithm::Sha1, self.digits);
        let fits = |at: &u64| bool::from(shown.at(*at).matches(code.as_bytes()));
        (from..=to).rev().find(fits)
    }
}

/// `2026-11-21T19:00:00L`, as if it were UTC.
fn local_time(text: &str) -> Option<u64> {
    let (date, time) = text.strip_suffix('L')?.split_once('T')?;
    let mut date = date.split('-').map(|part| part.parse::<i64>().ok());
    let mut time = time.split(':').map(|part| part.parse::<i64>().ok());
    let (mut day, mut clock) = (|| date.next().flatten(), || time.next().flatten());
    let utc = Utc { year: day()?, month: day()?, day: day()?, hour: clock()?, minute: clock()?, second: clock()? };
    utc.to_epoch()
}

const NOT_HEX: &str = "the key is not hexadecimal";

fn hex(text: &str) -> Result<Secret, &'static str> {
    if text.len() > MAX_BYTES.saturating_mul(2) {
        return Err(TOO_LONG);
    }
    let mut key = Zeroizing::new(Vec::with_capacity(MAX_BYTES));
    for pair in text.as_bytes().chunks(2) {
        let pair = std::str::from_utf8(pair).ok().filter(|p| p.len() == 2 && p.bytes().all(|b| b.is_ascii_hexdigit()));
        key.push(pair.and_then(|pair| u8::from_str_radix(pair, 16).ok()).ok_or(NOT_HEX)?);
    }
    if key.is_empty() { Err(NOT_HEX) } else { Ok(Secret::from_bytes(key)) }
}
