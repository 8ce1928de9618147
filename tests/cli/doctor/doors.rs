//! Another way to the same thing, a program with one field, a locker without root: doctor knows what each of them needs.

use super::{codes, findings, in_order, of_level, paste, shell, text};
use crate::support::system::{PASSWORD, System, throw_away};
use crate::support::terminal::Terminal;
use serde_json::Value;
use std::process::Command;

const SUDOERS: &str = "Defaults lecture = never\nroot ALL=(ALL:ALL) ALL\nALL ALL=(ALL:ALL) ALL\n";

fn only(found: &[Value], code: &str) -> Vec<String> {
    found.iter().filter(|finding| finding["code"] == code).map(|finding| text(finding, "message").to_owned()).collect()
}

/// What is to be pasted does what it should, and a second time nothing.
fn paste_twice(system: &System, found: &[Value], code: &str) {
    let files = || {
        let output = system.runs(Command::new("/bin/sh").args(["-c", "grep -r '' /etc/pam.d"]));
        String::from_utf8(output.stdout).expect("UTF-8")
    };
    let finding = found.iter().find(|finding| finding["code"] == code).unwrap_or_else(|| panic!("{code}: {found:#?}"));
    let before = files();
    let said = paste(system, finding);
    let after = files();
    assert!(before != after, "{said}");
    paste(system, finding);
    assert!(after == files(), "a second time: {said}");
}

#[test]
fn sudo_i_is_named_where_sudo_alone_asks_and_then_asks_too() {
    throw_away(|system| {
        in_order(system);
        system.file("/etc/sudoers", SUDOERS);
        // As Debian ships it.
        shell(system, "sed -i '/pam_totp/d' /etc/pam.d/sudo-i");
        let becomes_root = || {
            let mut command = crate::support::system::User { name: "alice" }.command("/usr/bin/sudo");
            command.args(["-k", "-i", "id", "-un"]);
            let mut terminal = Terminal::run(command);
            terminal.answers("[sudo] password for alice: ", PASSWORD);
            terminal
        };
        becomes_root().sees("root");
        let found = findings(system);
        let expected = "/etc/pam.d/sudo-i does not name pam_totp.so: `sudo -i` asks for no code, but sudo does";
        assert_eq!(only(&found, "other_way").first().map(String::as_str), Some(expected));
        paste_twice(system, &found, "other_way");
        let found = findings(system);
        assert_eq!(of_level(&found, "fault"), [""; 0]);
        // Where run0 is there, polkit is another way to root.
        assert!(of_level(&found, "warning").iter().all(|said| said.contains("polkit-1")), "{found:#?}");
        let mut terminal = becomes_root();
        let code = crate::support::codes::fresh_code(crate::support::system::KEY);
        terminal.answers("Verification code: ", &code);
        terminal.sees("root");
        assert_eq!(terminal.ends().1, 0);

        // And the other way round, and without a file of its own.
        shell(system, "sed -i '/pam_totp/d' /etc/pam.d/sudo");
        assert!(only(&findings(system), "other_way")[0].contains("/etc/pam.d/sudo "));
        system.stack("sudo", include_str!("../../../pam.d/sudo"));
        shell(system, "rm /etc/pam.d/sudo-i");
        let found = findings(system);
        assert!(only(&found, "other_way").iter().any(|said| said.contains("/etc/pam.d/sudo-i does not exist")));
        paste_twice(system, &found, "other_way");
        assert_eq!(only(&findings(system), "other_way"), [""; 0]);
    });
}

#[test]
fn each_other_way_is_named_with_lines_that_have_it_ask() {
    throw_away(|system| {
        in_order(system);
        shell(system, "mkdir -p /usr/lib/cockpit && touch /usr/lib/cockpit/cockpit-ws /usr/bin/pkexec");
        let found = findings(system);
        let said = only(&found, "other_way");
        assert!(said.iter().any(|said| said.contains("Cockpit asks for no code, but sshd")), "{found:#?}");
        assert!(said.iter().any(|said| said.contains("polkit (pkexec, run0, the dialogs of a desktop)")), "{found:#?}");
        found.iter().filter(|finding| finding["code"] == "other_way").for_each(|finding| drop(paste(system, finding)));
        let found = findings(system);
        assert_eq!([of_level(&found, "fault"), of_level(&found, "warning")].concat(), [""; 0]);
        // su, without which su - is nobody's other way.
        system.stack("su", include_str!("../../../pam.d/su"));
        shell(system, "printf '@include common-auth\\n@include common-account\\n' >/etc/pam.d/su-l");
        let found = findings(system);
        assert_eq!(only(&found, "other_way").len(), 1, "{found:#?}");
        paste_twice(system, &found, "other_way");
        assert_eq!(only(&findings(system), "other_way"), [""; 0]);
    });
}

#[test]
fn lockers_need_the_door_by_what_is_installed() {
    const LOCK: &str = "auth requisite pam_unix.so\nauth requisite pam_totp.so\n";
    throw_away(|system| {
        in_order(system);
        let needs_door = |path: &str, mode: &str, service: &str| {
            shell(system, &format!("mkdir -p $(dirname {path}); install -m {mode} /bin/true {path}"));
            system.file(&format!("/etc/pam.d/{service}"), LOCK);
            let is_named = codes(&findings(system)).contains(&"no_door");
            shell(system, &format!("rm {path} /etc/pam.d/{service}"));
            is_named
        };
        assert!(needs_door("/usr/bin/screen", "755", "screen"));
        assert!(!needs_door("/usr/sbin/vlock-main", "4755", "vlock"), "as Debian ships it");
        assert!(needs_door("/usr/sbin/vlock-main", "755", "vlock"), "its bit was taken away");
        assert!(!needs_door("/usr/bin/physlock", "4755", "physlock"));
        system.file("/etc/pam.d/vlock", LOCK);
        assert!(!codes(&findings(system)).contains(&"no_door"), "not installed: as Debian ships it");
        // Without a file of its own screen has that of `other`.
        shell(system, "rm /etc/pam.d/vlock; install -m 755 /bin/true /usr/bin/screen");
        system.file("/etc/pam.d/other", LOCK);
        let found = findings(system);
        assert!(only(&found, "no_door").iter().any(|said| said.contains("screen")), "{found:#?}");
        assert!(only(&found, "one_field").iter().any(|said| said.contains("screen")), "{found:#?}");
        paste_twice(system, &found, "one_field");
        assert_eq!(only(&findings(system), "one_field"), [""; 0]);
    });
}
