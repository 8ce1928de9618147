//! `policy explain`: what a login would come to, without making it.

use std::path::Path;

use clap::Args;
use nix::errno::Errno;
use pam_totp::doctor::stacks::files::StackFiles;
use pam_totp::doctor::stacks::predict::{Demand, LoginUser, Prediction, StackDecision, predict};
use pam_totp::login::preview::{Login, Preview, Reason, Standing};
use pam_totp::login::unavailable::Unavailable;
use pam_totp::policy::rules::{DecidedBy, Ruling};
use pam_totp::store::StoreError;
use pam_totp::system::account::{self, Account};
use pam_totp::text::clean;

use crate::backend::local;
use crate::people::{by_name, source};
use crate::report::{Failure, Report};
use crate::{json, stacks};

#[derive(Args)]
pub struct PolicyExplainArgs {
    /// Who logs in.
    pub user: String,
    /// The PAM service. Its PAM stack is looked at too.
    #[arg(long)]
    pub service: Option<String>,
    /// The IP address that the login comes from [default: this host].
    #[arg(long, value_name = "ADDRESS")]
    pub from: Option<String>,
    /// What ssh has accepted before, as in SSH_AUTH_INFO_0: publickey, for example.
    #[arg(long, value_name = "METHOD")]
    pub ssh_auth: Option<String>,
}

pub fn explain(config: Option<&Path>, arguments: &PolicyExplainArgs) -> Result<Report, Failure> {
    let backend = local(config)?;
    let account = by_name(&arguments.user)?;
    let source = source(arguments.from.as_deref())?;
    let service = arguments.service.as_deref();
    let files = stacks::files();
    let stack = service.map(|service| files.stack_of(service));
    // A name that no stack has is that of a program which asks for the code itself, by `verify`: to it "pass" would be
    // an open door. Nothing but its own word says that it is a program of PAM's at all.
    let stack = stack.filter(|stack| stack.is_some() || service.is_some_and(stacks::has_file));
    let login = Login {
        name: Some(&account.name),
        service: arguments.service.as_deref().unwrap_or_default(),
        source,
        ssh_auth: arguments.ssh_auth.as_deref().unwrap_or_default(),
        nullok: stack.iter().flatten().any(|stack| stack.nullok),
        remembers: true,
    };
    // Who may not look is told so; they have not asked what happens to a host that is broken.
    if let (
        Preview::Ask(Standing::Faulty(Unavailable::Store(error @ StoreError::Io(_, Errno::EACCES | Errno::EPERM)))),
        _,
    ) = backend.explain(&login)
    {
        return Err(error.into());
    }
    let (decision, rule) = match (&stack, backend.explain(&login)) {
        (Some(None), _) => ("pass", format!("the stack of {} does not name pam_totp.so", login.service)),
        (_, (Preview::Ignore(Reason::Remembered, _), _)) => ("pass", "[remember]".into()),
        (_, (Preview::Ignore(..), ruling)) => ("pass", by(ruling)),
        (_, (Preview::Ask(Standing::Enrolled(_)), _)) => ("ask", "enrolled".into()),
        (_, (Preview::Ask(Standing::Faulty(error)), _)) => ("refuse", error.to_string()),
        (_, (Preview::Ask(_), ruling)) => ("refuse", by(ruling)),
        (_, (Preview::Enroll { .. }, ruling)) => ("enroll", by(ruling)),
    };
    let (decision, rule, notes) = match &stack {
        Some(Some(_)) => at_stack(&files, &login, &account, (decision, rule)),
        _ => (decision, rule, Vec::new()),
    };
    let no_stack = service.filter(|_| stack.is_none()).map_or(String::new(), |service| {
        let service = clean(service);
        format!("\nThere is no /etc/pam.d/{service}: so it is where {service} asks by itself, with `pam-totp verify`.")
    });
    let noted: String = notes.iter().map(|note| format!("\nnote: {note}.")).collect();
    let text = format!("{}: {decision} ({rule}){no_stack}{noted}", account.name);
    let stack = stack.as_ref().map(Option::is_some);
    Ok(Report::new(text, &json::PolicyExplainReport { user: account.name, decision, rule, notes, stack }))
}

/// What the stack makes of the policy's word, and on what else that depends.
fn at_stack(
    files: &StackFiles,
    login: &Login<'_>,
    account: &Account,
    (decision, rule): (&'static str, String),
) -> (&'static str, String, Vec<String>) {
    let due = match decision {
        "pass" => Demand::Nothing,
        "ask" => Demand::Code,
        "enroll" => Demand::Enrollment,
        _ => Demand::Refusal,
    };
    let is_local = account::in_files().is_ok_and(|entries| entries.iter().any(|entry| entry.account == *account));
    let has_key = login.ssh_auth.lines().any(|line| line.split(' ').next() == Some("publickey"));
    let Prediction { decision, why, notes } = predict(files, login.service, LoginUser { is_local, has_key }, due);
    let decision = match decision {
        StackDecision::Pass => "pass",
        StackDecision::Ask => "ask",
        StackDecision::Enroll => "enroll",
        StackDecision::Refuse => "refuse",
    };
    // The policy's own word is why no code is due, or one is.
    (decision, why.map_or_else(|| rule.clone(), |why| format!("{why}; by the policy: {rule}")), notes)
}

/// As it stands in the policy; rules count from 1.
fn by(ruling: Ruling) -> String {
    match ruling {
        Ruling::Off => "enabled = false".into(),
        Ruling::Exempt(number) => format!("[[exempt]] {number}"),
        Ruling::Ask { by: DecidedBy::Require(number), .. } => format!("[[require]] {number}"),
        Ruling::Ask { by: DecidedBy::Doubt(number), .. } => format!("[[require]] {number}, as a look-up failed"),
        Ruling::Ask { by: DecidedBy::Unenrolled, without } => format!("unenrolled = \"{}\"", without.word()),
        Ruling::Ask { by: DecidedBy::Nullok, .. } => "nullok in the stack".into(),
        Ruling::Ask { by: DecidedBy::Default, without } => format!("the default, unenrolled = \"{}\"", without.word()),
    }
}
