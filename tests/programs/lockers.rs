//! Programs without root's reach ask at the door: screen lockers, and root in a sandbox.

use crate::support::application::{self, AUTH_ERR, SERVICE, SUCCESS, Said, application, login_at, only_code};
use crate::support::codes::code_at;
use crate::support::door::Door;
use crate::support::lanes;
use crate::support::server::Server;
use crate::support::system::{KEY, PASSWORD, System, User, throw_away};
use crate::support::until;
use pam_totp::factor::record::LaneKey;
use std::fs;
use std::path::Path;
use std::process::Command;

/// The beginning of a step.
const T: u64 = 1_800_000_000;
const RECORD: &str = "/var/lib/pam_totp/state/alice";
/// What the locker itself may not, and why nobody did it in its place.
const NO_DOOR: &str = "/var/lib/pam_totp/secrets: Permission denied; asked instead, nobody answers at pam-totpd's socket: \
                       `systemctl enable --now pam-totpd.socket`";

fn code(time: u64) -> String {
    code_at(KEY, time)
}

fn program() -> String {
    application().get_program().to_str().expect("a path").to_owned()
}

/// A locker of alice's session; some sessions forbid every set-uid bit.
fn locker(alice: &User, no_new_privs: bool, arguments: &[&str]) -> Command {
    let mut command = alice.command(if no_new_privs { "setpriv" } else { "env" });
    if no_new_privs {
        command.arg("--no-new-privs");
    }
    command.arg(program()).args(arguments);
    command
}

#[test]
fn a_screen_locker_unlocks_with_a_code() {
    throw_away(|system| {
        let door = Door::open(T);
        application::build(system);
        let alice = system.enrolled("alice");
        let mut time = T;
        for no_new_privs in [false, true] {
            door.at(time);
            let unlocks = |code: &str| only_code(system, &mut locker(&alice, no_new_privs, &[SERVICE, "alice"]), code);
            assert_eq!(unlocks(&code(time + 6000)), AUTH_ERR);
            assert_eq!(unlocks(&code(time)), SUCCESS);
            assert_eq!(unlocks(&code(time)), AUTH_ERR);
            assert_eq!(login_at(system, time, "alice", &code(time)), AUTH_ERR, "used for every program");
            // In nobody else's name, whoever that is and whatever they know.
            for stranger in ["root", "mallory"] {
                let mut command = locker(&alice, no_new_privs, &[SERVICE, stranger]);
                assert_eq!(only_code(system, &mut command, &code(time + 30)), AUTH_ERR);
            }
            time += 60;
        }
        let failure = "pam_totp(application:auth): authentication failure; logname= uid=100";
        system.log.line_where(failure, |line| line.contains(failure) && line.ends_with("user=alice"));
        // Said by root, where alice cannot say it.
        let is_root = |line: &str| line.contains("pam-totpd") && line.contains("used code: alice from local");
        system.log.line_where("the word of pam-totpd", |line| is_root(line) && line.contains("(asked by uid 100"));
    });
}

#[test]
fn its_user_is_told_what_a_login_tells() {
    throw_away(|system| {
        let door = Door::open(T);
        application::build(system);
        let alice = system.enrolled("alice");
        system.stack(SERVICE, "auth required pam_totp.so explain nodelay\n");
        let says = |code: &str| {
            let output = system.tries(&mut locker(&alice, true, &[SERVICE, "alice"]), &format!("{code}\n"));
            Said::read(&output).messages[1..].to_vec()
        };
        // A phone whose clock is off: that would tell which code is right when, and is for root's log alone.
        assert_eq!(says(&code(T + 300)), [""; 0]);
        system.log.line("clock: the code of alice would be right if the device's clock");
        let told = says(&code(T));
        assert!(told[0].starts_with("4 1 wrong code was entered since your last right one"), "{told:?}");
        assert_eq!(says(&code(T)), ["3 This code was already used. The next one comes in 30 s."]);
        door.at(T + 30);
        lanes::wrong("alice", T + 30, 10);
        assert_eq!(says(&code(T + 6000)), ["3 Wrong code. 3 more here, then two codes in a row are asked for."]);
        lanes::spent("alice", T + 30);
        // Asked again, in the same login; who says nothing more has guessed nothing.
        let asked = "1 Too many wrong codes from here. Now the code that comes after it (in 30 s): ";
        let both = format!("{}\n{}", code(T + 30), code(T + 60));
        assert_eq!(says(&code(T + 30))[0], asked);
        let told = says(&both);
        assert_eq!(told[0], asked);
        assert!(
            told[1].starts_with("4 ") && told[1].contains("wrong codes were entered since your last right one"),
            "{told:?}"
        );
    });
}

#[test]
fn it_asks_for_the_password_too_and_takes_both_in_one_field() {
    throw_away(|system| {
        let door = Door::open(T);
        application::build(system);
        let alice = system.enrolled("alice");
        system.stack("two", "auth requisite pam_unix.so nodelay\nauth required pam_totp.so nodelay\n");
        let one = "auth requisite pam_totp.so forward_pass\nauth requisite pam_unix.so use_first_pass nodelay\n\
                   auth required pam_totp.so nodelay\n";
        system.stack("one", one);
        let unlocks =
            |service: &str, answer: &str| only_code(system, &mut locker(&alice, false, &[service, "alice"]), answer);
        assert_eq!(unlocks("two", &format!("{PASSWORD}\n{}", code(T + 6000))), AUTH_ERR);
        assert_eq!(unlocks("two", &format!("{PASSWORD}\n{}", code(T))), SUCCESS);
        door.at(T + 30);
        assert_eq!(unlocks("one", &format!("{PASSWORD}{}", code(T))), AUTH_ERR);
        assert_eq!(unlocks("one", &format!("{PASSWORD}{}", code(T + 30))), SUCCESS);
    });
}

#[test]
fn a_locker_enrolls_nobody_as_it_could_not_store_what_they_prove() {
    throw_away(|system| {
        let _door = Door::open(T);
        application::build(system);
        let bob = system.user("bob");
        system.policy("unenrolled = \"enroll\"\n");
        let output = system.tries(&mut locker(&bob, false, &[SERVICE, "bob"]), &format!("{}\n", code(T)));
        let said = Said::read(&output);
        assert_eq!(said.codes, [AUTH_ERR], "{output:?}");
        assert!(!format!("{output:?}").contains("Key:"), "{output:?}");
    });
}

#[test]
fn without_a_door_nobody_unlocks_and_the_log_says_how_to_open_one() {
    throw_away(|system| {
        application::build(system);
        let alice = system.enrolled("alice");
        let unlocks = || only_code(system, &mut locker(&alice, true, &[SERVICE, "alice"]), &code(T));
        system.policy("unenrolled = \"allow\"\n");
        assert_eq!(unlocks(), AUTH_ERR, "who cannot be looked at is not unenrolled");
        system.log.line(&format!("store error: {NO_DOOR}"));
        system.policy("enabled = false\n");
        system.stack(SERVICE, "auth required pam_totp.so\nauth required pam_permit.so\n");
        assert_eq!(unlocks(), SUCCESS, "switched off");
    });
}

#[test]
fn a_locker_with_a_policy_or_a_store_of_its_own_never_asks_the_door() {
    throw_away(|system| {
        let _door = Door::open(T);
        application::build(system);
        let alice = system.enrolled("alice");
        system.stack(SERVICE, "auth required pam_totp.so config=/etc/security/pam_totp.toml nodelay\n");
        let unlocks = || only_code(system, &mut locker(&alice, true, &[SERVICE, "alice"]), &code(T));
        system.policy("");
        assert_eq!(unlocks(), AUTH_ERR);
        system.runs(Command::new("cp").args(["-a", "/var/lib/pam_totp", "/srv"]));
        system.policy("store = \"/srv/pam_totp\"\n");
        system.stack(SERVICE, application::STACK);
        assert_eq!(unlocks(), AUTH_ERR);
        system.log.line("Permission denied");
        assert_eq!(system.log.count("pam-totpd"), 0);
    });
}

/// systemd's own stand-in for itself: any supervisor that hands over a connection will do.
#[test]
fn systemd_serves_it_by_its_socket() {
    throw_away(|system| {
        application::build(system);
        let alice = system.enrolled("alice");
        let socket = "/run/pam_totp/verify.sock";
        let mut activate = Command::new("systemd-socket-activate");
        activate.args(["--accept", "--inetd", "--listen", socket, "--setenv=PATH"]);
        for (name, value) in application::clock(T) {
            activate.arg(format!("--setenv={name}={value}"));
        }
        let _systemd = Server::start(activate.arg("/usr/sbin/pam-totpd"));
        until("the socket", || Path::new(socket).exists());
        system.runs(Command::new("chmod").args(["666", socket]));
        let unlocks = |code: &str| only_code(system, &mut locker(&alice, true, &[SERVICE, "alice"]), code);
        assert_eq!(unlocks(&code(T + 6000)), AUTH_ERR);
        assert_eq!(unlocks(&code(T)), SUCCESS);
        assert_eq!(unlocks(&code(T)), AUTH_ERR);
    });
}

/// Root as polkit's agent is root: it sees every disk read-only.
fn in_a_sandbox(read_only: &[&str]) -> Command {
    let mounts: String =
        read_only.iter().map(|d| format!("mount --bind {d} {d} && mount -o remount,bind,ro {d} && ")).collect();
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c", &format!("{mounts} exec \"$@\""), "sh", &program(), SERVICE, "alice"]);
    command
}

fn logs_in(system: &System, read_only: &[&str], time: u64, code: &str) -> i32 {
    only_code(system, in_a_sandbox(read_only).envs(application::clock(time)), code)
}

#[test]
fn root_with_a_read_only_disk_asks_the_door_that_can_write() {
    throw_away(|system| {
        let door = Door::open(T);
        application::build(system);
        system.enrolled("alice");
        let sandbox = ["/var", "/run"];
        let before = fs::read(RECORD).expect("the record");
        assert_eq!(logs_in(system, &sandbox, T, &code(T)), SUCCESS);
        assert!(fs::read(RECORD).expect("the record") != before, "recorded where everybody looks");
        assert_eq!(logs_in(system, &sandbox, T, &code(T)), AUTH_ERR);
        assert_eq!(login_at(system, T, "alice", &code(T)), AUTH_ERR);
        // Counted in the lane of every root host, for which root's word is taken.
        let counted = |key| lanes::record("alice").lane(key).map_or(0, |lane| lane.last);
        assert_eq!(counted(LaneKey::Local), 0);
        assert_eq!(logs_in(system, &sandbox, T, &code(T + 6000)), AUTH_ERR);
        assert_eq!((counted(LaneKey::Local), counted(LaneKey::Door)), (T, 0));
        assert!(!Path::new("/run/pam_totp/state/alice").exists());
        door.close();
    });
}

#[test]
fn root_with_a_read_only_disk_and_no_door_goes_on_in_run_or_not_at_all() {
    throw_away(|system| {
        application::build(system);
        system.enrolled("alice");
        assert_eq!(logs_in(system, &["/var", "/run"], T, &code(T)), AUTH_ERR);
        let store = "store error for alice: /var/lib/pam_totp/state/alice: Read-only file system";
        system.log.line(&format!("{store}; asked instead, nobody answers at pam-totpd's socket"));
        assert_eq!(logs_in(system, &["/var"], T, &code(T)), SUCCESS);
        assert!(Path::new("/run/pam_totp/state/alice").exists());
        assert_eq!(login_at(system, T, "alice", &code(T)), AUTH_ERR);
        assert_eq!(login_at(system, T + 30, "alice", &code(T + 30)), SUCCESS);
        // A door that comes later sees both.
        let _door = Door::open(T + 60);
        assert_eq!(logs_in(system, &["/var"], T + 60, &code(T + 30)), AUTH_ERR);
        assert_eq!(logs_in(system, &["/var"], T + 60, &code(T + 60)), SUCCESS);
    });
}

/// Nobody who is not root sees into the store, be it closed at its own folder or, as versions before left it, at the
/// two in it: what cannot be seen is asked for at the door, and never taken for a user who is not enrolled.
#[test]
fn what_a_closed_store_hides_is_not_taken_for_nothing() {
    throw_away(|system| {
        application::build(system);
        system.policy("unenrolled = \"allow\"\n");
        system.stack(SERVICE, "auth required pam_totp.so nodelay\nauth required pam_permit.so\n");
        let (alice, bob) = (system.enrolled("alice"), system.user("bob"));
        let unlocks = |user: &User, code: &str| {
            let mut command = user.command(&program());
            only_code(system, command.args([SERVICE, user.name]), code)
        };
        let mut time = T;
        for mode in ["755", "700"] {
            system.runs(Command::new("chmod").args([mode, "/var/lib/pam_totp"]));
            for user in [&alice, &bob] {
                assert_eq!(unlocks(user, &code(time)), AUTH_ERR, "{mode}: {} and no door", user.name);
                let status = system.tries(user.command("pam-totp").arg("status"), "");
                assert_eq!(status.status.code(), Some(5), "{mode}: {status:?}");
            }
            let door = Door::open(time);
            assert_eq!(unlocks(&alice, &code(time + 6000)), AUTH_ERR, "{mode}");
            assert_eq!(unlocks(&alice, &code(time)), SUCCESS, "{mode}");
            assert_eq!(unlocks(&bob, ""), SUCCESS, "{mode}: they are not enrolled, and the policy lets them in");
            let says = |user: &User, arguments: &[&str]| {
                let output = system.tries(user.command("pam-totp").args(arguments), "");
                let (out, errors) = (output.stdout, output.stderr);
                (output.status.code(), String::from_utf8_lossy(&out).into_owned() + &String::from_utf8_lossy(&errors))
            };
            assert!(says(&alice, &["status"]).1.starts_with("alice is enrolled."), "{mode}");
            assert!(says(&bob, &["status"]).1.starts_with("bob is not enrolled."), "{mode}");
            let (exit, said) = says(&alice, &["enroll"]);
            assert!(exit == Some(1) && said.contains("is already enrolled"), "{mode}: {exit:?} {said}");
            let (_, said) = says(&alice, &["doctor"]);
            assert!(said.contains("/var/lib/pam_totp/secrets: only root can look at this"), "{mode}: {said}");
            assert_eq!(said.contains("chmod 700 /var/lib/pam_totp\n"), mode == "755", "{mode}: {said}");
            let is_fault = |line: &str| line.trim_start().starts_with("fault") && line.contains("pam_totp/");
            assert!(!said.lines().any(is_fault), "{mode}: {said}");
            door.close();
            time += 60;
        }
    });
}
