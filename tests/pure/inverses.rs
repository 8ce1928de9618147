//! Everything that is printed in order to be read again comes back as it was. Elsewhere: the user's file
//! (`enrollment.rs`), the record with its lanes, networks and origins (`record.rs`), requests and replies (`wire.rs`),
//! and the policy as it is shown (`cli/policy.rs`).

use std::net::IpAddr;

use proptest::collection::vec;
use proptest::prelude::*;

use pam_totp::date::Utc;
use pam_totp::factor::backup::{BackupCodes, BackupShaped, Stretched, random_bytes};
use pam_totp::factor::otp::{Algorithm, Digits};
use pam_totp::factor::record::{ClassKey, LaneKey, RANGES};
use pam_totp::factor::secret::Secret;
use pam_totp::factor::source::{Network, Source};

use super::invariants::{arguments, base32, uri};

/// Arguments as people write them, nearly.
fn argument() -> impl Strategy<Value = String> {
    let names =
        ["nullok", "use_first_pass", "try_first_pass", "forward_pass", "explain", "echo", "nodelay", "quiet", "debug"];
    let named = prop::sample::select(names.to_vec()).prop_map(str::to_owned);
    let values = "(config=/[a-z/]{0,20}|prompt=[ -~é]{0,130}|after=publickey|after=[a-z]{0,9}|[a-z_]{0,9}=?\\PC{0,9})";
    prop_oneof![8 => named, 2 => values]
}

proptest! {
    #[test]
    fn a_key_in_base32_and_in_groups(key in vec(any::<u8>(), 1..=128)) {
        let secret = Secret::from_bytes(key.into());
        prop_assert_eq!(Secret::from_base32(&secret.to_base32()), Ok(secret.clone()));
        prop_assert_eq!(Secret::from_base32(&secret.to_groups()), Ok(secret));
    }

    #[test]
    fn a_key_as_it_is_typed(text in "[A-Za-z2-7]{0,64}|[A-Z2-7a-z189 =\n-]{0,60}|\\PC{0,20}") {
        base32::hold(text.as_bytes());
    }

    #[test]
    fn an_otpauth_uri(bytes in vec(any::<u8>(), 0..200)) {
        uri::hold(&bytes);
    }

    #[test]
    fn the_arguments_of_a_line(list in vec(argument(), 0..6)) {
        arguments::hold(list.join("\0").as_bytes());
    }

    #[test]
    fn a_moment(epoch in prop_oneof![0_u64..=253_402_300_799, 0_u64..4_000_000_000]) {
        prop_assert_eq!(Utc::from_epoch(epoch).to_epoch(), Some(epoch));
    }

    #[test]
    fn where_a_login_comes_from(address in any::<IpAddr>()) {
        let source = Source::from_address(&address.to_string()).expect("an address");
        for source in [source, Source::Local, Source::Unknown] {
            prop_assert_eq!(source.to_string().parse(), Ok(source));
        }
        let ranges = (0..RANGES).map(LaneKey::Other);
        for key in [LaneKey::Net(Network::from(address)), LaneKey::Local, LaneKey::Door, LaneKey::Judges]
            .into_iter()
            .chain(ranges)
        {
            prop_assert_eq!(key.to_string().parse(), Ok(key));
        }
        for key in [ClassKey::Here, ClassKey::Known, ClassKey::Other] {
            prop_assert_eq!(key.to_string().parse(), Ok(key));
        }
    }
}

/// Each is stretched ten thousand times: two sets are enough.
#[test]
fn backup_codes() {
    for seed in [1_u8, 200] {
        let random: Vec<u8> = (0..=u8::MAX).map(|n| n.wrapping_mul(seed) ^ 7).take(random_bytes(2)).collect();
        let (set, codes) = BackupCodes::make(&random, 2, 42).expect("enough of them");
        for (place, code) in (0..).zip(&codes) {
            let shaped = BackupShaped::recognize(code.as_bytes()).expect("a code");
            assert_eq!(Stretched::new(&shaped, &set).find(&set), Some(place));
        }
    }
}

/// The edges of every month, by a count of days that knows nothing of ours.
#[test]
fn every_month_of_the_calendar() {
    let mut days = 0;
    for year in 1970..=9_999 {
        let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let february = if leap { 29 } else { 28 };
        for (month, length) in (1..).zip([31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]) {
            let utc = |day| Utc { year, month, day, hour: 23, minute: 59, second: 58 };
            for (day, since) in [(1, days), (length, days + length - 1)] {
                let epoch = u64::try_from(since).expect("since 1970") * 86_400 + 86_398;
                assert_eq!((utc(day).to_epoch(), Utc::from_epoch(epoch)), (Some(epoch), utc(day)));
            }
            assert_eq!([utc(0), utc(length + 1), utc(32)].map(Utc::to_epoch), [None; 3], "{year}-{month}");
            days += length;
        }
    }
}

#[test]
fn what_is_no_moment() {
    let last = Utc { year: 9_999, month: 12, day: 31, hour: 23, minute: 59, second: 59 };
    let first = Utc { year: 1_970, month: 1, day: 1, hour: 0, minute: 0, second: 0 };
    assert_eq!((first.to_epoch(), last.to_epoch()), (Some(0), Some(253_402_300_799)));
    let wrong = [
        Utc { year: 1_969, ..first },
        Utc { year: 10_000, ..first },
        Utc { month: 0, ..first },
        Utc { month: 13, ..first },
        Utc { day: 0, ..first },
        Utc { hour: -1, ..first },
        Utc { hour: 24, ..first },
        Utc { minute: -1, ..first },
        Utc { minute: 60, ..first },
        Utc { second: -1, ..first },
        Utc { second: 60, ..first },
    ];
    assert_eq!(wrong.map(Utc::to_epoch), [None; 11]);
}

#[test]
fn algorithms_and_digits() {
    for algorithm in [Algorithm::Sha1, Algorithm::Sha256, Algorithm::Sha512] {
        assert_eq!(Algorithm::from_name(algorithm.name()), Some(algorithm));
    }
    for digits in 6..=8 {
        assert_eq!(Digits::new(digits).map(Digits::get), Some(usize::from(digits)));
    }
}
