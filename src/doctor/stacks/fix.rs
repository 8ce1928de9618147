//! How to fix a stack: changes are tried in thought, and the first that fixes it and harms no other stack is shown. Pure.

use std::collections::{BTreeMap, BTreeSet};

use super::candidates::Candidates;
use super::diagnose::problems;
use super::edits::{Edit, applied, shell};
use super::files::{StackFiles, lines};
use super::harm;
use super::line::Facility;
use super::problem::Circumstances;

/// The commands that fix this of a service.
pub fn fix(files: &StackFiles, service: &str, code: &str, circumstances: &Circumstances) -> Vec<String> {
    Fixer::new(files, circumstances).fix(service, code)
}

/// Who fixes the stacks of a host, one after the other.
pub struct Fixer<'a> {
    files: &'a StackFiles,
    circumstances: &'a Circumstances,
    /// The files that each service reads: a change of others is none of it.
    paths: BTreeMap<&'a str, BTreeSet<String>>,
}

impl<'a> Fixer<'a> {
    /// Looks once which service reads which file.
    pub fn new(files: &'a StackFiles, circumstances: &'a Circumstances) -> Self {
        let paths_of = |service| {
            let steps = [Facility::Auth, Facility::Account].map(|kind| files.chain(service, kind)).concat();
            let own = files.path(service);
            lines(&steps).map(|line| line.path.clone()).chain(own).collect()
        };
        Self { files, circumstances, paths: files.own().map(|service| (service, paths_of(service))).collect() }
    }

    /// The commands that fix this of a service.
    pub fn fix(&self, service: &str, code: &str) -> Vec<String> {
        let Self { files, circumstances, .. } = self;
        let steps = files.chain(service, Facility::Auth);
        let stack = Candidates { files, service, steps: &steps };
        let before = allowed(files, service, circumstances);
        let left = |edits: &Vec<Edit>| {
            let fixed = applied(files, edits).filter(|_| !edits.is_empty())?;
            let after = problems(&fixed, service, circumstances);
            let is_better = after.iter().all(|problem| problem.code != code && before.contains(&problem.code));
            let helps = is_better && self.read_by(edits).all(|other| harmless(files, &fixed, other, circumstances));
            helps.then_some(after.len())
        };
        let candidates = stack.candidates(code);
        // Of those that leave as little to fix, the first.
        let best = candidates.iter().filter_map(|edits| Some((left(edits)?, edits))).min_by_key(|(left, _)| *left);
        best.map_or_else(by_hand, |(_, edits)| shell(edits))
    }

    /// The services that such changes reach.
    fn read_by<'b>(&'b self, edits: &'b [Edit]) -> impl Iterator<Item = &'a str> + 'b {
        let reads = |paths: &BTreeSet<String>| edits.iter().any(|edit| paths.contains(&edit.path));
        self.paths.iter().filter(move |(_, paths)| reads(paths)).map(|(service, _)| *service)
    }
}

/// Where none is known: an example in place of the file would take what else its writer wanted with it.
pub(super) fn by_hand() -> Vec<String> {
    vec![format!("# no change is known that fixes this without harm: compare it with {}", crate::paths::examples())]
}

/// Nobody is worse off there, and there is no problem that was not there before.
fn harmless(before: &StackFiles, after: &StackFiles, service: &str, circumstances: &Circumstances) -> bool {
    let asks = before.stack_of(service).is_none() || after.stack_of(service).is_some();
    let allowed = allowed(before, service, circumstances);
    let no_worse = || problems(after, service, circumstances).iter().all(|problem| allowed.contains(&problem.code));
    asks && harm::of_service(before, after, service).is_none() && (after.stack_of(service).is_none() || no_worse())
}

/// The problems of a service, and those that are better than one of them: strangers without `explain` hear less.
fn allowed(files: &StackFiles, service: &str, circumstances: &Circumstances) -> Vec<&'static str> {
    let codes: Vec<&str> = problems(files, service, circumstances).iter().map(|problem| problem.code).collect();
    let lesser = codes.contains(&"explain").then_some("strangers");
    codes.into_iter().chain(lesser).collect()
}
