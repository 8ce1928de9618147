//! The state record: what is written is read, and whatever a crash leaves is the old record or the new one.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use pam_totp::factor::record::slots::{FILE, SLOT, Slot, StateFile, Writing, newest, print, read, read_older};
use pam_totp::factor::record::{
    BackupState, Barred, Came, CameBy, Class, ClassKey, DeviceState, Lane, LaneKey, MAX_BARRED, MAX_LANES,
    MAX_NETWORKS, Proving, RANGES, Record, Since, Trust,
};
use pam_totp::factor::source::{Network, Source};

mod bounds;
mod later;
mod lines;
mod random;
mod slots;
mod text;
mod torn;
mod version1;

use random::record;

/// A slot with any body and the checksum that makes it count.
fn slot(version: &str, sequence: u64, body: &str) -> Vec<u8> {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&sequence.to_le_bytes());
    hasher.update(body.as_bytes());
    let head = format!("pam_totp {version} {sequence} {} {:08x}\n", body.len(), hasher.finalize());
    let mut bytes = [head.as_bytes(), body.as_bytes()].concat();
    bytes.resize(SLOT, b'\n');
    bytes
}

fn printed(sequence: u64, record: &Record) -> Vec<u8> {
    let bytes = print(sequence, record).expect("fits");
    assert_eq!(bytes.len(), SLOT);
    bytes
}

/// The lines behind the head, without what pads them.
fn body(slot: &[u8]) -> String {
    let text = std::str::from_utf8(slot).expect("text");
    let (head, rest) = text.split_once('\n').expect("a head");
    let length = head.split(' ').nth(3).and_then(|word| word.parse().ok()).expect("a length");
    rest[..length].strip_suffix('\n').unwrap_or_default().to_owned()
}

fn valid(found: StateFile) -> Slot {
    match found {
        StateFile::Valid(slot) => slot,
        other => panic!("{other:?}"),
    }
}

fn assert_old_or_new(torn: &[u8], kept: &[u8], torn_is_first: bool, old: &Record, new: &Record) {
    let file = if torn_is_first { [torn, kept].concat() } else { [kept, torn].concat() };
    let found = valid(read(&file));
    let expected = if found.sequence == 8 { new } else { old };
    assert!(found.sequence >= 7 && found.record == *expected, "{found:?}");
}

fn lane(key: LaneKey, full: u64, seen: u64) -> Lane {
    Lane { key, full, seen, last: 0 }
}

fn network(n: u8) -> LaneKey {
    LaneKey::Net(Network::V4([192, 0, n]))
}
