//! `verify`, `status`, `list`: what is there, and whether a code is right. Never a secret.

use std::path::Path;

use pam_totp::account::{self, Account};
use pam_totp::attempt::Outcome;
use pam_totp::clock;
use pam_totp::desk::Desk;
use pam_totp::enrollment::{Device, Enrollment, Kind};
use pam_totp::source::Source;
use pam_totp::state::Record;
use pam_totp::store::{Store, StoreError};
use pam_totp::verify::{self, Verdict};
use pam_totp::words::{self, duration, moment};
use serde_json::{Value, json};

use super::Verify;
use super::input::Input;
use super::people::{by_name, desk, log, whom};
use super::report::{Failure, NO, Report};

/// Judges one code as that login would be judged.
pub fn verify(config: Option<&Path>, arguments: &Verify, json: bool) -> Result<Report, Failure> {
    let desk = desk(config)?;
    let account = by_name(&arguments.user)?;
    let source = match &arguments.from {
        None => Source::Local,
        Some(text) => Source::from_address(text)
            .ok_or_else(|| Failure::usage(format!("--from needs a literal address, not {}", words::clean(text))))?,
    };
    let code = Input::new(json)?.code("Verification code: ")?;
    let verdict = desk.store().and_then(|store| match store.is_enrolled(&account.name)? {
        true => verify::verify(store, desk.policy(), &account, source, &code),
        // The lock would leave a state file behind for somebody who never enrolled.
        false => Ok(None),
    });
    let service = arguments.service.as_deref().map_or(String::new(), |s| format!("{}: ", words::clean(s)));
    match verdict {
        Ok(Some(verdict)) => {
            for line in [words::log::verdict(&verdict, &account.name, source)]
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
            let fault = json!({ "code": failure.code, "message": failure.message });
            if !json {
                return Err(failure);
            }
            Ok(answer(&account, "store", 0, String::new()).with("error", fault).exiting(failure.exit))
        }
    }
}

fn judged(account: &Account, verdict: &Verdict) -> Report {
    let left = |until: u64| until.saturating_sub(verdict.now);
    match &verdict.outcome {
        Outcome::Accepted { .. } => answer(account, "ok", 0, "The code is right.".into()),
        Outcome::Used { next_in } => answer(account, "used", *next_in, words::user::used(*next_in)).exiting(NO),
        Outcome::Waiting { until } | Outcome::Wrong { wait_until: Some(until), .. } => {
            let reason = if matches!(verdict.outcome, Outcome::Waiting { .. }) { "waiting" } else { "wrong" };
            answer(account, reason, left(*until), words::user::too_many(left(*until))).exiting(NO)
        }
        Outcome::Wrong { wait_until: None, .. } | Outcome::NotACode => {
            answer(account, "wrong", 0, "The security code is invalid.".into()).exiting(NO)
        }
    }
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
    let desk = desk(config)?;
    let store = desk.store()?;
    let name = match user {
        // Of an account that is gone there may still be a factor to look at.
        Some(name) if store.is_enrolled(name)? => name.to_owned(),
        other => whom(other, "status")?.name,
    };
    Ok(Standing::of(store, &name)?.report())
}

/// Everybody who has a factor.
pub fn list(config: Option<&Path>) -> Result<Report, Failure> {
    let desk = desk(config)?;
    let store = desk.store()?;
    let (mut users, mut lines) = (Vec::new(), Vec::new());
    for name in store.names()? {
        match Standing::of(store, &name) {
            Ok(standing) => {
                lines.push(standing.line());
                users.push(standing.object());
            }
            // One damaged file hides nobody else.
            Err(error) => {
                lines.push(format!("{:<24} cannot be used: {error}", words::clean(&name)));
                users.push(json!({ "user": name, "enrolled": true, "problem": error.to_string() }));
            }
        }
    }
    if lines.is_empty() {
        lines.push("Nobody is enrolled.".into());
    }
    Ok(Report::new(lines.join("\n")).with("users", users))
}

struct Standing {
    user: String,
    enrollment: Option<Enrollment>,
    record: Record,
    now: u64,
}

impl Standing {
    fn of(store: &Store, name: &str) -> Result<Self, StoreError> {
        let enrollment = match account::by_name(name) {
            // As at a login: a factor that another uid enrolled lets nobody in.
            Ok(Some(account)) if account.name == name => store.enrollment(&account)?,
            _ => store.enrollment_of(name)?,
        };
        let record = store.peek(name)?.unwrap_or_default();
        Ok(Self { user: name.to_owned(), enrollment, record, now: clock::now() })
    }

    fn devices(&self) -> &[Device] {
        self.enrollment.as_ref().map_or(&[], |e| &e.devices)
    }

    fn last_used(&self, device: &Device) -> Option<u64> {
        self.record.device(&device.id).and_then(|line| line.at)
    }

    fn fields(&self) -> Vec<(&'static str, Value)> {
        let devices: Vec<Value> = self.devices().iter().map(|d| self.device(d)).collect();
        let waits = self.record.lanes.iter().filter(|l| l.until > self.now);
        let waits: Vec<Value> =
            waits.map(|l| json!({ "lane": l.key.to_string(), "failures": l.fails, "until_at": l.until })).collect();
        let since = self.record.since.as_ref();
        let wrong = since.map(|s| json!({ "count": s.count, "last_at": s.at, "from": s.from.to_string() }));
        vec![
            ("user", self.user.clone().into()),
            ("enrolled", self.enrollment.is_some().into()),
            ("devices", devices.into()),
            ("failures", wrong.unwrap_or(Value::Null)),
            ("waits", waits.into()),
        ]
    }

    fn device(&self, device: &Device) -> Value {
        let (kind, period) = match device.kind {
            Kind::Totp { period } => ("totp", Some(period)),
            Kind::Hotp { .. } => ("hotp", None),
        };
        json!({
            "name": device.name,
            "type": kind,
            "algorithm": device.algorithm.name(),
            "digits": device.digits.get(),
            "period": period,
            "created_at": device.created,
            "last_used_at": self.last_used(device),
        })
    }

    fn object(&self) -> Value {
        Value::Object(self.fields().into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
    }

    /// One line of the list.
    fn line(&self) -> String {
        let names: Vec<&str> = self.devices().iter().map(|d| d.name.as_str()).collect();
        let used = self.devices().iter().filter_map(|d| self.last_used(d)).max();
        let used = used.map_or("never used".into(), |at| format!("last used {}", moment(at)));
        format!("{:<24} {:<16} {used}", words::clean(&self.user), names.join(", "))
    }

    fn text(&self) -> String {
        if self.enrollment.is_none() {
            return format!("{} is not enrolled.", words::clean(&self.user));
        }
        let mut lines = vec![format!("{} is enrolled.", words::clean(&self.user))];
        for device in self.devices() {
            let used = self.last_used(device).map_or("never".into(), moment);
            lines.push(format!("  {}: since {}, last used {used}", device.name, moment(device.created)));
        }
        if let Some(since) = &self.record.since {
            let (count, at, from) = (since.count, moment(since.at), since.from);
            lines.push(format!("  {count} wrong since the last login, the last at {at} from {from}"));
        }
        for lane in self.record.lanes.iter().filter(|l| l.until > self.now) {
            let left = duration(lane.until.saturating_sub(self.now));
            lines.push(format!("  waits {left} after {} wrong codes ({})", lane.fails, lane.key));
        }
        lines.join("\n")
    }

    fn report(&self) -> Report {
        self.fields().into_iter().fold(Report::new(self.text()), |report, (name, value)| report.with(name, value))
    }
}
