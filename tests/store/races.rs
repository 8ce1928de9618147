//! Many at once: one code lets in one, and nobody is in another's way.

use crate::support::application::{self, AUTH_ERR, SERVICE, SUCCESS, Said, application, at, login_at};
use crate::support::codes::{code_at, key, now};
use crate::support::door::Door;
use crate::support::effort::effort;
use crate::support::strace::{calls, slow_at};
use crate::support::system::{KEY, System, throw_away};
use pam_totp::factor::enrollment::Enrollment;
use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

fn set(system: &System, user: &str, key: &str) {
    let mut set = Command::new("pam-totp");
    system.reads(set.args(["set", "--no-code", "--replace", user]), &format!("{key}\n"));
}

/// So many processes wait at the prompt and answer in the same moment.
fn at_once(system: &System, processes: usize, users: &[String], code: &str) -> Said {
    let mut command = application();
    command.args(["-p", &processes.to_string(), SERVICE]).args(users);
    let said = Said::read(&system.reads(&mut command, &format!("{code}\n")));
    assert_eq!((said.codes.len(), said.errors.as_str()), (processes, ""));
    said
}

#[test]
fn of_64_that_answer_with_one_code_exactly_one_gets_in() {
    throw_away(|system| {
        application::build(system);
        system.user("alice");
        let rounds = effort(100, 1_000);
        for round in 0..rounds {
            set(system, "alice", &key(round));
            let said = at_once(system, 64, &["alice".into()], &code_at(&key(round), now()));
            assert_eq!((said.count(SUCCESS), said.count(AUTH_ERR)), (1, 63), "round {round}: {:?}", said.codes);
        }
        // The 63 were no guesses: the owner has no wait before them.
        let output = system.runs(Command::new("pam-totp").args(["--json", "status", "alice"]));
        let status: serde_json::Value = serde_json::from_slice(&output.stdout).expect("an object");
        assert_eq!((&status["waits"], &status["failures"]), (&serde_json::json!([]), &serde_json::Value::Null));
        set(system, "alice", &key(rounds));
        assert_eq!(application::login(system, "alice", &code_at(&key(rounds), now())), SUCCESS);
    });
}

#[test]
fn sixty_four_users_at_once_all_get_in() {
    throw_away(|system| {
        application::build(system);
        let users: Vec<String> = (1..=64).map(|n| format!("user{n}")).collect();
        for user in &users {
            system.runs(Command::new("useradd").arg(user));
        }
        for round in 0..effort(3, 30) {
            for user in &users {
                set(system, user, &key(round));
            }
            let said = at_once(system, 64, &users, &code_at(&key(round), now()));
            assert_eq!(said.count(SUCCESS), 64, "round {round}: {:?}", said.codes);
        }
    });
}

/// RFC 4226 section 7.3: the count holds across sessions that guess at the same time.
#[test]
fn of_64_that_guess_at_once_no_more_are_looked_at_than_one_after_the_other() {
    throw_away(|system| {
        application::build(system);
        for round in 0..effort(3, 50) {
            let user = format!("user{round}");
            system.runs(Command::new("useradd").arg(&user));
            set(system, &user, KEY);
            let near: Vec<String> = (0..40).map(|step| code_at(KEY, now() - 600 + step * 30)).collect();
            let wrong = (0..).map(|n| format!("{n:06}")).filter(|code| !near.contains(code));
            let mut guesses: Vec<_> = wrong.take(64).map(|code| (guesses_at(&user), code)).collect();
            for (child, code) in &mut guesses {
                let mut stdin = child.stdin.take().expect("a pipe");
                stdin.write_all(format!("{code}\n").as_bytes()).expect("answers");
            }
            for (child, _) in guesses {
                let said = Said::read(&child.wait_with_output().expect("it ends"));
                assert_eq!(said.codes, [AUTH_ERR], "{said:?}");
            }
            // Fifteen are there, and none is back so soon.
            let status = system.runs(Command::new("pam-totp").args(["--json", "status", &user]));
            let status: serde_json::Value = serde_json::from_slice(&status.stdout).expect("an object");
            assert_eq!(status["failures"]["count"], 15, "{status}");
        }
    });
}

/// A login that waits at its prompt.
fn guesses_at(user: &str) -> Child {
    let mut command = application();
    let command = command.args([SERVICE, user]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().expect("it starts")
}

/// What root may do to a user who is logging in at this moment, many times; the state is lost now and then too.
const MEANWHILE: [(&str, &[&[&str]]); 5] = [
    ("unlocked", &[&["pam-totp", "unlock", "alice"]]),
    ("given backup codes", &[&["pam-totp", "backup-codes", "alice"]]),
    (
        "given a device and rid of it",
        &[
            &["sh", "-c", "echo GEZDGNBVGY3TQOJQJBSWY3DPEHPK3PXP | pam-totp set alice --no-code --device tablet"],
            &["pam-totp", "remove", "alice", "--device", "tablet"],
        ],
    ),
    (
        "removed and set again",
        &[
            &["pam-totp", "remove", "alice"],
            &["sh", "-c", "echo JBSWY3DPEHPK3PXPGEZDGNBVGY3TQOJQ | pam-totp set alice --no-code"],
        ],
    ),
    ("healed", &[&["rm", "-f", "/var/lib/pam_totp/state/alice"]]),
];

#[test]
fn whatever_is_done_to_a_user_meanwhile_each_code_of_theirs_counts_once() {
    throw_away(|system| {
        application::build(system);
        system.policy("[throttle]\nfree = 20\nevery = 600\n");
        system.user("alice");
        for (what, commands) in MEANWHILE {
            system.enroll("alice");
            let accepted: BTreeMap<String, usize> = thread::scope(|scope| {
                let root = scope.spawn(|| {
                    for _ in 0..effort(10, 100) {
                        for command in commands {
                            system.runs(Command::new(command[0]).args(&command[1..]));
                        }
                    }
                });
                let mut accepted = BTreeMap::new();
                let mut done = false;
                // And once more when all is done: of what nobody got in by, one does now.
                while !done {
                    done = root.is_finished();
                    let code = code_at(KEY, now());
                    let said = at_once(system, 8, &["alice".into()], &code);
                    assert_eq!(said.count(SUCCESS) + said.count(AUTH_ERR), 8, "{what}: {:?}", said.codes);
                    *accepted.entry(code).or_default() += said.count(SUCCESS);
                }
                accepted
            });
            assert!(accepted.values().all(|times| *times <= 1), "{what}: {accepted:?}");
            assert!(what == "healed" || accepted.values().any(|times| *times == 1), "{what}: {accepted:?}");
            assert_eq!(system.log.count("internal error"), 0, "{what}");
            // A state that was lost last of all is made anew by the next login.
            application::login(system, "alice", &code_at(KEY, now()));
            // And nobody is locked out by it: at a later time than any code that can have been used.
            assert_eq!(login_at(system, now() + 3_600, "alice", &code_at(KEY, now() + 3_600)), SUCCESS, "{what}");
            system.runs(Command::new("pam-totp").args(["remove", "alice"]));
            fs::remove_file("/var/lib/pam_totp/state/alice").expect("the next one starts afresh");
        }
    });
}

#[test]
fn a_key_is_replaced_whole_while_its_user_logs_in() {
    throw_away(|system| {
        application::build(system);
        // A code may come too late for its key, and counts as wrong then: no wait may hide what comes after it.
        system.policy("[throttle]\nfree = 20\nevery = 600\n");
        system.user("alice");
        set(system, "alice", &key(0));
        let current = AtomicUsize::new(0);
        thread::scope(|scope| {
            let writer = scope.spawn(|| {
                for round in 1..60 {
                    set(system, "alice", &key(round));
                    current.store(round, Ordering::Relaxed);
                }
            });
            while !writer.is_finished() {
                for _ in 0..100 {
                    let text = fs::read_to_string("/var/lib/pam_totp/secrets/alice.toml").expect("never missing");
                    let whole = (0..60).any(|round| text.contains(&key(round)));
                    assert!(whole && text.ends_with('\n'), "{text:?}");
                }
                let code = code_at(&key(current.load(Ordering::Relaxed)), now());
                let said = at_once(system, 4, &["alice".into()], &code);
                assert_eq!(said.count(SUCCESS) + said.count(AUTH_ERR), 4, "{:?}", said.codes);
                assert!(said.count(SUCCESS) <= 1, "{:?}", said.codes);
            }
        });
        let files = fs::read_dir("/var/lib/pam_totp/secrets").expect("the store");
        let files: Vec<_> = files.map(|entry| entry.expect("an entry").file_name()).collect();
        assert_eq!(files, ["alice.toml"], "nothing is left behind");
        for fault in ["store error", "was lost", "internal error"] {
            assert_eq!(system.log.count(fault), 0, "{fault}");
        }
        set(system, "alice", &key(60));
        system.runs(Command::new("pam-totp").args(["unlock", "alice"]));
        assert_eq!(application::login(system, "alice", &code_at(&key(60), now())), SUCCESS);
    });
}

const SECRET: &str = "/var/lib/pam_totp/secrets/alice.toml";
/// The beginning of a step.
const T: u64 = 1_800_000_000;

/// The keys in alice's file, which is whole wherever it is there.
fn keys() -> Option<Vec<String>> {
    let enrollment = Enrollment::parse(&fs::read(SECRET).ok()?).expect("a whole file");
    Some(enrollment.devices.iter().map(|device| device.secret.to_base32().to_string()).collect())
}

/// Runs them all at once, each with its input: which of them said that it was done, and what the others said.
fn all_at_once(programs: Vec<(Command, String)>) -> (Vec<usize>, Vec<String>) {
    let start = |(mut command, input): (Command, String)| {
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        (command.spawn().expect("it starts"), input)
    };
    let mut children: Vec<_> = programs.into_iter().map(start).collect();
    for (child, input) in &mut children {
        // A program that ends before it read everything is no failure of the test.
        let _ = child.stdin.take().expect("a pipe").write_all(input.as_bytes());
    }
    let ends = |(child, _): (Child, String)| child.wait_with_output().expect("it ends");
    let outputs: Vec<_> = children.into_iter().map(ends).enumerate().collect();
    let (done, others): (Vec<_>, Vec<_>) = outputs.into_iter().partition(|(_, output)| output.status.success());
    let said = others.into_iter().map(|(_, output)| String::from_utf8_lossy(&output.stdout).into_owned());
    (done.into_iter().map(|(n, _)| n).collect(), said.collect())
}

/// A key and the code that proves it.
fn proved(key: &str) -> String {
    format!("{key}\n{}\n", code_at(key, T))
}

fn pam_totp(arguments: &[&str]) -> Command {
    let mut command = Command::new("pam-totp");
    at(T, command.arg("--json").args(arguments));
    command
}

#[test]
fn of_many_first_enrollments_at_once_one_is_made_and_the_others_hear_of_it() {
    throw_away(|system| {
        application::build(system);
        let _door = Door::open(T);
        system.policy("unenrolled = \"allow\"\n");
        let alice = system.user("alice");
        for round in 0..effort(10, 300) {
            let keys_of = |n: usize| key(8 * (round % 100) + n);
            // By root, by herself, by both.
            let is_own = |n: usize| [false, true, n % 2 == 1][round % 3];
            let enrolls = |n: usize| {
                let mut own = alice.command("pam-totp");
                own.args(["--json", "set", "alice"]);
                (if is_own(n) { own } else { pam_totp(&["set", "alice"]) }, proved(&keys_of(n)))
            };
            let (done, others) = all_at_once((0..8).map(enrolls).collect());
            let [winner] = done[..] else { panic!("round {round}: {done:?} {others:?}") };
            assert!(others.iter().all(|said| said.contains("\"already_enrolled\"")), "round {round}: {others:?}");
            let key = keys_of(winner);
            assert_eq!(keys(), Some(vec![key.clone()]), "round {round}");
            let entered = [T, T + 30, T + 30].map(|time| login_at(system, time, "alice", &code_at(&key, time)));
            assert_eq!(entered, [AUTH_ERR, SUCCESS, AUTH_ERR], "round {round}");
            system.runs(&mut pam_totp(&["remove", "alice"]));
        }
        assert_eq!(system.log.count("store error") + system.log.count("internal error"), 0);
    });
}

#[test]
fn an_enrollment_that_is_replaced_and_removed_at_once_is_whole_or_gone() {
    throw_away(|system| {
        application::build(system);
        system.policy("unenrolled = \"deny\"\n");
        system.user("alice");
        for round in 0..effort(10, 300) {
            let keys_of = |n: usize| key(8 * (round % 100) + n);
            set(system, "alice", &keys_of(7));
            let changes = |n: usize| match n % 2 {
                0 => (pam_totp(&["remove", "alice"]), String::new()),
                _ => (pam_totp(&["set", "alice", "--replace"]), proved(&keys_of(n / 2))),
            };
            let known: Vec<_> = [0, 1, 2, 7].map(|n| vec![keys_of(n)]).into();
            let (done, others) = thread::scope(|scope| {
                let changes = scope.spawn(|| all_at_once((0..6).map(changes).collect()));
                while !changes.is_finished() {
                    let keys = keys();
                    assert!(keys.is_none_or(|keys| known.contains(&keys)), "round {round}");
                }
                changes.join().expect("they end")
            });
            assert!(done.len() > 3 && [1, 3, 5].iter().all(|set| done.contains(set)), "round {round}: {done:?}");
            // One that found nothing to remove says so.
            assert!(others.iter().all(|said| said.contains("\"not_enrolled\"")), "round {round}: {others:?}");
            let left = keys();
            assert!(left.as_ref().is_none_or(|keys| known[..3].contains(keys)), "round {round}: the old key");
            let key = left.as_ref().map_or_else(|| keys_of(0), |keys| keys[0].clone());
            let entered = [T, T + 30, T + 30].map(|time| login_at(system, time, "alice", &code_at(&key, time)));
            let serves = if left.is_some() { SUCCESS } else { AUTH_ERR };
            assert_eq!(entered, [AUTH_ERR, serves, AUTH_ERR], "round {round}");
            let files = fs::read_dir("/var/lib/pam_totp/secrets").expect("the folder").count();
            assert_eq!(files, usize::from(left.is_some()), "round {round}: something is left behind");
        }
        assert_eq!(system.log.count("store error") + system.log.count("internal error"), 0);
    });
}

/// Between opening a file and looking at it another one may have taken its name: that is no second name of it.
#[test]
fn a_file_that_is_replaced_while_it_is_opened_refuses_nobody() {
    let program = ["/usr/local/bin/application", SERVICE, "alice"];
    throw_away(|system| {
        application::build(system);
        system.enrolled("alice");
        system.policy("window = 1\n");
        let (calls, _) = calls(system, T, &program, &code_at(KEY, T));
        let files = ["/etc/security/pam_totp.toml", "/var/lib/pam_totp/secrets/alice.toml"];
        for (file, time) in files.into_iter().zip([T + 60, T + 120]) {
            let opens = calls.iter().find(|c| c.name == "openat" && c.line.contains(file)).expect("it is opened");
            let (content, mode) = (fs::read(file).expect("a file"), fs::metadata(file).expect("a file").permissions());
            thread::scope(|scope| {
                let login = scope.spawn(|| slow_at(system, opens, time, &program, &code_at(KEY, time)));
                while !login.is_finished() {
                    fs::write("/tmp/new", &content).expect("writes");
                    fs::set_permissions("/tmp/new", mode.clone()).expect("sets the mode");
                    let new = format!("{file}.new");
                    fs::copy("/tmp/new", &new).expect("copies");
                    fs::rename(&new, file).expect("takes its name");
                    thread::sleep(Duration::from_millis(5));
                }
                let said = Said::read(&login.join().expect("a login"));
                assert_eq!(said.codes, [SUCCESS], "{file}: {said:?}");
            });
        }
        assert_eq!(system.log.count("policy error") + system.log.count("store error"), 0);
    });
}

#[test]
fn a_login_waits_a_second_for_another_one_of_its_user_and_then_gives_up() {
    throw_away(|system| {
        application::build(system);
        let (alice, bob) = (system.enrolled("alice"), system.enrolled("bob"));
        // Holds the lock until its input ends, as a login that was stopped would.
        let mut holder = Command::new("flock");
        holder.args(["/var/lib/pam_totp/state/alice", "sh", "-c", "echo held; cat"]);
        let mut holder = holder.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("flock starts");
        let mut held = [0; 5];
        holder.stdout.as_mut().expect("a pipe").read_exact(&mut held).expect("it holds the lock");

        let code = alice.code();
        let start = Instant::now();
        assert_eq!(application::login(system, "alice", &code), AUTH_ERR);
        let waited = start.elapsed();
        // A second, and what a busy machine adds; not until the lock is free.
        assert!((Duration::from_secs(1)..Duration::from_secs(20)).contains(&waited), "{waited:?}");
        system.log.line(
            "store error for alice: another login of this user holds the lock: try again; should it last, `lslocks`",
        );
        let locks = String::from_utf8(system.runs(&mut Command::new("lslocks")).stdout).expect("text");
        let holds = |line: &str| line.starts_with("flock ") && line.ends_with("/var/lib/pam_totp/state/alice");
        assert!(locks.lines().any(holds), "the advice names nobody: {locks}");
        assert_eq!(application::login(system, "bob", &bob.code()), SUCCESS, "nobody else waits");

        drop(holder.stdin.take());
        holder.wait().expect("it ends");
        assert_eq!(application::login(system, "alice", &code), SUCCESS, "the code was not spent");
    });
}
