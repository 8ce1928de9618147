//! login, as getty starts it on a console.

use crate::support::system::{PASSWORD, throw_away};
use crate::support::terminal::Terminal;
use std::fs;
use std::process::Command;

const STACK: &str = include_str!("../../pam.d/login");

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
fn a_few_wrong_codes_end_it() {
    throw_away(|system| {
        system.stack("login", STACK);
        system.without_delays();
        let alice = system.enrolled("alice");
        let mut console = Terminal::run(Command::new("/bin/login"));
        // Each login has its own words at the end, and its own number of tries; /etc/login.defs may say another.
        let tries = fs::read_to_string("/etc/login.defs").expect("login.defs");
        let mut tries =
            tries.lines().filter_map(|line| line.strip_prefix("LOGIN_RETRIES")?.trim().parse::<usize>().ok());
        for _ in 0..tries.next_back().expect("a number of tries") {
            answer(&mut console, &alice.wrong_code());
        }
        let (screen, _) = console.ends();
        assert!(!screen.contains("alice@throwaway"), "{screen}");
    });
}
