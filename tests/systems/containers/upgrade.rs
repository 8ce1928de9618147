//! An upgrade while people are at work, and a record of a version that is not known here.

use crate::support::container::{Container, PASSWORD, Release, code_after, codes, on_each_release};
use crate::support::until;

on_each_release!(
    a_waiting_prompt_goes_on_and_the_next_login_has_the_new_module,
    a_record_of_a_later_version_is_left_alone
);

/// Replaces the module as an upgrade does: by a rename.
fn replace(container: &Container) {
    container.runs(
        "module=$(echo /usr/lib/*/security/pam_totp.so); cp $module $module.new; mv $module.new $module; \
         daemon=$(command -v pam-totpd); cp $daemon $daemon.new; mv $daemon.new $daemon",
    );
}

/// How many processes have a module mapped that is there no more.
fn on_the_old(container: &Container) -> usize {
    container
        .runs("grep --files-with-matches 'pam_totp.so.*(deleted)' /proc/[0-9]*/maps 2>/dev/null || true")
        .lines()
        .count()
}

/// What needrestart tells to start again, for programs to read.
fn needrestart(container: &Container) -> String {
    container.runs("needrestart -b -r l 2>&1")
}

fn a_waiting_prompt_goes_on_and_the_next_login_has_the_new_module(release: Release) {
    let container = Container::boot(release);
    container.enrolled("alice");
    container.enrolled("bob");
    container.ssh_asks();
    let [now, next] = codes();
    let mut waiting = container.ssh_with("alice", "echo ready; read line; echo $line");
    waiting.answers("Password: ", PASSWORD);
    waiting.sees("Verification code: ");
    assert_eq!(on_the_old(&container), 0);
    assert!(!needrestart(&container).contains("ssh.service"));
    replace(&container);
    assert_ne!(on_the_old(&container), 0);
    waiting.types(&now);
    waiting.sees("ready");
    let old = on_the_old(&container);
    container.ssh_in("bob", &now);
    assert_eq!(on_the_old(&container), old, "no new process has it");
    // What the old one used up is used for the new one.
    container.ssh_refused("alice", &now);
    container.ssh_in("alice", &next);
    let doctor = String::from_utf8(container.tries("pam-totp doctor").stdout).expect("UTF-8");
    assert!(
        doctor.contains("these still run a module that was replaced, until they are started again: sshd"),
        "{doctor}"
    );
    assert!(needrestart(&container).contains("NEEDRESTART-SVC: ssh.service\n"));
    // The session ends, and with it the last that has the old module.
    waiting.types("done");
    waiting.ends();
    until("the session is gone", || on_the_old(&container) == 0);
    assert!(!needrestart(&container).contains("ssh.service"));
}

fn a_record_of_a_later_version_is_left_alone(release: Release) {
    let container = Container::boot(release);
    container.enrolled("alice");
    container.ssh_asks();
    let [now, next] = codes();
    container.ssh_in("alice", &now);
    let record = "/var/lib/pam_totp/state/alice";
    container.runs(&format!("cp {record} /root/before"));
    // Both slots begin with the version.
    for seek in [0, 4096] {
        container.reads(&format!("dd of={record} bs=1 seek={seek} conv=notrunc status=none"), "pam_totp 3");
    }
    let later = container.runs(&format!("sha256sum <{record}; sha256sum </var/lib/pam_totp/secrets/alice.toml"));
    container.ssh_refused("alice", &next);
    let line = container.logs("was written by a newer pam_totp: restart this service");
    assert!(line.starts_with("pam_totp(sshd:auth): ") && line.contains(record), "{line}");
    for command in ["unlock alice", "backup-codes alice", "remove --yes alice", "resync alice"] {
        let output = container.tries_with(&format!("pam-totp {command}"), &format!("{next}\n{next}\n"));
        assert!(!output.status.success(), "{command}: {output:?}");
    }
    let then = container.runs(&format!("sha256sum <{record}; sha256sum </var/lib/pam_totp/secrets/alice.toml"));
    assert_eq!(then, later, "nothing is lost");
    // The version that can read it is back.
    container.runs(&format!("cat /root/before >{record}"));
    container.ssh_in("alice", &code_after(&now));
}
