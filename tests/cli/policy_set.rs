//! `policy set`: a script says what the policy shall say, as often as it likes.

use crate::support::program::{error_code, object, program};
use crate::support::system::{System, throw_away};
use crate::support::terminal::Terminal;
use serde_json::json;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

const POLICY: &str = "/etc/security/pam_totp.toml";
const EXAMPLE: &str = include_str!("../../packaging/pam_totp.toml");

fn text() -> String {
    fs::read_to_string(POLICY).expect("the policy")
}

fn set(system: &System, words: &[&str]) -> (i32, serde_json::Value) {
    object(system, &[&["policy", "set"], words].concat(), "")
}

#[test]
fn a_key_is_set_once_and_comments_stay() {
    throw_away(|system| {
        system.policy(EXAMPLE);
        let allowed = EXAMPLE.replace("#unenrolled = \"deny\"", "unenrolled = \"allow\"");

        // What would change is shown, and not done; who may read the policy may ask.
        let carol = system.user("carol");
        let (exit, said, _) = program(system, &["policy", "set", "unenrolled", "allow", "--dry-run"], "");
        assert_eq!((exit, text().as_str()), (0, EXAMPLE));
        assert_eq!(
            said,
            format!("{POLICY}:\n-#unenrolled = \"deny\"\n+unenrolled = \"allow\"\nNothing was written.\n")
        );
        let shown = system.runs(carol.command("pam-totp").args(["policy", "set", "unenrolled", "allow", "--dry-run"]));
        assert_eq!(String::from_utf8_lossy(&shown.stdout), said);
        let (exit, answer) = set(system, &["unenrolled", "allow", "--dry-run"]);
        assert_eq!((exit, &answer["changed"], &answer["dry_run"]), (0, &json!(true), &json!(true)));
        assert_eq!((answer["lines"].as_array().map(Vec::len), text().as_str()), (Some(2), EXAMPLE));

        let (exit, answer) = set(system, &["unenrolled", "allow"]);
        assert_eq!((exit, &answer["changed"], &answer["set"]), (0, &json!(true), &json!({ "unenrolled": "allow" })));
        assert_eq!(text(), allowed);
        system.log.line("set unenrolled of the policy to \"allow\" (by root, uid 0)");
        let (exit, answer) = set(system, &["unenrolled", "allow"]);
        assert_eq!((exit, &answer["changed"], text()), (0, &json!(false), allowed.clone()));

        let pairs = ["remember.hours", "12", "remember.services", "sshd,login", "throttle.every", "7200"];
        assert_eq!(set(system, &pairs).1["changed"], true);
        let shown = object(system, &["policy", "show"], "").1;
        assert_eq!(shown["remember"], json!({ "hours": 12, "services": ["sshd", "login"] }));
        assert_eq!(shown["throttle"]["every"], 7200);
        assert_eq!(set(system, &pairs).1["changed"], false);
        assert_eq!(set(system, &["--unset", "remember", "throttle.every"]).1["changed"], true);
        system.log.line("removed remember from the policy (by root, uid 0)");
        assert_eq!(set(system, &["--unset", "unenrolled"]).1["changed"], true);
        assert_eq!(set(system, &["--unset", "unenrolled"]).1["changed"], false);
        let shown = object(system, &["policy", "show"], "").1;
        assert_eq!(shown["from_file"], json!([]), "{}", text());
    });
}

#[test]
fn a_policy_that_is_not_there_yet_is_made() {
    throw_away(|system| {
        assert_eq!(set(system, &["self_service", ""]).1["changed"], true);
        let mode = fs::metadata(POLICY).expect("the policy").permissions().mode() & 0o7777;
        assert_eq!((text().as_str(), mode), ("self_service = []\n", 0o644));
        // One that was named must be there: else a typo in its name would be a policy that nothing reads.
        let arguments = ["--config", "/etc/none.toml", "policy", "set", "window", "2"];
        assert_eq!(error_code(system, &arguments, ""), (5, "policy".into()));
        assert!(!fs::exists("/etc/none.toml").unwrap());
    });
}

#[test]
fn what_is_wrong_changes_nothing_and_says_what_would_be_right() {
    throw_away(|system| {
        system.policy("window = 2 # ours\n");
        for (words, code, says) in [
            (&["window", "4"][..], "bad_value", "window must be 0 to 3"),
            (&["window", "-1"], "bad_value", "window must be 0 to 3"),
            (&["window", "two"], "bad_value", "window must be 0 to 3"),
            (&["unenrolled", "maybe"], "bad_value", "unenrolled must be deny, allow or enroll"),
            (&["enroll_by", "2027-02-30"], "bad_value", "enroll_by must be a day like 2027-01-31"),
            (&["throttle.every", "60"], "bad_value", "throttle.every must be 600 to 86400"),
            (&["remember.hours", "12"], "bad_value", "`policy set remember.hours 12 remember.services sshd`"),
            (&["window", "1", "unenrolled", "maybe"], "bad_value", "unenrolled must be"),
            (&["unenroled", "allow"], "no_such_key", "unenrolled"),
            (&["--unset", "unenroled"], "no_such_key", "unenrolled"),
            (&["store", "/srv/x"], "no_such_key", "edit the file"),
            (&["require", "alice"], "no_such_key", "edit the file"),
            (&["throttle", "3"], "no_such_key", "throttle.free"),
            (&["window"], "usage", "window must be 0 to 3; --unset"),
            (&["window", "1", "window", "2"], "usage", "twice"),
        ] {
            let (exit, answer) = set(system, words);
            assert_eq!((exit, answer["error"]["code"].as_str()), (2, Some(code)), "{words:?}: {answer}");
            assert!(answer["error"]["message"].as_str().expect("words").contains(says), "{words:?}: {answer}");
            assert_eq!(text(), "window = 2 # ours\n", "{words:?}");
        }
        // A fault elsewhere in the file is said where it is; the key that is the fault can be set right.
        for broken in ["window = 2\nunenroled = \"deny\"\n", "window = 2\nprompt = \n"] {
            system.policy(broken);
            let (exit, answer) = set(system, &["window", "1"]);
            assert_eq!((exit, &answer["error"]["code"]), (5, &json!("policy")), "{answer}");
            assert!(answer["error"]["message"].as_str().expect("words").contains("line 2, column "), "{answer}");
            assert_eq!(text(), broken);
        }
        system.policy("window = 9 # ours\n");
        assert_eq!((set(system, &["window", "1"]).0, text().as_str()), (0, "window = 1 # ours\n"));

        let carol = system.user("carol");
        let output = system.tries(carol.command("pam-totp").args(["policy", "set", "window", "2"]), "");
        assert_eq!((output.status.code(), text().as_str()), (Some(4), "window = 1 # ours\n"));
    });
}

#[test]
fn who_would_be_refused_by_it_is_counted_first() {
    throw_away(|system| {
        system.user("bob");
        system.stack("su", "auth requisite pam_unix.so\nauth required pam_totp.so\n");
        system.policy("unenrolled = \"allow\"\n");
        let before = text();
        assert_eq!(error_code(system, &["policy", "set", "unenrolled", "deny"], ""), (2, "needs_yes".into()));
        let (_, said, _) = program(system, &["policy", "set", "unenrolled", "deny", "--dry-run"], "");
        assert!(said.contains("are not enrolled and are refused"), "{said}");
        let ask = |answer: &str| {
            let mut command = Command::new("pam-totp");
            command.args(["policy", "set", "unenrolled", "deny"]);
            let mut terminal = Terminal::run(command);
            terminal.sees("are not enrolled");
            terminal.sees("refused");
            terminal.answers("Change the policy? [y/N] ", answer);
            terminal.ends()
        };
        assert_eq!((ask("n").1, text()), (1, before.clone()));
        assert_eq!((ask("y").1, text().as_str()), (0, "unenrolled = \"deny\"\n"));
        // Nobody more is refused by any of these.
        assert_eq!(set(system, &["unenrolled", "allow"]).0, 0);
        assert_eq!(set(system, &["enabled", "false", "unenrolled", "deny"]).0, 0);
        system.log.line("switched the policy off (by root, uid 0)");
        assert_eq!(error_code(system, &["policy", "set", "enabled", "true"], ""), (2, "needs_yes".into()));
        assert_eq!(set(system, &["enabled", "true", "--yes"]).1["changed"], true);
        system.log.line("switched the policy on (by root, uid 0)");
    });
}
