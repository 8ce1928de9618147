//! Backup codes: each once, in any lane, during any wait, and a wrong one writes nothing; the imported ones of eight
//! digits count as single codes do.

use super::*;

const LETTERS: &[u8] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// `abcd-efgh-jkmn-pqrs`, another one for each number.
pub(super) fn backup_code(n: usize) -> String {
    let letter = |place: usize| char::from(LETTERS[(n * 7 + place * (n + 3)) % 32]);
    let group = |first: usize| (first..first + 4).map(letter).collect::<String>();
    [0, 4, 8, 12].map(group).join("-")
}

/// Eight digits, other ones for each number.
pub(super) fn scratch_code(n: usize) -> String {
    format!("{}", 31_415_926 + 1_000_003 * n)
}

fn codes(id: &str, count: usize) -> BackupCodes {
    set(id, BackupCodeForm::Letters, (0..count).map(|n| backup_code(n).replace('-', "")))
}

fn set(id: &str, form: BackupCodeForm, codes: impl Iterator<Item = String>) -> BackupCodes {
    let (salt, iterations) = (b"salt".to_vec(), 3);
    let hash = |code: String| {
        let mut hash = [0; 32];
        pbkdf2::pbkdf2_hmac::<sha2::Sha256>(code.as_bytes(), &salt, iterations, &mut hash);
        hash
    };
    let hashes = codes.map(hash).collect();
    BackupCodes { id: id.into(), form, salt, iterations, hashes, created: 0, temporary: None }
}

pub(super) fn user() -> User {
    let mut user = User::with_phone();
    user.enrollment.backup_codes = Some(codes("set1", 10));
    user.record.backup = Some(BackupState { id: "set1".into(), used: 0 });
    user
}

/// Somebody who came from elsewhere with five codes of eight digits.
pub(super) fn newcomer() -> User {
    let mut user = user();
    user.enrollment.backup_codes = Some(set("set1", BackupCodeForm::Digits, (0..5).map(scratch_code)));
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
            let again = user.decide(spelling, NOW);
            assert_eq!(again.outcome, Outcome::Used { next_in: 0 });
            assert!(again.write.is_none(), "a used code writes nothing");
        }
    }
    assert_eq!(user.record.backup.as_ref().unwrap().used, 0b11_1111_1111);
}

/// Nobody guesses 80 bits: it is no guess.
#[test]
fn a_wrong_one_writes_nothing() {
    let mut user = user();
    user.fails(2, NOW);
    for codes in [user.enrollment.backup_codes.clone(), None] {
        user.enrollment.backup_codes = codes;
        let decision = user.decide(backup_code(10), NOW);
        assert_eq!(decision.outcome, Outcome::Wrong { since: 2, left: 13 });
        assert!(decision.write.is_none());
    }
}

#[test]
fn a_wait_stops_no_backup_code_and_counts_none() {
    for source in [Source::Local, Source::Unknown, net("192.0.2.4")] {
        let mut user = User { source, ..user() };
        user.fails(15, NOW);
        let wrong = user.decide(backup_code(10), NOW);
        assert_eq!(wrong.outcome, Outcome::Wrong { since: 15, left: 0 });
        assert!(wrong.write.is_none(), "neither counted nor told later");
        assert!(accepted(&user.types(backup_code(0), NOW)), "{source:?}");
        assert_eq!(user.types(backup_code(0), NOW), Outcome::Used { next_in: 0 });
    }
}

#[test]
fn a_backup_code_opens_what_a_hundred_wrong_ones_closed_and_gives_nothing_back() {
    let mut user = user();
    user.fails(15, NOW);
    user.record.row = throttle::ROW;
    let lanes = user.record.lanes.clone();
    assert!(accepted(&user.types(backup_code(0), NOW)));
    assert_eq!((user.record.row, user.record.lanes[0].full), (0, lanes[0].full));
    assert!(waits(&user.types(user.code(NOW, 0), NOW)), "the lane is as empty as it was");
    assert!(accepted(&user.types(user.code(NOW + 14_400, 0), NOW + 14_400)));
}

#[test]
fn a_clock_that_went_back_stops_no_backup_code() {
    let mut user = user();
    assert!(accepted(&user.types(user.code(NOW, 0), NOW)));
    for now in [NOW - 86_400, BUILT - 1, 0] {
        assert!(accepted(&user.decide(backup_code(0), now).outcome), "{now}");
    }
}

#[test]
fn after_a_loss_they_count_as_used() {
    let mut user = user();
    user.record = Record::default();
    assert!(healing::heal(&user.enrollment, &mut user.record, NOW, 1));
    for n in 0..10 {
        assert_eq!(user.types(backup_code(n), NOW), Outcome::Used { next_in: 0 });
    }
}

#[test]
fn the_used_bits_of_another_set_are_not_taken_for_these() {
    let mut user = user();
    user.record.backup = Some(BackupState { id: "set0".into(), used: 0 });
    assert!(!accepted(&user.decide(backup_code(0), NOW).outcome), "not before it was healed");
    assert!(healing::heal(&user.enrollment, &mut user.record, NOW, 1));
    assert_eq!(user.types(backup_code(0), NOW), Outcome::Used { next_in: 0 });
    assert!(!healing::heal(&user.enrollment, &mut user.record, NOW, 1), "once is enough");
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

#[test]
fn an_imported_one_gets_in_once() {
    let mut user = newcomer();
    for (used, n) in (1..).zip([3, 0, 4, 1, 2]) {
        let typed = scratch_code(n);
        let via = Via::Backup { left: 5 - used };
        assert_eq!(user.types(&typed, NOW), Outcome::Accepted { via, since: None });
        for spelling in [typed.clone(), format!("{} {}", &typed[..4], &typed[4..])] {
            let again = user.decide(spelling, NOW);
            assert_eq!(again.outcome, Outcome::Used { next_in: 0 });
            assert!(again.write.is_none(), "a used code writes nothing");
        }
    }
    assert!(accepted(&user.types(user.code(NOW, 0), NOW)), "the phone goes on");
}

#[test]
fn a_wrong_one_of_eight_digits_counts_and_waits_like_a_devices() {
    let mut user = newcomer();
    for since in 1..=15 {
        assert_eq!(user.types(scratch_code(9), NOW), Outcome::Wrong { since, left: 15 - since });
    }
    assert_eq!(user.record.row, 15);
    for typed in [scratch_code(0), scratch_code(9), user.code(NOW, 0)] {
        let decision = user.decide(typed, NOW + 14_399);
        assert!(waits(&decision.outcome) && decision.write.is_none(), "neither used up nor counted");
    }
    assert!(accepted(&user.types(scratch_code(0), NOW + 14_400)));
    user.record.row = throttle::ROW;
    assert!(waits(&user.types(scratch_code(1), NOW + 86_400)), "closed like single codes");
}

#[test]
fn a_used_one_of_eight_digits_is_told_first_and_writes_nothing() {
    let mut user = newcomer();
    assert!(accepted(&user.types(scratch_code(0), NOW)));
    user.fails(14, NOW);
    let used = user.decide(scratch_code(0), NOW);
    assert!(used.outcome == Outcome::Used { next_in: 0 } && used.write.is_none());
    user.fails(1, NOW);
    assert!(waits(&user.types(scratch_code(0), NOW)), "not looked at");
}

#[test]
fn eight_digits_are_no_code_for_somebody_who_has_none_such() {
    for codes in [None, Some(codes("set1", 10))] {
        let mut user = user();
        user.enrollment.backup_codes = codes;
        let decision = user.decide(scratch_code(0), NOW);
        assert_eq!(decision.outcome, Outcome::NotACode);
        assert!(decision.write.is_none());
    }
}

#[test]
fn eight_digits_are_the_devices_where_it_has_eight() {
    let mut user = newcomer();
    user.enrollment.devices[0].digits = Digits::new(8).unwrap();
    assert!(accepted(&user.types(user.code(NOW, 0), NOW)));
    assert!(matches!(user.types(scratch_code(0), NOW), Outcome::Wrong { .. }));
}

/// Sixteen digits are two codes of eight, and may as well be a backup code that has no letter.
#[test]
fn sixteen_digits_are_looked_at_both_ways() {
    let printed = "3141-5926-5358-9793";
    let mut user = user();
    user.enrollment.devices[0].digits = Digits::new(8).unwrap();
    user.enrollment.backup_codes = Some(set("set1", BackupCodeForm::Letters, [printed.replace('-', "")].into_iter()));
    let via = |outcome| if let Outcome::Accepted { via, .. } = outcome { Some(via) } else { None };
    let as_backup = |user: &mut User, now| via(user.types(printed.replace('-', ""), now));
    let (device, backup) = (Some(Via::Device("d0".into())), Some(Via::Backup { left: 0 }));
    assert_eq!(via(user.decide(user.row(NOW, 1, 2).replace('-', ""), NOW).outcome), device);
    assert_eq!(via(user.decide(user.row(NOW, 1, 2), NOW).outcome), device);
    assert_eq!(as_backup(&mut user.clone(), NOW), backup);
    // Hyphens stand so in no two codes, and a backup code is looked at under any flood.
    assert_eq!(via(user.decide(printed, NOW).outcome), backup);
    for _ in 0..20 {
        let wrong = user.wrong_row(NOW, 2);
        assert!(matches!(user.types(wrong, NOW), Outcome::Wrong { .. }));
    }
    assert!(waits(&user.decide(user.row(NOW, 1, 2), NOW).outcome));
    assert_eq!(as_backup(&mut user, NOW), backup);
    assert_eq!(as_backup(&mut user, NOW), None, "once");
}

#[test]
fn what_is_a_backup_code_uses_up_no_codes_of_a_device() {
    let mut user = user();
    user.enrollment.devices[0].digits = Digits::new(8).unwrap();
    let both = user.row(NOW, 1, 2).replace('-', "");
    user.enrollment.backup_codes = Some(set("set1", BackupCodeForm::Letters, [both.clone()].into_iter()));
    let before = user.line().clone();
    let outcome = user.types(both, NOW);
    assert_eq!(outcome, Outcome::Accepted { via: Via::Backup { left: 0 }, since: None });
    assert_eq!(*user.line(), before);
}

#[test]
fn our_own_shape_is_none_of_theirs() {
    let mut user = newcomer();
    assert!(matches!(user.types(backup_code(0), NOW), Outcome::Wrong { since: 0, .. }));
    user.fails(15, NOW);
    assert_eq!(user.types(backup_code(0), NOW), Outcome::Wrong { since: 15, left: 0 });
}

#[derive(Clone, Debug)]
enum Guess {
    Right(usize),
    Wrong,
}

proptest! {
    /// Whatever came before and however the time passes: in a wait no imported code gets in, is used up or counted, and
    /// none gets in twice.
    #[test]
    fn no_imported_code_is_looked_at_in_a_wait(
        guesses in vec((prop_oneof![1 => (0..5_usize).prop_map(Guess::Right), 6 => Just(Guess::Wrong)], 0..9_000_u64), 1..60),
        sources in vec(prop::sample::select(vec!["192.0.2.4", "198.51.100.7"]), 60),
    ) {
        let (mut user, mut now) = (newcomer(), NOW);
        let mut accepted_once = [false; 5];
        for ((guess, pause), source) in guesses.into_iter().zip(sources) {
            now += if pause < 6_000 { 0 } else { pause };
            user.source = net(source);
            let waiting = user.decide(user.wrong(now), now).outcome;
            let typed = match guess { Guess::Right(n) => scratch_code(n), Guess::Wrong => scratch_code(9) };
            let before = user.record.clone();
            let outcome = user.types(&typed, now);
            if waits(&waiting) {
                prop_assert_eq!(outcome, waiting);
                prop_assert_eq!(&user.record, &before);
                continue;
            }
            match guess {
                Guess::Wrong => prop_assert!(matches!(outcome, Outcome::Wrong { .. }), "a wrong one"),
                Guess::Right(n) => {
                    prop_assert_eq!(accepted(&outcome), !accepted_once[n]);
                    accepted_once[n] = true;
                }
            }
        }
    }
}
