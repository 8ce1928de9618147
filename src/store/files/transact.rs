//! The file store's verbs: what each reads, writes and waits for under the lock, in one order.

use super::folders::FileStore;
use super::locked::Locked;
use crate::factor::attempt::Outcome;
use crate::factor::change::ChangeError;
use crate::factor::enrollment::Enrollment;
use crate::factor::judgment::{FirstStep, Judging, Seen, Verdict};
use crate::factor::plan::{Keys, Plan, Planning, Reads};
use crate::factor::record::Record;
use crate::store::error::StoreError;
use crate::store::verbs::{NotDone, Store, Transacted, Whose};
use crate::system::clock;

impl Store for FileStore {
    fn enrollment(&self, whose: Whose<'_>) -> Result<Option<Enrollment>, StoreError> {
        self.read_enrollment(whose)
    }

    fn record(&self, name: &str) -> Result<Option<Record>, StoreError> {
        self.peek(name)
    }

    fn names(&self) -> Result<Vec<String>, StoreError> {
        self.enrolled_names()
    }

    fn transact(&self, whose: Whose<'_>, judging: &dyn Judging) -> Result<Option<Transacted>, StoreError> {
        let mut locked = self.lock(whose.name)?;
        let Some(enrollment) = self.read_enrollment(whose)? else { return Ok(None) };
        panic_here!("transact");
        let seen = locked.seen()?;
        let verdict = locked.judged(&enrollment, &seen, judging)?;
        Ok(Some(Transacted { enrollment, seen, verdict }))
    }

    fn carry_out(
        &self,
        whose: Whose<'_>,
        authority: Option<&dyn Judging>,
        planning: &mut dyn Planning,
    ) -> Result<(), NotDone> {
        let (mut locked, mut other) = self.lock_both(whose)?;
        let mut seen = match planning.reads() {
            Reads::Nothing | Reads::Enrollment => {
                Seen { record: None, born: None, made: None, there: None, now: clock::now() }
            }
            _ => locked.seen()?,
        };
        if let Some(other) = &mut other {
            seen.there = other.record()?;
        }
        let enrollment = self.what_a_change_finds(whose, planning.reads())?;
        planning.check(enrollment.as_ref(), &seen)?;
        if let (Some(authority), Some(enrollment)) = (authority, &enrollment) {
            let Verdict { outcome, now, .. } = locked.judged(enrollment, &seen, authority)?;
            if !matches!(outcome, Outcome::Accepted { .. }) {
                return Err(ChangeError::CodeRefused { outcome, now }.into());
            }
            (seen.record, seen.born) = (locked.record()?, locked.born());
        }
        let charge = planning.charge(enrollment.as_ref(), &seen);
        charge.as_ref().map_or(Ok(()), |charge| locked.charge(charge))?;
        match planning.plan(enrollment.as_ref(), &seen) {
            Ok(plan) => Ok(carried(self, locked, other, enrollment.as_ref(), plan)?),
            Err(error) => {
                // Over a charge alone: else it would bring back what the owner's code was before.
                locked.settle(planning.refund().filter(|_| charge.is_some()).as_ref())?;
                Err(error.into())
            }
        }
    }

    fn is_enrolled(&self, name: &str) -> Result<bool, StoreError> {
        self.has_secret(name)
    }

    fn keeps(&self, name: &str) -> Result<bool, StoreError> {
        self.has_any(name)
    }
}

impl FileStore {
    /// Always in the same order, so that two that move cannot wait for each other.
    fn lock_both<'a>(&'a self, whose: Whose<'_>) -> Result<(Locked<'a>, Option<Locked<'a>>), NotDone> {
        let Some(to) = whose.to else { return Ok((self.lock(whose.name)?, None)) };
        let (from, other) = if whose.name < to {
            let from = self.lock(whose.name)?;
            (from, self.lock(to)?)
        } else {
            let other = self.lock(to)?;
            (self.lock(whose.name)?, other)
        };
        if self.has_secret(to)? { Err(ChangeError::AlreadyEnrolled.into()) } else { Ok((from, Some(other))) }
    }

    fn what_a_change_finds(&self, whose: Whose<'_>, reads: Reads) -> Result<Option<Enrollment>, StoreError> {
        match (reads, self) {
            (Reads::Nothing | Reads::Record, _) => Ok(None),
            (Reads::All | Reads::Enrollment, store) => store.read_enrollment(whose),
            (Reads::AllOrReplaced, store) => match store.read_enrollment(whose) {
                Err(error @ (StoreError::Io(..) | StoreError::Newer(_))) => Err(error),
                // A file that cannot be used is replaced whole: that is how root fixes it.
                found => Ok(found.unwrap_or_default()),
            },
        }
    }
}

impl Locked<'_> {
    /// What is known of the user, now that nobody else can change it.
    fn seen(&mut self) -> Result<Seen, StoreError> {
        let record = self.record()?;
        // Only under the lock: a login that waited for it must not be judged by the time at which they came.
        Ok(Seen { record, born: self.born(), made: self.made(), there: None, now: clock::now() })
    }

    /// The charge, the judgement and the outcome. From the charge on no failure tells right from wrong: a caller who makes
    /// calls fail (a full disk, a limit) would hear of guesses that were right.
    fn judged(&mut self, enrollment: &Enrollment, seen: &Seen, judging: &dyn Judging) -> Result<Verdict, StoreError> {
        let due = match judging.charge(enrollment, seen) {
            FirstStep::Told(verdict, write) => {
                write.map_or(Ok(()), |record| self.commit(&record))?;
                return Ok(verdict);
            }
            FirstStep::ToJudge(due) => due,
        };
        if let Some(charged) = due.charged() {
            self.charge(charged)?;
        }
        let (verdict, write) = judging.judge(enrollment, seen, &due);
        // Of a wrong code the charge is the outcome.
        let outcome = write.as_ref().filter(|write| due.charged() != Some(write));
        match (self.settle(outcome), due.charged().is_some()) {
            (Ok(()), _) => Ok(verdict),
            (Err(error), true) => Ok(due.unwritten(error.to_string())),
            (Err(error), false) => Err(error),
        }
    }
}

/// The one order in which a change is written.
fn carried(
    store: &FileStore,
    mut locked: Locked<'_>,
    other: Option<Locked<'_>>,
    old: Option<&Enrollment>,
    plan: Plan,
) -> Result<(), StoreError> {
    let Plan { before, keys, after } = plan;
    let keys = match (keys, other) {
        (Keys::MoveTo(moved), Some(mut other)) => {
            before.map_or(Ok(()), |before| other.commit(&before))?;
            return given(store, &locked, &other, old, &moved);
        }
        (Keys::MoveTo(moved), None) => {
            return Err(StoreError::NotTheirs(moved.user.into(), "is no name that was locked"));
        }
        (keys, _) => keys,
    };
    locked.settle(before.as_ref())?;
    match keys {
        Keys::Keep | Keys::MoveTo(_) => {}
        Keys::Replace(new) => locked.replace_secret(&new)?,
        Keys::Remove => {
            locked.remove_secret()?;
            // The enrollment is off by now, whatever comes of this.
            let _ = after.map(|after| locked.commit(&after));
            return Ok(());
        }
        Keys::Forget => return locked.forget(),
    }
    after.map_or(Ok(()), |after| locked.commit(&after))
}

/// First the keys name the new account, so that they are the old one's no more, and only then they go there: at no moment
/// does one key serve two accounts. Who is killed in between finds them where they were, and the same command goes on.
fn given(
    store: &FileStore,
    from: &Locked<'_>,
    to: &Locked<'_>,
    old: Option<&Enrollment>,
    moved: &Enrollment,
) -> Result<(), StoreError> {
    let given = from.replace_secret(moved).and_then(|()| from.give_secret(to));
    if let (Err(_), Ok(true), Some(old)) = (&given, store.has_secret(from.name()), old) {
        let _ = from.replace_secret(old);
    }
    given
}
