//! What is there after a boot, and what users do without root.

use crate::support::codes;
use crate::support::container::{Container, PASSWORD, Release, codes, on_each_release};

on_each_release!(
    a_boot_opens_both_sockets,
    systemd_finds_little_that_pam_totpd_could_do,
    users_enroll_and_look_without_root,
    a_program_without_root_asks,
    a_login_by_ssh_needs_password_and_code,
);

fn a_boot_opens_both_sockets(release: Release) {
    let container = Container::boot(release);
    for _ in 0..2 {
        for socket in ["pam-totpd.socket", "pam-totpd-root.socket"] {
            assert_eq!(container.state(socket), "active", "{socket}");
        }
        let paths = "/run/pam_totp /run/pam_totp/state /run/pam_totp/verify.sock /run/pam_totp/root.sock";
        let modes = container.runs(&format!("stat --format '%n %U:%G %a' {paths}"));
        let wanted = "/run/pam_totp root:root 755\n/run/pam_totp/state root:root 700\n\
                      /run/pam_totp/verify.sock root:root 666\n/run/pam_totp/root.sock root:root 600\n";
        assert_eq!(modes, wanted);
        container.reboots();
    }
}

fn systemd_finds_little_that_pam_totpd_could_do(release: Release) {
    let container = Container::boot(release);
    for service in ["pam-totpd", "pam-totpd-root"] {
        // In tenths: what is left is that it sees who is who, and what time it is.
        container.runs(&format!("systemd-analyze --no-pager --threshold=12 security {service}.service"));
        let warnings =
            container.runs(&format!("systemd-analyze --man=no verify {service}.service {service}.socket 2>&1"));
        assert_eq!(warnings, "");
    }
    assert_eq!(container.journal("--priority=warning --unit=pam-totpd* --unit=pam-totp-notify*"), "");
}

fn users_enroll_and_look_without_root(release: Release) {
    let container = Container::boot(release);
    container.user("alice");
    container.runs("pam-totp policy set unenrolled allow");
    assert_eq!(container.runs_as("alice", "pam-totp status"), "alice is not enrolled.\n");
    let mut enroll = container.terminal_of("alice", "pam-totp enroll --qr none");
    enroll.sees("Key:     ");
    let key = enroll.sees("\n").replace([' ', '\r'], "");
    enroll.answers("Verification code: ", &codes::fresh_code(&key));
    enroll.sees("Two-factor authentication is on for alice.");
    assert_eq!(enroll.ends().1, 0);
    let status = container.runs_as("alice", "pam-totp status");
    assert!(status.contains("phone: since ") && status.contains("10 of 10 left"), "{status}");
    assert_eq!(container.state("pam-totpd.service"), "active");
    // Of nobody else, and no key by themselves.
    container.enrolled("bob");
    assert!(!container.tries_as("alice", "pam-totp status bob", "").status.success());
    assert!(!container.tries_as("alice", "cat /var/lib/pam_totp/secrets/alice.toml", "").status.success());
}

fn a_program_without_root_asks(release: Release) {
    let container = Container::boot(release);
    container.enrolled("alice");
    container.enrolled("bob");
    container.file("/etc/pam.d/locker", "auth required pam_totp.so\naccount required pam_permit.so\n");
    let [now, next] = codes();
    let asks = |user: &str, code: &str| {
        let mut locker = container.terminal_of("alice", &format!("pamtester locker {user} authenticate"));
        locker.answers("Verification code: ", code);
        locker.ends()
    };
    let (screen, status) = asks("alice", &now);
    assert!(status == 0 && screen.contains("successfully authenticated"), "{screen}");
    for (user, code) in [("alice", &now), ("bob", &now)] {
        let (screen, status) = asks(user, code);
        assert_ne!(status, 0, "{user}: {screen}");
    }
    assert_eq!(asks("alice", &next).1, 0);
}

fn a_login_by_ssh_needs_password_and_code(release: Release) {
    let container = Container::boot(release);
    container.enrolled("alice");
    container.ssh_asks();
    let [now, next] = codes();
    container.ssh_in("alice", &now);
    container.ssh_refused("alice", &now);
    container.ssh_in("alice", &next);
    let mut ssh = container.ssh("alice");
    ssh.answers("Password: ", &format!("not {PASSWORD}"));
    ssh.sees("Permission denied");
}
