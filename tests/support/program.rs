//! Runs `pam-totp` and holds it to its contract.

use super::reference;
use super::system::System;
use serde_json::Value;
use std::process::Command;

/// Runs pam-totp with `input`; the exit code and what stdout and stderr say.
pub fn program(system: &System, arguments: &[&str], input: &str) -> (i32, String, String) {
    let output = system.tries(Command::new("pam-totp").args(arguments), input);
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    (output.status.code().expect("an exit code"), text(output.stdout), text(output.stderr))
}

/// The same with --json: stdout must be exactly one object of version 1.
pub fn object(system: &System, arguments: &[&str], input: &str) -> (i32, Value) {
    let (exit, stdout, _) = program(system, &[&["--json"], arguments].concat(), input);
    let object: Value = serde_json::from_str(&stdout).unwrap_or_else(|e| panic!("{arguments:?}: {e}: {stdout}"));
    reference::holds(arguments, &object);
    (exit, object)
}

/// The exit code and the word of an error.
pub fn error_code(system: &System, arguments: &[&str], input: &str) -> (i32, String) {
    let (exit, object) = object(system, arguments, input);
    assert!(object["error"]["message"].as_str().is_some_and(|m| !m.is_empty()), "{arguments:?}: {object}");
    (exit, object["error"]["code"].as_str().expect("a code").to_owned())
}
