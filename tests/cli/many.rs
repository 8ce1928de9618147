//! `--json-lines`: the same users as with `--json`, each in a line of its own, said as soon as they were read.

use crate::support::program::{object, program};
use crate::support::reference;
use crate::support::strace::trace;
use crate::support::system::{System, throw_away};
use crate::support::terminal::Terminal;
use serde_json::{Map, Value, json};
use std::fs;
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};

const STORE: &str = "/var/lib/pam_totp";
/// What a line of `list` may be.
const LISTED: [&str; 3] = ["user", "user-whose-file-cannot-be-used", "orphan"];

/// The exit code, the lines of users, and the last one.
fn lines(system: &System, arguments: &[&str]) -> (i32, Vec<Value>, Value) {
    let (exit, stdout, _) = program(system, &[&["--json-lines"], arguments].concat(), "");
    assert!(stdout.ends_with('\n'), "{arguments:?}: {stdout}");
    let read = |line: &str| serde_json::from_str(line).unwrap_or_else(|e| panic!("{arguments:?}: {e}: {line}"));
    let mut lines: Vec<Value> = stdout.lines().map(read).collect();
    let last = lines.pop().expect("a last line");
    assert!(lines.iter().all(|line| line.get("version").is_none()), "{arguments:?}: {lines:?}");
    assert_eq!(last["version"], 1, "{arguments:?}");
    (exit, lines, last)
}

/// alice; bob, whose file is damaged; carol, who is not enrolled; zoe, who has no account.
fn prepare(system: &System) {
    for name in ["alice", "bob", "zoe"] {
        system.enrolled(name);
    }
    system.user("carol");
    fs::write(format!("{STORE}/secrets/bob.toml"), "version = 3\n").expect("damages a file");
    system.runs(Command::new("userdel").arg("zoe"));
}

#[test]
fn the_lines_of_list_are_the_users_of_the_object() {
    throw_away(|system| {
        prepare(system);
        let lists: [&[&str]; 6] = [
            &["list"],
            &["list", "alice", "mallory"],
            &["list", "mallory"],
            &["list", "--unenrolled"],
            &["list", "--orphans"],
            &["list", "--orphans", "alice"],
        ];
        for arguments in lists {
            let (exit, mut object) = object(system, arguments, "");
            let users = object.as_object_mut().and_then(|object| object.remove("users")).expect("users");
            let (exit_of_lines, lines, last) = lines(system, arguments);
            assert_eq!((exit_of_lines, json!(lines), last), (exit, users, object), "{arguments:?}");
            lines.iter().for_each(|line| reference::is_one_of(&LISTED, line));
        }
        // What ends a command is the one line, as it is the one object.
        for arguments in [&["list", "--group", "none"][..], &["list", "--nonsense"], &["enroll", "alice"], &["remove"]]
        {
            let (exit, object) = object(system, arguments, "");
            assert!(object.get("error").is_some(), "{object}");
            let same = if arguments[0] == "list" { object } else { lines(system, arguments).2 };
            assert!(same.get("error").is_some(), "{same}");
            assert_eq!(lines(system, arguments), (exit, Vec::new(), same), "{arguments:?}");
        }
        // What is about no user, or one, is said in one line.
        for arguments in [&["policy", "show"][..], &["status", "alice"], &["policy", "enable", "--yes"]] {
            let (_, object) = object(system, arguments, "");
            let changed = |mut object: Value| {
                object.as_object_mut().and_then(|fields| fields.remove("changed"));
                object
            };
            let (exit, lines, last) = lines(system, arguments);
            assert_eq!((exit, lines.len(), changed(last)), (0, 0, changed(object)), "{arguments:?}");
        }
    });
}

/// The object that the lines of a change say.
fn gathered(lines: &[Value], last: &Value, lists: &[&str], maps: &[&str]) -> Value {
    let mut object = last.as_object().expect("an object").clone();
    for list in lists {
        let of = |line: &&Value| line["result"] == **list;
        object.insert((*list).to_owned(), lines.iter().filter(of).map(|line| line["user"].clone()).collect());
    }
    for map in maps {
        let key = if *map == "failed" { "error" } else { map };
        let said = lines.iter().filter_map(|line| Some((line["user"].as_str()?.to_owned(), line.get(key)?.clone())));
        object.insert((*map).to_owned(), Value::Object(said.collect::<Map<_, _>>()));
    }
    Value::Object(object)
}

#[test]
fn the_lines_of_a_change_say_what_the_object_says() {
    throw_away(|system| {
        prepare(system);
        let key = "3132333435363738393031323334353637383930";
        let file = format!("HOTP/T30 carol - {key}\nHOTP/T30 dave - {key}\nHOTP/T30 alice - {key}\n?\nHOTP bob - 00\n");
        system.file("/root/users.oath", &file);
        let import = ["import", "oath", "/root/users.oath", "--dry-run"];
        let (exit, expected) = object(system, &import, "");
        assert_eq!(expected["modified"], json!(["carol"]));
        assert!(expected["notes"]["carol"].is_array() && expected["failed"]["bob"].is_object(), "{expected}");
        let (exit_of_lines, said, last) = lines(system, &import);
        said.iter().for_each(|line| reference::is_one_of(&["line-of-a-change"], line));
        let maps = ["failed", "warnings", "notes"];
        assert_eq!((exit_of_lines, gathered(&said, &last, &["modified", "already"], &maps)), (exit, expected));

        for command in ["unlock", "forget", "remove"] {
            let (_, said, last) = lines(system, &[command, "alice", "mallory"]);
            said.iter().for_each(|line| reference::is_one_of(&["line-of-a-change"], line));
            let object = gathered(&said, &last, &["modified"], &["failed"]);
            reference::holds(&[command], &object);
            assert_eq!(object["modified"], json!(["alice"]));
            assert_eq!(object["failed"]["mallory"]["code"], json!("no_such_user"));
        }
        assert!(!fs::exists(format!("{STORE}/secrets/alice.toml")).expect("a folder"));
        assert_eq!(lines(system, &["remove", "alice", "mallory"]).0, 3, "as with --json");
    });
}

/// So many users that what is said of them is more than is written at once.
fn many(system: &System) {
    if !fs::exists("/home/alice").expect("a folder") {
        system.user("alice");
    }
    system.enroll("alice");
    let many = ["/mnt/sources/tests/support/many.py", "enrolled", "300"];
    system.runs(Command::new("python3").args(many));
}

const LAST: &str = "user0000299.toml";

#[test]
fn a_user_is_said_before_the_last_one_is_read() {
    throw_away(|system| {
        many(system);
        for format in ["--json-lines", "--json", "--by=me"] {
            system.runs(Command::new("strace").args(["-o", "/tmp/trace", "pam-totp", format, "list"]));
            let trace = trace();
            let at = |what: &str| trace.find(what).unwrap_or_else(|| panic!("no {what}"));
            assert!(at("\nwrite(1, ") < at(LAST), "{format}");
        }
    });
}

/// `pam-totp list | head -1`
#[test]
fn nothing_more_is_read_once_nobody_listens() {
    throw_away(|system| {
        many(system);
        let unheard = |arguments: &[&str]| {
            let (ours, theirs) = UnixStream::pair().expect("a pair");
            drop(ours);
            let mut command = Command::new("strace");
            command.args(["-o", "/tmp/trace", "pam-totp"]).args(arguments);
            let output = command.stdin(Stdio::null()).stdout(std::os::fd::OwnedFd::from(theirs)).output();
            let output = output.expect("it ends");
            assert_eq!((output.status.code(), String::from_utf8_lossy(&output.stderr).as_ref()), (Some(5), ""));
            trace()
        };
        for format in ["--json-lines", "--json", "--by=me"] {
            assert!(!unheard(&[format, "list"]).contains(LAST), "{format}");
        }
        // Half of what was asked for would be no answer at all.
        unheard(&["--json-lines", "remove", "--all", "--yes"]);
        assert_eq!(fs::read_dir(format!("{STORE}/secrets")).expect("a folder").count(), 0);
    });
}

#[test]
fn doctor_names_some_of_many_and_says_how_many_more() {
    throw_away(|system| {
        many(system);
        for entry in fs::read_dir(format!("{STORE}/secrets")).expect("a folder") {
            fs::write(entry.expect("an entry").path(), "version = 3\n").expect("damages a file");
        }
        let (_, text, _) = program(system, &["doctor"], "");
        assert_eq!(text.matches("pam-totp enroll user").count(), 9, "and alice: {text}");
        assert!(text.contains("291 more like these (damaged): `pam-totp doctor --json` names them"), "{text}");
        assert!(text.contains("300 users are enrolled without an account"), "{text}");
        let (_, all) = object(system, &["doctor"], "");
        let damaged = all["findings"].as_array().expect("a list").iter().filter(|found| found["code"] == "damaged");
        assert_eq!(damaged.count(), 301);
    });
}

#[test]
fn a_bar_shows_how_far_it_is_and_goes() {
    throw_away(|system| {
        many(system);
        let screen = |command: &str| {
            let mut shell = Command::new("sh");
            shell.args(["-c", command]).env("TERM", "xterm");
            Terminal::run(shell).ends().0
        };
        for (command, count) in [("list", "of 301"), ("doctor", "of 302"), ("remove --all --yes", "of 301")] {
            let screen = screen(&format!("pam-totp {command} >/dev/null"));
            assert!(screen.contains(count), "{command}: {screen:?}");
            let (_, rest) = screen.rsplit_once("\u{1b}[2K").expect("it is wiped away");
            assert_eq!(rest.trim(), "", "{command}: {screen:?}");
        }
        many(system);
        assert!(!screen("pam-totp list").contains(" of "), "the lines go by");
        for format in ["--json", "--json-lines"] {
            assert_eq!(screen(&format!("pam-totp list {format} >/dev/null")), "");
        }
    });
}
