//! At the door: a code that proves a change is counted before it is judged, like a login's, and whoever asks there has
//! no hand on the process that judges.

use super::*;
use crate::support::disk::on_disk;
use crate::support::door::{VERIFY, knocking};
use crate::support::effort::effort;
use crate::support::tracer::Codes;
use std::io::Write;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::process::{Child, Stdio};

const DAEMON: &str = "/usr/sbin/pam-totpd";
const TABLET: &str = "GEZDGNBVGY3TQOJQJBSWY3DPEHPK3PXP";

/// All that needs a code, in the words of the door.
fn wishes(code: &str) -> [String; 6] {
    let tablet = format!("key {TABLET}\ncode {}", code_at(TABLET, T));
    let [first, second] = [T + 60, T + 90].map(|time| code_at(KEY, time));
    [
        format!("verify\nuser alice\ncode {code}"),
        format!("set\nuser alice\ndevice totp 30 SHA1 6 phone\n{tablet}\nreplace\ncurrent {code}"),
        format!("set\nuser alice\ndevice totp 30 SHA1 6 tablet\n{tablet}\nbeside\ncurrent {code}"),
        format!("backup-codes\nuser alice\ncount 2\ncurrent {code}"),
        format!("remove\nuser alice\ncurrent {code}"),
        format!("resync\nuser alice\ncode {first}\nnext {second}\ncurrent {code}"),
    ]
}

/// A request that came, and the pam-totpd that is to answer it.
struct Asked {
    caller: Child,
    daemon: Child,
}

impl Asked {
    fn by(alice: &User, listener: &UnixListener) -> Self {
        let mut command = knocking(alice);
        let caller = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().expect("she asks");
        let (connection, _) = listener.accept().expect("a connection");
        let mut daemon = Command::new(DAEMON);
        let daemon = daemon.envs(clock(T)).env("NO_FAKE_STAT", "1").stdin(OwnedFd::from(connection));
        let daemon = daemon.stderr(Stdio::null()).spawn().expect("pam-totpd starts");
        Self { caller, daemon }
    }

    fn says(&mut self, wish: &str) {
        let mut words = self.caller.stdin.take().expect("a pipe");
        write!(words, "pam_totp 1\n{wish}\n\n").expect("she speaks");
    }

    fn ends(&mut self) {
        self.caller.wait().expect("she hears");
    }
}

/// Alice, who may change whatever is hers.
fn prepared(system: &System) -> User {
    system.policy("unenrolled = \"allow\"\n");
    system.enrolled("alice")
}

fn restore_secret(bytes: &[u8]) {
    let mut file = fs::OpenOptions::new();
    let file = file.write(true).create(true).truncate(true).mode(0o600).open(SECRET);
    file.expect("the secret").write_all(bytes).expect("writes");
}

fn open_door() -> UnixListener {
    let listener = UnixListener::bind(VERIFY).expect("a door");
    fs::set_permissions(VERIFY, fs::Permissions::from_mode(0o666)).expect("an open one");
    listener
}

#[test]
fn a_proof_killed_at_any_system_call_of_the_door_is_not_judged_or_it_is_counted() {
    on_disk(Vec::new, |system| {
        let alice = prepared(system);
        let listener = open_door();
        let codes = Codes::of(DAEMON);
        let secret = fs::read(SECRET).expect("the secret");
        let before = state();
        let answers = [wrong(), right()];
        let answers = answers[..effort(1, 2)].iter();
        for (code, wish) in answers.flat_map(|code| wishes(code).map(|wish| (code.clone(), wish))) {
            let (mut unjudged, mut counted) = (0, 0);
            for nth in 0.. {
                restore_of(60, &before);
                restore_secret(&secret);
                let mut asked = Asked::by(&alice, &listener);
                let mut traced = Traced::seize(asked.daemon.id());
                traced.watch(&codes, &key(), could_be_right(&before));
                asked.says(&wish);
                let Some(judged) = is_judged_before(&mut traced, nth) else { break };
                traced.kill();
                asked.ends();
                let is_counted = if code == wrong() { is_counted(&before, &code) } else { state() != before };
                assert!(is_counted || !judged, "judged and not counted at call {nth}: {wish}");
                unjudged += usize::from(!judged);
                counted += usize::from(is_counted);
            }
            assert!(unjudged > 0 && counted > 0, "{unjudged} {counted}: {wish}");
        }
    });
}

/// She may hang up: that is all that she can do to it.
#[test]
fn whoever_hangs_up_while_it_is_judged_has_guessed_all_the_same() {
    on_disk(Vec::new, |system| {
        let alice = prepared(system);
        let listener = open_door();
        let before = state();
        for wish in wishes(&wrong()) {
            restore_of(60, &before);
            let mut asked = Asked::by(&alice, &listener);
            let mut traced = Traced::seize(asked.daemon.id());
            asked.says(&wish);
            assert!(is_judged_before(&mut traced, 0).is_some(), "{wish}");
            asked.caller.kill().expect("she hangs up");
            asked.ends();
            while !matches!(traced.next(false), Event::Gone) {}
            assert!(is_counted(&before, &wrong()), "{wish}");
        }
    });
}

#[test]
fn a_caller_has_no_hand_on_the_process_that_judges() {
    on_disk(Vec::new, |system| {
        let alice = prepared(system);
        let listener = open_door();
        let mut asked = Asked::by(&alice, &listener);
        let pid = asked.daemon.id().to_string();
        is_out_of_reach(system, &alice, &pid);
        for grip in [
            "kill -KILL PID",
            "kill -STOP PID",
            "renice -n 19 -p PID",
            "prlimit --fsize=0 --pid PID",
            "taskset -p 1 PID",
            "chrt --idle --pid 0 PID",
        ] {
            is_refused(system, &alice, &grip.replace("PID", &pid));
        }
        asked.says(&wishes(&right())[0]);
        asked.ends();
        assert!(asked.daemon.wait().expect("it ends").success());
    });
}
