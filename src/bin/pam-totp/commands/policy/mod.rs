//! `policy` and `issuer`: what this host asks of its users, shown, checked and switched.

mod explain;
mod set;

use pam_totp::text;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use nix::errno::Errno;
use pam_totp::date::Utc;
use pam_totp::desk::{Desk, PolicyFault};
use pam_totp::disk::{self, NotRead};
use pam_totp::hostname::hostname;
use pam_totp::notify::Event;
use pam_totp::policy::{PATH, Policy, SelfService};
use pam_totp::rules::Unenrolled;
use pam_totp::source::Source;
use pam_totp::store;
use serde_json::{Map, Value, json};

use crate::accounts;
use crate::consequences;
use crate::consequences::Off;
use crate::edit::{self, Key};
use crate::input::agrees;
use crate::names;
use crate::notify;
use crate::people::{desk, log_change};
use crate::report::{Failure, NO, Report};
use crate::rollout::Rollout;

/// For panels.
pub const POLICY_CHANGED: Event<'static> = Event {
    event: "policy_changed",
    user: None,
    device: None,
    old_user: None,
    by: None,
    person: None,
    service: None,
    from: None,
    at: 0,
};
/// No policy is longer, by far.
const MAX_DRAFT: u64 = 16 << 20;

#[derive(Subcommand)]
pub enum Command {
    /// Show each key, the value in force, and whether it is the file's or the default.
    Show,
    /// Check the policy, and say where it is wrong.
    Check {
        /// A draft, of which only the text matters [default: the policy in force, its owner and mode too].
        file: Option<PathBuf>,
    },
    /// Switch two-factor authentication on for this host. Says first how many users would be refused.
    Enable {
        /// Do not ask for confirmation.
        #[arg(long)]
        yes: bool,
    },
    /// Switch two-factor authentication off for this host: nobody is asked for a code. Enrollments stay. Says first
    /// which stacks would then refuse everybody, or let everybody in.
    Disable {
        /// Do not ask for confirmation.
        #[arg(long)]
        yes: bool,
    },
    /// Set keys of the policy, or remove them with --unset. Comments stay; a wrong value changes nothing.
    Set(set::Set),
    /// Say what happens at a login of a user, and by which rule.
    Explain(Explain),
}

#[derive(Args)]
pub struct Explain {
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

pub fn run(config: Option<&Path>, command: Command, json: bool) -> Result<Report, Failure> {
    match command {
        Command::Show => show(config),
        Command::Check { file } => check(config, file.as_deref()),
        Command::Enable { yes } => enable(config, yes, json),
        Command::Disable { yes } => disable(config, yes, json),
        Command::Set(arguments) => set::set(config, &arguments, json),
        Command::Explain(arguments) => explain::explain(config, &arguments),
    }
}

pub fn path(config: Option<&Path>) -> &Path {
    config.unwrap_or(Path::new(PATH))
}

/// The keys of the file as they stand there.
fn keys(config: Option<&Path>) -> Result<Map<String, Value>, Failure> {
    let bytes = store::read_policy(path(config))?.unwrap_or_default();
    let text = std::str::from_utf8(&bytes).unwrap_or_default();
    toml::from_str(text).map_err(|e| Failure::host(e.message()))
}

fn show(config: Option<&Path>) -> Result<Report, Failure> {
    let desk = desk(config)?;
    let file = keys(config)?;
    let values = in_force(desk.policy(), &file);
    let mut rows = Vec::new();
    for (key, value) in &values {
        let written = file.get(key);
        let inner = value.as_object().filter(|_| ["throttle", "door"].contains(&key.as_str()));
        match inner {
            None => rows.push((key.clone(), value, written.is_some())),
            Some(table) => rows.extend(table.iter().map(|(inner, value)| {
                (format!("{key}.{inner}"), value, written.is_some_and(|table| table.get(inner).is_some()))
            })),
        }
    }
    let lines = rows.iter().map(|(key, value, from_file)| {
        let value = if value.is_null() { "none".into() } else { value.to_string() };
        format!("{key:<22} {value:<30} {}", if *from_file { "from the file" } else { "default" })
    });
    let lines: Vec<String> = std::iter::once(path(config).display().to_string()).chain(lines).collect();
    let from_file: Vec<&String> = rows.iter().filter(|row| row.2).map(|row| &row.0).collect();
    let report = Report::new(lines.join("\n")).unwrapped().with("file", path(config).display().to_string());
    let report = report.with("from_file", json!(from_file));
    Ok(values.into_iter().fold(report, |report, (key, value)| report.with(&key, value)))
}

/// Each key with what counts, in the order of the example policy.
fn in_force(policy: &Policy, file: &Map<String, Value>) -> Vec<(String, Value)> {
    // Named one by one, so that no key comes into the policy and is left out here.
    let Policy {
        enabled,
        issuer,
        unenrolled,
        window,
        store,
        support,
        throttle,
        enroll_by,
        prompt: _,
        self_service: _,
        rules: _,
        remember: _,
        judges,
        notify,
        without_effect: _,
    } = policy;
    let day = enroll_by.map(|end| {
        let Utc { year, month, day, .. } = Utc::from_epoch(end);
        format!("{year:04}-{month:02}-{day:02}")
    });
    let throttle = json!({ "free": throttle.free, "every": throttle.every });
    let values = [
        ("enabled", json!(enabled)),
        ("issuer", json!(issuer.clone().or_else(hostname))),
        ("unenrolled", json!(unenrolled.unwrap_or(Unenrolled::Deny).word())),
        ("enroll_by", json!(day)),
        ("self_service", json!(rights(policy.self_service()))),
        ("window", json!(window)),
        ("store", json!(store)),
        ("prompt", json!(policy.prompt())),
        ("support", json!(support)),
        ("throttle", throttle),
        // There are none by default, and they count as they are written.
        ("require", file.get("require").cloned().unwrap_or(json!([]))),
        ("exempt", file.get("exempt").cloned().unwrap_or(json!([]))),
        ("remember", file.get("remember").cloned().unwrap_or_default()),
        ("notify", json!(notify)),
        ("door", json!({ "judges": judges })),
    ];
    values.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

fn rights(may: SelfService) -> Vec<&'static str> {
    let all =
        [(may.enroll, "enroll"), (may.replace, "replace"), (may.remove, "remove"), (may.backup_codes, "backup-codes")];
    all.into_iter().filter(|right| right.0).map(|right| right.1).collect()
}

fn check(config: Option<&Path>, draft: Option<&Path>) -> Result<Report, Failure> {
    let file = draft.unwrap_or(path(config));
    let bytes = match draft {
        // Whose a draft is does not matter: what logins read is another file, or will be once it is in its place.
        Some(draft) if draft != path(config) => {
            let bytes = read_draft(draft).map_err(|e| Failure::usage(format!("{}: {e}", draft.display())))?;
            Some(bytes.into())
        }
        _ => store::read_policy(file)?,
    };
    let report = |text: String| Report::new(text).with("file", file.display().to_string());
    match bytes.as_ref().map(|bytes| Policy::parse(bytes)) {
        Some(Ok(policy)) => {
            let found = names::unknown(file, &policy, &accounts::all().unwrap_or_default());
            let said: Vec<String> = found.into_iter().map(|finding| finding.message).collect();
            let warnings: String = said.iter().map(|said| format!("\nwarning: {said}")).collect();
            let text = format!("{}: ok{warnings}", file.display());
            Ok(report(text).with("valid", true).with("warnings", said))
        }
        Some(Err(bad)) => Ok(report(format!("{}: {bad}", file.display()))
            .with("valid", false)
            .with("line", bad.at.map(|at| at.0))
            .with("column", bad.at.map(|at| at.1))
            .with("message", bad.what)
            .exiting(NO)),
        None if config.is_some() => Err((&PolicyFault::Absent(file.into())).into()),
        None => Ok(report(format!("{} does not exist: the defaults count.", file.display())).with("valid", true)),
    }
}

/// On this system a draft may come by a pipe; of another's disk only files are read.
fn read_draft(draft: &Path) -> Result<Vec<u8>, NotRead> {
    if disk::is_entered() {
        return disk::bytes(draft);
    }
    let mut bytes = Vec::new();
    let read = File::open(draft).and_then(|file| file.take(MAX_DRAFT + 1).read_to_end(&mut bytes));
    read.map_err(|e| NotRead::Io(e.raw_os_error().map_or(Errno::EIO, Errno::from_raw)))?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length <= MAX_DRAFT) { Ok(bytes) } else { Err(NotRead::TooLong) }
}

fn enable(config: Option<&Path>, yes: bool, json: bool) -> Result<Report, Failure> {
    let desk = desk(config)?;
    let accounts = accounts::all()?;
    let rollout = Rollout::of(&desk, &accounts)?;
    let count = rollout.count();
    let asks = !rollout.stacks.is_empty();
    if asks && !desk.policy().enabled && count.refused > 0 && !yes {
        let question = format!("{count}\nSwitch two-factor authentication on?");
        if !agrees(&question, json)? {
            return Ok(Report::new("Nothing was changed.".into()).with("enabled", false).exiting(NO));
        }
    }
    let changed = set_key(config, "enabled", Some(true.into()), |policy| policy.enabled = true)?;
    if changed {
        log_change("switched the policy on");
        notify::tell(&POLICY_CHANGED);
    }
    let services: Vec<&str> = rollout.stacks.iter().map(|stack| stack.service.as_str()).collect();
    let effect = if asks {
        format!("These stacks ask for a code: {}.\n{count}", services.join(", "))
    } else {
        "Nothing asks for a code yet: `pam-totp stack add sshd` has sshd ask after the password. Keep a root shell open \
         until a login in a second terminal has worked."
            .into()
    };
    let state = if changed { "The policy is on." } else { "The policy was on already." };
    let warnings = consequences::unstored(path(config), &Policy { enabled: true, ..desk.policy().clone() });
    let warned: String = warnings.iter().map(|warning| format!("\nwarning: {warning}")).collect();
    Ok(Report::new(format!("{state} {effect}{warned}"))
        .with("enabled", true)
        .with("warnings", warnings)
        .with("changed", changed)
        .with("stacks", services)
        .with("accounts", count.accounts)
        .with("unenrolled", count.unenrolled)
        .with("refused", count.refused))
}

fn disable(config: Option<&Path>, yes: bool, json: bool) -> Result<Report, Failure> {
    let desk = desk(config)?;
    let off = Off::of(path(config));
    if let Some(question) = off.question().filter(|_| desk.policy().enabled && !yes) {
        if !agrees(&question, json)? {
            return Ok(Report::new("Nothing was changed.".into()).with("enabled", true).exiting(NO));
        }
    }
    let changed = set_key(config, "enabled", Some(false.into()), |policy| policy.enabled = false)?;
    if changed {
        log_change("switched the policy off");
        notify::tell(&POLICY_CHANGED);
    }
    let state = if changed { "The policy is off" } else { "The policy was off already" };
    Ok(Report::new(format!("{state}: nobody is asked for a code. Enrollments stay."))
        .with("enabled", false)
        .with("changed", changed)
        .with("refuse", off.refuse)
        .with("open", off.open))
}

/// Shows or sets the name that apps show beside the account.
pub fn issuer(config: Option<&Path>, name: Option<&str>) -> Result<Report, Failure> {
    let mut changed = false;
    if let Some(name) = name {
        if !name.is_empty() && !text::valid_label(name) {
            return Err(Failure::bad_input("bad_name", "an issuer has 1 to 128 printable characters and no colon"));
        }
        let issuer = Some(name.to_owned()).filter(|name| !name.is_empty());
        let value = issuer.clone().map(Into::into);
        changed = set_key(config, "issuer", value, |policy| policy.issuer = issuer)?;
        if changed {
            log_change(&match name {
                "" => "reset the issuer".into(),
                name => format!("set the issuer to {}", text::clean(name)),
            });
            notify::learn(desk(config)?.policy());
            notify::tell(&POLICY_CHANGED);
        }
    }
    let issuer = desk(config)?.policy().issuer.clone().or_else(hostname);
    let text = issuer.clone().unwrap_or("There is none, and this host has no name to show.".into());
    // Both names, because panels know an issuer of a reseller's beside the host's; here they are one.
    Ok(Report::new(text).with("issuer", issuer.clone()).with("system_wide_issuer", issuer).with("changed", changed))
}

/// Sets one key, or takes it away; false where that changes nothing.
fn set_key(
    config: Option<&Path>,
    key: &str,
    value: Option<toml_edit::Value>,
    change: impl FnOnce(&mut Policy),
) -> Result<bool, Failure> {
    let path = path(config);
    let mut changed = false;
    store::edit_policy(path, |bytes| {
        let bad = |bad| Failure::from(&PolicyFault::Text(path.into(), bad));
        if bytes.is_none() && config.is_some() {
            return Err(Failure::from(&PolicyFault::Absent(path.into())));
        }
        let bytes = bytes.unwrap_or_default();
        let before = Policy::parse(bytes).map_err(bad)?;
        let mut after = before.clone();
        change(&mut after);
        if after == before {
            return Ok(None);
        }
        changed = true;
        let text = std::str::from_utf8(bytes).unwrap_or_default();
        let text = edit::with_key(text, Key::dotted(key), value.as_ref(), |text| {
            Policy::parse(text.as_bytes()).as_ref() == Ok(&after)
        });
        let text = text.ok_or_else(|| Failure::host(format!("{}: change the key `{key}` by hand", path.display())))?;
        Ok(Some(text.into_bytes()))
    })?;
    Ok(changed)
}

/// Where a login is said to come from.
pub fn source(from: Option<&str>) -> Result<Source, Failure> {
    let Some(text) = from else { return Ok(Source::Local) };
    Source::from_address(text)
        .ok_or_else(|| Failure::usage(format!("--from needs an IP address, not {}", text::clean(text))))
}
