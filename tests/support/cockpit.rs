//! Cockpit as it serves a host, without systemd to start it.

use super::server::Server;
use super::until;
use std::fs::{self, File};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;

/// Where what it writes beside pages goes; with systemd that is the journal.
const ERRORS: &str = "/tmp/cockpit.err";

pub const URL: &str = "http://127.0.0.1:9090/";

pub struct Cockpit {
    _bus: Server,
    _web: Server,
}

impl Cockpit {
    pub fn start() -> Self {
        // What a page of Cockpit asks of its host, it asks over D-Bus.
        fs::create_dir_all("/run/dbus").expect("/run/dbus");
        let bus = Server::start(Command::new("dbus-daemon").args(["--system", "--nofork", "--nopidfile"]));
        until("D-Bus listens", || Path::new("/run/dbus/system_bus_socket").exists());
        let user = ["--reuid", "cockpit-wsinstance", "--regid", "cockpit-wsinstance", "--clear-groups"];
        let web = ["/usr/lib/cockpit/cockpit-ws", "--no-tls", "--address", "127.0.0.1", "--port", "9090"];
        let errors = File::create(ERRORS).expect("a file");
        let (out, errors) = (errors.try_clone().expect("a file"), errors);
        let web = Server::start(Command::new("setpriv").args(user).args(web).stdout(out).stderr(errors));
        until("Cockpit listens", || TcpStream::connect("127.0.0.1:9090").is_ok());
        Self { _bus: bus, _web: web }
    }

    /// What it and the sessions that it started have written so far.
    pub fn errors(&self) -> String {
        fs::read_to_string(ERRORS).expect("text")
    }
}
