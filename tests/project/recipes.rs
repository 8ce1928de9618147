//! The commands of README and pages that have a host's own stacks ask for codes: they add our lines, keep the rest, and can be
//! used again and undone.

use crate::support::documents::{commands, document};
use crate::support::system::{System, throw_away};
use std::fs;
use std::process::Command;

/// The commands for one stack: the part of a block that stands under a comment with `mark`.
fn recipe(mark: &str) -> String {
    let pages = ["README.md", "docs/stacks.md", "docs/everyday.md"].map(document);
    let blocks = pages.iter().flat_map(|page| commands(page));
    let parts: Vec<&str> = blocks.flat_map(|block| block.split("\n\n")).filter(|part| part.contains(mark)).collect();
    let [part] = parts[..] else { panic!("not one recipe with {mark}: {parts:?}") };
    format!("sudo() {{ \"$@\"; }}\n{part}")
}

/// A host on which who is not enrolled gets in without a code.
fn host(test: impl FnOnce(&System)) {
    throw_away(|system| {
        system.policy("unenrolled = \"allow\"\n");
        // Where sshd looks at its own configuration.
        fs::create_dir_all("/run/sshd").expect("/run/sshd");
        system.runs(Command::new("ssh-keygen").arg("-A"));
        test(system);
    });
}

fn uses(system: &System, mark: &str) {
    system.runs(Command::new("/bin/bash").args(["-euc", &recipe(mark)]));
}

fn text(service: &str) -> String {
    fs::read_to_string(format!("/etc/pam.d/{service}")).unwrap_or_default()
}

/// The lines that libpam reads.
fn lines(service: &str) -> Vec<String> {
    let lines = text(service);
    let lines = lines.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty());
    lines.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
}

/// What stands directly beside a line.
fn beside(service: &str, line: &str, step: isize) -> String {
    let lines = lines(service);
    let place = lines.iter().position(|other| other.starts_with(line)).unwrap_or_else(|| panic!("{service}: {line}"));
    lines[place.checked_add_signed(step).expect("a line beside it")].clone()
}

/// Used twice it does the same as once, and it can be undone.
fn is_done_once_and_undone(system: &System, mark: &str, services: &[&str], looks: impl Fn(&str)) {
    let read = || services.iter().map(|service| text(service)).collect::<Vec<_>>();
    let stock = read();
    uses(system, mark);
    let once = read();
    services.iter().for_each(|service| looks(service));
    uses(system, mark);
    assert_eq!(read(), once, "{mark}");
    for service in services {
        system.runs(Command::new("pam-totp").args(["stack", "remove", service]));
    }
    assert_eq!(read(), stock, "{mark}");
}

#[test]
fn password_and_code_edits_the_hosts_own_files_and_again_changes_nothing() {
    host(|system| {
        for (mark, services) in [
            ("stack add sshd\nsudo tee", &["sshd"][..]),
            ("for service in sudo", &["sudo", "sudo-i", "su", "login"]),
            ("# 7. Ask for a code at sudo", &["sudo", "sudo-i"]),
        ] {
            is_done_once_and_undone(system, mark, services, |service| {
                assert_eq!(
                    beside(service, "@include common-auth", 1),
                    "auth requisite pam_totp.so explain",
                    "{service}"
                );
                let account = |line: &String| line.starts_with("account") || line == "@include common-account";
                let first = lines(service).into_iter().find(account);
                assert_eq!(first.as_deref(), Some("account required pam_totp.so"), "{service}");
            });
        }
    });
}

#[test]
fn each_other_stack_is_edited_in_place_and_back_again() {
    host(|system| {
        is_done_once_and_undone(system, "# The key, then a code", &["sshd"], |_| {
            assert_eq!(lines("sshd")[0], "auth requisite pam_totp.so after=publickey explain");
        });
        is_done_once_and_undone(system, "# Password and code in one field", &["vsftpd"], |_| {
            let password = "auth requisite pam_unix.so use_first_pass";
            assert_eq!(beside("vsftpd", password, -1), "auth requisite pam_totp.so forward_pass");
            assert_eq!(beside("vsftpd", password, 1), "auth requisite pam_totp.so");
            assert!(!lines("vsftpd").contains(&"@include common-auth".to_owned()));
        });
        is_done_once_and_undone(system, "# Cockpit", &["cockpit", "polkit-1"], |service| {
            let (password, line) = match service {
                "cockpit" => ("auth include common-auth", "auth requisite pam_totp.so explain"),
                _ => ("@include common-auth", "auth requisite pam_totp.so explain local"),
            };
            assert_eq!(beside(service, password, 1), line);
        });
    });
}

#[test]
fn the_common_files_get_each_line_once_and_first_or_last() {
    host(|system| {
        // Those with one field come first.
        let one_field = "for service in vsftpd cups nginx; do [ ! -e /etc/pam.d/$service ] || \
                         pam-totp stack add $service --one-field; done";
        system.runs(Command::new("/bin/bash").args(["-euc", one_field]));
        uses(system, "for service in sudo");
        for _ in 0..2 {
            uses(system, "stack add common-auth");
            assert_eq!(lines("common-auth").last().map(String::as_str), Some("auth requisite pam_totp.so explain"));
            assert_eq!(lines("common-account")[0], "account required pam_totp.so");
            for service in ["sshd", "sudo", "sudo-i", "su", "login"] {
                assert!(!text(service).contains("pam_totp"), "{service}: twice asks twice");
            }
        }
        // What Debian's own tool regenerates keeps them.
        let update = ["--package"];
        system.runs(Command::new("pam-auth-update").args(update).env("DEBIAN_FRONTEND", "noninteractive"));
        assert_eq!(lines("common-auth").iter().filter(|line| line.contains("pam_totp")).count(), 1);
        assert_eq!(lines("common-account").iter().filter(|line| line.contains("pam_totp")).count(), 1);
        let removal = recipe("stack remove $service").replace("sudo systemctl", ": ").replace("sudo make", ": ");
        system.runs(Command::new("/bin/bash").args(["-euc", &removal]));
        let left =
            fs::read_dir("/etc/pam.d").expect("stacks").filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        assert_eq!(left.filter(|service| text(service).contains("pam_totp")).collect::<Vec<_>>(), [""; 0]);
    });
}
