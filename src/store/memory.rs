//! A store in memory, for tests. It takes no lock: it sees, judges or plans, and writes all at once if nobody came between;
//! else it begins anew, as a store behind a network does.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use super::error::StoreError;
use super::verbs::{NotDone, Store, Transacted, Whose};
use crate::factor::attempt::Outcome;
use crate::factor::change::ChangeError;
use crate::factor::enrollment::Enrollment;
use crate::factor::judgment::{FirstStep, Judging, Seen, Verdict};
use crate::factor::plan::{Keys, Plan, Planning};
use crate::factor::record::Record;
use crate::factor::record::text::Unreadable;
use crate::system::clock;

/// How often it begins anew before it gives up.
const TRIES: u32 = 1_000;

/// What is kept of all users.
#[derive(Default)]
pub struct MemoryStore {
    users: Mutex<BTreeMap<String, Kept>>,
    /// Runs where others may come between.
    between: Option<Box<dyn Fn() + Send + Sync>>,
}

/// What is kept of a user.
#[derive(Clone, Default, PartialEq, Eq)]
struct Kept {
    enrollment: Option<Enrollment>,
    /// As text, without padding.
    record: Option<String>,
    /// How often it was written.
    version: u64,
}

impl MemoryStore {
    /// With something that happens between seeing and writing.
    pub fn with_between(between: impl Fn() + Send + Sync + 'static) -> Self {
        Self { between: Some(Box::new(between)), ..Self::default() }
    }

    /// The text of a record, put there by somebody else.
    pub fn put_record(&self, name: &str, text: Option<String>) {
        self.change(|users| {
            let kept = users.entry(name.to_owned()).or_default();
            (kept.record, kept.version) = (text, kept.version.saturating_add(1));
        });
    }

    /// The text of a record.
    pub fn record_text(&self, name: &str) -> Option<String> {
        self.kept(name).record
    }

    fn change<T>(&self, change: impl FnOnce(&mut BTreeMap<String, Kept>) -> T) -> T {
        change(&mut self.users.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn kept(&self, name: &str) -> Kept {
        self.change(|users| users.get(name).cloned().unwrap_or_default())
    }

    /// Writes both if nobody has written either since; whether that was so.
    fn swap(&self, writes: &[(&str, &Kept, Kept)]) -> bool {
        self.between.iter().for_each(|between| between());
        self.change(|users| {
            let is_same =
                |(name, seen, _): &(&str, &Kept, Kept)| users.get(*name).map_or(0, |now| now.version) == seen.version;
            if !writes.iter().all(is_same) {
                return false;
            }
            for (name, seen, new) in writes {
                let version = seen.version.saturating_add(1);
                users.insert((*name).to_owned(), Kept { version, ..new.clone() });
            }
            true
        })
    }
}

impl Kept {
    /// A damaged record is a lost one.
    fn record(&self, name: &str) -> Result<Option<Record>, StoreError> {
        match self.record.as_deref().map(Record::from_text) {
            Some(Ok(record)) => Ok(Some(record)),
            Some(Err(Unreadable::Newer)) => Err(StoreError::Newer(PathBuf::from(name))),
            Some(Err(Unreadable::Damaged)) | None => Ok(None),
        }
    }

    fn with(&self, record: Option<&Record>) -> Result<Self, StoreError> {
        let Some(record) = record else { return Ok(self.clone()) };
        Ok(Self { record: Some(record.to_text().map_err(|_| StoreError::TooLarge)?), ..self.clone() })
    }

    /// Is it of the account that it is asked for?
    fn enrollment(&self, whose: Whose<'_>) -> Result<Option<Enrollment>, StoreError> {
        let not_theirs = |what| Err(StoreError::NotTheirs(PathBuf::from(whose.name), what));
        match (&self.enrollment, whose.account) {
            (Some(found), Some(account)) if found.user != account.name => not_theirs("names another user"),
            (Some(found), Some(account)) if found.uid != account.uid => not_theirs("was enrolled by another uid"),
            (found, _) => Ok(found.clone()),
        }
    }
}

impl Store for MemoryStore {
    fn enrollment(&self, whose: Whose<'_>) -> Result<Option<Enrollment>, StoreError> {
        self.kept(whose.name).enrollment(whose)
    }

    fn record(&self, name: &str) -> Result<Option<Record>, StoreError> {
        self.kept(name).record(name)
    }

    fn names(&self) -> Result<Vec<String>, StoreError> {
        let enrolled = |(name, kept): (&String, &Kept)| kept.enrollment.is_some().then(|| name.clone());
        Ok(self.change(|users| users.iter().filter_map(enrolled).collect()))
    }

    fn transact(&self, whose: Whose<'_>, judging: &dyn Judging) -> Result<Option<Transacted>, StoreError> {
        for _ in 0..TRIES {
            let kept = self.kept(whose.name);
            let Some(enrollment) = kept.enrollment(whose)? else { return Ok(None) };
            let seen = seen(&kept, None, whose.name)?;
            let (verdict, write) = judged(&enrollment, &seen, judging);
            if self.swap(&[(whose.name, &kept, kept.with(write.as_ref())?)]) {
                return Ok(Some(Transacted { enrollment, seen, verdict }));
            }
        }
        Err(StoreError::Busy)
    }

    fn carry_out(
        &self,
        whose: Whose<'_>,
        authority: Option<&dyn Judging>,
        planning: &mut dyn Planning,
    ) -> Result<(), NotDone> {
        for _ in 0..TRIES {
            let (kept, there) = (self.kept(whose.name), whose.to.map(|to| (to, self.kept(to))));
            if there.as_ref().is_some_and(|(_, there)| there.enrollment.is_some()) {
                return Err(ChangeError::AlreadyEnrolled.into());
            }
            let (new, result) = planned(whose, &kept, there.as_ref().map(|(_, there)| there), authority, planning)?;
            let (own, other) = new;
            let writes = there.iter().zip(other).map(|((to, there), new)| (*to, there, new));
            if self.swap(&[(whose.name, &kept, own)].into_iter().chain(writes).collect::<Vec<_>>()) {
                return result.map_err(NotDone::Refused);
            }
        }
        Err(StoreError::Busy.into())
    }
}

fn seen(kept: &Kept, there: Option<&Kept>, name: &str) -> Result<Seen, StoreError> {
    let there = there.map_or(Ok(None), |there| there.record(name))?;
    Ok(Seen { record: kept.record(name)?, born: None, made: None, there, now: clock::now() })
}

/// Charge and outcome in one: nobody sees what is between.
fn judged(enrollment: &Enrollment, seen: &Seen, judging: &dyn Judging) -> (Verdict, Option<Record>) {
    match judging.charge(enrollment, seen) {
        FirstStep::Told(verdict, write) => (verdict, write),
        FirstStep::ToJudge(due) => judging.judge(enrollment, seen, &due),
    }
}

/// What is kept behind a change, under its name and under the other one. A guess that is refused is written too.
type After = (Kept, Option<Kept>);

fn planned(
    whose: Whose<'_>,
    kept: &Kept,
    there: Option<&Kept>,
    authority: Option<&dyn Judging>,
    planning: &mut dyn Planning,
) -> Result<(After, Result<(), ChangeError>), NotDone> {
    let enrollment = kept.enrollment(whose)?;
    let mut seen = seen(kept, there, whose.name)?;
    planning.check(enrollment.as_ref(), &seen)?;
    if let (Some(authority), Some(enrollment)) = (authority, &enrollment) {
        let (Verdict { outcome, now, .. }, write) = judged(enrollment, &seen, authority);
        if !matches!(outcome, Outcome::Accepted { .. }) {
            return Ok(((kept.with(write.as_ref())?, None), Err(ChangeError::CodeRefused { outcome, now })));
        }
        seen.record = write.or(seen.record);
    }
    let charge = planning.charge(enrollment.as_ref(), &seen);
    match planning.plan(enrollment.as_ref(), &seen) {
        Ok(plan) => Ok((carried(kept, there, &seen, plan)?, Ok(()))),
        Err(error) => {
            let write = charge.and_then(|charge| planning.refund().or(Some(charge))).or(seen.record);
            Ok(((kept.with(write.as_ref())?, None), Err(error)))
        }
    }
}

/// All of a plan at once.
fn carried(kept: &Kept, there: Option<&Kept>, seen: &Seen, plan: Plan) -> Result<After, StoreError> {
    let Plan { before, keys, after } = plan;
    let record = after.as_ref().or(before.as_ref()).or(seen.record.as_ref());
    let with = |enrollment| -> Result<Kept, StoreError> { Ok(Kept { enrollment, ..kept.with(record)? }) };
    Ok(match keys {
        Keys::Keep => (with(kept.enrollment.clone())?, None),
        Keys::Replace(new) => (with(Some(new))?, None),
        Keys::Remove => (with(None)?, None),
        Keys::Forget => (Kept::default(), None),
        Keys::MoveTo(moved) => {
            let there = there.cloned().unwrap_or_default().with(before.as_ref())?;
            (Kept { enrollment: None, ..kept.clone() }, Some(Kept { enrollment: Some(moved), ..there }))
        }
    })
}
