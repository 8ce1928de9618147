//! How a stack is made to ask for codes: the changes of its files, tried in thought. What they replace stays as a
//! comment, so that they can be undone to the byte. Pure.

use super::diagnose::problems;
use super::edits::{Edit, Put, applied};
use super::files::{STACKS, StackFiles, lines};
use super::harm;
use super::line::{Control, Facility, StackLine};
use super::marks::without_ours;
use super::marks::{ADDED, COPY, INSTEAD};
use super::modules::is_credential;
use super::plan::{FileChange, NotChanged, StackPlan};
use super::problem::{Circumstances, Problem};
use super::shape::{StackShape, shape};
use super::trial::Trial;
use crate::doctor::finding::Severity;
use crate::text::clean;

/// How a stack is to ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WantedStack {
    /// In which shape.
    pub shape: StackShape,
    /// Of a program at the network that tells no address.
    pub remote: bool,
    /// With the arguments that this service's line has.
    pub like: Option<String>,
}

/// Has a service ask for codes. An empty plan: it does.
pub fn add(files: &StackFiles, service: &str, wanted: &WantedStack) -> Result<StackPlan, NotChanged> {
    if wanted.shape == StackShape::Key && !service.starts_with("sshd") {
        return Err(NotChanged::NotSshd(clean(service)));
    }
    match shape(files, service) {
        Some(there) if there == wanted.shape => return Ok(as_it_is(files, service)),
        Some(there) if there != StackShape::Questions || wanted.shape != StackShape::OneField => {
            return Err(NotChanged::OtherShape(clean(service)));
        }
        _ => {}
    }
    let (start, notes) = own_file(files, service)?;
    let setup = Setup { files: &start, service, wanted };
    let candidates = setup.candidates();
    if candidates.is_empty() {
        return Err(NotChanged::NoPassword(clean(service)));
    }
    let mut refused = None;
    let mut best: Option<(Vec<Problem>, StackFiles)> = None;
    for edits in &candidates {
        let Some(after) = applied(&start, edits).map(|after| without_second_lines(&start, &after, service)) else {
            continue;
        };
        match objections(files, &after, service, wanted) {
            Ok(warnings) if best.as_ref().is_none_or(|(fewest, _)| weight(&warnings) < weight(fewest)) => {
                best = Some((warnings, after));
            }
            Ok(_) => {}
            Err(why) => refused = refused.or(Some(why)),
        }
    }
    match (best, refused) {
        (Some((warnings, after)), _) => {
            let said = warnings.iter().map(|problem| format!("warning: {}: {}", problem.place, problem.what));
            let notes = notes.into_iter().chain(said).collect();
            Ok(StackPlan { changes: changes(files, &after, service), notes })
        }
        (None, Some(why)) => Err(why),
        (None, None) => Err(NotChanged::NoPassword(clean(service))),
    }
}

/// Nothing to change, but something to say where it does not ask as it should.
fn as_it_is(files: &StackFiles, service: &str) -> StackPlan {
    let circumstances = Circumstances { enabled: true, ..Circumstances::default() };
    let bad = problems(files, service, &circumstances).into_iter().filter(|problem| problem.level >= Severity::Warning);
    let note =
        |problem: Problem| format!("{}: {}. `pam-totp doctor` prints what fixes it", problem.place, problem.what);
    StackPlan { changes: Vec::new(), notes: bad.map(note).collect() }
}

/// The files, with one of the service's own in /etc.
fn own_file(files: &StackFiles, service: &str) -> Result<(StackFiles, Vec<String>), NotChanged> {
    let to = format!("{STACKS}/{service}");
    let from = match files.path(service) {
        Some(path) if path == to => {
            let mut with = files.clone();
            let less = files.text(service).and_then(|text| without_ours(&to, text));
            less.inspect(|less| with.put(service, &to, less));
            return Ok((with, Vec::new()));
        }
        Some(path) => path,
        None if service.ends_with("-auth") || service.starts_with("common-") => {
            return Err(NotChanged::NoStack(clean(service)));
        }
        None => files.path("other").ok_or_else(|| NotChanged::NoStack(clean(service)))?,
    };
    let text = files.text_at(&from).unwrap_or_default();
    let less = without_ours(&from, text);
    let mut with = files.clone();
    with.put(service, &to, &format!("{COPY}{from}\n{}", less.as_deref().unwrap_or(text)));
    let note = format!("{} had no file of its own in {STACKS}: {to} is a copy of {from}", clean(service));
    Ok((with, vec![note]))
}

/// The lines of services that a shared file asks for now.
fn without_second_lines(before: &StackFiles, after: &StackFiles, shared: &str) -> StackFiles {
    let mut files = after.clone();
    let changes =
        |name: &&str| *name != shared && before.chain(name, Facility::Auth) != after.chain(name, Facility::Auth);
    let asks_twice = |files: &StackFiles, name: &str| Trial::of(files, name).twice.is_some();
    let twice = after.own().filter(changes).filter(|name| asks_twice(after, name) && !asks_twice(before, name));
    let twice: Vec<String> = twice.map(ToOwned::to_owned).collect();
    for service in twice {
        let (Some(path), Some(text)) = (files.path(&service), files.text(&service)) else { continue };
        if let Some(less) = without_ours(&path, text) {
            files.put(&service, &path, &less);
        }
    }
    files
}

/// Strangers hear more where `explain` stands.
fn weight(warnings: &[Problem]) -> usize {
    warnings.iter().map(|problem| if problem.code == "explain" { 2 } else { 1 }).sum()
}

/// What to warn of then, or why it may not be.
fn objections(
    before: &StackFiles,
    after: &StackFiles,
    service: &str,
    wanted: &WantedStack,
) -> Result<Vec<Problem>, NotChanged> {
    let circumstances = Circumstances { enabled: true, ..Circumstances::default() };
    let mut warnings: Vec<Problem> = Vec::new();
    let changed = |name: &&str| {
        [Facility::Auth, Facility::Account].into_iter().any(|kind| before.chain(name, kind) != after.chain(name, kind))
    };
    for name in after.own().filter(changed) {
        // Passwords alone get in no more, and are meant not to.
        let by_key = wanted.shape == StackShape::Key && name == service;
        if let Some(what) = harm::of_service(before, after, name).filter(|_| !by_key) {
            return Err(NotChanged::Harm(what));
        }
        let was: Vec<&str> = problems(before, name, &circumstances).iter().map(|problem| problem.code).collect();
        let new: Vec<Problem> =
            problems(after, name, &circumstances).into_iter().filter(|problem| !was.contains(&problem.code)).collect();
        if let Some(problem) = new.iter().find(|problem| problem.level == Severity::Fault) {
            return Err(NotChanged::Faulty(format!("{}: {}", clean(name), problem.what)));
        }
        let bad = new.into_iter().filter(|problem| problem.level == Severity::Warning && !warnings.contains(problem));
        warnings.extend(bad.collect::<Vec<_>>());
    }
    Ok(warnings)
}

/// What differs. Account lines first: until a code is asked for, they have nothing to do. And last those that a shared
/// file asks for: killed in between, they ask twice rather than not at all.
fn changes(before: &StackFiles, after: &StackFiles, service: &str) -> Vec<FileChange> {
    let own = format!("{STACKS}/{service}");
    let change = |path: &str| {
        let (was, is) = (before.text_at(path), after.text_at(path));
        (was != is).then(|| FileChange {
            path: path.to_owned(),
            before: was.map(ToOwned::to_owned),
            after: is.map(ToOwned::to_owned),
        })
    };
    let mut changes: Vec<FileChange> = after.paths().filter_map(change).collect();
    changes.sort_by_key(|change| (!change.path.ends_with("-account"), change.path != own));
    changes
}

struct Setup<'a> {
    files: &'a StackFiles,
    service: &'a str,
    wanted: &'a WantedStack,
}

impl Setup<'_> {
    /// The plainest first.
    fn candidates(&self) -> Vec<Vec<Edit>> {
        let auth = match self.wanted.shape {
            StackShape::Questions => self.questions(),
            StackShape::OneField => return self.one_field(),
            StackShape::Key => self.key(),
        };
        let with = auth.iter().filter_map(|edits| Some([edits.clone(), vec![self.account()?]].concat()));
        // Where nothing can be stored, codes are asked for all the same.
        let with: Vec<_> = with.collect();
        with.into_iter().chain(auth).collect()
    }

    /// Behind what checks the password. Without `explain` where that would tell strangers something.
    fn questions(&self) -> Vec<Vec<Edit>> {
        let line = self.asking_line();
        let less = line.replace(" explain", "");
        let lines = if self.wanted.like.is_some() { vec![line] } else { vec![line, less] };
        let own = self.files.lines_of(self.service);
        let Some(password) = own.iter().rfind(|line| self.checks(line)) else { return Vec::new() };
        let last = own.iter().rfind(|line| line.is_auth() || self.brings_auth(line)).unwrap_or(password);
        let mut candidates = Vec::new();
        for line in lines {
            // A substack that fails does not end the stack: strangers would be asked for codes.
            if password.control.text == "substack" {
                let include = StackLine { control: Control::read("include"), ..password.clone() };
                let text = format!("{}\n{} {ADDED}\n{line}", self.kept(password), include.print());
                candidates.push(vec![Edit::new(password, Put::Instead(text))]);
            }
            candidates.extend([password, last].map(|at| vec![Edit::new(at, Put::Behind(line.clone()))]));
        }
        candidates
    }

    /// Asks and splits, checks the password, and only after a right one checks the code.
    fn one_field(&self) -> Vec<Vec<Edit>> {
        let remote = self.place();
        let split = "auth requisite pam_totp.so forward_pass".to_owned();
        let judge = format!("auth requisite pam_totp.so{remote}");
        let own = self.files.lines_of(self.service);
        let mut candidates = Vec::new();
        if let Some(password) = own.iter().rfind(|line| self.checks(line)) {
            // The shared file may ask for codes one day: then it would ask a second time.
            let unix = format!("auth requisite pam_unix.so use_first_pass {ADDED}");
            let text = format!("{}\n{split}\n{unix}\n{judge}", self.kept(password));
            candidates.push(vec![Edit::new(password, Put::Instead(text))]);
            // Where others than /etc/shadow know passwords.
            let put = [Put::Before(split), Put::Behind(judge)];
            candidates.push(put.into_iter().map(|put| Edit::new(password, put)).collect());
        }
        candidates
    }

    fn key(&self) -> Vec<Vec<Edit>> {
        let line = format!("auth requisite pam_totp.so after=publickey explain{}", self.place());
        let own = self.files.lines_of(self.service);
        let instead = |password: &StackLine| {
            let text = format!("{}\n{line}", self.kept(password));
            vec![Edit::new(password, Put::Instead(text))]
        };
        own.iter().rfind(|line| self.checks(line)).map(instead).into_iter().collect()
    }

    /// The account line, before all others of the file, or of the one beside a shared file.
    fn account(&self) -> Option<Edit> {
        const LINE: &str = "account required pam_totp.so";
        if lines(&self.files.chain(self.service, Facility::Account)).any(StackLine::is_ours) {
            return None;
        }
        let first = |lines: Vec<StackLine>| lines.into_iter().find(is_account);
        let own = first(self.files.lines_of(self.service));
        let beside = || first(self.files.lines_of(&self.service.replace("-auth", "-account")));
        own.or_else(beside).map(|line| Edit::new(&line, Put::Before(LINE.into())))
    }

    /// As that of another service, but for what belongs to its own place.
    fn asking_line(&self) -> String {
        let steps = self.wanted.like.as_ref().map(|like| self.files.chain(like, Facility::Auth)).unwrap_or_default();
        let like = lines(&steps).find(|line| line.is_ours());
        let mut arguments = like.map_or_else(|| vec!["explain".to_owned()], |line| line.arguments.clone());
        arguments.retain(|argument| !["local", "remote"].contains(&argument.as_str()));
        let text = "auth requisite pam_totp.so";
        let line = StackLine { arguments, ..StackLine::read(text) };
        format!("{}{}", line.print(), self.place())
    }

    fn place(&self) -> &'static str {
        match () {
            () if self.wanted.remote => " remote",
            // polkit's helper tells neither an address nor a terminal.
            () if self.service == "polkit-1" => " local",
            () => "",
        }
    }

    /// The line, as it stands in its file, behind a mark.
    fn kept(&self, line: &StackLine) -> String {
        let (first, last) = line.at;
        let text = self.files.text_at(&line.path).unwrap_or_default();
        let count = last.saturating_sub(first).saturating_add(1);
        let physical = text.lines().skip(first.saturating_sub(1)).take(count);
        physical.map(|line| format!("{INSTEAD}{line}")).collect::<Vec<_>>().join("\n")
    }

    fn checks(&self, line: &StackLine) -> bool {
        let by_another = |name| {
            let steps = self.files.part(name, Facility::Auth);
            lines(&steps).any(is_credential)
        };
        (line.is_auth() && is_credential(line)) || included(line).is_some_and(by_another)
    }

    fn brings_auth(&self, line: &StackLine) -> bool {
        included(line).is_some_and(|name| !self.files.part(name, Facility::Auth).is_empty())
    }
}

/// The stack that a line for `auth` takes in.
fn included(line: &StackLine) -> Option<&str> {
    match (line.kind_word.as_str(), line.control.text.as_str()) {
        ("@include", name) => Some(name),
        (_, "include" | "substack") if line.is_auth() => Some(&line.module),
        _ => None,
    }
}

fn is_account(line: &StackLine) -> bool {
    line.kind_word.trim_start_matches('-') == "account"
        || (line.kind_word == "@include" && line.control.text.ends_with("-account"))
}
