//! What a user has enrolled, in words. Pure.

use super::message::{DoorMessage, Fields, Malformed, encoded, maybe, or_none, parsed};
use super::words::{self, device_name, kind_from, kind_words};
use crate::factor::enrollment::MAX_DEVICES;
use crate::factor::otp::Algorithm;
use crate::factor::record::{MAX_LANES, MAX_TRUSTS, Proving};
use crate::factor::source;
use crate::login::status::{BackupStatus, DeviceStatus, Remembered, Status, TemporaryStatus, Wait};

impl DoorMessage {
    pub(super) fn status(&mut self, status: &Status) {
        for device in &status.devices {
            let DeviceStatus { name, kind, algorithm, digits, skew, created, last_used } = device;
            let (kind, parameter) = kind_words(*kind);
            let (digits, skew, created) = (digits.to_string(), skew.to_string(), created.to_string());
            let (last_used, name) = (or_none(*last_used), encoded(name.as_bytes()));
            let words = [kind, &parameter, algorithm, &digits, &skew, &created, &last_used, &name];
            self.field("device", &words);
        }
        if let Some(BackupStatus { left, of }) = status.backup_codes {
            self.field("backup", &[&left.to_string(), &of.to_string()]);
        }
        if let Some(TemporaryStatus { left, until }) = status.temporary_codes {
            self.field("temporary", &[&left.to_string(), &until.to_string()]);
        }
        if let Some(since) = &status.failures {
            self.since(since);
        }
        if status.row > 0 {
            self.field("row", &[&status.row.to_string()]);
        }
        for Wait { lane, failures, until } in &status.waits {
            self.field("wait", &[&lane.to_string(), &failures.to_string(), &until.to_string()]);
        }
        for Remembered { address, until } in &status.remembered {
            self.field("remembered", &[&until.to_string(), &or_none(*address)]);
        }
        if let Some(Proving { service, at }) = &status.proving {
            self.field("proving", &[service, &at.to_string()]);
        }
    }
}

impl Fields<'_> {
    pub(super) fn status(&mut self, enrolled: bool) -> Result<Status, Malformed> {
        let device = |[kind, parameter, algorithm, digits, skew, created, last_used, name]: [&str; 8]| {
            Ok(DeviceStatus {
                name: device_name(name)?,
                kind: kind_from(kind, parameter)?,
                algorithm: Algorithm::from_name(algorithm).ok_or(Malformed)?.name(),
                digits: words::digits(digits)?.get(),
                skew: parsed(skew)?,
                created: parsed(created)?,
                last_used: maybe(last_used)?,
            })
        };
        let wait = |[lane, failures, until]: [&str; 3]| {
            Ok(Wait { lane: parsed(lane)?, failures: parsed(failures)?, until: parsed(until)? })
        };
        let remembered = |[until, address]: [&str; 2]| {
            let address = if address == "none" { None } else { Some(source::literal(address).ok_or(Malformed)?) };
            Ok(Remembered { address, until: parsed(until)? })
        };
        let backup_codes = match self.take("backup")? {
            Some([left, of]) => Some(BackupStatus { left: parsed(left)?, of: parsed(of)? }),
            None => None,
        };
        let temporary_codes = match self.take("temporary")? {
            Some([left, until]) => Some(TemporaryStatus { left: parsed(left)?, until: parsed(until)? }),
            None => None,
        };
        Ok(Status {
            enrolled,
            devices: self.all("device", MAX_DEVICES, device)?,
            backup_codes,
            temporary_codes,
            failures: self.since()?,
            row: self.take("row")?.map_or(Ok(0), |[count]| parsed(count))?,
            waits: self.all("wait", MAX_LANES, wait)?,
            remembered: self.all("remembered", MAX_TRUSTS, remembered)?,
            proving: self.proving()?,
        })
    }

    fn proving(&mut self) -> Result<Option<Proving>, Malformed> {
        let Some([service, at]) = self.take("proving")? else { return Ok(None) };
        format!("{service} {at}").parse().map(Some).map_err(|()| Malformed)
    }
}
