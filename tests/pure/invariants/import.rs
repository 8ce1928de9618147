//! A file of another module, of any bytes: nothing panics, no reader takes long, and what is carried can be enrolled.
use pam_totp::factor::enrollment::{Kind, MAX_DEVICES};
use pam_totp::import::{ForeignUser, Host, SHORTEST, cpanel, google, oath};

const HOST: Host = Host { now: 1_800_000_000, window: 1 };

const KEY: &str = "OLBSWY3DPEHPK3PXPGEZDGNBVE";
const HEX: &str = "3132333435363738393031323334353637383930";

/// Whatever another module left.
pub fn hold(bytes: &[u8]) {
    leaves_the_rest(bytes);
    let oath = oath::parse(bytes, &HOST).map(|(entries, _)| entries).unwrap_or_default();
    let entries = oath.into_iter().chain(cpanel::parse(bytes).unwrap_or_default());
    entries.filter_map(|entry| entry.found.ok()).chain(google::parse(bytes, &HOST)).for_each(|found| check(&found));
}

/// One line, or one user, of whatever bytes costs nobody else's key.
fn leaves_the_rest(bytes: &[u8]) {
    let line: Vec<u8> = bytes.iter().copied().filter(|byte| *byte != b'\n').collect();
    let text = [KEY.as_bytes(), &line, b"\" TOTP_AUTH", b"12345678"].join(&b'\n');
    let decides = [&b"\" HOTP_COUNTER"[..], b"\" STEP_SIZE", b"\" OTP_DISABLED"];
    match google::parse(&text, &HOST) {
        Ok(found) => {
            assert_eq!(*found.tokens[0].secret.to_base32(), *KEY);
            assert!((1..=2).contains(&found.scratch.len()));
        }
        Err(why) => assert!(decides.iter().any(|option| line.starts_with(option)), "{why}"),
    }
    if !line.windows(3).any(|word| word == b"bob") {
        beside_bob(&line);
    }
    // Within a text of JSON, whatever does not end it.
    let name: Vec<u8> = line.into_iter().filter(|byte| !b"\"\\".contains(byte)).collect();
    let text =
        [b"{\"a", &name[..], b"\":{\"secret\":\"", &name, b"\"},\"\":{\"secret\":\"", KEY.as_bytes(), b"\"}}"].concat();
    if !name.iter().any(|byte| b"\t\r".contains(byte)) {
        let entries = cpanel::parse(&text).expect("JSON");
        assert!(entries.len() == 2 && entries[0].found.is_ok());
    }
}

fn beside_bob(line: &[u8]) {
    let bob = format!("HOTP/T30 bob - {HEX}\n");
    let text = [line, b"\n", bob.as_bytes(), line].concat();
    let (entries, remarks) = oath::parse(&text, &HOST).expect("a file");
    let found = entries.iter().find(|entry| entry.user == "bob").map(|entry| entry.found.as_ref());
    assert!(found.is_some_and(|found| found.is_ok_and(|found| !found.tokens.is_empty())));
    assert!(entries.len() <= 2 && remarks.len() <= 2);
    let alone = oath::of_user(&text, &["", "bob"], &HOST).expect("bob's line");
    assert!(alone.tokens.iter().any(|token| token.secret.as_bytes() == b"12345678901234567890"));
}

fn check(found: &ForeignUser) {
    assert!((1..=MAX_DEVICES).contains(&found.tokens.len()) && found.scratch.len() <= 20);
    for token in &found.tokens {
        assert!(token.kind.is_valid() && token.secret.as_bytes().len() >= SHORTEST);
        assert_eq!(token.digits, found.tokens[0].digits);
        assert_eq!(found.tokens.iter().filter(|other| other.secret == token.secret).count(), 1, "they share an id");
        assert!(token.drift.is_none_or(|drift| (-4..=4).contains(&drift)), "the record would not be read again");
        assert!(matches!(token.kind, Kind::Totp { .. }) || token.used.is_some());
    }
    found.remarks.iter().for_each(|remark| assert!(!remark.to_string().is_empty()));
}
