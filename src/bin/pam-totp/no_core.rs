//! Keys pass through this process: none may go into a core file.

use nix::sys::resource::{Resource, setrlimit};

/// Nor to a debugger of the same user.
pub fn keep_none() {
    let _ = nix::sys::prctl::set_dumpable(false);
    let _ = setrlimit(Resource::RLIMIT_CORE, 0, 0);
}
