//! The caller's side of the door: one question, one answer, and no longer than a login may take.

use std::io::Read;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::socket::sockopt::PeerCredentials;
use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockType, UnixAddr, connect, getsockopt, send, socket};
use nix::unistd::Uid;
use zeroize::Zeroizing;

use super::errand::Errand;
use super::message::{MAX, Malformed};
use super::wire::{Ask, Refusal, Reply, Request};
use crate::factor::change::Change;
use crate::factor::judgment::Verdict;
use crate::factor::otp::Digits;
use crate::factor::secret::Answer;
use crate::login::preview::Login;
use crate::login::status::Status;
use crate::login::unavailable::DoorError;
use crate::manage::{ManageError, NewBackupCodes};
use crate::paths;
use crate::policy::access::Denied;
use crate::policy::delegates::DelegatedRight;
use crate::system::account::Account;

/// For a login's question and the first byte of its answer. The first who comes has pam-totpd started, and a small machine takes
/// its time for that.
const LOGIN: Duration = Duration::from_secs(3);
/// For a change: twenty backup codes take a small machine its time, and who gave up would never see them.
const CHANGE: Duration = Duration::from_secs(15);
/// Whom pam-totpd has no room for knocks again for so long. Meanwhile it hangs up on those who say nothing, and what is
/// left of a login's time is for the answer.
const KNOCKING: Duration = Duration::from_millis(1_200);
/// From the moment in which it was asked, however long that took: more than it waits for a user's lock itself.
const ANSWER: Duration = Duration::from_millis(1_800);
/// Before the second knock, and twice before each further one as far as [`LONGEST_PAUSE`]: a request takes it a few milliseconds.
const PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_millis(50);
/// Bytes of a list: tens of thousands of users.
const MAX_LIST: usize = 32 << 20;
/// No time at all would be no limit.
const A_MOMENT: Duration = Duration::from_millis(1);
/// A program that has asked within so long was heard, if anybody was there: pam-totpd loses its patience with those who say
/// nothing only after a second.
const AT_ONCE: Duration = Duration::from_millis(800);

/// Is the user enrolled, and with how many digits?
pub fn preview(name: &str) -> Result<Option<Digits>, DoorError> {
    match ask(name, Ask::Preview, LOGIN)? {
        Reply::Preview(digits) => Ok(digits),
        other => Err(beside(other)),
    }
}

/// Has an answer judged. What is for the log alone stays in the log of the other side.
pub fn verify(name: &str, login: &Login<'_>, answer: &Answer) -> Result<Option<Verdict>, DoorError> {
    let service = login.remembers.then(|| login.service.to_owned());
    match ask(name, Ask::Verify { code: answer.clone(), from: login.source, service }, LOGIN)? {
        Reply::Verdict(None) => Ok(None),
        Reply::Verdict(Some((outcome, now))) => Ok(Some(Verdict::told(outcome, now))),
        other => Err(beside(other)),
    }
}

/// What the user has enrolled.
pub fn status(account: &Account) -> Result<Status, ManageError> {
    match ask(&account.name, Ask::Status, LOGIN)? {
        Reply::Status(status) => Ok(status),
        Reply::Refused(Refusal::Denied(Denied::NotYours)) => Err(Denied::NotYoursToSee.into()),
        Reply::Refused(refusal) => Err(refusal.into()),
        other => Err(beside(other).into()),
    }
}

/// Changes one's own enrollment, with a code of a device that is there.
pub fn apply(account: &Account, current: Option<&Answer>, change: Change) -> Result<NewBackupCodes, ManageError> {
    match ask(&account.name, Ask::Change { change, current: current.cloned() }, CHANGE)? {
        Reply::Done(codes) => Ok(codes),
        Reply::Refused(refusal) => Err(refusal.into()),
        other => Err(beside(other).into()),
    }
}

/// What this account may do for others.
pub fn rights(own: &Account) -> Result<Vec<DelegatedRight>, ManageError> {
    match ask(&own.name, Ask::Rights, LOGIN)? {
        Reply::Rights(rights) => Ok(rights),
        // One of an earlier version knows no delegates.
        Reply::Refused(Refusal::Malformed) => Ok(Vec::new()),
        Reply::Refused(refusal) => Err(refusal.into()),
        other => Err(beside(other).into()),
    }
}

/// Does this for a user of the caller's, with the caller's own code: whatever came of it but a refusal.
pub fn delegated(user: &str, errand: Errand, code: &Answer) -> Result<Reply, ManageError> {
    let is_listed = errand == Errand::List;
    let ask = Ask::Delegated { errand, code: code.clone() };
    let reply = if is_listed {
        exchange(user, ask, CHANGE, read_list, Reply::parse_list)
    } else {
        self::ask(user, ask, CHANGE)
    };
    match reply? {
        Reply::Refused(refusal) => Err(refusal.into()),
        reply => Ok(reply),
    }
}

/// An answer that is none to this question.
fn beside(reply: Reply) -> DoorError {
    match reply {
        Reply::Refused(Refusal::Denied(_)) => DoorError::NotForYou,
        Reply::Refused(Refusal::Fault | Refusal::Change(_)) => DoorError::Fault,
        _ => DoorError::Garbled,
    }
}

fn ask(name: &str, ask: Ask, bound: Duration) -> Result<Reply, DoorError> {
    exchange(name, ask, bound, read, Reply::parse)
}

fn exchange(
    name: &str,
    ask: Ask,
    bound: Duration,
    read: fn(&mut UnixStream, Instant) -> std::io::Result<Zeroizing<Vec<u8>>>,
    parse: fn(&[u8]) -> Result<Reply, Malformed>,
) -> Result<Reply, DoorError> {
    let begin = Instant::now();
    let deadline = begin.checked_add(bound).ok_or(DoorError::Late)?;
    // What no request says is refused as the other side would.
    let Some(request) = (Request { user: name.to_owned(), ask }).print() else {
        return Ok(Reply::Refused(Refusal::Denied(Denied::NotSelf)));
    };
    let path = if Uid::effective().is_root() { paths::ROOT_SOCKET } else { paths::VERIFY_SOCKET };
    let mut pause = PAUSE;
    loop {
        let knocked = Instant::now();
        let mut stream = open(path, deadline)?;
        let said = write(&stream, request.as_bytes());
        let asked = Instant::now();
        panic_here!("door");
        let until = asked.checked_add(ANSWER).map_or(deadline, |fair| fair.max(deadline));
        let error = match said.and_then(|()| read(&mut stream, until)) {
            Ok(bytes) if bytes.is_empty() => std::io::ErrorKind::ConnectionAborted.into(),
            Ok(bytes) => return parse(&bytes).map_err(|Malformed| DoorError::Garbled),
            Err(error) => error,
        };
        if is_unheard(&error) && begin.elapsed().saturating_add(pause) < KNOCKING {
            std::thread::sleep(pause);
            pause = pause.saturating_mul(2).min(LONGEST_PAUSE);
            continue;
        }
        return Err(no_answer(error.kind(), asked.saturating_duration_since(knocked) < AT_ONCE));
    }
}

/// Whether nobody is there, or nobody knows. On a caller that says nothing for a second pam-totpd hangs up. So one that was
/// stopped on its way to the question must not take that for nobody, and then be stopped again with the lock in its hand. One
/// that was stopped behind the question finds the answer, however late it looks.
fn no_answer(kind: std::io::ErrorKind, asked_at_once: bool) -> DoorError {
    match kind {
        _ if !asked_at_once => DoorError::Late,
        std::io::ErrorKind::TimedOut => DoorError::Mute,
        // Half an answer.
        std::io::ErrorKind::UnexpectedEof => DoorError::Late,
        _ => DoorError::HungUp,
    }
}

/// Has the other side gone without having read the whole request? Only then nobody can have judged it, and it may be said
/// again: of one who has read it all and died the kernel tells no error but an end, and the guess may be counted.
fn is_unheard(error: &std::io::Error) -> bool {
    matches!(error.kind(), std::io::ErrorKind::BrokenPipe | std::io::ErrorKind::ConnectionReset)
}

/// Connects, and looks who is there before anything is said: a user's process must not be told a code.
fn open(path: &str, deadline: Instant) -> Result<UnixStream, DoorError> {
    let kind = SockType::Stream;
    let fd = socket(AddressFamily::Unix, kind, SockFlag::SOCK_CLOEXEC, None).map_err(|_| DoorError::Fault)?;
    let stream = UnixStream::from(fd);
    let left = deadline.saturating_duration_since(Instant::now()).min(LOGIN);
    if left.is_zero() {
        return Err(DoorError::Late);
    }
    // It bounds the connecting too, when the door is crowded.
    stream.set_write_timeout(Some(left)).map_err(|_| DoorError::Fault)?;
    let address = UnixAddr::new(path).map_err(|_| DoorError::Closed)?;
    match connect(stream.as_raw_fd(), &address) {
        Ok(()) => {}
        Err(Errno::EAGAIN | Errno::EINTR) => return Err(DoorError::Late),
        // Of this process or of the whole host, by a caller's doing: it does not say that nobody listens.
        Err(Errno::ENOMEM | Errno::ENOBUFS | Errno::ENFILE) => return Err(DoorError::Fault),
        Err(_) => return Err(DoorError::Closed),
    }
    match getsockopt(&stream, PeerCredentials) {
        Ok(peer) if peer.uid() == 0 => Ok(stream),
        _ => Err(DoorError::NotRoot),
    }
}

/// Before Rust 1.89 the standard library lets SIGPIPE kill the program that we are in where the other side has gone;
/// a screen locker that dies unlocks.
fn write(stream: &UnixStream, mut bytes: &[u8]) -> std::io::Result<()> {
    while !bytes.is_empty() {
        match send(stream.as_raw_fd(), bytes, MsgFlags::MSG_NOSIGNAL) {
            Ok(sent) => bytes = bytes.get(sent..).unwrap_or_default(),
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
    Ok(())
}

/// Reads a list until the other side hangs up. What its end is missing from is half an answer.
fn read_list(stream: &mut UnixStream, deadline: Instant) -> std::io::Result<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(Vec::new());
    let mut some = Zeroizing::new(vec![0; MAX]);
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() || bytes.len() > MAX_LIST {
            let nothing =
                if bytes.is_empty() { std::io::ErrorKind::TimedOut } else { std::io::ErrorKind::UnexpectedEof };
            return Err(nothing.into());
        }
        stream.set_read_timeout(Some(left.max(A_MOMENT)))?;
        match stream.read(&mut some) {
            Ok(0) => return Ok(bytes),
            Ok(more) => bytes.extend_from_slice(some.get(..more).unwrap_or_default()),
            Err(e) if matches!(e.kind(), std::io::ErrorKind::Interrupted | std::io::ErrorKind::WouldBlock) => continue,
            Err(e) => return Err(e),
        }
    }
}

/// Reads until the other side is done. What has come by the deadline is heard also by who looks later.
pub(crate) fn read(stream: &mut UnixStream, deadline: Instant) -> std::io::Result<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(vec![0; MAX]);
    let mut length = 0_usize;
    let mut is_over = false;
    while let Some(rest) = bytes.get_mut(length..).filter(|rest| !rest.is_empty()) {
        let left = deadline.saturating_duration_since(Instant::now());
        if is_over {
            let nothing = if length == 0 { std::io::ErrorKind::TimedOut } else { std::io::ErrorKind::UnexpectedEof };
            return Err(nothing.into());
        }
        is_over = left.is_zero();
        stream.set_read_timeout(Some(left.max(A_MOMENT)))?;
        match stream.read(rest) {
            Ok(0) => break,
            Ok(more) => length = length.saturating_add(more),
            Err(e) if matches!(e.kind(), std::io::ErrorKind::Interrupted | std::io::ErrorKind::WouldBlock) => continue,
            Err(e) => return Err(e),
        }
        // The empty line: nobody has to wait for the other to hang up.
        if bytes.get(..length).is_some_and(|read| read.ends_with(b"\n\n")) {
            break;
        }
    }
    bytes.truncate(length);
    Ok(bytes)
}
