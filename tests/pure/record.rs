//! The state record: what is written is read, and whatever a crash leaves is the old record or the new one.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use pam_totp::factor::record::{
    BackupState, Barred, Came, Class, ClassKey, DeviceState, FILE, Found, How, Lane, LaneKey, MAX_BARRED, MAX_LANES,
    MAX_NETWORKS, Proving, RANGES, Record, SLOT, Since, Slot, Trust, Writing, newest, print, read, read_older,
};
use pam_totp::factor::source::{Network, Source};

mod torn;
mod version1;

/// As a secret file may have them.
const ID: &str = "[A-Za-z0-9]{1,16}";

/// A slot with any body and the checksum that makes it count.
fn slot(version: &str, sequence: u64, body: &str) -> Vec<u8> {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&sequence.to_le_bytes());
    hasher.update(body.as_bytes());
    let head = format!("pam_totp {version} {sequence} {} {:08x}\n", body.len(), hasher.finalize());
    let mut bytes = [head.as_bytes(), body.as_bytes()].concat();
    bytes.resize(SLOT, b'\n');
    bytes
}

fn printed(sequence: u64, record: &Record) -> Vec<u8> {
    let bytes = print(sequence, record).expect("fits");
    assert_eq!(bytes.len(), SLOT);
    bytes
}

fn valid(found: Found) -> Slot {
    match found {
        Found::Valid(slot) => slot,
        other => panic!("{other:?}"),
    }
}

prop_compose! {
    fn device()(
        id in ID,
        last in option::of(any::<u64>()),
        drift in option::of(-4_i8..=4),
        at in option::of(any::<u64>()),
    ) -> DeviceState {
        DeviceState { id, last, drift, at }
    }
}

fn key() -> impl Strategy<Value = LaneKey> {
    prop_oneof![
        Just(LaneKey::Local),
        Just(LaneKey::Door),
        Just(LaneKey::Judges),
        (0..RANGES).prop_map(LaneKey::Other),
        any::<[u8; 3]>().prop_map(|bytes| LaneKey::Net(Network::V4(bytes))),
        any::<[u8; 8]>().prop_map(|bytes| LaneKey::Net(Network::V6(bytes))),
    ]
}

/// Every lane once, and no more networks than a record holds.
fn lanes() -> impl Strategy<Value = Vec<Lane>> {
    let lane = |(key, (full, seen, last))| Lane { key, full, seen, last };
    vec((key(), any::<(u64, u64, u64)>()).prop_map(lane), 0..=MAX_LANES).prop_map(|lanes| {
        let once: BTreeMap<String, Lane> = lanes.into_iter().map(|lane| (lane.key.to_string(), lane)).collect();
        let (networks, mut fixed): (Vec<_>, Vec<_>) =
            once.into_values().partition(|lane| matches!(lane.key, LaneKey::Net(_)));
        fixed.extend(networks.into_iter().take(MAX_NETWORKS));
        fixed
    })
}

/// Every class at most once.
fn classes() -> impl Strategy<Value = Vec<Class>> {
    let class =
        |key| option::of(any::<(u64, u64)>()).prop_map(move |c| c.map(|(full, pairs)| Class { key, full, pairs }));
    let all = (class(ClassKey::Here), class(ClassKey::Known), class(ClassKey::Other));
    all.prop_map(|(here, known, other)| [here, known, other].into_iter().flatten().collect())
}

/// Two ranges for each of up to three devices.
fn barred() -> impl Strategy<Value = Vec<Barred>> {
    let range = |id: String| {
        let range = any::<(u64, u64)>().prop_map(|(a, b)| (a.min(b), a.max(b)));
        vec(range, 0..=MAX_BARRED)
            .prop_map(move |ranges| ranges.into_iter().map(|(from, to)| Barred { id: id.clone(), from, to }).collect())
    };
    let ids = vec(ID, 0..3).prop_map(|ids| ids.into_iter().collect::<BTreeSet<_>>());
    ids.prop_flat_map(move |ids| ids.into_iter().map(range).collect::<Vec<_>>())
        .prop_map(|all: Vec<Vec<Barred>>| all.concat())
}

fn source() -> impl Strategy<Value = Source> {
    // As every source is made: an IPv4 address in IPv6 clothes is the IPv4 address.
    let net = any::<IpAddr>().prop_map(|address| Source::from_address(&address.to_string()).expect("an address"));
    prop_oneof![Just(Source::Local), Just(Source::Unknown), net]
}

/// The keywords of this version.
const OURS: [&str; 11] =
    ["device", "backup", "unit", "lane", "class", "row", "barred", "since", "trust", "proving", "came"];

/// Lines of a later version: any keyword that is not ours, any text without a line feed.
fn other() -> impl Strategy<Value = Vec<String>> {
    let is_ours = |line: &str| OURS.iter().any(|ours| line.starts_with(ours));
    vec("[a-z]{0,9} [^\n]{0,40}".prop_filter("ours", move |line| !is_ours(line)), 0..=5)
}

/// Words of a later version, behind some of the lines.
fn more() -> impl Strategy<Value = Vec<Option<String>>> {
    vec(option::weighted(0.2, "[^\n]{0,20}"), 40)
}

fn record() -> impl Strategy<Value = Record> {
    let backup = (ID, any::<u32>()).prop_map(|(id, used)| BackupState { id, used });
    let since = (any::<u32>(), any::<u64>(), source()).prop_map(|(count, at, from)| Since { count, at, from });
    let trust = ("[0-9a-f]{64}", any::<u64>(), option::of(any::<IpAddr>())).prop_map(|(hash, until, address)| Trust {
        hash,
        until,
        address: address.map(|ip| ip.to_canonical()),
    });
    let devices = vec(device(), 0..=10).prop_map(|devices| {
        let once: BTreeMap<String, DeviceState> = devices.into_iter().map(|d| (d.id.clone(), d)).collect();
        once.into_values().collect()
    });
    let numbers = (option::of(1..=u64::MAX), prop_oneof![Just(0), any::<u32>()]);
    let buckets = (numbers, lanes(), classes(), barred());
    let proving = (".{0,80}", any::<u64>()).prop_map(|(service, at)| Proving::at(&service, at, None));
    let how = prop_oneof![Just(How::Moved), Just(How::Copied)];
    let came = (any::<u64>(), how).prop_map(|(at, how)| Came { at, how });
    let marks = (option::of(proving), option::of(came));
    let rest = (option::of(since), vec(trust, 0..=8), marks, other(), more());
    (devices, option::of(backup), buckets, rest).prop_map(
        |(devices, backup, ((unit, row), lanes, classes, barred), (since, trusts, (proving, came), other, words))| {
            let record = Record { devices, backup, unit, lanes, classes, row, barred, since, ..Record::default() };
            let record = Record { trusts, proving, came, other, ..record };
            within(Record { more: behind(&record, words), ..record })
        },
    )
}

/// The words, each behind a line that is there.
fn behind(record: &Record, words: Vec<Option<String>>) -> Vec<(String, String)> {
    let devices = record.devices.iter().map(|device| format!("device {}", device.id));
    let backup = record.backup.iter().map(|backup| format!("backup {}", backup.id));
    let unit = record.unit.iter().map(|_| "unit".to_owned());
    let lanes = record.lanes.iter().map(|lane| format!("lane {}", lane.key));
    let classes = record.classes.iter().map(|class| format!("class {}", class.key));
    let row = (record.row > 0).then(|| "row".to_owned());
    let since = record.since.iter().map(|_| "since".to_owned());
    let trusts = record.trusts.iter().map(|trust| format!("trust {}", trust.hash));
    let names = devices.chain(backup).chain(unit).chain(lanes).chain(classes).chain(row).chain(since).chain(trusts);
    let proving = record.proving.iter().map(|_| "proving".to_owned());
    let names = names.chain(proving).chain(record.came.iter().map(|_| "came".to_owned()));
    names.zip(words).filter_map(|(name, words)| Some((name, words?))).collect()
}

/// Whole lines and words of a later version together have a bound, and a slot has one: trusts would go, then networks.
fn within(mut record: Record) -> Record {
    let bytes = |record: &Record| {
        let more = record.more.iter().map(|(_, more)| more);
        record.other.iter().chain(more).map(|text| text.len() + 1).sum::<usize>()
    };
    while bytes(&record) > 512 {
        if record.other.pop().is_none() {
            record.more.pop();
        }
    }
    while length(&record) > SLOT {
        let gone = record.trusts.pop().map(|trust| format!("trust {}", trust.hash));
        let gone = gone.or_else(|| record.lanes.pop().map(|lane| format!("lane {}", lane.key)));
        let gone = gone.expect("the rest fits");
        record.more.retain(|(name, _)| *name != gone);
    }
    record
}

/// No less than the record takes.
fn length(record: &Record) -> usize {
    fn lines<T: ToString>(lines: &[T]) -> usize {
        lines.iter().map(|line| line.to_string().len() + 1).sum()
    }
    let (head, unit, row, backup, since, marks, other) = (80, 30, 20, 40, 80, 130, 512);
    let rest = lines(&record.devices) + lines(&record.lanes) + lines(&record.classes) + lines(&record.barred);
    head + unit + row + backup + since + marks + other + rest + lines(&record.trusts)
}

proptest! {
    #[test]
    fn what_is_printed_is_read(record in record(), sequence in 1..=u64::MAX, index in 0_u8..2) {
        let mut file = vec![b'\n'; FILE];
        let start = usize::from(index) * SLOT;
        file[start..start + SLOT].copy_from_slice(&printed(sequence, &record));
        prop_assert_eq!(read(&file), Found::Valid(Slot { sequence, index, record }));
    }

    #[test]
    fn the_newest_slot_counts_wherever_it_is(a in record(), b in record(), sequence in 1..u64::MAX) {
        let (old, new) = (printed(sequence, &a), printed(sequence + 1, &b));
        let expected = |index| Found::Valid(Slot { sequence: sequence + 1, index, record: b.clone() });
        prop_assert_eq!(read(&[&old[..], &new].concat()), expected(1));
        prop_assert_eq!(read(&[&new[..], &old].concat()), expected(0));
    }

    /// A write that stops anywhere.
    #[test]
    fn a_torn_write_leaves_the_old_record_or_the_new_one(
        [oldest, old, new] in [record(), record(), record()],
        cut in 0..=SLOT,
        first in any::<bool>(),
    ) {
        let (oldest, kept, written) = (printed(6, &oldest), printed(7, &old), printed(8, &new));
        let torn = [&written[..cut], &oldest[cut..]].concat();
        assert_old_or_new(&torn, &kept, first, &old, &new);
    }

    /// A write of which the disk kept some sectors and not others.
    #[test]
    fn scattered_sectors_leave_the_old_record_or_the_new_one(
        [oldest, old, new] in [record(), record(), record()],
        done in any::<[bool; SLOT / 512]>(),
        first in any::<bool>(),
    ) {
        let (oldest, kept, written) = (printed(6, &oldest), printed(7, &old), printed(8, &new));
        let pieces = written.chunks(512).zip(oldest.chunks(512)).zip(done);
        let torn = pieces.flat_map(|((new, old), done)| if done { new } else { old }).copied().collect::<Vec<_>>();
        assert_old_or_new(&torn, &kept, first, &old, &new);
    }

    /// A block that decays is no record of its own; in the word of the version it may look like a later one.
    #[test]
    fn a_changed_byte_never_makes_another_record(
        [old, new] in [record(), record()], place in 0..SLOT, change in 1..=u8::MAX,
    ) {
        let (kept, mut changed) = (printed(7, &old), printed(8, &new));
        changed[place] ^= change;
        match read(&[changed, kept].concat()) {
            // The version, or a digit in the place of the space behind it.
            Found::Newer => prop_assert!(("pam_totp ".len().."pam_totp 2 ".len()).contains(&place)),
            Found::Valid(slot) => prop_assert!(slot.record == old || slot.record == new),
            Found::Nothing => prop_assert!(false, "the other slot is whole"),
        }
    }

    #[test]
    fn any_bytes_are_read_without_a_panic(bytes in vec(any::<u8>(), 0..=2 * FILE)) {
        let found = read(&bytes);
        prop_assert!(matches!(found, Found::Nothing | Found::Newer));
    }

    /// Not only random bytes, which no checksum lets through: any text under a right one.
    #[test]
    fn what_is_read_is_printed_and_read_again(
        lines in vec("(device|backup|lane|class|since|trust|barred|unit|row|x) [ -~\r\t]{0,40}|[^\n]{0,20}", 0..6),
        version in prop_oneof![Just("1"), Just("2")],
        sequence in 1_u64..,
    ) {
        if let Found::Valid(found) = read(&slot(version, sequence, &lines.join("\n"))) {
            prop_assert_eq!(read(&printed(sequence, &found.record)), Found::Valid(found));
        }
    }
}

fn assert_old_or_new(torn: &[u8], kept: &[u8], torn_is_first: bool, old: &Record, new: &Record) {
    let file = if torn_is_first { [torn, kept].concat() } else { [kept, torn].concat() };
    let found = valid(read(&file));
    let expected = if found.sequence == 8 { new } else { old };
    assert!(found.sequence >= 7 && found.record == *expected, "{found:?}");
}

fn lane(key: LaneKey, full: u64, seen: u64) -> Lane {
    Lane { key, full, seen, last: 0 }
}

fn network(n: u8) -> LaneKey {
    LaneKey::Net(Network::V4([192, 0, n]))
}

#[test]
fn every_cut_of_one_write() {
    let record = |last| {
        let device = DeviceState { id: "7f3a9c21".into(), last: Some(last), drift: Some(0), at: None };
        Record { devices: vec![device], ..Record::default() }
    };
    let (oldest, kept, written) = (printed(6, &record(1)), printed(7, &record(2)), printed(8, &record(3)));
    for cut in 0..=SLOT {
        let torn = [&written[..cut], &oldest[cut..]].concat();
        assert_old_or_new(&torn, &kept, false, &record(2), &record(3));
    }
}

#[test]
fn the_first_write_of_all_leaves_nothing_or_the_record() {
    let record = Record { lanes: vec![lane(LaneKey::Local, 5, 5)], ..Record::default() };
    let mut written = printed(1, &record);
    written.resize(FILE, b'\n');
    for cut in (0..=SLOT).chain([FILE]) {
        match read(&written[..cut]) {
            Found::Nothing => assert!(cut < SLOT),
            found => assert_eq!(valid(found).record, record),
        }
    }
}

fn since(count: u32) -> Record {
    Record { since: Some(Since { count, at: 5, from: Source::Local }), ..Record::default() }
}

fn found(sequence: u64, index: u8, count: u32) -> Found {
    Found::Valid(Slot { sequence, index, record: since(count) })
}

#[test]
fn a_record_goes_over_the_older_slot_and_never_over_the_newest() {
    let mut file = Vec::new();
    for count in 1..=5 {
        let (before, place) = newest(read(&file), Found::Nothing).expect("of this version");
        assert_eq!(before, (count > 1).then(|| since(count - 1)));
        let Writing { bytes, offset, then } = place.write(&since(count)).expect("fits");
        // The first one makes both slots.
        let expected = if count == 1 { (FILE, 0) } else { (SLOT, if count % 2 == 0 { SLOT } else { 0 }) };
        assert_eq!((bytes.len(), usize::try_from(offset)), (expected.0, Ok(expected.1)), "{count}");
        file.resize(FILE, b'\n');
        file[expected.1..expected.1 + expected.0].copy_from_slice(&bytes);
        assert_eq!(newest(read(&file), Found::Nothing), Some((Some(since(count)), then)), "{count}");
    }
}

#[test]
fn of_two_files_the_higher_sequence_counts_and_only_the_own_slots_are_written() {
    let place = |own, other| {
        let (record, place) = newest(own, other).expect("of this version");
        let Writing { bytes, offset, .. } = place.write(&since(9)).expect("fits");
        let sequence = valid(read(&bytes)).sequence;
        (record.and_then(|r| r.since).map(|s| s.count), sequence, usize::try_from(offset), bytes.len())
    };
    assert_eq!(place(found(5, 1, 1), found(9, 1, 2)), (Some(2), 10, Ok(0), SLOT));
    assert_eq!(place(found(5, 0, 1), found(9, 1, 2)), (Some(2), 10, Ok(SLOT), SLOT));
    assert_eq!(place(found(9, 0, 1), found(5, 0, 2)), (Some(1), 10, Ok(SLOT), SLOT));
    assert_eq!(place(found(9, 0, 1), found(9, 1, 2)), (Some(1), 10, Ok(SLOT), SLOT), "the own one of two alike");
    assert_eq!(place(Found::Nothing, found(9, 1, 2)), (Some(2), 10, Ok(0), FILE));
    assert_eq!(place(found(9, 1, 1), Found::Nothing), (Some(1), 10, Ok(0), SLOT));
    assert_eq!(place(Found::Nothing, Found::Nothing), (None, 1, Ok(0), FILE));
    // What is not kept in the own file need not be on its disk before the next write.
    let kept = |own, other| newest(own, other).expect("of this version").1.is_kept();
    assert!(kept(found(1, 0, 1), Found::Nothing) && kept(found(1, 1, 1), found(9, 1, 2)));
    assert!(!kept(Found::Nothing, found(9, 1, 2)) && !kept(Found::Nothing, Found::Nothing));
    assert_eq!(newest(Found::Newer, found(9, 1, 2)), None);
    assert_eq!(newest(found(9, 1, 2), Found::Newer), None);
}

/// No login leaves two of one number. Whatever did: the first counts, and always the same one.
#[test]
fn of_two_slots_of_one_number_the_first_counts() {
    let record = |key| Record { lanes: vec![lane(key, 5, 5)], ..Record::default() };
    let (a, b) = (printed(7, &record(LaneKey::Local)), printed(7, &record(LaneKey::Door)));
    for (first, second, key) in [(&a, &b, LaneKey::Local), (&b, &a, LaneKey::Door)] {
        let found = valid(read(&[&first[..], second].concat()));
        assert_eq!((found.index, found.record), (0, record(key)));
    }
}

#[test]
fn a_later_version_is_recognized_whatever_else_is_there() {
    let (ours, nothing) = (printed(9, &Record::default()), vec![b'\n'; SLOT]);
    for head in ["pam_totp 3 1 0 00000000\n", "pam_totp 3\n", "pam_totp 4294967295 anything at all\n"] {
        let mut later = head.as_bytes().to_vec();
        later.resize(SLOT, 0xff);
        for file in [[&later, &ours], [&ours, &later], [&later, &nothing], [&later, &later]] {
            assert_eq!(read(&file.map(Vec::as_slice).concat()), Found::Newer, "{head}");
        }
        assert_eq!(read(head.as_bytes()), Found::Newer, "cut after its head: {head}");
    }
    for head in ["pam_totp 03 \n", "pam_totp -3 \n", "pam_totp 3x \n", "pam_totpd 3 \n", "3\n", "\n", ""] {
        assert_eq!(read(head.as_bytes()), Found::Nothing, "{head}");
    }
}

#[test]
fn unknown_lines_are_kept_in_their_order() {
    let body = "colour blue\ndevice d1 5 0 - - -\nquota 1 2 3\n  spaces \ncolour green\n";
    let found = valid(read(&slot("2", 3, body)));
    assert_eq!(found.record.other, ["colour blue", "quota 1 2 3", "  spaces ", "colour green"]);
    assert_eq!(valid(read(&printed(4, &found.record))).record, found.record);
}

/// The bytes behind the head, without what pads them.
fn body(slot: &[u8]) -> String {
    let text = String::from_utf8(slot.to_vec()).expect("text");
    text.split_once('\n').expect("a head").1.trim_end_matches('\n').to_owned()
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
    assert!(matches!(read(&with(512)), Found::Valid(_)));
    assert_eq!(read(&with(513)), Found::Nothing);
}

#[test]
fn one_spelling_of_every_line() {
    let right = [
        "device d1 5 0 - - -",
        "device d1 ? ? - - -",
        "device d1 5 -4 7 - -",
        "backup s1 ff",
        "unit 1",
        "lane local 1 2 3",
        "lane door 1 2 3",
        "lane judges 1 2 3",
        "lane other/0 1 2 3",
        "lane other/7 1 2 3",
        "lane 4/c00002 1 2 3",
        "lane 6/20010db800000000 1 2 3",
        "class here 1 2",
        "class known 1 2",
        "class other 1 2",
        "row 1",
        "barred d1 5 5",
        "since 3 1800000000 192.0.2.4",
        "since 3 1800000000 2001:db8::1",
        "since 1 1 local",
        "since 1 1 name",
        "trust 0a1b 5 -",
        "trust 0a1b 5 192.0.2.4",
    ];
    for line in right {
        // A range of steps is of a device that is there.
        let found = valid(read(&slot("2", 1, &format!("{line}\n"))));
        assert_eq!((&found.record.other[..], &found.record.more[..]), (&[][..], &[][..]), "{line}");
        assert_eq!(body(&printed(1, &found.record)), line);
    }
    let wrong = [
        "device d1 5 0 - -",
        "device d1  5 0 - - -",
        "device d1 5 0 - 8 -",
        "device d1 5 0 - - 9",
        "device d1 5 5 - - -",
        "device d1 5 -5 - - -",
        "device d1 05 0 - - -",
        "device d1 +5 0 - - -",
        "device d1 - 0 - - -",
        "device d.1 5 0 - - -",
        "device d1 18446744073709551616 0 - - -",
        "backup s1",
        "backup s1 g",
        "backup s1 100000000",
        "backup s1 1\nbackup s2 1",
        "unit 0",
        "unit 05",
        "unit 5\nunit 5",
        "lane here 1 2 3",
        "lane other 1 2 3",
        "lane other/8 1 2 3",
        "lane 4/c0000 1 2 3",
        "lane 4/C00002 1 2 3",
        "lane 6/c00002 1 2 3",
        "lane local 18446744073709551616 2 3",
        "lane local 1 2",
        "lane local 1 2 3\nlane local 1 2 3",
        "class local 1 2",
        "class here 1",
        "class here 1 2\nclass here 1 2",
        "row 0",
        "row 4294967296",
        "row 1\nrow 1",
        "barred d1 6 5",
        "barred d.1 5 6",
        "barred d1 5 6\nbarred d1 5 6",
        "device d1 5 0 - - -\ndevice d1 6 0 - - -",
        "since 1 1 host.example",
        "since 1 1",
        "since 1 1 local\nsince 1 1 local",
        "trust 0a/b 5 -",
        "trust 0a1b -5 -",
        "trust 0a1b 5",
        "trust 0a1b 5 host.example",
        "trust 0a1b 5 -\ntrust 0a1b 6 -",
        "proving sshd",
        "proving sshd 05",
        "proving ssh,,d 5",
        "proving ,sshd 5",
        "proving sshd, 5",
        "proving ssh\u{e9} 5",
        "proving sshd 5\nproving sshd 5",
        "proving sshdsshdsshdsshdsshdsshdsshdsshdsshdsshdsshdsshdsshdsshdsshdsshd5 5",
        "came 5",
        "came 5 flown",
        "came 05 moved",
        "came 5 moved\ncame 5 moved",
        "word",
        "",
    ];
    for line in wrong {
        let body = format!("lane door 1 2 3\n{line}\n");
        assert_eq!(read(&slot("2", 1, &body)), Found::Nothing, "{line}");
    }
}

#[test]
fn a_head_that_does_not_fit_its_body_is_nothing() {
    let right = slot("2", 5, "lane local 1 23 4\n");
    assert!(matches!(read(&right), Found::Valid(_)));
    let text = String::from_utf8(right).unwrap();
    let changes = [("2 5 18", "2 6 18"), ("2 5 18", "2 5 17"), ("2 5 18", "2 05 18"), ("2 5 18", "0 5 18")];
    for (from, to) in changes.into_iter().chain([("2 5 18", "2 5 5000"), ("local 1", "local 2"), ("pam_", "Pam_")]) {
        assert!(text.contains(from));
        assert_eq!(read(text.replacen(from, to, 1).as_bytes()), Found::Nothing, "{from} -> {to}");
    }
    let longer = text.replacen('\n', " more\n", 1);
    assert_eq!(read(longer.as_bytes()), Found::Nothing);
}

#[test]
fn too_many_of_anything_reads_as_nothing() {
    let many = |count: usize, line: &dyn Fn(usize) -> String| (0..count).map(line).collect::<String>();
    let device = |n| format!("device d{n} 5 0 - - -\n");
    let network = |n| format!("lane 4/c000{n:02x} 0 0 0\n");
    let barred = |n| format!("barred d1 {n} {n}\n");
    let trust = |n| format!("trust {n} 5 -\n");
    let other = |_| format!("x {}\n", "y".repeat(61));
    let lines: [(&dyn Fn(usize) -> String, usize); 5] =
        [(&device, 10), (&network, 8), (&barred, 2), (&trust, 8), (&other, 8)];
    for (line, most) in lines {
        assert!(matches!(read(&slot("2", 1, &many(most, line))), Found::Valid(_)), "{}", line(0));
        assert_eq!(read(&slot("2", 1, &many(most + 1, line))), Found::Nothing, "{}", line(0));
    }
}

#[test]
fn trusts_go_first_then_the_oldest_idle_networks_and_never_a_device() {
    let trust = |n: u64| Trust { hash: n.to_string(), until: n, address: None };
    let waits = lane(network(0), 99, 0);
    let networks = (1..=9).map(|n| lane(network(n), 0, 100 - u64::from(n)));
    let mut record = Record {
        lanes: [lane(LaneKey::Other(0), 0, 0), lane(LaneKey::Local, 0, 0), waits].into_iter().chain(networks).collect(),
        trusts: (0..9).map(trust).collect(),
        ..Record::default()
    };
    let keys = |record: &Record| record.lanes.iter().map(|lane| lane.key.to_string()).collect::<Vec<_>>();
    let found = valid(read(&printed(1, &record))).record;
    assert!(found.trusts.is_empty());
    let kept = ["other/0", "local", "4/c00000", "4/c00001", "4/c00002", "4/c00003", "4/c00004", "4/c00005"];
    assert_eq!(keys(&found)[..8], kept);
    assert_eq!(keys(&found)[8..], ["4/c00006", "4/c00007"], "the oldest two are gone, the one that owes is not");

    record.lanes.truncate(10);
    record.trusts.truncate(8);
    assert_eq!(valid(read(&printed(1, &record))).record, record, "within its bounds nothing goes");
}

/// As many lines as there can be, with such ids, and every number this long.
fn largest(id: impl Fn(u64) -> String, number: u64) -> Record {
    let device = |n| DeviceState { id: id(n), last: Some(number), drift: Some(-4), at: Some(number) };
    let networks = (0..8).map(|n| LaneKey::Net(Network::V6([n; 8])));
    let fixed = [LaneKey::Local, LaneKey::Door, LaneKey::Judges];
    let keys = fixed.into_iter().chain(networks).chain((0..RANGES).map(LaneKey::Other));
    let barred = |n: u64| [number - 9, number].map(|step| Barred { id: id(n), from: step, to: step });
    let from = Source::from_address("2001:db8:1111:2222:3333:4444:5555:6666").unwrap();
    let address = Some("2001:db8:1111:2222:3333:4444:5555:6666".parse().unwrap());
    let classes = [ClassKey::Here, ClassKey::Known, ClassKey::Other];
    Record {
        devices: (0..10).map(device).collect(),
        backup: Some(BackupState { id: id(0), used: u32::MAX }),
        unit: Some(number),
        lanes: keys.map(|key| Lane { key, full: number, seen: number - 1, last: number }).collect(),
        classes: classes.map(|key| Class { key, full: number, pairs: number }).into(),
        row: u32::MAX,
        barred: (0..10).flat_map(barred).collect(),
        since: Some(Since { count: u32::MAX, at: number, from }),
        trusts: (0..8).map(|n| Trust { hash: format!("{n:064}"), until: number, address }).collect(),
        // A user who has proved a key has none yet.
        proving: None,
        came: Some(Came { at: number, how: How::Copied }),
        other: vec!["x ".repeat(255)],
        more: vec![],
    }
}

#[test]
fn the_largest_record_fits_and_loses_no_device_and_no_debt() {
    // With ids as we make them, for the next two hundred years.
    let record = largest(|n| format!("{n:08}"), 9_999_999_999);
    let found = valid(read(&printed(u64::MAX, &record))).record;
    assert_eq!(Record { trusts: record.trusts.clone(), ..found.clone() }, record, "at most trusts go");
    assert!(found.trusts.len() >= 4, "{}", found.trusts.len());
    // Without what later versions may add, and while no device is replaced, whole.
    let record = Record { devices: record.devices[..5].to_vec(), barred: record.barred[..10].to_vec(), ..record };
    assert_eq!(valid(read(&printed(u64::MAX, &record))).record, record);
}

/// Versions before keep both lines as what they do not know.
#[test]
fn a_mark_of_a_proved_key_is_one_line_about_the_last_services() {
    let at = |service: &str, before: Option<&Proving>| Proving::at(service, 5, before);
    for (service, line) in [
        ("sshd", "proving sshd 5"),
        ("a b,\u{e9}", "proving a?b??? 5"),
        ("", "proving ? 5"),
        (&"x".repeat(99), &format!("proving {} 5", "x".repeat(64))),
    ] {
        let mark = at(service, None);
        assert_eq!(mark.to_string(), line);
        assert!(mark.is_at(service) && !mark.is_at("login"));
        let record = Record { proving: Some(mark.clone()), ..Record::default() };
        assert_eq!(valid(read(&slot("2", 1, &format!("{line}\n")))).record, record);
        assert_eq!(at(service, Some(&mark)), mark);
        // A second one is beside it, while there is room.
        let both = at("login", Some(&mark));
        let fits = mark.service.len() < 50;
        assert_eq!(both.service, if fits { format!("{},login", mark.service) } else { "login".into() });
        assert!(both.is_at(service) == fits && both.is_at("login") && !both.is_at("su"));
        assert_eq!(both.to_string().strip_prefix("proving ").map(|line| line.parse()), Some(Ok(both.clone())));
        let many = (0..30).fold(both, |mark, n| at(&format!("service{n}"), Some(&mark)));
        assert!(many.is_at("service29") && !many.is_at("login") && many.service.len() <= 64);
    }
}

#[test]
fn what_could_not_be_read_again_is_not_printed() {
    let device = |n: u8| DeviceState { id: format!("d{n}"), last: Some(1), drift: None, at: None };
    let record = |devices: Vec<DeviceState>| Record { devices, ..Record::default() };
    assert!(print(1, &record((0..10).map(device).collect())).is_ok());
    assert!(print(1, &record((0..11).map(device).collect())).is_err());
    assert!(print(1, &record(vec![device(1), device(1)])).is_err());
    let owing = (0..9).map(|n| lane(network(n), 99, 0)).collect();
    assert!(print(1, &Record { lanes: owing, ..Record::default() }).is_err());
    let other = |length: usize| Record { other: vec!["x".repeat(length - 1)], ..Record::default() };
    assert!(print(1, &other(512)).is_ok());
    assert!(print(1, &other(513)).is_err());
}

#[test]
fn of_two_slots_the_older_one_can_be_had() {
    let (older, newer) = (printed(7, &since(1)), printed(8, &since(2)));
    assert_eq!(read_older(&[&newer[..], &older].concat()), found(7, 1, 1));
    assert_eq!(read_older(&[&older[..], &newer].concat()), found(7, 0, 1));
    // Where there is but one, that.
    assert_eq!(read_older(&[&newer[..], &[b'\n'; SLOT]].concat()), found(8, 0, 2));
    assert_eq!(read_older(&[b'\n'; FILE]), Found::Nothing);
}

/// The charge and the outcome of one login.
#[test]
fn an_outcome_goes_over_its_charge_and_is_later() {
    for (kept, slot) in [(found(7, 0, 1), 1), (found(7, 1, 1), 0), (Found::Nothing, 0)] {
        let is_new = kept == Found::Nothing;
        let (_, place) = newest(kept, Found::Nothing).expect("of this version");
        let charge = place.write(&since(2)).expect("fits");
        let outcome = place.over(&charge).write(&since(3)).expect("fits");
        let sequences = [&charge, &outcome].map(|w| valid(read(&w.bytes)).sequence);
        assert_eq!(sequences, if is_new { [1, 2] } else { [8, 9] });
        assert_eq!([charge.offset, outcome.offset], [slot * SLOT as u64; 2]);
        // The next login writes the other one.
        assert_eq!(outcome.then.write(&since(4)).expect("fits").offset, (1 - slot) * SLOT as u64);
    }
}
