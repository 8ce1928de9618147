//! This host's own name: the issuer that apps show where the policy names none.

use crate::system::disk;
use crate::text;

/// `None` where there is none, or one that no app could show. That of another system's disk stands in its own file.
pub fn hostname() -> Option<String> {
    let name = if disk::is_entered() { in_file()? } else { nix::unistd::gethostname().ok()?.into_string().ok()? };
    text::valid_label(&name).then_some(name)
}

fn in_file() -> Option<String> {
    let text = disk::read("/etc/hostname").ok()?;
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.next().map(str::to_owned)
}
