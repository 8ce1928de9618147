//! The door to root's files for callers who are not root, or who are root and cannot write.

use std::fmt;

pub mod client;
pub mod message;
pub mod wire;

/// Why the door was no help. Holds no text that came through it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DoorError {
    /// Nobody answers there.
    Closed,
    /// Somebody answers who is not root.
    NotRoot,
    /// No whole answer in time.
    Late,
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
    /// In words, with what to do.
    pub fn what(self) -> &'static str {
        match self {
            Self::Closed => "nobody answers at pam-totpd's socket: `systemctl enable --now pam-totpd.socket`",
            Self::NotRoot => "behind the door's socket is not root: refusing to tell it anything",
            Self::Late => "pam-totpd did not answer in time: try again",
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
