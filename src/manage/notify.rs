//! What a panel is told of a change: one line of JSON. Pure, and without a secret.

use std::fmt::{self, Write};

/// A change.
#[derive(Clone, Debug, Default)]
pub struct Event<'a> {
    /// What was done, in one word.
    pub event: &'a str,
    /// To whose enrollment; `None` for the policy.
    pub user: Option<&'a str>,
    /// The device, where there is one to name.
    pub device: Option<&'a str>,
    /// The name before, of somebody who was renamed.
    pub old_user: Option<&'a str>,
    /// Who did it.
    pub by: Option<&'a str>,
    /// The account of the person behind it, where `by` is what they said.
    pub person: Option<&'a str>,
    /// The PAM service, of a change at a login.
    pub service: Option<&'a str>,
    /// Where that login came from.
    pub from: Option<&'a str>,
    /// Seconds since 1970.
    pub at: u64,
}

impl fmt::Display for Event<'_> {
    /// Without a line break at its end.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{\"version\":1,\"event\":{}", JsonString(self.event))?;
        let texts = [
            ("user", self.user),
            ("device", self.device),
            ("old_user", self.old_user),
            ("by", self.by),
            ("person", self.person),
            ("service", self.service),
            ("from", self.from),
        ];
        for (name, text) in texts {
            text.map_or(Ok(()), |text| write!(f, ",\"{name}\":{}", JsonString(text)))?;
        }
        write!(f, ",\"at\":{}}}", self.at)
    }
}

/// A JSON string.
struct JsonString<'a>(&'a str);

impl fmt::Display for JsonString<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        for letter in self.0.chars().take(256) {
            match letter {
                '"' | '\\' => write!(f, "\\{letter}")?,
                _ if letter.is_control() => write!(f, "\\u{:04x}", u32::from(letter))?,
                _ => f.write_char(letter)?,
            }
        }
        f.write_char('"')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_json_whatever_the_names_are() {
        let event = Event { event: "enrolled", user: Some("alice"), service: Some("sshd"), at: 42, ..Event::default() };
        assert_eq!(event.to_string(), r#"{"version":1,"event":"enrolled","user":"alice","service":"sshd","at":42}"#);
        let odd = Event { event: "renamed", user: Some("a\"b\\c\nd\u{85}"), ..Event::default() };
        assert_eq!(odd.to_string(), r#"{"version":1,"event":"renamed","user":"a\"b\\c\u000ad\u0085","at":0}"#);
    }
}
