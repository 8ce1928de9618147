//! A user and what they have, for people and programs. Never a secret.

use pam_totp::factor::enrollment::Kind;
use pam_totp::factor::throttle::{Limits, ROW as CLOSED};
use pam_totp::login::messages;
use pam_totp::login::status::{DeviceStatus, Remembered, Status};
use pam_totp::store::{FileStore, StoreError};
use pam_totp::system::account::Account;
use pam_totp::system::clock;
use pam_totp::text::{self, counted, duration, moment};
use serde_json::{Value, json};

use crate::report::Report;

/// A user and what they have.
pub struct Standing {
    user: String,
    status: Status,
    now: u64,
}

impl Standing {
    /// As the door tells it.
    pub fn told(user: String, status: Status) -> Self {
        Self { user, status, now: clock::now() }
    }

    /// `account`: what is found under the name, if anything.
    pub fn of(store: &FileStore, limits: &Limits, name: &str, account: Option<Account>) -> Result<Self, StoreError> {
        let now = clock::now();
        let own = account.filter(|account| account.name == name);
        Ok(Self { user: name.to_owned(), status: Status::of(store, limits, name, own.as_ref(), now)?, now })
    }

    fn fields(&self) -> Vec<(&'static str, Value)> {
        let status = &self.status;
        let waits = status.waits.iter();
        let waits: Vec<Value> =
            waits.map(|w| json!({ "lane": w.lane.to_string(), "place": messages::place(w.lane), "failures": w.failures, "until_at": w.until })).collect();
        let failures = status.failures.as_ref();
        let failures = failures.map(|s| json!({ "count": s.count, "last_at": s.at, "from": s.from.to_string() }));
        let remembered = status.remembered.iter();
        let remembered: Vec<Value> = remembered.map(|r| json!({ "address": r.address, "until_at": r.until })).collect();
        let proving = status.proving.as_ref().map(|p| json!({ "service": p.service, "proved_at": p.at }));
        let backup_codes = status.backup_codes.map(|b| json!({ "left": b.left, "of": b.of }));
        let temporary = status.temporary_codes.map(|t| json!({ "left": t.left, "until_at": t.until }));
        vec![
            ("user", self.user.clone().into()),
            ("enrolled", status.enrolled.into()),
            ("devices", status.devices.iter().map(device).collect::<Vec<_>>().into()),
            ("backup_codes", backup_codes.unwrap_or(Value::Null)),
            ("temporary_backup_codes", temporary.unwrap_or(Value::Null)),
            ("failures", failures.unwrap_or(Value::Null)),
            ("wrong_in_a_row", status.row.into()),
            ("waits", waits.into()),
            ("remembered", remembered.into()),
            ("proving", proving.unwrap_or(Value::Null)),
        ]
    }

    pub fn object(&self) -> Value {
        Value::Object(self.fields().into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
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

    fn text(&self) -> String {
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

    /// For people and programs.
    pub fn report(&self) -> Report {
        self.fields().into_iter().fold(Report::new(self.text()), |report, (name, value)| report.with(name, value))
    }
}

fn device(device: &DeviceStatus) -> Value {
    let (kind, period) = match device.kind {
        Kind::Totp { period } => ("totp", Some(period)),
        Kind::Hotp { .. } => ("hotp", None),
    };
    json!({
        "name": device.name,
        "type": kind,
        "algorithm": device.algorithm,
        "digits": device.digits,
        "period": period,
        "created_at": device.created,
        "last_used_at": device.last_used,
        "skew_steps": device.skew,
    })
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
