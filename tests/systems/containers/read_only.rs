//! A disk that turns read-only while users are at work, as the kernel does after a fault of the disk. pam-totpd's own sandbox
//! needs to write there on systemd 252, so there it cannot start: su, sudo and sshd are root, and need nobody.

use crate::support::container::{Container, PASSWORD, Release, code_after, codes, on_each_release};
use crate::support::until;

on_each_release!(
    everybody_gets_in_and_nothing_counts_twice,
    a_locker_opens_on_the_disk_and_a_change_is_stored_once_it_can_be_written,
    a_door_that_only_hangs_up_keeps_nobody_out,
);

fn everybody_gets_in_and_nothing_counts_twice(release: Release) {
    let container = with_users(release);
    read_only(&container);
    logins(&container);
}

/// Who is not root needs pam-totpd. The one that is at work when the disk can be written again was started while it could not.
fn a_locker_opens_on_the_disk_and_a_change_is_stored_once_it_can_be_written(release: Release) {
    let container = with_users(release);
    container.runs("pam-totp policy set self_service backup-codes");
    read_only(&container);
    let [now, next] = codes();
    let locker = || {
        let mut locker = container.terminal_of("dave", "pamtester locker dave authenticate");
        locker.answers("Verification code: ", &now);
        locker.ends().1
    };
    assert_eq!(locker(), 0);
    assert_ne!(locker(), 0);
    container.runs(&remount("rw"));
    assert_ne!(locker(), 0);
    let mut change = container.terminal_of("dave", "pam-totp backup-codes");
    change.answers("Verification code, or a backup code: ", &next);
    let (said, exit) = change.ends();
    assert_eq!(exit, 0, "{said}");
}

/// As with the sandbox of earlier versions on systemd 252, on a machine so slow that systemd does not close the socket meanwhile.
fn a_door_that_only_hangs_up_keeps_nobody_out(release: Release) {
    let container = with_users(release);
    let drop_in = "[Unit]\nStartLimitIntervalSec=0\n[Service]\nExecStart=\nExecStart=/bin/false\nExecStopPost=\n";
    for service in ["pam-totpd", "pam-totpd-root"] {
        container.runs(&format!("mkdir -p /run/systemd/system/{service}.service.d"));
        container.file(&format!("/run/systemd/system/{service}.service.d/zz.conf"), drop_in);
    }
    container.runs("systemctl daemon-reload");
    read_only(&container);
    logins(&container);
}

fn with_users(release: Release) -> Container {
    let container = Container::boot(release);
    for user in ["alice", "bob", "carol", "dave"] {
        container.enrolled(user);
    }
    container.sudo_for("bob");
    container.runs("for service in sudo su; do pam-totp stack add --yes $service; done");
    container.file("/etc/pam.d/locker", "auth required pam_totp.so\naccount required pam_permit.so\n");
    container.ssh_asks();
    container
}

/// By programs of root, until the disk can be written again.
fn logins(container: &Container) {
    let [now, next] = codes();
    container.ssh_in("alice", &now);
    container.ssh_refused("alice", &now);
    container.logs("used code");
    container.ssh_in("alice", &next);

    let sudo = |code: &str| {
        let mut sudo = container.terminal_of("bob", "sudo -k id -un");
        sudo.answers("password for bob: ", PASSWORD);
        sudo.answers("Verification code: ", code);
        sudo
    };
    sudo(&now).sees("root");
    sudo(&now).sees("Sorry, try again.");

    let su = |code: &str| {
        let mut su = container.terminal_of("bob", "su carol -c 'echo in as $(id -un)'");
        su.answers("Password: ", PASSWORD);
        su.answers("Verification code: ", code);
        su
    };
    su(&now).sees("in as carol");
    su(&now).sees("This code was already used.");
    su(&next).sees("in as carol");

    // What was used meanwhile stays used. Where pam-totpd could not start it can again.
    container.runs("rm -f /run/systemd/system/pam-totpd*.service.d/zz.conf; systemctl daemon-reload");
    container.runs(&remount("rw"));
    for user in ["alice", "carol"] {
        container.ssh_refused(user, &next);
    }
    sudo(&now).sees("Sorry, try again.");
    sudo(&code_after(&now)).sees("root");
}

/// Nobody writes any more, so that the kernel lets the whole file system be made read-only, for everybody who sees it.
fn read_only(container: &Container) {
    container.runs("journalctl --relinquish-var; sync");
    // pam-totpd as a host finds it that is long at work: at rest.
    container.runs("systemctl stop pam-totpd.service pam-totpd-root.service");
    until("the disk turns read-only", || container.tries(&remount("ro")).status.success());
    assert!(!container.tries("touch /root/file").status.success());
}

/// util-linux 2.39 and later ask an overlay in a way that it does not know.
fn remount(how: &str) -> String {
    format!("LIBMOUNT_FORCE_MOUNT2=always mount -o remount,{how} /")
}
