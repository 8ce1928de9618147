//! `verify`, `status`: what is there, and whether a code is right. Never a secret.

use pam_totp::text;
use std::path::Path;

use pam_totp::account::{self, Account};
use pam_totp::attempt::{Outcome, Via};
use pam_totp::clock;
use pam_totp::desk::{Desk, Front};
use pam_totp::enrollment::Kind;
use pam_totp::hostname::hostname;
use pam_totp::preview::{self, Login};
use pam_totp::status::{DeviceStatus, Remembered, Status};
use pam_totp::store::{Store, StoreError};
use pam_totp::text::{counted, duration, moment};
use pam_totp::throttle::{Limits, ROW as CLOSED};
use pam_totp::verify::{self, Verdict};
use pam_totp::words;
use serde_json::{Value, json};

use crate::Verify;
use crate::commands::policy::source;
use crate::input::Input;
use crate::people::{by_name, desk, front_anyway, log, whom};
use crate::proof;
use crate::report::{Failure, NO, Report};

/// Judges one code as that login would be judged.
pub fn verify(config: Option<&Path>, arguments: &Verify, json: bool) -> Result<Report, Failure> {
    let desk = desk(config)?;
    let account = by_name(&arguments.user)?;
    let source = source(arguments.from.as_deref())?;
    let code = Input::new(json)?.code("Verification code: ")?;
    let login = Login {
        name: Some(&account.name),
        service: arguments.service.as_deref().unwrap_or_default(),
        source,
        ssh_auth: "",
        nullok: false,
        remembers: true,
    };
    let memory = preview::memory(desk.policy(), &login, &account);
    let verdict = desk.store().and_then(|store| match store.is_enrolled(&account.name)? {
        true => verify::verify(store, desk.policy(), &account, source, &code, memory.as_ref()),
        // The lock would leave a state file behind for somebody who never enrolled.
        false => Ok(None),
    });
    let service = arguments.service.as_deref().map_or(String::new(), |s| format!("{}: ", text::clean(s)));
    match verdict {
        Ok(Some(verdict)) => {
            for line in [words::log::verdict(&verdict, &account.name, &source)]
                .into_iter()
                .chain(words::log::notes(&verdict, &account.name))
            {
                // As at a login, a log that is not there changes no verdict.
                let _ = log(&format!("{service}{line}"));
            }
            Ok(judged(&account, &verdict))
        }
        Ok(None) => Ok(answer(&account, "not_enrolled", 0, format!("{} is not enrolled.", account.name)).exiting(NO)),
        Err(error) => {
            let failure = Failure::from(error);
            let fault = failure.object();
            if !json {
                return Err(failure);
            }
            Ok(answer(&account, "store", 0, String::new()).with("error", fault).exiting(failure.exit))
        }
    }
}

/// Seconds of a wait that does not end by itself: a day, after which a panel may as well ask again.
const NO_END: u64 = 86_400;

fn judged(account: &Account, verdict: &Verdict) -> Report {
    let left = |until: u64| until.saturating_sub(verdict.now);
    let said = words::user::refused(&verdict.outcome, verdict.now).unwrap_or_default();
    let report = match &verdict.outcome {
        Outcome::Accepted { via: Via::Device(_) | Via::Untold, .. } => {
            answer(account, "ok", 0, "The code is right.".into()).with("via", "code")
        }
        Outcome::Accepted { via: Via::Backup { left }, .. } => {
            let text = format!("The backup code is right. {}", words::user::backup_codes_left(*left));
            answer(account, "ok", 0, text).with("via", "backup_code").with("backup_codes_left", *left)
        }
        Outcome::Accepted { via: Via::Temporary, .. } => {
            let text = format!("The backup code is right. {}", words::user::TEMPORARY_CODE);
            answer(account, "ok", 0, text).with("via", "backup_code").with("temporary", true)
        }
        Outcome::Used { next_in } => answer(account, "used", *next_in, said).exiting(NO),
        Outcome::Later { at } => answer(account, "used", left(*at), said).exiting(NO),
        // A number for readers who know of no codes in a row: a wait without an end lasts until somebody types them.
        Outcome::Waiting { until, need, next_in } => {
            let report = answer(account, "waiting", until.map_or(NO_END, left), said).with("codes", *need);
            next_in.iter().fold(report, |report, next_in| report.with("next_in", *next_in)).exiting(NO)
        }
        Outcome::Twice { next_in } => answer(account, "same", next_in.unwrap_or_default(), said).exiting(NO),
        Outcome::Wrong { .. } | Outcome::NotACode | Outcome::Untold => {
            answer(account, "wrong", 0, words::user::wrong_code(verdict.clock_off)).exiting(NO)
        }
    };
    // Nearly always it is a clock, and a reader that counts only wrong codes never finds out.
    verdict.clock_off.into_iter().fold(report, |report, ahead| report.with("clock_off", ahead))
}

fn answer(account: &Account, reason: &str, retry_after: u64, text: String) -> Report {
    Report::new(text)
        .with("user", account.name.clone())
        .with("accepted", reason == "ok")
        .with("reason", reason)
        .with("retry_after", retry_after)
}

/// What one user has.
pub fn status(config: Option<&Path>, user: Option<&str>) -> Result<Report, Failure> {
    let (desk, warnings) = front_anyway(config)?;
    let report = if desk.is_for_owners() { proof::status(&desk, user)? } else { any_status(&desk, user)? };
    Ok(warnings.beside(report).with("issuer", desk.policy().issuer.clone().or_else(hostname)))
}

fn any_status(desk: &Front, user: Option<&str>) -> Result<Report, Failure> {
    let store = desk.store()?;
    let name = match user {
        // Of an account that is gone there may still be an enrollment to look at.
        Some(name) if store.is_enrolled(name)? => name.to_owned(),
        other => whom(other, "status")?.name,
    };
    Ok(Standing::of(store, &desk.policy().throttle, &name, account::by_name(&name).ok().flatten())?.report())
}

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
    pub fn of(store: &Store, limits: &Limits, name: &str, account: Option<Account>) -> Result<Self, StoreError> {
        let now = clock::now();
        let own = account.filter(|account| account.name == name);
        Ok(Self { user: name.to_owned(), status: Status::of(store, limits, name, own.as_ref(), now)?, now })
    }

    fn fields(&self) -> Vec<(&'static str, Value)> {
        let status = &self.status;
        let waits = status.waits.iter();
        let waits: Vec<Value> =
            waits.map(|w| json!({ "lane": w.lane.to_string(), "place": words::place(w.lane), "failures": w.failures, "until_at": w.until })).collect();
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
            lines
                .push(format!("  {count} since the last right one, the last at {at} from {}", words::from(since.from)));
        }
        if self.status.row >= CLOSED {
            lines.push(format!("  {} wrong in a row: only two codes in a row are looked at", self.status.row));
        }
        for wait in &self.status.waits {
            let left = duration(wait.until.saturating_sub(self.now));
            let place = words::place(wait.lane);
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
