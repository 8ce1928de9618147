//! Changes of the files of stacks, or why there are none. Pure.

use std::fmt;

/// A file that changes; `None`: it does not exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileChange {
    /// Where.
    pub path: String,
    /// As it is.
    pub before: Option<String>,
    /// As it is to be.
    pub after: Option<String>,
}

/// What is to be done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StackPlan {
    /// In this order.
    pub changes: Vec<FileChange>,
    /// What people should know of it.
    pub notes: Vec<String>,
}

/// Why nothing is changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotChanged {
    /// Nothing there can be asked behind.
    NoPassword(String),
    /// It asks already, in another way.
    OtherShape(String),
    /// Somebody would be worse off.
    Harm(String),
    /// The stack would not work, in this words.
    Faulty(String),
    /// It was written by hand.
    ByHand(String),
    /// No such stack.
    NoStack(String),
    /// `--key` is for sshd.
    NotSshd(String),
}

impl fmt::Display for NotChanged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoPassword(service) => write!(
                f,
                "{service}: write the lines by hand, see pam_totp(8): no line of its stack checks a password, behind \
                 which the code could be asked for"
            ),
            Self::OtherShape(service) => {
                write!(
                    f,
                    "{service} already asks for codes in another way: first run `pam-totp stack remove \
                    {service}`"
                )
            }
            Self::Harm(what) => {
                write!(f, "this change would make something worse: {what}. Write the lines by hand, see pam_totp(8)")
            }
            Self::Faulty(what) => write!(
                f,
                "with this change the stack would not work as it should: {what}. Write the lines by hand, see \
                 pam_totp(8)"
            ),
            Self::ByHand(service) => write!(
                f,
                "{service}: remove its lines in an editor: they were written by hand, and what stood in their place \
                 is not known"
            ),
            Self::NoStack(service) => write!(f, "{service}: there is no such PAM stack"),
            Self::NotSshd(service) => write!(
                f,
                "{service}: --key is for sshd alone, because no other program checks \
                keys"
            ),
        }
    }
}
