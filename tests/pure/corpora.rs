//! What the fuzzers have found worth keeping, and what lies near it, holds what they hold it to: the short form of
//! `make torture`'s long one.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::invariants::ALL;
use crate::support::effort::effort;

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz").join(name)
}

fn seeds(target: &str) -> Vec<Vec<u8>> {
    let entries = fs::read_dir(folder("seeds").join(target)).expect("seeds");
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    paths.into_iter().map(|path| fs::read(path).expect("a seed")).collect()
}

/// Cuts, flips and splices, the same at every run.
fn near(seeds: &[Vec<u8>], rounds: usize) -> impl Iterator<Item = Vec<u8>> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut chance = move |below: usize| {
        // xorshift64
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state >> 16).expect("64 bits") % below.max(1)
    };
    (0..rounds * seeds.len()).map(move |n| {
        let (mut bytes, other) = (seeds[n % seeds.len()].clone(), &seeds[chance(seeds.len())]);
        let at = chance(bytes.len() + 1);
        match chance(5) {
            0 => bytes.truncate(at),
            1 => drop(bytes.drain(at..bytes.len().min(at + chance(16)))),
            2 => drop(bytes.splice(at.., other[chance(other.len())..].iter().copied())),
            3 => bytes.insert(at, u8::try_from(chance(256)).expect("a byte")),
            _ => bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= 1 << chance(8)),
        }
        bytes
    })
}

#[test]
fn what_was_kept_and_what_lies_near_it_holds() {
    for (target, holds) in ALL {
        let seeds = seeds(target);
        assert!(!seeds.is_empty(), "{target}");
        for bytes in seeds.iter().cloned().chain(near(&seeds, effort(8, 100))) {
            let result = std::panic::catch_unwind(|| holds(&bytes));
            assert!(result.is_ok(), "{target}: {}", bytes.escape_ascii());
        }
    }
}

/// What is no target is not fuzzed, and what has no seeds here is not tried at each check.
#[test]
fn every_invariant_is_fuzzed_and_has_its_seeds() {
    let names = |folder: PathBuf| -> BTreeSet<String> {
        let entries = fs::read_dir(folder).expect("a folder");
        let stem = |path: PathBuf| path.file_stem().expect("a name").to_str().expect("UTF-8").to_owned();
        entries.map(|entry| stem(entry.expect("an entry").path())).collect()
    };
    let mut all: BTreeSet<String> = ALL.iter().map(|(name, _)| (*name).to_owned()).collect();
    if !cfg!(feature = "cli") {
        all.insert("import".into());
    }
    assert_eq!(names(folder("seeds")), all);
    assert_eq!(names(folder("fuzz_targets")), all);
    let manifest = fs::read_to_string(folder("Cargo.toml")).expect("a manifest");
    for name in all {
        let target = fs::read_to_string(folder(&format!("fuzz_targets/{name}.rs"))).expect("a target");
        assert!(target.contains(&format!("invariants::{name}::hold")), "{name}");
        assert!(manifest.contains(&format!("path = \"fuzz_targets/{name}.rs\"")), "{name}");
    }
}

/// What says of itself that it is pure is broken on purpose, by `make mutants`. But for the doctor: it lets nobody in, and
/// its tests need whole hosts.
#[test]
fn every_pure_file_is_mutated() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let configs = [".cargo/mutants.toml", ".cargo/mutants-import.toml"];
    let listed: BTreeSet<PathBuf> = configs.iter().flat_map(|config| examined(root, config)).collect();
    assert!(listed.len() > 15, "{listed:?}");
    let forgotten: Vec<PathBuf> = sources(&root.join("src"))
        .into_iter()
        .filter(|path| is_pure(path) && !path.starts_with(root.join("src/doctor")) && !listed.contains(path))
        .collect();
    assert_eq!(forgotten, Vec::<PathBuf>::new());
}

/// The files that a configuration of cargo-mutants names, or all of a folder.
fn examined(root: &Path, config: &str) -> Vec<PathBuf> {
    let text = fs::read_to_string(root.join(config)).expect("a configuration");
    let config: toml::Table = text.parse().expect("TOML");
    let globs = |key: &str| -> Vec<String> {
        let list = config.get(key).map(|list| list.as_array().expect("a list").clone()).unwrap_or_default();
        list.iter().map(|glob| glob.as_str().expect("a path").to_owned()).collect()
    };
    let files = |glob: &String| match glob.strip_suffix("/**") {
        Some(folder) => sources(&root.join(folder)),
        None => vec![root.join(glob)],
    };
    let left_out: Vec<PathBuf> = globs("exclude_globs").iter().flat_map(files).collect();
    let all: Vec<PathBuf> = globs("examine_globs").iter().flat_map(files).collect();
    assert!(all.iter().chain(&left_out).all(|file| file.is_file()), "{all:?} {left_out:?}");
    all.into_iter().filter(|file| !left_out.contains(file)).collect()
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let paths = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    paths.flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] }).collect()
}

fn is_pure(path: &Path) -> bool {
    let text = fs::read_to_string(path).expect("a source");
    text.lines().take_while(|line| line.starts_with("//!")).any(|line| line.contains("Pure."))
}
