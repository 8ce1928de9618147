//! Whoever guesses at an account closes it to single codes; nobody with the phone is shut out by that: real programs ask for
//! one code more.

use crate::programs::sudo;
use crate::support::lanes;
use crate::support::sshd::{KEYBOARD_INTERACTIVE, ONCE, Sshd, prompt, ssh};
use crate::support::system::{PASSWORD, System, User, throw_away};
use crate::support::terminal::Terminal;
use std::process::Command;

const TWO: &str = "Too many wrong codes from here. Now the code that comes after it (in ";
const AGAIN: &str = "That is the same code again. Now the one after it (in ";

/// A user at whom somebody has guessed a hundred times.
fn guessed_at(system: &System, name: &'static str) -> User {
    let user = system.enrolled(name);
    lanes::closed(name);
    user
}

/// Types the code that the phone shows, and then the one that comes after it.
fn answers_both(terminal: &mut Terminal, user: &User) {
    let [now, next] = user.codes();
    terminal.answers("Verification code: ", &now);
    terminal.answers(TWO, &next);
}

/// The account is open again.
fn is_open(user: &User) {
    assert_eq!(lanes::record(user.name).row, 0);
}

#[test]
fn sshd_asks_for_a_second_code() {
    throw_away(|system| {
        system.stack("sshd", include_str!("../../pam.d/sshd"));
        let alice = guessed_at(system, "alice");
        let _server = Sshd::start(system, KEYBOARD_INTERACTIVE);
        let mut client = ssh("alice", &ONCE);
        client.answers(&prompt("alice", "Password: "), PASSWORD);
        answers_both(&mut client, &alice);
        let (screen, status) = client.ends();
        assert!(status == 0 && screen.contains("in as alice"), "{screen}");
        // Her next login hears of it.
        assert!(
            screen.contains("Somebody who knows your password") || !screen.contains("wrong codes were"),
            "{screen}"
        );
        is_open(&alice);
        system
            .log
            .line("waiting: alice from 127.0.0.1 had too many wrong codes; the code was not looked at, 2 in a row are");
        system.log.line("right code: alice from 127.0.0.1");
    });
}

#[test]
fn sshd_takes_both_at_the_end_of_one_field() {
    throw_away(|system| {
        system.stack("sshd", include_str!("../../pam.d/sshd-one-field"));
        let alice = guessed_at(system, "alice");
        let _server = Sshd::start(system, "KbdInteractiveAuthentication no\nPasswordAuthentication yes\n");
        let tries = |typed: String| {
            let mut client = ssh("alice", &ONCE);
            client.answers("alice@127.0.0.1's password: ", &typed);
            client.ends()
        };
        let [now, next] = alice.codes();
        // Nothing is asked behind the one field: the program would answer with the password.
        let (screen, status) = tries(format!("{PASSWORD}{now}"));
        assert!(status == 255 && !screen.contains("Too many"), "{screen}");
        assert_eq!(tries(format!("{PASSWORD}{now}-{next}")).1, 0);
        is_open(&alice);
    });
}

/// sudo wants no messages, but what it is asked it shows.
#[test]
fn sudo_asks_for_a_second_code_and_once_more_if_it_is_the_same() {
    throw_away(|system| {
        sudo::prepare(system);
        let alice = guessed_at(system, "alice");
        let mut command = alice.command("/usr/bin/sudo");
        command.args(["id", "-un"]);
        let mut terminal = Terminal::run(command);
        let [now, next] = alice.codes();
        terminal.answers("[sudo] password for alice: ", PASSWORD);
        terminal.answers("Verification code: ", &now);
        terminal.answers(TWO, &now);
        terminal.answers(AGAIN, &next);
        terminal.sees("root");
        assert_eq!(terminal.ends().1, 0);
        is_open(&alice);
    });
}

#[test]
fn su_asks_for_a_second_code() {
    throw_away(|system| {
        system.stack("su", include_str!("../../pam.d/su"));
        let (alice, bob) = (system.user("alice"), guessed_at(system, "bob"));
        let mut command = alice.command("/bin/su");
        command.args(["bob", "-c", "echo in as $(id -un)"]);
        let mut terminal = Terminal::run(command);
        terminal.answers("Password: ", PASSWORD);
        answers_both(&mut terminal, &bob);
        terminal.sees("in as bob");
        assert_eq!(terminal.ends().1, 0);
        is_open(&bob);
    });
}

/// login(1) ends after sixty seconds: time for two codes.
#[test]
fn login_asks_for_a_second_code() {
    throw_away(|system| {
        system.stack("login", include_str!("../../pam.d/login"));
        let alice = guessed_at(system, "alice");
        let mut console = Terminal::run(Command::new("/bin/login"));
        console.answers("throwaway login: ", "alice");
        console.answers("Password: ", PASSWORD);
        answers_both(&mut console, &alice);
        console.sees("alice@throwaway");
        console.types("exit");
        assert_eq!(console.ends().1, 0);
        is_open(&alice);
    });
}

/// Under a flood of pairs the third one is asked for too.
#[test]
fn under_a_flood_sudo_asks_for_a_third_code() {
    throw_away(|system| {
        sudo::prepare(system);
        let alice = guessed_at(system, "alice");
        lanes::flooded("alice", pam_totp::system::clock::now() + 600);
        let mut command = alice.command("/usr/bin/sudo");
        command.args(["id", "-un"]);
        let mut terminal = Terminal::run(command);
        let [now, next, last] = alice.codes();
        terminal.answers("[sudo] password for alice: ", PASSWORD);
        terminal.answers("Verification code: ", &now);
        terminal.answers(TWO, &next);
        terminal.answers("Now the code that comes after it (in ", &last);
        terminal.sees("root");
        assert_eq!(terminal.ends().1, 0);
    });
}
