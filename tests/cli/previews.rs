//! What panels look at before they ask somebody: who would be refused, and which stacks could be switched.

use crate::support::program::{object, program};
use crate::support::system::{System, throw_away};
use serde_json::{Value, json};
use std::fs;
use std::process::Command;

const POLICY: &str = "/etc/security/pam_totp.toml";
const ASKS: &str = "auth requisite pam_unix.so\nauth required pam_totp.so\naccount required pam_unix.so\n";

fn policy() -> String {
    fs::read_to_string(POLICY).unwrap_or_default()
}

/// The counts of an answer.
fn people(counted: &Value) -> [u64; 3] {
    ["accounts", "unenrolled", "refused"].map(|key| counted[key].as_u64().unwrap_or_else(|| panic!("{key}: {counted}")))
}

fn listed(system: &System) -> Vec<Value> {
    let (exit, report) = object(system, &["stack", "list"], "");
    assert_eq!(exit, 0, "{report}");
    report["stacks"].as_array().expect("stacks").clone()
}

fn stack(system: &System, service: &str) -> Value {
    let listed = listed(system);
    listed.into_iter().find(|stack| stack["service"] == service).unwrap_or_else(|| panic!("no {service}"))
}

#[test]
fn who_would_be_refused_is_counted_and_nothing_is_written() {
    throw_away(|system| {
        system.enrolled("alice");
        system.user("bob");
        system.stack("su", ASKS);
        system.policy("enabled = false\n");
        let (before, enable) = (policy(), &["policy", "enable", "--dry-run"][..]);
        let (exit, said) = object(system, enable, "");
        let [accounts, unenrolled, refused] = people(&said);
        assert!(exit == 0 && accounts > unenrolled && unenrolled == refused && refused > 0, "{said}");
        assert_eq!(
            (&said["changed"], &said["dry_run"], &said["stacks"]),
            (&json!(true), &json!(true), &json!(["su", "su-l"]))
        );
        let (_, text, _) = program(system, enable, "");
        assert!(text.contains("Nothing was changed.") && text.contains("not enrolled and are refused"), "{text}");

        let would = |value: &str| object(system, &["policy", "set", "unenrolled", value, "--dry-run"], "").1;
        assert_eq!(people(&would("deny")["people"]), [accounts, unenrolled, refused]);
        assert_eq!(people(&would("allow")["people"]), [accounts, unenrolled, 0]);
        let (_, adds) = object(system, &["stack", "add", "sudo", "--dry-run"], "");
        assert_eq!(people(&adds["people"]), [accounts, unenrolled, refused], "also with the policy off: {adds}");
        assert_eq!(policy(), before);

        // Whoever may read the policy sees the lines, and not who is enrolled.
        let output = system
            .tries(system.user("carol").command("pam-totp").args(["stack", "add", "sudo", "--dry-run", "--json"]), "");
        let said: Value = serde_json::from_slice(&output.stdout).expect("an object");
        assert!(said["changed"] == true && said["people"].is_null(), "{said}");
    });
}

#[test]
fn what_would_become_of_logins_with_the_policy_off_is_told() {
    throw_away(|system| {
        system.stack("su", "auth required pam_totp.so\nauth required pam_permit.so\n");
        let disable = ["policy", "disable", "--dry-run"];
        let (exit, said) = object(system, &disable, "");
        assert_eq!(
            (exit, &said["open"], &said["changed"], &said["dry_run"]),
            (0, &json!(["su", "su-l"]), &json!(true), &json!(true))
        );
        assert!(!policy().contains("false"), "{}", policy());
        let (_, text, _) = program(system, &disable, "");
        assert!(text.contains("su lets everybody in") && text.contains("Nothing was changed."), "{text}");
        system.policy("enabled = false\n");
        assert_eq!(object(system, &disable, "").1["changed"], false);
    });
}

/// What the listing promises is what `stack add` and `stack remove` then do.
#[test]
fn each_stack_can_do_what_the_list_says() {
    throw_away(|system| {
        system.policy("unenrolled = \"allow\"\n");
        let stacks = listed(system);
        assert!(stacks.iter().all(|stack| !stack["service"].as_str().expect("a name").starts_with("common-")));
        // Of those that are as they come, some; and all others.
        let is_odd = |stack: &&Value| stack["can"].is_null() || stack["title"].is_string();
        for stack in stacks.iter().filter(is_odd) {
            let service = stack["service"].as_str().expect("a name");
            let options: Vec<&str> =
                stack["options"].as_array().expect("a list").iter().filter_map(Value::as_str).collect();
            let (exit, said) =
                object(system, &[&["stack", "add", service, "--dry-run"], options.as_slice()].concat(), "");
            match stack["can"].as_str() {
                Some("add") => assert!(exit == 0 && said["changed"] == true, "{service}: {said}"),
                Some(other) => panic!("{service}: {other}"),
                None => assert_eq!(said["error"]["message"], stack["problem"], "{service}"),
            }
        }
        let of = |stack: &Value| ["title", "asks", "shape", "can"].map(|key| stack[key].clone());
        let named = |service: &str| stacks.iter().find(|stack| stack["service"] == service).expect("a stack");
        assert_eq!(of(named("sudo")), [json!("sudo"), json!(false), Value::Null, json!("add")]);
        assert_eq!(named("vsftpd")["options"], json!(["--one-field"]));
        system.runs(Command::new("pam-totp").args(["stack", "add", "sudo"]));
        assert_eq!(of(&stack(system, "sudo")), [json!("sudo"), json!(true), json!("questions"), json!("remove")]);
        let (_, text, _) = program(system, &["stack", "list"], "");
        assert!(text.lines().any(|line| line.starts_with("sudo ") && line.ends_with("asks for a code")), "{text}");

        // What a shared file asks for, a service's own file cannot take back.
        system.runs(Command::new("pam-totp").args(["stack", "remove", "sudo"]));
        system.stack("common-auth", "auth requisite pam_unix.so\nauth requisite pam_totp.so\n");
        let shared = stack(system, "sudo");
        assert!(shared["asks"] == true && shared["can"].is_null(), "{shared}");
        assert!(
            shared["problem"].as_str().expect("why").contains("by a file that other services include too"),
            "{shared}"
        );
    });
}

#[test]
fn the_caller_is_the_one_whom_remove_all_leaves_out() {
    throw_away(|system| {
        system.enrolled("alice");
        system.enrolled("bob");
        let output = system.runs(Command::new("id").args(["-u", "alice"]));
        let uid = String::from_utf8(output.stdout).expect("UTF-8");
        for variable in ["SUDO_UID", "PKEXEC_UID"] {
            let run = |arguments: &[&str]| {
                let output = system.tries(Command::new("pam-totp").args(arguments).env(variable, uid.trim()), "");
                serde_json::from_slice::<Value>(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
            };
            assert_eq!(run(&["list", "--json"])["caller"], "alice", "{variable}");
            let removed = run(&["disable", "--all", "--yes", "--json"]);
            assert_eq!(removed["modified"], json!(["bob"]), "{variable}");
            system.enroll("bob");
        }
        assert_eq!(object(system, &["list"], "").1["caller"], "root");
    });
}

#[test]
fn doctor_has_a_section_for_every_subject() {
    throw_away(|system| {
        let sections = || object(system, &["doctor"], "").1["sections"].as_array().expect("sections").clone();
        let level = |about: &str| {
            let found = sections().into_iter().find(|section| section["about"] == about);
            found.unwrap_or_else(|| panic!("no {about}"))["level"].clone()
        };
        let titles: Vec<Value> = sections().iter().map(|section| section["title"].clone()).collect();
        assert!(titles.contains(&json!("PAM stacks")) && titles.contains(&json!("pam-totpd")), "{titles:?}");
        assert_eq!(level("store"), "fine");
        system.runs(Command::new("chmod").args(["755", "/var/lib/pam_totp/secrets"]));
        let (_, report) = object(system, &["doctor"], "");
        assert_eq!(level("store"), "fault");
        let abouts: Vec<Value> = sections().iter().map(|section| section["about"].clone()).collect();
        let findings = report["findings"].as_array().expect("findings");
        assert!(findings.iter().all(|finding| abouts.contains(&finding["about"])), "{report}");
    });
}
