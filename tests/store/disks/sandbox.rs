//! A login that alone sees the disk read-only, beside others that write on it: in a sandbox, as polkit's helper is.

use super::*;
use crate::support::door::{Door, ROOT, VERIFY, listen};
use crate::support::record::Newest;
use std::io::ErrorKind;
use std::os::unix::net::UnixListener;
use std::thread;

const STATE: &str = "/var/lib/pam_totp/state/alice";
const IN_RUN: &str = "/run/pam_totp/state/alice";

fn sandboxed() -> Command {
    let script = format!("mount --bind {STORE} {STORE} && mount -o remount,bind,ro {STORE} && exec \"$@\"");
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-ec", &script, "sh"]).arg(application().get_program());
    command
}

fn in_sandbox(system: &System, time: u64, code: &str) -> i32 {
    only_code(system, at(time, sandboxed().args([SERVICE, "alice"])), code)
}

fn prepare(system: &System) {
    application::build(system);
    mount(system, "mode=755");
    system.enrolled("alice");
}

#[test]
fn in_a_sandbox_a_code_is_judged_at_the_door_and_goes_to_the_disk() {
    throw_away(|system| {
        prepare(system);
        let door = Door::open(T);
        assert_eq!(in_sandbox(system, T, &code(T + 6000)), AUTH_ERR);
        assert_eq!(in_sandbox(system, T, &code(T)), SUCCESS);
        assert_eq!(system.log.count("(asked by uid 0, pid "), 2);
        assert!(!Path::new(IN_RUN).exists());
        assert_eq!(login_at(system, T, "alice", &code(T)), AUTH_ERR);
        door.close();
        // What a record in /run has, the next one on the disk has.
        assert_eq!(in_sandbox(system, T + 30, &code(T + 30)), SUCCESS);
        assert!(Path::new(IN_RUN).exists());
        assert_eq!(login_at(system, T + 30, "alice", &code(T + 30)), AUTH_ERR);
        assert_eq!(login_at(system, T + 30, "alice", &code(T + 6000)), AUTH_ERR);
        assert!(!Path::new(IN_RUN).exists());
        assert_eq!(in_sandbox(system, T + 60, &code(T + 6000)), AUTH_ERR);
        assert_eq!(Newest::of(&fs::read(IN_RUN).expect("a record")).since, 2);
        assert_eq!(login_at(system, T + 60, "alice", &code(T + 60)), SUCCESS);
        assert_eq!(in_sandbox(system, T + 60, &code(T + 60)), AUTH_ERR);
        assert_eq!(system.log.count("store error"), 0);
    });
}

/// Nobody but root can stop this one, so whatever is not said is no answer.
#[test]
fn in_a_sandbox_a_door_that_says_nothing_keeps_nobody_out() {
    throw_away(|system| {
        prepare(system);
        let silent = listen(ROOT, 0o600);
        assert_eq!(in_sandbox(system, T, &code(T)), SUCCESS);
        drop(silent);
        fs::remove_file(ROOT).expect("removes a socket");
        let listener = listen(ROOT, 0o600);
        thread::spawn(move || listener.incoming().for_each(drop));
        assert_eq!(in_sandbox(system, T + 30, &code(T + 30)), SUCCESS);
        assert_eq!(login_at(system, T + 30, "alice", &code(T + 30)), AUTH_ERR);
        // Where /run is read-only too there is nothing that it could write.
        let mut closed = Command::new("unshare");
        let script = "for folder in /var/lib/pam_totp /run; do mount --bind $folder $folder && mount -o remount,bind,ro $folder; done; exec \"$@\"";
        closed.args(["--mount", "sh", "-ec", script, "sh"]).arg(application().get_program()).args([SERVICE, "alice"]);
        assert_eq!(only_code(system, at(T + 60, &mut closed), &code(T + 60)), AUTH_ERR);
        system.log.line("Read-only file system; asked instead, pam-totpd hung up");
        assert_eq!(login_at(system, T + 60, "alice", &code(T + 60)), SUCCESS, "it was not used up");
    });
}

/// For everybody: who can write in /run asks nobody, for nobody could do more.
#[test]
fn on_a_disk_that_is_read_only_for_all_no_door_is_asked() {
    throw_away(|system| {
        prepare(system);
        let doors: Vec<UnixListener> = [(ROOT, 0o600), (VERIFY, 0o666)].map(|(path, mode)| listen(path, mode)).into();
        remount(system, "ro");
        assert_eq!(login_at(system, T, "alice", &code(T + 6000)), AUTH_ERR);
        assert_eq!(login_at(system, T, "alice", &code(T)), SUCCESS);
        assert_eq!(login_at(system, T, "alice", &code(T)), AUTH_ERR);
        for door in doors {
            door.set_nonblocking(true).expect("asks without waiting");
            assert_eq!(door.accept().map(drop).map_err(|error| error.kind()), Err(ErrorKind::WouldBlock));
        }
        assert_eq!(system.log.count("store error"), 0);
    });
}

/// So many at once on either side, who answer in the same moment.
fn at_once(system: &System, time: u64, each: &str, code: &str) -> (usize, usize) {
    let all = |command: &mut Command| {
        let output = system.reads(at(time, command.args(["-p", each, SERVICE, "alice"])), &format!("{code}\n"));
        let said = Said::read(&output);
        assert_eq!(said.errors, "", "{output:?}");
        said.count(SUCCESS)
    };
    thread::scope(|scope| {
        let inside = scope.spawn(|| all(&mut sandboxed()));
        let outside = all(&mut application());
        (inside.join().expect("they log in"), outside)
    })
}

/// Two records, and one lock: each code counts once, and each guess is counted, also where the state is lost and the one in the
/// sandbox finds no file to lock.
#[test]
fn in_and_beside_a_sandbox_one_code_counts_once_and_each_guess_is_counted() {
    throw_away(|system| {
        prepare(system);
        let mut inside = 0;
        for round in 0..effort(20, 200) {
            let time = T + 30 * round as u64;
            let both = at_once(system, time, "8", &code(time));
            assert_eq!(both.0 + both.1, 1, "round {round}: {both:?}");
            inside += both.0;
        }
        println!("in a sandbox: {inside}");
        for (round, is_lost) in (0..effort(10, 100)).map(|round| (round, round % 2 == 1)) {
            let time = T + 864_000 * (round + 1) as u64;
            if is_lost {
                let _ = fs::remove_file(IN_RUN);
                fs::remove_file(STATE).expect("removes the record");
            } else {
                assert_eq!(login_at(system, time, "alice", &code(time)), SUCCESS);
            }
            assert_eq!(at_once(system, time, "4", &code(time + 6000)), (0, 0));
            let found =
                [STATE, IN_RUN].into_iter().filter_map(|path| fs::read(path).ok()).filter(|bytes| !bytes.is_empty());
            let newest = found.map(|bytes| Newest::of(&bytes)).max_by_key(|newest| newest.sequence);
            assert_eq!(newest.expect("a record").since, 8, "round {round}");
            if is_lost {
                assert_eq!(login_at(system, time, "alice", &code(time)), AUTH_ERR, "it may have been used");
            }
        }
        assert_eq!(system.log.count("store error"), 0);
    });
}
