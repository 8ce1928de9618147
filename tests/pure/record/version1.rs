//! Records that the first version wrote, whose lanes held waits.

use super::*;

fn read_one(body: &str) -> Record {
    valid(read(&slot("1", 5, body))).record
}

fn lane_of(record: &Record, key: LaneKey) -> (u64, u64, u64) {
    let lane = record.lane(key).expect("a lane");
    (lane.full, lane.seen, lane.last)
}

#[test]
fn what_a_version_one_wrote_is_all_there() {
    let network = LaneKey::Net(Network::V4([192, 0, 2]));
    let record = read_one(
        "device d1 59000000 -1 1770000000 - -\ndevice d2 20 0 - 42 1770000000\nbackup s1 5\n\
         lane local 3 1770000000 0 1769000000\nlane other 200 1770000100 1770050000 0\n\
         lane 4/c00002 0 0 0 1760000000\nsince 7 1770000100 192.0.2.4\ntrust 0a1b 1770000500\ncolour blue\n",
    );
    let device = |id: &str, last, drift, at| DeviceState { id: id.into(), last: Some(last), drift: Some(drift), at };
    // The code that a token was waiting for is forgotten: two in a row do its work.
    assert_eq!(record.devices, [device("d1", 59_000_000, -1, Some(1_770_000_000)), device("d2", 20, 0, None)]);
    assert_eq!(record.backup, Some(BackupState { id: "s1".into(), used: 5 }));
    assert_eq!(record.since.as_ref().map(|since| since.count), Some(7));
    assert_eq!(record.row, 7, "none of them was followed by a login");
    assert_eq!(record.trusts, [Trust { hash: "0a1b".into(), until: 1_770_000_500, address: None }]);
    assert_eq!(record.other, ["colour blue"]);
    // What is missing in a lane: what it had failed, fifteen at most, four hours each.
    assert_eq!(record.unit, Some(14_400));
    assert_eq!(lane_of(&record, LaneKey::Local), (1_770_000_000 + 3 * 14_400, 1_769_000_000, 1_770_000_000));
    assert_eq!(lane_of(&record, LaneKey::Other(0)), (1_770_000_100 + 15 * 14_400, 0, 1_770_000_100));
    assert_eq!(lane_of(&record, network), (0, 1_760_000_000, 0));
    // And in its class, three hours each.
    let class = |key| record.class(key).map(|class| (class.full, class.pairs));
    assert_eq!(class(ClassKey::Here), Some((1_770_000_000 + 3 * 10_800, 0)));
    assert_eq!(class(ClassKey::Other), Some((1_770_000_100 + 15 * 10_800, 0)));
    assert_eq!(class(ClassKey::Known), Some((0, 0)));
}

#[test]
fn the_lanes_of_a_class_add_up() {
    let cases = [
        ("lane local 3 1000000 0 0\nlane door 2 1000000 0 0\n", 1_000_000 + 5 * 10_800),
        ("lane door 2 1000000 0 0\nlane local 3 1000000 0 0\n", 1_000_000 + 5 * 10_800),
        // One that has nothing left to add, and one whose debt is newer than all that was owed before.
        ("lane local 3 1000000 0 0\nlane door 0 2000000 0 0\n", 1_000_000 + 3 * 10_800),
        ("lane local 1 1000000 0 0\nlane door 1 2000000 0 0\n", 2_000_000 + 10_800),
    ];
    for (body, full) in cases {
        assert_eq!(read_one(body).class(ClassKey::Here).map(|class| class.full), Some(full), "{body}");
    }
}

/// What this version calls a bucket meant nothing to the first one, and nobody has written it.
#[test]
fn a_word_of_this_version_is_none_of_the_first() {
    let record = read_one("unit 5\nclass here 1 2\nrow 4\nbarred d1 5 6\nquota 1\n");
    assert_eq!(record.other, ["quota 1"]);
    assert_eq!((record.unit, record.classes.len(), record.row, record.barred.len()), (Some(14_400), 0, 0, 0));
    assert_eq!(valid(read(&printed(6, &record))).record, record);
}

#[test]
fn it_is_written_as_the_second_and_never_read_again_as_the_first() {
    let record = read_one("device d1 5 0 - - -\nlane local 3 1000000 0 0\n");
    let printed = printed(6, &record);
    assert!(printed.starts_with(b"pam_totp 2 6 "));
    assert_eq!(valid(read(&printed)).record, record);
    assert_eq!(read(&slot("1", 1, "lane local 1 2 3\n")), StateFile::Nothing);
}

/// Nobody adds to it any more, and its lanes would read as something else in the second.
#[test]
fn wrong_lines_of_the_first_version() {
    let wrong = [
        "lane here 1 2 3 4",
        "lane judges/1 1 2 3 4",
        "lane local 4294967296 2 3 4",
        "lane local 1 2 3",
        "lane local 1 2 3 4 5",
        "lane local 1 2 3 4\nlane local 1 2 3 4",
        "lane other 1 2 3 4\nlane other 1 2 3 4",
        "word",
    ];
    for line in wrong {
        assert_eq!(read(&slot("1", 1, &format!("lane door 1 2 3 4\n{line}\n"))), StateFile::Nothing, "{line}");
    }
    // The others have the second's words.
    for (line, kept) in
        [("device d1 5 0 - 8 -", "device d1 5 0 - 8 -"), ("trust 0a1b", "trust 0a1b -"), ("since 1 1", "since 1 1")]
    {
        assert_eq!(read_one(&format!("lane door 1 2 3 4\n{line}\n")).other, [kept]);
    }
}
