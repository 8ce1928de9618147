//! Stands in for the syslog daemon and keeps what it is told.

use super::PATIENCE;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Instant;

const SOCKET: &str = "/dev/log";

/// Every line since the start of the system, as `facility.severity ident[pid]: text`.
#[derive(Clone, Default)]
pub struct Syslog {
    lines: Arc<(Mutex<Vec<String>>, Condvar)>,
}

impl Syslog {
    pub fn listen() -> Self {
        let socket = UnixDatagram::bind(SOCKET).expect("binds the syslog socket");
        // Programs that are not root log too.
        fs::set_permissions(SOCKET, fs::Permissions::from_mode(0o666)).expect("opens the syslog socket");
        let log = Self::default();
        let kept = log.clone();
        thread::spawn(move || {
            let mut datagram = [0; 8192];
            while let Ok(length) = socket.recv(&mut datagram) {
                let (lines, arrived) = &*kept.lines;
                lines.lock().unwrap().push(parse(&String::from_utf8_lossy(&datagram[..length])));
                arrived.notify_all();
            }
        });
        log
    }

    /// The first line that holds `text`; it may still be on its way.
    pub fn line(&self, text: &str) -> String {
        self.line_where(text, |line| line.contains(text))
    }

    /// The first line that `wanted` accepts; `what` says in a failure what was missed.
    pub fn line_where(&self, what: &str, wanted: impl Fn(&str) -> bool) -> String {
        let (lines, arrived) = &*self.lines;
        let deadline = Instant::now() + PATIENCE;
        let mut seen = lines.lock().unwrap();
        loop {
            if let Some(line) = seen.iter().find(|line| wanted(line)) {
                return line.clone();
            }
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "no log line {what:?} among:\n{}", seen.join("\n"));
            seen = arrived.wait_timeout(seen, left).unwrap().0;
        }
    }

    /// How many lines so far hold `text`.
    pub fn count(&self, text: &str) -> usize {
        self.lines().iter().filter(|line| line.contains(text)).count()
    }

    /// All lines so far.
    pub fn lines(&self) -> Vec<String> {
        // What was logged before this mark has arrived before it.
        let mark = format!("mark {:?}", Instant::now());
        let socket = UnixDatagram::unbound().expect("a socket");
        socket.send_to(format!("<86>Nov 21 20:19:00 test: {mark}").as_bytes(), SOCKET).expect("logs");
        self.line(&mark);
        self.lines.0.lock().unwrap().iter().filter(|line| !line.contains(" test: mark ")).cloned().collect()
    }
}

/// `<83>Nov 21 20:19:00 sshd[7]: text` names facility and severity in one number, and a time that no test may assert.
fn parse(datagram: &str) -> String {
    let datagram = datagram.trim_end_matches(['\n', '\0']);
    let (priority, rest) = datagram[1..].split_once('>').expect("a syslog datagram has a priority");
    let priority: u8 = priority.parse().expect("a priority is a number");
    let facility = match priority / 8 {
        4 => "auth".to_owned(),
        10 => "authpriv".to_owned(),
        other => other.to_string(),
    };
    let severity = ["emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"][usize::from(priority % 8)];
    format!("{facility}.{severity} {}", &rest["Nov 21 20:19:00 ".len()..])
}
