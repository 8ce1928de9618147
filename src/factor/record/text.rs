//! A record as text, whole: unknown lines and words are kept. Pure.

use std::fmt::{self, Write};

use crate::factor::record::lines::number;
use crate::factor::record::{Record, TooLarge};

/// The version that is written.
pub(super) const VERSION: u32 = 2;
/// Bytes of a text with its head, so that each one fits a slot.
pub(super) const LONGEST: usize = 4096;

/// What `make` makes of a record's text, where it fits. What does not fit is dropped in this order: trusts, marks, idle
/// networks; never a device. A record beyond its bounds is never written: it would read as a lost one.
pub(super) fn fitted<T>(record: &Record, make: impl Fn(&str) -> Option<T>) -> Result<T, TooLarge> {
    let mut record = record.clone();
    loop {
        if let Some(made) = make(&record.body()).filter(|_| record.is_sound()) {
            return Ok(made);
        }
        record.drop_one()?;
    }
}

impl Record {
    /// The text of this version, without its head.
    pub(super) fn parse(body: &str) -> Option<Self> {
        let mut record = Self::default();
        body.split_terminator('\n').try_for_each(|line| record.take(line))?;
        // As the lines are written, wherever they stood.
        let place = |name: &str| FORMS.iter().position(|form| name.split(' ').next() == Some(form.keyword));
        record.more.sort_by_key(|(name, _)| place(name));
        record.is_sound().then_some(record)
    }

    /// One line more.
    pub(super) fn take(&mut self, line: &str) -> Option<()> {
        let (keyword, _) = line.split_once(' ')?;
        let Some(form) = FORMS.iter().find(|form| form.keyword == keyword) else {
            self.other.push(line.to_owned());
            return Some(());
        };
        let (line, more) = form.split(line);
        let known = line.split_once(' ')?.1;
        match keyword {
            "device" => self.devices.push(known.parse().ok()?),
            "backup" if self.backup.is_none() => self.backup = Some(known.parse().ok()?),
            "unit" if self.unit.is_none() => self.unit = Some(number(known).filter(|unit| *unit > 0)?),
            "lane" => self.lanes.push(known.parse().ok()?),
            "class" => self.classes.push(known.parse().ok()?),
            "row" if self.row == 0 => self.row = number(known).filter(|row| *row > 0)?,
            "barred" => self.barred.push(known.parse().ok()?),
            "since" if self.since.is_none() => self.since = Some(known.parse().ok()?),
            "trust" => self.trusts.push(known.parse().ok()?),
            "proving" if self.proving.is_none() => self.proving = Some(known.parse().ok()?),
            "came" if self.came.is_none() => self.came = Some(known.parse().ok()?),
            _ => return None,
        }
        self.more.extend(more.map(|more| (form.name(line).to_owned(), more.to_owned())));
        Some(())
    }

    fn body(&self) -> String {
        // As much for every record: under a limit on memory a wrong code, whose record is the longer one, would fail
        // where a right one does not, and be counted nowhere.
        let mut body = String::with_capacity(LONGEST);
        // Writing to a string does not fail.
        let _ = self.write_body(&mut body);
        body
    }

    fn write_body(&self, out: &mut String) -> fmt::Result {
        self.devices.iter().try_for_each(|line| self.write(out, line))?;
        self.backup.iter().try_for_each(|line| self.write(out, line))?;
        self.unit.iter().try_for_each(|unit| self.write(out, &format_args!("unit {unit}")))?;
        self.lanes.iter().try_for_each(|line| self.write(out, line))?;
        self.classes.iter().try_for_each(|line| self.write(out, line))?;
        if self.row > 0 {
            self.write(out, &format_args!("row {}", self.row))?;
        }
        self.barred.iter().try_for_each(|line| self.write(out, line))?;
        self.since.iter().try_for_each(|line| self.write(out, line))?;
        self.trusts.iter().try_for_each(|line| self.write(out, line))?;
        self.proving.iter().try_for_each(|line| self.write(out, line))?;
        self.came.iter().try_for_each(|line| self.write(out, line))?;
        self.other.iter().try_for_each(|line| writeln!(out, "{line}"))
    }

    /// A line, and what a later version had behind it.
    fn write(&self, out: &mut String, line: &dyn fmt::Display) -> fmt::Result {
        let start = out.len();
        write!(out, "{line}")?;
        let written = out.get(start..).unwrap_or_default();
        let begins =
            |name: &str| written.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with(' '));
        let more = self.more.iter().filter(|(name, _)| begins(name)).map(|(_, more)| more.as_str());
        let more: Vec<&str> = more.take(1).collect();
        more.iter().try_for_each(|more| write!(out, " {more}"))?;
        out.write_char('\n')
    }
}

/// How a known line is told: its keyword, how many words it has, and how many of them name it among its like.
struct Form {
    keyword: &'static str,
    words: usize,
    name: usize,
}

const FORMS: [Form; 11] = [
    Form { keyword: "device", words: 7, name: 2 },
    Form { keyword: "backup", words: 3, name: 2 },
    Form { keyword: "unit", words: 2, name: 1 },
    Form { keyword: "lane", words: 5, name: 2 },
    Form { keyword: "class", words: 4, name: 2 },
    Form { keyword: "row", words: 2, name: 1 },
    Form { keyword: "barred", words: 4, name: 4 },
    Form { keyword: "since", words: 4, name: 1 },
    Form { keyword: "trust", words: 4, name: 2 },
    Form { keyword: "proving", words: 3, name: 1 },
    Form { keyword: "came", words: 3, name: 1 },
];

impl Form {
    /// The words that this version knows, and those behind them.
    fn split<'a>(&self, line: &'a str) -> (&'a str, Option<&'a str>) {
        match line.match_indices(' ').nth(self.words.saturating_sub(1)) {
            Some((end, _)) => (line.get(..end).unwrap_or(line), line.get(end.saturating_add(1)..)),
            None => (line, None),
        }
    }

    fn name<'a>(&self, line: &'a str) -> &'a str {
        let end = line.match_indices(' ').nth(self.name.saturating_sub(1)).map(|(end, _)| end);
        end.and_then(|end| line.get(..end)).unwrap_or(line)
    }
}
