//! What `policy explain` and `policy disable` say of a stack, held against what libpam did.

use super::code::{AUTH_ERR, IGNORE, SUCCESS};
use super::places::Stack;
use super::truths::Seen;
use super::verdict;
use super::ways::Way;
use pam_totp::doctor::verdict::{Decision, Due, Person, verdict};

/// The directories of the accounts in this host's own files.
const LOCAL: [&str; 3] = ["pam_unix.so", "pam_tcb.so", "pam_extrausers.so"];
/// What the policy may say, and what our line answers then.
const DUE: [(Due, i32); 3] = [(Due::Code, SUCCESS), (Due::Nothing, IGNORE), (Due::Refusal, AUTH_ERR)];

/// What is said and is not so.
pub fn compare(stack: &Stack, seen: &Seen) -> Vec<String> {
    let files = verdict::files(&stack.texts);
    if files.stack_of(&stack.service).is_none() || stack.is_for_keys() {
        return Vec::new();
    }
    let mut wrong = Vec::new();
    for is_local in [true, false] {
        let theirs = |name: &str| LOCAL.contains(&name) == is_local;
        let mut directories: Vec<&str> =
            seen.auth.0.iter().flat_map(Way::directories).filter(|name| theirs(name)).collect();
        directories.dedup();
        let may_be = |way: &&Way| {
            let is_open = directories.iter().any(|name| way.directories().all(|asked| asked != *name));
            way.is_known_by_none_but(theirs) && (way.has_proof() || is_open)
        };
        let ways: Vec<&Way> = seen.auth.0.iter().filter(may_be).collect();
        // Of whom no directory of theirs is asked, nothing can be held.
        for (due, code) in DUE.into_iter().filter(|_| !directories.is_empty()) {
            let said = verdict(&files, &stack.service, Person { is_local, has_key: false }, due);
            if !happens(said.decision, code, &ways) {
                wrong.push(format!("local: {is_local}, due: {due:?}: {:?}, {:?}", said.decision, said.why));
            }
        }
    }
    wrong
}

/// It is so, where conditions are as they may be.
fn happens(decision: Decision, code: i32, ways: &[&Way]) -> bool {
    let mut ways = ways.iter().filter(|way| way.code.is_none_or(|known| known == code));
    match decision {
        Decision::Pass => ways.any(|way| way.is_in() && (way.asked() == 0 || code != SUCCESS)),
        Decision::Ask | Decision::Enroll => ways.any(|way| way.is_in() && way.asked() > 0),
        Decision::Refuse => ways.any(|way| !way.is_in()),
    }
}
