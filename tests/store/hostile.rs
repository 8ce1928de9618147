//! Files, folders and names that somebody tampered with: refused with their reason, nothing lost, nothing misled, and
//! never a wait for what was planted.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use pam_totp::backend::{Backend, Local};
use pam_totp::factor::attempt::Outcome;
use pam_totp::factor::change::{self, Change, ChangeError, Proof};
use pam_totp::factor::enrollment::{Device, Kind, device_id};
use pam_totp::factor::judgment::Verdict;
use pam_totp::factor::otp::{Algorithm, Digits, hotp, step};
use pam_totp::factor::record::Record;
use pam_totp::factor::secret::{Answer, Secret};
use pam_totp::factor::source::Source;
use pam_totp::login::preview::{Login, Preview, Standing};
use pam_totp::login::unavailable::Unavailable;
use pam_totp::login::verify;
use pam_totp::manage::{self, Authority, ManageError};
use pam_totp::policy::rules::Unenrolled;
use pam_totp::policy::{Policy, SelfService};
use pam_totp::store::{FileStore, StoreError};
use pam_totp::system::account::{self, Account};
use pam_totp::system::clock;

mod files;
mod folders;
mod locks;
mod names;

/// An account that every host has.
const USER: &str = "daemon";
const NOBODY: u32 = 65_534;

/// A store of its own, with the user enrolled.
struct Place {
    folder: TempDir,
    account: Account,
}

/// A login on this host.
fn login(name: Option<&str>, nullok: bool) -> Login<'_> {
    Login { name, service: "login", source: Source::Local, ssh_auth: "", nullok, remembers: false }
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("pam_totp-").tempdir().unwrap();
        let place = Self { folder, account: account::by_name(USER).unwrap().unwrap() };
        for (folder, mode) in [("", 0o700), ("secrets", 0o700), ("state", 0o700)] {
            fs::create_dir(place.path(folder)).unwrap();
            set_mode(&place.path(folder), mode);
        }
        fs::write(place.config(), format!("store = {:?}\n", place.path(""))).unwrap();
        set_mode(&place.config(), 0o644);
        place
    }

    fn enrolled() -> Self {
        let place = Self::new();
        place.enrolls(&place.account, 1, false).unwrap();
        place
    }

    /// Below the store; the store itself has no slash at its end.
    fn path(&self, below: &str) -> PathBuf {
        let store = self.folder.path().join("store");
        if below.is_empty() { store } else { store.join(below) }
    }

    fn config(&self) -> PathBuf {
        self.folder.path().join("pam_totp.toml")
    }

    fn secret(&self) -> PathBuf {
        self.path("secrets").join(format!("{USER}.toml"))
    }

    fn state(&self) -> PathBuf {
        self.path("state").join(USER)
    }

    fn store(&self) -> Result<FileStore, StoreError> {
        FileStore::open(&self.path(""))
    }

    fn enrolls(&self, account: &Account, key: u8, replace: bool) -> Result<(), ManageError> {
        let store = self.store().map_err(ManageError::from)?;
        let place = if replace { change::Place::InsteadOf(None) } else { change::Place::First };
        let change = Change::Set { device: device(key), proof: Proof::None, place, backup_codes: 0 };
        manage::apply(&store, &Policy::default(), account, Authority::Root, &change).map(drop)
    }

    /// As a login does it, from its policy to its verdict.
    fn login(&self) -> Result<Option<Verdict>, Unavailable> {
        self.types(&answer(1))
    }

    fn types(&self, typed: &Answer) -> Result<Option<Verdict>, Unavailable> {
        let backend = Local::open(Some(&self.config()));
        assert_eq!(backend.policy_fault(), None);
        let Preview::Ask(standing) = backend.preview(&login(Some(USER), false)) else { panic!("a code is due") };
        in_time(|| backend.verify(&standing, &login(Some(USER), false), typed))
    }

    fn gets_in(&self) {
        let verdict = self.login().unwrap().unwrap();
        assert!(matches!(verdict.outcome, Outcome::Accepted { .. }), "{verdict:?}");
    }

    /// Everything there is, to the byte.
    fn snapshot(&self) -> BTreeMap<PathBuf, String> {
        fn look(folder: &Path, all: &mut BTreeMap<PathBuf, String>) {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                let stat = path.symlink_metadata().unwrap();
                let mut seen = format!("{:o} {} {} {}", stat.mode(), stat.uid(), stat.ino(), stat.nlink());
                if stat.is_file() {
                    seen += &format!(" {:08x} {}", crc32fast::hash(&fs::read(&path).unwrap()), stat.len());
                } else if stat.is_symlink() {
                    seen += &format!(" {:?}", fs::read_link(&path).unwrap());
                } else if stat.is_dir() {
                    look(&path, all);
                }
                all.insert(path, seen);
            }
        }
        let mut all = BTreeMap::new();
        look(self.folder.path(), &mut all);
        all
    }
}

fn device(key: u8) -> Device {
    let secret = Secret::from_bytes(vec![key; 20].into());
    Device {
        id: device_id(&secret),
        name: "phone".into(),
        kind: Kind::Totp { period: 30 },
        secret,
        algorithm: Algorithm::Sha1,
        digits: Digits::SIX,
        skew: 0,
        created: 0,
    }
}

/// What the phone with this key shows; the window forgives a step that ends meanwhile.
fn answer(key: u8) -> Answer {
    Answer::new(&shown(key, 0))
}

fn shown(key: u8, ahead: i64) -> Vec<u8> {
    let step = step(clock::now(), 30).saturating_add_signed(ahead);
    hotp(&[key; 20], step, Algorithm::Sha1, Digits::SIX).as_bytes().to_vec()
}

/// What it shows neither now nor soon.
fn wrong_answer(key: u8) -> Answer {
    let near: Vec<_> = (-3..=3).map(|ahead| shown(key, ahead)).collect();
    let digits = (0..).map(|n| format!("{n:06}").into_bytes()).find(|digits| !near.contains(digits));
    Answer::new(&digits.expect("seven codes leave others"))
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn give_to(path: &Path, uid: u32) {
    std::os::unix::fs::lchown(path, Some(uid), None).expect("these tests need root");
}

/// Whatever was planted, nobody waits for it: longer than for a lock, and than a busy machine takes.
fn in_time<T>(run: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let result = run();
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
    result
}
