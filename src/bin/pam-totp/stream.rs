//! Many users, said one after the other as they are found: a million of them is no reason to hold a million lines.

use std::io::{self, IsTerminal, Write};
use std::mem;

use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use serde_json::Value;

use crate::json;
use crate::report::{Format, Report, wrapped};

/// So much of what is only looked at is written at once.
const CHUNK: usize = 8 * 1024;

/// stdout, while there is more to come, and on stderr a bar.
pub struct Stream {
    pub format: Format,
    /// Where stderr is a terminal; gone at the end.
    pub bar: ProgressBar,
    /// The list of the one object, which is written as it grows.
    list: Option<&'static str>,
    begun: bool,
    waiting: String,
    /// How much may wait.
    chunk: usize,
    /// stdout is one.
    is_terminal: bool,
    written: io::Result<()>,
}

impl Stream {
    /// Of what is looked at. `list`: where it stands in the one object.
    pub fn looking(format: Format, list: &'static str) -> Self {
        let stream = Self::changing(format);
        let chunk = if stream.is_terminal { 0 } else { CHUNK };
        Self { list: Some(list), chunk, ..stream }
    }

    /// Of changes: each is said once it was made.
    pub fn changing(format: Format) -> Self {
        let (bar, waiting, written) = (ProgressBar::hidden(), String::new(), Ok(()));
        let is_terminal = io::stdout().is_terminal();
        Self { format, bar, list: None, begun: false, waiting, chunk: 0, is_terminal, written }
    }

    /// Shows how far it is among so many. Programs need no bar, nor do people who see a list go by.
    pub fn counts(&mut self, users: usize) {
        let goes_by = self.list.is_some() && self.is_terminal;
        if users > 1 && !self.format.is_json() && !goes_by {
            self.bar = bar(users);
        }
    }

    /// Says something on stderr.
    pub fn aside<T>(&self, says: impl FnOnce() -> T) -> T {
        self.bar.suspend(says)
    }

    /// A line for people. Those of a list stay as they are.
    pub fn line(&mut self, line: &str) {
        if self.format == Format::Text {
            let line = if self.list.is_some() { line.into() } else { wrapped(line, &io::stdout()) };
            self.waiting.push_str(&line);
            self.waiting.push('\n');
            self.flow();
        }
    }

    /// A user for programs, in a line or in the list.
    pub fn object(&mut self, object: &impl Serialize) {
        match (self.format, self.list) {
            (Format::Json, Some(list)) => {
                self.waiting.push_str(&if mem::replace(&mut self.begun, true) { ",".into() } else { opening(list) });
                self.waiting.push_str(&text(object));
            }
            (Format::JsonLines, _) => {
                self.waiting.push_str(&text(object));
                self.waiting.push('\n');
            }
            _ => return,
        }
        self.flow();
    }

    /// Does nobody listen any more?
    pub fn is_over(&self) -> bool {
        self.written.is_err()
    }

    fn flow(&mut self) {
        if self.waiting.len() > self.chunk {
            self.write();
        }
    }

    fn write(&mut self) {
        let waiting = mem::take(&mut self.waiting);
        let write = || {
            let mut out = io::stdout();
            out.write_all(waiting.as_bytes()).and_then(|()| out.flush())
        };
        if self.written.is_ok() {
            self.written = if self.is_terminal { self.bar.suspend(write) } else { write() };
        }
    }

    /// What is left to say.
    pub fn end(mut self, report: Report) -> Report {
        self.bar.finish_and_clear();
        let is_open = self.format == Format::Json && self.list.is_some();
        if let (true, false, Some(list)) = (is_open, self.begun, self.list) {
            self.waiting.push_str(&opening(list));
        }
        self.write();
        let said = self.list.filter(|_| self.format.is_json());
        report.without(said.as_slice()).behind(is_open, self.written)
    }
}

fn opening(list: &str) -> String {
    format!("{{\"{list}\":[")
}

/// In the order of the keys, as the whole object is.
fn text(object: &impl Serialize) -> String {
    Value::Object(json::fields(object)).to_string()
}

/// On stderr, and only where that is a terminal.
pub fn bar(steps: usize) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:40} {pos} of {len}, {eta} left").ok();
    let bar = ProgressBar::new(steps.try_into().unwrap_or(u64::MAX));
    bar.with_style(style.unwrap_or_else(ProgressStyle::default_bar))
}
