//! User names become file names: of every one its own, and none outside its folder.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use pam_totp::store::Store;

fn listed(folder: PathBuf) -> BTreeSet<String> {
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().expect("plain")).collect()
}

fn named(name: &str) -> Account {
    Account { name: name.into(), uid: 1000, gid: 1000 }
}

#[test]
fn strange_names_do_not_meet_and_do_not_leave() {
    let place = Place::new();
    let before = listed(place.folder.path().into());
    let (longest, percents) = ("a".repeat(240), "%".repeat(80));
    let names = [
        "alice",
        "Alice",
        "alice ",
        ".",
        "..",
        "...",
        ".alice",
        "a.b",
        "a/b",
        "a%2Fb",
        "a%2fb",
        "/",
        "%2F",
        "../secrets",
        "../../x",
        "%",
        "%25",
        "%2E",
        "%2E%2E",
        "-",
        "~root",
        "user@EXAMPLE.COM",
        "EXAMPLE\\bob",
        "EXAMPLE+bob",
        "a\nb",
        "a\tb",
        "\u{7f}",
        "ü",
        "u\u{308}",
        "名前",
        "alice.toml",
        ".alice.toml.new",
        &longest,
        &percents,
    ];
    for (name, key) in names.iter().zip(1..) {
        place.enrolls(&named(name), key, false).expect(name);
    }
    assert_eq!(listed(place.folder.path().into()), before);
    assert_eq!(listed(place.path("")), ["secrets", "state"].map(String::from).into());
    assert_eq!((listed(place.path("secrets")).len(), listed(place.path("state")).len()), (names.len(), names.len()));

    let store = place.store().unwrap();
    assert_eq!(store.names().unwrap().into_iter().collect::<BTreeSet<_>>(), names.map(String::from).into());
    for (name, key) in names.iter().zip(1..) {
        let judge = |answer| {
            let verdict = verify::verify(&store, &Policy::default(), &named(name), Source::Local, &answer, None);
            verdict.unwrap().unwrap().outcome
        };
        assert!(matches!(judge(wrong_answer(key)), Outcome::Wrong { .. }), "{name}");
        assert!(matches!(judge(answer(key)), Outcome::Accepted { .. }), "{name}");
    }
}

#[test]
fn names_that_fit_no_file_cannot_enroll() {
    let place = Place::new();
    let before = place.snapshot();
    for name in ["", &"a".repeat(241), &"a".repeat(255), &"%".repeat(81), &"ü".repeat(41), &"a".repeat(10_000)] {
        let refused = Err(ManageError::from(StoreError::NameTooLong));
        assert_eq!(place.enrolls(&named(name), 1, false), refused, "{name}");
        let store = place.store().unwrap();
        assert_eq!(store.is_enrolled(name), Ok(false));
        let verdict = verify::verify(&store, &Policy::default(), &named(name), Source::Local, &answer(1), None);
        assert_eq!(verdict, Err(StoreError::NameTooLong));
        assert_eq!(manage::remove(&store, name), Err(ManageError::Refused(ChangeError::NotEnrolled)));
    }
    assert_eq!(place.snapshot(), before);
}

#[test]
fn files_that_no_name_makes_are_nobodys() {
    let place = Place::enrolled();
    let foreign = [
        ".toml",
        ".hidden.toml",
        "%2e.toml",
        "%41.toml",
        "a%.toml",
        "a%2.toml",
        "a%ZZ.toml",
        "%+5.toml",
        "%FF.toml",
        "a b.toml",
        "ü.toml",
        "daemon",
        "daemon.toml~",
        "daemon.toml.new",
        ".daemon.toml.new",
        "x.TOML",
    ];
    for name in foreign {
        fs::copy(place.secret(), place.path("secrets").join(name)).unwrap();
    }
    assert_eq!(place.store().unwrap().names().unwrap(), [USER]);
}

#[test]
fn names_that_no_account_has_are_not_looked_up() {
    for name in
        ["", "a/b", "../root", "root:x", "root\n", "root\0", "\u{1b}[2J", &"r".repeat(256), &"r".repeat(100_000)]
    {
        assert_eq!(account::by_name(name), Ok(None), "{name:?}");
    }
    assert_eq!(account::by_name("root"), Ok(Some(Account { name: "root".into(), uid: 0, gid: 0 })));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn two_names_never_share_a_file(
        names in prop::collection::btree_set("[a%2F/.]{1,6}|[^\0]{1,12}", 6),
    ) {
        let place = Place::new();
        let store = place.store().unwrap();
        for name in &names {
            drop(store.lock(name).unwrap());
        }
        let files = listed(place.path("state"));
        prop_assert_eq!(files.len(), names.len());
        for file in files {
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._@%-".contains(&byte);
            prop_assert!(file.bytes().all(plain) && !file.starts_with('.') && file.len() <= 240, "{}", file);
        }
    }
}
