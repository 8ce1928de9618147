//! The files of /etc/pam.d, as libpam reads them: to the chain of modules that a service runs. Pure.

use std::collections::BTreeMap;

use super::line::{Facility, StackLine, parse};

/// Where the stacks are.
pub const STACKS: &str = "/etc/pam.d";
/// What stacks of the distributions share, beside Debian's `common-*`.
const SHARED: [&str; 8] = [
    "fingerprint-auth",
    "password-auth",
    "postlogin",
    "smartcard-auth",
    "system-auth",
    "system-local-login",
    "system-login",
    "system-remote-login",
];
/// What libpam allows: files that include each other in a circle end.
const DEPTH: usize = 16;

/// A step of a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChainStep {
    /// How many substacks it is in.
    pub level: usize,
    /// What is done.
    pub what: StepKind,
}

/// What libpam does at a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StepKind {
    /// Asks a module.
    Module(StackLine),
    /// Enters a substack, which counts as one line for jumps around it.
    Substack,
    /// Refuses: an included file is not there.
    Missing(StackLine),
}

/// A service that asks us for `auth`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AskingStack {
    /// Its name.
    pub service: String,
    /// Each of its lines that name us has `nullok`.
    pub nullok: bool,
}

#[derive(Clone, Debug)]
struct StackFile {
    path: String,
    text: String,
}

/// Every file of the host's stacks.
#[derive(Clone, Debug, Default)]
pub struct StackFiles(BTreeMap<String, StackFile>);

impl StackFiles {
    /// Adds a file; the first one of a name counts.
    pub fn add(&mut self, name: &str, path: &str, text: &str) {
        self.0.entry(name.to_owned()).or_insert_with(|| StackFile { path: path.to_owned(), text: text.to_owned() });
    }

    /// Puts a file in the place of the one with this name.
    pub fn put(&mut self, name: &str, path: &str, text: &str) {
        self.0.insert(name.to_owned(), StackFile { path: path.to_owned(), text: text.to_owned() });
    }

    /// The text of a service's own file.
    pub fn text(&self, service: &str) -> Option<&str> {
        self.0.get(service).map(|file| file.text.as_str())
    }

    /// The text of the file with this path.
    pub fn text_at(&self, path: &str) -> Option<&str> {
        self.0.values().find(|file| file.path == path).map(|file| file.text.as_str())
    }

    /// The paths of all files.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.0.values().map(|file| file.path.as_str())
    }

    /// The text of the file with this path, to be changed.
    pub fn text_mut(&mut self, path: &str) -> Option<&mut String> {
        self.0.values_mut().find(|file| file.path == path).map(|file| &mut file.text)
    }

    /// Where a service's own file is.
    pub fn path(&self, service: &str) -> Option<String> {
        self.0.get(service).map(|file| file.path.clone())
    }

    /// How many lines the file with this path has.
    pub fn length(&self, path: &str) -> Option<usize> {
        self.0.values().find(|file| file.path == path).map(|file| file.text.lines().count())
    }

    /// The lines of a service's own file.
    pub fn lines_of(&self, service: &str) -> Vec<StackLine> {
        self.0.get(service).map(|file| parse(&file.path, &file.text)).unwrap_or_default()
    }

    /// The lines of the file with this path.
    pub fn lines_at(&self, path: &str) -> Vec<StackLine> {
        self.0.values().find(|file| file.path == path).map(|file| parse(path, &file.text)).unwrap_or_default()
    }

    /// The services. What package managers and editors leave beside a stack is none; no service has a dot in its name
    /// there.
    pub fn services(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str).filter(|name| !name.contains('.') && !name.ends_with('~'))
    }

    /// Those of them that programs run by that name, and not only by what they include.
    pub fn own(&self) -> impl Iterator<Item = &str> {
        self.services().filter(|name| !SHARED.contains(name) && !name.starts_with("common-"))
    }

    /// The steps of a service. One without a line of that kind has those of `other`.
    pub fn chain(&self, service: &str, kind: Facility) -> Vec<ChainStep> {
        let own = self.part(service, kind);
        if own.is_empty() { self.part("other", kind) } else { own }
    }

    /// The steps that an include of this file brings.
    pub fn part(&self, name: &str, kind: Facility) -> Vec<ChainStep> {
        let mut steps = Vec::new();
        self.follow(name, kind, true, 0, DEPTH, &mut steps);
        steps
    }

    /// Those that name us, be it by what they include.
    pub fn naming_us(&self) -> Vec<AskingStack> {
        self.own().filter_map(|service| self.stack_of(service)).collect()
    }

    /// That of a service; `None` where it does not name us.
    pub fn stack_of(&self, service: &str) -> Option<AskingStack> {
        let steps = self.chain(service, Facility::Auth);
        let mut ours = lines(&steps).filter(|line| line.is_ours()).peekable();
        ours.peek()?;
        let nullok = ours.all(|line| line.arguments.iter().any(|argument| argument == "nullok"));
        Some(AskingStack { service: service.to_owned(), nullok })
    }

    /// Each line that names us, once.
    pub fn our_lines(&self) -> Vec<StackLine> {
        let mut found: Vec<StackLine> = Vec::new();
        for service in self.own() {
            for kind in [Facility::Auth, Facility::Account] {
                found.extend(lines(&self.chain(service, kind)).filter(|line| line.is_ours()).cloned());
            }
        }
        found.sort_by_key(StackLine::place);
        found.dedup();
        found
    }

    /// `all`: lines of each kind count, as by `@include`; else those of `kind`, as by `include`.
    fn follow(&self, name: &str, kind: Facility, all: bool, level: usize, depth: usize, steps: &mut Vec<ChainStep>) {
        let Some(file) = self.0.get(without_folder(name)) else { return };
        for line in parse(&file.path, &file.text) {
            let included = match line.kind_word.as_str() {
                "@include" => Some((line.control.text.clone(), all, level)),
                _ if !line.is_for(kind, all) => continue,
                _ => match line.control.text.as_str() {
                    "include" => Some((line.module.clone(), false, level)),
                    "substack" => Some((line.module.clone(), false, level.saturating_add(1))),
                    _ => None,
                },
            };
            match included {
                None => steps.push(ChainStep { level, what: StepKind::Module(line) }),
                Some((name, ..)) if depth == 0 || !self.has(&name) => {
                    steps.push(ChainStep { level, what: StepKind::Missing(line) });
                }
                Some((name, all, inner)) => {
                    if inner > level {
                        steps.push(ChainStep { level, what: StepKind::Substack });
                    }
                    self.follow(&name, kind, all, inner, depth.saturating_sub(1), steps);
                }
            }
        }
    }

    fn has(&self, name: &str) -> bool {
        self.0.contains_key(without_folder(name))
    }
}

/// An include may name the file with its folder.
fn without_folder(name: &str) -> &str {
    name.strip_prefix(STACKS).and_then(|name| name.strip_prefix('/')).unwrap_or(name)
}

/// The modules among steps.
pub fn lines(steps: &[ChainStep]) -> impl Iterator<Item = &StackLine> {
    steps.iter().filter_map(ChainStep::line)
}

impl ChainStep {
    /// The module's line, if there is one.
    pub fn line(&self) -> Option<&StackLine> {
        match &self.what {
            StepKind::Module(line) => Some(line),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::line::ControlAction;
    use super::*;

    fn files(texts: &[(&str, &str)]) -> StackFiles {
        let mut files = StackFiles::default();
        for (name, text) in texts {
            files.add(name, &format!("{STACKS}/{name}"), text);
        }
        files
    }

    fn modules(steps: &[ChainStep]) -> Vec<(usize, String)> {
        steps.iter().filter_map(|step| Some((step.level, step.line()?.module.clone()))).collect()
    }

    #[test]
    fn a_chain_has_what_is_included() {
        let files = files(&[
            ("a", "auth required x.so\n@include b\nauth substack c\nauth include d # not e\n-auth optional y.so\n"),
            (
                "b",
                "account required no.so\nauth [success=1 \\\n default=ignore] b.so one [two three] [fo\\]ur]\n@include c",
            ),
            ("c", "auth required c.so\nsession required s.so\n"),
            ("d", "#auth required never.so \\\nauth required d.so\n"),
        ]);
        let steps = files.chain("a", Facility::Auth);
        let expected = [(0, "x.so"), (0, "b.so"), (0, "c.so"), (1, "c.so"), (0, "d.so"), (0, "y.so")];
        assert_eq!(modules(&steps), expected.map(|(level, name)| (level, name.to_owned())));
        let b = lines(&steps).nth(1).unwrap();
        assert_eq!((b.at, b.place()), ((2, 3), "/etc/pam.d/b:2".into()));
        assert_eq!(b.arguments, ["one", "two three", "fo]ur"]);
        assert_eq!(
            (b.control.action("success"), b.control.action("user_unknown")),
            (ControlAction::Jump(1), ControlAction::Ignore)
        );
        assert_eq!(
            b.print().split_whitespace().collect::<Vec<_>>().join(" "),
            "auth [success=1 default=ignore] b.so one [two three] [fo\\]ur]"
        );
        assert_eq!(modules(&files.chain("a", Facility::Account)), [(0, "no.so".to_owned())]);
    }

    #[test]
    fn circles_and_missing_files_end() {
        let files = files(&[("a", "@include a\nauth include gone\n")]);
        let steps = files.chain("a", Facility::Auth);
        assert!(steps.iter().all(|step| matches!(step.what, StepKind::Missing(_))) && !steps.is_empty());
        assert!(files.chain("nobody", Facility::Auth).is_empty());
    }

    #[test]
    fn who_names_us_is_told_by_every_line() {
        let files = files(&[
            ("sshd", "auth required pam_unix.so\n@include common-auth\n"),
            ("common-auth", "auth required /lib/security/pam_totp.so nullok\n"),
            ("su", "auth required pam_totp.so nullok\nauth required pam_totp.so\n"),
            ("vi", "auth required pam_unix.so\n"),
            ("sshd.dpkg-old", "auth required pam_totp.so\n"),
        ]);
        let named: Vec<_> = files.naming_us().into_iter().map(|stack| (stack.service, stack.nullok)).collect();
        assert_eq!(named, [("sshd".to_owned(), true), ("su".to_owned(), false)]);
    }
}
