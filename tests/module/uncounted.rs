//! Whoever can watch, stop and kill the process learns nothing about a guess that is not counted: it is counted before it
//! is judged.

use crate::support::application::{self, SERVICE, clock};
use crate::support::artifacts;
use crate::support::codes::code_at;
use crate::support::host::{self, HOST, Once};
use crate::support::record::Newest;
use crate::support::system::{KEY, System, User};
use crate::support::tracer::{Call, Event, Traced};
use nix::libc;
use std::fs;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, UNIX_EPOCH};

mod attack;
mod calls;
mod door;
mod steps;

const STATE: &str = "/var/lib/pam_totp/state/alice";
const SECRET: &str = "/var/lib/pam_totp/secrets/alice.toml";
const LEFT_OVER: &str = "/run/pam_totp/state/alice";
/// The module alone, which waits for nothing after a refusal.
const STACK: &str =
    "auth required pam_totp.so nodelay\naccount required pam_permit.so\nsession required pam_permit.so\n";
const DAY: u64 = 86_400;
/// The beginning of a step.
const T: u64 = 1_800_000_000;

/// The bytes of the key.
fn key() -> Vec<u8> {
    base32::decode(base32::Alphabet::Rfc4648 { padding: false }, KEY).expect("a key")
}

fn right() -> String {
    code_at(KEY, T)
}

/// One that is not looked for, however far away.
fn wrong() -> String {
    code_at(KEY, T + 6000)
}

fn state() -> Vec<u8> {
    fs::read(STATE).expect("the record")
}

/// As it was: each guess is the first one. In place, as a login writes it, and now.
fn restore(bytes: &[u8]) -> fs::File {
    let file = fs::OpenOptions::new().write(true).open(STATE).expect("the record");
    file.write_all_at(bytes, 0).expect("writes");
    file
}

/// The same as if it had been written a while before T.
fn restore_of(seconds: u64, bytes: &[u8]) {
    let written = UNIX_EPOCH + Duration::from_secs(T - seconds);
    restore(bytes).set_modified(written).expect("sets the time");
}

/// The module as libpam finds it.
fn module() -> String {
    let found = Command::new("find").args(["-L", "/usr/lib", "/lib", "-path", "*/security/pam_totp.so"]).output();
    let found = String::from_utf8(found.expect("find starts").stdout).expect("UTF-8");
    fs::canonicalize(found.lines().next().expect("it is installed")).expect("a path").display().to_string()
}

/// The module whose functions have names, for the throw-away system.
fn named() -> Vec<String> {
    vec![format!("named.so={}", artifacts::named().display())]
}

/// What a kill left is what was there before, or it says that somebody guessed, or got in.
fn is_counted(before: &[u8], answer: &str) -> bool {
    let (old, new) = (Newest::of(before), Newest::of(&state()));
    if new == old {
        return false;
    }
    let got_in = answer == right() && new.since == 0 && new.last == T / 30;
    assert!(got_in || new.since == old.since + 1 && new.last == old.last, "{answer}: {old:?} {new:?}");
    true
}

/// Nobody but root traces it, or reads what it does.
fn is_out_of_reach(system: &System, user: &User, pid: &str) {
    is_refused(system, user, &format!("strace -p {pid}"));
    for file in ["mem", "maps", "syscall"] {
        is_refused(system, user, &format!("cat /proc/{pid}/{file}"));
    }
}

fn is_refused(system: &System, user: &User, words: &str) {
    let output = system.tries(user.command("sh").args(["-c", words]), "");
    assert!(!output.status.success(), "{words}: {output:?}");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(["not permitted", "denied"].iter().any(|refusal| said.contains(refusal)), "{words}: {said}");
}

/// What logs in, and a stack for it.
fn prepare(system: &System) {
    application::build(system);
    host::build(system, &[]);
    system.stack(SERVICE, STACK);
}

/// Goes on to the `nth` system call from reading the record on: whether it is judged when it begins that call; `None`
/// if it answers, or ends, before.
fn is_judged_before(traced: &mut Traced, nth: usize) -> Option<bool> {
    let (mut judged, mut read, mut calls) = (false, false, 0);
    loop {
        match traced.next(true) {
            Event::Computes => judged = true,
            Event::Begins(call) if call.number == libc::SYS_write && call.arguments[0] == 1 => return None,
            Event::Begins(_) if read && calls == nth => return Some(judged),
            Event::Begins(_) => calls += usize::from(read),
            Event::Ends(call) => read |= call.number == libc::SYS_pread64 && is_of_record(traced, &call),
            Event::Gone => return None,
        }
    }
}

fn is_of_record(traced: &Traced, call: &Call) -> bool {
    traced.descriptor(call.arguments[0]).is_some_and(|file| file == Path::new(STATE))
}

/// The steps and counters that a code which could be right has.
fn could_be_right(before: &[u8]) -> Range<u64> {
    Newest::of(before).last + 1..T / 30 + 100
}

/// A login that root looks at: at the same addresses and at the same time as every other one.
struct Login {
    traced: Traced,
    once: Once,
}

impl Login {
    /// It has asked for a code.
    fn asked() -> Self {
        let mut command = Command::new("setarch");
        command.args(["-R", HOST, "once", SERVICE, "alice", "1"]).envs(clock(T));
        let mut once = Once::with(&mut command);
        once.sees("Verification code: ");
        Self { traced: Traced::seize(once.id()), once }
    }

    fn types(&mut self, answer: &str) {
        self.once.types(answer);
    }

    /// It goes on until it has read the record: that of the disk, and what may be left over in `/run`.
    fn reads_the_record(&mut self) {
        let mut seen = [false; 2];
        while seen != [true; 2] {
            match self.traced.next(true) {
                Event::Ends(call) if call.number == libc::SYS_pread64 => seen[0] |= is_of_record(&self.traced, &call),
                Event::Ends(call) if call.number == libc::SYS_openat => {
                    seen[1] |= self.traced.read(call.arguments[1], LEFT_OVER.len()) == LEFT_OVER.as_bytes();
                }
                Event::Gone => panic!("it never read the record"),
                _ => {}
            }
        }
    }
}
