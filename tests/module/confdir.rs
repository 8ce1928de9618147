//! A program without root, with a folder of stacks and a store of its own.

use crate::support::application::{self, AUTH_ERR, SERVICE, SUCCESS, Said, application, clock, only_code};
use crate::support::codes::code_at;
use crate::support::system::{System, User, throw_away};
use std::process::Command;

const STACKS: &str = "/home/bob/stacks";
const STACK: &str = "auth required /mnt/pam_totp.so config=/home/bob/totp/pam_totp.toml nodelay\n";
const POLICY: &str = "/home/bob/totp/pam_totp.toml";
const KEY: &str = "GEZDGNBVGY3TQOJQJBSWY3DPEHPK3PXP";

/// The beginning of a step.
const T: u64 = 1_800_000_000;

/// Bob's own folders, which bob made.
fn bob(system: &System) -> User {
    application::build(system);
    let bob = system.user("bob");
    system.runs(bob.command("mkdir").args(["stacks", "totp", "totp/store"]));
    system.runs(bob.command("mkdir").args(["-m", "700", "totp/store/secrets", "totp/store/state"]));
    writes(system, &bob, POLICY, "store = \"/home/bob/totp/store\"\n");
    writes(system, &bob, &format!("{STACKS}/{SERVICE}"), STACK);
    writes(system, &bob, &format!("{STACKS}/other"), "auth required pam_deny.so\n");
    bob
}

fn writes(system: &System, bob: &User, path: &str, text: &str) {
    system.reads(bob.command("dd").args(["status=none", &format!("of={path}")]), text);
}

fn login(system: &System, bob: &User, code: &str) -> i32 {
    let mut command = bob.command("env");
    // Not for setpriv too: what it makes as root, bob could not open.
    command.args(clock(T).map(|(name, value)| format!("{name}={value}")));
    command.arg(application().get_program()).args(["-d", STACKS, SERVICE, "bob"]);
    only_code(system, &mut command, code)
}

#[test]
fn it_enrolls_and_checks_its_own_user() {
    throw_away(|system| {
        let bob = bob(system);
        let mut set = bob.command("pam-totp");
        set.args(["--config", POLICY, "set", "--no-code", "bob"]);
        system.reads(&mut set, &format!("{KEY}\n"));

        let code = code_at(KEY, T);
        assert_eq!(login(system, &bob, &code_at(KEY, T + 6000)), AUTH_ERR);
        let id = String::from_utf8(system.runs(bob.command("id").arg("-u")).stdout).expect("a number");
        let ids = format!("logname= uid={0} euid={0} tty=tty1 ruser= rhost=  user=bob", id.trim());
        system.log.line(&format!("pam_totp(application:auth): authentication failure; {ids}"));
        system
            .log
            .line("wrong code: bob from local, 1 wrong code in all since the last right one, 14 more looked at there");
        assert_eq!(login(system, &bob, &code), SUCCESS);
        assert_eq!(login(system, &bob, &code), AUTH_ERR);
        system.log.line("used code: bob from local");

        // Nothing of it reached the host's own store.
        let files = system.runs(Command::new("find").args(["/var/lib/pam_totp", "/run/pam_totp", "-type", "f"]));
        assert!(files.stdout.is_empty(), "{files:?}");
        let files = system.runs(Command::new("find").args(["/home/bob/totp", "-type", "f", "-printf", "%u %m %f\n"]));
        let files = String::from_utf8(files.stdout).expect("names");
        let mut files: Vec<&str> = files.lines().collect();
        files.sort_unstable();
        assert_eq!(files, ["bob 600 bob", "bob 600 bob.toml", "bob 644 pam_totp.toml"]);

        // Root trusts no file of bob's.
        let said = system.reads(application().args(["-d", STACKS, SERVICE, "bob"]), "000000\n");
        assert_eq!(Said::read(&said).codes, [AUTH_ERR]);
        system.log.line("policy error: /home/bob does not belong to root: refusing to use it");
    });
}

#[test]
fn the_hosts_own_store_is_behind_a_door() {
    throw_away(|system| {
        let bob = bob(system);
        system.reads(Command::new("pam-totp").args(["set", "--no-code", "bob"]), &format!("{KEY}\n"));
        writes(system, &bob, &format!("{STACKS}/{SERVICE}"), "auth required /mnt/pam_totp.so nullok\n");
        assert_eq!(login(system, &bob, &code_at(KEY, T)), AUTH_ERR);
        let closed =
            "/var/lib/pam_totp/secrets: Permission denied; asked instead, nobody answers at pam-totpd's socket: ";
        system.log.line(&format!("store error: {closed}`systemctl enable --now pam-totpd.socket`"));
        // To somebody who cannot do it.
        let advice = "nobody answers at pam-totpd's socket: ask the administrator to run `systemctl enable --now \
                      pam-totpd.socket`";
        let output = system.tries(bob.command("pam-totp").args(["status", "bob"]), "");
        assert_eq!(output.status.code(), Some(5), "{output:?}");
        assert!(String::from_utf8_lossy(&output.stderr).contains(advice), "{output:?}");
    });
}
