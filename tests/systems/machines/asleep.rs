//! A machine that sleeps for hours: its clock moves on, and what runs was not there. Tests start by their names: this one takes
//! longest, and would be alone at the end.

use std::fs;

use serde_json::json;

use super::guest::{self, code, gets_in, is_refused, next_code};
use crate::support::machine::{Machine, Options};

/// Longer than any wait.
const HOURS: u64 = 6;

fn time(machine: &Machine) -> u64 {
    machine.runs("date +%s").trim().parse().expect("seconds")
}

/// Sends the machine to sleep, and wakes it when this machine's clock, and with it that of its battery, is hours later.
fn sleeps(machine: &Machine) {
    let asleep = machine.starts("systemctl start systemd-suspend.service");
    machine.until_qemu(&json!({"execute": "query-status"}), |status| status["status"] == "suspended");
    let battery = json!({"execute": "qom-get", "arguments": {"path": "/machine", "property": "rtc-time"}});
    let hour = machine.asks_qemu(&battery)["tm_hour"].clone();
    fs::write(machine.folder().join("clock"), format!("+{HOURS}h\n")).expect("the clock");
    machine.until_qemu(&battery, |time| time["tm_hour"] != hour);
    machine.asks_qemu(&json!({"execute": "system_wakeup"}));
    let (code, said) = asleep.ends();
    assert_eq!(code, 0, "{said}");
}

#[test]
fn who_logs_in_after_a_sleep_of_hours_finds_all_as_it_was_but_the_waits_are_over() {
    let clock = |folder: &std::path::Path| fs::write(folder.join("clock"), "+0\n").expect("the clock");
    let machine = guest::boot(&Options { clock: "base=utc,clock=host", prepare: clock, ..Options::default() });
    // pam-totpd serves, and has processes that wait for the next request.
    let used = code(&machine, 0);
    gets_in(&machine, "su", &used);
    // By guesses that asked pam-totpd themselves, until it looks at no more single codes of carol's.
    let asks = "setpriv --reuid carol --regid carol --init-groups pam-totp try only-code carol";
    machine.runs(&format!(
        "until pam-totp status carol --json | grep -q '\"waits\":\\[{{'; do echo 000000 | {asks}; done; true"
    ));
    assert_ne!(machine.tries(&format!("code 0 | {asks}")).0, 0, "a single code is looked at");
    let servers = machine.runs("systemctl show --property MainPID pam-totpd.service");
    let before = time(&machine);

    sleeps(&machine);

    assert!(time(&machine) >= before + HOURS * 3_600, "the clock stood still");
    assert_eq!(machine.runs("systemctl show --property MainPID pam-totpd.service"), servers, "it did not go on");
    is_refused(&machine, "su", &used);
    gets_in(&machine, "su", &code(&machine, 0));
    machine.runs(&format!("code 0 | {asks}"));
    gets_in(&machine, "ssh", &code(&machine, 0));
    // When nobody comes any more it ends, as ever, and comes again.
    machine.until("! systemctl is-active pam-totpd-root.service");
    let last = code(&machine, 0);
    gets_in(&machine, "su", &next_code(&machine, &last));
}
