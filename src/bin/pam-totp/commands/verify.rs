//! `verify`: is a code right? Judged and counted as at a login.

use std::path::Path;

use clap::Args;
use pam_totp::factor::attempt::{Outcome, Via};
use pam_totp::login::messages;
use pam_totp::login::preview::Login;
use pam_totp::login::verify::Verdict;
use pam_totp::system::account::Account;
use pam_totp::text;

use crate::backend::desk;
use crate::input::Input;
use crate::log::log;
use crate::people::{by_name, source};
use crate::report::{Failure, NO, Report};

#[derive(Args)]
pub struct Verify {
    /// Whose code it is.
    user: String,
    /// The PAM service that the login is for.
    #[arg(long)]
    service: Option<String>,
    /// The IP address that the login comes from [default: this host].
    #[arg(long, value_name = "ADDRESS")]
    from: Option<String>,
}

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
    let service = arguments.service.as_deref().map_or(String::new(), |s| format!("{}: ", text::clean(s)));
    match desk.verify_for(&account, &login, &code) {
        Ok(Some(verdict)) => {
            for line in messages::log::lines(&verdict, &account.name, &source) {
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
    let said = messages::user::refused(&verdict.outcome, verdict.now).unwrap_or_default();
    let report = match &verdict.outcome {
        Outcome::Accepted { via: Via::Device(_) | Via::Untold, .. } => {
            answer(account, "ok", 0, "The code is right.".into()).with("via", "code")
        }
        Outcome::Accepted { via: Via::Backup { left }, .. } => {
            let text = format!("The backup code is right. {}", messages::user::backup_codes_left(*left));
            answer(account, "ok", 0, text).with("via", "backup_code").with("backup_codes_left", *left)
        }
        Outcome::Accepted { via: Via::Temporary, .. } => {
            let text = format!("The backup code is right. {}", messages::user::TEMPORARY_CODE);
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
            answer(account, "wrong", 0, messages::user::wrong_code(verdict.clock_off)).exiting(NO)
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
