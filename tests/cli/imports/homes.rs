//! What users may leave in their home for root to find.

use super::*;
use std::os::unix::net::UnixListener;

const FILE: &str = ".google_authenticator";
const MARK: &str = "Xai4-never-shown";

/// Answers no open of the file, like a server that is gone.
const HANG: &str = r#"
import ctypes, os, struct, sys
libc = ctypes.CDLL(None, use_errno=True)
FAN_CLASS_CONTENT, FAN_MARK_ADD, FAN_OPEN_PERM, AT_FDCWD = 4, 1, 0x10000, -100
fd = libc.fanotify_init(FAN_CLASS_CONTENT, os.O_RDONLY)
mark = libc.fanotify_mark
mark.argtypes = [ctypes.c_int, ctypes.c_uint, ctypes.c_uint64, ctypes.c_int, ctypes.c_char_p]
assert fd >= 0 and mark(fd, FAN_MARK_ADD, FAN_OPEN_PERM, AT_FDCWD, sys.argv[1].encode()) == 0, os.strerror(ctypes.get_errno())
print("deaf", flush=True)
sys.stdin.read()
"#;

type Plant = fn(&Path);

/// Each is the home's owner's own doing, but for the owner of the file.
const PLANTS: [(&str, Plant, &str); 16] = [
    ("link", |path| symlink("/etc/shadow", path).unwrap(), "it is not a regular file"),
    ("toown", |path| symlink("/home/victim/.google_authenticator", path).unwrap(), "it is not a regular file"),
    ("fifo", fifo, "it is not a regular file"),
    ("socket", |path| drop(UnixListener::bind(path).unwrap()), "it is not a regular file"),
    ("folder", |path| fs::create_dir(path).unwrap(), "it is not a regular file"),
    ("roots", |path| fs::write(path, KEY).unwrap(), "it does not belong to the user"),
    ("hard", |path| fs::hard_link("/home/readable", path).unwrap(), "it does not belong to the user"),
    ("closed", |path| own(path, MARK, 0o000), "the user cannot read it"),
    ("long", |path| own(path, &"A".repeat(65 * 1024), 0o600), "it is longer than 64 KiB"),
    ("empty", |path| own(path, "", 0o600), "it is empty"),
    ("text", |path| own(path, MARK, 0o600), "the key is shorter than 80 bits in line 1"),
    ("noise", |path| own(path, "\u{0}\u{1}\u{7f}\u{1b}[2J", 0o600), "the key is not base32 in line 1"),
    ("short", |path| own(path, "JBSWY3DP\n\" TOTP_AUTH\n", 0o600), "the key is shorter than 80 bits in line 1"),
    (
        "group",
        |path| own(path, &format!("{KEY}\n\" TOTP_AUTH\n"), 0o620),
        "others can write it: `chmod 600` it, once its owner knows what it holds",
    ),
    (
        "everybody",
        |path| own(path, &format!("{KEY}\n\" TOTP_AUTH\n"), 0o602),
        "others can write it: `chmod 600` it, once its owner knows what it holds",
    ),
    ("off", |path| option(path, "OTP_DISABLED"), "codes are switched off for this user in line 2"),
];

fn own(path: &Path, text: &str, mode: u32) {
    fs::write(path, text).unwrap();
    let uid = std::os::unix::fs::MetadataExt::uid(&fs::metadata(path.parent().unwrap()).unwrap());
    chown(path, Some(uid), Some(uid)).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn fifo(path: &Path) {
    nix::unistd::mkfifo(path, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let uid = std::os::unix::fs::MetadataExt::uid(&fs::metadata(path.parent().unwrap()).unwrap());
    chown(path, Some(uid), Some(uid)).unwrap();
}

fn option(path: &Path, option: &str) {
    own(path, &format!("{KEY}\n\" {option}\n\" TOTP_AUTH\n{MARK}\n"), 0o600);
}

#[test]
fn hostile_homes_are_named_quoted_by_nothing_and_stop_nobody() {
    throw_away(|system| {
        let victim = system.user("victim");
        own(&Path::new(&victim.home()).join(FILE), &format!("{KEY}\n\" TOTP_AUTH\n"), 0o600);
        system.file("/home/readable", &format!("{KEY}\n\" TOTP_AUTH\n"));
        for (name, plant, _) in PLANTS {
            plant(&Path::new(&system.user(name).home()).join(FILE));
        }
        // What is odd beside the key costs itself.
        for (name, odd) in [("huge", "DISALLOW_REUSE 99999999999999999999"), ("skew", "TIME_SKEW 4294967296000")] {
            option(&Path::new(&system.user(name).home()).join(FILE), odd);
        }
        let (exit, said) = imports(system, T, &["google-authenticator", "--all"]);
        assert_eq!((exit, &said["modified"]), (6, &json!(["huge", "skew", "victim"])), "{said}");
        assert_eq!(words(&said, "notes", "huge"), ["odd_line", "unknown_line", "use_unrecorded"], "{said}");
        assert_eq!(words(&said, "notes", "skew"), ["odd_line", "unknown_line", "use_unrecorded"], "{said}");
        let failed = said["failed"].as_object().expect("an object");
        assert_eq!(failed.len(), PLANTS.len(), "{said}");
        for (name, _, what) in PLANTS {
            assert_eq!(failed[name]["code"], json!("bad_file"), "{name}");
            assert_eq!(failed[name]["message"], json!(format!("/home/{name}/{FILE}: {what}")));
        }
        let (_, stdout, stderr) = program(system, &["import", "google-authenticator", "--all"], "");
        for shown in [said.to_string(), stdout, stderr] {
            assert!(![MARK, KEY, "\u{1b}", "9999"].iter().any(|text| shown.contains(text)), "{shown}");
        }
        let mut names: Vec<_> =
            fs::read_dir("/var/lib/pam_totp/secrets").unwrap().map(|f| f.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names, ["huge.toml", "skew.toml", "victim.toml"]);
    });
}

/// Root could: a link on the way to the file is followed by its owner alone.
#[test]
fn a_folder_of_somebody_elses_is_as_closed_as_it_is_to_the_user() {
    throw_away(|system| {
        let (victim, mallory) = (system.user("victim"), system.user("mallory"));
        fs::create_dir("/home/victim/closed").unwrap();
        own(Path::new("/home/victim/closed/ga"), &format!("{KEY}\n\" TOTP_AUTH\n"), 0o644);
        fs::set_permissions("/home/victim/closed", fs::Permissions::from_mode(0o700)).unwrap();
        symlink("/home/victim/closed", "/home/mallory/open").unwrap();
        let (exit, said) = imports(system, T, &["google-authenticator", "mallory", "--file", "open/ga"]);
        assert_eq!((exit, &said["modified"]), (2, &json!([])), "{said}");
        assert_eq!(said["failed"][mallory.name]["message"], json!("/home/mallory/open/ga: there is no such file"));
        assert_eq!(victim.name, "victim");
    });
}

/// The groups go before the rest: a file that only root's own groups could read stays closed.
#[test]
fn the_reader_has_the_users_groups_and_no_other() {
    throw_away(|system| {
        let alice = system.user("alice");
        system.runs(Command::new("usermod").args(["-aG", "users", "alice"]));
        let text = format!("{KEY}\n\" TOTP_AUTH\n");
        fs::create_dir_all("/srv/shared").unwrap();
        let run = || imports(system, T, &["google-authenticator", "alice", "--file", "shared/ga", "--dry-run"]).1;
        symlink("/srv/shared", "/home/alice/shared").unwrap();
        let path = keeps(&alice, "ga", &text);
        fs::rename(path, "/srv/shared/ga").or_else(|_| fs::copy("/home/alice/ga", "/srv/shared/ga").map(drop)).unwrap();
        chown("/srv/shared/ga", Some(uid_of("alice")), None).unwrap();
        fs::set_permissions("/srv/shared", fs::Permissions::from_mode(0o750)).unwrap();
        chown("/srv/shared", Some(0), Some(0)).unwrap();
        assert_eq!(run()["failed"]["alice"]["code"], json!("bad_file"), "root's group is none of hers");
        chown("/srv/shared", Some(0), Some(gid_of(system, "users"))).unwrap();
        assert_eq!(run()["modified"], json!(["alice"]), "users is");
    });
}

fn uid_of(name: &str) -> u32 {
    nix::unistd::User::from_name(name).unwrap().expect("an account").uid.as_raw()
}

fn gid_of(system: &System, group: &str) -> u32 {
    let output = system.runs(Command::new("getent").args(["group", group]));
    let line = String::from_utf8(output.stdout).expect("UTF-8");
    line.split(':').nth(2).and_then(|gid| gid.parse().ok()).expect("a gid")
}

#[test]
fn a_home_that_hangs_keeps_nobody_waiting() {
    throw_away(|system| {
        let (alice, bob) = (system.user("alice"), system.user("bob"));
        let text = format!("{KEY}\n\" TOTP_AUTH\n");
        let path = keeps(&alice, FILE, &text);
        keeps(&bob, FILE, &text);
        let mut python = Command::new("python3");
        let python = python.args(["-c", HANG]).arg(path).stdin(std::process::Stdio::piped());
        let mut deaf = python.stdout(std::process::Stdio::piped()).spawn().expect("python starts");
        let mut line = String::new();
        let out = deaf.stdout.take().expect("a pipe");
        std::io::BufRead::read_line(&mut std::io::BufReader::new(out), &mut line).expect("a line");
        assert_eq!(line, "deaf\n");
        let (exit, said) = object(system, &["import", "google-authenticator", "--all"], "");
        drop(deaf.stdin.take());
        deaf.wait().expect("python ends");
        assert_eq!((exit, &said["modified"]), (6, &json!(["bob"])), "{said}");
        let message = said["failed"]["alice"]["message"].as_str().expect("a message");
        assert!(message.contains("did not come within 5 s"), "{message}");
    });
}
