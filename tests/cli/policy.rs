//! The administrator shows, checks and switches the policy: no comment is lost, and nobody is kept out unasked.

use crate::support::application::{self, SERVICE, SUCCESS, login};
use crate::support::program::{error_code, object, program};
use crate::support::strace;
use crate::support::system::{System, throw_away};
use crate::support::terminal::Terminal;
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

const POLICY: &str = "/etc/security/pam_totp.toml";
const EXAMPLE: &str = include_str!("../../packaging/pam_totp.toml");
const STACK: &str = "auth required pam_totp.so\n";

fn text() -> String {
    fs::read_to_string(POLICY).expect("the policy")
}

/// What lies beside the policy, temporary files too.
fn neighbours() -> Vec<String> {
    let entries = fs::read_dir("/etc/security").expect("a folder");
    let mut names: Vec<_> =
        entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("UTF-8")).collect();
    names.sort();
    names
}

/// Nothing asks but what a test says, and nobody has a shell but root and those whom it adds.
fn quiet(system: &System) {
    system.runs(Command::new("sed").args(["-i", "/pam_totp/d"]).args(glob("/etc/pam.d")));
    let passwd = fs::read_to_string("/etc/passwd").expect("the accounts");
    let others = passwd.lines().filter(|line| !line.starts_with("root:")).filter(|line| line.ends_with("sh"));
    for name in others.filter_map(|line| line.split(':').next()) {
        system.runs(Command::new("usermod").args(["--shell", "/usr/sbin/nologin", name]));
    }
}

fn glob(folder: &str) -> Vec<std::path::PathBuf> {
    fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()).collect()
}

#[test]
fn what_counts_is_shown_and_where_it_comes_from() {
    throw_away(|system| {
        let rule = "[[require]]\nusers = [\"root\"]\n";
        system.policy(&format!("# ours\nenabled = false\nsupport = \"Call 42.\"\n[throttle]\nfree = 3\n{rule}"));
        let (exit, shown) = object(system, &["policy", "show"], "");
        assert_eq!((exit, &shown["file"]), (0, &json!(POLICY)));
        assert_eq!(shown["from_file"], json!(["enabled", "support", "throttle.free", "require"]));
        assert_eq!((&shown["require"], &shown["exempt"]), (&json!([{ "users": ["root"] }]), &json!([])));
        assert_eq!((&shown["enabled"], &shown["support"]), (&json!(false), &json!("Call 42.")));
        assert_eq!(shown["throttle"], json!({ "free": 3, "every": 14_400 }));
        assert_eq!((&shown["issuer"], &shown["window"]), (&json!("throwaway"), &json!(1)));

        let (exit, said, _) = program(system, &["policy", "show"], "");
        assert_eq!(exit, 0);
        let line = |key: &str| {
            let line = said.lines().find(|line| line.split(' ').next() == Some(key));
            line.unwrap_or_else(|| panic!("{key}: {said}")).split_whitespace().collect::<Vec<_>>().join(" ")
        };
        assert_eq!(line("enabled"), "enabled false from the file");
        assert_eq!(line("throttle.every"), "throttle.every 14400 default");

        let carol = system.user("carol");
        let output = system.runs(carol.command("pam-totp").args(["policy", "show"]));
        assert_eq!(String::from_utf8_lossy(&output.stdout), said, "the policy is no secret");
    });
}

#[test]
fn each_key_of_the_example_is_shown_as_it_is_written() {
    throw_away(|system| {
        let spoken = |line: &str| line.strip_prefix('#').filter(|key| !key.starts_with(' ')).unwrap_or(line).to_owned();
        let all = EXAMPLE.lines().map(spoken).collect::<Vec<_>>().join("\n");
        let written: serde_json::Map<String, Value> = toml::from_str(&all).expect("TOML");
        assert!(written.len() > 8 && written.contains_key("require"), "{written:?}");
        system.policy(&all);
        let (exit, shown) = object(system, &["policy", "show"], "");
        assert_eq!(exit, 0, "{shown}");
        for (key, value) in &written {
            // JSON has no dates: there they are text.
            let value = value.get("$__toml_private_datetime").unwrap_or(value);
            assert_eq!(&shown[key], value, "{key}");
        }
        let inner =
            |(key, value): (&String, &Value)| match value.as_object().filter(|_| key == "throttle" || key == "door") {
                Some(table) => table.keys().map(|inner| format!("{key}.{inner}")).collect(),
                None => vec![key.clone()],
            };
        let mut keys: Vec<String> = written.iter().flat_map(inner).collect();
        let mut from_file: Vec<String> = serde_json::from_value(shown["from_file"].clone()).expect("keys");
        keys.sort();
        from_file.sort();
        assert_eq!(from_file, keys);
    });
}

#[test]
fn a_policy_is_checked_before_it_counts() {
    throw_away(|system| {
        let (exit, checked) = object(system, &["policy", "check"], "");
        assert_eq!((exit, &checked["valid"]), (0, &json!(true)), "an absent file means its defaults");
        system.file("/root/draft.toml", "window = 1\nunenroled = \"deny\"\n");
        let (exit, checked) = object(system, &["policy", "check", "/root/draft.toml"], "");
        assert_eq!((exit, &checked["valid"]), (1, &json!(false)));
        assert_eq!((&checked["line"], &checked["column"]), (&json!(2), &json!(1)));
        let (exit, said, _) = program(system, &["policy", "check", "/root/draft.toml"], "");
        assert_eq!(exit, 1);
        assert!(said.starts_with("/root/draft.toml: line 2, column 1: unknown field `unenroled`"), "{said}");
        system.file("/root/draft.toml", EXAMPLE);
        assert_eq!(program(system, &["policy", "check", "/root/draft.toml"], "").1, "/root/draft.toml: ok\n");
        assert_eq!(error_code(system, &["policy", "check", "/root/none.toml"], ""), (2, "usage".into()));
        // Of the file in force owner and mode matter too: a login would not read it.
        system.policy("window = 1\n");
        fs::set_permissions(POLICY, fs::Permissions::from_mode(0o666)).expect("sets a mode");
        assert_eq!(error_code(system, &["policy", "check"], ""), (5, "store".into()));
        assert_eq!(error_code(system, &["policy", "check", POLICY], ""), (5, "store".into()));
    });
}

#[test]
fn switching_keeps_every_comment_and_is_logged() {
    throw_away(|system| {
        quiet(system);
        system.policy(EXAMPLE);
        let before = neighbours();
        let (exit, answer) = object(system, &["policy", "disable"], "");
        assert_eq!((exit, &answer["enabled"], &answer["changed"]), (0, &json!(false), &json!(true)));
        assert_eq!(text(), EXAMPLE.replacen("#enabled = true", "enabled = false", 1));
        let line = system.log.line("switched the policy off (by root, uid 0)");
        assert!(line.starts_with("authpriv.notice pam-totp"), "{line}");
        assert_eq!(object(system, &["policy", "disable"], "").1["changed"], false);
        let (exit, answer) = object(system, &["policy", "enable", "--yes"], "");
        assert_eq!((exit, &answer["enabled"], &answer["changed"]), (0, &json!(true), &json!(true)));
        assert_eq!(text(), EXAMPLE.replacen("#enabled", "enabled", 1));
        system.log.line("switched the policy on (by root, uid 0)");
        assert_eq!(neighbours(), before, "a temporary file stayed");
        let mode = |path| fs::metadata(path).expect("metadata").permissions().mode() & 0o7777;
        assert_eq!(mode(POLICY), 0o644);
        fs::set_permissions(POLICY, fs::Permissions::from_mode(0o600)).expect("sets a mode");
        assert_eq!(program(system, &["policy", "disable"], "").0, 0);
        assert_eq!(mode(POLICY), 0o600, "the mode is the administrator's");

        fs::remove_file(POLICY).expect("removes the policy");
        assert_eq!(object(system, &["policy", "enable"], "").1["changed"], false, "the default is on");
        assert!(!fs::exists(POLICY).unwrap());
        assert_eq!(program(system, &["policy", "disable"], "").0, 0);
        assert_eq!((text().as_str(), mode(POLICY)), ("enabled = false\n", 0o644));
    });
}

#[test]
fn switched_off_nobody_is_asked_and_what_was_enrolled_counts_again_afterwards() {
    throw_away(|system| {
        application::build(system);
        system.stack(SERVICE, "auth required pam_totp.so\nauth required pam_permit.so\n");
        let alice = system.enrolled("alice");
        assert_ne!(login(system, "alice", &alice.wrong_code()), SUCCESS);
        assert_eq!(program(system, &["policy", "disable", "--yes"], "").0, 0);
        assert_eq!(login(system, "alice", ""), SUCCESS);
        let (exit, said, _) = program(system, &["policy", "enable", "--yes"], "");
        assert_eq!(exit, 0);
        assert!(said.contains(&format!("These stacks ask for a code: {SERVICE}")), "{said}");
        assert_ne!(login(system, "alice", &alice.wrong_code()), SUCCESS);
        assert_eq!(login(system, "alice", &alice.code()), SUCCESS);
    });
}

#[test]
fn who_would_be_refused_is_counted_before_it_is_switched_on() {
    throw_away(|system| {
        quiet(system);
        system.enrolled("alice");
        system.user("bob");
        system.runs(Command::new("useradd").args(["--shell", "/usr/sbin/nologin", "daemon-of-ours"]));
        system.policy("enabled = false # for now\n");
        system.stack("su", STACK);
        let off = text();
        assert_eq!(error_code(system, &["policy", "enable"], ""), (2, "needs_yes".into()));
        let (exit, _, said) = program(system, &["policy", "enable"], "");
        assert_eq!(exit, 2);
        assert!(said.contains("2 of 3 accounts with a shell are not enrolled and are refused"), "{said}");
        assert!(said.contains("--yes"), "{said}");
        assert_eq!(text(), off);

        let ask = |answer: &str| {
            let mut command = Command::new("pam-totp");
            command.args(["policy", "enable"]);
            let mut terminal = Terminal::run(command);
            terminal.sees("2 of 3 accounts with a shell are not enrolled");
            terminal.answers("[y/N] ", answer);
            terminal.ends()
        };
        let (screen, exit) = ask("");
        assert_eq!((exit, text()), (1, off.clone()), "{screen}");
        assert!(screen.contains("Nothing was changed."), "{screen}");
        let (screen, exit) = ask("y");
        assert_eq!((exit, text().as_str()), (0, "enabled = true # for now\n"), "{screen}");

        let nullok = "auth required pam_totp.so nullok\n";
        let allow = "unenrolled = \"allow\"\n";
        let bob = "[[require]]\nusers = [\"bob\", \"alice\"]\n";
        let elsewhere = "[[require]]\nusers = [\"bob\"]\nservices = [\"cron\"]\n";
        for (policy, stack, refused) in [
            (allow, STACK, 0),
            ("", nullok, 0),
            ("unenrolled = \"enroll\"\n", STACK, 0),
            (&format!("{allow}{bob}"), STACK, 1),
            (bob, nullok, 1),
            (&format!("{allow}{elsewhere}"), STACK, 0),
            ("[[exempt]]\nusers = [\"root\"]\n", STACK, 1),
            ("[[exempt]]\nnetworks = [\"192.0.2.0/24\"]\n", STACK, 2),
        ] {
            system.policy(&format!("enabled = false\n{policy}"));
            system.stack("su", stack);
            let (exit, answer) = object(system, &["policy", "enable"], "");
            assert_eq!(
                (exit, answer["enabled"] == true),
                if refused == 0 { (0, true) } else { (2, false) },
                "{policy}"
            );
            let (exit, answer) = object(system, &["policy", "enable", "--yes"], "");
            let counted = ["accounts", "unenrolled", "refused"].map(|key| answer[key].as_u64());
            assert_eq!((exit, counted), (0, [Some(3), Some(2), Some(refused)]), "{policy}{stack}");
            assert_eq!(answer["stacks"], json!(["su", "su-l"]), "that of su, and the one that includes it");
        }
    });
}

#[test]
fn without_a_stack_that_names_us_it_says_that_nothing_asks_yet() {
    throw_away(|system| {
        quiet(system);
        system.user("bob");
        system.file("/etc/pam.d/su", "# auth required pam_totp.so\naccount required pam_totp.so\n");
        system.file("/etc/pam.d/su.dpkg-old", STACK);
        system.policy("enabled = false\n");
        let (exit, said, _) = program(system, &["policy", "enable"], "");
        assert_eq!(exit, 0, "nobody is kept out, so nobody is asked");
        assert!(said.contains("Nothing asks for a code yet: `pam-totp stack add sshd`"), "{said}");
        assert_eq!(text(), "enabled = true\n");
    });
}

#[test]
fn the_issuer_is_the_hosts_name_until_it_is_set() {
    throw_away(|system| {
        system.user("bob");
        system.policy(EXAMPLE);
        let issuer = |issuer: &str, changed: bool| json!({ "version": 1, "issuer": issuer, "system_wide_issuer": issuer, "changed": changed });
        assert_eq!(object(system, &["issuer"], ""), (0, issuer("throwaway", false)));
        assert_eq!(object(system, &["issuer", "ACME \"Inc\""], ""), (0, issuer("ACME \"Inc\"", true)));
        assert_eq!(object(system, &["issuer", "ACME \"Inc\""], ""), (0, issuer("ACME \"Inc\"", false)));
        system.log.line("set the issuer to ACME?\"Inc\" (by root, uid 0)");
        assert!(text().contains("\nissuer = 'ACME \"Inc\"'\n"), "{}", text());
        assert_eq!(object(system, &["generate", "bob"], "").1["issuer"], "ACME \"Inc\"");
        assert_eq!(object(system, &["issuer", ""], ""), (0, issuer("throwaway", true)));
        assert_eq!(program(system, &["issuer"], "").1, "throwaway\n");
        let before = text();
        for bad in ["a:b", "a\nb", &"x".repeat(129)] {
            assert_eq!(error_code(system, &["issuer", bad], ""), (2, "bad_name".into()), "{bad}");
        }
        assert_eq!(text(), before);
    });
}

#[test]
fn who_is_not_root_changes_nothing() {
    throw_away(|system| {
        let carol = system.user("carol");
        system.policy("enabled = false\n");
        for arguments in [&["policy", "enable"][..], &["policy", "disable"], &["issuer", "ACME"]] {
            system.policy(if arguments[1] == "disable" { "window = 2\n" } else { "enabled = false\n" });
            let before = text();
            let output = system.tries(carol.command("pam-totp").arg("--json").args(arguments), "");
            let answer: Value = serde_json::from_slice(&output.stdout).expect("one object");
            assert_eq!(output.status.code(), Some(4), "{arguments:?}: {answer}");
            assert_eq!(answer["error"]["code"], "not_permitted", "{arguments:?}");
            assert_eq!(text(), before);
        }
    });
}

#[test]
fn a_policy_that_cannot_be_changed_stays_as_it_is() {
    throw_away(|system| {
        system.policy("enabled = ture\n");
        assert_eq!(error_code(system, &["policy", "disable"], ""), (5, "policy".into()));
        assert_eq!(text(), "enabled = ture\n");
        assert_eq!(error_code(system, &["--config", "/etc/none.toml", "issuer", "A"], ""), (5, "policy".into()));
        assert!(!fs::exists("/etc/none.toml").unwrap());

        // A full disk: nothing is left behind that is half written.
        system.runs(Command::new("mkdir").args(["-p", "/srv/small"]));
        system.runs(Command::new("mount").args(["-t", "tmpfs", "-o", "mode=755,size=8k", "tmpfs", "/srv/small"]));
        let config = ["--config", "/srv/small/policy.toml"];
        system.file(config[1], &format!("{}\n", "#".repeat(7000)));
        let before = fs::read(config[1]).expect("the policy");
        assert_eq!(error_code(system, &[&config[..], &["policy", "disable"]].concat(), ""), (5, "store".into()));
        assert_eq!(fs::read(config[1]).expect("the policy"), before);
        assert_eq!(fs::read_dir("/srv/small").expect("a folder").count(), 1);
    });
}

#[test]
fn killed_at_any_moment_the_policy_is_the_old_or_the_new_one() {
    throw_away(|system| {
        let old = EXAMPLE.replacen("#window = 1", "window = 2", 1);
        let new = old.replacen("#issuer = \"host.example.com\"", "issuer = \"ACME\"", 1);
        system.policy(&old);
        let change = ["pam-totp", "issuer", "ACME"];
        let (calls, _) = strace::calls(system, 1_800_000_000, &change, "");
        assert_eq!(text(), new);
        let first = calls.iter().position(|call| call.line.contains(".pam_totp.toml.new")).expect("a new file");
        let calls: Vec<_> = calls.into_iter().skip(first).filter(|call| call.name != "exit_group").collect();
        assert!(calls.iter().any(|call| call.name.starts_with("rename")), "{calls:?}");
        for call in &calls {
            system.policy(&old);
            strace::killed_at(system, call, 1_800_000_000, &change, "");
            assert!(text() == old || text() == new, "{call:?}: {}", text());
            // What it left does not stand in the way of the next change.
            assert_eq!(program(system, &["issuer", "ACME"], "").0, 0, "{call:?}");
            assert_eq!(text(), new, "{call:?}");
            assert!(!fs::exists("/etc/security/.pam_totp.toml.new").unwrap(), "{call:?}");
        }
    });
}

#[test]
fn of_many_changes_at_once_none_is_lost() {
    throw_away(|system| {
        for _ in 0..10 {
            system.policy(EXAMPLE);
            let mut children: Vec<_> = [&["policy", "disable"][..], &["issuer", "ACME"]]
                .iter()
                .map(|arguments| Command::new("pam-totp").args(*arguments).spawn().expect("the program starts"))
                .collect();
            for child in &mut children {
                assert!(child.wait().expect("the program ends").success());
            }
            let policy = pam_totp::policy::Policy::parse(text().as_bytes()).expect("a policy");
            assert_eq!((policy.enabled, policy.issuer.as_deref()), (false, Some("ACME")));
        }
    });
}

#[test]
fn what_a_login_comes_to_is_explained() {
    throw_away(|system| {
        quiet(system);
        system.enrolled("alice");
        system.user("bob");
        system.file("/etc/pam.d/common-auth", &format!("auth requisite pam_unix.so\n{STACK}"));
        system.file("/etc/pam.d/su", "auth sufficient pam_rootok.so\n@include common-auth\n");
        system.file("/etc/pam.d/sudo", "auth requisite pam_unix.so\nauth requisite pam_totp.so nullok\n");
        system.file("/etc/pam.d/cron", "auth required pam_permit.so\n");
        system.runs(Command::new("groupadd").arg("staff-of-ours"));
        system.runs(Command::new("usermod").args(["--append", "--groups", "staff-of-ours", "bob"]));
        let explained = |arguments: &[&str]| {
            let (exit, answer) = object(system, &[&["policy", "explain"], arguments].concat(), "");
            assert_eq!(exit, 0, "{arguments:?}: {answer}");
            let field = |name: &str| answer[name].as_str().expect("a text").to_owned();
            (field("decision"), field("rule"))
        };
        let require =
            "unenrolled = \"allow\"\n[[require]]\nusers = [\"carol\"]\n[[require]]\ngroups = [\"staff-of-ours\"]\n";
        let exempt = "[[exempt]]\nnetworks = [\"192.0.2.0/24\"]\n[[exempt]]\nssh_auth = [\"publickey\"]\n";
        let enroll = "unenrolled = \"enroll\"\n";
        let cases: [(&str, &[&str], &str, &str); 18] = [
            ("", &["alice"], "ask", "enrolled"),
            ("", &["bob"], "refuse", "the default, unenrolled = \"deny\""),
            ("", &["bob", "--service", "su"], "refuse", "the default, unenrolled = \"deny\""),
            ("", &["bob", "--service", "sudo"], "pass", "nullok in the stack"),
            ("", &["alice", "--service", "sudo"], "ask", "enrolled"),
            ("", &["alice", "--service", "cron"], "pass", "the stack of cron does not name pam_totp.so"),
            ("unenrolled = \"deny\"\n", &["bob", "--service", "sudo"], "refuse", "unenrolled = \"deny\""),
            ("unenrolled = \"allow\"\n", &["bob", "--service", "su"], "pass", "unenrolled = \"allow\""),
            ("enabled = false\n", &["alice", "--from", "192.0.2.1"], "pass", "enabled = false"),
            (enroll, &["bob"], "enroll", "unenrolled = \"enroll\""),
            (require, &["bob"], "refuse", "[[require]] 2"),
            (require, &["alice"], "ask", "enrolled"),
            (require, &["root"], "pass", "unenrolled = \"allow\""),
            (exempt, &["alice", "--from", "192.0.2.1"], "pass", "[[exempt]] 1"),
            (exempt, &["alice", "--from", "198.51.100.1"], "ask", "enrolled"),
            (exempt, &["bob", "--ssh-auth", "publickey"], "pass", "[[exempt]] 2"),
            (exempt, &["bob", "--ssh-auth", "password"], "refuse", "the default, unenrolled = \"deny\""),
            (exempt, &["bob"], "refuse", "the default, unenrolled = \"deny\""),
        ];
        for (policy, arguments, decision, rule) in cases {
            system.policy(policy);
            assert_eq!(explained(arguments), (decision.to_owned(), rule.to_owned()), "{policy}{arguments:?}");
        }
        assert_eq!(error_code(system, &["policy", "explain", "nobody-here"], ""), (3, "no_such_user".into()));
        let carol = system.user("carol");
        let output = system.tries(carol.command("pam-totp").args(["policy", "explain", "bob"]), "");
        assert_eq!(output.status.code(), Some(4), "{output:?}");
        assert_eq!(error_code(system, &["policy", "explain", "bob", "--from", "a.b"], ""), (2, "usage".into()));
    });
}
