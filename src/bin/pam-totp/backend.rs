//! The policy and the store of this call, or why there is no working with them.

use std::path::Path;

use pam_totp::backend::{Backend, Local, LocalOrDoor, PolicyFault};
use pam_totp::store::StoreError;
use pam_totp::text::plain;

use crate::hook;
use crate::report::Failure;

/// The policy and the store, or why there is no working with them.
pub fn local(config: Option<&Path>) -> Result<Local, Failure> {
    let backend = Local::open(config);
    hook::learn(backend.policy());
    match backend.fault() {
        Some(fault) => Err(fault.into()),
        None => Ok(backend),
    }
}

/// The same for what helps users who are shut out: a typo in the policy is no reason to leave them there. It goes on with
/// what logins go on with, and says so.
pub fn local_anyway(config: Option<&Path>) -> Result<(Local, Vec<String>), Failure> {
    let backend = Local::open(config);
    hook::learn(backend.policy());
    let warnings = warnings(backend.fault())?;
    Ok((backend, warnings))
}

/// The same for what users may do themselves: without root they ask at the door.
pub fn local_or_door(config: Option<&Path>) -> Result<LocalOrDoor, Failure> {
    let backend = LocalOrDoor::open(config);
    hook::learn(backend.policy());
    match backend.fault() {
        Some(fault) => Err(fault.into()),
        None => Ok(backend),
    }
}

/// Likewise, without root at the door.
pub fn local_or_door_anyway(config: Option<&Path>) -> Result<(LocalOrDoor, Vec<String>), Failure> {
    let backend = LocalOrDoor::open(config);
    hook::learn(backend.policy());
    let warnings = warnings(backend.fault())?;
    Ok((backend, warnings))
}

/// What is wrong beside what was asked for. A file that was named and is not there, or that cannot be read, may be a typo of
/// the caller's: no warning, a fault.
fn warnings(fault: Option<&PolicyFault>) -> Result<Vec<String>, Failure> {
    match fault {
        None => Ok(Vec::new()),
        Some(fault @ (PolicyFault::Text(..) | PolicyFault::File(StoreError::Unsafe(..)))) => {
            let warning = format!("{fault}: fix the policy. Until then the strictest one is in force");
            eprintln!("pam-totp: {}", plain(&warning));
            Ok(vec![warning])
        }
        Some(fault) => Err(fault.into()),
    }
}
