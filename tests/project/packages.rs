//! The packages, as far as their files tell: what is said of this version, and of the crates in it.

use std::collections::BTreeSet;

mod profile;
mod scripts;

const COPYRIGHT: &str = include_str!("../../packaging/debian/copyright");

#[test]
fn the_package_has_the_version_that_is_built() {
    let changelog = include_str!("../../packaging/debian/changelog");
    let newest = changelog.lines().next().expect("an entry");
    let version = newest.strip_prefix("pam-totp (").and_then(|rest| rest.split_once('-')).expect("a version").0;
    assert_eq!(version, env!("CARGO_PKG_VERSION"), "{newest}");
}

/// Who wrote what is in the source archive: `scripts/copyright` writes it again.
#[test]
fn every_crate_that_is_built_in_has_its_license_in_the_package() {
    let lock = include_str!("../../Cargo.lock");
    let names = lock.lines().filter_map(|line| line.strip_prefix("name = \"")?.strip_suffix('"'));
    let names: BTreeSet<&str> = names.filter(|name| *name != env!("CARGO_PKG_NAME")).collect();
    assert!(names.len() > 50, "{names:?}");
    let files = COPYRIGHT.lines().filter_map(|line| line.strip_prefix(" vendor/")?.strip_suffix("-*"));
    assert_eq!(files.collect::<BTreeSet<_>>(), names, "run scripts/copyright");

    let licenses: Vec<&str> = COPYRIGHT.lines().filter_map(|line| line.strip_prefix("License: ")).collect();
    let used = licenses.iter().flat_map(|license| license.split([' ', ','])).filter(|word| !word.is_empty());
    let texts: Vec<&str> = COPYRIGHT.split("\n\n").filter_map(|part| part.strip_prefix("License: ")).collect();
    for license in used.filter(|word| !["or", "and"].contains(word)) {
        assert!(texts.iter().any(|text| text.starts_with(&format!("{license}\n "))), "{license} has no text");
    }
}
