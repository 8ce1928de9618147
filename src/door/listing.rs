//! A list of users: a message for each, and one that ends it. Pure.

use zeroize::Zeroizing;

use super::message::{DoorMessage, Fields, MAX, Malformed, encoded, text};
use super::words::MAX_NAME;
use crate::login::status::Status;

/// A user of a delegate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// The canonical account name.
    pub user: String,
    /// What they have; `None`: it cannot be used, and why is for root.
    pub status: Option<Status>,
}

/// Behind the last one. A list that ends without it is not whole.
const END: &str = "listed end";

pub(super) fn print(users: &[Listed]) -> Zeroizing<String> {
    let mut out = Zeroizing::new(String::new());
    for Listed { user, status } in users {
        let one = message(user, status.as_ref());
        // The longest name with all that a record can hold.
        let one = if one.len() > MAX { message(user, None) } else { one };
        out.push_str(&one);
    }
    out.push_str(&DoorMessage::new(END).end());
    out
}

fn message(user: &str, status: Option<&Status>) -> Zeroizing<String> {
    let head = match status {
        Some(status) if status.enrolled => "listed enrolled",
        Some(_) => "listed none",
        None => "listed unusable",
    };
    let mut message = DoorMessage::new(head);
    message.field("user", &[&encoded(user.as_bytes())]);
    if let Some(status) = status {
        message.status(status);
    }
    message.end()
}

/// A list; `None`: one message that is none of it.
pub(super) fn parse(bytes: &[u8]) -> Result<Option<Vec<Listed>>, Malformed> {
    let text = std::str::from_utf8(bytes).map_err(|_| Malformed)?;
    let mut users = Vec::new();
    let mut rest = text;
    loop {
        let length = rest.find("\n\n").ok_or(Malformed)?.saturating_add(2);
        let (message, behind) = rest.split_at_checked(length).ok_or(Malformed)?;
        let mut fields = Fields::split(message.as_bytes())?;
        match fields.head {
            END if behind.is_empty() => return Ok(Some(users)),
            "listed enrolled" => users.push(fields.listed(Some(true))?),
            "listed none" => users.push(fields.listed(Some(false))?),
            "listed unusable" => users.push(fields.listed(None)?),
            _ if users.is_empty() && behind.is_empty() => return Ok(None),
            _ => return Err(Malformed),
        }
        rest = behind;
    }
}

impl Fields<'_> {
    fn listed(&mut self, enrolled: Option<bool>) -> Result<Listed, Malformed> {
        let [user] = self.one("user")?;
        let user = text(user, MAX_NAME)?;
        Ok(Listed { user, status: enrolled.map(|enrolled| self.status(enrolled)).transpose()? })
    }
}
