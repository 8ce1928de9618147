//! Callers of su, sudo and the like can stop it wherever it stands, and leave it so: nobody is shut out by that.

use crate::support::application::{self, SERVICE, SUCCESS, application, at, only_code};
use crate::support::codes::{code_at, now};
use crate::support::door::{Door, ROOT};
use crate::support::effort::effort;
use crate::support::host::Once;
use crate::support::sshd::{KEYBOARD_INTERACTIVE, ONCE, Sshd, prompt, ssh};
use crate::support::system::{KEY, System, User, throw_away};
use crate::support::tracer::{Call, Event, Traced};
use nix::libc;
use std::fs;
use std::ops::Range;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::thread;
use std::time::Duration;

const STACK: &str = "auth required pam_totp.so nodelay\naccount required pam_permit.so\n";
const POLICY: &str = "/etc/security/pam_totp.toml";
const STORE: &str = "/var/lib/pam_totp";
const STATE: &str = "/var/lib/pam_totp/state/alice";
/// Where the owner comes from.
const ADDRESS: &str = "rhost=192.0.2.4";
const DAY: u64 = 86_400;
/// The beginning of a step.
const T: u64 = 1_800_000_000;

/// A program that its caller has started, stopped when it begins its `nth` system call from reading the policy on, and its
/// caller; `None` if it ends before. The answer was typed ahead.
fn stopped(caller: &User, program: &[&str], answer: &str, nth: usize) -> Option<(Traced, Once)> {
    let mut command = caller.command("sh");
    let mut once = Once::with(command.args(["-c", "read -r _ && exec \"$@\"", "sh"]).args(program));
    let mut traced = Traced::seize(once.id());
    once.types("go");
    once.types(answer);
    let mut calls = None;
    loop {
        match traced.next(true) {
            Event::Begins(_) if calls == Some(nth) => return Some((traced, once)),
            Event::Begins(call) => {
                calls = calls.map(|calls| calls + 1).or_else(|| opens_policy(&traced, &call).then_some(0));
            }
            Event::Gone => {
                assert!(calls.is_some(), "{program:?}: it never read the policy");
                return None;
            }
            _ => {}
        }
    }
}

fn opens_policy(traced: &Traced, call: &Call) -> bool {
    call.number == libc::SYS_openat && traced.read(call.arguments[1], POLICY.len()) == POLICY.as_bytes()
}

/// At every `each`th call of the program alice, whose codes it asks for, logs in elsewhere.
fn nobody_is_shut_out_by(system: &System, door: &Door, caller: &User, program: &[&str], each: usize) {
    let mut stops = 0;
    for nth in (0..).step_by(each) {
        // No count of wrong codes is ever full.
        let time = T + DAY * nth as u64;
        door.at(time);
        let Some((traced, _once)) = stopped(caller, program, &code_at(KEY, time + 6_000), nth) else { break };
        let mut login = application();
        login.args(["-i", ADDRESS, "-i", "tty=ssh", SERVICE, "alice"]);
        assert_eq!(only_code(system, at(time, &mut login), &code_at(KEY, time)), SUCCESS, "{program:?}: call {nth}");
        traced.kill();
        stops += 1;
    }
    println!("{program:?}: stopped {stops} times");
    assert!(stops > 20, "{program:?}: {stops}");
}

#[test]
fn whoever_stops_su_shuts_nobody_out() {
    throw_away(|system| {
        application::build(system);
        system.stack("su", STACK);
        system.without_delay_of_su();
        let bob = system.user("bob");
        system.enrolled("alice");
        let door = Door::open(T);
        nobody_is_shut_out_by(system, &door, &bob, &["su", "alice", "-c", "true"], effort(4, 1));
    });
}

/// Where it stands still on its way to pam-totpd and back, as calls from reading the policy on.
fn calls_at_the_door(caller: &User, program: &[&str], answer: &str) -> Range<usize> {
    let (mut traced, _once) = stopped(caller, program, answer, 0).expect("it reads the policy");
    let (mut begin, mut number) = (None, 0);
    loop {
        match traced.next(true) {
            Event::Begins(call) => {
                number += 1;
                let is_door = || traced.read(call.arguments[1] + 2, ROOT.len()) == ROOT.as_bytes();
                match begin {
                    None if call.number == libc::SYS_connect && is_door() => {
                        begin = Some((number - 1, call.arguments[0]))
                    }
                    Some((begin, door)) if call.number == libc::SYS_close && call.arguments[0] == door => {
                        traced.kill();
                        return begin..number + 1;
                    }
                    _ => {}
                }
            }
            Event::Gone => panic!("it never left the door"),
            _ => {}
        }
    }
}

/// Does it take a lock before it ends?
fn takes_lock(mut traced: Traced) -> bool {
    let mut locks = false;
    loop {
        match traced.next(true) {
            Event::Begins(call) => locks |= call.number == libc::SYS_flock,
            Event::Gone => return locks,
            _ => {}
        }
    }
}

/// Stopped again with the lock in its hand, it would shut its owner out. Whoever stops it before, for as long as pam-totpd has
/// patience or as it has time itself, does not make it believe that nobody answers.
#[test]
fn a_su_that_was_stopped_on_its_way_to_the_door_judges_nothing_itself() {
    judges_nothing_itself(false);
}

/// There it is content with less: pam-totpd that has heard it and says nothing in all its time.
#[test]
fn nor_does_it_on_a_read_only_disk() {
    judges_nothing_itself(true);
}

fn judges_nothing_itself(read_only: bool) {
    throw_away(|system| {
        system.stack("su", STACK);
        system.without_delay_of_su();
        let mount = |options: &[&str]| system.runs(Command::new("mount").args(options).arg(STORE));
        mount(&["-t", "tmpfs", "-o", "mode=700", "tmpfs"]);
        system.runs(Command::new("mkdir").args(["-m", "700", &format!("{STORE}/secrets"), &format!("{STORE}/state")]));
        let bob = system.user("bob");
        let alice = system.enrolled("alice");
        if read_only {
            mount(&["-o", "remount,ro"]);
        }
        let (su, wrong) = (["su", "alice", "-c", "true"], alice.wrong_code());
        let (without, _once) = stopped(&bob, &su, &wrong, 0).expect("it reads the policy");
        assert!(takes_lock(without), "where nobody answers it does");
        let _door = Door::open(now());
        let calls = calls_at_the_door(&bob, &su, &wrong);
        println!("calls {calls:?}");
        assert!(calls.len() > 5, "{calls:?}");
        for (nth, pause) in calls.flat_map(|nth| [1_100, 3_200].map(|pause| (nth, pause))) {
            let (traced, _once) = stopped(&bob, &su, &wrong, nth).expect("it stands at its door");
            thread::sleep(Duration::from_millis(pause));
            assert!(!takes_lock(traced), "call {nth}, {pause} ms");
        }
    });
}

/// The same with the real server, between the first call and the last one.
#[test]
fn whoever_stops_su_does_not_keep_its_owner_out_of_ssh() {
    throw_away(|system| {
        let with_session = format!("{STACK}session required pam_permit.so\n");
        system.stack("su", STACK);
        system.stack("sshd", &with_session);
        system.without_delay_of_su();
        let bob = system.user("bob");
        system.enrolled("alice");
        let record = fs::read(STATE).expect("the record");
        let _door = Door::open(T);
        let _server = Sshd::start_at(system, KEYBOARD_INTERACTIVE, T);
        let mut stops = 0;
        for nth in (0..).step_by(effort(16, 1)) {
            // The code was not used, and no wrong one was counted.
            fs::write(STATE, &record).expect("the record");
            let Some((traced, _once)) = stopped(&bob, &["su", "alice", "-c", "true"], &code_at(KEY, T + 6_000), nth)
            else {
                break;
            };
            let mut login = ssh("alice", &ONCE);
            login.answers(&prompt("alice", "Verification code: "), &code_at(KEY, T));
            login.sees("in as alice");
            assert_eq!(login.ends().1, 0, "call {nth}");
            traced.kill();
            stops += 1;
        }
        assert!(stops > 5, "{stops}");
    });
}

/// As cockpit-session is: it names an address, so that what is remembered is looked at.
#[test]
fn whoever_stops_a_set_uid_program_that_looks_at_what_is_remembered_shuts_nobody_out() {
    const PROGRAM: &str = "/usr/local/bin/set-uid";
    throw_away(|system| {
        application::build(system);
        fs::copy(application().get_program(), PROGRAM).expect("copies");
        fs::set_permissions(PROGRAM, fs::Permissions::from_mode(0o4755)).expect("sets a mode");
        system.policy("[remember]\nhours = 12\nservices = [\"watched\"]\n");
        system.stack("watched", STACK);
        let bob = system.user("bob");
        system.enrolled("alice");
        let door = Door::open(T);
        let program = [PROGRAM, "-i", ADDRESS, "watched", "alice"];
        nobody_is_shut_out_by(system, &door, &bob, &program, effort(2, 1));
    });
}
