//! Owners alone, over many years: how often their own slips make them type two codes in a row.

use pam_totp::factor::record::{LaneKey, Record};
use pam_totp::factor::source::Source;
use pam_totp::factor::throttle::{Buckets, Limits};

use super::year::{DAY, Dice};
use crate::pure::decision::NOW;
use crate::support::effort::effort;

/// Visits in so many years of an owner who comes at these times of the day, and of them those that meet a wait.
fn years(years: usize, visits: &[u64], mistyped: u64, limits: &Limits, guesser: Option<LaneKey>) -> (u64, u64) {
    let (mut dice, mut met, mut waits) = (Dice(0x2545_f491_4f6c_dd1d), 0, 0);
    for _ in 0..years {
        let mut record = Record::default();
        for now in (0..365).flat_map(|day| visits.iter().map(move |at| NOW + day * DAY + at)) {
            if let Some(lane) = guesser {
                spends(&mut record, &Buckets::new(lane, limits, 1, now));
            }
            met += 1;
            waits += u64::from(!comes(&mut record, &Buckets::new(LaneKey::Local, limits, 1, now), &mut dice, mistyped));
        }
    }
    (met, waits)
}

/// All that is left: the greedy one has taken it since.
fn spends(record: &mut Record, buckets: &Buckets) {
    buckets.pull_in(record);
    while buckets.left(record) > 0 {
        buckets.charge_single(record);
    }
}

/// One visit; whether single codes sufficed.
fn comes(record: &mut Record, buckets: &Buckets, dice: &mut Dice, mistyped: u64) -> bool {
    let mut sufficed = true;
    buckets.pull_in(record);
    while sufficed && dice.falls(mistyped) {
        sufficed = buckets.left(record) > 0;
        if sufficed {
            buckets.charge_single(record);
        }
    }
    sufficed = sufficed && buckets.left(record) > 0;
    buckets.succeed(record, Source::Local);
    sufficed
}

fn spread(times: u64) -> Vec<u64> {
    (0..times).map(|n| n * DAY / times).collect()
}

fn within_an_hour(times: u64) -> Vec<u64> {
    (0..times).map(|n| 32_400 + n * 3_600 / times).collect()
}

fn percent((met, waits): (u64, u64)) -> f64 {
    waits as f64 * 100.0 / met as f64
}

#[test]
fn ten_logins_a_day_and_one_in_ten_mistyped_meet_no_wait() {
    let years = |visits: &[u64]| years(effort(100, 20_000), visits, 10, &Limits::default(), None);
    for (how, visits) in [("spread over the day", spread(10)), ("within an hour", within_an_hour(10))] {
        let (met, waits) = years(&visits);
        println!("10 a day, 10 % mistyped, {how}: {waits} of {met} visits wait");
        assert_eq!(waits, 0, "{how}");
    }
}

#[test]
fn owners_who_log_in_all_day_are_seldom_asked_for_two() {
    let all = |visits, mistyped, guesser| {
        percent(years(effort(10, 300), &spread(visits), mistyped, &Limits::default(), guesser))
    };
    for (visits, mistyped, guesser, least, most) in [
        (20, 10, None, 0.0, 0.0),
        (50, 3, None, 0.0, 0.0),
        (50, 10, None, 0.2, 3.0),
        // Beside a greedy guesser in another lane of the class, two a day are left.
        (20, 10, Some(LaneKey::Door), 2.0, 12.0),
        (50, 10, Some(LaneKey::Door), 40.0, 75.0),
        (10, 10, Some(LaneKey::Door), 0.0, 0.0),
    ] {
        let waits = all(visits, mistyped, guesser);
        println!("{visits} a day, {mistyped} % mistyped, guesser {guesser:?}: {waits:.2} % of visits wait");
        assert!((least..=most).contains(&waits), "{visits} {mistyped} {guesser:?}: {waits}");
    }
}

/// The reason for fifteen: with fewer at once, an owner's bad days meet waits.
#[test]
fn fewer_at_once_would_not_suffice() {
    let few = Limits { free: 5, ..Limits::default() };
    assert!(years(effort(20, 300), &within_an_hour(10), 10, &few, None).1 > 0);
}
