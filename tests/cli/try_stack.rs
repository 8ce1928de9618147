//! `pam-totp try`: what a login would come to, found out by making it and stopping at the door.

use crate::support::codes::{fresh_code, fresh_codes};
use crate::support::program::{error_code, object, program};
use crate::support::system::{KEY, PASSWORD, System, User, throw_away};
use crate::support::terminal::Terminal;
use serde_json::json;
use std::fs;
use std::path::Path;
use std::process::Command;

const SSHD: &str = include_str!("../../pam.d/sshd");

/// A host whose sshd asks for password and code.
fn host(test: impl FnOnce(&System, &User)) {
    throw_away(|system| {
        system.stack("sshd", SSHD);
        system.without_delays();
        let alice = system.enrolled("alice");
        test(system, &alice);
    });
}

fn at_terminal(arguments: &[&str]) -> Terminal {
    let mut command = Command::new("pam-totp");
    command.arg("try").args(arguments);
    Terminal::run(command)
}

/// A terminal that shows what is typed, as those of people do.
fn in_shell(script: &str) -> Terminal {
    let mut command = Command::new("/bin/sh");
    command.args(["-c", &format!("stty echo; {script}")]);
    Terminal::run(command)
}

/// Password and code as lines of stdin; the exit code and what was said.
fn tries(system: &System, arguments: &[&str], code: &str) -> (i32, String) {
    let (exit, out, errors) = program(system, &[&["try"], arguments].concat(), &format!("{PASSWORD}\n{code}\n"));
    assert_eq!(errors, "", "{out}");
    (exit, out)
}

#[test]
fn at_a_terminal_each_prompt_comes_by_itself_and_says_whether_it_is_hidden() {
    host(|system, alice| {
        let mut terminal = in_shell("exec pam-totp try sshd alice");
        terminal.answers("asks, hidden: Password: ", PASSWORD);
        let code = alice.code();
        terminal.answers("asks, hidden: Verification code: ", &code);
        let (screen, exit) = terminal.ends();
        assert_eq!(exit, 0, "{screen}");
        let end = "auth: PAM_SUCCESS (Success)\naccount: PAM_SUCCESS (Success)\n\
                   sshd would let alice in. No session was opened, no credentials were set.\n";
        assert!(screen.ends_with(end), "{screen}");
        assert!(!screen.contains(PASSWORD) && !screen.contains(&code), "{screen}");
        system.log.line("right code: alice from local");

        system.stack("sshd", "auth required pam_totp.so echo [prompt=Your code: ]\naccount required pam_permit.so\n");
        let mut terminal = in_shell("exec pam-totp try sshd alice");
        terminal.answers("asks, shown:  Your code: ", "000 000");
        let (screen, exit) = terminal.ends();
        assert_eq!(exit, 1, "{screen}");
        assert!(screen.contains("000 000"), "what is shown is shown: {screen}");
    });
}

#[test]
fn a_wrong_code_is_counted_a_used_one_refused_and_both_say_what_the_user_would_read() {
    host(|system, alice| {
        let (exit, out) = tries(system, &["sshd", "alice"], &alice.wrong_code());
        assert_eq!(exit, 1, "{out}");
        assert!(out.contains("auth: PAM_AUTH_ERR (Authentication failure)\nsshd would refuse alice."), "{out}");
        assert!(!out.contains("account:"), "{out}");
        system
            .log
            .line("wrong code: alice from name, 1 wrong code in all since the last right one, 14 more looked at there");

        let code = alice.code();
        let (exit, out) = tries(system, &["sshd", "alice"], &code);
        assert_eq!(exit, 0, "{out}");
        assert!(out.contains("says:         1 wrong code was entered since your last right one"), "{out}");
        let (exit, out) = tries(system, &["sshd", "alice"], &code);
        assert_eq!(exit, 1, "{out}");
        assert!(out.contains("error:        This code was already used. The next one comes in "), "{out}");
        assert_eq!(error_code(system, &["verify", "alice", "--from", "x"], "").0, 2);
        assert_eq!(object(system, &["verify", "alice"], &code).1["reason"], "used");
    });
}

#[test]
fn a_wrong_password_ends_a_requisite_stack_before_the_code() {
    host(|system, _| {
        let (exit, out, _) = program(system, &["try", "sshd", "alice"], "wrong\n");
        assert_eq!(exit, 1, "{out}");
        assert!(out.contains("asks, hidden: Password: ") && !out.contains("Verification code"), "{out}");
        assert!(out.contains("sshd would refuse alice."), "{out}");
    });
}

#[test]
fn what_the_account_lines_refuse_is_told_apart() {
    host(|system, alice| {
        system.runs(Command::new("chage").args(["-E", "0", "alice"]));
        let (exit, out) = tries(system, &["sshd", "alice"], &alice.code());
        assert_eq!(exit, 1, "{out}");
        assert!(out.contains("error:        Your account has expired; "), "{out}");
        // Debian's common-account ends in pam_deny.
        assert!(out.contains("auth: PAM_SUCCESS (Success)\naccount: PAM_AUTH_ERR ("), "{out}");
        assert!(out.contains("sshd would refuse alice."), "{out}");
    });
}

#[test]
fn an_old_password_is_not_changed_and_not_taken_for_a_way_in() {
    host(|system, alice| {
        system.runs(Command::new("chage").args(["-d", "0", "alice"]));
        let (exit, out) = tries(system, &["sshd", "alice"], &alice.code());
        assert_eq!(exit, 1, "{out}");
        assert!(out.contains("account: PAM_NEW_AUTHTOK_REQD ("), "{out}");
        assert!(out.contains("sshd would let alice in only with a new password."), "{out}");
    });
}

#[test]
fn no_session_begins_and_nobody_has_logged_in() {
    host(|system, alice| {
        let leaves = |kind: &str| format!("{kind} optional pam_exec.so /usr/bin/touch /run/{kind}-was-here\n");
        let lines = format!("{SSHD}\n{}{}{}", leaves("account"), leaves("session"), leaves("password"));
        system.stack("sshd", &format!("{lines}session required pam_lastlog.so\n"));
        let (exit, out) = tries(system, &["sshd", "alice"], &alice.code());
        assert_eq!(exit, 0, "{out}");
        assert!(Path::new("/run/account-was-here").exists(), "the line itself works");
        assert!(!Path::new("/run/session-was-here").exists() && !Path::new("/run/password-was-here").exists());
        // Where there is no pam_lastlog any more, as in Debian 13, there is no such file.
        let last = fs::read("/var/log/lastlog").unwrap_or_default();
        assert!(last.iter().all(|byte| *byte == 0), "somebody has logged in");
    });
}

#[test]
fn rules_by_network_can_be_tried() {
    host(|system, alice| {
        system.policy("[[exempt]]\nnetworks = [\"192.0.2.0/24\"]\n");
        let (exit, out) = tries(system, &["sshd", "alice", "--from", "192.0.2.4"], "");
        assert_eq!(exit, 0, "{out}");
        assert!(!out.contains("Verification code"), "{out}");
        let (exit, out) = tries(system, &["sshd", "alice", "--from", "198.51.100.7"], &alice.code());
        assert_eq!(exit, 0, "{out}");
        system.log.line("right code: alice from 198.51.100.7");
        assert_eq!(error_code(system, &["try", "sshd", "alice", "--from", "a.example"], "").0, 2);
    });
}

#[test]
fn a_stack_for_key_and_code_can_be_tried_as_if_the_key_had_come() {
    host(|system, alice| {
        system.stack("sshd", include_str!("../../pam.d/sshd-publickey"));
        let code = alice.code();
        let (exit, out, _) = program(system, &["try", "sshd", "alice"], &format!("{code}\n"));
        assert_eq!(exit, 1, "{out}");
        let arguments = ["try", "sshd", "alice", "--ssh-auth", "publickey"];
        let (exit, out, _) = program(system, &arguments, &format!("{code}\n"));
        assert_eq!(exit, 0, "{out}");
        for word in ["", "a b", "publickey\nx"] {
            let refused = error_code(system, &["try", "sshd", "alice", "--ssh-auth", word], "");
            assert_eq!(refused, (2, "usage".into()), "{word:?}");
        }
        let other_policy = ["--config", "/etc/security/pam_totp.toml", "try", "sshd", "alice"];
        assert_eq!(error_code(system, &other_policy, ""), (2, "usage".into()));
    });
}

#[test]
fn who_must_enroll_enrolls() {
    host(|system, _| {
        system.user("carol");
        system.policy("unenrolled = \"enroll\"\n");
        let mut terminal = at_terminal(&["sshd", "carol"]);
        terminal.answers("Password: ", PASSWORD);
        // The drawing, in its colors.
        terminal.sees("\u{1b}[0;38;5;16;48;5;231m");
        terminal.sees("asks, hidden: Key:     ");
        let key = terminal.sees("\n").replace([' ', '\r'], "");
        terminal.answers("Verification code: ", &fresh_code(&key));
        terminal.sees("asks, shown:  Two-factor authentication is on.");
        terminal.answers("Backup code: ", "");
        terminal.sees("says:         You have no backup codes. Make some with `pam-totp backup-codes`.");
        let (screen, exit) = terminal.ends();
        assert_eq!(exit, 0, "{screen}");
        assert!(program(system, &["status", "carol"], "").1.contains("carol is enrolled."));
    });
}

#[test]
fn programs_read_the_conversation_and_the_answers_without_what_was_typed() {
    host(|system, alice| {
        let code = alice.code();
        let (exit, object) = object(system, &["try", "sshd", "alice"], &format!("{PASSWORD}\n{code}\n"));
        assert_eq!(exit, 0, "{object}");
        let success = json!({ "code": "PAM_SUCCESS", "message": "Success" });
        let messages =
            json!([{ "style": "hidden", "text": "Password: " }, { "style": "hidden", "text": "Verification code: " }]);
        let expected = json!({
            "version": 1, "service": "sshd", "stack": "sshd", "user": "alice", "messages": messages,
            "auth": success, "account": success, "let_in": true,
        });
        assert_eq!(object, expected);
        let (exit, object) = self::object(system, &["try", "sshd", "alice"], &format!("{PASSWORD}\n{code}\n"));
        assert_eq!((exit, &object["let_in"], &object["account"]), (1, &json!(false), &json!(null)));
        assert_eq!(object["messages"][2]["style"], "error");
    });
}

#[test]
fn a_service_without_a_file_has_the_stack_of_other() {
    host(|system, alice| {
        system.stack("other", "auth required pam_deny.so\naccount required pam_deny.so\n");
        let (exit, out) = tries(system, &["nonesuch", "alice"], &alice.code());
        assert_eq!(exit, 1, "{out}");
        assert!(out.starts_with("nonesuch has no file in /etc/pam.d: PAM takes the stack of `other`.\n"), "{out}");
        assert_eq!(object(system, &["try", "nonesuch", "alice"], "").1["stack"], "other");
    });
}

#[test]
fn a_stack_that_does_not_work_is_the_hosts_fault() {
    host(|system, alice| {
        system.stack("sshd", "auth required pam_nonesuch.so\naccount required pam_permit.so\n");
        let (exit, out) = tries(system, &["sshd", "alice"], &alice.code());
        assert_eq!(exit, 5, "{out}");
        assert!(out.contains("auth: PAM_MODULE_UNKNOWN (") && out.contains("its stack does not work"), "{out}");
    });
}

#[test]
fn names_that_are_none_never_come_to_libpam() {
    host(|system, _| {
        let (long, nobody) = ("a".repeat(300), "b".repeat(300));
        let hostile = ["", ".", "..", "../x", "a/b", "/etc/pam.d/sshd", "ss hd", "sshd\n", long.as_str()];
        for service in hostile {
            assert_eq!(error_code(system, &["try", service, "alice"], ""), (2, "bad_name".into()), "{service:?}");
        }
        for user in ["", "a/b", "a\nb", nobody.as_str()] {
            assert_eq!(error_code(system, &["try", "sshd", user], ""), (2, "bad_name".into()), "{user:?}");
        }
        // One who does not exist is asked like everybody else.
        let (exit, out) = tries(system, &["sshd", "nobody-here"], "000000");
        assert_eq!(exit, 1, "{out}");
        assert!(out.contains("sshd would refuse nobody-here."), "{out}");
    });
}

#[test]
fn control_c_leaves_a_terminal_that_shows_what_is_typed() {
    host(|_, _| {
        let mut terminal = in_shell("trap : INT; pam-totp try sshd alice; echo ended with $?; stty -a");
        terminal.answers("asks, hidden: Password: ", PASSWORD);
        terminal.sees("asks, hidden: Verification code: ");
        terminal.presses_control('c');
        let (screen, _) = terminal.ends();
        assert!(screen.contains("ended with 130"), "{screen}");
        let words: Vec<&str> = screen.split_whitespace().collect();
        assert!(words.contains(&"echo") && words.contains(&"isig"), "{screen}");
        assert!(!screen.contains("would"), "{screen}");
    });
}

#[test]
fn an_answer_that_is_missing_is_no_verdict() {
    host(|system, _| {
        let (exit, out, errors) = program(system, &["try", "sshd", "alice"], &format!("{PASSWORD}\n"));
        assert_eq!((exit, errors.as_str()), (2, "pam-totp: no answer on stdin\n"), "{out}");
        assert!(!out.contains("would"), "{out}");
        assert_eq!(system.log.count("wrong code:"), 0);
    });
}

#[test]
fn without_a_name_it_is_about_oneself_and_without_root_modules_know_less() {
    host(|system, alice| {
        system.stack("locker", "auth required pam_permit.so\naccount required pam_permit.so\n");
        let output = system.tries(alice.command("pam-totp").args(["try", "locker"]), "");
        let out = String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        assert!(out.starts_with("Without root, ") && out.contains("locker would let alice in."), "{out}");

        let mut sudo = Command::new("pam-totp");
        let output = system.tries(sudo.args(["try", "sshd"]).env("SUDO_USER", "alice"), "");
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        assert!(String::from_utf8_lossy(&output.stderr).contains("`try sshd alice`"), "{output:?}");
    });
}

#[test]
fn one_code_lets_a_try_or_a_login_in_and_not_both() {
    host(|system, _| {
        let [code, next] = fresh_codes(KEY);
        assert_eq!(tries(system, &["sshd", "alice"], &code).0, 0);
        let mut terminal = at_terminal(&["sshd", "alice"]);
        terminal.answers("Password: ", PASSWORD);
        terminal.answers("Verification code: ", &code);
        let (screen, exit) = terminal.ends();
        assert_eq!(exit, 1, "{screen}");
        assert!(screen.contains("This code was already used."), "{screen}");
        assert_eq!(tries(system, &["sshd", "alice"], &next).0, 0);
    });
}
