//! Ended in the middle, and begun again.

use super::*;
use std::collections::BTreeSet;

const USERS: usize = 20;
const IMPORT: [&str; 4] = ["/usr/bin/pam-totp", "import", "google-authenticator", "--all"];
/// What an import changes anything with.
const CHANGES: [&str; 7] = ["openat", "pwrite64", "fdatasync", "fsync", "rename", "unlinkat", "write"];

fn name(n: usize) -> String {
    format!("user{n:02}")
}

fn scratch(n: usize) -> String {
    format!("{}", 40_000_000 + n)
}

/// Accounts as `useradd` makes them, all at once.
fn users(system: &System) {
    let lines: String =
        (0..USERS).map(|n| format!("{}:x:{}:{}::/home/{}:/bin/sh\n", name(n), 3000 + n, 3000 + n, name(n))).collect();
    let passwd = fs::read_to_string("/etc/passwd").expect("the accounts");
    system.file("/etc/passwd", &(passwd + &lines));
    for n in 0..USERS {
        let (home, uid) = (format!("/home/{}", name(n)), Some(3000 + u32::try_from(n).unwrap()));
        fs::create_dir(&home).expect("a home");
        let file = format!("{home}/.google_authenticator");
        // Each has used a code of this very moment; every fifth has one on paper, which takes time to stretch.
        let paper = if n % 5 == 0 { format!("{}\n", scratch(n)) } else { String::new() };
        system.file(&file, &format!("{}\n\" DISALLOW_REUSE {}\n\" TOTP_AUTH\n{paper}", key(n), T / 30));
        chown(&home, uid, uid).expect("their home");
        chown(&file, uid, uid).expect("their file");
    }
}

fn listed(folder: &str) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("a folder of the store");
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn empty() {
    for folder in ["/var/lib/pam_totp/secrets", "/var/lib/pam_totp/state"] {
        for name in listed(folder) {
            fs::remove_file(format!("{folder}/{name}")).expect("removes a file");
        }
    }
}

#[test]
fn an_import_killed_anywhere_is_run_again_and_ends_well() {
    throw_away(|system| {
        application::build(system);
        users(system);
        let (calls, _) = calls(system, T, &IMPORT, "");
        let stored = |line: &str| line.contains("/var/lib/pam_totp/") || !line.starts_with("openat");
        let changes: Vec<_> =
            calls.into_iter().filter(|c| CHANGES.contains(&c.name.as_str()) && stored(&c.line)).collect();
        assert!(changes.len() > USERS * 5, "{}", changes.len());
        let everybody: Vec<String> = (0..USERS).map(name).collect();
        let secrets: Vec<String> = everybody.iter().map(|name| format!("{name}.toml")).collect();
        let mut cut = [false; USERS + 1];
        // Another place within a user each time.
        for call in changes.iter().step_by(changes.len() / 16) {
            empty();
            killed_at(system, call, T, &IMPORT, "");
            let done = listed("/var/lib/pam_totp/secrets").iter().filter(|name| !name.starts_with('.')).count();
            cut[done] = true;
            let (exit, said) = imports(system, T, &["google-authenticator", "--all"]);
            assert_eq!((exit, &said["failed"]), (0, &json!({})), "{call:?}: {said}");
            let (new, old) = (said["modified"].as_array().unwrap(), said["already"].as_array().unwrap());
            assert_eq!((new.len(), old.len()), (USERS - done, done), "{call:?}: {said}");
            assert_eq!(listed("/var/lib/pam_totp/secrets"), secrets, "{call:?}: each once, and nothing beside");
            assert_eq!(listed("/var/lib/pam_totp/state"), everybody, "{call:?}");
            // The last before the end, and the first after it; and those of each who have a code on paper.
            let (last, next) = (done.saturating_sub(1), done.min(USERS - 1));
            for n in [0, last, next] {
                assert_eq!(
                    login_at(system, T, &name(n), &code_at(&key(n), T)),
                    AUTH_ERR,
                    "{call:?}: {n} used it there"
                );
            }
            for n in BTreeSet::from([last / 5 * 5, next.next_multiple_of(5) % USERS]) {
                let answers = [(); 2].map(|()| login_at(system, T, &name(n), &scratch(n)));
                assert_eq!(answers, [SUCCESS, AUTH_ERR], "{call:?}: {n}");
            }
            assert_eq!(login_at(system, T + 30, &name(last), &code_at(&key(last), T + 30)), SUCCESS, "{call:?}");
        }
        assert!(cut.iter().filter(|cut| **cut).count() > 8, "{cut:?}");
    });
}
