//! Is this host in order? Texts and facts in, findings out, each with the commands that fix it. Pure: what is to be looked
//! at is gathered by the program.

pub mod arguments;
pub mod asking;
pub mod clock;
pub mod diagnose;
pub mod door;
mod edits;
pub mod fix;
pub mod harm;
pub mod judge;
pub mod labels;
pub mod model;
pub mod module;
pub mod modules;
pub mod names;
pub mod one_field;
pub mod pairs;
pub mod programs;
pub mod remember;
pub mod room;
pub mod run;
pub mod setup;
pub mod sshd;
pub mod stacks;
pub mod store;
pub mod sudo;
pub mod texts;
pub mod trial;
pub mod undo;
pub mod verdict;
mod words;

use crate::text::deceives;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// As it should be.
    Fine,
    /// To know; a matter of choice.
    Note,
    /// It may go wrong, or could not be looked at.
    Warning,
    /// Somebody is locked out, or somebody gets in who should not.
    Fault,
}

impl Level {
    /// For programs.
    pub fn word(self) -> &'static str {
        match self {
            Self::Fine => "fine",
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Fault => "fault",
        }
    }
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// How bad.
    pub level: Level,
    /// The subject, under which people read it.
    pub about: &'static str,
    /// For programs.
    pub code: &'static str,
    /// What is wrong, and what happens because of it.
    pub message: String,
    /// The lines to paste into a root shell.
    pub fix: Vec<String>,
}

impl Finding {
    fn new(level: Level, about: &'static str, code: &'static str, message: impl Into<String>) -> Self {
        Self { level, about, code, message: message.into(), fix: Vec::new() }
    }

    /// As it should be.
    pub fn fine(about: &'static str, message: impl Into<String>) -> Self {
        Self::new(Level::Fine, about, "fine", message)
    }

    /// To know.
    pub fn note(about: &'static str, code: &'static str, message: impl Into<String>) -> Self {
        Self::new(Level::Note, about, code, message)
    }

    /// It may go wrong.
    pub fn warning(about: &'static str, code: &'static str, message: impl Into<String>) -> Self {
        Self::new(Level::Warning, about, code, message)
    }

    /// It is wrong.
    pub fn fault(about: &'static str, code: &'static str, message: impl Into<String>) -> Self {
        Self::new(Level::Fault, about, code, message)
    }

    /// With the commands that fix it.
    pub fn fixed_by<T: Into<String>>(mut self, lines: impl IntoIterator<Item = T>) -> Self {
        self.fix.extend(lines.into_iter().map(Into::into));
        self
    }
}

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
