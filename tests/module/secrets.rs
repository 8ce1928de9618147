//! What a login leaves behind in its host's memory once PAM has ended: no key, no code, nothing to compute one from.

use crate::support::application::{AUTH_ERR, CONV_ERR, SUCCESS};
use crate::support::codes::{code_at, fresh_code, now, wrong_code};
use crate::support::door::Door;
use crate::support::host::{self, Once};
use crate::support::needles::{Needles, leaves_nothing};
use crate::support::program::object;
use crate::support::system::{KEY, PASSWORD, System, User, throw_away};
use crate::support::terminal::Terminal;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::process::Command;

const SERVICE: &str = "host";
const PLAIN: &str = "auth required pam_totp.so nodelay\naccount required pam_totp.so\naccount required pam_permit.so\n";
const PROMPT: &str = "Verification code: ";
const BOTH: &str = "Password and verification code: ";
const TABLET: &str = "KRSXG5CTMVRXEZLUKN2GC3TEMFZGIVKQ";

#[test]
fn the_programs_leave_no_core_and_let_nobody_look() {
    throw_away(|system| {
        let bob = system.user("bob");
        system.policy("unenrolled = \"allow\"\nissuer = \"ACME\"\n");
        let _door = Door::open(now());
        let mut command = bob.command("pam-totp");
        command.args(["enroll", "--qr", "none"]).env("TERM", "xterm");
        let mut enrolls = Terminal::run(command);
        enrolls.sees("Key:     ");
        let pid = system.runs(Command::new("pidof").arg("pam-totp")).stdout;
        let proc = format!("/proc/{}", String::from_utf8(pid).expect("a number").trim());
        // A process that is not dumpable has its files in /proc owned by root: no debugger of its owner gets in.
        assert_eq!(fs::metadata(format!("{proc}/mem")).expect("a process").uid(), 0);
        let limits = fs::read_to_string(format!("{proc}/limits")).expect("a process");
        let core = limits.lines().find(|line| line.starts_with("Max core file size")).expect("a limit");
        assert_eq!(core.split_ascii_whitespace().skip(4).take(2).collect::<Vec<_>>(), ["0", "0"]);
        let looks = system.tries(bob.command("head").args(["-c1", &format!("{proc}/mem")]), "");
        assert!(!looks.status.success() && looks.stdout.is_empty(), "{looks:?}");
    });
}

fn prepare(system: &System) {
    host::build(system, &[]);
    system.stack(SERVICE, PLAIN);
    system.enrolled("alice");
}

#[test]
fn a_login_leaves_no_key_and_no_code() {
    throw_away(|system| {
        prepare(system);
        let login = |answer: &str| {
            let mut login = Once::start(SERVICE, "alice", 2);
            login.answers(PROMPT, answer);
            login
        };
        let needles = |typed: &str| Needles::new().key(KEY).codes(KEY, typed);
        // A wrong code first: what is found there nobody typed.
        let wrong = wrong_code(KEY);
        leaves_nothing("wrong", login(&wrong), AUTH_ERR, &needles(&wrong));
        let right = fresh_code(KEY);
        leaves_nothing("right", login(&right), SUCCESS, &needles(&right));
        leaves_nothing("used", login(&right), AUTH_ERR, &needles(&right));
        leaves_nothing("no code", login("hunter2-hunter2"), AUTH_ERR, &needles("hunter2-hunter2"));
        let spaced = format!("{} {}", &wrong[..3], &wrong[3..]);
        leaves_nothing("spaced", login(&spaced), AUTH_ERR, &needles(&wrong).text("typed", &spaced));
        leaves_nothing("left", login("leave"), CONV_ERR, &needles("leave no trace"));
    });
}

/// Its key never leaves root's hands; what was typed passes through.
#[test]
fn a_program_without_root_that_asked_at_the_door_is_left_nothing() {
    throw_away(|system| {
        prepare(system);
        let time = now();
        let _door = Door::open(time);
        let login = |answer: &str| {
            let mut command = User { name: "alice" }.command(host::HOST);
            let mut login = Once::with(command.args(["once", SERVICE, "alice", "2"]));
            login.answers(PROMPT, answer);
            login
        };
        let needles = |typed: &str| Needles::new().key(KEY).codes(KEY, typed);
        // Not the first code that is wrong: whoever is not root has rows of zeros in /proc.
        let (wrong, right) = (code_at(KEY, time + 6_000), code_at(KEY, time));
        leaves_nothing("wrong", login(&wrong), AUTH_ERR, &needles(&wrong));
        leaves_nothing("right", login(&right), SUCCESS, &needles(&right));
        leaves_nothing("used", login(&right), AUTH_ERR, &needles(&right));
        leaves_nothing("no code", login("hunter2-hunter2"), AUTH_ERR, &needles("hunter2-hunter2"));
        let backup = "0123-4567-89ab-cdef";
        leaves_nothing("backup code", login(backup), AUTH_ERR, &Needles::new().key(KEY).backup(backup));
        system.log.line("(asked by uid 100");
    });
}

#[test]
fn every_kind_of_device_leaves_nothing() {
    throw_away(|system| {
        host::build(system, &[]);
        system.stack(SERVICE, PLAIN);
        for (name, kind) in
            [("sha256", ["--algorithm", "SHA256"]), ("sha512", ["--algorithm", "SHA512"]), ("hotp", ["--type", "hotp"])]
        {
            system.user(name);
            let (exit, made) = object(system, &["set", "--no-code", name, kind[0], kind[1]], &format!("{TABLET}\n"));
            assert_eq!(exit, 0, "{made}");
            let mut login = Once::start(SERVICE, name, 2);
            login.answers(PROMPT, "918273");
            leaves_nothing(name, login, AUTH_ERR, &Needles::new().key(TABLET).text("typed", "918273"));
        }
    });
}

#[test]
fn a_backup_code_leaves_nothing() {
    throw_away(|system| {
        prepare(system);
        let (_, made) = object(system, &["backup-codes", "--count", "2", "alice"], "");
        let codes = [0, 1].map(|n| made["backup_codes"][n].as_str().expect("a code").to_owned());
        for (what, code, result) in [
            ("right", &codes[0], SUCCESS),
            ("used", &codes[0], AUTH_ERR),
            ("wrong", &"0123-4567-89ab-cdef".to_owned(), AUTH_ERR),
        ] {
            let mut login = Once::start(SERVICE, "alice", 2);
            login.answers(PROMPT, code);
            leaves_nothing(what, login, result, &Needles::new().key(KEY).backup(code));
        }
    });
}

#[test]
fn a_code_that_waits_for_the_next_line_leaves_nothing() {
    throw_away(|system| {
        prepare(system);
        let first = "auth required pam_totp.so nodelay forward_pass\n";
        let login = |answer: &str| {
            let mut login = Once::start(SERVICE, "alice", 1);
            login.answers(BOTH, answer);
            login
        };
        let code = fresh_code(KEY);
        let needles = Needles::new().key(KEY).codes(KEY, &code);
        let both = format!("{PASSWORD}{code}");
        // Ended before the line that would take it, as after a wrong password.
        system.stack(SERVICE, &format!("{first}auth required pam_deny.so\n"));
        leaves_nothing("never taken", login(&both), AUTH_ERR, &needles);
        system.stack(SERVICE, &format!("{first}auth required pam_totp.so nodelay\n"));
        leaves_nothing("taken", login(&both), SUCCESS, &needles);
        leaves_nothing("used", login(&both), AUTH_ERR, &needles);
    });
}

/// Starts an enrollment at login, and reads the key.
fn enrolls(stages: u8, on_terminal: bool) -> (Once, String) {
    let mut command = Command::new(host::HOST);
    command.args(["once", SERVICE, "bob", &stages.to_string()]);
    let mut login = if on_terminal { Once::on_terminal(&mut command) } else { Once::with(&mut command) };
    let drawn = login.sees("Key:     ").contains('█');
    assert_eq!(drawn, on_terminal, "{}", login.said());
    let key = login.sees("\n").replace(' ', "");
    assert_eq!(key.len(), 32);
    (login, key)
}

#[test]
fn an_enrollment_at_login_leaves_nothing_wherever_it_ends() {
    throw_away(|system| {
        host::build(system, &[]);
        system.stack(SERVICE, &format!("auth required pam_permit.so\n{PLAIN}"));
        system.policy("unenrolled = \"enroll\"\nissuer = \"ACME\"\n");
        system.user("bob");
        let needles = |key: &str, typed: &str| {
            let groups: Vec<&str> = (0..8).map(|n| &key[4 * n..4 * n + 4]).collect();
            Needles::new().key(key).codes(key, typed).text("groups", &groups[..3].join(" "))
        };

        let (mut login, key) = enrolls(1, false);
        login.sees(PROMPT);
        // It can be found where it is: the host waits for a code of it.
        assert!(needles(&key, "leave").found_in(&login.memory()).contains("key[0..]"));
        login.answers("", "leave");
        leaves_nothing("left", login, CONV_ERR, &needles(&key, "no code yet"));

        for on_terminal in [false, true] {
            let (mut login, key) = enrolls(1, on_terminal);
            for wrong in ["918273", "918274", "918275"] {
                login.answers(PROMPT, wrong);
            }
            leaves_nothing("not proved", login, AUTH_ERR, &needles(&key, "918275"));
        }

        let (mut login, key) = enrolls(1, false);
        let code = fresh_code(&key);
        login.answers(PROMPT, &code);
        leaves_nothing("proved, not stored", login, SUCCESS, &needles(&key, &code));

        let (mut login, key) = enrolls(2, true);
        let code = fresh_code(&key);
        login.answers(PROMPT, &code);
        login.sees("\n(1) ");
        let first = login.sees("\n");
        login.sees("\n(10) ");
        let last = login.sees("\n");
        login.answers("Backup code: ", "none of them");
        login.answers("Backup code: ", last.trim());
        let needles = needles(&key, &code).backup(first.trim()).backup(last.trim());
        leaves_nothing("stored", login, SUCCESS, &needles);
        assert!(fs::exists("/var/lib/pam_totp/secrets/bob.toml").expect("a folder"));
    });
}

#[test]
fn a_broken_file_leaves_nothing() {
    throw_away(|system| {
        prepare(system);
        let path = "/var/lib/pam_totp/secrets/alice.toml";
        let text = fs::read_to_string(path).expect("a secret file");
        for (what, broken) in [
            ("half a file", text[..text.find("algorithm").expect("a line")].to_owned()),
            ("no TOML", text.replace("digits = ", "digits := ")),
            ("an unknown key", text.replace("digits = ", "digit = ")),
            ("a wrong type", text.replace("digits = 6", "digits = \"6\"")),
            ("no base32", text.replace("DPEHPK3P", "DPEHPK3P1")),
        ] {
            system.file(path, &broken);
            let mut login = Once::start(SERVICE, "alice", 1);
            login.answers(PROMPT, "918273");
            leaves_nothing(what, login, AUTH_ERR, &Needles::new().key(KEY).text("typed", "918273"));
        }
    });
}
