//! What each of many users costs: counted as the difference between two sizes, so that no start of a program matters.

use super::counts::holds;
use crate::support::strace::trace;
use crate::support::system::{KEY, System, throw_away};
use std::fs;
use std::process::Command;

const STORE: &str = "/var/lib/pam_totp";
/// The most.
const MANY: usize = 400;

/// `tests/support/many.py`.
fn many(system: &System, what: &str, count: usize, rest: &[&str]) {
    let mut python = Command::new("python3");
    system.runs(python.args(["/mnt/sources/tests/support/many.py", what, &count.to_string()]).args(rest));
}

/// Nobody but the files is asked, and far down in them is who does all this.
fn prepare(system: &System) {
    system.file("/etc/nsswitch.conf", "passwd: files\ngroup: files\n");
    system.file("/etc/passwd", "root:x:0:0::/root:/bin/sh\n");
    system.reads(Command::new("pam-totp").args(["set", "--no-code", "root"]), &format!("{KEY}\n"));
    accounts(system, MANY);
}

fn accounts(system: &System, users: usize) {
    system.file("/etc/passwd", "root:x:0:0::/root:/bin/sh\n");
    many(system, "accounts", users, &[]);
    let passwd = fs::read_to_string("/etc/passwd").expect("the accounts");
    system.file("/etc/passwd", &(passwd + "admin:x:1000:1000::/:/bin/sh\n"));
}

/// So many, and root.
fn enrolled(system: &System, users: usize) {
    for folder in ["secrets", "state"] {
        for entry in fs::read_dir(format!("{STORE}/{folder}")).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.file_stem().is_none_or(|name| name != "root") {
                fs::remove_file(path).expect("removes a file");
            }
        }
    }
    many(system, "enrolled", users, &[]);
    many(system, "records", users, &[]);
}

/// System calls of a run with all of its children, and how often the heap of the program itself grew.
fn cost(system: &System, arguments: &[&str]) -> (usize, usize) {
    let mut strace = Command::new("strace");
    strace.args(["-f", "-qq", "-o", "/tmp/trace", "pam-totp"]).args(arguments).env("SUDO_UID", "1000");
    let output = system.tries(&mut strace, "");
    assert!(matches!(output.status.code(), Some(0 | 1)), "{arguments:?}: {output:?}");
    let trace = trace();
    let own = trace.split(' ').next().expect("a process");
    let calls = trace.lines().filter(|line| !line.contains(" <... ") && !line.contains(" --- "));
    let grows = |line: &&str| line.starts_with(own) && line.contains(" brk(0x");
    (calls.count(), trace.lines().filter(grows).count())
}

/// What few users have cost, and twice as many.
fn holds_a_user(name: &str, few: usize, [(calls, heap), (calls_of_many, heap_of_many)]: [(usize, usize); 2]) {
    // Rounded down: what runs beside it on this host costs the doctor a few calls more or less.
    let a_user = calls_of_many.saturating_sub(calls) / few;
    holds(name, a_user as f64);
    // It grows by 132 KiB: their names have room in that, but nothing that is kept of each user.
    assert!(heap_of_many <= heap + 1, "{name}: the heap grew {heap} times with {few}, and {heap_of_many} times");
}

#[test]
fn who_is_looked_at_among_many_costs_no_more_than_alone() {
    throw_away(|system| {
        prepare(system);
        let looks: [(&str, &[&str]); 6] = [
            ("calls_list", &["list"]),
            ("calls_list", &["list", "--json"]),
            ("calls_list", &["list", "--json-lines"]),
            ("calls_orphans", &["list", "--orphans"]),
            ("calls_doctor", &["doctor"]),
            ("calls_enable", &["policy", "enable", "--yes"]),
        ];
        let [few, many] = [MANY / 2, MANY].map(|users| {
            enrolled(system, users);
            looks.map(|(_, arguments)| cost(system, arguments))
        });
        for ((name, _), costs) in looks.iter().zip(few.into_iter().zip(many)) {
            holds_a_user(name, MANY / 2, costs.into());
        }
    });
}

#[test]
fn who_is_in_no_listing_is_looked_up_only_where_they_may_be_all_the_same() {
    throw_away(|system| {
        prepare(system);
        accounts(system, 10);
        enrolled(system, 50);
        let looks_up = |sources: &str| {
            system.file("/etc/nsswitch.conf", sources);
            cost(system, &["list", "--orphans"]);
            trace().matches("\"/etc/passwd\"").count()
        };
        // One by one, each would read all of the accounts.
        assert_eq!(looks_up("passwd: files\n"), 2, "the listing, and who runs it");
        assert!(looks_up("passwd: files systemd\n") >= 40, "a directory may know them");
    });
}

#[test]
fn who_is_changed_among_many_costs_no_more_than_alone() {
    throw_away(|system| {
        prepare(system);
        let oath = "/root/users.oath";
        let twice = |few: usize, run: &dyn Fn(usize) -> (usize, usize)| [few, 2 * few].map(run);
        let imports = |users| {
            enrolled(system, 0);
            many(system, "oath", users, &[oath]);
            cost(system, &["import", "oath", oath, "--json-lines"])
        };
        holds_a_user("calls_import_oath", 100, twice(100, &imports));
        let removes = |users| {
            enrolled(system, users);
            cost(system, &["remove", "--all", "--except", "root", "--yes", "--json-lines"])
        };
        holds_a_user("calls_remove", 100, twice(100, &removes));
        let reads_homes = |users| {
            enrolled(system, 0);
            accounts(system, users);
            (0..users).for_each(|n| drop(fs::remove_dir_all(format!("/home/user{n:07}"))));
            many(system, "homes", users, &[]);
            cost(system, &["import", "google-authenticator", "--all", "--json-lines"])
        };
        holds_a_user("calls_import_homes", 10, twice(10, &reads_homes));
        assert!(!trace().contains("\"/etc/group\""), "all groups, for each user");
    });
}
