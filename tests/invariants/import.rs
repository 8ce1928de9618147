//! A file of another module, of any bytes: nothing panics, no reader takes long, and what is carried can be enrolled.
use pam_totp::enrollment::{Kind, MAX_DEVICES};
use pam_totp::import::{Found, Host, SHORTEST, cpanel, google, oath};

const HOST: Host = Host { now: 1_800_000_000, window: 1 };

/// Whatever another module left.
pub fn hold(bytes: &[u8]) {
    let oath = oath::parse(bytes, &HOST).map(|(entries, _)| entries).unwrap_or_default();
    let entries = oath.into_iter().chain(cpanel::parse(bytes).unwrap_or_default());
    entries.filter_map(|entry| entry.found.ok()).chain(google::parse(bytes, &HOST)).for_each(|found| check(&found));
}

fn check(found: &Found) {
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
