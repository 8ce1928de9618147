//! The transactions that follow a device to where it stands: a clock or a counter that has run away, a counter that was lost.

use super::devices::named_mut;
use super::{By, Codes, ManageError, Transaction};
use crate::attempt;
use crate::clock;
use crate::enrollment::{Device, Enrollment, Kind};
use crate::resync::{self, Shown};
use crate::secret::Answer;
use crate::state::{DeviceState, Record};

impl Transaction<'_> {
    pub(super) fn resync(mut self, name: Option<&str>, first: &Answer, second: &Answer) -> Result<Codes, ManageError> {
        let before = self.locked.record()?;
        // Before anything is looked for: two codes at once are a guess too, and this one is counted.
        self.authorize()?;
        let (mut enrollment, mut record, found, line) = match (self.find(name, first, second), self.by, before) {
            (Ok(found), ..) => found,
            (Err(slip), By::Owner(_), Some(before)) => {
                // Nothing was done with the owner's code: it is as good as before.
                self.locked.commit(&before)?;
                return Err(slip);
            }
            (Err(slip), ..) => return Err(slip),
        };
        record.set_device(line);
        self.locked.commit(&record)?;
        if let Some(device) = enrollment.devices.iter_mut().find(|d| d.id == found.id && d.skew != found.skew) {
            *device = found;
            self.locked.replace_secret(&enrollment)?;
        }
        Ok(Codes::new())
    }

    /// The device that shows these two codes one after the other.
    fn find(
        &mut self,
        name: Option<&str>,
        first: &Answer,
        second: &Answer,
    ) -> Result<(Enrollment, Record, Device, DeviceState), ManageError> {
        let (enrollment, record, now) = self.healed()?;
        let named = |device: &&Device| name.is_none_or(|name| device.name == name);
        let mut error = if enrollment.devices.iter().any(|d| named(&d)) {
            ManageError::NotConsecutive
        } else {
            ManageError::NoSuchDevice
        };
        for device in enrollment.devices.iter().filter(named) {
            let Some(line) = record.device(&device.id) else { continue };
            match resync::resync(device, line, first, second, now) {
                Shown::Here(device, line) => return Ok((enrollment, record, *device, line)),
                Shown::Used => error = ManageError::UsedCode,
                Shown::NoCounter if error == ManageError::NotConsecutive => error = ManageError::NoCounter,
                Shown::NoCounter | Shown::Nowhere => {}
            }
        }
        Err(error)
    }

    pub(super) fn set_counter(mut self, name: Option<&str>, counter: u64) -> Result<Codes, ManageError> {
        let (mut enrollment, mut record, _) = self.healed()?;
        let device = named_mut(&mut enrollment.devices, name)?;
        let Kind::Hotp { start } = device.kind else { return Err(ManageError::NotHotp) };
        // Healed, so it has one.
        let line = record.device(&device.id).cloned().ok_or(ManageError::NotHotp)?;
        let last = Some(counter.max(line.last.unwrap_or(start)));
        record.set_device(DeviceState { last, pending: None, ..line });
        self.locked.commit(&record)?;
        Ok(Codes::new())
    }

    fn healed(&mut self) -> Result<(Enrollment, Record, u64), ManageError> {
        let enrollment = self.locked.enrollment(self.account)?.ok_or(ManageError::NotEnrolled)?;
        let mut record = self.locked.record()?.unwrap_or_default();
        let now = clock::now();
        attempt::heal(&enrollment, &mut record, now, self.policy.window);
        Ok((enrollment, record, now))
    }
}
