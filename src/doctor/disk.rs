//! The disks under keys and records: is there room, and can they be written? Pure.

use crate::doctor::finding::Finding;
use crate::doctor::shell::quoted;
use crate::text::clean;

const ABOUT: &str = "store";
/// What one more enrollment takes, with its record, and the folder that grows by it.
const BYTES: u64 = 64 << 10;
const FILES: u64 = 4;

/// What the kernel says of the file system that a folder is on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiskFacts {
    /// The folder.
    pub folder: String,
    /// Which file system.
    pub device: u64,
    /// Bytes that root can still write.
    pub free: u64,
    /// Bytes that others can: the rest is kept for root.
    pub for_others: u64,
    /// Files that can still be made; `None`: this file system does not count them.
    pub files: Option<u64>,
    /// Nobody can write.
    pub read_only: bool,
}

/// Blocks that root can still write. ext4 calls free what it keeps for itself: 2 % of the blocks, at most 4096, and some for
/// each processor.
pub fn usable(blocks: u64, free: u64, for_others: u64) -> u64 {
    let own = if for_others == 0 { (blocks / 33).min(4608) } else { 0 };
    free.saturating_sub(own)
}

/// One finding for each file system.
pub fn check(disks: &[DiskFacts]) -> Vec<Finding> {
    let is_first = |(at, disk): &(usize, &DiskFacts)| disks.iter().take(*at).all(|other| other.device != disk.device);
    let ours = disks.iter().enumerate().filter(is_first).map(|(_, disk)| disk);
    ours.filter_map(|disk| if disk.read_only { Some(read_only(disk)) } else { full(disk) }).collect()
}

fn read_only(disk: &DiskFacts) -> Finding {
    let (shown, folder) = (clean(&disk.folder), quoted(&disk.folder));
    let mount = format!("mount -o remount,rw \"$(findmnt -no TARGET -T {folder})\"");
    let why = "dmesg | grep -iE 'remount|error' | tail   # why it is so";
    if in_run(disk) {
        let what = format!(
            "{shown} is on a read-only disk: while the disk with the keys is read-only too, all users are \
                refused"
        );
        return Finding::warning(ABOUT, "read_only", what).fixed_by([why.to_owned(), mount]);
    }
    let what = format!(
        "{shown} is on a read-only disk: nothing can be enrolled or changed, and logins depend on \
         /run/pam_totp, which a restart empties"
    );
    Finding::fault(ABOUT, "read_only", what).fixed_by([why.to_owned(), mount])
}

fn full(disk: &DiskFacts) -> Option<Finding> {
    let few = disk.files.filter(|files| *files < FILES);
    if disk.free >= BYTES && few.is_none() {
        return (disk.for_others < BYTES).then(|| nearly_full(disk));
    }
    let left = match few {
        Some(files) => format!("no more files can be made there ({files} left)"),
        None => format!("{} KiB are left", disk.free >> 10),
    };
    let shown = clean(&disk.folder);
    let finding = match in_run(disk) {
        true => Finding::warning(
            ABOUT,
            "full",
            format!(
                "{shown} is on a full disk, {left}: while the disk with the keys is read-only, all users are \
                refused"
            ),
        ),
        false => Finding::fault(
            ABOUT,
            "full",
            format!(
                "{shown} is on a full disk, {left}: nothing can be enrolled or changed, and a user whose record is not \
                 there yet is refused"
            ),
        ),
    };
    Some(finding.fixed_by(looking(disk)))
}

/// Programs without root fill a disk no further.
fn nearly_full(disk: &DiskFacts) -> Finding {
    let what = format!("{} is on a disk with no room left but what is kept for root", clean(&disk.folder));
    Finding::warning(ABOUT, "nearly_full", what).fixed_by(looking(disk))
}

fn looking(disk: &DiskFacts) -> [String; 2] {
    let folder = quoted(&disk.folder);
    [
        format!("df -h {folder}; df -i {folder}"),
        format!("du -xa \"$(findmnt -no TARGET -T {folder})\" | sort -n | tail -n 30   # see what can be removed"),
    ]
}

fn in_run(disk: &DiskFacts) -> bool {
    disk.folder.starts_with("/run/")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::finding::Severity;

    #[test]
    fn what_ext4_keeps_for_itself_is_not_free() {
        let cases = [((3300, 500, 40), 500), ((3300, 500, 0), 400), ((3300, 50, 0), 0), ((1 << 30, 5000, 0), 392)];
        for ((blocks, free, for_others), expected) in cases {
            assert_eq!(usable(blocks, free, for_others), expected, "{blocks} {free} {for_others}");
        }
    }

    #[test]
    fn a_disk_without_room_is_a_fault_and_said_once() {
        let disk = |folder: &str, device, free, files, read_only| DiskFacts {
            folder: folder.into(),
            device,
            free,
            for_others: free,
            files,
            read_only,
        };
        let judged = |disks: &[DiskFacts]| check(disks).iter().map(|f| (f.level, f.code)).collect::<Vec<_>>();
        let plenty = 1 << 30;
        assert_eq!(judged(&[disk("/a", 1, plenty, None, false), disk("/b", 1, plenty, Some(9), false)]), []);
        assert_eq!(
            judged(&[disk("/a", 1, 0, Some(9), false), disk("/b", 1, 0, Some(9), false)]),
            [(Severity::Fault, "full")]
        );
        assert_eq!(judged(&[disk("/a", 1, plenty, Some(0), false)]), [(Severity::Fault, "full")]);
        assert_eq!(judged(&[disk("/a", 1, 0, None, true)]), [(Severity::Fault, "read_only")]);
        let kept = DiskFacts { for_others: 0, ..disk("/a", 1, plenty, None, false) };
        assert_eq!(judged(&[kept]), [(Severity::Warning, "nearly_full")]);
        let run = [disk("/a", 1, plenty, None, false), disk("/run/x", 2, 0, Some(9), false)];
        assert_eq!(judged(&run), [(Severity::Warning, "full")]);
    }
}
