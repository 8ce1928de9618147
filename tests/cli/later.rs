//! An older version beside what a newer one has written, as after a downgrade: it refuses that user, changes nothing of theirs,
//! and says why.

use crate::support::application::{self, AUTH_ERR, SERVICE, SUCCESS, login};
use crate::support::codes::{code_at, now};
use crate::support::program::{object, program};
use crate::support::system::{KEY, System, throw_away};
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

const STATE: &str = "/var/lib/pam_totp/state/alice";
const IN_RUN: &str = "/run/pam_totp/state/alice";
const SECRET: &str = "/var/lib/pam_totp/secrets/alice.toml";
const OTHER_KEY: &str = "GEZDGNBVGY3TQOJQJBSWY3DPEHPK3PXP";
const NEWER: &str = "was written by a newer pam_totp";

/// A slot that a later version has written: longer, if it likes, and no line of it as we know them.
fn later() -> Vec<u8> {
    let mut slot = b"pam_totp 3 9 41 deadbeef\nsteps of alice in a way that nobody knows yet\n".to_vec();
    slot.resize(4096, b'\n');
    slot
}

fn write(path: &str, bytes: &[u8]) {
    fs::write(path, bytes).expect("writes");
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).expect("sets a mode");
}

fn slot(nth: usize) {
    let mut file = fs::read(STATE).expect("the record");
    file[nth * 4096..][..4096].copy_from_slice(&later());
    write(STATE, &file);
}

/// Each way to meet it; the file that says so.
const LATER: [(&str, &str, fn()); 6] = [
    ("the first slot", STATE, || slot(0)),
    ("the second slot", STATE, || slot(1)),
    ("both", STATE, || write(STATE, &[later(), later()].concat())),
    ("in /run alone", IN_RUN, || write(IN_RUN, &[later(), later()].concat())),
    ("in /run, cut off", IN_RUN, || write(IN_RUN, b"pam_totp 4 who knows\n")),
    ("the keys", SECRET, || {
        let text = fs::read_to_string(SECRET).expect("the keys");
        let (_, rest) = text.split_once('\n').expect("lines");
        write(SECRET, format!("version = 4\n{rest}[passkey]\n").as_bytes());
    }),
];

/// Every file of the store and of /run, but for empty ones: to be locked each has a file.
fn files() -> BTreeMap<PathBuf, Vec<u8>> {
    let folders = ["/var/lib/pam_totp/secrets", "/var/lib/pam_totp/state", "/run/pam_totp/state"];
    let entries = folders.into_iter().flat_map(|folder| fs::read_dir(folder).expect("a folder"));
    let paths = entries.map(|entry| entry.expect("an entry").path());
    paths.map(|path| (path.clone(), fs::read(path).expect("a file"))).filter(|(_, bytes)| !bytes.is_empty()).collect()
}

fn prepare(system: &System) {
    application::build(system);
    system.enrolled("alice");
    system.enrolled("carol");
    system.user("bob");
    // Both slots are used.
    for _ in 0..2 {
        assert_eq!(login(system, "alice", "000000"), AUTH_ERR);
    }
}

#[test]
fn logins_refuse_and_programs_say_so_and_nothing_is_changed() {
    throw_away(|system| {
        prepare(system);
        let before = files();
        for (what, path, plant) in LATER {
            for path in files().into_keys().filter(|path| !before.contains_key(path)) {
                fs::remove_file(path).expect("removes");
            }
            before.iter().for_each(|(path, bytes)| fs::write(path, bytes).expect("puts back"));
            plant();
            let planted = files();

            let lines = system.log.lines().len();
            for code in [code_at(KEY, now()), "000000".into(), "no code".into(), "abcd-efgh-jklm-npqr".into()] {
                assert_eq!(login(system, "alice", &code), AUTH_ERR, "{what}: {code}");
            }
            let said = system.log.lines().split_off(lines);
            let said = said
                .iter()
                .filter(|line| line.contains(&format!("store error for alice: {path} {NEWER}: restart this service")));
            assert_eq!(said.count(), 4, "{what}");

            let codes = format!("{}\n{}\n", code_at(KEY, now()), code_at(KEY, now() + 30));
            let key = format!("{OTHER_KEY}\n");
            let refused = [
                (&["status", "alice"][..], ""),
                (&["unlock", "alice"], ""),
                (&["resync", "alice"], &codes),
                (&["remove", "alice", "--device", "phone"], ""),
                (&["set", "--no-code", "alice", "--replace"], &key),
                (&["set", "--no-code", "alice", "--device", "tablet"], &key),
                (&["backup-codes", "alice"], ""),
                (&["backup-codes", "alice", "--count", "1", "--expires", "8h"], ""),
                (&["rename", "alice", "bob"], ""),
                (&["verify", "alice"], &codes),
                (&["forget", "alice"], ""),
                (&["remove", "alice"], ""),
            ];
            for (arguments, input) in refused {
                // What root takes away must not have to be readable; their address is nobody's key.
                if path == SECRET && ["remove", "forget", "unlock"].contains(&arguments[0]) && arguments.len() == 2 {
                    continue;
                }
                let (exit, stdout, stderr) = program(system, arguments, input);
                assert_eq!(exit, 5, "{what}: {arguments:?}: {stdout}{stderr}");
                let said = format!("{stdout}{stderr}").split_whitespace().collect::<Vec<_>>().join(" ");
                assert!(
                    said.contains(&format!("{path} {NEWER}: install that version again")),
                    "{what}: {arguments:?}: {said}"
                );
                assert!(files() == planted, "{what}: {arguments:?}");
            }
            let (_, list) = object(system, &["list"], "");
            assert!(list.to_string().contains(NEWER) && list.to_string().contains("carol"), "{what}: {list}");
            let (_, doctor) = object(system, &["doctor"], "");
            let doctor = doctor.to_string();
            assert!(doctor.contains("\"newer\"") && doctor.contains(&format!("{path} {NEWER}")), "{what}: {doctor}");
            assert!(files() == planted, "{what}");
            // Nobody else is in its way.
            assert_eq!(login(system, "carol", "000000"), AUTH_ERR, "{what}");
            system.log.line("wrong code: carol from local");
        }
    });
}

/// A record without keys: of somebody who was removed by the newer version.
#[test]
fn what_is_left_of_somebody_is_not_overwritten_either() {
    throw_away(|system| {
        prepare(system);
        system.runs(Command::new("pam-totp").args(["remove", "alice"]));
        slot(0);
        let planted = files();
        let (exit, ..) = program(system, &["set", "--no-code", "alice"], &format!("{OTHER_KEY}\n"));
        assert_eq!(exit, 5);
        system.file("/root/google", &format!("{OTHER_KEY}\n\" TOTP_AUTH\n"));
        let home = "/home/alice/.google_authenticator";
        system.runs(Command::new("install").args(["-o", "alice", "-m", "400", "/root/google", home]));
        let (exit, stdout, stderr) = program(system, &["import", "google-authenticator", "alice"], "");
        assert!(exit != 0 && format!("{stdout}{stderr}").contains(NEWER), "{exit}: {stdout}{stderr}");
        let (exit, ..) = program(system, &["rename", "carol", "alice"], "");
        assert_eq!(exit, 5);
        assert!(files() == planted);
    });
}

/// As the pages say: the newer files go aside, and there is a new key.
#[test]
fn a_new_key_helps_where_the_newer_version_does_not_come_back() {
    throw_away(|system| {
        prepare(system);
        slot(1);
        let page = include_str!("../../docs/get-back-in.md").split_once("## After a downgrade").expect("a section").1;
        let commands = page.split("```sh\n").nth(1).and_then(|rest| rest.split_once("```")).expect("commands").0;
        let commands = commands.replace("pam-totp enroll alice", "pam-totp set --no-code alice");
        system.reads(Command::new("sh").args(["-ec", &commands]), &format!("{OTHER_KEY}\n"));
        system.stack(SERVICE, application::STACK);
        assert_eq!(login(system, "alice", &code_at(KEY, now())), AUTH_ERR);
        assert_eq!(login(system, "alice", &code_at(OTHER_KEY, now())), SUCCESS);
    });
}
