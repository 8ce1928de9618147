//! `pam-totp stack`: lines for codes come and go, and nobody is locked out or let in by that.

use crate::support::codes::fresh_code;
use crate::support::program::{object, program};
use crate::support::system::{KEY, PASSWORD, System, throw_away};
use crate::support::terminal::Terminal;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

const ALLOW: &str = "unenrolled = \"allow\"\n";

fn stacks(system: &System) -> String {
    let output = system.runs(
        Command::new("/bin/sh")
            .args(["-c", "cd /etc/pam.d && for f in $(ls -A); do stat -c '%n %a %U %G' $f; sha256sum $f; done"]),
    );
    String::from_utf8(output.stdout).expect("UTF-8")
}

fn text(service: &str) -> String {
    fs::read_to_string(format!("/etc/pam.d/{service}")).expect("a stack")
}

fn says(system: &System, arguments: &[&str], exit: i32) -> String {
    let (code, said, error) = program(system, &[&["stack"], arguments].concat(), "");
    assert_eq!(code, exit, "{arguments:?}: {said}{error}");
    said + &error
}

/// Debian's own, and those of the programs that are installed here.
fn services() -> Vec<String> {
    let names =
        fs::read_dir("/etc/pam.d").expect("/etc/pam.d").filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let mut names: Vec<String> =
        names.filter(|name| !name.contains("-session") && !name.contains("-password")).collect();
    names.sort();
    names
}

#[test]
fn each_stack_of_this_host_is_changed_and_put_back_to_the_byte() {
    throw_away(|system| {
        system.policy(ALLOW);
        let before = stacks(system);
        let mut changed = 0;
        for service in services().iter().filter(|service| !service.ends_with("-account")) {
            for options in [&[][..], &["--one-field"], &["--remote"]] {
                let add = [&["add", service.as_str()], options].concat();
                let (exit, said, error) = program(system, &[&["stack"], add.as_slice()].concat(), "");
                if exit != 0 {
                    assert_eq!(stacks(system), before, "{add:?}: {error}");
                    continue;
                }
                changed += usize::from(stacks(system) != before);
                let after = stacks(system);
                says(system, &add, 0);
                assert_eq!(stacks(system), after, "{add:?} a second time: {said}");
                says(system, &["remove", service], 0);
                assert_eq!(stacks(system), before, "{add:?}: {said}");
            }
        }
        assert!(changed > 20, "{changed}");
    });
}

#[test]
fn however_a_file_ends_it_ends_so_again() {
    throw_away(|system| {
        system.policy(ALLOW);
        let ends = [
            "@include common-account\n@include common-auth",
            "@include common-account\n@include common-auth\n\n\n",
            "auth\tsubstack \\\n\tcommon-auth\naccount include common-account",
            "# none\r\n@include common-auth\n@include common-account\n# no end",
            "@include common-auth\n\t\n@include common-account\n@include common-session\n",
        ];
        for stack in ends {
            for options in [&[][..], &["--one-field"]] {
                fs::write("/etc/pam.d/mine", stack).expect("writes");
                fs::set_permissions("/etc/pam.d/mine", fs::Permissions::from_mode(0o640)).expect("a mode");
                let before = stacks(system);
                says(system, &[&["add", "mine"], options].concat(), 0);
                assert!(text("mine").contains("pam_totp.so"), "{stack}");
                says(system, &["remove", "mine"], 0);
                assert_eq!((text("mine").as_str(), stacks(system)), (stack, before));
            }
        }
    });
}

#[test]
fn su_asks_for_a_code_then_and_not_any_more_after() {
    throw_away(|system| {
        system.policy(ALLOW);
        let bob = system.user("bob");
        system.enrolled("alice");
        let becomes_alice = |answers: &[(&str, &str)], sees: &str| {
            let mut command = bob.command("/usr/bin/su");
            command.args(["alice", "-c", "id -un"]);
            let mut terminal = Terminal::run(command);
            answers.iter().for_each(|(prompt, answer)| terminal.answers(prompt, answer));
            terminal.sees(sees);
        };
        let said = says(system, &["add", "su", "--dry-run"], 0);
        assert!(
            said.contains("+ auth requisite pam_totp.so explain") && said.contains("Nothing was written."),
            "{said}"
        );
        becomes_alice(&[("Password: ", PASSWORD)], "alice");
        says(system, &["add", "su"], 0);
        let code = fresh_code(KEY);
        becomes_alice(&[("Password: ", PASSWORD), ("Verification code: ", &code)], "alice");
        becomes_alice(&[("Password: ", PASSWORD), ("Verification code: ", "000000")], "Authentication failure");
        // Who is not enrolled may log in without.
        system.user("carol");
        let mut command = bob.command("/usr/bin/su");
        command.args(["carol", "-c", "id -un"]);
        let mut terminal = Terminal::run(command);
        terminal.answers("Password: ", PASSWORD);
        terminal.sees("carol");
        says(system, &["remove", "su"], 0);
        becomes_alice(&[("Password: ", PASSWORD)], "alice");
    });
}

#[test]
fn the_account_line_comes_first_and_what_was_replaced_stays_as_a_comment() {
    throw_away(|system| {
        system.policy(ALLOW);
        says(system, &["add", "sshd"], 0);
        let sshd = text("sshd");
        let at = |line: &str| sshd.lines().position(|l| l == line).unwrap_or_else(|| panic!("{line}: {sshd}"));
        assert_eq!(at("auth requisite pam_totp.so explain"), at("@include common-auth") + 1);
        let account = sshd.lines().find(|line| line.starts_with("account"));
        assert_eq!(account, Some("account required pam_totp.so"), "{sshd}");
        says(system, &["remove", "sshd"], 0);

        says(system, &["add", "sshd", "--key"], 0);
        assert!(text("sshd").contains(
            "# pam_totp, instead of: @include common-auth\nauth requisite pam_totp.so after=publickey explain\n"
        ));
        says(system, &["remove", "sshd"], 0);
        says(system, &["add", "vsftpd", "--one-field", "--remote"], 0);
        let vsftpd = text("vsftpd");
        assert!(
            vsftpd.contains(
                "# pam_totp, instead of: @include common-auth\nauth requisite pam_totp.so forward_pass\n\
                 auth requisite pam_unix.so use_first_pass # added for pam_totp\nauth requisite pam_totp.so remote\n"
            ),
            "{vsftpd}"
        );
        says(system, &["remove", "vsftpd"], 0);

        // One that the distribution keeps elsewhere, and one that has the stack of `other`.
        fs::create_dir_all("/usr/lib/pam.d").expect("a folder");
        system.file("/usr/lib/pam.d/kept", "@include common-auth\n@include common-account\n");
        for service in ["kept", "nobody-s"] {
            let before = stacks(system);
            says(system, &["add", service], 0);
            assert!(text(service).starts_with("# pam_totp, a copy of /"));
            says(system, &["add", service], 0);
            says(system, &["remove", service], 0);
            assert_eq!(stacks(system), before);
        }
        // What was changed since stays.
        says(system, &["add", "kept"], 0);
        fs::write("/etc/pam.d/kept", text("kept") + "session required pam_limits.so\n").expect("writes");
        let said = says(system, &["remove", "kept"], 0);
        assert!(said.contains("/etc/pam.d/kept stays"), "{said}");
        assert_eq!(text("kept"), "@include common-auth\n@include common-account\nsession required pam_limits.so\n");
    });
}

#[test]
fn the_shared_file_takes_the_lines_of_those_that_include_it() {
    throw_away(|system| {
        system.policy(ALLOW);
        system.runs(
            Command::new("/bin/sh")
                .args(["-c", "rm -f /etc/pam.d/vsftpd /usr/sbin/vsftpd /etc/pam.d/cups /etc/pam.d/nginx"]),
        );
        let stock = stacks(system);
        for service in ["sshd", "sudo", "login"] {
            says(system, &["add", service], 0);
        }
        let said = says(system, &["add", "common-auth", "--dry-run"], 0);
        assert!(said.contains("/etc/pam.d/sshd:\n  - auth requisite pam_totp.so explain"), "{said}");
        // Killed in between, it asks twice rather than not at all.
        let place = |file: &str| said.find(&format!("/etc/pam.d/{file}:")).unwrap_or_else(|| panic!("{file}: {said}"));
        assert!(place("common-account") < place("common-auth") && place("common-auth") < place("sshd"), "{said}");
        says(system, &["add", "common-auth"], 0);
        let common = text("common-auth");
        let last = common.lines().rfind(|line| line.starts_with("auth"));
        assert_eq!(last, Some("auth requisite pam_totp.so explain"), "{common}");
        let account = text("common-account");
        assert_eq!(account.lines().find(|line| line.starts_with("account")), Some("account required pam_totp.so"));
        assert!(["sshd", "sudo", "login"].iter().all(|service| !text(service).contains("pam_totp.so")));
        let (_, report) = object(system, &["doctor"], "");
        assert!(!report.to_string().contains("asked_twice"), "{report}");
        says(system, &["remove", "common-auth"], 0);
        assert_eq!(stacks(system), stock);

        // One field cannot answer two prompts.
        system.file("/etc/pam.d/vsftpd", "@include common-auth\n@include common-account\n");
        let before = stacks(system);
        let said = says(system, &["add", "common-auth"], 4);
        assert!(said.contains("First: pam-totp stack add vsftpd --one-field"), "{said}");
        assert_eq!(stacks(system), before);
    });
}

#[test]
fn on_a_full_disk_each_file_stays_as_it_is() {
    throw_away(|system| {
        system.policy(ALLOW);
        let small = "cp -a /etc/pam.d /root/pam.d && mount -t tmpfs -o size=200k,mode=755 tmpfs /etc/pam.d\n\
                     cp -a /root/pam.d/. /etc/pam.d/ && dd if=/dev/zero of=/etc/pam.d/filler.x bs=1k 2>/dev/null || :";
        system.runs(Command::new("/bin/sh").args(["-c", small]));
        let before = stacks(system);
        let (exit, said, error) = program(system, &["stack", "add", "sshd"], "");
        assert!(exit != 0 && error.contains("No space left"), "{said}{error}");
        assert_eq!(stacks(system), before, "and nothing is left over");
        fs::remove_file("/etc/pam.d/filler.x").expect("room");
        says(system, &["add", "sshd"], 0);
    });
}

#[test]
fn where_strangers_come_to_the_code_they_hear_nothing_of_it_and_that_is_said() {
    throw_away(|system| {
        system.policy(ALLOW);
        let shared = "auth required pam_env.so\nauth sufficient pam_unix.so\nauth required pam_deny.so\n\
                      account required pam_unix.so\n";
        system.file("/etc/pam.d/password-auth", shared);
        system.file("/etc/pam.d/mine", "auth substack password-auth\naccount include password-auth\n");
        let said = says(system, &["add", "mine"], 0);
        assert!(said.contains("warning: /etc/pam.d/mine:2: asks for a code after a wrong password too"), "{said}");
        let expected = "auth substack password-auth\nauth requisite pam_totp.so\naccount required pam_totp.so\n\
                        account include password-auth\n";
        assert_eq!(text("mine"), expected);
        // One that is there, and does not ask.
        system.file("/etc/pam.d/mine", "auth sufficient pam_unix.so\nauth requisite pam_totp.so\n");
        let said = says(system, &["add", "mine"], 0);
        assert!(said.contains("never reached") && said.contains("It names pam_totp.so already."), "{said}");
    });
}

#[test]
fn where_somebody_would_be_worse_off_nothing_changes() {
    throw_away(|system| {
        system.policy(ALLOW);
        let jump = "auth [success=2 default=ignore] pam_krb5.so\nauth sufficient pam_unix.so\nauth requisite pam_deny.so\n\
                    auth required pam_permit.so\naccount required pam_unix.so\n";
        for (service, stack) in
            [("jump", jump), ("none", "auth required pam_permit.so\naccount required pam_permit.so\n")]
        {
            system.file(&format!("/etc/pam.d/{service}"), stack);
            let before = stacks(system);
            let (exit, _, error) = program(system, &["stack", "add", service], "");
            assert!(exit != 0 && error.contains("see pam_totp(8)"), "{service}: {error}");
            assert_eq!(stacks(system), before);
        }
        // What stands there by hand, and would let everybody in without ours.
        let key = "auth requisite pam_totp.so after=publickey\n";
        for (stack, word) in [
            ("auth required pam_totp.so\nauth required pam_permit.so\n", "would get in"),
            (key, "written by hand"),
            (
                "auth requisite pam_totp.so forward_pass\nauth requisite pam_unix.so use_first_pass\nauth requisite pam_totp.so\n",
                "written by hand",
            ),
        ] {
            system.file("/etc/pam.d/mine", stack);
            let said = says(system, &["remove", "mine"], 4);
            assert!(said.contains(word) && text("mine") == stack, "{said}");
        }
        std::os::unix::fs::symlink("/etc/authselect/sshd", "/etc/pam.d/linked").expect("a link");
        for (arguments, exit, word) in [
            (&["add", "not-there-auth"][..], 2, "there is no such PAM stack"),
            (&["add", "../sshd"], 2, "is no PAM service"),
            (&["add", "su", "--key"], 2, "--key is for sshd"),
            (&["add", "sshd", "--key", "--one-field"], 2, "cannot be used with"),
            (&["remove", "not-there"], 2, "there is no such PAM stack"),
        ] {
            let said = says(system, arguments, exit);
            assert!(said.contains(word), "{arguments:?}: {said}");
        }
        let bob = system.user("bob");
        let before = stacks(system);
        let output = system.tries(bob.command("pam-totp").args(["stack", "add", "sshd"]), "");
        assert!(!output.status.success(), "{output:?}");
        // Who would be refused there is counted first, and nobody answers the question.
        system.policy("");
        let (exit, _, error) = program(system, &["stack", "add", "sshd"], "");
        assert!(exit != 0 && error.contains("--yes"), "{error}");
        assert_eq!(stacks(system), before);
        says(system, &["add", "sshd", "--yes"], 0);
        assert_ne!(stacks(system), before);
    });
}

#[test]
fn a_stack_of_codes_alone_is_said_to_fall_back_to_that_of_others() {
    throw_away(|system| {
        fs::write("/etc/pam.d/alone", "auth required pam_totp.so\naccount required pam_unix.so\n").expect("a stack");
        let said = says(system, &["remove", "alone", "--dry-run"], 0);
        assert!(said.contains("alone has no auth line any more: libpam uses those of /etc/pam.d/other"), "{said}");
    });
}
