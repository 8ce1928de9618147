//! The power is cut: after each write of a disk, at each moment, what the host has acknowledged must be there.
//!
//! A machine has the store on a disk of its own, of which qemu logs every write. Users log in and enroll; the test notes where
//! the log stands when each of them has heard that it worked. Then the disk is made as it may have been after every flush and
//! every acknowledgement: with what was flushed, and a random part of what was not. The kernel mounts
//! and recovers it, and every acknowledged key and used code is looked for.
//!
//! The same is done where fsync and fdatasync do nothing (libeatmydata): there things must be lost, or nothing was tried.

mod cuts;
mod log;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::thread;

use pam_totp::factor::enrollment::Enrollment;
use pam_totp::factor::record::slots::{self, StateFile};

use self::cuts::{Chance, Disk};
use self::log::Log;
use super::guest::{self, code};
use crate::support::codes::key;
use crate::support::machine::{Machine, Options};

/// Who does something at once, and how many each of them is.
const SIDES: usize = 3;
const USERS: usize = 3;
/// Codes that each of them logs in with before the key is replaced.
const LOGINS: u64 = 4;
/// In so many ways what is not flushed is there or not, beside "none of it".
const WAYS: u64 = 2;

/// What the host has said that it did.
#[derive(Clone, Debug)]
enum Said {
    /// This user has this key, the how many-th of theirs.
    Key { user: String, key: String, nth: usize },
    /// A code of this key and counter, or step, was accepted, and must not be again.
    Used { user: String, key: String, nth: usize, last: u64 },
}

/// Something that it has said, and how long the log of the disk was then.
#[derive(Clone, Debug)]
struct Acknowledged {
    log: u64,
    said: Said,
}

/// A disk of the machine, and what is done there.
struct Store<'a> {
    machine: &'a Machine,
    name: &'static str,
    /// Before each command.
    with: &'static str,
    acknowledged: Mutex<Vec<Acknowledged>>,
}

impl Store<'_> {
    fn mounted<'a>(machine: &'a Machine, name: &'static str, with: &'static str) -> Store<'a> {
        machine.runs(&format!(
            "for disk in /sys/class/nvme/*; do [ $(cat $disk/serial) != {name} ] || break; done
            mount /dev/${{disk##*/}}n1 /var/lib/pam_totp
            mkdir -m 700 /var/lib/pam_totp/secrets /var/lib/pam_totp/state
            chmod 700 /var/lib/pam_totp
            sync"
        ));
        Store { machine, name, with, acknowledged: Mutex::new(Vec::new()) }
    }

    /// Runs a command that must succeed, and notes where the log stands after that.
    fn does(&self, command: &str, said: Said) {
        self.machine.runs(command);
        let log = self.machine.folder().join(format!("{}.log", self.name));
        let log = fs::metadata(log).expect("the log of the disk").len();
        self.acknowledged.lock().expect("no test panics with it").push(Acknowledged { log, said });
    }

    fn sets(&self, user: &str, key: &str, nth: usize, options: &str) {
        let said = Said::Key { user: user.into(), key: key.into(), nth };
        self.does(&format!("echo {key} | {} pam-totp set --no-code {options} {user}", self.with), said);
    }

    /// A login of a token with a button: its next code is there at once.
    fn logs_in(&self, user: &str, key: &str, nth: usize, counter: u64) {
        let command =
            format!("oathtool --hotp --base32 --counter {counter} {key} | {} pam-totp try only-code {user}", self.with);
        self.does(&command, Said::Used { user: user.into(), key: key.into(), nth, last: counter + 1 });
    }

    /// A user's life: a key, logins, another key, a login.
    fn lives(&self, number: usize) {
        let user = format!("user{number}");
        for nth in 0..2 {
            let key = key(number * 2 + nth);
            self.sets(&user, &key, nth, if nth == 0 { "--type hotp" } else { "--type hotp --replace" });
            for counter in 0..if nth == 0 { LOGINS } else { 1 } {
                self.logs_in(&user, &key, nth, counter);
            }
        }
    }

    /// All of them, a few at once.
    fn lived(&self, users: usize) {
        thread::scope(|scope| {
            for side in 0..SIDES {
                scope.spawn(move || (0..users).for_each(|user| self.lives(side * users + user)));
            }
        });
    }

    /// Those who come by ssh, su and sudo; of su and sudo pam-totpd writes the record.
    fn comes_by_every_way(&self) {
        let key = "JBSWY3DPEHPK3PXPGEZDGNBVGY3TQOJQ";
        for way in guest::WAYS {
            let user = guest::user(way);
            self.sets(user, key, 0, "");
            let code = code(self.machine, 0);
            let last = self.machine.runs("date +%s").trim().parse::<u64>().expect("seconds") / 30;
            let said = Said::Used { user: user.into(), key: key.into(), nth: 0, last: last - 1 };
            self.does(&format!("way {way} {code} | tee /dev/stderr | grep -q 'in as '"), said);
        }
    }
}

/// What was found after all cuts.
#[derive(Debug, Default)]
struct Found {
    cuts: usize,
    disks: usize,
    unflushed: usize,
    lost: Vec<String>,
}

/// What the store says that a user has: the keys, and the highest code that was used of each.
type Users = BTreeMap<String, Vec<(String, u64)>>;

/// Mounts the disk, and reads everything that is on it.
fn recovered(disk: &[u8], folder: &Path) -> Result<Users, String> {
    for old in ["secrets", "state"] {
        let _ = fs::remove_dir_all(folder.join(old));
    }
    let image = folder.join("disk");
    fs::write(&image, disk).expect("a disk");
    let output = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/systems/recovered"))
        .args([&image, folder, &PathBuf::from(env!("CARGO_BIN_EXE_pam-totp"))])
        .output()
        .expect("scripts/systems/recovered");
    if !output.status.success() {
        return Err(format!("the store cannot be read: {output:?} {:?}", fs::read_to_string(folder.join("listed"))));
    }
    let listed = fs::read_to_string(folder.join("listed")).expect("what pam-totp says");
    if listed.contains("\"problem\"") {
        return Err(listed);
    }
    let mut users = Users::new();
    for entry in fs::read_dir(folder.join("secrets")).expect("keys") {
        let path = entry.expect("a file").path();
        // What a change had begun to write.
        let Some(user) = path.file_name().and_then(|name| name.to_str()?.strip_suffix(".toml")) else { continue };
        let text = fs::read(&path).expect("a file of keys");
        let enrollment = Enrollment::parse(&text).map_err(|error| format!("{user}'s keys: {error:?}"))?;
        let state = fs::read(folder.join("state").join(user)).map_err(|error| format!("{user}'s record: {error}"))?;
        let StateFile::Valid(slot) = slots::read(&state) else { return Err(format!("{user}'s record is broken")) };
        let text = String::from_utf8_lossy(&text).into_owned();
        let last = |id: &str| slot.record.devices.iter().find(|device| device.id == *id).and_then(|device| device.last);
        let devices = enrollment.devices.iter().map(|device| {
            let key = text.split('"').find(|word| word.len() == 32).unwrap_or_default();
            (key.to_owned(), last(&device.id).unwrap_or(0))
        });
        users.insert(user.to_owned(), devices.collect());
    }
    Ok(users)
}

/// What of all that was acknowledged is not there.
fn lost(users: &Users, acknowledged: &[Acknowledged], keys: &BTreeMap<String, Vec<String>>) -> Vec<String> {
    let is_there = |said: &Said| match said {
        // That one, or one that replaced it.
        Said::Key { user, nth, .. } => {
            let nth_or_later = &keys[user][*nth..];
            users.get(user).is_some_and(|devices| devices.iter().any(|(key, _)| nth_or_later.contains(key)))
        }
        Said::Used { user, key, nth, last } => users.get(user).is_some_and(|devices| {
            devices.iter().any(|(has, used)| (has == key && used >= last) || keys[user][nth + 1..].contains(has))
        }),
    };
    acknowledged.iter().filter(|one| !is_there(&one.said)).map(|one| format!("{:?}", one.said)).collect()
}

/// Cuts the power everywhere.
fn cut_everywhere(folder: &Path, name: &str, acknowledged: &[Acknowledged]) -> Found {
    let log = Log::read(&folder.join(format!("{name}.log")));
    let mut keys = BTreeMap::<String, Vec<String>>::new();
    for one in acknowledged {
        if let Said::Key { user, key, .. } = &one.said {
            keys.entry(user.clone()).or_default().push(key.clone());
        }
    }
    let begin = acknowledged.iter().map(|one| log.done_at(one.log)).min().expect("something was acknowledged");
    let after_flushes = (begin..log.entries.len()).filter(|&entry| log.entries[entry].is_flush).map(|entry| entry + 1);
    // Before them it is most that is not flushed.
    let before_flushes = (begin..log.entries.len()).filter(|&entry| log.entries[entry].is_flush);
    let mut cuts: Vec<usize> = acknowledged.iter().map(|one| log.done_at(one.log)).collect();
    cuts.extend(after_flushes.chain(before_flushes));
    cuts.sort_unstable();
    cuts.dedup();

    let mut found = Found { cuts: cuts.len(), ..Found::default() };
    let mut disk = Disk::new(&log, fs::read(folder.join(format!("{name}.first"))).expect("the disk as it was"));
    let scratch = tempfile::tempdir_in(folder).expect("a folder");
    fs::copy(folder.join("passwd"), scratch.path().join("passwd")).expect("the users");
    // Many cuts leave the same disk, but there was more to be there.
    let mut mounted: BTreeMap<u64, (Vec<u8>, Result<Users, String>)> = BTreeMap::new();
    for cut in cuts {
        let so_far: Vec<Acknowledged> =
            acknowledged.iter().filter(|one| log.done_at(one.log) <= cut).cloned().collect();
        for way in 0..=WAYS {
            let mut chance = Chance::new(cut as u64 * 16 + way);
            let mut is_any_left = false;
            let image = disk.cut(cut, || {
                is_any_left = true;
                chance.is(way * 50)
            });
            // Nothing is left to chance there.
            if way > 0 && !is_any_left {
                break;
            }
            found.unflushed += usize::from(way > 0);
            if mounted.get(&way).is_none_or(|(before, _)| *before != image) {
                found.disks += 1;
                let users = recovered(&image, scratch.path());
                mounted.insert(way, (image, users));
            }
            match &mounted[&way].1 {
                Ok(users) => found.lost.extend(lost(users, &so_far, &keys).iter().map(|what| format!("{cut}: {what}"))),
                Err(error) => found.lost.push(format!("{cut}: {error}")),
            }
        }
    }
    found
}

const DISKS: [&str; 2] = ["store", "control"];

fn disks(folder: &Path) {
    for name in DISKS {
        let image = folder.join(format!("{name}.img"));
        let made = Command::new("mke2fs")
            .args(["-q", "-t", "ext4", "-b", "4096", "-J", "size=4", "-E", "lazy_itable_init=0,lazy_journal_init=0"])
            .args([image.as_os_str(), "16M".as_ref()])
            .status();
        assert!(made.expect("mke2fs").success());
        fs::copy(&image, folder.join(format!("{name}.first"))).expect("a copy");
        fs::write(folder.join(format!("{name}.log")), "").expect("a log");
    }
}

#[test]
fn whatever_was_acknowledged_is_there_after_the_power_was_cut_at_any_write() {
    let logged = DISKS.map(|name| {
        let disk =
            format!(r#""file":{{"driver":"raw","file":{{"driver":"file","filename":"/mnt/machine/{name}.img"}}}}"#);
        let log = format!(r#""log":{{"driver":"file","filename":"/mnt/machine/{name}.log"}}"#);
        format!(r#"{{"driver":"blklogwrites","node-name":"{name}",{disk},{log}}}"#)
    });
    let nvme = DISKS.map(|name| format!("nvme,serial={name},drive={name}"));
    let qemu = ["-blockdev", &logged[0], "-device", &nvme[0], "-blockdev", &logged[1], "-device", &nvme[1]];
    let machine = guest::boot(&Options { qemu: &qemu, prepare: disks, ..Options::default() });
    fs::write(
        machine.folder().join("passwd"),
        machine.runs("grep ^user /etc/passwd; grep -E '^(alice|bob|carol):' /etc/passwd"),
    )
    .expect("the users");

    let store = Store::mounted(&machine, "store", "");
    store.lived(USERS);
    store.comes_by_every_way();
    let acknowledged = store.acknowledged.into_inner().expect("no test panics with it");
    machine.runs("umount /var/lib/pam_totp");
    let control = Store::mounted(&machine, "control", "env LD_PRELOAD=libeatmydata.so");
    control.lived(1);
    let unsynced = control.acknowledged.into_inner().expect("no test panics with it");

    let folder = machine.loses_power();
    let found = cut_everywhere(folder.path(), "store", &acknowledged);
    let Found { cuts, disks, unflushed, .. } = &found;
    println!(
        "power: {} logins and enrollments acknowledged, {cuts} cuts, {disks} disks mounted, {unflushed} with a \
         part of what was not flushed: {} lost",
        acknowledged.len(),
        found.lost.len()
    );
    assert!(found.lost.is_empty(), "{:#?}", found.lost);
    assert!(*unflushed > 10, "nothing was left to chance");

    let found = cut_everywhere(folder.path(), "control", &unsynced);
    println!(
        "power, where nothing is synced: {} acknowledged, {} cuts: {} lost",
        unsynced.len(),
        found.cuts,
        found.lost.len()
    );
    assert!(!found.lost.is_empty(), "without fdatasync nothing was lost: the test sees nothing");
}
