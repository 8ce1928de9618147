//! A pam-totpd that cannot start: systemd closes root's socket, and doctor says how to open it again.

use crate::support::container::{Container, PASSWORD, Release, code, codes, on_each_release};
use crate::support::until;

on_each_release!(su_and_sudo_do_without_and_doctor_opens_it_again);

fn su_and_sudo_do_without_and_doctor_opens_it_again(release: Release) {
    let container = Container::boot(release);
    container.enrolled("alice");
    container.enrolled("bob");
    container.sudo_for("alice");
    container.runs("for service in sudo su; do pam-totp stack add --yes $service; done");
    let daemon = container.runs("readlink -f $(command -v pam-totpd)");
    let daemon = daemon.trim();
    container.runs(&format!("mv {daemon} {daemon}.away"));
    let [now, next] = codes();

    // Somebody stands at the socket.
    let sudo = |code: &str| {
        let mut sudo = container.terminal_of("alice", "sudo -k id -un");
        sudo.answers("password for alice: ", PASSWORD);
        sudo.answers("Verification code: ", code);
        sudo
    };
    let _waits = sudo(&now);
    until("systemd closes root's socket", || container.state("pam-totpd-root.socket") == "failed");
    assert_eq!(container.state("pam-totpd.socket"), "active", "everybody's stays");
    sudo(&next).sees("root");
    let mut su = container.terminal_of("alice", "su bob -c 'echo in as $(id -un)'");
    su.answers("Password: ", PASSWORD);
    su.answers("Verification code: ", &code());
    su.sees("in as bob");

    container.runs(&format!("mv {daemon}.away {daemon}"));
    let said = String::from_utf8(container.tries("pam-totp doctor").stdout).expect("UTF-8");
    let fixes: Vec<&str> = said.lines().map(str::trim).filter(|line| line.starts_with("systemctl ")).collect();
    assert!(fixes.contains(&"systemctl reset-failed pam-totpd-root.service"), "{said}");
    container.runs(&fixes.join("\n"));
    assert_eq!(container.state("pam-totpd-root.socket"), "active");
    container.enrolled("carol");
    let mut su = container.terminal_of("alice", "su carol -c 'echo in as $(id -un)'");
    su.answers("Password: ", PASSWORD);
    su.answers("Verification code: ", &code());
    su.sees("in as carol");
    assert_eq!(container.state("pam-totpd-root.service"), "active", "it was asked");
}
