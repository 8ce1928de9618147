//! A process that was started before somebody comes, so that nobody waits for its start: both ends of it. It has read
//! nothing until a connection is handed to it: no policy, no key, no account and no time, so none of that is of yesterday.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command};

use rustix::cmsg_space;
use rustix::io::retry_on_intr;
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, SocketFlags, SocketType, recvmsg, sendmsg, socketpair,
};

/// Its own file, also where another version has taken its place: all that it starts speak the same one.
pub const ITSELF: &str = "/proc/self/exe";
/// A message has to have something in it; what counts is the descriptor that goes along.
const HERE: [u8; 1] = [0];

/// In the resident one: the process, and the channel over which it gets its connection. It ends when that is closed.
pub struct Spare {
    child: Child,
    channel: OwnedFd,
}

impl Spare {
    /// Does not wait until it has started: what it is handed meanwhile lies in the channel.
    pub fn start() -> io::Result<Self> {
        let (channel, theirs) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
        let child = Command::new(ITSELF).arg0("pam-totpd").stdin(theirs).spawn()?;
        Ok(Self { child, channel })
    }

    /// Whether somebody has killed it. Then it is no zombie any more.
    pub fn has_ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    /// From here on it serves this request, and nothing else. Where it cannot be reached it is ended.
    pub fn hand_over(self, connection: &UnixStream) -> io::Result<Child> {
        let descriptors = [connection.as_fd()];
        let mut space = [MaybeUninit::uninit(); cmsg_space!(ScmRights(1))];
        let mut along = SendAncillaryBuffer::new(&mut space);
        along.push(SendAncillaryMessage::ScmRights(&descriptors));
        let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
        match sendmsg(&self.channel, &[IoSlice::new(&HERE)], &mut along, flags) {
            Ok(_) => Ok(self.child),
            Err(error) => {
                self.end();
                Err(error.into())
            }
        }
    }

    /// Closed, the channel ends it as well; but this also ends one that stands still, and leaves no zombie.
    pub fn end(mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// In the spare one: the connection that is handed over; `None`: the other side needs none, or is no more.
pub fn wait(channel: &OwnedFd) -> io::Result<Option<UnixStream>> {
    let mut space = [MaybeUninit::uninit(); cmsg_space!(ScmRights(1))];
    let mut along = RecvAncillaryBuffer::new(&mut space);
    let mut byte = HERE;
    let mut bytes = [IoSliceMut::new(&mut byte)];
    let message = retry_on_intr(|| recvmsg(channel, &mut bytes, &mut along, RecvFlags::CMSG_CLOEXEC))?;
    let mut descriptors = along.drain().filter_map(|message| match message {
        RecvAncillaryMessage::ScmRights(descriptors) => Some(descriptors),
        _ => None,
    });
    let mut descriptors = descriptors.by_ref().flatten();
    match (message.bytes, descriptors.next(), descriptors.next()) {
        (0, None, None) => Ok(None),
        (1, Some(connection), None) => Ok(Some(connection.into())),
        _ => Err(io::ErrorKind::InvalidData.into()),
    }
}
