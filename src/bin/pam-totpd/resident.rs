//! The resident pam-totpd: it knows who knocks and how many of them there are, and nothing of what they say. It reads no
//! request, no policy and no key; each request has a process of its own, and a fault in one touches no other.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::socket::{UnixCredentials, getsockopt, sockopt::PeerCredentials};
use pam_totp::login::messages::log;

/// Its own file, also where another version has taken its place: all that it starts speak the same one.
const ITSELF: &str = "/proc/self/exe";
/// Connections of one user; root, whom no user can be, is held to the next number alone.
const OF_ONE_USER: usize = 4;
/// And of everybody.
const IN_ALL: usize = 64;
/// For one request. The longest, a change with twenty backup codes, takes a small machine seconds.
const BOUND: Duration = Duration::from_secs(30);
/// It ends when nobody has come for so long: the socket stays, and the next one starts it again.
const IDLE: Duration = Duration::from_secs(30);
/// Where the kernel has no descriptor or no memory for a connection, that connection stays in front of the door.
const PAUSE: Duration = Duration::from_millis(100);
/// What ends one request may well end the next hundred: they need no line each.
const SILENCE: Duration = Duration::from_secs(1);

/// A request, and the process that serves it.
struct Guest {
    peer: UnixCredentials,
    child: Child,
    /// When it has to be over; `None` once it has been ended.
    deadline: Option<Instant>,
}

struct Resident<'a> {
    guests: Vec<Guest>,
    /// When somebody was there last.
    busy: Instant,
    log: &'a dyn Fn(&str),
    logged: Option<Instant>,
}

/// Serves everybody who connects, until nobody does or SIGTERM comes. What has begun is always brought to its end.
pub fn serve(listener: &UnixListener, log: &dyn Fn(&str)) -> io::Result<()> {
    let heard = SigSet::from_iter([Signal::SIGCHLD, Signal::SIGTERM]);
    heard.thread_block()?;
    let signals = SignalFd::with_flags(&heard, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)?;
    let mut resident = Resident { guests: Vec::new(), busy: Instant::now(), log, logged: None };
    let mut is_open = true;
    loop {
        resident.see_off();
        if resident.guests.is_empty() && (!is_open || resident.busy.elapsed() >= IDLE) {
            return Ok(());
        }
        let is_someone_there = wait(&signals, is_open.then_some(listener), resident.idle_for())?;
        let mut is_news = false;
        while let Some(signal) = signals.read_signal()? {
            is_news = true;
            is_open &= signal.ssi_signo != Signal::SIGTERM as u32;
        }
        // Who has gone is counted no more before the next one is.
        if is_news || !is_someone_there {
            continue;
        }
        // No flag of the socket is changed: it is the supervisor's too. A connection that another process took is no fault.
        match listener.accept() {
            Ok((connection, _)) => resident.receive(connection),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => {
                resident.say(&log::not_received(&error));
                wait(&signals, None, PAUSE)?;
            }
        }
    }
}

/// Waits for a signal or a connection; whether there is a connection.
fn wait(signals: &SignalFd, listener: Option<&UnixListener>, time: Duration) -> io::Result<bool> {
    let mut wanted = vec![PollFd::new(signals.as_fd(), PollFlags::POLLIN)];
    wanted.extend(listener.map(|listener| PollFd::new(listener.as_fd(), PollFlags::POLLIN)));
    // Whole milliseconds, and one more: none is spent turning in circles.
    let time = time.saturating_add(Duration::from_millis(1));
    match poll(&mut wanted, PollTimeout::try_from(time).unwrap_or(PollTimeout::MAX)) {
        Ok(_) | Err(Errno::EINTR) => Ok(wanted.get(1).and_then(PollFd::any).unwrap_or(false)),
        Err(errno) => Err(errno.into()),
    }
}

impl Resident<'_> {
    /// Has a connection served, unless there are too many. Who is hung up on tries again.
    fn receive(&mut self, connection: UnixStream) {
        self.busy = Instant::now();
        let Ok(peer) = getsockopt(&connection, PeerCredentials) else { return };
        let of_this_user = self.guests.iter().filter(|guest| guest.peer.uid() == peer.uid()).count();
        if self.guests.len() >= IN_ALL || (peer.uid() != 0 && of_this_user >= OF_ONE_USER) {
            return;
        }
        match Command::new(ITSELF).arg0("pam-totpd").stdin(OwnedFd::from(connection)).spawn() {
            Ok(child) => self.guests.push(Guest { peer, child, deadline: self.busy.checked_add(BOUND) }),
            Err(error) => self.say(&log::asked_by(&log::not_received(&error), peer.uid(), peer.pid())),
        }
    }

    /// Takes leave of those that are over, and ends those that should be.
    fn see_off(&mut self) {
        if self.guests.is_empty() {
            return;
        }
        let now = Instant::now();
        self.busy = now;
        for mut guest in std::mem::take(&mut self.guests) {
            let why = match guest.child.try_wait() {
                Ok(None) => {
                    if guest.deadline.is_some_and(|deadline| deadline <= now) {
                        let _ = guest.child.kill();
                        guest.deadline = None;
                    }
                    self.guests.push(guest);
                    continue;
                }
                Ok(Some(status)) if status.success() => continue,
                Ok(Some(_)) if guest.deadline.is_none() => log::request_too_long(BOUND),
                Ok(Some(status)) => log::request_failed(&status),
                // Somebody has waited for it in our place.
                Err(_) => continue,
            };
            self.say(&log::asked_by(&why, guest.peer.uid(), guest.peer.pid()));
        }
    }

    /// For how long there is nothing to do unless somebody comes.
    fn idle_for(&self) -> Duration {
        let deadlines = self.guests.iter().filter_map(|guest| guest.deadline);
        let next = deadlines.chain(self.busy.checked_add(IDLE)).min();
        next.map_or(IDLE, |next| next.saturating_duration_since(Instant::now()))
    }

    fn say(&mut self, text: &str) {
        if self.logged.is_none_or(|last| last.elapsed() >= SILENCE) {
            self.logged = Some(Instant::now());
            (self.log)(text);
        }
    }
}
