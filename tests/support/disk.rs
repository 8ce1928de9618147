//! A disk: what is written to it takes its time, as on a real host, and who waits for it is seen to wait.

use super::system::{System, throw_away_with};
use std::path::Path;
use std::process::Command;

const STORE: &str = "/var/lib/pam_totp";
const IMAGE: &str = "/mnt/disk/image";

/// As [`throw_away_with`], with the store on an ext4 of its own, in an image that lies where this package is built.
pub fn on_disk(files: impl FnOnce() -> Vec<String>, test: impl FnOnce(&System)) {
    let mut folder = None;
    let files = || {
        let made = folder.insert(tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder"));
        [files(), vec![format!("disk+={}", made.path().display())]].concat()
    };
    throw_away_with(files, |system| {
        mount(system);
        test(system);
    });
}

fn mount(system: &System) {
    let run = |program: &str, arguments: &[&str]| system.runs(Command::new(program).args(arguments));
    // The throw-away system's own /dev has none of them.
    run("mknod", &["/dev/loop-control", "c", "10", "237"]);
    for number in 0..64 {
        run("mknod", &[&format!("/dev/loop{number}"), "b", "7", &number.to_string()]);
    }
    run("truncate", &["--size", "32M", IMAGE]);
    run("mkfs.ext4", &["-q", IMAGE]);
    run("mount", &["-o", "loop", IMAGE, STORE]);
    run("chmod", &["700", STORE]);
    for folder in ["secrets", "state"] {
        run("mkdir", &["-m", "700", &Path::new(STORE).join(folder).display().to_string()]);
    }
}
