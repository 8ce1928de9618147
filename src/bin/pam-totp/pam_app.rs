//! The application side of libpam: runs a stack and hands on what its modules say. The only unsafe code of the programs.
#![allow(unsafe_code, reason = "the one file for it")]

use std::ffi::{CStr, c_char, c_int, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::{self, NonNull};
use std::slice;

use zeroize::{Zeroize, Zeroizing};

const PAM_SUCCESS: c_int = 0;
const PAM_BUF_ERR: c_int = 5;
const PAM_CONV_ERR: c_int = 19;
/// As many messages as a module may send at once.
const PAM_MAX_NUM_MSG: usize = 32;

/// libpam's handle, of which nobody knows the inside.
enum Handle {}

/// `struct pam_message`
#[repr(C)]
struct PamMessage {
    style: c_int,
    text: *const c_char,
}

/// `struct pam_response`
#[repr(C)]
struct Response {
    answer: *mut c_char,
    unused: c_int,
}

/// `struct pam_conv`
#[repr(C)]
struct Callback {
    converse: extern "C" fn(c_int, *const *const PamMessage, *mut *mut Response, *mut c_void) -> c_int,
    data: *mut c_void,
}

#[link(name = "pam")]
unsafe extern "C" {
    fn pam_start(
        service: *const c_char,
        user: *const c_char,
        conversation: *const Callback,
        pamh: *mut *mut Handle,
    ) -> c_int;
    fn pam_set_item(pamh: *mut Handle, item: c_int, value: *const c_void) -> c_int;
    fn pam_putenv(pamh: *mut Handle, pair: *const c_char) -> c_int;
    fn pam_authenticate(pamh: *mut Handle, flags: c_int) -> c_int;
    fn pam_acct_mgmt(pamh: *mut Handle, flags: c_int) -> c_int;
    fn pam_strerror(pamh: *mut Handle, code: c_int) -> *const c_char;
    fn pam_end(pamh: *mut Handle, status: c_int) -> c_int;
}

/// How a module wants its text shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageStyle {
    /// PAM_PROMPT_ECHO_OFF
    Hidden,
    /// PAM_PROMPT_ECHO_ON
    Shown,
    /// PAM_ERROR_MSG
    Error,
    /// PAM_TEXT_INFO
    Info,
}

impl MessageStyle {
    fn of(style: c_int) -> Option<Self> {
        [Self::Hidden, Self::Shown, Self::Error, Self::Info].into_iter().zip(1..).find(|s| s.1 == style).map(|s| s.0)
    }
}

/// Who is asked and told.
pub trait Conversation {
    /// Reads a message, and answers where it is a prompt. `None`: there is no answer; the module is told so.
    fn hears(&mut self, style: MessageStyle, text: &str) -> Option<Zeroizing<Vec<u8>>>;
}

/// What libpam can be told of a login.
#[derive(Clone, Copy, Debug)]
pub enum Item {
    /// PAM_TTY
    Tty = 3,
    /// PAM_RHOST
    Rhost = 4,
    /// PAM_RUSER
    Ruser = 8,
}

/// A PAM code with libpam's own words for it.
#[derive(Clone, Debug)]
pub struct PamAnswer {
    pub code: c_int,
    pub words: String,
}

/// A stack between pam_start and pam_end.
pub struct Stack<'a> {
    pamh: *mut Handle,
    /// libpam has this pointer until its end: the box is taken apart, so that nothing else points there.
    talk: NonNull<&'a mut dyn Conversation>,
    last: c_int,
}

impl<'a> Stack<'a> {
    /// pam_start
    pub fn start(service: &CStr, user: &CStr, talk: &'a mut dyn Conversation) -> Result<Self, PamAnswer> {
        let talk = NonNull::from(Box::leak(Box::new(talk)));
        let conversation = Callback { converse, data: talk.as_ptr().cast() };
        let mut stack = Self { pamh: ptr::null_mut(), talk, last: PAM_SUCCESS };
        // SAFETY: both strings are NUL-terminated; libpam copies them and the conversation, whose data lives until
        // the end of `stack`; the handle is written to a place of its type.
        let code = unsafe { pam_start(service.as_ptr(), user.as_ptr(), &conversation, &mut stack.pamh) };
        if code == PAM_SUCCESS && !stack.pamh.is_null() { Ok(stack) } else { Err(stack.answer(code)) }
    }

    /// pam_set_item
    pub fn set(&mut self, item: Item, value: &CStr) -> Result<(), PamAnswer> {
        // SAFETY: the handle is alive; these items are NUL-terminated strings, which libpam copies.
        let code = unsafe { pam_set_item(self.pamh, item as c_int, value.as_ptr().cast()) };
        if code == PAM_SUCCESS { Ok(()) } else { Err(self.answer(code)) }
    }

    /// pam_putenv: `NAME=value`, in the environment of the login, not of this process.
    pub fn put(&mut self, pair: &CStr) -> Result<(), PamAnswer> {
        // SAFETY: the handle is alive; the pair is NUL-terminated, and libpam copies it.
        let code = unsafe { pam_putenv(self.pamh, pair.as_ptr()) };
        if code == PAM_SUCCESS { Ok(()) } else { Err(self.answer(code)) }
    }

    /// pam_authenticate; after a refusal it takes the seconds that a module asked for.
    pub fn authenticate(&mut self) -> PamAnswer {
        // SAFETY: the handle is alive and not shared; what `converse` is given is alive too.
        let code = unsafe { pam_authenticate(self.pamh, 0) };
        self.answer(code)
    }

    /// pam_acct_mgmt
    pub fn account(&mut self) -> PamAnswer {
        // SAFETY: as in `authenticate`.
        let code = unsafe { pam_acct_mgmt(self.pamh, 0) };
        self.answer(code)
    }

    fn answer(&mut self, code: c_int) -> PamAnswer {
        self.last = code;
        // SAFETY: pam_strerror looks at the code alone, and returns a string that lives as long as the process.
        let words = unsafe { pam_strerror(self.pamh, code) };
        if words.is_null() {
            return PamAnswer { code, words: String::new() };
        }
        // SAFETY: not null, and as above.
        let words = unsafe { CStr::from_ptr(words) };
        PamAnswer { code, words: words.to_string_lossy().into_owned() }
    }
}

impl Drop for Stack<'_> {
    fn drop(&mut self) {
        if !self.pamh.is_null() {
            // SAFETY: the handle is alive, and nobody uses it after this.
            unsafe { pam_end(self.pamh, self.last) };
        }
        // SAFETY: it came out of a box in `start`; libpam, which had the only copy, has ended.
        drop(unsafe { Box::from_raw(self.talk.as_ptr()) });
    }
}

/// What libpam calls: no panic may unwind through its frames.
extern "C" fn converse(
    count: c_int,
    messages: *const *const PamMessage,
    responses: *mut *mut Response,
    data: *mut c_void,
) -> c_int {
    let reply = catch_unwind(AssertUnwindSafe(|| {
        let count = usize::try_from(count).ok().filter(|count| (1..=PAM_MAX_NUM_MSG).contains(count))?;
        if messages.is_null() || responses.is_null() || data.is_null() {
            return None;
        }
        // SAFETY: libpam has Linux's layout, so `count` pointers to messages stand there; they live for the call.
        let messages = unsafe { slice::from_raw_parts(messages, count) };
        // SAFETY: the pointer is that of `Stack::start`, alive until pam_end; libpam is in one call at a time, and
        // `Stack` does not touch it meanwhile.
        let talk = unsafe { &mut *data.cast::<&mut dyn Conversation>() };
        replies(messages, *talk)
    }));
    match reply {
        Ok(Some(replies)) => {
            // SAFETY: not null, as was looked at; the caller takes the array and frees it.
            unsafe { *responses = replies.give() };
            PAM_SUCCESS
        }
        Ok(None) => PAM_CONV_ERR,
        Err(_) => PAM_BUF_ERR,
    }
}

fn replies(messages: &[*const PamMessage], talk: &mut dyn Conversation) -> Option<Replies> {
    let mut replies = Replies::new(messages.len())?;
    for (place, message) in messages.iter().enumerate() {
        // SAFETY: each is null or points to a message that lives for the call.
        let PamMessage { style, text } = unsafe { message.as_ref() }?;
        let text = if text.is_null() {
            String::new()
        } else {
            // SAFETY: not null, and the text of a message is NUL-terminated.
            unsafe { CStr::from_ptr(*text) }.to_string_lossy().into_owned()
        };
        // It may be a key or a backup code.
        let (style, text) = (MessageStyle::of(*style)?, Zeroizing::new(text));
        let answer = talk.hears(style, &text)?;
        if matches!(style, MessageStyle::Hidden | MessageStyle::Shown) {
            replies.put(place, &answer)?;
        }
    }
    Some(replies)
}

/// The array that a module frees, with answers that it frees; until it has them, they are wiped and freed here.
struct Replies {
    array: NonNull<Response>,
    count: usize,
}

impl Replies {
    fn new(count: usize) -> Option<Self> {
        // SAFETY: any count and size may be asked for. All zero is an array of answers that are null.
        let array = unsafe { libc::calloc(count, size_of::<Response>()) };
        Some(Self { array: NonNull::new(array.cast())?, count })
    }

    fn put(&mut self, place: usize, answer: &[u8]) -> Option<()> {
        // A NUL inside would hand on another answer than was typed.
        if answer.contains(&0) || place >= self.count {
            return None;
        }
        // SAFETY: one more than the answer is long, so not 0.
        let copy = NonNull::new(unsafe { libc::calloc(answer.len().checked_add(1)?, 1) }.cast::<u8>())?;
        // SAFETY: the copy has room for the answer and keeps its last zero as the end; `place` is in the array.
        unsafe {
            ptr::copy_nonoverlapping(answer.as_ptr(), copy.as_ptr(), answer.len());
            (*self.array.as_ptr().add(place)).answer = copy.as_ptr().cast();
        }
        Some(())
    }

    fn give(self) -> *mut Response {
        let array = self.array.as_ptr();
        std::mem::forget(self);
        array
    }
}

impl Drop for Replies {
    fn drop(&mut self) {
        for place in 0..self.count {
            // SAFETY: `place` is in the array, which `calloc` made.
            let answer = unsafe { (*self.array.as_ptr().add(place)).answer };
            if !answer.is_null() {
                // SAFETY: `put` made it: NUL-terminated, nobody else's, from `calloc`.
                unsafe {
                    slice::from_raw_parts_mut(answer.cast::<u8>(), libc::strlen(answer)).zeroize();
                    libc::free(answer.cast());
                }
            }
        }
        // SAFETY: `calloc` made it, and `give` did not give it away.
        unsafe { libc::free(self.array.as_ptr().cast()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::CString;

    struct Said(Vec<(MessageStyle, String)>, Option<&'static [u8]>);

    impl Conversation for Said {
        fn hears(&mut self, style: MessageStyle, text: &str) -> Option<Zeroizing<Vec<u8>>> {
            assert_ne!(text, "panic");
            self.0.push((style, text.into()));
            self.1.map(|answer| Zeroizing::new(answer.to_vec()))
        }
    }

    fn converses(said: &mut Said, messages: &[(c_int, &CStr)], count: c_int) -> (c_int, Vec<Option<CString>>) {
        let messages: Vec<PamMessage> =
            messages.iter().map(|m| PamMessage { style: m.0, text: m.1.as_ptr() }).collect();
        let pointers: Vec<*const PamMessage> = messages.iter().map(ptr::from_ref).collect();
        let (mut talk, mut array): (&mut dyn Conversation, _) = (said, ptr::null_mut());
        let code = converse(count, pointers.as_ptr(), &mut array, ptr::from_mut(&mut talk).cast());
        let mut answers = Vec::new();
        if !array.is_null() {
            let replies = Replies { array: NonNull::new(array).unwrap(), count: messages.len() };
            for place in 0..messages.len() {
                // SAFETY: what `converse` gave: so many responses, null or NUL-terminated.
                let answer = unsafe { (*replies.array.as_ptr().add(place)).answer };
                // SAFETY: the same.
                answers.push((!answer.is_null()).then(|| unsafe { CStr::from_ptr(answer) }.to_owned()));
            }
        }
        (code, answers)
    }

    #[test]
    fn each_prompt_has_its_answer_and_each_message_none() {
        let mut said = Said(Vec::new(), Some(b"123456"));
        let messages = [(1, c"Password: "), (4, c"Hello"), (2, c"Code: "), (3, c"No")];
        let (code, answers) = converses(&mut said, &messages, 4);
        let answer = Some(c"123456".to_owned());
        assert_eq!((code, answers), (PAM_SUCCESS, vec![answer.clone(), None, answer, None]));
        let styles: Vec<MessageStyle> = said.0.iter().map(|s| s.0).collect();
        assert_eq!(styles, [MessageStyle::Hidden, MessageStyle::Info, MessageStyle::Shown, MessageStyle::Error]);
        assert_eq!(said.0[1].1, "Hello");
    }

    #[test]
    fn what_cannot_be_answered_is_an_error_and_leaves_no_array() {
        let hook = std::panic::take_hook();
        std::panic::set_hook(Box::new(|_| {}));
        type Sent = &'static [(c_int, &'static CStr)];
        let cases: [(Sent, c_int, Option<&'static [u8]>, c_int); 7] = [
            (&[(1, c"a"), (1, c"b")], 2, None, PAM_CONV_ERR),
            (&[(1, c"a")], 1, Some(b"a\0b"), PAM_CONV_ERR),
            (&[(7, c"binary")], 1, Some(b""), PAM_CONV_ERR),
            (&[(1, c"a")], 0, Some(b""), PAM_CONV_ERR),
            (&[(1, c"a")], -1, Some(b""), PAM_CONV_ERR),
            (&[(1, c"a")], 33, Some(b""), PAM_CONV_ERR),
            (&[(1, c"a"), (1, c"panic")], 2, Some(b"x"), PAM_BUF_ERR),
        ];
        for (messages, count, answer, expected) in cases {
            let mut said = Said(Vec::new(), answer);
            assert_eq!(converses(&mut said, messages, count), (expected, vec![]), "{messages:?} {count}");
        }
        std::panic::set_hook(hook);
    }
}
