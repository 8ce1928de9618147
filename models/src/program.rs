//! The programs that run on the host, system call by system call: a login and the changes, as the file store makes them under
//! its lock. What they compute between two calls is the real code: `attempt` judges, `plan` says what a change writes.

mod change;
mod login;

use pam_totp::factor::record::Record;
use pam_totp::factor::record::slots::{self, StateFile};
use pam_totp::factor::source::Source;

use change::{is_enrolled, may_begin};

use crate::host::{Content, Host};
use crate::mutation::Mutation;
use crate::run::{Call, Deed, Held, Run, Said, Stage};
use crate::scope::Scope;

impl Run {
    /// Starts a program; what it looks at before the lock it sees here. `None`: it ends at once.
    pub fn start(deed: Deed, host: &Host) -> Option<Self> {
        may_begin(deed, is_enrolled(host)).then_some(Self {
            deed,
            call: Call::Open,
            after: Stage::Locked,
            disk: None,
            run: None,
            left: None,
            read_only: false,
            is_sandboxed: false,
            place: slots::NextSlot::default(),
            record: None,
            outcome: None,
            guess: None,
            proved: None,
            rest: None,
            left_over: false,
            said: None,
            early: false,
            is_late: false,
            has_aged: false,
        })
    }

    pub fn in_use(&self) -> impl Iterator<Item = u8> {
        self.disk.into_iter().chain(self.run).chain(self.left)
    }

    /// Waits for a lock that somebody else holds?
    pub fn waits(&self, host: &Host, mutation: Option<Mutation>) -> bool {
        let inode = match self.call {
            Call::Lock => self.disk,
            Call::LockRun => self.run,
            Call::LockLeftOver => self.left,
            _ => None,
        };
        mutation != Some(Mutation::NoLock) && inode.is_some_and(|inode| host.file(inode).holder.is_some())
    }

    /// One system call, or a few that nobody can come between.
    pub fn step(&mut self, scope: &mut Scope<'_>) {
        self.call = match self.call {
            Call::Open => self.open(scope),
            Call::SyncStateFolder => {
                scope.host.state.durable = scope.host.state.cached;
                Call::Lock
            }
            Call::Lock => self.lock(scope),
            Call::OpenRun => {
                let made = |host: &mut Host| host.create(scope.in_use, Host::empty_file());
                self.run = Some(scope.host.run.unwrap_or_else(|| made(scope.host)));
                scope.host.run = self.run;
                Call::LockRun
            }
            Call::LockRun => self.lock_run(scope),
            Call::LockLeftOver => self.lock_left_over(scope),
            Call::Read(stage) => self.read(stage, scope),
            Call::SyncBefore => self.sync_before(scope),
            Call::Charge => self.charge(scope),
            Call::Outcome => self.outcome(scope),
            Call::Write => self.write(scope),
            Call::Sync => self.sync(scope),
            Call::UnlinkRun => {
                scope.host.run = None;
                self.committed(scope)
            }
            Call::WriteTemporary if scope.is(Mutation::SecretInPlace) => {
                scope.host.secret.cached = self.new_keys(false);
                Call::SyncTemporary
            }
            Call::WriteTemporary if scope.is(Mutation::RenameBeforeSync) => Call::Rename,
            Call::WriteTemporary => Call::SyncTemporary,
            Call::SyncTemporary => {
                if let Content::Whole(enrolled, false) = scope.host.secret.cached {
                    scope.host.secret.cached = Content::Whole(enrolled, true);
                }
                if scope.is(Mutation::SecretInPlace) { Call::SyncSecrets } else { Call::Rename }
            }
            Call::Rename => self.rename(scope),
            Call::SyncSecrets => {
                scope.host.secret.durable = scope.host.secret.cached;
                self.keys_are_there(scope)
            }
            Call::UnlinkSecret => {
                scope.host.secret.cached = Content::Absent;
                Call::SyncSecrets
            }
            Call::Answer => Call::Answer,
        };
    }

    fn say(&mut self, said: Said) -> Call {
        self.said = Some(said);
        Call::Answer
    }

    fn open(&mut self, scope: &mut Scope<'_>) -> Call {
        self.read_only = scope.host.read_only || self.is_sandboxed;
        self.disk = scope.host.state.cached;
        match (self.disk, self.read_only) {
            (None, true) => Call::OpenRun,
            (None, false) => {
                self.disk = Some(scope.host.create(scope.in_use, Host::empty_file()));
                scope.host.state.cached = self.disk;
                Call::SyncStateFolder
            }
            (Some(_), _) if scope.is(Mutation::NoRecheck) && matches!(self.deed, Deed::Login(_)) => {
                self.early = true;
                Call::Read(Stage::Locked)
            }
            (Some(_), _) => Call::Lock,
        }
    }

    /// Takes the lock; a program that finds another file under the name opens anew.
    fn lock(&mut self, scope: &mut Scope<'_>) -> Call {
        if scope.host.state.cached != self.disk && !scope.is(Mutation::NoInodeCheck) {
            scope.seen.mark("a state file was replaced while a login waited for it");
            self.disk = None;
            return Call::Open;
        }
        if let (Some(disk), false) = (self.disk, scope.is(Mutation::NoLock)) {
            scope.host.file_mut(disk).holder = Some(scope.me);
        }
        match self.read_only {
            true => Call::OpenRun,
            false if self.early => self.first(scope),
            false => self.behind_the_disks_lock(scope),
        }
    }

    /// What continued in `/run` may have been locked there alone.
    fn behind_the_disks_lock(&mut self, scope: &Scope<'_>) -> Call {
        self.left = scope.host.run.filter(|_| !scope.is(Mutation::LeftOverUnlocked));
        if self.left.is_some() { Call::LockLeftOver } else { Call::Read(Stage::Locked) }
    }

    fn lock_left_over(&mut self, scope: &mut Scope<'_>) -> Call {
        if scope.host.run != self.left {
            return self.behind_the_disks_lock(scope);
        }
        if let (Some(left), false) = (self.left, scope.is(Mutation::NoLock)) {
            scope.host.file_mut(left).holder = Some(scope.me);
        }
        Call::Read(Stage::Locked)
    }

    fn lock_run(&mut self, scope: &mut Scope<'_>) -> Call {
        if scope.host.run != self.run {
            self.run = None;
            return Call::OpenRun;
        }
        if let (Some(run), false) = (self.run, scope.is(Mutation::NoLock)) {
            scope.host.file_mut(run).holder = Some(scope.me);
        }
        if self.disk.is_none() && scope.host.state.cached.is_some() && !scope.is(Mutation::NoLookBehindRun) {
            scope.seen.mark("a state file was made while a login locked the one in /run");
            scope.host.release(scope.me);
            self.run = None;
            return Call::Open;
        }
        Call::Read(Stage::Locked)
    }

    /// `Locked::record`
    fn record(&mut self, host: &Host, mutation: Option<Mutation>) -> Option<Record> {
        let read = |inode: Option<u8>| inode.map_or(StateFile::Nothing, |inode| host.file(inode).read());
        let (own, other) = if self.run.is_some() {
            (read(self.run), read(self.disk))
        } else {
            self.left_over = host.run.is_some();
            (read(self.disk), read(host.run))
        };
        let forgotten = mutation == Some(Mutation::RunForgotten) && self.run.is_none();
        let other = if forgotten { StateFile::Nothing } else { other };
        let (record, place) = slots::newest(own, other).expect("no later version writes here");
        self.place = place;
        record
    }

    fn read(&mut self, stage: Stage, scope: &mut Scope<'_>) -> Call {
        self.has_aged = false;
        match (self.deed, stage) {
            (Deed::Login(typed), _) => match scope.host.enrolled() {
                Some(enrolled) => self.judge(enrolled, typed, Source::Local, scope),
                // Torn: a login that finds that is refused.
                None => self.say(Said::Error),
            },
            (_, stage) => self.change(stage, scope),
        }
    }

    /// `Locked::commit`
    fn commit(&mut self, record: Record, after: Stage, scope: &Scope<'_>) -> Call {
        (self.record, self.outcome, self.guess, self.after) = (Some(Held::new(record)), None, None, after);
        if self.early { Call::Lock } else { self.first(scope) }
    }

    /// The first call of `Locked::charge`.
    fn first(&self, scope: &Scope<'_>) -> Call {
        let is_dirty = self.run.or(self.disk).is_some_and(|inode| scope.host.file(inode).is_dirty());
        if self.place.is_kept() && is_dirty && !scope.is(Mutation::NoSyncBefore) {
            return Call::SyncBefore;
        }
        self.first_write()
    }

    fn first_write(&self) -> Call {
        if self.guess.is_some() { Call::Charge } else { Call::Write }
    }

    /// What the call that comes now writes, or what the last one has written.
    pub fn writing(&self, mutation: Option<Mutation>) -> slots::Writing {
        let record = self.record.as_ref().expect("there is a record to write").record();
        let first = self.place.write(record).expect("the record fits");
        let outcome = self.outcome.as_ref().filter(|_| !matches!(self.call, Call::Charge | Call::Write));
        let writing = outcome.map(|outcome| {
            let place = match mutation {
                Some(Mutation::OutcomeInOtherSlot) => first.then,
                Some(Mutation::OneSequence) => self.place,
                _ => self.place.over(&first),
            };
            place.write(outcome.record()).expect("the record fits")
        });
        crate::mutation::written(writing.unwrap_or(first), mutation)
    }

    /// The inode that is written, if it can be.
    pub fn target(&self, host: &Host) -> Option<u8> {
        self.run.or(self.disk.filter(|_| !host.read_only))
    }

    fn sync_before(&mut self, scope: &mut Scope<'_>) -> Call {
        let Some(inode) = self.target(scope.host) else { return self.fail(scope.mutation) };
        scope.seen.mark("a record was synced for another one that died");
        scope.host.file_mut(inode).sync();
        self.first_write()
    }

    fn write(&mut self, scope: &mut Scope<'_>) -> Call {
        let Some(inode) = self.target(scope.host) else { return self.fail(scope.mutation) };
        let writing = self.writing(scope.mutation);
        scope.host.file_mut(inode).write(&writing);
        if self.run.is_some() {
            scope.seen.mark("a record continued in /run");
        }
        if scope.is(Mutation::AnswerBeforeSync) && self.after == Stage::Over { Call::Answer } else { Call::Sync }
    }

    /// The commit failed: nobody hears whether the code was right.
    pub fn fail(&mut self, mutation: Option<Mutation>) -> Call {
        let ignored = mutation == Some(Mutation::FailureIgnored) && matches!(self.deed, Deed::Login(_));
        if ignored { Call::Answer } else { self.say(Said::Error) }
    }

    fn sync(&mut self, scope: &mut Scope<'_>) -> Call {
        if let Some(inode) = self.run.or(self.disk) {
            scope.host.file_mut(inode).sync();
        }
        self.place = self.writing(scope.mutation).then;
        if self.left_over && scope.host.run.is_some() && !scope.is(Mutation::LeftOverStays) {
            scope.seen.mark("a record came back from /run to the disk");
            return Call::UnlinkRun;
        }
        self.committed(scope)
    }

    /// The record is on the disk: what comes next?
    fn committed(&mut self, scope: &mut Scope<'_>) -> Call {
        match self.after {
            Stage::Over if self.said.is_some() => Call::Answer,
            Stage::Over => self.say(Said::Done),
            Stage::ServesBoth => self.go_on(scope),
            Stage::Authorized if self.said == Some(Said::Accepted) => {
                if let Deed::Set { owner: Some(typed), .. } | Deed::Renew { owner: Some(typed), .. } = self.deed {
                    scope.ghost.accept(typed, scope.seen);
                }
                (self.said, self.guess) = (None, None);
                Call::Read(Stage::Authorized)
            }
            _ => self.say(Said::Refused),
        }
    }
}
