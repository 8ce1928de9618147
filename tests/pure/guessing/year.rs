//! Days and days of one user: their logins, those who guess between them, and what both come to.

use pam_totp::factor::attempt::{Decision, Outcome};
use pam_totp::factor::enrollment::{Device, Kind};
use pam_totp::factor::record::{ClassKey, LaneKey, Record};
use pam_totp::factor::source::Source;
use pam_totp::factor::throttle::{self, BucketLevel};

use crate::pure::decision::{NOW, User, accepted};

pub const DAY: u64 = 86_400;
/// RFC 4226 section 7.4, as the decision has it.
const LOOK_AHEAD: u64 = 10;
const MAX_DRIFT: u64 = 4;
/// So many addresses somebody tries before they wait.
const TRIES: u64 = 24;

/// Where the guess of this number, or the owner's login of this number, comes from.
pub type Place = fn(u64) -> Source;

/// Somebody who guesses single codes.
#[derive(Clone, Copy)]
pub struct Guesser {
    pub manner: Manner,
    pub from: Place,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// Whenever a code is looked at.
    Greedy,
    /// But so that the owner, whose visits they know, meets no wait.
    Patient,
    /// But so that as many tries are always left.
    Leaves(u32),
}

/// The days to come.
pub struct Year {
    pub user: User,
    pub days: u64,
    /// Seconds of the day at which the owner comes, and from where.
    pub visits: Vec<u64>,
    pub from: Place,
    /// Of a hundred codes of theirs so many are mistyped.
    pub mistyped: u64,
    /// Networks from which the owner has logged in before.
    pub known: Vec<Place>,
    pub guessers: Vec<Guesser>,
    /// Somebody has wrong pairs judged, as many as the machine takes, before whatever the owner types.
    pub flood: Option<Place>,
}

/// What they came to.
#[derive(Clone, Debug, Default)]
pub struct Told {
    pub days: u64,
    /// Codes of guessers that were looked at, in each class.
    pub guesses: [u64; 3],
    /// How many hits they were on the average.
    pub hits: f64,
    pub visits: u64,
    /// The owner's visits in which a single code was not looked at.
    pub waits: u64,
    /// And in which two in a row were not, either.
    pub triples: u64,
}

impl Told {
    /// Guesses of a whole year: what the buckets held at first, and what came back since.
    fn a_year(guesses: u64, days: u64) -> f64 {
        let first = guesses.min(60);
        first as f64 + (guesses - first) as f64 * 365.0 / days as f64
    }

    /// The chance of a year, where so many codes of a million are right, in the class where it is highest.
    pub fn chance(&self, right: f64) -> f64 {
        let most = self.guesses.iter().map(|guesses| Self::a_year(*guesses, self.days)).fold(0.0, f64::max);
        1.0 - (-most * right / 1e6).exp()
    }

    /// In all classes at once.
    pub fn chance_of_account(&self, right: f64) -> f64 {
        let all: f64 = self.guesses.iter().map(|guesses| Self::a_year(*guesses, self.days)).sum();
        1.0 - (-all * right / 1e6).exp()
    }

    pub fn guesses_a_day(&self) -> f64 {
        self.guesses.iter().sum::<u64>() as f64 / self.days as f64
    }
}

/// So many codes would be right now, each once.
pub fn open(user: &User, now: u64) -> u64 {
    let of = |device: &Device| {
        let line = user.record.device(&device.id).expect("a healed record");
        let (Kind::Totp { .. }, Some(last)) = (device.kind, line.last) else { return LOOK_AHEAD };
        let clock = device.step(now).expect("a clock");
        let reach = user.window + if line.drift.is_some() { 0 } else { MAX_DRIFT };
        let centre = clock.saturating_add_signed(line.drift.unwrap_or_default().into());
        let (from, to) = (centre.saturating_sub(reach).min(clock), (centre + reach).max(clock));
        (from..=to).filter(|step| *step > last).count() as u64
    };
    user.enrollment.devices.iter().map(of).sum()
}

/// The same each time.
pub struct Dice(pub u64);

impl Dice {
    /// Of a hundred throws so many.
    pub fn falls(&mut self, of_hundred: u64) -> bool {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % 100 < of_hundred
    }
}

struct Hand {
    guesser: Guesser,
    guesses: u64,
    next: u64,
}

struct Passing {
    year: Year,
    now: u64,
    visits: Vec<u64>,
    visited: usize,
    hands: Vec<Hand>,
    dice: Dice,
    number: u64,
    told: Told,
}

impl Year {
    pub fn passes(mut self) -> Told {
        for (n, known) in (1..).zip(&self.known) {
            let now = NOW - DAY + n * 60;
            self.user.source = known(0);
            assert!(accepted(&self.user.types(self.user.code(now, 0), now)));
        }
        let mut visits: Vec<u64> =
            (0..self.days).flat_map(|day| self.visits.iter().map(move |at| NOW + day * DAY + at)).collect();
        visits.sort_unstable();
        let end = NOW + self.days * DAY;
        let hands = self.guessers.iter().map(|guesser| Hand { guesser: *guesser, guesses: 0, next: NOW }).collect();
        let told = Told { days: self.days, ..Told::default() };
        let dice = Dice(0x9e37_79b9_7f4a_7c15);
        let mut passing = Passing { year: self, now: NOW, visits, visited: 0, hands, dice, number: 0, told };
        while passing.step(end) {}
        let most = 60 + 8 * passing.told.days + 1;
        let told = passing.told;
        assert!(told.guesses.iter().all(|guesses| *guesses <= most), "a class pays for no more than {most}: {told:?}");
        told
    }
}

impl Passing {
    fn step(&mut self, end: u64) -> bool {
        let visit = self.visits.get(self.visited).copied().unwrap_or(end);
        let hand = self.hands.iter().enumerate().min_by_key(|(_, hand)| hand.next).map(|(n, hand)| (n, hand.next));
        match hand {
            Some((n, at)) if at < visit => {
                self.now = self.now.max(at);
                self.hands[n].next = self.guesses(n).max(self.now + 1);
            }
            _ if visit < end => {
                self.now = self.now.max(visit);
                self.visit();
            }
            _ => return false,
        }
        true
    }

    /// The owner comes with the phone, and gets in.
    fn visit(&mut self) {
        let source = (self.year.from)(self.visited as u64);
        self.visited += 1;
        self.told.visits += 1;
        while self.dice.falls(self.year.mistyped) {
            let typed = self.wrong_code();
            match self.types(source, typed, 0) {
                Outcome::Wrong { .. } => self.now += 10,
                Outcome::Waiting { .. } => break,
                Outcome::Accepted { .. } => return,
                other => panic!("a mistyped code: {other:?}"),
            }
        }
        let first = self.now;
        let typed = self.row(first, 1);
        match self.types(source, typed, 0) {
            Outcome::Accepted { .. } => return,
            Outcome::Waiting { need, .. } => assert!(need <= 3),
            other => panic!("the owner's own code: {other:?}"),
        }
        self.told.waits += 1;
        let typed = self.row(first, 2);
        match self.types(source, typed, 30) {
            Outcome::Accepted { .. } => return,
            Outcome::Waiting { need: 3, .. } => {
                assert!(self.year.flood.is_some(), "no pairs are looked at without a flood")
            }
            other => panic!("two in a row: {other:?}"),
        }
        self.told.triples += 1;
        let typed = self.row(first, 3);
        let outcome = self.types(source, typed, 30);
        assert!(accepted(&outcome), "no owner with the phone is ever shut out: {outcome:?}");
    }

    fn row(&self, first: u64, count: i64) -> String {
        self.year.user.row(first, 0, count)
    }

    /// What the owner types so many seconds later.
    fn types(&mut self, source: Source, typed: String, later: u64) -> Outcome {
        self.now += later;
        if let Some(from) = self.year.flood {
            self.floods(from);
        }
        self.year.user.source = source;
        self.year.user.types(typed, self.now)
    }

    fn floods(&mut self, from: Place) {
        let row = self.year.user.record.row;
        for n in 0.. {
            self.year.user.source = from(n);
            let typed = [self.wrong_code(), self.wrong_code()].join("-");
            let typed = if typed[..6] == typed[7..] { "000000-000001".into() } else { typed };
            match self.year.user.types(typed, self.now) {
                Outcome::Waiting { need: 3, .. } => break,
                other => assert!(n <= 20, "{other:?}"),
            }
        }
        assert_eq!(self.year.user.record.row, row, "pairs close no single codes");
    }

    /// As many as the manner takes; returns when this guesser comes again.
    fn guesses(&mut self, n: usize) -> u64 {
        let Hand { guesser: Guesser { manner, from }, guesses, .. } = self.hands[n];
        let mut again = u64::MAX;
        for try_ in 0..TRIES {
            let source = from(guesses + try_);
            match self.guess(manner, source) {
                None => {
                    self.hands[n].guesses = guesses + try_ + 1;
                    return self.now;
                }
                Some(later) => again = again.min(later),
            }
            if from(guesses) == from(guesses + try_ + 1) {
                break;
            }
        }
        again
    }

    /// One guess from there; or when the next one is worth a try.
    fn guess(&mut self, manner: Manner, source: Source) -> Option<u64> {
        self.year.user.source = source;
        let decision = self.wrong();
        let class = self.lane(source).class();
        match decision.outcome {
            Outcome::Waiting { until, .. } => return Some(until.unwrap_or(self.next_visit()).max(self.now + 1)),
            Outcome::Wrong { left, .. } => {
                let record = decision.write.expect("a guess is counted");
                if !self.is_worth_it(manner, left, &record, source) {
                    return Some((self.now + 3_600).min(self.next_visit().max(self.now + 1)));
                }
                self.told.hits += open(&self.year.user, self.now) as f64 / 1e6;
                self.year.user.record = record;
            }
            other => panic!("a wrong code: {other:?}"),
        }
        self.told.guesses[class as usize] += 1;
        None
    }

    fn is_worth_it(&self, manner: Manner, left: u32, record: &Record, source: Source) -> bool {
        match manner {
            Manner::Greedy => true,
            Manner::Leaves(tries) => left >= tries,
            Manner::Patient if left > 0 => true,
            Manner::Patient => {
                let lane = self.lane(source);
                let level = |level: &BucketLevel| (level.lane == lane).then_some(level.opens);
                let opens = throttle::levels(record, &self.year.user.limits, self.now).iter().find_map(level);
                opens.is_some_and(|opens| opens < self.next_visit())
            }
        }
    }

    fn next_visit(&self) -> u64 {
        self.visits.get(self.visited).copied().unwrap_or(u64::MAX)
    }

    fn lane(&self, source: Source) -> LaneKey {
        let user = &self.year.user;
        throttle::lane_of(&user.record, source, user.enrollment.devices.first().map(|device| &device.secret))
    }

    /// Whether it would hit is counted, not tried: these miss.
    fn wrong(&mut self) -> Decision {
        loop {
            let typed = self.wrong_code();
            let decision = self.year.user.decide(typed, self.now);
            if matches!(decision.outcome, Outcome::Wrong { .. } | Outcome::Waiting { .. }) {
                return decision;
            }
        }
    }

    fn wrong_code(&mut self) -> String {
        self.number = (self.number + 1) % 1_000_000;
        format!("{:06}", self.number)
    }
}

/// The places of [`Told::guesses`].
pub const CLASSES: [ClassKey; 3] = [ClassKey::Here, ClassKey::Known, ClassKey::Other];
