//! Before the prompt: is this user asked for a code?

use crate::account::{self, Account};
use crate::policy::{Policy, Unenrolled};
use crate::store::{Store, StoreError};

/// What to do with a login.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Preview {
    /// No code is due.
    Ignore(Reason),
    /// Ask; what the answer can come to depends on the standing.
    Ask(Standing),
    /// Enroll at this login.
    Enroll(Account),
}

/// Why no code is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The policy is off.
    SwitchedOff,
    /// Those without a factor may pass.
    NotEnrolled,
}

/// Who is being asked. All are asked alike, and all but the first are refused alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// A factor is there.
    Enrolled(Account),
    /// An account without a factor.
    Unenrolled(Account),
    /// No such account.
    Unknown,
    /// The store cannot tell; nobody gets in by that.
    Faulty(StoreError),
}

impl Preview {
    /// The account's name, for the log.
    pub fn user(&self) -> Option<&str> {
        match self {
            Self::Ask(standing) => standing.user(),
            Self::Enroll(account) => Some(&account.name),
            Self::Ignore(_) => None,
        }
    }
}

impl Standing {
    /// The account's name, for the log; what else was typed may be a password.
    pub fn user(&self) -> Option<&str> {
        match self {
            Self::Enrolled(account) | Self::Unenrolled(account) => Some(&account.name),
            Self::Unknown | Self::Faulty(_) => None,
        }
    }
}

/// Looks at policy, account and secret file, in this order.
pub fn preview(store: &Result<Store, StoreError>, policy: &Policy, name: Option<&str>, nullok: bool) -> Preview {
    if !policy.enabled {
        return Preview::Ignore(Reason::SwitchedOff);
    }
    let default = if nullok { Unenrolled::Allow } else { Unenrolled::Deny };
    match (standing(store, name), policy.unenrolled.unwrap_or(default)) {
        (Standing::Unenrolled(_), Unenrolled::Allow) => Preview::Ignore(Reason::NotEnrolled),
        // Only NSS says whose a name is: where it was not asked, a directory may still find somebody with a factor.
        (Standing::Unknown, Unenrolled::Allow) if name.is_some_and(account::is_looked_up) => {
            Preview::Ignore(Reason::NotEnrolled)
        }
        (Standing::Unenrolled(account), Unenrolled::Enroll) => Preview::Enroll(account),
        (standing, _) => Preview::Ask(standing),
    }
}

/// Unenrolled means exactly: the account was looked up without an error, and there is no file in a `secrets/`
/// that passed its checks. Anything else would let an unmounted disk open the host.
fn standing(store: &Result<Store, StoreError>, name: Option<&str>) -> Standing {
    let store = match store {
        Ok(store) => store,
        Err(error) => return Standing::Faulty(error.clone()),
    };
    let Some(name) = name else { return Standing::Unknown };
    let account = match account::by_name(name) {
        Ok(Some(account)) => account,
        // glibc hides a service that failed behind a later one that knows nobody ("files systemd", out of
        // descriptors): who has a factor is there all the same.
        Ok(None) if store.is_enrolled(name) == Ok(false) => return Standing::Unknown,
        Ok(None) | Err(account::Unavailable) => return Standing::Faulty(StoreError::NoAccounts),
    };
    match store.is_enrolled(&account.name) {
        Ok(true) => Standing::Enrolled(account),
        Ok(false) => Standing::Unenrolled(account),
        Err(error) => Standing::Faulty(error),
    }
}
