//! pam-totpd: root's side of the door. Serves the one connection on its standard input, and ends.
//!
//! systemd starts it so (`Accept=yes`), and so can any supervisor.
#![deny(unsafe_code)]
#![allow(clippy::disallowed_methods, clippy::disallowed_macros, reason = "a program of its own, not inside a host")]

use std::io::{self, Write};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::net::UnixStream;
use std::process::ExitCode;

use nix::sys::resource::{Resource, setrlimit};
use nix::sys::socket::{SockType, UnixAddr, getsockname, getsockopt, sockopt};
use pam_totp::backend::Local;
use pam_totp::daemon;
use syslog::{Facility, Formatter3164};

const USAGE: u8 = 2;

fn main() -> ExitCode {
    // Keys pass through this process: none goes into a core file or to a debugger.
    let _ = nix::sys::prctl::set_dumpable(false);
    let _ = setrlimit(Resource::RLIMIT_CORE, 0, 0);
    let has_arguments = std::env::args_os().nth(1).is_some();
    let (false, Ok(mut stream)) = (has_arguments, connection()) else { return usage() };
    // A caller who says nothing, or hangs up, has nobody to complain to.
    let _ = daemon::serve(&Local::open(None), &mut stream, &mut |line| log(line));
    ExitCode::SUCCESS
}

/// Standard input, if it is one end of a Unix connection.
fn connection() -> io::Result<UnixStream> {
    let stdin = io::stdin().as_fd().try_clone_to_owned()?;
    let is_stream = getsockopt(&stdin, sockopt::SockType)? == SockType::Stream;
    let is_unix = getsockname::<UnixAddr>(stdin.as_raw_fd()).is_ok();
    if is_stream && is_unix { Ok(UnixStream::from(stdin)) } else { Err(io::ErrorKind::InvalidInput.into()) }
}

fn usage() -> ExitCode {
    let how = "pam-totpd takes no arguments and serves the connection on its standard input: see pam-totpd(8)";
    let _ = writeln!(io::stderr(), "{how}");
    ExitCode::from(USAGE)
}

fn log(text: &str) {
    let formatter = Formatter3164 {
        facility: Facility::LOG_AUTHPRIV,
        hostname: None,
        process: "pam-totpd".into(),
        pid: std::process::id(),
    };
    // As at a login, a log that is not there changes no verdict.
    let _ = syslog::unix(formatter).and_then(|mut logger| logger.notice(text));
}
