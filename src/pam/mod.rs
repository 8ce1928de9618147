//! The edge: six entry points, the silent panic hook, and the one place where an answer becomes a PAM code.
#![allow(missing_docs, clippy::missing_safety_doc, reason = "what the hooks macro makes")]

pub mod application;
pub mod enrolling;
pub mod ffi;
pub mod flow;
pub mod handle;

use std::ffi::CStr;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, Once};

use pam::constants::{PAM_SILENT, PamFlag, PamResultCode};
use pam::module::{PamHandle, PamHooks};
use pam::pam_hooks;
use zeroize::Zeroize;

use crate::backend::LocalOrDoor;
use crate::policy::arguments::Arguments;
use crate::system::memory;
use application::Exit;
use handle::PamApplication;

struct PamTotp;
pam_hooks!(PamTotp);

impl PamHooks for PamTotp {
    fn sm_authenticate(pamh: &mut PamHandle, arguments: Vec<&CStr>, flags: PamFlag) -> PamResultCode {
        guarded(pamh, |pamh| authenticate(pamh, &arguments, flags))
    }

    fn acct_mgmt(pamh: &mut PamHandle, arguments: Vec<&CStr>, flags: PamFlag) -> PamResultCode {
        guarded(pamh, |pamh| store_enrollment(pamh, &arguments, flags))
    }

    /// Success: alone in `auth`, PAM_IGNORE would make pam_setcred fail, and with it sudo, su and login.
    fn sm_setcred(_: &mut PamHandle, _: Vec<&CStr>, _: PamFlag) -> PamResultCode {
        PamResultCode::PAM_SUCCESS
    }
}

fn authenticate(pamh: &mut PamHandle, arguments: &[&CStr], flags: PamFlag) -> Exit {
    // login and sudo try again with the same handle: what was proved beside a wrong password is not stored with a right one.
    drop(ffi::take_pending(pamh));
    let Some(options) = options(pamh, arguments) else { return Exit::Refuse };
    let backend = LocalOrDoor::open(options.config.as_deref()).in_set_uid_program(ffi::is_set_uid());
    let mut host = PamApplication::new(pamh, flags & PAM_SILENT != 0);
    let exit = flow::login(&mut host, &backend, &options);
    // A line that splits has looked at what the user has, and mostly a refusal of the next module follows.
    if (exit == Exit::Refuse || options.forward_pass) && !options.nodelay {
        host.wait_for_the_beat();
    }
    exit
}

/// The account line has one job: to store what the auth line of the same login has proved.
fn store_enrollment(pamh: &mut PamHandle, arguments: &[&CStr], flags: PamFlag) -> Exit {
    let Some(options) = options(pamh, arguments) else { return Exit::Refuse };
    // Nearly every login: nothing was proved, and nothing is opened.
    let Some(pending) = ffi::take_pending(pamh) else { return Exit::Ignore };
    let backend = LocalOrDoor::open(options.config.as_deref()).in_set_uid_program(ffi::is_set_uid());
    enrolling::store(&mut PamApplication::new(pamh, flags & PAM_SILENT != 0), &backend, &options, pending)
}

fn options(pamh: &mut PamHandle, arguments: &[&CStr]) -> Option<Arguments> {
    match Arguments::parse(arguments) {
        Ok(options) => Some(options),
        Err(bad) => {
            ffi::syslog(pamh, libc::LOG_ERR, &bad.to_string());
            None
        }
    }
}

/// Where the last panic was, for the log. Our std is linked into our image, so this hook is ours alone.
static PANIC_LINE: AtomicU32 = AtomicU32::new(0);
static PANIC_FILE: Mutex<String> = Mutex::new(String::new());
static HOOK: Once = Once::new();

/// The default hook writes to the host's descriptor 2 and obeys RUST_BACKTRACE, which the caller sets.
fn silence_panics() {
    HOOK.call_once(|| {
        // Nothing else reads it here, and what nobody reads is not linked.
        std::hint::black_box(crate::VERSION_MARK);
        set_hook(Box::new(|info| {
            let Some(location) = info.location() else { return };
            PANIC_LINE.store(location.line(), Ordering::Relaxed);
            // Never waits: the host may have forked with the lock held.
            if let Ok(mut file) = PANIC_FILE.try_lock() {
                file.clear();
                file.push_str(location.file());
            }
        }));
    });
}

/// Runs an entry point, and leaves nothing of it on the host's stack.
fn guarded(pamh: &mut PamHandle, entry: impl FnOnce(&mut PamHandle) -> Exit) -> PamResultCode {
    let code = caught(pamh, entry);
    wipe_stack();
    code
}

/// How far below its caller a login leaves something worth wiping: 20 KiB, and twice as far where nothing is optimized.
const STACK: usize = if cfg!(debug_assertions) { 64 * 1024 } else { 32 * 1024 };

/// Hashing, parsing and moving values leave copies of keys and codes in frames that are gone. Called from where those
/// frames began, this one lies over them.
#[inline(never)]
fn wipe_stack() {
    let mut below = [0_u64; STACK / 8];
    below.zeroize();
}

/// What a login takes at most, but for what is asked for on its way: long files, groups, a drawing. So little that malloc
/// neither maps it apart nor gives it back to the kernel: it costs no system call, and lies ready for what follows.
const ROOM: usize = 64 * 1024;

/// A panic is a refusal and a line in the log, never the end of sshd.
#[inline(never)]
fn caught(pamh: &mut PamHandle, entry: impl FnOnce(&mut PamHandle) -> Exit) -> PamResultCode {
    if memory::room(ROOM).is_err() {
        ffi::log_no_memory(pamh);
        return PamResultCode::PAM_AUTH_ERR;
    }
    silence_panics();
    match catch_unwind(AssertUnwindSafe(|| entry(pamh))) {
        Ok(exit) => code(exit),
        Err(_) => {
            let file = PANIC_FILE.try_lock().map(|file| file.clone()).unwrap_or_default();
            let line = PANIC_LINE.load(Ordering::Relaxed);
            ffi::syslog(pamh, libc::LOG_CRIT, &format!("internal error at {file}:{line}: refused; please report it"));
            PamResultCode::PAM_AUTH_ERR
        }
    }
}

fn code(exit: Exit) -> PamResultCode {
    match exit {
        Exit::Success => PamResultCode::PAM_SUCCESS,
        Exit::Ignore => PamResultCode::PAM_IGNORE,
        Exit::Refuse => PamResultCode::PAM_AUTH_ERR,
        Exit::ConversationFailed => PamResultCode::PAM_CONV_ERR,
    }
}
