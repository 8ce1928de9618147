//! Whoever starts sudo or su sets its limits. A guess that cannot be counted must not be answered, or it would be an
//! oracle: where nothing is recorded, right and wrong codes look the same.

use crate::programs::sudo;
use crate::support::system::{PASSWORD, System, User, throw_away};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

mod memory;
mod signals;

#[test]
fn sudo_under_limits_is_no_oracle() {
    throw_away(|system| {
        sudo::prepare(system);
        let alice = system.enrolled("alice");
        is_no_oracle(system, &alice, &alice, "sudo -k -S -p password: id -un");
    });
}

#[test]
fn su_under_limits_is_no_oracle() {
    throw_away(|system| {
        system.stack("su", include_str!("../../pam.d/su"));
        system.without_delay_of_su();
        let (alice, bob) = (system.user("alice"), system.enrolled("bob"));
        is_no_oracle(system, &alice, &bob, "su bob -c 'id -un'");
    });
}

fn is_no_oracle(system: &System, caller: &User, target: &User, command: &str) {
    // pam_unix must not hide a missing delay.
    system.file("/etc/pam.d/common-auth", "auth requisite pam_unix.so nodelay\n");
    let attempt =
        |limits: &str, code: String| attempt(system, caller, target, &format!("{limits}; exec {command}"), &code);
    // A write would end the program, unless the signal is ignored; at four blocks only that of every other record.
    for limits in ["ulimit -f 0", "trap '' XFSZ; ulimit -f 0", "ulimit -f 4"] {
        let (wrong, right) = (attempt(limits, target.wrong_code()), attempt(limits, target.code()));
        assert_eq!(wrong, right, "{limits}");
        assert!(!wrong.recorded, "{limits}: {wrong:?}");
        assert!(wrong.delayed, "{limits}: {wrong:?}");
    }
    system.log.line(&format!("store error for {}", target.name));

    // From too few descriptors to load a library up to enough for a record.
    system.without_delays();
    let enough = (3..64).find(|descriptors| {
        let limits = format!("ulimit -n {descriptors}");
        let (wrong, right) = (attempt(&limits, target.wrong_code()), attempt(&limits, target.code()));
        assert_eq!(wrong.recorded, right.recorded, "{limits}: {wrong:?} {right:?}");
        assert!(wrong.recorded || wrong.output == right.output, "{limits}: {wrong:?} {right:?}");
        wrong.recorded
    });
    assert!(enough.is_some());
}

/// What a caller hands down to a program that then is root: signals, folders, masks, limits, an environment.
const HANDED_DOWN: [&str; 15] = [
    "umask 0",
    "umask 0777",
    "ulimit -c unlimited",
    "mkdir /tmp/gone; cd /tmp/gone; rmdir /tmp/gone",
    "trap '' PIPE TERM HUP INT QUIT ALRM USR1 USR2 CHLD XFSZ XCPU TTIN TTOU CONT",
    "exec 3</dev/zero 4>/dev/null 5<>/dev/null 9<.",
    "export RUST_BACKTRACE=full RUST_LIB_BACKTRACE=full RUST_LOG=trace RUST_MIN_STACK=1",
    "export TMPDIR=/nowhere PATH=/nowhere:$PATH HOME=/root USER=root LOGNAME=root SUDO_USER=root SUDO_UID=0",
    "export LC_ALL=xx_XX LANGUAGE=.. LOCPATH=/tmp NLSPATH=/tmp/%N TZ=:/etc/shadow TZDIR=/etc",
    "export LD_PRELOAD=/tmp/none.so LD_LIBRARY_PATH=/tmp LD_AUDIT=/tmp/none.so GCONV_PATH=/tmp",
    "export MALLOC_PERTURB_=7 MALLOC_ARENA_MAX=1 GLIBC_TUNABLES=glibc.malloc.check=3",
    "export SSH_CONNECTION='127.0.0.1 1 127.0.0.1 22' SSH_AUTH_INFO_0='publickey ssh-ed25519 AAAA'",
    // With less, Debian's own pam_cap dies.
    "ulimit -s 512",
    "ulimit -v 200000",
    "ulimit -i 0; ulimit -l 0; ulimit -q 0",
];

#[test]
fn whatever_a_caller_hands_down_changes_no_verdict_and_spoils_no_record() {
    throw_away(|system| {
        sudo::prepare(system);
        system.without_delays();
        let alice = system.user("alice");
        let state = "/var/lib/pam_totp/state/alice";
        for handed_down in HANDED_DOWN {
            system.enroll("alice");
            let attempt = |code: String| {
                attempt(system, &alice, &alice, &format!("{handed_down}; exec sudo -k -S -p password: id -un"), &code)
            };
            let (wrong, right) = (attempt(alice.wrong_code()), attempt(alice.code()));
            assert!(wrong.recorded && wrong.output.stdout.is_empty(), "{handed_down}: {wrong:?}");
            assert!(right.recorded && right.output.stdout == b"root\n", "{handed_down}: {right:?}");
            let told = String::from_utf8_lossy(&right.output.stderr);
            assert!(!told.contains("panicked") && !told.contains(".rs:"), "{handed_down}: {told}");
            for file in [state, "/var/lib/pam_totp/secrets/alice.toml"] {
                let stat = fs::metadata(file).expect("a file of ours");
                assert_eq!((stat.mode(), stat.uid()), (0o100_600, 0), "{handed_down}");
            }
            system.runs(Command::new("pam-totp").args(["remove", "alice"]));
            fs::remove_file(state).expect("the next one starts afresh");
        }
    });
}

#[derive(Debug, PartialEq)]
struct Attempt {
    output: Output,
    recorded: bool,
    /// As long as a refusal takes.
    delayed: bool,
}

fn attempt(system: &System, caller: &User, target: &User, shell: &str, code: &str) -> Attempt {
    let mut command = caller.command("/bin/bash");
    command.args(["-c", shell]);
    guess(system, target, command, &format!("{PASSWORD}\n{code}\n"))
}

fn guess(system: &System, target: &User, mut command: Command, answers: &str) -> Attempt {
    let record = || fs::read(format!("/var/lib/pam_totp/state/{}", target.name)).expect("the enrolled have a record");
    let (before, start) = (record(), Instant::now());
    let output = system.tries(&mut command, answers);
    Attempt { output, recorded: record() != before, delayed: start.elapsed() > Duration::from_millis(900) }
}
