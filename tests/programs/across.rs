//! One code, two programs: what one has taken no other takes.

use crate::programs::sudo;
use crate::support::sshd::{KEYBOARD_INTERACTIVE, Sshd, prompt, ssh};
use crate::support::system::{PASSWORD, throw_away};

#[test]
fn a_code_used_at_sshd_is_refused_by_sudo() {
    throw_away(|system| {
        system.stack("sshd", include_str!("../../pam.d/sshd"));
        sudo::prepare(system);
        let bob = system.enrolled("bob");
        let _server = Sshd::start(system, KEYBOARD_INTERACTIVE);
        let code = bob.code();

        let mut client = ssh("bob", &[]);
        client.answers(&prompt("bob", "Password: "), PASSWORD);
        client.answers(&prompt("bob", "Verification code: "), &code);
        client.sees("in as bob");
        client.ends();

        let answers = format!("{PASSWORD}\n{code}\n");
        let output = system.tries(bob.command("sudo").args(["-S", "id"]), &answers);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        assert!(output.stdout.is_empty(), "{output:?}");
        system.log.line("pam_totp(sudo:auth): authentication failure; ");
    });
}
