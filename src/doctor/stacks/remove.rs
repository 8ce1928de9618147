//! How a stack asks for codes no more: its files as they were before. Pure.

use super::files::{STACKS, StackFiles};
use super::harm;
use super::line::{StackLine, parse};
use super::marks::without_ours;
use super::marks::{COPY, INSTEAD};
use super::plan::{FileChange, NotChanged, StackPlan};
use crate::text::clean;

/// Takes our lines out of a service's file, and puts back what they replaced. `text_of`: the text of a file that ours is
/// a copy of. An empty plan: there is none of ours.
pub fn remove(
    files: &StackFiles,
    service: &str,
    text_of: impl Fn(&str) -> Option<String>,
) -> Result<StackPlan, NotChanged> {
    let path = format!("{STACKS}/{service}");
    let Some(text) = files.text_at(&path) else {
        return if files.path(service).is_some() {
            Ok(StackPlan::default())
        } else {
            Err(NotChanged::NoStack(clean(service)))
        };
    };
    let is_marked = text.lines().any(|line| line.starts_with(INSTEAD));
    let splits = |line: &StackLine| line.is_ours() && line.arguments.iter().any(|argument| argument == "forward_pass");
    let lines = files.lines_of(service);
    let by_hand = lines.iter().any(splits) && !is_marked && lines.iter().any(is_of_a_split);
    let keys = |line: &StackLine| line.is_ours() && line.arguments.iter().any(|argument| argument == "after=publickey");
    if by_hand || (lines.iter().any(keys) && !is_marked) {
        return Err(NotChanged::ByHand(clean(service)));
    }
    let mut plan = StackPlan::default();
    if let Some(after) = without_ours(&path, text) {
        plan.changes.push(as_it_was(&path, text, after, &mut plan.notes, &text_of));
    }
    // A shared file has its account lines beside it.
    let beside = format!("{STACKS}/{}", service.replace("-auth", "-account"));
    if beside != path {
        if let Some((text, after)) = files.text_at(&beside).and_then(|text| Some((text, without_ours(&beside, text)?)))
        {
            plan.changes.push(as_it_was(&beside, text, after, &mut plan.notes, &text_of));
        }
    }
    plan.notes.extend(plan.changes.iter().filter_map(falls_back));
    // What a command put there did no harm, and what it replaced comes back.
    match harm_of(files, &plan).filter(|_| !is_marked) {
        Some(what) => Err(NotChanged::Harm(what)),
        None => Ok(plan),
    }
}

/// A stack that asked for codes alone asks by another file's rules then.
fn falls_back(change: &FileChange) -> Option<String> {
    let is_auth = |line: &StackLine| line.is_auth() || line.kind_word == "@include";
    let asks = |text: &String| parse(&change.path, text).iter().any(is_auth);
    let (before, after) = (change.before.as_ref()?, change.after.as_ref()?);
    let note = || format!("{} has no auth line any more: libpam uses those of {STACKS}/other instead", change.path);
    (asks(before) && !asks(after)).then(note)
}

/// What would be wrong then, in one service or another.
fn harm_of(files: &StackFiles, plan: &StackPlan) -> Option<String> {
    let mut after = files.clone();
    for change in &plan.changes {
        let name = change.path.rsplit('/').next().unwrap_or_default();
        // Where a copy goes, that which it is a copy of is in force.
        let copied = || change.before.as_deref().and_then(|text| without_ours(&change.path, text));
        after.put(name, &change.path, &change.after.clone().or_else(copied).unwrap_or_default());
    }
    files.own().find_map(|service| harm::of_removal(files, &after, service))
}

/// `pam_unix.so use_first_pass`, which does not ask.
fn is_of_a_split(line: &StackLine) -> bool {
    line.module_name() == "pam_unix.so" && line.arguments.iter().any(|argument| argument == "use_first_pass")
}

/// A copy that is like what it was made of goes.
fn as_it_was(
    path: &str,
    before: &str,
    after: String,
    notes: &mut Vec<String>,
    text_of: &impl Fn(&str) -> Option<String>,
) -> FileChange {
    let mut change = FileChange { path: path.to_owned(), before: Some(before.to_owned()), after: Some(after.clone()) };
    let copy = after.strip_prefix(COPY).and_then(|rest| rest.split_once('\n'));
    let Some((from, rest)) = copy.map(|(from, rest)| (from.to_owned(), rest.to_owned())) else { return change };
    let made_of = text_of(&from).map(|text| without_ours(&from, &text).unwrap_or(text));
    if made_of.as_deref() == Some(rest.as_str()) {
        change.after = None;
    } else {
        notes.push(format!("{path} stays: {} has changed since it was copied", clean(&from)));
        change.after = Some(rest);
    }
    change
}
