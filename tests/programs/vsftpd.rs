//! FTP, which has one field for password and code: Debian's vsftpd, and curl.

use crate::support::server::Server;
use crate::support::system::{PASSWORD, System, User, throw_away};
use crate::support::until;
use std::fs;
use std::net::TcpStream;
use std::process::Command;

const ONE_FIELD: &str = include_str!("../../pam.d/vsftpd");

/// What curl ends with when a server refuses a login.
const DENIED: i32 = 67;

fn start(system: &System) -> Server {
    system.without_delays();
    system.file(
        "/etc/vsftpd.conf",
        "listen=YES
listen_address=127.0.0.1
background=NO
anonymous_enable=NO
local_enable=YES
write_enable=YES
pam_service_name=vsftpd
secure_chroot_dir=/run/vsftpd/empty
delay_failed_login=0
",
    );
    fs::create_dir_all("/run/vsftpd/empty").expect("vsftpd's empty folder");
    let server = Server::start(&mut Command::new("/usr/sbin/vsftpd"));
    until("vsftpd listens", || TcpStream::connect("127.0.0.1:21").is_ok());
    server
}

/// Puts two files over one connection, and says what curl ended with.
fn uploads(system: &System, user: &User, field: &str) -> i32 {
    let mut curl = Command::new("/usr/bin/curl");
    curl.args(["--silent", "--show-error", "--user", &format!("{}:{field}", user.name)]);
    curl.args(["--upload-file", "{/usr/bin/curl,/etc/os-release}", "ftp://127.0.0.1/"]);
    system.tries(&mut curl, "").status.code().expect("curl ends")
}

fn gets_in(system: &System, user: &User, field: &str) {
    assert_eq!(uploads(system, user, field), 0);
    let read = |path: &str| fs::read(path).unwrap_or_else(|error| panic!("{path}: {error}"));
    for (sent, name) in [("/usr/bin/curl", "curl"), ("/etc/os-release", "os-release")] {
        assert!(read(sent) == read(&format!("{}/{name}", user.home())), "{name}: not what was sent");
    }
}

fn is_refused(system: &System, user: &User, field: &str) {
    assert_eq!(uploads(system, user, field), DENIED, "got in with {field}");
    assert!(!fs::exists(format!("{}/curl", user.home())).unwrap());
}

#[test]
fn password_and_code_in_one_field_get_in_once() {
    throw_away(|system| {
        system.stack("vsftpd", ONE_FIELD);
        let alice = system.enrolled("alice");
        let _server = start(system);

        is_refused(system, &alice, &format!("{PASSWORD}{}", alice.wrong_code()));
        let failure = "pam_totp(vsftpd:auth): authentication failure; logname= uid=0 euid=0 tty=ftp ruser=alice \
                       rhost=127.0.0.1  user=alice";
        system.log.line(failure);
        system.log.line("wrong code: alice from 127.0.0.1");
        is_refused(system, &alice, PASSWORD);
        system.log.line("no code: the answer of alice from 127.0.0.1");

        let code = alice.code();
        is_refused(system, &alice, &code);
        // The code is right, but whoever has no password must not reach the check: it stays good.
        is_refused(system, &alice, &format!("wrong password{code}"));
        gets_in(system, &alice, &format!("{PASSWORD}{code}"));
        system.log.line("right code: alice from 127.0.0.1");

        fs::remove_file(format!("{}/curl", alice.home())).expect("the file is there");
        is_refused(system, &alice, &format!("{PASSWORD}{code}"));
        system.log.line("used code: alice from 127.0.0.1");
    });
}

#[test]
fn common_auth_may_check_the_password() {
    throw_away(|system| {
        let by_common_auth = ONE_FIELD.replace("auth\trequisite\tpam_unix.so use_first_pass", "@include common-auth");
        assert_ne!(by_common_auth, ONE_FIELD);
        system.stack("vsftpd", &by_common_auth);
        let alice = system.enrolled("alice");
        let _server = start(system);
        let code = alice.code();
        is_refused(system, &alice, &format!("wrong password{code}"));
        is_refused(system, &alice, &format!("{PASSWORD}{}", alice.wrong_code()));
        gets_in(system, &alice, &format!("{PASSWORD}{code}"));
    });
}

#[test]
fn users_who_need_no_code_type_the_password_alone() {
    throw_away(|system| {
        system.stack("vsftpd", ONE_FIELD);
        let bob = system.user("bob");
        let _server = start(system);
        is_refused(system, &bob, PASSWORD);
        system.log.line("no enrollment: bob from 127.0.0.1 is not enrolled, and the policy refuses those");
        system.policy("unenrolled = \"allow\"\n");
        is_refused(system, &bob, "wrong password");
        gets_in(system, &bob, PASSWORD);
    });
}

/// vsftpd gives every prompt the one field that it has.
#[test]
fn a_stack_with_two_prompts_lets_nobody_in() {
    throw_away(|system| {
        let stock = fs::read_to_string("/etc/pam.d/vsftpd").expect("Debian's own stack");
        assert!(stock.contains("@include common-auth"), "{stock}");
        system.stack("vsftpd", &format!("{stock}auth requisite pam_totp.so\n"));
        let alice = system.enrolled("alice");
        let _server = start(system);
        is_refused(system, &alice, PASSWORD);
        // The module was given the password as the code. That is no guess.
        system.log.line("no code: the answer of alice from 127.0.0.1");
        is_refused(system, &alice, &format!("{PASSWORD}{}", alice.code()));
        is_refused(system, &alice, &alice.code());
    });
}
