//! Backup codes: sixteen characters in four groups, 80 bits, each good for one login without the phone. Those that
//! another module gave out are eight digits, 26 bits, and are judged as carefully as the codes of a device.
//! Only their PBKDF2 hashes are stored (NIST SP 800-63B section 5.1.2.2). Pure.

use std::fmt;

use sha2::Sha256;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::system::clock::is_wrong;

/// Characters of a code without its hyphens.
const LETTERS: usize = 16;
/// Characters of a code as it is printed: `abcd-efgh-jkmn-pqrs`.
pub const PRINTED: usize = 19;
/// Crockford's 32 letters: none of i, l, o, u, which people take for others.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
/// Digits of a code that another module gave out.
pub const SCRATCH: usize = 8;
/// PBKDF2 rounds above this would take longer than a login may.
pub const MAX_ITERATIONS: u32 = 200_000;
/// At most this many codes in a set: the used ones are bits of a `u32`.
pub const MAX_CODES: usize = 20;

/// What the codes of a set look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BackupCodeForm {
    /// Ours: 80 bits, which need no wait.
    Letters,
    /// Eight digits, imported: 26 bits, which do.
    Digits,
}

/// A set of backup codes as the secret file holds it.
#[derive(Clone, PartialEq, Eq)]
pub struct BackupCodes {
    /// Ties the used bits in the state to this set.
    pub id: String,
    /// What its codes look like.
    pub form: BackupCodeForm,
    /// PBKDF2 salt.
    pub salt: Vec<u8>,
    /// PBKDF2 rounds.
    pub iterations: u32,
    /// PBKDF2-HMAC-SHA256 of each code.
    pub hashes: Vec<[u8; 32]>,
    /// Seconds since 1970.
    pub created: u64,
    /// Codes of a help desk, which end by themselves.
    pub temporary: Option<Temporary>,
}

/// Codes beside a set, of its salt and rounds: they void none of it.
#[derive(Clone, PartialEq, Eq)]
pub struct Temporary {
    /// PBKDF2-HMAC-SHA256 of each code, always of letters.
    pub hashes: Vec<[u8; 32]>,
    /// Seconds since 1970 from which on none of them counts.
    pub until: u64,
}

/// At most this many temporary codes: their used bits are those of a `u32` that a set leaves.
pub const MAX_TEMPORARY: usize = 12;
/// Seconds, below which nobody could use one.
pub const SHORTEST_LIFE: u64 = 600;
/// The longest that a temporary code may live: what lives longer was made by a clock that was wrong.
pub const LONGEST_LIFE: u64 = 7 * 86_400;
/// The used bits of the temporary codes.
pub const TEMPORARY_BITS: u32 = u32::MAX << FIRST_TEMPORARY;
/// The place of the first of them: behind the largest set.
const FIRST_TEMPORARY: u32 = MAX_CODES as u32;

impl fmt::Debug for BackupCodes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BackupCodes({}, {})", self.id, self.hashes.len())
    }
}

impl fmt::Debug for Temporary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Temporary({}, {})", self.hashes.len(), self.until)
    }
}

impl Temporary {
    /// Not before its time, nor so long before that a clock must have been wrong; and not by one that certainly is.
    pub fn counts(&self, now: u64) -> bool {
        let left = self.until.saturating_sub(now);
        (1..=LONGEST_LIFE).contains(&left) && !is_wrong(now)
    }
}

/// Is this the place of a temporary code?
pub fn is_temporary(place: u32) -> bool {
    place >= FIRST_TEMPORARY
}

/// Fewer than this is no set: the last one would be used at once.
pub const MIN_CODES: usize = 2;
/// A set that was not asked for otherwise.
pub const USUAL_CODES: u8 = 10;
/// PBKDF2 rounds of the sets that we make: 80 bits of chance need no more (NIST SP 800-63B section 5.1.2.2).
const ITERATIONS: u32 = 10_000;
/// Random bytes of a code: 16 letters of 5 bits.
const CODE_BYTES: usize = 10;
const SALT_BYTES: usize = 16;
const ID_BYTES: usize = 4;

/// Random bytes that [`BackupCodes::make`] needs for a set of so many codes.
pub fn random_bytes(count: u8) -> usize {
    usize::from(count).saturating_mul(CODE_BYTES).saturating_add(SALT_BYTES + ID_BYTES)
}

impl BackupCodes {
    /// A new set and, once and for all, its codes as they are printed. `None` where the random bytes do not suffice.
    pub fn make(random: &[u8], count: u8, now: u64) -> Option<(Self, Vec<Zeroizing<String>>)> {
        let (mut set, rest) = Self::empty(BackupCodeForm::Letters, random, now)?;
        let mut codes = Vec::with_capacity(usize::from(count));
        for bytes in rest.chunks_exact(CODE_BYTES).take(usize::from(count)) {
            let shaped = BackupShaped::Letters(letters(bytes));
            set.hashes.push(*stretch(&shaped, &set.salt, set.iterations));
            codes.push(shaped.print());
        }
        (codes.len() == usize::from(count)).then_some((set, codes))
    }

    /// A set of the codes that another module gave out; no more of them than a set can have. `None` where the random
    /// bytes of a set of none do not suffice.
    pub fn import(random: &[u8], codes: &[BackupShaped], now: u64) -> Option<Self> {
        let (mut set, _) = Self::empty(BackupCodeForm::Digits, random, now)?;
        set.hashes = codes.iter().take(MAX_CODES).map(|code| *stretch(code, &set.salt, set.iterations)).collect();
        Some(set)
    }

    /// The set with so many new temporary codes in place of those that it had. `None` where the random bytes do not suffice.
    pub fn with_temporary(&self, random: &[u8], count: u8, until: u64) -> Option<(Self, Vec<Zeroizing<String>>)> {
        let (mut hashes, mut codes) = (Vec::new(), Vec::with_capacity(usize::from(count)));
        for bytes in random.chunks_exact(CODE_BYTES).take(usize::from(count)) {
            let shaped = BackupShaped::Letters(letters(bytes));
            hashes.push(*stretch(&shaped, &self.salt, self.iterations));
            codes.push(shaped.print());
        }
        let whole = codes.len() == usize::from(count) && codes.len() <= MAX_TEMPORARY;
        whole.then(|| (Self { temporary: Some(Temporary { hashes, until }), ..self.clone() }, codes))
    }

    /// Every hash with its place.
    fn places(&self) -> impl Iterator<Item = (u32, &[u8; 32])> {
        let temporary = self.temporary.iter().flat_map(|codes| &codes.hashes);
        (0_u32..).zip(&self.hashes).chain((FIRST_TEMPORARY..).zip(temporary))
    }

    /// Can an answer of this form be one of its codes?
    pub fn has(&self, form: BackupCodeForm) -> bool {
        self.form == form || (form == BackupCodeForm::Letters && self.temporary.is_some())
    }

    /// And the random bytes that are left.
    fn empty(form: BackupCodeForm, random: &[u8], now: u64) -> Option<(Self, &[u8])> {
        let (salt, rest) = random.split_at_checked(SALT_BYTES)?;
        let (id, rest) = rest.split_at_checked(ID_BYTES)?;
        let id = id.iter().map(|byte| format!("{byte:02x}")).collect();
        let set = Self {
            id,
            form,
            salt: salt.to_vec(),
            iterations: ITERATIONS,
            hashes: Vec::new(),
            created: now,
            temporary: None,
        };
        Some((set, rest))
    }
}

/// Five bits a letter, the highest first.
fn letters(bytes: &[u8]) -> Zeroizing<[u8; LETTERS]> {
    let mut letters = Zeroizing::new([0; LETTERS]);
    let bits = bytes.iter().fold(0_u128, |bits, byte| bits.wrapping_shl(8) | u128::from(*byte));
    for (place, letter) in (0_u32..).zip(letters.iter_mut().rev()) {
        let five = bits.wrapping_shr(place.saturating_mul(5)) & 31;
        *letter = usize::try_from(five).ok().and_then(|n| ALPHABET.get(n)).copied().unwrap_or_default();
    }
    letters
}

/// An answer that has the shape of a backup code, in one spelling.
pub enum BackupShaped {
    /// One of ours.
    Letters(Zeroizing<[u8; LETTERS]>),
    /// Eight digits.
    Digits(Zeroizing<[u8; SCRATCH]>),
}

impl fmt::Debug for BackupShaped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BackupShaped")
    }
}

impl BackupShaped {
    /// Recognizes the shape: groups joined by hyphens, by spaces or not at all, in either case; or eight digits, with
    /// or without spaces.
    pub fn recognize(answer: &[u8]) -> Option<Self> {
        Self::letters(answer).or_else(|| Self::digits(answer))
    }

    /// What it looks like.
    pub fn form(&self) -> BackupCodeForm {
        match self {
            Self::Letters(_) => BackupCodeForm::Letters,
            Self::Digits(_) => BackupCodeForm::Digits,
        }
    }

    fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Letters(letters) => &**letters,
            Self::Digits(digits) => &**digits,
        }
    }

    fn digits(answer: &[u8]) -> Option<Self> {
        let mut digits = Zeroizing::new([0_u8; SCRATCH]);
        let mut places = digits.iter_mut();
        for byte in answer.iter().filter(|b| **b != b' ') {
            *places.next()? = Some(*byte).filter(u8::is_ascii_digit)?;
        }
        places.next().is_none().then(|| Self::Digits(digits.clone()))
    }

    fn letters(answer: &[u8]) -> Option<Self> {
        let mut letters = Zeroizing::new([0_u8; LETTERS]);
        let mut places = letters.iter_mut();
        for byte in answer.iter().filter(|b| !matches!(**b, b'-' | b' ')) {
            let letter = byte.to_ascii_lowercase();
            if !ALPHABET.contains(&letter) {
                return None;
            }
            *places.next()? = letter;
        }
        places.next().is_none().then(|| Self::Letters(letters.clone()))
    }

    /// As it is printed in a set of ours; digits, too, in groups.
    pub fn print(&self) -> Zeroizing<String> {
        let mut printed = Zeroizing::new(String::with_capacity(PRINTED));
        for (place, letter) in self.as_bytes().iter().enumerate() {
            if place > 0 && place % 4 == 0 {
                printed.push('-');
            }
            printed.push(char::from(*letter));
        }
        printed
    }

    /// The exact printed shape of ours at the end of `text`, for answers that hold a password and a code: eight digits
    /// may as well be two of the password's and a code.
    pub fn split_from(text: &[u8]) -> Option<(&[u8], &[u8])> {
        let (head, tail) = text.split_at_checked(text.len().checked_sub(PRINTED)?)?;
        let printed = tail.iter().enumerate().all(|(place, byte)| match place {
            4 | 9 | 14 => *byte == b'-',
            _ => ALPHABET.contains(byte),
        });
        printed.then_some((head, tail))
    }
}

/// A stretched answer: made before the lock is taken, because stretching takes milliseconds.
pub struct Stretched {
    set: String,
    form: BackupCodeForm,
    hash: Zeroizing<[u8; 32]>,
}

impl Stretched {
    /// Stretches for one set of codes; all codes of a set share their salt.
    pub fn new(answer: &BackupShaped, set: &BackupCodes) -> Self {
        Self { set: set.id.clone(), form: answer.form(), hash: stretch(answer, &set.salt, set.iterations) }
    }

    /// The same work for somebody who has no backup codes, so that the time tells nothing.
    pub fn decoy(answer: &BackupShaped) -> Self {
        Self { set: String::new(), form: answer.form(), hash: stretch(answer, b"pam_totp", 10_000) }
    }

    /// What the answer looks like.
    pub fn form(&self) -> BackupCodeForm {
        self.form
    }

    /// The place of the matching code in `set`; every hash is compared. A set that was renewed since the
    /// stretching does not match.
    pub fn find(&self, set: &BackupCodes) -> Option<u32> {
        self.find_among(set, |_| true)
    }

    /// Likewise, of the places that are asked for; the others are not looked at.
    pub fn find_among(&self, set: &BackupCodes, asked: impl Fn(u32) -> bool) -> Option<u32> {
        let mut found = None;
        for (place, hash) in set.places().filter(|(place, _)| asked(*place)) {
            if bool::from(hash.ct_eq(&*self.hash)) {
                found = Some(place);
            }
        }
        found.filter(|_| self.set == set.id)
    }
}

fn stretch(answer: &BackupShaped, salt: &[u8], iterations: u32) -> Zeroizing<[u8; 32]> {
    let mut hash = Zeroizing::new([0_u8; 32]);
    pbkdf2::pbkdf2_hmac::<Sha256>(answer.as_bytes(), salt, iterations.clamp(1, MAX_ITERATIONS), &mut *hash);
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set() -> BackupCodes {
        let mut set = BackupCodes {
            id: "s1".into(),
            form: BackupCodeForm::Letters,
            salt: b"salt".to_vec(),
            iterations: 2,
            hashes: Vec::new(),
            created: 0,
            temporary: None,
        };
        for code in ["0123-4567-89ab-cdef", "ghjk-mnpq-rstv-wxyz"] {
            let shaped = BackupShaped::recognize(code.as_bytes()).unwrap();
            set.hashes.push(*stretch(&shaped, &set.salt, set.iterations));
        }
        set
    }

    #[test]
    fn a_code_is_found_in_any_spelling_and_only_in_its_set() {
        let set = set();
        for spelling in ["ghjk-mnpq-rstv-wxyz", "GHJK MNPQ RSTV WXYZ", "ghjkmnpqrstvwxyz"] {
            let shaped = BackupShaped::recognize(spelling.as_bytes()).unwrap();
            assert_eq!(Stretched::new(&shaped, &set).find(&set), Some(1), "{spelling}");
            let renewed = BackupCodes { id: "s2".into(), ..set.clone() };
            assert_eq!(Stretched::new(&shaped, &set).find(&renewed), None);
        }
        let other = BackupShaped::recognize(b"0123-4567-89ab-cdeg").unwrap();
        assert_eq!(Stretched::new(&other, &set).find(&set), None);
    }

    #[test]
    fn a_set_is_made_of_all_its_random_bits() {
        let random: Vec<u8> = (0..random_bytes(3)).map(|n| u8::try_from(n * 7 % 256).unwrap()).collect();
        let (set, codes) = BackupCodes::make(&random, 3, 42).unwrap();
        assert_eq!((set.created, set.id.len(), set.salt.len(), set.hashes.len()), (42, 8, 16, 3));
        for (place, code) in (0..).zip(&codes) {
            assert_eq!(code.len(), PRINTED);
            let shaped = BackupShaped::recognize(code.as_bytes()).unwrap();
            assert_eq!(Stretched::new(&shaped, &set).find(&set), Some(place));
        }
        assert_eq!(*letters(&[0xff; 10]), *b"zzzzzzzzzzzzzzzz");
        assert_eq!(*letters(&[0, 0, 0, 0, 0, 0, 0, 0, 0, 0x21]), *b"0000000000000011");
        assert!(BackupCodes::make(&random[1..], 3, 42).is_none());
    }

    #[test]
    fn the_shape() {
        for wrong in ["", "123456", "ghjk-mnpq-rstv-wxy", "ghjk-mnpq-rstv-wxyzz", "ghjk-mnpq-rstv-wxyi", "ghjk_mnpq"] {
            assert!(BackupShaped::recognize(wrong.as_bytes()).is_none(), "{wrong}");
        }
        for (digits, form) in [("12345678", Some(BackupCodeForm::Digits)), ("1234 5678", Some(BackupCodeForm::Digits))]
        {
            assert_eq!(BackupShaped::recognize(digits.as_bytes()).map(|shaped| shaped.form()), form, "{digits}");
        }
        for wrong in ["1234567", "123456789", "1234-5678", "1234567x"] {
            assert!(BackupShaped::recognize(wrong.as_bytes()).is_none(), "{wrong}");
        }
        let (head, tail) = BackupShaped::split_from(b"hunter2ghjk-mnpq-rstv-wxyz").unwrap();
        assert_eq!((head, tail), (&b"hunter2"[..], &b"ghjk-mnpq-rstv-wxyz"[..]));
        assert!(BackupShaped::split_from(b"hunter2 ghjk mnpq rstv wxyz").is_none());
        assert!(BackupShaped::split_from(b"short").is_none());
    }
}
