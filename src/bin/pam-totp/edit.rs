//! Changes one key of a policy's text; all else, comments too, stays as the administrator wrote it.

use toml_edit::{DocumentMut, Value};

/// The text with `key = value`, or without the key; `None` where no such text `means` what was asked.
pub fn with_key(text: &str, key: &str, value: Option<&Value>, means: impl Fn(&str) -> bool) -> Option<String> {
    let document: DocumentMut = text.parse().ok()?;
    let candidates = match value {
        None => [commented(text, key), Some(removed(document, key))],
        Some(value) if document.contains_key(key) => [replaced(document, key, value), None],
        Some(value) => [uncommented(text, key, value), Some(inserted(document, key, value))],
    };
    candidates.into_iter().flatten().find(|text| means(text))
}

fn replaced(mut document: DocumentMut, key: &str, value: &Value) -> Option<String> {
    let old = document.get_mut(key)?.as_value_mut()?;
    let decor = old.decor().clone();
    *old = value.clone();
    *old.decor_mut() = decor;
    Some(document.to_string())
}

/// The example policy has each key as a comment, under the words that explain it: there people look for it.
fn uncommented(text: &str, key: &str, value: &Value) -> Option<String> {
    let is_comment = |line: &str| line.strip_prefix('#').is_some_and(|rest| sets(rest, key));
    with_line(text, is_comment, |_| format!("{key} = {value}"))
}

fn commented(text: &str, key: &str) -> Option<String> {
    with_line(text, |line| sets(line, key), |line| format!("#{line}"))
}

fn sets(line: &str, key: &str) -> bool {
    line.trim_start().strip_prefix(key).is_some_and(|rest| rest.trim_start().starts_with('='))
}

/// Changes the first such line before the first table.
fn with_line(text: &str, is_it: impl Fn(&str) -> bool, change: impl Fn(&str) -> String) -> Option<String> {
    let mut lines: Vec<String> = text.split('\n').map(str::to_owned).collect();
    let line = lines.iter_mut().take_while(|line| !line.starts_with('[')).find(|line| is_it(line))?;
    *line = change(line);
    Some(lines.join("\n"))
}

fn removed(mut document: DocumentMut, key: &str) -> String {
    document.remove(key);
    document.to_string()
}

fn inserted(mut document: DocumentMut, key: &str, value: &Value) -> String {
    document.insert(key, value.clone().into());
    document.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use pam_totp::policy::Policy;
    use proptest::prelude::*;

    const EXAMPLE: &str = include_str!("../../../packaging/pam_totp.toml");

    fn switched_off(text: &str) -> Option<String> {
        let off = Policy { enabled: false, ..Policy::parse(text.as_bytes()).unwrap() };
        with_key(text, "enabled", Some(&false.into()), |text| Policy::parse(text.as_bytes()).as_ref() == Ok(&off))
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
            assert_eq!(with_key(before, "issuer", None, means).as_deref(), Some(after), "{before:?}");
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
