//! The store in memory.

use super::promises;
use super::*;
use pam_totp::store::MemoryStore;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

struct InMemory;

impl Held for MemoryStore {
    fn store(&self) -> &dyn Store {
        self
    }

    fn torn(&self, each: &dyn Fn(&dyn Store)) {
        let whole = self.record_text(USER).expect("a record");
        for length in (0..whole.len()).step_by(7) {
            self.put_record(USER, Some(whole[..length].to_owned()).filter(|text| !text.is_empty()));
            // What was cut off between two lines is a record of fewer lines.
            each(self);
        }
    }

    fn written_by_a_later_version(&self) {
        let text = self.record_text(USER).expect("a record");
        let (_, body) = text.split_once('\n').expect("a line that names the version");
        self.put_record(USER, Some(format!("pam_totp 99\n{body}")));
    }

    fn bytes(&self) -> Vec<u8> {
        self.record_text(USER).unwrap_or_default().into_bytes()
    }
}

impl Subject for InMemory {
    fn fresh(&self) -> Box<dyn Held> {
        // Others get their turn where they may come between.
        Box::new(MemoryStore::with_between(thread::yield_now))
    }

    /// It has two places to end at: before it writes, and behind that.
    fn interrupted(&self, work: Work, each: &dyn Fn(&dyn Store)) {
        for dies in [true, false] {
            let is_armed = Arc::new(AtomicBool::new(false));
            let armed = is_armed.clone();
            let store = MemoryStore::with_between(move || assert!(!armed.load(Ordering::SeqCst), "ends here"));
            set(&store, 1, Place::First).expect("enrolls");
            is_armed.store(dies, Ordering::SeqCst);
            let ended = catch_unwind(AssertUnwindSafe(|| match work {
                Work::Login => drop(types(&store, &answer(1, 0))),
                Work::Replace => drop(set(&store, 2, Place::InsteadOf(None))),
            }));
            assert_eq!(ended.is_err(), dies);
            is_armed.store(false, Ordering::SeqCst);
            each(&store);
        }
    }
}

#[test]
fn the_store_in_memory_keeps_to_what_every_store_must() {
    promises::all(&InMemory);
}
