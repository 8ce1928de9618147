//! Records of version 1, whose lanes held waits: read, and never written again. Pure.

use crate::factor::record::lines::number;
use crate::factor::record::{Class, Lane, LaneKey, Record};
use crate::factor::throttle::{self, Limits};

/// `lane key fails last until seen` of version 1.
struct OldLane {
    key: LaneKey,
    fails: u32,
    last: u64,
    seen: u64,
}

/// A body of version 1: failures that were counted become what is missing in the buckets.
pub(super) fn parse(body: &str) -> Option<Record> {
    let mut lanes: Vec<OldLane> = Vec::new();
    let mut lines: Vec<String> = Vec::new();
    for line in body.split_terminator('\n') {
        match line.split_once(' ')? {
            ("lane", words) => lanes.push(lane(words)?),
            ("trust", _) => lines.push(format!("{line} -")),
            // Nobody has written them then, and here they would stand beside those of this version.
            ("unit" | "class" | "row" | "barred", _) => {}
            _ => lines.push(line.to_owned()),
        }
    }
    let mut record = Record::of_lines(&lines)?;
    let every = Limits::default().every;
    record.unit = Some(every);
    record.row = record.since.as_ref().map_or(0, |since| since.count);
    for OldLane { key, fails, last, seen } in lanes {
        let missing = u64::from(fails.min(Limits::default().free));
        let owed = |before: u64, each: u64| match missing {
            0 => before,
            _ => before.max(last).saturating_add(missing.saturating_mul(each)),
        };
        record.lanes.push(Lane { key, full: owed(0, every), seen, last });
        let each = throttle::class_every(every);
        match record.classes.iter_mut().find(|class| class.key == key.class()) {
            // Whatever the lanes of a class have used up is missing in the class.
            Some(class) => class.full = owed(class.full, each),
            None => record.classes.push(Class { key: key.class(), full: owed(0, each), pairs: 0 }),
        }
    }
    record.is_sound().then_some(record)
}

fn lane(words: &str) -> Option<OldLane> {
    let words: Vec<&str> = words.split(' ').collect();
    let &[key, fails, last, until, seen] = words.as_slice() else { return None };
    let _: u64 = number(until)?;
    // All strangers had one lane; the first of the eight takes what was counted.
    let key = if key == "other" { LaneKey::Other(0) } else { key.parse().ok()? };
    Some(OldLane { key, fails: number(fails)?, last: number(last)?, seen: number(seen)? })
}
