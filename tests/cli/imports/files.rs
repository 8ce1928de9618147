//! The three forms of file, as they are and as nobody should write them. Nothing here needs a host.

use super::*;
use pam_totp::factor::enrollment::Kind;
use pam_totp::factor::otp::{Algorithm, Digits};
use pam_totp::factor::secret::Secret;
use pam_totp::import::{ForeignUser, Host, ImportedUser, Remark, Token, Unusable, cpanel, google, oath};
use proptest::collection::vec;
use proptest::prelude::*;

const HOST: Host = Host { now: T, window: 1 };
const STEP: u64 = T / 30;
const HEX: &str = "3132333435363738393031323334353637383930";

fn google(options: &[&str]) -> Result<ForeignUser, Unusable> {
    google::parse([&[KEY], options, &[""]].concat().join("\n").as_bytes(), &HOST)
}

fn token(found: &ForeignUser) -> &Token {
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

/// Nothing in it would be right there, or nobody can tell what would.
#[test]
fn what_google_authenticator_lets_nobody_in_with() {
    let number = "there is no number that can be meant";
    let neither = "it says neither TOTP_AUTH nor HOTP_COUNTER, so no code gets in";
    let cases: [(&[&str], Unusable); 12] = [
        (&[], fault(0, neither)),
        (&["\"TOTP_AUTH"], fault(0, neither)),
        (&["\"  TOTP_AUTH"], fault(0, neither)),
        (&["\" STEP_SIZE"], fault(0, neither)),
        (&["\" TOTP_AUTH", "\" STEP_SIZE 0"], fault(3, number)),
        (&["\" TOTP_AUTH", "\" STEP_SIZE 3601"], fault(3, number)),
        (&["\" STEP_SIZE x", "\" STEP_SIZE 30", "\" TOTP_AUTH"], fault(2, number)),
        (&["\" HOTP_COUNTER -1"], fault(2, number)),
        (&["\" TOTP_AUTH", "\" HOTP_COUNTER 5x"], fault(3, number)),
        (&["\" TOTP_AUTH", "\" HOTP_COUNTER"], fault(3, number)),
        (&["\" HOTP_COUNTER 9223372036854775808"], fault(0, "the counter is none that lasts")),
        (&["\" OTP_DISABLED"], fault(2, "codes are switched off for this user")),
    ];
    for (options, expected) in cases {
        assert_eq!(google(options).expect_err("no file"), expected, "{options:?}");
    }
    assert_eq!(google::parse(b"", &HOST).expect_err("no file"), fault(0, "it is empty"));
    for bytes in
        [&b"\xff\xfe"[..], b"\n", b"OLBSWY3D\0PEHPK3PXPGEZDGNBVG\n\" TOTP_AUTH", b"OLBSWY3DPEHPK3PXPGEZDGNBV\xc4"]
    {
        let error = google::parse(bytes, &HOST).expect_err("no key");
        assert_eq!(error, fault(1, "the key is not base32"), "{}", bytes.escape_ascii());
    }
}

/// One line that is odd costs itself, and where it may say which codes were used, those of the next minutes.
#[test]
fn one_odd_line_of_google_authenticator_leaves_the_rest() {
    let used = format!("\" DISALLOW_REUSE {STEP}");
    let far = format!("\" DISALLOW_REUSE {} x", STEP + 100);
    let (unknown, odd, scratch) = (Remark::UnknownLine(3), Remark::OddLine(3), Remark::OddScratch(3));
    type Expected<'a> = (Option<u64>, Option<i8>, &'a [Remark]);
    let (at, next, none) = (Some(STEP), Some(0), &[][..]);
    let cases: [(&[u8], Expected<'_>); 29] = [
        (b"\"RATE_LIMIT 3 30", (at, next, &[unknown])),
        (b"\"DISALLOW_REUSE 5", (at, next, &[unknown])),
        (b"\"  WINDOW_SIZE 17", (at, next, &[unknown])),
        (b"\" RATE\xc4LIMIT 3 30", (at, next, &[unknown])),
        (b"\"", (at, next, &[unknown])),
        (b"# a note", (at, next, &[unknown])),
        (b"B\xfcro", (at, next, &[unknown])),
        (b"\0", (at, next, &[unknown])),
        (b"1234 5678", (at, next, &[unknown])),
        (b"12345678x", (at, next, &[unknown])),
        (b"-12345678", (at, next, &[unknown])),
        (b"01234567", (at, next, &[scratch])),
        (b"1234567", (at, next, &[scratch])),
        (b"123456789", (at, next, &[scratch])),
        (b"00000000", (at, next, &[scratch])),
        (b"1234567812345678", (at, next, &[scratch])),
        (b"\" WINDOW_SIZE", (at, next, &[odd])),
        (b"\" WINDOW_SIZE x", (at, next, &[odd])),
        (b"\" WINDOW_SIZE -1", (at, next, &[odd])),
        // Where the phone's clock is nobody knows then: the first code tells.
        (b"\" TIME_SKEW", (at, None, &[odd])),
        (b"\" TIME_SKEW 9999999999", (at, None, &[odd])),
        (b"\" DISALLOW_REUSE x", (None, next, &[odd, Remark::Unrecorded])),
        (b"\" DISALLOW_REUSE 1 2 99999999999", (None, next, &[odd, Remark::Unrecorded])),
        (b"\" DISALLOW_REUSE 5 -6", (None, next, &[odd, Remark::Unrecorded])),
        (b"\" DISALLOW_REUSE 5 \xff", (None, next, &[odd, Remark::Unrecorded])),
        (far.as_bytes(), (Some(STEP + 100), next, &[odd, Remark::Future(3_000)])),
        (b"\" TOTP_AUTH of old", (at, next, none)),
        (b"\" HOTP_COUNTER 0", (at, next, none)),
        (b"\" RESETTING_TIME_SKEW \xff", (at, next, none)),
    ];
    for (line, expected) in cases {
        let text = [KEY.as_bytes(), used.as_bytes(), line, b"\" TOTP_AUTH", b"12345678", b"87654321"].join(&b'\n');
        for text in [text.clone(), [b"\xef\xbb\xbf", &text.replace(b"\n", b"\r\n")[..]].concat()] {
            let found = google::parse(&text, &HOST).unwrap_or_else(|e| panic!("{}: {e}", line.escape_ascii()));
            let Token { used, drift, .. } = token(&found);
            assert_eq!((*used, *drift, &found.remarks[..]), expected, "{}", line.escape_ascii());
            assert_eq!(found.scratch.len(), 2, "{}", line.escape_ascii());
        }
    }
    // Theirs reads a scratch code as a number, and of two options the first.
    let found =
        google(&["\" HOTP_COUNTER 5", "\" HOTP_COUNTER 9", " 0012345678 ", "\" STEP_SIZE 99x"]).expect("a file");
    assert_eq!((token(&found).used, found.scratch.len()), (Some(5), 1));
    assert_eq!(found.remarks, [Remark::OddLine(5)], "a counter needs no step");
}

#[test]
fn a_file_of_odd_lines_alone_is_no_flood() {
    let lines: Vec<&str> = std::iter::once("\" TOTP_AUTH").chain(std::iter::repeat_n("?", 30)).collect();
    let found = google(&lines).expect("a file");
    let mut expected: Vec<Remark> = (3..13).map(Remark::UnknownLine).collect();
    expected.extend([Remark::Unrecorded, Remark::MoreLines(20)]);
    assert_eq!(found.remarks, expected);
    let (entries, remarks) = oath::parse("?\n".repeat(30).as_bytes(), &HOST).expect("a file");
    assert_eq!((entries.len(), remarks.len(), remarks.last()), (0, 11, Some(&Remark::MoreLines(20))));
}

/// The standard library has it for text alone.
trait Replace {
    fn replace(&self, from: &[u8], to: &[u8]) -> Vec<u8>;
}

impl Replace for Vec<u8> {
    fn replace(&self, from: &[u8], to: &[u8]) -> Vec<u8> {
        let is = |byte: &u8| from.contains(byte);
        self.split(is).collect::<Vec<_>>().join(to)
    }
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

fn oath(text: &str) -> Vec<ImportedUser> {
    oath::parse(text.as_bytes(), &HOST).expect("text").0
}

fn only(text: &str) -> Result<ForeignUser, Unusable> {
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
    let found = only(&both).expect("one state for two");
    let other = Remark::OddDevice(fault(2, "a key that was there before has another type"));
    assert_eq!((token(&found).used, found.remarks), (Some(3), vec![other]));
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
        (&format!("HOTP alice - {HEX} 9223372036854775808"), "the counter is none that lasts"),
        (&format!("HOTP alice - {HEX} 9223372036854775807 123456"), "the counter is none that lasts"),
        (&format!("HOTP alice - {HEX} # note"), "the counter is none that lasts"),
        (&format!("HOTP alice - {}", "00".repeat(129)), "the key is longer than 1024 bits"),
    ];
    for (line, what) in cases {
        assert_eq!(only(line).expect_err(line), fault(1, what), "{line}");
    }
    let longest = format!("HOTP alice - {}", "00".repeat(128));
    assert_eq!(token(&only(&longest).expect("1024 bits")).secret.as_bytes(), [0; 128]);
    let highest = format!("HOTP alice - {HEX} 9223372036854775807");
    assert_eq!(token(&only(&highest).expect("2^63 - 1")).used, Some(i64::MAX as u64));
    // A device that cannot be used stops none beside it, and takes its own remarks along.
    let fine = format!("HOTP/T60 alice 1234 {HEX}");
    for (line, what) in cases {
        for (text, number) in [(format!("{line}\n{fine}\n"), 1), (format!("{fine}\n{line}\n"), 2)] {
            let found = only(&text).unwrap_or_else(|e| panic!("{line}: {e}"));
            let mut expected = vec![Remark::OddDevice(fault(number, what)), Remark::Pin(3 - number)];
            expected.sort_by_key(|remark| matches!(remark, Remark::Pin(1)).then_some(0).unwrap_or(number));
            expected.push(Remark::Unrecorded);
            assert_eq!((token(&found).kind, found.remarks), (totp(60), expected), "{line}");
        }
    }
    // One user's bad line is no other's.
    let entries = oath(&format!("HOTP alice - xyz\nHOTP bob - {HEX}\n"));
    assert!(entries[0].found.is_err() && entries[1].found.is_ok());
}

/// A byte that is no text is odd where it stands, be it in a comment, a name or a key.
#[test]
fn what_is_no_text_in_pam_oaths_file_costs_its_own_line() {
    let fine = format!("HOTP/T30 bob - {HEX}");
    let cases: [(&[u8], &[Remark]); 8] = [
        (b"# B\xfcro", &[]),
        (b"  # \0", &[]),
        (b"B\xfcro", &[Remark::UnknownLine(2)]),
        (b"\0", &[Remark::UnknownLine(2)]),
        (b"HOTP/T30 al\xefce - 00", &[Remark::OddDevice(fault(2, "no account can have the name"))]),
        (b"HOTP/T30 al\0ce - 00", &[Remark::OddDevice(fault(2, "no account can have the name"))]),
        (b"HOTP/T\xff alice - 00", &[Remark::UnknownLine(2)]),
        (b"\xef\xbb\xbfHOTP/T30 alice - 00", &[Remark::UnknownLine(2)]),
    ];
    for (line, expected) in cases {
        let text = [fine.as_bytes(), line, b""].join(&b'\n');
        for text in [text.clone(), [b"\xef\xbb\xbf", &text.replace(b"\n", b"\r\n")[..]].concat()] {
            let (entries, remarks) = oath::parse(&text, &HOST).expect("a file");
            assert_eq!(entries.iter().map(|entry| entry.user.as_str()).collect::<Vec<_>>(), ["bob"]);
            assert_eq!((entries[0].found.is_ok(), &remarks[..]), (true, expected), "{}", line.escape_ascii());
        }
    }
    let long = format!("HOTP/T30 {} - {HEX}\n{fine}\n", "a".repeat(257));
    let (entries, remarks) = oath::parse(long.as_bytes(), &HOST).expect("a file");
    assert_eq!((entries.len(), remarks.len()), (1, 1), "{remarks:?}");
    let key = [
        format!("HOTP/T30 alice - {HEX}").as_bytes(),
        b"\xff\nHOTP/E alice \xff 3132333435363738393031323334353637383931",
    ]
    .concat();
    let (mut entries, _) = oath::parse(&key, &HOST).expect("a file");
    let found = entries.remove(0).found.expect("a token");
    assert_eq!(found.remarks, [Remark::OddDevice(fault(1, "the key is not hexadecimal")), Remark::Pin(2)]);
}

#[test]
fn cpanels_file_and_what_its_api_says() {
    let file = r#"{"bob":{"secret":"QLLIU5WTY3UTJGNG"},"alice":{"secret":"QLLIU5WTY3UTJGNG","x":[1,{}]},"issuer":"A","n":[],"o":1.5}"#;
    let answer = r#"{"data":{"alice":{"primary_account":{"secret":"QLLIU5WTY3UTJGNG"},
        "email":{"a@example.com":{"secret":"QLLIU5WTY3UTJGNG"}},"team":{"t@alice":{"secret":"QLLIU5WTY3UTJGNG"}}}},
        "metadata":{"command":"twofactorauth_get_tfa_config_for_user","reason":"OK","result":1,"version":1}}"#;
    let weak = [Remark::WeakKey(80), Remark::Unrecorded];
    let entries = cpanel::parse(file.as_bytes()).expect("a file");
    let is_setting = |entry: &&ImportedUser| matches!(entry.found, Err(cpanel::NO_USER));
    assert_eq!(
        entries.iter().map(|entry| entry.user.as_str()).collect::<Vec<_>>(),
        ["alice", "bob", "issuer", "n", "o"]
    );
    assert_eq!(entries.iter().filter(is_setting).count(), 3);
    for entry in &entries[..2] {
        let found = entry.found.as_ref().expect("a key");
        assert_eq!((token(found).kind, token(found).used, found.remarks.as_slice()), (totp(30), None, &weak[..]));
    }
    let entries = cpanel::parse(answer.as_bytes()).expect("an answer");
    let found = entries[0].found.as_ref().expect("a key");
    assert_eq!((entries.len(), found.remarks.as_slice()), (1, &[&weak[..], &[Remark::NoAccounts(2)]].concat()[..]));
    // A user may be called so.
    let entries = cpanel::parse(br#"{"data":{"secret":"QLLIU5WTY3UTJGNG"}}"#).expect("a file");
    assert_eq!((entries[0].user.as_str(), entries[0].found.is_ok()), ("data", true));

    let bad = |text: &str| cpanel::parse(format!(r#"{{"a":{text}}}"#).as_bytes()).expect("JSON").remove(0).found;
    assert_eq!(bad("{}").expect_err("no key"), fault(0, "there is no key"));
    assert_eq!(bad(r#"{"secret":"A"}"#).expect_err("no key"), fault(0, "the key is not base32"));
    assert_eq!(bad(r#"{"secret":"JBSWY3DP"}"#).expect_err("no key"), fault(0, "the key is shorter than 80 bits"));
    let no_user = Err(cpanel::NO_USER);
    for text in ["null", "7", "[]", r#""JBSWY3DPEHPK3PXP""#, "true", r#"{"secret""#] {
        let entry = cpanel::parse(format!(r#"{{"a":{text}}}"#).as_bytes()).map(|mut all| all.remove(0).found.map(drop));
        assert_eq!(entry.is_ok_and(|found| found == no_user), text != r#"{"secret""#, "{text}");
    }
    for (text, line) in [("", 1), ("[]", 1), ("{\n\"a\":\n", 3), ("{\"a\":{\"secret\":\n7", 2), ("\u{0}", 1)] {
        let error = cpanel::parse(text.as_bytes()).expect_err(text);
        assert_eq!(error.what, "it is not the JSON of cPanel's users", "{text}");
        assert!(error.line <= line, "{text}: {error}");
    }
}

/// What is odd within one user stops that one.
#[test]
fn one_odd_user_of_cpanels_leaves_the_rest() {
    let key = br#"{"secret":"QLLIU5WTY3UTJGNG"}"#;
    let (none, base32) = (fault(0, "there is no key"), fault(0, "the key is not base32"));
    let cases: [(&[u8], Unusable); 15] = [
        (br#""a":{"secret":null}"#, none),
        (br#""a":{"secret":7}"#, none),
        (br#""a":{"secret":["QLLIU5WTY3UTJGNG"]}"#, none),
        (br#""a":{"secret":{"secret":"QLLIU5WTY3UTJGNG"}}"#, none),
        (br#""a":{"primary_account":{"secret":true},"secret":"QLLIU5WTY3UTJGNG"}"#, none),
        (br#""a":{}"#, none),
        (br#""a":null"#, cpanel::NO_USER),
        (br#""a":"QLLIU5WTY3UTJGNG""#, cpanel::NO_USER),
        (br#""a":[{"secret":"QLLIU5WTY3UTJGNG"}]"#, cpanel::NO_USER),
        (b"\"a\":{\"secret\":\"QLLIU5WTY3UTJGN\xc4\"}", base32),
        (b"\"a\":{\"secret\":\"QLLIU5WTY3UTJGN\0\"}", base32),
        (br#""a":{"secret":"QLLIU5WTY3UTJGN!"}"#, base32),
        (br#""a":{"secret":"\ud800"}"#, none),
        (b"\"a\xff\":{}", none),
        (br#""a\ud800":{}"#, none),
    ];
    for (odd, what) in cases {
        let text = [b"\xef\xbb\xbf{\r\n\"0\":", &key[..], b",", odd, b",\"z\":", key, b"}\r\n"].concat();
        let entries = cpanel::parse(&text).unwrap_or_else(|e| panic!("{}: {e}", odd.escape_ascii()));
        let [first, odd, last] = &entries[..] else { panic!("{entries:?}") };
        assert!(first.found.is_ok() && last.found.is_ok() && odd.user.starts_with('a'));
        assert_eq!(odd.found.as_ref().err(), Some(&what), "{odd:?}");
    }
    // What says how many are left out may be of any kind.
    let odd = br#"{"a":{"secret":"QLLIU5WTY3UTJGNG","email":null,"team":[{}],"primary_account":3,"x":1e999}}"#;
    assert_eq!(cpanel::parse(odd).expect("JSON")[0].found.as_ref().expect("a key").remarks.len(), 2);
    // The last one counts, as in every reader of JSON.
    let twice = r#"{"a":{"secret":"AAAAAAAAAAAAAAAA"},"a":{"secret":"A","secret":"QLLIU5WTY3UTJGNG"}}"#;
    let entries = cpanel::parse(twice.as_bytes()).expect("JSON");
    let found = entries[0].found.as_ref().expect("a key");
    assert_eq!((entries.len(), *token(found).secret.to_base32() == *"QLLIU5WTY3UTJGNG"), (1, true));
    assert!(found.remarks.contains(&Remark::RepeatedName));
    let deep = format!(r#"{{"a":{}1{},"z":{{"secret":"QLLIU5WTY3UTJGNG"}}}}"#, "[".repeat(9_999), "]".repeat(9_999));
    assert!(cpanel::parse(deep.as_bytes()).expect("JSON")[1].found.is_ok());
    let long = format!(r#"{{"{}":{{}}}}"#, "a".repeat(9_999));
    assert_eq!(cpanel::parse(long.as_bytes()).expect("JSON")[0].user.len(), 256);
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
        Remark::OddLine(3),
        Remark::OddScratch(3),
        Remark::MoreLines(3),
        Remark::OddDevice(fault(3, "the key is not hexadecimal")),
        Remark::RepeatedName,
        Remark::Repeated(3),
        Remark::NoAccounts(2),
    ];
    let codes: std::collections::BTreeSet<&str> = all.iter().map(|remark| remark.code()).collect();
    assert_eq!(codes.len(), all.len());
    assert_eq!(all.iter().filter(|remark| remark.is_warning()).count(), 9);
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
