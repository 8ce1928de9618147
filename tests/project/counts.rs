//! What a code costs, right or wrong, above the same application with pam_permit.so: counted, so that no busy machine
//! matters.

use crate::support::application::{self, AUTH_ERR, SERVICE, SUCCESS, Said, application};
use crate::support::artifacts;
use crate::support::codes::{code_at, now, wrong_code};
use crate::support::debian;
use crate::support::strace::{Call, recorded, strace_alone};
use crate::support::system::{KEY, System, throw_away};
use std::process::Command;

const CEILINGS: &str = include_str!("../data/ceilings.toml");
const FLOOR: &str = "auth required pam_permit.so\n";
/// The beginning of a step.
const T: u64 = 1_800_000_000;
const DAY: u64 = 86_400;

pub(super) fn holds(name: &str, counted: f64) {
    let ceilings: toml::Table = CEILINGS.parse().expect("a table");
    let of_release = ceilings.get(&format!("debian{}", debian())).and_then(|own| own.get(name));
    let ceiling = of_release.unwrap_or(&ceilings[name]);
    let ceiling = ceiling.as_float().or(ceiling.as_integer().map(|whole| whole as f64)).expect("a number");
    println!("{name}: {counted}");
    assert!(counted <= ceiling, "{name}: {counted}, at most {ceiling}");
}

/// The same accounts and look-ups on every machine: reading a long /etc/passwd is not what is counted.
fn prepare(system: &System) {
    application::build(system);
    system.file("/etc/nsswitch.conf", "passwd: files\n");
    system.file("/etc/passwd", "root:x:0:0::/root:/bin/sh\nalice:x:1000:1000::/:/bin/sh\n");
    system.reads(Command::new("pam-totp").args(["set", "--no-code", "alice"]), &format!("{KEY}\n"));
}

fn instructions(system: &System, user: &str, stack: &str, answer: &str, code: i32) -> f64 {
    system.stack(SERVICE, stack);
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]);
    valgrind.arg(application().get_program()).args([SERVICE, user]);
    let output = system.reads(&mut valgrind, &format!("{answer}\n"));
    let said = Said::read(&output);
    assert_eq!(said.codes, [code], "{output:?}");
    let counted = said.errors.lines().find_map(|line| line.split_once("Collected : ")).expect("callgrind's sum");
    counted.1.parse().expect("a number")
}

fn right_code(system: &System, user: &str) -> f64 {
    instructions(system, user, application::STACK, &code_at(KEY, now()), SUCCESS)
}

#[test]
fn instructions_of_a_right_code_and_of_a_wrong_one() {
    throw_away(|system| {
        prepare(system);
        let floor = instructions(system, "alice", FLOOR, "", SUCCESS);
        let right = right_code(system, "alice") - floor;
        let wrong = instructions(system, "alice", application::STACK, &wrong_code(KEY), AUTH_ERR) - floor;
        println!("a wrong code: {wrong}");
        holds("instructions", right);
        holds("wrong_to_right", wrong / right);
    });
}

/// The longest policy that is read, of rules for others: what is done for each must not grow with what stands before it.
/// And the example, of which nearly all is comments.
#[test]
fn instructions_of_a_right_code_under_a_policy() {
    throw_away(|system| {
        prepare(system);
        let accounts = ["root:x:0:0::/root:/bin/sh", "alice:x:1000:1000::/:/bin/sh", "bob:x:1001:1001::/:/bin/sh"];
        system.file("/etc/passwd", &(accounts.join("\n") + "\n"));
        system.reads(Command::new("pam-totp").args(["set", "--no-code", "bob"]), &format!("{KEY}\n"));
        let floor = instructions(system, "alice", FLOOR, "", SUCCESS);
        let rules: String = (10_000..11_800).map(|n| format!("[[require]]\nusers = [\"user-{n}\"]\n\n")).collect();
        assert!((60_000..65_536).contains(&rules.len()), "{}", rules.len());
        let example = include_str!("../../packaging/pam_totp.toml");
        for (name, user, policy) in [("long", "alice", rules.as_str()), ("example", "bob", example)] {
            system.file("/etc/security/pam_totp.toml", policy);
            holds(&format!("instructions_of_{name}_policy"), right_code(system, user) - floor);
        }
    });
}

/// Each is looked up by the loader, at every login: nearly a thousand instructions.
#[test]
fn names_that_the_module_has_looked_up() {
    let arguments = ["-D", "--undefined-only", "--format=just-symbols"];
    let output = Command::new("nm").args(arguments).arg(artifacts::module()).output().expect("nm starts");
    let names = String::from_utf8(output.stdout).expect("names are ASCII");
    println!("{names}");
    holds("names", names.lines().count() as f64);
}

/// Pages that the kernel brings in between the beginning of a login and its end, with all addresses where they always are.
fn page_faults(system: &System, stack: &str) -> f64 {
    system.stack(SERVICE, stack);
    let mut fixed = Command::new("setarch");
    fixed.arg("--addr-no-randomize").arg(application().get_program()).args(["-f", SERVICE, "alice"]);
    let output = system.reads(&mut fixed, &format!("{}\n", code_at(KEY, now())));
    let said = Said::read(&output);
    assert_eq!(said.codes, [SUCCESS], "{output:?}");
    let counted = said.messages.iter().find_map(|line| line.strip_prefix("faults ")).expect("a count");
    counted.parse().expect("a number")
}

#[test]
fn page_faults_of_a_right_code() {
    throw_away(|system| {
        prepare(system);
        // What is read for the first time counts otherwise.
        page_faults(system, FLOOR);
        let floor = page_faults(system, FLOOR);
        holds("page_faults", page_faults(system, application::STACK) - floor);
    });
}

/// At `time`, of a user whose record was last written at `written`.
fn system_calls(system: &System, stack: &str, time: u64, written: u64) -> Vec<Call> {
    system.stack(SERVICE, stack);
    let program = application();
    let program = [program.get_program().to_str().expect("a path"), SERVICE, "alice"];
    system.runs(Command::new("touch").args(["-d", &format!("@{written}"), "/var/lib/pam_totp/state/alice"]));
    let output = system.reads(strace_alone(time, &[]).args(program), &format!("{}\n", code_at(KEY, time)));
    assert_eq!(Said::read(&output).codes, [SUCCESS], "{output:?}");
    recorded()
}

#[test]
fn system_calls_of_a_right_code() {
    throw_away(|system| {
        prepare(system);
        let floor = system_calls(system, FLOOR, T, T - DAY).len();
        let calls = system_calls(system, application::STACK, T, T - DAY);
        let count = |name: &str| calls.iter().filter(|call| call.name.starts_with(name)).count();
        // For a failure to show.
        calls.iter().skip_while(|call| !call.line.contains("pam_totp")).for_each(|call| println!("{}", call.line));
        holds("system_calls", (calls.len() - floor) as f64);
        // The guess, and over it the outcome; one wait for the disk.
        assert_eq!((count("fdatasync"), count("fsync"), count("rename"), count("pwrite")), (1, 0, 0, 2));
        // Whose program it is only `[remember]` and those who are not here ask; `/` is looked at once for all.
        let looks_at_root = |line: &str| line.contains("(AT_FDCWD, \"/\", ") && line.contains("AT_SYMLINK_NOFOLLOW");
        let looks = calls.iter().filter(|call| looks_at_root(&call.line)).count();
        assert_eq!((count("getuid"), looks), (1, 1));
    });
}

/// Who logs in again before the kernel has certainly written the last record to the disk syncs it first: whoever wrote
/// it may have died before its owner did.
#[test]
fn a_record_that_is_not_on_the_disk_for_certain_is_synced_before_the_next_one_is_written() {
    throw_away(|system| {
        prepare(system);
        let writes = |time, written| {
            let calls = system_calls(system, application::STACK, time, written);
            let names =
                calls.into_iter().map(|call| call.name).filter(|name| ["fdatasync", "pwrite64"].contains(&&**name));
            names.collect::<Vec<_>>()
        };
        for (time, written, synced) in [
            (T, T - 120, false),
            (T + 60, T + 60 - 119, true),
            (T + 120, T + 120, true),
            // The clock went back, by whatever it may be.
            (T + 180, T + 180 + 119, true),
            (T + 240, T + 240 + DAY, true),
        ] {
            let all = ["fdatasync", "pwrite64", "pwrite64", "fdatasync"];
            assert_eq!(writes(time, written), all[usize::from(!synced)..], "{time} {written}");
        }
    });
}
