//! Words of shell commands. Pure.

use crate::text::deceives;

/// In the folder that the sources are in.
pub const INSTALL: [&str; 1] = [crate::paths::INSTALL];

/// A word of a shell command, whatever is in it.
pub fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._@%+=:,-".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text.to_owned()
    } else if text.chars().any(deceives) {
        // Shows what it is, and still means it.
        let byte =
            |byte: u8| if plain(char::from(byte)) { char::from(byte).to_string() } else { format!("\\x{byte:02x}") };
        format!("$'{}'", text.bytes().map(byte).collect::<String>())
    } else {
        format!("'{}'", text.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn a_word_stays_one_word() {
        let cases = [("/etc/pam.d/x", "/etc/pam.d/x"), ("", "''"), ("a b", "'a b'"), ("it's", "'it'\\''s'")];
        for (text, word) in
            cases.into_iter().chain([("a\nrm -r", "$'a\\x0arm\\x20-r'"), ("\u{202e}a", "$'\\xe2\\x80\\xaea'")])
        {
            assert_eq!(quoted(text), word);
        }
    }
}
