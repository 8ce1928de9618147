//! AppArmor enforcing: CUPS under the profile that Debian ships, with the drop-in of our package and without it.
//! scripts/systems/prepare/apparmor sets the machine up.

use crate::support::machine::{Machine, Options};

const DROP_IN: &str = "/etc/apparmor.d/abstractions/authentication.d/pam_totp";
const PASSWORD: &str = "Ohm7-uxei.queeph";

/// What CUPS answers to password and code in one field.
fn answer(machine: &Machine, password: &str, code: &str) -> String {
    machine.runs(&format!("asks '{password}{code}'"))
}

fn code(machine: &Machine) -> String {
    machine.runs("unused").trim().to_owned()
}

/// What was denied on what is ours.
fn denied(machine: &Machine) -> String {
    machine.runs("dmesg | grep 'apparmor=\"DENIED\"' | grep pam_totp || :")
}

fn cups_lets_in_with_the_drop_in_alone(release: &str) {
    let machine = Machine::boot(&Options {
        release,
        variant: Some("apparmor"),
        kernel: "audit=1 sysctl.kernel.printk_ratelimit=0",
        ..Options::default()
    });
    let confined =
        "systemctl is-active apparmor cups && cat /proc/$(systemctl show --value --property MainPID cups)/attr/current";
    let confined = machine.runs(confined);
    assert!(confined.contains("/usr/sbin/cupsd (enforce)"), "{confined}");

    let right = code(&machine);
    assert_eq!(answer(&machine, PASSWORD, &right), "200");
    assert_eq!(answer(&machine, PASSWORD, &right), "401", "a code counts once");
    assert_eq!(answer(&machine, PASSWORD, ""), "401", "the password alone");
    assert_eq!(answer(&machine, "another", &code(&machine)), "401", "the code alone");
    // A record that is lost is made again.
    machine.runs("mv /var/lib/pam_totp/state/alice /root/record");
    assert_eq!(answer(&machine, PASSWORD, &code(&machine)), "401", "backup codes count as used then");
    machine.runs("test -s /var/lib/pam_totp/state/alice && mv /root/record /var/lib/pam_totp/state/alice");
    assert_eq!(denied(&machine), "");

    // The profile alone knows nothing of keys. Where pam-totpd listens, that judges in the place of CUPS.
    machine.runs("systemctl stop pam-totpd.socket pam-totpd-root.socket pam-totpd pam-totpd-root");
    let replaced = "apparmor_parser --replace /etc/apparmor.d/usr.sbin.cupsd";
    machine.runs(&format!("mv {DROP_IN} /root/drop-in && {replaced}"));
    assert_eq!(answer(&machine, PASSWORD, &code(&machine)), "401");
    let without = denied(&machine);
    assert!(without.contains("/var/lib/pam_totp/"), "{without}");

    machine.runs(&format!("mv /root/drop-in {DROP_IN} && {replaced}"));
    assert_eq!(answer(&machine, PASSWORD, &code(&machine)), "200");
    assert_eq!(denied(&machine), without, "nothing more was denied");
}

#[test]
fn cups_of_debian_12_lets_in_with_the_drop_in_alone() {
    cups_lets_in_with_the_drop_in_alone("bookworm");
}

#[test]
fn cups_of_debian_13_lets_in_with_the_drop_in_alone() {
    cups_lets_in_with_the_drop_in_alone("trixie");
}
