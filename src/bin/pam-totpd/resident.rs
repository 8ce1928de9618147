//! The resident pam-totpd: it knows who knocks and how many of them there are, and nothing of what they say. It reads no
//! request, no policy and no key; each request has a process of its own, and a fault in one touches no other. To start one
//! takes longer than a request does, so some are started ahead and wait for those who come.

use std::fs;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::Child;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::socket::{UnixCredentials, getsockopt, sockopt::PeerCredentials};
use pam_totp::login::messages::log;
use pam_totp::paths::STORE;
use pam_totp::system::mounts::{is_read_only_for_all, is_read_only_here_alone};

use crate::spare::{ITSELF, Spare};

/// Connections of one user; root, whom no user can be, is held to the next number alone.
const OF_ONE_USER: usize = 4;
/// And of everybody.
const IN_ALL: usize = 64;
/// For one request. The longest, a change with twenty backup codes, takes a small machine seconds.
const BOUND: Duration = Duration::from_secs(30);
/// Processes that wait: a login makes two requests, whether a code is due and whether it is right.
const AHEAD: usize = 2;
/// They are started when nobody has come for a moment: the second request would wait for a start that the first one causes.
const MOMENT: Duration = Duration::from_millis(1);
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
    /// Nobody's yet: they count for no user, keep nobody here, and their end is no fault.
    spares: Vec<Spare>,
    /// When to start those that are missing.
    prepare_at: Option<Instant>,
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
    let mut resident =
        Resident { guests: Vec::new(), spares: Vec::new(), prepare_at: None, busy: Instant::now(), log, logged: None };
    let mut is_open = true;
    let file = fs::read_link(ITSELF);
    // Replaced by an upgrade, it makes way for the new one: on a busy host it may never be idle.
    let is_replaced = || matches!((&file, fs::read_link(ITSELF)), (Ok(was), Ok(is)) if *was != is);
    // A sandbox that was made of a read-only disk stays read-only when the disk is writable again: the next one gets a new one.
    let store = Path::new(STORE);
    let was_read_only = is_read_only_for_all(store);
    let is_left_read_only = || was_read_only && is_read_only_here_alone(store);
    loop {
        resident.see_off();
        let makes_way = || is_replaced() || is_left_read_only();
        if resident.guests.is_empty() && (!is_open || resident.busy.elapsed() >= IDLE || makes_way()) {
            resident.spares.into_iter().for_each(Spare::end);
            return Ok(());
        }
        let is_someone_there = wait(&signals, is_open.then_some(listener), resident.idle_for())?;
        let mut is_news = false;
        while let Some(signal) = signals.read_signal()? {
            is_news = true;
            is_open &= signal.ssi_signo != Signal::SIGTERM as u32;
        }
        if !is_open {
            resident.prepare_at = None;
        } else if !is_someone_there {
            resident.prepare();
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
        match self.hand_over(connection) {
            Ok(child) => self.guests.push(Guest { peer, child, deadline: self.busy.checked_add(BOUND) }),
            Err(error) => self.say(&log::asked_by(&log::not_received(&error), peer.uid(), peer.pid())),
        }
        self.prepare_at = Instant::now().checked_add(MOMENT);
    }

    /// Starts those that wait for the next who come, if it is time. Where one cannot be started, the next connection finds
    /// out why.
    fn prepare(&mut self) {
        if self.prepare_at.take_if(|at| *at <= Instant::now()).is_some() {
            let missing = AHEAD.saturating_sub(self.spares.len());
            self.spares.extend((0..missing).map_while(|_| Spare::start().ok()));
        }
    }

    /// Gives the connection to a process, and lets go of it: it ends with that process.
    fn hand_over(&mut self, connection: UnixStream) -> io::Result<Child> {
        // One that was killed meanwhile is nobody's fault: another takes its place.
        let waiting = self.spares.pop().and_then(|spare| spare.hand_over(&connection).ok());
        waiting.map_or_else(|| Spare::start()?.hand_over(&connection), Ok)
    }

    /// Takes leave of those that are over, and ends those that should be.
    fn see_off(&mut self) {
        // None is started in its place before somebody comes: what ended it would end the next one too.
        self.spares.retain_mut(|spare| !spare.has_ended());
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
        let next = deadlines.chain(self.busy.checked_add(IDLE)).chain(self.prepare_at).min();
        next.map_or(IDLE, |next| next.saturating_duration_since(Instant::now()))
    }

    fn say(&mut self, text: &str) {
        if self.logged.is_none_or(|last| last.elapsed() >= SILENCE) {
            self.logged = Some(Instant::now());
            (self.log)(text);
        }
    }
}
