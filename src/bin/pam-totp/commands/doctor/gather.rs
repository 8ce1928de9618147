//! What the doctor looks at: files, processes, and what other programs say.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::sys::statvfs::{FsFlags, statvfs};
use nix::unistd::Uid;
use pam_totp::doctor::clock::ClockFacts;
use pam_totp::doctor::disk::{DiskFacts, usable};
use pam_totp::doctor::door::{Daemon, DoorFacts, Socket};
use pam_totp::doctor::finding::{Finding, Severity};
use pam_totp::doctor::labels::{check, places as labelled};
use pam_totp::doctor::module::{ModuleFacts, ModuleFile, Stale, is_old, loader_said, unit, version_in};
use pam_totp::doctor::programs::pairs::Way;
use pam_totp::doctor::programs::texts::{PLACES, Text, daemons};
use pam_totp::doctor::stacks::files::{AskingStack, StackFiles, lines};
use pam_totp::doctor::stacks::line::Facility;
use pam_totp::doctor::stacks::modules::is_password;
use pam_totp::doctor::stacks::services;
use pam_totp::doctor::stacks::services::{LOCKERS, Locker};
use pam_totp::doctor::sudo::{SudoFacts, asks_nobody, names_sudo_i};
use pam_totp::door::client;
use pam_totp::paths;
use pam_totp::policy::Policy;
use pam_totp::system::account;
use pam_totp::system::clock::now;
use pam_totp::system::disk;

use super::ask::ask;

/// What sets clocks, as the kernel shortens their names.
const TIME_DAEMONS: [&str; 5] = ["systemd-timesyn", "chronyd", "ntpd", "openntpd", "ptp4l"];
/// The unit of polkit's helper, where it has one.
const POLKIT_HELPER: &str = "/usr/lib/systemd/system/polkit-agent-helper@.service";

/// Each process of this host: its id and its name.
fn processes() -> Vec<(u32, String)> {
    if disk::is_entered() {
        return Vec::new();
    }
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    pids.filter_map(|pid| Some((pid, fs::read_to_string(format!("/proc/{pid}/comm")).ok()?.trim_end().to_owned())))
        .collect()
}

pub fn clock() -> ClockFacts {
    let said =
        |program, arguments: &[&str]| ask(program, arguments).filter(|said| said.succeeded).map(|said| said.stdout);
    let mut daemons: Vec<String> = processes().into_iter().map(|process| process.1).collect();
    daemons.retain(|name| TIME_DAEMONS.contains(&name.as_str()));
    daemons.sort();
    daemons.dedup();
    let runs = |name: &str| daemons.iter().any(|daemon| daemon == name);
    ClockFacts {
        now: now(),
        timedatectl: said("timedatectl", &["show"]),
        chronyc: if runs("chronyd") { said("chronyc", &["-n", "tracking"]) } else { None },
        ntpq: if runs("ntpd") { said("ntpq", &["-c", "rv"]) } else { None },
        timesync_mark: Path::new("/run/systemd/timesync/synchronized").exists(),
        daemons,
    }
}

/// Folders of modules: those of this machine's own architecture first.
fn module_folders() -> Vec<PathBuf> {
    let triplets = |folder: &str| -> Vec<PathBuf> {
        let mut found: Vec<PathBuf> =
            fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
        found.sort_by_key(|path| {
            !path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(std::env::consts::ARCH))
        });
        found
    };
    let parents = ["/usr/lib", "/lib"].into_iter().flat_map(triplets);
    let parents = parents.chain(["/usr/lib64", "/lib64", "/usr/lib", "/lib"].map(PathBuf::from));
    parents.map(|parent| parent.join("security")).filter(|folder| folder.is_dir()).collect()
}

pub fn module() -> ModuleFacts {
    let folders = module_folders();
    let folder = folders.iter().find(|folder| folder.join("pam_unix.so").exists());
    let folder = folder.and_then(|folder| folder.canonicalize().ok());
    let own = folder.as_ref().map(|folder| folder.join("pam_totp.so"));
    let local = ["/usr/local/lib/security", "/usr/local/lib64/security"].map(PathBuf::from);
    let elsewhere = folders.iter().chain(&local).map(|folder| folder.join("pam_totp.so"));
    let elsewhere = elsewhere.filter(|path| path.canonicalize().is_ok_and(|path| Some(path) != own));
    ModuleFacts {
        file: own.as_deref().and_then(module_file),
        folder: folder.map(|folder| folder.display().to_string()),
        elsewhere: elsewhere.map(|path| path.display().to_string()).collect(),
        stale: own.iter().flat_map(|own| processes().into_iter().filter_map(|process| stale(process, own))).collect(),
    }
}

fn module_file(path: &Path) -> Option<ModuleFile> {
    let stat = disk::look(path).ok()?;
    let (uid, mode) = (stat.st_uid, stat.st_mode & 0o7777);
    // The loader runs what it loads: nothing that others than root could have written.
    let loads = if uid == 0 && mode & 0o022 == 0 { loads(path) } else { None };
    Some(ModuleFile { uid, mode, loads, version: disk::bytes(path).ok().and_then(|bytes| version_in(&bytes)) })
}

/// Are all its libraries and symbols there?
fn loads(path: &Path) -> Option<Result<(), String>> {
    let said = ask("ldd", &["-r", path.to_str()?])?;
    Some(loader_said(&format!("{}\n{}", said.stdout, said.stderr), said.succeeded))
}

fn stale((pid, name): (u32, String), own: &Path) -> Option<Stale> {
    let maps = fs::read(format!("/proc/{pid}/maps")).ok()?;
    is_old(&String::from_utf8_lossy(&maps), own.to_str()?).then(|| {
        let groups = fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap_or_default();
        Stale { name, pid, unit: unit(&groups).map(ToOwned::to_owned) }
    })
}

/// The labels of what is ours, up to the first wrong one; `None` on hosts without SELinux, and for users, who see
/// none of them.
pub fn labels() -> Option<Finding> {
    if !Path::new("/sys/fs/selinux/enforce").exists() || !Uid::effective().is_root() {
        return None;
    }
    let (folders, places) = labelled();
    let inside = folders.iter().flat_map(|folder| fs::read_dir(folder).into_iter().flatten().flatten());
    let mut paths = places.into_iter().chain(inside.map(|entry| entry.path().display().to_string()));
    let chunks = std::iter::from_fn(|| Some(paths.by_ref().take(500).collect::<Vec<_>>()).filter(|c| !c.is_empty()));
    let mut said = chunks.filter_map(|paths| {
        let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
        ask("stat", &[&["-c", "%C %n", "--"], &paths[..]].concat())
    });
    let wrong = said.find_map(|said| Some(check(&said.stdout)).filter(|finding| finding.level != Severity::Fine));
    Some(wrong.unwrap_or_else(|| check("")))
}

fn config_files(main: &str, folder: &str) -> Vec<PathBuf> {
    let inside = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut files: Vec<PathBuf> = inside.collect();
    files.sort();
    files.insert(0, main.into());
    files
}

/// `FILE:LINE` of the lines that are meant.
fn numbered(files: &[PathBuf], meant: impl Fn(&str) -> bool) -> Vec<String> {
    let mut found = Vec::new();
    for file in files {
        let text = disk::read(file).unwrap_or_default();
        let lines = (1..).zip(text.lines()).filter(|(_, line)| meant(line));
        found.extend(lines.map(|(number, _): (usize, _)| format!("{}:{number}", file.display())));
    }
    found
}

pub fn sudo(files: &StackFiles) -> SudoFacts {
    let steps = files.chain("sudo", Facility::Auth);
    let explains = lines(&steps).filter(|line| line.is_ours()).any(|line| line.options().is_ok_and(|o| o.explain));
    SudoFacts {
        version: ask("sudo", &["-V"]).map(|said| said.stdout).unwrap_or_default(),
        nopasswd: numbered(&config_files("/etc/sudoers", "/etc/sudoers.d"), asks_nobody),
        explains,
    }
}

/// Services of programs that are root by their set-uid bit.
const SET_UID: [&str; 4] = ["su", "sudo", "doas", "polkit-1"];

pub fn door(files: &StackFiles, policy: &Policy) -> DoorFacts {
    let socket = |path| fs::symlink_metadata(path).ok().map(|m| Socket { uid: m.uid(), mode: m.mode() & 0o7777 });
    // From 127 on polkit's helper is root in a sandbox that sees the disk read-only.
    let sandboxed = Path::new(POLKIT_HELPER).exists() && files.stack_of("polkit-1").is_some();
    let mut needed_by: Vec<String> =
        LOCKERS.iter().filter(|locker| needs_door(files, locker)).map(Locker::shown).collect();
    needed_by.extend(sandboxed.then(|| "polkit-1".to_owned()));
    let named = daemons(&texts());
    let own = |service: &str| named.iter().find(|named| named.0 == service).map(|named| named.1);
    let running = |stack: &AskingStack| running_as(files, &stack.service, own(&stack.service));
    let daemons: Vec<Daemon> = files.naming_us().iter().filter_map(running).collect();
    needed_by.extend(daemons.iter().map(|daemon| daemon.service.clone()));
    let set_uid = SET_UID.into_iter().filter(|service| files.stack_of(service).is_some());
    let set_uid = set_uid.map(str::to_owned).collect();
    let (verify, root) = (socket(paths::VERIFY_SOCKET), socket(paths::ROOT_SOCKET));
    let own = account::by_uid(Uid::effective().as_raw()).ok().flatten();
    let there = if Uid::effective().is_root() { root } else { verify };
    let answer = own.filter(|_| there.is_some()).map(|account| client::preview(&account.name).map(|_| ()));
    DoorFacts { verify, root, answer, needed_by, set_uid, daemons, judges: policy.judges.clone() }
}

/// The account of a daemon that runs PAM without root, be it by the service that is its own or by another one.
fn running_as(files: &StackFiles, service: &str, own: Option<&str>) -> Option<Daemon> {
    let accounts = services::daemon(own.unwrap_or(service)).iter();
    let account = accounts.filter_map(|name| account::by_name(name).ok().flatten()).next()?;
    // Where there is no such group, nobody but root may.
    let may_read = account::groups_among(&account, &["shadow"]).is_ok_and(|groups| !groups.is_empty());
    let steps = files.chain(service, Facility::Auth);
    let mut passwords = lines(&steps).filter(|line| is_password(line)).peekable();
    let is_unix_alone = passwords.peek().is_some() && passwords.all(|line| line.module_name() == "pam_unix.so");
    Some(Daemon { service: service.to_owned(), account: account.name, sees_no_passwords: is_unix_alone && !may_read })
}

/// The configuration of other programs.
pub fn texts() -> Vec<Text> {
    let paths = PLACES.into_iter().flat_map(places);
    paths.filter_map(|path| Some(Text { text: disk::read(&path).ok()?, path: path.to_str()?.to_owned() })).collect()
}

/// A place may be a folder, or the beginning and the end of a name.
fn places(place: &str) -> Vec<PathBuf> {
    if let Some((folder, rest)) = place.split_once("/*/") {
        let folders = fs::read_dir(folder).into_iter().flatten().flatten();
        let names = folders.filter_map(|entry| entry.file_name().into_string().ok());
        return names.flat_map(|name| places(&format!("{folder}/{name}/{rest}"))).collect();
    }
    let (folder, name) = place.rsplit_once('/').unwrap_or(("", place));
    let (start, end) = match name.split_once('*') {
        Some(both) => both,
        None if name.is_empty() => ("", ""),
        None => return vec![place.into()],
    };
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let named = entries.filter(|entry| {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        name.starts_with(start) && name.ends_with(end)
    });
    let mut paths: Vec<PathBuf> = named.map(|entry| entry.path()).collect();
    paths.sort();
    paths
}

/// The file systems under keys and records.
pub fn disks(store: &Path) -> Vec<DiskFacts> {
    let mut folders = vec![store.join("secrets"), store.join("state")];
    // Another system's /run went with it.
    folders.extend((!disk::is_entered()).then(|| PathBuf::from(paths::RUN)));
    folders.iter().filter_map(|folder| disk_facts(folder)).collect()
}

fn disk_facts(folder: &Path) -> Option<DiskFacts> {
    let (told, stat) = (statvfs(folder).ok()?, fs::metadata(folder).ok()?);
    let bytes = |blocks: u64| blocks.saturating_mul(told.fragment_size());
    Some(DiskFacts {
        folder: folder.display().to_string(),
        device: stat.dev(),
        free: bytes(usable(told.blocks(), told.blocks_free(), told.blocks_available())),
        for_others: bytes(told.blocks_available()),
        files: Some(told.files_free()).filter(|_| told.files() > 0),
        read_only: told.flags().contains(FsFlags::ST_RDONLY),
    })
}

/// Does it ask for codes, and run without root? What is installed is looked at: distributions differ in that.
fn needs_door(files: &StackFiles, locker: &Locker) -> bool {
    let is_setuid = |path: &&str| disk::look(path).ok().map(|stat| stat.st_uid == 0 && stat.st_mode & 0o4000 != 0);
    let are_setuid: Vec<bool> = locker.programs.iter().filter_map(is_setuid).collect();
    let is_there = !are_setuid.is_empty() || (files.path(locker.service).is_some() && locker.name == locker.service);
    is_there && files.stack_of(locker.service).is_some() && locker.runs_without_root(&are_setuid)
}

/// Is this way to log in, or to root, installed? sudo names its services; not every build has two.
pub fn is_there(files: &StackFiles, way: &Way) -> bool {
    let is_installed = way.programs.iter().any(|path| Path::new(path).exists());
    let is_named = || ask("sudo", &["-V"]).is_some_and(|said| names_sudo_i(&said.stdout));
    is_installed && (way.service != "sudo-i" || files.path("sudo-i").is_some() || is_named())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_folder_only_the_files_that_are_named_so_are_read() {
        let folder = tempfile::tempdir().expect("a folder");
        for name in ["host.conf", "host.key", "other.conf"] {
            fs::write(folder.path().join(name), "").expect("a file");
        }
        let found = |place: &str| {
            let paths = places(&format!("{}/{place}", folder.path().display()));
            paths.iter().map(|path| path.file_name().expect("a name").to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(found("*.conf"), ["host.conf", "other.conf"]);
        assert_eq!(found("host*"), ["host.conf", "host.key"]);
        assert_eq!(found("host.key"), ["host.key"]);
        assert_eq!(found("").len(), 3);
    }
}
