//! Daemons with an account of their own: what `[door] judges` lets them ask, and what they are told.

use crate::support::application::{self, AUTH_ERR, SERVICE, SUCCESS, application, login_at, only_code};
use crate::support::codes::code_at;
use crate::support::door::{Door, asks, knock};
use crate::support::lanes;
use crate::support::system::{KEY, PASSWORD, System, User, throw_away};
use pam_totp::factor::record::LaneKey;
use pam_totp::factor::source::Source;
use std::fs;
use std::process::Command;

/// The beginning of a step.
const T: u64 = 1_800_000_000;
const DAEMON: User = User { name: "www-data" };
const JUDGES: &str = "[door]\njudges = [\"no-such-account\", \"www-data\"]\n";
const REFUSED: &str = "verdict 1800000000 refused";

fn code(time: u64) -> String {
    code_at(KEY, time)
}

fn verify(name: &str, code: &str) -> String {
    format!("verify\nuser {name}\ncode {code}")
}

/// What a daemon's PAM stack comes to for this user.
fn logs_in(system: &System, name: &str, answer: &str) -> i32 {
    let mut command = DAEMON.command(application().get_program().to_str().expect("a path"));
    only_code(system, command.args(["-i", "tty=", "-i", "rhost=192.0.2.4", SERVICE, name]).current_dir("/"), answer)
}

/// Used, wrong, waiting, unenrolled, unknown, no code at all, and root: a stolen daemon hears no difference.
#[test]
fn a_daemon_is_told_yes_or_no_and_nothing_else() {
    throw_away(|system| {
        let _door = Door::open(T);
        system.policy(&format!("unenrolled = \"allow\"\n{JUDGES}"));
        for name in ["alice", "carol", "dave"] {
            system.enrolled(name);
        }
        system.user("bob");
        system.enroll("root");
        lanes::spent_from("carol", Source::Judge, T);
        fs::write("/var/lib/pam_totp/secrets/dave.toml", "version = 1\n").expect("breaks it");
        let root = fs::read("/var/lib/pam_totp/state/root").expect("a record");
        let accepted = knock(system, &DAEMON, &format!("pam_totp 1\n{}\n\n", verify("alice", &code(T))));
        assert_eq!(accepted, format!("pam_totp 1\nverdict {T} accepted\n\n"));
        let wrong = code(T + 6_000);
        let cases = [
            ("alice", code(T)),
            ("alice", wrong.clone()),
            ("alice", "hello".into()),
            ("alice", "abcd-efgh-jkmn-pqrs".into()),
            ("bob", code(T)),
            ("bob", wrong.clone()),
            ("carol", code(T)),
            ("dave", code(T)),
            ("root", code(T)),
            ("mallory", code(T)),
            ("", code(T)),
        ];
        for (name, code) in cases {
            let told = knock(system, &DAEMON, &format!("pam_totp 1\n{}\n\n", verify(name, &code)));
            assert_eq!(told, format!("pam_totp 1\n{REFUSED}\n\n"), "{name} {code}");
        }
        assert!(fs::read("/var/lib/pam_totp/state/root").expect("a record") == root, "nobody guesses at root's codes");
        for line in [
            "right code: alice from a program of www-data (device ",
            "used code: alice from a program of www-data entered a code that was accepted before",
            "wrong code: alice from a program of www-data, 1 wrong code in all since the last right one, 14 more",
            "no enrollment: bob from a program of www-data is not enrolled",
            "waiting: carol from a program of www-data had too many wrong codes",
            "refused for a program of www-data: the codes of root are judged for nobody else",
            "refused for a program of www-data: there is no such user",
            "refused for a program of www-data: /var/lib/pam_totp/secrets/dave.toml is damaged",
        ] {
            system.log.line(line);
        }
        assert_eq!(system.log.count("mallory"), 0, "it may be a password");
    });
}

#[test]
fn nothing_of_anybody_is_looked_up_or_changed_by_a_daemon() {
    throw_away(|system| {
        let _door = Door::open(T);
        system.policy(&format!("unenrolled = \"allow\"\n{JUDGES}"));
        system.enrolled("alice");
        system.enroll("root");
        let key = format!("key {KEY}\ncode {}", code(T));
        let current = code(T);
        for name in ["alice", "root", "mallory"] {
            for request in [
                format!("preview\nuser {name}"),
                format!("status\nuser {name}"),
                format!("set\nuser {name}\ndevice totp 30 SHA1 6 phone\n{key}\ncurrent {current}"),
                format!("set\nuser {name}\ndevice totp 30 SHA1 6 phone\n{key}\nreplace\ncurrent {current}"),
                format!("backup-codes\nuser {name}\ncount 10\ncurrent {current}"),
                format!("remove\nuser {name}\ncurrent {current}"),
                format!("resync\nuser {name}\ncode {current}\nnext {}\ncurrent {current}", code(T + 30)),
            ] {
                assert_eq!(asks(system, &DAEMON, &request), "refused not-yours", "{request}");
            }
        }
        // Of its own account it hears what everybody hears of theirs.
        assert_eq!(asks(system, &DAEMON, "preview\nuser www-data"), "standing none");
        assert_eq!(asks(system, &DAEMON, &verify("www-data", &current)), "verdict none");
        // An address is root's word, and a right code is remembered for nobody.
        system.policy(&format!("{JUDGES}[remember]\nhours = 12\nservices = [\"sshd\"]\n"));
        let claims = format!("{}\nfrom 198.51.100.2\nservice sshd", verify("alice", &current));
        assert_eq!(asks(system, &DAEMON, &claims), format!("verdict {T} accepted"));
        let record = lanes::record("alice");
        assert!(record.trusts.is_empty() && record.lanes.iter().all(|lane| !matches!(lane.key, LaneKey::Net(_))));
        // Nobody else may, and without the key the daemon may not either.
        let carol = system.user("carol");
        assert_eq!(asks(system, &carol, &verify("alice", &code(T + 30))), "refused not-yours");
        for policy in ["", "[door]\njudges = [\"games\", \"root\"]\n", "windwo = 1\n[door]\njudges = [\"www-data\"]\n"]
        {
            system.policy(policy);
            assert_eq!(asks(system, &DAEMON, &verify("alice", &code(T + 30))), "refused not-yours", "{policy}");
        }
    });
}

#[test]
fn wrong_codes_that_a_daemon_brings_have_a_lane_of_their_own() {
    throw_away(|system| {
        let door = Door::open(T);
        application::build(system);
        system.policy(JUDGES);
        let alice = system.enrolled("alice");
        lanes::wrong_from("alice", Source::Judge, T, 14);
        assert_eq!(asks(system, &DAEMON, &verify("alice", &code(T + 6_000))), REFUSED);
        assert_eq!(asks(system, &DAEMON, &verify("alice", &code(T))), REFUSED, "its lane waits");
        assert_eq!(login_at(system, T, "alice", &code(T)), SUCCESS, "and no other");
        door.at(T + 30);
        let right = asks(system, &alice, &verify("alice", &code(T + 30)));
        assert!(right.starts_with(&format!("verdict {} device ", T + 30)), "{right}");
        let status = system.runs(Command::new("pam-totp").args(["status", "alice"])).stdout;
        let status = String::from_utf8(status).expect("UTF-8");
        assert!(
            status.contains("too many wrong codes") && status.contains("programs with an account of their own"),
            "{status}"
        );
        // Two in a row get the owner in there too.
        door.at(T + 60);
        let row = format!("{}-{}", code(T + 60), code(T + 90));
        assert_eq!(asks(system, &DAEMON, &verify("alice", &row)), format!("verdict {} accepted", T + 60));
    });
}

/// The module in the daemon: it may look nobody up, so it asks everybody, and whom pam-totpd does not accept is refused.
#[test]
fn its_stack_asks_everybody_and_refuses_who_is_not_enrolled() {
    throw_away(|system| {
        let door = Door::open(T);
        application::build(system);
        system.enrolled("alice");
        system.user("bob");
        system.enroll("root");
        system.stack(SERVICE, "auth required pam_totp.so nullok nodelay\nauth required pam_permit.so\n");
        for unenrolled in ["", "unenrolled = \"allow\"\n", "unenrolled = \"enroll\"\n"] {
            system.policy(&format!("{unenrolled}{JUDGES}"));
            for name in ["bob", "root", "mallory"] {
                assert_eq!(logs_in(system, name, &code(T)), AUTH_ERR, "{name} {unenrolled}");
            }
        }
        system.log.line("refused: bob from 192.0.2.4: pam-totpd did not accept the code, and its own log says why");
        system.log.line("no enrollment: unknown user from 192.0.2.4");
        assert_eq!(logs_in(system, "alice", &code(T + 6_000)), AUTH_ERR);
        assert_eq!(logs_in(system, "alice", &code(T)), SUCCESS);
        assert_eq!(logs_in(system, "alice", &code(T)), AUTH_ERR, "used");
        system.log.line("pam_totp(application:auth): right code: alice from 192.0.2.4");
        // Rules that need no look-up of an enrollment hold there as everywhere.
        system.policy(&format!("{JUDGES}[[exempt]]\nservices = [\"application\"]\nusers = [\"bob\"]\n"));
        assert_eq!(logs_in(system, "bob", ""), SUCCESS);
        system.policy(&format!("enabled = false\n{JUDGES}"));
        assert_eq!(logs_in(system, "alice", ""), SUCCESS, "switched off");
        // One field.
        system.policy(JUDGES);
        door.at(T + 30);
        system.file("/usr/local/bin/knows", &format!("#!/bin/sh\n[ \"$(tr -d '\\0')\" = '{PASSWORD}' ]\n"));
        system.runs(Command::new("chmod").args(["755", "/usr/local/bin/knows"]));
        let one = "auth requisite pam_totp.so forward_pass\n\
                   auth requisite pam_exec.so expose_authtok /usr/local/bin/knows\n\
                   auth required pam_totp.so nodelay\n";
        system.stack(SERVICE, one);
        assert_eq!(logs_in(system, "alice", &format!("{PASSWORD}{}", code(T + 6_000))), AUTH_ERR);
        assert_eq!(logs_in(system, "alice", &format!("{PASSWORD}{}", code(T + 30))), SUCCESS);
        assert_eq!(logs_in(system, "bob", &format!("{PASSWORD}{}", code(T + 30))), AUTH_ERR);
    });
}

#[test]
fn where_it_may_not_the_log_says_so_and_what_helps() {
    throw_away(|system| {
        let _door = Door::open(T);
        application::build(system);
        system.enrolled("alice");
        system.policy("unenrolled = \"allow\"\n");
        assert_eq!(logs_in(system, "alice", &code(T)), AUTH_ERR);
        system.log.line(
            "store error: this program runs as www-data and may not have the codes of other users judged: `pam-totp policy \
             set door.judges www-data` lets it",
        );
        system.policy("[door]\njudges = [\"games\"]\n");
        assert_eq!(logs_in(system, "alice", &code(T)), AUTH_ERR);
        system.log.line("`pam-totp policy set door.judges games,www-data` lets it");
        system.runs(Command::new("pam-totp").args(["policy", "set", "door.judges", "games,www-data"]));
        assert_eq!(logs_in(system, "alice", &code(T)), SUCCESS);
        assert_eq!(system.log.count("not authorized to modify"), 0);
        // No advice to let a user's programs ask about others.
        let carol = system.user("carol");
        let mut command = carol.command(application().get_program().to_str().expect("a path"));
        assert_eq!(only_code(system, command.args([SERVICE, "alice"]), &code(T)), AUTH_ERR);
        let told = "this program runs as carol and may not have the codes of other users judged";
        system.log.line_where(told, |line| line.ends_with(told));
    });
}
