//! Disks that are read-only, full or not there, and limits that make them look so.

use crate::support::application::{
    self, AUTH_ERR, SERVICE, SUCCESS, Said, application, at, login, login_at, only_code,
};
use crate::support::codes::code_at;
use crate::support::effort::effort;
use crate::support::system::{KEY, System, throw_away};
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Command;

mod sandbox;

const STORE: &str = "/var/lib/pam_totp";
const SECRET: &str = "/var/lib/pam_totp/secrets/alice.toml";
/// The beginning of a step.
const T: u64 = 1_800_000_000;
const OTHER_KEY: &str = "GEZDGNBVGY3TQOJQJBSWY3DPEHPK3PXP";

fn code(time: u64) -> String {
    code_at(KEY, time)
}

/// A disk of its own for the store.
fn mount(system: &System, options: &str) {
    system.runs(Command::new("mount").args(["-t", "tmpfs", "-o", options, "tmpfs", STORE]));
    system.runs(Command::new("mkdir").args(["-m", "700", "/var/lib/pam_totp/secrets", "/var/lib/pam_totp/state"]));
}

fn remount(system: &System, options: &str) {
    system.runs(Command::new("mount").args(["-o", &format!("remount,{options}"), STORE]));
}

fn sets(system: &System, arguments: &[&str]) -> Option<i32> {
    let mut set = Command::new("pam-totp");
    system.tries(set.args(["set", "--no-code"]).args(arguments), &format!("{OTHER_KEY}\n")).status.code()
}

#[test]
fn on_a_read_only_disk_users_get_in_and_no_code_counts_twice() {
    throw_away(|system| {
        application::build(system);
        mount(system, "mode=755");
        system.enrolled("alice");
        let logs_in = |time, code: &str| login_at(system, time, "alice", code);
        assert_eq!(logs_in(T, &code(T)), SUCCESS);

        remount(system, "ro");
        assert_eq!(logs_in(T, &code(T)), AUTH_ERR, "used while the disk was writable");
        assert_eq!(logs_in(T + 30, &code(T + 30)), SUCCESS);
        assert!(Path::new("/run/pam_totp/state/alice").exists());
        for used in [T, T + 30] {
            assert_eq!(logs_in(T + 30, &code(used)), AUTH_ERR);
        }
        assert_eq!(logs_in(T + 60, &code(T + 6000)), AUTH_ERR);
        system.log.line("wrong code: alice from local, 1 wrong code in all since");
        let before = fs::read(SECRET).expect("the secret");
        assert_eq!(sets(system, &["--replace", "alice"]), Some(5));
        assert_eq!(fs::read(SECRET).expect("the secret"), before);

        remount(system, "rw");
        assert_eq!(logs_in(T + 30, &code(T + 30)), AUTH_ERR, "used while the disk was read-only");
        assert_eq!(logs_in(T + 60, &code(T + 60)), SUCCESS);

        // What is under /run is old now, and must not count again.
        remount(system, "ro");
        assert_eq!(logs_in(T + 60, &code(T + 60)), AUTH_ERR);
        assert_eq!(logs_in(T + 90, &code(T + 90)), SUCCESS);
        remount(system, "rw");
        assert_eq!(logs_in(T + 90, &code(T + 90)), AUTH_ERR);
        assert_eq!(logs_in(T + 120, &code(T + 120)), SUCCESS);
        assert_eq!(system.log.count("was lost"), 0);
        assert_eq!(system.log.count("store error"), 0);
    });
}

#[test]
fn a_lost_record_heals_on_a_read_only_disk_too() {
    throw_away(|system| {
        application::build(system);
        mount(system, "mode=755");
        system.enrolled("alice");
        fs::remove_file("/var/lib/pam_totp/state/alice").expect("removes the record");
        remount(system, "ro");
        assert_eq!(login_at(system, T, "alice", &code(T)), AUTH_ERR);
        system.log.line("state of alice was lost and is made again");
        assert_eq!(login_at(system, T + 180, "alice", &code(T + 180)), SUCCESS);
        remount(system, "rw");
        assert_eq!(login_at(system, T + 180, "alice", &code(T + 180)), AUTH_ERR);
        assert_eq!(login_at(system, T + 210, "alice", &code(T + 210)), SUCCESS);
    });
}

#[test]
fn a_record_from_a_read_only_time_does_not_stand_in_for_one_lost_later() {
    throw_away(|system| {
        application::build(system);
        mount(system, "mode=755");
        system.enrolled("alice");
        remount(system, "ro");
        assert_eq!(login_at(system, T, "alice", &code(T)), SUCCESS);
        remount(system, "rw");
        for time in [T + 30, T + 60] {
            assert_eq!(login_at(system, time, "alice", &code(time)), SUCCESS);
        }
        fs::remove_file("/var/lib/pam_totp/state/alice").expect("removes the record");
        assert_eq!(login_at(system, T + 60, "alice", &code(T + 60)), AUTH_ERR, "used, though its record is lost");
        system.log.line("state of alice was lost and is made again");
    });
}

/// Not a byte, and where `inodes` not a file more.
fn fill(inodes: bool) {
    let mut file = fs::File::create("/var/lib/pam_totp/filler").expect("a file");
    for size in [4096, 1] {
        while file.write_all(&vec![0; size]).is_ok() {}
    }
    let mut names = (0..).map(|n| format!("{STORE}/filler{n}"));
    while inodes && fs::File::create(names.next().expect("endless")).is_ok() {}
}

#[test]
fn on_a_full_disk_users_get_in_and_no_key_is_lost() {
    throw_away(|system| {
        application::build(system);
        system.user("bob");
        let alice = system.user("alice");
        for (inodes, start) in [(false, T), (true, T + 600)] {
            mount(system, "mode=755,size=128k,nr_inodes=64");
            system.reads(Command::new("pam-totp").args(["set", "--no-code", alice.name]), &format!("{KEY}\n"));
            fill(inodes);
            for time in [start, start + 30] {
                assert_eq!(login_at(system, time, "alice", &code(time + 6000)), AUTH_ERR);
                assert_eq!(login_at(system, time, "alice", &code(time)), SUCCESS);
                assert_eq!(login_at(system, time, "alice", &code(time)), AUTH_ERR);
            }

            let before = fs::read(SECRET).expect("the secret");
            assert_eq!(sets(system, &["--replace", "alice"]), Some(5));
            assert_eq!(sets(system, &["bob"]), Some(5));
            assert_eq!(fs::read(SECRET).expect("the secret"), before);
            let files = fs::read_dir("/var/lib/pam_totp/secrets").expect("the store").count();
            assert_eq!(files, 1, "neither bob's key nor a temporary file");
            assert_eq!(login_at(system, start + 60, "alice", &code(start + 30)), AUTH_ERR);
            assert_eq!(login_at(system, start + 60, "alice", &code(start + 60)), SUCCESS);

            system.runs(Command::new("find").args([STORE, "-name", "filler*", "-delete"]));
            assert_eq!((sets(system, &["--replace", "alice"]), sets(system, &["bob"])), (Some(0), Some(0)));
            assert_eq!(login_at(system, start + 90, "alice", &code(start + 90)), AUTH_ERR);
            assert_eq!(login_at(system, start + 90, "alice", &code_at(OTHER_KEY, start + 90)), SUCCESS);
            system.runs(Command::new("umount").arg(STORE));
        }
        assert_eq!(system.log.count("store error"), 0);
    });
}

#[test]
fn without_its_disk_nobody_gets_in_unless_it_is_switched_off() {
    throw_away(|system| {
        application::build(system);
        system.enrolled("alice");
        system.user("bob");
        for policy in ["", "unenrolled = \"allow\"\n", "unenrolled = \"deny\"\n"] {
            system.policy(policy);
            assert_eq!(login_at(system, T, "alice", &code(T + 6000)), AUTH_ERR);
            // Hidden by a directory that has nothing in it: what an unmounted disk leaves.
            system.runs(Command::new("mount").args(["-t", "tmpfs", "-o", "mode=755", "tmpfs", STORE]));
            for stack in ["auth required pam_totp.so\n", "auth required pam_totp.so nullok\n"] {
                system.stack(SERVICE, stack);
                for user in ["alice", "bob", "mallory", "root"] {
                    assert_eq!(login_at(system, T, user, &code(T)), AUTH_ERR, "{user} {policy:?} {stack}");
                }
            }
            system.log.line("store error: /var/lib/pam_totp/secrets is missing");
            let programs =
                ["status alice", "list", "set --no-code bob", "remove alice", "unlock alice", "verify alice"];
            for program in programs {
                let output = system.tries(Command::new("pam-totp").args(program.split(' ')), &format!("{KEY}\n"));
                assert_eq!(output.status.code(), Some(5), "{program}: {output:?}");
            }
            system.runs(Command::new("umount").arg(STORE));
        }
        system.stack(SERVICE, application::STACK);
        system.policy("");
        assert_eq!(login_at(system, T, "alice", &code(T)), SUCCESS);

        fs::rename("/var/lib/pam_totp/state", "/var/lib/pam_totp/elsewhere").expect("moves the records");
        assert_eq!(login_at(system, T + 30, "alice", &code(T + 30)), AUTH_ERR);
        system.log.line("store error: /var/lib/pam_totp/state is missing");
        assert!(!Path::new("/var/lib/pam_totp/state").exists(), "a login makes no directory");

        system.policy("enabled = false\n");
        system.stack(SERVICE, "auth required pam_totp.so\nauth required pam_permit.so\n");
        assert_eq!(login(system, "alice", ""), SUCCESS);
    });
}

/// Whoever starts su or sudo sets limits for root's own work: what cannot be recorded must not be answered.
#[test]
fn under_the_callers_limits_right_and_wrong_are_told_apart_only_by_the_record() {
    throw_away(|system| {
        application::build(system);
        system.enrolled("alice");
        let record = || fs::read("/var/lib/pam_totp/state/alice").expect("the record");
        let limited = |limits: &str, code: &str| {
            let before = record();
            let script = format!("{limits}; exec \"$@\"");
            let mut shell = Command::new("bash");
            shell.args(["-c", &script, "bash"]).arg(application().get_program()).args([SERVICE, "alice"]);
            let output = system.tries(at(T, &mut shell), &format!("{code}\n"));
            (Said::read(&output), output.status.code(), record() != before)
        };
        for limits in ["trap '' XFSZ; ulimit -f 0", "ulimit -f 0"] {
            let wrong = limited(limits, &code(T + 6000));
            assert_eq!(limited(limits, &code(T)), wrong, "{limits}");
            assert!(!wrong.2, "{limits}: {wrong:?}");
        }
        system.log.line("store error for alice: /var/lib/pam_totp/state/alice: File too large");
        let enough = (3..64).find(|descriptors| {
            let limits = format!("ulimit -n {descriptors}");
            let (wrong, right) = (limited(&limits, &code(T + 6000)), limited(&limits, &code(T)));
            assert!(wrong == right || wrong.2, "{limits}: {wrong:?} {right:?}");
            right.0.codes == [SUCCESS]
        });
        assert!(enough.is_some());
    });
}

/// Cut off where the caller likes, the record of a right code could be whole and that of a wrong one not: guesses that
/// nobody counts, and waits that end by them.
#[test]
fn a_limit_cuts_off_no_record() {
    throw_away(|system| {
        application::build(system);
        system.enrolled("alice");
        let record = || fs::read("/var/lib/pam_totp/state/alice").expect("the record");
        let limited = |limit: u32, time, code: &str| {
            let mut prlimit = Command::new("prlimit");
            prlimit.arg(format!("--fsize={limit}")).arg(application().get_program()).args([SERVICE, "alice"]);
            only_code(system, at(time, &mut prlimit), code)
        };
        assert_eq!(login_at(system, T, "alice", &code(T)), SUCCESS);
        assert_eq!(login_at(system, T + 30, "alice", &code(T + 30)), SUCCESS);
        for half in [0, 1] {
            let (before, time) = (record(), T + 60 + 60 * half);
            for limit in [0, 100, 4095, 4096, 4196, 8191] {
                for code in [code(time + 6000), code(time)] {
                    assert_eq!(limited(limit, time, &code), AUTH_ERR, "{limit}");
                    assert_eq!(record(), before, "{limit}");
                }
            }
            assert_eq!(limited(8192, time, &code(time)), SUCCESS);
        }
    });
}
