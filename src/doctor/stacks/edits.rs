//! Changes of stacks, line by line: tried in thought, and as commands of sed. Pure.

use super::files::StackFiles;
use super::line::StackLine;
use crate::doctor::shell::quoted;

/// One change of one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Edit {
    pub(super) path: String,
    pub(super) at: (usize, usize),
    pub(super) put: Put,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Put {
    Instead(String),
    Before(String),
    Behind(String),
    Comment,
}

impl Edit {
    pub(super) fn new(line: &StackLine, put: Put) -> Self {
        Self { path: line.path.clone(), at: line.at, put }
    }

    pub(super) fn instead(old: &StackLine, new: &StackLine) -> Self {
        Self { path: old.path.clone(), at: old.at, put: Put::Instead(new.print()) }
    }

    pub(super) fn behind(line: &StackLine, text: &str) -> Self {
        Self { path: line.path.clone(), at: line.at, put: Put::Behind(text.to_owned()) }
    }

    pub(super) fn comment(line: &StackLine) -> Self {
        Self { path: line.path.clone(), at: line.at, put: Put::Comment }
    }

    /// As a command of sed's.
    fn command(&self) -> String {
        let (first, last) = self.at;
        let range = if first == last { first.to_string() } else { format!("{first},{last}") };
        let text = |text: &str| text.replace('\\', "\\\\").replace('\n', "\\n");
        match &self.put {
            Put::Instead(line) => format!("{range}c\\{}", text(line)),
            Put::Before(line) => format!("{first}i\\{}", text(line)),
            Put::Behind(line) => format!("{last}a\\{}", text(line)),
            Put::Comment => format!("{range}s/^/#/"),
        }
    }
}

/// The files with the changes, from the last line up.
pub(super) fn applied(files: &StackFiles, edits: &[Edit]) -> Option<StackFiles> {
    let mut files = files.clone();
    // What goes behind the same line keeps its order.
    let mut edits: Vec<&Edit> = edits.iter().rev().collect();
    edits.sort_by_key(|edit| std::cmp::Reverse(edit.at.1));
    for edit in edits {
        let text = files.text_mut(&edit.path)?;
        // With their ends: a file without one keeps that.
        let mut lines: Vec<String> = text.split_inclusive('\n').map(ToOwned::to_owned).collect();
        let (first, last) = edit.at;
        match &edit.put {
            Put::Instead(line) => {
                let end = if lines.get(last.checked_sub(1)?)?.ends_with('\n') { "\n" } else { "" };
                drop(lines.splice(first.checked_sub(1)?..last, [format!("{line}{end}")]));
            }
            Put::Before(line) => lines.insert(first.checked_sub(1)?.min(lines.len()), format!("{line}\n")),
            Put::Behind(line) => {
                let at = last.min(lines.len());
                match at.checked_sub(1).and_then(|before| lines.get_mut(before)) {
                    Some(before) if !before.ends_with('\n') => {
                        before.push('\n');
                        lines.insert(at, line.clone());
                    }
                    _ => lines.insert(at, format!("{line}\n")),
                }
            }
            Put::Comment => lines.get_mut(first.checked_sub(1)?..last)?.iter_mut().for_each(|line| line.insert(0, '#')),
        }
        *text = lines.concat();
    }
    Some(files)
}

/// One command for each file; sed counts the lines as they were.
pub(super) fn shell(edits: &[Edit]) -> Vec<String> {
    let mut paths: Vec<&str> = edits.iter().map(|edit| edit.path.as_str()).collect();
    paths.dedup();
    let command = |path: &&str| {
        let mut commands: Vec<&Edit> = edits.iter().filter(|edit| edit.path == **path).collect();
        // sed runs no command behind `c` for that line.
        commands.sort_by_key(|edit| matches!(edit.put, Put::Instead(_)));
        let commands: String = commands.into_iter().map(|edit| format!(" -e {}", quoted(&edit.command()))).collect();
        format!("sed -i{commands} {}", quoted(path))
    };
    paths.sort_unstable();
    paths.dedup();
    paths.iter().map(command).collect()
}
