//! `verify`: is a code right? Judged and counted as at a login.

use std::path::Path;

use clap::Args;
use pam_totp::backend::Backend;
use pam_totp::factor::attempt::{Outcome, Via};
use pam_totp::factor::judgment::Verdict;
use pam_totp::login::messages;
use pam_totp::login::preview::Login;
use pam_totp::text;

use crate::backend::local;
use crate::input::Input;
use crate::json::VerifyReport;
use crate::log::log;
use crate::people::{by_name, source};
use crate::report::{Failure, NO, Report};

#[derive(Args)]
pub struct VerifyArgs {
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
pub fn verify(config: Option<&Path>, arguments: &VerifyArgs, json: bool) -> Result<Report, Failure> {
    let backend = local(config)?;
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
    match backend.verify_for(&account, &login, &code) {
        Ok(Some(verdict)) => {
            for line in messages::log::lines(&verdict, &account.name, &source) {
                // As at a login, a log that is not there changes no verdict.
                let _ = log(&format!("{service}{line}"));
            }
            Ok(judged(account.name, &verdict))
        }
        Ok(None) => {
            let text = format!("{} is not enrolled.", account.name);
            let object = VerifyReport { user: account.name, reason: "not_enrolled", ..VerifyReport::default() };
            Ok(Report::new(text, &object).exiting(NO))
        }
        Err(error) => {
            let failure = Failure::from(error);
            if !json {
                return Err(failure);
            }
            let (user, error) = (account.name, Some(failure.error()));
            let object = VerifyReport { user, reason: "store", error, ..VerifyReport::default() };
            Ok(Report::new(String::new(), &object).exiting(failure.exit))
        }
    }
}

/// Seconds of a wait that does not end by itself: a day, after which a panel may as well ask again.
const NO_END: u64 = 86_400;

fn judged(user: String, verdict: &Verdict) -> Report {
    let left = |until: u64| until.saturating_sub(verdict.now);
    let accepted = |via| VerifyReport { accepted: true, reason: "ok", via: Some(via), ..VerifyReport::default() };
    let refused = |reason, retry_after| VerifyReport { reason, retry_after, ..VerifyReport::default() };
    let object = match &verdict.outcome {
        Outcome::Accepted { via: Via::Device(_) | Via::Untold, .. } => accepted("code"),
        Outcome::Accepted { via: Via::Backup { left }, .. } => {
            VerifyReport { backup_codes_left: Some(*left), ..accepted("backup_code") }
        }
        Outcome::Accepted { via: Via::Temporary, .. } => {
            VerifyReport { temporary: Some(true), ..accepted("backup_code") }
        }
        Outcome::Used { next_in } => refused("used", *next_in),
        Outcome::Later { at } => refused("used", left(*at)),
        // A number for readers who know of no codes in a row: a wait without an end lasts until somebody types them.
        Outcome::Waiting { until, need, next_in } => {
            let wait = refused("waiting", until.map_or(NO_END, left));
            VerifyReport { codes: Some(*need), next_in: *next_in, ..wait }
        }
        Outcome::Twice { next_in } => refused("same", next_in.unwrap_or_default()),
        Outcome::Wrong { .. } | Outcome::NotACode | Outcome::Untold => refused("wrong", 0),
    };
    // Nearly always it is a clock, and a reader that counts only wrong codes never finds out.
    let object = VerifyReport { user, clock_off: verdict.clock_off, ..object };
    Report::new(said(verdict), &object).exiting(if object.accepted { 0 } else { NO })
}

fn said(verdict: &Verdict) -> String {
    match &verdict.outcome {
        Outcome::Accepted { via: Via::Device(_) | Via::Untold, .. } => "The code is right.".into(),
        Outcome::Accepted { via: Via::Backup { left }, .. } => {
            right_backup_code(&messages::user::backup_codes_left(*left))
        }
        Outcome::Accepted { via: Via::Temporary, .. } => right_backup_code(messages::user::TEMPORARY_CODE),
        Outcome::Wrong { .. } | Outcome::NotACode | Outcome::Untold => messages::user::wrong_code(verdict.clock_off),
        outcome => messages::user::refused(outcome, verdict.now).unwrap_or_default(),
    }
}

fn right_backup_code(what_is_left: &str) -> String {
    format!("The backup code is right. {what_is_left}")
}
