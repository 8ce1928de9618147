//! A person at a terminal: reads what a program says, answers, presses keys.

use super::PATIENCE;
use nix::errno::Errno;
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus as Waited, waitid};
use nix::unistd::Pid;
use rexpect::process::{PtyProcess, Signal, WaitStatus};
use rexpect::reader::Options;
use rexpect::session::StreamSession;
use std::fs::{self, File};
use std::io::{self, Read};
use std::process::Command;
use std::thread;
use std::time::Duration;

pub struct Terminal {
    process: PtyProcess,
    pub(crate) session: StreamSession<File>,
    /// What was said so far, for a failure to show.
    pub(crate) screen: String,
}

impl Terminal {
    /// Starts a program on a terminal of its own.
    pub fn run(command: Command) -> Self {
        let before = children();
        let mut process = PtyProcess::new(command).expect("a terminal");
        let program = children().into_iter().find(|child| !before.contains(child)).expect("a process");
        // A program may ignore the signal that ends it when a test fails.
        process.set_kill_timeout(Some(1_000));
        let file = || process.get_file_handle().expect("the terminal's other side");
        let options = Options::new().timeout_ms(Some(PATIENCE.as_secs() * 1_000));
        let session = StreamSession::new(Screen { file: file(), program }, file(), options);
        Self { process, session, screen: String::new() }
    }

    /// Waits until the program says `text`; what it said before that is returned.
    pub fn sees(&mut self, text: &str) -> String {
        match self.session.exp_string(text) {
            Ok(before) => {
                self.screen += &format!("{before}{text}");
                before
            }
            Err(error) => panic!("{error}\nthe screen before it:\n{}", self.screen),
        }
    }

    /// Types a line.
    pub fn types(&mut self, line: &str) {
        self.session.send_line(line).expect("the terminal takes a line");
    }

    /// Waits for a prompt and types the answer.
    pub fn answers(&mut self, prompt: &str, answer: &str) {
        self.sees(prompt);
        self.types(answer);
    }

    /// Presses Control with a letter.
    pub fn presses_control(&mut self, letter: char) {
        self.session.send_control(letter).expect("the terminal takes a key");
    }

    pub fn signals(&mut self, signal: Signal) {
        self.process.signal(signal).expect("the program is there");
    }

    /// Waits for the end: the whole screen and the exit status.
    pub fn ends(mut self) -> (String, i32) {
        match self.session.exp_eof() {
            Ok(rest) => self.screen += &rest,
            Err(error) => panic!("{error}\nthe screen before it:\n{}", self.screen),
        }
        match self.process.wait() {
            Ok(WaitStatus::Exited(_, status)) => (self.screen.replace('\r', ""), status),
            Ok(WaitStatus::Signaled(_, signal, _)) => (self.screen.replace('\r', ""), 128 + signal as i32),
            other => panic!("{other:?}\nthe screen before it:\n{}", self.screen),
        }
    }
}

/// The processes that this thread has started and not waited for.
fn children() -> Vec<Pid> {
    let children = fs::read_to_string("/proc/thread-self/children").expect("/proc");
    children.split_whitespace().map(|child| Pid::from_raw(child.parse().expect("a number"))).collect()
}

/// What the program shows. util-linux's login hangs its own terminal up and opens it again: for that moment reading fails,
/// as it does for good when nobody has the terminal open any more.
struct Screen {
    file: File,
    program: Pid,
}

impl Screen {
    /// Has the program ended? It is left to be waited for.
    fn has_ended(&self) -> bool {
        let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
        !matches!(waitid(Id::Pid(self.program), flags), Ok(Waited::StillAlive))
    }
}

impl Read for Screen {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.file.read(buffer) {
                Err(error) if error.raw_os_error() == Some(Errno::EIO as i32) && !self.has_ended() => {
                    thread::sleep(Duration::from_millis(5));
                }
                Err(error) if error.raw_os_error() == Some(Errno::EIO as i32) => return Ok(0),
                read => return read,
            }
        }
    }
}
