//! A change that its owner or root makes: allowed, drawn, planned, and carried out by the store.

use zeroize::Zeroizing;

use super::error::ManageError;
use crate::factor::backup::{self, BackupCodes};
use crate::factor::change::{Change, ChangeError, Place};
use crate::factor::enrollment::{Device, Enrollment};
use crate::factor::judgment::{Judging, Seen};
use crate::factor::new_codes::Drawn;
use crate::factor::plan::{self, Plan, Planning, Reads, Terms};
use crate::factor::record::{DeviceState, Record};
use crate::factor::secret::{Answer, GENERATED_BYTES, Secret};
use crate::factor::source::Source;
use crate::login::verify;
use crate::policy::Policy;
use crate::store::Store;
use crate::system::account::Account;
use crate::system::clock;
use crate::system::random::{self, NoRandom};

/// By whose right a change is made.
#[derive(Clone, Copy, Debug)]
pub enum Authority<'a> {
    /// Root's.
    Root,
    /// The user's own. What they have enrolled must be proved by a code in the same request, so that a stolen
    /// session can neither add to, nor replace, nor remove it.
    Owner(Option<&'a Answer>),
}

/// New backup codes, in the one moment in which they can be shown.
pub type NewBackupCodes = Vec<Zeroizing<String>>;

/// A key that was proved and is not stored yet.
#[derive(Clone)]
pub struct Pending {
    /// Whose.
    pub account: Account,
    /// The new device.
    pub device: Device,
    /// Its state line, with the proving code's step as used.
    pub line: DeviceState,
}

/// A device with a fresh key, as every app can show its codes.
pub fn new_device(name: &str, now: u64) -> Result<Device, NoRandom> {
    Ok(Device::with_key(Secret::from_bytes(random::bytes(GENERATED_BYTES)?), name, now))
}

/// A set that nobody has yet; nothing is written.
pub fn make_codes(count: u8) -> Result<(BackupCodes, NewBackupCodes), ManageError> {
    let random = random::bytes(backup::random_bytes(count))?;
    BackupCodes::make(&random, count, clock::now()).ok_or(ManageError::Refused(ChangeError::NoRandom))
}

/// Makes a change, whole or not at all.
pub fn apply(
    store: &dyn Store,
    policy: &Policy,
    account: &Account,
    by: Authority<'_>,
    change: &Change,
) -> Result<NewBackupCodes, ManageError> {
    let code = if let Authority::Owner(code) = by { code } else { None };
    // Stretching takes milliseconds, so it comes before the lock.
    let stretched = code.map_or(Ok(None), |code| verify::stretch(store, account, code))?;
    let terms = Terms {
        user: &account.name,
        uid: account.uid,
        is_owner: matches!(by, Authority::Owner(_)),
        has_code: code.is_some(),
        window: policy.window,
        limits: policy.throttle,
    };
    // Its lock would leave a record behind for somebody who never enrolled.
    let enrolled = store.is_enrolled(&account.name)?;
    match change {
        Change::Set { place, .. } => plan::may_set(terms.is_owner, place, enrolled)?,
        _ if !enrolled => return Err(ChangeError::NotEnrolled.into()),
        _ => {}
    }
    let codes = Drawn::by(random::bytes);
    let mut making = Making { terms, change, codes, proved: None, refund: None };
    let submission = code.map(|code| verify::submission(policy, Source::Door, code, stretched.as_ref()));
    let submission = submission.as_ref().filter(|_| plan::needs_code(change));
    store.carry_out(account.into(), submission.map(|submission| submission as &dyn Judging), &mut making)?;
    Ok(making.codes.shown)
}

/// A change on its way through the store.
struct Making<'a> {
    terms: Terms<'a>,
    change: &'a Change,
    codes: Drawn,
    /// The line of a new device that was proved, before the owner's code is used up.
    proved: Option<DeviceState>,
    /// What is left if two codes prove nothing: then the owner's code is as good as before.
    refund: Option<Record>,
}

impl Planning for Making<'_> {
    fn reads(&self) -> Reads {
        match self.change {
            // What root takes away must not have to be usable.
            Change::Forget => Reads::Record,
            Change::Remove if !self.terms.is_owner => Reads::Record,
            Change::Set { place: Place::InsteadOf(None), .. } if !self.terms.is_owner => Reads::AllOrReplaced,
            _ => Reads::All,
        }
    }

    fn check(&mut self, old: Option<&Enrollment>, seen: &Seen) -> Result<(), ChangeError> {
        self.proved = plan::check(&self.terms, old, seen, self.change)?;
        self.refund = plan::charge(&self.terms, old, seen, self.change);
        Ok(())
    }

    fn charge(&mut self, old: Option<&Enrollment>, seen: &Seen) -> Option<Record> {
        plan::charge(&self.terms, old, seen, self.change)
    }

    fn plan(&mut self, old: Option<&Enrollment>, seen: &Seen) -> Result<Plan, ChangeError> {
        plan::plan(&self.terms, old, seen, self.change, self.proved.clone(), &mut self.codes)
    }

    fn refund(&mut self) -> Option<Record> {
        self.refund.take()
    }
}
