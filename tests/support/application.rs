//! A PAM application of our own, for what no real program does on purpose, and the clock that it sees.

use super::system::System;
use std::ffi::OsStr;
use std::process::{Command, Output};

/// PAM_SUCCESS, PAM_AUTH_ERR, PAM_CONV_ERR.
pub const SUCCESS: i32 = 0;
pub const AUTH_ERR: i32 = 7;
pub const CONV_ERR: i32 = 19;

/// The module alone: what it says is what the application gets.
pub const SERVICE: &str = "application";
pub const STACK: &str = "auth required pam_totp.so\n";
const PROGRAM: &str = "/usr/local/bin/application";

/// Builds the application and gives it its stack.
pub fn build(system: &System) {
    system.file("/usr/local/src/application.c", include_str!("application.c"));
    let flags = ["-O1", "-Wall", "-Wextra", "-Werror", "-pthread", "-o", PROGRAM, "/usr/local/src/application.c"];
    system.runs(Command::new("cc").args(flags).arg("-lpam"));
    system.file("/etc/pam.d/application", STACK);
}

/// What the application said, and what libpam said to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// "STYLE TEXT", "delay"
    pub messages: Vec<String>,
    /// PAM codes.
    pub codes: Vec<i32>,
    /// Whatever else: nothing, unless it was asked for.
    pub errors: String,
}

impl Said {
    pub fn read(output: &Output) -> Self {
        let stdout = String::from_utf8_lossy(&output.stdout);
        let (codes, messages) = stdout.lines().partition::<Vec<&str>, _>(|line| line.starts_with("= "));
        Self {
            messages: messages.into_iter().map(str::to_owned).collect(),
            codes: codes.into_iter().map(|line| line[2..].parse().expect("a PAM code")).collect(),
            errors: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// How often libpam said so.
    pub fn count(&self, code: i32) -> usize {
        self.codes.iter().filter(|c| **c == code).count()
    }
}

/// One login, the application's way.
pub fn application() -> Command {
    Command::new(PROGRAM)
}

/// One login of `user` with `answer`: the PAM code.
pub fn login(system: &System, user: impl AsRef<OsStr>, answer: &str) -> i32 {
    only_code(system, application().arg(SERVICE).arg(user), answer)
}

/// The same at another time.
pub fn login_at(system: &System, time: u64, user: &str, answer: &str) -> i32 {
    only_code(system, at(time, application().args([SERVICE, user])), answer)
}

/// Runs an application that logs in once: its PAM code.
pub fn only_code(system: &System, command: &mut Command, answer: &str) -> i32 {
    let output = system.tries(command, &format!("{answer}\n"));
    let said = Said::read(&output);
    assert_eq!((said.codes.len(), said.errors.as_str()), (1, ""), "{command:?}: {output:?}");
    said.codes[0]
}

/// Stops the clock of a program that is not set-uid at `time`, so that no test depends on how long it takes.
pub fn at(time: u64, command: &mut Command) -> &mut Command {
    command.envs(clock(time))
}

/// The environment that stops the clock. Deadlines go on: they are not measured by the time of day. Files have the times that the
/// disk has: libfaketime would say of each that it was written just now, and which of its versions says so of statx differs.
pub fn clock(time: u64) -> [(&'static str, String); 6] {
    [
        ("LD_PRELOAD", "/usr/$LIB/faketime/libfaketime.so.1".into()),
        ("FAKETIME", time.to_string()),
        ("FAKETIME_FMT", "%s".into()),
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1".into()),
        ("NO_FAKE_STAT", "1".into()),
        ("TZ", "UTC".into()),
    ]
}
