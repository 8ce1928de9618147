//! The files of this host's PAM stacks.

use std::fs;
use std::path::{Path, PathBuf};

use pam_totp::doctor::stacks::files::{STACKS, StackFiles};
use pam_totp::system::disk::{self, NotRead};

/// In the order in which libpam takes the first one that is there; the last two are what a distribution keeps out of /etc.
const FOLDERS: [&str; 3] = [STACKS, "/usr/lib/pam.d", "/usr/etc/pam.d"];

/// All of them; what cannot be read is left out.
pub fn files() -> StackFiles {
    let mut files = StackFiles::default();
    for path in paths() {
        let name = path.file_name().and_then(|name| name.to_str());
        let Some((name, path)) = name.zip(path.to_str()) else { continue };
        if let Ok(text) = disk::read(path) {
            files.add(name, path, &text);
        }
    }
    files
}

fn paths() -> impl Iterator<Item = PathBuf> {
    let entries = FOLDERS.into_iter().flat_map(|folder| fs::read_dir(folder).into_iter().flatten());
    entries.filter_map(|entry| Some(entry.ok()?.path()))
}

/// What was left out and is no folder, nor another's to read, and why.
pub fn left_out() -> Vec<(PathBuf, NotRead)> {
    let why = |path: &PathBuf| disk::look(path).err().filter(|why| matches!(why, NotRead::TooLong | NotRead::Ours));
    paths().filter_map(|path| Some((why(&path)?, path))).map(|(why, path)| (path, why)).collect()
}

/// Has a service a stack of its own?
pub fn has_file(service: &str) -> bool {
    FOLDERS.iter().any(|folder| disk::look(Path::new(folder).join(service)).is_ok())
}

/// The files of this host's own that name a module.
pub fn naming(module: &str) -> Vec<String> {
    let files = files();
    let names = |service: &&str| files.lines_of(service).iter().any(|line| line.module_name() == module);
    files.services().filter(names).map(str::to_owned).collect()
}
