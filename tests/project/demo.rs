//! `make demo`: the first thing that a newcomer sees.

use crate::support::artifacts::make;
use crate::support::documents::document;
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

    // The README's proof: the lines of the demo, in their order.
    let mut told = said.lines().map(without_numbers);
    let readme = document("README.md");
    let shown =
        readme.split("\n```text\n").nth(1).and_then(|rest| rest.split("\n```").next()).expect("lines of the demo");
    assert_eq!(shown.lines().count(), 12);
    for line in shown.lines() {
        let wanted = without_numbers(line);
        assert!(told.any(|line| line == wanted), "the demo does not say, or not in this place: {line}");
    }
}

/// Each number as 0, and without the time of a log line: what is another one each time.
fn without_numbers(line: &str) -> String {
    // OpenSSH from 9.8 on has a program of its own for each session.
    let programs = [" sshd[", " sshd-session["];
    let line = programs
        .iter()
        .find_map(|program| line.split_once(program))
        .map_or(line, |(_, rest)| rest)
        .trim_start_matches('\r');
    let mut out = String::new();
    for letter in line.chars().map(|letter| if letter.is_ascii_digit() { '0' } else { letter }) {
        if letter != '0' || !out.ends_with('0') {
            out.push(letter);
        }
    }
    out
}
