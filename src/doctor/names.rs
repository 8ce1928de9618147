//! Names in the policy that no account, group or stack has: a rule by such a name says nothing, or too much. Pure.

use std::path::Path;

use crate::doctor::finding::Finding;
use crate::doctor::shell::quoted;
use crate::policy::Policy;
use crate::policy::rules::Rule;
use crate::text::clean;

const ABOUT: &str = "policy";

/// What the look-up of a name came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Looked {
    /// There is one of this very name.
    There,
    /// There is one, and this is its name.
    Called(String),
    /// There is none.
    Nowhere,
    /// There is none, but one of this name.
    Near(String),
    /// Nobody knows: the look-up failed.
    Failed,
}

/// How names are looked up.
pub struct Lookups<'a> {
    /// An account.
    pub user: &'a dyn Fn(&str) -> Looked,
    /// A group.
    pub group: &'a dyn Fn(&str) -> Looked,
    /// Has a service a stack of its own?
    pub has_stack: &'a dyn Fn(&str) -> bool,
}

/// Each name of the policy at `path`.
pub fn check(path: &Path, policy: &Policy, lookups: &Lookups<'_>) -> Vec<Finding> {
    let numbered = |word: &'static str, rules: &[Rule]| {
        let place = |number: usize| format!("[[{word}]] number {number}");
        (1..).zip(rules.to_vec()).map(|(number, rule)| (place(number), rule)).collect::<Vec<_>>()
    };
    let rules = [numbered("require", &policy.rules.require), numbered("exempt", &policy.rules.exempt)].concat();
    let mut findings = Vec::new();
    for (place, rule) in &rules {
        let users = rule.users.iter().flatten().filter_map(|name| user(name, (lookups.user)(name)));
        findings.extend(users.map(|what| warning(path, place, &what)));
        let groups = rule.groups.iter().flatten().filter_map(|name| group(name, &(lookups.group)(name)));
        findings.extend(groups.map(|what| warning(path, place, &what)));
        let services = rule.services.iter().flatten().filter(|name| !(lookups.has_stack)(name));
        findings.extend(services.map(|name| note(path, place, name)));
    }
    let judges = policy.judges.iter().filter_map(|name| user(name, (lookups.user)(name)));
    findings.extend(judges.map(|what| warning(path, "[door] judges", &what)));
    let remembered = policy.remember.iter().flat_map(|remember| &remember.services);
    let unknown = remembered.filter(|name| !(lookups.has_stack)(name));
    findings.extend(unknown.map(|name| note(path, "[remember]", name)));
    findings
}

/// What is wrong with a name that should be an account's.
pub(super) fn user(name: &str, looked: Looked) -> Option<String> {
    let name = clean(name);
    Some(match looked {
        Looked::There => return None,
        Looked::Called(right) => {
            let right = clean(&right);
            format!("the account {name} is called {right}: the name {name} never matches. Write {right}")
        }
        Looked::Near(right) => {
            format!("there is no account {name}, so that name never matches. Did you mean {}?", clean(&right))
        }
        Looked::Nowhere => format!("there is no account {name}, so that name never matches"),
        Looked::Failed => format!("whether there is an account {name} could not be looked up"),
    })
}

/// The C library does not tell a group that does not exist from one that could not be looked up.
fn group(name: &str, looked: &Looked) -> Option<String> {
    let name = clean(name);
    Some(match looked {
        Looked::There | Looked::Called(_) => return None,
        Looked::Failed => format!("whether there is a group {name} could not be looked up"),
        Looked::Near(_) | Looked::Nowhere => format!(
            "there is no group {name}, so nobody's groups are known: each [[require]] with groups counts for \
             everybody, and each [[exempt]] with groups for nobody"
        ),
    })
}

fn warning(path: &Path, place: &str, what: &str) -> Finding {
    let file = quoted(&path.display().to_string());
    let fix = [format!("\"${{EDITOR:-vi}}\" {file} && pam-totp policy check")];
    Finding::warning(ABOUT, "unknown_name", format!("{}, {place}: {what}", shown(path))).fixed_by(fix)
}

/// Panels ask by `verify` under names that no stack has.
fn note(path: &Path, place: &str, service: &str) -> Finding {
    let what = format!(
        "{}, {place}: no stack is called {}: this is right only if a program asks with `pam-totp verify --service`",
        shown(path),
        clean(service)
    );
    Finding::note(ABOUT, "unknown_service", what)
}

fn shown(path: &Path) -> String {
    clean(&path.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::finding::Severity;

    fn judged(text: &str) -> Vec<(Severity, String)> {
        let user = |name: &str| match name {
            "alice" => Looked::There,
            "CORP\\bob" | "bob@corp" => Looked::Called("bob".into()),
            "Carol" => Looked::Near("carol".into()),
            "dave" => Looked::Failed,
            _ => Looked::Nowhere,
        };
        let group = |name: &str| if name == "sudo" { Looked::There } else { Looked::Nowhere };
        let has_stack = |name: &str| name == "sshd";
        let lookups = Lookups { user: &user, group: &group, has_stack: &has_stack };
        let policy = Policy::parse(text.as_bytes()).unwrap();
        check(Path::new("/p"), &policy, &lookups).into_iter().map(|f| (f.level, f.message)).collect()
    }

    #[test]
    fn every_name_is_looked_up() {
        let good = "[[require]]\nusers = [\"alice\"]\ngroups = [\"sudo\"]\nservices = [\"sshd\"]\n";
        assert_eq!(judged(good), []);
        let cases = [
            ("[[require]]\nusers = ['alice', 'CORP\\bob']\n", "the account CORP\\bob is called bob"),
            ("[[exempt]]\nusers = [\"bob@corp\"]\nnetworks = [\"192.0.2.0/24\"]\n", "Write bob"),
            ("[[require]]\nusers = [\"Carol\"]\n", "Did you mean carol?"),
            ("[[require]]\nusers = [\"nobody-of-ours\"]\n", "there is no account nobody-of-ours"),
            ("[[require]]\nusers = [\"dave\"]\n", "dave could not be looked up"),
            ("[[exempt]]\ngroups = [\"wheel\"]\n", "there is no group wheel"),
        ];
        for (text, expected) in cases {
            let [(level, message)] = &judged(text)[..] else { panic!("{text}: {:?}", judged(text)) };
            assert!(*level == Severity::Warning && message.contains(expected), "{text}: {message}");
        }
        let two = format!("{good}[[require]]\nservices = [\"sshdd\"]\n[remember]\nhours = 1\nservices = [\"web\"]\n");
        let notes = judged(&two);
        assert!(notes.iter().all(|(level, _)| *level == Severity::Note) && notes.len() == 2, "{notes:?}");
        assert!(notes[0].1.contains("[[require]] number 2: no stack is called sshdd"), "{notes:?}");
    }
}
