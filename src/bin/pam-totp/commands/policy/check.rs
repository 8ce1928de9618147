//! `policy check`: is a policy right, and if not, where?

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use clap::Args;
use nix::errno::Errno;
use pam_totp::backend::PolicyFault;
use pam_totp::policy::Policy;
use pam_totp::store;
use pam_totp::system::disk::{self, NotRead};

use crate::json::PolicyCheckReport;
use crate::policy_file::path;
use crate::report::{Failure, NO, Report};
use crate::{accounts, names};

/// No policy is longer, by far.
const MAX_DRAFT: u64 = 16 << 20;

#[derive(Args)]
pub struct PolicyCheckArgs {
    /// A draft, of which only the text matters [default: the policy in force, its owner and mode too].
    file: Option<PathBuf>,
}

pub fn check(config: Option<&Path>, arguments: &PolicyCheckArgs) -> Result<Report, Failure> {
    let draft = arguments.file.as_deref();
    let file = draft.unwrap_or(path(config));
    let bytes = match draft {
        // Whose a draft is does not matter: what logins read is another file, or will be once it is in its place.
        Some(draft) if draft != path(config) => {
            let bytes = read_draft(draft).map_err(|e| Failure::usage(format!("{}: {e}", draft.display())))?;
            Some(bytes.into())
        }
        _ => store::read_policy(file)?,
    };
    let name = file.display().to_string();
    match bytes.as_ref().map(|bytes| Policy::parse(bytes)) {
        Some(Ok(policy)) => {
            let found = names::unknown(file, &policy, &accounts::all().unwrap_or_default());
            let said: Vec<String> = found.into_iter().map(|finding| finding.message).collect();
            let warnings: String = said.iter().map(|said| format!("\nwarning: {said}")).collect();
            let text = format!("{name}: ok{warnings}");
            let object =
                PolicyCheckReport { file: name, valid: true, warnings: Some(said), ..PolicyCheckReport::default() };
            Ok(Report::new(text, &object))
        }
        Some(Err(bad)) => {
            let text = format!("{name}: {bad}");
            let (line, column) = (Some(bad.at.map(|at| at.0)), Some(bad.at.map(|at| at.1)));
            let object =
                PolicyCheckReport { file: name, line, column, message: Some(bad.what), ..PolicyCheckReport::default() };
            Ok(Report::new(text, &object).exiting(NO))
        }
        None if config.is_some() => Err((&PolicyFault::Absent(file.into())).into()),
        None => {
            let text = format!("{name} does not exist: the defaults count.");
            Ok(Report::new(text, &PolicyCheckReport { file: name, valid: true, ..PolicyCheckReport::default() }))
        }
    }
}

/// On this system a draft may come by a pipe; of another's disk only files are read.
fn read_draft(draft: &Path) -> Result<Vec<u8>, NotRead> {
    if disk::is_entered() {
        return disk::bytes(draft);
    }
    let mut bytes = Vec::new();
    let read = File::open(draft).and_then(|file| file.take(MAX_DRAFT + 1).read_to_end(&mut bytes));
    read.map_err(|e| NotRead::Io(e.raw_os_error().map_or(Errno::EIO, Errno::from_raw)))?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length <= MAX_DRAFT) { Ok(bytes) } else { Err(NotRead::TooLong) }
}
