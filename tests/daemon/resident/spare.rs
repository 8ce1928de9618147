//! The processes that wait for the next requests, so that nobody waits for their start.

use super::{
    DAEMON, NO_ANSWER, STANDING, T, daemons, ends_well, families, hears, held, in_a_hurry, is_gone, is_in, preview,
    says_nothing, signal, start, verifies,
};
use crate::support::door::{Door, VERIFY, listen};
use crate::support::system::throw_away;
use crate::support::until;
use nix::sys::signal::Signal;
use std::fs;
use std::process::Command;

/// Those that wait, once they do: as many as a login needs.
fn spares() -> Vec<i32> {
    let mut spares = Vec::new();
    until("they wait for the next requests", || {
        spares = families().1.into_iter().filter(|pid| is_in(*pid, nix::libc::SYS_recvmsg)).collect();
        spares.len() == 2
    });
    spares
}

#[test]
fn a_request_is_served_by_a_process_that_was_there_before_it_came() {
    throw_away(|system| {
        let door = Door::open(T);
        let alice = system.enrolled("alice");
        let first = held(|| says_nothing(&alice));
        let mut waited = Vec::new();
        let second = held(|| {
            waited = spares();
            says_nothing(&alice)
        });
        assert!(waited.contains(&second.1), "{waited:?}, {}", second.1);
        // The time of day, the policy and the users are those of the request.
        spares();
        door.at(T + 30);
        let bob = system.enrolled("bob");
        assert!(verifies(system, &bob, T + 30));
        for (caller, pid) in [first, second] {
            signal(pid, Signal::SIGCONT);
            hears(caller);
        }
    });
}

#[test]
fn one_that_is_killed_while_it_waits_is_missed_by_nobody() {
    throw_away(|system| {
        let _door = Door::open(T);
        let (alice, bob) = (system.enrolled("alice"), system.enrolled("bob"));
        assert!(verifies(system, &alice, T));
        for killed in spares() {
            signal(killed, Signal::SIGKILL);
            until("it is gone", || is_gone(killed));
        }
        assert_eq!(families().1, [0; 0], "what ends it would end the next one too");
        assert!(verifies(system, &bob, T));
        assert_eq!(system.log.count(NO_ANSWER), 0);
    });
}

#[test]
fn one_that_cannot_be_reached_is_replaced_before_the_caller_notices() {
    throw_away(|system| {
        let alice = system.enrolled("alice");
        let listener = listen(VERIFY, 0o666);
        let mut strace = Command::new("strace");
        strace.args(["-qq", "-o", "/tmp/trace", "-e", "inject=sendmsg:error=EPIPE:when=2", DAEMON]);
        let served = start(&listener, strace);
        assert_eq!(hears(preview(&alice)), STANDING);
        let waited = spares();
        assert_eq!(hears(preview(&alice)), STANDING);
        let now = spares();
        assert_eq!(waited.iter().filter(|pid| is_gone(**pid)).count(), 1);
        assert_eq!(waited.iter().filter(|pid| now.contains(pid)).count(), 1);
        assert_eq!(system.log.count(NO_ANSWER), 0);
        families().0.into_iter().for_each(|pid| signal(pid, Signal::SIGTERM));
        ends_well(served);
    });
}

#[test]
fn they_go_with_the_one_that_started_them() {
    throw_away(|system| {
        const TIME: &str = "/run/time";
        let alice = system.enrolled("alice");
        let listener = listen(VERIFY, 0o666);
        let begin = || {
            system.file(TIME, "+0");
            let daemon = start(&listener, in_a_hurry(TIME));
            assert_eq!(hears(preview(&alice)), STANDING);
            let spares = spares();
            // Another one would be a request that has not ended.
            until("they alone are there", || families().1 == spares);
            (daemon.id() as i32, daemon, spares)
        };
        let (pid, idle, _) = begin();
        system.file(TIME, "+31");
        // Whatever wakes it, it looks at the time.
        signal(pid, Signal::SIGCHLD);
        ends_well(idle);
        assert_eq!(daemons(), []);

        let (pid, told, spares) = begin();
        signal(spares[0], Signal::SIGSTOP);
        signal(pid, Signal::SIGTERM);
        ends_well(told);
        assert_eq!(daemons(), []);

        let (pid, mut killed, spares) = begin();
        signal(pid, Signal::SIGKILL);
        killed.wait().expect("it ends");
        // Nobody takes leave of them here.
        let has_ended = |pid: i32| fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|s| s.contains(") Z "));
        until("they have noticed", || spares.iter().all(|pid| is_gone(*pid) || has_ended(*pid)));
    });
}

#[test]
fn what_is_no_connection_alone_it_does_not_serve() {
    throw_away(|system| {
        let script = "
import array, socket, subprocess, sys
ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
daemon = subprocess.Popen(['pam-totpd'], stdin=theirs)
theirs.close()
kept, given = socket.socketpair()
kept.sendall(b'pam_totp 1\\n\\n')
count = int(sys.argv[1])
if count >= 0:
    ours.sendmsg([b'x'], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', [given.fileno()] * count))] if count else [])
given.close()
ours.close()
status = daemon.wait()
try:
    print(status, len(kept.recv(1000)))
except ConnectionResetError:
    print(status, 0)
";
        let says = |count: &str| {
            let output = system.runs(Command::new("python3").args(["-c", script, count]));
            String::from_utf8_lossy(&output.stdout).trim().to_owned()
        };
        assert_eq!(["-1", "0", "2", "3"].map(says), ["0 0", "1 0", "1 0", "1 0"]);
        assert_eq!(says("1"), format!("0 {}", "pam_totp 1\nrefused malformed\n\n".len()));
    });
}
