//! What wrong codes have left behind in a user's record, without anybody typing them.

use pam_totp::factor::attempt::weight;
use pam_totp::factor::record::{Record, Since};
use pam_totp::factor::source::Source;
use pam_totp::factor::throttle::{Buckets, Limits, ROW, lane_of};
use pam_totp::store::{FileStore, Store};
use std::path::Path;

/// The record as the next login finds it.
pub fn record(user: &str) -> Record {
    store().record(user).expect("a whole record").expect("a record")
}

/// Changes what the next login finds.
pub fn changes(user: &str, change: impl FnOnce(&mut Record)) {
    let store = store();
    let mut locked = store.lock(user).expect("nobody else's lock");
    let mut record = locked.record().expect("a whole record").expect("a record");
    change(&mut record);
    locked.commit(&record).expect("writes it");
}

/// So many wrong single codes on this host, at the door and from an unknown place, at `now`: in each of their lanes.
pub fn wrong(user: &str, now: u64, count: u32) {
    [Source::Local, Source::Door, Source::Unknown].iter().for_each(|from| wrong_from(user, *from, now, count));
}

/// So many from there alone.
pub fn wrong_from(user: &str, from: Source, now: u64, count: u32) {
    changes(user, |record| {
        for _ in 0..count {
            buckets(user, record, from, now).charge_single(record);
            let before = record.since.as_ref().map_or(0, |since| since.count);
            record.since = Some(Since { count: before + 1, at: now, from });
        }
    });
}

/// All wrong codes that a lane has: from now on two codes in a row are asked for there.
pub fn spent_from(user: &str, from: Source, now: u64) {
    wrong_from(user, from, now, Limits::default().free);
}

/// The same in each of those lanes.
pub fn spent(user: &str, now: u64) {
    wrong(user, now, Limits::default().free);
}

/// As if nobody had typed a wrong code.
pub fn refilled(user: &str) {
    changes(user, |record| {
        record.lanes.clear();
        record.classes.clear();
        (record.row, record.since) = (0, None);
    });
}

/// A hundred wrong codes in a row, whoever typed them: now that is asked for everywhere.
pub fn closed(user: &str) {
    changes(user, |record| record.row = ROW);
}

/// So many wrong pairs at once, everywhere, that three codes in a row are asked for.
pub fn flooded(user: &str, now: u64) {
    changes(user, |record| {
        for from in [Source::Local, Source::Unknown] {
            let buckets = buckets(user, record, from, now);
            while buckets.gate(record).row == 2 {
                buckets.charge_pair(record);
            }
        }
    });
}

fn buckets(user: &str, record: &Record, from: Source, now: u64) -> Buckets {
    let enrollment = store().enrollment(user.into()).expect("a whole secret").expect("an enrollment");
    let lane = lane_of(record, from, enrollment.devices.first().map(|device| &device.secret));
    Buckets::new(lane, &Limits::default(), weight(&enrollment, record, now, 1), now)
}

fn store() -> FileStore {
    FileStore::open(Path::new("/var/lib/pam_totp")).expect("the store")
}
