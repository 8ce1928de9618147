//! A policy is mostly comments: it says in them what it could say. Reading them as TOML is most of the work, and tells
//! nothing. Pure.

/// The text without the lines that are nothing but a comment: the same TOML, if it is any. `None` where there is none, and
/// where it takes a parser to tell: behind three quotes in a row a line can belong to a string, and not every control
/// character may be in a comment.
pub fn without_comments(text: &str) -> Option<String> {
    if !text.contains('#') || takes_a_parser(text.as_bytes()) {
        return None;
    }
    let mut rest = String::with_capacity(text.len());
    let is_comment = |line: &str| line.trim_start_matches([' ', '\t']).starts_with('#');
    text.split_inclusive('\n').filter(|line| !is_comment(line)).for_each(|line| rest.push_str(line));
    // A mark of the byte order is read over at the beginning alone: it must not get there.
    let is_marked = |text: &str| text.starts_with('\u{feff}');
    (is_marked(&rest) == is_marked(text)).then_some(rest)
}

/// To the end, without a branch: the compiler takes sixteen bytes at once, which makes it as good as free.
fn takes_a_parser(bytes: &[u8]) -> bool {
    let from = |place| bytes.get(place..).unwrap_or_default();
    let odd =
        bytes.iter().fold(false, |odd, byte| odd | (byte.is_ascii_control() & (*byte != b'\n') & (*byte != b'\t')));
    let in_a_row = bytes.iter().zip(from(1)).zip(from(2));
    in_a_row.fold(odd, |odd, ((a, b), c)| odd | ((a == b) & (b == c) & ((*a == b'"') | (*a == b'\''))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use toml::Table;

    #[test]
    fn lines_of_comments_go_and_nothing_else() {
        let brief = |text| without_comments(text).unwrap();
        assert_eq!(brief("# a\nwindow = 1 # b\n\n \t# c\nprompt = \"#\"\n#"), "window = 1 # b\n\nprompt = \"#\"\n");
        let example = brief(include_str!("../../packaging/pam_totp.toml"));
        assert_eq!(example.split_whitespace().collect::<Vec<_>>(), ["[throttle]"]);
        for left_as_it_is in
            ["", "window = 1\n", "x = '''\n# a\n'''\n", "x = \"\"\"\n# a\"\"\"\n", "# \u{1}\n", "# \u{7f}\n", "#\r\n"]
        {
            assert_eq!(without_comments(left_as_it_is), None);
        }
        // A mark of the byte order is read over at the beginning alone.
        assert_eq!(without_comments("# a\n\u{feff}window = 1\n"), None);
        assert_eq!(brief("\u{feff}window = 1\n# a\n"), "\u{feff}window = 1\n");
    }

    proptest! {
        /// Also where it is not TOML at all.
        #[test]
        fn what_is_left_is_the_same_toml(pieces in prop::collection::vec(prop::sample::select(vec![
            "# a\n", "\t #\n", "#", "[[t]]\n", "x = 1\n", "y = '#' # b\n", "y = \"#\n", "z = [\n", "  \"a\",\n", "]\n",
            "{ x = 1 },\n", "t = {\n", "x = 1,\n", "}\n", "\n", "'''\n", "\"\"\"", "'", "\"", "\\", "=", "\r\n", "\u{feff}",
        ]), 0..12)) {
            let text = pieces.concat();
            if let Some(brief) = without_comments(&text) {
                prop_assert_eq!(brief.parse::<Table>().ok(), text.parse::<Table>().ok(), "{}", text);
            }
        }
    }
}
