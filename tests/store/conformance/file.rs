//! The store of a host.

use super::promises;
use super::*;
use crate::support::artifacts;
use pam_totp::store::FileStore;
use std::fs;
use std::io::Write;
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// Of a slot.
const SLOT: usize = 4096;
/// The calls that write, and those that wait for the disk or for others.
const CALLS: [&str; 7] = ["flock", "pwrite64", "fdatasync", "write", "fsync", "rename", "unlink"];

struct OnDisk;

struct OneHost {
    folder: TempDir,
    store: FileStore,
}

impl OneHost {
    fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("pam_totp-").tempdir().unwrap();
        let root = folder.path().join("store");
        for folder in [root.clone(), root.join("secrets"), root.join("state")] {
            fs::create_dir(&folder).unwrap();
            fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)).unwrap();
        }
        fs::write(folder.path().join("policy.toml"), format!("store = {root:?}\n")).unwrap();
        Self { store: FileStore::open(&root).expect("a store"), folder }
    }

    fn state(&self) -> PathBuf {
        self.folder.path().join("store/state").join(USER)
    }

    /// The program does it, and ends as it comes to this call for the `nth` time; whether it came there.
    fn ends_at(&self, work: Work, call: &str, nth: usize) -> bool {
        let mut strace = Command::new("strace");
        strace.args(["-f", "-o", "/dev/null", "-e", &format!("trace={call}")]);
        strace.args(["-e", &format!("inject={call}:signal=KILL:when={nth}")]);
        strace.arg(artifacts::program()).arg("--config").arg(self.folder.path().join("policy.toml"));
        let code = |key| String::from_utf8(answer(key, 0).as_bytes().to_vec()).unwrap();
        let key = || Secret::from_bytes(vec![2; 20].into()).to_base32().to_string();
        let (arguments, typed) = match work {
            Work::Login => (vec!["verify", USER], code(1)),
            Work::Replace => (vec!["set", USER, "--replace", "--no-code"], key()),
        };
        let mut child = strace
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("strace");
        child.stdin.take().expect("a pipe").write_all(format!("{typed}\n").as_bytes()).expect("its input");
        let status = child.wait().expect("it ends");
        assert!(status.success() || status.signal() == Some(9), "{work:?} {call} {nth}: {status:?}");
        status.signal() == Some(9)
    }
}

impl Held for OneHost {
    fn store(&self) -> &dyn Store {
        &self.store
    }

    fn torn(&self, each: &dyn Fn(&dyn Store)) {
        let whole = fs::read(self.state()).unwrap();
        let cuts: [fn(&mut Vec<u8>); 4] = [
            Vec::clear,
            |bytes| bytes.truncate(SLOT / 2),
            |bytes| [10, SLOT + 10].into_iter().for_each(|at| bytes[at] ^= 1),
            |bytes| bytes.fill(0),
        ];
        for cut in cuts {
            let mut torn = whole.clone();
            cut(&mut torn);
            fs::write(self.state(), torn).unwrap();
            each(&self.store);
        }
        fs::remove_file(self.state()).unwrap();
        each(&self.store);
    }

    fn written_by_a_later_version(&self) {
        let file = fs::File::options().write(true).open(self.state()).unwrap();
        for slot in [0, SLOT] {
            file.write_all_at(b"pam_totp 99 ", u64::try_from(slot).unwrap()).unwrap();
        }
    }

    fn bytes(&self) -> Vec<u8> {
        fs::read(self.state()).unwrap()
    }
}

impl Subject for OnDisk {
    fn fresh(&self) -> Box<dyn Held> {
        Box::new(OneHost::new())
    }

    fn interrupted(&self, work: Work, each: &dyn Fn(&dyn Store)) {
        for call in CALLS {
            for nth in 1.. {
                let host = OneHost::new();
                set(&host.store, 1, Place::First).expect("enrolls");
                let ended = host.ends_at(work, call, nth);
                each(&host.store);
                if !ended {
                    break;
                }
            }
        }
    }
}

#[test]
fn the_store_of_a_host_keeps_to_what_every_store_must() {
    promises::all(&OnDisk);
}
