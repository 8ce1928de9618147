//! The libpam calls that pam-bindings lacks: the only unsafe code of the module.
#![allow(unsafe_code, reason = "the one file for it")]

use std::ffi::{CStr, CString, c_char, c_int, c_uint, c_void};

use pam::module::PamHandle;
use zeroize::Zeroizing;

use crate::manage::Pending;
use crate::secret::Answer;

const PAM_SUCCESS: c_int = 0;
const PAM_AUTHTOK: c_int = 6;
/// The data of the module's lines in one stack; the name is ours alone.
const STASH: &str = "pam_totp_stash";
const PENDING: &str = "pam_totp_pending";

#[link(name = "pam")]
unsafe extern "C" {
    fn pam_syslog(pamh: *const PamHandle, priority: c_int, format: *const c_char, ...);
    fn pam_fail_delay(pamh: *mut PamHandle, microseconds: c_uint) -> c_int;
    fn pam_set_item(pamh: *mut PamHandle, item_type: c_int, item: *const c_void) -> c_int;
    fn pam_getenv(pamh: *mut PamHandle, name: *const c_char) -> *const c_char;
}

/// libpam refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused;

/// Logs through libpam: authpriv, with the host's own tag, pid and service.
pub fn syslog(pamh: &PamHandle, priority: c_int, text: &str) {
    // A NUL would cut the line; other control characters would forge one.
    let line: String = text.chars().map(|c| if c.is_control() { '?' } else { c }).collect();
    let Ok(line) = CString::new(line) else { return };
    // SAFETY: the handle is alive for the call; "%s" takes exactly the one NUL-terminated string given.
    unsafe { pam_syslog(pamh, priority, c"%s".as_ptr(), line.as_ptr()) }
}

/// Asks for a delay if the whole stack fails.
pub fn fail_delay(pamh: &mut PamHandle, microseconds: c_uint) {
    // SAFETY: the handle is alive and not shared for the call. A refusal only means no delay.
    let _ = unsafe { pam_fail_delay(pamh, microseconds) };
}

/// Sets PAM_AUTHTOK, which libpam copies.
pub fn set_authtok(pamh: &mut PamHandle, password: &[u8]) -> Result<(), Refused> {
    let mut text = Zeroizing::new(Vec::with_capacity(password.len().saturating_add(1)));
    text.extend_from_slice(password);
    text.push(0);
    // A NUL inside would hand on another password than was typed.
    if CStr::from_bytes_with_nul(&text).is_err() {
        return Err(Refused);
    }
    // SAFETY: the handle is alive and not shared; `text` is NUL-terminated and outlives the call, which copies it.
    let result = unsafe { pam_set_item(pamh, PAM_AUTHTOK, text.as_ptr().cast()) };
    if result == PAM_SUCCESS { Ok(()) } else { Err(Refused) }
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
    value.to_str().ok().map(str::to_owned)
}

/// Leaves the code for the next line of this module in the same stack; wiped when PAM ends.
pub fn put_stash(pamh: &mut PamHandle, stash: Option<Answer>) -> Result<(), Refused> {
    pamh.set_data(STASH, Box::new(stash)).map_err(|_| Refused)
}

/// Takes what [`put_stash`] left, once. `None`: nothing was ever left there.
pub fn take_stash(pamh: &mut PamHandle) -> Option<Answer> {
    // SAFETY: the name is this module's own, and `put_stash` is the only place that stores under it, always
    // an `Option<Answer>`; the value is cloned before anything replaces it.
    let stash = unsafe { pamh.get_data::<Option<Answer>>(STASH) }.ok()?.clone()?;
    // What cannot be taken away could be used twice by a stack that has the line twice; then it is not used at all.
    put_stash(pamh, None).is_ok().then_some(stash)
}

/// Leaves a proved key for the account line; wiped when PAM ends.
pub fn put_pending(pamh: &mut PamHandle, pending: Option<Pending>) -> Result<(), Refused> {
    pamh.set_data(PENDING, Box::new(pending)).map_err(|_| Refused)
}

/// Takes what [`put_pending`] left, once.
pub fn take_pending(pamh: &mut PamHandle) -> Option<Pending> {
    // SAFETY: as in `take_stash`: `put_pending` alone stores under this name, always an `Option<Pending>`.
    let pending = unsafe { pamh.get_data::<Option<Pending>>(PENDING) }.ok()?.clone()?;
    put_pending(pamh, None).is_ok().then_some(pending)
}
