//! Asks other programs, and no longer than a person waits.

use std::io::Read;
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use pam_totp::system::disk;

/// For each program.
const BOUND: Duration = Duration::from_secs(5);
/// Between two looks whether it has ended.
const PAUSE: Duration = Duration::from_millis(5);

/// What a program said, and whether it was content.
pub struct Output {
    pub stdout: String,
    pub stderr: String,
    pub succeeded: bool,
}

/// Runs a program of the distribution's; `None`: it is not there, or did not end in time.
pub fn ask(program: &str, arguments: &[&str]) -> Option<Output> {
    // Whose disk it is may not be known: nothing of it is run.
    if disk::is_entered() {
        return None;
    }
    let mut child = Command::new(program)
        .args(arguments)
        // Whatever the caller's environment says.
        .env_clear()
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .ok()?;
    let (stdout, stderr) = (gather(child.stdout.take()), gather(child.stderr.take()));
    let start = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().ok()? {
            break status;
        }
        if start.elapsed() > BOUND {
            let _ = child.kill();
            let _ = child.wait();
            return None;
        }
        thread::sleep(PAUSE);
    };
    // What it started may hold its output open.
    let text = |said: Receiver<String>| said.recv_timeout(BOUND).unwrap_or_default();
    Some(Output { stdout: text(stdout), stderr: text(stderr), succeeded: status.success() })
}

fn gather(stream: Option<impl Read + Send + 'static>) -> Receiver<String> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        // No answer that is of use is longer.
        let _ = stream.map(|stream| stream.take(1 << 20).read_to_end(&mut bytes));
        let _ = sender.send(String::from_utf8_lossy(&bytes).into_owned());
    });
    receiver
}
