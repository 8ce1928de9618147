//! The administrator's file: what is read is within its bounds, what is not read says where and why in one line, and
//! the strictest policy stands in for it. Comments say nothing.

use std::path::Path;

use pam_totp::policy::rules::Unenrolled;
use pam_totp::policy::{Policy, SelfService};
use pam_totp::text::deceives;
use pam_totp::text::valid_label;

pub fn hold(bytes: &[u8]) {
    let strictest = Policy::strictest(bytes);
    let none = SelfService { enroll: false, replace: false, remove: false, backup_codes: false };
    let store = strictest.store.clone();
    let (unenrolled, self_service) = (Some(Unenrolled::Deny), Some(none));
    assert_eq!(strictest, Policy { store: store.clone(), unenrolled, self_service, ..Policy::default() });
    is_plain(&store);

    // Behind a comment with three quotes all is read as TOML; without one, comments are left out first.
    let marked = b"\xef\xbb\xbf";
    let whole = [b"# '''\n", bytes.strip_prefix(marked).unwrap_or(bytes)].concat();
    assert_eq!(Policy::parse(&whole).ok(), Policy::parse(bytes).ok());

    match Policy::parse(bytes) {
        Ok(policy) => {
            assert_eq!(policy.store, store, "the strictest one looks into the same store");
            within_bounds(&policy);
        }
        Err(fault) => {
            let told = fault.to_string();
            assert!(!fault.what.is_empty() && !told.chars().any(deceives), "{told:?}");
            let lines = String::from_utf8_lossy(bytes).matches('\n').count() + 1;
            assert!(fault.at.is_none_or(|(line, column)| (1..=lines).contains(&line) && column >= 1), "{told}");
        }
    }
}

fn within_bounds(policy: &Policy) {
    is_plain(&policy.store);
    assert!(policy.window <= 3);
    let limits = policy.throttle;
    assert!((1..=20).contains(&limits.free) && (600..=86_400).contains(&limits.every));
    assert!(policy.issuer.as_deref().is_none_or(valid_label));
    let line = |text: &str, most| (1..=most).contains(&text.len()) && !text.chars().any(char::is_control);
    assert!(line(policy.prompt(), 128) && policy.support.as_deref().is_none_or(|text| line(text, 256)));
    // A day lasts until its end.
    assert!(policy.enroll_by.is_none_or(|end| end % 86_400 == 86_399));
    if let Some(remember) = &policy.remember {
        assert!((1..=720).contains(&remember.hours) && !remember.services.is_empty());
    }
    for rule in policy.rules.require.iter().chain(&policy.rules.exempt) {
        let lists = [&rule.users, &rule.groups, &rule.services, &rule.ssh_auth];
        assert!(lists.iter().any(|list| list.is_some()) || rule.networks.is_some(), "holds for everybody");
        assert!(rule.networks.as_ref().is_none_or(|networks| !networks.is_empty()));
        for list in lists.into_iter().flatten() {
            assert!(!list.is_empty() && list.iter().all(|word| !word.is_empty()), "holds for nobody");
        }
    }
}

fn is_plain(store: &Path) {
    let up = store.components().any(|part| part == std::path::Component::ParentDir);
    assert!(store.is_absolute() && !up, "{}", store.display());
}
