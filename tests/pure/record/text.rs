//! A record as one value, for stores that have no slots.

use pam_totp::factor::record::text::Unreadable;

use super::*;

proptest! {
    #[test]
    fn what_is_given_as_text_is_read(record in record()) {
        let text = record.to_text().expect("fits");
        prop_assert!(text.len() <= SLOT && text.starts_with("pam_totp 2\n") && text.ends_with('\n'));
        prop_assert!(!text.ends_with("\n\n") || record.other.last().is_some_and(String::is_empty), "no padding");
        prop_assert_eq!(Record::from_text(&text), Ok(record.clone()));
        // The same lines as those of a slot.
        prop_assert_eq!(text.strip_prefix("pam_totp 2\n").and_then(|body| body.strip_suffix('\n')).unwrap_or_default(), body(&printed(1, &record)));
    }

    #[test]
    fn any_text_is_read_without_a_panic_and_given_again(text in "(pam_totp [0-3]\n)?([a-z]{0,7} [ -~\n]{0,40}\n?){0,5}") {
        if let Ok(record) = Record::from_text(&text) {
            let again = record.to_text().expect("what was read fits");
            prop_assert_eq!(Record::from_text(&again), Ok(record));
        }
    }
}

#[test]
fn a_text_as_it_is() {
    let device = DeviceState { id: "d1".into(), last: Some(5), drift: Some(-1), at: None };
    let record = Record { devices: vec![device], row: 3, other: vec!["colour blue".into()], ..Record::default() };
    let text = "pam_totp 2\ndevice d1 5 -1 - - -\nrow 3\ncolour blue\n";
    assert_eq!(record.to_text().as_deref(), Ok(text));
    assert_eq!(Record::from_text(text), Ok(record));
    assert_eq!(Record::default().to_text().as_deref(), Ok("pam_totp 2\n"));
    assert_eq!(Record::from_text("pam_totp 2\n"), Ok(Record::default()));
}

#[test]
fn a_later_text_is_told_from_a_damaged_one() {
    let too_much = format!("pam_totp 2\nx {}\n", "y".repeat(511));
    let too_long = format!("pam_totp 2\n{}", "lane 4/c00002 18446744073709551615 0 0 \n".repeat(120));
    for later in ["pam_totp 3\n", "pam_totp 3", "pam_totp 4294967295 who knows\nwhat", &too_much, &too_long] {
        assert_eq!(Record::from_text(later), Err(Unreadable::Newer), "{later}");
    }
    assert_eq!(Record::from_text("pam_totp 2\nbarred d1 all\n"), Err(Unreadable::Newer));
    let ours = "pam_totp 2\ndevice d1 5 0 - - -\n";
    for damaged in [
        "",
        "\n",
        "pam_totp",
        "pam_totp 2",
        "pam_totp 2 \n",
        "pam_totp 2 1 0 00000000\n",
        "pam_totp 02\n",
        "pam_totp 1\n",
        "pam_totp 0\n",
        "pam_totpd 3\n",
        "device d1 5 0 - - -\n",
        &ours[..ours.len() - 1],
        &ours[..ours.len() - 4],
    ] {
        assert_eq!(Record::from_text(damaged), Err(Unreadable::Damaged), "{damaged:?}");
    }
}

/// As in a slot: what goes first, and what never does.
#[test]
fn what_does_not_fit_is_dropped_or_refused() {
    let trust = |n: u64| Trust { hash: n.to_string(), until: n, address: None };
    let record = Record { trusts: (0..9).map(trust).collect(), ..Record::default() };
    let found = Record::from_text(&record.to_text().expect("fits")).expect("a record");
    assert_eq!(found.trusts, record.trusts[..8]);
    let long = |n: usize| format!("{n:064}");
    let device = |n| DeviceState { id: long(n), last: Some(u64::MAX), drift: Some(-4), at: Some(u64::MAX) };
    let barred = |n: usize| [1, 2].map(|to| Barred { id: long(n), from: u64::MAX - to, to: u64::MAX });
    let devices = (0..10).map(device).collect();
    let backup = Some(BackupState { id: long(0), used: u32::MAX });
    let since = Some(Since { count: u32::MAX, at: u64::MAX, from: Source::Local });
    let record = Record { devices, backup, barred: (0..10).flat_map(barred).collect(), since, ..Record::default() };
    let text = record.to_text().expect("fits");
    let fits =
        |bytes: usize| Record { other: vec!["x".repeat(bytes - 1)], ..record.clone() }.to_text().map(|t| t.len());
    let room = SLOT - text.len();
    assert!((100..512).contains(&room), "{room}");
    assert_eq!(fits(room), Ok(SLOT));
    assert!(fits(room + 1).is_err(), "no device and no range ever goes");
    // Nor is more read than could be written.
    let trusts: String = (0..8).map(|n| format!("trust {} 5 -\n", long(n))).collect();
    assert_eq!(Record::from_text(&format!("{text}{trusts}")), Err(Unreadable::Newer));
}
