//! The system calls of a program, and its death at any of them.

use super::application::clock;
use super::system::System;
use std::fs::{self, File};
use std::process::{Command, Output};
use std::time::{Duration, SystemTime};

const TRACE: &str = "/tmp/trace";

/// One system call of a program that does the same each time.
#[derive(Debug)]
pub struct Call {
    pub name: String,
    /// The how manieth call of this name.
    pub nth: usize,
    /// As strace prints it.
    pub line: String,
}

/// Runs a program at `time`: its system calls and what came of it.
pub fn calls(system: &System, time: u64, program: &[&str], input: &str) -> (Vec<Call>, Output) {
    let output = system.reads(strace(time, &[]).args(program), input);
    (recorded(), output)
}

/// The system calls of what ran last. The one that starts it is not its own.
pub fn recorded() -> Vec<Call> {
    let mut calls: Vec<Call> = Vec::new();
    for line in trace().lines() {
        let Some((name, _)) = line.split_once('(') else { continue };
        if draws_again(line, calls.last()) {
            continue;
        }
        let nth = calls.iter().filter(|call| call.name == name).count() + 1;
        calls.push(Call { name: name.to_owned(), nth, line: line.to_owned() });
    }
    calls.split_off(1)
}

/// glibc, asked by libfaketime for a random name, throws one draw in twenty away: no other run makes that call.
fn draws_again(line: &str, before: Option<&Call>) -> bool {
    let draws = |line: &str| line.starts_with("getrandom(") && line.ends_with(", 8, GRND_NONBLOCK) = 8");
    draws(line) && before.is_some_and(|call| draws(&call.line))
}

/// Runs it again until that call, and no further.
pub fn killed_at(system: &System, call: &Call, time: u64, program: &[&str], input: &str) -> Output {
    let output = system.tries(killing(call, time).args(program), input);
    was_killed(call);
    output
}

/// What comes behind it lives until that call.
pub fn killing(call: &Call, time: u64) -> Command {
    strace(time, &["-e", &format!("inject={}:signal=KILL:when={}", call.name, call.nth)])
}

/// It died there.
pub fn was_killed(call: &Call) {
    let trace = trace();
    let last: Vec<&str> = trace.lines().rev().take(2).collect();
    assert_eq!(last[0], "+++ killed by SIGKILL +++", "{call:?}");
    assert!(last[1].starts_with(&format!("{}(", call.name)), "{call:?}: {}", last[1]);
}

/// Runs it again with that call failing.
pub fn failing_at(system: &System, call: &Call, error: &str, time: u64, program: &[&str], input: &str) -> Output {
    let output = system.tries(failing(call, error, time).args(program), input);
    has_failed(call);
    output
}

/// Runs it again with that call failing if it comes; whether it came.
pub fn failing_if_it_comes(
    system: &System,
    call: &Call,
    error: &str,
    time: u64,
    program: &[&str],
    input: &str,
) -> (Output, bool) {
    let output = system.tries(failing(call, error, time).args(program), input);
    (output, injected() > 0)
}

/// What comes behind it meets that call failing.
pub fn failing(call: &Call, error: &str, time: u64) -> Command {
    strace(time, &["-e", &format!("inject={}:error={error}:when={}", call.name, call.nth)])
}

/// It failed, and no other.
pub fn has_failed(call: &Call) {
    assert_eq!(injected(), 1, "{call:?}");
}

fn injected() -> usize {
    trace().lines().filter(|line| line.contains("(INJECTED)")).count()
}

/// Runs it again with time passing behind that call.
pub fn slow_at(system: &System, call: &Call, time: u64, program: &[&str], input: &str) -> Output {
    let slow = format!("inject={}:delay_exit=300000:when={}", call.name, call.nth);
    system.tries(strace(time, &["-e", &slow]).args(program), input)
}

/// What comes behind it is recorded. To it each record is one that was written just now, and is perhaps not on the disk.
pub fn strace(time: u64, options: &[&str]) -> Command {
    for entry in fs::read_dir("/var/lib/pam_totp/state").into_iter().flatten().flatten() {
        // Without this, a file of today is an old one at `time`.
        let ahead = SystemTime::UNIX_EPOCH + Duration::from_secs(time + 3_600);
        File::options().write(true).open(entry.path()).and_then(|file| file.set_modified(ahead)).expect("a record");
    }
    strace_alone(time, options)
}

/// What comes behind it is recorded, and finds each record as old as it is.
pub fn strace_alone(time: u64, options: &[&str]) -> Command {
    let mut strace = Command::new("strace");
    strace.args(["-o", TRACE]).args(options);
    for (name, value) in clock(time) {
        strace.args(["-E", &format!("{name}={value}")]);
    }
    strace
}

/// What the last one of these did.
pub fn trace() -> String {
    fs::read_to_string(TRACE).expect("a trace")
}
