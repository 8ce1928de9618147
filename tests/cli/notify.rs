//! The policy's `notify` program is told of each change, wherever it was made, and keeps nobody waiting.

use crate::support::codes::fresh_code;
use crate::support::door::{Door, knock};
use crate::support::program::{object, program};
use crate::support::system::{KEY, System, throw_away};
use crate::support::terminal::Terminal;
use serde_json::Value;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

const PROGRAM: &str = "/usr/local/sbin/tell";
const SPOOL: &str = "/var/spool/pam_totp";

/// Tells by mail, through a sendmail that keeps what it gets.
fn told_by_mail(system: &System, policy: &str) {
    let script = |path: &str, text: &str| {
        system.file(path, text);
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("sets a mode");
    };
    system.runs(Command::new("mkdir").args(["-p", "/usr/local/sbin", "/usr/lib"]));
    script("/usr/lib/sendmail-stub", "#!/bin/sh\ncat >>/root/mail\n");
    let tell = "#!/bin/sh\nread -r line\n[ \"$PWD\" = / ] && [ -z \"$SUDO_USER$HOME\" ] || exit 3\n\
                { echo 'To: root'; echo; echo \"$line\"; } | /usr/lib/sendmail-stub -t\n";
    script(PROGRAM, tell);
    system.policy(&format!("notify = \"{PROGRAM}\"\n{policy}"));
}

/// What was mailed since the last look.
fn mailed() -> Vec<Value> {
    let mail = fs::read_to_string("/root/mail").unwrap_or_default();
    let _ = fs::remove_file("/root/mail");
    let lines = mail.lines().filter(|line| line.starts_with('{'));
    lines.map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
}

fn word<'a>(event: &'a Value, field: &str) -> &'a str {
    event[field].as_str().unwrap_or_default()
}

fn spooled() -> usize {
    fs::read_dir(SPOOL).expect("the spool").count()
}

#[test]
fn root_s_changes_are_told_at_once() {
    throw_away(|system| {
        told_by_mail(system, "unenrolled = \"allow\"\n");
        for name in ["alice", "bob"] {
            system.user(name);
        }
        let does = |arguments: &[&str], input: &str| assert_eq!(object(system, arguments, input).0, 0, "{arguments:?}");
        does(&["set", "alice", "--no-code"], KEY);
        does(&["backup-codes", "alice"], "");
        does(&["backup-codes", "alice", "--expires", "8h"], "");
        does(&["unlock", "alice", "--by", "reseller7"], "");
        does(&["rename", "alice", "bob"], "");
        does(&["remove", "bob"], "");
        does(&["policy", "set", "window", "2"], "");
        let events = mailed();
        let words: Vec<(&str, &str)> = events.iter().map(|e| (word(e, "event"), word(e, "user"))).collect();
        let expected = [
            ("enrolled", "alice"),
            ("backup_codes", "alice"),
            ("temporary_backup_codes", "alice"),
            ("unlocked", "alice"),
            ("renamed", "bob"),
            ("removed", "bob"),
            ("policy_changed", ""),
        ];
        assert_eq!(words, expected);
        assert_eq!(
            (word(&events[3], "by"), word(&events[3], "person"), word(&events[4], "old_user"), word(&events[5], "by")),
            ("reseller7", "root", "alice", "root")
        );
        for event in &events {
            assert!(event["version"] == 1 && event["at"].as_u64().is_some_and(|at| at > 1_700_000_000), "{event}");
            assert!(!event.to_string().contains(KEY));
        }
        // A program that others could have written is not run, and the change is made all the same.
        fs::set_permissions(PROGRAM, fs::Permissions::from_mode(0o777)).expect("sets a mode");
        does(&["policy", "set", "window", "1"], "");
        assert_eq!(mailed().len(), 0);
        system.log.line("notify: /usr/local/sbin/tell was not run: /usr/local/sbin/tell can be written by others");
        assert_eq!(spooled(), 0);
    });
}

/// Else nobody notices that nobody is told.
#[test]
fn a_program_that_cannot_be_run_is_warned_of_before_it_is_missed() {
    throw_away(|system| {
        told_by_mail(system, "");
        let sh = |line: &str| drop(system.runs(Command::new("/bin/sh").args(["-euc", line])));
        system.file("/root/file", "no program\n");
        let doctor = || {
            let found = object(system, &["doctor"], "").1["findings"].as_array().expect("a list").clone();
            found.into_iter().find(|finding| finding["code"] == "notify")
        };
        let warned = |arguments: &[&str]| object(system, arguments, "").1["warnings"].to_string();
        assert_eq!((doctor(), warned(&["policy", "check"])), (None, "[]".into()));
        let broken = [
            ("chmod 777 /usr/local/sbin/tell", "/usr/local/sbin/tell can be written by others"),
            ("chmod 777 /usr/local/sbin", "/usr/local/sbin can be written by others"),
            ("chown daemon /usr/local/sbin/tell", "/usr/local/sbin/tell does not belong to root"),
            ("chmod 644 /usr/local/sbin/tell", "it is not executable"),
            ("rm /usr/local/sbin/tell", "No such file or directory"),
        ];
        for (breaks, why) in broken {
            sh(breaks);
            let finding = doctor().unwrap_or_else(|| panic!("{breaks}: doctor is silent"));
            assert!(word(&finding, "level") == "warning" && word(&finding, "message").contains(why), "{finding}");
            assert!(warned(&["policy", "check"]).contains(why), "{breaks}");
            sh("cp /etc/security/pam_totp.toml /root/policy");
            sh(finding["fix"][0].as_str().expect("a line"));
            assert_eq!(doctor(), None, "{breaks}: {finding}");
            sh("cp /root/policy /etc/security/pam_totp.toml");
        }
        // It is set all the same: the program may come later.
        let (exit, set) = object(system, &["policy", "set", "notify", "/root/file"], "");
        assert_eq!((exit, &set["changed"]), (0, &Value::Bool(true)));
        assert!(set["warnings"].to_string().contains("it is not executable"), "{set}");
        let (_, said, _) = program(system, &["policy", "set", "notify", "/root/nothing"], "");
        assert!(said.contains("warning: ") && said.contains("No such file or directory"), "{said}");
        assert_eq!(object(system, &["policy", "set", "window", "2"], "").1["warnings"], Value::Array(Vec::new()));
    });
}

#[test]
fn what_users_and_logins_change_waits_until_it_is_told() {
    throw_away(|system| {
        told_by_mail(system, "unenrolled = \"enroll\"\n");
        let _door = Door::with(|| Command::new("/usr/sbin/pam-totpd"));
        let alice = system.user("alice");
        system.user("carol");
        system.stack(
            "host",
            "auth required pam_totp.so nodelay\nauth required pam_permit.so\naccount required pam_totp.so\naccount required pam_permit.so\n",
        );
        // By pam-totpd, at a user's own hands.
        let set = format!("device totp 30 SHA1 6 phone\nkey {KEY}\ncode {}", fresh_code(KEY));
        let done = knock(system, &alice, &format!("pam_totp 1\nset\nuser alice\n{set}\n\n"));
        assert!(done.contains("done"), "{done}");
        // By the module, at a login.
        let mut command = Command::new("pam-totp");
        command.args(["try", "host", "carol"]);
        let mut terminal = Terminal::run(command);
        terminal.sees("Key:     ");
        let key = terminal.sees("\n").replace([' ', '\r'], "");
        terminal.answers("Verification code: ", &fresh_code(&key));
        terminal.answers("Backup code: ", "");
        terminal.ends();
        assert_eq!((spooled(), mailed().len()), (2, 0), "neither runs a program");
        let kept: Vec<_> = fs::read_dir(SPOOL).expect("the spool").map(|e| e.expect("an entry").path()).collect();
        for path in &kept {
            assert_eq!(fs::metadata(path).expect("a file").permissions().mode() & 0o777, 0o600);
            assert!(!fs::read_to_string(path).expect("a line").contains(key.as_str()), "a key was left");
        }
        assert_eq!(object(system, &["notify"], "").1["told"], 2);
        let events = mailed();
        let words: Vec<[&str; 4]> =
            events.iter().map(|e| ["event", "user", "by", "service"].map(|f| word(e, f))).collect();
        assert!(words.contains(&["enrolled", "alice", "alice", ""]), "{words:?}");
        assert!(words.contains(&["enrolled", "carol", "carol", "host"]), "{words:?}");
        assert_eq!((spooled(), object(system, &["notify"], "").1["told"].as_u64()), (0, Some(0)));

        // Without a program nothing is left; a spool that is full, or gone, keeps nobody out.
        for (policy, folder) in [("", "700"), ("notify = \"/usr/local/sbin/tell\"\n", "777")] {
            system.policy(&format!("unenrolled = \"enroll\"\n{policy}"));
            system.runs(Command::new("chmod").args([folder, SPOOL]));
            let codes = object(system, &["backup-codes", "alice"], "").1;
            let code = codes["backup_codes"][0].as_str().expect("a code");
            let remove = format!("pam_totp 1\nremove\nuser alice\ncurrent {code}\n\n");
            let said = knock(system, &alice, &remove);
            assert!(said.contains("done"), "{said}");
            assert_eq!(spooled(), 0);
            assert_eq!(program(system, &["set", "alice", "--no-code"], KEY).0, 0);
        }
        system.log.line("notify: /var/spool/pam_totp is open to others");
    });
}
