//! Reading keys and codes: from stdin byte by byte, so that no buffer keeps a copy; from a terminal with a prompt.

use std::fs::File;
use std::io::{self, IsTerminal, Read, Write};
use std::os::fd::AsFd;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, SigmaskHow, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use pam_totp::factor::secret::{Answer, MAX_ANSWER};
use pam_totp::login::messages::enrolling::slip;
use pam_totp::system::disk;
use zeroize::Zeroizing;

use crate::report::{Failure, say, wrapped};

/// Longer than any URI of a key.
const MAX_KEY: usize = 4_096;

/// Where answers come from.
pub struct Input {
    stdin: File,
    /// Somebody is there to be asked.
    pub asks: bool,
}

impl Input {
    /// `json`: never asks.
    pub fn new(json: bool) -> Result<Self, Failure> {
        let stdin = io::stdin();
        let asks = stdin.is_terminal();
        if json && asks {
            return Err(Failure::usage("with --json there are no prompts: give the answers on stdin"));
        }
        let stdin = stdin.as_fd().try_clone_to_owned().map_err(|e| Failure::host(format!("stdin: {e}")))?;
        Ok(Self { stdin: File::from(stdin), asks })
    }

    /// A line that nobody may read over the shoulder.
    pub fn hidden(&mut self, prompt: &str, what: &str) -> Result<Zeroizing<Vec<u8>>, Failure> {
        self.unseen(prompt, what, MAX_ANSWER)
    }

    /// A key or a URI of one.
    pub fn key(&mut self, prompt: &str) -> Result<Zeroizing<Vec<u8>>, Failure> {
        self.unseen(prompt, "key", MAX_KEY)
    }

    fn unseen(&mut self, prompt: &str, what: &str, longest: usize) -> Result<Zeroizing<Vec<u8>>, Failure> {
        if !self.asks {
            return self.line(what, longest);
        }
        if disk::is_entered() {
            // There is no /dev/tty there, or one that is not what it seems.
            return Err(Failure::usage(format!("with --root there is no prompt for the {what}: give it on stdin")));
        }
        // At Control-C rpassword raises the signal while the terminal is still silent: it waits for the echo.
        let before = SigSet::from(Signal::SIGINT).thread_swap_mask(SigmaskHow::SIG_BLOCK);
        let line = rpassword::prompt_password(prompt);
        let _ = before.and_then(|before| before.thread_set_mask());
        let line = line.map_err(|e| Failure::usage(format!("no {what}: {e}")))?;
        Ok(Zeroizing::new(line.into_bytes()))
    }

    /// A code in its shape, or a backup code where one will do. On a terminal a slip is said and costs nothing.
    pub fn code_of(&mut self, prompt: &str, digits: usize, backup_code_too: bool) -> Result<Answer, Failure> {
        loop {
            let answer = self.code(prompt)?;
            match slip(&answer, digits, backup_code_too).filter(|_| self.asks) {
                Some(slip) => say(&slip)?,
                None => return Ok(answer),
            }
        }
    }

    /// A code; on a terminal people see what they type, it is good for seconds and for once.
    pub fn code(&mut self, prompt: &str) -> Result<Answer, Failure> {
        Ok(Answer::new(&self.visible(prompt, "code")?))
    }

    /// A line that may be seen.
    pub fn visible(&mut self, prompt: &str, what: &str) -> Result<Zeroizing<Vec<u8>>, Failure> {
        if !self.asks {
            return self.line(what, MAX_ANSWER);
        }
        let mut out = io::stdout();
        let shown = out.write_all(prompt.as_bytes()).and_then(|()| out.flush());
        shown.map_err(|e| Failure::host(format!("stdout: {e}")))?;
        self.line(what, MAX_ANSWER)
    }

    fn line(&mut self, what: &str, longest: usize) -> Result<Zeroizing<Vec<u8>>, Failure> {
        // Reserved at once: a growing buffer would leave unwiped copies behind.
        let mut line = Zeroizing::new(Vec::with_capacity(longest + 1));
        let mut byte = Zeroizing::new([0_u8; 1]);
        let interrupt = if self.asks { Some(Interrupt::hold()?) } else { None };
        loop {
            interrupt.as_ref().map_or(Ok(()), |interrupt| interrupt.or_wait_for(&self.stdin))?;
            match self.stdin.read(&mut *byte) {
                Ok(0) if line.is_empty() => return Err(Failure::usage(format!("no {what} on stdin"))),
                Ok(0) => return Ok(line),
                Ok(_) if byte[0] == b'\n' => {
                    if line.last() == Some(&b'\r') {
                        line.pop();
                    }
                    return Ok(line);
                }
                Ok(_) if line.len() > longest => return Err(Failure::usage(format!("the {what} is too long"))),
                Ok(_) => line.push(byte[0]),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(Failure::host(format!("stdin: {e}"))),
            }
        }
    }
}

/// Control-C, held back: it ends a program at once, and who asked could no longer say what came of it, nor clear up.
struct Interrupt {
    signals: SignalFd,
    before: SigSet,
}

impl Interrupt {
    fn hold() -> Result<Self, Failure> {
        let interrupt = SigSet::from(Signal::SIGINT);
        let before = interrupt.thread_swap_mask(SigmaskHow::SIG_BLOCK).map_err(terminal_failed)?;
        let signals = SignalFd::with_flags(&interrupt, SfdFlags::SFD_CLOEXEC).map_err(terminal_failed)?;
        Ok(Self { signals, before })
    }

    /// Waits for something to read.
    fn or_wait_for(&self, stdin: &File) -> Result<(), Failure> {
        let mut waited = [stdin.as_fd(), self.signals.as_fd()].map(|fd| PollFd::new(fd, PollFlags::POLLIN));
        loop {
            match poll(&mut waited, PollTimeout::NONE) {
                Ok(_) if waited[1].any() == Some(true) => {
                    let _ = self.signals.read_signal();
                    return Err(Failure::interrupted());
                }
                Ok(_) => return Ok(()),
                Err(Errno::EINTR) => {}
                Err(errno) => return Err(terminal_failed(errno)),
            }
        }
    }
}

impl Drop for Interrupt {
    fn drop(&mut self) {
        let _ = self.before.thread_set_mask();
    }
}

fn terminal_failed(errno: Errno) -> Failure {
    Failure::host(format!("terminal: {}", errno.desc()))
}

/// Asks before something that keeps people out or cannot be undone. Where nobody can be asked it must be said with --yes.
pub fn agrees(question: &str, json: bool) -> Result<bool, Failure> {
    if json || !io::stdin().is_terminal() {
        return Err(Failure::bad_input("needs_yes", format!("{question}\nTo do it without this question, use --yes.")));
    }
    let mut input = Input::new(json)?;
    print!("{} [y/N] ", wrapped(question, &io::stdout()));
    io::stdout().flush().map_err(|e| Failure::host(format!("stdout: {e}")))?;
    let answer = input.line("answer", MAX_ANSWER)?;
    Ok(answer.eq_ignore_ascii_case(b"y") || answer.eq_ignore_ascii_case(b"yes"))
}
