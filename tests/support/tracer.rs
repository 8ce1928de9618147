//! A process in the hands of root: its system calls, the codes that it computes, each of its instructions, and its death
//! at any of them.

use super::sha1;
use super::until;
use nix::sys::ptrace::{self, Options};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use std::fs;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What computes a code, of a key that was hashed before.
const CODE: &str = " pam_totp::factor::otp::Codes::at";
/// So far into what was made of a key stands what is looked for.
const KEYED: usize = 256;

/// What a process did.
#[derive(Debug)]
pub enum Event {
    /// It makes a system call.
    Begins(Call),
    /// That call has done what it does.
    Ends(Call),
    /// It computes the code of a counter, or step, that is watched for.
    Computes,
    /// It has ended.
    Gone,
}

/// A system call.
#[derive(Clone, Copy, Debug)]
pub struct Call {
    pub number: i64,
    pub arguments: [u64; 6],
}

/// Where a process computes codes, and which of them are looked at.
struct Watched {
    address: u64,
    /// What stands there.
    word: i64,
    /// What SHA-1 makes of the key under HMAC's inner pad.
    keyed: Vec<u8>,
    counters: std::ops::Range<u64>,
}

/// A process that stands still until it is told to go on.
pub struct Traced {
    pid: Pid,
    watched: Option<Watched>,
}

/// Instructions of a file, by where they lie in this process.
pub struct Mapping {
    pub start: u64,
    pub end: u64,
    /// Into the file, of `start`.
    pub offset: u64,
    pub file: String,
}

impl Traced {
    /// Takes hold of a process that waits for its input.
    pub fn seize(pid: u32) -> Self {
        let pid = Pid::from_raw(i32::try_from(pid).expect("a process"));
        until("it waits for input", || state(pid) == Some('S'));
        let options = Options::PTRACE_O_TRACESYSGOOD | Options::PTRACE_O_EXITKILL;
        ptrace::seize(pid, options).expect("root may trace");
        ptrace::interrupt(pid).expect("it is there");
        let traced = Self { pid, watched: None };
        let stopped = traced.waits();
        assert!(matches!(stopped, WaitStatus::PtraceEvent(..)), "{stopped:?}");
        traced
    }

    /// Looks from now on at the codes of this key that are computed there.
    pub fn watch(&mut self, codes: &Codes, key: &[u8], counters: std::ops::Range<u64>) {
        let mapped = self.mappings();
        let of_file = mapped.iter().find(|m| m.file == codes.file).expect("the process has mapped it");
        let address = of_file.start - of_file.offset + codes.place;
        let word = ptrace::read(self.pid, address as _).expect("code");
        self.watched = Some(Watched { address, word, keyed: sha1::keyed(key, sha1::INNER), counters });
        self.set(true);
    }

    /// Goes on to the next event; to a system call only where they are asked for.
    pub fn next(&mut self, calls: bool) -> Event {
        let mut signal = None;
        loop {
            let went_on = if calls { ptrace::syscall(self.pid, signal) } else { ptrace::cont(self.pid, signal) };
            // Somebody else may have killed it meanwhile.
            let _ = went_on;
            signal = None;
            match self.waits() {
                WaitStatus::Exited(..) | WaitStatus::Signaled(..) => return Event::Gone,
                WaitStatus::PtraceSyscall(_) => {
                    let Ok(registers) = ptrace::getregs(self.pid) else { continue };
                    let call = machine::call(&registers);
                    return if ptrace::getevent(self.pid) == Ok(1) { Event::Begins(call) } else { Event::Ends(call) };
                }
                WaitStatus::Stopped(_, Signal::SIGTRAP) if self.computes() == Some(true) => return Event::Computes,
                WaitStatus::Stopped(_, other) if other != Signal::SIGTRAP => signal = Some(other),
                _ => {}
            }
        }
    }

    /// At the beginning of what computes a code: is it one of those? Takes it over that instruction.
    fn computes(&self) -> Option<bool> {
        let watched = self.watched.as_ref()?;
        let mut registers = ptrace::getregs(self.pid).ok()?;
        machine::back(&mut registers);
        if machine::counter(&registers) != watched.address {
            return None;
        }
        let arguments = machine::arguments(&registers);
        let counted = arguments.into_iter().any(|value| watched.counters.contains(&value));
        let is_there = |bytes: Vec<u8>| bytes.windows(watched.keyed.len()).any(|part| part == watched.keyed);
        let keyed = arguments.into_iter().any(|pointer| is_there(self.read(pointer, KEYED)));
        ptrace::setregs(self.pid, registers).ok()?;
        self.set(false);
        ptrace::step(self.pid, None).ok()?;
        self.waits();
        self.set(true);
        Some(counted && keyed)
    }

    /// Makes it stop there, or no longer.
    fn set(&self, stops: bool) {
        if let Some(Watched { address, word, .. }) = self.watched {
            let word = if stops { machine::breakpoint(word) } else { word };
            // It may be dead by now.
            let _ = ptrace::write(self.pid, address as _, word);
        }
    }

    /// One instruction further: the address of the next one; `None` where it has ended.
    pub fn step(&mut self) -> Option<u64> {
        ptrace::step(self.pid, None).ok()?;
        match self.waits() {
            WaitStatus::Stopped(_, Signal::SIGTRAP) => Some(machine::counter(&ptrace::getregs(self.pid).ok()?)),
            WaitStatus::Exited(..) | WaitStatus::Signaled(..) => None,
            other => panic!("{other:?} between two instructions"),
        }
    }

    /// Does the instruction there make a system call?
    pub fn is_call(&self, address: u64) -> bool {
        self.read(address, machine::CALL.len()) == machine::CALL
    }

    /// Ends it here and now.
    pub fn kill(self) {
        let _ = kill(self.pid, Signal::SIGKILL);
        while !matches!(self.waits(), WaitStatus::Exited(..) | WaitStatus::Signaled(..)) {}
    }

    /// What file a descriptor is.
    pub fn descriptor(&self, number: u64) -> Option<PathBuf> {
        fs::read_link(format!("/proc/{}/fd/{number}", self.pid)).ok()
    }

    /// Has it this file open?
    pub fn has_open(&self, path: &str) -> bool {
        let entries = fs::read_dir(format!("/proc/{}/fd", self.pid)).into_iter().flatten().flatten();
        entries.filter_map(|entry| fs::read_link(entry.path()).ok()).any(|file| file == Path::new(path))
    }

    /// Whose code lies where.
    pub fn mappings(&self) -> Vec<Mapping> {
        let text = fs::read_to_string(format!("/proc/{}/maps", self.pid)).expect("the map");
        text.lines().filter_map(mapping).collect()
    }

    /// What lies there in its memory; nothing where that is no address.
    pub fn read(&self, address: u64, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        let memory = fs::File::open(format!("/proc/{}/mem", self.pid));
        let read = memory.and_then(|memory| memory.read_exact_at(&mut bytes, address));
        if read.is_ok() { bytes } else { Vec::new() }
    }

    fn waits(&self) -> WaitStatus {
        // Its end is told once.
        waitpid(self.pid, Some(WaitPidFlag::__WALL)).unwrap_or(WaitStatus::Exited(self.pid, 0))
    }
}

/// The letter of /proc.
fn state(pid: Pid) -> Option<char> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(") ")?.1.chars().next()
}

fn mapping(line: &str) -> Option<Mapping> {
    let words: Vec<&str> = line.split_ascii_whitespace().collect();
    let [range, _, offset, _, _, file] = words[..] else { return None };
    let (start, end) = range.split_once('-')?;
    let number = |hex: &str| u64::from_str_radix(hex, 16).ok();
    Some(Mapping { start: number(start)?, end: number(end)?, offset: number(offset)?, file: file.to_owned() })
}

/// Where a file computes codes.
pub struct Codes {
    file: String,
    place: u64,
}

impl Codes {
    /// Of a file in which functions have names.
    pub fn of(file: &str) -> Self {
        let output = Command::new("nm").args(["--demangle", file]).output().expect("nm starts");
        let symbols = String::from_utf8(output.stdout).expect("UTF-8");
        let line = symbols.lines().find(|line| line.ends_with(CODE)).unwrap_or_else(|| panic!("no {CODE} in {file}"));
        let place = u64::from_str_radix(line.split(' ').next().expect("an address"), 16).expect("an address");
        Self { file: file.to_owned(), place }
    }
}

/// What differs from machine to machine.
#[cfg(target_arch = "x86_64")]
mod machine {
    use super::Call;
    use nix::libc::user_regs_struct;

    /// `syscall`
    pub const CALL: [u8; 2] = [0x0f, 0x05];

    pub fn call(r: &user_regs_struct) -> Call {
        let number = i64::try_from(r.orig_rax).expect("a call");
        Call { number, arguments: [r.rdi, r.rsi, r.rdx, r.r10, r.r8, r.r9] }
    }

    pub fn arguments(r: &user_regs_struct) -> [u64; 6] {
        [r.rdi, r.rsi, r.rdx, r.rcx, r.r8, r.r9]
    }

    pub fn counter(r: &user_regs_struct) -> u64 {
        r.rip
    }

    /// From behind a breakpoint to where it is.
    pub fn back(r: &mut user_regs_struct) {
        r.rip = r.rip.wrapping_sub(1);
    }

    /// `int3`
    pub fn breakpoint(word: i64) -> i64 {
        word & !0xff | 0xcc
    }
}

#[cfg(target_arch = "aarch64")]
mod machine {
    use super::Call;
    use nix::libc::user_regs_struct;

    /// `svc #0`
    pub const CALL: [u8; 4] = [0x01, 0x00, 0x00, 0xd4];

    pub fn call(r: &user_regs_struct) -> Call {
        Call { number: i64::try_from(r.regs[8]).expect("a call"), arguments: arguments(r) }
    }

    pub fn arguments(r: &user_regs_struct) -> [u64; 6] {
        [r.regs[0], r.regs[1], r.regs[2], r.regs[3], r.regs[4], r.regs[5]]
    }

    pub fn counter(r: &user_regs_struct) -> u64 {
        r.pc
    }

    /// It is there already.
    pub fn back(_: &mut user_regs_struct) {}

    /// `brk #0`
    pub fn breakpoint(word: i64) -> i64 {
        word & !0xffff_ffff | 0xd420_0000
    }
}
