//! What a later version may write, and what comes back of it.

use super::*;

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
