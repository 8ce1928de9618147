//! fail2ban counts guesses of strangers by their addresses, and nothing that owners do; nobody can have somebody else banned.

use crate::support::application::{self, application, only_code};
use crate::support::fail2ban::{self, Form, counts};
use crate::support::network::{
    ELSEWHERE, NEIGHBOR, OFFICE, answers_and_is_refused, gets_in_by_code, gets_in_by_password,
};
use crate::support::server::Server;
use crate::support::sshd::{KEYBOARD_INTERACTIVE, ONCE, Sshd, prompt, ssh};
use crate::support::system::{PASSWORD, System, User, throw_away_with};
use crate::support::terminal::Terminal;
use crate::support::{network, until};
use std::fs;
use std::io::Write;
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

/// Asks strangers too, and says nothing of what was wrong.
const ASKS_EVERYBODY: &str =
    "auth required pam_unix.so nodelay\nauth required pam_totp.so nodelay\naccount required pam_unix.so\n";

/// Whom a hostile name would have banned.
const VICTIM: &str = "192.0.2.9";

fn vsftpd(system: &System) -> Server {
    let config = "listen=YES\nlisten_address=127.0.0.1\nbackground=NO\nanonymous_enable=NO\nlocal_enable=YES\n\
                  pam_service_name=vsftpd\nsecure_chroot_dir=/run/vsftpd/empty\ndelay_failed_login=0\n";
    system.file("/etc/vsftpd.conf", config);
    fs::create_dir_all("/run/vsftpd/empty").expect("vsftpd's empty folder");
    let server = Server::start(&mut Command::new("/usr/sbin/vsftpd"));
    until("vsftpd listens", || TcpStream::connect("127.0.0.1:21").is_ok());
    server
}

fn is_refused_by_ftp(system: &System, login: &str) {
    let output = system.tries(Command::new("/usr/bin/curl").args(["-sS", "--user", login, "ftp://127.0.0.1/"]), "");
    assert_eq!(output.status.code(), Some(67), "{output:?}");
}

/// What a panel asks: how many of the codes were wrong, and how many not looked at.
fn panel_tries(system: &System, user: &User, from: &str, times: usize) -> [usize; 2] {
    let reasons: Vec<String> = (0..times)
        .map(|_| {
            let mut verify = Command::new("pam-totp");
            verify.args(["verify", user.name, "--json", "--service", "panel", "--from", from]);
            String::from_utf8(system.tries(&mut verify, &format!("{}\n", user.wrong_code())).stdout).expect("UTF-8")
        })
        .collect();
    ["wrong", "waiting"].map(|reason| reasons.iter().filter(|said| said.contains(&format!("\"{reason}\""))).count())
}

fn sorted(expected: &[&str]) -> Vec<String> {
    let mut expected: Vec<String> = expected.iter().map(|line| (*line).to_owned()).collect();
    expected.sort();
    expected
}

/// The whole life of a host, as its log has it.
pub fn everything_that_happens(system: &System) -> (usize, usize) {
    system.stack("sshd", ASKS_EVERYBODY);
    system.stack("vsftpd", include_str!("../../pam.d/vsftpd"));
    system.stack("login", include_str!("../../pam.d/login"));
    super::sudo::prepare(system);
    system.without_delays();
    system.policy("unenrolled = \"deny\"\n[[exempt]]\nusers = [\"dave\"]\n");
    let [alice, carol, erin, dave] = ["alice", "carol", "erin", "dave"].map(|name| system.enrolled(name));
    let (bob, mallory) = (system.user("bob"), User { name: "mallory" });
    let _server = network::start(system, KEYBOARD_INTERACTIVE);
    let _ftp = vsftpd(system);

    // Guesses, by four kinds of strangers. From two addresses, as newer sshds look away after a few.
    answers_and_is_refused(OFFICE, &alice, &alice.wrong_code());
    answers_and_is_refused(OFFICE, &alice, "no code");
    answers_and_is_refused(NEIGHBOR, &bob, "123456");
    answers_and_is_refused(NEIGHBOR, &mallory, "123456");
    is_refused_by_ftp(system, &format!("alice:{PASSWORD}{}", alice.wrong_code()));
    let panel = panel_tries(system, &erin, "203.0.113.77", 20);

    // Owners: a right code, the same again, as a program with two connections does, no code, and fingers at this host.
    let code = carol.code();
    gets_in_by_code(OFFICE, &carol);
    answers_and_is_refused(OFFICE, &carol, &code);
    is_refused_by_ftp(system, &format!("carol:{PASSWORD}{code}"));
    answers_and_is_refused("127.0.0.1", &erin, &erin.wrong_code());
    gets_in_by_password(ELSEWHERE, &dave);
    let mut sudo = Terminal::run({
        let mut command = alice.command("/usr/bin/sudo");
        command.arg("id");
        command
    });
    for _ in 0..3 {
        sudo.answers("[sudo] password for alice: ", PASSWORD);
        sudo.answers("Verification code: ", &alice.wrong_code());
    }
    assert_eq!(sudo.ends().1, 1);
    let mut console = Terminal::run(Command::new("/bin/login"));
    console.answers("login: ", "alice");
    console.answers("Password: ", PASSWORD);
    console.answers("Verification code: ", &alice.wrong_code());
    console.sees("Login incorrect");
    drop(console);

    // The host's own fault.
    let mode =
        |mode| fs::set_permissions("/var/lib/pam_totp/secrets", fs::Permissions::from_mode(mode)).expect("sets a mode");
    mode(0o755);
    answers_and_is_refused(ELSEWHERE, &alice, &alice.wrong_code());
    mode(0o700);
    let [wrong, waiting] = panel;
    (wrong, waiting)
}

#[test]
fn guesses_count_by_the_address_they_came_from_and_nothing_else_does() {
    throw_away_with(fail2ban::files, |system| {
        fail2ban::install(system);
        let (wrong, waiting) = everything_that_happens(system);
        let lines = system.log.lines();
        for happened in [
            "used code: carol",
            "waiting: erin from 203.0.113.77",
            "right code: carol",
            "no code asked: dave from 203.0.113.2",
            "pam_totp(sudo:auth): wrong code: alice from local",
            "pam_totp(login:auth): wrong code: alice from local",
            "pam_totp(sshd:auth): store error: ",
        ] {
            assert!(lines.iter().any(|line| line.contains(happened)), "{happened}:\n{}", lines.join("\n"));
        }
        assert!(wrong >= 10 && waiting >= 1, "{wrong} wrong, {waiting} waiting");
        let (office, neighbor) = (OFFICE, NEIGHBOR);
        let mut expected = vec![
            format!("{office} alice"),
            format!("{office} alice"),
            format!("{neighbor} bob"),
            neighbor.to_owned(),
            "127.0.0.1 alice".to_owned(),
            "127.0.0.1 erin".to_owned(),
        ];
        expected.extend(std::iter::repeat_n("203.0.113.77 erin".to_owned(), wrong));
        expected.sort();
        for form in Form::ALL {
            assert_eq!(counts(system, "pam_totp", form, &lines), expected, "{form:?}");
        }
        // Whoever asks for it has the rest counted too.
        expected.extend([format!("{office} carol"), "127.0.0.1 carol".to_owned()]);
        expected.extend(std::iter::repeat_n("203.0.113.77 erin".to_owned(), waiting));
        expected.sort();
        assert_eq!(counts(system, "pam_totp[mode=aggressive]", Form::Traditional, &lines), expected);
    });
}

/// The names, addresses and terminals that strangers bring.
#[test]
fn no_name_gets_another_address_banned() {
    throw_away_with(fail2ban::files, |system| {
        fail2ban::install(system);
        application::build(system);
        // pam_unix writes down what it is given, as it is given.
        for service in [application::SERVICE, "sshd"] {
            system.stack(service, ASKS_EVERYBODY);
        }
        let line = format!(
            "wrong code: alice from {VICTIM}, 1 wrong code in all since the last right one, 14 more looked at there"
        );
        let hostile = [
            format!("x rhost={VICTIM}"),
            format!("x from {VICTIM}"),
            format!("x rhost={VICTIM}  user=root"),
            format!("x\npam_totp(sshd:auth): {line}"),
            format!("x\nNov 21 20:19:00 throwaway sshd[7]: pam_totp(sshd:auth): {line}"),
            format!("pam_totp(sshd:auth): {line}"),
            line,
        ];
        for text in &hostile {
            // Other programs write it as it is, too.
            let text_of_another = format!("login failed for {text}");
            system.runs(Command::new("logger").args(["-p", "authpriv.notice", "-t", "httpd", "--", &text_of_another]));
            for item in ["user", "rhost", "ruser", "tty"] {
                let (user, value) = if item == "user" { (text.as_str(), ELSEWHERE) } else { ("alice", text.as_str()) };
                let item = if item == "user" { "rhost" } else { item };
                let mut program = application();
                program.args(["-i", &format!("{item}={value}"), application::SERVICE, user]);
                only_code(system, &mut program, "password\n123456");
            }
        }
        // An account may have such a name, and then the log has it too.
        let named = format!("eve from {VICTIM}");
        let accounts = fs::read_to_string("/etc/passwd").expect("/etc/passwd");
        system.file("/etc/passwd", &format!("{accounts}{named}:x:4711:4711::/tmp:/bin/bash\n"));
        let mut program = application();
        program.args(["-i", &format!("rhost={ELSEWHERE}"), application::SERVICE, &named]);
        only_code(system, &mut program, "password\n123456");

        // The same by the real client.
        let _server = network::start(system, KEYBOARD_INTERACTIVE);
        for user in [hostile[0].as_str(), &hostile[1], &named] {
            let mut client = network::ssh(OFFICE, user, &[]);
            client.answers("Password: ", PASSWORD);
            client.answers("Verification code: ", "123456");
            client.ends();
        }
        let lines = system.log.lines();
        assert!(lines.iter().any(|line| line.contains(VICTIM)), "nobody tried anything:\n{}", lines.join("\n"));
        for filter in ["pam_totp", "pam_totp[mode=aggressive]"] {
            for form in Form::ALL {
                let counted = counts(system, filter, form, &lines);
                let banned = |line: &&String| !line.starts_with(ELSEWHERE) && !line.starts_with(OFFICE);
                assert_eq!(counted.iter().find(banned), None, "{form:?}");
                assert_eq!(counted.iter().filter(|line| line.starts_with(OFFICE)).count(), 3, "{counted:?}");
                let eve = format!("{ELSEWHERE} eve?from?{VICTIM}");
                assert!(counted.contains(&eve), "{form:?}: {counted:?}");
            }
        }
    });
}

/// fail2ban's own jail for sshd reads our first line too, and takes from it no more than from that of pam_unix: the user's name.
#[test]
fn to_fail2bans_own_filter_for_sshd_a_wrong_code_is_what_a_wrong_password_is() {
    throw_away_with(fail2ban::files, |system| {
        fail2ban::install(system);
        system.stack("sshd", include_str!("../../pam.d/sshd"));
        system.without_delays();
        let alice = system.enrolled("alice");
        let _server = Sshd::start(system, KEYBOARD_INTERACTIVE);
        let tries = |password: &str, code: Option<&str>| {
            let before = system.log.lines().len();
            let mut client = ssh("alice", &ONCE);
            client.answers(&prompt("alice", "Password: "), password);
            if let Some(code) = code {
                client.answers(&prompt("alice", "Verification code: "), code);
            }
            assert_eq!(client.ends().1, 255);
            until("sshd says that its client has left", || {
                system.log.lines()[before..].iter().any(|line| line.contains("Connection "))
            });
            system.log.lines().split_off(before)
        };
        let by_password = tries("wrong password", None);
        let by_code = tries(PASSWORD, Some(&alice.wrong_code()));
        let counted = |filter, lines: &[String]| counts(system, filter, Form::Traditional, lines);
        assert_eq!(counted("sshd", &by_password), sorted(&["127.0.0.1 alice"]), "{by_password:#?}");
        assert_eq!(counted("sshd", &by_code), sorted(&["127.0.0.1 alice"]), "{by_code:#?}");
        assert_eq!(counted("pam_totp", &by_password), sorted(&[]));
        assert_eq!(counted("pam_totp", &by_code), sorted(&["127.0.0.1 alice"]));
        assert_eq!(counted("pam-generic", &by_code), sorted(&[]));
    });
}

/// The server itself, as somebody has it who did what the jail's file says, with a ban that only writes down whom.
#[test]
fn the_jail_bans_who_guesses_once_it_is_switched_on() {
    throw_away_with(fail2ban::files, |system| {
        fail2ban::install(system);
        system.stack("sshd", ASKS_EVERYBODY);
        let alice = system.enrolled("alice");
        let _server = network::start(system, KEYBOARD_INTERACTIVE);
        let verify = |from: &str, times| panel_tries(system, &alice, from, times);
        answers_and_is_refused(OFFICE, &alice, &alice.wrong_code());
        assert_eq!(verify(OFFICE, 4), [4, 0]);
        assert_eq!(verify(NEIGHBOR, 4), [4, 0]);

        let jail = fs::read_to_string("/etc/fail2ban/jail.d/pam_totp.conf").expect("the jail");
        let switch = jail.lines().find_map(|line| line.strip_prefix("#     ")).expect("how it is switched on");
        system.runs(Command::new("sh").args(["-c", switch]));
        system.file("/etc/fail2ban/action.d/note.conf", "[Definition]\nactionban = echo <ip> <name> >>/tmp/banned\n");
        system.file(
            "/etc/fail2ban/jail.local",
            "[DEFAULT]\nbanaction = note\nbanaction_allports = note\n[pam_totp]\nbackend = polling\n",
        );
        fs::write("/var/log/auth.log", fail2ban::now(&system.log.lines())).expect("the log");
        let _fail2ban =
            Server::start(fail2ban::program("fail2ban-server").args(["-xf", "--logtarget", "/tmp/said", "start"]));
        let banned = || fs::read_to_string("/tmp/banned").unwrap_or_default();
        until("somebody is banned", || !banned().is_empty());
        // Four are not five: the neighbor may still be mistaken once.
        assert_eq!(verify(NEIGHBOR, 1), [1, 0]);
        let line = system.log.lines().pop().expect("the line of it");
        assert_eq!(banned(), format!("{OFFICE} pam_totp\n"), "{}", fs::read_to_string("/tmp/said").unwrap_or_default());
        let mut log = fs::OpenOptions::new().append(true).open("/var/log/auth.log").expect("the log");
        log.write_all(fail2ban::now(&[line]).as_bytes()).expect("the log");
        until("the neighbor is banned", || banned() == format!("{OFFICE} pam_totp\n{NEIGHBOR} pam_totp\n"));
    });
}
