//! Rules over SSH, from addresses of this host and of others; and look-ups that fail.

use crate::support::application::{self, AUTH_ERR, SERVICE, SUCCESS, Said};
use crate::support::network::{
    ELSEWHERE, HOST, OFFICE, answers_and_is_refused, gets_in, gets_in_by_code, gets_in_by_password, is_asked, ssh,
    start,
};
use crate::support::sshd::{KEY_AND_CODE, KEYBOARD_INTERACTIVE, key_pair};
use crate::support::strace::{Call, calls, failing_at};
use crate::support::system::{System, User, throw_away};
use std::process::{Command, Output};

/// The beginning of a step.
const T: u64 = 1_800_000_000;

const PASSWORD_THEN_CODE: &str = include_str!("../../pam.d/sshd");
const KEY_THEN_CODE: &str = include_str!("../../pam.d/sshd-publickey");
const EVERYWHERE: &str = "[[exempt]]\nnetworks = [\"0.0.0.0/0\", \"::/0\"]\n";

fn group(system: &System, name: &str, members: &[&User]) {
    system.runs(Command::new("groupadd").args(["--force", name]));
    for member in members {
        system.runs(Command::new("usermod").args(["--append", "--groups", name, member.name]));
    }
}

#[test]
fn an_exempt_address_is_not_asked_and_every_other_one_is() {
    throw_away(|system| {
        system.stack("sshd", PASSWORD_THEN_CODE);
        system.without_delays();
        let alice = system.enrolled("alice");
        let _server = start(system, KEYBOARD_INTERACTIVE);
        system.policy("[[exempt]]\nnetworks = [\"198.51.100.0/24\"]\n");
        gets_in_by_password(OFFICE, &alice);
        system.log.line("no code asked: alice from 198.51.100.2: the policy exempts this login");
        is_asked(ELSEWHERE, &alice);
        gets_in_by_code(ELSEWHERE, &alice);

        // A tunnel or a proxy ends here: whoever comes from this host may come from anywhere.
        system.policy(EVERYWHERE);
        gets_in_by_password(ELSEWHERE, &alice);
        is_asked(HOST, &alice);
        is_asked("127.0.0.1", &alice);

        // The one whom a rule requires is asked although another exempts them.
        system.policy(&format!("{EVERYWHERE}[[require]]\nusers = [\"alice\"]\n"));
        is_asked(ELSEWHERE, &alice);
    });
}

#[test]
fn a_group_decides_the_primary_one_too() {
    throw_away(|system| {
        system.stack("sshd", PASSWORD_THEN_CODE);
        system.without_delays();
        let (bob, carol, dave, robot) =
            (system.user("bob"), system.user("carol"), system.user("dave"), system.enrolled("robot"));
        group(system, "team", &[&bob]);
        group(system, "robots", &[&robot]);
        system.runs(Command::new("usermod").args(["--gid", "team", "dave"]));
        let _server = start(system, KEYBOARD_INTERACTIVE);
        system.policy(
            "unenrolled = \"allow\"\n[[require]]\ngroups = [\"team\"]\n\
             [[exempt]]\ngroups = [\"robots\"]\nnetworks = [\"198.51.100.2\"]\n",
        );
        gets_in_by_password(ELSEWHERE, &carol);
        for required in [&bob, &dave] {
            answers_and_is_refused(OFFICE, required, "123456");
        }
        gets_in_by_password(OFFICE, &robot);
        is_asked(ELSEWHERE, &robot);
        is_asked("127.0.0.1", &robot);

        // Nobody can say any more who is in which group: everybody may be in the one and in the other.
        let switch = std::fs::read_to_string("/etc/nsswitch.conf").expect("nsswitch.conf");
        let broken = switch
            .lines()
            .map(|l| if l.starts_with("group:") { "group: broken\n".into() } else { l.to_owned() + "\n" });
        system.file("/etc/nsswitch.conf", &broken.collect::<String>());
        is_asked(ELSEWHERE, &carol);
        is_asked(OFFICE, &robot);
    });
}

#[test]
fn a_key_may_spare_the_code() {
    throw_away(|system| {
        system.stack("sshd", KEY_THEN_CODE);
        system.without_delays();
        let alice = system.enrolled("alice");
        let key = key_pair(system, &alice);
        let _server = start(system, KEY_AND_CODE);
        let mut client = ssh(OFFICE, "alice", &["-i", &key]);
        client.answers("Verification code: ", "");
        assert_eq!(client.ends().1, 255);
        system.policy("[[exempt]]\nssh_auth = [\"publickey\"]\nnetworks = [\"198.51.100.0/24\"]\n");
        gets_in(ssh(OFFICE, "alice", &["-i", &key]), &alice);
        let mut client = ssh(ELSEWHERE, "alice", &["-i", &key]);
        client.answers("Verification code: ", "");
        assert_eq!(client.ends().1, 255);
    });
}

/// Whoever starts sudo or su says how many files it may open, and the C library hides a service that it could not ask
/// behind a later one that knows nobody.
#[test]
fn whatever_look_up_fails_nobody_is_spared_the_code() {
    throw_away(|system| {
        application::build(system);
        system.stack(SERVICE, "auth required pam_totp.so\nauth required pam_permit.so\n");
        system.file("/etc/nsswitch.conf", "passwd: files systemd\ngroup: files systemd\n");
        let (bob, carol) = (system.user("bob"), system.user("carol"));
        group(system, "team", &[&bob]);
        system.policy("unenrolled = \"allow\"\n[[require]]\ngroups = [\"team\"]\n");
        let login = |user: &User| ["/usr/local/bin/application", SERVICE, user.name].map(str::to_owned);
        let codes = |output: &Output| Said::read(output).codes;
        let (carol, bob) = (login(&carol), login(&bob));
        let (carol, bob) = (carol.each_ref().map(String::as_str), bob.each_ref().map(String::as_str));
        assert_eq!(codes(&calls(system, T, &carol, "").1), [SUCCESS], "not in the group, so without a code");
        let (calls, output) = calls(system, T, &bob, "");
        assert_eq!(codes(&output), [AUTH_ERR]);

        let ours = calls.iter().skip_while(|call| !call.line.contains("/pam_totp.toml"));
        let ours: Vec<&Call> = ours.filter(|call| !call.line.contains("(0, ") && !call.line.contains("(1, ")).collect();
        assert!(ours.iter().filter(|call| call.line.contains("\"/etc/group\"")).count() > 1, "{ours:?}");
        for call in ours {
            for error in ["EMFILE", "EACCES"] {
                let output = failing_at(system, call, error, T, &bob, "");
                // systemd's own module ends the program where it is not let have its way.
                assert!(!codes(&output).contains(&SUCCESS), "{call:?} {error}: {output:?}");
            }
        }
    });
}
