//! Keys as people type them, against a decoder that knows nothing of ours: bit by bit, from RFC 4648.

use pam_totp::factor::secret::{KeyError, Secret};

/// Characters of a text, and bytes of a key, beyond which none is real.
const LONGEST: (usize, usize) = (512, 128);

pub fn hold(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let expected = if text.len() > LONGEST.0 { Err(KeyError::TooLong) } else { decoded(text) };
    let read = Secret::from_base32(text);
    assert_eq!(read.as_ref().map(Secret::as_bytes), expected.as_deref());
    let kept = Secret::from_canonical(text);
    let Ok(key) = read else { return assert!(kept.is_err()) };
    assert_eq!(kept.is_ok(), *key.to_base32() == normal(text), "what we wrote ourselves and nothing else");
    assert_eq!(key.long_enough().is_ok(), key.as_bytes().len() >= 16);
    for again in [key.to_base32(), key.to_groups(), key.to_groups().to_lowercase().into()] {
        assert_eq!(Secret::from_base32(&again).as_ref(), Ok(&key));
        assert_eq!(Secret::from_canonical(&again).as_ref(), Ok(&key));
    }
}

/// Without what is forgiven.
fn normal(text: &str) -> String {
    let end = text.trim_end_matches(['=', ' ', '\r', '\n']);
    end.chars().filter(|letter| !" -".contains(*letter)).map(|letter| letter.to_ascii_uppercase()).collect()
}

fn decoded(text: &str) -> Result<Vec<u8>, KeyError> {
    let (mut bits, mut count, mut bytes) = (0_u32, 0, Vec::new());
    for (place, letter) in (1..).zip(normal(text).chars()) {
        let five = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".find(letter).ok_or(KeyError::Letter(place))?;
        (bits, count) = (bits << 5 | u32::try_from(five).expect("five bits"), count + 5);
        if count >= 8 {
            count -= 8;
            bytes.push(u8::try_from(bits >> count).expect("eight bits"));
            bits &= (1 << count) - 1;
        }
    }
    match bytes.len() {
        // Fewer than five bits are left over.
        _ if count >= 5 => Err(KeyError::Length(normal(text).chars().count())),
        0 => Err(KeyError::Empty),
        length if length > LONGEST.1 => Err(KeyError::TooLong),
        _ => Ok(bytes),
    }
}
