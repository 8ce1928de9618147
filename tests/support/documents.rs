//! The documents, as people read them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The checkout; inside a throw-away system, where it may lie in a folder that is empty there, by another name.
pub fn root() -> &'static Path {
    let inside = Path::new("/mnt/sources");
    if std::env::var_os("THROW_AWAY").is_some() && inside.exists() {
        inside
    } else {
        Path::new(env!("CARGO_MANIFEST_DIR"))
    }
}

/// A document, by its path in the repository.
pub fn document(name: &str) -> String {
    let path = root().join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The pages of docs/, as README.md and they name each other.
pub fn pages() -> Vec<String> {
    let folder = fs::read_dir(root().join("docs")).expect("docs/");
    let names = folder.map(|entry| entry.expect("a page").file_name().into_string().expect("UTF-8"));
    let mut pages: Vec<String> = names
        .filter(|name| Path::new(name).extension().is_some_and(|e| e == "md"))
        .map(|n| format!("docs/{n}"))
        .collect();
    pages.sort();
    pages
}

/// Its lines outside of blocks of commands, where a # begins no heading.
pub fn prose(text: &str) -> impl Iterator<Item = &str> {
    let mut in_block = false;
    text.lines().filter(move |line| {
        let fence = line.starts_with("```");
        in_block ^= fence;
        !in_block && !fence
    })
}

pub fn headings(text: &str) -> Vec<&str> {
    prose(text).filter(|line| line.starts_with('#') && line.trim_start_matches('#').starts_with(' ')).collect()
}

/// The anchor that a heading gets on a page of Markdown.
pub fn anchor(heading: &str) -> String {
    let letters = heading.trim_start_matches(['#', ' ']).to_lowercase();
    letters
        .chars()
        .filter_map(|c| if c == ' ' { Some('-') } else { (c.is_alphanumeric() || c == '-' || c == '_').then_some(c) })
        .collect()
}

/// What stands under a heading, to the next one of its level or above.
pub fn section(name: &str, heading: &str) -> String {
    let text = document(name);
    let level = |heading: &str| heading.chars().take_while(|c| *c == '#').count();
    let of_this_page = headings(&text);
    let at = of_this_page.iter().position(|other| *other == heading).unwrap_or_else(|| panic!("{name}: no {heading}"));
    let next = of_this_page[at + 1..].iter().find(|other| level(other) <= level(heading));
    let after = text.split_once(&format!("{heading}\n")).expect("the heading").1;
    next.and_then(|next| after.split_once(&format!("\n{next}\n"))).map_or(after, |(section, _)| section).to_owned()
}

/// The blocks of commands to paste.
pub fn commands(text: &str) -> Vec<&str> {
    text.split("\n```sh\n").skip(1).filter_map(|rest| rest.split("\n```").next()).collect()
}

/// Where its links lead: to files of the repository and their headings.
pub fn links(text: &str) -> Vec<&str> {
    let links = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    links.filter(|link| !link.starts_with("http")).collect()
}

/// The man pages.
pub fn manuals() -> Vec<PathBuf> {
    let folder = fs::read_dir(root().join("packaging/man")).expect("the man pages");
    folder.map(|entry| entry.expect("a page").path()).collect()
}

/// A man page as people read it, a line a paragraph. That it renders without a warning is part of it.
pub fn manual(name: &str) -> String {
    let rendered = Command::new("man")
        .args(["--warnings", "--encoding=UTF-8", "--troff-device=utf8", "--no-hyphenation", "--no-justification"])
        .arg("--local-file")
        .arg(root().join("packaging/man").join(name))
        // The width, which not every man hands on, and plain text, without the strokes that make letters bold.
        .env("MANROFFOPT", "-rLL=1000n -P-b -P-u -P-c")
        .env("LC_ALL", "C.UTF-8")
        .output()
        .expect("man starts");
    assert!(rendered.status.success(), "{name}: {rendered:?}");
    assert_eq!(String::from_utf8_lossy(&rendered.stderr), "", "{name} has warnings");
    let text = String::from_utf8(rendered.stdout).expect("the page is UTF-8");
    assert!(!text.contains('\u{8}'), "{name} is not plain text");
    text
}
