//! pam-totpd: root's side of the door. With a listening socket as its standard input it stays, and starts itself again for
//! each connection. With a connection it serves that one request, and ends. With a channel, which is how it starts itself,
//! it first waits for the connection.
//!
//! systemd starts it with a socket (`Accept=no`). Any supervisor can do the one or the other.
#![deny(unsafe_code)]
#![allow(clippy::disallowed_methods, clippy::disallowed_macros, reason = "a program of its own, not inside a host")]

use std::io::{self, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::process::ExitCode;

use nix::sys::resource::{Resource, setrlimit};
use nix::sys::signal::SigSet;
use nix::sys::socket::{SockType, UnixAddr, getsockname, getsockopt, sockopt};
use pam_totp::backend::Local;
use pam_totp::daemon;
use syslog::{Facility, Formatter3164, LoggerBackend};

mod resident;
mod spare;

const FAILURE: u8 = 1;
const USAGE: u8 = 2;

/// What standard input is.
enum Handed {
    /// One request.
    Connection(UnixStream),
    /// The same, once there is one.
    Channel(OwnedFd),
    /// Those of everybody.
    Listener(UnixListener),
}

fn main() -> ExitCode {
    // Keys pass through this process: none goes into a core file or to a debugger.
    let _ = nix::sys::prctl::set_dumpable(false);
    let _ = setrlimit(Resource::RLIMIT_CORE, 0, 0);
    // As /proc/self/exe it would be "exe" to ps.
    let _ = nix::sys::prctl::set_name(c"pam-totpd");
    let has_arguments = std::env::args_os().nth(1).is_some();
    let (false, Ok(handed)) = (has_arguments, handed()) else { return usage() };
    if !matches!(handed, Handed::Listener(_)) {
        // The resident one has blocked what it listens for.
        let _ = SigSet::empty().thread_set_mask();
    }
    let request = match handed {
        Handed::Connection(stream) => Ok(Some(stream)),
        Handed::Channel(channel) => spare::wait(&channel),
        Handed::Listener(listener) => resident::serve(&listener, &|line| log(line, Patience::None)).map(|()| None),
    };
    match request {
        Ok(Some(mut stream)) => {
            // A caller who says nothing, or hangs up, has nobody to complain to.
            let _ = daemon::serve(&Local::open(None), &mut stream, &mut |line| log(line, Patience::Waits));
            ExitCode::SUCCESS
        }
        Ok(None) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "pam-totpd: {error}");
            ExitCode::from(FAILURE)
        }
    }
}

/// Standard input, if it is a Unix socket of one of these kinds.
fn handed() -> io::Result<Handed> {
    let stdin = io::stdin().as_fd().try_clone_to_owned()?;
    getsockname::<UnixAddr>(stdin.as_raw_fd())?;
    match (getsockopt(&stdin, sockopt::SockType)?, getsockopt(&stdin, sockopt::AcceptConn)?) {
        (SockType::Stream, true) => Ok(Handed::Listener(stdin.into())),
        (SockType::Stream, false) => Ok(Handed::Connection(stdin.into())),
        (SockType::SeqPacket, false) => Ok(Handed::Channel(stdin)),
        _ => Err(io::ErrorKind::InvalidInput.into()),
    }
}

fn usage() -> ExitCode {
    let how = "pam-totpd takes no arguments and serves the socket on its standard input: see pam-totpd(8)";
    let _ = writeln!(io::stderr(), "{how}");
    ExitCode::from(USAGE)
}

/// Whether a line waits for a log that takes no more.
#[derive(PartialEq, Eq)]
enum Patience {
    /// What came of a request is not lost.
    Waits,
    /// Everybody would wait.
    None,
}

fn log(text: &str, patience: Patience) {
    let formatter = Formatter3164 {
        facility: Facility::LOG_AUTHPRIV,
        hostname: None,
        process: "pam-totpd".into(),
        pid: std::process::id(),
    };
    // As at a login, a log that is not there changes no verdict.
    let Ok(mut logger) = syslog::unix(formatter) else { return };
    if let (LoggerBackend::Unix(socket), Patience::None) = (&logger.backend, patience) {
        let _ = socket.set_nonblocking(true);
    }
    let _ = logger.notice(text);
}
