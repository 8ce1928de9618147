//! The folders of a store, and those above it.

use std::os::unix::fs::symlink;

use super::*;

type Plant = fn(&Place);

fn moved(place: &Place, below: &str) {
    let aside = place.folder.path().join("aside");
    fs::rename(place.path(below), &aside).unwrap();
    symlink(&aside, place.path(below)).unwrap();
}

/// What is wrong with a folder, and what the log says of it.
const UNUSABLE: [(&str, Plant, &str); 19] = [
    ("no store", |place| fs::remove_dir_all(place.path("")).unwrap(), "store is missing"),
    ("no secrets", |place| fs::remove_dir_all(place.path("secrets")).unwrap(), "store/secrets is missing"),
    ("no state", |place| fs::remove_dir_all(place.path("state")).unwrap(), "store/state is missing"),
    ("a linked store", |place| moved(place, ""), "store is a symbolic link"),
    ("linked secrets", |place| moved(place, "secrets"), "store/secrets is a symbolic link"),
    ("linked state", |place| moved(place, "state"), "store/state is a symbolic link"),
    ("somebody else's store", |place| give_to(&place.path(""), NOBODY), "store does not belong to root"),
    ("somebody else's secrets", |place| give_to(&place.path("secrets"), NOBODY), "store/secrets does not belong"),
    ("somebody else's state", |place| give_to(&place.path("state"), NOBODY), "store/state does not belong"),
    ("a store for its group", |place| set_mode(&place.path(""), 0o775), "store can be written by others"),
    ("a store for all", |place| set_mode(&place.path(""), 0o757), "store can be written by others"),
    ("secrets for their group", |place| set_mode(&place.path("secrets"), 0o750), "store/secrets is open to others"),
    ("secrets for all", |place| set_mode(&place.path("secrets"), 0o701), "store/secrets is open to others"),
    ("sticky secrets", |place| set_mode(&place.path("secrets"), 0o1777), "store/secrets is open to others"),
    ("state for its group", |place| set_mode(&place.path("state"), 0o770), "store/state is open to others"),
    (
        "a file for a folder",
        |place| {
            fs::remove_dir_all(place.path("secrets")).unwrap();
            fs::write(place.path("secrets"), "").unwrap();
        },
        "store/secrets is not a directory",
    ),
    ("a folder above for all", |place| set_mode(place.folder.path(), 0o777), "can be written by others"),
    ("a folder above for its group", |place| set_mode(place.folder.path(), 0o770), "can be written by others"),
    ("somebody else's folder above", |place| give_to(place.folder.path(), NOBODY), "does not belong to root"),
];

#[test]
fn an_unusable_folder_opens_the_host_for_nobody() {
    for (what, plant, reason) in UNUSABLE {
        let place = Place::enrolled();
        plant(&place);
        let before = place.snapshot();
        let error = place.store().expect_err(what);
        assert!(error.to_string().contains(reason), "{what}: {error}");
        assert_eq!(place.enrolls(&place.account, 2, true), Err(ManageError::from(error.clone())), "{what}");

        // The policy lies in the same folder; where that is the fault, the strictest one looks elsewhere.
        let backend = Local::open(Some(&place.config()));
        if backend.policy_fault().is_none() {
            // Root, the enrolled one and one who never was: none is taken for unenrolled.
            for name in ["root", USER, "nobody"] {
                let expected = Preview::Ask(Standing::Faulty(error.clone().into()));
                assert_eq!(backend.preview(&login(Some(name), true)), expected, "{what}: {name}");
            }
            assert_eq!(place.login(), Err(error.into()), "{what}");
        }
        assert_eq!(place.snapshot(), before, "{what}: nothing is made or fixed");
    }
}

#[test]
fn switched_off_a_broken_store_locks_nobody_out() {
    let place = Place::new();
    fs::write(place.config(), "enabled = false\nstore = \"/nonexistent/pam_totp\"\n").unwrap();
    let backend = Local::open(Some(&place.config()));
    assert!(matches!(backend.preview(&login(Some(USER), false)), Preview::Ignore(..)));
}

#[test]
fn a_sticky_folder_above_is_no_fault() {
    let place = Place::enrolled();
    set_mode(place.folder.path(), 0o1777);
    place.gets_in();
}

#[test]
fn who_has_no_file_in_whole_folders_is_unenrolled() {
    let place = Place::new();
    let backend = Local::open(Some(&place.config()));
    assert_eq!(backend.preview(&login(Some(USER), false)), Preview::Ask(Standing::Unenrolled(place.account.clone())));
    assert!(matches!(backend.preview(&login(Some(USER), true)), Preview::Ignore(..)));
    assert_eq!(backend.preview(&login(Some("no such user"), false)), Preview::Ask(Standing::Unknown));
    assert_eq!(backend.preview(&login(None, false)), Preview::Ask(Standing::Unknown));
}
