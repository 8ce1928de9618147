//! `doctor`: is this host in order, and which commands fix what is not.

mod ask;
mod gather;
mod server;

use std::path::Path;

use nix::unistd::Uid;
use pam_totp::backend::{Desk, Local};
use pam_totp::doctor;
use pam_totp::doctor::finding::{Finding, Level};
use pam_totp::doctor::programs::{elsewhere, one_field, pairs, remember};
use pam_totp::doctor::shell::quoted;
use pam_totp::doctor::stacks::check::ABOUT;
use pam_totp::doctor::stacks::files::{Files, lines};
use pam_totp::doctor::stacks::line::{Kind, Line};
use pam_totp::doctor::stacks::problem::Circumstances;
use pam_totp::doctor::stacks::shape::shape;
use pam_totp::doctor::store;
use pam_totp::factor::healing;
use pam_totp::policy::PATH;
use pam_totp::store::audit::{Flaw, FlawKind, audit};
use pam_totp::store::{Store, StoreError, read_policy};
use pam_totp::system::account;
use pam_totp::system::clock::{self, now};
use pam_totp::system::disk::{self, NotRead};
use pam_totp::text::{clean, counted};
use serde_json::{Value, json};

use super::accounts::{self, Accounts};
use super::orphans::{self, Orphan};
use super::report::{NO, Report};
use super::rollout::Rollout;
use super::{names, stacks};

pub fn doctor(config: Option<&Path>) -> Report {
    let (desk, files) = (Local::open(config), stacks::files());
    // Once: to look one up after the other takes time that grows with the square of the accounts.
    let accounts = accounts::all().ok();
    let mut findings = Vec::new();
    if !disk::is_entered() {
        findings.push(doctor::clock::check(&gather::clock()));
        let Ahead { names, clock_is_wrong } = Ahead::of(&desk);
        findings.extend(doctor::clock::ahead(&names, clock_is_wrong));
    }
    findings.extend(kept(&desk, accounts.as_ref()));
    findings.extend(gather::labels().map(|stat| doctor::labels::check(&stat)));
    findings.extend(policies(config, &desk, &files));
    findings.extend(unknown_names(config, &desk, accounts.as_ref()));
    findings.extend(doctor::module::check(&gather::module(), pam_totp::VERSION));
    findings.extend(no_such_module(&files));
    findings.extend(stacks::left_out().iter().map(|(path, why)| left_out(path, *why)));
    findings.extend(doctor::stacks::check::check(&files, &circumstances(&desk, accounts.as_ref())));
    findings.extend(pairs::check(&files, |way| gather::is_there(&files, way)));
    findings.extend(others(&desk, &files));
    if !disk::is_entered() {
        findings.extend(servers(&desk, &files, accounts.as_ref()));
        findings.extend(doctor::door::check(&gather::door(&files, desk.policy())));
    }
    findings.extend(unseen());
    report(&findings)
}

/// What could not be looked at is not called fine.
fn unseen() -> Option<Finding> {
    match () {
        () if disk::is_entered() => {
            let what = "only files were looked at: not the clock, sshd, sudo and pam-totpd, which run with that system";
            Some(
                Finding::warning("doctor", "files_alone", what).fixed_by(["pam-totp doctor   # once that system runs"]),
            )
        }
        () if !Uid::effective().is_root() => {
            let what = "without root keys, records, sshd's settings and the processes of others could not be looked at";
            Some(Finding::warning("doctor", "needs_root", what).fixed_by(["sudo pam-totp doctor"]))
        }
        () => None,
    }
}

/// Folders, keys and records.
fn kept(desk: &Local, accounts: Option<&Accounts>) -> Vec<Finding> {
    let folder = &desk.policy().store;
    let mut flaws = audit(folder);
    if let Ok(opened) = desk.store() {
        flaws.extend(opened.names().unwrap_or_default().iter().filter_map(|name| strange(opened, name, accounts)));
    }
    let mut findings: Vec<Finding> = flaws.iter().map(|flaw| store::check(flaw, folder)).collect();
    findings.extend(desk.store().ok().zip(accounts).into_iter().flat_map(|(store, accounts)| orphans(store, accounts)));
    findings.extend(doctor::disk::check(&gather::rooms(folder)));
    if findings.is_empty() {
        findings.push(Finding::fine("store", "folders, keys and records are as they were left"));
    }
    findings
}

/// An enrollment of another uid.
fn strange(store: &Store, name: &str, accounts: Option<&Accounts>) -> Option<Flaw> {
    let account = match accounts {
        Some(accounts) => accounts::named(name, accounts),
        None => account::by_name(name),
    };
    let account = account.ok().flatten().filter(|account| account.name == name)?;
    let Err(error) = store.enrollment(&account) else { return None };
    let StoreError::NotTheirs(path, _) = error.clone() else { return None };
    // One that names another user was seen already.
    let is_his = store.enrollment_of(name).ok()??.user == name;
    is_his.then(|| Flaw::new(&path, Some(name.to_owned()), FlawKind::Refused(error)))
}

/// Enrollments without an account. Not from a disk alone: there every account of a directory looks gone.
fn orphans(store: &Store, accounts: &Accounts) -> Vec<Finding> {
    let found = match (orphans::can_tell_orphans(), store.names()) {
        (Ok(()), Ok(names)) => orphans::orphans(store, names, accounts).unwrap_or_default(),
        _ => Vec::new(),
    };
    // Those of another uid have a finding of their own.
    let gone = found.iter().filter(|(_, orphan)| *orphan == Orphan::NoAccount);
    let gone: Vec<&str> = gone.map(|(name, _)| name.as_str()).collect();
    let some: Vec<String> = gone.iter().take(5).map(|name| clean(name)).collect();
    let enrolled = counted(gone.len(), "user is", "users are");
    let what = format!("{enrolled} enrolled and no account of this host ({})", some.join(", "));
    // It looks again, and asks.
    let gone =
        (!gone.is_empty()).then(|| Finding::warning("store", "orphans", what).fixed_by(["pam-totp remove --orphans"]));
    let renamed = found.iter().filter_map(|(name, orphan)| match orphan {
        Orphan::Renamed(names) => {
            let what = format!("{}: {}", clean(name), orphan.words());
            Some(Finding::warning("store", "renamed", what).fixed_by(orphans::renaming(name, names)))
        }
        Orphan::NoAccount | Orphan::OtherUid => None,
    });
    gone.into_iter().chain(renamed).collect()
}

/// Of a policy that is in force.
fn unknown_names(config: Option<&Path>, desk: &Local, accounts: Option<&Accounts>) -> Vec<Finding> {
    let none = Accounts::new();
    match desk.fault() {
        None => names::unknown(config.unwrap_or(Path::new(PATH)), desk.policy(), accounts.unwrap_or(&none)),
        Some(_) => Vec::new(),
    }
}

/// What the store knows of times that the clock has not reached.
#[derive(Default)]
struct Ahead {
    /// Whose last code lies further ahead than any phone's could.
    names: Vec<String>,
    /// It stands before this program was made, or before somebody enrolled.
    clock_is_wrong: bool,
}

impl Ahead {
    fn of(desk: &Local) -> Self {
        let Ok(store) = desk.store() else { return Self::default() };
        let (now, window) = (now(), desk.policy().window);
        let mut ahead = Self { clock_is_wrong: clock::is_wrong(now), names: Vec::new() };
        for name in store.names().unwrap_or_default() {
            let Ok(Some(enrollment)) = store.enrollment_of(&name) else { continue };
            ahead.clock_is_wrong |= enrollment.devices.iter().any(|device| device.created > now);
            let record = store.peek(&name).ok().flatten().unwrap_or_default();
            if healing::clock_back(&enrollment, &record, now, window).is_some() {
                ahead.names.push(name);
            }
        }
        ahead
    }
}

/// The host's policy, and those that stacks name.
fn policies(config: Option<&Path>, desk: &Local, files: &Files) -> Vec<Finding> {
    let path = config.unwrap_or(Path::new(PATH));
    let text = read_policy(path).ok().flatten().unwrap_or_default();
    let mut findings = store::policy(path, &text, desk.policy(), desk.fault());
    let mut others: Vec<_> = our_lines(files).into_iter().filter_map(|line| line.options().ok()?.config).collect();
    others.sort();
    others.dedup();
    for other in others {
        let (desk, text) = (Local::open(Some(&other)), read_policy(&other).ok().flatten().unwrap_or_default());
        let said = store::policy(&other, &text, desk.policy(), desk.fault());
        findings.extend(said.into_iter().filter(|finding| finding.level == Level::Fault));
    }
    findings
}

/// Each line that names us, once.
fn our_lines(files: &Files) -> Vec<Line> {
    let mut found: Vec<Line> = Vec::new();
    for service in files.own() {
        for kind in [Kind::Auth, Kind::Account] {
            found.extend(lines(&files.chain(service, kind)).filter(|line| line.is_ours()).cloned());
        }
    }
    found.sort_by_key(Line::place);
    found.dedup();
    found
}

/// Lines that name a module by a path where there is none.
fn no_such_module(files: &Files) -> Vec<Finding> {
    let gone =
        our_lines(files).into_iter().filter(|line| line.module.starts_with('/') && !Path::new(&line.module).exists());
    let finding = |line: Line| {
        let what = format!("{}: {} does not exist: the line refuses everybody", line.place(), clean(&line.module));
        let fix = format!("sed -i 's#{}#pam_totp.so#' {}", line.module, quoted(&line.path));
        Finding::fault("module", "module_path", what).fixed_by([fix])
    };
    gone.map(finding).collect()
}

/// A stack that was not looked at.
fn left_out(path: &Path, why: NotRead) -> Finding {
    let path = path.display().to_string();
    let what = format!("{}: {why}: it was not looked at", clean(&path));
    Finding::warning(ABOUT, "left_out", what).fixed_by([format!("ls -lL {}", quoted(&path))])
}

fn circumstances(desk: &Local, accounts: Option<&Accounts>) -> Circumstances {
    let policy = desk.policy();
    let count = accounts.and_then(|accounts| Some(Rollout::of(desk, accounts).ok()?.count()));
    Circumstances {
        enabled: policy.enabled,
        unenrolled: policy.unenrolled,
        all_enrolled: count.as_ref().is_some_and(|count| count.unenrolled == 0),
        // Who is not known may be refused.
        refuses: count.is_none_or(|count| count.refused > 0),
        requires: !policy.rules.require.is_empty(),
    }
}

/// What programs make of PAM's answer.
fn others(desk: &Local, files: &Files) -> Vec<Finding> {
    let (texts, is_there) = (gather::texts(), |program: &str| Path::new(program).exists());
    let mut findings = one_field::check(files, &desk.policy().rules, is_there);
    findings.extend(elsewhere::check(files, &texts, is_there));
    findings.extend(remember::check(files, &texts, is_there));
    findings
}

/// sshd and sudo, where they are installed and their stacks name us.
fn servers(desk: &Local, files: &Files, accounts: Option<&Accounts>) -> Vec<Finding> {
    let mut findings = Vec::new();
    if Path::new("/usr/sbin/sshd").exists() && Uid::effective().is_root() {
        let root_enrolled = desk.store().and_then(|store| store.is_enrolled("root")).unwrap_or(false);
        let facts = server::sshd(root_enrolled, accounts);
        findings.extend(doctor::sshd::check::check(&facts, |service| shape(files, service)));
    }
    if Path::new("/usr/bin/sudo").exists() && shape(files, "sudo").is_some() && Uid::effective().is_root() {
        findings.extend(doctor::sudo::check(&gather::sudo(files)));
    }
    findings
}

fn report(findings: &[Finding]) -> Report {
    let mut lines: Vec<String> = Vec::new();
    let mut subjects: Vec<&str> = Vec::new();
    for finding in findings {
        if !subjects.contains(&finding.about) {
            subjects.push(finding.about);
        }
    }
    for subject in subjects {
        lines.push(heading(subject).to_owned());
        let mut own: Vec<&Finding> = findings.iter().filter(|finding| finding.about == subject).collect();
        own.sort_by_key(|finding| std::cmp::Reverse(finding.level));
        for finding in own {
            lines.push(format!("  {:<8} {}", finding.level.word(), finding.message));
            lines.extend(finding.fix.iter().map(|line| format!("      {line}")));
        }
    }
    let count = |level| findings.iter().filter(|finding| finding.level == level).count();
    let (faults, warnings) = (count(Level::Fault), count(Level::Warning));
    lines.push(match faults + warnings {
        0 => "This host is in order.".into(),
        _ => {
            // The paths are those of that disk.
            let shell = if disk::is_entered() { "a `chroot` to that disk" } else { "a root shell" };
            format!("faults: {faults}, warnings: {warnings}. Paste the commands below a finding into {shell}, then run `pam-totp doctor` again.")
        }
    });
    let objects: Vec<Value> = findings.iter().map(object).collect();
    let report = Report::new(lines.join("\n")).with("findings", objects);
    if faults > 0 { report.exiting(NO) } else { report }
}

/// A subject, as people call it; its word in JSON stays.
fn heading(subject: &'static str) -> &'static str {
    if subject == doctor::door::ABOUT { "pam-totpd" } else { subject }
}

fn object(finding: &Finding) -> Value {
    let Finding { level, about, code, message, fix } = finding;
    json!({ "level": level.word(), "about": about, "code": code, "message": message, "fix": fix })
}
