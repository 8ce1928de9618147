//! Each type of the library and the programs has a name of its own.

use super::tokens::types;
use super::{CRATES, read};
use std::collections::BTreeMap;

/// Names that more than one type keeps: how many, and why.
const TWICE: [(&str, usize, &str); 2] = [
    ("Conversation", 2, "libpam's pam_conv, as a module calls it and as an application serves it"),
    ("Response", 2, "libpam's pam_response, as a module reads it and as an application gives it"),
];

/// Each type of the library and the programs by its name, with the files that define one.
fn all() -> BTreeMap<String, Vec<String>> {
    let mut all: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (folder, but) in CRATES.into_iter().filter(|(folder, _)| folder.starts_with("src")) {
        for (file, source) in read((folder, but)).files() {
            for name in types(&source.tokens) {
                all.entry(name).or_default().push(format!("{folder}/{file}"));
            }
        }
    }
    all
}

#[test]
fn no_two_types_have_one_name() {
    let all = all();
    assert!(all.len() > 300, "only {} were found", all.len());
    let listed: BTreeMap<&str, usize> = TWICE.iter().map(|(name, count, _)| (*name, *count)).collect();
    let is_more = |(name, files): &(&String, &Vec<String>)| files.len() > *listed.get(name.as_str()).unwrap_or(&1);
    let more: Vec<_> = all.iter().filter(is_more).collect();
    assert!(more.is_empty(), "each of these names one thing more: {more:#?}");
    let count = |name: &str| all.get(name).map_or(0, Vec::len);
    let fewer: Vec<_> = listed.iter().filter(|(name, listed)| count(name) < **listed).collect();
    assert!(fewer.is_empty(), "fewer have these names than the list says: {fewer:?}");
}
