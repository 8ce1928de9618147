//! The changes of a factor, as `manage.rs` makes them: first the state that serves both, then the secret, then the state.

use pam_totp::factor::attempt::{self, Attempt, Outcome};
use pam_totp::factor::healing;
use pam_totp::factor::source::Source;
use pam_totp::factor::record::{BackupState, DeviceState, Record};

use super::{Call, Deed, Held, LIMITS, Place, Run, Said, Scope, Stage, heal};
use crate::host::{Content, Host};
use crate::keys::{Factor, Phone, Phones, Typed, WINDOW};
use crate::mutation::Mutation;

/// `manage::may_set`; by root.
pub(super) fn may_set(place: Place, enrolled: bool) -> bool {
    place != Place::First || !enrolled
}

impl Run {
    /// `Transaction::set`
    pub(super) fn set(
        &mut self,
        phone: Phone,
        place: Place,
        proof: Option<u64>,
        owner: Option<Typed>,
        stage: Stage,
        scope: &mut Scope<'_>,
    ) -> Call {
        if stage == Stage::Locked {
            let enrolled = scope.host.secret.cached != Content::Absent;
            if !may_set(place, enrolled) && !scope.is(Mutation::NoSecondLook) {
                scope.seen.mark("two enrolled at once, and the second one was told");
                return self.say(Said::Refused);
            }
            let record = self.record(scope.host, scope.mutation).unwrap_or_default();
            if record.device(&phone.device().id).is_none() {
                scope.ghost.set_anew(phone);
            }
            let Some(line) = prove(phone, proof, &record, scope.host.now()) else {
                return self.say(Said::Refused);
            };
            let is_there = scope.host.factor().is_some_and(|old| old.phones.all().contains(&phone));
            if place == Place::Beside && is_there {
                return self.say(Said::Refused);
            }
            self.proved = Some(Held::new(Record { devices: vec![line], ..Record::default() }));
            if let (Some(typed), Some(old)) = (owner, scope.host.factor()) {
                return self.judge(old, typed, Source::Door, scope);
            }
        }
        let secret_first = scope.is(Mutation::SecretBeforeState);
        if stage == Stage::Renewed && !secret_first {
            return self.renewed(place, scope);
        }
        if stage != Stage::Renewed && secret_first {
            return Call::WriteTemporary;
        }
        let mut record = self.record(scope.host, scope.mutation).unwrap_or_default();
        if scope.is(Mutation::PrunedBeforeSecret) {
            record.devices.clear();
        }
        let proved = self.proved.take().expect("proved before");
        proved.record().devices.iter().cloned().for_each(|line| record.set_device(line));
        let phones = self.new_factor(scope.host).phones.all();
        record.make_room(|id| phones.iter().any(|phone| phone.device().id == id));
        self.commit(record, if secret_first { Stage::Over } else { Stage::ServesBoth }, scope)
    }

    /// Behind the new secret: what it does not need goes.
    fn renewed(&mut self, place: Place, scope: &Scope<'_>) -> Call {
        let mut record = self.record.as_ref().expect("the record of the first commit").record().clone();
        if scope.is(Mutation::VoidKeysForgotten) {
            let phones = scope.host.factor().map_or_else(Vec::new, |factor| factor.phones.all());
            record.devices.retain(|line| phones.iter().any(|phone| phone.device().id == line.id));
        }
        if place != Place::Beside {
            record.backup = None;
        }
        self.commit(record, Stage::Over, scope)
    }

    /// `Transaction::renew`
    pub(super) fn renew(&mut self, set: u8, owner: Option<Typed>, stage: Stage, scope: &mut Scope<'_>) -> Call {
        let Some(factor) = scope.host.factor() else { return self.say(Said::Refused) };
        match (stage, owner) {
            (Stage::Locked, Some(typed)) => self.judge(factor, typed, Source::Door, scope),
            (Stage::Renewed, _) => {
                let mut record = self.record(scope.host, scope.mutation).unwrap_or_default();
                heal(&factor.enrollment(), &mut record, scope);
                record.backup = Factor { set: Some(set), ..factor }.set_id().map(|id| BackupState { id, used: 0 });
                self.commit(record, Stage::Over, scope)
            }
            _ => Call::WriteTemporary,
        }
    }

    /// `manage::unlock`
    pub(super) fn unlock(&mut self, scope: &mut Scope<'_>) -> Call {
        let Some(factor) = scope.host.factor() else { return self.say(Said::Refused) };
        let (enrollment, now) = (factor.enrollment(), scope.host.now());
        let mut record = self.record(scope.host, scope.mutation).unwrap_or_default();
        heal(&enrollment, &mut record, scope);
        let before = record.clone();
        healing::bring_back(&enrollment, &mut record, now, WINDOW);
        if record.devices != before.devices {
            scope.seen.mark("unlock brought a state back from the future");
        }
        match scope.mutation {
            Some(Mutation::UnlockToNow) => {
                record.devices.iter_mut().for_each(|line| line.last = line.last.map(|last| last.min(scope.host.clock)));
            }
            Some(Mutation::UnlockWithoutBand) => record.barred.clear(),
            _ => {}
        }
        record.lanes.iter_mut().for_each(|lane| (lane.full, lane.seen) = (0, lane.seen.min(now)));
        record.classes.clear();
        (record.unit, record.row) = (None, 0);
        scope.ghost.forgive();
        self.commit(record, Stage::Over, scope)
    }

    pub(super) fn new_factor(&self, host: &Host) -> Factor {
        match (self.deed, host.factor()) {
            (Deed::Set { place: Place::Beside, .. }, Some(old)) => Factor { phones: Phones::Both, ..old },
            (Deed::Set { phone, .. }, _) => Factor { phones: Phones::One(phone), set: None },
            (Deed::Renew { set, .. }, Some(old)) => Factor { set: Some(set), ..old },
            (deed, _) => unreachable!("{deed:?} writes no secret"),
        }
    }

    pub(super) fn rename(&mut self, scope: &mut Scope<'_>) -> Call {
        let synced = !scope.is(Mutation::RenameBeforeSync);
        if let (Deed::Set { place: Place::First, .. }, Content::Whole(..)) = (self.deed, scope.host.secret.cached) {
            scope.ghost.voided = true;
        }
        if let Deed::Set { phone, proof: Some(step), .. } = self.deed {
            scope.ghost.accept(Typed::Code(phone, step), scope.seen);
        }
        scope.host.secret.cached = Content::Whole(self.new_factor(scope.host), synced);
        Call::SyncSecrets
    }
}

/// `prove::prove`: judged by the heart itself, in a record of its own.
fn prove(phone: Phone, proof: Option<u64>, record: &Record, now: u64) -> Option<DeviceState> {
    let device = phone.device();
    let known = record.device(&device.id).and_then(|line| line.last).unwrap_or_default();
    let line = DeviceState { id: device.id.clone(), last: Some(known), drift: Some(0), at: None };
    let Some(step) = proof else { return Some(line) };
    let enrollment = Factor { phones: Phones::One(phone), set: None }.enrollment();
    let barred = record.barred.clone();
    let alone = Record { devices: vec![line], barred, ..Record::default() };
    let answer = Typed::Code(phone, step).answer();
    let attempt = Attempt {
        enrollment: &enrollment,
        answer: &answer,
        stretched: None,
        source: Source::Local,
        now,
        window: WINDOW,
        limits: LIMITS,
    };
    let decision = attempt::decide(&attempt, &alone);
    let accepted = matches!(decision.outcome, Outcome::Accepted { .. });
    decision.write.filter(|_| accepted)?.devices.into_iter().next().map(|line| DeviceState { at: None, ..line })
}
