//! A write that the disk kept in part: whatever was there before, what is read is the old record or the new one.

use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use super::*;
use crate::support::effort::effort;

/// Records at random, and in each run the same ones: no checksum of 32 bits is broken by bad luck.
struct Records(TestRunner);

impl Records {
    fn next(&mut self) -> Record {
        record().new_tree(&mut self.0).expect("a record").current()
    }

    fn noise(&mut self) -> Vec<u8> {
        vec(any::<u8>(), SLOT).new_tree(&mut self.0).expect("bytes").current()
    }
}

/// A slot that is being written, and what is there.
struct Write {
    old: Record,
    new: Record,
    /// The other slot, which stays.
    kept: Vec<u8>,
    written: Vec<u8>,
    /// What the slot may have held before.
    before: Vec<(&'static str, Vec<u8>)>,
}

impl Write {
    fn new(records: &mut Records) -> Self {
        let (old, new, oldest, another) = (records.next(), records.next(), records.next(), records.next());
        let (kept, written) = (printed(7, &old), printed(8, &new));
        let before = vec![
            ("older", printed(6, &oldest)),
            ("older, of the same length", printed(6, &new)),
            ("zeros", vec![0; SLOT]),
            ("ones", vec![0xff; SLOT]),
            ("line feeds", vec![b'\n'; SLOT]),
            ("noise", records.noise()),
            ("the other slot", kept.clone()),
            ("another user's, older", printed(3, &another)),
            ("another user's, of the same number", printed(8, &another)),
            ("another user's, newer", printed(9, &another)),
            ("a text", b"# /etc/passwd\nroot:x:0:0:root:/root:/bin/bash\n".repeat(99)[..SLOT].to_vec()),
        ];
        Self { old, new, kept, written, before }
    }

    /// In both orders of the slots.
    fn assert_old_or_new(&self, torn: &[u8], before: &(&str, Vec<u8>), how: &str) {
        // Nothing arrived but what pads it. That another user's whole slot counted, if it was here, is no matter of
        // this write.
        let body = before.1.trim_ascii_end();
        if !body.is_empty() && torn.starts_with(body) {
            return;
        }
        for first in [true, false] {
            let file = if first { [torn, &self.kept].concat() } else { [&self.kept, torn].concat() };
            let found = valid(read(&file));
            let whole = torn == self.written;
            let expected = if found.sequence == 8 { &self.new } else { &self.old };
            assert!(found.record == *expected && (7..=8).contains(&found.sequence), "{how} over {}", before.0);
            assert!(!whole || found.sequence == 8, "whole, and not read");
        }
    }
}

#[test]
fn every_cut_over_whatever_was_there() {
    let mut records = Records(TestRunner::deterministic());
    for round in 0..effort(1, 10) {
        let write = Write::new(&mut records);
        for before in &write.before {
            for cut in 0..=SLOT {
                let torn = [&write.written[..cut], &before.1[cut..]].concat();
                write.assert_old_or_new(&torn, before, &format!("round {round}, {cut} bytes"));
            }
        }
    }
}

/// A disk writes its sectors in any order, and some of them never.
#[test]
fn every_choice_of_sectors_over_whatever_was_there() {
    const SECTOR: usize = 512;
    let mut records = Records(TestRunner::deterministic());
    for round in 0..effort(4, 100) {
        let write = Write::new(&mut records);
        for before in &write.before {
            for done in 0_u32..1 << (SLOT / SECTOR) {
                let pieces = (0..).zip(write.written.chunks(SECTOR).zip(before.1.chunks(SECTOR)));
                let torn = pieces.flat_map(|(n, (new, old))| if done >> n & 1 == 1 { new } else { old });
                let torn: Vec<u8> = torn.copied().collect();
                write.assert_old_or_new(&torn, before, &format!("round {round}, sectors {done:08b}"));
            }
        }
    }
}

/// One login over the slot that it writes: the charge, and the outcome over it.
struct Login {
    old: Record,
    charged: Record,
    outcome: Record,
    kept: Vec<u8>,
    written: [Vec<u8>; 2],
}

impl Login {
    fn new(records: &mut Records) -> Self {
        let (old, charged, outcome) = (records.next(), records.next(), records.next());
        let kept = printed(7, &old);
        let written = [printed(8, &charged), printed(9, &outcome)];
        Self { old, charged, outcome, kept, written }
    }

    /// Of three slots one, and of the later ones none in which what was written before is lost.
    fn assert_one_of_them(&self, torn: &[u8], may_be: &[u64], how: &str) {
        for file in [[torn, &self.kept].concat(), [&self.kept, torn].concat()] {
            let found = valid(read(&file));
            let expected = match found.sequence {
                9 => &self.outcome,
                8 => &self.charged,
                _ => &self.old,
            };
            assert!(found.record == *expected && may_be.contains(&found.sequence), "{how}: {}", found.sequence);
        }
    }
}

/// Wherever the power goes, a login is what it was before, a counted guess, or done.
#[test]
fn a_login_cut_anywhere_is_none_or_a_counted_guess_or_whole() {
    let mut records = Records(TestRunner::deterministic());
    for round in 0..effort(1, 10) {
        let login = Login::new(&mut records);
        let [charge, outcome] = &login.written;
        let older = printed(6, &login.charged);
        for cut in 0..=SLOT {
            let how = format!("round {round}, {cut} bytes");
            login.assert_one_of_them(&[&charge[..cut], &older[cut..]].concat(), &[7, 8], &how);
            // Half an outcome is no record: the charge is not lost where the whole of it was there before (the store
            // writes it again), and never taken for the outcome.
            login.assert_one_of_them(&[&outcome[..cut], &charge[cut..]].concat(), &[7, 8, 9], &how);
        }
        login.assert_one_of_them(charge, &[8], "the charge");
        login.assert_one_of_them(outcome, &[9], "the outcome");
    }
}
