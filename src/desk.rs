//! The desk between a login and the store: one policy, read once, and what is asked of it.

use std::path::Path;

use crate::account::{self, Account};
use crate::manage::{self, By, Change, Codes, ManageError, Pending, Proof};
use crate::otp::Digits;
use crate::policy::{BadPolicy, PATH, Policy};
use crate::preview::{self, Login, Preview, Standing};
use crate::rules::Ruling;
use crate::secret::Answer;
use crate::store::{self, Store, StoreError};
use crate::verify::{self, Verdict};

/// What a login needs.
pub trait Desk {
    /// The policy in force.
    fn policy(&self) -> &Policy;
    /// Why it is not the administrator's, if it is not.
    fn policy_fault(&self) -> Option<String>;
    /// Is this user asked?
    fn preview(&self, login: &Login<'_>) -> Preview;
    /// How many digits his codes have; six for those who have none.
    fn digits(&self, standing: &Standing) -> Digits;
    /// Is this a name of that account?
    fn names(&self, name: &str, account: &Account) -> bool;
    /// Stores a key that was proved at a login, with so many backup codes.
    fn enroll(&self, pending: Pending, backup_codes: u8) -> Result<Codes, ManageError>;
    /// Judges the answer; `None`: there is no factor. The verdict is on disk when this returns.
    fn verify(&self, standing: &Standing, login: &Login<'_>, answer: &Answer) -> Result<Option<Verdict>, StoreError>;
}

/// Does it here, with the files.
pub struct Local {
    policy: Policy,
    fault: Option<PolicyFault>,
    store: Result<Store, StoreError>,
}

/// Why a policy is not in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PolicyFault {
    /// The file cannot be used.
    File(StoreError),
    /// The file was named and does not exist.
    Absent(std::path::PathBuf),
    /// Its text is wrong.
    Text(std::path::PathBuf, BadPolicy),
}

impl std::fmt::Display for PolicyFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File(error) => error.fmt(f),
            Self::Absent(path) => write!(f, "{} does not exist", path.display()),
            Self::Text(path, bad) => write!(f, "{}: {bad}", path.display()),
        }
    }
}

impl Local {
    /// Reads the policy and opens the store. A broken policy is replaced by the strictest one, so that enrolled
    /// administrators still get in to mend it.
    pub fn open(config: Option<&Path>) -> Self {
        let (policy, fault) = read_policy(config);
        // Switched off, a broken store locks nobody out.
        let store = Store::open(&policy.store);
        Self { policy, fault, store }
    }

    /// The opened store, for programs.
    pub fn store(&self) -> Result<&Store, StoreError> {
        self.store.as_ref().map_err(Clone::clone)
    }

    /// What a login comes to and which rule says so, for programs.
    pub fn explain(&self, login: &Login<'_>) -> (Preview, Ruling) {
        preview::preview(&self.store, &self.policy, login)
    }

    /// The fault itself, for programs.
    pub fn fault(&self) -> Option<&PolicyFault> {
        self.fault.as_ref()
    }
}

fn read_policy(config: Option<&Path>) -> (Policy, Option<PolicyFault>) {
    let path = config.unwrap_or(Path::new(PATH));
    let strictest = |text: &[u8], fault| (Policy::strictest(text), Some(fault));
    match store::read_policy(path) {
        Ok(Some(bytes)) => match Policy::parse(&bytes) {
            Ok(policy) => (policy, None),
            Err(bad) => strictest(&bytes, PolicyFault::Text(path.into(), bad)),
        },
        Ok(None) if config.is_some() => strictest(b"", PolicyFault::Absent(path.into())),
        Ok(None) => (Policy::default(), None),
        Err(error) => strictest(b"", PolicyFault::File(error)),
    }
}

impl Desk for Local {
    fn policy(&self) -> &Policy {
        &self.policy
    }

    fn policy_fault(&self) -> Option<String> {
        self.fault.as_ref().map(ToString::to_string)
    }

    fn preview(&self, login: &Login<'_>) -> Preview {
        self.explain(login).0
    }

    fn digits(&self, standing: &Standing) -> Digits {
        let enrollment = match (standing, &self.store) {
            (Standing::Enrolled(account), Ok(store)) => store.enrollment(account).ok().flatten(),
            _ => None,
        };
        enrollment.map_or(Digits::SIX, |e| e.digits())
    }

    fn names(&self, name: &str, account: &Account) -> bool {
        account::by_name(name).is_ok_and(|found| found.as_ref() == Some(account))
    }

    fn enroll(&self, pending: Pending, backup_codes: u8) -> Result<Codes, ManageError> {
        let Pending { account, device, line } = pending;
        let change = Change::Set { device, proof: Proof::Before(line), replace: false, backup_codes };
        manage::apply(self.store.as_ref().map_err(Clone::clone)?, &self.policy, &account, By::Root, change)
    }

    fn verify(&self, standing: &Standing, login: &Login<'_>, answer: &Answer) -> Result<Option<Verdict>, StoreError> {
        match (standing, &self.store) {
            (Standing::Enrolled(account), Ok(store)) => {
                let memory = preview::memory(&self.policy, login, account);
                let verdict = verify::verify(store, &self.policy, account, login.source, answer, memory.as_ref());
                if !matches!(verdict, Ok(Some(_))) {
                    verify::in_vain(&self.policy, answer);
                }
                verdict
            }
            (Standing::Faulty(error), _) | (_, Err(error)) => {
                verify::in_vain(&self.policy, answer);
                Err(error.clone())
            }
            _ => {
                verify::in_vain(&self.policy, answer);
                Ok(None)
            }
        }
    }
}
