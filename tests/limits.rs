//! Whoever starts sudo or su sets its limits. A guess that cannot be counted must not be answered, or it would be an
//! oracle: where nothing is recorded, right and wrong codes look the same.

use crate::sudo;
use crate::support::system::{PASSWORD, System, User, throw_away};
use std::fs;
use std::process::Output;
use std::time::{Duration, Instant};

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
        system.stack("su", include_str!("../pam.d/su"));
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
        assert!(wrong.recorded || wrong == right, "{limits}: {wrong:?} {right:?}");
        wrong.recorded
    });
    assert!(enough.is_some());
}

#[derive(Debug, PartialEq)]
struct Attempt {
    output: Output,
    recorded: bool,
    /// As long as a refusal takes.
    delayed: bool,
}

fn attempt(system: &System, caller: &User, target: &User, shell: &str, code: &str) -> Attempt {
    let record = || fs::read(format!("/var/lib/pam_totp/state/{}", target.name)).expect("the enrolled have a record");
    let (before, start) = (record(), Instant::now());
    let output = system.tries(caller.command("/bin/bash").args(["-c", shell]), &format!("{PASSWORD}\n{code}\n"));
    Attempt { output, recorded: record() != before, delayed: start.elapsed() > Duration::from_millis(900) }
}
