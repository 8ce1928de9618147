//! A record that does not fit a slot: what goes, and what never does.

use super::*;

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
        came: Some(Came { at: number, how: CameBy::Copied }),
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
