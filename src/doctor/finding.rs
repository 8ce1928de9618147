//! What is said of one thing that was looked at. Pure.

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// As it should be.
    Fine,
    /// To know; a matter of choice.
    Note,
    /// It may go wrong, or could not be looked at.
    Warning,
    /// Somebody is locked out, or somebody gets in who should not.
    Fault,
}

impl Severity {
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
    pub level: Severity,
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
    pub(super) fn new(level: Severity, about: &'static str, code: &'static str, message: impl Into<String>) -> Self {
        Self { level, about, code, message: message.into(), fix: Vec::new() }
    }

    /// As it should be.
    pub fn fine(about: &'static str, message: impl Into<String>) -> Self {
        Self::new(Severity::Fine, about, "fine", message)
    }

    /// To know.
    pub fn note(about: &'static str, code: &'static str, message: impl Into<String>) -> Self {
        Self::new(Severity::Note, about, code, message)
    }

    /// It may go wrong.
    pub fn warning(about: &'static str, code: &'static str, message: impl Into<String>) -> Self {
        Self::new(Severity::Warning, about, code, message)
    }

    /// It is wrong.
    pub fn fault(about: &'static str, code: &'static str, message: impl Into<String>) -> Self {
        Self::new(Severity::Fault, about, code, message)
    }

    /// With the commands that fix it.
    pub fn fixed_by<T: Into<String>>(mut self, lines: impl IntoIterator<Item = T>) -> Self {
        self.fix.extend(lines.into_iter().map(Into::into));
        self
    }
}
