//! A state file: what is read is printed and read again.

use pam_totp::factor::record::Record;
use pam_totp::factor::record::slots::{SLOT, StateFile, print, read};

pub fn hold(bytes: &[u8]) {
    check(bytes);
    // No fuzzer guesses a checksum: the same bytes once more as a body under a right one.
    if let Ok(body) = std::str::from_utf8(bytes) {
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(&1_u64.to_le_bytes());
        hasher.update(bytes);
        let sum = hasher.finalize();
        for version in [1, 2] {
            check_text(&format!("pam_totp {version}\n{body}\n"));
            check(format!("pam_totp {version} 1 {} {sum:08x}\n{body}\n", body.len()).as_bytes());
        }
    }
}

fn check(file: &[u8]) {
    if let StateFile::Valid(slot) = read(file) {
        let printed = print(slot.sequence, &slot.record).expect("what was read fits");
        assert_eq!(printed.len(), SLOT);
        match read(&printed) {
            StateFile::Valid(again) => assert_eq!((again.sequence, &again.record), (slot.sequence, &slot.record)),
            other => panic!("{other:?}"),
        }
        // As one value; a head that is shorter than a slot's leaves room for as much.
        let text = slot.record.to_text().expect("what was read fits");
        assert_eq!(Record::from_text(&text), Ok(slot.record));
    }
}

fn check_text(text: &str) {
    if let Ok(record) = Record::from_text(text) {
        let again = record.to_text().expect("what was read fits");
        assert_eq!(Record::from_text(&again), Ok(record));
    }
}
