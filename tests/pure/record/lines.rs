//! The lines of a slot: what is printed is read, and nothing else.

use super::*;

proptest! {
    #[test]
    fn what_is_printed_is_read(record in record(), sequence in 1..=u64::MAX, index in 0_u8..2) {
        let mut file = vec![b'\n'; FILE];
        let start = usize::from(index) * SLOT;
        file[start..start + SLOT].copy_from_slice(&printed(sequence, &record));
        prop_assert_eq!(read(&file), Found::Valid(Slot { sequence, index, record }));
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
