//! What the sudoers lines of the documentation let a reseller do, and nothing else.

use super::block;
use crate::support::codes::fresh_code;
use crate::support::program::object;
use crate::support::system::{KEY, throw_away};
use crate::support::terminal::Terminal;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

const PROGRAM: &str = "/usr/local/bin/pam-totp";
const RULES: &str = "/etc/sudoers.d/pam_totp-resellers";

#[test]
fn a_reseller_looks_after_their_own_users_and_nobody_else() {
    throw_away(|system| {
        fs::copy("/usr/bin/pam-totp", PROGRAM).expect("where the documents have it");
        system.runs(Command::new("groupadd").arg("acme"));
        let (ada, eve) = (system.user("ada"), system.user("eve"));
        system.runs(Command::new("usermod").args(["-aG", "acme", "ada"]));
        for name in ["bob", "carol", "dave"] {
            system.enrolled(name);
        }
        system.file("/etc/sudoers", "Defaults lecture = never\nroot ALL=(ALL:ALL) ALL\n@includedir /etc/sudoers.d\n");
        system.file(RULES, block("pam_totp-resellers"));
        fs::set_permissions(RULES, fs::Permissions::from_mode(0o440)).expect("sets a mode");
        system.runs(Command::new("visudo").arg("-c"));
        let sudo = |arguments: &[&str]| {
            let output = system.tries(ada.command("/usr/bin/sudo").arg("-n").args(arguments), "");
            (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
        };
        let runs = |arguments: &[&str]| sudo(&[&[PROGRAM], arguments].concat());

        for arguments in [["status", "bob"], ["unlock", "bob"], ["remove", "bob"], ["status", "carol"]] {
            assert_eq!(runs(&arguments).0, Some(0), "{arguments:?}");
        }
        system.log.line("removed the enrollment of bob (by ada, uid ");
        let mut command = ada.command("/usr/bin/sudo");
        command.args(["-n", PROGRAM, "enroll", "--replace", "carol"]);
        let mut terminal = Terminal::run(command);
        terminal.sees("Key:     ");
        let key = terminal.sees("\n").replace([' ', '\r'], "");
        terminal.answers("Verification code: ", &fresh_code(&key));
        assert_eq!(terminal.ends().1, 0);
        system.log.line("replaced a device of carol, proved by a code (by ada, uid ");

        let kept = || fs::read_to_string("/var/lib/pam_totp/secrets/dave.toml").expect("dave's");
        let before = kept();
        let refused: [&[&str]; 23] = [
            &["status", "dave"],
            &["remove", "dave"],
            &["unlock", "dave"],
            &["enroll", "--replace", "dave"],
            &["remove", "root"],
            &["remove", "carol", "dave"],
            &["remove", "dave", "carol"],
            &["remove", "carol dave"],
            &["remove", "carol", ""],
            &["remove", "--all"],
            &["remove", "--all", "--yes"],
            &["remove", "carol\ndave"],
            &["remove"],
            &["remove", "caroldave"],
            &["enroll", "carol"],
            &["enroll", "--replace", "--qr-file", "/etc/pam.d/x.svg", "carol"],
            &["set", "carol", "--no-code"],
            &["rename", "dave", "carol"],
            &["policy", "disable"],
            &["--config", "/home/ada/mine.toml", "remove", "carol"],
            &["remove", "carol", "--config", "/home/ada/mine.toml"],
            &["--root", "/home/ada", "remove", "carol"],
            &[],
        ];
        for arguments in refused {
            let (exit, said) = runs(arguments);
            assert!(exit == Some(1) && said.contains("a password is required"), "{arguments:?}: {exit:?} {said}");
        }
        // Nor as somebody else, nor by another program of this name, nor with a policy from the environment.
        fs::copy(PROGRAM, "/home/ada/pam-totp").expect("their own");
        for arguments in [["-u", "dave", PROGRAM, "status", "bob"], ["-g", "root", PROGRAM, "status", "bob"]] {
            assert_eq!(sudo(&arguments).0, Some(1), "{arguments:?}");
        }
        assert_eq!(sudo(&["/home/ada/pam-totp", "status", "bob"]).0, Some(1));
        assert_eq!(sudo(&["/usr/bin/env", PROGRAM, "remove", "dave"]).0, Some(1));
        assert_eq!(kept(), before);
        let output = system.tries(eve.command("/usr/bin/sudo").args(["-n", PROGRAM, "status", "bob"]), "");
        assert_eq!(output.status.code(), Some(1), "who is not in the group");
        assert_eq!(object(system, &["status", "dave"], "").1["enrolled"], true);
        assert!(!fs::read_to_string("/var/lib/pam_totp/secrets/carol.toml").expect("carol's").contains(KEY));
    });
}

/// The document says why there is no wildcard in its lines: because this is so.
#[test]
fn a_wildcard_would_let_them_do_more() {
    throw_away(|system| {
        let ada = system.user("ada");
        system.enrolled("bob");
        system.enrolled("dave");
        system.file("/etc/sudoers", "root ALL=(ALL:ALL) ALL\nada ALL=(root) NOPASSWD: /usr/bin/pam-totp remove bob*\n");
        let output =
            system.tries(ada.command("/usr/bin/sudo").args(["-n", "/usr/bin/pam-totp", "remove", "bob", "dave"]), "");
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        assert!(!fs::exists("/var/lib/pam_totp/secrets/dave.toml").unwrap());
    });
}
