//! The vectors of the standards, and the one spelling of keys that is understood.

use pam_totp::factor::otp::{Algorithm, Codes, Digits, hotp, step};
use pam_totp::factor::secret::{Answer, KeyError, MIN_BYTES, Secret};

const KEY: &[u8] = b"1234567890123456789012345678901234567890123456789012345678901234";

fn rows(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter(|line| !line.starts_with('#'))
}

fn columns<const N: usize>(row: &str) -> [&str; N] {
    row.split_ascii_whitespace().collect::<Vec<_>>().try_into().expect("as many columns as the file says")
}

fn code(key: &[u8], counter: u64, algorithm: Algorithm, digits: u8) -> String {
    let digits = Digits::new(digits).expect("6 to 8 digits");
    String::from_utf8(hotp(key, counter, algorithm, digits).as_bytes().to_vec()).expect("digits")
}

#[test]
fn rfc4226_appendix_d() {
    let table: Vec<_> = rows(include_str!("../data/rfc4226.txt")).map(columns::<4>).collect();
    assert_eq!(table.len(), 10);
    for [counter, _, truncated, six] in table {
        let (counter, truncated): (u64, u64) = (counter.parse().unwrap(), truncated.parse().unwrap());
        let code = |digits| code(&KEY[..20], counter, Algorithm::Sha1, digits);
        assert_eq!(code(6), six, "counter {counter}");
        assert_eq!(code(7), format!("{:07}", truncated % 10_000_000), "counter {counter}");
        assert_eq!(code(8), format!("{:08}", truncated % 100_000_000), "counter {counter}");
    }
}

/// A key is hashed once, and no code that was made of it changes another one.
#[test]
fn all_codes_of_one_key() {
    let table: Vec<_> = rows(include_str!("../data/rfc4226.txt")).map(columns::<4>).collect();
    let shown = Codes::new(&KEY[..20], Algorithm::Sha1, Digits::SIX);
    for [counter, _, _, six] in table.iter().chain(table.iter().rev()) {
        assert_eq!(shown.at(counter.parse().unwrap()).as_bytes(), six.as_bytes(), "counter {counter}");
    }
}

#[test]
fn rfc6238_appendix_b() {
    let table: Vec<_> = rows(include_str!("../data/rfc6238.txt")).map(columns::<4>).collect();
    assert_eq!(table.len(), 18);
    for [time, counter, algorithm, eight] in table {
        let length = match algorithm {
            "SHA1" => 20,
            "SHA256" => 32,
            _ => 64,
        };
        let reached = step(time.parse().unwrap(), 30);
        assert_eq!(format!("{reached:016X}"), counter, "time {time}");
        let algorithm = Algorithm::from_name(algorithm).unwrap();
        assert_eq!(code(&KEY[..length], reached, algorithm, 8), eight, "time {time}, {}", algorithm.name());
    }
}

#[test]
fn only_six_to_eight_digits() {
    let allowed: Vec<u8> = (0..=u8::MAX).filter(|digits| Digits::new(*digits).is_some()).collect();
    assert_eq!(allowed, [6, 7, 8]);
}

#[test]
fn algorithms_have_one_name_each() {
    for algorithm in [Algorithm::Sha1, Algorithm::Sha256, Algorithm::Sha512] {
        assert_eq!(Algorithm::from_name(algorithm.name()), Some(algorithm));
    }
    for wrong in ["", "sha1", "SHA-1", "SHA384", "MD5", "SHA1 "] {
        assert_eq!(Algorithm::from_name(wrong), None, "{wrong}");
    }
}

/// Forgiving where people type, strict where we wrote; and what is wrong is said by its place, never by the letter.
#[test]
fn base32_as_it_is_typed_and_as_it_is_kept() {
    let mut seen = 0;
    for row in rows(include_str!("../data/base32.txt")) {
        let (typed, expected) = row.rsplit_once('|').expect("two columns");
        seen += 1;
        match Secret::from_base32(typed) {
            Ok(key) => {
                let bytes: String = key.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
                let (hex, spare) = expected.split_once(' ').map_or((expected, false), |(hex, _)| (hex, true));
                assert_eq!(bytes, hex, "{typed:?}");
                let kept = if spare { Err(KeyError::NotCanonical) } else { Ok(key.clone()) };
                assert_eq!(Secret::from_canonical(typed), kept, "{typed:?}");
                assert_eq!(Secret::from_canonical(&key.to_base32()), Ok(key));
            }
            Err(error) => {
                let said = error.to_string();
                assert!(format!(" {said}").contains(&format!(" {expected} ")) || said == expected, "{typed:?}: {said}");
                assert_eq!(Secret::from_canonical(typed), Err(error), "{typed:?}");
            }
        }
    }
    assert!(seen > 40, "{seen}");
}

#[test]
fn keys_have_bounds() {
    let of = |bytes: usize| Secret::from_bytes(vec![0xa5; bytes].into());
    assert_eq!(of(MIN_BYTES - 1).long_enough(), Err(KeyError::TooShort));
    assert_eq!(of(MIN_BYTES).long_enough(), Ok(()));
    assert_eq!(Secret::from_base32(&of(128).to_base32()), Ok(of(128)));
    assert_eq!(Secret::from_base32(&of(129).to_base32()), Err(KeyError::TooLong));
    let spaced = |length| format!("{:>length$}", *of(128).to_base32());
    assert_eq!(Secret::from_base32(&spaced(512)), Ok(of(128)));
    assert_eq!(Secret::from_base32(&spaced(513)), Err(KeyError::TooLong));
}

#[test]
fn a_refused_key_says_what_is_wrong() {
    let told = [
        (KeyError::Empty, "there is no key"),
        (KeyError::Letter(7), "letter 7 of the key is not one of A to Z and 2 to 7 (0, 1, 8 and 9 are never in a key)"),
        (KeyError::Length(27), "the key is not complete: 27 letters are one too few or too many"),
        (KeyError::NotCanonical, "the key is not written as pam_totp writes it"),
        (KeyError::TooShort, "the key is too short: 128 bits (26 characters) at least"),
        (KeyError::TooLong, "the key is too long: 1024 bits at most"),
    ];
    for (error, words) in told {
        assert_eq!(error.to_string(), words);
    }
}

#[test]
fn keys_and_answers_never_print() {
    assert_eq!(format!("{:?}", Answer::new(b"123456")), "Answer");
    let key = Secret::from_base32("JBSWY3DPEHPK3PXP").unwrap();
    assert_eq!(format!("{key:?}"), "Secret");
    assert_eq!(*key.to_groups(), "JBSW Y3DP EHPK 3PXP");
}
