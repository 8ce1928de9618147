//! login, as getty starts it on a console.

use crate::support::system::{PASSWORD, throw_away};
use crate::support::terminal::Terminal;
use std::process::Command;

const STACK: &str = include_str!("../pam.d/login");

fn answer(console: &mut Terminal, code: &str) {
    console.answers("throwaway login: ", "alice");
    console.answers("Password: ", PASSWORD);
    console.answers("Verification code: ", code);
}

#[test]
fn a_wrong_code_is_refused_and_the_right_one_gets_in() {
    throw_away(|system| {
        system.stack("login", STACK);
        let alice = system.enrolled("alice");
        let mut console = Terminal::run(Command::new("/bin/login"));
        answer(&mut console, &alice.wrong_code());
        console.sees("Login incorrect");
        answer(&mut console, &alice.code());
        console.sees("alice@throwaway");
        console.types("echo in as $(id -un); exit");
        console.sees("in as alice");
        assert_eq!(console.ends().1, 0);
        system.log.line("pam_totp(login:auth): authentication failure; ");
        system.log.line("right code: alice from local");
    });
}

#[test]
fn five_wrong_codes_end_it() {
    throw_away(|system| {
        system.stack("login", STACK);
        system.without_delays();
        let alice = system.enrolled("alice");
        let mut console = Terminal::run(Command::new("/bin/login"));
        for _ in 0..5 {
            answer(&mut console, &alice.wrong_code());
        }
        console.sees("Maximum number of tries exceeded (5)");
        let (screen, _) = console.ends();
        assert!(!screen.contains("alice@throwaway"), "{screen}");
    });
}
