//! Why nothing can be said of a user, or changed: what stands between this process and root's files.

use std::fmt;

use crate::store::StoreError;
use crate::text::clean;

/// Why nobody can say, or do, what was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unavailable {
    /// The store refuses.
    Store(StoreError),
    /// The door was no help.
    Door {
        /// Why it was asked: the files are out of this process's reach. `None` where they are not for it to look at.
        here: Option<StoreError>,
        /// Why it was none.
        door: DoorError,
    },
    /// NSS could not say whether the account exists.
    Accounts,
    /// This process, of that account, asked for somebody else, and may not have codes judged.
    NoJudge {
        /// The account's name.
        own: String,
        /// If it is a daemon's: those that may, and it.
        judges: Option<String>,
    },
}

impl fmt::Display for Unavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Store(error) => error.fmt(f),
            Self::Door { here: Some(here), door } => write!(f, "{here}; asked instead, {door}"),
            Self::Door { here: None, door } => door.fmt(f),
            Self::Accounts => f.write_str("the account could not be looked up"),
            Self::NoJudge { own, judges } => {
                let own = clean(own);
                write!(f, "this program runs as {own} and may not have the codes of other users judged")?;
                match judges {
                    Some(judges) => write!(f, ": `pam-totp policy set door.judges {}` lets it", clean(judges)),
                    None => Ok(()),
                }
            }
        }
    }
}

impl std::error::Error for Unavailable {}

impl From<StoreError> for Unavailable {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<DoorError> for Unavailable {
    fn from(door: DoorError) -> Self {
        Self::Door { here: None, door }
    }
}

/// Why the door was no help. Holds no text that came through it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DoorError {
    /// Nobody answers there.
    Closed,
    /// Somebody answers who is not root.
    NotRoot,
    /// No whole answer in time, and nobody knows whether there will be one.
    Late,
    /// It was asked, and its whole time was over without a word.
    Mute,
    /// The connection ended before an answer: too many callers, or a pam-totpd that does not start.
    HungUp,
    /// An answer, or a request, that is none; of another version perhaps.
    Garbled,
    /// A right answer to another question: this caller may not ask this.
    NotForYou,
    /// The host cannot do it now.
    Fault,
}

impl DoorError {
    /// Is nobody there, so that this process may judge, if it can? Where the connection ended, somebody may have judged
    /// and died of it. The record on the disk is the truth all the same: they counted the guess before they judged it, and here
    /// it costs one more; a code that they accepted is a used one. Nothing else leads a program to a second judgement that its
    /// caller can stop: what is garbled, or not root's, is no word of pam-totpd; a refusal is an answer; and who is late may
    /// answer still.
    pub fn is_silence(self) -> bool {
        matches!(self, Self::Closed | Self::HungUp)
    }

    /// Has no word come, whyever? To a process that nobody but root can stop this is as good as silence.
    pub fn is_no_answer(self) -> bool {
        self.is_silence() || matches!(self, Self::Late | Self::Mute)
    }

    /// In words, with what to do.
    pub fn what(self) -> &'static str {
        match self {
            Self::Closed => "nobody answers at pam-totpd's socket: `systemctl enable --now pam-totpd.socket`",
            Self::NotRoot => "behind the door's socket is not root: refusing to tell it anything",
            Self::Late | Self::Mute => "pam-totpd did not answer in time: try again",
            Self::HungUp => "pam-totpd hung up: try again; should it last, the host's log says why",
            Self::Garbled => "pam-totpd speaks another version: restart this service",
            Self::NotForYou => "pam-totpd answers only for the caller's own account",
            Self::Fault => "pam-totpd cannot use the store or the policy: the host's log says why",
        }
    }

    /// The same, said to somebody who is not root and cannot do what helps.
    pub fn what_to_users(self) -> &'static str {
        match self {
            Self::Closed => {
                "nobody answers at pam-totpd's socket: ask the administrator to run `systemctl enable --now pam-totpd.socket`"
            }
            other => other.what(),
        }
    }
}

impl fmt::Display for DoorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.what())
    }
}
