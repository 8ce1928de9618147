//! `notify`: tells of the changes that module and pam-totpd have left.

use nix::unistd::Uid;
use pam_totp::backend::{Backend, Local};
use pam_totp::store::spool;
use pam_totp::system::disk;

use crate::log::log;
use crate::report::{Failure, Report};
use crate::{hook, json};

/// Tells what module and pam-totpd have left, each line until it was told once.
pub fn notify() -> Result<Report, Failure> {
    if !Uid::effective().is_root() {
        return Err(Failure::only_root());
    }
    if disk::is_entered() {
        return Err(Failure::usage("`notify` runs a program of this system: not with --root"));
    }
    let _turn = spool::lock()?;
    spool::check_writable()?;
    let backend = Local::open(None);
    if let Some(fault) = backend.fault() {
        return Err(Failure::host(format!("{fault}: whom to tell is not known, so what waits goes on waiting")));
    }
    let mut told = 0_u64;
    for path in spool::waiting()? {
        let line = match (spool::read(&path), backend.policy().notify.as_deref()) {
            (Ok(Some(line)), Some(program)) => Some((line, program)),
            (Err(error), _) => {
                let _ = log(&format!("notify: {error}"));
                None
            }
            _ => None,
        };
        if let Some((line, program)) = line {
            hook::hangs_at(program, &line);
            told = told.saturating_add(1);
        }
        // Only now: killed before, the line is told again.
        spool::take(&path)?;
    }
    Ok(Report::new(String::new(), &json::NotifyReport { told }))
}
