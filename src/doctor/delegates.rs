//! Root's file of delegates: can it be read, does everybody in it exist, and can each delegate prove who they are? Pure.

use std::path::Path;

use crate::doctor::finding::Finding;
use crate::doctor::names::{Looked, Lookups, user};
use crate::doctor::shell::quoted;
use crate::policy::BadPolicy;
use crate::policy::delegates::{Delegate, Delegates};
use crate::store::StoreError;
use crate::text::clean;

const ABOUT: &str = "policy";

/// What came of reading it.
pub enum Read {
    /// Its text.
    Text(Result<Delegates, BadPolicy>),
    /// It cannot be used.
    Unusable(StoreError),
}

/// The file at `path`.
pub fn check(path: &Path, read: &Read, lookups: &Lookups<'_>, is_enrolled: &dyn Fn(&str) -> bool) -> Vec<Finding> {
    let file = quoted(&path.display().to_string());
    match read {
        Read::Text(Ok(delegates)) => names(path, delegates, lookups, is_enrolled),
        Read::Text(Err(bad)) => {
            let what = format!("{}: {bad}: until it is fixed nobody but root looks after others", path.display());
            let line = bad.at.map_or(1, |at| at.0);
            let fix = [format!("\"${{EDITOR:-vi}}\" +{line} {file} && pam-totp doctor")];
            vec![Finding::fault(ABOUT, "delegates_text", what).fixed_by(fix)]
        }
        // Who could write to it may have: it is read before it counts.
        Read::Unusable(error) => {
            let what = format!("{error}: nobody but root looks after others");
            let fix = [format!("\"${{EDITOR:-vi}}\" {file} && chown root:root {file} && chmod 600 {file}")];
            vec![Finding::fault(ABOUT, "delegates_file", what).fixed_by(fix)]
        }
    }
}

fn names(path: &Path, file: &Delegates, lookups: &Lookups<'_>, is_enrolled: &dyn Fn(&str) -> bool) -> Vec<Finding> {
    let said = |place: &str, what: &str| format!("{}, {place}: {what}", path.display());
    let mut findings = Vec::new();
    // Any user may be in a group that nobody knows.
    for name in file.administrators.iter().filter(|name| !is_there(&(lookups.group)(name))) {
        let what = format!("there is no group {}, so no delegate is let at anybody", clean(name));
        let fix = edited(path);
        findings.push(Finding::fault(ABOUT, "unknown_administrators", said("administrators", &what)).fixed_by([fix]));
    }
    for (number, delegate) in (1..).zip(&file.delegates) {
        let place = format!("[[delegate]] number {number}");
        let unknown = unknown(delegate, lookups);
        let warning =
            |what: &String| Finding::warning(ABOUT, "unknown_name", said(&place, what)).fixed_by([edited(path)]);
        findings.extend(unknown.iter().map(warning));
        if is_there(&(lookups.user)(&delegate.who)) && !is_enrolled(&delegate.who) {
            let who = clean(&delegate.who);
            let what = format!("{who} is not enrolled, and so refused: enroll them as root, or at a login of theirs");
            let fix = [format!("pam-totp enroll {}", quoted(&delegate.who))];
            findings.push(Finding::warning(ABOUT, "delegate_unenrolled", said(&place, &what)).fixed_by(fix));
        }
    }
    findings
}

fn unknown(delegate: &Delegate, lookups: &Lookups<'_>) -> Vec<String> {
    let users = std::iter::once(&delegate.who).chain(&delegate.users);
    let users = users.filter_map(|name| user(name, (lookups.user)(name)));
    let groups = delegate.groups.iter().filter(|name| !is_there(&(lookups.group)(name)));
    users.chain(groups.map(|name| format!("there is no group {}, so nobody is in it", clean(name)))).collect()
}

fn is_there(looked: &Looked) -> bool {
    *looked == Looked::There
}

fn edited(path: &Path) -> String {
    format!("\"${{EDITOR:-vi}}\" {} && pam-totp doctor", quoted(&path.display().to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> Vec<(&'static str, String)> {
        let user = |name: &str| if name == "ray" || name == "bob" { Looked::There } else { Looked::Nowhere };
        let group = |name: &str| if name == "sudo" { Looked::There } else { Looked::Nowhere };
        let lookups = Lookups { user: &user, group: &group, has_stack: &|_| true };
        let read = Read::Text(Delegates::parse(text.as_bytes()));
        let findings = check(Path::new("/d"), &read, &lookups, &|name| name == "ray");
        findings.into_iter().map(|finding| (finding.code, finding.message)).collect()
    }

    #[test]
    fn what_a_delegation_lacks_is_said() {
        let whole = "administrators = [\"sudo\"]\n[[delegate]]\nwho = \"ray\"\nusers = [\"bob\"]\nmay = [\"list\"]\n";
        assert_eq!(said(whole), []);
        let cases = [
            (whole.replace("sudo", "wheel"), "unknown_administrators", "no delegate is let at anybody"),
            (whole.replace("\"ray\"", "\"bob\""), "delegate_unenrolled", "[[delegate]] number 1: bob is not enrolled"),
            (whole.replace("\"ray\"", "\"eve\""), "unknown_name", "there is no account eve"),
            (whole.replace("[\"bob\"]", "[\"eve\"]"), "unknown_name", "there is no account eve"),
            (whole.replace("users = [\"bob\"]", "groups = [\"acme\"]"), "unknown_name", "there is no group acme"),
            (whole.replace("may", "can"), "delegates_text", "line 5, column 1: unknown field `can`"),
        ];
        for (text, code, part) in cases {
            let [(found, message)] = &said(&text)[..] else { panic!("{text}: {:?}", said(&text)) };
            assert!(*found == code && message.contains(part), "{text}: {found}: {message}");
        }
    }
}
