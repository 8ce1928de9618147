//! Guessing: what every strategy that we can think of comes to in a year, and what it costs the owner.
//!
//! Nobody waits for luck: each guess that is looked at hits with as many chances as codes would be right. Printed
//! with `--nocapture`.

mod year;

use pam_totp::backup::{BackupCodes, Form};
use pam_totp::enrollment::{Device, Kind};
use pam_totp::otp::Digits;
use pam_totp::source::Source;
use pam_totp::state::BackupState;
use pam_totp::throttle::Limits;

use crate::heart::{NOW, User, accepted, clock, code, device};
use crate::support::effort::effort;
use year::Manner::{BackupCodes as Backups, Bursts, Free, Greedy, NoCodes, Patient, Replays};
use year::{Guesser, Place, Told, Visit, Year, open};

const HOUR: u64 = 3_600;
const BACKUP_CODE: &str = "abcd-efgh-jkmn-pqrs";

fn net(address: &str) -> Source {
    Source::from_address(address).unwrap()
}

fn local(_: u64) -> Source {
    Source::Local
}

fn door(_: u64) -> Source {
    Source::Door
}

fn home(_: u64) -> Source {
    net("192.0.2.4")
}

fn office(_: u64) -> Source {
    net("2001:db8:1:2::4")
}

/// Another network each time: the hotels of the owner.
fn hotel(n: u64) -> Source {
    net(&format!("198.18.{}.1", n % 256))
}

/// Behind the same carrier's address, or in the same house.
fn neighbor(_: u64) -> Source {
    net("192.0.2.77")
}

fn stranger(_: u64) -> Source {
    net("203.0.113.9")
}

fn a_name(_: u64) -> Source {
    Source::Unknown
}

/// Every guess from another /24.
fn botnet(n: u64) -> Source {
    net(&format!("{}.{}.{}.9", 11 + n % 100, n / 100 % 256, n / 25_600 % 256))
}

/// Every guess from another /64.
fn botnet6(n: u64) -> Source {
    net(&format!("2001:db8:{:x}:{:x}::1", 0x100 + n / 65_536 % 65_536, n % 65_536))
}

/// Ten logins a day: sudo, the screen, ssh from home and office; and one a week from a hotel.
fn a_usual_day() -> Vec<Visit> {
    let daily = |hours: &[u64], from: Place| -> Vec<Visit> {
        hours.iter().map(|hour| Visit { every: 1, at: hour * HOUR + 7, from }).collect()
    };
    let mut day =
        [daily(&[7, 20], home), daily(&[9, 13, 17], office), daily(&[10, 14, 16], local), daily(&[11, 15], door)]
            .concat();
    day.push(Visit { every: 7, at: 22 * HOUR, from: hotel });
    day
}

fn owner() -> User {
    let mut user = User::with_phone();
    let salt = b"salt".to_vec();
    let mut hash = [0; 32];
    pbkdf2::pbkdf2_hmac::<sha2::Sha256>(BACKUP_CODE.replace('-', "").as_bytes(), &salt, 1, &mut hash);
    let id = "set1".to_owned();
    user.record.backup = Some(BackupState { id: id.clone(), used: 0 });
    let form = Form::Letters;
    user.enrollment.backup_codes = Some(BackupCodes { id, form, salt, iterations: 1, hashes: vec![hash], created: 0 });
    user
}

fn year(guessers: &[(year::Manner, Place)]) -> Year {
    let guessers = guessers.iter().map(|(manner, from)| Guesser { manner: *manner, from: *from }).collect();
    Year { user: owner(), days: effort(28, 365) as u64, owner: a_usual_day(), guessers, remember: None }
}

fn heading() {
    println!(
        "{:58} {:>9} {:>11} {:>11} {:>9} {:>9} {:>9} {:>9}",
        "", "guesses", "chance", "chance", "owner's", "refused", "refused", "refused"
    );
    println!(
        "{:58} {:>9} {:>11} {:>11} {:>9} {:>9} {:>9} {:>9}",
        "", "a day", "a day", "a year", "logins", "alone", "shared", "elsewhere"
    );
}

fn tell(strategy: &str, told: &Told) {
    println!(
        "{strategy:58} {:9.2} {:10.5}% {:10.4}% {:9} {:9} {:9} {:9}",
        told.guesses as f64 / told.days as f64,
        told.chance_a_day() * 100.0,
        told.chance_a_year() * 100.0,
        told.logins + told.unasked,
        told.refused,
        told.refused_shared,
        told.refused_elsewhere,
    );
}

/// The strategy, and the most percent a day that it may come to by default.
fn comes_to_at_most(percent: f64, strategy: &str, year: Year) -> Told {
    let told = year.passes();
    tell(strategy, &told);
    assert_eq!(told.refused, 0, "{strategy}: no wait of another's in a lane that is his");
    assert!(told.chance_a_day() * 100.0 <= percent + 1e-9, "{strategy}: {} % a day", told.chance_a_day() * 100.0);
    told
}

/// One lane, percent a day, where the owner comes three times a day at most: a guess each quarter of an hour, and ten
/// more after each success of his, at the three codes of a million that the window holds. A phone that is two minutes off
/// has six.
const ONE_LANE: f64 = (96. + 3. * 10.) * 3. / 1e4;
/// A lane where nobody ever gets in: a hundred guesses at first, and four a day.
const SHUT: f64 = (100. / 28. + 4.) * 3. / 1e4;
/// A lane where the owner comes once a week: that often a hundred, and four a day.
const WEEKLY: f64 = (100. / 7. + 4.) * 3. / 1e4;
/// Five guesses after each of three logins a day, while two of the three codes are used up; and five before the first.
const FREE: f64 = (3. + 3. / 28.) * 5. / 1e4;

#[test]
fn strangers_on_the_network() {
    heading();
    let strategies: [(_, _, _, Place); 8] = [
        (SHUT, "steadily, from one address", Greedy, stranger),
        (SHUT, "steadily, from a name", Greedy, a_name),
        (WEEKLY, "a burst each hour", Bursts(HOUR), stranger),
        (SHUT, "a burst each day", Bursts(24 * HOUR), stranger),
        (SHUT, "steadily, each guess from another /24", Greedy, botnet),
        (SHUT, "steadily, each guess from another /64", Greedy, botnet6),
        (WEEKLY, "each from another /24, out of his way", Patient, botnet),
        (FREE, "five after each success, from many /24", Free, botnet),
    ];
    for (percent, strategy, manner, from) in strategies {
        comes_to_at_most(percent, strategy, year(&[(manner, from)]));
    }
}

#[test]
fn neighbors_of_the_owner_and_programs_in_his_session() {
    heading();
    let strategies: [(_, _, _, Place); 10] = [
        (SHUT, "steadily, from his home", Greedy, neighbor),
        (SHUT, "steadily, through the door", Greedy, door),
        (SHUT, "steadily, by sudo", Greedy, local),
        (ONE_LANE, "out of his way, from his home", Patient, neighbor),
        (ONE_LANE, "out of his way, from his office", Patient, office),
        (ONE_LANE, "out of his way, through the door", Patient, door),
        (ONE_LANE, "out of his way, by sudo", Patient, local),
        (FREE, "five after each success, from his home", Free, neighbor),
        (FREE, "five after each success, through the door", Free, door),
        (FREE, "five after each success, by sudo", Free, local),
    ];
    for (percent, strategy, manner, from) in strategies {
        comes_to_at_most(percent, strategy, year(&[(manner, from)]));
    }
}

#[test]
fn everywhere_at_once() {
    heading();
    let everywhere = |manner| [local, door, neighbor, office, botnet].map(|from| (manner, from as Place));
    for (percent, strategy, manner) in [
        (5. * SHUT, "steadily, everywhere at once", Greedy),
        (4. * ONE_LANE + WEEKLY, "out of his way, everywhere at once", Patient),
        (5. * FREE, "five after each success, everywhere at once", Free),
    ] {
        comes_to_at_most(percent, strategy, year(&everywhere(manner)));
    }
}

/// Twelve towns, one each hour: the ninth network takes the lane of the oldest idle one away. In each somebody guesses.
#[test]
fn an_owner_on_more_networks_than_have_a_lane() {
    fn town<const N: u8>(_: u64) -> Source {
        net(&format!("198.51.{N}.4"))
    }
    fn all_towns(n: u64) -> Source {
        net(&format!("198.51.{}.77", n % 12))
    }
    let towns: [Place; 12] = [
        town::<0>, town::<1>, town::<2>, town::<3>, town::<4>, town::<5>, town::<6>, town::<7>, town::<8>, town::<9>,
        town::<10>, town::<11>,
    ];
    let tour =
        |from: &[Place]| (8..).zip(from).map(|(h, from)| Visit { every: 1, at: h * HOUR, from: *from }).collect();
    heading();
    for (strategy, manner, count) in [
        ("steadily, in each of eight towns", Greedy, 8),
        ("out of his way, in each of eight towns", Patient, 8),
        ("out of his way, in each of twelve towns", Patient, 12),
        ("five after each success, in twelve towns", Free, 12),
    ] {
        let guessers: Vec<_> =
            towns[..count].iter().map(|from| (manner, *from)).chain([(manner, all_towns as Place)]).collect();
        let year = Year { owner: tour(&towns[..count]), days: effort(7, 365) as u64, ..year(&guessers) };
        comes_to_at_most(9. * (96. + 20.) * 3. / 1e4, strategy, year);
    }
}

#[test]
fn what_is_no_guess_neither_counts_nor_helps() {
    heading();
    let places: [Place; 6] = [local, door, neighbor, office, stranger, a_name];
    for (strategy, manner) in [("the code he has just typed", Replays), ("no codes", NoCodes(600))] {
        let told = comes_to_at_most(0., strategy, year(&places.map(|from| (manner, from))));
        assert_eq!((told.guesses, told.refused_shared, told.refused_elsewhere), (0, 0, 0));
    }
}

/// Looked at during a wait too, but there are 2^80 of them; without a wait they count.
#[test]
fn backup_codes_cannot_be_guessed() {
    heading();
    let guesser = Year { days: effort(1, 28) as u64, ..year(&[(Backups(10), stranger)]) };
    let told = comes_to_at_most(0., "backup codes, without a pause", guesser);
    assert_eq!(told.backup, told.days * 8_640);
    assert!(told.refused_elsewhere <= told.days.div_ceil(7));
    // A thousand a second for a year, at ten codes.
    assert!(1e3 * 86_400. * 365. * 10. / 2_f64.powi(80) < 1e-12);
}

#[test]
fn a_remembered_address_is_the_owners_alone() {
    heading();
    let strategies: [(_, _, _, Place); 4] = [
        (SHUT, "[remember], steadily, from his home", Greedy, neighbor),
        (ONE_LANE, "[remember], out of his way, from his home", Patient, neighbor),
        (ONE_LANE, "[remember], out of his way, by sudo", Patient, local),
        (SHUT, "[remember], steadily, from another /24", Greedy, botnet),
    ];
    for (percent, strategy, manner, from) in strategies {
        let told = comes_to_at_most(percent, strategy, Year { remember: Some(12), ..year(&[(manner, from)]) });
        assert!(told.unasked > told.days, "from the office nobody interferes: {}", told.unasked);
    }
}

/// Each login of the owner makes the waits short again, which is five guesses more; once an hour it gives the five free
/// ones back.
#[test]
fn owners_who_log_in_all_day() {
    heading();
    for (strategy, pause) in [("hourly", 3_600), ("each ten minutes", 600), ("each minute, a robot", 60)] {
        let day = |from: Place| (0..86_400 / pause).map(|n| Visit { every: 1, at: n * pause, from }).collect();
        let days = effort(2, 28) as u64;
        let told = Year { owner: day(local), days, ..year(&[(Patient, local)]) }.passes();
        tell(&format!("out of the way of an owner who comes {strategy}"), &told);
        let most = 96 + 5 * 24 + 5 * (86_400 / pause);
        assert!(told.guesses <= most * days + 10 && told.refused_shared == 0, "{}", told.guesses);
    }
}

/// What the administrator may choose, at its worst.
#[test]
fn whatever_the_policy_a_hundred_guesses_end_in_six_hours() {
    heading();
    let places: [(_, Place); 2] = [("by sudo", local), ("each from another /24", botnet)];
    for (free, first_wait, longest_wait) in [(20, 1, 1), (20, 1, 86_400), (1, 1, 1), (1, 3_600, 86_400)] {
        for ((place, from), manner) in places.iter().flat_map(|place| [(place, Greedy), (place, Patient)]) {
            let mut year = Year { days: effort(7, 365) as u64, ..year(&[(manner, *from)]) };
            year.user.limits = Limits { free, first_wait, longest_wait };
            let told = year.passes();
            let manner = if manner == Greedy { "steadily" } else { "out of his way" };
            tell(&format!("{free}, {first_wait} s, {longest_wait} s: {manner}, {place}"), &told);
            assert_eq!(told.refused, 0);
            // Three successes a day.
            assert!(told.guesses <= told.days * (3 * 100 + 4) + 100, "{}", told.guesses);
        }
    }
}

#[test]
fn more_codes_are_right_with_a_wider_window_and_more_devices() {
    println!("Percent a day, out of his way, by sudo; devices across:");
    for digits in 6..=8 {
        for window in 0..=3 {
            let cells = (1..=5_u8).map(|devices| {
                let mut year = Year { days: effort(1, 28) as u64, ..year(&[(Patient, local)]) };
                let user = User::with((0..devices).map(|n| with_digits(n, digits)).collect());
                year.user.enrollment.devices = user.enrollment.devices;
                year.user.record.devices = user.record.devices;
                year.user.window = window;
                let percent = year.passes().chance_a_day() * 100.;
                let codes = f64::from(devices) * (2. * window as f64 + 1.);
                // Three logins, and the time before the first.
                let most = (96. + 4. * 10.) * codes / 10_f64.powi(i32::from(digits) - 2);
                assert!(percent <= most, "{digits} digits, window {window}, {devices} devices: {percent} > {most}");
                format!("{percent:10.5}")
            });
            println!("{digits} digits, window {window}: {}", cells.collect::<String>());
        }
    }
}

fn with_digits(n: u8, digits: u8) -> Device {
    Device { digits: Digits::new(digits).unwrap(), ..device(n, Kind::Totp { period: 30 }) }
}

/// What the sums above stand on: these codes of a million are right, and no others.
#[test]
fn so_many_codes_are_right() {
    let tried = effort(2_000, 20_000);
    for (window, kinds, last, drift, right) in [
        (1, vec![Kind::Totp { period: 30 }], -5, Some(0), 3),
        (1, vec![Kind::Totp { period: 30 }], 0, Some(0), 1),
        // Drifted: to the clock too.
        (0, vec![Kind::Totp { period: 30 }], -1, Some(2), 3),
        (1, vec![Kind::Totp { period: 30 }], -9, Some(1), 3),
        (1, vec![Kind::Totp { period: 30 }], -9, Some(4), 6),
        (1, vec![Kind::Totp { period: 30 }], -9, Some(-4), 6),
        (3, vec![Kind::Totp { period: 30 }; 5], -9, Some(-4), 40),
        (3, vec![Kind::Totp { period: 30 }; 2], -1, Some(0), 8),
        (1, vec![Kind::Totp { period: 30 }], -5, None, 10),
        (1, vec![Kind::Hotp { start: 7 }, Kind::Totp { period: 30 }], -5, Some(0), 13),
    ] {
        let mut user = User::with((0..).zip(kinds).map(|(n, kind)| device(n, kind)).collect());
        user.window = window;
        for line in user.record.devices.iter_mut().filter(|line| line.last == Some(0)) {
            (line.last, line.drift) = ((NOW / 30).checked_add_signed(last), drift);
        }
        assert_eq!(open(&user, NOW), right);
        let mut known: Vec<String> = user
            .enrollment
            .devices
            .iter()
            .flat_map(|device| {
                let (from, to) = if let Kind::Hotp { start } = device.kind {
                    (start, start + 20)
                } else {
                    (clock(device, NOW) - 20, clock(device, NOW) + 20)
                };
                (from..=to)
                    .map(|counter| code(device, counter))
                    .filter(|code| accepted(&user.decide(code.as_bytes(), NOW).outcome))
                    .collect::<Vec<_>>()
            })
            .collect();
        known.sort();
        assert_eq!(known.len() as u64, right);
        let typed = (0..tried).map(|n| format!("{n:06}"));
        let hits: Vec<String> = typed.filter(|code| accepted(&user.decide(code.as_bytes(), NOW).outcome)).collect();
        known.retain(|code| code.parse::<usize>().unwrap() < tried);
        assert_eq!(hits, known);
    }
}
