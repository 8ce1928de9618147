//! What can be told of a user's enrollment without telling a secret.

use std::net::IpAddr;

use crate::factor::backup::{TEMPORARY_BITS, Temporary};
use crate::factor::enrollment::{Enrollment, Kind};
use crate::factor::record::{LaneKey, Proving, Record, Since};
use crate::factor::throttle::{self, BucketLevel, Limits};
use crate::store::{Store, StoreError, Whose};
use crate::system::account::Account;

/// A user's enrollment from outside.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// Whether there is one.
    pub enrolled: bool,
    /// Its devices.
    pub devices: Vec<DeviceStatus>,
    /// Its backup codes, if it has any.
    pub backup_codes: Option<BackupStatus>,
    /// A help desk's codes, as long as they count.
    pub temporary_codes: Option<TemporaryStatus>,
    /// Wrong codes since the last right one.
    pub failures: Option<Since>,
    /// Wrong single codes since the last success; from a hundred on they are closed everywhere.
    pub row: u32,
    /// Lanes that wait.
    pub waits: Vec<Wait>,
    /// Addresses from which no code is asked for.
    pub remembered: Vec<Remembered>,
    /// A key that was proved at a login and not stored.
    pub proving: Option<Proving>,
}

/// A device without its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceStatus {
    /// For people.
    pub name: String,
    /// Clock or counter.
    pub kind: Kind,
    /// `SHA1` or the like.
    pub algorithm: &'static str,
    /// Digits of a code.
    pub digits: usize,
    /// TOTP: steps that its clock is ahead of ours, as `resync` found; drift is not in it.
    pub skew: i8,
    /// Seconds since 1970.
    pub created: u64,
    /// Seconds since 1970, once it was used.
    pub last_used: Option<u64>,
}

/// Backup codes without their hashes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BackupStatus {
    /// How many can still be used.
    pub left: u32,
    /// How many there were.
    pub of: u32,
}

/// A help desk's codes without their hashes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TemporaryStatus {
    /// How many can still be used.
    pub left: u32,
    /// Until when, in seconds since 1970.
    pub until: u64,
}

/// A lane that waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wait {
    /// Whose.
    pub lane: LaneKey,
    /// Wrong codes that it still counts.
    pub failures: u32,
    /// Seconds since 1970.
    pub until: u64,
}

/// An address that is remembered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remembered {
    /// Versions before did not note it.
    pub address: Option<IpAddr>,
    /// Seconds since 1970.
    pub until: u64,
}

impl Status {
    /// Looks without the lock; makes nothing. As at a login, an enrollment that another uid than the account's enrolled
    /// is an error; that of an account that is gone is not.
    pub fn of(
        store: &dyn Store,
        limits: &Limits,
        name: &str,
        account: Option<&Account>,
        now: u64,
    ) -> Result<Self, StoreError> {
        let enrollment = store.enrollment(account.map_or_else(|| name.into(), Whose::from))?;
        let record = store.record(name)?.unwrap_or_default();
        let proving = record.proving.clone();
        Ok(match enrollment {
            Some(enrollment) => Self::new(&enrollment, &record, limits, now),
            None => Self { proving, ..Self::default() },
        })
    }

    fn new(enrollment: &Enrollment, record: &Record, limits: &Limits, now: u64) -> Self {
        let devices = enrollment.devices.iter().map(|device| DeviceStatus {
            name: device.name.clone(),
            kind: device.kind,
            algorithm: device.algorithm.name(),
            digits: device.digits.get(),
            skew: device.skew,
            created: device.created,
            last_used: record.device(&device.id).and_then(|line| line.at),
        });
        let set = enrollment.backup_codes.as_ref();
        // Without its line every code counts as used, as it would at a login.
        let used =
            record.backup.as_ref().filter(|b| set.is_some_and(|set| b.id == set.id)).map_or(u32::MAX, |b| b.used);
        let left = |used: u32, of: usize| {
            let of = u32::try_from(of).unwrap_or_default();
            u32::try_from((0..of).filter(|place| used & 1_u32.wrapping_shl(*place) == 0).count()).unwrap_or_default()
        };
        // A set of none is there for temporary codes alone.
        let backup_codes = set.map(|set| set.hashes.len()).filter(|of| *of > 0);
        let backup_codes =
            backup_codes.map(|of| BackupStatus { left: left(used, of), of: u32::try_from(of).unwrap_or_default() });
        let temporary = set.and_then(|set| set.temporary.as_ref()).filter(|codes| codes.counts(now));
        let temporary_codes = temporary.map(|Temporary { hashes, until }| TemporaryStatus {
            left: left(used.wrapping_shr(TEMPORARY_BITS.trailing_zeros()), hashes.len()),
            until: *until,
        });
        let waits = throttle::levels(record, limits, now).into_iter().filter(|level| level.opens > now);
        let wait = |level: BucketLevel| Wait { lane: level.lane, failures: level.missing, until: level.opens };
        let remembered = record.trusts.iter().filter(|trust| trust.until > now);
        let remembered = remembered.map(|trust| Remembered { address: trust.address, until: trust.until });
        Self {
            enrolled: true,
            devices: devices.collect(),
            backup_codes,
            temporary_codes,
            failures: record.since.clone(),
            row: record.row,
            waits: waits.map(wait).collect(),
            remembered: remembered.collect(),
            proving: record.proving.clone(),
        }
    }
}
