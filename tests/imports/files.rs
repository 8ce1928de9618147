//! The three forms of file, as they are and as nobody should write them. Nothing here needs a host.

use super::*;
use pam_totp::enrollment::Kind;
use pam_totp::import::{Entry, Found, Host, Remark, Token, Unusable, cpanel, google, oath};
use pam_totp::otp::{Algorithm, Digits};
use pam_totp::secret::Secret;
use proptest::collection::vec;
use proptest::prelude::*;

const HOST: Host = Host { now: T, window: 1 };
const STEP: u64 = T / 30;
const HEX: &str = "3132333435363738393031323334353637383930";

fn google(options: &[&str]) -> Result<Found, Unusable> {
    google::parse([&[KEY], options, &[""]].concat().join("\n").as_bytes(), &HOST)
}

fn token(found: &Found) -> &Token {
    let [token] = &found.tokens[..] else { panic!("{found:?}") };
    token
}

fn totp(period: u32) -> Kind {
    Kind::Totp { period }
}

fn fault(line: usize, what: &'static str) -> Unusable {
    Unusable { line, what }
}

#[test]
fn the_options_of_google_authenticator() {
    let auth = "\" TOTP_AUTH";
    let used = format!("\" DISALLOW_REUSE {} {} {}", STEP - 1, STEP + 1, STEP);
    let whole = google(&["\" RATE_LIMIT 3 30 1800000000", "\" WINDOW_SIZE 3", &used, auth, "12345678", "87654321"]);
    let found = whole.expect("what their program writes");
    let secret = Secret::from_base32(KEY).unwrap();
    let (algorithm, digits) = (Algorithm::Sha1, Digits::SIX);
    let expected = Token { kind: totp(30), secret, algorithm, digits, used: Some(STEP + 1), drift: Some(0) };
    assert_eq!((token(&found), found.remarks.as_slice()), (&expected, &[Remark::RateLimit][..]));
    assert_eq!(found.scratch.len(), 2);

    type Expected<'a> = (Kind, Option<u64>, Option<i8>, &'a [Remark]);
    let used = |steps: u64| format!("\" DISALLOW_REUSE {steps}");
    let (now, at) = (used(STEP), Some(STEP));
    let ahead = 100 * 30;
    let cases: [(&[&str], Expected<'_>); 16] = [
        (&[auth], (totp(30), None, Some(0), &[Remark::Unrecorded])),
        (&[auth, "\" DISALLOW_REUSE"], (totp(30), None, Some(0), &[Remark::Unrecorded])),
        (&[&now, auth, "\" STEP_SIZE 60"], (totp(60), at, Some(0), &[Remark::Future((STEP - T / 60) * 60)])),
        (&[&now, auth, "\" WINDOW_SIZE 4"], (totp(30), at, None, &[Remark::Window(2)])),
        (&[&now, auth, "\" WINDOW_SIZE 1"], (totp(30), at, Some(0), &[])),
        (&[&now, auth, "\" TIME_SKEW -4"], (totp(30), at, Some(-4), &[])),
        (&[&now, auth, "\" TIME_SKEW 5"], (totp(30), at, None, &[Remark::Skew(150)])),
        (&[&now, auth, "\" TIME_SKEW -2880"], (totp(30), at, None, &[Remark::Skew(-86_400)])),
        (&[&used(STEP + 5), auth], (totp(30), Some(STEP + 5), Some(0), &[])),
        (&[&used(STEP + 100), auth], (totp(30), Some(STEP + 100), Some(0), &[Remark::Future(ahead)])),
        (&[&now, auth, "\" RESETTING_TIME_SKEW 1+20 2+21"], (totp(30), at, Some(0), &[])),
        (&[&now, auth, "\" LAST0 192.0.2.4 1", "\" LAST1 x 2"], (totp(30), at, Some(0), &[Remark::Remembered])),
        (&[&now, auth, "\" MADE_UP 1"], (totp(30), at, Some(0), &[Remark::UnknownLine(4)])),
        // With a counter there is no clock, and 0 is no counter.
        (
            &["\" HOTP_COUNTER 7", &now, auth, "\" WINDOW_SIZE 17"],
            (Kind::Hotp { start: 7 }, Some(7), Some(0), &[Remark::Window(17)]),
        ),
        (&["\" HOTP_COUNTER 7", "\" WINDOW_SIZE 10"], (Kind::Hotp { start: 7 }, Some(7), Some(0), &[])),
        (&["\" HOTP_COUNTER 0", &now, auth], (totp(30), at, Some(0), &[])),
    ];
    for (options, expected) in cases {
        let found = google(options).expect("a file");
        let Token { kind, used, drift, .. } = token(&found);
        assert_eq!((*kind, *used, *drift, found.remarks.as_slice()), expected, "{options:?}");
    }
}

#[test]
fn what_google_authenticator_cannot_have_written() {
    let number = "there is no number that can be meant";
    let scratch = "there is no scratch code";
    let cases: [(&[&str], Unusable); 14] = [
        (&[], fault(0, "it says neither TOTP_AUTH nor HOTP_COUNTER, so no code gets in")),
        (&["\" TOTP_AUTH", "\" STEP_SIZE 0"], fault(3, number)),
        (&["\" TOTP_AUTH", "\" STEP_SIZE 3601"], fault(3, number)),
        (&["\" STEP_SIZE"], fault(2, number)),
        (&["\" HOTP_COUNTER -1"], fault(2, number)),
        (&["\" HOTP_COUNTER 4294967296"], fault(2, number)),
        (&["\" WINDOW_SIZE x"], fault(2, number)),
        (&["\" DISALLOW_REUSE 1 2 99999999999"], fault(2, number)),
        (&["\" TIME_SKEW 9999999999"], fault(2, number)),
        (&["\" OTP_DISABLED"], fault(2, "codes are switched off for this user")),
        (&["\" TOTP_AUTH", "1234567"], fault(3, scratch)),
        (&["\" TOTP_AUTH", "1234 5678"], fault(3, scratch)),
        (&["\" TOTP_AUTH", "1234567812345678"], fault(3, scratch)),
        (&["\" TOTP_AUTH", "01234567"], fault(3, scratch)),
    ];
    for (options, expected) in cases {
        assert_eq!(google(options).expect_err("no file"), expected, "{options:?}");
    }
    assert_eq!(google::parse(b"", &HOST).expect_err("no file"), fault(0, "it is empty"));
    assert_eq!(google::parse(b"\xff\xfe", &HOST).expect_err("no file"), fault(0, "it is not text"));
}

#[test]
fn lines_that_an_editor_left_empty_are_none() {
    let found = google::parse(b"OLBSWY3DPEHPK3PXPGEZDGNBVG\n\n\" TOTP_AUTH\n  \n12345678\n\n", &HOST).expect("a file");
    assert_eq!((found.tokens.len(), found.scratch.len(), found.remarks), (1, 1, vec![Remark::Unrecorded]));
}

#[test]
fn more_scratch_codes_than_a_set_can_hold_are_named() {
    let codes: Vec<String> = (10_000_000..10_000_023).map(|n| n.to_string()).collect();
    let mut lines = vec!["\" TOTP_AUTH"];
    lines.extend(codes.iter().map(String::as_str));
    let found = google(&lines).expect("a file");
    assert_eq!(found.scratch.len(), 20);
    assert!(found.remarks.contains(&Remark::TooManyScratch(3)), "{:?}", found.remarks);
}

/// Their reader takes slips of the hand for the letters they look like, and lets bits that fill no byte go.
#[test]
fn a_key_is_what_their_reader_reads() {
    let read = |key: &str| google::parse(format!("{key}\n\" TOTP_AUTH\n").as_bytes(), &HOST);
    let bytes = |key: &str| token(&read(key).expect("a key")).secret.as_bytes().to_vec();
    let plain = Secret::from_base32("OLBSWY3DPEHPK3PXPGEZDGNBVE").unwrap().as_bytes().to_vec();
    for key in [
        "OLBSWY3DPEHPK3PXPGEZDGNBVG",
        "018SWY3DPEHPK3PXPGEZDGNBVG",
        "olbs wy3d-PEHPK3PXPGEZDGNBVG",
        "OLBSWY3DPEHPK3PXPGEZDGNBVH",
    ] {
        assert_eq!(bytes(key), plain, "{key}");
        assert!(!read(key).unwrap().remarks.iter().any(|remark| matches!(remark, Remark::WeakKey(_))), "128 bits do");
    }
    let weak = read("JBSWY3DPEHPK3PXP").expect("80 bits");
    assert!(weak.remarks.contains(&Remark::WeakKey(80)), "{:?}", weak.remarks);
    assert_eq!(read("JBSWY3DPEHPK3PX").expect_err("72 bits"), fault(1, "the key is shorter than 80 bits"));
    assert_eq!(read("JBSWY3DPEHPK3PXP=").expect_err("padding"), fault(1, "the key is not base32"));
    assert_eq!(read(&"A".repeat(207)).expect_err("1025 bits"), fault(1, "the key is longer than 1024 bits"));
}

fn oath(text: &str) -> Vec<Entry> {
    oath::parse(text.as_bytes(), &HOST).expect("text").0
}

fn only(text: &str) -> Result<Found, Unusable> {
    let mut entries = oath(text);
    assert_eq!(entries.len(), 1, "{entries:?}");
    entries.remove(0).found
}

#[test]
fn the_lines_of_pam_oath() {
    let code = oathtool(&["--totp", "--now", &format!("@{T}"), HEX]);
    // 2027-01-15T08:00:00Z is T.
    let cases = [
        ("HOTP", "-", "", Kind::Hotp { start: 0 }, 6, Some(0)),
        ("HOTP/E", "-", "", Kind::Hotp { start: 0 }, 6, Some(0)),
        ("HOTP/E/8", "+", "7", Kind::Hotp { start: 7 }, 8, Some(7)),
        ("HOTP/E/7", "-", "7 1234567 2027-01-15T08:00:00L", Kind::Hotp { start: 8 }, 7, Some(8)),
        ("HOTP/T30", "-", "", totp(30), 6, None),
        ("HOTP/T30/6", "-", &format!("0 {code} 2027-01-15T08:00:00L"), totp(30), 6, Some(STEP)),
        ("HOTP/T30/6", "-", &format!("0 {code} 2027-01-14T17:45:00L"), totp(30), 6, Some(STEP)),
        ("HOTP/T30/6", "-", &format!("0 {code} 2027-01-10T08:00:00L"), totp(30), 6, None),
        ("HOTP/T30/6", "-", &format!("0 {code} sometime"), totp(30), 6, None),
        ("HOTP/T60/8", "-", "", totp(60), 8, None),
    ];
    for (kind, pin, rest, expected, digits, used) in cases {
        let found = only(&format!("{kind} alice {pin} {HEX} {rest}\n")).expect("a line");
        let token = token(&found);
        assert_eq!((token.kind, token.digits.get(), token.used), (expected, digits, used), "{kind} {rest}");
        assert_eq!(token.secret.as_bytes(), b"12345678901234567890");
        let unrecorded: &[Remark] = if used.is_none() { &[Remark::Unrecorded] } else { &[] };
        assert_eq!(found.remarks, unrecorded, "{kind} {rest}");
    }
    let (entries, remarks) =
        oath::parse(b"\n# x\nHOTP/T45 a - 00\nSOTP a - 00\nHOTP a\nHOTP/E/9 a - 00", &HOST).unwrap();
    assert!(entries.is_empty());
    assert_eq!(remarks, [3, 4, 5, 6].map(Remark::UnknownLine));
}

#[test]
fn several_lines_of_pam_oath_for_one_user() {
    let line = |kind: &str, last: usize| format!("HOTP{kind} alice - {HEX}{last:02}\n");
    let six: String = (0..6).map(|n| line("/T30", n)).collect();
    let found = only(&six).expect("devices");
    assert_eq!(found.tokens.len(), 5);
    assert_eq!(found.remarks, [Remark::TooMany(6), Remark::Unrecorded]);
    let found = only(&(line("", 1) + &line("/E/8", 2) + &line("", 3))).expect("devices");
    assert_eq!((found.tokens.len(), found.remarks.as_slice()), (2, &[Remark::OtherDigits(2)][..]));
    let twice = format!("HOTP alice - {HEX} 3\nHOTP alice - {HEX} 9\n");
    let found = only(&twice).expect("a device");
    assert_eq!((token(&found).used, found.remarks.as_slice()), (Some(9), &[Remark::Repeated(2)][..]));
    let both = format!("HOTP alice - {HEX} 3\nHOTP/T30 alice - {HEX}\n");
    assert_eq!(only(&both).expect_err("one state for two"), fault(2, "a key that was there before has another type"));
    let pins = format!("HOTP alice 1234 {HEX} 3\n");
    assert_eq!(only(&pins).expect("a device").remarks, [Remark::Pin(1)]);
}

#[test]
fn what_pam_oath_cannot_read_either() {
    let cases = [
        ("HOTP alice - xyz", "the key is not hexadecimal"),
        ("HOTP alice - 31323", "the key is not hexadecimal"),
        ("HOTP alice - 313233343536373839", "the key is shorter than 80 bits"),
        (&format!("HOTP alice - {HEX} x"), "the counter is none that lasts"),
        (&format!("HOTP alice - {HEX} 99999999999999999999"), "the counter is none that lasts"),
        (&format!("HOTP alice - {HEX} 4294967295"), "the counter is none that lasts"),
        (&format!("HOTP alice - {}", "00".repeat(129)), "the key is longer than 1024 bits"),
    ];
    for (line, what) in cases {
        assert_eq!(only(line).expect_err(line), fault(1, what), "{line}");
    }
    let longest = format!("HOTP alice - {}", "00".repeat(128));
    assert_eq!(token(&only(&longest).expect("1024 bits")).secret.as_bytes(), [0; 128]);
    // One user's bad line is no other's.
    let entries = oath(&format!("HOTP alice - xyz\nHOTP bob - {HEX}\n"));
    assert!(entries[0].found.is_err() && entries[1].found.is_ok());
}

#[test]
fn cpanels_file_and_what_its_api_says() {
    let file = r#"{"bob":{"secret":"QLLIU5WTY3UTJGNG"},"alice":{"secret":"QLLIU5WTY3UTJGNG","x":[1,{}]},"issuer":"A","n":[],"o":1.5}"#;
    let answer = r#"{"data":{"alice":{"primary_account":{"secret":"QLLIU5WTY3UTJGNG"},
        "email":{"a@example.com":{"secret":"QLLIU5WTY3UTJGNG"}},"team":{"t@alice":{"secret":"QLLIU5WTY3UTJGNG"}}}},
        "metadata":{"command":"twofactorauth_get_tfa_config_for_user","reason":"OK","result":1,"version":1}}"#;
    let weak = [Remark::WeakKey(80), Remark::Unrecorded];
    let entries = cpanel::parse(file.as_bytes()).expect("a file");
    assert_eq!(entries.iter().map(|entry| entry.user.as_str()).collect::<Vec<_>>(), ["alice", "bob"]);
    for entry in &entries {
        let found = entry.found.as_ref().expect("a key");
        assert_eq!((token(found).kind, token(found).used, found.remarks.as_slice()), (totp(30), None, &weak[..]));
    }
    let entries = cpanel::parse(answer.as_bytes()).expect("an answer");
    let found = entries[0].found.as_ref().expect("a key");
    assert_eq!((entries.len(), found.remarks.as_slice()), (1, &[&weak[..], &[Remark::NoAccounts(2)]].concat()[..]));
    // A user may be called so.
    assert_eq!(cpanel::parse(br#"{"data":{"secret":"QLLIU5WTY3UTJGNG"}}"#).expect("a file")[0].user, "data");

    let bad = |text: &str| cpanel::parse(format!(r#"{{"a":{text}}}"#).as_bytes()).expect("JSON").remove(0).found;
    assert_eq!(bad("{}").expect_err("no key"), fault(0, "there is no key"));
    assert_eq!(bad(r#"{"secret":"A"}"#).expect_err("no key"), fault(0, "the key is not base32"));
    assert_eq!(bad(r#"{"secret":"JBSWY3DP"}"#).expect_err("no key"), fault(0, "the key is shorter than 80 bits"));
    for (text, line) in [("", 1), ("[]", 1), ("{\n\"a\":\n", 3), ("{\"a\":{\"secret\":\n7}}", 2), ("\u{0}", 1)] {
        let error = cpanel::parse(text.as_bytes()).expect_err(text);
        assert_eq!(error.what, "it is not the JSON of cPanel's users", "{text}");
        assert!(error.line <= line, "{text}: {error}");
    }
}

/// A remark says everything but the secret.
#[test]
fn every_remark_has_its_word_and_reads_as_a_sentence() {
    let all = [
        Remark::WeakKey(80),
        Remark::Pin(3),
        Remark::OtherDigits(3),
        Remark::TooMany(3),
        Remark::TooManyScratch(3),
        Remark::Skew(-150),
        Remark::UsedScratch(2),
        Remark::Unrecorded,
        Remark::Future(90),
        Remark::Window(8),
        Remark::RateLimit,
        Remark::Remembered,
        Remark::UnknownLine(3),
        Remark::Repeated(3),
        Remark::NoAccounts(2),
    ];
    let codes: std::collections::BTreeSet<&str> = all.iter().map(|remark| remark.code()).collect();
    assert_eq!(codes.len(), all.len());
    assert_eq!(all.iter().filter(|remark| remark.is_warning()).count(), 7);
    assert!(all.iter().all(|remark| remark.to_string().len() > 20));
    assert!(Remark::Skew(-150).to_string().contains("150 s behind this host's"), "{}", Remark::Skew(-150));
}

#[test]
fn a_fault_says_what_and_where() {
    assert_eq!(fault(3, "the key is not base32").to_string(), "the key is not base32 in line 3");
    assert_eq!(fault(0, "it is empty").to_string(), "it is empty");
}

proptest! {
    #[test]
    fn no_bytes_at_all_break_a_reader(bytes in vec(any::<u8>(), 0..400), lines in vec("[\"A-Z0-9 _/+-]{0,40}", 0..12)) {
        for bytes in [bytes, lines.join("\n").into_bytes()] {
            let _ = google::parse(&bytes, &HOST);
            let _ = oath::parse(&bytes, &HOST);
            let _ = cpanel::parse(&bytes);
        }
    }
}
