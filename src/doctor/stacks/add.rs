//! How a stack is made to ask for codes: the changes of its files, tried in thought. What they replace stays as a
//! comment, so that they can be undone to the byte. Pure.

use super::diagnose::ills;
use super::edits::{Edit, Put, applied};
use super::files::{Files, STACKS, lines};
use super::harm;
use super::line::{Control, Kind, Line};
use super::marks::without_ours;
use super::marks::{ADDED, COPY, INSTEAD};
use super::modules::is_credential;
use super::plan::{Change, Plan, Refused};
use super::problem::{Circumstances, Ill};
use super::shape::{Shape, shape};
use super::trial::Trial;
use crate::doctor::finding::Level;
use crate::text::clean;

/// How a stack is to ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// In which shape.
    pub shape: Shape,
    /// Of a program at the network that tells no address.
    pub remote: bool,
    /// With the arguments that this service's line has.
    pub like: Option<String>,
}

/// Has a service ask for codes. An empty plan: it does.
pub fn add(files: &Files, service: &str, wanted: &Wanted) -> Result<Plan, Refused> {
    if wanted.shape == Shape::Key && !service.starts_with("sshd") {
        return Err(Refused::NotSshd(clean(service)));
    }
    match shape(files, service) {
        Some(there) if there == wanted.shape => return Ok(as_it_is(files, service)),
        Some(there) if there != Shape::Questions || wanted.shape != Shape::OneField => {
            return Err(Refused::OtherShape(clean(service)));
        }
        _ => {}
    }
    let (start, notes) = own_file(files, service)?;
    let setup = Setup { files: &start, service, wanted };
    let candidates = setup.candidates();
    if candidates.is_empty() {
        return Err(Refused::NoPassword(clean(service)));
    }
    let mut refused = None;
    let mut best: Option<(Vec<Ill>, Files)> = None;
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
            let said = warnings.iter().map(|ill| format!("warning: {}: {}", ill.place, ill.what));
            let notes = notes.into_iter().chain(said).collect();
            Ok(Plan { changes: changes(files, &after, service), notes })
        }
        (None, Some(why)) => Err(why),
        (None, None) => Err(Refused::NoPassword(clean(service))),
    }
}

/// Nothing to change, but something to say where it does not ask as it should.
fn as_it_is(files: &Files, service: &str) -> Plan {
    let circumstances = Circumstances { enabled: true, ..Circumstances::default() };
    let bad = ills(files, service, &circumstances).into_iter().filter(|ill| ill.level >= Level::Warning);
    let note = |ill: Ill| format!("{}: {}. `pam-totp doctor` prints what fixes it", ill.place, ill.what);
    Plan { changes: Vec::new(), notes: bad.map(note).collect() }
}

/// The files, with one of the service's own in /etc.
fn own_file(files: &Files, service: &str) -> Result<(Files, Vec<String>), Refused> {
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
            return Err(Refused::NoStack(clean(service)));
        }
        None => files.path("other").ok_or_else(|| Refused::NoStack(clean(service)))?,
    };
    let text = files.text_at(&from).unwrap_or_default();
    let less = without_ours(&from, text);
    let mut with = files.clone();
    with.put(service, &to, &format!("{COPY}{from}\n{}", less.as_deref().unwrap_or(text)));
    let note = format!("{} had no file of its own in {STACKS}: {to} is a copy of {from}", clean(service));
    Ok((with, vec![note]))
}

/// The lines of services that a shared file asks for now.
fn without_second_lines(before: &Files, after: &Files, shared: &str) -> Files {
    let mut files = after.clone();
    let changes = |name: &&str| *name != shared && before.chain(name, Kind::Auth) != after.chain(name, Kind::Auth);
    let asks_twice = |files: &Files, name: &str| Trial::of(files, name).twice.is_some();
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
fn weight(warnings: &[Ill]) -> usize {
    warnings.iter().map(|ill| if ill.code == "explain" { 2 } else { 1 }).sum()
}

/// What to warn of then, or why it may not be.
fn objections(before: &Files, after: &Files, service: &str, wanted: &Wanted) -> Result<Vec<Ill>, Refused> {
    let circumstances = Circumstances { enabled: true, ..Circumstances::default() };
    let mut warnings: Vec<Ill> = Vec::new();
    let changed = |name: &&str| {
        [Kind::Auth, Kind::Account].into_iter().any(|kind| before.chain(name, kind) != after.chain(name, kind))
    };
    for name in after.own().filter(changed) {
        // Passwords alone get in no more, and are meant not to.
        let by_key = wanted.shape == Shape::Key && name == service;
        if let Some(what) = harm::of_service(before, after, name).filter(|_| !by_key) {
            return Err(Refused::Harm(what));
        }
        let was: Vec<&str> = ills(before, name, &circumstances).iter().map(|ill| ill.code).collect();
        let new: Vec<Ill> =
            ills(after, name, &circumstances).into_iter().filter(|ill| !was.contains(&ill.code)).collect();
        if let Some(ill) = new.iter().find(|ill| ill.level == Level::Fault) {
            return Err(Refused::Faulty(format!("{}: {}", clean(name), ill.what)));
        }
        let bad = new.into_iter().filter(|ill| ill.level == Level::Warning && !warnings.contains(ill));
        warnings.extend(bad.collect::<Vec<_>>());
    }
    Ok(warnings)
}

/// What differs. Account lines first: until a code is asked for, they have nothing to do. And last those that a shared
/// file asks for: killed in between, they ask twice rather than not at all.
fn changes(before: &Files, after: &Files, service: &str) -> Vec<Change> {
    let own = format!("{STACKS}/{service}");
    let change = |path: &str| {
        let (was, is) = (before.text_at(path), after.text_at(path));
        (was != is).then(|| Change {
            path: path.to_owned(),
            before: was.map(ToOwned::to_owned),
            after: is.map(ToOwned::to_owned),
        })
    };
    let mut changes: Vec<Change> = after.paths().filter_map(change).collect();
    changes.sort_by_key(|change| (!change.path.ends_with("-account"), change.path != own));
    changes
}

struct Setup<'a> {
    files: &'a Files,
    service: &'a str,
    wanted: &'a Wanted,
}

impl Setup<'_> {
    /// The plainest first.
    fn candidates(&self) -> Vec<Vec<Edit>> {
        let auth = match self.wanted.shape {
            Shape::Questions => self.questions(),
            Shape::OneField => return self.one_field(),
            Shape::Key => self.key(),
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
                let include = Line { control: Control::read("include"), ..password.clone() };
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
        let instead = |password: &Line| {
            let text = format!("{}\n{line}", self.kept(password));
            vec![Edit::new(password, Put::Instead(text))]
        };
        own.iter().rfind(|line| self.checks(line)).map(instead).into_iter().collect()
    }

    /// The account line, before all others of the file, or of the one beside a shared file.
    fn account(&self) -> Option<Edit> {
        const LINE: &str = "account required pam_totp.so";
        if lines(&self.files.chain(self.service, Kind::Account)).any(Line::is_ours) {
            return None;
        }
        let first = |lines: Vec<Line>| lines.into_iter().find(is_account);
        let own = first(self.files.lines_of(self.service));
        let beside = || first(self.files.lines_of(&self.service.replace("-auth", "-account")));
        own.or_else(beside).map(|line| Edit::new(&line, Put::Before(LINE.into())))
    }

    /// As that of another service, but for what belongs to its own place.
    fn asking_line(&self) -> String {
        let steps = self.wanted.like.as_ref().map(|like| self.files.chain(like, Kind::Auth)).unwrap_or_default();
        let like = lines(&steps).find(|line| line.is_ours());
        let mut arguments = like.map_or_else(|| vec!["explain".to_owned()], |line| line.arguments.clone());
        arguments.retain(|argument| !["local", "remote"].contains(&argument.as_str()));
        let text = "auth requisite pam_totp.so";
        let line = Line { arguments, ..Line::read(text) };
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
    fn kept(&self, line: &Line) -> String {
        let (first, last) = line.at;
        let text = self.files.text_at(&line.path).unwrap_or_default();
        let count = last.saturating_sub(first).saturating_add(1);
        let physical = text.lines().skip(first.saturating_sub(1)).take(count);
        physical.map(|line| format!("{INSTEAD}{line}")).collect::<Vec<_>>().join("\n")
    }

    fn checks(&self, line: &Line) -> bool {
        let by_another = |name| {
            let steps = self.files.part(name, Kind::Auth);
            lines(&steps).any(is_credential)
        };
        (line.is_auth() && is_credential(line)) || included(line).is_some_and(by_another)
    }

    fn brings_auth(&self, line: &Line) -> bool {
        included(line).is_some_and(|name| !self.files.part(name, Kind::Auth).is_empty())
    }
}

/// The stack that a line for `auth` takes in.
fn included(line: &Line) -> Option<&str> {
    match (line.kind_word.as_str(), line.control.text.as_str()) {
        ("@include", name) => Some(name),
        (_, "include" | "substack") if line.is_auth() => Some(&line.module),
        _ => None,
    }
}

fn is_account(line: &Line) -> bool {
    line.kind_word.trim_start_matches('-') == "account"
        || (line.kind_word == "@include" && line.control.text.ends_with("-account"))
}
