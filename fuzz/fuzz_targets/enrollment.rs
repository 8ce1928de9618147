//! A secret file of any bytes: what is parsed is printed and parsed again, and nothing panics.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pam_totp::enrollment::Enrollment;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(enrollment) = Enrollment::parse(bytes) {
        assert_eq!(Enrollment::parse(enrollment.print().as_bytes()), Ok(enrollment));
    }
});
