//! `doctor`: is this host in order, and which commands fix what is not.

mod ask;
mod gather;
mod kept;
mod server;

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::path::Path;

use nix::unistd::Uid;
use pam_totp::backend::{Backend, Local};
use pam_totp::doctor;
use pam_totp::doctor::finding::{Finding, Severity};
use pam_totp::doctor::programs::{dovecot, elsewhere, one_field, openvpn, pairs, proftpd, remember, webmin};
use pam_totp::doctor::sections::Section;
use pam_totp::doctor::stacks::files::StackFiles;
use pam_totp::doctor::stacks::problem::Circumstances;
use pam_totp::doctor::stacks::shape::shape;
use pam_totp::doctor::unseen;
use pam_totp::paths::POLICY;
use pam_totp::store::read_policy;
use pam_totp::system::disk;

use crate::accounts::{self, Accounts};
use crate::report::{Format, NO, Report};
use crate::rollout::Rollout;
use crate::{json, names, stacks};

/// So many findings of one kind are shown to people, where each is a user's.
const MOST_NAMED: usize = 10;

pub fn doctor(config: Option<&Path>, format: Format) -> Report {
    let (backend, files) = (Local::open(config), stacks::files());
    // Once: to look one up after the other takes time that grows with the square of the accounts.
    let accounts = accounts::all().ok();
    let mut findings = Vec::new();
    let (ahead, kept) = kept::check(&backend, accounts.as_ref(), format);
    if !disk::is_entered() {
        findings.push(doctor::clock::check(&gather::clock()));
        findings.extend(ahead);
    }
    findings.extend(kept);
    findings.extend(gather::labels());
    findings.extend(policies(config, &backend, &files));
    findings.extend(unknown_names(config, &backend, accounts.as_ref()));
    findings.extend(delegates(&backend, accounts.as_ref()));
    findings.extend(doctor::module::check(&gather::module(), pam_totp::VERSION));
    findings.extend(doctor::module::no_such_path(&files, |path| Path::new(path).exists()));
    findings.extend(stacks::left_out().iter().map(|(path, why)| unseen::stack(&path.display().to_string(), why)));
    findings.extend(doctor::stacks::check::check(&files, &circumstances(&backend, accounts.as_ref())));
    findings.extend(pairs::check(&files, |way| gather::is_there(&files, way)));
    findings.extend(others(&backend, &files));
    if !disk::is_entered() {
        findings.extend(servers(&backend, &files, accounts.as_ref()));
        findings.extend(doctor::door::check(&gather::door(&files, backend.policy())));
    }
    findings.extend(unseen::check(disk::is_entered(), Uid::effective().is_root()));
    report(&findings)
}

/// Of a policy that is in force.
fn unknown_names(config: Option<&Path>, backend: &Local, accounts: Option<&Accounts>) -> Vec<Finding> {
    let none = Accounts::default();
    match backend.fault() {
        None => names::unknown(config.unwrap_or(Path::new(POLICY)), backend.policy(), accounts.unwrap_or(&none)),
        Some(_) => Vec::new(),
    }
}

fn delegates(backend: &Local, accounts: Option<&Accounts>) -> Vec<Finding> {
    let none = Accounts::default();
    let is_enrolled = |name: &str| backend.store().and_then(|store| store.is_enrolled(name)).unwrap_or(false);
    names::of_delegates(accounts.unwrap_or(&none), &is_enrolled)
}

/// The host's policy, and those that stacks name.
fn policies(config: Option<&Path>, backend: &Local, files: &StackFiles) -> Vec<Finding> {
    let path = config.unwrap_or(Path::new(POLICY));
    let text = read_policy(path).ok().flatten().unwrap_or_default();
    let mut findings = doctor::policy::check(path, &text, backend.policy(), backend.fault());
    let mut others: Vec<_> = files.our_lines().into_iter().filter_map(|line| line.options().ok()?.config).collect();
    others.sort();
    others.dedup();
    for other in others {
        let (backend, text) = (Local::open(Some(&other)), read_policy(&other).ok().flatten().unwrap_or_default());
        let said = doctor::policy::check(&other, &text, backend.policy(), backend.fault());
        findings.extend(said.into_iter().filter(|finding| finding.level == Severity::Fault));
    }
    findings
}

fn circumstances(backend: &Local, accounts: Option<&Accounts>) -> Circumstances {
    let count = accounts.and_then(|accounts| Some(Rollout::of(backend, accounts).ok()?.count()));
    let (unenrolled, refused) =
        (count.as_ref().map(|count| count.unenrolled), count.as_ref().map(|count| count.refused));
    Circumstances::of(backend.policy(), unenrolled, refused)
}

/// What programs make of PAM's answer.
fn others(backend: &Local, files: &StackFiles) -> Vec<Finding> {
    let (texts, is_there) = (gather::texts(), |program: &str| Path::new(program).exists());
    let mut findings = one_field::check(files, &backend.policy().rules, is_there);
    findings.extend(elsewhere::check(files, &texts, is_there));
    findings.extend(remember::check(files, &texts, is_there));
    findings.extend(dovecot::check(files, &texts, is_there));
    findings.extend(proftpd::check(files, &texts, is_there));
    findings.extend(openvpn::check(files, &texts));
    findings.extend(webmin::check(files, &texts));
    findings
}

/// sshd and sudo, where they are installed and their stacks name us.
fn servers(backend: &Local, files: &StackFiles, accounts: Option<&Accounts>) -> Vec<Finding> {
    let mut findings = Vec::new();
    if Path::new("/usr/sbin/sshd").exists() && Uid::effective().is_root() {
        let root_enrolled = backend.store().and_then(|store| store.is_enrolled("root")).unwrap_or(false);
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
        own.sort_by_key(|finding| Reverse(finding.level));
        // Of the rest of the host nothing is left out.
        let most = if subject == doctor::store::ABOUT { MOST_NAMED } else { usize::MAX };
        let mut kinds: BTreeMap<(Reverse<Severity>, &str), usize> = BTreeMap::new();
        for finding in own {
            let nth = kinds.entry((Reverse(finding.level), finding.code)).or_default();
            *nth += 1;
            if *nth <= most {
                lines.push(format!("  {:<8} {}", finding.level.word(), finding.message));
                lines.extend(finding.fix.iter().map(|line| format!("      {line}")));
            }
        }
        let more = kinds.iter().filter_map(|((Reverse(level), code), count)| {
            let more = count.checked_sub(most).filter(|more| *more > 0)?;
            Some(format!("  {:<8} {more} more like these ({code}): `pam-totp doctor --json` names them", level.word()))
        });
        lines.extend(more);
    }
    let count = |level| findings.iter().filter(|finding| finding.level == level).count();
    let (faults, warnings) = (count(Severity::Fault), count(Severity::Warning));
    lines.push(match faults + warnings {
        0 => "This host is in order.".into(),
        _ => {
            // The paths are those of that disk.
            let shell = if disk::is_entered() { "a `chroot` to that disk" } else { "a root shell" };
            format!("faults: {faults}, warnings: {warnings}. Paste the commands below a finding into {shell}, then run `pam-totp doctor` again.")
        }
    });
    let sections = doctor::sections::of(findings).into_iter().map(section).collect();
    let object = json::DoctorReport { findings: findings.iter().map(object).collect(), sections };
    let report = Report::new(lines.join("\n"), &object);
    if faults > 0 { report.exiting(NO) } else { report }
}

/// A subject, as people call it; its word in JSON stays.
fn heading(subject: &'static str) -> &'static str {
    if subject == doctor::door::ABOUT { "pam-totpd" } else { subject }
}

fn object(Finding { level, about, code, message, fix }: &Finding) -> json::DoctorFinding<'_> {
    json::DoctorFinding { level: level.word(), about, code, message, fix }
}

fn section(Section { about, title, level }: Section) -> json::DoctorSection {
    json::DoctorSection { about, title, level: level.word() }
}
