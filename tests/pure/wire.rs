//! What goes through the door is read as it was written, and nothing else is read at all.

use pam_totp::door::errand::Errand;
use pam_totp::door::listing::Listed;
use pam_totp::door::message::MAX;
use pam_totp::door::wire::{Ask, MAX_CODE, Refusal, Reply, Request};
use pam_totp::factor::attempt::{Outcome, Via};
use pam_totp::factor::change::{Change, ChangeError, Place, Proof};
use pam_totp::factor::enrollment::{Device, Kind};
use pam_totp::factor::otp::{Algorithm, Digits};
use pam_totp::factor::record::{DeviceState, LaneKey, MAX_LANES, MAX_TRUSTS, Proving, RANGES, Since};
use pam_totp::factor::secret::{Answer, Secret};
use pam_totp::factor::source::{Network, Source};
use pam_totp::login::status::{BackupStatus, DeviceStatus, Remembered, Status, TemporaryStatus, Wait};
use pam_totp::manage::ManageError;
use pam_totp::policy::access::Denied;
use pam_totp::policy::delegates::DelegatedRight;
use pam_totp::store::StoreError;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use std::net::IpAddr;

/// When a request comes.
const NOW: u64 = 1_795_287_600;

fn source() -> impl Strategy<Value = Source> {
    prop_oneof![
        Just(Source::Local),
        Just(Source::Unknown),
        any::<std::net::Ipv4Addr>().prop_map(|a| Source::Net(a.into()))
    ]
}

fn kind() -> impl Strategy<Value = Kind> {
    kind_of(1..=3_600)
}

/// What an owner may enroll: no code that lasts for an hour.
fn new_kind() -> impl Strategy<Value = Kind> {
    kind_of(15..=120)
}

fn kind_of(periods: std::ops::RangeInclusive<u32>) -> impl Strategy<Value = Kind> {
    let totp = periods.prop_map(|period| Kind::Totp { period });
    prop_oneof![totp, (0_u64..0xffff_ffff).prop_map(|start| Kind::Hotp { start })]
}

fn digits() -> impl Strategy<Value = Digits> {
    (6_u8..=8).prop_map(|n| Digits::new(n).expect("6 to 8"))
}

fn algorithm() -> impl Strategy<Value = Algorithm> {
    prop_oneof![Just(Algorithm::Sha1), Just(Algorithm::Sha256), Just(Algorithm::Sha512)]
}

fn code() -> impl Strategy<Value = Answer> {
    vec(any::<u8>(), 0..=MAX_CODE).prop_map(|bytes| Answer::new(&bytes))
}

fn name() -> impl Strategy<Value = String> {
    "[^\\p{C}\\p{Zl}\\p{Zp}]{1,16}"
}

fn count() -> impl Strategy<Value = u8> {
    prop_oneof![Just(0), 2_u8..=20]
}

fn new_device() -> impl Strategy<Value = Device> {
    let key = vec(any::<u8>(), 1..=128).prop_map(|bytes| Secret::from_bytes(bytes.into()));
    (name(), new_kind(), algorithm(), digits(), key).prop_map(|(name, kind, algorithm, digits, secret)| Device {
        kind,
        algorithm,
        digits,
        ..Device::with_key(secret, &name, NOW)
    })
}

fn place() -> impl Strategy<Value = Place> {
    prop_oneof![Just(Place::First), Just(Place::Beside), option::of(name()).prop_map(Place::InsteadOf)]
}

/// With a code, where it is the owner's to make.
fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        (new_device(), code().prop_map(Proof::Code), place(), count())
            .prop_map(|(device, proof, place, backup_codes)| Change::Set { device, proof, place, backup_codes }),
        (option::of(name()), code(), code()).prop_map(|(device, first, second)| Change::Resync {
            device,
            first,
            second
        }),
        count().prop_map(Change::BackupCodes),
        Just(()).prop_map(|()| Change::Remove),
        name().prop_map(Change::RemoveDevice),
    ]
}

fn errand() -> impl Strategy<Value = Errand> {
    prop_oneof![
        Just(Errand::Status),
        Just(Errand::List),
        Just(Errand::Unlock),
        Just(Errand::Remove),
        (1_u8..=12, 600_u64..=604_800).prop_map(|(count, life)| Errand::BackupCodes { count, life }),
    ]
}

fn request() -> impl Strategy<Value = Request> {
    let ask = prop_oneof![
        Just(()).prop_map(|()| Ask::Rights),
        (errand(), code()).prop_map(|(errand, code)| Ask::Delegated { errand, code }),
        Just(()).prop_map(|()| Ask::Preview),
        Just(()).prop_map(|()| Ask::Status),
        (code(), source(), option::of(name())).prop_map(|(code, from, service)| Ask::Verify { code, from, service }),
        Just(()).prop_map(|()| Ask::Change { change: Change::Forget, current: None }),
        (change(), option::of(code())).prop_map(|(change, current)| Ask::Change { change, current }),
    ];
    ("\\PC{0,64}|[\\x00-\\x7f]{0,255}", ask).prop_map(|(user, ask)| Request { user, ask })
}

fn since() -> impl Strategy<Value = Since> {
    (any::<u32>(), any::<u64>(), source()).prop_map(|(count, at, from)| Since { count, at, from })
}

fn outcome() -> impl Strategy<Value = Outcome> {
    let backup = any::<u32>().prop_map(|left| Via::Backup { left });
    let via = prop_oneof!["[0-9a-f]{8}".prop_map(Via::Device), backup, Just(Via::Untold), Just(Via::Temporary)];
    prop_oneof![
        (via, option::of(since())).prop_map(|(via, since)| Outcome::Accepted { via, since }),
        any::<u64>().prop_map(|next_in| Outcome::Used { next_in }),
        any::<u64>().prop_map(|at| Outcome::Later { at }),
        any::<(u32, u32)>().prop_map(|(since, left)| Outcome::Wrong { since, left }),
        (option::of(any::<u64>()), 2_u8..=3, option::of(any::<u64>()))
            .prop_map(|(until, need, next_in)| Outcome::Waiting { until, need, next_in }),
        option::of(any::<u64>()).prop_map(|next_in| Outcome::Twice { next_in }),
        Just(Outcome::NotACode),
        Just(Outcome::Untold),
    ]
}

fn status() -> impl Strategy<Value = Status> {
    let device = (name(), kind(), algorithm(), digits(), any::<i8>(), any::<u64>(), option::of(any::<u64>())).prop_map(
        |(name, kind, algorithm, digits, skew, created, last_used)| {
            let (algorithm, digits) = (algorithm.name(), digits.get());
            DeviceStatus { name, kind, algorithm, digits, skew, created, last_used }
        },
    );
    let net = any::<[u8; 8]>().prop_map(|bytes| LaneKey::Net(Network::V6(bytes)));
    let range = (0..RANGES).prop_map(LaneKey::Other);
    let lane = prop_oneof![Just(LaneKey::Local), Just(LaneKey::Door), Just(LaneKey::Judges), range, net];
    let wait = (lane, any::<u32>(), any::<u64>()).prop_map(|(lane, failures, until)| Wait { lane, failures, until });
    let backup = (any::<u32>(), any::<u32>()).prop_map(|(left, of)| BackupStatus { left, of });
    let temporary = any::<(u32, u64)>().prop_map(|(left, until)| TemporaryStatus { left, until });
    let backup = (option::of(backup), option::of(temporary));
    let counted = (option::of(since()), any::<u32>());
    let proving = ("[!-~]{0,70}", any::<u64>()).prop_map(|(service, at)| Proving::at(&service, at, None));
    let remembered = (option::of(any::<IpAddr>()), any::<u64>())
        .prop_map(|(address, until)| Remembered { address: address.map(|ip| ip.to_canonical()), until });
    let rest = (vec(wait, 0..=MAX_LANES), vec(remembered, 0..=MAX_TRUSTS), option::of(proving));
    (any::<bool>(), vec(device, 0..=5), backup, counted, rest).prop_map(
        |(enrolled, devices, (backup_codes, temporary_codes), (failures, row), (waits, remembered, proving))| Status {
            enrolled,
            devices,
            backup_codes,
            temporary_codes,
            failures,
            row,
            waits,
            remembered,
            proving,
        },
    )
}

fn refusal() -> impl Strategy<Value = Refusal> {
    let denied = [
        Denied::NotYours,
        Denied::PolicyOff,
        Denied::NotSelf,
        Denied::NoLogin,
        Denied::ShortKey,
        Denied::Required,
        Denied::NotDelegated,
        Denied::Closed,
    ];
    prop_oneof![
        prop::sample::select(denied.to_vec()).prop_map(Refusal::Denied),
        option::of(any::<i64>()).prop_map(|clock_off| Refusal::Change(ChangeError::WrongCode { clock_off })),
        (outcome(), any::<u64>()).prop_map(|(outcome, now)| Refusal::Change(ChangeError::CodeRefused { outcome, now })),
        Just(Refusal::Change(ChangeError::AlreadyEnrolled)),
        Just(Refusal::Change(ChangeError::NotEnrolled)),
        Just(Refusal::Change(ChangeError::DeviceExists)),
        Just(Refusal::Change(ChangeError::NoSuchDevice)),
        Just(Refusal::Change(ChangeError::WhichDevice)),
        Just(Refusal::Change(ChangeError::TooManyDevices)),
        Just(Refusal::Change(ChangeError::OnlyDevice)),
        Just(Refusal::Change(ChangeError::OtherDigits)),
        Just(Refusal::Change(ChangeError::SameKey)),
        Just(Refusal::Change(ChangeError::NotConsecutive)),
        Just(Refusal::Change(ChangeError::NoCounter)),
        Just(Refusal::Change(ChangeError::TooManyPairs)),
        Just(Refusal::Change(ChangeError::UsedCode)),
        Just(Refusal::Change(ChangeError::CodeNeeded)),
        Just(Refusal::Change(ChangeError::NoRandom)),
        Just(Refusal::Malformed),
        Just(Refusal::Fault),
    ]
}

fn reply() -> impl Strategy<Value = Reply> {
    let codes = vec("[0-9a-z-]{19}".prop_map(zeroize::Zeroizing::new), 0..=20);
    prop_oneof![
        option::of(digits()).prop_map(Reply::Preview),
        option::of((outcome(), any::<u64>())).prop_map(Reply::Verdict),
        status().prop_map(Reply::Status),
        codes.prop_map(Reply::Done),
        (vec("[0-9a-z-]{19}".prop_map(zeroize::Zeroizing::new), 0..=20), any::<u64>())
            .prop_map(|(codes, until)| Reply::Temporary { codes, until }),
        prop::sample::subsequence(DelegatedRight::ALL.to_vec(), 0..=5).prop_map(Reply::Rights),
        refusal().prop_map(Reply::Refused),
    ]
}

proptest! {
    #[test]
    fn a_request_is_read_as_it_was_written(request in request()) {
        let printed = request.print().expect("an owner's");
        prop_assert!(printed.len() <= MAX, "{}", printed.len());
        let read = Request::parse(printed.as_bytes(), NOW);
        prop_assert!(read.is_ok(), "{:?}", *printed);
        // Codes and keys are not compared but by what is written of them.
        prop_assert_eq!(read.expect("read").print(), Some(printed));
    }

    #[test]
    fn a_reply_is_read_as_it_was_written(reply in reply()) {
        let printed = reply.print();
        prop_assert!(printed.len() <= MAX, "{}", printed.len());
        prop_assert_eq!(Reply::parse(printed.as_bytes()), Ok(reply));
    }

    #[test]
    fn a_list_is_read_whole_or_not_at_all(
        users in vec((name(), option::of(status())), 0..4),
        cut in any::<prop::sample::Index>(),
    ) {
        let users: Vec<_> = users.into_iter().map(|(user, status)| Listed { user, status }).collect();
        let printed = Reply::Listed(users.clone()).print();
        prop_assert_eq!(Reply::parse_list(printed.as_bytes()), Ok(Reply::Listed(users)));
        prop_assert!(Reply::parse_list(&printed.as_bytes()[..cut.index(printed.len())]).is_err());
        let refused = Reply::Refused(Refusal::Fault);
        prop_assert_eq!(Reply::parse_list(refused.print().as_bytes()), Ok(refused));
    }

    #[test]
    fn half_a_message_is_none(request in request(), reply in reply(), cut in any::<prop::sample::Index>()) {
        let (request, reply) = (request.print().expect("an owner's"), reply.print());
        prop_assert!(Request::parse(&request.as_bytes()[..cut.index(request.len())], NOW).is_err());
        prop_assert!(Reply::parse(&reply.as_bytes()[..cut.index(reply.len())]).is_err());
    }

    #[test]
    fn nothing_stirs_at_any_bytes(bytes in vec(any::<u8>(), 0..600)) {
        prop_assert!(Request::parse(&bytes, NOW).is_err());
        prop_assert!(Reply::parse(&bytes).is_err());
    }
}

#[test]
fn what_is_no_request() {
    let whole = "pam_totp 1\nverify\nuser alice\ncode 123456\nfrom local\n\n";
    assert!(Request::parse(whole.as_bytes(), NOW).is_ok());
    let wrong = [
        ("pam_totp 1", "pam_totp 2"),
        ("verify", "Verify"),
        ("verify", "verify "),
        ("verify", "unlock"),
        ("user alice\n", ""),
        ("user alice", "user alice bob"),
        ("user alice", "user alice\nuser bob"),
        ("user alice", "user al%69ce"),
        ("user alice", "user alice%0"),
        ("user alice", "user alic\u{e9}"),
        ("user alice", "user %FF"),
        ("code 123456\n", ""),
        ("code 123456", "code 123456\ncode 654321"),
        ("code 123456", "code 123 456"),
        ("from local", "from here"),
        ("from local", "from local\nuid 0"),
        ("from local\n\n", "from local\n"),
        ("from local\n\n", "from local\n\n\n"),
        ("\n", "\r\n"),
        ("123456", &"1".repeat(MAX_CODE + 1)),
        ("alice", &"a".repeat(257)),
    ];
    for (part, other) in wrong {
        let request = whole.replacen(part, other, 1);
        assert!(Request::parse(request.as_bytes(), NOW).is_err(), "{request:?}");
    }
    // A name that shows as another deceives whoever reads the list, and its own user too.
    let set = |name: &str| {
        let key = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP";
        format!("pam_totp 1\nset\nuser alice\ndevice totp 30 SHA1 6 {name}\nkey {key}\ncode 123456\n\n")
    };
    assert!(Request::parse(set("phone").as_bytes(), NOW).is_ok());
    // U+202E and U+2028, as the wire spells them.
    for name in ["ph%E2%80%AEone", "ph%E2%80%A8one", "ph%0Aone", ""] {
        assert!(Request::parse(set(name).as_bytes(), NOW).is_err(), "{name}");
    }
    let longest = whole.replacen("alice", &"a".repeat(256), 1);
    assert!(Request::parse(longest.as_bytes(), NOW).is_ok());
    for (count, is_one) in [("0", true), ("1", false), ("2", true), ("20", true), ("21", false), ("x", false)] {
        let request = format!("pam_totp 1\nbackup-codes\nuser alice\ncount {count}\n\n");
        assert_eq!(Request::parse(request.as_bytes(), NOW).is_ok(), is_one, "{count}");
    }
    let padded = format!("{}\n{}\n", whole.trim_end(), "x\n".repeat(2_048));
    assert!(Request::parse(padded.as_bytes(), NOW).is_err());
}

#[test]
fn what_is_no_reply() {
    let reply = |lines: &str| Reply::parse(format!("pam_totp 1\n{lines}\n\n").as_bytes());
    let waits = |count: usize| format!("status enrolled{}", "\nwait local 1 5".repeat(count));
    let devices = |count: usize| format!("status enrolled{}", "\ndevice totp 30 SHA1 6 0 5 none phone".repeat(count));
    let codes = |count: usize| format!("done{}", "\ncode abcd-efgh-jkmn-pqrs".repeat(count));
    let right = [
        "standing none",
        "standing 8",
        "verdict none",
        "verdict 5 device d1",
        "verdict 5 no-code",
        "verdict 5 wrong 3 12",
        "verdict 5 later 99",
        "verdict 5 waiting none\ncodes 2 12",
        "verdict 5 waiting 99\ncodes 3 none",
        "verdict 5 twice 12",
        "done",
        "refused used",
        "refused current 5 used 12",
        "refused current 5 waiting 99\ncodes 2 none",
    ];
    for right in right.map(str::to_owned).into_iter().chain([waits(MAX_LANES), devices(5), codes(20)]) {
        assert!(reply(&right).is_ok(), "{right}");
    }
    let wrong = [
        "standing 5",
        "standing 6 7",
        "verdict 5 device d.1",
        "verdict 5 device 0123456789abcdef0",
        "verdict 5 device d1 d2",
        "verdict 5 backup x",
        "verdict device d1",
        "verdict 5 wrong 1",
        "verdict 5 wrong 1 2 3",
        "verdict 5 waiting none",
        "verdict 5 waiting 99\ncodes 2",
        "verdict 5 waiting 99\ncodes 1 none",
        "verdict 5 waiting 99\ncodes 4 none",
        "verdict 5 waiting soon\ncodes 2 none",
        "verdict 5 twice",
        "status",
        "status enrolled twice",
        "status enrolled\ndevice totp 0 SHA1 6 0 5 none phone",
        "status enrolled\ndevice totp 30 MD5 6 0 5 none phone",
        "done\ncode ab%2Dcd",
        "done\ncode ab\u{e9}",
        "done\ncode",
        "refused",
        "refused at-all",
        "refused wrong",
        "refused used 5",
        "refused current 5",
        "refused current used 12",
        "refused current 5 waiting 99",
    ];
    for wrong in wrong.map(str::to_owned).into_iter().chain([waits(MAX_LANES + 1), devices(6), codes(21)]) {
        assert!(reply(&wrong).is_err(), "{wrong}");
    }
}

#[test]
fn an_answer_that_is_too_long_for_a_code_goes_as_none() {
    let request = Request {
        user: "alice".into(),
        ask: Ask::Verify { code: Answer::new(&[b'1'; 512]), from: Source::Local, service: None },
    };
    assert_eq!(*request.print().unwrap(), "pam_totp 1\nverify\nuser alice\ncode \nfrom local\n\n");
    let longest = Answer::new(&[b'1'; MAX_CODE]);
    let ask = Ask::Verify { code: longest, from: Source::Local, service: None };
    let printed = Request { user: "alice".into(), ask }.print().unwrap();
    assert!(printed.contains(&"1".repeat(MAX_CODE)), "{}", *printed);
}

/// As it stands on the wire, because programs of two versions speak it.
#[test]
fn a_change_stands_on_the_wire_with_the_code_of_its_owner() {
    let code = |text: &str| Answer::new(text.as_bytes());
    let key = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP";
    let device = Device::with_key(Secret::from_canonical(key).unwrap(), "my phone", NOW);
    let set =
        |place| Change::Set { device: device.clone(), proof: Proof::Code(code("123456")), place, backup_codes: 10 };
    let new = format!("device totp 30 SHA1 6 my%20phone\nkey {key}\ncode 123456\n");
    let cases = [
        (set(Place::First), format!("set\nuser alice\n{new}count 10\n")),
        (set(Place::Beside), format!("set\nuser alice\n{new}beside\ncount 10\n")),
        (set(Place::InsteadOf(None)), format!("set\nuser alice\n{new}replace\ncount 10\n")),
        (set(Place::InsteadOf(Some("old".into()))), format!("set\nuser alice\n{new}replace\nof old\ncount 10\n")),
        (Change::BackupCodes(10), "backup-codes\nuser alice\ncount 10\n".into()),
        (Change::Remove, "remove\nuser alice\n".into()),
        (Change::RemoveDevice("old".into()), "remove\nuser alice\nof old\n".into()),
        (
            Change::Resync { device: Some("old".into()), first: code("1"), second: code("2") },
            "resync\nuser alice\nof old\ncode 1\nnext 2\n".into(),
        ),
    ];
    for (change, text) in cases {
        let ask = Ask::Change { change, current: Some(code("654321")) };
        let request = Request { user: "alice".into(), ask };
        assert_eq!(*request.print().unwrap(), format!("pam_totp 1\n{text}current 654321\n\n"));
    }
    let ask = Ask::Change { change: Change::Forget, current: Some(code("654321")) };
    let text = "pam_totp 1\nforget\nuser alice\n\n";
    assert_eq!(*Request { user: "alice".into(), ask }.print().unwrap(), text, "it needs none");
}

/// What comes over the wire is the change that is allowed and made.
#[test]
fn a_new_device_has_the_id_of_its_key_and_the_time_of_its_request() {
    let device = Device::with_key(Secret::from_bytes(vec![7; 20].into()), "phone", NOW);
    let (proof, place) = (Proof::Code(Answer::new(b"123456")), Place::First);
    let change = Change::Set { device: Device { skew: 3, ..device.clone() }, proof, place, backup_codes: 0 };
    let printed = Request { user: "alice".into(), ask: Ask::Change { change, current: None } }.print().unwrap();
    let read = Request::parse(printed.as_bytes(), NOW + 5).unwrap();
    let Ask::Change { change: Change::Set { device: read, .. }, .. } = read.ask else { panic!("a device") };
    assert_eq!(read, Device { created: NOW + 5, ..device });
}

/// As it stands on the wire, because programs of two versions speak it.
#[test]
fn an_errand_stands_on_the_wire_with_the_code_of_the_delegate() {
    let cases = [
        (Errand::Status, "delegate status\nuser bob\n"),
        (Errand::List, "delegate list\nuser bob\n"),
        (Errand::Unlock, "delegate unlock\nuser bob\n"),
        (Errand::Remove, "delegate remove\nuser bob\n"),
        (Errand::BackupCodes { count: 2, life: 600 }, "delegate backup-codes\nuser bob\ncodes 2 600\n"),
    ];
    for (errand, text) in cases {
        let ask = Ask::Delegated { errand, code: Answer::new(b"654321") };
        let request = Request { user: "bob".into(), ask };
        assert_eq!(*request.print().unwrap(), format!("pam_totp 1\n{text}code 654321\n\n"));
        let without = format!("pam_totp 1\n{text}\n");
        assert!(Request::parse(without.as_bytes(), NOW).is_err(), "{without}");
    }
    let bounds =
        ["13 600", "0 600", "1 599", "1 604801", "1"].map(|codes| format!("delegate backup-codes\ncodes {codes}\n"));
    let none = ["delegate\n", "delegate enroll\n", "delegate  list\n"].map(str::to_owned);
    for wrong in none.into_iter().chain(bounds) {
        let request = format!("pam_totp 1\n{wrong}user bob\ncode 654321\n\n");
        assert!(Request::parse(request.as_bytes(), NOW).is_err(), "{request}");
    }
}

#[test]
fn what_root_alone_may_change_no_request_says() {
    let device = || Device::with_key(Secret::from_bytes(vec![7; 20].into()), "phone", NOW);
    let set = |proof| Change::Set { device: device(), proof, place: Place::First, backup_codes: 0 };
    let line = DeviceState { id: "d1".into(), last: Some(5), drift: Some(0), at: None };
    let changes = [
        set(Proof::None),
        set(Proof::Before(line)),
        Change::Counter { device: None, counter: 5 },
        Change::TemporaryCodes { count: 1, until: NOW },
    ];
    for change in changes {
        let request = Request { user: "alice".into(), ask: Ask::Change { change, current: None } };
        assert_eq!(request.print(), None, "{request:?}");
    }
}

#[test]
fn what_is_wrong_with_roots_files_stays_with_root() {
    let missing = ManageError::from(StoreError::Missing("/var/lib/pam_totp/secrets".into()));
    assert_eq!(*Reply::Refused(missing.into()).print(), "pam_totp 1\nrefused fault\n\n");
}

/// A request says all that is to happen; of a reply an older program takes what it knows.
#[test]
fn a_field_of_a_later_version_is_refused_in_a_request_and_left_alone_in_a_reply() {
    let request = "pam_totp 1\nverify\nuser alice\ncode 123456\nfrom local\n";
    assert!(Request::parse(format!("{request}\n").as_bytes(), NOW).is_ok());
    for field in ["colour blue", "from local", "codes 2", "colour"] {
        assert!(Request::parse(format!("{request}{field}\n\n").as_bytes(), NOW).is_err(), "{field}");
    }
    let since = Some(Since { count: 3, at: 5, from: Source::Local });
    let waiting = Outcome::Waiting { until: Some(99), need: 2, next_in: Some(12) };
    let replies = [
        Reply::Preview(None),
        Reply::Verdict(None),
        Reply::Verdict(Some((Outcome::Accepted { via: Via::Device("d1".into()), since }, 5))),
        Reply::Verdict(Some((waiting.clone(), 5))),
        Reply::Status(Status::default()),
        Reply::Done(vec![]),
        Reply::Refused(Refusal::Change(ChangeError::CodeRefused { outcome: waiting, now: 5 })),
    ];
    for reply in replies {
        for field in ["colour blue", "colour", "codes 9 9 9"] {
            let more = reply.print().replacen("\n\n", &format!("\n{field}\n\n"), 1);
            assert_eq!(Reply::parse(more.as_bytes()).as_ref(), Ok(&reply), "{more}");
        }
    }
}

/// As it stands on the wire, because programs of two versions speak it.
#[test]
fn how_many_codes_are_wanted_stands_in_a_field_of_its_own() {
    let waiting = |until, need, next_in| Outcome::Waiting { until, need, next_in };
    let cases = [
        (waiting(Some(99), 2, Some(12)), "waiting 99", "codes 2 12\n"),
        (waiting(None, 3, None), "waiting none", "codes 3 none\n"),
        (Outcome::Twice { next_in: Some(12) }, "twice 12", ""),
        (Outcome::Wrong { since: 4, left: 11 }, "wrong 4 11", ""),
        (Outcome::Later { at: 99 }, "later 99", ""),
        (Outcome::Accepted { via: Via::Untold, since: None }, "accepted", ""),
        (Outcome::Untold, "refused", ""),
    ];
    for (outcome, head, field) in cases {
        let verdict = Reply::Verdict(Some((outcome.clone(), 5))).print();
        assert_eq!(*verdict, format!("pam_totp 1\nverdict 5 {head}\n{field}\n"));
        let refused = Reply::Refused(Refusal::Change(ChangeError::CodeRefused { outcome, now: 5 })).print();
        assert_eq!(*refused, format!("pam_totp 1\nrefused current 5 {head}\n{field}\n"));
    }
}
