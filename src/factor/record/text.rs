//! A record as text. What a later version adds to it is kept and written back: lines of another keyword, words behind those
//! of a known line, and known lines that say what is not known here. What must not be neglected needs a new version in the
//! head. Pure.

use std::borrow::Cow;
use std::fmt::{self, Write};

use crate::factor::record::lines::number;
use crate::factor::record::{
    Barred, Class, Lane, LaneKey, MAX_BARRED, MAX_DEVICES, MAX_NETWORKS, MAX_TRUSTS, Record, TooLarge, Trust, begins,
};

/// The version that is written.
pub(super) const VERSION: u32 = 2;
/// Bytes of a text with its head, so that each one fits a slot.
pub(super) const LONGEST: usize = 4096;

/// What `make` makes of a record's text, where it fits. What does not fit is dropped in this order: trusts, marks, idle
/// networks; never a device. A record beyond its bounds is never written: it could not be read again as it is.
pub(super) fn fitted<T>(record: &Record, make: impl Fn(&str) -> Option<T>) -> Result<T, TooLarge> {
    let mut record = Cow::Borrowed(record);
    loop {
        if let Some(made) = make(&record.body()).filter(|_| record.is_sound()) {
            return Ok(made);
        }
        record.to_mut().drop_one()?;
    }
}

/// Why a text is no record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unreadable {
    /// Of a later version, or with more of one than can be carried along: never healed, never written.
    Newer,
    /// Not what [`Record::to_text`] gives.
    Damaged,
}

impl Record {
    /// For a store that keeps a record as one value, whole or not at all: a line that names the version, and the lines.
    pub fn to_text(&self) -> Result<String, TooLarge> {
        fitted(self, |body| {
            let text = format!("pam_totp {VERSION}\n{body}");
            (text.len() <= LONGEST).then_some(text)
        })
    }

    /// What such a store kept.
    pub fn from_text(text: &str) -> Result<Self, Unreadable> {
        let (head, body) = text.split_once('\n').unwrap_or((text, ""));
        let mut words = head.split(' ');
        let version: Option<u32> = words.next().filter(|word| *word == "pam_totp").and_then(|_| number(words.next()?));
        match version {
            Some(later) if later > VERSION => Err(Unreadable::Newer),
            Some(VERSION) if words.next().is_none() && text.ends_with('\n') => {
                let lines: Vec<&str> = body.split_terminator('\n').collect();
                Self::of_lines(&lines).filter(|_| text.len() <= LONGEST).ok_or(Unreadable::Newer)
            }
            _ => Err(Unreadable::Damaged),
        }
    }

    /// The lines of this version. A line counts if it is understood, the first of its name, and within the bounds of its
    /// like; any other one is kept. `None`: the lines cannot be carried along, or must not be.
    pub(super) fn of_lines<T: AsRef<str>>(lines: &[T]) -> Option<Self> {
        let mut record = Self::default();
        for line in lines.iter().map(AsRef::as_ref) {
            let form = LineForm::of(line);
            let understood =
                form.filter(|form| !form.is_contested(line, lines)).and_then(|form| record.take(form, line));
            if understood.is_none() {
                record.keep(form, line)?;
            }
        }
        // As the lines are written, wherever they stood.
        let place = |name: &str| FORMS.iter().position(|form| begins(name, form.keyword));
        record.more.sort_by_key(|(name, _)| place(name));
        record.is_sound().then_some(record)
    }

    /// One line more that counts.
    fn take(&mut self, form: &LineForm, line: &str) -> Option<()> {
        let (line, more) = form.split(line);
        let (keyword, known) = line.split_once(' ')?;
        match keyword {
            "device" if self.devices.len() < MAX_DEVICES => self.devices.push(known.parse().ok()?),
            "backup" if self.backup.is_none() => self.backup = Some(known.parse().ok()?),
            "unit" if self.unit.is_none() => self.unit = Some(number(known).filter(|unit| *unit > 0)?),
            "lane" => self.lanes.push(known.parse().ok().filter(|lane| self.has_room_for(lane))?),
            "class" => self.classes.push(known.parse().ok().filter(|class: &Class| self.class(class.key).is_none())?),
            "row" if self.row == 0 => self.row = number(known).filter(|row| *row > 0)?,
            "barred" => self.barred.push(known.parse().ok().filter(|barred| self.is_further(barred))?),
            "since" if self.since.is_none() => self.since = Some(known.parse().ok()?),
            "trust" => self.trusts.push(known.parse().ok().filter(|trust| self.is_another(trust))?),
            "proving" if self.proving.is_none() => self.proving = Some(known.parse().ok()?),
            "came" if self.came.is_none() => self.came = Some(known.parse().ok()?),
            _ => return None,
        }
        self.more.extend(more.map(|more| (form.name(line).to_owned(), more.to_owned())));
        Some(())
    }

    fn has_room_for(&self, lane: &Lane) -> bool {
        let is_network = |key: LaneKey| matches!(key, LaneKey::Net(_));
        let networks = self.lanes.iter().filter(|lane| is_network(lane.key)).count();
        self.lane(lane.key).is_none() && (networks < MAX_NETWORKS || !is_network(lane.key))
    }

    fn is_further(&self, barred: &Barred) -> bool {
        let of_device = self.barred.iter().filter(|known| known.id == barred.id).count();
        of_device < MAX_BARRED && !self.barred.contains(barred)
    }

    fn is_another(&self, trust: &Trust) -> bool {
        self.trusts.len() < MAX_TRUSTS && self.trusts.iter().all(|known| known.hash != trust.hash)
    }

    /// One line more that does not. It is written back, and costs at most what a lost line of its kind would: a device or a
    /// set of backup codes is healed alone. But without a range of steps that never count, they would count.
    fn keep(&mut self, form: Option<&LineForm>, line: &str) -> Option<()> {
        let barred = form.filter(|form| form.keyword == "barred").map(|form| form.name(line));
        let is_known = |range: &str| self.barred.iter().any(|barred| barred.to_string() == range);
        if barred.is_some_and(|range| !is_known(range)) {
            return None;
        }
        self.other.push(line.to_owned());
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
        let more = self.more.iter().filter(|(name, _)| begins(written, name)).map(|(_, more)| more.as_str());
        let more: Vec<&str> = more.take(1).collect();
        more.iter().try_for_each(|more| write!(out, " {more}"))?;
        out.write_char('\n')
    }
}

/// How a known line is told: its keyword, how many words it has, and how many of them name it among its like.
struct LineForm {
    keyword: &'static str,
    words: usize,
    name: usize,
}

const FORMS: [LineForm; 11] = [
    LineForm { keyword: "device", words: 7, name: 2 },
    LineForm { keyword: "backup", words: 3, name: 2 },
    LineForm { keyword: "unit", words: 2, name: 1 },
    LineForm { keyword: "lane", words: 5, name: 2 },
    LineForm { keyword: "class", words: 4, name: 2 },
    LineForm { keyword: "row", words: 2, name: 1 },
    LineForm { keyword: "barred", words: 4, name: 4 },
    LineForm { keyword: "since", words: 4, name: 1 },
    LineForm { keyword: "trust", words: 4, name: 2 },
    LineForm { keyword: "proving", words: 3, name: 1 },
    LineForm { keyword: "came", words: 3, name: 1 },
];

impl LineForm {
    fn of(line: &str) -> Option<&'static Self> {
        FORMS.iter().find(|form| begins(line, form.keyword))
    }

    /// Do two lines speak of one device, or of one set of backup codes? Which of them is right, nobody knows here.
    fn is_contested<T: AsRef<str>>(&self, line: &str, lines: &[T]) -> bool {
        let of_one = |name: &str| lines.iter().filter(|line| begins(line.as_ref(), name)).count();
        matches!(self.keyword, "device" | "backup") && of_one(self.name(line)) > 1
    }

    /// The words that this version knows, and those behind them.
    fn split<'a>(&self, line: &'a str) -> (&'a str, Option<&'a str>) {
        let known = first_words(line, self.words);
        (known, line.get(known.len().saturating_add(1)..))
    }

    fn name<'a>(&self, line: &'a str) -> &'a str {
        first_words(line, self.name)
    }
}

/// So many words of a line, or all that it has.
fn first_words(line: &str, count: usize) -> &str {
    let mut blanks = line.bytes().enumerate().filter(|(_, byte)| *byte == b' ');
    let end = blanks.nth(count.saturating_sub(1)).map(|(end, _)| end);
    end.and_then(|end| line.get(..end)).unwrap_or(line)
}
