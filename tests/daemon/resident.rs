//! One pam-totpd for a socket, and a process for each request: no fault of one touches another.

use crate::support::application::clock;
use crate::support::codes::code_at;
use crate::support::door::{DAEMON, Door, VERIFY, asks, knocking, listen, resident};
use crate::support::system::{KEY, System, User, throw_away};
use crate::support::{PATIENCE, until};
use nix::fcntl::{FcntlArg, fcntl};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs;
use std::io::Write;
use std::os::unix::net::{UnixListener, UnixStream};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

mod spare;

const T: u64 = 1_800_000_000;
const NO_ANSWER: &str = "a request got no answer";

/// Every pam-totpd, and who started it.
fn daemons() -> Vec<(i32, i32)> {
    let entries = fs::read_dir("/proc").expect("/proc").map(|entry| entry.expect("an entry").file_name());
    let pids = entries.filter_map(|name| name.to_str()?.parse().ok());
    let parent = |pid: i32| {
        // `7 (pam-totpd) S 5 ...`
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        stat.split_once(" (pam-totpd) ")?.1.split(' ').nth(1)?.parse().ok()
    };
    pids.filter_map(|pid| Some((pid, parent(pid)?))).collect()
}

/// Those that stay, and those that they have started.
fn families() -> (Vec<i32>, Vec<i32>) {
    let all = daemons();
    let (started, stay): (Vec<_>, Vec<_>) =
        all.iter().partition(|(_, parent)| all.iter().any(|(pid, _)| pid == parent));
    let pids = |some: Vec<(i32, i32)>| some.into_iter().map(|(pid, _)| pid).collect();
    (pids(stay), pids(started))
}

fn residents() -> Vec<i32> {
    families().0
}

/// Those that serve a request.
fn requests() -> Vec<i32> {
    families().1.into_iter().filter(|pid| has_connection(*pid)).collect()
}

/// It has a socket beside the one that it was started with.
fn has_connection(pid: i32) -> bool {
    let link = |descriptor: &str| fs::read_link(format!("/proc/{pid}/fd/{descriptor}")).unwrap_or_default();
    let Ok(descriptors) = fs::read_dir(format!("/proc/{pid}/fd")) else { return false };
    let names = descriptors.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let mut links = names.filter(|name| !["0", "1", "2"].contains(&name.as_str())).map(|name| link(&name));
    links.any(|other| other != link("0") && other.to_string_lossy().starts_with("socket:"))
}

fn is_stopped(pid: i32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default().contains(") T ")
}

fn signal(pid: i32, signal: Signal) {
    // It may have ended by itself.
    let _ = kill(Pid::from_raw(pid), signal);
}

fn is_gone(pid: i32) -> bool {
    !fs::exists(format!("/proc/{pid}")).expect("looks")
}

/// It has read no whole request yet. Elsewhere it may hold what libfaketime shares between all processes.
fn waits_for_words(pid: i32) -> bool {
    is_in(pid, nix::libc::SYS_recvfrom)
}

fn is_in(pid: i32, call: i64) -> bool {
    let current = fs::read_to_string(format!("/proc/{pid}/syscall")).unwrap_or_default();
    current.starts_with(&format!("{call} "))
}

/// Holds on to a connection that `connect` makes: stops the process that serves it.
fn held<C>(mut connect: impl FnMut() -> C) -> (C, i32) {
    let begin = Instant::now();
    loop {
        assert!(begin.elapsed() < PATIENCE, "nobody serves it");
        let before = requests();
        let connection = connect();
        let start = Instant::now();
        // On a busy machine its second may be over before it is seen: then once more.
        while start.elapsed() < Duration::from_secs(2) {
            let waits = |pid: &i32| !before.contains(pid) && waits_for_words(*pid);
            let Some(pid) = requests().into_iter().find(waits) else {
                thread::sleep(Duration::from_millis(2));
                continue;
            };
            signal(pid, Signal::SIGSTOP);
            until("it stands still", || is_stopped(pid) || is_gone(pid));
            if is_stopped(pid) {
                return (connection, pid);
            }
        }
    }
}

/// A user who has connected and has not said all yet.
fn says_nothing(user: &User) -> Child {
    knocking(user).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("a caller")
}

/// What they hear who have nothing more to say.
fn hears(mut caller: Child) -> String {
    drop(caller.stdin.take());
    let output = caller.wait_with_output().expect("it ends");
    String::from_utf8(output.stdout).expect("UTF-8")
}

fn is_hung_up(heard: &str) -> bool {
    ["", "[Errno 32] Broken pipe\n", "[Errno 104] Connection reset by peer\n"].contains(&heard)
}

/// To how many of `count` connections of this user there is an answer, and be it a refusal.
fn answered(system: &System, user: &User, count: usize) -> usize {
    let script = "
import socket, sys
doors = [socket.socket(socket.AF_UNIX) for _ in range(int(sys.argv[2]))]
answered = 0
for door in doors:
    door.connect(sys.argv[1])
for door in doors:
    try:
        door.sendall(b'pam_totp 1\\n\\n')
        answered += len(door.recv(1))
    except OSError:
        pass
print(answered)
";
    let output = system.runs(user.command("python3").args(["-c", script, VERIFY, &count.to_string()]));
    String::from_utf8_lossy(&output.stdout).trim().parse().expect("a number")
}

fn verifies(system: &System, user: &User, time: u64) -> bool {
    let name = user.name;
    let said = asks(system, user, &format!("verify\nuser {name}\ncode {}", code_at(KEY, time)));
    said.starts_with(&format!("verdict {time} device "))
}

const ROOTS: User = User { name: "root" };

#[test]
fn a_process_that_is_killed_takes_down_its_own_request_alone() {
    throw_away(|system| {
        let door = Door::open(T);
        let (alice, bob) = (system.enrolled("alice"), system.enrolled("bob"));
        let (callers, pids): (Vec<_>, Vec<_>) = (0..3).map(|_| held(|| says_nothing(&alice))).unzip();
        let stays = residents();
        assert_eq!(stays.len(), 1);
        let status = fs::read_to_string(format!("/proc/{}/status", pids[0])).expect("it is there");
        assert!(status.contains("\nSigBlk:\t0000000000000000\n"), "{status}");
        // One is killed as it stands, one in the middle of a code that is right.
        let mut callers = callers.into_iter();
        let (killed, mut cut_off, lives) =
            (callers.next().expect("one"), callers.next().expect("one"), callers.next().expect("one"));
        let verify = format!("pam_totp 1\nverify\nuser alice\ncode {}\n\n", code_at(KEY, T));
        cut_off.stdin.take().expect("a pipe").write_all(verify.as_bytes()).expect("it is said");
        signal(pids[0], Signal::SIGKILL);
        signal(pids[1], Signal::SIGKILL);
        assert!(verifies(system, &bob, T), "another one meanwhile");
        let heard = [hears(killed), hears(cut_off)];
        assert!(heard.iter().all(|heard| is_hung_up(heard)), "{heard:?}");
        system.log.line(&format!("{NO_ANSWER}: its process ended with signal: 9 (SIGKILL) (asked by uid 10"));
        signal(pids[2], Signal::SIGCONT);
        hears(lives);
        assert!(verifies(system, &alice, T), "the code is not used up, and its user is served");
        door.at(T + 30);
        assert!(verifies(system, &bob, T + 30));
        assert_eq!(residents(), stays);
    });
}

#[test]
fn who_holds_all_connections_of_a_user_holds_up_that_user_alone() {
    throw_away(|system| {
        let _door = Door::open(T);
        let (alice, mallory) = (system.enrolled("alice"), system.enrolled("mallory"));
        let held: Vec<_> = (0..4).map(|_| held(|| says_nothing(&mallory))).collect();
        assert_eq!(answered(system, &mallory, 60), 0);
        assert_eq!(requests().len(), 4, "none of them has a process");
        assert!(verifies(system, &alice, T));
        for name in ["alice", "mallory"] {
            assert_eq!(asks(system, &ROOTS, &format!("preview\nuser {name}")), "standing 6");
        }
        // And once they have gone, so is what they were counted for.
        let (callers, pids): (Vec<_>, Vec<_>) = held.into_iter().unzip();
        pids.iter().for_each(|pid| signal(*pid, Signal::SIGCONT));
        callers.into_iter().map(hears).for_each(drop);
        until("their processes go", || pids.iter().all(|pid| is_gone(*pid)));
        assert!(verifies(system, &mallory, T));
        assert_eq!(system.log.count(NO_ANSWER), 0, "nothing of that is a fault");
    });
}

/// As the programs of a web server's account: more of them than are served, while none is.
fn all_are_answered(user: &User) -> bool {
    let (held, pids): (Vec<_>, Vec<_>) = (0..4).map(|_| held(|| says_nothing(user))).unzip();
    let status = || user.command("pam-totp").arg("status").stdout(Stdio::null()).spawn().expect("a caller");
    let mut callers: Vec<_> = (0..20).map(|_| status()).collect();
    let pauses = |pid: u32| {
        let call = fs::read_to_string(format!("/proc/{pid}/syscall")).unwrap_or_default();
        call.starts_with(&format!("{} ", nix::libc::SYS_clock_nanosleep))
    };
    let mut is_hung_up_on = |caller: &mut Child| pauses(caller.id()) || caller.try_wait().expect("a child").is_some();
    until("one was hung up on", || callers.iter_mut().any(&mut is_hung_up_on));
    pids.into_iter().for_each(|pid| signal(pid, Signal::SIGKILL));
    held.into_iter().map(hears).for_each(drop);
    let answered = callers.iter_mut().map(|caller| caller.wait().expect("it ends").success());
    answered.filter(|is_answered| *is_answered).count() == 20
}

#[test]
fn more_callers_of_one_user_than_are_served_at_once_all_get_an_answer() {
    throw_away(|system| {
        let _door = Door::open(T);
        let alice = system.enrolled("alice");
        // On a busy machine twenty may take longer than a login has: then once more.
        let begin = Instant::now();
        while !all_are_answered(&alice) {
            assert!(begin.elapsed() < PATIENCE, "some get none");
        }
    });
}

#[test]
fn at_both_sockets_there_is_an_end_to_it() {
    throw_away(|system| {
        let _door = Door::open(T);
        let alice = system.enrolled("alice");
        // Root is held to no number of a user's.
        let knocks = || UnixStream::connect(VERIFY).expect("connects");
        let held: Vec<_> = (0..64).map(|_| held(knocks)).collect();
        assert_eq!([answered(system, &alice, 3), answered(system, &ROOTS, 1)], [0, 0]);
        assert_eq!(asks(system, &ROOTS, "preview\nuser alice"), "standing 6", "root's own socket");
        signal(held[63].1, Signal::SIGKILL);
        until("its process goes", || is_gone(held[63].1));
        assert!(verifies(system, &alice, T));
    });
}

/// With a clock that can be put forward, deadlines and all.
fn in_a_hurry(time: &'static str) -> Command {
    let mut daemon = Command::new(DAEMON);
    daemon.envs(clock(0)).env_remove("FAKETIME").env_remove("FAKETIME_FMT").env_remove("FAKETIME_DONT_FAKE_MONOTONIC");
    daemon.env("FAKETIME_TIMESTAMP_FILE", time).env("FAKETIME_NO_CACHE", "1");
    daemon
}

#[test]
fn a_process_that_stands_still_is_ended_in_its_time_and_holds_up_nobody() {
    throw_away(|system| {
        const TIME: &str = "/run/time";
        system.file(TIME, "+0");
        let _door = Door::with(|| in_a_hurry(TIME));
        let (alice, bob) = (system.enrolled("alice"), system.enrolled("bob"));
        let (caller, pid) = held(|| says_nothing(&alice));
        let looks = |user: &User| asks(system, user, &format!("preview\nuser {}", user.name));
        assert_eq!([looks(&alice), looks(&bob)], ["standing 6", "standing 6"]);
        assert!(is_stopped(pid));
        system.file(TIME, "+31");
        // Whatever wakes it, it looks at the time.
        assert_eq!(looks(&bob), "standing 6");
        until("it is ended", || is_gone(pid));
        let heard = hears(caller);
        assert!(is_hung_up(&heard), "{heard:?}");
        system.log.line(&format!("{NO_ANSWER}: its process was ended after 30 seconds (asked by uid 10"));
        assert_eq!(looks(&alice), "standing 6");
        assert_eq!(system.log.count(NO_ANSWER), 1);
    });
}

const STANDING: &str = "pam_totp 1\nstanding 6\n\n";

fn asks_for(caller: &mut Child) {
    let request = b"pam_totp 1\npreview\nuser alice\n\n";
    caller.stdin.take().expect("a pipe").write_all(request).expect("it is said");
}

fn preview(alice: &User) -> Child {
    let mut caller = says_nothing(alice);
    asks_for(&mut caller);
    caller
}

fn start(listener: &UnixListener, daemon: Command) -> Child {
    resident(listener, daemon).spawn().expect("pam-totpd starts")
}

fn ends_well(mut daemon: Child) {
    let mut status = None;
    until("it ends", || {
        status = daemon.try_wait().expect("a child");
        status.is_some()
    });
    assert_eq!(status.and_then(|status| status.code()), Some(0));
}

fn ends(daemon: Child) {
    signal(daemon.id() as i32, Signal::SIGTERM);
    ends_well(daemon);
}

#[test]
fn it_ends_when_nobody_comes_and_leaves_the_socket_to_the_next_one() {
    throw_away(|system| {
        let alice = system.enrolled("alice");
        let listener = listen(VERIFY, 0o666);
        let flags = || fcntl(&listener, FcntlArg::F_GETFL).expect("flags");
        let before = flags();
        system.file("/run/time", "+0 x1000");
        ends_well(start(&listener, in_a_hurry("/run/time")));
        let waits = preview(&alice);
        let next = start(&listener, Command::new(DAEMON));
        assert_eq!(hears(waits), STANDING);
        assert_eq!(hears(preview(&alice)), STANDING);
        ends(next);
        assert_eq!(flags(), before, "the supervisor's accept would no longer wait");
    });
}

#[test]
fn told_to_end_it_brings_to_an_end_what_has_begun() {
    throw_away(|system| {
        let alice = system.enrolled("alice");
        let listener = listen(VERIFY, 0o666);
        let mut first = start(&listener, Command::new(DAEMON));
        let (mut caller, pid) = held(|| says_nothing(&alice));
        asks_for(&mut caller);
        signal(first.id() as i32, Signal::SIGTERM);
        let waits = preview(&alice);
        let next = start(&listener, Command::new(DAEMON));
        assert_eq!(hears(waits), STANDING, "by the next one");
        assert_eq!(first.try_wait().expect("a child"), None, "it waits for its own");
        signal(pid, Signal::SIGCONT);
        assert_eq!(hears(caller), STANDING, "by the first one");
        ends_well(first);
        ends(next);
    });
}

/// All that it starts until then speak the language of those that it has begun.
#[test]
fn replaced_by_another_version_it_makes_way_once_nobody_is_there() {
    throw_away(|system| {
        let alice = system.enrolled("alice");
        let listener = listen(VERIFY, 0o666);
        // By its clock it is never idle for long.
        system.file("/run/time", "+0 x0.01");
        let daemon = start(&listener, in_a_hurry("/run/time"));
        let (mut caller, pid) = held(|| says_nothing(&alice));
        system.runs(Command::new("sh").args(["-c", &format!("cp /bin/false /tmp/new && mv /tmp/new {DAEMON}")]));
        for _ in 0..4 {
            assert_eq!(hears(preview(&alice)), STANDING);
        }
        asks_for(&mut caller);
        signal(pid, Signal::SIGCONT);
        assert_eq!(hears(caller), STANDING);
        ends_well(daemon);
    });
}

/// A connection that cannot be taken stays in front of the door, and makes it turn in no circles.
#[test]
fn where_the_kernel_is_short_of_something_it_takes_its_time() {
    throw_away(|system| {
        let alice = system.enrolled("alice");
        let listener = listen(VERIFY, 0o666);
        let mut strace = Command::new("strace");
        strace.args(["-qq", "-o", "/tmp/trace", "-e", "trace=accept4,poll,ppoll"]);
        strace.args(["-e", "inject=accept4:error=EMFILE:when=1..3", DAEMON]);
        let served = start(&listener, strace);
        assert_eq!(hears(preview(&alice)), STANDING);
        system.log.line(&format!("{NO_ANSWER}: Too many open files"));
        residents().into_iter().for_each(|pid| signal(pid, Signal::SIGTERM));
        ends_well(served);
        let trace = fs::read_to_string("/tmp/trace").expect("a trace");
        let calls: Vec<&str> = trace.lines().filter(|line| !line.starts_with("---")).collect();
        let failed = |at: &usize| calls[*at].contains("EMFILE");
        let pauses = (0..calls.len()).filter(failed).map(|at| calls[at + 1].matches("fd=").count() == 1);
        assert_eq!(pauses.collect::<Vec<_>>(), [true; 3], "{trace}");
    });
}
