//! The promises, each of every store.

use super::*;

fn of_a_code(subject: &dyn Subject) {
    let held = enrolled(subject);
    let (store, code) = (held.store(), answer(1, 0));
    assert!(matches!(types(store, &wrong(1)), Ok(Some(Outcome::Wrong { since: 1, .. }))));
    assert_eq!(store.record(USER).unwrap().unwrap().since.map(|since| since.count), Some(1));
    assert!(matches!(types(store, &code), Ok(Some(Outcome::Accepted { since: Some(_), .. }))));
    assert!(matches!(types(store, &code), Ok(Some(Outcome::Used { .. }))));
    assert_eq!(store.record(USER).unwrap().unwrap().since, None);
}

/// Whoever is not enrolled leaves nothing behind but a lock.
fn of_strangers(subject: &dyn Subject) {
    let held = subject.fresh();
    let store = held.store();
    assert_eq!(types(store, &answer(1, 0)), Ok(None));
    assert_eq!((store.is_enrolled(USER), store.names()), (Ok(false), Ok(Vec::new())));
    assert_eq!(store.enrollment(USER.into()), Ok(None));
    let refused = manage::remove(store, USER).unwrap_err();
    assert_eq!(refused, ChangeError::NotEnrolled.into());
}

/// A name that was given away does not inherit the keys.
fn of_another_uid(subject: &dyn Subject) {
    let held = enrolled(subject);
    let other = Account { uid: account().uid + 1, ..account() };
    assert!(matches!(held.store().enrollment((&other).into()), Err(StoreError::NotTheirs(..))));
    manage::rename(held.store(), USER, &other).expect("ties it");
    assert_eq!(held.store().enrollment((&other).into()).unwrap().unwrap().uid, other.uid);
    assert!(matches!(held.store().enrollment((&account()).into()), Err(StoreError::NotTheirs(..))));
}

/// Of many with one code one gets in; each guess of many is counted.
fn of_races(subject: &dyn Subject) {
    let held = enrolled(subject);
    let code = answer(1, 0);
    assert_eq!(at_once(&|| gets_in(held.store(), &code)), 1);
    let held = enrolled(subject);
    let code = wrong(1);
    let counted = at_once(&|| matches!(types(held.store(), &code), Ok(Some(Outcome::Wrong { .. }))));
    let since = held.store().record(USER).unwrap().unwrap().since.map_or(0, |since| since.count);
    assert_eq!(usize::try_from(since), Ok(counted));
    let held = subject.fresh();
    assert_eq!(at_once(&|| set(held.store(), 1, Place::First).is_ok()), 1);
    let last = Policy::default().throttle.free;
    assert!(counted > 0 && counted <= usize::try_from(last).unwrap() + 1, "{counted}");
}

/// What was used stays used: removed and set again, replaced and set again, moved away.
fn of_replays(subject: &dyn Subject) {
    let held = enrolled(subject);
    let (store, code) = (held.store(), answer(1, 0));
    assert!(gets_in(store, &code));
    manage::remove(store, USER).expect("removes");
    assert_eq!((store.is_enrolled(USER), store.keeps(USER)), (Ok(false), Ok(true)));
    set(store, 1, Place::First).expect("enrolls");
    assert!(!gets_in(store, &code));
    set(store, 2, Place::InsteadOf(None)).expect("replaces");
    assert!(!gets_in(store, &code) && gets_in(store, &answer(2, 0)));
    set(store, 1, Place::InsteadOf(None)).expect("replaces");
    assert!(!gets_in(store, &code) && gets_in(store, &answer(1, 1)));
    let other = Account { name: "moved".into(), ..account() };
    manage::rename(store, USER, &other).expect("moves");
    assert_eq!((store.is_enrolled(USER), store.names()), (Ok(false), Ok(vec!["moved".to_owned()])));
    manage::rename(store, "moved", &account()).expect("moves");
    assert!(!gets_in(store, &answer(1, 1)));
    manage::remove(store, USER).expect("removes");
    manage::forget(store, USER).expect("forgets");
    assert_eq!(store.keeps(USER), Ok(false));
}

/// An end in the middle loses no key, lets no code in twice, and leaves nobody outside.
fn of_kills(subject: &dyn Subject) {
    let times = AtomicUsize::new(0);
    subject.interrupted(Work::Login, &|store| {
        times.fetch_add(1, Ordering::SeqCst);
        let code = answer(1, 0);
        let first = gets_in(store, &code);
        assert!(!gets_in(store, &code), "{first}");
        assert!(gets_in(store, &answer(1, 1)));
    });
    subject.interrupted(Work::Replace, &|store| {
        times.fetch_add(1, Ordering::SeqCst);
        let both = [1, 2].map(|key| gets_in(store, &answer(key, 0)));
        assert!(both == [true, false] || both == [false, true], "{both:?}");
        set(store, 2, Place::InsteadOf(None)).expect("the same change again");
        assert!(gets_in(store, &answer(2, 1)));
    });
    assert!(times.into_inner() >= 2);
}

/// Of a record that was torn nothing is used again, and its owner comes back.
fn of_torn_records(subject: &dyn Subject) {
    let held = enrolled(subject);
    let code = answer(1, 0);
    assert!(gets_in(held.store(), &code));
    let times = AtomicUsize::new(0);
    held.torn(&|store| {
        times.fetch_add(1, Ordering::SeqCst);
        assert!(!gets_in(store, &code));
        assert!(store.is_enrolled(USER).unwrap());
    });
    assert!(times.into_inner() > 0);
}

/// What a later version wrote is neither healed nor written.
fn of_later_versions(subject: &dyn Subject) {
    let held = enrolled(subject);
    held.written_by_a_later_version();
    let before = held.bytes();
    assert!(matches!(types(held.store(), &answer(1, 0)), Err(StoreError::Newer(_))));
    assert!(set(held.store(), 2, Place::InsteadOf(None)).is_err());
    assert_eq!(held.bytes(), before);
}

/// All of them, of this store.
pub fn all(subject: &dyn Subject) {
    of_a_code(subject);
    of_strangers(subject);
    of_another_uid(subject);
    of_races(subject);
    of_replays(subject);
    of_kills(subject);
    of_torn_records(subject);
    of_later_versions(subject);
}
