//! Delegates look after their users, and after nobody else: what the program does for them, and what pam-totpd lets through.

use crate::support::codes::code_at;
use crate::support::door::{Door, asks, knocking};
use crate::support::lanes;
use crate::support::system::{KEY, System, User, throw_away};
use crate::support::terminal::Terminal;
use serde_json::{Value, json};
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};
use std::thread;

/// The beginning of a step.
const T: u64 = 1_800_000_000;
const FILE: &str = "/etc/security/pam_totp.delegates.toml";
const POLICY: &str = "unenrolled = \"allow\"\nnotify = \"/usr/bin/true\"\n";
const ALL: &str = "[\"status\", \"list\", \"unlock\", \"remove\", \"backup-codes\"]";

/// Ray looks after bob by name and after acme's members, among whom are some who are nobody's.
fn prepare(system: &System) -> (Door, User) {
    let door = Door::open(T);
    system.policy(POLICY);
    let ray = system.enrolled("ray");
    for user in ["bob", "carol", "dave", "eve", "amy"] {
        system.enrolled(user);
    }
    system.user("newcomer");
    let groups = "groupadd acme; groupadd staff2; usermod -aG staff2 amy; usermod -g acme dave
         for user in carol amy eve newcomer ray; do usermod -aG acme $user; done; usermod -aG acme root; usermod -aG acme daemon";
    system.runs(Command::new("sh").args(["-c", groups]));
    delegates(system, ALL);
    (door, ray)
}

fn delegates(system: &System, may: &str) {
    let text = format!(
        "administrators = [\"staff2\"]\n\
         [[delegate]]\nwho = \"ray\"\nusers = [\"bob\", \"root\", \"ray\"]\ngroups = [\"acme\"]\nmay = {may}\n\
         [[delegate]]\nwho = \"eve\"\nusers = [\"nobody-of-this-name\"]\nmay = [\"list\"]\n"
    );
    system.file(FILE, &text);
    fs::set_permissions(FILE, Permissions::from_mode(0o600)).expect("sets a mode");
}

/// What the program says to programs, and how it ends.
fn says(system: &System, user: &User, arguments: &[&str], code: &str) -> (Value, i32) {
    let output = system.tries(user.command("pam-totp").arg("--json").args(arguments), &format!("{code}\n"));
    let said = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{arguments:?}: {output:?}"));
    (said, output.status.code().expect("it ends"))
}

/// Gives the uid of a user another name, in another group.
fn also_called(system: &System, user: &str, name: &str, group: &str) {
    let uid = String::from_utf8(system.runs(Command::new("id").args(["-u", user])).stdout).expect("text");
    system.runs(Command::new("useradd").args(["--non-unique", "--uid", uid.trim(), "--groups", group, name]));
}

fn is_enrolled(user: &str) -> bool {
    fs::exists(format!("/var/lib/pam_totp/secrets/{user}.toml")).expect("looks")
}

#[test]
fn a_delegate_looks_after_their_users_with_a_code_each_time() {
    throw_away(|system| {
        let (door, ray) = prepare(system);
        let (said, _) = says(system, &ray, &["status"], "");
        assert_eq!(said["delegate"], json!(["status", "list", "unlock", "remove", "backup-codes"]));
        let (said, _) = says(system, &User { name: "bob" }, &["status"], "");
        assert_eq!(said.get("delegate"), None);

        let code = |step: u64| {
            door.at(T + 30 * step);
            code_at(KEY, T + 30 * step)
        };
        let (said, exit) = says(system, &ray, &["list"], &code(0));
        assert_eq!(exit, 0, "{said}");
        let names: Vec<_> = said["users"].as_array().expect("users").iter().map(|user| &user["user"]).collect();
        assert_eq!(names, ["bob", "carol", "dave", "newcomer"]);
        assert_eq!((&said["users"][0]["enrolled"], &said["users"][3]["enrolled"]), (&json!(true), &json!(false)));
        system.log.line("listed users, by the delegate ray (asked by uid ");

        let (said, exit) = says(system, &ray, &["status", "bob"], &code(1));
        assert_eq!((exit, &said["user"], &said["devices"][0]["name"]), (0, &json!("bob"), &json!("phone")), "{said}");
        system.log.line("looked at bob, by the delegate ray (asked by uid ");

        lanes::spent("carol", T + 60);
        assert_eq!(says(system, &ray, &["unlock", "carol"], &code(2)).0["modified"], json!(["carol"]));
        system.log.line("unlocked carol, by the delegate ray (asked by uid ");
        assert_eq!(says(system, &User { name: "root" }, &["status", "carol"], "").0["waits"], json!([]));

        let (said, exit) = says(system, &ray, &["backup-codes", "dave", "--expires", "1h"], &code(3));
        assert_eq!(exit, 0, "{said}");
        let temporary = said["backup_codes"][0].as_str().expect("a code").to_owned();
        let verified = asks(system, &User { name: "dave" }, &format!("verify\nuser dave\ncode {temporary}"));
        assert!(verified.ends_with(" temporary"), "{verified}");
        system.log.line("made temporary backup codes for dave, by the delegate ray (asked by uid ");

        // At a terminal they are asked.
        let own = code(4);
        let mut remove = ray.command("pam-totp");
        remove.args(["remove", "bob"]);
        let mut terminal = Terminal::run(remove);
        terminal.answers("Your own verification code: ", &own);
        let (screen, exit) = terminal.ends();
        assert!(exit == 0 && screen.contains("bob is not enrolled any more."), "{screen}");
        assert!(!is_enrolled("bob") && is_enrolled("ray"));
        system.log.line("removed the enrollment of bob, by the delegate ray (asked by uid ");

        let spool: String = fs::read_dir("/var/spool/pam_totp")
            .expect("a folder")
            .map(|entry| fs::read_to_string(entry.expect("an entry").path()).expect("a line"))
            .collect();
        for event in
            ["unlocked\",\"user\":\"carol", "temporary_backup_codes\",\"user\":\"dave", "removed\",\"user\":\"bob"]
        {
            assert!(spool.contains(&format!("\"event\":\"{event}\",\"by\":\"ray\"")), "{event}: {spool}");
        }
    });
}

#[test]
fn nobody_else_is_a_delegates_to_look_after() {
    throw_away(|system| {
        let (door, ray) = prepare(system);
        // A second name of an administrator's uid, and the first name of a uid whose second one is an administrator's.
        also_called(system, "amy", "zoe", "acme");
        also_called(system, "carol", "carol-admin", "staff2");
        let mut step = 0;
        for user in ["root", "ray", "eve", "amy", "zoe", "carol", "daemon", "bob2", "frank", "../bob", ""] {
            for verb in ["status", "unlock", "remove", "backup-codes"] {
                step += 1;
                let time = T + 30 * step;
                door.at(time);
                let codes = if verb == "backup-codes" { "codes 1 3600\n".to_owned() } else { String::new() };
                let request = format!("delegate {verb}\nuser {user}\n{codes}code {}", code_at(KEY, time));
                assert_eq!(asks(system, &ray, &request), "refused not-delegated", "{verb} {user}");
            }
        }
        for user in ["ray", "eve", "amy", "carol"] {
            assert!(is_enrolled(user), "{user}");
        }
        system.log.line("refused for remove of amy, by the delegate ray: ");
        assert_eq!(system.log.count("refused for "), system.log.count("by the delegate ray"), "nothing was done");
    });
}

#[test]
fn without_the_right_the_file_or_the_code_nothing_is_done() {
    throw_away(|system| {
        let (door, ray) = prepare(system);
        let (bob, root) = (User { name: "bob" }, User { name: "root" });
        let remove = |code: &str| format!("delegate remove\nuser carol\ncode {code}");
        let right = code_at(KEY, T);
        // Nobody else, root's processes included, and not with a code of their own.
        for other in [&bob, &root, &User { name: "eve" }] {
            assert_eq!(asks(system, other, &remove(&right)), "refused not-delegated", "{}", other.name);
        }
        // Their code is as good as before.
        assert!(asks(system, &bob, &format!("verify\nuser bob\ncode {right}")).contains(" device "));

        // What is wrong with the code.
        let answers =
            [("delegate remove\nuser carol".to_owned(), "refused malformed"), (remove(""), "refused current ")];
        for (request, answer) in answers {
            assert!(asks(system, &ray, &request).starts_with(answer), "{request}");
        }
        assert!(asks(system, &ray, &remove(&code_at(KEY, T + 6_000))).contains(" wrong "));
        assert_eq!(asks(system, &ray, &format!("delegate list\nuser ray\ncode {right}")), "listed enrolled");
        assert!(asks(system, &ray, &remove(&right)).contains(" used "), "each code once");

        // A right that is not in the file.
        delegates(system, "[\"status\"]");
        door.at(T + 30);
        let next = code_at(KEY, T + 30);
        for verb in ["remove", "unlock", "list"] {
            let request = format!("delegate {verb}\nuser carol\ncode {next}");
            assert_eq!(asks(system, &ray, &request), "refused not-delegated", "{verb}");
        }
        // A fault in a file is root's to fix, and nobody's right.
        delegates(system, ALL);
        let whole = fs::read_to_string(FILE).expect("text");
        let faults: [(&str, &dyn Fn()); 6] = [
            ("no file", &|| fs::remove_file(FILE).expect("removes it")),
            ("a typo", &|| system.file(FILE, &whole.replace("groups", "group"))),
            ("no administrators", &|| system.file(FILE, &whole.replace("administrators = [\"staff2\"]\n", ""))),
            ("others may write", &|| fs::set_permissions(FILE, Permissions::from_mode(0o666)).expect("sets a mode")),
            ("a broken policy", &|| system.policy("enabled = ture\n")),
            // Found after the code.
            ("an unknown group", &|| system.file(FILE, &whole.replace("staff2", "staff3"))),
        ];
        for (what, breaks) in faults {
            system.policy(POLICY);
            delegates(system, ALL);
            breaks();
            let answer = asks(system, &ray, &remove(&next));
            assert!(matches!(answer.as_str(), "refused fault" | "refused not-delegated"), "{what}: {answer}");
        }
        assert!(is_enrolled("carol"));
    });
}

/// What an account leaves behind that is gone may be somebody else's, and there is no other copy of the key.
#[test]
fn what_another_uid_has_enrolled_is_left_alone() {
    throw_away(|system| {
        let (door, ray) = prepare(system);
        system.runs(Command::new("usermod").args(["--uid", "5000", "bob"]));
        for (step, verb) in (0..).zip(["remove", "unlock", "status", "backup-codes"]) {
            let time = T + 30 * step;
            door.at(time);
            let codes = if verb == "backup-codes" { "codes 1 3600\n" } else { "" };
            let request = format!("delegate {verb}\nuser bob\n{codes}code {}", code_at(KEY, time));
            assert_eq!(asks(system, &ray, &request), "refused fault", "{verb}");
        }
        assert!(is_enrolled("bob"));
    });
}

/// Who may only list sees no more than who is enrolled.
#[test]
fn a_list_tells_of_each_user_what_the_delegate_may_see() {
    throw_away(|system| {
        let (_door, ray) = prepare(system);
        delegates(system, "[\"list\"]");
        let (said, exit) = says(system, &ray, &["list"], &code_at(KEY, T));
        assert_eq!((exit, &said["users"][0]["user"], &said["users"][0]["enrolled"]), (0, &json!("bob"), &json!(true)));
        assert_eq!(said["users"][0]["devices"], json!([]), "{said}");
        let (said, exit) = says(system, &ray, &["status", "bob"], &code_at(KEY, T + 30));
        assert_eq!((exit, &said["error"]["code"]), (4, &json!("not_permitted")), "{said}");
    });
}

/// A session that was stolen before its owner enrolled could make a key of its own, and have all their rights.
#[test]
fn no_delegate_enrolls_themselves_without_root() {
    throw_away(|system| {
        let (_door, _) = prepare(system);
        let text = fs::read_to_string(FILE).expect("text");
        let new = User { name: "newcomer" };
        let enrolls = |key: &str| {
            let device = format!("device totp 30 SHA1 6 phone\nkey {key}");
            asks(system, &new, &format!("set\nuser newcomer\n{device}\ncode {}\ncount 0", code_at(key, T)))
        };
        system.file(FILE, &text.replace("\"eve\"", "\"newcomer\""));
        assert_eq!(enrolls(KEY), "refused not-self");
        // Who that is, nobody knows while the file has a fault.
        system.file(FILE, &text.replace("may", "can"));
        assert_eq!(enrolls(KEY), "refused fault");
        assert!(!is_enrolled("newcomer"));
        system.file(FILE, &text);
        assert_eq!(enrolls(KEY), "done");
    });
}

#[test]
fn unlocking_gives_back_no_more_guesses_than_a_hundred() {
    throw_away(|system| {
        let (door, ray) = prepare(system);
        let unlock = |time: u64| {
            door.at(time);
            asks(system, &ray, &format!("delegate unlock\nuser carol\ncode {}", code_at(KEY, time)))
        };
        lanes::changes("carol", |record| record.row = 60);
        assert_eq!(unlock(T), "done");
        assert_eq!(lanes::record("carol").row, 60, "it goes on where it was");
        lanes::closed("carol");
        assert_eq!(unlock(T + 30), "refused closed");
        // Root begins at none, and so does the user's own success.
        system.runs(Command::new("pam-totp").args(["unlock", "carol"]));
        assert_eq!(lanes::record("carol").row, 0);
    });
}

#[test]
fn where_one_code_is_not_looked_at_the_delegate_is_asked_for_the_next_one() {
    throw_away(|system| {
        let (_door, ray) = prepare(system);
        lanes::spent("ray", T);
        let mut remove = ray.command("pam-totp");
        remove.args(["remove", "bob"]);
        let mut terminal = Terminal::run(remove);
        terminal.answers("Your own verification code: ", &code_at(KEY, T));
        terminal.answers("the code that comes after it (in 30 s): ", &code_at(KEY, T + 30));
        let (screen, exit) = terminal.ends();
        assert!(exit == 0 && screen.contains("bob is not enrolled any more."), "{screen}");
    });
}

/// One code, sixteen calls at once.
#[test]
fn a_code_of_a_delegate_does_one_thing() {
    throw_away(|system| {
        let (_door, ray) = prepare(system);
        let request = format!("pam_totp 1\ndelegate unlock\nuser carol\ncode {}\n\n", code_at(KEY, T));
        let callers: Vec<_> = (0..16)
            .map(|_| {
                let mut caller = knocking(&ray);
                let request = request.clone();
                thread::spawn(move || {
                    use std::io::Write;
                    let pipes = caller.stdin(Stdio::piped()).stdout(Stdio::piped());
                    let mut child = pipes.spawn().expect("a caller starts");
                    child.stdin.take().expect("a pipe").write_all(request.as_bytes()).expect("writes");
                    String::from_utf8(child.wait_with_output().expect("it ends").stdout).expect("text")
                })
            })
            .collect();
        let replies: Vec<String> = callers.into_iter().map(|caller| caller.join().expect("a reply")).collect();
        assert_eq!(replies.iter().filter(|reply| reply.contains("\ndone")).count(), 1, "{replies:?}");
    });
}
