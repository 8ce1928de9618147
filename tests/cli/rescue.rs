//! `pam-totp --root DIR`: a host that nobody gets in to, fixed from another system.

use crate::support::door::Door;
use crate::support::program::{error_code, object, program};
use crate::support::system::{KEY, System, throw_away};
use crate::support::terminal::Terminal;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

mod odd;

/// Whom only that disk knows.
const PASSWD: &str = "root:x:0:0:root:/root:/bin/bash
zoe:x:4242:4242::/home/zoe:/bin/bash
yann:x:4243:4242::/home/yann:/bin/bash
daemon:x:1:1::/:/usr/sbin/nologin
+::::::
";
const POLICY: &str = "# Ours.\nenabled = true # for good\n";

/// A rescue system with a user of its own, and that disk at /mnt.
fn rescue(test: impl FnOnce(&System)) {
    throw_away(|system| {
        // What the test itself needed from there it has.
        system.runs(Command::new("mount").args(["-t", "tmpfs", "-o", "mode=755", "tmpfs", "/mnt"]));
        for folder in ["etc/security", "etc/pam.d", "dev", "run", "var/lib/pam_totp"] {
            fs::create_dir_all(Path::new("/mnt").join(folder)).expect("a folder");
        }
        for folder in ["secrets", "state"] {
            let folder = Path::new("/mnt/var/lib/pam_totp").join(folder);
            fs::create_dir(&folder).expect("a folder");
            fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)).expect("a mode");
        }
        system.file("/mnt/etc/passwd", PASSWD);
        system.file("/mnt/etc/group", "root:x:0:\nstaff:x:50:zoe\nusers:x:4242:\n");
        system.file("/mnt/etc/hostname", "web1.example.com\n");
        system.file("/mnt/etc/security/pam_totp.toml", POLICY);
        system.file("/mnt/etc/pam.d/sshd", "auth requisite pam_unix.so\nauth requisite pam_totp.so\n");
        system.enrolled("alice");
        test(system);
    });
}

fn on_disk(system: &System, arguments: &[&str], input: &str) -> String {
    let (exit, out, errors) = program(system, &[&["--root", "/mnt"], arguments].concat(), input);
    assert_eq!((exit, errors.as_str()), (0, ""), "{arguments:?}: {out}");
    out
}

fn enrolls(system: &System, name: &str) {
    on_disk(system, &["set", "--no-code", name], &format!("{KEY}\n"));
}

/// What is in the folders of this system, and when it came there.
fn here() -> BTreeMap<PathBuf, (u32, i64, i64, Vec<u8>)> {
    let mut found = BTreeMap::new();
    let mut folders = ["/etc", "/var/lib", "/run", "/root", "/home"].map(PathBuf::from).to_vec();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            let is = fs::symlink_metadata(&path).expect("it is there");
            if is.is_dir() {
                folders.push(path.clone());
            }
            let bytes = if is.is_file() { fs::read(&path).expect("a file") } else { Vec::new() };
            found.insert(path, (is.mode(), is.mtime(), is.mtime_nsec(), bytes));
        }
    }
    found
}

#[test]
fn every_change_is_made_there_and_none_here() {
    rescue(|system| {
        let before = here();
        enrolls(system, "zoe");
        assert!(Path::new("/mnt/var/lib/pam_totp/secrets/zoe.toml").exists());
        assert!(on_disk(system, &["list"], "").starts_with("zoe "), "alice is not of that disk");
        assert!(on_disk(system, &["status", "zoe"], "").contains("zoe is enrolled."));
        let listed = on_disk(system, &["list", "--unenrolled", "--group", "users"], "");
        assert_eq!(listed.lines().count(), 1, "{listed}");
        assert!(listed.starts_with("yann "), "{listed}");

        let out = on_disk(system, &["policy", "disable"], "");
        assert!(out.contains("The policy is off"), "{out}");
        let policy = fs::read_to_string("/mnt/etc/security/pam_totp.toml").expect("a policy");
        assert_eq!(policy, "# Ours.\nenabled = false # for good\n");
        on_disk(system, &["policy", "enable", "--yes"], "");
        assert_eq!(on_disk(system, &["issuer"], ""), "web1.example.com\n");
        on_disk(system, &["issuer", "Web One"], "");
        assert!(fs::read_to_string("/mnt/etc/security/pam_totp.toml").expect("a policy").contains("Web One"));

        let codes = object(system, &["--root", "/mnt", "backup-codes", "zoe", "--count", "2"], "").1;
        let code = codes["backup_codes"][0].as_str().expect("a code").to_owned();
        let said = on_disk(system, &["verify", "zoe"], &format!("{code}\n"));
        assert!(said.starts_with("The backup code is right. 1 backup code is left."), "{said}");
        on_disk(system, &["unlock", "zoe"], "");
        on_disk(system, &["rename", "zoe", "yann"], "");
        on_disk(system, &["remove", "yann"], "");
        assert_eq!(on_disk(system, &["list"], ""), "Nobody is enrolled.\n");

        assert_eq!(here(), before, "something of this system changed");
        assert!(program(system, &["status", "alice"], "").1.contains("alice is enrolled."));
        system.log.line("--root /mnt: switched the policy off (by root, uid 0)");
        system.log.line("--root /mnt: removed the enrollment of yann (by root, uid 0)");
    });
}

#[test]
fn a_stack_of_that_disk_asks_no_more_and_again() {
    rescue(|system| {
        let (here_before, stack) = (here(), || fs::read_to_string("/mnt/etc/pam.d/sshd").expect("a stack"));
        on_disk(system, &["stack", "remove", "sshd"], "");
        assert_eq!(stack(), "auth requisite pam_unix.so\n");
        on_disk(system, &["stack", "add", "sshd"], "");
        assert_eq!(stack(), "auth requisite pam_unix.so\nauth requisite pam_totp.so explain\n");
        assert!(here() == here_before, "nothing of this system changes");
    });
}

#[test]
fn somebody_enrolls_anew_with_that_hosts_name() {
    rescue(|system| {
        enrolls(system, "zoe");
        let mut command = Command::new("pam-totp");
        command.args(["--root", "/mnt", "enroll", "zoe", "--replace", "--qr", "none"]);
        let mut terminal = Terminal::run(command);
        terminal.sees("Account: zoe at web1.example.com");
        terminal.sees("Key:     ");
        let key = terminal.sees("\n").replace([' ', '\r'], "");
        terminal.answers("Verification code: ", &crate::support::codes::fresh_code(&key));
        let (screen, exit) = terminal.ends();
        assert_eq!(exit, 0, "{screen}");
        assert!(!fs::read_to_string("/mnt/var/lib/pam_totp/secrets/zoe.toml").expect("an enrollment").contains(KEY));
    });
}

#[test]
fn absolute_links_of_that_disk_stay_on_it() {
    rescue(|system| {
        // The same paths are here, too, and say something else.
        for root in ["", "/mnt"] {
            fs::create_dir_all(format!("{root}/srv/data")).expect("a folder");
        }
        system.file("/srv/data/passwd", "mallory:x:6666:6666::/:/bin/bash\n");
        fs::rename("/mnt/etc/passwd", "/mnt/srv/data/passwd").expect("moves");
        symlink("/srv/data/passwd", "/mnt/etc/passwd").expect("a link");
        fs::rename("/mnt/var", "/mnt/srv/data/var").expect("moves");
        symlink("/srv/data/var", "/mnt/var").expect("a link");
        // A store is never looked for behind a link: the policy says where it is.
        assert_eq!(error_code(system, &["--root", "/mnt", "list"], ""), (5, "store".into()));
        system.file("/mnt/etc/security/pam_totp.toml", "store = \"/srv/data/var/lib/pam_totp\"\n");
        enrolls(system, "zoe");
        assert!(Path::new("/mnt/srv/data/var/lib/pam_totp/secrets/zoe.toml").exists());
        assert_eq!(error_code(system, &["--root", "/mnt", "generate", "mallory"], "").1, "no_such_user");

        // And another policy is one of that disk.
        system.file("/mnt/srv/data/draft.toml", "issuer = \"There\"\n");
        system.file("/srv/data/draft.toml", "issuer = \"Here\"\n");
        assert_eq!(on_disk(system, &["--config", "/srv/data/draft.toml", "issuer"], ""), "There\n");
    });
}

/// Leaves a file when it is loaded, wherever `/` is then.
const EVIL: &str = "#include <fcntl.h>
__attribute__((constructor)) static void loaded(void) { open(\"/loaded\", O_CREAT | O_WRONLY, 0600); }
";

#[test]
fn nothing_of_that_disk_is_run_here() {
    rescue(|system| {
        system.file("/tmp/evil.c", EVIL);
        let evil = "/tmp/evil.so";
        system.runs(Command::new("cc").args(["-shared", "-fPIC", "-o", evil, "/tmp/evil.c"]));
        let nss = |path: &Path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("libnss_"));
        for entry in fs::read_dir("/lib/x86_64-linux-gnu").into_iter().chain(fs::read_dir("/lib/aarch64-linux-gnu")) {
            for path in entry.map(|entry| entry.expect("a library").path()).filter(|path| nss(path)) {
                // Where the loader looks for what this system's nsswitch.conf names, and that disk's.
                for name in [path.file_name().expect("a name"), "libnss_evil.so.2".as_ref()] {
                    let there = Path::new("/mnt").join(path.strip_prefix("/").expect("absolute")).with_file_name(name);
                    fs::create_dir_all(there.parent().expect("a folder")).expect("a folder");
                    fs::copy(evil, there).expect("a library");
                }
            }
        }
        system.file("/mnt/etc/nsswitch.conf", "passwd: evil files systemd\ngroup: evil files systemd\n");
        system.file("/mnt/usr-bin-getent", "#!/bin/sh\ntouch /loaded\n");
        fs::create_dir_all("/mnt/usr/bin").expect("a folder");
        fs::rename("/mnt/usr-bin-getent", "/mnt/usr/bin/getent").expect("moves");
        fs::set_permissions("/mnt/usr/bin/getent", fs::Permissions::from_mode(0o755)).expect("a mode");
        enrolls(system, "zoe");
        on_disk(system, &["policy", "explain", "zoe"], "");
        on_disk(system, &["list", "--required", "--group", "staff"], "");
        assert!(program(system, &["--root", "/mnt", "doctor"], "").1.contains("doctor"));
        assert_eq!(program(system, &["--root", "/mnt", "remove", "nobody-there"], "").0, 3);
        assert!(!Path::new("/mnt/loaded").exists() && !Path::new("/loaded").exists());

        let trace = "/tmp/trace";
        let mut strace = Command::new("strace");
        strace.args(["-f", "-o", trace, "-e", "trace=chroot,openat2,openat,open,execve,connect,socket"]);
        system.runs(strace.args(["pam-totp", "--root", "/mnt", "list", "--group", "staff"]));
        let trace = fs::read_to_string(trace).expect("a trace");
        let (_, after) = trace.split_once("chroot(\".\")").expect("it went there");
        for odd in ["nsswitch", "libnss", ".so", "execve", "connect", "socket"] {
            assert!(!after.contains(odd), "{odd}: {after}");
        }
        assert!(after.contains("\"/etc/passwd\"") && after.contains("\"/etc/group\""), "{after}");
    });
}

#[test]
fn accounts_of_a_directory_are_known_by_what_they_enrolled_alone() {
    rescue(|system| {
        enrolls(system, "zoe");
        // As if a directory had the account: the disk alone does not know it.
        system.file("/mnt/etc/passwd", &PASSWD.replace("zoe:", "zoe2:"));
        assert!(on_disk(system, &["list"], "").starts_with("zoe "));
        assert!(on_disk(system, &["status", "zoe"], "").contains("zoe is enrolled."));
        on_disk(system, &["unlock", "zoe"], "");
        for command in
            [vec!["list", "--orphans"], vec!["remove", "--orphans", "--yes"], vec!["remove", "--orphans", "zoe"]]
        {
            let command = [vec!["--root", "/mnt"], command].concat();
            assert_eq!(error_code(system, &command, ""), (2, "usage".into()), "{command:?}");
        }
        let (_, report) = object(system, &["--root", "/mnt", "doctor"], "");
        assert!(!report.to_string().contains("orphans"), "{report:#}");
        let (exit, _, errors) = program(system, &["--root", "/mnt", "verify", "zoe"], "000000\n");
        assert_eq!(exit, 3, "{errors}");
        assert!(errors.contains("accounts of a directory are not known there"), "{errors}");
        on_disk(system, &["remove", "--all", "--yes"], "");
        assert_eq!(on_disk(system, &["list"], ""), "Nobody is enrolled.\n");
    });
}

#[test]
fn neither_the_door_nor_the_records_of_this_system_take_part() {
    rescue(|system| {
        enrolls(system, "zoe");
        // As people prepare a disk for chroot.
        system.runs(Command::new("mount").args(["--bind", "/run", "/mnt/run"]));
        let _door = Door::with(|| {
            let mut asked = Command::new("/usr/bin/touch");
            asked.arg("/tmp/asked");
            asked
        });
        // A record of somebody here who has the same name.
        fs::copy("/mnt/var/lib/pam_totp/state/zoe", "/run/pam_totp/state/zoe").expect("a record");
        system.runs(Command::new("mount").args(["-o", "remount,ro", "/mnt"]));
        let before = here();
        let (exit, answer) = object(system, &["--root", "/mnt", "verify", "zoe"], "000000\n");
        assert_eq!((exit, answer["reason"].as_str()), (5, Some("store")), "{answer}");
        let message = answer["error"]["message"].as_str().expect("a message");
        assert!(message.contains("Read-only file system"), "{message}");
        assert!(on_disk(system, &["status", "zoe"], "").contains("zoe is enrolled."));
        assert_eq!(error_code(system, &["--root", "/mnt", "policy", "disable"], "").0, 5);
        assert_eq!(here(), before);
        assert!(!Path::new("/tmp/asked").exists());
    });
}

#[test]
fn what_is_no_disk_of_a_system_is_refused() {
    rescue(|system| {
        let alice = crate::support::system::User { name: "alice" };
        fs::create_dir("/tmp/alices").expect("a folder");
        system.runs(Command::new("chown").args(["alice", "/tmp/alices"]));
        fs::create_dir("/tmp/open").expect("a folder");
        fs::set_permissions("/tmp/open", fs::Permissions::from_mode(0o777)).expect("a mode");
        let cases = ["/nowhere", "/etc/passwd", "/tmp/alices", "/tmp/open", "/", "/mnt/..", ""];
        for directory in cases {
            let refused = error_code(system, &["--root", directory, "policy", "disable"], "");
            assert_eq!(refused, (2, "usage".into()), "{directory:?}");
        }
        let output = system.tries(alice.command("pam-totp").args(["--root", "/mnt", "list"]), "");
        assert_eq!(output.status.code(), Some(4), "{output:?}");
        assert!(String::from_utf8_lossy(&output.stderr).contains("only root may do this"), "{output:?}");
        for command in [["status"].as_slice(), &["try", "sshd", "zoe"], &["generate"]] {
            assert_eq!(error_code(system, &[&["--root", "/mnt"], command].concat(), ""), (2, "usage".into()));
        }
        // What is no file there is not waited for.
        fs::remove_file("/mnt/etc/passwd").expect("a file");
        system.runs(Command::new("mkfifo").arg("/mnt/etc/passwd"));
        assert_eq!(error_code(system, &["--root", "/mnt", "list"], ""), (5, "host".into()));
        assert_eq!(error_code(system, &["--root", "/mnt", "generate", "zoe"], ""), (5, "host".into()));
        // A folder without a system on it: nothing is made there.
        fs::create_dir("/tmp/empty").expect("a folder");
        assert_eq!(error_code(system, &["--root", "/tmp/empty", "list"], "").0, 5);
        assert_eq!(fs::read_dir("/tmp/empty").expect("a folder").count(), 0);
    });
}

#[test]
fn without_a_log_the_change_is_made_and_the_line_said() {
    rescue(|system| {
        fs::remove_file("/dev/log").expect("the socket");
        let (exit, out, errors) = program(system, &["--root", "/mnt", "policy", "disable"], "");
        assert_eq!(exit, 0, "{errors}");
        assert!(out.contains("The policy is off"), "{out}");
        assert!(errors.contains("the system log did not take the line: switched the policy off"), "{errors}");
    });
}

#[test]
fn the_doctor_looks_at_the_files_of_that_disk_and_at_nothing_of_this_system() {
    rescue(|system| {
        enrolls(system, "zoe");
        fs::set_permissions("/mnt/var/lib/pam_totp/secrets", fs::Permissions::from_mode(0o755)).expect("a mode");
        system.file("/mnt/etc/pam.d/sshd", "auth required pam_unix.so\nauth optional pam_totp.so\n");
        let before = here();
        let (exit, report) = object(system, &["--root", "/mnt", "doctor"], "");
        let findings = report["findings"].as_array().expect("a list");
        let about = |key: &str| -> Vec<&str> { findings.iter().filter_map(|finding| finding[key].as_str()).collect() };
        for code in ["unsafe", "optional", "files_alone"] {
            assert!(about("code").contains(&code), "{code}: {report:#}");
        }
        for subject in ["clock", "sshd", "sudo", "door"] {
            assert!(!about("about").contains(&subject), "{subject} is of this system: {report:#}");
        }
        assert!(!report.to_string().contains("alice") && exit == 1, "{report:#}");
        assert_eq!(here(), before);
        let (_, said, _) = program(system, &["--root", "/mnt", "doctor"], "");
        assert!(said.contains("into a `chroot` to that disk"), "{said}");
    });
}
