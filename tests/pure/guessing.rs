//! Guessing: what every strategy that we can think of comes to in a year, and what it costs the owner.
//!
//! Nobody waits for luck: each guess that is looked at hits with as many chances as codes would be right. Printed
//! with `--nocapture`.

mod alone;
mod year;

use pam_totp::factor::attempt;
use pam_totp::factor::enrollment::{Device, Kind};
use pam_totp::factor::otp::Digits;
use pam_totp::factor::record::LaneKey;
use pam_totp::factor::source::Source;
use pam_totp::factor::throttle::{self, Buckets, Limits};

use crate::pure::decision::{NOW, User, accepted, clock, code, device, net};
use crate::support::effort::effort;
use year::Manner::{Greedy, Leaves, Patient};
use year::{CLASSES, DAY, Guesser, Manner, Place, Told, Year, open};

const HOUR: u64 = 3_600;

fn local(_: u64) -> Source {
    Source::Local
}

fn door(_: u64) -> Source {
    Source::Door
}

fn home(_: u64) -> Source {
    net("192.0.2.4")
}

/// Behind the same carrier's address, or in the same house.
fn neighbor(_: u64) -> Source {
    net("192.0.2.77")
}

fn office(_: u64) -> Source {
    net("2001:db8:1:2::4")
}

fn cabin(_: u64) -> Source {
    net("198.51.100.4")
}

/// ssh to this host itself, from a session on it.
fn loopback(_: u64) -> Source {
    net("127.0.0.1")
}

fn stranger(_: u64) -> Source {
    net("203.0.113.9")
}

/// Another network each time, in any range.
fn botnet(n: u64) -> Source {
    net(&format!("{}.{}.{}.9", 11 + n % 100, n / 100 % 256, n / 25_600 % 256))
}

/// The hotels and trains of the owner.
fn hotel(n: u64) -> Source {
    net(&format!("{}.{}.7.1", 120 + n % 64, n / 64 % 256))
}

/// Those that do not fall into the range of [`stranger`].
fn other_hotel(n: u64) -> Source {
    let user = User::with_phone();
    let range = |source| throttle::lane_of(&user.record, source, user.enrollment.devices.first().map(|d| &d.secret));
    (0..).map(|more| hotel(n * 3 + more)).find(|source| range(*source) != range(stranger(0))).unwrap()
}

/// Ten logins a day, as people work.
fn a_usual_day() -> Vec<u64> {
    [7, 9, 10, 11, 13, 14, 15, 16, 17, 20].map(|hour| hour * HOUR + 7).to_vec()
}

fn all_day(times: u64) -> Vec<u64> {
    (0..times).map(|n| n * DAY / times + 7).collect()
}

fn year(from: Place, guessers: &[(Manner, Place)]) -> Year {
    let guessers = guessers.iter().map(|(manner, from)| Guesser { manner: *manner, from: *from }).collect();
    Year {
        user: User::with_phone(),
        days: effort(28, 365) as u64,
        visits: a_usual_day(),
        from,
        mistyped: 10,
        known: vec![home, office, cabin, loopback],
        guessers,
        flood: None,
    }
}

fn heading() {
    println!(
        "{:60} {:>8} {:>8} {:>8} {:>8} {:>7} {:>7}",
        "", "guesses", "3 codes", "6 codes", "account", "waits", "three"
    );
    println!("{:60} {:>8} {:>8} {:>8} {:>8} {:>7} {:>7}", "", "a day", "a year", "a year", "a year", "of 100", "codes");
}

fn tell(strategy: &str, told: &Told) {
    println!(
        "{strategy:60} {:8.1} {:7.3}% {:7.3}% {:7.3}% {:7.1} {:7}",
        told.guesses_a_day(),
        told.chance(3.0) * 100.0,
        told.chance(6.0) * 100.0,
        told.chance_of_account(3.0) * 100.0,
        told.waits as f64 * 100.0 / told.visits.max(1) as f64,
        told.triples,
    );
}

/// At most one percent a year in each class of lanes for three right codes, two for six, and three for the account.
fn comes_to(strategy: &str, year: Year) -> Told {
    let told = year.passes();
    tell(strategy, &told);
    assert!(told.chance(3.0) <= 0.01 && told.chance(6.0) <= 0.02, "{strategy}: {told:?}");
    assert!(told.chance_of_account(3.0) <= 0.027, "{strategy}: {told:?}");
    // What was open at each guess was no more than that: codes that the owner has used are not right any more.
    let guesses: u64 = told.guesses.iter().sum();
    assert!(told.hits <= guesses as f64 * 3.0 / 1e6 + 1e-12, "{strategy}: {told:?}");
    told
}

/// So many of a hundred visits meet a wait, and the owner gets in by two codes in a row.
fn meets_waits(told: &Told, least: f64, most: f64) {
    let waits = told.waits as f64 * 100.0 / told.visits as f64;
    assert!((least..=most).contains(&waits), "{waits} of a hundred visits: {told:?}");
}

#[test]
fn in_the_owners_own_lane() {
    heading();
    meets_waits(&comes_to("nobody", year(local, &[])), 0., 0.);
    meets_waits(&comes_to("greedy, the owner's own lane", year(local, &[(Greedy, local)])), 95., 100.);
    meets_waits(&comes_to("greedy, a neighbor of the owner", year(home, &[(Greedy, neighbor)])), 95., 100.);
    meets_waits(&comes_to("patient, knows the owner's visits", year(local, &[(Patient, local)])), 5., 40.);
    meets_waits(&comes_to("always leaves three tries", year(local, &[(Leaves(3), local)])), 0., 5.);
}

#[test]
fn in_another_lane_of_the_owners_class() {
    heading();
    // One lane alone never takes more than its own from the class.
    meets_waits(&comes_to("greedy, by the door", year(local, &[(Greedy, door)])), 0., 0.);
    meets_waits(&comes_to("greedy, from another known network", year(home, &[(Greedy, office)])), 0., 0.);
    let two = [(Greedy, office as Place), (Greedy, cabin)];
    meets_waits(&comes_to("greedy, from two other known networks", year(home, &two)), 60., 100.);
}

#[test]
fn strangers_on_the_network() {
    heading();
    meets_waits(&comes_to("one stranger, owner at home", year(home, &[(Greedy, stranger)])), 0., 0.);
    let told =
        comes_to("one stranger, owner in new networks of other ranges", year(other_hotel, &[(Greedy, stranger)]));
    meets_waits(&told, 0., 0.);
    meets_waits(&comes_to("10,000 addresses, owner at home", year(home, &[(Greedy, botnet)])), 0., 0.);
    let told = comes_to("10,000 addresses, owner in new networks", year(hotel, &[(Greedy, botnet)]));
    meets_waits(&told, 60., 100.);
    let told = comes_to("10,000 addresses that leave three", year(hotel, &[(Leaves(3), botnet)]));
    meets_waits(&told, 0., 5.);
}

#[test]
fn a_stolen_session_and_everywhere_at_once() {
    heading();
    let session = [(Greedy, local as Place), (Greedy, door), (Greedy, loopback)];
    let told = comes_to("stolen session: sudo, door, ssh to localhost", year(local, &session));
    assert_eq!(told.guesses[2], 0, "{:?}: two classes", CLASSES);
    let everywhere =
        |manner| [local as Place, door, neighbor, office, cabin, stranger, botnet].map(|from| (manner, from));
    comes_to("everywhere at once, greedy", year(local, &everywhere(Greedy)));
    comes_to("everywhere at once, patient", year(local, &everywhere(Patient)));
    comes_to("the same, owner 50 a day", Year { visits: all_day(50), ..year(local, &everywhere(Patient)) });
}

/// A hundred in all, and then none.
#[test]
fn of_an_owner_who_is_never_there() {
    heading();
    let everywhere = [local as Place, door, neighbor, office, cabin, stranger, botnet].map(|from| (Greedy, from));
    for guessers in [&everywhere[..], &everywhere[..1]] {
        let told = Year { visits: Vec::new(), days: 60, ..year(local, guessers) }.passes();
        tell("owner never there", &told);
        assert_eq!(told.guesses.iter().sum::<u64>(), 100);
    }
}

/// Who floods takes the pairs of everybody in that class; three in a row are nobody's to take.
#[test]
fn under_a_flood_of_pairs_the_owner_gets_in() {
    heading();
    for (place, from, flood, guess) in [
        ("own lane", local as Place, local as Place, local as Place),
        ("from the neighbor", home, neighbor, neighbor),
        ("10,000 addresses, owner in new networks", hotel, botnet, botnet),
    ] {
        let days = effort(5, 100) as u64;
        let flooded = Year { flood: Some(flood), days, ..year(from, &[(Greedy, guess)]) };
        let told = flooded.passes();
        tell(&format!("flood of pairs and greedy: {place}"), &told);
        assert!(told.waits == told.triples && told.waits * 4 > told.visits, "{told:?}");
        // Without a guesser of single codes the flood stops nobody at all.
        let told = Year { flood: Some(flood), days, ..year(from, &[]) }.passes();
        tell(&format!("flood of pairs: {place}"), &told);
        assert_eq!(told.waits, 0);
    }
}

/// What a flood of pairs itself may hit: one class, by three pairs of a million million, below a thousandth of a percent.
#[test]
fn a_flood_of_pairs_hits_nothing() {
    let mut user = User::with_phone();
    let (mut looked_at, days) = (0_u64, 2);
    for second in 0..days * DAY / 20 {
        let now = NOW + second * 20;
        for _ in 0..4 {
            let typed = format!("{:06}-{:06}", second % 1_000_000, 999_999 - second % 1_000_000);
            looked_at += u64::from(!matches!(user.types(typed, now), attempt::Outcome::Waiting { .. }));
        }
    }
    assert!(looked_at <= 20 + days * DAY / 10, "{looked_at}");
    let a_year = (20 + 365 * DAY / 10) as f64;
    // Over all that drift can hold, by five phones, in three classes.
    assert!(a_year * 3e-12 < 1e-5 && a_year * 55e-12 * 3.0 < 1e-3);
}

/// Whoever has more codes of a million that are right pays more for a wrong one.
#[test]
fn more_right_codes_make_each_guess_dearer() {
    let (phone, token) = (Kind::Totp { period: 30 }, Kind::Hotp { start: 0 });
    println!("{:40} {:>6} {:>7} {:>9} {:>9}", "", "right", "weight", "flat", "a year");
    for (what, kinds, drift, window, most) in [
        ("a phone", vec![phone], Some(0), 1, 0.90),
        ("a phone four steps off", vec![phone], Some(4), 1, 1.78),
        ("two phones", vec![phone; 2], Some(0), 1, 1.78),
        ("three phones", vec![phone; 3], Some(0), 1, 1.37),
        ("five phones", vec![phone; 5], Some(0), 1, 1.55),
        ("a token", vec![token], Some(0), 1, 1.52),
        ("a token and a phone", vec![token, phone], Some(0), 1, 1.35),
        ("imported and not seen yet", vec![phone], None, 1, 1.67),
        ("five phones four steps off", vec![phone; 5], Some(-4), 1, 1.95),
        ("five tokens", vec![token; 5], Some(0), 1, 1.95),
        ("five that were not seen, the widest window", vec![phone; 5], None, 3, 2.15),
    ] {
        for digits in 6..=8 {
            let devices = (0..).zip(&kinds).map(|(n, kind)| with_digits(n, *kind, digits)).collect();
            let mut user = User { window, ..User::with(devices) };
            user.record.devices.iter_mut().for_each(|line| line.drift = drift);
            let right = open(&user, NOW);
            let weight = attempt::weight(&user.enrollment, &user.record, NOW, window);
            let of_all = 10_f64.powi(digits.into());
            let chance = |guesses: f64| (1.0 - (-guesses * right as f64 / of_all).exp()) * 100.0;
            let (flat, a_year) = (chance(2_980.0), chance(in_a_class(weight) as f64));
            println!("{what:40} {right:6} {weight:7} {flat:8.3}% {a_year:8.3}%  {digits} digits");
            assert!(a_year <= most, "{what}: {a_year}");
        }
    }
}

fn with_digits(n: u8, kind: Kind, digits: u8) -> Device {
    Device { digits: Digits::new(digits).unwrap(), ..device(n, kind) }
}

/// Wrong codes that a class pays for in a year, whoever types them.
fn in_a_class(weight: u64) -> u64 {
    let mut record = pam_totp::factor::record::Record::default();
    let mut guesses = 0;
    for (hour, range) in (0..365 * 24).flat_map(|hour| (0..8).map(move |range| (hour, range))) {
        let buckets = Buckets::new(LaneKey::Other(range), &Limits::default(), weight, NOW + hour * HOUR);
        buckets.pull_in(&mut record);
        while buckets.left(&record) > 0 {
            buckets.charge_single(&mut record);
            (guesses, record.row) = (guesses + 1, 0);
        }
    }
    guesses
}

/// What the sums above stand on: these codes of a million are right, and no others.
#[test]
fn so_many_codes_are_right() {
    let tried = effort(1_000, 20_000);
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
                    .filter(|code| accepted(&user.decide(code, NOW).outcome))
                    .collect::<Vec<_>>()
            })
            .collect();
        known.sort();
        assert_eq!(known.len() as u64, right);
        let typed = (0..tried).map(|n| format!("{n:06}"));
        let hits: Vec<String> = typed.filter(|code| accepted(&user.decide(code, NOW).outcome)).collect();
        known.retain(|code| code.parse::<usize>().unwrap() < tried);
        assert_eq!(hits, known);
    }
}
