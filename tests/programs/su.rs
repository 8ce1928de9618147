//! su: the target's password, then the target's code.

use crate::support::system::{PASSWORD, System, throw_away};
use crate::support::terminal::Terminal;

const STACK: &str = include_str!("../../pam.d/su");

#[test]
fn the_right_code_gets_in_and_a_wrong_one_does_not() {
    throw_away(|system: &System| {
        system.stack("su", STACK);
        let (alice, bob) = (system.user("alice"), system.enrolled("bob"));
        for (code, status) in [(bob.wrong_code(), 1), (bob.code(), 0)] {
            let mut command = alice.command("/bin/su");
            command.args(["bob", "-c", "echo in as $(id -un)"]);
            let mut terminal = Terminal::run(command);
            terminal.answers("Password: ", PASSWORD);
            terminal.answers("Verification code: ", &code);
            let (screen, ended) = terminal.ends();
            assert_eq!(ended, status, "{screen}");
            assert_eq!(screen.contains("in as bob"), status == 0, "{screen}");
            assert_eq!(screen.contains("su: Authentication failure"), status == 1, "{screen}");
        }
        system.log.line("pam_totp(su:auth): authentication failure; ");
    });
}

#[test]
fn without_a_terminal_both_answers_come_from_standard_input() {
    throw_away(|system: &System| {
        system.stack("su", STACK);
        let (alice, bob) = (system.user("alice"), system.enrolled("bob"));
        for (code, status) in [(bob.wrong_code(), 1), (bob.code(), 0)] {
            let answers = format!("{PASSWORD}\n{code}\n");
            let output = system.tries(alice.command("/bin/su").args(["bob", "-c", "id -un"]), &answers);
            assert_eq!(output.status.code(), Some(status), "{output:?}");
            assert_eq!(output.stdout.ends_with(b"bob\n"), status == 0, "{output:?}");
        }
    });
}

#[test]
fn root_needs_neither() {
    throw_away(|system: &System| {
        system.stack("su", STACK);
        system.enrolled("bob");
        let output = system.runs(std::process::Command::new("/bin/su").args(["bob", "-c", "id -un"]));
        assert_eq!(output.stdout, b"bob\n");
    });
}

#[test]
fn a_login_shell_asks_the_same() {
    throw_away(|system: &System| {
        system.stack("su", STACK);
        system.stack("su-l", include_str!("../../pam.d/su-l"));
        let (alice, bob) = (system.user("alice"), system.enrolled("bob"));
        for (code, status) in [(bob.wrong_code(), 1), (bob.code(), 0)] {
            let mut command = alice.command("/bin/su");
            command.args(["-l", "bob", "-c", "echo in as $(id -un)"]);
            let mut terminal = Terminal::run(command);
            terminal.answers("Password: ", PASSWORD);
            terminal.answers("Verification code: ", &code);
            let (screen, ended) = terminal.ends();
            assert_eq!(ended, status, "{screen}");
            assert_eq!(screen.contains("in as bob"), status == 0, "{screen}");
        }
        system.log.line("pam_totp(su-l:auth): authentication failure; ");
    });
}
