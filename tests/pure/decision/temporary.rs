//! Codes of a help desk: each once, beside the set, and none once its time is over.

use super::backup::{backup_code, newcomer, scratch_code, user};
use super::*;
use pam_totp::factor::backup::{LONGEST_LIFE, TEMPORARY_BITS, random_bytes};

const UNTIL: u64 = NOW + 3_600;

/// With two temporary codes beside what they have.
fn with_two(mut user: User) -> (User, Vec<String>) {
    let set = user.enrollment.backup_codes.as_ref().expect("a set");
    let random: Vec<u8> = (0..random_bytes(2)).map(|n| u8::try_from(n * 11 % 256).unwrap()).collect();
    let (set, codes) = set.with_temporary(&random, 2, UNTIL).expect("enough chance");
    user.enrollment.backup_codes = Some(set);
    (user, codes.iter().map(|code| code.to_string()).collect())
}

fn temporary() -> Outcome {
    Outcome::Accepted { via: Via::Temporary, since: None }
}

#[test]
fn each_gets_in_once_and_the_set_stays() {
    for (user, own) in [(user(), backup_code(3)), (newcomer(), scratch_code(3))] {
        let (mut user, codes) = with_two(user);
        assert_eq!(user.types(&codes[0], NOW), temporary());
        assert_eq!(user.types(&codes[0], NOW), Outcome::Used { next_in: 0 });
        assert!(matches!(user.types(&own, NOW), Outcome::Accepted { via: Via::Backup { .. }, .. }));
        assert_eq!(user.types(&own, NOW), Outcome::Used { next_in: 0 });
        assert_eq!(user.types(codes[1].to_uppercase().replace('-', " "), UNTIL - 1), temporary());
        assert_eq!(user.record.backup.as_ref().unwrap().used & TEMPORARY_BITS, 3 << 20);
    }
}

#[test]
fn none_counts_once_its_time_is_over_or_by_a_clock_that_is_wrong() {
    let (mut user, codes) = with_two(user());
    // Used or not, it is a wrong code then: nobody is told that it once was one.
    assert_eq!(user.types(&codes[0], NOW), temporary());
    for now in [UNTIL, UNTIL + 1, UNTIL - LONGEST_LIFE - 1, BUILT - 1, 0, u64::MAX] {
        for code in &codes {
            let decision = user.decide(code, now);
            assert!(matches!(decision.outcome, Outcome::Wrong { .. }), "{now}: {:?}", decision.outcome);
            assert!(decision.write.is_none());
        }
    }
    assert!(accepted(&user.decide(&codes[1], UNTIL - LONGEST_LIFE.min(3_600)).outcome));
}

#[test]
fn a_wait_stops_none_and_a_loss_voids_all() {
    let (mut user, codes) = with_two(user());
    user.fails(15, NOW);
    assert!(accepted(&user.types(&codes[0], NOW)));
    user.record = Record::default();
    assert!(healing::heal(&user.enrollment, &mut user.record, NOW, 1));
    assert_eq!(user.types(&codes[1], NOW), Outcome::Used { next_in: 0 });
}
