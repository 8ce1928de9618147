//! A user and what they have, for people and programs. Never a secret.

use pam_totp::factor::enrollment::Kind;
use pam_totp::factor::record::Since;
use pam_totp::factor::throttle::{Limits, ROW as CLOSED};
use pam_totp::login::messages;
use pam_totp::login::status::{DeviceStatus, Remembered, Status, TemporaryStatus, Wait};
use pam_totp::store::{Store, StoreError};
use pam_totp::system::account::Account;
use pam_totp::system::clock;
use pam_totp::text::{self, counted, duration, moment};

use crate::json;

/// A user and what they have.
pub struct UserStatus {
    user: String,
    status: Status,
    now: u64,
}

impl UserStatus {
    /// As the door tells it.
    pub fn told(user: String, status: Status) -> Self {
        Self { user, status, now: clock::now() }
    }

    /// `account`: what is found under the name, if anything.
    pub fn of(store: &dyn Store, limits: &Limits, name: &str, account: Option<Account>) -> Result<Self, StoreError> {
        let now = clock::now();
        let own = account.filter(|account| account.name == name);
        Ok(Self { user: name.to_owned(), status: Status::of(store, limits, name, own.as_ref(), now)?, now })
    }

    /// For programs.
    pub fn into_user(self) -> json::UserStanding {
        let Self { user, status, .. } = self;
        let wait = |wait: Wait| json::WaitingPlace {
            lane: wait.lane.to_string(),
            place: messages::place(wait.lane),
            failures: wait.failures,
            until_at: wait.until,
        };
        let remembered = |Remembered { address, until }| json::RememberedAddress { address, until_at: until };
        let failures =
            |since: Since| json::WrongCodes { count: since.count, last_at: since.at, from: since.from.to_string() };
        let temporary = |codes: TemporaryStatus| json::TemporaryCodesLeft { left: codes.left, until_at: codes.until };
        json::UserStanding {
            user,
            enrolled: status.enrolled,
            devices: status.devices.into_iter().map(device).collect(),
            backup_codes: status.backup_codes.map(|codes| json::BackupCodesLeft { left: codes.left, of: codes.of }),
            temporary_backup_codes: status.temporary_codes.map(temporary),
            failures: status.failures.map(failures),
            wrong_in_a_row: status.row,
            waits: status.waits.into_iter().map(wait).collect(),
            remembered: status.remembered.into_iter().map(remembered).collect(),
            proving: status
                .proving
                .map(|proving| json::UnstoredKey { service: proving.service, proved_at: proving.at }),
        }
    }

    /// One line of the list.
    pub fn line(&self) -> String {
        if !self.status.enrolled {
            return format!("{:<24} not enrolled", text::shown(&self.user));
        }
        let names: Vec<&str> = self.status.devices.iter().map(|d| d.name.as_str()).collect();
        let used = self.status.devices.iter().filter_map(|d| d.last_used).max();
        let used = used.map_or("never used".into(), |at| format!("last used {}", moment(at)));
        format!("{:<24} {:<16} {used}", text::shown(&self.user), names.join(", "))
    }

    /// For people.
    pub fn text(&self) -> String {
        let user = text::shown(&self.user);
        let mut lines = vec![format!("{user} is {}enrolled.", if self.status.enrolled { "" } else { "not " })];
        if let Some(proving) = &self.status.proving {
            let (service, at) = (text::clean(&proving.service), moment(proving.at));
            lines.push(format!("  proved a key at {service} at {at} that was not stored: see `pam-totp doctor`"));
        }
        for device in &self.status.devices {
            let used = device.last_used.map_or("never used".into(), |at| format!("last used {}", moment(at)));
            let (form, since) = (form(device), moment(device.created));
            lines.push(format!("  {}: since {since}, {used}{form}", device.name));
        }
        if let Some(codes) = self.status.backup_codes {
            lines.push(format!("  backup codes: {} of {} left", codes.left, codes.of));
        }
        if let Some(codes) = self.status.temporary_codes {
            lines.push(format!("  temporary backup codes: {} left, until {}", codes.left, moment(codes.until)));
        }
        if let Some(since) = &self.status.failures {
            let (count, at) = (counted(since.count, "wrong code", "wrong codes"), moment(since.at));
            lines.push(format!(
                "  {count} since the last right one, the last at {at} from {}",
                messages::from(since.from)
            ));
        }
        if self.status.row >= CLOSED {
            lines.push(format!("  {} wrong in a row: only two codes in a row are looked at", self.status.row));
        }
        for wait in &self.status.waits {
            let left = duration(wait.until.saturating_sub(self.now));
            let place = messages::place(wait.lane);
            lines.push(format!("  too many wrong codes from {place}: two codes in a row, or one in {left}"));
        }
        for Remembered { address, until } in &self.status.remembered {
            let address = address.map_or("an address of an earlier version".into(), |address| address.to_string());
            lines.push(format!("  remembered until {}: {address}", moment(*until)));
        }
        lines.join("\n")
    }
}

fn device(device: DeviceStatus) -> json::DeviceStanding {
    let (kind, period) = match device.kind {
        Kind::Totp { period } => ("totp", Some(period)),
        Kind::Hotp { .. } => ("hotp", None),
    };
    json::DeviceStanding {
        name: device.name,
        kind,
        algorithm: device.algorithm,
        digits: device.digits,
        period,
        created_at: device.created,
        last_used_at: device.last_used,
        skew_steps: device.skew,
    }
}

/// What is not as every app makes it.
fn form(device: &DeviceStatus) -> String {
    let mut words = Vec::new();
    match device.kind {
        Kind::Totp { period: 30 } => {}
        Kind::Totp { period } => words.push(format!("{period} s")),
        Kind::Hotp { .. } => words.push("by counter".into()),
    }
    if device.digits != 6 {
        words.push(format!("{} digits", device.digits));
    }
    if device.algorithm != "SHA1" {
        words.push(device.algorithm.into());
    }
    if let (true, Kind::Totp { period }) = (device.skew != 0, device.kind) {
        let off = i64::from(device.skew).saturating_mul(period.into());
        words.push(format!("its clock is {} this host's", text::clocks_differ(off)));
    }
    if words.is_empty() { String::new() } else { format!(" ({})", words.join(", ")) }
}
