//! Backup codes: each once, in any lane, during any wait.

use super::*;

const LETTERS: &[u8] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// `abcd-efgh-jkmn-pqrs`, another one for each number.
fn backup_code(n: usize) -> String {
    let letter = |place: usize| char::from(LETTERS[(n * 7 + place * (n + 3)) % 32]);
    let group = |first: usize| (first..first + 4).map(letter).collect::<String>();
    [0, 4, 8, 12].map(group).join("-")
}

fn codes(id: &str, count: usize) -> BackupCodes {
    let (salt, iterations) = (b"salt".to_vec(), 3);
    let hash = |n| {
        let mut hash = [0; 32];
        let code = backup_code(n).replace('-', "");
        pbkdf2::pbkdf2_hmac::<sha2::Sha256>(code.as_bytes(), &salt, iterations, &mut hash);
        hash
    };
    let hashes = (0..count).map(hash).collect();
    BackupCodes { id: id.into(), salt, iterations, hashes, created: 0 }
}

fn user() -> User {
    let mut user = User::with_phone();
    user.enrollment.backup_codes = Some(codes("set1", 10));
    user.record.backup = Some(BackupState { id: "set1".into(), used: 0 });
    user
}

#[test]
fn each_gets_in_once_in_any_order_and_spelling() {
    let mut user = user();
    for (used, n) in (1..).zip([3, 0, 9, 1, 8, 2, 7, 4, 6, 5]) {
        let typed = if n % 2 == 0 { backup_code(n) } else { backup_code(n).to_uppercase().replace('-', " ") };
        let via = Via::Backup { left: 10 - used };
        assert_eq!(user.types(&typed, NOW), Outcome::Accepted { via, since: None });
        for spelling in [typed.clone(), typed.replace(['-', ' '], "")] {
            let again = user.decide(spelling.as_bytes(), NOW);
            assert_eq!(again.outcome, Outcome::Used { next_in: 0 });
            assert!(again.write.is_none(), "a used code writes nothing");
        }
    }
    assert_eq!(user.record.backup.as_ref().unwrap().used, 0b11_1111_1111);
}

#[test]
fn a_wrong_one_counts_as_a_wrong_code() {
    let mut user = user();
    assert_eq!(user.types(backup_code(10), NOW), Outcome::Wrong { fails: 1, wait_until: None });
    user.enrollment.backup_codes = None;
    assert_eq!(user.types(backup_code(0), NOW), Outcome::Wrong { fails: 2, wait_until: None });
}

#[test]
fn a_wait_stops_no_backup_code_and_counts_none() {
    for source in [Source::Local, Source::Unknown, Source::from_address("192.0.2.4").unwrap()] {
        let mut user = User { source, ..user() };
        user.fails(6, NOW);
        let until = NOW + 30;
        let wrong = user.decide(backup_code(10).as_bytes(), NOW);
        assert_eq!(wrong.outcome, Outcome::Waiting { until });
        assert!(wrong.write.is_none(), "neither counted nor told later");
        assert!(accepted(&user.types(backup_code(0), NOW)), "{source:?}");
        assert_eq!(user.types(backup_code(0), NOW), Outcome::Used { next_in: 0 });
    }
}

#[test]
fn a_backup_code_ends_its_lanes_wait() {
    let mut user = user();
    user.fails(6, NOW);
    assert!(accepted(&user.types(backup_code(0), NOW)));
    assert!(accepted(&user.types(user.code(NOW, 0), NOW)));
}

#[test]
fn a_clock_that_went_back_stops_no_backup_code() {
    let mut user = user();
    assert!(accepted(&user.types(user.code(NOW, 0), NOW)));
    let decision = user.decide(backup_code(0).as_bytes(), NOW - 86_400);
    assert!(accepted(&decision.outcome) && decision.clock_back.is_some());
}

#[test]
fn after_a_loss_they_count_as_used() {
    let mut user = user();
    user.record = Record::default();
    assert!(attempt::heal(&user.enrollment, &mut user.record, NOW, 1));
    for n in 0..10 {
        assert_eq!(user.types(backup_code(n), NOW), Outcome::Used { next_in: 0 });
    }
}

#[test]
fn the_used_bits_of_another_set_are_not_taken_for_these() {
    let mut user = user();
    user.record.backup = Some(BackupState { id: "set0".into(), used: 0 });
    assert!(!accepted(&user.decide(backup_code(0).as_bytes(), NOW).outcome), "not before it was healed");
    assert!(attempt::heal(&user.enrollment, &mut user.record, NOW, 1));
    assert_eq!(user.types(backup_code(0), NOW), Outcome::Used { next_in: 0 });
    assert!(!attempt::heal(&user.enrollment, &mut user.record, NOW, 1), "once is enough");
}

#[test]
fn codes_that_were_renewed_while_one_was_typed_are_not_matched_by_it() {
    let user = user();
    let typed = backup_code(0);
    let shaped = BackupShaped::recognize(typed.as_bytes()).unwrap();
    let stretched = Stretched::new(&shaped, &codes("set0", 10));
    let answer = Answer::new(typed.as_bytes());
    let decision = attempt::decide(&user.attempt(&answer, Some(&stretched), NOW), &user.record);
    assert!(matches!(decision.outcome, Outcome::Wrong { .. }));
}
