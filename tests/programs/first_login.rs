//! Enrollment at login, in real programs.

use crate::support::codes::fresh_code;
use crate::support::host::{self, Once};
use crate::support::sshd::{KEYBOARD_INTERACTIVE, Sshd, prompt, ssh};
use crate::support::system::{PASSWORD, System, throw_away};
use crate::support::terminal::Terminal;
use serde_json::Value;
use std::fs;
use std::process::Command;

mod lost;

const SSHD: &str = include_str!("../../pam.d/sshd");
const LOGIN: &str = include_str!("../../pam.d/login");

/// Like Cockpit's stock file: the line after the substack runs after a wrong password too.
const SUBSTACK: &str = "auth substack common-auth
auth required pam_totp.so nodelay
account required pam_unix.so
account required pam_totp.so
session required pam_permit.so
";

fn is_enrolled(name: &str) -> bool {
    fs::exists(format!("/var/lib/pam_totp/secrets/{name}.toml")).expect("a folder")
}

/// What programs that users call ask first.
const ENTER: &str = "Press Enter to see account and key: ";

/// Reads the key from the screen.
fn key(terminal: &mut Terminal) -> String {
    terminal.sees("Key:     ");
    terminal.sees("\n").replace([' ', '\r'], "")
}

/// The first of the backup codes, typed back, and on with the login.
fn backup_code(terminal: &mut Terminal) -> String {
    terminal.sees("They are shown only now.");
    terminal.sees("\n(1) ");
    let code = terminal.sees("\n").trim().to_owned();
    terminal.answers("Backup code: ", &code);
    code
}

fn enrolls(system: &System, more: &str) {
    system.policy(&format!("unenrolled = \"enroll\"\nissuer = \"ACME\"\n{more}"));
}

#[test]
fn over_ssh_the_key_is_typed_and_the_next_login_asks_for_a_code() {
    throw_away(|system| {
        enrolls(system, "");
        system.stack("sshd", SSHD);
        let bob = system.user("bob");
        let _sshd = Sshd::start(system, KEYBOARD_INTERACTIVE);
        let mut client = ssh("bob", &[]);
        client.answers(&prompt("bob", "Password: "), PASSWORD);
        client.sees("Account: bob at ACME");
        let key = key(&mut client);
        client.answers("Verification code: ", "000000x");
        client.sees("The security code is invalid.");
        assert!(!is_enrolled("bob"));
        let code = fresh_code(&key);
        client.answers("Verification code: ", &code);
        let backup = backup_code(&mut client);
        client.sees("in as bob");
        assert_eq!(client.ends().1, 0);
        assert!(is_enrolled("bob"));
        system.log.line("pam_totp(sshd:account): enrolled bob at a login, proved by a code");

        // From now on there is a code to be asked for; the proving one is used up, a backup code gets in once.
        for (answer, gets_in) in [(&code, false), (&backup, true), (&backup, false)] {
            let mut client = ssh("bob", &["-o", "NumberOfPasswordPrompts=1"]);
            client.answers(&prompt("bob", "Password: "), PASSWORD);
            client.answers(&prompt("bob", "Verification code: "), answer);
            let (screen, status) = client.ends();
            assert_eq!(status == 0, gets_in, "{screen}");
            assert_eq!(screen.contains("9 backup codes are left."), gets_in, "{screen}");
        }
        assert_eq!(bob.name, "bob");
    });
}

#[test]
fn on_a_console_there_is_a_qr_code_and_enter_puts_it_off() {
    throw_away(|system| {
        enrolls(system, "enroll_by = 9999-12-31\n");
        system.stack("login", LOGIN);
        system.user("bob");
        let mut console = Terminal::run(Command::new("/bin/login"));
        console.answers("throwaway login: ", "bob");
        console.answers("Password: ", PASSWORD);
        // The words stand beside the code.
        console.sees("\u{1b}[0;38;5;16;48;5;231m");
        console.sees("You can put this off until");
        console.sees("Account: bob at ACME.");
        console.answers("Verification code: ", "");
        console.sees("bob@throwaway");
        console.types("exit");
        console.ends();
        assert!(!is_enrolled("bob"));

        let mut console = Terminal::run(Command::new("/bin/login"));
        console.answers("throwaway login: ", "bob");
        console.answers("Password: ", PASSWORD);
        let key = key(&mut console);
        console.answers("Verification code: ", &fresh_code(&key));
        backup_code(&mut console);
        console.sees("bob@throwaway");
        console.types("exit");
        console.ends();
        assert!(is_enrolled("bob"));
    });
}

#[test]
fn at_sudo_too() {
    throw_away(|system| {
        enrolls(system, "");
        crate::programs::sudo::prepare(system);
        let bob = system.user("bob");
        let mut command = bob.command("sudo");
        command.args(["id", "-un"]);
        let mut terminal = Terminal::run(command);
        terminal.answers("[sudo] password for bob: ", PASSWORD);
        terminal.answers(ENTER, "");
        let key = key(&mut terminal);
        terminal.answers("Verification code: ", &fresh_code(&key));
        backup_code(&mut terminal);
        terminal.sees("root");
        assert_eq!(terminal.ends().1, 0);
        assert!(is_enrolled("bob"));
    });
}

/// Answers every prompt with the password, and keeps what it was asked.
const ASKPASS: &str = "#!/bin/sh\nprintf '%s\\n' \"$@\" >>/tmp/asked\necho '";

/// It is run with its question among its arguments, where every user of the host reads them.
#[test]
fn at_sudo_askpass_is_given_no_key() {
    throw_away(|system| {
        enrolls(system, "");
        crate::programs::sudo::prepare(system);
        system.without_delays();
        let bob = system.user("bob");
        system.file("/usr/local/bin/askpass", &format!("{ASKPASS}{PASSWORD}'\n"));
        system.runs(Command::new("chmod").args(["755", "/usr/local/bin/askpass"]));
        let sudo = || {
            let mut command = bob.command("sudo");
            command.args(["-A", "id"]).env("SUDO_ASKPASS", "/usr/local/bin/askpass");
            command
        };
        let told = "This server asks for a verification code after your password. Set up an\n\
                    authenticator app (Google Authenticator, Authy, Duo Mobile, ...) now.\n";
        let sudoers = fs::read_to_string("/etc/sudoers").expect("text");
        for more in ["", "Defaults !pam_silent\n"] {
            system.file("/etc/sudoers", &format!("{sudoers}{more}"));
            for (on_terminal, also) in [(false, String::new()), (true, format!("{told}{ENTER}\n"))] {
                if on_terminal {
                    assert_eq!(Terminal::run(sudo()).ends().1, 1);
                } else {
                    assert_eq!(system.tries(&mut sudo(), "").status.code(), Some(1));
                }
                let asked = fs::read_to_string("/tmp/asked").expect("it was asked");
                assert_eq!(asked, format!("[sudo] password for bob: \n{also}").repeat(3), "{more}{on_terminal}");
                fs::remove_file("/tmp/asked").expect("a file");
            }
        }
        let why = "no enrollment: bob must enroll, and this program shows its prompts where others may see them";
        assert_eq!(system.log.count(why), 12);
        assert!(!is_enrolled("bob"));
    });
}

#[test]
fn a_qr_code_goes_to_the_terminal_or_nowhere() {
    throw_away(|system| {
        enrolls(system, "");
        system.stack("su", include_str!("../../pam.d/su"));
        system.user("bob");
        let mut shell = system.user("carol").command("/bin/bash");
        shell.args(["-c", "su bob -c 'id -un' >/tmp/output"]);
        let mut terminal = Terminal::run(shell);
        terminal.answers("Password: ", PASSWORD);
        terminal.answers(ENTER, "");
        let key = key(&mut terminal);
        terminal.answers("Verification code: ", &fresh_code(&key));
        backup_code(&mut terminal);
        assert_eq!(terminal.ends().1, 0);
        let output = fs::read_to_string("/tmp/output").expect("text");
        assert_eq!(output, "Your backup codes are on. The next login needs the next code of the app.\nbob\n");
        assert!(is_enrolled("bob"));
    });
}

#[test]
fn without_the_password_nothing_is_left_behind() {
    throw_away(|system| {
        enrolls(system, "");
        system.stack("sshd", SUBSTACK);
        system.user("bob");
        let _sshd = Sshd::start(system, KEYBOARD_INTERACTIVE);
        let mut client = ssh("bob", &["-o", "NumberOfPasswordPrompts=1"]);
        client.answers(&prompt("bob", "Password: "), "a stranger's guess");
        let key = key(&mut client);
        client.answers("Verification code: ", &fresh_code(&key));
        let (screen, status) = client.ends();
        assert_ne!(status, 0, "{screen}");
        assert!(!is_enrolled("bob") && !fs::exists("/var/lib/pam_totp/state/bob").unwrap());
    });
}

#[test]
fn a_key_of_ones_own_making_is_no_credential() {
    throw_away(|system| {
        enrolls(system, "");
        crate::programs::sudo::prepare(system);
        // A code in the password's place: whoever has none must not get in by one that they make themselves.
        let code_or_password = "auth sufficient pam_totp.so nodelay\n@include common-auth\n";
        let account = "@include common-account\naccount required pam_totp.so\nsession required pam_permit.so\n";
        system.stack("sudo", &format!("{code_or_password}{account}"));
        let bob = system.user("bob");
        let mut command = bob.command("sudo");
        command.args(["id", "-un"]);
        let mut terminal = Terminal::run(command);
        terminal.answers(ENTER, "");
        let key = key(&mut terminal);
        terminal.answers("Verification code: ", &fresh_code(&key));
        terminal.answers("[sudo] password for bob: ", "a thief's guess");
        // sudo asks all anew.
        terminal.sees(ENTER);
        terminal.presses_control('c');
        assert_ne!(terminal.ends().1, 0);
        assert!(!is_enrolled("bob"));
    });
}

#[test]
fn what_a_stranger_proved_before_is_not_stored_with_the_owners_password() {
    throw_away(|system| {
        enrolls(system, "enroll_by = 9999-12-31\n");
        // login tries again with the same handle.
        system.stack("login", SUBSTACK);
        system.without_delays();
        system.user("bob");
        let mut console = Terminal::run(Command::new("/bin/login"));
        console.answers("throwaway login: ", "bob");
        console.answers("Password: ", "a stranger's guess");
        let key = key(&mut console);
        console.answers("Verification code: ", &fresh_code(&key));
        console.sees("Login incorrect");
        console.answers("throwaway login: ", "bob");
        console.answers("Password: ", PASSWORD);
        console.answers("Verification code: ", "");
        console.sees("bob@throwaway");
        console.types("exit");
        console.ends();
        assert!(!is_enrolled("bob"), "bob put it off");
    });
}

#[test]
fn without_the_account_line_nothing_is_ever_stored() {
    throw_away(|system| {
        enrolls(system, "");
        system.stack("sshd", &SSHD.replace("account    required     pam_totp.so", ""));
        system.user("bob");
        let _sshd = Sshd::start(system, KEYBOARD_INTERACTIVE);
        let mut client = ssh("bob", &[]);
        client.answers(&prompt("bob", "Password: "), PASSWORD);
        let key = key(&mut client);
        client.answers("Verification code: ", &fresh_code(&key));
        client.sees("in as bob");
        client.ends();
        assert!(!is_enrolled("bob"));
    });
}

/// Whoever enrolled in another's name, and was found out, still sits at the question.
#[test]
fn backup_codes_of_an_enrollment_that_is_gone_are_no_others() {
    throw_away(|system| {
        host::build(system, &[]);
        enrolls(system, "");
        let stack = "auth required pam_permit.so\nauth required pam_totp.so nodelay\n";
        system.stack("host", &format!("{stack}account required pam_totp.so\naccount required pam_permit.so\n"));
        system.user("bob");
        let codes_left = || {
            let output = system.runs(Command::new("pam-totp").args(["--json", "status", "bob"])).stdout;
            serde_json::from_slice::<Value>(&output).expect("an object")["backup_codes"]["left"].as_u64()
        };
        let renew = || {
            system.runs(Command::new("pam-totp").args(["backup-codes", "--count", "2", "bob"]));
        };
        let replace = || {
            system.runs(Command::new("pam-totp").args(["remove", "bob"]));
            system.enroll("bob");
        };
        let anew: [(&dyn Fn(), u64); 2] = [(&renew, 2), (&replace, 0)];
        for (meanwhile, left) in anew {
            let mut login = Once::start("host", "bob", 2);
            login.sees("Key:     ");
            let key = login.sees("\n").replace(' ', "");
            login.answers("Verification code: ", &fresh_code(&key));
            login.sees("\n(1) ");
            let code = login.sees("\n");
            login.sees("Backup code: ");
            meanwhile();
            login.types(&code);
            let said = login.rest();
            assert!(said.contains("You have no backup codes. Make some with `pam-totp backup-codes`."), "{said}");
            system.log.line("the backup codes of bob are not stored: the enrollment has changed since");
            assert_eq!(codes_left().unwrap_or_default(), left);
            system.runs(Command::new("pam-totp").args(["remove", "bob"]));
        }
    });
}
