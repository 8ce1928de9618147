//! What the promises stand on: a throw-away system, terminals, real servers, codes.

use std::thread;
use std::time::{Duration, Instant};

pub mod application;
pub mod artifacts;
pub mod browser;
pub mod cockpit;
pub mod codes;
pub mod disk;
pub mod documents;
pub mod door;
pub mod effort;
pub mod fail2ban;
pub mod host;
pub mod lanes;
pub mod needles;
pub mod network;
pub mod packages;
pub mod program;
pub mod record;
pub mod reference;
pub mod server;
pub mod sha1;
pub mod sshd;
pub mod strace;
pub mod syslog;
pub mod system;
pub mod terminal;
pub mod tmux;
pub mod tracer;

/// Longer than anything takes that a test waits for, delays after refusals and a busy machine included.
pub const PATIENCE: Duration = Duration::from_secs(90);

/// Which release of Debian this is: what it has differs, and so does what can be counted there.
pub fn debian() -> u32 {
    let version = std::fs::read_to_string("/etc/debian_version").expect("a Debian");
    version.split('.').next().and_then(|major| major.trim().parse().ok()).expect("a release")
}

/// Waits for what nobody announces.
pub fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < PATIENCE, "waited in vain: {what}");
        thread::sleep(Duration::from_millis(2));
    }
}
