//! Each type of the library and the programs has a name of its own.

use super::tokens::types;
use super::{CRATES, read};
use std::collections::BTreeMap;

/// Names that more than one type keeps: how many, and why.
const TWICE: [(&str, usize, &str); 2] = [
    ("Conversation", 2, "libpam's pam_conv, as a module calls it and as an application serves it"),
    ("Response", 2, "libpam's pam_response, as a module reads it and as an application gives it"),
];

/// Names that still stand for more than one thing.
const STILL_TWICE: [(&str, usize); 14] = [
    ("By", 2),
    ("Caller", 2),
    ("Codes", 2),
    ("Entry", 2),
    ("Failure", 2),
    ("File", 2),
    ("Form", 3),
    ("Found", 2),
    ("Level", 2),
    ("Line", 2),
    ("Message", 2),
    ("Options", 2),
    ("Quoted", 2),
    ("Refused", 2),
];

/// A report of `--json` is called after what it reports: `json::Device`. Those share no name among themselves.
const REPORTS: &str = "src/bin/pam-totp/json/";

/// Each type of the library and the programs by its name, with the files that define one; first those of the reports.
fn all() -> [BTreeMap<String, Vec<String>>; 2] {
    let (mut reports, mut others): (BTreeMap<String, Vec<String>>, _) = Default::default();
    for (folder, but) in CRATES.into_iter().filter(|(folder, _)| folder.starts_with("src")) {
        for (file, source) in read((folder, but)).files() {
            let file = format!("{folder}/{file}");
            let all: &mut BTreeMap<_, Vec<String>> = if file.starts_with(REPORTS) { &mut reports } else { &mut others };
            for name in types(&source.tokens) {
                all.entry(name).or_default().push(file.clone());
            }
        }
    }
    [reports, others]
}

#[test]
fn no_two_types_have_one_name() {
    let [reports, others] = all();
    assert!(reports.len() > 20 && others.len() > 200, "only {} and {} were found", reports.len(), others.len());
    let stay = TWICE.iter().map(|(name, count, _)| (*name, *count));
    let listed: BTreeMap<&str, usize> = stay.chain(STILL_TWICE).collect();
    let is_more = |(name, files): &(&String, &Vec<String>)| files.len() > *listed.get(name.as_str()).unwrap_or(&1);
    let twice = reports.iter().filter(|(_, files)| files.len() > 1);
    let more: Vec<_> = others.iter().filter(is_more).chain(twice).collect();
    assert!(more.is_empty(), "each of these names one thing more: {more:#?}");
    let count = |name: &str| others.get(name).map_or(0, Vec::len);
    let clearer: Vec<_> = listed.iter().filter(|(name, listed)| count(name) < **listed).collect();
    assert!(clearer.is_empty(), "fewer have these names than the list says: {clearer:?}");
}
