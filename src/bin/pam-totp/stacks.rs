//! Which PAM stacks of this host name us.

use std::fs;
use std::path::Path;

const STACKS: &str = "/etc/pam.d";
/// Files that include each other in a circle end.
const DEPTH: u32 = 8;

/// A stack that asks us for `auth`.
pub struct Stack {
    pub service: String,
    /// Each of its lines that name us has `nullok`.
    pub nullok: bool,
}

/// The stacks that name us, be it by what they include.
pub fn naming_us() -> Vec<Stack> {
    files().into_iter().filter_map(|service| found(service, DEPTH)).collect()
}

/// The files that name a module themselves.
pub fn naming(module: &str) -> Vec<String> {
    let names = |file: &String| {
        let text = fs::read_to_string(Path::new(STACKS).join(file)).unwrap_or_default();
        text.lines().any(|line| line.split('#').next().unwrap_or_default().contains(module))
    };
    files().into_iter().filter(names).collect()
}

fn files() -> Vec<String> {
    let mut services: Vec<String> = fs::read_dir(STACKS)
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        // What package managers and editors leave beside a stack is none; no service has a dot in its name there.
        .filter(|name| !name.contains('.') && !name.ends_with('~'))
        .collect();
    services.sort();
    services
}

/// The stack of a service with what it includes; `None` where it does not name us. A service without a file of its
/// own has that of `other`.
pub fn of(service: &str) -> Option<Stack> {
    let file = if Path::new(STACKS).join(service).exists() { service } else { "other" };
    found(file.to_owned(), DEPTH)
}

fn found(service: String, depth: u32) -> Option<Stack> {
    let mut nullok = Vec::new();
    read(&service, depth, &mut nullok);
    (!nullok.is_empty()).then(|| Stack { service, nullok: nullok.iter().all(|nullok| *nullok) })
}

/// For each line of ours: does it have nullok?
fn read(file: &str, depth: u32, lines: &mut Vec<bool>) {
    let text = fs::read_to_string(Path::new(STACKS).join(file)).unwrap_or_default();
    for line in text.replace("\\\n", " ").lines() {
        let line = line.split('#').next().unwrap_or_default();
        let mut words = words(line).into_iter();
        let (first, control) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let included = match (first, control) {
            ("@include", file) => Some(file),
            (_, "include" | "substack") if is_auth(first) => words.next(),
            _ => None,
        };
        match included {
            Some(file) if depth > 0 => read(file, depth - 1, lines),
            None if is_auth(first) && words.next().is_some_and(is_us) => lines.push(words.any(|word| word == "nullok")),
            _ => {}
        }
    }
}

fn is_auth(word: &str) -> bool {
    word.strip_prefix('-').unwrap_or(word).eq_ignore_ascii_case("auth")
}

fn is_us(module: &str) -> bool {
    module.rsplit('/').next() == Some("pam_totp.so")
}

/// Words, where one in brackets may hold blanks.
fn words(line: &str) -> Vec<&str> {
    let (mut words, mut rest) = (Vec::new(), line.trim_start());
    while !rest.is_empty() {
        let end = match rest.strip_prefix('[') {
            Some(inner) => inner.find(']').map_or(rest.len(), |end| end + 2),
            None => rest.find(char::is_whitespace).unwrap_or(rest.len()),
        };
        let (word, after) = rest.split_at(end);
        words.push(word);
        rest = after.trim_start();
    }
    words
}
