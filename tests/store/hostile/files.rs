//! Secret, state and policy files.

use nix::sys::stat::{Mode, SFlag, makedev, mknod};
use nix::unistd::mkfifo;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;

use pam_totp::factor::record::{Record, Trust};

use super::*;
use pam_totp::store::Store;

type Plant = fn(&Path);

fn aside(path: &Path) -> PathBuf {
    path.ancestors().nth(3).unwrap().join("aside")
}

fn replaced(path: &Path, with: impl FnOnce(&Path)) {
    fs::remove_file(path).unwrap();
    with(path);
}

fn node(path: &Path, kind: SFlag, minor: u64) {
    let mode = Mode::S_IRUSR | Mode::S_IWUSR;
    replaced(path, |path| mknod(path, kind, mode, makedev(1, minor)).expect("these tests need root"));
}

/// What no file of ours can be, and what the log says of it.
const UNUSABLE: [(&str, Plant, &str); 13] = [
    ("10 MB", |path| fs::write(path, vec![b'x'; 10 << 20]).unwrap(), "is longer than 64 KiB"),
    (
        "a FIFO",
        |path| replaced(path, |path| mkfifo(path, Mode::S_IRUSR | Mode::S_IWUSR).unwrap()),
        "is not a regular file",
    ),
    ("an endless device", |path| node(path, SFlag::S_IFCHR, 5), "is not a regular file"),
    ("an empty device", |path| node(path, SFlag::S_IFCHR, 3), "is not a regular file"),
    ("a socket", |path| replaced(path, |path| drop(UnixListener::bind(path).unwrap())), "is not a regular file"),
    ("a directory", |path| replaced(path, |path| fs::create_dir(path).unwrap()), "is not a regular file"),
    (
        "a link to the right file",
        |path| {
            fs::rename(path, aside(path)).unwrap();
            symlink(aside(path), path).unwrap();
        },
        "is a symbolic link",
    ),
    ("a link to nothing", |path| replaced(path, |path| symlink("/nonexistent", path).unwrap()), "is a symbolic link"),
    ("a second name", |path| fs::hard_link(path, aside(path)).unwrap(), "has another name"),
    ("open to its group", |path| set_mode(path, 0o640), "is open to others"),
    ("open to all", |path| set_mode(path, 0o604), "is open to others"),
    ("writable by all", |path| set_mode(path, 0o602), "is open to others"),
    ("somebody else's", |path| give_to(path, NOBODY), "does not belong to root"),
];

/// What is a file of ours but for its bytes.
const DAMAGED: [(&str, Plant); 5] = [
    ("empty", |path| fs::write(path, "").unwrap()),
    ("cut", |path| fs::write(path, &fs::read(path).unwrap()[..70]).unwrap()),
    ("garbage", |path| fs::write(path, b"\xff\x00garbage\n".repeat(40)).unwrap()),
    ("zeros", |path| fs::write(path, [0; 8192]).unwrap()),
    ("64 KiB", |path| fs::write(path, vec![b'\n'; 64 << 10]).unwrap()),
];

/// Refused, for this reason, and not a byte of anything is another one.
fn is_refused(place: &Place, what: &str, reason: &str) {
    let before = place.snapshot();
    let error = place.login().expect_err(what);
    assert!(error.to_string().contains(reason), "{what}: {error}");
    assert_eq!(place.snapshot(), before, "{what}");
}

#[test]
fn an_unusable_secret_refuses_and_is_left_alone() {
    for (what, plant, reason) in UNUSABLE {
        let place = Place::enrolled();
        plant(&place.secret());
        is_refused(&place, what, reason);
        let before = place.snapshot();
        assert_eq!(
            place.enrolls(&place.account, 2, false),
            Err(ManageError::Refused(ChangeError::AlreadyEnrolled)),
            "{what}"
        );
        assert_eq!(place.snapshot(), before, "{what}");
    }
}

#[test]
fn a_damaged_secret_refuses_and_is_left_alone() {
    for (what, plant) in DAMAGED {
        let place = Place::enrolled();
        plant(&place.secret());
        is_refused(&place, what, "is damaged");
        assert_eq!(
            place.enrolls(&place.account, 2, false),
            Err(ManageError::Refused(ChangeError::AlreadyEnrolled)),
            "{what}"
        );
    }
}

#[test]
fn an_unusable_state_refuses_and_is_left_alone() {
    for (what, plant, reason) in UNUSABLE {
        let place = Place::enrolled();
        plant(&place.state());
        is_refused(&place, what, reason);
        let before = place.snapshot();
        assert!(matches!(place.enrolls(&place.account, 2, true), Err(ManageError::Unavailable(_))), "{what}");
        assert_eq!(place.snapshot(), before, "{what}");
    }
}

#[test]
fn a_damaged_state_heals_and_replays_nothing() {
    for (what, plant) in DAMAGED {
        let place = Place::enrolled();
        place.gets_in();
        plant(&place.state());
        let verdict = place.login().unwrap().unwrap();
        // That it was used, nobody knows any more.
        assert!(verdict.healed && matches!(verdict.outcome, Outcome::Later { .. }), "{what}: {verdict:?}");
        let verdict = place.login().unwrap().unwrap();
        assert!(!verdict.healed && matches!(verdict.outcome, Outcome::Later { .. }), "{what}: {verdict:?}");
    }
}

#[test]
fn a_state_that_is_gone_is_made_anew() {
    let place = Place::enrolled();
    fs::remove_file(place.state()).unwrap();
    assert!(place.login().unwrap().unwrap().healed);
    let stat = place.state().metadata().unwrap();
    assert_eq!((stat.mode() & 0o7777, stat.len()), (0o600, 8192));
}

#[test]
fn what_a_later_version_wrote_is_never_touched() {
    let place = Place::enrolled();
    fs::write(place.state(), "pam_totp 3 who knows what\n").unwrap();
    is_refused(&place, "state", "was written by a newer pam_totp: restart this service");
    let before = place.snapshot();
    let store = place.store().unwrap();
    for result in [
        place.enrolls(&place.account, 2, true),
        manage::unlock(&store, &Policy::default(), USER).map(drop),
        manage::remove(&store, USER),
    ] {
        assert_eq!(result, Err(ManageError::from(StoreError::Newer(place.state()))));
    }
    assert_eq!(place.snapshot(), before);

    let place = Place::enrolled();
    fs::write(place.secret(), "version = 4\nuser = 'daemon'\npasskey = []\n").unwrap();
    is_refused(&place, "secret", "was written by a newer pam_totp: restart this service");
}

#[test]
fn an_enrollment_of_another_account_is_refused() {
    for (from, to, reason) in [
        ("user = \"daemon\"", "user = \"root\"", "names another user"),
        ("uid = 1\n", "uid = 2\n", "was enrolled by another uid"),
    ] {
        let place = Place::enrolled();
        let text = fs::read_to_string(place.secret()).unwrap();
        assert!(text.contains(from), "{text}");
        fs::write(place.secret(), text.replace(from, to)).unwrap();
        is_refused(&place, to, reason);
    }
}

#[test]
fn no_reason_shows_what_is_in_a_file() {
    let place = Place::enrolled();
    let text = fs::read_to_string(place.secret()).unwrap();
    let key = device(1).secret.to_base32();
    fs::write(place.secret(), text.replace("secret = \"", "secret = \"!")).unwrap();
    let error = place.login().unwrap_err();
    assert!(!format!("{error} {error:?}").contains(&key[..8]));
    fs::write(place.secret(), text.replace("secret = \"", "secret = ")).unwrap();
    let error = place.login().unwrap_err();
    assert!(!format!("{error} {error:?}").contains(&key[..8]));
    assert!(error.to_string().contains("at line "), "{error}");
}

#[test]
fn replacing_fixes_any_file_and_follows_no_link() {
    for (what, plant, _) in UNUSABLE {
        let place = Place::enrolled();
        plant(&place.secret());
        let aside = fs::read(aside(&place.secret())).ok();
        let result = place.enrolls(&place.account, 1, true);
        if what == "a directory" {
            assert!(matches!(result, Err(ManageError::Unavailable(_))), "{result:?}");
            continue;
        }
        assert_eq!(result, Ok(()), "{what}");
        assert_eq!(fs::read(self::aside(&place.secret())).ok(), aside, "{what}");
        assert_eq!(place.secret().symlink_metadata().unwrap().mode(), 0o100600, "{what}");
        place.gets_in();
    }
}

#[test]
fn removing_takes_any_file_away_and_follows_no_link() {
    for (what, plant, _) in UNUSABLE {
        let place = Place::enrolled();
        plant(&place.secret());
        let aside = fs::read(aside(&place.secret())).ok();
        let result = manage::remove(&place.store().unwrap(), USER);
        assert_eq!(result.is_ok(), what != "a directory", "{what}: {result:?}");
        assert_eq!(place.secret().symlink_metadata().is_err(), what != "a directory", "{what}");
        assert_eq!(fs::read(self::aside(&place.secret())).ok(), aside, "{what}");
        assert!(place.state().exists(), "neither replays nor waits are washed out");
    }
}

#[test]
fn what_a_crash_left_in_the_way_is_reused() {
    let plants: [Plant; 4] = [
        |path| fs::write(path, "half a fi").unwrap(),
        |path| {
            fs::write(path, "open to all").unwrap();
            set_mode(path, 0o666);
            give_to(path, NOBODY);
        },
        |path| mkfifo(path, Mode::S_IRUSR).unwrap(),
        |path| {
            fs::write(aside(path), "precious").unwrap();
            symlink(aside(path), path).unwrap();
        },
    ];
    for plant in plants {
        let place = Place::enrolled();
        plant(&place.path("secrets").join(format!(".{USER}.toml.new")));
        in_time(|| place.enrolls(&place.account, 1, true)).unwrap();
        let names: Vec<_> = fs::read_dir(place.path("secrets")).unwrap().map(|e| e.unwrap().path()).collect();
        assert_eq!(names, [place.secret()], "at most one file beside it, and none after the next change");
        assert_eq!(place.secret().symlink_metadata().unwrap().mode(), 0o100600);
        if let Ok(text) = fs::read_to_string(aside(&place.secret())) {
            assert_eq!(text, "precious");
        }
        place.gets_in();
    }
}

/// Between the new key and the end of its change there is no moment in which an address still passes without a code.
#[test]
fn no_address_is_trusted_any_more_when_a_new_key_can_come() {
    let place = Place::enrolled();
    place.gets_in();
    let store = place.store().unwrap();
    let mut locked = store.lock(USER).unwrap();
    let record = locked.record().unwrap().unwrap();
    let trusts = vec![Trust { hash: "0123456789abcdef".into(), until: u64::MAX, address: None }];
    locked.commit(&Record { trusts, ..record }).unwrap();
    drop(locked);
    // The change comes as far as the key, and no further.
    let in_the_way = place.path("secrets").join(format!(".{USER}.toml.new"));
    fs::create_dir(&in_the_way).unwrap();
    assert!(matches!(place.enrolls(&place.account, 2, true), Err(ManageError::Unavailable(_))));
    assert_eq!(store.record(USER).unwrap().unwrap().trusts, []);
    fs::remove_dir(in_the_way).unwrap();
    assert_eq!(place.enrolls(&place.account, 2, true), Ok(()));
}

#[test]
fn an_unusable_policy_is_the_strictest_one() {
    let plants: [(Plant, &str); 9] = [
        (|path| fs::write(path, "enabled = flase\n").unwrap(), "line 1, column 11"),
        (|path| fs::write(path, "enabled = false\nenabeld = true\n").unwrap(), "line 2, column 1: unknown field"),
        (|path| fs::write(path, b"\xff\xfe").unwrap(), "not UTF-8"),
        (|path| fs::write(path, vec![b'#'; 10 << 20]).unwrap(), "is longer than 64 KiB"),
        (|path| fs::remove_file(path).unwrap(), "does not exist"),
        (|path| replaced(path, |path| mkfifo(path, Mode::S_IRUSR).unwrap()), "is not a regular file"),
        (|path| replaced(path, |path| symlink("/dev/null", path).unwrap()), "is a symbolic link"),
        (|path| set_mode(path, 0o664), "can be written by others"),
        (|path| give_to(path, NOBODY), "does not belong to root"),
    ];
    for (plant, reason) in plants {
        let place = Place::new();
        fs::write(place.config(), "enabled = false\nunenrolled = \"allow\"\n").unwrap();
        plant(&place.config());
        let backend = in_time(|| Local::open(Some(&place.config())));
        let fault = backend.policy_fault().expect(reason);
        assert!(fault.contains(reason), "{fault}");
        assert!(fault.contains(place.config().to_str().unwrap()), "{fault}");
        let nothing = SelfService { enroll: false, replace: false, remove: false, backup_codes: false };
        let strictest = Policy { unenrolled: Some(Unenrolled::Deny), self_service: Some(nothing), ..Policy::default() };
        assert_eq!(*backend.policy(), strictest);
        assert!(matches!(backend.preview(&login(Some(USER), true)), Preview::Ask(_)), "{reason}");
    }
}
