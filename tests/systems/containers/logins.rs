//! Logins by the programs of a small server, as systemd runs them.

use crate::support::container::{Container, PASSWORD, Release, code, codes, on_each_release};
use crate::support::terminal::Terminal;
use crate::support::until;

on_each_release!(
    ssh_started_by_its_socket_asks,
    a_reload_of_ssh_ends_no_login,
    sudo_su_and_login_ask,
    a_full_disk_keeps_nobody_out,
);

fn ssh_started_by_its_socket_asks(release: Release) {
    let container =
        Container::prepared(release, "systemctl --quiet disable ssh.service; systemctl --quiet enable ssh.socket");
    container.enrolled("alice");
    container.runs("pam-totp stack add --yes sshd");
    container.ssh_prompts();
    assert_ne!(container.state("ssh.service"), "active");
    let [now, next] = codes();
    container.ssh_in("alice", &now);
    container.ssh_refused("alice", &now);
    container.ssh_in("alice", &next);
}

fn a_reload_of_ssh_ends_no_login(release: Release) {
    let container = Container::boot(release);
    container.enrolled("alice");
    container.ssh_asks();
    let mut session = container.ssh_with("alice", "read line; echo still here: $line");
    session.answers("Password: ", PASSWORD);
    let [now, next] = codes();
    session.answers("Verification code: ", &now);
    container.logs("session opened for user alice");
    let mut waiting = container.ssh("alice");
    waiting.answers("Password: ", PASSWORD);
    waiting.sees("Verification code: ");
    container.runs("systemctl reload ssh");
    waiting.types(&next);
    waiting.sees("in as alice");
    session.types("hello");
    session.sees("still here: hello");
    // It listens as before.
    container.enrolled("bob");
    container.ssh_in("bob", &code());
}

fn sudo_su_and_login_ask(release: Release) {
    let container = Container::boot(release);
    container.enrolled("alice");
    container.enrolled("bob");
    container.enrolled("carol");
    container.sudo_for("alice");
    container.runs("for service in sudo su login; do pam-totp stack add --yes $service; done");
    let [now, next] = codes();

    let mut sudo = container.terminal_of("alice", "sudo id -un");
    sudo.answers("password for alice: ", PASSWORD);
    sudo.answers("Verification code: ", &now);
    sudo.sees("root");
    assert_eq!(sudo.ends().1, 0);
    let mut used = container.terminal_of("alice", "sudo -k id -un");
    used.answers("password for alice: ", PASSWORD);
    used.answers("Verification code: ", &now);
    used.sees("Sorry, try again.");
    container.logs("used code");

    let mut su = container.terminal_of("alice", "su bob -c 'echo in as $(id -un)'");
    su.answers("Password: ", PASSWORD);
    su.answers("Verification code: ", &next);
    su.sees("in as bob");

    // It hangs its terminal up and opens it again, which systemd knows.
    let mut login = container.command("systemd-run");
    login.args(["--quiet", "--pty", "login", "carol"]);
    let mut login = Terminal::run(login);
    login.answers("Password: ", PASSWORD);
    login.answers("Verification code: ", &now);
    login.answers("$ ", "echo in as $(id -un)");
    login.sees("in as carol");
    for service in ["sudo", "su", "login"] {
        container.logs(&format!("pam_totp({service}:auth): "));
    }
}

/// The record was made with the enrollment, and a login writes in its place: nothing has to grow.
fn a_full_disk_keeps_nobody_out(release: Release) {
    let container = Container::boot(release);
    container.enrolled("alice");
    container.enrolled("bob");
    container.sudo_for("bob");
    container.runs("pam-totp stack add --yes sudo");
    container.ssh_asks();
    container.runs("cp -a /var/lib/pam_totp /root; cat /dev/zero >/var/lib/fill 2>/dev/null || true");
    until("nothing fits", || !container.tries("echo one more line >>/var/lib/line").status.success());
    let [now, next] = codes();
    container.ssh_in("alice", &now);
    container.ssh_refused("alice", &now);
    container.ssh_in("alice", &next);
    let mut sudo = container.terminal_of("bob", "sudo id -un");
    sudo.answers("password for bob: ", PASSWORD);
    sudo.answers("Verification code: ", &now);
    sudo.sees("root");
}
