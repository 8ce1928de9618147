//! Cockpit as it serves a host, without systemd to start it.

use super::server::Server;
use super::until;
use std::fs;
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;

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
        let web = Server::start(Command::new("setpriv").args(user).args(web));
        until("Cockpit listens", || TcpStream::connect("127.0.0.1:9090").is_ok());
        Self { _bus: bus, _web: web }
    }
}
