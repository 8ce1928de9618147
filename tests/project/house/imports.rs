//! Which file of a crate imports from which other one.

use super::tokens::{Token, closing, tokens, without_tests};
use std::collections::{BTreeMap, BTreeSet};

/// One crate: its files by their names from its root.
pub struct Crate {
    files: BTreeMap<String, File>,
}

pub struct File {
    pub tokens: Vec<Token>,
    names: Vec<Name>,
    /// What it defines itself.
    defines: BTreeSet<String>,
}

/// A path that stands in a file.
struct Name {
    /// Whole: from the root of this crate, or of another one.
    path: Vec<String>,
    is_ours: bool,
    /// What a `use` calls it from then on.
    alias: Option<String>,
    line: usize,
}

#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Import {
    pub from: String,
    pub line: usize,
    pub to: String,
}

/// `store/files.rs` is `store::files`; the roots of crates and of folders are called by the folder.
fn module(file: &str) -> Vec<String> {
    let stem = file.strip_suffix(".rs").unwrap_or(file);
    let mut path: Vec<String> = stem.split('/').map(str::to_owned).collect();
    if path.last().is_some_and(|last| last == "mod") || ["lib", "main"].contains(&stem) {
        path.pop();
    }
    path
}

impl Crate {
    pub fn new(sources: &[(String, String)]) -> Crate {
        let modules: BTreeSet<Vec<String>> = sources.iter().map(|(name, _)| module(name)).collect();
        let files = sources.iter().map(|(name, text)| (name.clone(), File::new(text, &module(name), &modules)));
        Crate { files: files.collect() }
    }

    pub fn files(&self) -> impl Iterator<Item = (&str, &File)> {
        self.files.iter().map(|(name, file)| (name.as_str(), file))
    }

    /// Without those of a file from itself and from the root, which all may name.
    pub fn imports(&self) -> Vec<Import> {
        let mut all = BTreeMap::new();
        for (from, file) in &self.files {
            for name in file.names.iter().filter(|name| name.is_ours) {
                let to = self.defined_in(&name.path, 0);
                if to.is_some_and(|to| to != from && !module(to).is_empty()) && !module(from).is_empty() {
                    all.entry((from, to)).or_insert(name.line);
                }
            }
        }
        let import = |((from, to), line): ((&String, Option<&String>), usize)| {
            Some(Import { from: from.clone(), line, to: to?.clone() })
        };
        all.into_iter().filter_map(import).collect()
    }

    /// The file that defines what a path names, through whatever others import it from there.
    fn defined_in(&self, path: &[String], depth: usize) -> Option<&String> {
        let (file, rest) = (0..=path.len()).rev().find_map(|length| {
            let (inside, rest) = path.split_at(length);
            Some((self.files.iter().find(|(name, _)| module(name) == inside)?, rest))
        })?;
        let ((name, file), Some(item)) = (file, rest.first()) else { return Some(file.0) };
        let elsewhere = |other: &&Name| other.is_ours && other.alias.as_ref() == Some(item) && other.path != path;
        match file.names.iter().find(elsewhere) {
            Some(other) if depth < 8 && !file.defines.contains(item) => self.defined_in(&other.path, depth + 1),
            _ => Some(name),
        }
    }

    /// Files each of which needs every other one of its circle.
    pub fn circles(&self) -> Vec<Vec<String>> {
        let mut after: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for import in self.imports() {
            after.entry(import.from).or_default().insert(import.to);
        }
        let reached: BTreeMap<&String, BTreeSet<&String>> =
            after.keys().map(|file| (file, reached(file, &after))).collect();
        let circle = |file: &&String| -> Vec<String> {
            let both = |other: &&&String| reached.get(**other).is_some_and(|back| back.contains(file));
            reached[file].iter().filter(both).map(|other| (*other).clone()).collect()
        };
        let circles: BTreeSet<Vec<String>> = reached.keys().map(circle).filter(|circle| !circle.is_empty()).collect();
        circles.into_iter().collect()
    }
}

fn reached<'a>(file: &String, after: &'a BTreeMap<String, BTreeSet<String>>) -> BTreeSet<&'a String> {
    let mut found = BTreeSet::new();
    let mut open: Vec<&String> = after.get(file).into_iter().flatten().collect();
    while let Some(next) = open.pop() {
        if found.insert(next) {
            open.extend(after.get(next).into_iter().flatten());
        }
    }
    found
}

impl File {
    fn new(text: &str, module: &[String], modules: &BTreeSet<Vec<String>>) -> File {
        let tokens = without_tests(&tokens(text));
        let mut names = Vec::new();
        names_in(&tokens, module, modules, &mut names);
        let words: Vec<&str> = tokens.iter().map(|token| token.text.as_str()).collect();
        let kinds = ["struct", "enum", "trait", "type", "fn", "const", "static", "union"];
        let defines = words.windows(2).filter(|pair| kinds.contains(&pair[0])).map(|pair| pair[1].to_owned());
        File { defines: defines.collect(), tokens, names }
    }

    /// Each path that stands there, whether it is one of this crate, and its line.
    pub fn names(&self) -> impl Iterator<Item = (String, bool, usize)> {
        self.names.iter().map(|name| (name.path.join("::"), name.is_ours, name.line))
    }
}

/// The paths in these words of a module: those of `use`, and whichever others begin at the crate, above, or at a module
/// inside.
fn names_in(tokens: &[Token], module: &[String], modules: &BTreeSet<Vec<String>>, names: &mut Vec<Name>) {
    let word = |at: usize| tokens.get(at).map_or("", |token| token.text.as_str());
    let mut at = 0;
    while at < tokens.len() {
        let line = tokens[at].line;
        let name = |path: Vec<String>, alias| match whole(&path, module) {
            Some(path) => Name { path, is_ours: true, alias, line },
            None if modules.contains(&[module, &path[..1]].concat()) => {
                Name { path: [module, path.as_slice()].concat(), is_ours: true, alias, line }
            }
            None => Name { path, is_ours: false, alias, line },
        };
        match word(at) {
            "mod" if word(at + 2) == "{" => {
                let end = closing(tokens, at + 2);
                names_in(&tokens[at + 3..end], &[module, &[word(at + 1).to_owned()]].concat(), modules, names);
                at = end;
            }
            // Who may see it is no import.
            "pub" if word(at + 1) == "(" => at = closing(tokens, at + 1),
            "use" => {
                let end = (at..tokens.len()).find(|at| word(*at) == ";").unwrap_or(tokens.len());
                let mut found = Vec::new();
                tree(&tokens[at + 1..end], &[], &mut found);
                names.extend(found.into_iter().map(|(path, alias)| name(path, Some(alias))));
                at = end;
            }
            first if word(at + 1) == "::" && (at == 0 || word(at - 1) != "::") => {
                let mut path = vec![first.to_owned()];
                while word(at + 1) == "::" && word(at + 2).starts_with(|c: char| c.is_alphabetic() || c == '_') {
                    path.push(word(at + 2).to_owned());
                    at += 2;
                }
                let name = name(path, None);
                // Others begin with what a `use` brought along.
                if name.is_ours || ["std", "core", "alloc", "libc", "nix"].contains(&name.path[0].as_str()) {
                    names.push(name);
                }
            }
            _ => {}
        }
        at += 1;
    }
}

/// `crate::`, `self::` and `super::` put out in full.
fn whole(path: &[String], module: &[String]) -> Option<Vec<String>> {
    match path.first()?.as_str() {
        "crate" => Some(path[1..].to_vec()),
        "self" => Some([module, &path[1..]].concat()),
        "super" => {
            let ups = path.iter().take_while(|part| *part == "super").count();
            Some([module.get(..module.len().checked_sub(ups)?)?, &path[ups..]].concat())
        }
        _ => None,
    }
}

/// The paths of a `use`, each with what it is called.
fn tree(tokens: &[Token], before: &[String], found: &mut Vec<(Vec<String>, String)>) {
    let mut path = before.to_vec();
    let mut alias = None;
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        match token.text.as_str() {
            "::" => {}
            "as" => alias = tokens.get(at + 1).map(|token| token.text.clone()),
            "{" => {
                let end = closing(tokens, at);
                let mut start = at + 1;
                let mut inside = start;
                while inside < end {
                    match tokens[inside].text.as_str() {
                        "{" => inside = closing(tokens, inside),
                        "," => {
                            tree(&tokens[start..inside], &path, found);
                            start = inside + 1;
                        }
                        _ => {}
                    }
                    inside += 1;
                }
                if start < end {
                    tree(&tokens[start..end], &path, found);
                }
                return;
            }
            "self" if !path.is_empty() => {}
            "*" => {}
            _ if alias.is_some() => {}
            part => path.push(part.to_owned()),
        }
        at += 1;
    }
    let last = path.last().cloned().unwrap_or_default();
    found.push((path, alias.unwrap_or(last)));
}
