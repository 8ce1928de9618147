//! Ways to become root: doas, the sudo that is written in Rust, and what asks polkit.

use super::cases::{Typed, holds, people};
use crate::support::container::{Container, PASSWORD, Release, SSH, on_each_release};

on_each_release!(doas_asks, polkit_asks_for_pkexec);

fn ready(release: Release) -> Container {
    let container = Container::with(release, "administration", "");
    people(&container);
    container
}

/// Does it, on a terminal of the user's?
fn becomes_root(container: &Container, typed: Typed, command: &str) -> bool {
    let terminal = container.terminal_of(typed.user, command);
    let (screen, status) = terminal.answers_until_it_ends(&[("assword: ", typed.password), ("code: ", typed.code)]);
    let is_root = screen.lines().any(|line| line == "root");
    assert_eq!(is_root, status == 0, "{screen}");
    is_root
}

fn doas_asks(release: Release) {
    let container = ready(release);
    container.file("/etc/doas.conf", "permit in-doas\npermit wrong\npermit empty\npermit unenrolled\n");
    container.runs("pam-totp stack add --yes doas");
    holds(&container, "doas", "doas", |typed| becomes_root(&container, typed, "doas id -un"));
}

/// Each user may become root by their own password, and has a session to do it in.
fn ready_for_polkit(release: Release) -> Container {
    let container = ready(release);
    let rule = "polkit.addAdminRule(function(action, subject) { return [\"unix-user:\" + subject.user]; });\n";
    container.file("/etc/polkit-1/rules.d/00-own.rules", rule);
    container.ssh_prompts();
    container.runs("chmod 644 /etc/polkit-1/rules.d/* && systemctl reload ssh && pam-totp stack add --yes polkit-1");
    container
}

/// Does a command of a session's, which asks polkit?
fn polkit_lets(container: &Container, typed: Typed, command: &str) -> bool {
    let mut session = container.terminal(&format!("ssh -tt {SSH} {}@127.0.0.1 '{command}'", typed.user));
    session.answers("Password: ", PASSWORD);
    let (screen, status) = session.answers_until_it_ends(&[("Password: ", typed.password), ("code: ", typed.code)]);
    let is_root = screen.contains("root\n");
    assert_eq!((is_root, screen.contains("AUTHENTICATION COMPLETE")), (status == 0, status == 0), "{screen}");
    is_root
}

fn polkit_asks_for_pkexec(release: Release) {
    let container = ready_for_polkit(release);
    // The usual agent: to that of pkexec itself polkitd of Debian 12 says "No session for cookie".
    let agent = "mkfifo ready; pkttyagent --process $$ --notify-fd 3 3>ready & cat ready; rm ready";
    // The shell stays: it is the process that the agent is for.
    let pkexec = format!("{agent}; pkexec --disable-internal-agent id -un; exit $?");
    holds(&container, "pkexec", "polkit-1", |typed| polkit_lets(&container, typed, &pkexec));
}

mod debian13_alone {
    use super::*;

    #[test]
    fn sudo_in_rust_asks() {
        let container = ready(Release::Debian13);
        container.file("/etc/sudoers-rs", "Defaults passwd_tries=1\nALL ALL=(ALL:ALL) ALL\n");
        container.runs("pam-totp stack add --yes sudo");
        holds(&container, "sudo-rs", "sudo", |typed| becomes_root(&container, typed, "sudo-rs id -un"));
    }

    #[test]
    fn polkit_asks_for_run0() {
        let container = ready_for_polkit(Release::Debian13);
        holds(&container, "run0", "polkit-1", |typed| polkit_lets(&container, typed, "run0 --background= id -un"));
    }
}
