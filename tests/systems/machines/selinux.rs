//! SELinux enforcing, with Debian's policy and the module of packaging/selinux: every way in works for users in a role, and
//! nothing of ours is denied. scripts/systems/prepare/selinux sets the machine up.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

use crate::support::machine::{Machine, Options};

/// A terminal of the machine that is this test's end of a line.
const TERMINAL: [&str; 4] =
    ["-chardev", "socket,id=tty,path=/mnt/machine/tty.sock,server=on,wait=off", "-serial", "chardev:tty"];
const PASSWORD: &str = "Ohm7-uxei.queeph";

struct Host(Machine);

impl Host {
    fn boot(release: &str) -> Self {
        let machine = Machine::boot(&Options {
            release,
            variant: Some("selinux"),
            // Denials go to the log of the kernel, and none is left out.
            kernel: "security=selinux selinux=1 enforcing=1 audit=1 log_buf_len=4M sysctl.kernel.printk_ratelimit=0",
            qemu: &TERMINAL,
            megabytes: 1024,
            ..Options::default()
        });
        assert_eq!(machine.runs("getenforce"), "Enforcing\n");
        machine.runs("systemctl is-active pam-totpd.socket pam-totpd-root.socket pam-totp-notify.path ssh");
        Self(machine)
    }

    /// A backup code that nobody has used.
    fn code(&self, user: &str) -> String {
        self.0.runs(&format!("unused {user}")).trim().to_owned()
    }

    /// What a user's command says, who comes by ssh with password and code.
    fn says(&self, user: &str, command: &str) -> String {
        // Who is not enrolled is asked for none.
        let code = if ["tom", "ulf"].contains(&user) { String::new() } else { self.code(user) };
        let (status, said) = self.0.tries(&format!("as {user} '{code}' \"{command}\""));
        assert_eq!(status, 0, "{user}: {command}\n{said}\n{}", self.log());
        said
    }

    /// A command under su or sudo, which ask for the password and a code of `whose`.
    fn says_with(&self, user: &str, whose: &str, command: &str) -> String {
        let code = self.code(whose);
        self.says(user, &format!("printf '{PASSWORD}\\n{code}\\n' | {command}"))
    }

    /// What was denied to us, or to anybody on what is ours.
    fn denied(&self) -> String {
        self.0.runs("dmesg | grep 'avc: *denied' | grep -e pam.totp -e var_auth_t -e faillog_t || :")
    }

    fn log(&self) -> String {
        self.0.runs("{ journalctl --boot --no-pager | grep pam.totp; dmesg | grep 'avc: *denied'; } | tail -n 60")
    }
}

/// Types at the terminal after each prompt, and returns all that it showed until the last word came.
fn types(machine: &Machine, answers: &[(&str, &str)], last: &str) -> String {
    let mut stream = UnixStream::connect(machine.folder().join("tty.sock")).expect("the terminal");
    let mut shown = String::new();
    let mut seen = 0;
    let mut waits = |stream: &mut UnixStream, word: &str| {
        let mut bytes = [0; 256];
        while !shown[seen..].contains(word) {
            let length = stream.read(&mut bytes).expect("the terminal shows something");
            assert_ne!(length, 0, "the terminal ended before {word:?}: {shown}");
            shown.push_str(&String::from_utf8_lossy(&bytes[..length]));
        }
        seen = shown.len();
    };
    // Whatever was asked before this end was there is asked again.
    stream.write_all(b"\n").expect("the terminal takes it");
    for (prompt, answer) in answers {
        waits(&mut stream, prompt);
        stream.write_all(format!("{answer}\n").as_bytes()).expect("the terminal takes it");
    }
    waits(&mut stream, last);
    shown
}

fn every_way_in_works_and_nothing_is_denied(release: &str) {
    let host = Host::boot(release);
    let labels = host.0.runs(
        "stat -c '%C %n' /run/pam_totp /run/pam_totp/* /var/lib/pam_totp/* /var/lib/pam_totp/*/* /var/spool/pam_totp",
    );
    for label in labels.lines() {
        let kind = label.split(':').nth(2);
        let wanted = match label {
            _ if label.contains("/secrets") => "var_auth_t",
            _ if label.contains("/state") || label.contains("/spool") => "faillog_t",
            _ => "pam_totp_runtime_t",
        };
        assert_eq!(kind, Some(wanted), "{label}");
    }

    for (user, domain) in [("alice", "unconfined_t"), ("sam", "staff_t"), ("una", "user_t")] {
        // What they see of themselves comes by pam-totpd.
        let said = host.says(user, "id -Z; pam-totp status");
        assert!(said.contains(&format!(":{domain}:")) && said.contains("phone"), "{said}");
    }
    let door = host.0.runs("ps -eo label,args | grep '[/ ]pam-totpd'");
    assert!(door.lines().all(|line| line.contains(":pam_totpd_t:")), "{door}");

    let code = host.code("una");
    let shown = types(
        &host.0,
        &[("login: ", "una"), ("assword: ", PASSWORD), ("code: ", &code), ("$ ", "id -Z; exit")],
        "user_t:",
    );
    assert!(!shown.contains("incorrect"), "{shown}");

    for user in ["sam", "una"] {
        // A locker: a program without root, which asks pam-totpd.
        let code = host.code(user);
        let said = host.says(user, &format!("echo {code} | pamtester locker {user} authenticate"));
        assert!(said.contains("successfully authenticated"), "{user}: {said}");
        let said = host.says_with(user, "bob", "su bob -c 'id -un'");
        assert!(said.ends_with("bob\n"), "{user}: {said}");
    }
    let said = host.says_with("sam", "sam", "sudo -S -k -p '' sh -c 'id -Z; pam-totp list; pam-totp unlock bob'");
    assert!(said.contains(":sysadm_t:") && said.contains("alice"), "{said}");

    // They judge codes themselves where nobody listens.
    host.0.runs("systemctl stop pam-totpd.socket pam-totpd-root.socket pam-totpd pam-totpd-root");
    for user in ["sam", "una"] {
        let said = host.says_with(user, "bob", "su bob -c 'id -un'");
        assert!(said.ends_with("bob\n"), "{user}: {said}");
    }
    let said = host.says_with("sam", "sam", "sudo -S -k -p '' id -un");
    assert!(said.ends_with("root\n"), "{said}");
    host.0.runs("systemctl start pam-totpd.socket pam-totpd-root.socket");

    for user in ["tom", "ulf"] {
        let said = host.says(user, "enroll && pam-totp status");
        assert!(said.contains("phone"), "{user}: {said}");
        assert!(host.0.runs("ls -Z /var/lib/pam_totp/secrets").contains(&format!(":var_auth_t:s0 {user}.toml")));
    }

    // A change by pam-totpd is told: it waits in the spool, and systemd starts who takes it.
    host.0.runs("printf '#!/bin/sh\\ncat >>/run/told\\n' >/usr/local/sbin/told && chmod 755 /usr/local/sbin/told");
    host.0.runs("pam-totp policy set notify /usr/local/sbin/told");
    let code = host.code("una");
    host.says("una", &format!("echo {code} | pam-totp backup-codes"));
    host.0.until("grep backup_codes /run/told");

    let said = host.says_with("sam", "sam", "sudo -S -k -p '' userdel gone && id gone || :");
    assert!(said.contains("no such user"), "{said}");
    assert_ne!(host.0.tries("ls /var/lib/pam_totp/secrets/gone.toml").0, 0, "{}", host.log());

    let (_, doctor) = host.0.tries("pam-totp doctor");
    assert!(doctor.contains("as SELinux needs them"), "{doctor}");
    host.0.runs("systemd-tmpfiles --create pam_totp.conf");
    assert_eq!(host.denied(), "");

    // What is denied would have been seen, and doctor says how to fix it.
    let file = "/var/lib/pam_totp/secrets/sam.toml";
    host.0.runs(&format!("chcon -t pam_totp_runtime_t {file}"));
    let code = host.code("sam");
    assert_ne!(host.0.tries(&format!("as sam '{code}' true")).0, 0, "sam gets in without a key");
    assert!(host.denied().contains("sam.toml"), "{}", host.log());
    let (_, doctor) = host.0.tries("pam-totp doctor");
    assert!(doctor.contains("sam.toml is pam_totp_runtime_t, not var_auth_t"), "{doctor}");
    let fix = doctor.lines().map(str::trim_start).find(|line| line.starts_with("restorecon ")).expect("a fix");
    host.0.runs(fix);
    host.says("sam", "true");
}

#[test]
fn users_in_a_role_of_debian_12_log_in_and_nothing_of_ours_is_denied() {
    every_way_in_works_and_nothing_is_denied("bookworm");
}

#[test]
fn users_in_a_role_of_debian_13_log_in_and_nothing_of_ours_is_denied() {
    every_way_in_works_and_nothing_is_denied("trixie");
}
