//! Which of the two slots counts, which is written, and what a write that was broken off leaves.

use super::*;

proptest! {
    #[test]
    fn the_newest_slot_counts_wherever_it_is(a in record(), b in record(), sequence in 1..u64::MAX) {
        let (old, new) = (printed(sequence, &a), printed(sequence + 1, &b));
        let expected = |index| StateFile::Valid(Slot { sequence: sequence + 1, index, record: b.clone() });
        prop_assert_eq!(read(&[&old[..], &new].concat()), expected(1));
        prop_assert_eq!(read(&[&new[..], &old].concat()), expected(0));
    }

    /// A write that stops anywhere.
    #[test]
    fn a_torn_write_leaves_the_old_record_or_the_new_one(
        [oldest, old, new] in [record(), record(), record()],
        cut in 0..=SLOT,
        first in any::<bool>(),
    ) {
        let (oldest, kept, written) = (printed(6, &oldest), printed(7, &old), printed(8, &new));
        let torn = [&written[..cut], &oldest[cut..]].concat();
        assert_old_or_new(&torn, &kept, first, &old, &new);
    }

    /// A write of which the disk kept some sectors and not others.
    #[test]
    fn scattered_sectors_leave_the_old_record_or_the_new_one(
        [oldest, old, new] in [record(), record(), record()],
        done in any::<[bool; SLOT / 512]>(),
        first in any::<bool>(),
    ) {
        let (oldest, kept, written) = (printed(6, &oldest), printed(7, &old), printed(8, &new));
        let pieces = written.chunks(512).zip(oldest.chunks(512)).zip(done);
        let torn = pieces.flat_map(|((new, old), done)| if done { new } else { old }).copied().collect::<Vec<_>>();
        assert_old_or_new(&torn, &kept, first, &old, &new);
    }

    /// A block that decays is no record of its own; in the word of the version it may look like a later one.
    #[test]
    fn a_changed_byte_never_makes_another_record(
        [old, new] in [record(), record()], place in 0..SLOT, change in 1..=u8::MAX,
    ) {
        let (kept, mut changed) = (printed(7, &old), printed(8, &new));
        changed[place] ^= change;
        match read(&[changed, kept].concat()) {
            // The version, or a digit in the place of the space behind it.
            StateFile::Newer => prop_assert!(("pam_totp ".len().."pam_totp 2 ".len()).contains(&place)),
            StateFile::Valid(slot) => prop_assert!(slot.record == old || slot.record == new),
            StateFile::Nothing => prop_assert!(false, "the other slot is whole"),
        }
    }
}

#[test]
fn every_cut_of_one_write() {
    let record = |last| {
        let device = DeviceState { id: "7f3a9c21".into(), last: Some(last), drift: Some(0), at: None };
        Record { devices: vec![device], ..Record::default() }
    };
    let (oldest, kept, written) = (printed(6, &record(1)), printed(7, &record(2)), printed(8, &record(3)));
    for cut in 0..=SLOT {
        let torn = [&written[..cut], &oldest[cut..]].concat();
        assert_old_or_new(&torn, &kept, false, &record(2), &record(3));
    }
}

#[test]
fn the_first_write_of_all_leaves_nothing_or_the_record() {
    let record = Record { lanes: vec![lane(LaneKey::Local, 5, 5)], ..Record::default() };
    let mut written = printed(1, &record);
    written.resize(FILE, b'\n');
    for cut in (0..=SLOT).chain([FILE]) {
        match read(&written[..cut]) {
            StateFile::Nothing => assert!(cut < SLOT),
            found => assert_eq!(valid(found).record, record),
        }
    }
}

fn since(count: u32) -> Record {
    Record { since: Some(Since { count, at: 5, from: Source::Local }), ..Record::default() }
}

fn found(sequence: u64, index: u8, count: u32) -> StateFile {
    StateFile::Valid(Slot { sequence, index, record: since(count) })
}

#[test]
fn a_record_goes_over_the_older_slot_and_never_over_the_newest() {
    let mut file = Vec::new();
    for count in 1..=5 {
        let (before, place) = newest(read(&file), StateFile::Nothing).expect("of this version");
        assert_eq!(before, (count > 1).then(|| since(count - 1)));
        let Writing { bytes, offset, then } = place.write(&since(count)).expect("fits");
        // The first one makes both slots.
        let expected = if count == 1 { (FILE, 0) } else { (SLOT, if count % 2 == 0 { SLOT } else { 0 }) };
        assert_eq!((bytes.len(), usize::try_from(offset)), (expected.0, Ok(expected.1)), "{count}");
        file.resize(FILE, b'\n');
        file[expected.1..expected.1 + expected.0].copy_from_slice(&bytes);
        assert_eq!(newest(read(&file), StateFile::Nothing), Some((Some(since(count)), then)), "{count}");
    }
}

#[test]
fn of_two_files_the_higher_sequence_counts_and_only_the_own_slots_are_written() {
    let place = |own, other| {
        let (record, place) = newest(own, other).expect("of this version");
        let Writing { bytes, offset, .. } = place.write(&since(9)).expect("fits");
        let sequence = valid(read(&bytes)).sequence;
        (record.and_then(|r| r.since).map(|s| s.count), sequence, usize::try_from(offset), bytes.len())
    };
    assert_eq!(place(found(5, 1, 1), found(9, 1, 2)), (Some(2), 10, Ok(0), SLOT));
    assert_eq!(place(found(5, 0, 1), found(9, 1, 2)), (Some(2), 10, Ok(SLOT), SLOT));
    assert_eq!(place(found(9, 0, 1), found(5, 0, 2)), (Some(1), 10, Ok(SLOT), SLOT));
    assert_eq!(place(found(9, 0, 1), found(9, 1, 2)), (Some(1), 10, Ok(SLOT), SLOT), "the own one of two alike");
    assert_eq!(place(StateFile::Nothing, found(9, 1, 2)), (Some(2), 10, Ok(0), FILE));
    assert_eq!(place(found(9, 1, 1), StateFile::Nothing), (Some(1), 10, Ok(0), SLOT));
    assert_eq!(place(StateFile::Nothing, StateFile::Nothing), (None, 1, Ok(0), FILE));
    // What is not kept in the own file need not be on its disk before the next write.
    let kept = |own, other| newest(own, other).expect("of this version").1.is_kept();
    assert!(kept(found(1, 0, 1), StateFile::Nothing) && kept(found(1, 1, 1), found(9, 1, 2)));
    assert!(!kept(StateFile::Nothing, found(9, 1, 2)) && !kept(StateFile::Nothing, StateFile::Nothing));
    assert_eq!(newest(StateFile::Newer, found(9, 1, 2)), None);
    assert_eq!(newest(found(9, 1, 2), StateFile::Newer), None);
}

proptest! {
    /// Whatever the two slots are: what each is alone decides which of them counts, and what it says.
    #[test]
    fn of_two_slots_that_one_counts_that_would_alone(
        slots in proptest::array::uniform2((0..3_u64, prop_oneof!["0", "1", "2", "3"], 0..6_usize, any::<bool>())),
    ) {
        let bodies = ["lane local 1 2 3\n", "lane local 1 2 3 4\n", "row 7\n", "", "word\n", "barred d1 9 5\n"];
        let slots = slots.map(|(sequence, version, body, is_whole)| {
            let mut bytes = slot(&version, sequence, bodies[body]);
            let sum = bytes.iter().position(|byte| *byte == b'\n').expect("a head") - 1;
            bytes[sum] ^= u8::from(!is_whole);
            (sequence, bytes)
        });
        let empty = || vec![b'\n'; SLOT];
        let alone = [[slots[0].1.clone(), empty()], [empty(), slots[1].1.clone()]].map(|both| read(&both.concat()));
        let both = [slots[0].1.clone(), slots[1].1.clone()].concat();
        let is_later = |bytes: &[u8]| bytes.starts_with(b"pam_totp 3");
        let among = |first: bool| {
            if slots.iter().any(|(_, bytes)| is_later(bytes)) {
                return StateFile::Newer;
            }
            let place = match &alone {
                [StateFile::Nothing, _] => 1,
                [_, StateFile::Nothing] => 0,
                _ => usize::from(if first { slots[1].0 > slots[0].0 } else { slots[1].0 < slots[0].0 }),
            };
            alone[place].clone()
        };
        prop_assert_eq!((read(&both), read_older(&both)), (among(true), among(false)));
    }
}

/// No login leaves two of one number. Whatever did: the first counts, and always the same one.
#[test]
fn of_two_slots_of_one_number_the_first_counts() {
    let record = |key| Record { lanes: vec![lane(key, 5, 5)], ..Record::default() };
    let (a, b) = (printed(7, &record(LaneKey::Local)), printed(7, &record(LaneKey::Door)));
    for (first, second, key) in [(&a, &b, LaneKey::Local), (&b, &a, LaneKey::Door)] {
        let found = valid(read(&[&first[..], second].concat()));
        assert_eq!((found.index, found.record), (0, record(key)));
    }
}

#[test]
fn of_two_slots_the_older_one_can_be_had() {
    let (older, newer) = (printed(7, &since(1)), printed(8, &since(2)));
    assert_eq!(read_older(&[&newer[..], &older].concat()), found(7, 1, 1));
    assert_eq!(read_older(&[&older[..], &newer].concat()), found(7, 0, 1));
    // Where there is but one, that.
    assert_eq!(read_older(&[&newer[..], &[b'\n'; SLOT]].concat()), found(8, 0, 2));
    assert_eq!(read_older(&[b'\n'; FILE]), StateFile::Nothing);
}

/// The charge and the outcome of one login.
#[test]
fn an_outcome_goes_over_its_charge_and_is_later() {
    for (kept, slot) in [(found(7, 0, 1), 1), (found(7, 1, 1), 0), (StateFile::Nothing, 0)] {
        let is_new = kept == StateFile::Nothing;
        let (_, place) = newest(kept, StateFile::Nothing).expect("of this version");
        let charge = place.write(&since(2)).expect("fits");
        let outcome = place.over(&charge).write(&since(3)).expect("fits");
        let sequences = [&charge, &outcome].map(|w| valid(read(&w.bytes)).sequence);
        assert_eq!(sequences, if is_new { [1, 2] } else { [8, 9] });
        assert_eq!([charge.offset, outcome.offset], [slot * SLOT as u64; 2]);
        // The next login writes the other one.
        assert_eq!(outcome.then.write(&since(4)).expect("fits").offset, (1 - slot) * SLOT as u64);
    }
}
