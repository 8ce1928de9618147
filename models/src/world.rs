//! One state of the model: the host, the programs that run on it, what may still happen, and what an observer knows who
//! sees every answer and forgets nothing.

use std::collections::BTreeSet;
use std::sync::Mutex;

use pam_totp::state::Record;

use crate::host::{Content, File, Host};
use crate::keys::{BEGIN, Factor, Phone, Typed};
use crate::model::Action;
use crate::mutation::{Exception, Mutation};
use crate::program::{Call, Deed, Run, Said, Scope, Stage};

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

/// Behind the phones' numbers, those of the sets of backup codes.
const BACKUP: u8 = 100;

/// The observer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Ghost {
    /// Every code that somebody was let in with, or that proved a key that was stored.
    accepted: BTreeSet<(u8, u64)>,
    /// A code was accepted again.
    pub twice: bool,
    /// A code was accepted that is older than one that was.
    pub older: bool,
    /// A factor was voided by who did not say so.
    pub voided: bool,
    /// Wrong codes that were answered as such, since time went on or somebody got in: at the host, and at the door.
    pub guesses: [u8; 2],
    /// An administrator or the disk lost the state.
    pub lost: bool,
    /// Steps that the clock went back, in all.
    pub back: u64,
    /// The exception that is not granted.
    denied: Option<Exception>,
}

/// How often what may still happen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Budget {
    pub logins: u8,
    pub changes: u8,
    /// A step of the clock.
    pub ticks: u8,
    /// A program is killed, or a write or fdatasync fails.
    pub kills: u8,
    pub power: u8,
    /// The state file is deleted.
    pub losses: u8,
    /// The state file is replaced by a copy of itself.
    pub copies: u8,
    /// The state file is replaced by the one of the beginning.
    pub restores: u8,
    /// The clock is set back by three steps.
    pub back: u8,
    /// The disk becomes read-only, or writable again.
    pub flips: u8,
}

#[derive(Clone, Debug, PartialEq, Hash)]
pub struct World {
    pub host: Host,
    pub programs: Vec<Option<Run>>,
    pub ghost: Ghost,
    pub left: Budget,
    /// Steps that the clock of phone A is ahead of the host's.
    pub ahead: i64,
}

impl Ghost {
    fn key(typed: Typed) -> (u8, u64) {
        match typed {
            Typed::Code(phone, step) => (phone as u8, step),
            Typed::Backup(set) => (BACKUP + set, 0),
            Typed::Wrong => (u8::MAX, 0),
        }
    }

    pub fn accept(&mut self, typed: Typed, seen: &Seen) {
        seen.mark(match typed {
            Typed::Code(Phone::A, _) => "a code of phone A was accepted",
            Typed::Code(Phone::B, _) => "a code of phone B was accepted",
            Typed::Backup(_) => "a backup code was accepted",
            Typed::Wrong => "a wrong code was accepted",
        });
        let (of, step) = Self::key(typed);
        self.twice |= self.accepted.contains(&(of, step)) || typed == Typed::Wrong;
        self.older |= self.accepted.iter().any(|(other, later)| *other == of && *later > step);
        self.accepted.insert((of, step));
    }

    fn grants(&self, exception: Exception) -> bool {
        self.denied != Some(exception)
    }

    pub fn healed(&mut self, furthest: u64) {
        self.guesses = [0, 0];
        if self.grants(Exception::LostAndBack) {
            self.forget_beyond(furthest);
        }
    }

    pub fn brought_back(&mut self, furthest: u64) {
        if self.grants(Exception::UnlockedAndBack) {
            self.forget_beyond(furthest);
        }
    }

    fn forget_beyond(&mut self, furthest: u64) {
        if self.back > 0 {
            self.accepted.retain(|(of, step)| *of >= BACKUP || *step <= furthest);
        }
    }

    pub fn restored(&mut self) {
        self.guesses = [0, 0];
        if self.grants(Exception::Restored) {
            self.accepted.clear();
        }
    }

    /// What is left is an older record, which stays used, or none, which heals.
    fn fell_back(&mut self, exception: Exception, to: Option<Record>) {
        self.guesses = [0, 0];
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

impl World {
    pub fn new(factor: Option<Factor>, ahead: i64, programs: usize, left: Budget, denied: Option<Exception>) -> Self {
        let mut host = Host::new(BEGIN);
        if let Some(factor) = factor {
            host.enrolled(factor, ahead);
        }
        Self { host, programs: vec![None; programs], ghost: Ghost { denied, ..Ghost::default() }, left, ahead }
    }

    pub fn is_idle(&self) -> bool {
        self.programs.iter().all(Option::is_none)
    }

    /// The step that a phone shows now.
    pub fn shown(&self, phone: Phone) -> u64 {
        let ahead = if phone == Phone::A { self.ahead } else { 0 };
        self.host.clock.saturating_add_signed(ahead)
    }

    pub fn in_use(&self) -> Vec<u8> {
        self.programs.iter().flatten().flat_map(Run::in_use).collect()
    }

    /// The next call of a program, and those behind it that nobody can come between or that change nothing for others:
    /// to read under the lock, and to answer. Returns the answer.
    pub fn step(&mut self, me: usize, mutation: Option<Mutation>, seen: &Seen) -> Option<Said> {
        let in_use = self.in_use();
        let mut run = self.programs[me].take()?;
        let (host, ghost) = (&mut self.host, &mut self.ghost);
        let mut scope = Scope { host, ghost, seen, mutation, in_use: &in_use, me: me as u8 };
        let locks = matches!(run.call, Call::Lock | Call::LockRun);
        run.step(&mut scope);
        if locks && run.call == Call::Read(Stage::Locked) {
            run.step(&mut scope);
        }
        if run.call == Call::Answer {
            self.answered(&run, seen);
            self.ended(me);
            return run.said;
        }
        self.programs[me] = Some(run);
        self.tidy();
        None
    }

    fn answered(&mut self, run: &Run, seen: &Seen) {
        let lane = usize::from(!matches!(run.deed, Deed::Login(_)));
        match (run.deed, run.said) {
            (Deed::Login(typed), Some(Said::Accepted)) => {
                self.ghost.accept(typed, seen);
                self.ghost.guesses[lane] = 0;
            }
            (_, Some(Said::Wrong)) => self.ghost.guesses[lane] += 1,
            (Deed::Login(_), Some(Said::Waiting)) => seen.mark("somebody waited"),
            (Deed::Login(_), Some(Said::Used)) => seen.mark("a used code was refused"),
            (_, Some(Said::Error)) => seen.mark("a commit failed and said nothing"),
            (Deed::Login(_), _) => {}
            (_, Some(Said::Done)) => seen.mark("a change went through"),
            _ => seen.mark("a change was refused"),
        }
    }

    /// A program is gone, with its locks.
    pub fn ended(&mut self, me: usize) {
        self.programs[me] = None;
        self.host.release(me as u8);
        self.tidy();
    }

    fn tidy(&mut self) {
        let in_use = self.in_use();
        self.host.forget_unreachable(&in_use);
    }

    pub fn time_goes_on(&mut self) {
        self.host.clock += 1;
        self.programs.iter_mut().flatten().for_each(|run| run.is_late = true);
        self.ghost.guesses = [0, 0];
    }

    /// What an interrupted program leaves: at a write every part of it, at fdatasync its failure or its success, else what
    /// is there. To the rest of the world a program that is killed and one that says an error are the same. Before its
    /// first write it leaves nothing: as if it had not begun.
    pub fn interrupted(&self, me: usize, mutation: Option<Mutation>) -> Vec<Self> {
        let Some(run) = &self.programs[me] else { return Vec::new() };
        let mut all = vec![self.clone()];
        match (run.call, run.target(&self.host)) {
            (Call::Open | Call::Lock | Call::OpenRun | Call::LockRun, _) => return Vec::new(),
            (Call::Write, Some(inode)) => {
                let with = |file| {
                    let mut world = self.clone();
                    *world.host.file_mut(inode) = file;
                    world
                };
                all = self.host.file(inode).after_cut(&run.writing(mutation)).into_iter().map(with).collect();
            }
            (call @ (Call::SyncBefore | Call::Sync), Some(inode)) => {
                let with = |change: fn(&mut File)| {
                    let mut world = self.clone();
                    change(world.host.file_mut(inode));
                    world
                };
                all.push(with(File::sync));
                // What the program wrote itself it writes again when that fails, and it is as if it had died before.
                if call == Call::SyncBefore || mutation == Some(Mutation::NotWrittenAgain) {
                    all.push(with(File::fail_sync));
                }
            }
            _ => {}
        }
        let used_up = self.uses_up();
        let mut once: Vec<Self> = Vec::new();
        for mut world in all {
            if used_up {
                world.ghost.guesses = [0, 0];
            }
            if let (Some(Mutation::FailureIgnored), Some(run)) = (mutation, world.programs[me].take()) {
                world.answered(&run, &Seen::default());
            }
            world.ended(me);
            if !once.contains(&world) {
                once.push(world);
            }
        }
        once
    }

    /// Does somebody have the right code? He may guess afresh, be it that he never hears of it.
    fn uses_up(&self) -> bool {
        self.programs.iter().flatten().any(|run| run.said == Some(Said::Accepted))
    }

    /// Every world after the power went; none where it takes nothing along.
    pub fn after_power_loss(&self) -> Vec<Self> {
        let all = self.host.after_power_loss().into_iter().map(|host| {
            let mut world = Self { host, programs: vec![None; self.programs.len()], ..self.clone() };
            if self.uses_up() {
                world.ghost.guesses = [0, 0];
            }
            let record = || world.host.state_file().and_then(File::record);
            if self.host.run.is_some() {
                world.ghost.fell_back(Exception::RunLost, record());
            }
            if world.host.state.cached != self.host.state.cached {
                world.ghost.fell_back(Exception::NameLost, record());
            }
            world
        });
        let killed = Self { programs: vec![None; self.programs.len()], ..self.clone() };
        all.filter(|world| !world.host.is_like(&killed.host)).collect()
    }

    /// An action in words.
    pub fn tells(&self, action: &Action) -> String {
        match action {
            Action::Step(me) => {
                let call = self.programs.get(*me).and_then(Option::as_ref).map(|run| run.call);
                call.map_or_else(String::new, |call| format!("{me} {call:?}"))
            }
            other => format!("{other:?}"),
        }
    }

    /// The secret is whole, as it was or as it shall be.
    pub fn secret_is_whole(&self) -> bool {
        let Host { secret, .. } = &self.host;
        ![secret.cached, secret.durable].contains(&Content::Torn)
    }
}
