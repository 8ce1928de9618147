//! A slow machine that is busy with other things.

use super::guest;
use crate::support::codes::key;
use crate::support::machine::{Machine, Options};

/// Logins of somebody who is not root.
const LOGINS: u64 = 3;

#[test]
fn pam_totpd_answers_a_first_request_in_time_on_a_slow_and_busy_machine() {
    // One processor of 250 million instructions in a second, of which two other services take what they get.
    let machine = guest::boot(&Options { slowness: 2, ..Options::default() });
    let key = key(0);
    machine.runs(&format!("echo {key} | pam-totp set --no-code --type hotp user0"));
    // The first one reads the programs from the disk. From then on the processor is what is slow.
    logs_in(&machine, &key, 0);
    for number in 0..2 {
        machine.runs(&format!("systemd-run --unit busy{number} sh -c 'while :; do :; done'"));
    }
    let took: Vec<u64> = (1..=LOGINS).map(|counter| logs_in(&machine, &key, counter)).collect();
    println!("slow: milliseconds of {LOGINS} logins by pam-totpd that had to be started first: {took:?}");
}

/// A login after nobody was there for a while: systemd has to start pam-totpd first. How many milliseconds it takes.
fn logs_in(machine: &Machine, key: &str, counter: u64) -> u64 {
    machine.runs("systemctl stop pam-totpd.service");
    let (code, said) = machine.tries(&format!(
        "code=$(oathtool --hotp --base32 --counter {counter} {key})
        from=$(date +%s%3N)
        echo $code | setpriv --reuid user0 --regid user0 --init-groups pam-totp try only-code user0; status=$?
        echo took $(($(date +%s%3N) - from))
        exit $status"
    ));
    assert_eq!(code, 0, "login {counter}: {said}\n{}", guest::log(machine));
    let took = said.lines().find_map(|line| line.strip_prefix("took ")?.parse().ok());
    took.expect("a time")
}
