//! User names that are no user's, and those of real users with odd names.

use crate::support::application::{self, AUTH_ERR, SERVICE, SUCCESS, Said, application, at, login_at, only_code};
use crate::support::codes::code_at;
use crate::support::system::{KEY, System, throw_away};
use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::process::Command;

/// The beginning of a step.
const T: u64 = 1_800_000_000;

fn files(system: &System) -> Vec<String> {
    let find = system.runs(Command::new("find").args(["/var/lib/pam_totp", "/run/pam_totp", "-type", "f"]));
    let mut files: Vec<String> = String::from_utf8(find.stdout).expect("names").lines().map(str::to_owned).collect();
    files.sort_unstable();
    files
}

#[test]
fn a_name_that_is_no_users_is_asked_and_refused_like_any() {
    throw_away(|system| {
        application::build(system);
        system.enrolled("alice");
        // Even if somebody manages to make an account of it.
        add_accounts(&["../secrets/alice"]);
        let before = files(system);
        let code = code_at(KEY, T);
        let (longest, endless) = ([b'a'; 255], [b'a'; 10_000]);
        let names: [&[u8]; 18] = [
            b"",
            b"mallory",
            b"../secrets/alice",
            b"../../../etc/passwd",
            b"/etc/passwd",
            b"alice/",
            b"./alice",
            b".alice",
            b"al%69ce",
            b"%s%n%s",
            b"alice.toml",
            b"ALICE",
            b" alice",
            b"alice\n",
            b"alice\xff",
            b"\xff\xfe\x80",
            &longest,
            &endless,
        ];
        for (n, name) in names.into_iter().enumerate() {
            let name = OsStr::from_bytes(name);
            let output = system.tries(at(T, application().arg(SERVICE).arg(name)), &format!("{code}\n"));
            let said = Said::read(&output);
            assert_eq!(said.messages, ["1 Verification code: ", "delay"], "{name:?}");
            assert_eq!((said.codes.as_slice(), said.errors.as_str()), ([AUTH_ERR].as_slice(), ""), "{name:?}");
            assert_eq!(system.log.count("no enrollment: unknown user from local"), n + 1, "{name:?}");
            assert_eq!(system.log.count("authentication failure; logname= uid=0 euid=0 tty=tty1 ruser= rhost="), n + 1);
        }
        assert_eq!(files(system), before);
        assert_eq!(system.log.count("mallory"), 0, "what was typed for a name may be a password");
        assert_eq!(login_at(system, T, "alice", &code), SUCCESS);
    });
}

#[test]
fn a_name_that_no_account_was_looked_up_for_is_no_user_who_is_not_enrolled() {
    throw_away(|system| {
        application::build(system);
        system.stack(SERVICE, "auth requisite pam_totp.so\nauth required pam_permit.so\n");
        system.policy("unenrolled = \"allow\"\n");
        system.enrolled("alice");
        assert_eq!(login_at(system, T, "mallory", ""), SUCCESS, "looked up, and nobody's");
        // A directory may find alice under each of these (RFC 4518 section 2.2 maps controls to spaces, or to nothing).
        for name in [&b"alice\t"[..], b"ali\x01ce", b"DOMAIN/alice", b"alice:", b"alice\xff", &[b'a'; 256]] {
            let mut login = application();
            let code = only_code(system, at(T, login.arg(SERVICE).arg(OsStr::from_bytes(name))), "");
            assert_eq!(code, AUTH_ERR, "{name:?}");
        }
    });
}

#[test]
fn a_user_with_an_odd_name_has_a_file_of_their_own() {
    throw_away(|system| {
        application::build(system);
        let longest = "a".repeat(240);
        let names = [
            ("..", "%2E.".into()),
            (".hidden", "%2Ehidden".into()),
            ("DOM\\carol", "DOM%5Ccarol".into()),
            ("fifty%", "fifty%25".into()),
            ("fifty%25", "fifty%2525".into()),
            ("z\u{fc}rich", "z%C3%BCrich".into()),
            ("host$", "host%24".into()),
            ("dave@example.org", "dave@example.org".into()),
            (&longest, longest.clone()),
        ];
        add_accounts(&names.each_ref().map(|(name, _)| *name));
        for (n, (name, file)) in names.iter().enumerate() {
            system.reads(Command::new("pam-totp").args(["set", "--no-code", name]), &format!("{KEY}\n"));
            let path = format!("/var/lib/pam_totp/secrets/{file}.toml");
            assert!(fs::metadata(&path).is_ok(), "{name}: no {path} among {:?}", files(system));
            assert_eq!(files(system).len(), 2 * (n + 1), "{name}");
            assert_eq!(login_at(system, T, name, &code_at(KEY, T + 6000)), AUTH_ERR, "{name}");
            assert_eq!(login_at(system, T, name, &code_at(KEY, T)), SUCCESS, "{name}");
            assert_eq!(login_at(system, T, name, &code_at(KEY, T)), AUTH_ERR, "{name}");
        }
        let list = system.runs(Command::new("pam-totp").args(["list", "--json"])).stdout;
        let list: serde_json::Value = serde_json::from_slice(&list).expect("an object");
        let mut listed: Vec<&str> = list["users"]
            .as_array()
            .expect("users")
            .iter()
            .map(|user| user["user"].as_str().expect("a name"))
            .collect();
        let mut expected = names.each_ref().map(|(name, _)| *name);
        listed.sort_unstable();
        expected.sort_unstable();
        assert_eq!(listed, expected);
    });
}

#[test]
fn a_name_too_long_for_a_file_cannot_enroll_and_is_no_way_in() {
    throw_away(|system| {
        application::build(system);
        let name = "a".repeat(241);
        add_accounts(&[name.as_str()]);
        let mut set = Command::new("pam-totp");
        let output = system.tries(set.args(["set", "--no-code", &name]), &format!("{KEY}\n"));
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        assert_eq!(login_at(system, T, &name, &code_at(KEY, T)), AUTH_ERR);
        assert_eq!(files(system), [""; 0]);
    });
}

/// useradd refuses such names; directory services have them.
fn add_accounts(names: &[&str]) {
    let mut passwd = fs::File::options().append(true).open("/etc/passwd").expect("/etc/passwd");
    for (uid, name) in (3000..).zip(names) {
        writeln!(passwd, "{name}:x:{uid}:{uid}::/:/bin/sh").expect("adds an account");
    }
}
