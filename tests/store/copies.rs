//! A backup of the records that is put back: used backup codes count again, so the log and doctor say so.

use crate::support::codes::now;
use crate::support::program::object;
use crate::support::system::{System, throw_away};
use crate::support::until;
use serde_json::Value;
use std::process::Command;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const STORE: &str = "/var/lib/pam_totp";
const NOTE: &str = "state of alice was put back from a copy: backup codes that were used since may count again";
/// Into files of their own, as people put a backup back.
const CP: &str = "rm state/* && cp -a /root/copy/state/* state/";
const TAR: &str = "tar -xpf /root/copy.tar state";

fn shell(system: &System, line: &str) {
    system.runs(Command::new("sh").args(["-ec", line]).current_dir(STORE));
}

fn verifies(system: &System, user: &str, answer: &str) -> Value {
    object(system, &["verify", user], &format!("{answer}\n")).1["reason"].clone()
}

fn backup_codes(system: &System) -> Vec<String> {
    let codes = object(system, &["backup-codes", "--count", "2", "alice"], "").1["backup_codes"].clone();
    serde_json::from_value(codes).expect("codes")
}

/// What doctor finds of copies: the messages, and what is to be pasted.
fn found(system: &System) -> Vec<Value> {
    let findings = object(system, &["doctor"], "").1["findings"].clone();
    let findings: Vec<Value> = serde_json::from_value(findings).expect("findings");
    findings.into_iter().filter(|finding| finding["code"] == "copied").collect()
}

/// Files know the second in which they were made, and so do logins.
/// So far into it that a file made now has it as its time, too: files have the time of the last tick of the kernel.
fn next_second() {
    let tick = Duration::from_millis(20);
    let start = now();
    let passed = || SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970") - Duration::from_secs(start);
    until("a second has passed", || passed() > Duration::from_secs(1) + tick);
}

/// alice logs in with a code and is backed up; then with a backup code, and the backup is put back.
fn put_back(system: &System, code: &str, put: &str) -> Vec<String> {
    let codes = backup_codes(system);
    assert_eq!(verifies(system, "alice", code), "ok");
    shell(system, "rm -rf /root/copy; cp -a . /root/copy; tar -cpf /root/copy.tar state");
    assert_eq!(verifies(system, "alice", &codes[0]), "ok");
    assert_eq!(verifies(system, "alice", &codes[0]), "used");
    assert!(found(system).is_empty());
    next_second();
    shell(system, put);
    codes
}

#[test]
fn used_backup_codes_count_again_and_log_and_doctor_say_so_until_there_are_new_ones() {
    throw_away(|system| {
        let alice = system.enrolled("alice");
        let phone: [String; 2] = alice.codes();
        for (put, noted, code) in [(CP, 1, &phone[0]), (TAR, 2, &phone[1])] {
            let codes = put_back(system, code, put);
            assert_eq!(found(system).len(), 1, "{put}");
            // A stranger's wrong code is in the log, and takes nothing away.
            assert_eq!(verifies(system, "alice", &alice.wrong_code()), "wrong");
            assert_eq!((system.log.count(NOTE), found(system).len()), (noted, 1), "{put}");
            assert_eq!(verifies(system, "alice", &codes[0]), "ok", "what it is about");
            assert_eq!((system.log.count(NOTE), found(system).len()), (noted, 1), "{put}");
            let fix: Vec<String> = serde_json::from_value(found(system)[0]["fix"].clone()).expect("lines");
            fix.iter().for_each(|line| shell(system, line));
            assert!(found(system).is_empty(), "{put}");
            assert_eq!(verifies(system, "alice", &alice.wrong_code()), "wrong");
            assert_eq!(system.log.count(NOTE), noted, "{put}");
        }
    });
}

/// Where there are no backup codes, what remains is a device that is gone: the next login, or root, is done with it.
#[test]
fn without_backup_codes_it_is_said_until_the_next_login() {
    throw_away(|system| {
        let alice = system.enrolled("alice");
        let phone: [String; 4] = alice.codes();
        let put = |code: &str| {
            assert_eq!(verifies(system, "alice", code), "ok");
            shell(system, "rm -rf /root/copy; cp -a . /root/copy");
            next_second();
            shell(system, CP);
            assert_eq!(found(system).len(), 1);
        };
        put(&phone[0]);
        assert_eq!(verifies(system, "alice", &phone[1]), "ok");
        assert_eq!((system.log.count(NOTE), found(system).len()), (1, 0));
        put(&phone[2]);
        let fix: Vec<String> = serde_json::from_value(found(system)[0]["fix"].clone()).expect("lines");
        assert!(fix.iter().all(|line| !line.contains("backup-codes")), "{fix:?}");
        fix.iter().for_each(|line| shell(system, line));
        assert!(found(system).is_empty());
        assert_eq!(verifies(system, "alice", &phone[3]), "ok");
        assert_eq!(system.log.count(NOTE), 1);
    });
}

#[test]
fn what_our_own_commands_made_is_no_copy_and_where_nobody_knows_nothing_is_said() {
    throw_away(|system| {
        let alice = system.enrolled("alice");
        system.user("carol");
        backup_codes(system);
        let phone: [String; 3] = alice.codes();
        assert_eq!(verifies(system, "alice", &phone[0]), "ok");
        next_second();
        system.runs(Command::new("pam-totp").args(["rename", "alice", "carol"]));
        assert!(found(system).is_empty());
        assert_eq!(verifies(system, "carol", &alice.wrong_code()), "wrong");
        assert!(found(system).is_empty());
        system.runs(Command::new("pam-totp").args(["rename", "carol", "alice"]));
        assert_eq!(verifies(system, "alice", &phone[1]), "ok");

        let key = "ABCDEFGHIJKLMNOPQRSTUVWXYZ\n\" RATE_LIMIT 3 30\n\" TOTP_AUTH\n";
        system.file("/home/carol/.google_authenticator", key);
        system.runs(Command::new("sh").args(["-c", "chown carol ~carol/.goo*; chmod 400 ~carol/.goo*"]));
        system.runs(Command::new("pam-totp").args(["import", "google-authenticator", "carol"]));
        assert!(found(system).is_empty());

        // This file system keeps no time of birth.
        shell(system, "cp -a state /root/old; mount -t ramfs -o mode=700 ramfs state; cp -a /root/old/* state/");
        assert!(found(system).is_empty());
        assert_eq!(verifies(system, "alice", &phone[2]), "ok");
        assert_eq!(system.log.count("put back from a copy"), 0);
    });
}
