//! Reads a file under a user's home as that user: in a child that has become them, so that what they put there, a link, a
//! FIFO, a mount that hangs, is their own trouble.

use std::ffi::{CString, OsString};
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::stat::{Mode, SFlag, fstat, lstat};
use nix::unistd::{Gid, Uid, getegid, geteuid, getgid, getuid, initgroups, setgid, setgroups, setuid};
use pam_totp::system::account::Account;
use pam_totp::system::disk::NOT_REGULAR;
use zeroize::Zeroizing;

/// No such file is longer; theirs end at 1 KiB.
const MAX: usize = 64 * 1024;

/// A home on a server that is gone keeps nobody waiting for longer.
const PATIENCE: Duration = Duration::from_secs(5);

/// By this name the program knows that it is the child.
const CHILD: &str = "pam-totp: reading as a user";

/// Why there is nothing to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unread {
    /// There is no such file, or no home that its owner can look into.
    Absent,
    NotRegular,
    NotTheirs,
    /// Others can write it, and who did so knows the key.
    Open,
    TooLong,
    NotReadable,
    /// It took too long.
    Hangs,
    /// The child could not become the user, or did not start.
    NoChild,
    /// Not with the user's own group alone.
    Denied,
}

/// The child's exit codes, from [`FIRST`] on.
const TOLD: [Unread; 8] = [
    Unread::Absent,
    Unread::NotRegular,
    Unread::NotTheirs,
    Unread::Open,
    Unread::TooLong,
    Unread::NotReadable,
    Unread::NoChild,
    Unread::Denied,
];

const FIRST: u8 = 10;

impl Unread {
    pub fn words(self) -> &'static str {
        match self {
            Self::Absent => "there is no such file",
            Self::NotRegular => NOT_REGULAR,
            Self::NotTheirs => "it does not belong to the user",
            Self::Open => "others can write it: `chmod 600` it, once its owner knows what it holds",
            Self::TooLong => "it is longer than 64 KiB",
            Self::NotReadable | Self::Denied => "the user cannot read it",
            Self::Hangs => "it did not come within 5 s: is its file system there?",
            Self::NoChild => "the program could not become the user",
        }
    }
}

/// Which groups the child has.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Groups {
    Own,
    All,
}

impl Groups {
    fn word(self) -> &'static str {
        if self == Self::Own { "own" } else { "all" }
    }
}

/// Reads it as its owner. To find all groups of a user, all groups of the host are read: only where they are needed, or of
/// many users it takes time that grows with the square of the groups.
pub fn read(account: &Account, path: &Path) -> Result<Zeroizing<Vec<u8>>, Unread> {
    match read_with(Groups::Own, account, path) {
        Err(Unread::Denied) => read_with(Groups::All, account, path),
        read => read,
    }
}

fn read_with(groups: Groups, account: &Account, path: &Path) -> Result<Zeroizing<Vec<u8>>, Unread> {
    let mut command = Command::new("/proc/self/exe");
    command.arg0(CHILD).arg(groups.word());
    command.arg(&account.name).arg(account.uid.to_string()).arg(account.gid.to_string()).arg(path);
    command.env_clear().current_dir("/").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().map_err(|_| Unread::NoChild)?;
    let deadline = Instant::now() + PATIENCE;
    let Some(bytes) = child.stdout.take().and_then(|out| all_of(out, deadline)) else {
        // One that sleeps in the kernel does not even die; nobody waits for it.
        let _ = child.kill();
        return Err(Unread::Hangs);
    };
    match exit(&mut child) {
        Some(0) if bytes.len() <= MAX => Ok(bytes),
        Some(code) => {
            let told = code.checked_sub(FIRST.into()).and_then(|n| TOLD.get(usize::try_from(n).ok()?));
            Err(told.copied().unwrap_or(Unread::NoChild))
        }
        None => Err(Unread::NoChild),
    }
}

/// After its output has ended only the end is left to the child.
fn exit(child: &mut Child) -> Option<i32> {
    child.wait().ok()?.code()
}

/// All that comes until the end; `None` where the end does not come.
fn all_of(mut out: ChildStdout, deadline: Instant) -> Option<Zeroizing<Vec<u8>>> {
    // Reserved at once: a growing buffer would leave unwiped copies behind.
    let mut bytes = Zeroizing::new(vec![0; MAX + 1]);
    let mut length = 0;
    while length < bytes.len() {
        let left = deadline.checked_duration_since(Instant::now())?;
        let timeout = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
        match poll(&mut [PollFd::new(out.as_fd(), PollFlags::POLLIN)], timeout) {
            Ok(0) => return None,
            Ok(_) => {}
            Err(Errno::EINTR) => continue,
            Err(_) => return None,
        }
        match out.read(&mut bytes[length..]) {
            Ok(0) => break,
            Ok(count) => length += count,
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
            Err(_) => return None,
        }
    }
    bytes.truncate(length);
    Some(bytes)
}

/// The child's whole life, where this process is it.
pub fn read_as_asked() -> Option<ExitCode> {
    let mut arguments = std::env::args_os();
    if arguments.next()? != CHILD {
        return None;
    }
    let told = |unread| TOLD.iter().position(|other| *other == unread).and_then(|n| u8::try_from(n).ok());
    Some(match become_and_read(arguments.collect()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(unread) => ExitCode::from(FIRST.saturating_add(told(unread).unwrap_or(u8::MAX - FIRST))),
    })
}

fn become_and_read(arguments: Vec<OsString>) -> Result<(), Unread> {
    let [groups, name, uid, gid, path] = <[OsString; 5]>::try_from(arguments).map_err(|_| Unread::NoChild)?;
    let groups = if groups == Groups::Own.word() { Groups::Own } else { Groups::All };
    let id = |text: &OsString| text.to_str().and_then(|text| text.parse::<u32>().ok()).ok_or(Unread::NoChild);
    let (uid, gid) = (Uid::from_raw(id(&uid)?), Gid::from_raw(id(&gid)?));
    let name = CString::new(name.as_bytes()).map_err(|_| Unread::NoChild)?;
    become_user(groups, &name, uid, gid).ok_or(Unread::NoChild)?;
    crate::no_core::keep_none();
    let bytes = read_own(groups, Path::new(&path), uid)?;
    std::io::stdout().write_all(&bytes).map_err(|_| Unread::NotReadable)
}

/// Groups first, for only root may change them; then there must be no way back.
fn become_user(groups: Groups, name: &CString, uid: Uid, gid: Gid) -> Option<()> {
    match groups {
        Groups::Own => setgroups(&[gid]).ok()?,
        Groups::All => initgroups(name, gid).ok()?,
    }
    setgid(gid).ok()?;
    setuid(uid).ok()?;
    let is_he = (getuid(), geteuid(), getgid(), getegid()) == (uid, uid, gid, gid);
    let way_back = !uid.is_root() && (setuid(Uid::from_raw(0)).is_ok() || geteuid().is_root());
    (is_he && !way_back).then_some(())
}

fn read_own(groups: Groups, path: &Path, uid: Uid) -> Result<Zeroizing<Vec<u8>>, Unread> {
    let flags = OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC | OFlag::O_NOCTTY;
    let mut file = File::from(open(path, flags, Mode::empty()).map_err(|errno| why(groups, errno, path))?);
    let stat = fstat(&file).map_err(|_| Unread::NotReadable)?;
    if stat.st_mode & SFlag::S_IFMT.bits() != SFlag::S_IFREG.bits() {
        return Err(Unread::NotRegular);
    }
    if stat.st_uid != uid.as_raw() {
        return Err(Unread::NotTheirs);
    }
    if stat.st_mode & 0o022 != 0 {
        return Err(Unread::Open);
    }
    let size = usize::try_from(stat.st_size).ok().filter(|size| *size <= MAX).ok_or(Unread::TooLong)?;
    let mut bytes = Zeroizing::new(vec![0; size]);
    file.read_exact(&mut bytes).map_err(|_| Unread::NotReadable)?;
    Ok(bytes)
}

fn why(groups: Groups, errno: Errno, path: &Path) -> Unread {
    match errno {
        Errno::EACCES if groups == Groups::Own => Unread::Denied,
        Errno::ENOENT | Errno::ENOTDIR => Unread::Absent,
        Errno::ELOOP | Errno::EISDIR | Errno::ENXIO | Errno::ENODEV => Unread::NotRegular,
        // A home that is closed to its own owner holds nothing of theirs.
        Errno::EACCES if lstat(path).is_err() => Unread::Absent,
        _ => Unread::NotReadable,
    }
}
