//! The real host: a PAM handle behind the trait that a login sees.

use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;
use std::time::Instant;

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::stat::{SFlag, fstat};
use nix::unistd::Uid;
use pam::constants::{PAM_ERROR_MSG, PAM_PROMPT_ECHO_OFF, PAM_PROMPT_ECHO_ON, PAM_TEXT_INFO, PamMessageStyle};
use pam::items::{AuthTok, RHost, RUser, Service, Tty};
use pam::module::PamHandle;

use super::application::{Application, ConversationFailed, Items, LogLevel, Tone};
use super::ffi;
use crate::factor::secret::Answer;
use crate::factor::source::Process;
use crate::manage::Pending;
use crate::system::beat;
use crate::system::hostname;

/// The kind of device that /dev/null is, which is what daemons have instead of a terminal.
const MEMORY: u32 = 1;

/// A handle, whether the application wants silence, and when its user answered.
pub struct PamApplication<'a> {
    pamh: &'a mut PamHandle,
    silent: bool,
    answered: Instant,
}

impl<'a> PamApplication<'a> {
    /// `silent`: PAM_SILENT was given.
    pub fn new(pamh: &'a mut PamHandle, silent: bool) -> Self {
        Self { pamh, silent, answered: Instant::now() }
    }

    /// So that a stranger cannot tell by the time why they are refused. What libpam waits beside it hides nothing:
    /// before version 1.6 it follows from the second in which the login began.
    pub fn wait_for_the_beat(&self) {
        beat::wait(self.answered);
    }

    /// The conversation is fetched anew each time: the application may replace it while it runs.
    fn send(&self, style: PamMessageStyle, text: &str) -> Result<Option<Answer>, ConversationFailed> {
        ffi::converse(self.pamh, style, text).map_err(|ffi::LibpamRefused| ConversationFailed)
    }
}

/// The device that PAM_TTY names. Some programs put another word there ("ssh", their own name), which is none.
fn terminal(tty: &str) -> Option<libc::dev_t> {
    let name = tty.strip_prefix("/dev/").unwrap_or(tty);
    let named = tty.len() > name.len() || ["tty", "pts/"].iter().any(|start| name.starts_with(start));
    if !named || name.split('/').any(|part| part == "..") {
        return None;
    }
    let device = fs::metadata(Path::new("/dev").join(name)).ok()?;
    device.file_type().is_char_device().then(|| device.rdev())
}

/// What standard output is, where that is a device.
fn device_of_output() -> Option<libc::dev_t> {
    let stat = fstat(io::stdout()).ok()?;
    (SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT == SFlag::S_IFCHR).then_some(stat.st_rdev)
}

macro_rules! owned {
    ($pamh:expr, $item:ty) => {
        // Copied at once: the application may free it during the next prompt.
        $pamh.get_item::<$item>().ok().flatten().map(|item| ffi::owned(item.0))
    };
}

impl Process for PamApplication<'_> {
    fn ids(&self) -> (u32, u32) {
        (Uid::current().as_raw(), Uid::effective().as_raw())
    }

    fn hostname(&self) -> Option<String> {
        hostname::hostname()
    }

    fn is_terminal(&self, path: &str) -> bool {
        // Looked at, never opened: that could hang, or hand the host a controlling terminal.
        let device = fs::metadata(path).ok().filter(|file| file.file_type().is_char_device());
        device.is_some_and(|device| libc::major(device.rdev()) != MEMORY)
    }
}

impl Application for PamApplication<'_> {
    fn items(&mut self) -> Items {
        panic_here!("host");
        Items {
            service: owned!(self.pamh, Service<'_>).unwrap_or_default(),
            tty: owned!(self.pamh, Tty<'_>).unwrap_or_default(),
            rhost: owned!(self.pamh, RHost<'_>).unwrap_or_default(),
            ruser: owned!(self.pamh, RUser<'_>).unwrap_or_default(),
            ssh_connection: ffi::getenv(self.pamh, c"SSH_CONNECTION"),
            ssh_auth_info: ffi::getenv(self.pamh, c"SSH_AUTH_INFO_0"),
        }
    }

    fn user(&mut self) -> Result<Option<String>, ConversationFailed> {
        // A name that is not UTF-8 is nobody's; asked for like any unknown one.
        ffi::user(self.pamh).map_err(|ffi::LibpamRefused| ConversationFailed)
    }

    fn prompt(&mut self, text: &str, echo: bool) -> Result<Answer, ConversationFailed> {
        let style = if echo { PAM_PROMPT_ECHO_ON } else { PAM_PROMPT_ECHO_OFF };
        let answer = self.send(style, text)?;
        self.answered = Instant::now();
        Ok(answer.unwrap_or_else(|| Answer::new(b"")))
    }

    fn say(&mut self, tone: Tone, text: &str) {
        if !self.silent {
            let style = if tone == Tone::Error { PAM_ERROR_MSG } else { PAM_TEXT_INFO };
            // Some applications answer these without a response array, which counts as an error here.
            let _ = self.send(style, text);
        }
    }

    fn children(&self) -> u64 {
        // No program starts without one of these.
        let faults = getrusage(UsageWho::RUSAGE_CHILDREN).map(|usage| usage.minor_page_faults());
        faults.ok().and_then(|faults| u64::try_from(faults).ok()).unwrap_or_default()
    }

    fn has_terminal(&self, tty: &str) -> bool {
        terminal(tty).is_some()
    }

    /// Programs write what is no prompt to standard output, or to a log: to a terminal only where that is one.
    fn show(&mut self, tty: &str, text: &str) -> bool {
        let there = terminal(tty).is_some_and(|device| device_of_output() == Some(device));
        there && !self.silent && self.send(PAM_TEXT_INFO, text).is_ok()
    }

    fn is_silent(&self) -> bool {
        self.silent
    }

    fn log(&mut self, level: LogLevel, text: &str) {
        let priority = match level {
            LogLevel::Error => libc::LOG_ERR,
            LogLevel::Notice => libc::LOG_NOTICE,
            LogLevel::Info => libc::LOG_INFO,
            LogLevel::Debug => libc::LOG_DEBUG,
        };
        ffi::syslog(self.pamh, priority, text);
    }

    fn delay(&mut self, microseconds: u32) {
        ffi::fail_delay(self.pamh, microseconds);
    }

    fn password(&mut self) -> Option<Answer> {
        self.pamh.get_item::<AuthTok<'_>>().ok().flatten().map(|token| Answer::new(token.as_bytes()))
    }

    fn set_password(&mut self, password: &[u8]) -> bool {
        ffi::set_authtok(self.pamh, password).is_ok()
    }

    fn stash(&mut self, code: Answer) -> bool {
        ffi::put_stash(self.pamh, Some(code)).is_ok()
    }

    fn take_stash(&mut self) -> Option<Answer> {
        ffi::take_stash(self.pamh)
    }

    fn keep(&mut self, pending: Pending) -> bool {
        ffi::put_pending(self.pamh, Some(pending)).is_ok()
    }
}
