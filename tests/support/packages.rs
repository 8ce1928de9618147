//! Programs of Debian packages that cannot be installed beside others, as of three FTP servers two cannot.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The files of a package, unpacked where this package is built, and kept there.
pub fn unpacked(package: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("packages");
    let kept = folder.join(package);
    if !kept.exists() {
        fs::create_dir_all(&folder).expect("a folder");
        let new = tempfile::tempdir_in(&folder).expect("a folder");
        runs(Command::new("apt-get").args(["download", "-q"]).args(lacking(package)).current_dir(new.path()));
        let found = fs::read_dir(new.path()).expect("the folder").map(|entry| entry.expect("a package").path());
        let (found, files): (Vec<PathBuf>, _) = (found.collect(), new.path().join("files"));
        for package in found {
            runs(Command::new("dpkg-deb").arg("--extract").arg(package).arg(&files));
        }
        // Another test may have been faster.
        let _ = fs::rename(files, &kept);
    }
    kept
}

/// It, and what it needs that is not installed here.
fn lacking(package: &str) -> Vec<String> {
    let said = runs(Command::new("apt-get").args(["install", "--simulate", "--no-install-recommends", package]));
    let names = said.lines().filter_map(|line| line.strip_prefix("Inst ")?.split(' ').next());
    // It may be installed here, too; what it needs is there then.
    names.filter(|name| *name != package).chain([package]).map(str::to_owned).collect()
}

fn runs(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {output:?}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}
