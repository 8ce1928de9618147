//! A server with 2FA, as scripts/systems/prepare/logins sets it up, and its logins.

use crate::support::machine::{Machine, Options};

/// The ways in; each has a user of its own.
pub const WAYS: [&str; 3] = ["ssh", "su", "sudo"];

/// Boots one, with the door open.
pub fn boot(options: &Options) -> Machine {
    let machine = Machine::boot(&Options { variant: Some("logins"), ..*options });
    machine.runs("systemctl is-active pam-totpd.socket pam-totpd-root.socket ssh");
    machine
}

/// Who comes by this way.
pub fn user(way: &str) -> &'static str {
    match way {
        "ssh" => "alice",
        "su" => "bob",
        _ => "carol",
    }
}

/// The code that the phone shows, by the machine's clock, or so many seconds later.
pub fn code(machine: &Machine, later: i64) -> String {
    machine.runs(&format!("code {later}")).trim().to_owned()
}

/// The code that a phone shows whose clock says `time`.
pub fn code_of(machine: &Machine, time: u64) -> String {
    machine.runs(&format!("code @{time}")).trim().to_owned()
}

/// The first code that the phone shows after that one.
pub fn next_code(machine: &Machine, last: &str) -> String {
    machine.until(&format!("test $(code 0) != {last}"));
    code(machine, 0)
}

/// A login by this way with the right password and that code; what the program says to the user, and whether they are in.
pub fn login(machine: &Machine, way: &str, code: &str) -> (bool, String) {
    let (_, said) = machine.tries(&format!("way {way} '{code}'"));
    // sudo makes its user root.
    let name = if way == "sudo" { "root" } else { user(way) };
    // It may stand behind a prompt.
    (said.lines().any(|line| line.ends_with(&format!("in as {name}"))), said)
}

/// Logs in, which must succeed.
pub fn gets_in(machine: &Machine, way: &str, code: &str) {
    let (is_in, said) = login(machine, way, code);
    assert!(is_in, "{way} {code}: {said}\n{}", log(machine));
}

/// Tries to log in, which must not, and returns what is said to the user.
pub fn is_refused(machine: &Machine, way: &str, code: &str) -> String {
    let (is_in, said) = login(machine, way, code);
    assert!(!is_in, "{way} {code}: {said}\n{}", log(machine));
    said
}

/// What the log says of us.
pub fn log(machine: &Machine) -> String {
    machine.runs("journalctl --sync; journalctl --no-pager --output=short-unix | grep -e pam_totp -e pam-totpd || :")
}
