//! polkit: programs that ask root's helper for a password and a code.

use crate::support::container::{Container, PASSWORD, Release, SSH, codes, on_each_release};
use crate::support::terminal::Terminal;

on_each_release!(pkexec_and_run0_ask, a_sandbox_around_the_helper_has_the_door_judge);

fn ready(release: Release) -> Container {
    let container = Container::boot(release);
    container.enrolled("alice");
    // An administrator to polkit.
    container.runs("usermod --append --groups sudo alice; pam-totp stack add --yes polkit-1");
    container.ssh_prompts();
    container.runs("systemctl reload ssh");
    container
}

/// Commands in a session of their own.
fn session(container: &Container, shell: &str) -> Terminal {
    container.file("/usr/local/bin/session", shell);
    let mut ssh = container.terminal(&format!("ssh -tt {SSH} alice@127.0.0.1 sh /usr/local/bin/session"));
    ssh.answers("Password: ", PASSWORD);
    ssh
}

/// Answers what the agent asks.
fn answer(terminal: &mut Terminal, code: &str) {
    terminal.sees("Authenticating as: alice");
    terminal.answers("Password: ", PASSWORD);
    terminal.answers("Verification code: ", code);
}

fn pkexec_and_run0_ask(release: Release) {
    let container = ready(release);
    let [now, next] = codes();
    // The usual agent: to that of pkexec itself polkitd of Debian 12 says "No session for cookie".
    let agent = "mkfifo ready; pkttyagent --process $$ --notify-fd 3 3>ready & cat ready; rm ready";
    let pkexec = &format!("{agent}; pkexec --disable-internal-agent id -un");
    let mut root = session(&container, pkexec);
    answer(&mut root, &now);
    root.sees("AUTHENTICATION COMPLETE");
    root.sees("root");
    let mut used = session(&container, pkexec);
    answer(&mut used, &now);
    used.sees("AUTHENTICATION FAILED");
    container.logs("pam_totp(polkit-1:auth): ");
    if release == Release::Debian13 {
        let mut run0 = session(&container, "run0 --background= id -un");
        answer(&mut run0, &next);
        run0.sees("AUTHENTICATION COMPLETE");
        run0.sees("root");
    }
}

/// As polkit 127 has it around its helper: root there can write to no disk. The helper says what PAM said before it goes on to
/// polkitd, which here has not asked it.
fn a_sandbox_around_the_helper_has_the_door_judge(release: Release) {
    let container = ready(release);
    let sandbox = ["ProtectSystem=strict", "NoNewPrivileges=yes", "PrivateNetwork=yes"];
    let options: String = sandbox.iter().map(|property| format!("--property={property} ")).collect();
    let helper = "/usr/lib/polkit-1/polkit-agent-helper-1 alice";
    let [now, _] = codes();
    let asks = |code: &str| {
        let said = container.tries_with(
            &format!("systemd-run --quiet --pipe --wait {options} {helper}"),
            &format!("cookie\n{PASSWORD}\n{code}\n"),
        );
        String::from_utf8_lossy(&said.stderr).into_owned()
    };
    let reached = "error response to PolicyKit daemon";
    let said = asks(&now);
    assert!(said.contains(reached), "{said}");
    let judged = container.logs("right code: alice from local");
    assert!(judged.contains("(asked by uid 0, pid "), "by pam-totpd: {judged}");
    let said = asks(&now);
    assert!(!said.contains(reached), "{said}");
    container.logs("used code");
}
