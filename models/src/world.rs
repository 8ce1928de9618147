//! One state of the model: the host, the programs that run on it, what may still happen, and what an observer knows who
//! sees every answer and forgets nothing.

use pam_totp::factor::record::slots::{self, StateFile};

use crate::host::{Content, File, Host};
use crate::keys::{BEGIN, Enrolled, PERIOD, Phone};
use crate::mutation::{Exception, Mutation};
use crate::observer::{Ghost, Seen};
use crate::run::{Call, Deed, Run, Said, Stage};
use crate::scope::Scope;

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
    /// The clock falls behind, and is set right again.
    pub behind: u8,
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
    /// Steps that the host's clock is behind the true time, and behind the phone's for that.
    pub behind: u64,
}

impl World {
    pub fn new(
        enrolled: Option<Enrolled>,
        ahead: i64,
        programs: usize,
        left: Budget,
        denied: Option<Exception>,
    ) -> Self {
        let mut host = Host::new(BEGIN);
        if let Some(enrolled) = enrolled {
            host.enrolled_long_ago(enrolled, ahead);
        }
        let (programs, ghost) = (vec![None; programs], Ghost::denying(denied));
        Self { host, programs, ghost, left, ahead, behind: 0 }
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
        let locks = matches!(run.call, Call::Lock | Call::LockRun | Call::LockLeftOver);
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
        if run.said != Some(Said::Error) {
            self.ghost.told(run);
        }
        match (run.deed, run.said) {
            (Deed::Login(typed), Some(Said::Accepted)) => self.ghost.accept(typed, seen),
            (Deed::Login(_), Some(Said::Waiting)) => seen.mark("somebody waited"),
            (Deed::Login(typed), Some(Said::Used)) if typed.codes().len() > 1 => {
                seen.mark("two codes in a row were refused as used");
            }
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
        self.programs.iter_mut().flatten().for_each(|run| (run.is_late, run.has_aged) = (true, true));
        self.ghost.time_goes_on(PERIOD);
    }

    /// The phone keeps the true time.
    pub fn clock_falls_behind(&mut self, by: u64) {
        (self.behind, self.host.clock) = (by, self.host.clock - by);
        self.ahead += by as i64;
        self.ghost.back += by;
    }

    pub fn clock_is_set_right(&mut self) {
        self.host.clock += self.behind;
        self.ahead -= self.behind as i64;
        self.ghost.back -= self.behind;
        self.ghost.time_goes_on(self.behind * PERIOD);
        self.behind = 0;
    }

    /// Does the record that the next program would read hold every guess that was judged?
    pub fn is_counted(&self) -> bool {
        let found = |inode: Option<u8>| inode.map_or(StateFile::Nothing, |inode| self.host.file(inode).read());
        let owed = self.ghost.counts(self.programs.iter().flatten());
        let record = || {
            let (record, _) = slots::newest(found(self.host.state.cached), found(self.host.run))?;
            Some(record.unwrap_or_default())
        };
        owed.is_nothing() || record().is_some_and(|record| owed.is_in(&record, self.host.now()))
    }

    /// What an interrupted program leaves: at a write every part of it, at fdatasync its failure or its success, else what
    /// is there. To the rest of the world a program that is killed and one that says an error are the same. Before its
    /// first write it leaves nothing: as if it had not begun.
    pub fn interrupted(&self, me: usize, mutation: Option<Mutation>) -> Vec<Self> {
        let Some(run) = &self.programs[me] else { return Vec::new() };
        let mut all = vec![self.clone()];
        match (run.call, run.target(&self.host)) {
            (Call::Open | Call::Lock | Call::OpenRun | Call::LockRun | Call::LockLeftOver, _) => return Vec::new(),
            (Call::Charge | Call::Outcome | Call::Write, Some(inode)) => {
                let with = |file| {
                    let mut world = self.clone();
                    *world.host.file_mut(inode) = file;
                    world
                };
                all = self.host.file(inode).after_cut(&run.writing(mutation)).into_iter().map(with).collect();
                // One that goes on behind a failure writes the charge again, and waits for it.
                if run.call == Call::Outcome {
                    let mut file = self.host.file(inode).clone();
                    file.sync();
                    all.push(with(file));
                }
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
        let mut once: Vec<Self> = Vec::new();
        for mut world in all {
            if let (Some(Mutation::FailureIgnored), Some(mut run)) = (mutation, world.programs[me].take()) {
                let has_aged = run.has_aged;
                run.guess.iter_mut().for_each(|guess| world.ghost.judged(guess, has_aged));
                world.answered(&run, &Seen::default());
            }
            world.ended(me);
            if !once.contains(&world) {
                once.push(world);
            }
        }
        once
    }

    /// Every world after the power went; none where it takes nothing along.
    pub fn after_power_loss(&self) -> Vec<Self> {
        let all = self.host.after_power_loss().into_iter().map(|host| {
            let mut world = Self { host, programs: vec![None; self.programs.len()], ..self.clone() };
            world.ghost.power_goes();
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

    /// The secret is whole, as it was or as it shall be.
    pub fn secret_is_whole(&self) -> bool {
        let Host { secret, .. } = &self.host;
        ![secret.cached, secret.durable].contains(&Content::Torn)
    }
}
