//! Cockpit as it serves a host, without systemd to start it.

use super::server::Server;
use super::system::User;
use super::until;
use std::fs::{self, File};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

/// Where what it writes beside pages goes; with systemd that is the journal.
const ERRORS: &str = "/tmp/cockpit.err";

pub const URL: &str = "http://127.0.0.1:9090/";

/// The account of the web server in Debian 12, which a set-uid cockpit-session serves.
const ACCOUNT: &str = "cockpit-wsinstance";
/// Later ones run it under an account that systemd makes, and have cockpit-session started behind this socket.
const SESSIONS: &str = "/run/cockpit/session";

pub struct Cockpit {
    _buses: [Server; 2],
    _sessions: Option<Server>,
    _web: Server,
}

impl Cockpit {
    /// For a user, who logs in there.
    pub fn start(user: &User) -> Self {
        // What a page of Cockpit asks of its host, it asks over D-Bus.
        fs::create_dir_all("/run/dbus").expect("/run/dbus");
        let bus = Server::start(Command::new("dbus-daemon").args(["--system", "--nofork", "--nopidfile"]));
        until("D-Bus listens", || Path::new("/run/dbus/system_bus_socket").exists());
        let errors = File::create(ERRORS).expect("a file");
        let another = || errors.try_clone().expect("a file");
        let sessions = if has_account() { None } else { Some(serve_sessions(another())) };
        let account = ["--reuid", ACCOUNT, "--regid", ACCOUNT, "--clear-groups"];
        let web = ["/usr/lib/cockpit/cockpit-ws", "--no-tls", "--address", "127.0.0.1", "--port", "9090"];
        let web = Server::start(Command::new("setpriv").args(account).args(web).stdout(another()).stderr(another()));
        until("Cockpit listens", || TcpStream::connect("127.0.0.1:9090").is_ok());
        Self { _buses: [bus, serve_bus_of(user)], _sessions: sessions, _web: web }
    }

    /// What it and the sessions that it started have written so far.
    pub fn errors(&self) -> String {
        fs::read_to_string(ERRORS).expect("text")
    }
}

/// The bus of the user's sessions. Where there is none, Cockpit of Debian 13 ends when a page looks for it a second time.
fn serve_bus_of(user: &User) -> Server {
    let socket = format!("{}/bus", user.home());
    let address = format!("unix:path={socket}");
    let mut daemon = user.command("dbus-daemon");
    daemon.args(["--session", "--nofork", "--nopidfile", &format!("--address={address}")]);
    let bus = Server::start(&mut daemon);
    until("the user's D-Bus listens", || Path::new(&socket).exists());
    // The stack reads it, and with systemd says the same.
    fs::write("/etc/environment", format!("DBUS_SESSION_BUS_ADDRESS={address}\n")).expect("writes");
    bus
}

fn has_account() -> bool {
    let passwd = fs::read_to_string("/etc/passwd").expect("text");
    passwd.lines().any(|line| line.starts_with(&format!("{ACCOUNT}:")))
}

/// What systemd does there.
fn serve_sessions(errors: File) -> Server {
    let made = Command::new("useradd").args(["--system", "--user-group", ACCOUNT]).status();
    assert!(made.expect("useradd starts").success());
    fs::create_dir_all("/run/cockpit").expect("a folder");
    let listen = format!("--listen={SESSIONS}");
    let arguments = ["--accept", "--inetd", &listen, "/usr/lib/cockpit/cockpit-session"];
    let server = Server::start(Command::new("systemd-socket-activate").args(arguments).stderr(errors));
    until("cockpit-session is waited for", || Path::new(SESSIONS).exists());
    fs::set_permissions(SESSIONS, fs::Permissions::from_mode(0o666)).expect("sets a mode");
    server
}
