//! The observer, who sees every answer and forgets nothing: which codes were accepted, and which guesses were judged.

use std::collections::BTreeSet;
use std::sync::Mutex;

use pam_totp::factor::record::{ClassKey, LaneKey, Record};
use pam_totp::factor::throttle::class_every;

use crate::keys::{BACKUP, Enrolled, PERIOD, Phone, Typed};
use crate::mutation::Exception;
use crate::run::{Call, Guess, LIMITS, Run};

/// What happened at least once: a model in which nothing happens holds every promise.
#[derive(Debug, Default)]
pub struct Seen(Mutex<BTreeSet<&'static str>>);

impl Seen {
    pub fn mark(&self, what: &'static str) {
        self.0.lock().expect("nobody panics with it").insert(what);
    }

    pub fn all(&self) -> BTreeSet<&'static str> {
        self.0.lock().expect("nobody panics with it").clone()
    }
}

/// The lanes of the two kinds of callers that there are here, both of one class.
const LANES: [LaneKey; 2] = [LaneKey::Local, LaneKey::Door];
/// Two codes in a row: so many, one back each so many seconds; so many lanes pay from the bucket of a class.
const PAIRS: u64 = 20;
const PAIR_EVERY: u64 = 10;
const CLASS: u64 = 4;

/// Wrong codes, in the seconds that it takes a bucket to get them back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Owed {
    lanes: [u64; 2],
    class: u64,
    rows: u64,
}

impl Owed {
    fn each(&mut self) -> [&mut u64; 4] {
        let [own, door] = &mut self.lanes;
        [own, door, &mut self.class, &mut self.rows]
    }

    fn time_goes_on(&mut self, seconds: u64) {
        self.each().into_iter().for_each(|owed| *owed = owed.saturating_sub(seconds));
    }

    /// One guess more, of a step ago where it has aged.
    fn add(&mut self, guess: &Guess, has_aged: bool) {
        let aged = if has_aged { PERIOD } else { 0 };
        let add = |owed: &mut u64, every: u64| *owed += every.saturating_sub(aged);
        if guess.is_row {
            add(&mut self.rows, PAIR_EVERY);
        } else {
            add(&mut self.lanes[guess.lane], LIMITS.every);
            add(&mut self.class, class_every(LIMITS.every));
        }
    }

    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }

    /// Does a record hold as much? Its unit is longer where more codes are right.
    pub fn is_in(&self, record: &Record, now: u64) -> bool {
        let unit = record.unit.unwrap_or(LIMITS.every);
        let holds = |full: u64, owed: u64, unit: u64, every: u64| full.saturating_sub(now) * every >= owed * unit;
        let class = record.class(ClassKey::Here);
        let lane = |key: LaneKey| record.lane(key).map_or(0, |lane| lane.full);
        let (class_unit, class_once) = (class_every(unit), class_every(LIMITS.every));
        LANES.into_iter().zip(self.lanes).all(|(key, owed)| holds(lane(key), owed, unit, LIMITS.every))
            && holds(class.map_or(0, |class| class.full), self.class, class_unit, class_once)
            && holds(class.map_or(0, |class| class.pairs), self.rows, PAIR_EVERY, PAIR_EVERY)
    }
}

/// What is known of all that was said.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Ghost {
    /// Every code that somebody was let in with, or that proved a key that was stored.
    accepted: BTreeSet<(u8, u64)>,
    /// A code was accepted again.
    pub twice: bool,
    /// A code was accepted that is older than one that was.
    pub older: bool,
    /// An enrollment was voided by who did not say so.
    pub voided: bool,
    /// Somebody paid for a used code.
    pub paid: bool,
    /// Wrong codes that were judged: a caller who can stop a program may know of them.
    judged: Owed,
    /// Those of them that somebody was told of, which the power must not take away.
    told: Owed,
    /// An administrator or the disk lost the state.
    pub lost: bool,
    /// Steps that the clock went back, in all.
    pub back: u64,
    /// Somebody whose phone is fast typed late.
    pub fast_and_late: bool,
    /// The exception that is not granted.
    denied: Option<Exception>,
}

impl Ghost {
    /// Who grants all exceptions but this one.
    pub fn denying(denied: Option<Exception>) -> Self {
        Self { denied, ..Self::default() }
    }

    pub fn accept(&mut self, typed: Typed, seen: &Seen) {
        seen.mark(match typed {
            Typed::Code(Phone::A, _) => "a code of phone A was accepted",
            Typed::Code(Phone::B, _) => "a code of phone B was accepted",
            Typed::Row(..) => "two codes in a row were accepted",
            Typed::Backup(_) => "a backup code was accepted",
            Typed::Wrong | Typed::Half(..) => "a wrong code was accepted",
        });
        self.twice |= matches!(typed, Typed::Wrong | Typed::Half(..));
        for (of, step) in typed.codes() {
            self.twice |= self.accepted.contains(&(of, step));
            self.older |= self.accepted.iter().any(|(other, later)| *other == of && *later > step);
            self.accepted.insert((of, step));
        }
    }

    /// A guess is charged. For a code that was used none should be, where it can be known: the clock's own step always
    /// is looked at, and so are backup codes.
    pub fn pays(&mut self, typed: Typed, enrolled: Enrolled, clock: u64) {
        let is_looked_at = |(of, step): &(u8, u64)| {
            *of >= BACKUP || *step == clock && enrolled.phones.all().into_iter().any(|phone| phone as u8 == *of)
        };
        let first = typed.codes().into_iter().next();
        self.paid |= first.is_some_and(|code| is_looked_at(&code) && self.accepted.contains(&code));
    }

    pub fn judged(&mut self, guess: &mut Guess, has_aged: bool) {
        if guess.is_wrong && !guess.is_judged {
            self.judged.add(guess, has_aged);
        }
        guess.is_judged = true;
    }

    pub fn told(&mut self, run: &Run) {
        if let Some(guess) = run.guess.filter(|guess| guess.is_wrong) {
            self.told.add(&guess, run.has_aged);
        }
    }

    /// What a record must hold: every wrong code that was judged, and a right one too, until its outcome is there.
    pub fn counts<'a>(&self, programs: impl Iterator<Item = &'a Run>) -> Owed {
        let mut owed = self.judged;
        for run in programs.filter(|run| run.call == Call::Outcome) {
            run.guess.iter().for_each(|guess| owed.add(guess, run.has_aged));
        }
        owed
    }

    /// No more than the buckets give.
    pub fn is_bounded(&self) -> bool {
        let Owed { lanes, class, rows } = self.judged;
        let free = u64::from(LIMITS.free);
        lanes.iter().all(|owed| *owed <= free * LIMITS.every)
            && class <= CLASS * free * class_every(LIMITS.every)
            && rows <= PAIRS * PAIR_EVERY
    }

    pub fn time_goes_on(&mut self, seconds: u64) {
        self.judged.time_goes_on(seconds);
        self.told.time_goes_on(seconds);
    }

    /// What nobody was told of may be gone.
    pub fn power_goes(&mut self) {
        self.judged = self.told;
    }

    /// The buckets are full again: an administrator said so, or they are lost with the state.
    pub fn forgive(&mut self) {
        (self.judged, self.told) = (Owed::default(), Owed::default());
    }

    fn grants(&self, exception: Exception) -> bool {
        self.denied != Some(exception)
    }

    pub fn healed(&mut self, furthest: u64) {
        if self.back > 0 && self.grants(Exception::LostAndBack) {
            self.accepted.retain(|(of, step)| *of >= BACKUP || *step <= furthest);
        }
    }

    pub fn lost(&mut self) {
        self.lost = true;
        self.forgive();
    }

    pub fn restored(&mut self) {
        self.forgive();
        if self.grants(Exception::Restored) {
            self.accepted.clear();
        }
    }

    /// What is left is an older record, which stays used, or none, which heals.
    pub fn fell_back(&mut self, exception: Exception, to: Option<Record>) {
        self.forgive();
        if !self.grants(exception) {
            return;
        }
        self.lost = true;
        let Some(record) = to else { return };
        let last =
            |phone: Phone| record.device(&phone.device().id).map_or(u64::MAX, |line| line.last.unwrap_or_default());
        let used = record.backup.as_ref().map_or(u32::MAX, |backup| backup.used);
        self.accepted.retain(|(of, step)| match of {
            0 => *step <= last(Phone::A),
            1 => *step <= last(Phone::B),
            _ => used != 0,
        });
    }

    /// A key that is set where its line was lost.
    pub fn set_anew(&mut self, phone: Phone) {
        if self.lost && self.grants(Exception::LostAndSet) {
            self.accepted.retain(|(of, _)| *of != phone as u8);
        }
    }
}
