//! Names in the policy, accounts that have another name now, and what so many of them cost.

use super::{findings, in_order, of_level, paste, shell, text};
use crate::support::program::{object, program};
use crate::support::strace::{strace, trace};
use crate::support::system::{System, throw_away};
use pam_totp::system::clock::now;
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::PermissionsExt;

fn messages(found: &[Value], code: &str) -> Vec<String> {
    found.iter().filter(|finding| finding["code"] == code).map(|finding| text(finding, "message").to_owned()).collect()
}

#[test]
fn a_name_in_a_rule_that_nobody_has_is_said() {
    throw_away(|system| {
        in_order(system);
        let good = "[[require]]\nusers = [\"alice\"]\ngroups = [\"root\"]\n";
        system.policy(good);
        assert_eq!(object(system, &["policy", "check"], "").1["warnings"], json!([]));
        assert_eq!(messages(&findings(system), "unknown_name"), [""; 0]);
        let cases = [
            (
                "[[require]]\nusers = [\"Alice\"]\n",
                "there is no account Alice, so that name never matches. Did you mean alice?",
            ),
            ("[[exempt]]\nusers = [\"alcie\"]\n", "there is no account alcie"),
            ("[[require]]\nusers = [\"alice\"]\ngroups = [\"none-of-ours\"]\n", "there is no group none-of-ours"),
        ];
        for (rule, expected) in cases {
            system.policy(rule);
            let (exit, checked) = object(system, &["policy", "check"], "");
            assert_eq!((exit, &checked["valid"]), (0, &json!(true)), "{rule}");
            let warned = checked["warnings"][0].as_str().unwrap_or_default();
            assert!(warned.contains(expected), "{rule}: {checked}");
            let (_, said, _) = program(system, &["policy", "check"], "");
            assert!(said.contains(": ok\nwarning: ") && said.contains(expected), "{said}");
            assert!(messages(&findings(system), "unknown_name").iter().any(|said| said.contains(expected)), "{rule}");
        }
        // A draft too; and a service that no stack has may be a panel's.
        system.file("/root/draft.toml", "[[exempt]]\nservices = [\"sshdd\"]\nusers = [\"bbo\"]\n");
        let (_, checked) = object(system, &["policy", "check", "/root/draft.toml"], "");
        assert_eq!(checked["warnings"].as_array().map(Vec::len), Some(2), "{checked}");
    });
}

#[test]
fn an_account_that_has_another_name_now_keeps_its_enrollment() {
    throw_away(|system| {
        in_order(system);
        system.enrolled("bob");
        shell(system, "usermod --login robert bob");
        let listed = || object(system, &["list", "--orphans"], "").1["users"].clone();
        assert_eq!(listed(), json!([{ "user": "bob", "enrolled": true, "orphan": "renamed", "renamed_to": "robert" }]));
        let (_, said, _) = program(system, &["list", "--orphans"], "");
        assert!(said.contains("it may be renamed\n    pam-totp rename bob robert"), "{said}");
        let found = findings(system);
        assert_eq!(messages(&found, "orphans"), [""; 0]);
        let renamed = found.iter().find(|finding| finding["code"] == "renamed").expect("a finding");
        assert_eq!(renamed["fix"][1], "# if that is somebody else: pam-totp remove bob");

        // Not with all the others.
        let (exit, removed) = object(system, &["remove", "--orphans", "--yes"], "");
        let left = json!([{ "user": "bob", "renamed_to": "robert" }]);
        assert_eq!((exit, &removed["modified"], &removed["renamed"]), (0, &json!([]), &left));
        assert_eq!(listed().as_array().map(Vec::len), Some(1));
        paste(system, renamed);
        assert_eq!(listed(), json!([]));
        assert_eq!(object(system, &["status", "robert"], "").1["enrolled"], true);

        // Whose uid goes on under a name that is enrolled itself, or under none, is gone.
        shell(system, "sed -i 's/^robert:\\([^:]*:[0-9]*\\)/rob:\\1/' /etc/passwd");
        let passwd = fs::read_to_string("/etc/passwd").expect("the accounts");
        let rob = passwd.lines().find(|line| line.starts_with("rob:")).expect("rob");
        system.file("/etc/passwd", &format!("{passwd}{}\n", rob.replacen("rob:", "bert:", 1)));
        assert_eq!(listed()[0]["orphan"], "renamed");
        let (_, said, _) = program(system, &["list", "--orphans"], "");
        assert!(said.contains("rename robert rob ") && said.contains("rename robert bert "), "{said}");
        for name in ["rob", "bert"] {
            system.reads(
                std::process::Command::new("pam-totp").args(["set", "--no-code", name]),
                "KRSXG5CTMVRXEZLUKRSXG5CTMVRXEZLU\n",
            );
        }
        assert_eq!(listed()[0]["orphan"], "no_account");
        assert_eq!(object(system, &["remove", "--orphans", "--yes"], "").1["modified"], json!(["robert"]));
    });
}

#[test]
fn by_name_one_that_may_be_renamed_is_removed() {
    throw_away(|system| {
        system.enrolled("bob");
        shell(system, "usermod --login robert bob");
        assert_eq!(object(system, &["remove", "--orphans", "bob"], "").1["modified"], json!(["bob"]));
        assert_eq!(object(system, &["list", "--orphans"], "").1["users"], json!([]));
    });
}

/// The clock of a device that `resync` has followed stands where it stands.
#[test]
fn a_device_whose_clock_is_ahead_is_not_this_hosts_clock_gone_back() {
    throw_away(|system| {
        in_order(system);
        let ahead = now() + 540;
        let key = crate::support::system::KEY;
        let codes = [ahead, ahead + 30].map(|time| crate::support::codes::code_at(key, time)).join("\n");
        assert_eq!(program(system, &["resync", "alice"], &format!("{codes}\n")).0, 0);
        let found = findings(system);
        assert_eq!(of_level(&found, "fault"), [""; 0]);
    });
}

/// How often a program, and what it starts, opens the accounts.
fn opens(system: &System, program: &[&str]) -> usize {
    let options = ["-f", "-e", "trace=open,openat"];
    system.tries(strace(now(), &options).args(program), "");
    trace().lines().filter(|line| line.contains("\"/etc/passwd\"")).count()
}

#[test]
fn however_many_users_there_are_the_accounts_are_read_a_few_times() {
    throw_away(|system| {
        in_order(system);
        let secret = fs::read_to_string("/var/lib/pam_totp/secrets/alice.toml").expect("a secret");
        let uid = secret.lines().find(|line| line.starts_with("uid = ")).expect("a uid").to_owned();
        let mut passwd = fs::read_to_string("/etc/passwd").expect("the accounts");
        for number in 10_000..12_000 {
            let name = format!("user{number}");
            passwd.push_str(&format!("{name}:x:{number}:100::/home/{name}:/bin/sh\n"));
            let theirs = secret.replace("\"alice\"", &format!("{name:?}")).replace(&uid, &format!("uid = {number}"));
            let path = format!("/var/lib/pam_totp/secrets/{name}.toml");
            fs::write(&path, theirs).expect("a secret");
            fs::set_permissions(path, fs::Permissions::from_mode(0o600)).expect("sets a mode");
        }
        system.file("/etc/passwd", &passwd);
        system.policy("unenrolled = \"allow\"\n[[require]]\nusers = [\"user10000\", \"user11999\"]\n");
        let commands: [&[&str]; 6] = [
            &["doctor"],
            &["list"],
            &["list", "--orphans"],
            &["list", "--unenrolled"],
            &["policy", "check"],
            &["policy", "enable", "--yes"],
        ];
        for command in commands {
            let opened = opens(system, &[&["pam-totp", "--json"], command].concat());
            assert!((1..=12).contains(&opened), "{command:?}: {opened}");
        }
    });
}
