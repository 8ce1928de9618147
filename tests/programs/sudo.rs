//! sudo, as a user on a terminal.

use crate::support::system::{PASSWORD, System, User, throw_away};
use crate::support::terminal::Terminal;

const STACK: &str = include_str!("../../pam.d/sudo");

/// Lets everybody use sudo with their own password, so that a test may take as many users as it needs.
pub fn prepare(system: &System) {
    system.stack("sudo", STACK);
    system.file("/etc/sudoers", "Defaults lecture = never\nroot ALL=(ALL:ALL) ALL\nALL ALL=(ALL:ALL) ALL\n");
}

fn on_terminal(user: &User, shell: &str) -> Terminal {
    let mut command = user.command("/bin/bash");
    command.args(["-c", shell]);
    Terminal::run(command)
}

fn answer(terminal: &mut Terminal, user: &User, code: &str) {
    terminal.answers(&format!("[sudo] password for {}: ", user.name), PASSWORD);
    terminal.answers("Verification code: ", code);
}

#[test]
fn password_then_code_and_the_ticket_asks_no_more() {
    throw_away(|system| {
        prepare(system);
        let alice = system.enrolled("alice");
        let mut terminal = on_terminal(&alice, "sudo id -un && sudo -n echo ticket holds");
        answer(&mut terminal, &alice, &alice.code());
        terminal.sees("root");
        terminal.sees("ticket holds");
        assert_eq!(terminal.ends().1, 0);
    });
}

#[test]
fn three_wrong_codes_end_it() {
    throw_away(|system| {
        prepare(system);
        let alice = system.enrolled("alice");
        let mut terminal = on_terminal(&alice, "sudo id");
        for _ in 0..3 {
            answer(&mut terminal, &alice, &alice.wrong_code());
        }
        terminal.sees("sudo: 3 incorrect password attempts");
        let (screen, status) = terminal.ends();
        assert_eq!(status, 1);
        assert!(!screen.contains("uid=0"), "{screen}");
        system.log.line("pam_totp(sudo:auth): authentication failure; ");
    });
}

#[test]
fn without_a_prompt_nothing_is_done() {
    throw_away(|system| {
        prepare(system);
        let alice = system.enrolled("alice");
        let output = system.tries(alice.command("sudo").args(["-n", "id"]), "");
        assert_eq!(output.status.code(), Some(1));
        assert_eq!(String::from_utf8_lossy(&output.stderr), "sudo: a password is required\n");
        // -n must not have spent the code, nor a free try.
        let output = system.tries(alice.command("sudo").args(["-S", "id"]), &format!("{PASSWORD}\n{}\n", alice.code()));
        assert!(output.status.success(), "{output:?}");
        assert!(String::from_utf8_lossy(&output.stdout).starts_with("uid=0(root)"));
    });
}

#[test]
fn control_c_at_the_prompt_ends_it_and_spends_nothing() {
    throw_away(|system| {
        prepare(system);
        let alice = system.enrolled("alice");
        let mut terminal = on_terminal(&alice, "sudo id; echo ended with $?; sudo id -un");
        terminal.answers("[sudo] password for alice: ", PASSWORD);
        terminal.sees("Verification code: ");
        terminal.presses_control('c');
        terminal.sees("ended with 1");
        answer(&mut terminal, &alice, &alice.code());
        terminal.sees("root");
        assert_eq!(terminal.ends().1, 0);
    });
}

/// Debian's sudo asks another service there.
#[test]
fn a_login_shell_asks_as_its_own_stack_says() {
    throw_away(|system| {
        prepare(system);
        system.stack("sudo-i", include_str!("../../pam.d/sudo-i"));
        let alice = system.enrolled("alice");
        let mut terminal = on_terminal(&alice, "sudo -i id -un");
        answer(&mut terminal, &alice, &alice.wrong_code());
        answer(&mut terminal, &alice, &alice.code());
        terminal.sees("root");
        assert_eq!(terminal.ends().1, 0);
        system.log.line("pam_totp(sudo-i:auth): authentication failure; ");
    });
}
