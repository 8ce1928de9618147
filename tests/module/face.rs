//! What a host sees of the module before it runs a line of it.

use crate::support::artifacts;
use std::collections::BTreeSet;
use std::process::Command;

#[test]
fn exports_the_six_entry_points_and_nothing_else() {
    let symbols = of_the_module("nm", &["-D", "--defined-only", "--format=just-symbols"]);
    let expected = ["acct_mgmt", "authenticate", "chauthtok", "close_session", "open_session", "setcred"];
    assert_eq!(symbols.lines().collect::<Vec<_>>(), expected.map(|hook| format!("pam_sm_{hook}")));
}

#[test]
fn needs_libpam_and_libc_alone() {
    let dynamic = of_the_module("readelf", &["-dW"]);
    let mut needed: BTreeSet<&str> = tagged(&dynamic, "(NEEDED)").collect();
    assert!(needed.remove("libpam.so.0"), "{dynamic}");
    assert!(needed.remove("libc.so.6"), "{dynamic}");
    // What loads them all is there in any case.
    needed.retain(|library| !library.starts_with("ld-linux"));
    assert!(needed.is_empty(), "{needed:?}");
}

#[test]
fn is_hardened_and_never_unloaded() {
    let dynamic = of_the_module("readelf", &["-dW"]);
    let flags = dynamic.lines().filter(|line| line.contains("FLAGS")).collect::<String>();
    for flag in ["BIND_NOW", "NODELETE"] {
        assert!(flags.contains(flag), "{flag} is missing: {dynamic}");
    }
    let segments = of_the_module("readelf", &["-lW"]);
    assert!(segments.contains("GNU_RELRO"), "{segments}");
    let stack = segments.lines().find(|line| line.contains("GNU_STACK")).expect("the linker says what the stack is");
    assert!(!stack.contains("RWE"), "the stack is executable: {stack}");
}

#[test]
fn is_made_of_the_listed_crates() {
    let tree = Command::new(env!("CARGO"))
        .args(["tree", "--locked", "--no-default-features", "--features", "module"])
        .args(["--edges", "normal,no-proc-macro", "--prefix", "none", "--format", "{p}"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo starts");
    assert!(tree.status.success(), "{}", String::from_utf8_lossy(&tree.stderr));
    let tree = String::from_utf8(tree.stdout).expect("crates have names in ASCII");
    let mut inside = first_words(&tree);
    inside.remove(env!("CARGO_PKG_NAME"));

    let list = include_str!("../data/module-crates.txt");
    let entries: String = list.lines().filter(|line| !line.starts_with('#')).map(|line| format!("{line}\n")).collect();
    assert_eq!(inside, first_words(&entries), "the module's crates are not those of tests/data/module-crates.txt");
    for entry in entries.lines().filter(|line| !line.is_empty()) {
        assert!(entry.split_whitespace().count() > 2, "no reason is given for {entry}");
    }
}

fn first_words(text: &str) -> BTreeSet<&str> {
    text.lines().filter_map(|line| line.split_whitespace().next()).collect()
}

fn tagged<'a>(dynamic: &'a str, tag: &'static str) -> impl Iterator<Item = &'a str> {
    let named = dynamic.lines().filter(move |line| line.contains(tag));
    named.map(|line| line.split(['[', ']']).nth(1).expect("readelf puts the name in brackets"))
}

fn of_the_module(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).arg(artifacts::module()).env("LC_ALL", "C").output();
    let output = output.unwrap_or_else(|error| panic!("{program}: {error}"));
    assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("these programs print ASCII")
}
