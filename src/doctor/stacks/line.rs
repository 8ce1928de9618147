//! A line of a PAM stack, as libpam reads it. Pure.

use std::ffi::CString;

use crate::policy::arguments::{Arguments, BadOption};

/// Our file.
pub const MODULE: &str = "pam_totp.so";

/// What a line is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Facility {
    /// Who are you.
    Auth,
    /// May you.
    Account,
    /// A session, or a new password: none of ours.
    Other,
}

/// What libpam does with a module's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ControlAction {
    /// As if the line were not there.
    Ignore,
    /// Counts, unless something failed before.
    Ok,
    /// The same, and the stack ends there.
    Done,
    /// Fails, and goes on.
    Bad,
    /// Fails, and the stack ends there.
    Die,
    /// Forgets what was before.
    Reset,
    /// Leaves out so many lines.
    Jump(usize),
}

/// The second word of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Control {
    /// As it is written.
    pub text: String,
    actions: Vec<(String, ControlAction)>,
    /// libpam refuses everybody by a line that it cannot read.
    pub is_understood: bool,
}

/// A line of a stack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StackLine {
    /// The path of the file that it is in.
    pub path: String,
    /// Its first and last line there, from 1.
    pub at: (usize, usize),
    /// Its first word.
    pub kind_word: String,
    /// Its second.
    pub control: Control,
    /// Its module.
    pub module: String,
    /// The module's arguments, without the brackets around those with blanks.
    pub arguments: Vec<String>,
}

impl StackLine {
    /// One that stands in no file.
    pub fn read(text: &str) -> Self {
        line("", (0, 0), text).unwrap_or_else(|| Self {
            path: String::new(),
            at: (0, 0),
            kind_word: String::new(),
            control: Control::read(""),
            module: String::new(),
            arguments: Vec::new(),
        })
    }

    /// The module without its folder.
    pub fn module_name(&self) -> &str {
        self.module.rsplit('/').next().unwrap_or_default()
    }

    /// Does it name us?
    pub fn is_ours(&self) -> bool {
        self.module_name() == MODULE
    }

    /// What our module makes of the arguments.
    pub fn options(&self) -> Result<Arguments, BadOption> {
        let arguments: Vec<CString> =
            self.arguments.iter().filter_map(|text| CString::new(text.as_str()).ok()).collect();
        Arguments::parse(&arguments.iter().map(CString::as_c_str).collect::<Vec<_>>())
    }

    /// Is it a word that libpam knows?
    pub fn has_kind(&self) -> bool {
        ["auth", "account", "session", "password"].contains(&self.plain_kind().as_str())
    }

    /// Is it for `auth`?
    pub fn is_auth(&self) -> bool {
        self.plain_kind() == "auth"
    }

    /// `/etc/pam.d/sshd:4`
    pub fn place(&self) -> String {
        format!("{}:{}", self.path, self.at.0)
    }

    /// As it should stand in its file.
    pub fn print(&self) -> String {
        let arguments = self.arguments.iter().map(|argument| match argument.contains([' ', '\t', ']']) {
            true => format!(" [{}]", argument.replace(']', "\\]")),
            false => format!(" {argument}"),
        });
        format!("{} {} {}{}", self.kind_word, self.control.text, self.module, arguments.collect::<String>())
    }

    fn plain_kind(&self) -> String {
        self.kind_word.strip_prefix('-').unwrap_or(&self.kind_word).to_ascii_lowercase()
    }

    /// A word that is no kind makes a line of `auth` that refuses.
    pub(super) fn is_for(&self, kind: Facility, all: bool) -> bool {
        match self.plain_kind().as_str() {
            "auth" => kind == Facility::Auth,
            "account" => kind == Facility::Account,
            "session" | "password" => kind == Facility::Other,
            _ => kind == Facility::Auth || !all,
        }
    }
}

impl Control {
    /// Reads the word, or the actions in brackets.
    pub fn read(text: &str) -> Self {
        let fixed = |actions: &[(&str, ControlAction)]| Self {
            text: text.to_owned(),
            actions: actions.iter().map(|(answer, action)| ((*answer).to_owned(), *action)).collect(),
            is_understood: true,
        };
        let (ok, changed) = (("success", ControlAction::Ok), ("new_authtok_reqd", ControlAction::Ok));
        let (done, done_changed) = (("success", ControlAction::Done), ("new_authtok_reqd", ControlAction::Done));
        let ignore = ("ignore", ControlAction::Ignore);
        match text.to_ascii_lowercase().as_str() {
            "required" => fixed(&[ok, changed, ignore, ("default", ControlAction::Bad)]),
            "requisite" => fixed(&[ok, changed, ignore, ("default", ControlAction::Die)]),
            "sufficient" => fixed(&[done, done_changed, ("default", ControlAction::Ignore)]),
            "optional" => fixed(&[ok, changed, ("default", ControlAction::Ignore)]),
            "include" | "substack" => fixed(&[]),
            _ => {
                let inner = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
                let actions = inner.and_then(|inner| inner.split_whitespace().map(action).collect::<Option<Vec<_>>>());
                let is_understood = actions.as_ref().is_some_and(|actions| !actions.is_empty());
                Self { text: text.to_owned(), actions: actions.unwrap_or_default(), is_understood }
            }
        }
    }

    /// What this answer leads to. An answer that is not named, and without a default, fails.
    pub fn action(&self, answer: &str) -> ControlAction {
        let named = |name| self.actions.iter().find(|action| action.0 == name).map(|action| action.1);
        named(answer).or_else(|| named("default")).unwrap_or(ControlAction::Bad)
    }
}

fn action(word: &str) -> Option<(String, ControlAction)> {
    let (answer, action) = word.split_once('=')?;
    let action = match action {
        "ignore" => ControlAction::Ignore,
        "ok" => ControlAction::Ok,
        "done" => ControlAction::Done,
        "bad" => ControlAction::Bad,
        "die" => ControlAction::Die,
        "reset" => ControlAction::Reset,
        number => ControlAction::Jump(number.parse().ok()?),
    };
    let is_name = !answer.is_empty() && answer.chars().all(|c| c.is_ascii_lowercase() || c == '_');
    is_name.then(|| (answer.to_owned(), action))
}

/// The lines of a file; a backslash at the end of one goes on in the next.
pub(super) fn parse(path: &str, text: &str) -> Vec<StackLine> {
    let (mut lines, mut whole, mut first) = (Vec::new(), String::new(), 1);
    for (number, physical) in (1_usize..).zip(text.lines()) {
        if whole.is_empty() {
            first = number;
        }
        let said = physical.split('#').next().unwrap_or_default().trim_end();
        if let Some(part) = said.strip_suffix('\\') {
            whole.push_str(part);
            whole.push(' ');
            continue;
        }
        whole.push_str(said);
        lines.extend(line(path, (first, number), &whole));
        whole.clear();
    }
    lines
}

fn line(path: &str, at: (usize, usize), text: &str) -> Option<StackLine> {
    let mut words = words(text).into_iter();
    let kind_word = words.next()?.to_owned();
    let control = Control::read(words.next().unwrap_or_default());
    let module = words.next().unwrap_or_default().to_owned();
    let bare = |word: &str| match word.strip_prefix('[') {
        Some(inner) => inner.strip_suffix(']').unwrap_or(inner).replace("\\]", "]"),
        None => word.to_owned(),
    };
    Some(StackLine { path: path.to_owned(), at, kind_word, control, module, arguments: words.map(bare).collect() })
}

/// Words, where one in brackets may hold blanks.
fn words(line: &str) -> Vec<&str> {
    let (mut words, mut rest) = (Vec::new(), line.trim_start());
    while !rest.is_empty() {
        let end = if rest.starts_with('[') { bracket(rest) } else { rest.find(char::is_whitespace) };
        let (word, after) = rest.split_at(end.unwrap_or(rest.len()));
        words.push(word);
        rest = after.trim_start();
    }
    words
}

/// Behind the bracket that closes the first one.
fn bracket(text: &str) -> Option<usize> {
    let mut before = ' ';
    for (at, letter) in text.char_indices() {
        if letter == ']' && before != '\\' {
            return at.checked_add(1);
        }
        before = letter;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_libpam_cannot_read_is_not_understood() {
        for bad in ["requird", "[success=ok", "[success]", "[success=often]", "[]", ""] {
            assert!(!Control::read(bad).is_understood, "{bad}");
        }
        assert!(Control::read("Required").is_understood);
    }
}
