//! The lines of a slot: what is printed is read, and nothing else.

use super::*;
use crate::pure::invariants::record::one_spelling;

proptest! {
    #[test]
    fn what_is_printed_is_read(record in record(), sequence in 1..=u64::MAX, index in 0_u8..2) {
        let mut file = vec![b'\n'; FILE];
        let start = usize::from(index) * SLOT;
        file[start..start + SLOT].copy_from_slice(&printed(sequence, &record));
        prop_assert_eq!(read(&file), StateFile::Valid(Slot { sequence, index, record }));
    }

    /// The numbers at the bounds, and whatever looks like one.
    #[test]
    fn a_number_has_one_spelling(
        before in "[-+0 ]{0,2}",
        number in prop_oneof![
            "[0-9]{0,21}",
            any::<u64>().prop_map(|n| n.to_string()),
            (u64::MAX - 3..).prop_map(|n| n.to_string()),
            (u64::from(u32::MAX) - 3..=u64::from(u32::MAX) + 3).prop_map(|n| n.to_string()),
            (-9_i64..=9).prop_map(|n| n.to_string()),
        ],
        behind in "[0-9-+_ ?٣]{0,1}",
    ) {
        one_spelling(format!("{before}{number}{behind}").replace(' ', "").as_str());
    }

    #[test]
    fn a_lane_and_a_class_have_one_spelling(
        word in "(local|door|judges|here|known|other|other/|4/|6/)(/|[0-9]{1,3}|[0-9a-fA-F]{6}|[0-9a-f]{16}|)",
    ) {
        one_spelling(&word);
    }

    #[test]
    fn any_bytes_are_read_without_a_panic(bytes in vec(any::<u8>(), 0..=2 * FILE)) {
        let found = read(&bytes);
        prop_assert!(matches!(found, StateFile::Nothing | StateFile::Newer));
    }

    /// Not only random bytes, which no checksum lets through: any text under a right one.
    #[test]
    fn what_is_read_is_printed_and_read_again(
        lines in vec("(device|backup|lane|class|since|trust|barred|unit|row|x) [ -~\r\t]{0,40}|[^\n]{0,20}", 0..6),
        version in prop_oneof![Just("1"), Just("2")],
        sequence in 1_u64..,
    ) {
        if let StateFile::Valid(found) = read(&slot(version, sequence, &lines.join("\n"))) {
            prop_assert_eq!(read(&printed(sequence, &found.record)), StateFile::Valid(found));
        }
    }
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
}

/// Text under a right checksum was written by somebody: what it says that is not understood is no damage.
#[test]
fn any_other_spelling_is_of_a_later_version() {
    let lines = [
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
        "unit 0",
        "unit 05",
        "lane here 1 2 3",
        "lane other 1 2 3",
        "lane other/8 1 2 3",
        "lane 4/c0000 1 2 3",
        "lane 4/C00002 1 2 3",
        "lane 6/c00002 1 2 3",
        "lane local 18446744073709551616 2 3",
        "lane local 1 2",
        "class local 1 2",
        "class here 1",
        "row 0",
        "row 4294967296",
        "since 1 1 host.example",
        "since 1 1",
        "trust 0a/b 5 -",
        "trust 0a1b -5 -",
        "trust 0a1b 5",
        "trust 0a1b 5 host.example",
        "proving sshd",
        "proving sshd 05",
        "proving ssh,,d 5",
        "proving ,sshd 5",
        "proving sshd, 5",
        "proving ssh\u{e9} 5",
        "proving sshdsshdsshdsshdsshdsshdsshdsshdsshdsshdsshdsshdsshdsshdsshdsshd5 5",
        "came 5",
        "came 5 flown",
        "came 05 moved",
        "word",
        "",
    ];
    let door = Record { lanes: vec![Lane { last: 3, ..lane(LaneKey::Door, 1, 2) }], ..Record::default() };
    for line in lines {
        let found = valid(read(&slot("2", 1, &format!("lane door 1 2 3\n{line}\n")))).record;
        assert_eq!(found, Record { other: vec![line.into()], ..door.clone() }, "{line}");
        assert_eq!(valid(read(&printed(2, &found))).record, found);
    }
}

/// Of two lines of one name the first counts, and the other one is kept.
#[test]
fn a_second_line_of_a_name_is_of_a_later_version() {
    for (first, second) in [
        ("backup s1 1", "backup s2 1"),
        ("unit 5", "unit 5"),
        ("unit 5", "unit 6"),
        ("lane local 1 2 3", "lane local 1 2 3"),
        ("class here 1 2", "class here 3 4 x"),
        ("row 1", "row 100"),
        ("barred d1 5 6", "barred d1 5 6"),
        ("barred d1 5 6", "barred d1 5 6 x"),
        ("since 1 1 local", "since 1 1 local"),
        ("trust 0a1b 5 -", "trust 0a1b 6 -"),
        ("proving sshd 5", "proving sshd 5"),
        ("came 5 moved", "came 6 copied"),
    ] {
        let alone = valid(read(&slot("2", 1, first))).record;
        assert_eq!((alone.other.len(), alone.more.len()), (0, 0), "{first}");
        let both = valid(read(&slot("2", 1, &format!("{first}\n{second}\n")))).record;
        assert_eq!(both, Record { other: vec![second.into()], ..alone }, "{second}");
        assert_eq!(valid(read(&printed(2, &both))).record, both);
    }
}

/// Which of them is right nobody knows here: neither counts, and what they speak of is healed.
#[test]
fn two_lines_of_one_device_or_set_count_both_as_none() {
    for lines in [
        ["device d1 5 0 - - -", "device d1 6 0 - - -"],
        ["device d1 5 0 - - -", "device d1 5 0 - - -"],
        ["device d1 5 0 - - - x", "device d1 later"],
        ["device d1 ?", "device d1 5 0 - - -"],
        ["backup s1 1", "backup s1 2"],
        ["backup s1 later", "backup s1 2"],
        ["backup s1", "backup s1 2 x"],
    ] {
        let body = format!("device d11 1 0 - - -\n{}\nbackup s11 0\n{}\n", lines[0], lines[1]);
        let found = valid(read(&slot("2", 1, &body))).record;
        assert_eq!((found.devices.len(), found.backup.as_ref().map(|b| &b.id[..])), (1, Some("s11")), "{lines:?}");
        assert_eq!((&found.other[..], found.more.len()), (&lines.map(str::to_owned)[..], 0));
        assert_eq!(valid(read(&printed(2, &found))).record, found);
    }
}

/// Neglected, it would let steps count again that never may.
#[test]
fn a_range_of_steps_that_is_not_understood_stops_everything() {
    for line in
        ["barred d1 6 5", "barred d.1 5 6", "barred", "barred d1 all", "barred d1 5 6\nbarred d1 7 8\nbarred d1 9 9"]
    {
        assert_eq!(read(&slot("2", 1, &format!("lane door 1 2 3\n{line}\n"))), StateFile::Newer, "{line}");
    }
}

#[test]
fn a_head_that_does_not_fit_its_body_is_nothing() {
    let right = slot("2", 5, "lane local 1 23 4\n");
    assert!(matches!(read(&right), StateFile::Valid(_)));
    let text = String::from_utf8(right).unwrap();
    let changes = [("2 5 18", "2 6 18"), ("2 5 18", "2 5 17"), ("2 5 18", "2 05 18"), ("2 5 18", "0 5 18")];
    for (from, to) in changes.into_iter().chain([("2 5 18", "2 5 5000"), ("local 1", "local 2"), ("pam_", "Pam_")]) {
        assert!(text.contains(from));
        assert_eq!(read(text.replacen(from, to, 1).as_bytes()), StateFile::Nothing, "{from} -> {to}");
    }
    let longer = text.replacen('\n', " more\n", 1);
    assert_eq!(read(longer.as_bytes()), StateFile::Nothing);
}

/// Perhaps a later version has room for more.
#[test]
fn what_is_beyond_its_bounds_is_kept_and_does_not_count() {
    let many = |count: usize, line: &dyn Fn(usize) -> String| (0..count).map(line).collect::<String>();
    let device = |n| format!("device d{n} 5 0 - - -\n");
    let network = |n| format!("lane 4/c000{n:02x} 0 0 0\n");
    let trust = |n| format!("trust {n} 5 -\n");
    let lines: [(&dyn Fn(usize) -> String, usize); 3] = [(&device, 10), (&network, 8), (&trust, 8)];
    for (line, most) in lines {
        let most_of_all = valid(read(&slot("2", 1, &many(most, line)))).record;
        assert_eq!(most_of_all.other, [""; 0], "{}", line(0));
        let found = valid(read(&slot("2", 1, &many(most + 1, line)))).record;
        assert_eq!(found, Record { other: vec![line(most).trim_end().into()], ..most_of_all }, "{}", line(0));
    }
    // But for what must not be neglected, and for what would be lost.
    let barred = |n| format!("barred d1 {n} {n}\n");
    let other = |_| format!("x {}\n", "y".repeat(61));
    let lines: [(&dyn Fn(usize) -> String, usize); 2] = [(&barred, 2), (&other, 8)];
    for (line, most) in lines {
        assert!(matches!(read(&slot("2", 1, &many(most, line))), StateFile::Valid(_)), "{}", line(0));
        assert_eq!(read(&slot("2", 1, &many(most + 1, line))), StateFile::Newer, "{}", line(0));
    }
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
