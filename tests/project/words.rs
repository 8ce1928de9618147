//! The words that people read: each thing has one, and they are everybody's.

use crate::support::artifacts;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Words that nobody needs to read twice, or that leave somebody out, and what is said instead.
const INSTEAD: [(&str, &str); 12] = [
    ("he", "they"),
    ("his", "their"),
    ("him", "them"),
    ("himself", "themselves"),
    ("whoever", "users who"),
    ("anew", "again"),
    ("mend", "fix"),
    ("mends", "fixes"),
    ("mended", "fixed"),
    ("factor", "device, enrollment, two-factor authentication"),
    ("factors", "devices, enrollments"),
    ("oneself", "you"),
];

pub fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    let (folders, files): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
    let files = files.into_iter().filter(|path| path.extension().is_some_and(|ending| ending == "rs"));
    files.chain(folders.iter().flat_map(|folder| sources(folder))).collect()
}

/// What somebody may read of a source: its string literals, each with its line, and in the program what --help is made of.
pub fn readable(source: &str, help: bool) -> Vec<(usize, String)> {
    let code = source.split("\n#[cfg(test)]\nmod tests").next().expect("a first part");
    let mut read = Vec::new();
    let mut letters = code.char_indices().peekable();
    let line = |at: usize| code[..at].matches('\n').count() + 1;
    while let Some((at, letter)) = letters.next() {
        let rest = &code[at..];
        if rest.starts_with("//") {
            let comment = rest.split('\n').next().expect("a first line");
            if help && comment.starts_with("///") {
                read.push((line(at), comment.to_owned()));
            }
            while letters.peek().is_some_and(|(_, letter)| *letter != '\n') {
                letters.next();
            }
        } else if letter == '\'' && (rest.starts_with("'\"'") || rest.starts_with("'\\''")) {
            letters.nth(1);
        } else if letter == '"' {
            let mut text = String::new();
            while let Some((_, letter)) = letters.next().filter(|(_, letter)| *letter != '"') {
                text.push(letter);
                if letter == '\\' {
                    text.extend(letters.next().map(|(_, letter)| letter));
                }
            }
            read.push((line(at), text));
        }
    }
    read
}

#[test]
fn what_people_read_says_they_and_each_thing_by_its_one_word() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    let mut texts = 0;
    for path in sources(&root) {
        let source = fs::read_to_string(&path).expect("a source is text");
        for (line, text) in readable(&source, path.starts_with(root.join("bin/pam-totp"))) {
            texts += 1;
            // "Two-factor" is one word.
            let words = text.split(|letter: char| !letter.is_alphanumeric() && letter != '-' && letter != '_');
            for (_, instead) in words.filter_map(|word| INSTEAD.iter().find(|(no, _)| word.eq_ignore_ascii_case(no))) {
                found.push(format!("{}:{line}: say {instead}: {text}", path.display()));
            }
        }
    }
    assert!(texts > 1_000, "only {texts} texts were found");
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// What comments do not say either: "factor" alone is the folder's name.
const NOT_IN_COMMENTS: [&str; 9] = ["he", "his", "him", "himself", "mend", "mends", "mended", "factor", "factors"];

/// The words of a source's comments, each with its line: without code, and without what stands before them.
fn comments(source: &str) -> impl Iterator<Item = (usize, String)> {
    let texts = source.lines().zip(1..).filter_map(|(line, number)| {
        let text = line.trim_start().strip_prefix("//").or_else(|| line.split_once(" // ").map(|parts| parts.1))?;
        // The room of that name, in the list of rooms.
        (!text.starts_with("! factor  ")).then_some((number, text))
    });
    texts.flat_map(|(number, text)| {
        let read: String = text.split('`').step_by(2).collect::<Vec<_>>().join(" ");
        let words = read.replace("second factor", "").to_lowercase();
        let words = words.split(|letter: char| !letter.is_alphanumeric() && letter != '-' && letter != '_');
        words.map(|word| (number, word.to_owned())).collect::<Vec<_>>()
    })
}

#[test]
fn comments_say_they_and_enrolled() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (mut found, mut count) = (Vec::new(), 0);
    for path in ["src", "models/src", "tests"].iter().flat_map(|folder| sources(&root.join(folder))) {
        let source = fs::read_to_string(&path).expect("a source is text");
        for (line, word) in comments(&source).filter(|_| !path.ends_with("project/words.rs")) {
            count += 1;
            if NOT_IN_COMMENTS.contains(&word.as_str()) {
                found.push(format!("{}:{line}: {word}", path.display()));
            }
        }
    }
    assert!(count > 20_000, "only {count} words were found");
    assert!(found.is_empty(), "{}", found.join("\n"));
    let words = comments("/// A `factor` of His.\nlet he = 1; // mends\n//! factor   a room")
        .map(|(line, word)| format!("{line}{word}"));
    let words: Vec<String> = words.filter(|word| word.len() > 1).collect();
    assert_eq!(words, ["1a", "1of", "1his", "2mends"]);
}

#[test]
fn strings_and_help_are_found_and_nothing_else() {
    let source = "/// Help.\n// his\nlet quote = '\"'; let text = \"one \\\"two\\\" \\\n  he\"; // \"him\"\n\
                  \n#[cfg(test)]\nmod tests { \"his\" }\n";
    let texts =
        |help| readable(source, help).into_iter().map(|(line, text)| format!("{line} {text}")).collect::<Vec<_>>();
    assert_eq!(texts(false), ["3 one \\\"two\\\" \\\n  he"]);
    assert_eq!(texts(true), ["1 /// Help.", "3 one \\\"two\\\" \\\n  he"]);
}

/// A terminal of 80 columns breaks none of its lines.
#[test]
fn no_page_of_help_offers_what_its_command_refuses() {
    let said = |arguments: &[&str]| {
        let output =
            Command::new(artifacts::program()).args(arguments).stdin(Stdio::null()).output().expect("it starts");
        [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).expect("text")).concat()
    };
    let refused: [(&[&str], &str, &str); 6] = [
        (&["try", "sshd"], "--config", "/etc/security/pam_totp.toml"),
        (&["try", "sshd"], "--root", "/mnt"),
        (&["import", "cpanel", "/etc/hosts"], "--root", "/mnt"),
        (&["notify"], "--root", "/mnt"),
        (&["enroll"], "--json", ""),
        (&["reconfigure"], "--json", ""),
    ];
    for (command, option, value) in refused {
        let help = said(&[command, &["--help"]].concat());
        assert!(help.contains("Usage: ") && !help.contains(option), "{command:?}: {help}");
        let words: Vec<&str> = [option, value].into_iter().filter(|word| !word.is_empty()).collect();
        let told = said(&[command, words.as_slice()].concat());
        assert!(told.contains(&format!("`{}`", command[0])) || told.contains("`enroll`"), "says no why: {told}");
    }
    assert!(!said(&["reconfigure", "--help"]).contains("\n      --replace"), "it always does");
}

#[test]
fn no_page_of_help_is_wider_than_a_terminal() {
    let help = |command: &[&str]| {
        let output = Command::new(artifacts::program()).arg("help").args(command).output().expect("it starts");
        String::from_utf8(output.stdout).expect("help is text")
    };
    let top = help(&[]);
    let commands = top.split("Commands:\n").nth(1).and_then(|rest| rest.split("\n\n").next()).expect("commands");
    let names = commands.lines().filter(|line| !line.starts_with("   ")).filter_map(|l| l.split_whitespace().next());
    let pages: Vec<String> = names.map(|name| help(&[name])).chain([top.clone()]).collect();
    assert!(pages.len() > 15, "{}", pages.len());
    for line in pages.iter().flat_map(|page| page.lines()) {
        assert!(line.chars().count() <= 78, "{line}");
    }
}
