//! Where a login comes from decides which count its wrong codes go to: strangers close nothing on this host.

use crate::support::application::{self, AUTH_ERR, SERVICE, SUCCESS, application, login_at, only_code};
use crate::support::codes::code_at;
use crate::support::system::{KEY, PASSWORD, System, User, throw_away};
use crate::support::terminal::Terminal;
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

const POLKIT: &str = include_str!("../../pam.d/polkit-1");
const HELPER: &str = "/usr/lib/polkit-1/polkit-agent-helper-1";
const SET_UID: &str = "/usr/local/bin/set-uid";
/// The beginning of a step.
const T: u64 = 1_800_000_000;

/// What of a record stands in its file: the lanes, by their keys.
fn lanes() -> BTreeSet<String> {
    let bytes = fs::read("/var/lib/pam_totp/state/alice").expect("the record");
    let text = String::from_utf8_lossy(&bytes);
    let lanes = text.lines().filter_map(|line| line.strip_prefix("lane "));
    lanes.filter_map(|line| line.split([' ', '/']).next()).map(str::to_owned).collect()
}

/// One wrong code of a user who has entered none before: where it counts.
fn wrong_code_counts(system: &System, alice: &User, command: &mut Command) -> BTreeSet<String> {
    system.runs(Command::new("sh").args(["-c", "rm -f /var/lib/pam_totp/*/alice*"]));
    system.enroll("alice");
    assert_eq!(only_code(system, command, &alice.wrong_code()), AUTH_ERR);
    lanes()
}

#[test]
fn wrong_codes_count_as_this_hosts_only_where_program_or_terminal_is_here() {
    throw_away(|system| {
        application::build(system);
        let alice = system.user("alice");
        for argument in ["local", "remote"] {
            system.stack(argument, &application::STACK.replace(".so", &format!(".so {argument}")));
        }
        let program = application();
        fs::copy(program.get_program(), SET_UID).expect("copies");
        fs::set_permissions(SET_UID, fs::Permissions::from_mode(0o4755)).expect("sets a mode");

        let as_root = |service: &str, items: &[&str]| {
            let mut command = application();
            command.args(items.iter().flat_map(|item| ["-i", item])).args([service, "alice"]);
            wrong_code_counts(system, &alice, &mut command)
        };
        let (local, other) = (BTreeSet::from(["local".into()]), BTreeSet::from(["other".into()]));
        // A mail server, whose strangers type a name; a console; and what the host's own name adds to either.
        assert_eq!(as_root(SERVICE, &["tty="]), other);
        assert_eq!(as_root(SERVICE, &["tty=dovecot", "ruser=alice"]), other);
        assert_eq!(as_root(SERVICE, &["tty=/dev/null"]), other, "nobody sits there");
        assert_eq!(as_root(SERVICE, &["tty=", "rhost=localhost"]), other);
        assert_eq!(as_root(SERVICE, &["tty=tty1", "rhost=elsewhere"]), other);
        assert_eq!(as_root(SERVICE, &["tty=tty1"]), local);
        assert_eq!(as_root(SERVICE, &["tty=/dev/tty"]), local, "a device");
        assert_eq!(as_root(SERVICE, &["tty=pts/7", "rhost=throwaway"]), local);
        // What its stack says of a program decides, but makes no address this host.
        assert_eq!(as_root("local", &["tty="]), local);
        assert_eq!(as_root("local", &["tty=", "rhost=192.0.2.4"]), other);
        assert_eq!(as_root("remote", &["tty=tty1"]), other);

        let set_uid = |service: &str| {
            let mut command = alice.command(SET_UID);
            command.args(["-i", "tty=", service, "alice"]);
            wrong_code_counts(system, &alice, &mut command)
        };
        assert_eq!(set_uid(SERVICE), local);
        assert_eq!(set_uid("remote"), other);
    });
}

/// The attack: guesses over SMTP AUTH, and their owner at the keyboard.
#[test]
fn strangers_at_a_daemon_without_addresses_do_not_make_sudo_wait() {
    throw_away(|system| {
        application::build(system);
        crate::programs::sudo::prepare(system);
        system.without_delays();
        let alice = system.enrolled("alice");
        for _ in 0..20 {
            let mut daemon = application();
            daemon.args(["-i", "tty=", SERVICE, "alice"]);
            assert_eq!(only_code(system, &mut daemon, &alice.wrong_code()), AUTH_ERR);
        }
        let mut command = alice.command("/usr/bin/sudo");
        command.args(["-k", "id", "-un"]);
        let mut terminal = Terminal::run(command);
        terminal.answers("[sudo] password for alice: ", PASSWORD);
        terminal.answers("Verification code: ", &alice.code());
        terminal.sees("root");
        system.log.line("right code: alice from local");
    });
}

#[test]
fn whoever_binds_to_another_loopback_address_is_in_no_other_network() {
    throw_away(|system| {
        application::build(system);
        system.enrolled("alice");
        for (step, address) in (0..).zip(["127.0.0.1", "127.5.0.1", "127.77.88.99", "::1"]) {
            let time = T + 60 * step;
            let mut command = application();
            command.args(["-i", &format!("rhost={address}"), SERVICE, "alice"]);
            assert_eq!(only_code(system, application::at(time, &mut command), &code_at(KEY, time)), SUCCESS);
        }
        let bytes = fs::read("/var/lib/pam_totp/state/alice").expect("the record");
        let text = String::from_utf8_lossy(&bytes);
        let networks = text.lines().filter_map(|line| line.strip_prefix("lane "));
        let keys = networks.filter_map(|line| line.split(' ').next());
        let networks: BTreeSet<&str> = keys.filter(|key| key.starts_with("4/") || key.starts_with("6/")).collect();
        assert_eq!(networks, BTreeSet::from(["4/7f0000"]));
        assert_eq!(login_at(system, T + 600, "alice", &code_at(KEY, T + 600)), SUCCESS);
    });
}

/// As pkexec's agent in a session starts it; and as newer systems do, by a socket and without the set-uid bit.
#[test]
fn polkit_asks_for_password_and_code_and_counts_as_this_host() {
    throw_away(|system| {
        system.stack("polkit-1", POLKIT);
        system.without_delays();
        let alice = system.enrolled("alice");
        let [first, second] = alice.codes();
        let set_uid = || alice.command(HELPER);
        let by_socket = || Command::new(HELPER);
        let asks = |mut helper: Command, password: &str, code: &str| {
            let output = system.tries(helper.arg("alice"), &format!("cookie\n{password}\n{code}\n"));
            String::from_utf8(output.stdout).expect("UTF-8")
        };
        const PROMPTS: [&str; 2] = ["PAM_PROMPT_ECHO_OFF Password: ", "PAM_PROMPT_ECHO_OFF Verification code: "];
        for helper in [set_uid(), by_socket()] {
            let said = asks(helper, PASSWORD, &alice.wrong_code());
            assert!(PROMPTS.iter().all(|prompt| said.contains(prompt)) && said.ends_with("FAILURE\n"), "{said}");
        }
        let said = asks(set_uid(), "wrong password", &first);
        assert!(!said.contains(PROMPTS[1]) && said.ends_with("FAILURE\n"), "{said}");
        for (helper, code) in [(set_uid(), &first), (by_socket(), &second)] {
            asks(helper, PASSWORD, code);
        }
        system.log.line("pam_totp(polkit-1:auth): right code: alice from local");
        assert_eq!(system.log.count("pam_totp(polkit-1:auth): wrong code: alice from local, "), 2);
        assert_eq!(system.log.count("pam_totp(polkit-1:auth): right code: alice from local"), 2);
        assert_eq!(lanes().into_iter().filter(|lane| lane != "local").count(), 0);
    });
}
