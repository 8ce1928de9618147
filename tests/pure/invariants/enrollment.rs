//! A secret file: both readers read it alike, and what is parsed is printed and parsed again.

use pam_totp::factor::enrollment::Enrollment;

/// What the reader of our own spelling reads, TOML reads as the same. Did it read it?
pub fn alike(text: &str) -> bool {
    let printed = Enrollment::parse_printed(text);
    let read = printed.is_some();
    if let Some(enrollment) = printed {
        assert_eq!(Enrollment::parse_toml(text), Ok(enrollment), "{text}");
    }
    read
}

pub fn hold(bytes: &[u8]) {
    std::str::from_utf8(bytes).map(alike).ok();
    if let Ok(enrollment) = Enrollment::parse(bytes) {
        let printed = enrollment.print();
        assert_eq!(alike(&printed), !printed.contains('\\'));
        assert_eq!(Enrollment::parse(printed.as_bytes()), Ok(enrollment));
    }
}
