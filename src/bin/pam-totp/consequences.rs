//! What a switch of the policy does at this host's stacks.

use std::collections::BTreeMap;
use std::path::Path;

use pam_totp::doctor::stacks::diagnose::problems;
use pam_totp::doctor::stacks::files::{StackFiles, lines};
use pam_totp::doctor::stacks::line::Facility;
use pam_totp::doctor::stacks::predict::{WithoutCodes, without_codes};
use pam_totp::doctor::stacks::problem::Circumstances;
use pam_totp::paths::POLICY;
use pam_totp::policy::Policy;
use pam_totp::policy::rules::Unenrolled;
use pam_totp::text::clean;

use crate::stacks;

const FIX: &str = ". `pam-totp doctor` prints the commands that fix it";

/// What becomes of logins once the policy is off.
#[derive(Default)]
pub struct Off {
    /// Services that refuse some or all of those with a right password.
    pub refuse: Vec<String>,
    /// Services that let everybody in.
    pub open: Vec<String>,
    said: Vec<String>,
}

impl Off {
    /// At the stacks that go by the policy at `path`.
    pub fn of(path: &Path) -> Self {
        let (files, mut off) = (stacks::files(), Self::default());
        for stack in files.naming_us().into_iter().filter(|stack| goes_by(&files, &stack.service, path)) {
            let service = stack.service;
            let name = clean(&service);
            match without_codes(&files, &service) {
                None => {}
                Some(WithoutCodes::Opens) => {
                    off.said.push(format!("{name} lets everybody in: the code is all that it asks for."));
                    off.open.push(service);
                }
                Some(WithoutCodes::Closes) => {
                    off.said.push(format!("{name} refuses everybody: the code is all that it asks for."));
                    off.refuse.push(service);
                }
                Some(WithoutCodes::Refuses(modules)) => {
                    let whom = match modules.as_slice() {
                        [] => "everybody".to_owned(),
                        modules => format!("users whom {} knows", modules.join(" or ")),
                    };
                    off.said.push(format!("{name} refuses {whom}: its stack fails where no code is due{FIX}."));
                    off.refuse.push(service);
                }
            }
        }
        off
    }

    /// What to ask before; `None` where those with a right password get in, and nobody else.
    pub fn question(&self) -> Option<String> {
        self.said().map(|said| format!("{said}\nSwitch two-factor authentication off?"))
    }

    /// The same, without asking.
    pub fn said(&self) -> Option<String> {
        let said = self.said.join("\n");
        (!said.is_empty()).then(|| format!("With the policy off\n{said}"))
    }
}

/// Does a line of this service ask by that policy?
fn goes_by(files: &StackFiles, service: &str, path: &Path) -> bool {
    let steps = files.chain(service, Facility::Auth);
    let options = lines(&steps).filter(|line| line.is_ours()).filter_map(|line| line.options().ok());
    options.into_iter().any(|options| options.config.as_deref().unwrap_or(Path::new(POLICY)) == path)
}

/// The stacks that store nothing of what users enroll there, though this policy has them enroll.
pub fn unstored(path: &Path, policy: &Policy) -> Vec<String> {
    if !policy.enabled || policy.unenrolled != Some(Unenrolled::Enroll) {
        return Vec::new();
    }
    let files = stacks::files();
    let circumstances = Circumstances { enabled: true, unenrolled: policy.unenrolled, ..Circumstances::default() };
    let mut found: BTreeMap<(String, String), Vec<String>> = BTreeMap::new();
    for stack in files.naming_us().into_iter().filter(|stack| goes_by(&files, &stack.service, path)) {
        for problem in
            problems(&files, &stack.service, &circumstances).into_iter().filter(|problem| problem.code == "no_account")
        {
            found.entry((problem.place, problem.what)).or_default().push(clean(&stack.service));
        }
    }
    let said =
        found.into_iter().map(|((place, what), services)| format!("{}: {place}: {what}{FIX}", services.join(", ")));
    said.collect()
}
