//! The state record: what is written is read, and whatever a crash leaves is the old record or the new one.

use std::collections::BTreeMap;
use std::net::IpAddr;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use pam_totp::source::{Network, Source};
use pam_totp::state::{
    BackupState, DeviceState, FILE, Found, Lane, LaneKey, MAX_NETWORKS, Record, SLOT, Since, Slot, Trust, Writing,
    newest, print, read,
};

mod torn;

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
        pending in option::of(any::<(u64, u64)>()),
    ) -> DeviceState {
        DeviceState { id, last, drift, at, pending }
    }
}

fn key() -> impl Strategy<Value = LaneKey> {
    prop_oneof![
        Just(LaneKey::Local),
        Just(LaneKey::Door),
        Just(LaneKey::Other),
        any::<[u8; 3]>().prop_map(|bytes| LaneKey::Net(Network::V4(bytes))),
        any::<[u8; 8]>().prop_map(|bytes| LaneKey::Net(Network::V6(bytes))),
    ]
}

/// Every lane once, and no more networks than a record holds.
fn lanes() -> impl Strategy<Value = Vec<Lane>> {
    let lane = |(key, (fails, last, until, seen))| Lane { key, fails, last, until, seen };
    vec((key(), any::<(u32, u64, u64, u64)>()).prop_map(lane), 0..=11).prop_map(|lanes| {
        let once: BTreeMap<String, Lane> = lanes.into_iter().map(|lane| (lane.key.to_string(), lane)).collect();
        let (networks, mut fixed): (Vec<_>, Vec<_>) =
            once.into_values().partition(|lane| matches!(lane.key, LaneKey::Net(_)));
        fixed.extend(networks.into_iter().take(MAX_NETWORKS));
        fixed
    })
}

fn source() -> impl Strategy<Value = Source> {
    // As every source is made: an IPv4 address in IPv6 clothes is the IPv4 address.
    let net = any::<IpAddr>().prop_map(|address| Source::from_address(&address.to_string()).expect("an address"));
    prop_oneof![Just(Source::Local), Just(Source::Unknown), net]
}

/// Lines of a later version: any keyword that is not ours, any text without a line feed.
fn other() -> impl Strategy<Value = Vec<String>> {
    let ours = ["device", "backup", "lane", "since", "trust"];
    let line = "[a-z]{0,9} [^\n]{0,60}".prop_filter("ours", move |line| !ours.iter().any(|o| line.starts_with(o)));
    vec(line, 0..=8).prop_map(|mut lines| {
        while lines.iter().map(|line| line.len() + 1).sum::<usize>() > 512 {
            lines.pop();
        }
        lines
    })
}

fn record() -> impl Strategy<Value = Record> {
    let backup = (ID, any::<u32>()).prop_map(|(id, used)| BackupState { id, used });
    let since = (any::<u32>(), any::<u64>(), source()).prop_map(|(count, at, from)| Since { count, at, from });
    let trust = ("[0-9a-f]{64}", any::<u64>()).prop_map(|(hash, until)| Trust { hash, until });
    let devices = vec(device(), 0..=10).prop_map(|devices| {
        let once: BTreeMap<String, DeviceState> = devices.into_iter().map(|d| (d.id.clone(), d)).collect();
        once.into_values().collect()
    });
    (devices, option::of(backup), lanes(), option::of(since), vec(trust, 0..=8), other()).prop_map(
        |(devices, backup, lanes, since, trusts, other)| Record { devices, backup, lanes, since, trusts, other },
    )
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
            Found::Newer => prop_assert!(("pam_totp ".len().."pam_totp 1 ".len()).contains(&place)),
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
        lines in vec("(device|backup|lane|since|trust|x) [ -~\r\t]{0,40}|[^\n]{0,20}", 0..6),
        sequence in 1_u64..,
    ) {
        if let Found::Valid(found) = read(&slot("1", sequence, &lines.join("\n"))) {
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

fn lane(key: LaneKey, until: u64, seen: u64) -> Lane {
    Lane { key, fails: 0, last: 0, until, seen }
}

fn network(n: u8) -> LaneKey {
    LaneKey::Net(Network::V4([192, 0, n]))
}

#[test]
fn every_cut_of_one_write() {
    let record = |last| {
        let device = DeviceState { id: "7f3a9c21".into(), last: Some(last), drift: Some(0), at: None, pending: None };
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
    for head in ["pam_totp 2 1 0 00000000\n", "pam_totp 2\n", "pam_totp 4294967295 anything at all\n"] {
        let mut later = head.as_bytes().to_vec();
        later.resize(SLOT, 0xff);
        for file in [[&later, &ours], [&ours, &later], [&later, &nothing], [&later, &later]] {
            assert_eq!(read(&file.map(Vec::as_slice).concat()), Found::Newer, "{head}");
        }
        assert_eq!(read(head.as_bytes()), Found::Newer, "cut after its head: {head}");
    }
    for head in ["pam_totp 02 \n", "pam_totp -2 \n", "pam_totp 2x \n", "pam_totpd 2 \n", "2\n", "\n", ""] {
        assert_eq!(read(head.as_bytes()), Found::Nothing, "{head}");
    }
}

#[test]
fn unknown_lines_are_kept_in_their_order() {
    let body = "colour blue\ndevice d1 5 0 - - -\nquota 1 2 3\n  spaces \ncolour green\n";
    let found = valid(read(&slot("1", 3, body)));
    assert_eq!(found.record.other, ["colour blue", "quota 1 2 3", "  spaces ", "colour green"]);
    assert_eq!(valid(read(&printed(4, &found.record))).record, found.record);
}

#[test]
fn one_spelling_of_every_line() {
    let right = [
        "device d1 5 0 - - -",
        "device d1 ? ? - - -",
        "device d1 5 -4 7 8 9",
        "backup s1 ff",
        "lane local 1 2 3 4",
        "lane door 1 2 3 4",
        "lane other 1 2 3 4",
        "lane 4/c00002 1 2 3 4",
        "lane 6/20010db800000000 1 2 3 4",
        "since 3 1800000000 192.0.2.4",
        "since 3 1800000000 2001:db8::1",
        "since 1 1 local",
        "since 1 1 name",
        "trust 0a1b 5",
    ];
    for line in right {
        let found = valid(read(&slot("1", 1, &format!("{line}\n"))));
        assert_eq!(found.record.other, [""; 0], "{line}");
        let printed = String::from_utf8(printed(1, &found.record)).unwrap();
        assert_eq!(printed.lines().nth(1), Some(line));
    }
    let wrong = [
        "device d1 5 0 - -",
        "device d1 5 0 - - - -",
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
        "lane here 1 2 3 4",
        "lane 4/c0000 1 2 3 4",
        "lane 4/C00002 1 2 3 4",
        "lane 6/c00002 1 2 3 4",
        "lane local 4294967296 2 3 4",
        "lane local 1 2 3",
        "lane local 1 2 3 4\nlane local 1 2 3 4",
        "device d1 5 0 - - -\ndevice d1 6 0 - - -",
        "since 1 1 host.example",
        "since 1 1",
        "since 1 1 local\nsince 1 1 local",
        "trust 0a/b 5",
        "trust 0a1b -5",
        "word",
        "",
    ];
    for line in wrong {
        let body = format!("lane door 1 2 3 4\n{line}\n");
        let body = if line.starts_with("lane door") { format!("{line}\n") } else { body };
        assert_eq!(read(&slot("1", 1, &body)), Found::Nothing, "{line}");
    }
}

#[test]
fn a_head_that_does_not_fit_its_body_is_nothing() {
    let right = slot("1", 5, "lane local 1 2 3 4\n");
    assert!(matches!(read(&right), Found::Valid(_)));
    let text = String::from_utf8(right).unwrap();
    let changes = [("1 5 19", "1 6 19"), ("1 5 19", "1 5 18"), ("1 5 19", "1 05 19"), ("1 5 19", "0 5 19")];
    for (from, to) in changes.into_iter().chain([("1 5 19", "1 5 5000"), ("local 1", "local 2"), ("pam_", "Pam_")]) {
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
    let network = |n| format!("lane 4/c000{n:02x} 0 0 0 0\n");
    let trust = |n| format!("trust {n} 5\n");
    let other = |_| format!("x {}\n", "y".repeat(61));
    let lines: [(&dyn Fn(usize) -> String, usize); 4] = [(&device, 10), (&network, 8), (&trust, 8), (&other, 8)];
    for (line, most) in lines {
        assert!(matches!(read(&slot("1", 1, &many(most, line))), Found::Valid(_)), "{}", line(0));
        assert_eq!(read(&slot("1", 1, &many(most + 1, line))), Found::Nothing, "{}", line(0));
    }
}

#[test]
fn trusts_go_first_then_the_oldest_idle_networks_and_never_a_device() {
    let trust = |n: u64| Trust { hash: n.to_string(), until: n };
    let waits = lane(network(0), 99, 0);
    let networks = (1..=9).map(|n| lane(network(n), 0, 100 - u64::from(n)));
    let mut record = Record {
        lanes: [lane(LaneKey::Other, 0, 0), lane(LaneKey::Local, 0, 0), waits].into_iter().chain(networks).collect(),
        trusts: (0..9).map(trust).collect(),
        ..Record::default()
    };
    let keys = |record: &Record| record.lanes.iter().map(|lane| lane.key.to_string()).collect::<Vec<_>>();
    let found = valid(read(&printed(1, &record))).record;
    assert!(found.trusts.is_empty());
    let kept = ["other", "local", "4/c00000", "4/c00001", "4/c00002", "4/c00003", "4/c00004", "4/c00005"];
    assert_eq!(keys(&found)[..8], kept);
    assert_eq!(keys(&found)[8..], ["4/c00006", "4/c00007"], "the oldest two are gone, the one that waits is not");

    record.lanes.truncate(10);
    record.trusts.truncate(8);
    assert_eq!(valid(read(&printed(1, &record))).record, record, "within its bounds nothing goes");
}

#[test]
fn the_largest_record_fits_whole() {
    let long = |n: u64| format!("{n:064}");
    let most = u64::MAX;
    let device =
        |n| DeviceState { id: long(n), last: Some(most), drift: Some(-4), at: Some(most), pending: Some((most, most)) };
    let networks = (0..8).map(|n| LaneKey::Net(Network::V6([n; 8])));
    let keys = [LaneKey::Local, LaneKey::Door, LaneKey::Other].into_iter().chain(networks);
    let from = Source::from_address("2001:db8:1111:2222:3333:4444:5555:6666").unwrap();
    let record = Record {
        devices: (0..10).map(device).collect(),
        backup: Some(BackupState { id: long(0), used: u32::MAX }),
        lanes: keys.map(|key| Lane { key, fails: u32::MAX, last: most, until: most, seen: most }).collect(),
        since: Some(Since { count: u32::MAX, at: most, from }),
        trusts: (0..8).map(|n| Trust { hash: long(n), until: most }).collect(),
        other: vec!["x ".repeat(255)],
    };
    assert_eq!(valid(read(&printed(most, &record))).record, record);
}

#[test]
fn what_could_not_be_read_again_is_not_printed() {
    let device = |n: u8| DeviceState { id: format!("d{n}"), last: Some(1), drift: None, at: None, pending: None };
    let record = |devices: Vec<DeviceState>| Record { devices, ..Record::default() };
    assert!(print(1, &record((0..10).map(device).collect())).is_ok());
    assert!(print(1, &record((0..11).map(device).collect())).is_err());
    assert!(print(1, &record(vec![device(1), device(1)])).is_err());
    let waiting = (0..9).map(|n| lane(network(n), 99, 0)).collect();
    assert!(print(1, &Record { lanes: waiting, ..Record::default() }).is_err());
    let other = |length: usize| Record { other: vec!["x".repeat(length - 1)], ..Record::default() };
    assert!(print(1, &other(512)).is_ok());
    assert!(print(1, &other(513)).is_err());
}
