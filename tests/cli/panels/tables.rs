//! Each row of each table is a command that does what the row says.

use super::{DOCUMENT, one_object, word};
use crate::support::codes::{fresh_codes, wrong_code};
use crate::support::system::{KEY, System, throw_away};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::process::{Command, Output};

/// What their public reference lists: the module TwoFactorAuth of UAPI, and WHM API 1.
const THEIRS: [&str; 16] = [
    "generate_user_configuration",
    "set_user_configuration",
    "get_user_configuration",
    "get_team_user_configuration",
    "remove_user_configuration",
    "twofactorauth_enable_policy",
    "twofactorauth_disable_policy",
    "twofactorauth_policy_status",
    "twofactorauth_get_issuer",
    "twofactorauth_set_issuer",
    "twofactorauth_generate_tfa_config",
    "twofactorauth_set_tfa_config",
    "twofactorauth_get_user_configs",
    "twofactorauth_remove_user_config",
    "twofactorauth_get_tfa_config_for_user",
    "twofactorauth_set_tfa_config_for_user",
];

/// The cells of the table under a heading.
fn rows(heading: &str) -> Vec<Vec<String>> {
    let after = DOCUMENT.split_once(&format!("\n## {heading}\n")).unwrap_or_else(|| panic!("no {heading}")).1;
    let section = after.split("\n## ").next().expect("a part");
    let lines = section.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| theirs"));
    let cells = |line: &str| {
        let line = line.trim_matches('|').replace("\\|", "\u{0}");
        line.split('|').map(|cell| cell.trim().replace('\u{0}', "|")).collect()
    };
    lines.map(cells).collect()
}

/// What stands between backticks.
fn spans(cell: &str) -> Vec<&str> {
    cell.split('`').skip(1).step_by(2).collect()
}

/// Users as the table has them, and nothing that an earlier row did.
fn prepare(system: &System, command: &str) {
    for folder in ["secrets", "state"] {
        for file in fs::read_dir(format!("/var/lib/pam_totp/{folder}")).expect("a folder of the store") {
            fs::remove_file(file.expect("a file").path()).expect("removes it");
        }
    }
    system.enroll("bob");
    let alice_has_none = command.contains("set alice") && !command.contains("--replace");
    if !alice_has_none {
        system.enroll("alice");
    }
}

fn runs(system: &System, command: &str, used: &str) -> (Output, Value) {
    let key = "GEZDGNBVGY3TQOJQJBSWY3DPEHPK3PXP";
    let [code] = fresh_codes(key);
    let [code_of_alice] = fresh_codes(KEY);
    let mut shell = Command::new("/bin/bash");
    shell.args(["-euc", command]).env("key", key).env("code", code).env("wrong", wrong_code(key));
    shell.env("key_of_bob", KEY).env("used", used).env("code_of_alice", code_of_alice);
    let output = system.tries(&mut shell, "");
    let object = one_object(&output.stdout);
    (output, object)
}

/// Is there a field of this name, at whatever depth?
fn has(value: &Value, field: &str) -> bool {
    match value {
        Value::Object(fields) => fields.contains_key(field) || fields.values().any(|value| has(value, field)),
        Value::Array(values) => values.iter().any(|value| has(value, field)),
        _ => false,
    }
}

#[test]
fn every_function_of_theirs_has_a_row() {
    let rows = rows("Function for function");
    let named: BTreeSet<&str> = rows.iter().filter_map(|row| spans(&row[0]).first().copied()).collect();
    assert_eq!(named, BTreeSet::from(THEIRS));
}

#[test]
fn every_command_of_the_tables_answers_with_the_fields_it_names() {
    throw_away(|system| {
        for name in ["alice", "bob", "carol"] {
            system.user(name);
        }
        let functions = rows("Function for function").into_iter().map(|row| [row[2].clone(), row[3].clone()]);
        let buttons = rows("Button for button").into_iter().map(|row| [row[1].clone(), row[2].clone()]);
        let all: Vec<[String; 2]> = functions.chain(buttons).collect();
        assert!(all.len() >= 35, "{all:?}");
        for [command, fields] in all {
            let [command] = spans(&command)[..] else { panic!("not one command: {command}") };
            assert!(command.contains("pam-totp") && command.ends_with("--json"), "{command}");
            prepare(system, command);
            let (output, object) = runs(system, command, "");
            assert_eq!(output.status.code(), Some(0), "{command}: {object}");
            // In parentheses stand their names, behind a colon ours.
            let ours = fields.split(['(', ')']).step_by(2).collect::<String>();
            let (there, absent): (Vec<&str>, Vec<&str>) =
                spans(&ours).into_iter().filter(|f| !f.contains(' ')).partition(|field| has(&object, field));
            assert!(!there.is_empty(), "{command}: {fields}");
            // The one field that is named because it is not there.
            let expected = if fields.contains("without `secret`") { vec!["secret"] } else { vec![] };
            assert_eq!(absent, expected, "{command}: {object}");
        }
    });
}

#[test]
fn every_error_has_the_exit_code_and_the_word_of_its_row() {
    throw_away(|system| {
        let bob = system.user("bob");
        system.user("alice");
        let rows = rows("Their errors");
        assert!(rows.len() >= 8, "{rows:?}");
        for row in rows {
            let ([command], [code]) = (&spans(&row[1])[..], &spans(&row[3])[..]) else { panic!("{row:?}") };
            prepare(system, "set alice");
            let used = bob.code();
            system.reads(Command::new("pam-totp").args(["verify", "bob"]), &used);
            let (output, object) = runs(system, command, &used);
            assert_eq!(
                (output.status.code().map(|exit| exit.to_string()), word(&object)),
                (Some(row[2].clone()), *code)
            );
        }
    });
}
