//! A record that was put back from a copy is told by its file, which is younger than every login in it.

use super::*;
use pam_totp::factor::record::{Came, CameBy, Lane};

const DAY: u64 = 86_400;

/// Logged in at `login`, from this host or by a device.
fn record(login: u64, came: Option<Came>) -> Record {
    let lane = |key, seen| Lane { key, full: 0, seen, last: login + 5 * DAY };
    let device = DeviceState { id: "d1".into(), last: Some(1), drift: Some(0), at: Some(login - 9) };
    let lanes = vec![lane(LaneKey::Local, login), lane(LaneKey::Door, 0)];
    Record { devices: vec![device], lanes, came, ..Record::default() }
}

fn came(at: u64, how: CameBy) -> Option<Came> {
    Some(Came { at, how })
}

#[test]
fn a_file_that_is_younger_than_its_logins_is_a_copy_unless_we_made_it() {
    let cases = [
        (NOW - DAY, None, NOW - 1, NOW, true),
        (NOW - DAY, None, NOW, NOW, true),
        // Made before its first login, as always.
        (NOW - DAY, None, NOW - DAY, NOW, false),
        (NOW - DAY, None, NOW - 9 * DAY, NOW, false),
        // Moved here, and then put back once more.
        (NOW - DAY, came(NOW - 1, CameBy::Moved), NOW - 1, NOW, false),
        (NOW - DAY, came(NOW - 1, CameBy::Copied), NOW - 1, NOW, false),
        (NOW - DAY, came(NOW - 2, CameBy::Moved), NOW - 1, NOW, true),
        // A clock that is behind the file, or that is certainly wrong.
        (NOW - DAY, None, NOW + 1, NOW, false),
        (BUILT - DAY, None, BUILT - 2, BUILT - 1, false),
    ];
    for (login, came, born, now, expected) in cases {
        assert_eq!(healing::is_copy(&record(login, came), born, now), expected, "{login} {came:?} {born} {now}");
    }
    // Enrolled, and never in since: wrong codes say nothing.
    let mut never = record(NOW - DAY, None);
    never.devices[0].at = None;
    never.lanes[0].seen = 0;
    assert!(!healing::is_copy(&never, NOW, NOW));
    // A device alone says it too.
    let mut device = record(NOW - DAY, None);
    device.lanes.clear();
    assert!(healing::is_copy(&device, NOW - DAY, NOW));
}

#[test]
fn it_is_noticed_once_and_stays_noted_while_old_backup_codes_count() {
    for (has_codes, how) in [(true, CameBy::Copied), (false, CameBy::Moved)] {
        let mut user = record(NOW - DAY, None);
        assert!(healing::notice_copy(&mut user, Some(NOW - 1), NOW, has_codes));
        assert_eq!(user.came, came(NOW, how));
        assert!(!healing::notice_copy(&mut user, Some(NOW - 1), NOW + 1, has_codes));
        // Put back again.
        assert!(healing::notice_copy(&mut user, Some(NOW + 2), NOW + 2, false));
        assert_eq!(user.came, came(NOW + 2, how));
        healing::forget_copy(&mut user, Some(NOW + 2), NOW + 3);
        assert_eq!(user.came, came(NOW + 2, CameBy::Moved));
    }
    // New codes before any login noticed it: done with.
    let mut user = record(NOW - DAY, None);
    healing::forget_copy(&mut user, Some(NOW - 1), NOW);
    assert_eq!(user.came, came(NOW, CameBy::Moved));
}

#[test]
fn a_file_system_that_does_not_tell_and_a_clock_that_was_set_back_say_nothing() {
    let mut user = record(NOW - DAY, None);
    assert!(!healing::notice_copy(&mut user, None, NOW, true));
    healing::forget_copy(&mut user, None, NOW);
    assert_eq!(user, record(NOW - DAY, None));
    // Logged in by a clock that is an hour behind; later it is right again.
    assert!(!healing::notice_copy(&mut user, Some(NOW + 3_600), NOW, true));
    assert_eq!(user.came, came(NOW + 3_600, CameBy::Moved));
    assert!(!healing::notice_copy(&mut user, Some(NOW + 3_600), NOW + DAY, true));
}
