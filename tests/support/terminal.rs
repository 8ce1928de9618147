//! A person at a terminal: reads what a program says, answers, presses keys.

use super::PATIENCE;
use rexpect::process::{Signal, WaitStatus};
use rexpect::session::{PtySession, spawn_command};
use std::process::Command;

pub struct Terminal {
    session: PtySession,
    /// What was said so far, for a failure to show.
    screen: String,
}

impl Terminal {
    /// Starts a program on a terminal of its own.
    pub fn run(command: Command) -> Self {
        let mut session = spawn_command(command, Some(PATIENCE.as_secs() * 1_000)).expect("a terminal");
        // A program may ignore the signal that ends it when a test fails.
        session.process_mut().set_kill_timeout(Some(1_000));
        Self { session, screen: String::new() }
    }

    /// Waits until the program says `text`; what it said before that is returned.
    pub fn sees(&mut self, text: &str) -> String {
        match self.session.exp_string(text) {
            Ok(before) => {
                self.screen += &format!("{before}{text}");
                before
            }
            Err(error) => panic!("{error}\nthe screen before it:\n{}", self.screen),
        }
    }

    /// Types a line.
    pub fn types(&mut self, line: &str) {
        self.session.send_line(line).expect("the terminal takes a line");
    }

    /// Waits for a prompt and types the answer.
    pub fn answers(&mut self, prompt: &str, answer: &str) {
        self.sees(prompt);
        self.types(answer);
    }

    /// Presses Control with a letter.
    pub fn presses_control(&mut self, letter: char) {
        self.session.send_control(letter).expect("the terminal takes a key");
    }

    pub fn signals(&mut self, signal: Signal) {
        self.session.process_mut().signal(signal).expect("the program is there");
    }

    /// Waits for the end: the whole screen and the exit status.
    pub fn ends(mut self) -> (String, i32) {
        match self.session.exp_eof() {
            Ok(rest) => self.screen += &rest,
            Err(error) => panic!("{error}\nthe screen before it:\n{}", self.screen),
        }
        match self.session.process().wait() {
            Ok(WaitStatus::Exited(_, status)) => (self.screen.replace('\r', ""), status),
            Ok(WaitStatus::Signaled(_, signal, _)) => (self.screen.replace('\r', ""), 128 + signal as i32),
            other => panic!("{other:?}\nthe screen before it:\n{}", self.screen),
        }
    }
}
