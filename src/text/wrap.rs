//! Lines that fit a terminal: broken by us at their blanks, not by the terminal in the middle of a word. Pure.

/// Breaks lines of more than `width` letters at their blanks; what follows is indented as its line is. A word is never
/// broken.
pub fn wrap(text: &str, width: usize) -> String {
    let mut out = String::with_capacity(text.len().saturating_add(32));
    for (number, line) in text.split('\n').enumerate() {
        if number > 0 {
            out.push('\n');
        }
        wrap_line(line, width, &mut out);
    }
    out
}

fn wrap_line(line: &str, width: usize, out: &mut String) {
    let words = line.trim_start_matches(' ');
    let (indent, _) = line.split_at(line.len().saturating_sub(words.len()));
    out.push_str(indent);
    let mut column = indent.len();
    for (number, word) in words.split(' ').enumerate() {
        let length = word.chars().count();
        let after = column.saturating_add(length).saturating_add(usize::from(number > 0));
        if number > 0 && length > 0 && after > width {
            out.push('\n');
            out.push_str(indent);
            column = indent.len().saturating_add(length);
        } else {
            out.push_str(if number > 0 { " " } else { "" });
            column = after;
        }
        out.push_str(word);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lines_are_broken_at_blanks_and_keep_their_indentation() {
        let cases = [
            ("", ""),
            ("one two", "one two"),
            ("one two three", "one two\nthree"),
            ("  one two three", "  one two\n  three"),
            ("one\n\ntwo three four", "one\n\ntwo three\nfour"),
            ("otpauth://totp/host:alice x", "otpauth://totp/host:alice\nx"),
            ("ends with ", "ends with "),
        ];
        for (text, wrapped) in cases {
            assert_eq!(wrap(text, 9), wrapped, "{text:?}");
        }
        // Letters count, not bytes.
        assert_eq!(wrap("äöü äöü äöü", 7), "äöü äöü\näöü");
    }

    proptest! {
        #[test]
        fn no_word_is_lost_or_broken(text in "[a-zä \n]{0,200}", width in 1_usize..40) {
            let wrapped = wrap(&text, width);
            let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
            prop_assert_eq!(words(&wrapped), words(&text));
            prop_assert!(wrapped.lines().all(|line| line.trim_end().chars().count() <= width || words(line).len() <= 1), "{}", wrapped);
        }
    }
}
