//! The transactions that follow a device to where it stands: a clock or a counter that has run away, a counter that was lost.

use super::{By, Codes, ManageError, Transaction};
use crate::factor::attempt;
use crate::factor::change::ChangeError;
use crate::factor::devices::named_mut;
use crate::factor::enrollment::{Device, Enrollment, Kind};
use crate::factor::healing;
use crate::factor::record::{DeviceState, LaneKey, Record};
use crate::factor::resync::{self, Shown};
use crate::factor::secret::Answer;
use crate::factor::throttle::Buckets;
use crate::system::clock;

impl Transaction<'_> {
    pub(super) fn resync(mut self, name: Option<&str>, first: &Answer, second: &Answer) -> Result<Codes, ManageError> {
        // What is left if the two prove nothing: then the owner's code is as good as before.
        let mut refund = self.healed()?;
        let buckets = Buckets::new(LaneKey::Door, &self.policy.throttle, refund.weight, refund.now);
        let is_guess = matches!(self.by, By::Owner(_));
        // Before their code is used up.
        if is_guess && buckets.gate(&refund.record).row > 2 {
            return Err(ChangeError::TooManyPairs.into());
        }
        self.authorize()?;
        let found = self.healed()?;
        if is_guess {
            // Two codes of an owner are a guess as at a login, from the same bucket, and are counted before anything is
            // computed.
            let mut charged = found.record.clone();
            buckets.charge_pair(&mut charged);
            self.locked.charge(&charged)?;
            buckets.charge_pair(&mut refund.record);
        }
        let (device, line) = match found.find(name, first, second) {
            Ok(found) => found,
            Err(slip) => {
                self.locked.settle(is_guess.then_some(&refund.record))?;
                return Err(slip);
            }
        };
        let Healed { mut enrollment, mut record, .. } = found;
        record.set_device(line);
        self.locked.settle(Some(&record))?;
        if let Some(old) = enrollment.devices.iter_mut().find(|d| d.id == device.id && d.skew != device.skew) {
            *old = device;
            self.locked.replace_secret(&enrollment)?;
        }
        Ok(Codes::new())
    }

    pub(super) fn set_counter(mut self, name: Option<&str>, counter: u64) -> Result<Codes, ManageError> {
        let Healed { mut enrollment, mut record, .. } = self.healed()?;
        let device = named_mut(&mut enrollment.devices, name)?;
        let Kind::Hotp { start } = device.kind else { return Err(ChangeError::NotHotp.into()) };
        // Healed, so it has one.
        let line = record.device(&device.id).cloned().ok_or(ChangeError::NotHotp)?;
        let last = Some(counter.max(line.last.unwrap_or(start)));
        record.set_device(DeviceState { last, ..line });
        self.locked.commit(&record)?;
        Ok(Codes::new())
    }

    /// What every login finds: the record healed, its buckets pulled in.
    fn healed(&mut self) -> Result<Healed, ManageError> {
        let enrollment = self.locked.enrollment(self.account)?.ok_or(ChangeError::NotEnrolled)?;
        let mut record = self.locked.record()?.unwrap_or_default();
        let now = clock::now();
        healing::heal(&enrollment, &mut record, now, self.policy.window);
        let weight = attempt::weight(&enrollment, &record, now, self.policy.window);
        if !clock::is_wrong(now) {
            Buckets::new(LaneKey::Door, &self.policy.throttle, weight, now).pull_in(&mut record);
        }
        Ok(Healed { enrollment, record, weight, now })
    }
}

/// An enrollment and its record, as they stand under the lock.
struct Healed {
    enrollment: Enrollment,
    record: Record,
    weight: u64,
    now: u64,
}

impl Healed {
    /// The device that shows these two codes one after the other.
    fn find(&self, name: Option<&str>, first: &Answer, second: &Answer) -> Result<(Device, DeviceState), ManageError> {
        let named = |device: &&Device| name.is_none_or(|name| device.name == name);
        let mut error = if self.enrollment.devices.iter().any(|d| named(&d)) {
            ManageError::Refused(ChangeError::NotConsecutive)
        } else {
            ManageError::Refused(ChangeError::NoSuchDevice)
        };
        for device in self.enrollment.devices.iter().filter(named) {
            let Some(line) = self.record.device(&device.id) else { continue };
            match resync::resync(device, line, &self.record, first, second, self.now) {
                Shown::Here(device, line) => return Ok((*device, line)),
                Shown::Used => error = ManageError::Refused(ChangeError::UsedCode),
                Shown::NoCounter if error == ManageError::Refused(ChangeError::NotConsecutive) => {
                    error = ManageError::Refused(ChangeError::NoCounter)
                }
                Shown::NoCounter | Shown::Nowhere => {}
            }
        }
        Err(error)
    }
}
