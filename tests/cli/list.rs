//! The administrator sees who is enrolled and who should be, and enrollments come and go with their accounts.

use crate::support::program::{error_code, object, program};
use crate::support::strace;
use crate::support::system::{System, User, throw_away};
use crate::support::terminal::Terminal;
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

const STORE: &str = "/var/lib/pam_totp";
const HOOKS: &str = "/etc/shadow-maint/userdel-post.d";

/// The names that `list` gives for these filters.
fn listed(system: &System, filters: &[&str]) -> Vec<String> {
    let (exit, list) = object(system, &[&["list"], filters].concat(), "");
    assert_eq!(exit, 0, "{filters:?}: {list}");
    let users = list["users"].as_array().expect("users");
    users.iter().map(|user| user["user"].as_str().expect("a name").to_owned()).collect()
}

/// Which of these names `list` gives: the machine that the tests run on has accounts of its own.
fn of_ours(system: &System, filters: &[&str]) -> Vec<String> {
    let ours = ["alice", "bob", "carol", "daemon-of-ours"];
    listed(system, filters).into_iter().filter(|name| ours.contains(&name.as_str())).collect()
}

fn kept(name: &str) -> (bool, bool) {
    let is = |path: String| Path::new(&path).exists();
    (is(format!("/var/lib/pam_totp/secrets/{name}.toml")), is(format!("/var/lib/pam_totp/state/{name}")))
}

/// Puts the hook where `make install` puts it.
fn hook(system: &System) {
    system.runs(Command::new("mkdir").args(["-p", HOOKS]));
    let path = format!("{HOOKS}/pam_totp");
    system.file(&path, include_str!("../../packaging/userdel/pam_totp"));
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("sets a mode");
}

#[test]
fn who_is_not_enrolled_and_who_must_be() {
    throw_away(|system| {
        system.enrolled("alice");
        system.user("bob");
        system.user("carol");
        system.runs(Command::new("useradd").args(["--shell", "/usr/sbin/nologin", "daemon-of-ours"]));
        system.runs(Command::new("groupadd").arg("staff-of-ours"));
        system.runs(Command::new("usermod").args(["--append", "--groups", "staff-of-ours", "alice"]));
        system.runs(Command::new("usermod").args(["--gid", "staff-of-ours", "bob"]));
        let group = ["--group", "staff-of-ours"];
        let with_group = |filters: &[&'static str]| [filters, &group].concat();
        assert_eq!(of_ours(system, &[]), ["alice"]);
        assert_eq!(of_ours(system, &["--unenrolled"]), ["bob", "carol"]);
        assert_eq!(of_ours(system, &group), ["alice"]);
        assert_eq!(of_ours(system, &with_group(&["--unenrolled"])), ["bob"]);
        assert_eq!(of_ours(system, &["--required"]), ["alice", "bob", "carol"]);
        assert_eq!(of_ours(system, &with_group(&["--required"])), ["alice", "bob"]);
        assert_eq!(of_ours(system, &with_group(&["--required", "--unenrolled"])), ["bob"]);
        system.policy("unenrolled = \"allow\"\n");
        assert_eq!(of_ours(system, &["--required"]), [""; 0]);
        assert_eq!(of_ours(system, &["--unenrolled"]), ["bob", "carol"]);
        for unenrolled in ["allow", "enroll"] {
            let rule = "[[require]]\ngroups = [\"staff-of-ours\"]\n";
            system.policy(&format!("unenrolled = \"{unenrolled}\"\n{rule}"));
            assert_eq!(of_ours(system, &["--required"]), ["alice", "bob"]);
            assert_eq!(of_ours(system, &["--required", "--unenrolled"]), ["bob"]);
        }

        // From some place everybody must be enrolled.
        system.policy("unenrolled = \"enroll\"\n[[require]]\nnetworks = [\"192.0.2.0/24\"]\n");
        assert_eq!(of_ours(system, &["--required"]), ["alice", "bob", "carol"]);

        let (_, list) = object(system, &with_group(&["list", "--unenrolled"]), "");
        assert_eq!((&list["users"][0]["user"], &list["users"][0]["enrolled"]), (&json!("bob"), &json!(false)));
        let (_, said, _) = program(system, &with_group(&["list", "--unenrolled"]), "");
        assert_eq!(said.split_whitespace().collect::<Vec<_>>(), ["bob", "not", "enrolled"]);
        let (exit, said, _) = program(system, &["list", "--orphans"], "");
        assert_eq!((exit, said.as_str()), (0, "Every enrollment has its account.\n"));
        assert_eq!(error_code(system, &["list", "--group", "none-here"], ""), (2, "no_such_group".into()));
        assert_eq!(error_code(system, &["list", "--orphans", "--required"], ""), (2, "usage".into()));
    });
}

#[test]
fn enrollments_without_an_owner_are_found_and_removed() {
    throw_away(|system| {
        for name in ["alice", "bob", "carol"] {
            system.enrolled(name);
        }
        system.runs(Command::new("userdel").args(["--remove", "alice"]));
        system.runs(Command::new("usermod").args(["--uid", "4242", "bob"]));
        system.file("/var/lib/pam_totp/secrets/carol.toml", "damaged\n");
        let (exit, list) = object(system, &["list", "--orphans"], "");
        let orphan = |user: &str, why: &str| json!({ "user": user, "enrolled": true, "orphan": why });
        assert_eq!((exit, &list["users"]), (0, &json!([orphan("alice", "no_account"), orphan("bob", "other_uid")])));

        assert_eq!(error_code(system, &["remove", "--orphans"], ""), (2, "needs_yes".into()));
        assert_eq!(kept("alice"), (true, true));
        let named = ["remove", "--orphans", "carol", "nobody-here", "bob"];
        let modified = |users: &[&str]| json!({ "version": 1, "modified": users, "failed": {} });
        assert_eq!(object(system, &named, ""), (0, modified(&["bob"])));
        assert_eq!(object(system, &["remove", "--orphans", "--yes"], ""), (0, modified(&["alice"])));
        system.log.line("removed the enrollment of alice (by root, uid 0)");
        assert_eq!(kept("alice"), (false, false), "the next alice starts clean");
        assert_eq!(kept("bob"), (false, true), "there is a bob, whose used codes still count");
        assert_eq!(kept("carol"), (true, true), "a damaged file is its owner's all the same");
        assert_eq!(object(system, &["remove", "--orphans"], ""), (0, modified(&[])), "nothing to ask about");
    });
}

/// What `rename` had in its hands when it ended is the only copy of the key.
#[test]
fn an_enrollment_on_its_way_to_another_account_is_no_orphan() {
    throw_away(|system| {
        hook(system);
        system.enrolled("alice");
        system.user("carol");
        let secret = format!("{STORE}/secrets/alice.toml");
        let text = fs::read_to_string(&secret).expect("alice's");
        let uid = |text: &str, name| text.replace("user = \"alice\"", &format!("user = \"{name}\""));
        fs::write(&secret, uid(&text, "carol")).expect("halfway");
        system.runs(Command::new("userdel").arg("alice"));
        assert_eq!(kept("alice"), (true, true));
        assert_eq!(program(system, &["remove", "--orphans", "--yes"], "").0, 0);
        assert_eq!(kept("alice"), (true, true));
        assert_eq!(program(system, &["rename", "alice", "carol"], "").0, 0);
        assert_eq!((kept("alice").0, kept("carol").0), (false, true));
        // Whom no account is named by is nobody's on the way.
        fs::write(format!("{STORE}/secrets/carol.toml"), uid(&text, "zoe")).expect("to nowhere");
        system.runs(Command::new("userdel").arg("carol"));
        assert_eq!(kept("carol"), (false, false));
    });
}

/// A directory may list another alice: the first one is who logs in here.
#[test]
fn of_two_accounts_with_one_name_the_first_is_enrolled() {
    throw_away(|system| {
        system.enrolled("alice");
        let passwd = fs::read_to_string("/etc/passwd").expect("the accounts");
        system.file("/etc/passwd", &(passwd + "alice:x:5000:5000::/home/other:/bin/sh\n"));
        assert_eq!(listed(system, &["--orphans"]), [""; 0]);
        assert_eq!(program(system, &["remove", "--orphans", "--yes"], "").0, 0);
        assert_eq!(kept("alice"), (true, true));
    });
}

#[test]
fn who_removes_everybody_keeps_their_own_enrollment() {
    throw_away(|system| {
        for name in ["alice", "bob", "carol"] {
            system.enrolled(name);
        }
        assert_eq!(error_code(system, &["remove", "--all"], ""), (2, "needs_yes".into()));
        assert_eq!(error_code(system, &["remove", "--all", "alice"], ""), (2, "usage".into()));
        assert_eq!(error_code(system, &["remove"], ""), (2, "usage".into()));
        let mut command = Command::new("pam-totp");
        command.args(["remove", "--all"]);
        let mut terminal = Terminal::run(command);
        terminal.sees("Turn two-factor authentication off for 3 users?");
        terminal.answers("[y/N] ", "no");
        assert_eq!(terminal.ends().1, 1);
        assert_eq!(listed(system, &[]), ["alice", "bob", "carol"]);

        let mut nobody = Command::new("pam-totp");
        nobody.env("SUDO_UID", "4242").args(["remove", "--all", "--yes"]);
        let output = system.tries(&mut nobody, "");
        assert_eq!(output.status.code(), Some(5), "{output:?}");
        assert!(String::from_utf8_lossy(&output.stderr).contains("no account has your uid 4242"), "{output:?}");
        assert_eq!(listed(system, &[]), ["alice", "bob", "carol"]);

        system.file("/etc/sudoers.d/carol", "carol ALL=(ALL) NOPASSWD: ALL\n");
        let carol = User { name: "carol" };
        let mut sudo = carol.command("sudo");
        let output = system.runs(sudo.args(["pam-totp", "--json", "remove", "--all", "--yes"]));
        let answer: Value = serde_json::from_slice(&output.stdout).expect("one object");
        assert_eq!(answer["modified"], json!(["alice", "bob"]));
        assert_eq!(listed(system, &[]), ["carol"]);
        system.log.line("removed the enrollment of bob (by carol, uid ");
    });
}

#[test]
fn with_its_account_an_enrollment_goes() {
    throw_away(|system| {
        hook(system);
        for name in ["alice", "bob", "carol"] {
            system.enrolled(name);
        }
        let output = system.runs(Command::new("userdel").arg("alice"));
        assert_eq!((output.stdout.as_slice(), output.stderr.as_slice()), (&b""[..], &b""[..]));
        assert_eq!(kept("alice"), (false, false));
        system.log.line("removed the enrollment of alice (by root, uid 0)");
        assert_eq!(kept("bob"), (true, true));
        // Debian's deluser ends in the same place.
        system.runs(Command::new("/usr/sbin/deluser").arg("bob"));
        assert_eq!(kept("bob"), (false, false));

        // An account of another system that is only mounted here.
        system.runs(Command::new("mkdir").args(["-p", "/srv/other/etc"]));
        for file in ["passwd", "shadow", "group", "gshadow", "login.defs"] {
            system.runs(Command::new("cp").args([format!("/etc/{file}"), format!("/srv/other/etc/{file}")]));
        }
        system.runs(Command::new("userdel").args(["--prefix", "/srv/other", "carol"]));
        assert!(!fs::read_to_string("/srv/other/etc/passwd").expect("accounts").contains("carol"));
        assert_eq!(kept("carol"), (true, true));

        // Without the store the account goes all the same, and the enrollment is found later.
        system.runs(Command::new("mount").args(["-t", "tmpfs", "-o", "mode=755", "tmpfs", "/var/lib/pam_totp"]));
        let output = system.runs(Command::new("userdel").arg("carol"));
        assert!(String::from_utf8_lossy(&output.stderr).contains("/var/lib/pam_totp/secrets is missing"), "{output:?}");
        system.runs(Command::new("umount").arg("/var/lib/pam_totp"));
        assert_eq!(listed(system, &["--orphans"]), ["carol"]);
    });
}

#[test]
fn a_name_that_looks_like_an_option_is_a_name() {
    throw_away(|system| {
        hook(system);
        system.enrolled("bob");
        system.runs(Command::new("cp").args(["-p", "--", "secrets/bob.toml", "secrets/--all.toml"]).current_dir(STORE));
        assert_eq!(listed(system, &[]), ["--all", "bob"]);
        // userdel itself looks its users up, and no name service gives such a one out: this is what it would run.
        // And so it would where root has come by su, which leaves it the PATH of a user.
        system.runs(Command::new("install").args(["-D", "-m", "755", "/bin/true", "/tmp/trap/pam-totp"]));
        let mut hook = Command::new(format!("{HOOKS}/pam_totp"));
        let path = "/tmp/trap:/usr/local/bin:/usr/bin:/bin";
        system.runs(hook.env("ACTION", "userdel").env("SUBJECT", "--all").env("PATH", path));
        assert_eq!(listed(system, &[]), ["bob"]);
        assert_eq!(kept("--all"), (false, false));
    });
}

/// A host with a hundred thousand users is listed in the time that so few calls a user take.
#[test]
fn a_long_list_costs_few_system_calls_a_user() {
    throw_away(|system| {
        system.enrolled("alice");
        let secret = fs::read_to_string("/var/lib/pam_totp/secrets/alice.toml").expect("a secret");
        let uid = secret.lines().find(|line| line.starts_with("uid = ")).expect("a uid").to_owned();
        let state = fs::read("/var/lib/pam_totp/state/alice").expect("a record");
        let before = fs::read_to_string("/etc/passwd").expect("the accounts");
        let private = |path: String, bytes: &[u8]| {
            fs::write(&path, bytes).expect("writes a file of the store");
            fs::set_permissions(path, fs::Permissions::from_mode(0o600)).expect("sets a mode");
        };
        let calls = |users: usize| {
            let mut passwd = before.clone();
            for user in 0..users {
                let (name, number) = (format!("user{user}"), 4000 + user);
                passwd.push_str(&format!("{name}:x:{number}:100::/home/{name}:/bin/sh\n"));
                let theirs =
                    secret.replace("\"alice\"", &format!("{name:?}")).replace(&uid, &format!("uid = {number}"));
                private(format!("{STORE}/secrets/{name}.toml"), theirs.as_bytes());
                private(format!("{STORE}/state/{name}"), &state);
            }
            system.file("/etc/passwd", &passwd);
            let (calls, output) = strace::calls(system, 1_800_000_000, &["pam-totp", "--json", "list"], "");
            let list: Value = serde_json::from_slice(&output.stdout).expect("one object");
            assert_eq!(list["users"].as_array().map(Vec::len), Some(users + 1));
            assert!(list["users"][users]["problem"].is_null(), "{}", list["users"][users]);
            calls.len()
        };
        let (few, many) = (calls(100), calls(300));
        let a_user = (many - few) / 200;
        assert!(a_user <= 13, "{a_user}");
    });
}
