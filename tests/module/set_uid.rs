//! Programs that are root by their set-uid bit have pam-totpd judge, and judge themselves only where nobody answers.

use crate::support::application::{self, AUTH_ERR, SERVICE, application, only_code};
use crate::support::codes::now;
use crate::support::door::{Door, ROOT};
use crate::support::lanes;
use crate::support::record::Newest;
use crate::support::system::{System, User, throw_away};
use pam_totp::factor::record::LaneKey;
use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::Duration;

const STORE: &str = "/var/lib/pam_totp";
const STATE: &str = "/var/lib/pam_totp/state/alice";
const STACK: &str = "auth required pam_totp.so nodelay explain\naccount required pam_permit.so\n";
const ALICE: User = User { name: "alice" };

/// Bob, who calls su to become alice.
fn prepare(system: &System) -> User {
    system.stack("su", STACK);
    system.without_delay_of_su();
    system.enrolled("alice");
    system.user("bob")
}

fn su(system: &System, bob: &User, code: &str) -> Output {
    system.tries(bob.command("su").args(["alice", "-c", "true"]), &format!("{code}\n"))
}

fn gets_in(output: &Output) -> bool {
    output.status.success()
}

fn state() -> Vec<u8> {
    fs::read(STATE).expect("the record")
}

/// Wrong codes that the record counts.
fn counted() -> u64 {
    Newest::of(&state()).since
}

/// A door of root's, with the test behind it.
fn root_door() -> UnixListener {
    let _ = fs::remove_file(ROOT);
    let listener = UnixListener::bind(ROOT).expect("a door");
    fs::set_permissions(ROOT, fs::Permissions::from_mode(0o600)).expect("sets a mode");
    listener
}

/// What su comes to at that door, with what came of its one caller.
fn behind<T: Send + 'static>(
    listener: UnixListener,
    answers: impl FnOnce(UnixStream) -> T + Send + 'static,
    su: impl FnOnce() -> Output,
) -> (Output, T) {
    let door = thread::spawn(move || answers(listener.accept().expect("a caller").0));
    let output = su();
    knock();
    (output, door.join().expect("the door"))
}

/// A door that still waits for a caller hears this one, who says nothing.
fn knock() {
    let _ = UnixStream::connect(ROOT);
}

fn heard(caller: &mut UnixStream) -> String {
    let mut request = [0; 4096];
    let length = caller.read(&mut request).expect("a question");
    String::from_utf8_lossy(&request[..length]).into_owned()
}

/// A right code gets in, a wrong one is counted, and each starts from the same record.
fn judges_itself(system: &System, bob: &User, what: &str, mut prepare: impl FnMut() -> Box<dyn FnOnce()>) {
    let before = state();
    for (code, in_by_it) in [(ALICE.code(), true), (ALICE.wrong_code(), false)] {
        fs::write(STATE, &before).expect("writes the record");
        let ends = prepare();
        let output = su(system, bob, &code);
        ends();
        assert_eq!((gets_in(&output), counted()), (in_by_it, u64::from(!in_by_it)), "{what}: {output:?}");
    }
    fs::write(STATE, &before).expect("writes the record");
}

#[test]
fn where_nobody_answers_su_judges_itself() {
    throw_away(|system| {
        let bob = prepare(system);
        judges_itself(system, &bob, "no socket", || Box::new(|| ()));
        let left_over = || {
            drop(root_door());
            Box::new(|| ()) as Box<dyn FnOnce()>
        };
        judges_itself(system, &bob, "a socket that nobody listens at", left_over);
        // Late as systemd is with a socket whose service does not start. One that was stopped itself knows it: `stopped::`.
        for (hears, late) in [(false, 0), (true, 0), (false, 1_300), (true, 1_300)] {
            let hangs_up = || {
                let listener = root_door();
                let door = thread::spawn(move || {
                    let mut caller = listener.accept().expect("a caller").0;
                    assert!(!hears || !heard(&mut caller).is_empty(), "nobody asked");
                    thread::sleep(Duration::from_millis(late));
                });
                let ends = move || {
                    knock();
                    door.join().expect("the door");
                };
                Box::new(ends) as Box<dyn FnOnce()>
            };
            judges_itself(system, &bob, &format!("it hangs up after {late} ms, having heard: {hears}"), hangs_up);
        }
    });
}

/// The guess may be in flight there, or it is no word of root's.
#[test]
fn whatever_else_comes_of_the_door_su_refuses() {
    const ACCEPTED: &str = "pam_totp 1\nverdict 1 device 00000000\n\n";
    throw_away(|system| {
        let bob = prepare(system);
        let before = state();
        let answers = [
            "pam_totp 1\nverdict 1 device 00000000\n",
            "pam_totp 2\nverdict 1 device 00000000\n\n",
            "pam_totp 1\nstanding 6\n\n",
            "pam_totp 1\nrefused fault\n\n",
            "pam_totp 1\nrefused not-yours\n\n",
            "p",
        ];
        for answer in answers {
            let says = move |mut caller: UnixStream| {
                let request = heard(&mut caller);
                caller.write_all(answer.as_bytes()).expect("an answer");
                request
            };
            let (output, request) = behind(root_door(), says, || su(system, &bob, &ALICE.code()));
            assert!(!gets_in(&output) && state() == before, "{answer:?}: {output:?}");
            assert!(request.contains("\nverify\nuser alice\n") && request.contains("\nfrom local\n"), "{request}");
        }
        system.log.line("store error for alice: pam-totpd speaks another version: restart this service");
        system.log.line("store error for alice: pam-totpd cannot use the store or the policy: the host's log says why");

        let (output, caller) = behind(root_door(), |caller| caller, || su(system, &bob, &ALICE.code()));
        assert!(!gets_in(&output) && state() == before, "late: {output:?}");
        drop(caller);
        system.log.line("store error for alice: pam-totpd did not answer in time: try again");

        // Half an answer, and then nothing.
        let stops = |mut caller: UnixStream| {
            heard(&mut caller);
            caller.write_all(b"pam_totp 1").map(|()| caller)
        };
        let (output, caller) = behind(root_door(), stops, || su(system, &bob, &ALICE.code()));
        assert!(!gets_in(&output) && state() == before, "stops: {output:?}");
        drop(caller);

        // As root's own it would let in; a small machine takes its time.
        let says = |mut caller: UnixStream| {
            heard(&mut caller);
            thread::sleep(Duration::from_millis(2_200));
            caller.write_all(ACCEPTED.as_bytes()).expect("an answer");
        };
        let (output, ()) = behind(root_door(), says, || su(system, &bob, &ALICE.wrong_code()));
        assert!(gets_in(&output) && state() == before, "{output:?}");
        let script = "
import socket, sys
door = socket.socket(socket.AF_UNIX)
door.bind('/run/bob/door')
door.listen()
print('open', flush=True)
caller, _ = door.accept()
heard = b''
try:
    caller.sendall(sys.argv[1].encode())
    heard = caller.recv(4096)
except OSError:
    pass
print(heard)
";
        system.runs(Command::new("install").args(["-d", "-o", "bob", "/run/bob"]));
        let mut trap = bob.command("python3");
        let mut trap = trap.args(["-c", script, ACCEPTED]).stdout(Stdio::piped()).spawn().expect("a trap");
        let mut said = trap.stdout.take().expect("a pipe");
        said.read_exact(&mut [0; 5]).expect("the trap is set");
        fs::rename("/run/bob/door", ROOT).expect("puts it in the door's place");
        let output = su(system, &bob, &ALICE.code());
        assert!(!gets_in(&output) && state() == before, "not root's: {output:?}");
        knock();
        let mut rest = String::new();
        said.read_to_string(&mut rest).expect("what it heard");
        assert_eq!(rest, "b''\n");
        trap.wait().expect("it ends");
        system.log.line("store error for alice: behind the door's socket is not root");
    });
}

/// The disk that the store is on, for everybody.
fn read_only(system: &System) {
    system.runs(Command::new("mount").args(["-o", "remount,ro", STORE]));
}

/// How many have knocked, of whom nobody has been let in yet.
fn knocked(listener: &UnixListener) -> usize {
    listener.set_nonblocking(true).expect("asks without waiting");
    (0..).take_while(|_| listener.accept().is_ok()).count()
}

/// systemd 252 starts no service there that needs a folder in /tmp.
#[test]
fn on_a_read_only_disk_a_door_that_says_nothing_keeps_nobody_out() {
    throw_away(|system| {
        system.runs(Command::new("mount").args(["-t", "tmpfs", "-o", "mode=700", "tmpfs", STORE]));
        system.runs(Command::new("mkdir").args(["-m", "700", &format!("{STORE}/secrets"), &format!("{STORE}/state")]));
        let bob = prepare(system);
        let codes: [String; 2] = ALICE.codes();
        read_only(system);

        let silent = root_door();
        assert!(!gets_in(&su(system, &bob, &ALICE.wrong_code())));
        assert_eq!(knocked(&silent), 1, "asked once");
        let output = su(system, &bob, &codes[0]);
        assert!(gets_in(&output), "{output:?}");
        let record = Newest::of(&fs::read("/run/pam_totp/state/alice").expect("a record in /run"));
        assert_eq!(record.since, 0);
        let output = su(system, &bob, &codes[0]);
        assert!(!gets_in(&output), "used: {output:?}");
        drop(silent);

        let (output, ()) = behind(root_door(), drop, || su(system, &bob, &codes[1]));
        assert!(gets_in(&output), "{output:?}");
        let (output, ()) = behind(root_door(), drop, || su(system, &bob, &codes[1]));
        assert!(!gets_in(&output), "used: {output:?}");
        let (output, ()) = behind(root_door(), drop, || su(system, &bob, &ALICE.wrong_code()));
        assert!(!gets_in(&output));
        assert_eq!(Newest::of(&fs::read("/run/pam_totp/state/alice").expect("a record in /run")).since, 1);
        assert_eq!(system.log.count("store error"), 0);
    });
}

/// Judged there, and judged here once more: the record on the disk knows.
#[test]
fn a_door_that_hangs_up_behind_its_judgement_lets_nobody_in_twice_and_leaves_no_guess_uncounted() {
    throw_away(|system| {
        let bob = prepare(system);
        let _door = Door::open(now());
        fs::rename(ROOT, "/run/pam_totp/behind").expect("moves the door");
        for (code, used, wrong) in [(ALICE.wrong_code(), false, 2), (ALICE.code(), true, 0)] {
            let swallows = |mut caller: UnixStream| {
                let mut there = UnixStream::connect("/run/pam_totp/behind").expect("a door");
                there.write_all(heard(&mut caller).as_bytes()).expect("passes it on");
                let mut reply = String::new();
                there.read_to_string(&mut reply).expect("a reply");
                reply
            };
            let (output, reply) = behind(root_door(), swallows, || su(system, &bob, &code));
            assert_eq!(reply.contains(" device "), used, "{reply}");
            assert!(!gets_in(&output), "{output:?}");
            assert_eq!(counted(), wrong, "{output:?}");
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert_eq!(said.contains("This code was already used."), used, "{said}");
        }
    });
}

/// pam-totpd obeys the installation's own policy, and no other one.
#[test]
fn with_a_policy_of_its_own_su_asks_nobody() {
    throw_away(|system| {
        let bob = prepare(system);
        system.stack("su", &STACK.replace("explain", "config=/etc/security/other.toml"));
        system.file("/etc/security/other.toml", "");
        let listener = root_door();
        listener.set_nonblocking(true).expect("asks without waiting");
        assert!(!gets_in(&su(system, &bob, &ALICE.wrong_code())));
        assert!(gets_in(&su(system, &bob, &ALICE.code())));
        assert_eq!(listener.accept().map(drop).map_err(|error| error.kind()), Err(ErrorKind::WouldBlock));
        // By the installation's own it does.
        system.stack("su", STACK);
        listener.set_nonblocking(false).expect("waits");
        let asked = |mut caller: UnixStream| heard(&mut caller);
        let (_, asked) = behind(listener, asked, || su(system, &bob, &ALICE.wrong_code()));
        assert!(asked.contains("\nverify\n"), "{asked}");
    });
}

#[test]
fn the_limits_of_its_caller_reach_no_judgement() {
    throw_away(|system| {
        let bob = prepare(system);
        let _door = Door::open(now());
        let before = state();
        let limited = |limits: &str, code: &str| {
            fs::write(STATE, &before).expect("writes the record");
            let script = format!("{limits}; exec su alice -c true");
            let output = system.tries(bob.command("sh").args(["-c", &script]), &format!("{code}\n"));
            (gets_in(&output), state() != before)
        };
        // What it writes no longer matters.
        for limits in ["ulimit -f 0", "trap '' XFSZ; ulimit -f 0", "ulimit -c 0"] {
            assert_eq!(limited(limits, &ALICE.wrong_code()), (false, true), "{limits}");
            assert_eq!(limited(limits, &ALICE.code()), (true, true), "{limits}");
        }
        let enough = (3..32).find(|descriptors| {
            let limits = format!("ulimit -n {descriptors}");
            let (wrong, right) = (limited(&limits, &ALICE.wrong_code()), limited(&limits, &ALICE.code()));
            assert!(wrong == right || wrong == (false, true), "{limits}: {wrong:?} {right:?}");
            right == (true, true)
        });
        assert!(enough.is_some_and(|enough| enough > 3), "{enough:?}");
    });
}

/// What su has said and logged since, without its number.
fn logged(system: &System, since: usize) -> Vec<String> {
    let lines = system.log.lines().split_off(since);
    let of_su = lines.into_iter().filter(|line| line.contains(": pam_totp(su:auth): "));
    of_su.filter_map(|line| line.split_once(": ").map(|(_, text)| text.to_owned())).collect()
}

#[test]
fn what_su_says_logs_and_counts_is_the_same_by_the_door() {
    throw_away(|system| {
        let bob = prepare(system);
        let before = state();
        let code = ALICE.code();
        let guesses = |codes: &[&str]| {
            fs::write(STATE, &before).expect("writes the record");
            let since = system.log.lines().len();
            let said = codes.iter().map(|code| {
                let output = su(system, &bob, code);
                // How long until the next code is another matter.
                let said = String::from_utf8_lossy(&output.stderr).replace(|c: char| c.is_ascii_digit(), "#");
                (gets_in(&output), said)
            });
            let said: Vec<_> = said.collect();
            let record = lanes::record("alice");
            let keys: Vec<String> = record.lanes.iter().map(|lane| lane.key.to_string()).collect();
            (said, logged(system, since), keys)
        };
        let codes = [&ALICE.wrong_code(), "no code", &code, &code];
        let here = guesses(&codes);
        let asked = || system.log.count("(asked by uid 0, pid ");
        assert_eq!(asked(), 0);
        let _door = Door::open(now());
        let there = guesses(&codes);
        assert_eq!(here, there);
        assert_eq!(asked(), codes.len());
        assert_eq!(there.0.iter().map(|said| said.0).collect::<Vec<_>>(), [false, false, true, false]);
        assert_eq!(there.2, [LaneKey::Local.to_string()]);
        let failure = there.1[0].strip_prefix("pam_totp(su:auth): authentication failure; logname= uid=");
        assert!(failure.is_some_and(|rest| rest.ends_with(" ruser=bob rhost=  user=alice")), "{there:?}");
        assert!(there.1[1].starts_with("pam_totp(su:auth): wrong code: alice from local, 1 wrong code"), "{there:?}");

        // And sudo.
        crate::programs::sudo::prepare(system);
        system.stack("sudo", STACK);
        fs::write(STATE, &before).expect("writes the record");
        let output = system.tries(ALICE.command("sudo").args(["-k", "-S", "true"]), &format!("{}\n", ALICE.code()));
        assert!(gets_in(&output), "{output:?}");
        assert_eq!(asked(), codes.len() + 1);
    });
}

/// A daemon of root's is nobody's to stop, and asks nobody. A program whose caller is not root stays theirs to stop, also where
/// it has made all of its ids root's before it asks.
#[test]
fn who_started_it_decides_and_not_what_it_has_become() {
    const PROGRAM: &str = "/usr/local/bin/becomes-root";
    const BECOMES_ROOT: &str = "
#include <stdlib.h>
#include <unistd.h>
__attribute__((constructor)) static void becomes_root(void) { if (setuid(0) != 0) abort(); }
";
    throw_away(|system| {
        let bob = prepare(system);
        application::build(system);
        system.file("/usr/local/src/becomes-root.c", BECOMES_ROOT);
        let sources = ["/usr/local/src/application.c", "/usr/local/src/becomes-root.c"];
        system.runs(Command::new("cc").args(["-pthread", "-o", PROGRAM]).args(sources).arg("-lpam"));
        fs::set_permissions(PROGRAM, fs::Permissions::from_mode(0o4755)).expect("sets a mode");
        let _door = Door::open(now());
        let asked = || system.log.count("(asked by uid 0, pid ");
        let judged = |mut command: Command| {
            let before = asked();
            command.args([SERVICE, "alice"]);
            assert_eq!(only_code(system, &mut command, &ALICE.wrong_code()), AUTH_ERR);
            asked() - before
        };
        assert_eq!(judged(application()), 0);
        assert_eq!(judged(Command::new(PROGRAM)), 0, "root is its caller");
        assert_eq!(judged(bob.command(PROGRAM)), 1);
        assert_eq!(counted(), 3);
    });
}
