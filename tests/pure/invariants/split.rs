//! `forward_pass`: one field for password and code. Nothing is lost between the two, and there is one way to take them
//! apart, found here by another road.

use pam_totp::factor::secret::MAX_ANSWER;
use pam_totp::pam::application::Exit;
use pam_totp::pam::flow::login;
use pam_totp::policy::arguments::Arguments;

use super::script::{clerk, script};

/// As backup codes are printed: letters and hyphens.
const SHAPE: &str = "xxxx-xxxx-xxxx-xxxx";

pub fn hold(bytes: &[u8]) {
    let [choice, both @ ..] = bytes else { return };
    let (mut script, mut clerk) = (script(), clerk());
    clerk.digits = choice % 3 + 6;
    script.replies = [Some(both.to_vec())].into();
    let options = Arguments::parse(&[c"forward_pass"]).expect("an argument");
    assert_eq!(login(&mut script, &clerk, &options), Exit::Ignore, "it decides nothing");
    assert!(clerk.judged.borrow().is_empty(), "strangers without the password never reach the check");

    let (password, code) = (script.password.expect("passed on"), script.stash.expect("kept"));
    // Longer than any answer that PAM knows: none at all.
    let both = if both.len() > MAX_ANSWER { b"" } else { both };
    assert_eq!([&password, code.as_bytes()].concat(), both);
    assert_eq!(code.as_bytes().len(), length_of_code(both, clerk.digits.into()));
}

fn length_of_code(both: &[u8], digits: usize) -> usize {
    let fits = |shape: &str| {
        both.len() >= shape.len()
            && shape.bytes().rev().zip(both.iter().rev()).all(|(place, byte)| match place {
                b'x' => matches!(byte, b'0'..=b'9' | b'a'..=b'z') && !b"ilou".contains(byte),
                b'9' => byte.is_ascii_digit(),
                _ => *byte == place,
            })
    };
    let row = |count| vec!["9".repeat(digits); count].join("-");
    [row(3), row(2), SHAPE.into(), row(1)].iter().find(|shape| fits(shape)).map_or(0, String::len)
}
