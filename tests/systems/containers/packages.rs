//! The Debian packages as apt handles them: installed, switched on, upgraded, downgraded, removed and purged, each with logins.

use crate::support::codes::{code_at, now};
use crate::support::container::{Container, KEY, PASSWORD, Release, on_each_release};
use crate::support::until;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

on_each_release!(
    a_profile_is_off_until_switched_on_and_gone_without_a_trace,
    the_test_that_debian_runs_itself_passes,
    an_upgrade_and_a_downgrade_keep_what_was_switched_on,
    removal_stops_until_no_stack_names_the_module,
    purge_keeps_the_keys_unless_told,
    what_is_missing_is_installed_by_the_command_that_doctor_names,
);

/// What autopkgtest runs.
const DEBIANS_OWN: &str = include_str!("../../../packaging/debian/tests/login");

const APT: &str = "DEBIAN_FRONTEND=noninteractive apt-get -q -y";
const STACKS: &str = "sha256sum /etc/pam.d/*";

/// The packages of what is committed, and a later version of them.
fn packages() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/systems/debs");
        let output = Command::new(script).stderr(Stdio::inherit()).output().expect("the script starts");
        assert!(output.status.success(), "the packages do not build");
        let said = String::from_utf8(output.stdout).expect("UTF-8");
        PathBuf::from(said.lines().last().expect("a path"))
    })
}

/// A Debian whose sshd asks one question after the other, and whose packages may start services.
fn debian(release: Release) -> Container {
    let sshd = "KbdInteractiveAuthentication yes\\nPasswordAuthentication no\\n";
    let prepare = format!(
        "rm -f /usr/sbin/policy-rc.d\nprintf '{sshd}' >/etc/ssh/sshd_config.d/00-pam_totp.conf\n\
         sed -i 's/pam_unix.so/pam_unix.so nodelay/' /usr/share/pam-configs/unix\npam-auth-update --package\n"
    );
    let container = Container::beside(release, packages(), &prepare);
    container.user("alice");
    container
}

fn apt(container: &Container, what: &str) -> Output {
    container.tries(&format!("{APT} {what}"))
}

fn apts(container: &Container, what: &str) {
    let output = apt(container, what);
    assert!(output.status.success(), "apt-get {what}: {output:?}");
}

fn installed(release: Release) -> Container {
    let container = debian(release);
    apts(&container, "install /packages/now/*.deb");
    enroll(&container);
    container
}

/// Whoever types is slow where the machine is busy.
fn enroll(container: &Container) {
    container.reads("pam-totp policy set window 3 && pam-totp set --no-code alice", &format!("{KEY}\n"));
}

/// Her phone: each login gets a code of its own, whatever time it takes.
#[derive(Default)]
struct Phone {
    used: u64,
}

impl Phone {
    fn code(&mut self) -> String {
        self.used = (self.used + 1).max(now() / 30);
        // The next one is right already, and further ones soon.
        until("the phone shows another code", || self.used <= now() / 30 + 1);
        code_at(KEY, self.used * 30)
    }
}

/// A login by ssh with password and code; the code.
fn logs_in(container: &Container, phone: &mut Phone) -> String {
    let mut ssh = container.ssh("alice");
    ssh.answers("Password: ", PASSWORD);
    let code = phone.code();
    ssh.answers("Verification code: ", &code);
    ssh.sees("in as alice");
    assert_eq!(ssh.ends().1, 0);
    code
}

/// One for which the password is enough.
fn logs_in_without_a_code(container: &Container, user: &str) {
    let mut ssh = container.ssh(user);
    ssh.answers("Password: ", PASSWORD);
    ssh.sees(&format!("in as {user}"));
    assert_eq!(ssh.ends().1, 0);
}

fn a_profile_is_off_until_switched_on_and_gone_without_a_trace(release: Release) {
    let container = debian(release);
    let before = container.runs(STACKS);
    apts(&container, "install /packages/now/*.deb");
    assert_eq!(container.runs(STACKS), before, "an installation changes no stack");
    container.runs("systemctl is-active pam-totpd.socket pam-totpd-root.socket");
    container.runs("systemctl is-enabled pam-totpd.socket pam-totpd-root.socket");
    let status = container.runs("setpriv --reuid=alice --regid=alice --init-groups pam-totp status");
    assert!(status.contains("alice"), "{status}");
    assert_eq!(
        container.runs("stat -c %a /var/lib/pam_totp /var/lib/pam_totp/secrets /run/pam_totp/state"),
        "700\n700\n700\n"
    );
    container.runs("cmp /etc/security/pam_totp.toml /usr/share/libpam-totp/pam_totp.toml");

    enroll(&container);
    container.runs("pam-auth-update --enable pam-totp");
    let mut phone = Phone::default();
    let code = logs_in(&container, &mut phone);
    let mut ssh = container.ssh("alice");
    ssh.answers("Password: ", PASSWORD);
    ssh.answers("Verification code: ", &code);
    ssh.sees("This code was already used.");
    assert_ne!(ssh.ends().1, 0);
    // Whoever is not enrolled gets in as before, until the policy says otherwise.
    container.user("bob");
    logs_in_without_a_code(&container, "bob");

    // One command for both, and the module goes with its profile.
    apts(&container, "remove libpam-totp");
    assert_eq!(container.runs(STACKS), before);
    container.runs("test ! -e /usr/bin/pam-totp && test ! -e /usr/lib/*/security/pam_totp.so");
    container.runs("! systemctl --quiet is-active pam-totpd.socket && test ! -e /run/pam_totp/verify.sock");
    logs_in_without_a_code(&container, "alice");
    apts(&container, "install /packages/now/*.deb");
    container.runs("pam-auth-update --enable pam-totp");
    logs_in(&container, &mut phone);
}

fn the_test_that_debian_runs_itself_passes(release: Release) {
    let container = debian(release);
    apts(&container, "install /packages/now/*.deb");
    container.file("/root/login", DEBIANS_OWN);
    container.runs("sh /root/login");
}

fn an_upgrade_and_a_downgrade_keep_what_was_switched_on(release: Release) {
    let container = installed(release);
    let now = container.runs("dpkg-query -W -f '${Version}' pam-totp");
    let later = format!("9{now}");
    container.runs("pam-auth-update --enable pam-totp");
    // Each moment without the module, or without its line.
    container.runs("systemctl disable --now --quiet pam-totpd.socket pam-totpd-root.socket");
    let stacks = container.runs(STACKS);
    let watch = "cd /usr/lib/*/security; while [ ! -e /run/enough ]; do \
                 [ -e pam_totp.so ] || echo gone >>/run/gone; grep -q pam_totp /etc/pam.d/common-auth || echo off >>/run/gone; done";
    container.runs(&format!("systemd-run --quiet sh -c '{watch}'"));
    let mut phone = Phone::default();
    logs_in(&container, &mut phone);
    for (folder, options, version) in [("later", "", &later), ("now", "--allow-downgrades", &now)] {
        let inode = container.runs("stat -c %i /usr/lib/*/security/pam_totp.so");
        apts(&container, &format!("install {options} /packages/{folder}/*.deb"));
        assert_ne!(container.runs("stat -c %i /usr/lib/*/security/pam_totp.so"), inode, "the module is another file");
        let says = container.runs("dpkg-query -W -f '${Version}\\n' libpam-totp pam-totp");
        assert_eq!(says, format!("{version}\n{version}\n"));
        assert_eq!(container.runs(STACKS), stacks);
        assert!(container.runs("cat /etc/security/pam_totp.toml").contains("window = 3"));
        logs_in(&container, &mut phone);
        let state = container.tries("systemctl is-enabled pam-totpd.socket");
        assert_eq!(String::from_utf8_lossy(&state.stdout), "disabled\n", "an upgrade switches nothing on");
    }
    container.runs("touch /run/enough; test ! -e /run/gone || { cat /run/gone; false; }");
}

fn removal_stops_until_no_stack_names_the_module(release: Release) {
    let container = installed(release);
    container.runs("pam-totp stack add --yes sshd");
    let mut phone = Phone::default();
    logs_in(&container, &mut phone);
    for packages in ["libpam-totp", "pam-totp libpam-totp", "libpam-totp pam-totp"] {
        let stopped = apt(&container, &format!("remove {packages}"));
        // apt has dpkg speak to a terminal.
        let said = String::from_utf8_lossy(&stopped.stdout).replace('\r', "");
        assert!(!stopped.status.success(), "{said}");
        assert!(said.contains("    /etc/pam.d/sshd\n") && said.contains("    pam-totp stack remove sshd\n"), "{said}");
        // All is there to do it.
        container.runs("dpkg --audit && test -x /usr/bin/pam-totp && test -e /usr/lib/*/security/pam_totp.so");
        container.runs("systemctl is-active pam-totpd.socket");
    }
    logs_in(&container, &mut phone);
    container.runs("pam-totp stack remove sshd");
    apts(&container, "remove libpam-totp");
    logs_in_without_a_code(&container, "alice");

    // Said beforehand, as the message tells, it goes all the same: then nobody gets in through that stack.
    apts(&container, "install /packages/now/*.deb");
    container.runs("pam-totp stack add --yes sshd");
    for package in ["libpam-totp", "pam-totp"] {
        container.runs(&format!("echo {package} {package}/remove-in-use boolean true | debconf-set-selections"));
    }
    apts(&container, "remove libpam-totp");
    let mut ssh = container.ssh("alice");
    ssh.answers("Password: ", PASSWORD);
    assert_ne!(ssh.ends().1, 0);
}

fn purge_keeps_the_keys_unless_told(release: Release) {
    let container = installed(release);
    container.runs("pam-auth-update --enable pam-totp");
    apts(&container, "purge libpam-totp pam-totp");
    container.runs("test -e /var/lib/pam_totp/secrets/alice.toml && test -e /etc/security/pam_totp.toml");
    container.runs("test ! -e /etc/shadow-maint/userdel-post.d/pam_totp && test ! -e /var/spool/pam_totp");
    logs_in_without_a_code(&container, "alice");
    // Her phone still works.
    apts(&container, "install /packages/now/*.deb");
    container.runs("grep -q 'window = 3' /etc/security/pam_totp.toml && pam-auth-update --enable pam-totp");
    logs_in(&container, &mut Phone::default());

    container.runs("echo libpam-totp libpam-totp/purge-keys boolean true | debconf-set-selections");
    apts(&container, "purge libpam-totp pam-totp");
    container.runs("test ! -e /var/lib/pam_totp && test ! -e /etc/security/pam_totp.toml && test ! -e /run/pam_totp");
    let left = container.runs("dpkg-query -W -f '${db:Status-Abbrev} ${Package}\\n' '*pam-totp' 2>/dev/null || :");
    assert!(!left.contains("ii") && !left.contains("rc"), "{left}");
    logs_in_without_a_code(&container, "alice");
}

/// Messages name what this installation has: its folders, and the command that brings it back.
fn what_is_missing_is_installed_by_the_command_that_doctor_names(release: Release) {
    let container = installed(release);
    container.runs("pam-totp stack add --yes sshd && rm /usr/lib/*/security/pam_totp.so");
    let said = container.tries("pam-totp doctor");
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    assert!(said.contains("apt install --reinstall libpam-totp pam-totp"), "{said}");
    assert!(!said.contains("make install") && !said.contains("/usr/local"), "{said}");
    apts(&container, "install --reinstall /packages/now/*.deb");
    logs_in(&container, &mut Phone::default());
    let docs =
        container.runs("grep -r -l -e /usr/local/bin/pam-totp -e /usr/local/share /usr/share/doc/*pam-totp || :");
    assert_eq!(docs, "");
}
