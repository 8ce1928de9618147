//! Clocks that are wrong at the boot, before NTP sets them, and that jump under servers that run.

use super::guest::{self, code, code_of, gets_in, is_refused, log, next_code};
use crate::support::codes::now;
use crate::support::machine::{Machine, Options};

const HOUR: u64 = 3_600;

/// Sets the clock, as NTP does when it is far off.
fn set(machine: &Machine, time: u64) {
    machine.runs(&format!("date --set @{time}"));
}

fn backup_code(machine: &Machine, number: u32) -> String {
    machine.runs(&format!("sed -n {number}p /root/backup-codes")).trim().to_owned()
}

/// When it is set right, the phone's codes count, and each of them once.
fn works_again(machine: &Machine) -> String {
    set(machine, now());
    let right = code(machine, 0);
    gets_in(machine, "ssh", &right);
    let said = is_refused(machine, "ssh", &right);
    assert!(said.contains("This code was already used."), "{said}");
    gets_in(machine, "su", &code(machine, 0));
    right
}

#[test]
fn a_clock_that_starts_in_the_past_takes_backup_codes_alone_until_it_is_set() {
    let machine = guest::boot(&Options { clock: "base=2020-01-01T00:00:00,clock=vm", ..Options::default() });
    let wrong = machine.runs("date +%s").trim().parse::<u64>().expect("seconds");
    assert!(wrong + 30 * 24 * HOUR < now(), "the machine's clock is right: {wrong}");

    // What the phone shows, and what it would show at that time.
    for refused in [code_of(&machine, now()), code(&machine, 0)] {
        let said = is_refused(&machine, "ssh", &refused);
        assert!(said.contains("The clock of this server is wrong, so codes of an app do not count."), "{said}");
    }
    assert!(log(&machine).contains("this host's clock stands before this program was made"), "{}", log(&machine));
    gets_in(&machine, "ssh", &backup_code(&machine, 1));
    is_refused(&machine, "ssh", &backup_code(&machine, 1));
    let (_, doctor) = machine.tries("pam-totp doctor");
    assert!(
        doctor.contains("is before this program was built. Until it is set, codes of apps are refused"),
        "{doctor}"
    );
    assert!(machine.runs("pam-totp status alice").contains("9 of 10 left"));

    works_again(&machine);
}

#[test]
fn a_clock_that_starts_in_the_future_or_jumps_replays_nothing_when_it_is_set() {
    let machine = guest::boot(&Options { clock: "base=2031-01-01T00:00:00,clock=vm", ..Options::default() });
    // The phone's time is another one.
    is_refused(&machine, "ssh", &code_of(&machine, now()));
    gets_in(&machine, "ssh", &backup_code(&machine, 1));
    let right = works_again(&machine);

    // A step forward and back, under the sshd and the pam-totpd that ran before.
    let before = machine.runs("systemctl show --property MainPID ssh");
    let later = now() + HOUR;
    set(&machine, later);
    let ahead = code(&machine, 0);
    gets_in(&machine, "sudo", &ahead);
    set(&machine, now());
    is_refused(&machine, "sudo", &ahead);
    is_refused(&machine, "sudo", &code(&machine, 0));
    assert!(log(&machine).contains("clock: this host's clock went back by"), "{}", log(&machine));
    // Nobody else has anything to do with it.
    gets_in(&machine, "ssh", &next_code(&machine, &right));
    let told = machine.runs("pam-totp unlock carol 2>&1");
    assert!(told.contains("Codes count again from"), "{told}");
    is_refused(&machine, "sudo", &code(&machine, 0));
    set(&machine, now() + 300);
    gets_in(&machine, "sudo", &code(&machine, 0));
    set(&machine, later);
    is_refused(&machine, "sudo", &ahead);
    assert_eq!(machine.runs("systemctl show --property MainPID ssh"), before);
}
