//! The profile of pam-auth-update, beside those of other packages, judged by pam-auth-update and libpam themselves.

use crate::support::codes::fresh_code;
use crate::support::host::{self, Once};
use crate::support::system::{PASSWORD, System, throw_away};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// As libpam-sss has it, with a directory that knows nobody: its account part ends the stack for local users.
const DIRECTORY: &str = "Name: SSS authentication
Default: yes
Priority: 128
Auth-Type: Primary
Auth:
\t[success=end default=ignore]\tpam_deny.so use_first_pass
Account-Type: Additional
Account:
\tsufficient\t\t\tpam_localuser.so
\t[default=bad success=ok user_unknown=ignore]\tpam_deny.so
";
/// As libpam-mount has it: it opens the home with the password.
const HOME: &str = "Name: Mount volumes for user
Default: yes
Priority: 128
Auth-Type: Additional
Auth:
\toptional\tpam_exec.so /usr/bin/touch /tmp/opened
";

pub fn install(system: &System) {
    let profile = fs::read_to_string("/mnt/sources/packaging/debian/pam-configs/pam-totp").expect("the profile");
    system.file("/usr/share/pam-configs/pam-totp", &profile);
}

pub fn update(system: &System, arguments: &[&str]) {
    let mut command = Command::new("pam-auth-update");
    let output = system.runs(command.args(arguments).env("DEBIAN_FRONTEND", "noninteractive"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!said.contains("not updating"), "{said}");
}

/// Everything in /etc/pam.d.
pub fn stacks() -> Vec<(PathBuf, Vec<u8>)> {
    let entries = fs::read_dir("/etc/pam.d").expect("/etc/pam.d").map(|entry| entry.expect("an entry").path());
    let mut files: Vec<_> = entries.map(|path| (path.clone(), fs::read(path).expect("a stack"))).collect();
    files.sort();
    files
}

/// A host with both of the others and ours, which is off.
fn among_others(system: &System) {
    host::build(system, &[]);
    system.file("/usr/share/pam-configs/sss", DIRECTORY);
    system.file("/usr/share/pam-configs/pam_mount", HOME);
    install(system);
    system.stack("host", "@include common-auth\n@include common-account\n");
    update(system, &["--package"]);
}

fn starts(user: &str) -> Once {
    let mut login = Once::start("host", user, 2);
    login.answers("Password: ", PASSWORD);
    login
}

#[test]
fn it_asks_for_a_code_before_anything_is_opened_and_goes_without_a_trace() {
    throw_away(|system| {
        let alice = system.enrolled("alice");
        system.user("bob");
        among_others(system);
        assert_eq!(starts("alice").code(), 0, "a package that is installed changes no login");
        let before = stacks();
        let _ = fs::remove_file("/tmp/opened");

        update(system, &["--enable", "pam-totp"]);
        let mut login = starts("alice");
        login.answers("Verification code: ", &alice.wrong_code());
        assert_eq!(login.code(), 7);
        assert!(!Path::new("/tmp/opened").exists(), "her home was opened after a wrong code");
        let mut login = starts("alice");
        login.answers("Verification code: ", &alice.code());
        assert_eq!(login.code(), 0);
        assert!(Path::new("/tmp/opened").exists());

        // Whoever is not enrolled gets in until the policy says what happens to them.
        let said = starts("bob").rest();
        assert!(said.contains("ended 0\n"), "{said}");
        system.policy("unenrolled = \"deny\"\n");
        let mut login = starts("bob");
        login.answers("Verification code: ", "123456");
        assert_eq!(login.code(), 7);

        update(system, &["--disable", "pam-totp"]);
        for ((path, was), (_, is)) in before.iter().zip(stacks()) {
            assert_eq!(String::from_utf8_lossy(was), String::from_utf8_lossy(&is), "{}", path.display());
        }
        assert_eq!(before, stacks());
        assert_eq!(starts("alice").code(), 0);
    });
}

/// Each of the two ends the account stack behind a success, and before anything that comes later.
#[test]
fn what_was_enrolled_at_a_login_is_stored_whatever_ends_the_account_stack() {
    throw_away(|system| {
        among_others(system);
        update(system, &["--enable", "pam-totp"]);
        system.policy("unenrolled = \"enroll\"\n");
        for (user, must_change_password, code) in [("bob", false, 0), ("carol", true, 12)] {
            system.user(user);
            if must_change_password {
                system.runs(Command::new("chage").args(["-d", "0", user]));
            }
            let mut login = starts(user);
            login.sees("Key:     ");
            let key = login.sees("\n").replace(' ', "");
            login.answers("Verification code: ", &fresh_code(&key));
            // They give no backup code back, and so have none: what matters here is stored all the same.
            let said = login.rest();
            assert!(said.contains(&format!("ended {code}\n")), "{user}: {said}");
            assert!(fs::exists(format!("/var/lib/pam_totp/secrets/{user}.toml")).expect("a folder"), "{user}");
        }
    });
}

/// An account that has expired stays out: no line of ours makes up for pam_unix's no.
#[test]
fn who_may_not_log_in_may_not_with_a_code() {
    throw_away(|system| {
        let alice = system.enrolled("alice");
        among_others(system);
        update(system, &["--enable", "pam-totp"]);
        system.runs(Command::new("chage").args(["-E", "1", "alice"]));
        let mut login = starts("alice");
        login.answers("Verification code: ", &alice.code());
        assert_eq!(login.code(), 7);
    });
}
