//! One session at a time, as a hosting panel limits it: the recipe of docs/panels.md.

use crate::support::container::{Container, PASSWORD, Release, SSH, codes, on_each_release};
use crate::support::terminal::Terminal;
use crate::support::until;

on_each_release!(a_second_session_is_refused_until_the_first_one_has_ended);

const LIMIT: &str = "alice hard maxlogins 1\n";

/// A session at a terminal, which stays until its user has typed something.
fn session(container: &Container, code: &str) -> Terminal {
    let mut ssh = container.terminal(&format!("ssh -tt {SSH} alice@127.0.0.1 'echo in as $(id -un); read line'"));
    ssh.answers("Password: ", PASSWORD);
    ssh.answers("Verification code: ", code);
    ssh
}

fn a_second_session_is_refused_until_the_first_one_has_ended(release: Release) {
    let container = Container::boot(release);
    // Whoever types is slow where the machine is busy.
    container.runs("pam-totp policy set window 3");
    container.enrolled("alice");
    container.ssh_asks();
    container.file("/etc/security/limits.d/one-session.conf", LIMIT);
    let [now, next, third] = codes();
    let mut first = session(&container, &now);
    first.sees("in as alice");

    let second = session(&container, &next);
    let (screen, exit) = second.ends();
    assert!(exit == 255 && screen.contains("Too many logins for 'alice'."), "{screen}");
    container.logs("right code: alice");

    container.runs("loginctl terminate-user alice");
    assert_eq!(first.ends().1, 255);
    until("the session is gone", || !container.runs("loginctl list-users --no-legend").contains("alice"));
    session(&container, &third).sees("in as alice");
}
