//! Who sees a disk read-only: everybody, or this process alone in its sandbox.

use std::os::fd::AsRawFd;
use std::path::Path;

use nix::fcntl::{OFlag, open};
use nix::sys::stat::Mode;

use super::{disk, memory};

/// What hosts with many mounts say of them.
const MANY: usize = 1 << 20;

/// Is a folder in a mount that is read-only, of a file system that is not? So it is in a sandbox, and others write there. Where
/// nobody can tell, it counts as one.
pub fn is_read_only_here_alone(folder: &Path) -> bool {
    mount_of(folder).is_none_or(|mount| mount.here && !mount.for_all)
}

/// Is it read-only for everybody? Where nobody can tell, it is not.
pub fn is_read_only_for_all(folder: &Path) -> bool {
    mount_of(folder).is_some_and(|mount| mount.for_all)
}

/// What is read-only of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct ReadOnly {
    here: bool,
    for_all: bool,
}

/// From the list of mounts, and not by statfs: that takes a right of its own under SELinux.
fn mount_of(folder: &Path) -> Option<ReadOnly> {
    let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let folder = open(folder, flags, Mode::empty()).ok()?;
    memory::room(MANY).ok()?;
    let opened = disk::read(format!("/proc/self/fdinfo/{}", folder.as_raw_fd())).ok()?;
    let mount = opened.lines().find_map(|line| line.strip_prefix("mnt_id:"))?.trim();
    listed(&disk::read("/proc/self/mountinfo").ok()?, mount)
}

/// `36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue`: the mount's own options are the sixth
/// field, those of its file system the third behind the hyphen.
fn listed(mounts: &str, id: &str) -> Option<ReadOnly> {
    let mut fields = mounts.lines().map(|line| line.split(' ')).find_map(|mut fields| {
        let is_it = fields.next() == Some(id);
        is_it.then_some(fields)
    })?;
    let is_read_only = |options: &str| options.split(',').any(|option| option == "ro");
    let here = is_read_only(fields.nth(4)?);
    let for_all = is_read_only(fields.skip_while(|field| *field != "-").nth(3)?);
    Some(ReadOnly { here, for_all })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mount_and_its_file_system_are_two() {
        let mounts = "21 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw,errors=remount-ro\n\
                      22 1 254:0 /var /var/lib ro,relatime shared:2 master:7 - ext4 /dev/vda rw,errors=remount-ro\n\
                      23 1 254:1 / /srv ro - ext4 /dev/vdb ro\n\
                      24 1 0:40 / /net rw shared:3 - nfs4 host:/ro rw,vers=4.2\n\
                      25 1 0:41 / /odd ro\n";
        let of = |id| listed(mounts, id).map(|mount| (mount.here, mount.for_all));
        let each = ["21", "22", "23", "24"].map(of);
        assert_eq!(each, [(false, false), (true, false), (true, true), (false, false)].map(Some));
        assert_eq!(["2", "25", "26", ""].map(of), [None; 4]);
    }

    #[test]
    fn whoever_cannot_tell_is_alone() {
        assert!(is_read_only_here_alone(Path::new("/proc/self/no-such-folder")));
        assert!(!is_read_only_here_alone(Path::new("/proc")));
        assert!(!is_read_only_for_all(Path::new("/proc/self/no-such-folder")));
    }
}
