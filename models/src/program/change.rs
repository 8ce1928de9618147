//! The changes of what a user has: the real plans, carried out call by call as the store does it.

use pam_totp::factor::backup::BackupCodes;
use pam_totp::factor::change::{Change, ChangeError, Place, Proof};
use pam_totp::factor::enrollment::Enrollment;
use pam_totp::factor::judgment::Seen;
use pam_totp::factor::new_codes::NewCodes;
use pam_totp::factor::plan::{self, Keys, Plan, Terms};
use pam_totp::factor::record::{DeviceState, Record};
use pam_totp::factor::secret::Answer;
use pam_totp::factor::source::Source;

use crate::host::{Content, Host};
use crate::keys::{Enrolled, Typed, WINDOW, set_of};
use crate::mutation::Mutation;
use crate::run::{Call, Deed, Held, LIMITS, Rest, Run, Said, Stage, Where};
use crate::scope::{Scope, heal};

/// Instead of random ones: the set of this number.
struct Numbered(u8);

impl NewCodes for Numbered {
    fn set(&mut self, _: u8, _: u64) -> Result<BackupCodes, ChangeError> {
        Ok(set_of(self.0))
    }

    fn temporary(&mut self, set: BackupCodes, _: u8, _: u64) -> Result<BackupCodes, ChangeError> {
        Ok(set)
    }
}

impl Deed {
    /// Whose code proves it; `None`: root's right does.
    fn owner(self) -> Option<Typed> {
        match self {
            Self::Set { owner, .. } | Self::Renew { owner, .. } => owner,
            _ => None,
        }
    }

    fn terms(self) -> Terms<'static> {
        let is_owner = self.owner().is_some();
        Terms { user: "alice", uid: 1000, is_owner, has_code: is_owner, window: WINDOW, limits: LIMITS }
    }

    /// Of the code that proves a new key.
    fn proof(self) -> Option<Answer> {
        let Self::Set { phone, proof: Some(step), .. } = self else { return None };
        Some(Typed::Code(phone, step).answer())
    }

    /// In the words of the code itself; `None` for what is no change of a user's.
    fn change(self) -> Option<Change> {
        match self {
            Self::Set { phone, place, .. } => Some(Change::Set {
                device: phone.device().clone(),
                proof: self.proof().map_or(Proof::None, Proof::Code),
                place: place.of_the_code(),
                backup_codes: 0,
            }),
            Self::Renew { .. } => Some(Change::BackupCodes(2)),
            Self::Remove => Some(Change::Remove),
            Self::Login(_) | Self::Unlock => None,
        }
    }
}

impl Where {
    fn of_the_code(self) -> Place {
        match self {
            Self::First => Place::First,
            Self::Beside => Place::Beside,
            Self::Instead => Place::InsteadOf(None),
        }
    }
}

/// Looked at before there is a lock.
pub(super) fn may_begin(deed: Deed, enrolled: bool) -> bool {
    match deed {
        Deed::Set { place, .. } => plan::may_set(false, &place.of_the_code(), enrolled).is_ok(),
        _ => enrolled,
    }
}

impl Run {
    /// `carry_out`, up to the first call that writes.
    pub(super) fn change(&mut self, stage: Stage, scope: &mut Scope<'_>) -> Call {
        let deed = self.deed;
        let old = scope.host.enrolled();
        let mut record = self.record(scope.host, scope.mutation).unwrap_or_default();
        if let (Deed::Renew { .. } | Deed::Unlock, Some(old)) = (deed, old) {
            heal(&old.enrollment(), &mut record, scope);
        }
        if let (Deed::Set { phone, .. }, Stage::Locked) = (deed, stage) {
            if record.device(&phone.device().id).is_none() {
                scope.ghost.set_anew(phone);
            }
        }
        let seen = Seen { record: Some(record), born: None, made: None, there: None, now: scope.host.now() };
        let enrollment = old.map(Enrolled::enrollment).filter(|_| !scope.is(Mutation::NoSecondLook));
        let planned = match stage {
            Stage::Locked => match deed.check(enrollment.as_ref(), &seen) {
                Err(error) => Err(error),
                Ok(proved) => {
                    self.proved = proved.map(|line| Held::new(Record { devices: vec![line], ..Record::default() }));
                    match (deed.owner(), old) {
                        (Some(typed), Some(old)) => return self.judge(old, typed, Source::Door, scope),
                        _ => self.plan(enrollment.as_ref(), &seen, scope),
                    }
                }
            },
            _ => self.plan(enrollment.as_ref(), &seen, scope),
        };
        match planned {
            Ok(plan) => self.begin(crate::mutation::planned(plan, scope.mutation, scope.host.clock), scope),
            Err(error) => {
                if error == ChangeError::AlreadyEnrolled {
                    scope.seen.mark("two enrolled at once, and the second one was told");
                }
                self.say(Said::Refused)
            }
        }
    }

    fn plan(&self, old: Option<&Enrollment>, seen: &Seen, scope: &mut Scope<'_>) -> Result<Plan, ChangeError> {
        let deed = self.deed;
        if let Some(change) = deed.change() {
            let set = if let Deed::Renew { set, .. } = deed { set } else { 0 };
            let proved = self.proved.as_ref().and_then(|proved| proved.record().devices.first().cloned());
            return plan::plan(&deed.terms(), old, seen, &change, proved, &mut Numbered(set));
        }
        let old = old.ok_or(ChangeError::NotEnrolled)?;
        let (plan, unlocked) = plan::unlock(old, seen, WINDOW);
        if unlocked.brought_back.counts_from.is_some()
            && plan.before.as_ref().map(lasts) != seen.record.as_ref().map(lasts)
        {
            scope.seen.mark("unlock brought a state back from the future");
        }
        scope.ghost.forgive();
        Ok(plan)
    }

    fn begin(&mut self, plan: Plan, scope: &mut Scope<'_>) -> Call {
        let keys = match &plan.keys {
            Keys::Replace(new) => Some(Content::Whole(Enrolled::of(new), false)),
            Keys::Remove => Some(Content::Absent),
            _ => None,
        };
        self.rest = Some(Rest { keys, after: plan.after.map(Held::new) });
        match plan.before {
            Some(before) => self.commit(before, Stage::ServesBoth, scope),
            None => self.go_on(scope),
        }
    }

    /// What comes behind a step of the plan that is on the disk.
    pub(super) fn go_on(&mut self, scope: &Scope<'_>) -> Call {
        let Some(rest) = &mut self.rest else { return self.say(Said::Done) };
        match (rest.keys, rest.after.take()) {
            (Some(keys), after) => {
                rest.after = after;
                if keys == Content::Absent { Call::UnlinkSecret } else { Call::WriteTemporary }
            }
            (None, Some(after)) => self.commit(after.record().clone(), Stage::Over, scope),
            (None, None) => self.say(Said::Done),
        }
    }

    /// The new keys are on the disk.
    pub(super) fn keys_are_there(&mut self, scope: &Scope<'_>) -> Call {
        self.rest.iter_mut().for_each(|rest| rest.keys = None);
        self.go_on(scope)
    }

    /// What is written as the secret.
    pub(super) fn new_keys(&self, is_synced: bool) -> Content {
        match self.rest.as_ref().and_then(|rest| rest.keys) {
            Some(Content::Whole(enrolled, _)) => Content::Whole(enrolled, is_synced),
            other => unreachable!("{other:?} is no secret to write"),
        }
    }

    pub(super) fn rename(&mut self, scope: &mut Scope<'_>) -> Call {
        if let (Deed::Set { place: Where::First, .. }, Content::Whole(..)) = (self.deed, scope.host.secret.cached) {
            scope.ghost.voided = true;
        }
        if let Deed::Set { phone, proof: Some(step), .. } = self.deed {
            scope.ghost.accept(Typed::Code(phone, step), scope.seen);
        }
        scope.host.secret.cached = self.new_keys(!scope.is(Mutation::RenameBeforeSync));
        Call::SyncSecrets
    }
}

impl Deed {
    fn check(self, old: Option<&Enrollment>, seen: &Seen) -> Result<Option<DeviceState>, ChangeError> {
        self.change().map_or(Ok(None), |change| plan::check(&self.terms(), old, seen, &change))
    }
}

fn lasts(record: &Record) -> Vec<Option<u64>> {
    record.devices.iter().map(|line| line.last).collect()
}

/// What another program finds, whatever this one is about.
pub(super) fn is_enrolled(host: &Host) -> bool {
    host.secret.cached != Content::Absent
}
