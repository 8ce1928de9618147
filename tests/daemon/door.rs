//! The door stands open to every user of the host, and to their malware: what it must not do for them.

use crate::support::PATIENCE;
use crate::support::application::{self, AUTH_ERR, SERVICE, SUCCESS, application, login_at, only_code};
use crate::support::codes::code_at;
use crate::support::door::{Door, VERIFY, asks, knock};
use crate::support::lanes;
use crate::support::system::{KEY, System, User, throw_away};
use pam_totp::factor::record::ClassKey;
use pam_totp::factor::source::Source;
use std::fs;
use std::io::{Read, Write};
use std::os::unix::net::UnixListener;
use std::process::{Command, Stdio};
use std::time::Instant;

mod crowds;
mod ends;
mod enrolling;

/// The beginning of a step.
const T: u64 = 1_800_000_000;
const OTHER_KEY: &str = "GEZDGNBVGY3TQOJQJBSWY3DPEHPK3PXP";
const ALLOW: &str = "unenrolled = \"allow\"\n";

fn code(time: u64) -> String {
    code_at(KEY, time)
}

fn wrong() -> String {
    code(T + 6000)
}

/// The application's path, for a user who runs it.
fn program() -> String {
    application().get_program().to_str().expect("a path").to_owned()
}

/// All that is stored of everybody.
fn files() -> Vec<(String, Vec<u8>)> {
    let folders = ["/var/lib/pam_totp/secrets", "/var/lib/pam_totp/state", "/run/pam_totp/state"];
    let entries = folders.iter().flat_map(|folder| fs::read_dir(folder).expect("a folder"));
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let mut files: Vec<_> = paths.map(|p| (p.display().to_string(), fs::read(&p).expect("a file"))).collect();
    files.sort();
    files
}

/// Every request that is about somebody.
fn requests(name: &str, current: &str) -> Vec<String> {
    let new = format!("key {OTHER_KEY}\ncode {}", code_at(OTHER_KEY, T));
    vec![
        format!("preview\nuser {name}"),
        format!("status\nuser {name}"),
        format!("verify\nuser {name}\ncode {current}"),
        format!("verify\nuser {name}\ncode {current}\nfrom 192.0.2.4\nservice sshd"),
        format!("set\nuser {name}\ndevice totp 30 SHA1 6 phone\n{new}\ncurrent {current}"),
        format!("set\nuser {name}\ndevice totp 30 SHA1 6 phone\n{new}\nreplace\ncurrent {current}"),
        format!("backup-codes\nuser {name}\ncount 10\ncurrent {current}"),
        format!("remove\nuser {name}\ncurrent {current}"),
    ]
}

#[test]
fn a_user_asks_for_nobody_but_himself() {
    throw_away(|system| {
        let _door = Door::open(T);
        let alice = system.enrolled("alice");
        for name in ["bob", "root"] {
            if name == "bob" {
                system.user(name);
            }
            system.enroll(name);
        }
        let before = files();
        for name in ["bob", "root", "mallory", "alice%0A", "../alice", ""] {
            for request in requests(name, &code(T)) {
                // One answer, whether there is such a user, enrolled or not.
                assert_eq!(asks(system, &alice, &request), "refused not-yours", "{request}");
            }
        }
        assert!(files() == before);
        system.log.line("pam-totpd");
        for what in ["look at", "modify"] {
            system
                .log
                .line(&format!("refused for bob: You are not authorized to {what} another user (asked by uid 100"));
        }
        assert_eq!(asks(system, &alice, "preview\nuser alice"), "standing 6");
        // Root asks for everybody, but changes nobody's enrollment through the door.
        let root = User { name: "root" };
        assert_eq!(asks(system, &root, "preview\nuser bob"), "standing 6");
        let requests = requests("bob", &code(T));
        for request in &requests[4..] {
            assert_eq!(asks(system, &root, request), "refused not-yours", "{request}");
        }
        assert!(files() == before);
    });
}

#[test]
fn a_name_of_a_shared_uid_is_its_owners_too() {
    throw_away(|system| {
        let _door = Door::open(T);
        system.policy(ALLOW);
        let alice = system.user("alice");
        let id = system.runs(alice.command("id").arg("-u"));
        let uid = String::from_utf8(id.stdout).expect("a number");
        system.runs(Command::new("useradd").args(["-o", "-u", uid.trim(), "-s", "/bin/bash", "alicia"]));
        system.enroll("alicia");
        assert_eq!(asks(system, &alice, "preview\nuser alicia"), "standing 6");
        assert_eq!(asks(system, &alice, "preview\nuser alice"), "standing none");
        let verify = format!("verify\nuser alicia\ncode {}", code(T));
        assert!(asks(system, &alice, &verify).contains(" device "));
        assert_eq!(asks(system, &alice, &format!("verify\nuser alice\ncode {}", code(T))), "verdict none");
        // Each name has its own enrollment, and its code opens no other.
        assert_eq!(asks(system, &alice, "remove\nuser alicia"), "refused code-needed");
        assert!(!fs::exists("/var/lib/pam_totp/state/alice").expect("looks"));
    });
}

#[test]
fn nothing_that_is_there_changes_without_a_code_of_it() {
    throw_away(|system| {
        let door = Door::open(T);
        application::build(system);
        let alice = system.enrolled("alice");
        system.policy(ALLOW);
        let secret = || fs::read_to_string("/var/lib/pam_totp/secrets/alice.toml").expect("the secret");
        let before = secret();
        let with = |current: &str| {
            let requests = requests("alice", current);
            let changes = requests[4..].iter().cloned();
            changes.map(|r| r.replace("\ncurrent none", "")).collect::<Vec<_>>()
        };
        let answers = |current: &str| with(current).iter().map(|r| asks(system, &alice, r)).collect::<Vec<_>>();
        assert_eq!(
            answers("none"),
            ["refused enrolled", "refused code-needed", "refused code-needed", "refused code-needed"]
        );
        let no = |count: u32| format!("refused current {T} wrong {count} {}", 15 - count);
        assert_eq!(answers(&wrong()), ["refused enrolled".to_owned(), no(1), no(2), no(3)]);
        assert_eq!(answers("abcd-efgh-jkmn-pqrs")[1..], [no(3), no(3), no(3)], "nobody guesses a backup code");
        lanes::spent("alice", T);
        let waits = format!("refused current {T} waiting {}", T + 14_400);
        assert!(answers(&code(T))[1..].iter().all(|answer| answer.starts_with("refused current ") && *answer >= waits));
        system.runs(Command::new("pam-totp").args(["unlock", "alice"]));
        // A code that was used is no proof, here as little as at a login.
        assert_eq!(login_at(system, T, "alice", &code(T)), SUCCESS);
        assert!(answers(&code(T))[1..].iter().all(|answer| *answer == format!("refused current {T} used 30")));
        // A slip in the new key's code uses up none of the old one's.
        let wrong_proof = with(&code(T + 30))[1].replace(&code_at(OTHER_KEY, T), &code_at(OTHER_KEY, T + 6000));
        door.at(T + 30);
        assert_eq!(asks(system, &alice, &wrong_proof), "refused wrong none");
        assert_eq!(secret(), before);

        let codes = with(&code(T + 30))[2].clone();
        assert_eq!(asks(system, &alice, &codes), "done");
        assert_eq!(asks(system, &alice, &codes), format!("refused current {} used 30", T + 30));
        door.at(T + 60);
        let replace = with(&code(T + 60))[1].replace(&code_at(OTHER_KEY, T), &code_at(OTHER_KEY, T + 60));
        assert_eq!(asks(system, &alice, &replace), "done");
        assert!(secret().contains(OTHER_KEY) && !secret().contains(KEY));
        door.at(T + 90);
        let old_key = asks(system, &alice, &with(&code(T + 90))[3]);
        assert_eq!(old_key, format!("refused current {} wrong 1 14", T + 90));
        assert_eq!(asks(system, &alice, &with(&code_at(OTHER_KEY, T + 90))[3]), "done");
        assert_eq!(asks(system, &alice, "preview\nuser alice"), "standing none");
        for line in [
            "made new backup codes for alice (asked by",
            "replaced a device of alice (asked by",
            "removed the enrollment of alice (asked by",
        ] {
            system.log.line(line);
        }
        assert_eq!(system.log.count(OTHER_KEY), 0);
    });
}

#[test]
fn guesses_at_the_door_close_no_other_lane_and_no_other_lane_closes_the_door() {
    throw_away(|system| {
        let door = Door::open(T);
        application::build(system);
        let (alice, bob) = (system.enrolled("alice"), system.enrolled("bob"));
        let at_the_door = |user: &User, code: &str| only_code(system, alice_or(user).args([SERVICE, user.name]), code);
        // The last one of each is typed, so that it is seen which lane it is.
        lanes::wrong_from("alice", Source::Door, T, 14);
        for from in [Source::Local, Source::Unknown] {
            lanes::wrong_from("bob", from, T, 14);
        }
        assert_eq!(at_the_door(&alice, &wrong()), AUTH_ERR);
        assert_eq!(login_at(system, T, "bob", &wrong()), AUTH_ERR);
        assert_eq!(at_the_door(&alice, &code(T)), AUTH_ERR, "the door's lane waits");
        system.log.line("waiting: alice from local had too many wrong codes");
        assert_eq!(login_at(system, T, "alice", &code(T)), SUCCESS, "and no other");
        assert_eq!(login_at(system, T, "bob", &code(T)), AUTH_ERR, "the local lane waits");
        assert_eq!(at_the_door(&bob, &code(T)), SUCCESS, "and not the door's");
        // The step is used up for both.
        door.at(T + 30);
        assert_eq!(at_the_door(&bob, &code(T)), AUTH_ERR);
        // An address is root's word: users cannot choose the lane in which they are counted.
        let both = format!("{}-{}", code(T + 30), code(T + 60));
        let claims = format!("verify\nuser alice\ncode {both}\nfrom 192.0.2.4\nservice sshd");
        assert_eq!(asks(system, &alice, &claims), format!("verdict {} device {}", T + 30, device(system)));
        let state = fs::read_to_string("/var/lib/pam_totp/state/alice").expect("the record");
        assert!(!state.contains("lane 4/c00002") && !state.contains("trust "), "{state}");
    });
}

fn alice_or(user: &User) -> Command {
    user.command(&program())
}

fn device(system: &System) -> String {
    let secret = system.runs(Command::new("cat").arg("/var/lib/pam_totp/secrets/alice.toml"));
    let secret: toml::Table = String::from_utf8(secret.stdout).expect("UTF-8").parse().expect("a table");
    secret["device"][0]["id"].as_str().expect("an id").to_owned()
}

/// Two codes at once are a guess too: what a program in the session says of them, nobody looks at before the owner is
/// proved, and that proof is counted like any other.
#[test]
fn no_pair_of_codes_is_looked_at_for_a_caller_without_one() {
    throw_away(|system| {
        let door = Door::open(T);
        let alice = system.enrolled("alice");
        let asks_for = |first: u64, current: &str| {
            asks(
                system,
                &alice,
                &format!("resync\nuser alice\ncode {}\nnext {}{current}", code(first), code(first + 30)),
            )
        };
        let wrong = format!("\ncurrent {}", code(T + 6_000));
        let no_pair = T + 9_000;
        assert_eq!(asks_for(T + 270, ""), asks_for(no_pair, ""), "without a code");
        let refused = |count: u32| format!("refused current {T} wrong {count} {}", 15 - count);
        assert_eq!([T + 270, no_pair].map(|first| asks_for(first, &wrong)), [refused(1), refused(2)]);
        let told = system.runs(Command::new("pam-totp").args(["--json", "status", "alice"])).stdout;
        let told: serde_json::Value = serde_json::from_slice(&told).expect("an object");
        assert_eq!(told["failures"]["count"], 2, "{told}");
        // A slip of the owner's uses up no code.
        let right = format!("\ncurrent {}", code(T));
        let pairs = || lanes::record("alice").class(ClassKey::Here).map_or(0, |class| class.pairs);
        assert_eq!(pairs(), 0);
        assert_eq!(asks_for(no_pair, &right), "refused not-consecutive");
        assert_eq!(pairs(), T + 10, "but it is a guess");
        assert_eq!(asks_for(T + 270, &right), "done");
        door.at(T + 30);
        let refused = |count: u32| format!("refused current {} wrong {count} {}", T + 30, 13 - count);
        assert_eq!([T + 570, no_pair].map(|first| asks_for(first, &right)), [refused(1), refused(2)], "used up");
    });
}

/// Whoever has somebody's code for a moment would try many pairs with it.
#[test]
fn pairs_that_prove_nothing_come_out_of_one_bucket_and_then_none_is_looked_at() {
    throw_away(|system| {
        let door = Door::open(T);
        let alice = system.enrolled("alice");
        let asks_for = |first: u64, current: u64| {
            let (first, second) = (code(first), code(first + 30));
            asks(system, &alice, &format!("resync\nuser alice\ncode {first}\nnext {second}\ncurrent {}", code(current)))
        };
        for pair in 0..20 {
            assert_eq!(asks_for(T + 9_000 + 60 * pair, T), "refused not-consecutive", "{pair}");
        }
        assert_eq!(asks_for(T + 270, T), "refused too-many-pairs", "a right one");
        // Singles have nothing to do with it, and the code was not used up.
        assert_eq!(lanes::record("alice").row, 0);
        door.at(T + 10);
        assert_eq!(asks_for(T + 270, T), "done", "one is back");
    });
}

/// A program in a session may keep single codes closed, but not its owner out.
#[test]
fn two_codes_in_a_row_go_through_the_door_and_three_under_a_flood() {
    throw_away(|system| {
        let door = Door::open(T);
        let alice = system.enrolled("alice");
        let says = |code: &str| knock(system, &alice, &format!("pam_totp 1\nverify\nuser alice\ncode {code}\n\n"));
        let row = |time: u64, count: u64| (0..count).map(|n| code(time + 30 * n)).collect::<Vec<_>>().join("-");
        let right = |time: u64| format!("pam_totp 1\nverdict {time} device {}\n", device(system));
        let until = T + 14_400;
        lanes::spent_from("alice", Source::Door, T);
        assert_eq!(says(&code(T)), format!("pam_totp 1\nverdict {T} waiting {until}\ncodes 2 30\n\n"));
        assert_eq!(says(&format!("{0}-{0}", code(T))), format!("pam_totp 1\nverdict {T} twice 30\n\n"));
        assert!(says(&row(T, 2)).starts_with(&right(T)));
        assert!(says(&row(T, 2)).starts_with(&format!("pam_totp 1\nverdict {T} used ")));
        door.at(T + 60);
        lanes::flooded("alice", T + 60);
        assert_eq!(says(&row(T + 60, 2)), format!("pam_totp 1\nverdict {} waiting {until}\ncodes 3 30\n\n", T + 60));
        assert!(says(&row(T + 60, 3)).starts_with(&right(T + 60)));
        // What a later version adds to a request may change what it means.
        let more = format!("pam_totp 1\nverify\nuser alice\ncode {}\ncolour blue\n\n", code(T + 150));
        assert_eq!(knock(system, &alice, &more), "pam_totp 1\nrefused malformed\n\n");
    });
}

/// A change is refused for the very reason for which a login would be.
#[test]
fn a_code_that_proves_no_change_is_told_why() {
    throw_away(|system| {
        let _door = Door::open(T);
        application::build(system);
        let alice = system.enrolled("alice");
        let says = |current: &str| {
            let reply =
                knock(system, &alice, &format!("pam_totp 1\nbackup-codes\nuser alice\ncount 2\ncurrent {current}\n\n"));
            let start = format!("pam_totp 1\nrefused current {T} ");
            reply.strip_prefix(&start).unwrap_or_else(|| panic!("{current}: {reply}")).trim_end().to_owned()
        };
        assert_eq!(says("hello"), "no-code");
        assert_eq!(says(&wrong()), "wrong 1 14");
        assert_eq!(login_at(system, T, "alice", &code(T)), SUCCESS);
        assert_eq!(says(&code(T)), "used 30");
        assert_eq!(says(&format!("{0}-{0}", code(T + 30))), "twice 30");
        lanes::spent_from("alice", Source::Door, T);
        assert_eq!(says(&code(T + 30)), format!("waiting {}\ncodes 2 30", T + 14_400));
        fs::remove_file("/var/lib/pam_totp/state/alice").expect("loses the record");
        assert_eq!(says(&code(T + 30)), format!("later {}", T + 180));
    });
}
