//! A secret file: what is parsed is printed and parsed again.

use pam_totp::factor::enrollment::Enrollment;

pub fn hold(bytes: &[u8]) {
    if let Ok(enrollment) = Enrollment::parse(bytes) {
        assert_eq!(Enrollment::parse(enrollment.print().as_bytes()), Ok(enrollment));
    }
}
