//! Rules over SSH, from addresses of this host and of others, and against callers who starve the look-ups.

use crate::support::network::{
    ELSEWHERE, HOST, OFFICE, answers_and_is_refused, gets_in, gets_in_by_code, gets_in_by_password, is_asked, ssh,
    start,
};
use crate::support::sshd::{KEYBOARD_INTERACTIVE, key_pair};
use crate::support::system::{PASSWORD, System, User, throw_away};
use std::process::Command;

const PASSWORD_THEN_CODE: &str = include_str!("../pam.d/sshd");
const KEY_THEN_CODE: &str = include_str!("../pam.d/sshd-publickey");
const KEY_AND_CODE: &str = "AuthenticationMethods publickey,keyboard-interactive:pam
KbdInteractiveAuthentication yes
PasswordAuthentication no
";
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
        system.log.line("no code asked from 198.51.100.2: exempt by the policy");
        is_asked(ELSEWHERE, &alice);
        gets_in_by_code(ELSEWHERE, &alice);

        // A tunnel or a proxy ends here: whoever comes from this host may come from anywhere.
        system.policy(EVERYWHERE);
        gets_in_by_password(ELSEWHERE, &alice);
        is_asked(HOST, &alice);
        is_asked("127.0.0.1", &alice);

        // The one whom a rule requires is asked although another exempts him.
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

/// Whoever starts su says how many files it may open: nothing that fails by that may spare somebody his factor.
#[test]
fn a_starved_look_up_exempts_nobody() {
    throw_away(|system| {
        system.stack("su", include_str!("../pam.d/su"));
        system.without_delays();
        let (caller, bob, robot) = (system.user("caller"), system.user("bob"), system.enrolled("robot"));
        group(system, "team", &[&bob]);
        group(system, "people", &[&robot]);
        // Of these, robot is exempt only while nobody sees that he is one of the people.
        let policy =
            "unenrolled = \"allow\"\n[[require]]\ngroups = [\"team\", \"people\"]\n[[exempt]]\nusers = [\"robot\"]\n";
        system.policy(policy);
        for descriptors in 3..32 {
            for target in [&bob, &robot] {
                let shell = format!("ulimit -n {descriptors}; exec su {} -c 'id -un'", target.name);
                let answers = format!("{PASSWORD}\n123456\n");
                let output = system.tries(caller.command("/bin/bash").args(["-c", &shell]), &answers);
                assert!(!output.status.success(), "{descriptors}: {output:?}");
                assert!(output.stdout.is_empty(), "{descriptors}: {output:?}");
            }
        }
        // The same without the rule, so that the refusals above are the rule's.
        system.policy("unenrolled = \"allow\"\n[[exempt]]\nusers = [\"robot\"]\n");
        for target in [&bob, &robot] {
            let shell = format!("exec su {} -c 'id -un'", target.name);
            let output = system.tries(caller.command("/bin/bash").args(["-c", &shell]), &format!("{PASSWORD}\n"));
            assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), target.name, "{output:?}");
        }
    });
}
