//! Each sentence of the library and the programs stands once.

use super::words::{readable, sources};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// So many words are a sentence, which somebody would have to change in two places.
const SENTENCE: usize = 5;

/// A literal as it is read: what a backslash breaks is one line.
fn whole(literal: &str) -> String {
    let mut parts = literal.split("\\\n");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| text + part.trim_start())
}

fn is_sentence(text: &str) -> bool {
    text.split_whitespace().filter(|word| word.chars().any(char::is_alphabetic)).count() >= SENTENCE
}

/// Behind `reason =` a lint is told why it is wrong here, which nobody reads who runs the program.
fn is_for_a_lint(source: &str, line: usize) -> bool {
    source.lines().nth(line - 1).is_some_and(|line| line.contains("reason = \""))
}

/// The sentences of all files, each with the places where it stands.
fn sentences<'a>(files: impl Iterator<Item = (String, &'a str)>) -> BTreeMap<String, Vec<String>> {
    let mut all: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, source) in files {
        for (line, text) in readable(source, false) {
            let text = whole(&text);
            if is_sentence(&text) && !is_for_a_lint(source, line) {
                all.entry(text).or_default().push(format!("{name}:{line}"));
            }
        }
    }
    all
}

#[test]
fn each_sentence_stands_once() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |path: &Path| fs::read_to_string(path).expect("a source is text");
    let files: Vec<(String, String)> =
        sources(&root.join("src")).iter().map(|path| (path.display().to_string(), read(path))).collect();
    let all = sentences(files.iter().map(|(name, source)| (name.clone(), source.as_str())));
    assert!(all.len() > 300, "only {} were found", all.len());
    let twice: Vec<_> = all.iter().filter(|(_, places)| places.len() > 1).collect();
    assert!(twice.is_empty(), "make a constant or a function of each of these: {twice:#?}");
}

#[test]
fn a_sentence_is_found_however_it_is_broken() {
    let one = "fn f() { say(\"one two three four five\"); }\n#[expect(x, reason = \"a b c d e f\")]";
    let two = "\nconst A: &str = \"one two three \\\n    four five\"; // \"one two three four five\"\nconst B: &str = \"one {} -\";";
    let all = sentences([("a".to_owned(), one), ("b".to_owned(), two)].into_iter());
    let places = BTreeMap::from([("one two three four five".to_owned(), vec!["a:1".to_owned(), "b:2".to_owned()])]);
    assert_eq!(all, places);
}
