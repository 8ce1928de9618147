//! Programs that do not take PAM's no for an answer, or remember its yes: with the real ones.

use super::{codes, findings, in_order, paste, shell, text};
use crate::support::codes::{fresh_code, fresh_codes};
use crate::support::packages::unpacked;
use crate::support::server::Server;
use crate::support::system::{KEY, PASSWORD, System, throw_away, throw_away_with};
use crate::support::until;
use serde_json::Value;
use std::net::TcpStream;
use std::process::Command;

const ONE_FIELD: &str = "auth requisite pam_totp.so forward_pass nodelay\n\
                         auth requisite pam_unix.so use_first_pass nodelay\n\
                         auth requisite pam_totp.so nodelay\n\
                         account required pam_unix.so\nsession required pam_permit.so\n";

fn the<'a>(found: &'a [Value], code: &str) -> &'a Value {
    found.iter().find(|finding| finding["code"] == code).unwrap_or_else(|| panic!("{code}: {found:#?}"))
}

/// Does alice get in by FTP?
fn by_ftp(system: &System, field: &str) -> bool {
    let mut curl = Command::new("/usr/bin/curl");
    curl.args(["--silent", "--show-error", "--user", &format!("alice:{field}"), "ftp://127.0.0.1/"]);
    let mut answer = None;
    until("the server answers", || {
        // 67: denied. One that has just started may hang up.
        answer = system.tries(&mut curl, "").status.code().filter(|code| [0, 67].contains(code));
        answer.is_some()
    });
    answer == Some(0)
}

fn serves(command: &mut Command) -> Server {
    // A session of the server before it, which has the port too, may end later than that one.
    until("the port is free", || TcpStream::connect("127.0.0.1:21").is_err());
    let server = Server::start(command);
    until("it listens", || TcpStream::connect("127.0.0.1:21").is_ok());
    server
}

#[test]
fn proftpd_lets_a_password_in_alone_until_pam_has_the_last_word() {
    let files = || vec![format!("proftpd={}", unpacked("proftpd-core").display())];
    throw_away_with(files, |system| {
        in_order(system);
        shell(
            system,
            "cd /mnt/proftpd && cp -a etc usr var /\n\
             cp /usr/share/proftpd/templates/*.conf /etc/proftpd/\n\
             mkdir -p /run/proftpd /var/log/proftpd; useradd -r -s /usr/sbin/nologin proftpd\n\
             echo 'DefaultAddress 127.0.0.1' >/etc/proftpd/conf.d/address.conf",
        );
        system.stack("proftpd", ONE_FIELD);
        let start = || serves(Command::new("/usr/sbin/proftpd").args(["--nodaemon", "--quiet"]));
        let shipped = start();
        assert!(by_ftp(system, PASSWORD), "as Debian ships it the password alone gets in");
        drop(shipped);
        let found = findings(system);
        let fault = the(&found, "asks_elsewhere");
        assert!(fault["level"] == "fault" && text(fault, "message").starts_with("ProFTPD: "), "{fault}");
        let said = paste(system, fault);
        assert!(!codes(&findings(system)).contains(&"asks_elsewhere"), "{said}");
        let _fixed = start();
        assert!(!by_ftp(system, PASSWORD));
        assert!(by_ftp(system, &format!("{PASSWORD}{}", fresh_code(KEY))));
        assert!(!by_ftp(system, PASSWORD));
    });
}

#[test]
fn pure_ftpd_lets_a_password_in_alone_where_it_looks_itself() {
    let files = || vec![format!("pure-ftpd={}", unpacked("pure-ftpd").display())];
    throw_away_with(files, |system| {
        in_order(system);
        shell(system, "cp -a /mnt/pure-ftpd/usr /; mkdir -p /etc/pure-ftpd/conf");
        system.stack("pure-ftpd", ONE_FIELD);
        let start = |order: &[&str]| {
            let mut server = Command::new("/usr/sbin/pure-ftpd");
            serves(server.args(["-S", "127.0.0.1,21"]).args(order))
        };
        // As its wrapper starts it when conf/UnixAuthentication says yes, in either order.
        for order in [&["-l", "unix", "-l", "pam"][..], &["-l", "pam", "-l", "unix"]] {
            let _server = start(order);
            assert!(by_ftp(system, PASSWORD), "{order:?}");
        }
        system.file("/etc/pure-ftpd/conf/UnixAuthentication", "yes\n");
        let found = findings(system);
        let said = paste(system, the(&found, "asks_elsewhere"));
        assert!(!codes(&findings(system)).contains(&"asks_elsewhere"), "{said}");
        let _server = start(&["-l", "pam"]);
        assert!(!by_ftp(system, PASSWORD));
        assert!(by_ftp(system, &format!("{PASSWORD}{}", fresh_code(KEY))));
    });
}

#[test]
fn saslauthd_lets_one_code_in_again_until_it_remembers_none() {
    throw_away(|system| {
        in_order(system);
        system.stack("smtp", ONE_FIELD);
        shell(system, "mkdir -p /run/saslauthd");
        // As the unit of Debian starts it.
        let options = || {
            let text = std::fs::read_to_string("/etc/default/saslauthd").expect("Debian's own");
            let line = text.lines().find_map(|line| line.strip_prefix("OPTIONS=")).expect("options");
            line.trim_matches('"').split_whitespace().map(str::to_owned).collect::<Vec<_>>()
        };
        let start = || {
            // Without children that would outlive it.
            let mut server = Command::new("/usr/sbin/saslauthd");
            let server = Server::start(server.args(["-d", "-n", "0", "-a", "pam"]).args(options()));
            until("saslauthd listens", || std::os::unix::net::UnixStream::connect("/run/saslauthd/mux").is_ok());
            server
        };
        let gets_in = |field: &str| {
            let mut test = Command::new("/usr/sbin/testsaslauthd");
            test.args(["-u", "alice", "-p", field, "-s", "smtp", "-f", "/run/saslauthd/mux"]);
            let output = system.tries(&mut test, "");
            String::from_utf8_lossy(&output.stdout).contains("OK \"Success.\"")
        };
        let shipped = start();
        let [first, second] = fresh_codes(KEY).map(|code| format!("{PASSWORD}{code}"));
        assert!(gets_in(&first) && gets_in(&first), "as Debian ships it one code gets in twice");
        shell(system, "pam-totp remove alice");
        assert!(gets_in(&first), "and when there is no enrollment any more");
        drop(shipped);
        system.enroll("alice");
        let found = findings(system);
        let warning = the(&found, "remembers");
        assert!(text(warning, "message").starts_with("saslauthd: `-c`"), "{warning}");
        let said = paste(system, warning);
        assert!(!codes(&findings(system)).contains(&"remembers"), "{said}");
        let _fixed = start();
        assert!(gets_in(&second) && !gets_in(&second));
    });
}
