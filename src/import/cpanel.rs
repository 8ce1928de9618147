//! cPanel's `tfa_userdata.json`, `{"alice":{"secret":"..."}}`, and what its API says of an account. Pure.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use zeroize::Zeroizing;

use super::{Entry, Found, Remark, Token, Unusable};
use crate::enrollment::Kind;
use crate::otp::{Algorithm, Digits};
use crate::secret::Secret;

/// `whmapi1 --output=json twofactorauth_get_tfa_config_for_user user=alice`.
#[derive(Deserialize)]
struct Answer {
    data: BTreeMap<String, Account>,
    #[serde(rename = "metadata")]
    _metadata: IgnoredAny,
}

/// Every user of a file.
pub fn parse(bytes: &[u8]) -> Result<Vec<Entry>, Unusable> {
    let answer = serde_json::from_slice::<Answer>(bytes).map(|answer| answer.data);
    // What the parser says may quote the text.
    let fault = |e: serde_json::Error| Unusable::at(e.line(), "it is not the JSON of cPanel's users");
    let users = answer.or_else(|_| serde_json::from_slice::<BTreeMap<String, Account>>(bytes)).map_err(fault)?;
    // An issuer, or a setting of another kind, is nobody.
    let users = users.into_iter().filter(|(_, account)| !matches!(account, Account::None));
    Ok(users.map(|(user, account)| Entry { user, found: account.found() }).collect())
}

enum Account {
    Some { secret: Option<Zeroizing<String>>, others: usize },
    None,
}

impl Account {
    fn found(self) -> Result<Found, Unusable> {
        let mut found = Found::default();
        let Self::Some { secret: Some(secret), others } = self else {
            return Err(Unusable::at(0, "there is no key"));
        };
        let secret = found.key(Secret::from_base32(&secret), 0)?;
        let (kind, algorithm, digits) = (Kind::Totp { period: 30 }, Algorithm::Sha1, Digits::SIX);
        found.tokens.push(Token { kind, secret, algorithm, digits, used: None, drift: None });
        found.remarks.push(Remark::Unrecorded);
        found.remarks.extend((others > 0).then_some(Remark::NoAccounts(others)));
        Ok(found)
    }
}

/// By hand: what serde derives for such a choice keeps copies of the keys that nobody wipes.
impl<'de> Deserialize<'de> for Account {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(Fields)
    }
}

struct Fields;

impl<'de> Visitor<'de> for Fields {
    type Value = Account;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an account")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Account, A::Error> {
        let (mut secret, mut others) = (None, 0_usize);
        while let Some(name) = map.next_key::<String>()? {
            match name.as_str() {
                "secret" => secret = Some(Zeroizing::new(map.next_value()?)),
                "primary_account" => {
                    if let Account::Some { secret: own, .. } = map.next_value()? {
                        secret = own.or(secret);
                    }
                }
                "email" | "team" => {
                    let names = map.next_value::<BTreeMap<String, IgnoredAny>>()?;
                    others = others.saturating_add(names.len());
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(Account::Some { secret, others })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Account, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Account::None)
    }

    fn visit_str<E>(self, _: &str) -> Result<Account, E> {
        Ok(Account::None)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Account, E> {
        Ok(Account::None)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Account, E> {
        Ok(Account::None)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Account, E> {
        Ok(Account::None)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Account, E> {
        Ok(Account::None)
    }

    fn visit_unit<E>(self) -> Result<Account, E> {
        Ok(Account::None)
    }
}
