//! The supervisor of pam-totpd, in systemd's place: it holds the sockets, and starts it when somebody is there.

use super::application::clock;
use super::system::{System, User};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::fs;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::process::Command;
use std::thread;

pub const VERIFY: &str = "/run/pam_totp/verify.sock";
pub const ROOT: &str = "/run/pam_totp/root.sock";
pub const DAEMON: &str = "/usr/sbin/pam-totpd";

/// The clock of pam-totpd, where it can be set while it runs.
const CLOCK: &str = "/run/door.clock";

/// Both sockets, served until the test ends.
pub struct Door(());

impl Door {
    /// With the clock of pam-totpd stopped at `time`: callers have no say in it.
    pub fn open(time: u64) -> Self {
        set_clock(&time.to_string());
        Self::with(|| {
            let mut daemon = Command::new(DAEMON);
            daemon.envs(clock(0)).env_remove("FAKETIME").env("FAKETIME_TIMESTAMP_FILE", CLOCK);
            // A process that waits for its request would take its time from when it was started.
            daemon.env("FAKETIME_NO_CACHE", "1");
            daemon
        })
    }

    /// Served by another command.
    pub fn with(daemon: impl Fn() -> Command + Clone + Send + 'static) -> Self {
        for (path, mode) in [(VERIFY, 0o666), (ROOT, 0o600)] {
            let listener = listen(path, mode);
            let daemon = daemon.clone();
            thread::spawn(move || {
                loop {
                    let mut socket = [PollFd::new(listener.as_fd(), PollFlags::POLLIN)];
                    poll(&mut socket, PollTimeout::NONE).expect("somebody comes");
                    resident(&listener, daemon()).status().expect("pam-totpd starts");
                }
            });
        }
        Self(())
    }

    pub fn at(&self, time: u64) {
        set_clock(&time.to_string());
    }

    /// Nobody answers any more.
    pub fn close(self) {
        for path in [VERIFY, ROOT] {
            fs::remove_file(path).expect("removes a socket");
        }
    }
}

/// A socket of the door, that nobody serves yet.
pub fn listen(path: &str, mode: u32) -> UnixListener {
    let listener = UnixListener::bind(path).unwrap_or_else(|error| panic!("{path}: {error}"));
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("sets a mode");
    listener
}

/// What serves it, when it is started.
pub fn resident(listener: &UnixListener, mut daemon: Command) -> Command {
    daemon.stdin(OwnedFd::from(listener.try_clone().expect("a descriptor")));
    daemon
}

fn set_clock(text: &str) {
    let new = format!("{CLOCK}.new");
    fs::write(&new, text).and_then(|()| fs::rename(&new, CLOCK)).expect("sets the clock");
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
