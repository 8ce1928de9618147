//! The commands of the README that edit a host's own stacks: they add our lines, keep the rest, and can be used again.

use crate::support::system::{System, throw_away};
use std::fs;
use std::process::Command;

const README: &str = include_str!("../README.md");

/// The commands for one stack: the part of a block of the README that stands under a comment with `mark`.
fn recipe(mark: &str) -> String {
    let blocks = README.split("\n```sh\n").skip(1).filter_map(|rest| rest.split("\n```").next());
    let parts: Vec<&str> = blocks.flat_map(|block| block.split("\n\n")).filter(|part| part.contains(mark)).collect();
    let [part] = parts[..] else { panic!("not one recipe with {mark}: {parts:?}") };
    format!("sudo() {{ \"$@\"; }}\n{part}")
}

fn uses(system: &System, mark: &str) {
    // Where sshd looks at its own configuration.
    fs::create_dir_all("/run/sshd").expect("/run/sshd");
    system.runs(Command::new("ssh-keygen").arg("-A"));
    system.runs(Command::new("/bin/bash").args(["-euc", &recipe(mark)]).current_dir("/etc/pam.d"));
}

fn read(service: &str) -> Vec<String> {
    let text = fs::read_to_string(format!("/etc/pam.d/{service}")).expect("a stack");
    text.lines().map(str::to_owned).collect()
}

/// The lines of the host's own that are left, as they were.
fn own(service: &str) -> Vec<String> {
    let ours = |line: &String| line.contains("pam_totp.so") || line.ends_with("pam_unix.so use_first_pass");
    let as_it_was = |line: String| line.replace("#@include common-auth", "@include common-auth");
    read(service).into_iter().filter(|line| !ours(line)).map(as_it_was).collect()
}

/// What stands directly beside a line.
fn beside(service: &str, line: &str, step: isize) -> String {
    let lines = read(service);
    let place = lines.iter().position(|other| other.starts_with(line)).unwrap_or_else(|| panic!("{service}: {line}"));
    lines[place.checked_add_signed(step).expect("a line beside it")].split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn password_and_code_edits_the_hosts_own_files_and_again_changes_nothing() {
    throw_away(|system| {
        for (mark, services) in [
            ("/etc/pam.d/sshd\nprintf", &["sshd"][..]),
            ("for service in sudo", &["sudo", "sudo-i", "su", "login"]),
            ("# 7. Ask for a code at sudo", &["sudo", "sudo-i"]),
        ] {
            let stock: Vec<_> = services.iter().map(|service| own(service)).collect();
            let mut seen = Vec::new();
            for _ in 0..2 {
                uses(system, mark);
                for (service, stock) in services.iter().zip(&stock) {
                    assert_eq!(&own(service), stock, "{service}: what the host had is there as it was");
                    let beside = |line, step| beside(service, line, step);
                    assert_eq!(beside("@include common-auth", 1), "auth requisite pam_totp.so explain", "{service}");
                    assert_eq!(beside("@include common-account", -1), "account required pam_totp.so", "{service}");
                }
                seen.push(services.iter().map(|service| read(service)).collect::<Vec<_>>());
            }
            assert_eq!(seen[0], seen[1], "{mark}");
        }
    });
}

#[test]
fn each_other_stack_is_edited_in_place_and_back_again() {
    throw_away(|system| {
        let stock = own("sshd");
        let commented = "#@include common-auth";
        for _ in 0..2 {
            uses(system, "# The key, then a code");
            assert_eq!(own("sshd"), stock);
            assert_eq!(beside("sshd", commented, 1), "auth requisite pam_totp.so after=publickey explain");
            assert_eq!(beside("sshd", "@include common-account", -1), "account required pam_totp.so");
        }
        for _ in 0..2 {
            uses(system, "# Password and code in one field");
            assert_eq!(own("sshd"), stock);
            let shown = [1, 2, 3].map(|step| beside("sshd", commented, step));
            let lines = ["pam_totp.so forward_pass", "pam_unix.so use_first_pass", "pam_totp.so explain"];
            assert_eq!(shown, lines.map(|line| format!("auth requisite {line}")));
            assert!(!beside("sshd", "@include common-account", -1).contains("pam_totp"), "nobody enrolls there");
        }
        uses(system, "# The key, then a code");
        assert_eq!(own("sshd"), stock, "after another one too");
        uses(system, "@include common-auth/' -e '/^auth.*pam_unix");
        assert!(!read("sshd").iter().any(|line| line.contains("use_first_pass")));
        uses(system, "/etc/pam.d/sshd\nprintf");
        assert_eq!(beside("sshd", "@include common-auth", 1), "auth requisite pam_totp.so explain");
        assert_eq!(own("sshd"), stock);

        let cockpit = |line: String| line.replace("include ", "substack");
        let stock: Vec<_> = own("cockpit").into_iter().map(cockpit).collect();
        for _ in 0..2 {
            uses(system, "# Cockpit");
            assert_eq!(own("cockpit").into_iter().map(cockpit).collect::<Vec<_>>(), stock);
            assert_eq!(
                beside("cockpit", "auth       include      common-auth", 1),
                "auth requisite pam_totp.so explain"
            );
            assert_eq!(beside("cockpit", "account    include      common-account", -1), "account required pam_totp.so");
        }

        let stock = fs::read_to_string("/usr/lib/pam.d/polkit-1").expect("Debian's file");
        for _ in 0..2 {
            uses(system, "# polkit:");
            assert_eq!(own("polkit-1"), stock.lines().collect::<Vec<_>>());
            assert_eq!(beside("polkit-1", "@include common-auth", 1), "auth requisite pam_totp.so explain local");
            assert_eq!(beside("polkit-1", "@include common-account", -1), "account required pam_totp.so");
        }
    });
}

#[test]
fn the_common_files_get_each_line_once_and_first_or_last() {
    throw_away(|system| {
        uses(system, "for service in sudo");
        let stock = ["common-auth", "common-account"].map(own);
        for _ in 0..2 {
            uses(system, "tee -a common-auth");
            assert_eq!(["common-auth", "common-account"].map(own), stock);
            assert_eq!(read("common-auth").last().expect("a line"), "auth requisite pam_totp.so explain");
            let mut lines = read("common-account").into_iter().filter(|l| !l.starts_with('#') && !l.is_empty());
            assert_eq!(lines.next().expect("a line"), "account required pam_totp.so");
            for service in ["sshd", "sudo", "sudo-i", "su", "login"] {
                assert!(!read(service).iter().any(|line| line.contains("pam_totp")), "{service}: twice asks twice");
            }
        }
        // What Debian's own tool regenerates keeps them.
        let update = ["--package"];
        system.runs(Command::new("pam-auth-update").args(update).env("DEBIAN_FRONTEND", "noninteractive"));
        assert_eq!(read("common-auth").iter().filter(|line| line.contains("pam_totp")).count(), 1);
        assert_eq!(read("common-account").iter().filter(|line| line.contains("pam_totp")).count(), 1);
    });
}
