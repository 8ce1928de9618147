//! `make demo`: the first thing that a newcomer sees.

use crate::support::artifacts::make;
use std::fs;

#[test]
fn every_step_happens_as_told_and_nothing_stays_behind() {
    let mounts = || fs::read_to_string("/proc/self/mountinfo").expect("the mounts");
    let users = || fs::read_to_string("/etc/passwd").expect("the users");
    let before = (mounts(), users());
    let demo = make("demo").output().expect("make starts");
    let said = String::from_utf8_lossy(&demo.stdout);
    assert!(demo.status.success(), "{said}{}", String::from_utf8_lossy(&demo.stderr));
    for step in ["I am alice, and I am in.", "This code was already used.", "Permission denied"] {
        assert!(said.contains(step), "{step} is missing:\n{said}");
    }
    assert_eq!((mounts(), users()), before);
}
