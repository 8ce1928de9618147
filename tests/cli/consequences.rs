//! What a switch of the policy does at the stacks is said before it is done.

use crate::support::application::{SERVICE, SUCCESS, build, login};
use crate::support::documents::root;
use crate::support::program::{error_code, object, program};
use crate::support::system::{PASSWORD, System, throw_away};
use crate::support::terminal::Terminal;
use serde_json::{Value, json};
use std::fs;
use std::process::Command;

const POLICY: &str = "/etc/security/pam_totp.toml";
const COMMON: &str = "auth [success=1 default=ignore] pam_unix.so nodelay\nauth requisite pam_deny.so\n\
                      auth required pam_permit.so\n";

fn host(test: impl FnOnce(&System)) {
    throw_away(|system| {
        build(system);
        system.runs(Command::new("/bin/sh").args(["-euc", "sed -i '/pam_totp/d' /etc/pam.d/*"]));
        system.enrolled("alice");
        test(system);
    });
}

fn is_on() -> bool {
    !fs::read_to_string(POLICY).unwrap_or_default().contains("enabled = false")
}

fn asked(answer: &str) -> (String, i32) {
    let mut command = Command::new("pam-totp");
    command.args(["policy", "disable"]);
    let mut terminal = Terminal::run(command);
    terminal.answers("[y/N] ", answer);
    terminal.ends()
}

#[test]
fn a_stack_that_would_refuse_everybody_is_named_before_it_is_switched_off() {
    host(|system| {
        system.stack(SERVICE, &format!("{COMMON}auth [success=done default=die] pam_totp.so\n"));
        for switch in [&["policy", "disable"][..], &["policy", "set", "enabled", "false"]] {
            assert_eq!(error_code(system, switch, ""), (2, "needs_yes".into()));
            let (_, _, said) = program(system, switch, "");
            assert!(said.contains("application refuses everybody: its stack fails where no code is due"), "{said}");
            assert!(is_on(), "{switch:?}");
        }
        let (screen, exit) = asked("n");
        assert!(exit == 1 && screen.contains("Nothing was changed.") && is_on(), "{screen}");
        let (screen, exit) = asked("y");
        assert!(exit == 0 && !is_on(), "{screen}");
        assert_ne!(login(system, "alice", PASSWORD), SUCCESS, "libpam does what was said");
        // Off already, it changes nothing, and nobody is asked.
        let (exit, said) = object(system, &["policy", "disable"], "");
        assert_eq!((exit, &said["changed"]), (0, &json!(false)));

        system.runs(Command::new("pam-totp").args(["policy", "enable", "--yes"]));
        let (exit, said) = object(system, &["policy", "disable", "--yes"], "");
        assert_eq!((exit, &said["refuse"], &said["open"]), (0, &json!([SERVICE]), &json!([])));
        assert!(!is_on());
        system.runs(Command::new("pam-totp").args(["policy", "enable", "--yes"]));
        assert_eq!(program(system, &["policy", "set", "enabled", "false", "--yes"], "").0, 0);
        assert!(!is_on());
    });
}

#[test]
fn a_stack_that_asks_for_the_code_alone_would_let_everybody_in() {
    host(|system| {
        system.stack(SERVICE, "auth required pam_totp.so\nauth required pam_permit.so\n");
        let (exit, _, said) = program(system, &["policy", "disable"], "");
        assert!(exit == 2 && said.contains("application lets everybody in"), "{said}");
        assert!(is_on());
        let said = object(system, &["policy", "disable", "--yes"], "").1;
        assert_eq!((&said["refuse"], &said["open"]), (&json!([]), &json!([SERVICE])));
        assert_eq!(login(system, "alice", ""), SUCCESS, "libpam does what was said");
    });
}

#[test]
fn some_only_are_refused_where_a_directory_of_others_says_yes() {
    host(|system| {
        let sss = "auth sufficient pam_sss.so\n";
        let ours = "auth requisite pam_unix.so\nauth [success=ok default=die] pam_totp.so\n";
        system.stack(SERVICE, &format!("{sss}{ours}"));
        let (_, _, said) = program(system, &["policy", "disable"], "");
        assert!(said.contains("application refuses users whom pam_unix.so knows"), "{said}");
    });
}

#[test]
fn no_example_of_ours_is_asked_about() {
    host(|system| {
        for entry in fs::read_dir(root().join("pam.d")).expect("the examples").flatten() {
            // There the code is all, beside a certificate.
            if entry.file_name() == "postgresql" {
                continue;
            }
            let text = fs::read_to_string(entry.path()).expect("an example");
            system.stack(&entry.file_name().to_string_lossy(), &text);
        }
        let (exit, said) = object(system, &["policy", "disable"], "");
        assert_eq!((exit, &said["changed"]), (0, &json!(true)), "{said}");
        system.runs(Command::new("pam-totp").args(["policy", "enable", "--yes"]));
        system.stack("postgresql", include_str!("../../pam.d/postgresql"));
        let (_, _, said) = program(system, &["policy", "disable"], "");
        assert!(said.contains("postgresql refuses everybody: the code is all that it asks for"), "{said}");
        fs::remove_file("/etc/pam.d/postgresql").expect("it goes");
        // A stack that goes by another policy is none of this one's.
        system.file("/etc/security/other.toml", "");
        let other = "auth required pam_totp.so config=/etc/security/other.toml\nauth required pam_permit.so\n";
        system.runs(Command::new("pam-totp").args(["policy", "enable", "--yes"]));
        system.stack(SERVICE, other);
        assert_eq!(program(system, &["policy", "disable"], "").0, 0);
        let other = ["--config", "/etc/security/other.toml", "policy", "disable"];
        assert_eq!(error_code(system, &other, ""), (2, "needs_yes".into()));
    });
}

#[test]
fn of_another_system_s_disk_its_own_stacks_are_looked_at() {
    host(|system| {
        let sh = |line: &str| drop(system.runs(Command::new("/bin/sh").args(["-euc", line])));
        sh("mkdir -p /root/disk/etc/security /root/disk/etc/pam.d /root/disk/dev; chmod 755 /root/disk");
        sh("cp /etc/passwd /root/disk/etc; mount --bind /root/disk /root/disk");
        system.file("/root/disk/etc/security/pam_totp.toml", "enabled = true\n");
        let disable = ["--root", "/root/disk", "policy", "disable"];
        system.file("/root/disk/etc/pam.d/sshd", "auth required pam_totp.so\n");
        assert_eq!(error_code(system, &disable, ""), (2, "needs_yes".into()));
        let (_, _, said) = program(system, &disable, "");
        assert!(said.contains("sshd refuses everybody"), "{said}");
        assert_eq!(program(system, &[&disable[..], &["--yes"]].concat(), "").0, 0, "nothing is made impossible");
        let text = fs::read_to_string("/root/disk/etc/security/pam_totp.toml").expect("the policy there");
        assert!(text.contains("enabled = false") && is_on(), "{text}");
    });
}

#[test]
fn where_nothing_stores_what_users_enroll_it_is_said_when_they_shall_enroll() {
    host(|system| {
        let warned = |arguments: &[&str]| -> Vec<String> {
            let (exit, said) = object(system, arguments, "");
            assert_eq!(exit, 0, "{said}");
            let text = |value: &Value| value.as_str().expect("a text").to_owned();
            said["warnings"].as_array().expect("a list").iter().map(text).collect()
        };
        let enroll = ["policy", "set", "unenrolled", "enroll"];
        let deny =
            || drop(system.runs(Command::new("pam-totp").args(["policy", "set", "unenrolled", "deny", "--yes"])));
        let auth = format!("{COMMON}auth requisite pam_totp.so\n");
        system.stack(SERVICE, &format!("{auth}account required pam_unix.so\n"));
        let said = warned(&enroll);
        assert!(
            said.len() == 1 && said[0].starts_with("application: /etc/pam.d/application:4: no `account` line"),
            "{said:?}"
        );
        assert_eq!(warned(&enroll), [""; 0], "only where it begins");
        assert_eq!(warned(&["policy", "enable"]), said);
        let (_, text, _) = program(system, &["policy", "enable"], "");
        assert!(text.contains("warning: application: "), "{text}");
        deny();
        assert_eq!(warned(&["policy", "set", "unenrolled", "enroll", "--dry-run"]), said);
        assert_eq!(warned(&["policy", "enable"]), [""; 0], "nobody enrolls");

        let behind =
            "account sufficient pam_localuser.so\naccount required pam_totp.so\naccount required pam_unix.so\n";
        system.stack(SERVICE, &format!("{auth}{behind}"));
        let said = warned(&enroll);
        assert!(
            said.len() == 1 && said[0].contains("pam_localuser.so (/etc/pam.d/application:5, sufficient)"),
            "{said:?}"
        );
        deny();
        system.stack(SERVICE, &format!("{auth}account required pam_totp.so\naccount required pam_unix.so\n"));
        assert_eq!(warned(&enroll), [""; 0]);
    });
}
