//! A program that sends every login through stacks of the real libpam, with a stand-in for each module.

use super::modules::{self, Part};
use super::shapes::Texts;
use super::verdict;
use super::ways::{Step, Way, Ways};
use crate::support::system::System;
use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::rc::Rc;

const PROGRAM: &str = "/usr/local/bin/explore";
const STAND_IN: &str = "/usr/local/lib/stand_in.so";

/// Builds the program, and puts a stand-in in the place of each of these modules.
pub fn build<'a>(system: &System, modules: impl IntoIterator<Item = &'a str>) {
    system.file("/usr/local/src/explore.c", include_str!("explore.c"));
    system.file("/usr/local/src/stand_in.c", include_str!("stand_in.c"));
    let strict = ["-O1", "-Wall", "-Wextra", "-Werror"];
    let compile = |arguments: &[&str]| system.runs(Command::new("cc").args(strict).args(arguments));
    compile(&["-rdynamic", "-o", PROGRAM, "/usr/local/src/explore.c", "-lpam", "-ldl"]);
    // Loaded once and kept: libpam would load it again for each stack.
    compile(&["-shared", "-fPIC", "-Wl,-z,nodelete", "-o", STAND_IN, "/usr/local/src/stand_in.c"]);
    let folder = crate::support::system::pam_folder();
    for module in modules {
        let to = folder.join(module);
        std::fs::copy(STAND_IN, &to).unwrap_or_else(|error| panic!("{}: {error}", to.display()));
        std::fs::set_permissions(&to, std::fs::Permissions::from_mode(0o644)).expect("sets a mode");
    }
}

/// The program at work, with a folder of its own for `/etc/pam.d`.
pub struct Explorer {
    folder: PathBuf,
    child: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
    /// What each question was about, by its number.
    questions: Vec<Rc<Question>>,
    /// The numbers of variables, by their names.
    variables: HashMap<String, usize>,
}

/// A line that was asked.
#[derive(Debug)]
pub struct Question {
    pub part: Part,
    /// The module and its arguments.
    pub line: String,
    variable: usize,
    gate: Option<usize>,
}

impl Explorer {
    /// Starts it; each has a name of its own.
    pub fn start(name: usize) -> Self {
        let folder = PathBuf::from(format!("/tmp/stacks-{name}"));
        std::fs::create_dir_all(&folder).expect("makes a folder");
        let inside = format!("mount --bind {} /etc/pam.d && exec {PROGRAM}", folder.display());
        let mut command = Command::new("unshare");
        command.args(["--mount", "sh", "-c", &inside]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the explorer starts");
        let to = child.stdin.take().expect("a pipe");
        let from = BufReader::with_capacity(1 << 16, child.stdout.take().expect("a pipe"));
        Self { folder, child, to, from, questions: Vec::new(), variables: HashMap::new() }
    }

    /// Makes these the files of `/etc/pam.d`.
    pub fn put(&self, texts: &Texts) {
        for entry in std::fs::read_dir(&self.folder).expect("the folder") {
            std::fs::remove_file(entry.expect("an entry").path()).expect("removes a stack");
        }
        for (name, lines) in texts {
            std::fs::write(self.folder.join(name), verdict::text(lines)).expect("writes a stack");
        }
    }

    /// Runs lines that are about `/etc/pam.d`; what went wrong, if anything did.
    pub fn shell(&self, lines: &[String]) -> Result<(), String> {
        let folder = self.folder.to_str().expect("a plain path");
        let lines = lines.join("\n").replace("/etc/pam.d", folder);
        let output = Command::new("sh").args(["-e", "-c", &lines]).output().expect("a shell");
        let said = String::from_utf8_lossy(&output.stderr);
        if output.status.success() && said.is_empty() { Ok(()) } else { Err(format!("{}: {said}", output.status)) }
    }

    /// The files as they are now.
    pub fn read(&self) -> Texts {
        let mut texts = Texts::new();
        for entry in std::fs::read_dir(&self.folder).expect("the folder") {
            let path = entry.expect("an entry").path();
            let name = path.file_name().expect("a name").to_str().expect("a plain name").to_owned();
            let text = std::fs::read_to_string(&path).expect("a stack is text");
            texts.insert(name, text.lines().map(ToOwned::to_owned).collect());
        }
        texts
    }

    /// Every way through the stack of this service: for `auth`, and for `account`.
    pub fn explore(&mut self, service: &str) -> [Ways; 2] {
        writeln!(self.to, "{service}").expect("the explorer listens");
        let mut found = [Ways::default(), Ways::default()];
        let mut line = String::new();
        loop {
            line.clear();
            assert_ne!(self.from.read_line(&mut line).expect("text"), 0, "the explorer ended at {service}");
            let words = line.trim_end();
            match words.split_once(' ') {
                None if words == "." => return found,
                Some(("?", question)) => self.learn(question),
                Some(("auth", way)) => found[0].0.push(self.way(way)),
                Some(("account", way)) => found[1].0.push(self.way(way)),
                _ => panic!("{words}: {service}"),
            }
        }
    }

    fn learn(&mut self, question: &str) {
        let words: Vec<&str> = question.split(' ').collect();
        let [service, kind, module, arguments @ ..] = words.as_slice() else { panic!("{question}") };
        let part = modules::part(service, kind, module, arguments);
        // A directory says other things of a login than of an account.
        let variable = self.variable(format!("{kind} {}", part.name));
        let gate = part.needs_key.then(|| self.variable("key".into()));
        let answers: Vec<String> = part.answers.iter().map(ToString::to_string).collect();
        let gate_number = gate.map_or("-1".to_owned(), |gate| gate.to_string());
        writeln!(self.to, "{variable} {gate_number} {}", answers.join(" ")).expect("the explorer listens");
        let line = words[2..].join(" ");
        self.questions.push(Rc::new(Question { part, line, variable, gate }));
    }

    fn variable(&mut self, name: String) -> usize {
        let next = self.variables.len();
        *self.variables.entry(name).or_insert(next)
    }

    fn way(&self, text: &str) -> Way {
        let mut words = text.split(' ');
        let told = words.next().expect("a code").parse().expect("a code");
        let mut way = Way::new(told);
        for word in words {
            let numbers: Vec<i32> = word.split(':').map(|number| number.parse().expect("a number")).collect();
            let question = &self.questions[usize::try_from(numbers[0]).expect("a question")];
            if let (Some(key), Some(gate)) = (numbers.get(2), question.gate) {
                way.shows_key(gate, *key != 0);
            }
            let is_shut = numbers.get(2).is_some_and(|key| *key == 0);
            if !is_shut {
                way.answers(question.variable, &question.part, numbers[1]);
            }
            way.steps.push(Step { question: Rc::clone(question), answer: numbers[1], is_shut });
        }
        way
    }
}

impl Drop for Explorer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
