//! What was proved at a login is lost where the account stack ends before our line. The next login says so, and who must
//! enroll is not let in with a new key each time.

use super::{SSHD, backup_code, enrolls, is_enrolled, key};
use crate::support::codes::fresh_code;
use crate::support::host::{self, Once};
use crate::support::sshd::{KEYBOARD_INTERACTIVE, Sshd, prompt, ssh};
use crate::support::system::{PASSWORD, System, throw_away};
use serde_json::Value;
use std::fs;
use std::process::Command;

const AUTH: &str = "auth requisite pam_unix.so nodelay\nauth requisite pam_totp.so explain nodelay\n";
const OURS: &str = "account required pam_totp.so\n";
const PERMIT: &str = "account required pam_permit.so\n";
const TOLD: &str = "Your enrollment at an earlier login was not stored. Tell your administrator.";
const REFUSED: &str = "no enrollment: bob must enroll, and what they proved before was not stored";
const STATE: &str = "/var/lib/pam_totp/state/bob";

fn stack(system: &System, account: &str) {
    system.stack("host", &format!("{AUTH}{account}"));
}

fn starts(stages: u8) -> Once {
    let mut login = Once::start("host", "bob", stages);
    login.answers("Password: ", PASSWORD);
    login
}

/// A login in which bob proves a key, and types a backup code back if asked; its PAM code.
fn proves(stages: u8, stored: bool) -> i32 {
    let mut login = starts(stages);
    login.sees("Key:     ");
    let key = login.sees("\n").replace(' ', "");
    login.answers("Verification code: ", &fresh_code(&key));
    if stored {
        login.sees("\n(1) ");
        let code = login.sees("\n");
        login.answers("Backup code: ", &code);
    }
    login.code()
}

fn is_refused(system: &System) {
    let before = system.log.count(REFUSED);
    let said = starts(2).rest();
    assert!(said.contains(TOLD) && !said.contains("Key: "), "{said}");
    assert_eq!(system.log.count(REFUSED), before + 1);
    let logged = "the enrollment that bob proved at host at ";
    assert!(system.log.count(logged) > before, "nothing in the log");
}

fn unlocks(system: &System) {
    system.runs(Command::new("pam-totp").args(["unlock", "bob"]));
}

fn status(system: &System) -> Value {
    let output = system.runs(Command::new("pam-totp").args(["--json", "status", "bob"])).stdout;
    serde_json::from_slice(&output).expect("an object")
}

#[test]
fn where_the_account_stack_ends_before_our_line_the_next_login_says_so() {
    // What ends or jumps the stack before our line, and what that account stack comes to.
    let ends = [
        ("account sufficient pam_localuser.so\naccount required pam_unix.so\n", false, 0),
        ("account [default=1] pam_permit.so\n", false, 0),
        ("@include common-account\n", true, 12),
    ];
    throw_away(|system| {
        host::build(system, &[]);
        enrolls(system, "");
        system.user("bob");
        for (lines, must_change_password, code) in ends {
            if must_change_password {
                system.runs(Command::new("chage").args(["-d", "0", "bob"]));
            }
            stack(system, &format!("{lines}{OURS}{PERMIT}{PERMIT}"));
            assert_eq!(proves(2, false), code, "{lines}");
            assert!(!is_enrolled("bob") && fs::exists(STATE).expect("a folder"), "{lines}");
            assert_eq!(status(system)["proving"]["service"], "host");
            is_refused(system);
            is_refused(system);
            let output = system.tries(Command::new("pam-totp").args(["--json", "doctor"]), "").stdout;
            assert!(String::from_utf8_lossy(&output).contains("\"not_stored\""), "{lines}");

            // In front of the others it stores, whatever they come to.
            stack(system, &format!("{OURS}{lines}{PERMIT}{PERMIT}"));
            is_refused(system);
            unlocks(system);
            assert_eq!(proves(2, true), code, "{lines}");
            assert!(is_enrolled("bob"), "{lines}");
            assert_eq!(status(system)["proving"], Value::Null);
            system.runs(Command::new("pam-totp").args(["remove", "bob"]));
        }
        let unlocked = system.tries(Command::new("pam-totp").args(["unlock", "bob"]), "");
        assert_eq!(unlocked.status.code(), Some(1), "there is no mark and no enrollment");
    });
}

/// A client that goes between the two halves leaves the mark too: root ends it, by what they would do anyway.
#[test]
fn whoever_left_in_between_is_helped_by_root() {
    throw_away(|system| {
        host::build(system, &[]);
        enrolls(system, "");
        stack(system, &format!("{OURS}{PERMIT}"));
        system.user("bob");
        assert_eq!(proves(1, false), 0);
        is_refused(system);
        system.enroll("bob");
        assert_eq!(status(system)["proving"], Value::Null);
        system.runs(Command::new("pam-totp").args(["remove", "bob"]));
        assert_eq!(proves(2, true), 0);
    });
}

#[test]
fn who_can_put_it_off_is_not_refused_and_a_line_without_explain_leaves_no_mark() {
    throw_away(|system| {
        host::build(system, &[]);
        system.user("bob");
        let lost = format!("account sufficient pam_permit.so\n{OURS}");
        enrolls(system, "");
        system.stack("host", &format!("{}{lost}", AUTH.replace(" explain", "")));
        assert_eq!(proves(2, false), 0);
        assert_eq!(proves(2, false), 0);
        assert!(!fs::exists(STATE).expect("a folder"));

        enrolls(system, "enroll_by = 9999-12-31\n");
        stack(system, &lost);
        assert_eq!(proves(2, false), 0);
        let logged = "the enrollment that bob proved at host at ";
        assert_eq!(system.log.count(logged), 0);
        assert_eq!(proves(2, false), 0);
        assert_eq!(system.log.count(logged), 1);
        stack(system, &format!("{OURS}{PERMIT}"));
        assert_eq!(proves(2, true), 0);
        assert!(is_enrolled("bob"));

        // A disk that cannot be written to stops nobody from trying.
        system.runs(Command::new("pam-totp").args(["remove", "bob"]));
        let folder = "/var/lib/pam_totp/state";
        system.runs(Command::new("mount").args(["--bind", folder, folder]));
        system.runs(Command::new("mount").args(["-o", "remount,bind,ro", folder]));
        assert_eq!(proves(1, false), 0);
        system.log.line("enrolling: that bob has proved a key could not be noted: ");
    });
}

#[test]
fn over_ssh_the_second_login_is_refused_until_the_line_stands_in_front() {
    let without: String = SSHD
        .lines()
        .filter(|line| !(line.starts_with("account") && line.contains("pam_totp")))
        .fold(String::new(), |text, line| text + line + "\n");
    let common = "@include common-account\n";
    assert!(without.contains(common));
    throw_away(|system| {
        enrolls(system, "");
        system.without_delays();
        system.stack("sshd", &without.replace(common, &format!("account sufficient pam_localuser.so\n{common}{OURS}")));
        system.user("bob");
        let _sshd = Sshd::start(system, KEYBOARD_INTERACTIVE);
        let begins = || {
            let mut client = ssh("bob", &["-o", "NumberOfPasswordPrompts=1"]);
            client.answers(&prompt("bob", "Password: "), PASSWORD);
            client
        };
        let mut client = begins();
        let shown = key(&mut client);
        client.answers("Verification code: ", &fresh_code(&shown));
        client.sees("in as bob");
        assert_eq!(client.ends().1, 0);
        assert!(!is_enrolled("bob"));

        let (screen, status) = begins().ends();
        assert!(status != 0 && !screen.contains("in as bob"), "{screen}");
        system.log.line("the enrollment that bob proved at sshd at ");

        system.stack("sshd", &without.replace(common, &format!("{OURS}account sufficient pam_localuser.so\n{common}")));
        unlocks(system);
        let mut client = begins();
        let shown = key(&mut client);
        client.answers("Verification code: ", &fresh_code(&shown));
        backup_code(&mut client);
        client.sees("in as bob");
        assert_eq!(client.ends().1, 0);
        assert!(is_enrolled("bob"));
    });
}
