//! Typing errors of administrators: nobody gets in by one, and the enrolled are not locked out by the policy's.

use crate::support::application::{self, AUTH_ERR, SERVICE, SUCCESS, application, at, login_at, only_code};
use crate::support::codes::code_at;
use crate::support::system::{KEY, throw_away};
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::{fs, os};

/// The beginning of a step.
const T: u64 = 1_800_000_000;
const POLICY: &str = "/etc/security/pam_totp.toml";
const STRICTEST: &str = "the strictest policy is in force";

#[test]
fn with_a_broken_policy_the_enrolled_get_in_and_nobody_else() {
    throw_away(|system| {
        application::build(system);
        system.enrolled("alice");
        system.user("bob");
        system.stack(SERVICE, "auth required pam_totp.so nullok\nauth required pam_permit.so\n");
        assert_eq!(login_at(system, T, "bob", ""), SUCCESS, "nullok, and a policy that says nothing");
        let cases = [
            ("window = 1\nunenroled = \"allow\"\n", "line 2, column 1: "),
            ("unenrolled = \"allow\"\nenabled = fasle\n", "line 2, column 11: "),
            ("unenrolled = \"alow\"\n", "line 1, column 14: "),
            ("enabled = false\nwindow = 9\n", "line 2, column 10: "),
            ("enabled = false\n[throttle\n", "line 2, column 10: "),
            ("enabled = false\n\u{0}\n", "line 2, column 1: "),
        ];
        for (time, (text, place)) in (T..).step_by(30).zip(cases) {
            system.policy(text);
            assert_eq!(login_at(system, time, "bob", &code_at(KEY, time)), AUTH_ERR, "{text:?}");
            let line = system.log.line(&format!("policy error: {POLICY}: {place}"));
            assert!(line.contains(STRICTEST), "{line}");
            assert_eq!(login_at(system, time, "alice", &code_at(KEY, time + 6000)), AUTH_ERR, "{text:?}");
            assert_eq!(login_at(system, time, "alice", &code_at(KEY, time)), SUCCESS, "{text:?}");
        }
    });
}

#[test]
fn a_broken_policy_still_finds_the_enrolled_in_a_store_of_their_own() {
    throw_away(|system| {
        application::build(system);
        // An old key, left where the store was before.
        system.user("bob");
        system.enroll("bob");
        for folder in ["/var/keys", "/var/keys/secrets", "/var/keys/state"] {
            fs::create_dir(folder).expect("a folder");
            fs::set_permissions(folder, fs::Permissions::from_mode(0o700)).expect("sets a mode");
        }
        system.policy("store = \"/var/keys\"\n");
        system.enrolled("alice");
        system.policy("store = \"/var/keys\"\nunenroled = \"allow\"\n");
        assert_eq!(login_at(system, T, "alice", &code_at(KEY, T)), SUCCESS);
        assert_eq!(login_at(system, T, "bob", &code_at(KEY, T)), AUTH_ERR);
        system.log.line("policy error: /etc/security/pam_totp.toml: line 2, column 1: ");
    });
}

#[test]
fn a_policy_that_others_may_write_is_none() {
    throw_away(|system| {
        application::build(system);
        system.enrolled("alice");
        system.policy("enabled = false\n");
        let login = |time, code: &str| login_at(system, time, "alice", code);
        fs::set_permissions(POLICY, fs::Permissions::from_mode(0o666)).expect("opens it to others");
        assert_eq!((login(T, ""), login(T, &code_at(KEY, T))), (AUTH_ERR, SUCCESS));
        system.log.line("policy error: /etc/security/pam_totp.toml can be written by others");
        fs::rename(POLICY, "/etc/security/other.toml").expect("renames it");
        os::unix::fs::symlink("other.toml", POLICY).expect("a link");
        assert_eq!((login(T + 30, ""), login(T + 30, &code_at(KEY, T + 30))), (AUTH_ERR, SUCCESS));
        system.log.line("policy error: /etc/security/pam_totp.toml is a symbolic link");
    });
}

/// It is above the policy and above the store: one look serves both, and refuses both.
#[test]
fn a_root_directory_that_others_may_write_lets_nobody_in() {
    throw_away(|system| {
        application::build(system);
        system.enrolled("alice");
        // The throw-away system's own is this machine's.
        let root = "/tmp/root";
        system.runs(Command::new("mkdir").arg(root));
        for folder in ["bin", "dev", "etc", "lib", "lib64", "proc", "run", "usr", "var"] {
            let (from, to) = (format!("/{folder}"), format!("{root}/{folder}"));
            system.runs(Command::new("mkdir").arg(&to));
            if fs::exists(&from).expect("looks") {
                system.runs(Command::new("mount").args(["--rbind", &from, &to]));
            }
        }
        let login = |time| {
            let mut inside = Command::new("chroot");
            inside.arg(root).arg(application().get_program()).args([SERVICE, "alice"]);
            only_code(system, at(time, &mut inside), &code_at(KEY, time))
        };
        assert_eq!(login(T), SUCCESS);
        fs::set_permissions(root, fs::Permissions::from_mode(0o777)).expect("opens it to others");
        assert_eq!(login(T + 30), AUTH_ERR);
        system.log.line("policy error: / can be written by others");
        system.log.line("store error: / can be written by others");
        fs::set_permissions(root, fs::Permissions::from_mode(0o755)).expect("closes it");
        assert_eq!(login(T + 60), SUCCESS);
    });
}

#[test]
fn an_argument_that_is_not_understood_refuses_everybody() {
    throw_away(|system| {
        application::build(system);
        system.enrolled("alice");
        for argument in ["nulok", "nullok=yes", "config=pam_totp.toml", "after=password", "debug=1", "EXPLAIN"] {
            system.stack(SERVICE, &format!("auth required pam_totp.so {argument}\nauth required pam_permit.so\n"));
            assert_eq!(login_at(system, T, "alice", &code_at(KEY, T)), AUTH_ERR, "{argument}");
            let line = system.log.line(&format!("pam_totp(application:auth): module argument '{argument}' "));
            assert!(line.starts_with("authpriv.err "), "{line}");
        }
        system.stack(SERVICE, "auth required pam_totp.so config=/etc/security/absent.toml\n");
        assert_eq!(login_at(system, T, "alice", &code_at(KEY, T)), SUCCESS);
        system.log.line("policy error: /etc/security/absent.toml does not exist: the strictest policy is in force");
    });
}
