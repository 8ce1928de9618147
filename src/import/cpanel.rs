//! cPanel's `tfa_userdata.json`, `{"alice":{"secret":"..."}}`, and what its API says of an account. Pure.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use super::{ForeignUser, ImportedUser, NO_KEY, NOT_BASE32, Remark, TOO_LONG, Token, Unusable, without_mark};
use crate::factor::enrollment::Kind;
use crate::factor::otp::{Algorithm, Digits};
use crate::factor::secret::{KeyError, Secret};

/// What stands in the place of a user and is none: an issuer, or a setting of another kind.
pub const NO_USER: Unusable = Unusable { line: 0, what: "there is no entry of a user" };
/// No account has a longer name; of one that is longer nobody has to see more.
const LONGEST_NAME: usize = 256;

/// Every user of a file. Only what is no JSON at all stops all of them; what is odd within one stops that one.
pub fn parse(bytes: &[u8]) -> Result<Vec<ImportedUser>, Unusable> {
    let (bytes, mut patched) = (without_mark(bytes), None);
    let text = plain(bytes).unwrap_or_else(|| patched.insert(patch(bytes)));
    // What the parser says may quote the text.
    let fault = |line| Unusable::at(line, "it is not the JSON of cPanel's users");
    let whole = serde_json::from_str::<Object>(text).map_err(|e| fault(e.line()))?;
    // `whmapi1 --output=json twofactorauth_get_tfa_config_for_user user=alice`.
    let users = match (whole.last("data"), whole.last("metadata")) {
        (Some(data), Some(_)) => object(data).ok_or(fault(0))?,
        _ => whole,
    };
    let mut entries: BTreeMap<String, Result<ForeignUser, Unusable>> = BTreeMap::new();
    for (name, value) in users.0 {
        let name: String = name.chars().take(LONGEST_NAME).collect();
        let twice = entries.contains_key(&name);
        let mut found = found(value);
        if let (true, Ok(found)) = (twice, &mut found) {
            found.remarks.push(Remark::RepeatedName);
        }
        entries.insert(name, found);
    }
    Ok(entries.into_iter().map(|(user, found)| ImportedUser { user, found }).collect())
}

fn plain(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok().filter(|text| !text.chars().any(is_odd))
}

/// JSON has none of these, not even within a text.
fn is_odd(letter: char) -> bool {
    letter.is_ascii_control() && !matches!(letter, '\t' | '\n' | '\r')
}

/// What is no text is odd in its own place, and not in all of them.
fn patch(bytes: &[u8]) -> Zeroizing<String> {
    // Reserved at once: a growing buffer would leave unwiped copies of the keys behind.
    let mut text = Zeroizing::new(String::with_capacity(bytes.len().saturating_mul(3)));
    for chunk in bytes.utf8_chunks() {
        text.extend(chunk.valid().chars().map(|c| if is_odd(c) { char::REPLACEMENT_CHARACTER } else { c }));
        text.extend(chunk.invalid().first().map(|_| char::REPLACEMENT_CHARACTER));
    }
    text
}

fn found(value: &RawValue) -> Result<ForeignUser, Unusable> {
    let entry = object(value).ok_or(NO_USER)?;
    let primary = entry.last("primary_account").and_then(object);
    let secret = primary.and_then(|primary| primary.last("secret")).or(entry.last("secret")).and_then(string);
    let mut found = ForeignUser::default();
    let secret = Secret::from_base32(&secret.ok_or(Unusable::at(0, NO_KEY))?);
    let said = |error| if error == KeyError::TooLong { TOO_LONG } else { NOT_BASE32 };
    let secret = found.key(secret.map_err(said), 0)?;
    let (kind, algorithm, digits) = (Kind::Totp { period: 30 }, Algorithm::Sha1, Digits::SIX);
    found.tokens.push(Token { kind, secret, algorithm, digits, used: None, drift: None });
    found.remarks.push(Remark::Unrecorded);
    let others = ["email", "team"].into_iter().filter_map(|kind| entry.last(kind).and_then(object));
    let others = others.map(|names| names.0.len()).fold(0, usize::saturating_add);
    found.remarks.extend((others > 0).then_some(Remark::NoAccounts(others)));
    Ok(found)
}

fn object(value: &RawValue) -> Option<Object<'_>> {
    serde_json::from_str(value.get()).ok()
}

/// A key has no escapes in it, so that nothing but the result holds it.
fn string(value: &RawValue) -> Option<Zeroizing<String>> {
    serde_json::from_str::<&str>(value.get()).ok().map(|text| Zeroizing::new(text.to_owned()))
}

/// An object whose values nobody has looked at: each can be odd by itself. By hand, because what serde derives keeps copies
/// of the keys that nobody wipes.
struct Object<'a>(Vec<(String, &'a RawValue)>);

impl<'a> Object<'a> {
    /// The last one of this name, as in every reader of JSON.
    fn last(&self, name: &str) -> Option<&'a RawValue> {
        self.0.iter().rev().find(|(other, _)| other == name).map(|(_, value)| *value)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Object<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_map(Members)
    }
}

struct Members;

impl<'de> Visitor<'de> for Members {
    type Value = Object<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object<'de>, A::Error> {
        let mut members = Vec::new();
        while let Some((Name(name), value)) = map.next_entry()? {
            members.push((name, value));
        }
        Ok(Object(members))
    }
}

/// A name, be it half of a letter.
struct Name(String);

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_bytes(NameBytes)
    }
}

struct NameBytes;

impl Visitor<'_> for NameBytes {
    type Value = Name;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Name, E> {
        Ok(Name(String::from_utf8_lossy(bytes).into_owned()))
    }

    fn visit_str<E>(self, text: &str) -> Result<Name, E> {
        Ok(Name(text.to_owned()))
    }
}
