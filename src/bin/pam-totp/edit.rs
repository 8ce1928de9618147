//! Changes one key of a policy's text; all else, comments too, stays as the administrator wrote it.

use std::ops::Range;

use toml_edit::{DocumentMut, Item, Table, TableLike, Value};

/// A key of the policy: at the top, or in a table.
#[derive(Clone, Copy)]
pub struct Key<'a> {
    pub table: Option<&'a str>,
    pub name: &'a str,
}

impl<'a> Key<'a> {
    /// As it is written: `window`, `throttle.free`.
    pub fn dotted(text: &'a str) -> Self {
        match text.split_once('.') {
            Some((table, name)) => Self { table: Some(table), name },
            None => Self { table: None, name: text },
        }
    }
}

/// The text with `key = value`, or without the key; `None` where no such text `means` what was asked.
pub fn with_key(text: &str, key: Key<'_>, value: Option<&Value>, means: impl Fn(&str) -> bool) -> Option<String> {
    let document: DocumentMut = text.parse().ok()?;
    let is_there = siblings(&document, key).is_some_and(|table| table.contains_key(key.name));
    let candidates = match value {
        None => [commented(text, key), removed(document, key)],
        Some(value) if is_there => [replaced(document, key, value), None],
        Some(value) => [uncommented(text, key, value), inserted(document, key, value)],
    };
    candidates.into_iter().flatten().find(|text| means(text))
}

/// The text without a table, whose lines become comments where they can.
pub fn without_table(text: &str, table: &str, means: impl Fn(&str) -> bool) -> Option<String> {
    let commented = || {
        let mut lines = owned_lines(text);
        let section = section(&lines, Some(table))?;
        let all = lines.get_mut(section.start.checked_sub(1)?..section.end)?;
        for line in all.iter_mut().filter(|line| !line.trim().is_empty() && !line.starts_with('#')) {
            line.insert(0, '#');
        }
        Some(lines.join("\n"))
    };
    let removed = removed(text.parse().ok()?, Key { table: None, name: table });
    [commented(), removed].into_iter().flatten().find(|text| means(text))
}

/// The table that a key stands in, if there is one.
fn siblings<'a>(document: &'a DocumentMut, key: Key<'_>) -> Option<&'a dyn TableLike> {
    match key.table {
        None => Some(document.as_table()),
        Some(table) => document.get(table)?.as_table_like(),
    }
}

/// Likewise, to change it; made where it is missing.
fn siblings_mut<'a>(document: &'a mut DocumentMut, key: Key<'_>) -> Option<&'a mut dyn TableLike> {
    match key.table {
        None => Some(document.as_table_mut()),
        Some(table) => document.entry(table).or_insert(Item::Table(Table::new())).as_table_like_mut(),
    }
}

fn replaced(mut document: DocumentMut, key: Key<'_>, value: &Value) -> Option<String> {
    let old = siblings_mut(&mut document, key)?.get_mut(key.name)?.as_value_mut()?;
    let decor = old.decor().clone();
    *old = value.clone();
    *old.decor_mut() = decor;
    Some(document.to_string())
}

/// The example policy has each key as a comment, under the words that explain it: there people look for it.
fn uncommented(text: &str, key: Key<'_>, value: &Value) -> Option<String> {
    let is_comment = |line: &str| line.strip_prefix('#').is_some_and(|rest| sets(rest, key.name));
    with_line(text, key.table, is_comment, |_| format!("{} = {value}", key.name))
}

fn commented(text: &str, key: Key<'_>) -> Option<String> {
    with_line(text, key.table, |line| sets(line, key.name), |line| format!("#{line}"))
}

fn sets(line: &str, name: &str) -> bool {
    line.trim_start().strip_prefix(name).is_some_and(|rest| rest.trim_start().starts_with('='))
}

/// Changes the first such line of a table, whose head is no comment then.
fn with_line(
    text: &str,
    table: Option<&str>,
    is_it: impl Fn(&str) -> bool,
    change: impl Fn(&str) -> String,
) -> Option<String> {
    let mut lines = owned_lines(text);
    let section = section(&lines, table)?;
    let head = section.start.checked_sub(1);
    let line = lines.get_mut(section)?.iter_mut().find(|line| is_it(line))?;
    *line = change(line);
    if let Some(head) = head.and_then(|head| lines.get_mut(head)) {
        *head = head.trim_start_matches('#').to_owned();
    }
    Some(lines.join("\n"))
}

fn owned_lines(text: &str) -> Vec<String> {
    text.split('\n').map(str::to_owned).collect()
}

/// The lines under a table's head, be it a comment, up to the next head; at the top, those before the first table.
fn section(lines: &[String], table: Option<&str>) -> Option<Range<usize>> {
    let Some(table) = table else {
        let end = lines.iter().position(|line| line.starts_with('['));
        return Some(0..end.unwrap_or(lines.len()));
    };
    let head = format!("[{table}]");
    let is_head = |line: &String| line.strip_prefix('#').unwrap_or(line).starts_with(&head);
    let start = lines.iter().position(is_head)?.checked_add(1)?;
    let ends = |line: &&String| line.starts_with('[') || line.starts_with("#[");
    let length = lines.iter().skip(start).take_while(|line| !ends(line)).count();
    Some(start..start.saturating_add(length))
}

fn removed(mut document: DocumentMut, key: Key<'_>) -> Option<String> {
    siblings_mut(&mut document, key)?.remove(key.name);
    Some(document.to_string())
}

fn inserted(mut document: DocumentMut, key: Key<'_>, value: &Value) -> Option<String> {
    siblings_mut(&mut document, key)?.insert(key.name, value.clone().into());
    Some(document.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use pam_totp::policy::Policy;
    use proptest::prelude::*;

    const EXAMPLE: &str = include_str!("../../../packaging/pam_totp.toml");

    fn switched_off(text: &str) -> Option<String> {
        let off = Policy { enabled: false, ..Policy::parse(text.as_bytes()).unwrap() };
        with_key(text, Key::dotted("enabled"), Some(&false.into()), |text| {
            Policy::parse(text.as_bytes()).as_ref() == Ok(&off)
        })
    }

    #[test]
    fn one_key_changes_and_no_comment_is_lost() {
        let cases = [
            ("", "enabled = false\n"),
            ("enabled = true", "enabled = false\n"),
            (
                "# Ours.\nenabled=true # until Monday\nwindow = 2\n",
                "# Ours.\nenabled=false # until Monday\nwindow = 2\n",
            ),
            ("# Ours.\nwindow = 2 # slow phones\n", "# Ours.\nwindow = 2 # slow phones\nenabled = false\n"),
            ("[throttle]\nfree = 3\n", "enabled = false\n[throttle]\nfree = 3\n"),
            // A comment that is none, and one that is behind a table's head.
            ("prompt = '''\n#enabled = true'''\n", "prompt = '''\n#enabled = true'''\nenabled = false\n"),
            ("[throttle]\n#enabled = true\n", "enabled = false\n[throttle]\n#enabled = true\n"),
        ];
        for (before, after) in cases {
            assert_eq!(switched_off(before).as_deref(), Some(after), "{before:?}");
        }
    }

    #[test]
    fn in_the_example_the_key_changes_where_it_is_explained() {
        assert_eq!(switched_off(EXAMPLE), Some(EXAMPLE.replacen("#enabled = true", "enabled = false", 1)));
    }

    #[test]
    fn a_key_that_goes_becomes_a_comment_where_it_can() {
        let cases = [
            ("# Ours.\nissuer = \"A\" # us\nwindow = 2\n", "# Ours.\n#issuer = \"A\" # us\nwindow = 2\n"),
            ("window = 2\n\"issuer\" = \"A\"\n", "window = 2\n"),
            ("prompt = '''\nissuer = 1'''\nissuer = \"A\"\n", "prompt = '''\nissuer = 1'''\n"),
        ];
        for (before, after) in cases {
            let without = Policy { issuer: None, ..Policy::parse(before.as_bytes()).unwrap() };
            let means = |text: &str| Policy::parse(text.as_bytes()).as_ref() == Ok(&without);
            assert_eq!(with_key(before, Key::dotted("issuer"), None, means).as_deref(), Some(after), "{before:?}");
        }
    }

    /// A line as administrators write it, or nearly.
    fn line() -> impl Strategy<Value = String> {
        let keys = ["enabled = true", "enabled=false # mine", "#enabled = true", "# enabled", "\"enabled\" = true"];
        let others =
            ["", "window = 2", "issuer = \"A\"", "prompt = '''", "#enabled = true'''", "[throttle]", "free = 3"];
        prop::sample::select([&keys[..], &others].concat()).prop_map(str::to_owned)
    }

    proptest! {
        /// Whatever the text, what is written is the same policy but for the key, and every other line still stands.
        #[test]
        fn of_any_text_one_key_changes(lines in prop::collection::vec(line(), 0..8)) {
            let text = lines.join("\n");
            let Ok(policy) = Policy::parse(text.as_bytes()) else { return Ok(()) };
            let changed = switched_off(&text).expect("every policy can be switched off");
            prop_assert_eq!(Policy::parse(changed.as_bytes()), Ok(Policy { enabled: false, ..policy }));
            let others = |text: &str| -> Vec<String> {
                text.lines().filter(|line| !line.contains("enabled")).map(str::to_owned).collect()
            };
            prop_assert_eq!(others(&changed), others(&text));
        }
    }
}
