//! A file in our own spelling is read by a reader of its own, for speed, and every other one as TOML. Nobody can tell which
//! one it was: what the first reads, the second reads as the same.

use proptest::prelude::*;

use pam_totp::factor::enrollment::Enrollment;

use super::enrollment;
use crate::pure::invariants::enrollment::alike;
use crate::support::effort::effort;

const PLAIN: &str = r#"version = 1
user = "alice"
uid = 1000

[[device]]
id = "7f3a9c21"
name = "Téléphone"
type = "totp"
period = 30
secret = "JBSWY3DPEHPK3PXP"
algorithm = "SHA1"
digits = 6
created = 2026-11-21T19:00:00Z
"#;

const SKEWED: &str = r#"version = 2
user = "bob"
uid = 0

[[device]]
id = "a"
name = "old"
type = "totp"
period = 60
secret = "MFRGGZDF"
algorithm = "SHA512"
digits = 8
skew = -10
created = 2024-02-29T00:00:00Z

[backup_codes]
id = "set1"
digits = 8
salt = "GEZDGNBV"
iterations = 1
hashes = [
]
created = 1970-01-01T00:00:00Z
"#;

const TEMPORARY: &str = r#"version = 3
user = "c d"
uid = 4294967295

[[device]]
id = "t1"
name = "token"
type = "hotp"
counter = 9223372036854775807
secret = "GEZDGNBV"
algorithm = "SHA256"
digits = 7
created = 9999-12-31T23:59:59Z

[backup_codes]
id = "s"
salt = ""
iterations = 200000
hashes = [
    "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZA",
]
created = 2026-11-21T19:00:00Z
temporary_until = 2026-11-22T03:00:00Z
temporary = [
    "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZA",
    "MFRGGZDFMFRGGZDFMFRGGZDFMFRGGZDFMFRGGZDFMFRGGZDFMFRA",
]
"#;

const FILES: [&str; 3] = [PLAIN, SKEWED, TEMPORARY];

/// What means something in TOML, ends of what is allowed, and a few of which nothing is special; under torture every byte.
fn instead() -> Vec<u8> {
    let some = b"\0\t\n\r\"#'+,-.0129=AZ[\\]_ae \x7f\x80\xa9\xc3\xff";
    if effort(0, 1) == 1 { (0..=u8::MAX).collect() } else { some.to_vec() }
}

#[test]
fn every_file_with_a_byte_changed_is_read_alike() {
    let mut read = 0;
    let mut hold = |bytes: &[u8]| match std::str::from_utf8(bytes) {
        Ok(text) => read += usize::from(alike(text)),
        Err(_) => assert!(Enrollment::parse(bytes).is_err()),
    };
    let mut changed = 0;
    for file in FILES.map(str::as_bytes) {
        for at in 0..=file.len() {
            let mut change = |end: usize, by: &[u8]| {
                changed += 1;
                hold(&[&file[..at], by, &file[end..]].concat());
            };
            change(file.len(), b"");
            for byte in instead() {
                change(at, &[byte]);
            }
            if at < file.len() {
                change(at + 1, b"");
                instead().into_iter().for_each(|byte| change(at + 1, &[byte]));
            }
        }
    }
    println!("{changed} changes, {read} of them read");
}

#[test]
fn every_file_with_lines_twice_missing_or_changed_about_is_read_alike() {
    for file in FILES {
        let lines: Vec<&str> = file.split_inclusive('\n').collect();
        for from in 0..lines.len() {
            let mut less = lines.clone();
            let line = less.remove(from);
            alike(&less.concat());
            for to in 0..lines.len() {
                let mut moved = less.clone();
                moved.insert(to, line);
                alike(&moved.concat());
                let mut twice = lines.clone();
                twice.insert(to, line);
                alike(&twice.concat());
            }
        }
    }
}

#[test]
fn each_of_these_files_is_in_our_own_spelling() {
    for file in FILES {
        let enrollment = Enrollment::parse_printed(file).expect("our spelling");
        assert_eq!(*enrollment.print(), file);
    }
}

proptest! {
    /// Otherwise it costs what TOML costs, and nobody would notice. But for names that are spelled with a backslash.
    #[test]
    fn what_is_printed_is_in_our_own_spelling(enrollment in enrollment()) {
        let printed = enrollment.print();
        let expected = (!printed.contains('\\')).then_some(enrollment);
        prop_assert_eq!(Enrollment::parse_printed(&printed), expected);
    }
}

#[test]
fn what_people_edit_is_still_toml() {
    for (from, to) in [
        ("Téléphone\"", "my \\\"new\\\" phone\""),
        ("\"Téléphone\"", "'phone'"),
        ("uid = 1000", "uid = 1_000"),
        ("digits = 6", "digits=6"),
        ("digits = 6\n", "digits = 6 # as always\n"),
        ("\n\n[[device]]", "\n[[device]]"),
        ("created = 2026-11-21T19:00:00Z\n", "created = 2026-11-21 19:00:00Z"),
    ] {
        let edited = PLAIN.replacen(from, to, 1);
        assert_ne!(edited, PLAIN);
        assert_eq!(Enrollment::parse_printed(&edited), None, "{edited}");
        assert!(Enrollment::parse(edited.as_bytes()).is_ok(), "{edited}");
    }
}
