//! Days and days of one user: his logins, those who guess between them, and what both come to.

use std::collections::{BTreeMap, BTreeSet};

use pam_totp::account::Account;
use pam_totp::attempt::{Decision, Outcome};
use pam_totp::enrollment::{Device, Kind};
use pam_totp::source::{Network, Source};
use pam_totp::state::{Lane, LaneKey, Record};
use pam_totp::throttle::{Limits, lane_of};
use pam_totp::trust::Memory;

use crate::heart::{NOW, User, accepted};

const DAY: u64 = 86_400;
/// RFC 4226 section 7.4, as the heart has it.
const LOOK_AHEAD: u64 = 10;
const MAX_DRIFT: u64 = 4;

/// Where the guess of this number, or the login on the day of this number, comes from.
pub type Place = fn(u64) -> Source;

/// A login of the owner's: on every so many days, at this second of the day.
#[derive(Clone, Copy)]
pub struct Visit {
    pub every: u64,
    pub at: u64,
    pub from: Place,
}

/// Somebody who guesses.
#[derive(Clone, Copy)]
pub struct Guesser {
    pub manner: Manner,
    pub from: Place,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// As often as the waits allow.
    Greedy,
    /// Until a wait begins, and then not for so many seconds.
    Bursts(u64),
    /// As often as the waits allow, but so that none meets the owner, whose success makes all of them short again.
    /// Knows his days. Nobody gets more guesses: the waits only grow until then.
    Patient,
    /// What is free, and then not before the owner has been there.
    Free,
    /// The code that the owner has just typed: somebody looked over his shoulder.
    Replays,
    /// Answers that are no code, each so many seconds.
    NoCodes(u64),
    /// What has the shape of a backup code, each so many seconds, waits or not.
    BackupCodes(u64),
}

/// The days to come.
pub struct Year {
    pub user: User,
    pub days: u64,
    pub owner: Vec<Visit>,
    pub guessers: Vec<Guesser>,
    /// `[remember]`, in hours.
    pub remember: Option<u64>,
}

/// What they came to.
#[derive(Clone, Debug, Default)]
pub struct Told {
    pub days: u64,
    /// Codes that were looked at.
    pub guesses: u64,
    /// How many hits they were on the average: the chance, as long as it is small.
    pub hits: f64,
    /// Backup-shaped answers that were looked at.
    pub backup: u64,
    pub logins: u64,
    /// Logins for which `[remember]` asked for no code.
    pub unasked: u64,
    /// The owner's logins that met a wait: where nobody else guesses,
    pub refused: u64,
    /// where somebody guesses from the same place,
    pub refused_shared: u64,
    /// and on a new network.
    pub refused_elsewhere: u64,
}

impl Told {
    pub fn chance_a_day(&self) -> f64 {
        self.hits / self.days as f64
    }

    pub fn chance_a_year(&self) -> f64 {
        1.0 - (-self.chance_a_day() * 365.0).exp()
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

/// The most guesses that are looked at in a lane for so long after a success there.
///
/// Whatever the policy: a hundred (NIST SP 800-63B section 5.2.2) and one each six hours. By default: one each
/// quarter of an hour, and ten more, for five are free, and the five waits after them are shorter than that.
fn at_most(limits: &Limits, seconds: u64) -> u64 {
    let ever = 100 + seconds / 21_600;
    if *limits == Limits::default() { ever.min(10 + seconds / 900) } else { ever }
}

/// Guesses in a lane since the last success there.
#[derive(Clone, Copy)]
struct Gap {
    since: u64,
    guesses: u64,
}

struct Hand {
    guesser: Guesser,
    guesses: u64,
    next: u64,
}

struct Passing {
    year: Year,
    now: u64,
    visits: Vec<(u64, Source)>,
    visited: usize,
    hands: Vec<Hand>,
    gaps: BTreeMap<String, Gap>,
    /// Lanes in which anybody guessed.
    guessed: BTreeSet<String>,
    number: u64,
    /// When the owner last got in, and with which code.
    typed: Option<(u64, String)>,
    told: Told,
}

impl Year {
    pub fn passes(self) -> Told {
        // A day before anybody guesses: the owner's networks are known.
        let (begin, end) = (NOW + DAY, NOW + DAY + self.days * DAY);
        let mut visits: Vec<(u64, Source)> = (0..=self.days)
            .flat_map(|day| self.owner.iter().map(move |visit| (day, *visit)))
            .filter(|(day, visit)| day % visit.every == 0)
            .map(|(day, visit)| (NOW + day * DAY + visit.at, (visit.from)(day)))
            .collect();
        visits.sort_by_key(|(at, _)| *at);
        let hands = self.guessers.iter().map(|guesser| Hand { guesser: *guesser, guesses: 0, next: begin }).collect();
        let told = Told { days: self.days, ..Told::default() };
        let (gaps, guessed) = (BTreeMap::new(), BTreeSet::new());
        let mut passing =
            Passing { year: self, now: NOW, visits, visited: 0, hands, gaps, guessed, number: 0, typed: None, told };
        while passing.step(end) {}
        passing.told
    }
}

impl Passing {
    /// Whoever is next; of two the owner, after whom the guesser finds the waits short again.
    fn step(&mut self, end: u64) -> bool {
        let visit = self.visits.get(self.visited).map_or(end, |(at, _)| *at);
        let hand = self.hands.iter().enumerate().min_by_key(|(_, hand)| hand.next).map(|(n, hand)| (n, hand.next));
        match hand {
            Some((n, at)) if at < visit => {
                self.now = at;
                self.guess(n);
            }
            _ if visit < end => {
                self.now = visit;
                self.visit();
            }
            _ => return false,
        }
        true
    }

    fn memory(&self, source: Source) -> Option<Memory> {
        let (Source::Net(address), Some(hours)) = (source, self.year.remember) else { return None };
        let account = Account { name: "alice".into(), uid: 1000, gid: 1000 };
        Some(Memory::new(hours, &account, address))
    }

    /// The owner comes with the code of his phone.
    fn visit(&mut self) {
        let source = self.visits[self.visited].1;
        self.visited += 1;
        let memory = self.memory(source);
        if memory.as_ref().is_some_and(|memory| memory.holds(&self.year.user.record, self.now)) {
            self.told.unasked += 1;
            return;
        }
        let user = &mut self.year.user;
        user.source = source;
        let (lane, code) = (lane_of(&user.record, source), user.code(self.now, 0));
        match user.types(&code, self.now) {
            Outcome::Accepted { .. } => {
                if let Some(memory) = memory {
                    memory.keep(&mut user.record, self.now);
                }
                self.told.logins += 1;
                self.typed = Some((self.now, code));
                let own = lane_of(&self.year.user.record, source);
                for lane in [lane, own] {
                    self.gaps.insert(lane.to_string(), Gap { since: self.now, guesses: 0 });
                }
            }
            Outcome::Waiting { .. } => self.refused(lane),
            other => panic!("the owner's own code: {other:?}"),
        }
    }

    fn refused(&mut self, lane: LaneKey) {
        match lane {
            LaneKey::Other => self.told.refused_elsewhere += 1,
            lane if self.guessed.contains(&lane.to_string()) => self.told.refused_shared += 1,
            _ => self.told.refused += 1,
        }
        let way_in = self.year.user.decide(super::BACKUP_CODE.as_bytes(), self.now).outcome;
        assert!(accepted(&way_in), "a backup code gets in everywhere: {way_in:?}");
    }

    fn guess(&mut self, n: usize) {
        let Hand { guesser, guesses, .. } = self.hands[n];
        let source = (guesser.from)(guesses);
        assert!(
            !self.memory(source).is_some_and(|memory| memory.holds(&self.year.user.record, self.now)),
            "remembered, who never got in"
        );
        self.year.user.source = source;
        let next = match guesser.manner {
            Manner::Replays => self.replays(),
            Manner::NoCodes(every) => {
                for answer in ["", "12345", "\x08\n\r\x7fINCORRECT", "correct horse battery staple"] {
                    self.counts_not(answer, |outcome| *outcome == Outcome::NotACode);
                }
                self.now + every
            }
            Manner::BackupCodes(every) => self.guesses_backup(every),
            manner => self.guesses_code(manner),
        };
        self.hands[n].next = next;
        self.hands[n].guesses += 1;
    }

    /// A code that is wrong whoever has it; returns when this guesser comes again.
    fn guesses_code(&mut self, manner: Manner) -> u64 {
        let decision = self.wrong();
        match decision.outcome {
            Outcome::Waiting { until } => until,
            Outcome::Wrong { wait_until, .. } => {
                let meets = wait_until.filter(|until| match manner {
                    Manner::Patient => *until > self.owner_comes(),
                    Manner::Free => true,
                    _ => false,
                });
                if meets.is_some() {
                    return self.owner_comes();
                }
                self.told.guesses += 1;
                let digits = self.year.user.enrollment.digits().get();
                self.told.hits += open(&self.year.user, self.now) as f64 / 10_f64.powi(digits as i32);
                self.counted(decision);
                match (manner, wait_until) {
                    (Manner::Bursts(every), Some(until)) => until.max(self.now + every),
                    (_, until) => until.unwrap_or(self.now),
                }
            }
            other => panic!("a wrong code: {other:?}"),
        }
    }

    /// The next visit to the lane of the guess, as things stand.
    fn owner_comes(&self) -> u64 {
        let record = &self.year.user.record;
        let lane = lane_of(record, self.year.user.source);
        let visits = self.visits.iter().skip(self.visited);
        visits.clone().find(|(_, from)| lane_of(record, *from) == lane).map_or(u64::MAX, |(at, _)| *at)
    }

    /// Whether it would hit is counted, not tried: these miss.
    fn wrong(&mut self) -> Decision {
        loop {
            let digits = self.year.user.enrollment.digits().get();
            self.number = (self.number + 1) % 10_u64.pow(digits as u32);
            let decision = self.year.user.decide(format!("{:0digits$}", self.number).as_bytes(), self.now);
            if matches!(decision.outcome, Outcome::Wrong { .. } | Outcome::Waiting { .. }) {
                return decision;
            }
        }
    }

    fn guesses_backup(&mut self, every: u64) -> u64 {
        let decision = self.year.user.decide(b"0000-0000-0000-0000", self.now);
        self.told.backup += 1;
        match decision.outcome {
            Outcome::Wrong { .. } => self.counted(decision),
            Outcome::Waiting { .. } => assert!(decision.write.is_none()),
            other => panic!("a wrong backup code: {other:?}"),
        }
        self.now + every
    }

    fn replays(&self) -> u64 {
        if let Some((_, code)) = self.typed.as_ref().filter(|(at, _)| *at == self.now) {
            self.counts_not(code, |outcome| matches!(outcome, Outcome::Used { .. }));
        }
        self.visits.get(self.visited).map_or(u64::MAX, |(at, _)| *at)
    }

    fn counts_not(&self, answer: &str, is_so: impl Fn(&Outcome) -> bool) {
        let decision = self.year.user.decide(answer.as_bytes(), self.now);
        assert!(is_so(&decision.outcome) && decision.write.is_none(), "{answer:?}: {:?}", decision.outcome);
    }

    /// A failure is written; what the lanes owe is owed still.
    fn counted(&mut self, decision: Decision) {
        let user = &mut self.year.user;
        let lane = lane_of(&user.record, user.source).to_string();
        let record = decision.write.expect("a failure is counted");
        assert_owes_as_much(&user.record, &record, self.now);
        user.record = record;
        let gap = self.gaps.entry(lane.clone()).or_insert(Gap { since: NOW + DAY, guesses: 0 });
        gap.guesses += 1;
        let most = at_most(&user.limits, self.now - gap.since);
        assert!(gap.guesses <= most, "{lane}: {} since its last success, {most} are the most", gap.guesses);
        self.guessed.insert(lane);
    }
}

/// Who gets in nowhere can put no lane out of the record, and wash no wait out.
fn assert_owes_as_much(before: &Record, after: &Record, now: u64) {
    let networks = |record: &Record| -> Vec<Network> {
        let network = |lane: &Lane| if let LaneKey::Net(network) = lane.key { Some(network) } else { None };
        record.lanes.iter().filter_map(network).collect()
    };
    assert_eq!(networks(before), networks(after));
    for lane in &before.lanes {
        let later = after.lane(lane.key).expect("no lane goes");
        let until = if lane.until > now { lane.until } else { 0 };
        assert!(later.fails >= lane.fails && later.until >= until, "{lane:?} {later:?}");
    }
}
