//! A host of many logins, whose memory and whose time a test looks at.

use super::system::System;
use nix::pty::{OpenptyResult, openpty};
use nix::sys::termios::{SetArg, cfmakeraw, tcgetattr, tcsetattr};
use nix::unistd::ttyname;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;
use std::process::{Child, Command, Stdio};

pub const HOST: &str = "/usr/local/bin/host";

/// Builds it; `flags` beside the usual ones. Its symbols are bound at its start: binding one later spills every vector
/// register onto its stack, with what its own `strlen` has just read of a message.
pub fn build(system: &System, flags: &[&str]) {
    system.file("/usr/local/src/host.c", include_str!("host.c"));
    let usual = ["-g", "-O1", "-Wall", "-Wextra", "-Werror", "-pthread", "-Wl,-z,now", "-o", HOST];
    system.runs(Command::new("cc").args(usual).arg("/usr/local/src/host.c").args(flags).arg("-lpam"));
}

/// One login that a test sees through to its end, and past it.
pub struct Once {
    child: Child,
    out: File,
    said: String,
}

impl Once {
    /// Starts a login that ends after so many stages: 1 is `auth`, 2 is `account` too.
    pub fn start(service: &str, user: &str, stages: u8) -> Self {
        Self::with(Command::new(HOST).args(["once", service, user, &stages.to_string()]))
    }

    pub fn with(command: &mut Command) -> Self {
        let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = piped.spawn().expect("the host starts");
        let out = OwnedFd::from(child.stdout.take().expect("a pipe")).into();
        Self { child, out, said: String::new() }
    }

    /// One whose PAM_TTY and standard output are a terminal.
    pub fn on_terminal(command: &mut Command) -> Self {
        let OpenptyResult { master, slave } = openpty(None, None).expect("a terminal");
        let mut raw = tcgetattr(&slave).expect("a terminal");
        cfmakeraw(&mut raw);
        tcsetattr(&slave, SetArg::TCSANOW, &raw).expect("a terminal");
        command.env("TTY", ttyname(&slave).expect("a name"));
        let child = command.stdin(Stdio::piped()).stdout(slave).stderr(Stdio::piped()).spawn();
        Self { child: child.expect("the host starts"), out: master.into(), said: String::new() }
    }

    /// Reads on until it has said `text`; what came before that.
    pub fn sees(&mut self, text: &str) -> String {
        self.may_say(text).unwrap_or_else(|| panic!("no {text:?} after {:?}", self.said))
    }

    /// The same, and `None` if it ends before that.
    pub fn may_say(&mut self, text: &str) -> Option<String> {
        let mut byte = [0];
        let mut bytes = Vec::new();
        // The end of a terminal is an error.
        while !bytes.ends_with(text.as_bytes()) && self.out.read(&mut byte).is_ok_and(|read| read == 1) {
            bytes.push(byte[0]);
        }
        let said = String::from_utf8(bytes).expect("UTF-8");
        self.said += &said;
        said.strip_suffix(text).map(str::to_owned)
    }

    /// All that it has said so far.
    pub fn said(&self) -> &str {
        &self.said
    }

    pub fn answers(&mut self, prompt: &str, answer: &str) {
        self.sees(prompt);
        self.types(answer);
    }

    /// A line; whoever was killed reads none.
    pub fn types(&mut self, line: &str) {
        let _ = writeln!(self.child.stdin.as_mut().expect("a pipe"), "{line}");
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The PAM code; `pam_end` has returned, and the process is still there.
    pub fn code(&mut self) -> i32 {
        self.sees("ended ");
        self.sees("\n").parse().expect("a PAM code")
    }

    /// What lies where in its memory: all that it could have written to.
    pub fn memory(&self) -> Vec<Region> {
        let proc = format!("/proc/{}", self.child.id());
        let memory = File::open(format!("{proc}/mem")).expect("the memory");
        let maps = fs::read_to_string(format!("{proc}/maps")).expect("the map");
        maps.lines().filter_map(|line| Region::read(line, &memory)).collect()
    }

    /// All that it has said when it has ended, however that is; nobody answers any more.
    pub fn rest(mut self) -> String {
        drop(self.child.stdin.take());
        let mut rest = Vec::new();
        self.out.read_to_end(&mut rest).expect("a pipe");
        self.child.wait().expect("it ends");
        self.said + &String::from_utf8_lossy(&rest)
    }

    /// What it wrote to stderr, which is nobody's to write to.
    pub fn ends(mut self) -> String {
        drop(self.child.stdin.take());
        let output = self.child.wait_with_output().expect("it ends");
        assert!(output.status.success(), "{output:?}");
        String::from_utf8_lossy(&output.stderr).into_owned()
    }
}

const PAGE: usize = 4096;

/// A part of a process's memory.
pub struct Region {
    pub name: String,
    pub start: usize,
    pub bytes: Vec<u8>,
}

impl Region {
    fn read(line: &str, memory: &File) -> Option<Self> {
        let mut words = line.split_ascii_whitespace();
        let (range, rights) = (words.next()?, words.next()?);
        let name = words.nth(3).unwrap_or("anonymous").to_owned();
        let (start, end) = range.split_once('-')?;
        let [start, end] = [start, end].map(|hex| usize::from_str_radix(hex, 16).expect("an address"));
        if !rights.starts_with("rw") {
            return None;
        }
        let mut bytes = vec![0; end - start];
        let read = memory.read_exact_at(&mut bytes, start as u64);
        read.unwrap_or_else(|error| panic!("{line}: {error}"));
        Some(Self { name, start, bytes })
    }

    pub fn is_stack(&self) -> bool {
        self.name == "[stack]"
    }

    /// What of the needles lies where.
    pub fn find<'a>(&self, needles: &'a [(String, Vec<u8>)]) -> Vec<(&'a str, usize)> {
        // Nearly everywhere two bytes tell that none begins there, and most pages were never written to.
        let start = |two: &[u8]| usize::from(u16::from_ne_bytes([two[0], two[1]]));
        let mut starts = vec![false; 1 << 16];
        needles.iter().for_each(|(_, bytes)| starts[start(bytes)] = true);
        let mut found = Vec::new();
        for page in (0..self.bytes.len()).step_by(PAGE).filter(|page| self.bytes[*page..][..PAGE] != [0; PAGE]) {
            let end = (page + PAGE).min(self.bytes.len() - 1);
            for place in (page..end).filter(|place| starts[start(&self.bytes[*place..])]) {
                let here = needles.iter().filter(|(_, bytes)| self.bytes[place..].starts_with(bytes));
                found.extend(here.map(|(name, _)| (name.as_str(), self.start + place)));
            }
        }
        found
    }
}
