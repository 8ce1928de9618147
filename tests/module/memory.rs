//! A thousand logins in one process, each in a thread that opens and closes the module: no access that is not its own,
//! nothing lost, nothing that grows.

use crate::support::artifacts;
use crate::support::codes::{fresh_code, now, wrong_code};
use crate::support::door::Door;
use crate::support::effort::effort;
use crate::support::host::{self, HOST};
use crate::support::program::object;
use crate::support::system::{KEY, PASSWORD, System, User, throw_away, throw_away_with};
use std::collections::BTreeMap;
use std::fs;
use std::process::{Command, Output};

/// All that can come of a login, in one batch: each at once with the others, in a thread of its own.
const LOGINS: [&str; 11] = [
    "counter",
    "wrong",
    "used",
    "nobody-here",
    "spare",
    "forward",
    "enroll",
    "leave",
    // Its application sets every item anew while it asks.
    "replace",
    "long",
    // Each time another one, who is enrolled by it.
    "prove",
];
const TOKEN: &str = "KRSXG5CTMVRXEZLUKN2GC3TEMFZGIVKQ";
const MODULE: &str = "/mnt/pam_totp.so";

fn hotp_codes(count: usize) -> Vec<String> {
    let more = (count - 1).to_string();
    let output = Command::new("oathtool").args(["--hotp", "--base32", "--window", &more, TOKEN]).output();
    let codes = String::from_utf8(output.expect("oathtool starts").stdout).expect("digits");
    codes.lines().map(str::to_owned).collect()
}

/// Accounts, stacks, and twice as many logins as said, in batches; the script's path.
fn prepare(system: &System, module: &str, logins: usize) -> &'static str {
    let line = |arguments: &str| format!("auth required {module} nodelay {arguments}\naccount required {module}\n");
    let permit = "account required pam_permit.so\n";
    system.stack("plain", &(line("") + permit));
    system.stack("both", &(line("forward_pass") + &line("") + permit));
    system.stack("enrolling", &("auth required pam_permit.so\n".to_owned() + &line("") + permit));
    system.policy("unenrolled = \"enroll\"\n");
    for user in ["wrong", "used", "forward", "leave", "long"] {
        system.enrolled(user);
    }
    system.user("enroll");
    for user in ["counter", "replace"] {
        system.user(user);
        let hotp = ["set", "--no-code", "--type", "hotp", user];
        system.reads(Command::new("pam-totp").args(hotp), &format!("{TOKEN}\n"));
    }
    let backup = backup_codes(system, "spare");
    let batches = logins.div_ceil(LOGINS.len());
    let everybody = fs::read_to_string("/etc/passwd").expect("text");
    let provers = (0..2 * batches).map(|n| format!("prove{n}:x:{}:100::/:/bin/bash\n", 20_000 + n));
    system.file("/etc/passwd", &(everybody + &provers.collect::<String>()));

    let (wrong, used) = (wrong_code(KEY), fresh_code(KEY));
    let mut script = String::new();
    for (n, code) in hotp_codes(2 * batches).iter().enumerate() {
        script += &format!("plain counter {code}\nplain wrong {wrong}\nplain used {used}\nplain nobody-here {wrong}\n");
        script += &format!("plain spare {}\nboth forward {PASSWORD}{wrong}\n", backup[n % 20]);
        script += &format!("enrolling enroll {wrong} {wrong} {wrong}\nplain leave leave\n");
        script += &format!("plain replace replace:{code}\nplain long long\nenrolling prove{n} prove back\n\n");
        if (n + 1) % batches == 0 {
            script += "held\n";
        }
    }
    let path = "/tmp/script";
    system.file(path, &script);
    path
}

/// Adds a user with twenty of them.
fn backup_codes(system: &System, user: &'static str) -> Vec<String> {
    system.user(user);
    let (_, made) = object(system, &["set", "--no-code", "--backup-codes", "20", user], &format!("{KEY}\n"));
    serde_json::from_value(made["backup_codes"].clone()).expect("codes")
}

/// Bytes of heap, pages, mappings and descriptors.
type Held = [u64; 4];

/// How often each tried and got in, and what the process held after the first half and after all.
fn results(output: &Output) -> (BTreeMap<String, (usize, usize)>, Vec<Held>) {
    let mut logins = BTreeMap::new();
    let mut held = Vec::new();
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let words: Vec<&str> = line.split(' ').collect();
        match words[..] {
            ["=", user, code] => {
                let user = user.trim_end_matches(|letter: char| letter.is_ascii_digit());
                let (all, right): &mut (usize, usize) = logins.entry(user.to_owned()).or_default();
                *all += 1;
                *right += usize::from(code == "0");
            }
            ["held", bytes, pages, maps, open] => {
                held.push([bytes, pages, maps, open].map(|n| n.parse().expect("a number")))
            }
            _ => panic!("{line}"),
        }
    }
    (logins, held)
}

/// All logins were made, and those that should have got in did.
fn did_its_work(output: &Output, logins: usize) -> Vec<Held> {
    assert!(output.status.success(), "{output:?}");
    let (results, held) = results(output);
    let batches = 2 * logins.div_ceil(LOGINS.len());
    assert_eq!(results.len(), LOGINS.len(), "{results:?}");
    for (user, (all, right)) in &results {
        let expected = match user.as_str() {
            "counter" | "replace" | "prove" => batches,
            "spare" => batches.min(20),
            "used" => 1,
            _ => 0,
        };
        assert_eq!((*all, *right), (batches, expected), "{user}: {output:?}");
    }
    held
}

/// A program of alice's own, which asks at the door.
fn asks_at_the_door(system: &System, tool: &[&str], variables: &[(&str, &str)]) -> Output {
    let _door = Door::open(now());
    let (backup, wrong) = (backup_codes(system, "alice"), wrong_code(KEY));
    let mut script = String::new();
    for code in &backup[..4] {
        script += &format!("plain alice {code}\nplain alice leave\nplain nobody-here {wrong}\nplain root {wrong}\n\n");
    }
    system.file("/tmp/script", &script);
    let program = [tool, &[HOST, "rounds", "/tmp/script"]].concat();
    let output = system.tries(User { name: "alice" }.command("env").args(program).envs(variables.iter().copied()), "");
    assert!(output.status.success(), "{output:?}");
    let expected = [("alice", (8, 4)), ("nobody-here", (4, 0)), ("root", (4, 0))];
    assert_eq!(results(&output).0, expected.map(|(user, tally)| (user.to_owned(), tally)).into(), "{output:?}");
    system.log.line("pam-totpd");
    output
}

const VALGRIND: [&str; 4] =
    ["valgrind", "--leak-check=full", "--errors-for-leak-kinds=definite,indirect,possible", "--error-exitcode=9"];

#[test]
fn valgrind_finds_no_error_and_nothing_lost() {
    throw_away(|system| {
        host::build(system, &[]);
        let logins = effort(60, 1_000) / 2;
        let script = prepare(system, "pam_totp.so", logins);
        let mut valgrind = Command::new(VALGRIND[0]);
        valgrind.args(&VALGRIND[1..]).args([HOST, "rounds", script]).env("MODULE", MODULE);
        let output = system.tries(&mut valgrind, "");
        did_its_work(&output, logins);
        for output in [output, asks_at_the_door(system, &VALGRIND, &[("MODULE", MODULE)])] {
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(said.contains("ERROR SUMMARY: 0 errors"), "{said}");
        }
    });
}

#[test]
fn address_sanitizer_finds_nothing() {
    let module = || vec![format!("sanitized.so={}", artifacts::sanitized().display())];
    throw_away_with(module, |system| {
        host::build(system, &["-fsanitize=address"]);
        let logins = effort(60, 1_000) / 2;
        let script = prepare(system, "/mnt/sanitized.so", logins);
        let variables = [("MODULE", "/mnt/sanitized.so"), ("ASAN_OPTIONS", "detect_stack_use_after_return=1")];
        let output = system.tries(Command::new(HOST).args(["rounds", script]).envs(variables), "");
        did_its_work(&output, logins);
        for output in [output, asks_at_the_door(system, &[], &variables)] {
            assert_eq!(String::from_utf8_lossy(&output.stderr), "");
        }
    });
}

/// Pages: each of the threads' stacks may have been used a little deeper than before.
const SLACK: u64 = 64;

#[test]
fn after_twice_as_many_logins_it_holds_no_more() {
    throw_away(|system| {
        host::build(system, &[]);
        let logins = effort(1_600, 16_000);
        let script = prepare(system, "pam_totp.so", logins);
        let mut host = Command::new(HOST);
        // One heap for all threads: which of several a thread gets is chance.
        host.args(["rounds", script]).env("MODULE", MODULE).env("MALLOC_ARENA_MAX", "1");
        let output = system.tries(&mut host, "");
        let held = did_its_work(&output, logins);
        println!("bytes of heap, pages, mappings, descriptors: {held:?}");
        let [[heap, pages, maps, open], [heap_later, pages_later, maps_later, open_later]] = held[..] else {
            panic!("{held:?}")
        };
        assert_eq!((maps, open), (maps_later, open_later), "{held:?}");
        // Less than one byte for each login.
        assert!(heap_later < heap + u64::try_from(logins).expect("a count"), "{held:?}");
        assert!(pages_later <= pages + SLACK, "{held:?}");
    });
}
