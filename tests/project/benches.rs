//! `make bench`: what it computes from its samples, and the page that it wrote. Nothing is timed here.

use crate::support::documents::root;
use std::process::Command;

#[test]
fn the_figures_of_the_benchmark_are_computed_right_and_its_page_is_whole() {
    let mut python = Command::new("/usr/bin/python3");
    python.args(["-B", "-m", "unittest", "discover", "--verbose"]).current_dir(root().join("benches"));
    let output = python.output().expect("Python starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.matches("... ok").count() > 5, "{said}");
}
