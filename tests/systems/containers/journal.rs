//! The log: journald gets each line whole, and under its own name.

use crate::support::container::{Container, PASSWORD, Release, codes, on_each_release};

on_each_release!(each_event_is_one_line, a_login_needs_no_log);

fn each_event_is_one_line(release: Release) {
    let container = Container::boot(release);
    container.enrolled("alice");
    container.ssh_asks();
    let [now, next] = codes();
    container.ssh_refused("alice", "000000");
    container.ssh_in("alice", &now);
    container.ssh_refused("alice", &now);
    // By the door, which has a name and a process of its own.
    container.file("/etc/pam.d/locker", "auth required pam_totp.so\n");
    let mut locker = container.terminal_of("alice", "pamtester locker alice authenticate");
    locker.answers("Verification code: ", &next);
    assert_eq!(locker.ends().1, 0);
    // A name that would be two lines.
    let mut hostile =
        container.terminal("pamtester locker \"$(printf 'm\\npam_totp(sshd:auth): forged')\" authenticate");
    hostile.answers("Verification code: ", "000000");
    assert_ne!(hostile.ends().1, 0);
    let of_the_door = container.journal("SYSLOG_IDENTIFIER=pam-totpd");
    assert_eq!(of_the_door.lines().count(), 1, "{of_the_door}");
    let lines = container.journal("SYSLOG_FACILITY=10");
    let ours: Vec<&str> = lines.lines().filter(|line| line.contains("pam_totp(sshd:auth)")).collect();
    assert!(ours.iter().all(|line| line.starts_with("pam_totp(sshd:auth): ")), "{lines}");
    for what in
        ["authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=127.0.0.1  user=alice", "used code"]
    {
        assert!(ours.iter().any(|line| line.contains(what)), "{what}: {lines}");
    }
    assert!(!ours.iter().any(|line| line.contains(&now) || line.contains(PASSWORD)), "{lines}");
    let forged = lines.lines().filter(|line| line.contains("forged"));
    assert_eq!(forged.filter(|line| line.starts_with("pam_totp(sshd:auth): forged")).count(), 0, "{lines}");
}

/// Without anybody at /dev/log.
fn a_login_needs_no_log(release: Release) {
    let container = Container::boot(release);
    container.enrolled("alice");
    container.ssh_asks();
    container.runs("systemctl stop systemd-journald-dev-log.socket systemd-journald.socket systemd-journald.service; rm -f /run/systemd/journal/dev-log");
    let [now, next] = codes();
    container.ssh_in("alice", &now);
    container.ssh_refused("alice", &now);
    container.ssh_in("alice", &next);
}
