//! What `policy explain` and `policy disable` say of a stack, held against the real libpam: users of /etc/passwd, and of
//! a directory service, with a right password and nothing unusual in their way.

use super::code::{AUTH_ERR, IGNORE, SUCCESS, USER_UNKNOWN};
use super::explorer::{self, Explorer};
use super::modules::{OURS, Role};
use super::places::Stack;
use super::truths::Seen;
use super::ways::{Step, Way};
use super::{sample, seen, shapes, verdict as told};
use crate::support::effort::effort;
use crate::support::system::throw_away;
use pam_totp::doctor::stacks::files::StackFiles;
use pam_totp::doctor::stacks::predict::{Demand, LoginUser, StackDecision, WithoutCodes, predict, without_codes};
use std::collections::BTreeSet;

/// A user, and the directory that alone knows them.
struct User {
    directory: String,
    person: LoginUser,
}

impl User {
    /// One of /etc/passwd, and one of the directory service, if this stack asks one.
    fn all(seen: &Seen) -> Vec<Self> {
        let person = |is_local| LoginUser { is_local, has_key: false };
        let steps = seen.auth.0.iter().flat_map(|way| &way.steps).map(|step| &step.question.part);
        let is_other = |name: &str| !["pam_unix.so", "pam_extrausers.so", "pam_tcb.so"].contains(&name);
        let names = steps.filter(|part| part.role == Role::Directory && is_other(&part.name)).map(|part| &part.name);
        let names: BTreeSet<&String> = names.collect();
        // Of several it is not known which one is theirs.
        let other = names.first().filter(|_| names.len() == 1);
        let other = other.map(|name| Self { directory: (*name).clone(), person: person(false) });
        [Self { directory: "pam_unix.so".into(), person: person(true) }].into_iter().chain(other).collect()
    }

    /// What libpam makes of them, with a right password and all else as usual, where our line says so if it is asked.
    fn way<'a>(&self, seen: &'a Seen, code: i32) -> Option<&'a Way> {
        let fits = |step: &Step| match step.question.part.role {
            Role::Directory if step.question.part.name == self.directory => step.answer == SUCCESS,
            Role::Directory => [USER_UNKNOWN, IGNORE].contains(&step.answer),
            Role::Factor => step.answer != SUCCESS,
            Role::Condition if step.question.line.starts_with("pam_localuser.so") => self.person.is_local,
            Role::Code | Role::Condition => true,
        };
        let is_theirs = |way: &&Way| way.is_usual() && way.steps.iter().all(fits);
        seen.auth.0.iter().filter(is_theirs).find(|way| way.code.is_none_or(|said| said == code))
    }
}

/// What is said of a stack that is not so.
fn wrong(stack: &Stack, seen: &Seen) -> Vec<String> {
    let files = told::files(&stack.texts);
    if files.stack_of(&stack.service).is_none() || stack.is_for_keys() {
        return Vec::new();
    }
    let said = User::all(seen).into_iter().filter_map(|user| wrong_of(stack, seen, &files, &user));
    said.map(|said| format!("{}{said}", stack.print())).collect()
}

fn wrong_of(stack: &Stack, seen: &Seen, files: &StackFiles, user: &User) -> Option<String> {
    let right = user.way(seen, SUCCESS)?;
    let is_known = right.steps.iter().any(|step| step.question.part.name == user.directory);
    // Whom nothing lets in as usual is the doctor's to name.
    if !is_known || !right.is_in() {
        return None;
    }
    let [none_due, wrong_code] = [user.way(seen, IGNORE)?.is_in(), user.way(seen, AUTH_ERR)?.is_in()];
    let decided = |gets_in: bool, asked: StackDecision| match (gets_in, right.asked() > 0) {
        (false, _) => StackDecision::Refuse,
        (true, false) => StackDecision::Pass,
        (true, true) => asked,
    };
    let expected = [
        (Demand::Code, decided(true, StackDecision::Ask)),
        (Demand::Nothing, decided(none_due, StackDecision::Pass)),
        (Demand::Refusal, decided(wrong_code, StackDecision::Pass)),
    ];
    let mut depends = false;
    for (due, decision) in expected {
        let said = predict(files, &stack.service, user.person, due);
        depends |= !said.notes.is_empty();
        // On a condition it may depend, if it says so.
        if said.decision != decision && said.notes.is_empty() {
            return Some(format!("{} {due:?}: {decision:?} by libpam, and {said:?}", user.directory));
        }
    }
    let said = without_codes(files, &stack.service);
    let opens = seen.auth.0.iter().any(|way| way.is_usual() && !way.has_proof() && way.is_in() && way.code_is(IGNORE));
    let is_so = match &said {
        Some(WithoutCodes::Opens) => opens,
        Some(WithoutCodes::Closes) => !none_due,
        Some(WithoutCodes::Refuses(names)) => (names.is_empty() || names.contains(&user.directory)) != none_due,
        None => none_due,
    };
    (!is_so && !depends).then(|| format!("{} without codes: {said:?}", user.directory))
}

#[test]
fn what_is_explained_is_what_libpam_does() {
    throw_away(|system| {
        let mut modules = shapes::modules();
        modules.insert(OURS.to_owned());
        explorer::build(system, modules.iter().map(String::as_str));
        let mut explorer = Explorer::start(9);
        let wrong: Vec<String> =
            sample(effort(2_000, 20_000)).iter().flat_map(|stack| wrong(stack, &seen(&mut explorer, stack))).collect();
        assert!(wrong.is_empty(), "{} stacks: {}", wrong.len(), wrong[..wrong.len().min(8)].join("\n"));
    });
}
