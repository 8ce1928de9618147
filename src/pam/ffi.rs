//! The libpam calls that pam-bindings lacks, and one of the C library: the only unsafe code of the module.
#![allow(unsafe_code, reason = "the one file for it")]

use std::ffi::{CStr, CString, c_char, c_int, c_uint, c_void};
use std::ptr;

use pam::constants::PamMessageStyle;
use pam::module::PamHandle;
use zeroize::{Zeroize, Zeroizing};

use crate::factor::secret::Answer;
use crate::manage::Pending;

const PAM_SUCCESS: c_int = 0;
const PAM_CONV: c_int = 5;
const PAM_AUTHTOK: c_int = 6;
/// The data of the module's lines in one stack; the name is ours alone.
const STASH: &str = "pam_totp_stash";
const PENDING: &str = "pam_totp_pending";

/// Longer than any name that is looked up, and than a login has room for.
const MAX_NAME: usize = 512;
/// And no more of an item: the methods that sshd has seen succeed come with their keys.
const MAX_ITEM: usize = 16 * 1024;

#[link(name = "pam")]
unsafe extern "C" {
    fn pam_syslog(pamh: *const PamHandle, priority: c_int, format: *const c_char, ...);
    fn pam_fail_delay(pamh: *mut PamHandle, microseconds: c_uint) -> c_int;
    fn pam_set_item(pamh: *mut PamHandle, item_type: c_int, item: *const c_void) -> c_int;
    fn pam_get_item(pamh: *const PamHandle, item_type: c_int, item: *mut *const c_void) -> c_int;
    fn pam_get_user(pamh: *mut PamHandle, user: *mut *const c_char, prompt: *const c_char) -> c_int;
    fn pam_getenv(pamh: *mut PamHandle, name: *const c_char) -> *const c_char;
}

/// What [`put_stash`] leaves.
struct Stash(Option<Answer>);

#[cfg(forced_panic)]
impl Drop for Stash {
    fn drop(&mut self) {
        panic_here!("cleanup");
    }
}

/// libpam refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LibpamRefused;

/// Has somebody with fewer rights started this program (su, sudo, polkit's helper)? By what it was at its start, and not by
/// its ids now: who called it keeps a hand on its terminal, its limits and its cgroup also where it has made all of its ids
/// root's since. The kernel left that in the program's memory: it costs no system call.
pub fn is_set_uid() -> bool {
    // SAFETY: reads a number that the kernel told at the start; nothing is pointed to.
    let [real, effective] = [libc::AT_UID, libc::AT_EUID].map(|entry| unsafe { libc::getauxval(entry) });
    real != effective
}

/// Logs through libpam: authpriv, with the host's own tag, pid and service.
pub fn syslog(pamh: &PamHandle, priority: c_int, text: &str) {
    // A NUL would cut the line; other control characters would forge one.
    let mut line = String::with_capacity(text.len().saturating_add(1));
    line.extend(text.chars().map(|c| if c.is_control() { '?' } else { c }));
    let Ok(line) = CString::new(line) else { return };
    // SAFETY: the handle is alive for the call; "%s" takes exactly the one NUL-terminated string given.
    unsafe { pam_syslog(pamh, priority, c"%s".as_ptr(), line.as_ptr()) }
}

/// Logs that there is no memory, without taking any.
pub fn log_no_memory(pamh: &PamHandle) {
    // SAFETY: the handle is alive for the call; the format takes nothing.
    unsafe { pam_syslog(pamh, libc::LOG_CRIT, c"out of memory: refused".as_ptr()) }
}

/// Asks for a delay if the whole stack fails.
pub fn fail_delay(pamh: &mut PamHandle, microseconds: c_uint) {
    // SAFETY: the handle is alive and not shared for the call. A refusal only means no delay.
    let _ = unsafe { pam_fail_delay(pamh, microseconds) };
}

#[repr(C)]
struct Message {
    style: c_int,
    text: *const c_char,
}

#[repr(C)]
struct Response {
    text: *mut c_char,
    unused: c_int,
}

#[repr(C)]
#[derive(Clone, Copy)]
struct Conversation {
    send: Option<unsafe extern "C" fn(c_int, *mut *const Message, *mut *mut Response, *mut c_void) -> c_int>,
    data: *mut c_void,
}

/// Says something to the user, or asks. The crate's own would leave what was said, a new key perhaps, in the heap.
/// `None`: there is no answer to this.
pub fn converse(pamh: &PamHandle, style: PamMessageStyle, text: &str) -> Result<Option<Answer>, LibpamRefused> {
    let text = terminated(text.as_bytes())?;
    let mut item = ptr::null();
    // SAFETY: the handle is alive; `item` is ours to write to.
    let got = unsafe { pam_get_item(pamh, PAM_CONV, &raw mut item) };
    if got != PAM_SUCCESS || item.is_null() {
        return Err(LibpamRefused);
    }
    // SAFETY: PAM_CONV is a `struct pam_conv`, alive until somebody sets another; it is copied before anybody can.
    let Conversation { send, data } = unsafe { *item.cast::<Conversation>() };
    let message = Message { style, text: text.as_ptr().cast() };
    let mut messages = &raw const message;
    let mut responses = ptr::null_mut();
    // SAFETY: one message, alive for the call, as the count says; the answer goes to a pointer of ours.
    let said = unsafe { send.ok_or(LibpamRefused)?(1, &raw mut messages, &raw mut responses, data) };
    if said != PAM_SUCCESS || responses.is_null() {
        return Err(LibpamRefused);
    }
    // SAFETY: on success the array holds one response, from malloc, and is the module's to free, as is its text.
    unsafe {
        let typed = (*responses).text;
        let answer = (!typed.is_null()).then(|| take(typed));
        libc::free(responses.cast());
        Ok(answer)
    }
}

/// Copies an answer, wipes the application's own and frees it.
///
/// # Safety
///
/// `typed` is a NUL-terminated string from malloc that nobody else uses.
unsafe fn take(typed: *mut c_char) -> Answer {
    // SAFETY: as the caller promises; the slice ends before the NUL, and nothing else refers to it.
    unsafe {
        let bytes = std::slice::from_raw_parts_mut(typed.cast::<u8>(), CStr::from_ptr(typed).count_bytes());
        let answer = Answer::new(bytes);
        bytes.zeroize();
        libc::free(typed.cast());
        answer
    }
}

/// With its NUL, in one buffer that wipes itself. A NUL inside would hand on another text than this.
fn terminated(bytes: &[u8]) -> Result<Zeroizing<Vec<u8>>, LibpamRefused> {
    let mut text = Zeroizing::new(Vec::with_capacity(bytes.len().saturating_add(1)));
    text.extend_from_slice(bytes);
    text.push(0);
    if CStr::from_bytes_with_nul(&text).is_err() { Err(LibpamRefused) } else { Ok(text) }
}

/// Sets PAM_AUTHTOK, which libpam copies.
pub fn set_authtok(pamh: &mut PamHandle, password: &[u8]) -> Result<(), LibpamRefused> {
    let text = terminated(password)?;
    // SAFETY: the handle is alive and not shared; `text` is NUL-terminated and outlives the call, which copies it.
    let result = unsafe { pam_set_item(pamh, PAM_AUTHTOK, text.as_ptr().cast()) };
    if result == PAM_SUCCESS { Ok(()) } else { Err(LibpamRefused) }
}

/// PAM_USER, asked for where nobody is named yet. `None`: no user has such a name.
pub fn user(pamh: &mut PamHandle) -> Result<Option<String>, LibpamRefused> {
    let mut name = ptr::null();
    // SAFETY: the handle is alive and not shared; `name` is ours to write to; without a prompt libpam takes its own.
    let got = unsafe { pam_get_user(pamh, &raw mut name, ptr::null()) };
    if got != PAM_SUCCESS || name.is_null() {
        return Err(LibpamRefused);
    }
    // SAFETY: libpam gave a NUL-terminated string that lives until the item is set anew; it is copied here.
    let name = unsafe { CStr::from_ptr(name) }.to_bytes();
    // A stranger who dials in chooses its length.
    Ok(std::str::from_utf8(name).ok().filter(|name| name.len() <= MAX_NAME).map(str::to_owned))
}

/// What an application says of its user, copied and cut: what counts in it is never long.
pub fn owned(text: &CStr) -> String {
    let bytes = text.to_bytes();
    String::from_utf8_lossy(bytes.get(..MAX_ITEM).unwrap_or(bytes)).into_owned()
}

/// A variable of the PAM environment, copied; not of the process's environment.
pub fn getenv(pamh: &mut PamHandle, name: &CStr) -> Option<String> {
    // SAFETY: the handle is alive and not shared; `name` is NUL-terminated.
    let value = unsafe { pam_getenv(pamh, name.as_ptr()) };
    if value.is_null() {
        return None;
    }
    // SAFETY: libpam returned a NUL-terminated string that lives until the environment changes; it is copied here.
    let value = unsafe { CStr::from_ptr(value) };
    value.to_str().ok().map(|_| owned(value))
}

/// Leaves the code for the next line of this module in the same stack; wiped when PAM ends.
pub fn put_stash(pamh: &mut PamHandle, stash: Option<Answer>) -> Result<(), LibpamRefused> {
    pamh.set_data(STASH, Box::new(Stash(stash))).map_err(|_| LibpamRefused)
}

/// Takes what [`put_stash`] left, once. `None`: nothing was ever left there.
pub fn take_stash(pamh: &mut PamHandle) -> Option<Answer> {
    // SAFETY: the name is this module's own, and `put_stash` is the only place that stores under it, always
    // a `Stash`; the value is cloned before anything replaces it.
    let stash = unsafe { pamh.get_data::<Stash>(STASH) }.ok()?.0.clone()?;
    // What cannot be taken away could be used twice by a stack that has the line twice; then it is not used at all.
    put_stash(pamh, None).is_ok().then_some(stash)
}

/// Leaves a proved key for the account line; wiped when PAM ends.
pub fn put_pending(pamh: &mut PamHandle, pending: Option<Pending>) -> Result<(), LibpamRefused> {
    pamh.set_data(PENDING, Box::new(pending)).map_err(|_| LibpamRefused)
}

/// Takes what [`put_pending`] left, once.
pub fn take_pending(pamh: &mut PamHandle) -> Option<Pending> {
    // SAFETY: as in `take_stash`: `put_pending` alone stores under this name, always an `Option<Pending>`.
    let pending = unsafe { pamh.get_data::<Option<Pending>>(PENDING) }.ok()?.clone()?;
    put_pending(pamh, None).is_ok().then_some(pending)
}
