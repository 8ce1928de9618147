//! `--root`: the disk of a host that nobody gets in to, mounted in another system.

use std::path::Path;

use nix::unistd::Uid;
use pam_totp::system::disk::{self, NotEntered};
use pam_totp::text::clean;

use crate::log;
use crate::report::Failure;

/// Works on that disk from now on, and on nothing else.
pub fn enter(directory: &Path) -> Result<(), Failure> {
    let name = clean(&directory.to_string_lossy());
    if !Uid::effective().is_root() {
        return Err(Failure::not_permitted(format!("--root {name}: only root may do this (try sudo)")));
    }
    // The person behind this and the log are of this system, and out of reach from there.
    log::remember(&name);
    disk::enter(directory).map_err(|error| match error {
        NotEntered::Io(_) => Failure::usage(format!("--root {name}: {error}: mount that disk first")),
        NotEntered::NotRoots | NotEntered::Own => Failure::usage(format!("--root {name} {error}")),
    })
}
