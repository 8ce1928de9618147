//! docs/json.md says of each field of `--json` what it is.

use crate::support::documents::{document, root};
use crate::support::reference;
use std::fs;

#[test]
fn the_reference_is_what_the_structs_say() {
    let (expected, page) = (reference::from_structs(), document("docs/json.md"));
    let there = page.find("## Reference").map(|at| &page[at..]);
    if there != Some(expected.as_str()) {
        let path = root().join("target/json-reference.md");
        fs::write(&path, &expected).expect("a file");
        panic!("the end of docs/json.md, from `## Reference`, is not {}", path.display());
    }
}
