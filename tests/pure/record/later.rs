//! What a later version may write, and what comes back of it.

use pam_totp::factor::backup::{BackupCodeForm, BackupCodes};
use pam_totp::factor::change::{ChangeError, Proof};
use pam_totp::factor::enrollment::Kind;
use pam_totp::factor::healing;
use pam_totp::factor::prove::prove;
use pam_totp::factor::secret::Answer;
use pam_totp::system::clock::BUILT;

use super::random::{later, within};
use super::*;
use crate::pure::decision::{NOW, User, accepted, code, device};

/// What a later writer of the same version may add: another line of its own, or in the place of one of ours.
const LATER: [&str; 14] = [
    "passkey 0a1b 7",
    "frozen",
    "",
    "lane newkey 1 2 3",
    "lane other/9 1 2 3",
    "lane local 1 2 soon",
    "class newname 0 0",
    "class here many 0",
    "unit 5s",
    "row -",
    "since 3 1 host.example",
    "trust 0a1b 5 host.example",
    "proving sshd later",
    "came 12 newhow",
];

/// Two phones, one of which is new, a token, and backup codes; the record says something of each kind of line.
fn user() -> User {
    let kinds = [Kind::Totp { period: 30 }, Kind::Totp { period: 30 }, Kind::Hotp { start: 20 }];
    let mut user = User::with((0..).zip(kinds).map(|(n, kind)| device(n, kind)).collect());
    user.enrollment.backup_codes = Some(BackupCodes {
        id: "s1".into(),
        form: BackupCodeForm::Letters,
        salt: vec![7; 16],
        iterations: 1,
        hashes: vec![[0; 32]; 3],
        created: 0,
        temporary: None,
    });
    user.record.backup = Some(BackupState { id: "s1".into(), used: 1 });
    user.record.unit = Some(14_400);
    user.record.lanes = vec![lane(LaneKey::Local, 0, 0)];
    user.record.classes = vec![Class { key: ClassKey::Here, full: 0, pairs: 0 }];
    user
}

/// The same user, whose record has this line too.
fn with_line(user: &User, line: &str) -> User {
    let text = format!("{}\n{line}\n", body(&printed(1, &user.record)));
    User { record: valid(read(&slot("2", 1, &text))).record, ..user.clone() }
}

/// With this line in the place of the one that the record has.
fn with_instead(user: &User, begin: &str, line: &str) -> User {
    let body = body(&printed(1, &user.record));
    let lines = body.lines().map(|old| if old.starts_with(begin) { line } else { old });
    User { record: valid(read(&slot("2", 1, &lines.collect::<Vec<_>>().join("\n")))).record, ..user.clone() }
}

fn heals(user: &mut User, now: u64) -> bool {
    healing::heal(&user.enrollment, &mut user.record, now, user.window)
}

#[test]
fn what_a_later_writer_adds_is_written_back_after_a_login_and_nothing_is_healed() {
    let whole = user();
    let mut bare = user();
    (bare.record.unit, bare.record.lanes, bare.record.classes) = (None, vec![], vec![]);
    let twice = ["unit 5", "lane local 1 2 3 4"].map(|line| (line, &whole));
    for (line, before) in LATER.iter().flat_map(|line| [(*line, &whole), (*line, &bare)]).chain(twice) {
        let mut user = with_line(before, line);
        assert_eq!(user.record, Record { other: vec![line.into()], ..before.record.clone() });
        assert!(!heals(&mut user, NOW), "{line}");
        for (typed, is_right) in [("000000".to_owned(), false), (user.code(NOW, 0), true)] {
            assert_eq!(accepted(&user.types(&typed, NOW)), is_right, "{line}");
            let written = printed(2, &user.record);
            assert!(body(&written).split('\n').any(|written| written == line), "{line}");
            let found = valid(read(&written)).record;
            assert_eq!(found, user.record, "{line}");
            assert!(!heals(&mut user, NOW), "{line}");
        }
    }
}

proptest! {
    #[test]
    fn any_line_of_a_later_version_is_kept_wherever_it_stands(record in record(), line in later(), place in 0_usize..60) {
        // As many bytes as there may be, with those of the line.
        let most = Record { other: [vec![line.clone()], record.other.clone()].concat(), ..record };
        let record = Record { other: within(most.clone()).other.split_off(1), ..within(most) };
        let text = body(&printed(1, &record));
        let mut lines: Vec<&str> = text.split_terminator('\n').collect();
        lines.insert(place.min(lines.len()), &line);
        let found = valid(read(&slot("2", 1, &lines.join("\n")))).record;
        let without = |n: usize| {
            let mut found = found.clone();
            (found.other.remove(n) == line).then_some(found)
        };
        prop_assert!((0..found.other.len()).filter_map(without).any(|rest| rest == record), "{:?}", found);
        let changed = Record { row: 7, proving: Some(Proving::at("sshd", 5, None)), ..found };
        let written = body(&printed(2, &changed));
        prop_assert!(written.split('\n').any(|written| written == line), "{}", written);
    }
}

/// What it says was used stays used, nothing else of the record is lost, and it is done once.
#[test]
fn a_phone_whose_line_is_not_understood_is_healed_alone() {
    let last = NOW / 30 - 1;
    for (line, at_least) in [
        ("device d0 LAST 0 - frozen -", 0),
        ("device d0 LAST 0 - - frozen", 0),
        ("device d0 LAST 9 - - -", 0),
        ("device d0 LAST 0 soon - - x", 0),
        ("device d0 LAST", 0),
        ("device d0 later", 0),
        ("device d0", 0),
        ("device d0 LAST 0 - - -\ndevice d0 59999999 0 - - -", 0),
        ("device d0 70000000 0 - frozen -", 70_000_000),
        ("device d0 5 0 - - -\ndevice d0 70000000 0 - - -", 70_000_000),
    ] {
        let before = user();
        let mut user = with_instead(&before, "device d0", &line.replace("LAST", &last.to_string()));
        assert!(user.record.device("d0").is_none());
        assert!(heals(&mut user, NOW), "{line}");
        let furthest = healing::furthest(&user.enrollment.devices[0], NOW, 1).unwrap();
        let healed = user.record.device("d0").unwrap().clone();
        assert_eq!((healed.last, healed.drift), (Some(furthest.max(at_least)), None), "{line}");
        // All of the rest is as it was, and the line as any other one.
        let mut rest = before.record.clone();
        rest.set_device(healed);
        user.record.devices.sort_by(|a, b| a.id.cmp(&b.id));
        assert_eq!(user.record, rest, "{line}");
        user.record = valid(read(&printed(2, &user.record))).record;
        assert!(!heals(&mut user, NOW), "{line}");
        // The other phone gets in; this one again behind whatever it may have shown.
        assert!(!accepted(&user.types(user.code(NOW, 0), NOW)), "{line}");
        let other = code(&user.enrollment.devices[1], NOW / 30);
        assert!(accepted(&user.types(other, NOW)), "{line}");
        let then = NOW + 180;
        assert_eq!(accepted(&user.types(user.code(then, 0), then)), at_least == 0, "{line}");
    }
}

/// By a clock that is certainly wrong it stays without one; and the steps that never count stay with it.
#[test]
fn a_phone_whose_line_is_not_understood_waits_for_the_right_clock() {
    let mut user = with_instead(&user(), "device d0", "device d0 5 0 - frozen -\nbarred d0 8 9");
    let before = user.record.clone();
    assert!(!heals(&mut user, BUILT - 1));
    assert_eq!(user.record, before);
    assert!(heals(&mut user, NOW) && user.record.is_barred("d0", 8));
}

/// A counter stands where it always stood.
#[test]
fn a_token_whose_line_is_not_understood_goes_on_at_its_counter_if_there_is_one() {
    for (line, last) in [
        ("device d2 27 0 - frozen -", Some(27)),
        ("device d2 25 0 - - -\ndevice d2 27 0 - - -", Some(27)),
        ("device d2 later", None),
        ("device d2 ? 0 - frozen -", None),
    ] {
        let mut user = with_instead(&user(), "device d2", line);
        assert!(heals(&mut user, NOW), "{line}");
        let token = user.enrollment.devices[2].clone();
        assert_eq!(healing::counter_lost(&token, &user.record), last.is_none(), "{line}");
        assert!(!accepted(&user.types(code(&token, 26), NOW)), "{line}");
        assert_eq!(accepted(&user.types(code(&token, 27), NOW)), last.is_some(), "{line}");
    }
}

#[test]
fn backup_codes_whose_line_is_not_understood_count_alone_as_used() {
    for line in ["backup s1 1 x\nbackup s1 2", "backup s1 later", "backup s1"] {
        let before = user();
        let mut user = with_instead(&before, "backup s1", line);
        assert!(heals(&mut user, NOW), "{line}");
        let used = Some(BackupState { id: "s1".into(), used: u32::MAX });
        assert_eq!(user.record, Record { backup: used, ..before.record }, "{line}");
        user.record = valid(read(&printed(2, &user.record))).record;
        assert!(!heals(&mut user, NOW), "{line}");
    }
}

/// A key that was taken away comes back.
#[test]
fn what_a_line_that_is_not_understood_says_was_used_proves_no_key() {
    let user = with_instead(&user(), "device d0", &format!("device d0 {} 0 - frozen -", NOW / 30));
    let phone = &user.enrollment.devices[0];
    let proved = |ahead: i64| {
        let typed = Proof::Code(Answer::new(user.code(NOW, ahead).as_bytes()));
        prove(phone, &typed, &user.record, NOW, 1).map(|line| line.last)
    };
    assert_eq!(proved(0), Err(ChangeError::UsedCode));
    assert_eq!(proved(1), Ok(Some(NOW / 30 + 1)));
}

/// This version could not tell which address it is, so none may outlive the others.
#[test]
fn where_no_address_is_remembered_any_more_no_later_version_remembers_one() {
    for lines in ["trust 0a1b 5 -\ntrust 0a1c 5 host.example", "trust 0a1b 5 -", "trust 0a1c 5 host.example", "trust"] {
        let mut record = valid(read(&slot("2", 1, &format!("{lines}\ntrustee 1\n")))).record;
        assert!(record.forget_trusts(), "{lines}");
        assert!(!record.forget_trusts());
        assert_eq!(body(&printed(2, &record)), "trustee 1", "{lines}");
    }
}

/// The other slot has used codes that this one no longer has.
#[test]
fn a_slot_with_too_much_of_a_later_version_counts_as_much_as_any() {
    let too_much = |sequence| slot("2", sequence, &format!("x {}\n", "y".repeat(511)));
    let ours = |sequence| printed(sequence, &Record::default());
    for (older, newer) in [(ours(7), too_much(8)), (too_much(7), too_much(8))] {
        assert_eq!(read(&[&older[..], &newer].concat()), StateFile::Newer);
        assert_eq!(read(&[&newer[..], &older].concat()), StateFile::Newer);
    }
    for file in [[too_much(7), ours(8)], [ours(8), too_much(7)]] {
        assert_eq!(valid(read(&file.concat())).sequence, 8);
        assert_eq!(read_older(&file.concat()), StateFile::Newer);
    }
}

#[test]
fn a_later_version_is_recognized_whatever_else_is_there() {
    let (ours, nothing) = (printed(9, &Record::default()), vec![b'\n'; SLOT]);
    for head in ["pam_totp 3 1 0 00000000\n", "pam_totp 3\n", "pam_totp 4294967295 anything at all\n"] {
        let mut later = head.as_bytes().to_vec();
        later.resize(SLOT, 0xff);
        for file in [[&later, &ours], [&ours, &later], [&later, &nothing], [&later, &later]] {
            assert_eq!(read(&file.map(Vec::as_slice).concat()), StateFile::Newer, "{head}");
        }
        assert_eq!(read(head.as_bytes()), StateFile::Newer, "cut after its head: {head}");
    }
    for head in ["pam_totp 03 \n", "pam_totp -3 \n", "pam_totp 3x \n", "pam_totpd 3 \n", "3\n", "\n", ""] {
        assert_eq!(read(head.as_bytes()), StateFile::Nothing, "{head}");
    }
}

#[test]
fn unknown_lines_are_kept_in_their_order() {
    let body = "colour blue\ndevice d1 5 0 - - -\nquota 1 2 3\n  spaces \ncolour green\n";
    let found = valid(read(&slot("2", 3, body)));
    assert_eq!(found.record.other, ["colour blue", "quota 1 2 3", "  spaces ", "colour green"]);
    assert_eq!(valid(read(&printed(4, &found.record))).record, found.record);
}

#[test]
fn unknown_words_stay_behind_the_line_that_had_them() {
    let lines = [
        "device d1 5 0 - - - colour",
        "device d2 5 0 - - -  two  spaces ",
        "backup s1 ff x",
        "unit 14400 y",
        "lane local 1 2 3 from here",
        "lane other/1 1 2 3 z",
        "class here 1 2 a",
        "row 4 b",
        "barred d1 7 8 c",
        "since 3 1800000000 192.0.2.4 host.example",
        "trust 0a1b 5 - d",
    ];
    let mut record = valid(read(&slot("2", 1, &lines.join("\n")))).record;
    assert_eq!(body(&printed(2, &record)), lines.join("\n"));
    // They are the line's, not the number's in it; and they go with it.
    record.devices[0].last = Some(6);
    record.lanes[0].full = 9;
    record.since.as_mut().unwrap().count = 4;
    record.lanes.remove(1);
    let now = body(&printed(2, &record));
    for line in
        ["device d1 6 0 - - - colour", "lane local 9 2 3 from here", "since 4 1800000000 192.0.2.4 host.example"]
    {
        assert!(now.lines().any(|now| now == line), "{now}");
    }
    assert!(!now.contains('z'), "{now}");
    // As many bytes as unknown lines may have, together with those.
    let with = |bytes: usize| slot("2", 1, &format!("x {}\nrow 4 {}\n", "y".repeat(100), "z".repeat(bytes - 104)));
    assert!(matches!(read(&with(512)), StateFile::Valid(_)));
    assert_eq!(read(&with(513)), StateFile::Newer, "more than can be carried along");
}
