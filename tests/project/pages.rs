//! The pages: one leads to the next, and what was ever written is still somewhere.

use crate::support::artifacts;
use crate::support::documents::{anchor, document, headings, links, manual, manuals, pages, prose, root, section};
use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};
use std::process::Command;

/// Everything that people read, the pages of docs/ among it.
fn documents() -> Vec<String> {
    let others =
        ["README.md", "SECURITY.md", "CHANGELOG.md", "CONTRIBUTING.md", "models/README.md", "benches/RESULTS.md"];
    others.map(String::from).into_iter().chain(pages()).collect()
}

/// Without `..`, as the repository names it.
fn tidy(path: &Path) -> PathBuf {
    path.components().fold(PathBuf::new(), |mut tidy, part| {
        if part == Component::ParentDir {
            assert!(tidy.pop(), "{} leads out of the repository", path.display());
        } else {
            tidy.push(part);
        }
        tidy
    })
}

/// The file that a link leads to, and the heading in it.
fn target<'a>(document: &str, link: &'a str) -> (PathBuf, &'a str) {
    let (file, place) = link.split_once('#').unwrap_or((link, ""));
    let target = if file.is_empty() { document.into() } else { Path::new(document).with_file_name(file) };
    (tidy(&target), place)
}

fn has_heading(text: &str, place: &str) -> bool {
    headings(text).iter().any(|heading| anchor(heading) == place)
}

#[test]
fn every_link_leads_somewhere() {
    let mut followed = 0;
    for name in documents() {
        for link in links(&document(&name)) {
            let (file, place) = target(&name, link);
            assert!(root().join(&file).exists(), "{name}: {link}");
            assert!(place.is_empty() || has_heading(&document(file.to_str().expect("UTF-8")), place), "{name}: {link}");
            followed += 1;
        }
    }
    assert!(followed > 100, "{followed}");
}

/// Two headings with one anchor: a link would lead to the first.
#[test]
fn every_heading_of_a_page_can_be_linked_to() {
    for name in documents().iter().filter(|name| *name != "CHANGELOG.md") {
        let text = document(name);
        let anchors: Vec<String> = headings(&text).iter().map(|heading| anchor(heading)).collect();
        let different: BTreeSet<&String> = anchors.iter().collect();
        assert_eq!(anchors.len(), different.len(), "{name}: {anchors:?}");
    }
}

#[test]
fn the_readme_is_short_and_its_table_has_each_page() {
    let readme = document("README.md");
    assert!(readme.lines().count() <= 200, "{} lines", readme.lines().count());
    let table = section("README.md", "## Pages");
    let rows = table.lines().filter(|line| line.starts_with("| [")).map(|row| links(row)[0].to_owned());
    let (named, there): (BTreeSet<String>, BTreeSet<String>) = (rows.collect(), pages().into_iter().collect());
    assert_eq!(named, there);
    for manual in manuals() {
        let name = manual.file_name().and_then(|name| name.to_str()).expect("UTF-8");
        let (title, number) = name.rsplit_once('.').expect("a section");
        assert!(readme.contains(&format!("{title}({number})")), "the README does not name {name}");
    }
}

/// Whoever looks for what the one long README had finds it.
#[test]
fn every_heading_of_the_old_readme_is_found_again() {
    let list = document("tests/data/readme-headings.txt");
    let rows: Vec<(&str, &str)> =
        list.lines().filter(|line| !line.starts_with('#')).map(|line| line.split_once(" -> ").expect("->")).collect();
    assert_eq!(rows.len(), 23);
    for (heading, places) in rows {
        for place in places.split(", ") {
            let (file, part) = place.split_once('#').expect("a part");
            let found = match file.strip_suffix(')').and_then(|title| title.split_once('(')) {
                Some((title, number)) => manual(&format!("{title}.{number}")).lines().any(|line| line == part),
                None => has_heading(&document(file), part),
            };
            assert!(found, "{heading}: nothing at {place}");
        }
    }
}

/// A command or an option that is gone, or that never was.
#[test]
fn no_page_shows_a_command_or_an_option_that_does_not_exist() {
    let help = |command: &[&str]| {
        let output = Command::new(artifacts::program()).args(command).arg("--help").output().expect("it starts");
        assert!(output.status.success(), "{command:?}");
        String::from_utf8(output.stdout).expect("help is text")
    };
    let listed = |help: &str| -> Vec<String> {
        let part = help.split("Commands:\n").nth(1).and_then(|rest| rest.split("\n\n").next()).unwrap_or_default();
        let names = part.lines().filter(|line| line.starts_with("  ") && !line.starts_with("   "));
        names.filter_map(|line| line.split_whitespace().next()).map(String::from).collect()
    };
    let commands = listed(&help(&[]));
    assert!(commands.contains(&"enroll".to_owned()), "{commands:?}");
    let mut shown = 0;
    for name in documents().iter().filter(|name| *name != "CONTRIBUTING.md") {
        let text = document(name);
        for rest in text.split("pam-totp ").skip(1) {
            let line = rest.split(['\n', '`', '|', ')', '&', ';']).next().unwrap_or_default();
            let words: Vec<&str> = line.split_whitespace().collect();
            // --root and --config stand in front of the command.
            let words = if words.first() == Some(&"--root") { &words[2..] } else { &words[..] };
            let [first, others @ ..] = words else { continue };
            if *first == "disable" || !commands.iter().any(|command| command == first) {
                continue;
            }
            let inner = listed(&help(&[first]));
            let second = others.first().filter(|second| inner.iter().any(|command| command == *second));
            assert!(inner.is_empty() || second.is_some(), "{name}: pam-totp {line}");
            let known = help(&std::iter::once(*first).chain(second.copied()).collect::<Vec<_>>());
            for option in others.iter().filter(|word| word.starts_with("--") && word.len() > 2) {
                let option = option.trim_end_matches([',', '.', ':']);
                assert!(
                    known.contains(&format!("{option} ")) || known.contains(&format!("{option}\n")),
                    "{name}: {line}"
                );
                shown += 1;
            }
        }
    }
    assert!(shown > 40, "{shown}");
}

/// What contributors are told to open is there.
#[test]
fn every_path_that_contributors_read_of_exists() {
    let mut named = BTreeSet::new();
    for name in ["CONTRIBUTING.md", "docs/architecture.md"] {
        let text = document(name);
        let spans: Vec<String> = prose(&text)
            .flat_map(|line| line.split('`').skip(1).step_by(2).map(String::from).collect::<Vec<_>>())
            .collect();
        let is_path =
            |span: &&String| ["src/", "tests/", "packaging/", "docs/"].iter().any(|part| span.starts_with(part));
        named.extend(spans.iter().filter(is_path).cloned());
    }
    assert!(named.len() > 25, "{named:?}");
    for path in named.iter().filter(|path| !path.contains("your_command")) {
        assert!(root().join(path).exists(), "{path}");
    }
}
