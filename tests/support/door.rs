//! The supervisor of pam-totpd, in systemd's place: each connection gets a process of its own.

use super::application::clock;
use super::system::{System, User};
use std::fs;
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread;

pub const VERIFY: &str = "/run/pam_totp/verify.sock";
pub const ROOT: &str = "/run/pam_totp/root.sock";
const DAEMON: &str = "/usr/sbin/pam-totpd";

/// Both sockets, served until the test ends.
pub struct Door {
    time: Arc<AtomicU64>,
    faults: Arc<AtomicUsize>,
}

impl Door {
    /// With the clock of pam-totpd stopped at `time`: callers have no say in it.
    pub fn open(time: u64) -> Self {
        Self::with(time, |time| {
            let mut daemon = Command::new(DAEMON);
            daemon.envs(clock(time));
            daemon
        })
    }

    /// Served by another command.
    pub fn with(time: u64, daemon: impl Fn(u64) -> Command + Clone + Send + 'static) -> Self {
        let door = Self { time: Arc::new(AtomicU64::new(time)), faults: Arc::default() };
        for (path, mode) in [(VERIFY, 0o666), (ROOT, 0o600)] {
            let listener = UnixListener::bind(path).unwrap_or_else(|error| panic!("{path}: {error}"));
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("sets a mode");
            let (time, faults, daemon) = (door.time.clone(), door.faults.clone(), daemon.clone());
            thread::spawn(move || {
                for connection in listener.incoming() {
                    let daemon = daemon(time.load(Ordering::SeqCst));
                    serve(connection.expect("a connection"), daemon, faults.clone());
                }
            });
        }
        door
    }

    pub fn at(&self, time: u64) {
        self.time.store(time, Ordering::SeqCst);
    }

    /// How many of them have not ended well so far: a panic hangs up like a caller that said too little.
    pub fn faults(&self) -> usize {
        self.faults.load(Ordering::SeqCst)
    }

    /// Nobody answers any more.
    pub fn close(self) {
        for path in [VERIFY, ROOT] {
            fs::remove_file(path).expect("removes a socket");
        }
    }
}

fn serve(connection: UnixStream, mut daemon: Command, faults: Arc<AtomicUsize>) {
    let mut child = daemon.stdin(OwnedFd::from(connection)).spawn().expect("pam-totpd starts");
    thread::spawn(move || {
        if !child.wait().is_ok_and(|status| status.success()) {
            faults.fetch_add(1, Ordering::SeqCst);
        }
    });
}

/// Says what nobody's client says, and prints what comes back until the other side hangs up.
const KNOCK: &str = "
import socket, sys
door = socket.socket(socket.AF_UNIX)
door.connect(sys.argv[1])
try:
    door.sendall(sys.stdin.buffer.read())
    sys.stdout.buffer.write(door.makefile('rb').read())
except OSError as error:
    print(error)
";

/// What the door says to this user's bytes.
pub fn knock(system: &System, user: &User, message: &(impl AsRef<[u8]> + ?Sized)) -> String {
    let output = system.reads(&mut knocking(user), message);
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// This user at the door: connected first, and heard once all is said.
pub fn knocking(user: &User) -> Command {
    let path = if user.name == "root" { ROOT } else { VERIFY };
    let mut command = user.command("python3");
    // Not every account has a home.
    command.args(["-c", KNOCK, path]).current_dir("/");
    command
}

/// The one line in which it answers to a request: a line for the verb, a line for each field.
pub fn asks(system: &System, user: &User, request: &str) -> String {
    let reply = knock(system, user, &format!("pam_totp 1\n{request}\n\n"));
    let answer = reply.strip_prefix("pam_totp 1\n").and_then(|r| r.strip_suffix("\n\n"));
    answer.unwrap_or_else(|| panic!("{request}: {reply:?}")).lines().next().expect("a line").to_owned()
}
