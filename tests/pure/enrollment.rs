//! The user's file: what is written is read, what is wrong is refused with its reason, and no reason holds a key.

mod readers;

use proptest::array::uniform32;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use pam_totp::factor::backup::{BackupCodeForm, BackupCodes, Temporary};
use pam_totp::factor::enrollment::{Broken, Device, Enrollment, Kind, MAX_COUNTER};
use pam_totp::factor::otp::{Algorithm, Digits};
use pam_totp::factor::secret::Secret;
use pam_totp::text::deceives;

const RIGHT: &str = r#"version = 1
user = "alice"
uid = 1000

[[device]]
id = "7f3a9c21"
name = "phone"
type = "totp"
period = 30
secret = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
algorithm = "SHA1"
digits = 6
created = 2026-11-21T19:00:00Z

[[device]]
id = "token1"
name = "token"
type = "hotp"
counter = 7
secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
algorithm = "SHA256"
digits = 6
created = 2026-11-21T19:00:00Z

[backup_codes]
id = "set1"
salt = "GEZDGNBVGY3TQOJQ"
iterations = 10000
hashes = ["GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZA"]
created = 2026-11-21T19:00:00Z
"#;

const NO_SUCH_KIND: &str = "a device needs type \"totp\" with a period of 1 to 3600 or \"hotp\" with a counter";

/// Any text at all: quotes, controls, line ends, what looks like TOML.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        vec(any::<char>(), 0..40).prop_map(|letters| letters.into_iter().collect::<String>()),
        "[\"'\\\\\n\r\t\u{0}\u{7f}\u{85}#=\\[\\]{}]{0,20}",
    ]
}

fn device_name() -> impl Strategy<Value = String> {
    vec(any::<char>().prop_filter("shown as it is", |letter| !deceives(*letter)), 1..=16)
        .prop_map(|letters| letters.into_iter().collect())
}

fn kind() -> impl Strategy<Value = Kind> {
    prop_oneof![
        (1_u32..=3_600).prop_map(|period| Kind::Totp { period }),
        (0..=MAX_COUNTER).prop_map(|start| Kind::Hotp { start }),
    ]
}

prop_compose! {
    fn device(digits: Digits)(
        name in device_name(),
        kind in kind(),
        key in vec(any::<u8>(), 1..=128),
        algorithm in prop::sample::select(vec![Algorithm::Sha1, Algorithm::Sha256, Algorithm::Sha512]),
        skew in -20_i8..=20,
        created in 0_u64..=253_402_300_799,
    ) -> Device {
        let secret = Secret::from_bytes(key.into());
        let skew = if matches!(kind, Kind::Totp { .. }) { skew } else { 0 };
        Device { id: String::new(), name, kind, secret, algorithm, digits, skew, created }
    }
}

prop_compose! {
    fn backup_codes()(
        id in "[A-Za-z0-9]{1,16}",
        form in prop::sample::select(vec![BackupCodeForm::Letters, BackupCodeForm::Digits]),
        salt in vec(any::<u8>(), 0..=32),
        iterations in 1_u32..=200_000,
        hashes in vec(uniform32(any::<u8>()), 0..=20),
        created in 0_u64..=253_402_300_799,
        temporary in option::of((vec(uniform32(any::<u8>()), 0..=12), 0_u64..=253_402_300_799)),
    ) -> BackupCodes {
        let temporary = temporary.map(|(hashes, until)| Temporary { hashes, until });
        BackupCodes { id, form, salt, iterations, hashes, created, temporary }
    }
}

fn enrollment() -> impl Strategy<Value = Enrollment> {
    let devices = (6_u8..=8).prop_flat_map(|digits| vec(device(Digits::new(digits).unwrap()), 1..=5));
    let ids = prop::collection::btree_set("[A-Za-z0-9]{1,16}", 5);
    (text(), any::<u32>(), devices, ids, option::of(backup_codes())).prop_map(
        |(user, uid, mut devices, ids, backup_codes)| {
            devices.iter_mut().zip(ids).for_each(|(device, id)| device.id = id);
            Enrollment { user, uid, devices, backup_codes }
        },
    )
}

proptest! {
    #[test]
    fn what_is_printed_is_parsed(enrollment in enrollment()) {
        let printed = enrollment.print();
        prop_assert!(printed.len() < 64 * 1024, "no file of ours is longer");
        prop_assert_eq!(Enrollment::parse(printed.as_bytes()), Ok(enrollment));
    }

    /// What an editor, a cut or a bad disk makes of it.
    #[test]
    fn no_reason_holds_a_key(
        mut enrollment in enrollment(),
        start in any::<prop::sample::Index>(),
        length in 0_usize..40,
        instead in vec(any::<u8>(), 0..20),
    ) {
        enrollment.devices.truncate(1);
        enrollment.devices[0].secret = Secret::from_base32("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567").unwrap();
        let mut file = enrollment.print().as_bytes().to_vec();
        let start = start.index(file.len());
        file.splice(start..(start + length).min(file.len()), instead);
        if let Err(broken) = Enrollment::parse(&file) {
            let told = format!("{broken} {broken:?}");
            let key = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
            prop_assert!(!key.as_bytes().windows(4).any(|four| told.as_bytes().windows(4).any(|w| w == four)), "{}", told);
        }
    }

    #[test]
    fn any_bytes_are_refused_without_a_panic(bytes in vec(any::<u8>(), 0..2_000)) {
        prop_assert!(Enrollment::parse(&bytes).is_err());
    }
}

/// The file with one text in it changed.
fn changed(from: &str, to: &str) -> Result<Enrollment, Broken> {
    assert!(RIGHT.contains(from), "{from}");
    Enrollment::parse(RIGHT.replacen(from, to, 1).as_bytes())
}

#[test]
fn the_file_of_the_manual() {
    let enrollment = Enrollment::parse(RIGHT.as_bytes()).unwrap();
    assert_eq!((enrollment.user.as_str(), enrollment.uid), ("alice", 1000));
    let [phone, token] = &enrollment.devices[..] else { panic!("two devices") };
    assert_eq!((phone.id.as_str(), phone.name.as_str(), phone.kind), ("7f3a9c21", "phone", Kind::Totp { period: 30 }));
    assert_eq!((phone.algorithm, phone.digits, phone.created), (Algorithm::Sha1, Digits::SIX, 1_795_287_600));
    assert_eq!(*phone.secret.to_base32(), "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP");
    assert_eq!((token.kind, token.algorithm), (Kind::Hotp { start: 7 }, Algorithm::Sha256));
    let codes = enrollment.backup_codes.unwrap();
    assert_eq!((codes.salt.as_slice(), codes.iterations, codes.hashes.len()), (&b"1234567890"[..], 10_000, 1));
}

#[test]
fn every_wrong_field_is_refused_with_its_reason() {
    let cases = [
        ("version = 1", "version = 0", "there is no such version"),
        ("version = 1", "version = -1", "there is no such version"),
        ("\"7f3a9c21\"", "\"\"", "an id is not 1 to 16 letters and digits"),
        ("\"7f3a9c21\"", "\"0123456789abcdef0\"", "an id is not 1 to 16 letters and digits"),
        ("\"7f3a9c21\"", "\"7f3a 9c21\"", "an id is not 1 to 16 letters and digits"),
        ("\"set1\"", "\"set\\n1\"", "an id is not 1 to 16 letters and digits"),
        ("\"token1\"", "\"7f3a9c21\"", "two devices have the same id"),
        ("\"phone\"", "\"\"", "a device's name is empty, too long or not printable"),
        ("\"phone\"", "\"a\\u001b[2J\"", "a device's name is empty, too long or not printable"),
        ("\"totp\"", "\"TOTP\"", NO_SUCH_KIND),
        ("\"totp\"", "\"hotp\"", NO_SUCH_KIND),
        ("period = 30", "period = 0", NO_SUCH_KIND),
        ("period = 30", "period = 3601", NO_SUCH_KIND),
        ("period = 30", "period = 30\ncounter = 1", NO_SUCH_KIND),
        ("period = 30\n", "", NO_SUCH_KIND),
        ("counter = 7\n", "", NO_SUCH_KIND),
        ("JBSWY3DPEHPK3PXPJ", "0BSWY3DPEHPK3PXPJ", "a secret is not base32"),
        ("JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP", "OLBSWY3DPEHPK3PXPGEZDGNBVG", "a secret is not base32"),
        ("JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP", "", "a secret is not base32"),
        ("\"SHA1\"", "\"MD5\"", "an algorithm is unknown"),
        ("digits = 6", "digits = 5", "digits must be 6 to 8"),
        ("digits = 6", "digits = 9", "digits must be 6 to 8"),
        ("digits = 6", "digits = 8", "the devices differ in their digits"),
        ("2026-11-21T19:00:00Z", "2026-11-21", "a date is not of the form 2026-11-21T19:00:00Z"),
        ("2026-11-21T19:00:00Z", "2026-11-21T19:00:00", "a date is not of the form 2026-11-21T19:00:00Z"),
        ("2026-11-21T19:00:00Z", "2026-11-21T19:00:00+01:00", "a date is not of the form 2026-11-21T19:00:00Z"),
        ("2026-11-21T19:00:00Z", "1969-11-21T19:00:00Z", "a date is not of the form 2026-11-21T19:00:00Z"),
        ("salt = \"G", "salt = \"!", "the backup codes are damaged"),
        ("iterations = 10000", "iterations = 10000\ndigits = 8", "version 1 has no backup codes of eight digits"),
        ("iterations = 10000", "iterations = 0", "the backup codes are damaged"),
        ("iterations = 10000", "iterations = 200001", "the backup codes are damaged"),
        ("[\"GEZDGNBVGY3TQOJQ", "[\"GEZDGNBV", "the backup codes are damaged"),
        ("[\"GEZDGNBVGY3TQOJQ", "[\"!EZDGNBVGY3TQOJQ", "the backup codes are damaged"),
    ];
    for (from, to, what) in cases {
        assert_eq!(changed(from, to), Err(Broken { at: None, what }), "{from} -> {to}");
    }
}

#[test]
fn what_is_no_enrollment_at_all_is_told_by_line_and_column() {
    let cases = [
        ("version = 1\n", "", (1, 1)),
        ("version = 1", "version = \"1\"", (1, 11)),
        ("uid = 1000", "uid = -1", (3, 7)),
        ("uid = 1000", "uid = 4294967296", (3, 7)),
        ("uid = 1000", "uid = 1000\nshell = \"/bin/sh\"", (4, 1)),
        ("digits = 6", "digits = 256", (12, 10)),
        ("digits = 6", "digits = 6\npin = 1", (13, 1)),
        ("secret = \"JBSW", "secret = JBSW", (10, 10)),
        ("created = 2026-11-21T19", "created = 2026-11-21T25", (13, 11)),
        ("[backup_codes]", "[backup_code]", (25, 2)),
    ];
    for (from, to, at) in cases {
        assert_eq!(changed(from, to), Err(Broken { at: Some(at), what: "not an enrollment" }), "{from} -> {to}");
    }
    for text in ["", "\n", "version = 1\nuser = \"alice\"\nuid = 1000\n"] {
        assert_eq!(Enrollment::parse(text.as_bytes()).unwrap_err().what, "not an enrollment", "{text:?}");
    }
    assert_eq!(Enrollment::parse(b"\xff").unwrap_err().what, "not UTF-8");
}

/// 64 KiB, the longest file that is read at all.
#[test]
fn nothing_is_nested_too_deep_for_the_hosts_stack() {
    for piece in ["[", "{a=", "[[a.", "a.", "\"", "'''", "[[device]]\n", "\\u", "#", "\n"] {
        for head in ["", "x = ", RIGHT, "version = 1\nuser = "] {
            let file = head.to_owned() + &piece.repeat(65_536 / piece.len());
            let comment = head == RIGHT && matches!(piece, "#" | "\n");
            assert_eq!(Enrollment::parse(file.as_bytes()).is_ok(), comment, "{piece} after {head}");
        }
    }
}

#[test]
fn one_to_five_devices() {
    let (head, rest) = RIGHT.split_once("[[device]]").unwrap();
    let device =
        |n| format!("[[device]]{}", rest.split_once("[[device]]").unwrap().0.replace("7f3a9c21", &format!("d{n}")));
    let file = |count| format!("{head}{}", (0..count).map(device).collect::<String>());
    for count in 1..=5 {
        assert_eq!(Enrollment::parse(file(count).as_bytes()).unwrap().devices.len(), count);
    }
    let told = "one to five devices are allowed";
    assert_eq!(Enrollment::parse(file(6).as_bytes()).unwrap_err().what, told);
    assert_eq!(Enrollment::parse(format!("device = []\n{head}").as_bytes()).unwrap_err().what, told);
}

#[test]
fn faults_and_codes_say_what_they_are_and_no_more() {
    assert_eq!(changed("uid = 1000", "uid = -1").unwrap_err().to_string(), "not an enrollment at line 3, column 7");
    assert_eq!(changed("digits = 6", "digits = 5").unwrap_err().to_string(), "digits must be 6 to 8");
    let codes = Enrollment::parse(RIGHT.as_bytes()).unwrap().backup_codes.unwrap();
    assert_eq!(format!("{codes:?}"), "BackupCodes(set1, 1)");
}

#[test]
fn twenty_backup_codes_at_most() {
    let hash = "\"GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZA\"";
    let hashes = |count: usize| vec![hash; count].join(", ");
    assert!(changed(hash, &hashes(20)).is_ok());
    assert_eq!(changed(hash, &hashes(21)).unwrap_err().what, "the backup codes are damaged");
}

/// The lowest version that can hold the content: who goes back to an older pam_totp keeps all but what it cannot know.
#[test]
fn a_skew_and_codes_of_eight_digits_need_the_second_version_and_nothing_else_does() {
    let skewed = |to: &str| changed("digits = 6", to).map(|enrollment| enrollment.devices[0].skew);
    assert_eq!(skewed("digits = 6\nskew = 3").unwrap_err().what, "version 1 has no skew");
    let second = RIGHT.replacen("version = 1", "version = 2", 1);
    let parse =
        |skew: &str| Enrollment::parse(second.replacen("digits = 6", &format!("digits = 6{skew}"), 1).as_bytes());
    for (text, skew, version) in [("", 0, 1), ("\nskew = 0", 0, 1), ("\nskew = 20", 20, 2), ("\nskew = -20", -20, 2)] {
        let enrollment = parse(text).unwrap();
        assert_eq!(enrollment.devices[0].skew, skew);
        assert!(enrollment.print().starts_with(&format!("version = {version}\n")), "{text}");
    }
    for wrong in ["\nskew = 21", "\nskew = -21", "\nskew = -128"] {
        assert_eq!(parse(wrong).unwrap_err().what, "a skew is at most 20 steps, of a TOTP device", "{wrong}");
    }
    let scratch = |digits: &str| {
        let set = second.replacen("iterations = 10000", &format!("iterations = 10000\ndigits = {digits}"), 1);
        Enrollment::parse(set.as_bytes())
    };
    assert!(scratch("8").unwrap().print().starts_with("version = 2\n"));
    assert_eq!(scratch("7").unwrap_err().what, "the backup codes are damaged");
    let token = second.replacen("counter = 7", "counter = 7\nskew = 1", 1);
    assert_eq!(Enrollment::parse(token.as_bytes()).unwrap_err().what, "a skew is at most 20 steps, of a TOTP device");
}

#[test]
fn a_later_version_is_not_taken_for_a_damaged_file() {
    for to in ["version = 4", "version = 9223372036854775807", "version = 4\nrealm = \"x\""] {
        assert_eq!(changed("version = 1", to), Err(Broken::NEWER), "{to}");
    }
    // A damaged one of ours is not taken for a later one either.
    for version in ["1", "2", "3"] {
        let damaged = changed("version = 1", &format!("version = {version}\nrealm = \"x\"")).unwrap_err();
        assert_eq!(damaged, Broken { at: Some((2, 1)), what: "not an enrollment" }, "{version}");
    }
    let passkeys = "version = 4\nuser = \"alice\"\npasskey = [{ id = 5 }]\n";
    assert_eq!(Enrollment::parse(passkeys.as_bytes()), Err(Broken::NEWER));
}

/// The key alone makes it, so that a key which comes back finds what was used of it; it stands in the records of hosts.
#[test]
fn a_device_is_called_by_its_key() {
    let of = |byte| Device::with_key(Secret::from_bytes(vec![byte; 20].into()), "phone", 5);
    let other = Device::with_key(Secret::from_bytes(vec![7; 20].into()), "token", 6);
    assert_eq!(of(7).id, "19be0a6d");
    assert_eq!(other.id, of(7).id);
    assert_ne!(of(8).id, of(7).id);
    let Device { name, kind, algorithm, digits, skew, created, .. } = of(7);
    assert_eq!((name.as_str(), kind, algorithm), ("phone", Kind::Totp { period: 30 }, Algorithm::Sha1));
    assert_eq!((digits, skew, created), (Digits::SIX, 0, 5));
}
