//! Daemons with an account of their own: the real PostgreSQL and the real nginx, which run PAM without root.

use crate::support::application::{self, SUCCESS, login_at};
use crate::support::codes::code_at;
use crate::support::door::{Door, asks};
use crate::support::lanes;
use crate::support::server::Server;
use crate::support::system::{KEY, PASSWORD, System, User, throw_away};
use crate::support::until;
use std::fs;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The beginning of a step.
const T: u64 = 1_800_000_000;
const POSTGRES: User = User { name: "postgres" };
const DATA: &str = "/home/postgres/data";
const ONE_FIELD: &str = "auth requisite pam_totp.so forward_pass\n\
                         auth requisite pam_unix.so use_first_pass\n\
                         auth required pam_totp.so\n\
                         account required pam_permit.so\n";

fn code(time: u64) -> String {
    code_at(KEY, time)
}

/// The programs of the newest PostgreSQL that is installed.
fn postgresql(program: &str) -> String {
    let versions = fs::read_dir("/usr/lib/postgresql").expect("PostgreSQL is installed");
    let newest: Option<PathBuf> = versions.map(|version| version.expect("a version").path()).max();
    newest.expect("a version").join("bin").join(program).display().to_string()
}

/// A database in which alice, bob and root have a role, for clients that say `access` of pg_hba.conf.
fn database(system: &System, access: &str) -> Server {
    system.runs(Command::new("install").args(["-d", "-o", "postgres", "/home/postgres"]));
    let postgres = |program: &str| {
        let mut command = POSTGRES.command(&postgresql(program));
        command.current_dir("/home/postgres").env("LC_ALL", "C");
        command
    };
    system.runs(postgres("initdb").args(["--no-sync", "--auth=trust", "-U", "postgres", "-D", DATA]));
    certificates(system);
    system.file(&format!("{DATA}/pg_hba.conf"), &format!("local all postgres trust\n{access}\n"));
    let settings = [
        "listen_addresses=127.0.0.1",
        "unix_socket_directories=/home/postgres",
        "fsync=off",
        "ssl=on",
        "ssl_ca_file=/home/postgres/ca.pem",
        "ssl_cert_file=/home/postgres/localhost.pem",
        "ssl_key_file=/home/postgres/localhost.key",
    ];
    let settings = settings.iter().flat_map(|setting| ["-c", setting]);
    let server = Server::start(postgres("postgres").args(["-D", DATA]).args(settings));
    let roles = "create role alice login; create role bob login; create role root login";
    let sql = ["-h", "/home/postgres", "-U", "postgres", "-d", "postgres", "-c", roles];
    until("the database", || postgres("psql").args(sql).output().is_ok_and(|output| output.status.success()));
    server
}

/// An authority, the server's certificate, and alice's and bob's and root's.
fn certificates(system: &System) {
    let openssl =
        |arguments: &str| system.runs(Command::new("openssl").args(arguments.split(' ')).current_dir("/home/postgres"));
    let new = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2";
    openssl(&format!("req -x509 {new} -subj /CN=authority -keyout ca.key -out ca.pem"));
    for name in ["localhost", "alice", "bob", "root"] {
        let signed = format!("-CA ca.pem -CAkey ca.key -subj /CN={name}");
        openssl(&format!("req -x509 {new} {signed} -keyout {name}.key -out {name}.pem"));
    }
    system.runs(Command::new("chown").args(["-R", "postgres:postgres", "/home/postgres"]));
    system.runs(Command::new("chmod").args(["600", "/home/postgres/localhost.key"]));
}

/// What the database answers to a client that gives this password.
fn says(system: &System, role: &str, password: &str, more: &str) -> Result<String, String> {
    let who = format!("host=127.0.0.1 user={role} dbname=postgres {more}");
    let mut client = Command::new(postgresql("psql"));
    client.args([who.as_str(), "-tAc", "select current_user"]).env("PGPASSWORD", password).env("LC_ALL", "C");
    let output = system.tries(client.current_dir("/"), "");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8").trim().to_owned();
    if output.status.success() { Ok(text(output.stdout)) } else { Err(text(output.stderr)) }
}

fn refused(role: &str) -> String {
    format!("PAM authentication failed for user \"{role}\"")
}

/// A certificate, then a code: the stack that we ship, and the line that it names.
#[test]
fn postgresql_asks_for_a_code_behind_a_client_certificate() {
    throw_away(|system| {
        let door = Door::open(T);
        application::build(system);
        let example = include_str!("../../pam.d/postgresql");
        system.stack("postgresql", example);
        system.without_delays();
        system.policy("unenrolled = \"allow\"\n[door]\njudges = [\"postgres\"]\n");
        let alice = system.enrolled("alice");
        system.user("bob");
        system.enroll("root");
        let access = example.lines().find_map(|line| line.strip_prefix("#     ")).expect("the example's line");
        let _database = database(system, access);
        let certificate = |name: &str| {
            let files = format!("sslcert=/home/postgres/{name}.pem sslkey=/home/postgres/{name}.key");
            format!("sslmode=verify-ca sslrootcert=/home/postgres/ca.pem {files}")
        };
        let logs_in = |role: &str, code: &str| says(system, role, code, &certificate(role));
        assert_eq!(logs_in("alice", &code(T)), Ok("alice".into()));
        for (role, code) in [("alice", code(T)), ("alice", code(T + 6_000)), ("bob", code(T)), ("root", code(T))] {
            let told = logs_in(role, &code).expect_err("refused");
            assert!(told.contains(&refused(role)), "{role}: {told}");
        }
        door.at(T + 30);
        // Without a certificate nobody is asked. Whose it is PostgreSQL looks at behind the code: right, and no login.
        let told = says(system, "alice", &code(T + 30), "sslmode=require sslcert=none").expect_err("refused");
        assert!(told.contains("requires a valid client certificate"), "{told}");
        let told = says(system, "alice", &code(T + 30), &certificate("bob")).expect_err("refused");
        assert!(told.contains(&refused("alice")), "{told}");
        assert_eq!(system.log.count("pam_totp(postgresql:auth): right code: alice from 127.0.0.1"), 2);
        door.at(T + 60);
        system.log.line("right code: alice from a program of postgres");
        system.log.line("pam_totp(postgresql:auth): right code: alice from 127.0.0.1");
        system.log.line("pam_totp(postgresql:auth): refused: bob from 127.0.0.1: pam-totpd did not accept the code");

        // A stolen daemon asks for nothing else, and its guesses make no owner wait elsewhere.
        assert_eq!(asks(system, &POSTGRES, "status\nuser alice"), "refused not-yours");
        lanes::spent_from("alice", pam_totp::factor::source::Source::Judge, T + 60);
        assert!(logs_in("alice", &code(T + 60)).is_err());
        assert_eq!(login_at(system, T + 60, alice.name, &code(T + 60)), SUCCESS);
        door.at(T + 90);
        let row = format!("{}-{}", code(T + 90), code(T + 120));
        assert_eq!(logs_in("alice", &row), Ok("alice".into()), "two in a row get the owner in");
    });
}

/// What the documents say of pam_unix: its helper checks nobody else's password, and in the group shadow it needs none.
#[test]
fn postgresql_takes_password_and_code_in_one_answer() {
    throw_away(|system| {
        let _door = Door::open(T);
        system.stack("postgresql", ONE_FIELD);
        system.without_delays();
        system.policy("[door]\njudges = [\"postgres\"]\n");
        system.enrolled("alice");
        let access = "host all all 127.0.0.1/32 pam pamservice=postgresql";
        let right = format!("{PASSWORD}{}", code(T));
        let database_without = database(system, access);
        let told = says(system, "alice", &right, "").expect_err("pam_unix cannot look");
        assert!(told.contains(&refused("alice")), "{told}");
        drop(database_without);
        fs::remove_dir_all("/home/postgres").expect("removes it");

        system.runs(Command::new("usermod").args(["-aG", "shadow", "postgres"]));
        let _database = database(system, access);
        for (password, code) in [(PASSWORD, code(T + 6_000)), ("another", code(T)), (PASSWORD, String::new())] {
            let told = says(system, "alice", &format!("{password}{code}"), "").expect_err("refused");
            assert!(told.contains(&refused("alice")), "{told}");
        }
        assert_eq!(says(system, "alice", &right, ""), Ok("alice".into()));
        assert!(says(system, "alice", &right, "").is_err(), "used");
    });
}

#[test]
fn nginx_takes_password_and_code_for_one_request() {
    throw_away(|system| {
        let door = Door::open(T);
        system.stack("nginx", ONE_FIELD);
        system.without_delays();
        system.runs(Command::new("usermod").args(["-aG", "shadow", "www-data"]));
        system.enrolled("alice");
        system.user("bob");
        let _server = nginx(system);
        let gets = |user: &str, answer: &str| {
            let arguments = ["-s", "-o", "/dev/null", "-w", "%{http_code}", "-u", &format!("{user}:{answer}")];
            // Of a folder nginx would ask twice: for it, and for the page that stands in it.
            let output = system.runs(Command::new("curl").args(arguments).arg("http://127.0.0.1:8080/page"));
            String::from_utf8(output.stdout).expect("a number")
        };
        let one_field = |time: u64| format!("{PASSWORD}{}", code(time));
        system.policy("unenrolled = \"allow\"\n");
        assert_eq!(gets("alice", &one_field(T)), "401");
        system
            .log
            .line("pam_totp(nginx:auth): store error: this program runs as www-data and may not have the codes of");
        system.policy("unenrolled = \"allow\"\n[door]\njudges = [\"www-data\"]\n");
        assert_eq!(gets("alice", &one_field(T + 6_000)), "401");
        assert_eq!(gets("alice", &one_field(T)), "200");
        assert_eq!(gets("alice", &one_field(T)), "401", "a request a code");
        door.at(T + 30);
        assert_eq!(gets("bob", &one_field(T + 30)), "401", "not enrolled");
        assert_eq!(gets("alice", &one_field(T + 30)), "200");
        system.log.line("right code: alice from a program of www-data");
        assert_eq!(
            system.log.count("refused for "),
            2,
            "it looks nobody up, but where it does not know that it may not"
        );
    });
}

fn nginx(system: &System) -> Server {
    let module = "/usr/lib/nginx/modules/ngx_http_auth_pam_module.so";
    fs::create_dir_all("/srv/www").expect("a folder");
    system.file("/srv/www/page", "in\n");
    let location = "location / { root /srv/www; auth_pam \"codes\"; auth_pam_service_name \"nginx\"; }";
    let server = format!("server {{ listen 127.0.0.1:8080; {location} }}");
    let main = format!("load_module {module};\nuser www-data;\ndaemon off;\npid /run/nginx.pid;\nevents {{}}\n");
    system.file("/etc/nginx/nginx.conf", &format!("{main}http {{ access_log off; {server} }}\n"));
    assert!(Path::new(module).exists(), "libnginx-mod-http-auth-pam is installed");
    let server = Server::start(&mut Command::new("nginx"));
    until("nginx", || TcpStream::connect(("127.0.0.1", 8080)).is_ok());
    server
}
