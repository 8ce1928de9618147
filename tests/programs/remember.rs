//! `[remember]`: an address from which a code was given is not asked for another one for some hours.

use crate::support::application::{self, SERVICE, SUCCESS, Said, application, at};
use crate::support::codes::code_at;
use crate::support::lanes;
use crate::support::network::{
    ELSEWHERE, HOST, NEIGHBOR, OFFICE, answers_and_is_refused, gets_in, gets_in_by_code, gets_in_by_password, is_asked,
    ssh, start,
};
use crate::support::program::{object, program};
use crate::support::sshd::{KEY_AND_CODE, KEYBOARD_INTERACTIVE, key_pair};
use crate::support::system::{KEY, PASSWORD, System, User, throw_away};
use pam_totp::factor::record::Record;
use pam_totp::store::FileStore;
use serde_json::json;
use std::path::Path;
use std::process::Command;

const POLICY: &str = "[remember]\nhours = 12\nservices = [\"sshd\"]\n";
const REMEMBERED: &str = "no code asked: alice from 198.51.100.2: a code was given from this address not long ago";

fn prepare(system: &System, stack: &str) {
    system.stack("sshd", stack);
    system.without_delays();
    system.policy(POLICY);
}

#[test]
fn an_address_is_remembered_until_a_failure_there_or_a_change() {
    throw_away(|system| {
        prepare(system, include_str!("../../pam.d/sshd"));
        let users = ["alice", "bob", "carol", "dave", "erin"].map(|name| system.enrolled(name));
        let _server = start(system, KEYBOARD_INTERACTIVE);
        for user in &users {
            is_asked(OFFICE, user);
            gets_in_by_code(OFFICE, user);
            gets_in_by_password(OFFICE, user);
        }
        system.log.line(REMEMBERED);
        let [alice, bob, carol, dave, erin] = &users;
        let status = |user| object(system, &["status", user], "").1["remembered"].clone();
        let until = lanes::record("erin").trusts[0].until;
        assert_eq!(status("erin"), json!([{ "address": OFFICE, "until_at": until }]));
        let (exit, said, _) = program(system, &["status", "erin"], "");
        let line = said.lines().find(|line| line.starts_with("  remembered until ")).expect("a line");
        assert!(exit == 0 && line.ends_with(&format!(" UTC: {OFFICE}")), "{said}");
        system.runs(Command::new("pam-totp").args(["forget", "erin"]));
        assert_eq!(status("erin"), json!([]));
        is_asked(OFFICE, erin);
        is_asked(NEIGHBOR, alice);
        is_asked(ELSEWHERE, alice);
        answers_and_is_refused(ELSEWHERE, alice, &alice.wrong_code());
        gets_in_by_password(OFFICE, alice);
        answers_and_is_refused(NEIGHBOR, alice, &alice.wrong_code());
        is_asked(OFFICE, alice);

        system.runs(Command::new("pam-totp").args(["unlock", "bob"]));
        is_asked(OFFICE, bob);
        system.runs(Command::new("pam-totp").args(["remove", "carol"]));
        system.enroll("carol");
        is_asked(OFFICE, carol);
        let other = crate::support::codes::key(9);
        system.reads(Command::new("pam-totp").args(["set", "--no-code", "--replace", "dave"]), &format!("{other}\n"));
        is_asked(OFFICE, dave);
    });
}

#[test]
fn neither_this_host_nor_another_service_nor_another_policy_is_remembered() {
    throw_away(|system| {
        prepare(system, include_str!("../../pam.d/sshd"));
        let [alice, bob, carol] = ["alice", "bob", "carol"].map(|name| system.enrolled(name));
        let _server = start(system, KEYBOARD_INTERACTIVE);
        for (from, user) in [("127.0.0.1", &alice), (HOST, &bob)] {
            gets_in_by_code(from, user);
            is_asked(from, user);
        }
        gets_in_by_code(OFFICE, &carol);
        for policy in
            ["", "[remember]\nhours = 12\nservices = [\"login\"]\n", "[remember]\nhours = 24\nservices = [\"sshd\"]\n"]
        {
            system.policy(policy);
            is_asked(OFFICE, &carol);
        }
        system.policy(POLICY);
        gets_in_by_password(OFFICE, &carol);
    });
}

/// What else knows the address is no credential: the key is.
#[test]
fn after_a_key_a_remembered_address_is_let_in() {
    throw_away(|system| {
        prepare(system, include_str!("../../pam.d/sshd-publickey"));
        let alice = system.enrolled("alice");
        let key = key_pair(system, &alice);
        let _server = start(system, KEY_AND_CODE);
        let client = |user: &User| ssh(OFFICE, user.name, &["-i", &key]);
        let mut first = client(&alice);
        first.answers("Verification code: ", &alice.code());
        gets_in(first, &alice);
        gets_in(client(&alice), &alice);
        system.log.line(REMEMBERED);
    });
}

/// What is on record of a guess that nobody has judged yet ends nothing.
#[test]
fn while_a_login_is_judged_the_address_stays_remembered() {
    throw_away(|system| {
        prepare(system, include_str!("../../pam.d/sshd"));
        let alice = system.enrolled("alice");
        let _server = start(system, KEYBOARD_INTERACTIVE);
        gets_in_by_code(OFFICE, &alice);
        // In both slots of the record.
        lanes::changes("alice", |_| {});
        let store = FileStore::open(Path::new("/var/lib/pam_totp")).expect("the store");
        let mut judged = store.lock("alice").expect("nobody else's lock");
        let record = judged.record().expect("a whole record").expect("a record");
        judged.charge(&Record { trusts: Vec::new(), ..record }).expect("writes it");
        gets_in_by_password(OFFICE, &alice);
        judged.settle(None).expect("writes it");
        drop(judged);
        is_asked(OFFICE, &alice);
    });
}

/// A mail program opens its connections all at once, with one password and one code.
#[test]
fn four_connections_with_one_code_get_in_where_the_address_is_remembered() {
    const T: u64 = 1_800_000_000;
    throw_away(|system| {
        application::build(system);
        system.enrolled("alice");
        let one_field = "auth requisite pam_totp.so forward_pass\nauth requisite pam_unix.so use_first_pass nodelay\n\
                         auth required pam_totp.so nodelay\n";
        system.stack(SERVICE, one_field);
        let connects = |time: u64, from: &str, code: &str| {
            let rhost = format!("rhost={from}");
            let mut four = application();
            four.args(["-p", "4", "-i", "tty=", "-i", &rhost, SERVICE, "alice"]);
            let output = system.reads(at(time, &mut four), &format!("{PASSWORD}{code}\n"));
            Said::read(&output).count(SUCCESS)
        };
        assert_eq!(connects(T, OFFICE, &code_at(KEY, T)), 1, "a code for each");
        system.policy(&POLICY.replace("sshd", SERVICE));
        for (time, from) in [(T + 30, OFFICE), (T + 60, ELSEWHERE)] {
            let code = code_at(KEY, time);
            assert_eq!(connects(time, from, &code), 4, "the first one has the address remembered");
            assert_eq!(connects(time, NEIGHBOR, &code), 0, "a used code from another address");
        }
    });
}
