//! Logins over SSH: Debian's sshd, the real client.

use crate::support::sshd::{KEY_AND_CODE, KEYBOARD_INTERACTIVE, ONCE, Sshd, connections, key_pair, prompt, ssh};
use crate::support::system::{PASSWORD, User, throw_away};
use crate::support::terminal::Terminal;
use crate::support::until;
use rexpect::process::Signal;
use std::time::{Duration, Instant};

const PASSWORD_THEN_CODE: &str = include_str!("../../pam.d/sshd");
const KEY_THEN_CODE: &str = include_str!("../../pam.d/sshd-publickey");
const ONE_FIELD: &str = include_str!("../../pam.d/sshd-one-field");

const PASSWORD_METHOD: &str = "KbdInteractiveAuthentication no\nPasswordAuthentication yes\n";

/// The line that everything looks for that reads logs.
const FAILURE: &str =
    "pam_totp(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=127.0.0.1  user=alice";

/// Answers both prompts.
fn answer(client: &mut Terminal, user: &User, password: &str, code: &str) {
    client.answers(&prompt(user.name, "Password: "), password);
    client.answers(&prompt(user.name, "Verification code: "), code);
}

fn gets_in(mut client: Terminal, user: &User) {
    client.sees(&format!("in as {}", user.name));
    assert_eq!(client.ends().1, 0);
}

/// The server asks again, or hangs up: nobody got in.
fn is_refused(client: Terminal) -> String {
    let (screen, status) = client.ends();
    assert_eq!(status, 255, "{screen}");
    assert!(screen.contains("Permission denied"), "{screen}");
    assert!(!screen.contains("in as"), "{screen}");
    screen
}

/// A log line without the number of the process.
fn strip_pid(line: &str) -> String {
    line.split(['[', ']']).step_by(2).collect()
}

#[test]
fn password_then_code_gets_in_and_that_code_never_again() {
    throw_away(|system| {
        system.stack("sshd", PASSWORD_THEN_CODE);
        let alice = system.enrolled("alice");
        let _server = Sshd::start(system, KEYBOARD_INTERACTIVE);
        let code = alice.code();

        let mut client = ssh("alice", &[]);
        answer(&mut client, &alice, PASSWORD, &code);
        gets_in(client, &alice);
        system.log.line("Accepted keyboard-interactive/pam for alice from 127.0.0.1");

        let mut client = ssh("alice", &ONCE);
        answer(&mut client, &alice, PASSWORD, &code);
        let screen = is_refused(client);
        assert!(screen.contains("This code was already used. "), "{screen}");
        system.log.line(FAILURE);
        system.log.line("used code: alice from 127.0.0.1");
    });
}

#[test]
fn a_wrong_code_is_refused_and_the_next_try_of_the_same_connection_gets_in() {
    throw_away(|system| {
        system.stack("sshd", PASSWORD_THEN_CODE);
        let alice = system.enrolled("alice");
        let _server = Sshd::start(system, KEYBOARD_INTERACTIVE);

        let mut client = ssh("alice", &[]);
        client.answers(&prompt("alice", "Password: "), "wrong password");
        answer(&mut client, &alice, PASSWORD, &alice.wrong_code());
        answer(&mut client, &alice, PASSWORD, &alice.code());
        gets_in(client, &alice);
        let by_pam_unix = system.log.line("pam_unix(sshd:auth): authentication failure");
        assert_eq!(strip_pid(&system.log.line(FAILURE)), strip_pid(&by_pam_unix).replace("pam_unix", "pam_totp"));
        system.log.line("wrong code: alice from 127.0.0.1");
    });
}

#[test]
fn without_the_password_nobody_is_asked_for_a_code() {
    throw_away(|system| {
        system.stack("sshd", PASSWORD_THEN_CODE);
        system.enrolled("alice");
        let _server = Sshd::start(system, KEYBOARD_INTERACTIVE);
        for user in ["alice", "mallory"] {
            let mut client = ssh(user, &ONCE);
            client.answers(&prompt(user, "Password: "), "wrong password");
            let screen = is_refused(client);
            assert!(!screen.contains("Verification code"), "{user}: {screen}");
        }
    });
}

#[test]
fn an_empty_code_is_refused() {
    throw_away(|system| {
        system.stack("sshd", PASSWORD_THEN_CODE);
        let alice = system.enrolled("alice");
        let _server = Sshd::start(system, KEYBOARD_INTERACTIVE);
        let mut client = ssh("alice", &ONCE);
        answer(&mut client, &alice, PASSWORD, "");
        is_refused(client);
        system.log.line(FAILURE);
        system.log.line("no code: the answer of alice from 127.0.0.1");
    });
}

#[test]
fn a_client_that_is_killed_at_the_prompt_leaves_nothing_behind() {
    throw_away(|system| {
        system.stack("sshd", PASSWORD_THEN_CODE);
        let alice = system.enrolled("alice");
        let _server = Sshd::start(system, KEYBOARD_INTERACTIVE);

        let mut client = ssh("alice", &[]);
        client.answers(&prompt("alice", "Password: "), PASSWORD);
        client.sees("Verification code: ");
        client.signals(Signal::SIGKILL);
        client.ends();
        until("the server's side ends", || connections() == 0);

        let mut client = ssh("alice", &[]);
        answer(&mut client, &alice, PASSWORD, &alice.code());
        gets_in(client, &alice);
    });
}

#[test]
fn key_then_code_gets_in() {
    throw_away(|system| {
        system.stack("sshd", KEY_THEN_CODE);
        let alice = system.enrolled("alice");
        let key = key_pair(system, &alice);
        let _server = Sshd::start(system, KEY_AND_CODE);

        let mut client = ssh("alice", &["-i", &key]);
        client.answers(&prompt("alice", "Verification code: "), &alice.wrong_code());
        client.answers(&prompt("alice", "Verification code: "), &alice.code());
        gets_in(client, &alice);

        // Where nobody must be enrolled, the key is all that others need.
        system.policy("unenrolled = \"allow\"\n");
        let bob = system.user("bob");
        let key = key_pair(system, &bob);
        gets_in(ssh("bob", &["-i", &key]), &bob);

        system.policy("enabled = false\n");
        gets_in(ssh("bob", &["-i", &key]), &bob);
    });
}

/// Whatever root types, sshd hands over something else unless it lets root in by password: the log must say why.
#[test]
fn the_log_explains_why_root_does_not_get_in() {
    throw_away(|system| {
        system.stack("sshd", KEY_THEN_CODE);
        let root = system.enroll("root");
        let key = key_pair(system, &root);
        let _server = Sshd::start(system, KEY_AND_CODE);
        let mut client = ssh("root", &["-i", &key, "-o", "NumberOfPasswordPrompts=1"]);
        client.answers(&prompt("root", "Verification code: "), &root.code());
        is_refused(client);
        system.log.line("PermitRootLogin");
    });
}

#[test]
fn a_stack_that_counts_on_a_key_refuses_without_one() {
    throw_away(|system| {
        system.stack("sshd", KEY_THEN_CODE);
        system.without_delays();
        system.enrolled("alice");
        // AuthenticationMethods was forgotten.
        let _server = Sshd::start(system, KEYBOARD_INTERACTIVE);
        for policy in ["", "enabled = false\n", "unenrolled = \"allow\"\n"] {
            system.policy(policy);
            is_refused(ssh("alice", &[]));
            is_refused(ssh("bob", &[]));
        }
        system.log.line(FAILURE);
        system.log.line("no public key came before: refused by after=publickey");
    });
}

#[test]
fn the_password_method_has_one_answer_for_two_prompts_and_never_gets_in() {
    throw_away(|system| {
        system.stack("sshd", PASSWORD_THEN_CODE);
        let alice = system.enrolled("alice");
        let _server = Sshd::start(system, PASSWORD_METHOD);
        for password in [PASSWORD.to_owned(), format!("{PASSWORD}{}", alice.code())] {
            let mut client = ssh("alice", &ONCE);
            client.answers("alice@127.0.0.1's password: ", &password);
            is_refused(client);
        }
        // The module was given the password as the code. That is no guess.
        system.log.line("no code: the answer of alice from 127.0.0.1");
    });
}

#[test]
fn one_field_takes_password_and_code() {
    throw_away(|system| {
        system.stack("sshd", ONE_FIELD);
        let alice = system.enrolled("alice");
        let _server = Sshd::start(system, PASSWORD_METHOD);
        let code = alice.code();
        let try_once = |answer: String| {
            let mut client = ssh("alice", &ONCE);
            client.answers("alice@127.0.0.1's password: ", &answer);
            client
        };
        is_refused(try_once(PASSWORD.to_owned()));
        is_refused(try_once(format!("{PASSWORD}{}", alice.wrong_code())));
        // The code is right, but whoever has no password must not reach the check: it stays good.
        is_refused(try_once(format!("wrong password{code}")));
        gets_in(try_once(format!("{PASSWORD}{code}")), &alice);
        is_refused(try_once(format!("{PASSWORD}{code}")));
    });
}

/// Where no password must be right first, an answer tells nothing about the user.
#[test]
fn wrong_used_unenrolled_and_unknown_look_the_same() {
    throw_away(|system| {
        system.stack(
            "sshd",
            "auth required pam_unix.so nodelay\nauth required pam_totp.so\naccount required pam_unix.so\n",
        );
        system.policy("unenrolled = \"deny\"\n");
        let alice = system.enrolled("alice");
        let carol = system.enrolled("carol");
        system.user("bob");
        let _server = Sshd::start(system, KEYBOARD_INTERACTIVE);
        let used = carol.code();
        let mut client = ssh("carol", &[]);
        answer(&mut client, &carol, PASSWORD, &used);
        gets_in(client, &carol);

        let tries = [("alice", alice.wrong_code()), ("carol", used.clone()), ("bob", used.clone()), ("mallory", used)];
        let seen = tries.map(|(user, code)| {
            let mut client = ssh(user, &ONCE);
            client.answers(&prompt(user, "Password: "), PASSWORD);
            client.answers(&prompt(user, "Verification code: "), &code);
            let answered = Instant::now();
            let screen = is_refused(client).replace(user, "USER");
            (user, screen, answered.elapsed())
        });
        for (user, screen, delay) in &seen {
            assert_eq!(screen, &seen[0].1, "{user}");
            // libpam spreads the delay at random, by half of it either way.
            assert!((Duration::from_millis(900)..Duration::from_secs(5)).contains(delay), "{user}: {delay:?}");
        }
        system
            .log
            .line("pam_totp(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=127.0.0.1");
    });
}
