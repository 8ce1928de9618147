//! A state file: what is read is printed and read again.

use pam_totp::factor::record::slots::{SLOT, StateFile, print, read};
use pam_totp::factor::record::{ClassKey, LaneKey, Record};

pub fn hold(bytes: &[u8]) {
    check(bytes);
    bytes.split(|byte| b" \n".contains(byte)).filter_map(|word| std::str::from_utf8(word).ok()).for_each(one_spelling);
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

/// What a word says is understood where it is how the same is printed, and nowhere else.
pub fn one_spelling(word: &str) {
    let is_understood =
        |line: &str| Record::from_text(&format!("pam_totp 2\n{line}\n")).is_ok_and(|r| r.other.is_empty());
    let is = |printed: Option<String>| printed.is_some_and(|printed| printed == word);
    let small = word.parse().ok().filter(|drift: &i8| (-4..=4).contains(drift)).map(|drift| drift.to_string());
    let wide = word.parse().ok().map(|number: u64| number.to_string());
    let short = word.parse().ok().filter(|count: &u32| *count > 0).map(|count| count.to_string());
    let key = word.parse().ok().map(|key: LaneKey| key.to_string());
    let class = word.parse().ok().map(|key: ClassKey| key.to_string());
    for (line, expected) in [
        (format!("device d1 5 {word} - - -"), is(small) || word == "?"),
        (format!("device d1 5 0 {word} - -"), is(wide.clone()) || word == "-"),
        (format!("lane local {word} 2 3"), is(wide)),
        (format!("row {word}"), is(short)),
        (format!("lane {word} 1 2 3"), is(key)),
        (format!("class {word} 1 2"), is(class)),
    ] {
        assert_eq!(is_understood(&line), expected && !word.is_empty(), "{line}");
    }
}
