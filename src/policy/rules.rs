//! Who must be enrolled, and who need not give a code. Facts and the policy in, a ruling out. Pure.

use std::net::IpAddr;
use std::str::FromStr;

use serde::Deserialize;

use crate::factor::source::{Source, is_remote, literal};

/// `[[require]]` and `[[exempt]]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    /// Who is refused, or must enroll, while not enrolled.
    pub require: Vec<Rule>,
    /// Who is not asked, whatever they have.
    pub exempt: Vec<Rule>,
}

/// Every key that is there must match; a list matches when one of its entries does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rule {
    /// Canonical account names.
    pub users: Option<Vec<String>>,
    /// The user's groups, the primary one too.
    pub groups: Option<Vec<String>>,
    /// PAM_SERVICE.
    pub services: Option<Vec<String>>,
    /// Literal addresses of other hosts.
    pub networks: Option<Vec<Cidr>>,
    /// Methods that sshd has seen succeed.
    pub ssh_auth: Option<Vec<String>>,
}

/// What happens to a user who is not enrolled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Unenrolled {
    /// Refused like one with a wrong code.
    Deny,
    /// Not asked.
    Allow,
    /// Enrolls at the login.
    Enroll,
}

impl Unenrolled {
    /// The word that stands in a policy.
    pub fn word(self) -> &'static str {
        match self {
            Self::Deny => "deny",
            Self::Allow => "allow",
            Self::Enroll => "enroll",
        }
    }
}

/// What is known of a login. Where a look-up failed nothing is known: that requires, and exempts nobody.
#[derive(Clone, Debug)]
pub struct Facts<'a> {
    /// The account's canonical name. Where no account was found there may be one that could not be looked up.
    pub user: Option<&'a str>,
    /// PAM_SERVICE.
    pub service: &'a str,
    /// Where it comes from.
    pub source: Source,
    /// SSH_AUTH_INFO_0: a line for each method, which is its first word.
    pub ssh_auth: &'a str,
    /// Which of the groups in question the user is in.
    pub groups: Option<Vec<String>>,
    /// The addresses of this host.
    pub own: Option<Vec<IpAddr>>,
}

/// What the policy makes of a login.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ruling {
    /// Nobody is asked: the policy is off.
    Off,
    /// Not asked, by the `[[exempt]]` of this number; the first is 1.
    Exempt(usize),
    /// The enrolled are asked.
    Ask {
        /// What becomes of those who are not enrolled.
        without: Unenrolled,
        /// Who says so.
        by: DecidedBy,
    },
}

/// What decides about those who are not enrolled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecidedBy {
    /// The `[[require]]` of this number; the first is 1.
    Require(usize),
    /// The same, because a look-up failed that could have ruled it out.
    Doubt(usize),
    /// The policy's `unenrolled`.
    Unenrolled,
    /// The stack's `nullok`.
    Nullok,
    /// Nothing was said.
    Default,
}

/// Of a policy that is on: `require` beats `exempt`, which beats `unenrolled`, which beats `nullok`.
pub fn decide(rules: &Rules, unenrolled: Option<Unenrolled>, nullok: bool, facts: &Facts<'_>) -> Ruling {
    let ask = |without, by| Ruling::Ask { without, by };
    let first = |rules: &[Rule], in_doubt| (1..).zip(rules).find(|(_, r)| r.matches(facts, in_doubt)).map(|(n, _)| n);
    let require = &rules.require;
    if let Some(by) =
        first(require, false).map(DecidedBy::Require).or_else(|| first(require, true).map(DecidedBy::Doubt))
    {
        let may_enroll = unenrolled == Some(Unenrolled::Enroll);
        return ask(if may_enroll { Unenrolled::Enroll } else { Unenrolled::Deny }, by);
    }
    if let Some(number) = first(&rules.exempt, false) {
        return Ruling::Exempt(number);
    }
    match unenrolled {
        Some(without) => ask(without, DecidedBy::Unenrolled),
        None if nullok => ask(Unenrolled::Allow, DecidedBy::Nullok),
        None => ask(Unenrolled::Deny, DecidedBy::Default),
    }
}

impl Rules {
    /// Must the addresses of this host be known? Only where the rest of a rule with `networks` fits.
    pub fn hang_on_own_addresses(&self, facts: &Facts<'_>) -> bool {
        matches!(facts.source, Source::Net(_)) && self.possible(facts).any(|rule| rule.networks.is_some())
    }

    /// The groups that must be looked up: those of rules that fit otherwise.
    pub fn groups_in_question(&self, facts: &Facts<'_>) -> Vec<&str> {
        self.possible(facts).flat_map(|rule| rule.groups.iter().flatten()).map(String::as_str).collect()
    }

    /// Must this user be enrolled, wherever they log in from and to? In doubt they must.
    pub fn require_anywhere(&self, user: &str, groups: impl FnOnce(&[&str]) -> Option<Vec<String>>) -> bool {
        let named: Vec<&str> =
            self.require.iter().flat_map(|r| r.groups.iter().flatten()).map(String::as_str).collect();
        let groups = if named.is_empty() { Some(Vec::new()) } else { groups(&named) };
        let is_in = |group: &String| groups.as_ref().is_none_or(|groups| groups.contains(group));
        self.require.iter().any(|rule| {
            rule.users.as_ref().is_none_or(|users| users.iter().any(|name| name == user))
                && rule.groups.as_ref().is_none_or(|groups| groups.iter().any(is_in))
        })
    }

    fn possible<'a>(&'a self, facts: &Facts<'_>) -> impl Iterator<Item = &'a Rule> {
        self.require.iter().chain(&self.exempt).filter(|rule| rule.matches(facts, true))
    }
}

impl Rule {
    /// `in_doubt` is what a key comes to whose fact is not known.
    fn matches(&self, facts: &Facts<'_>, in_doubt: bool) -> bool {
        fn fits<T>(list: Option<&Vec<T>>, one: impl Fn(&T) -> bool) -> bool {
            list.is_none_or(|list| list.iter().any(one))
        }
        let in_group = |group: &String| facts.groups.as_ref().map_or(in_doubt, |groups| groups.contains(group));
        fits(self.users.as_ref(), |user| facts.user.map_or(in_doubt, |name| name == user))
            && fits(self.services.as_ref(), |service| facts.service == service)
            && fits(self.ssh_auth.as_ref(), |method| facts.has_shown(method))
            && fits(self.networks.as_ref(), |network| facts.comes_from(network).unwrap_or(in_doubt))
            && fits(self.groups.as_ref(), in_group)
    }
}

impl Facts<'_> {
    /// sshd writes `method` or `method/submethod`.
    fn has_shown(&self, method: &str) -> bool {
        let words = self.ssh_auth.lines().filter_map(|line| line.split(' ').next());
        words.into_iter().any(|word| word == method || word.split('/').next() == Some(method))
    }

    /// `None`: a name, or addresses that contradict each other, may be anywhere; who owns an address also
    /// chooses its name, so a name must not lead around a `[[require]]`.
    fn comes_from(&self, network: &Cidr) -> Option<bool> {
        match self.source {
            Source::Local | Source::Door => Some(false),
            Source::Judge | Source::Unknown => None,
            Source::Net(address) if !network.contains(address) => Some(false),
            Source::Net(address) => is_remote(address, self.own.as_deref()),
        }
    }
}

/// A network or a single address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cidr {
    base: IpAddr,
    length: u32,
}

impl Cidr {
    fn contains(&self, address: IpAddr) -> bool {
        match (self.base, address) {
            (IpAddr::V4(base), IpAddr::V4(address)) => {
                (base.to_bits() ^ address.to_bits()).leading_zeros() >= self.length
            }
            (IpAddr::V6(base), IpAddr::V6(address)) => {
                (base.to_bits() ^ address.to_bits()).leading_zeros() >= self.length
            }
            _ => false,
        }
    }

    /// Nothing behind the network's length, where only a slip of the pen puts anything.
    fn is_whole(&self) -> bool {
        let (zeros, width) = match self.base {
            IpAddr::V4(base) => (base.to_bits().trailing_zeros(), 32_u32),
            IpAddr::V6(base) => (base.to_bits().trailing_zeros(), 128),
        };
        width.checked_sub(self.length).is_some_and(|host| zeros >= host)
    }
}

impl FromStr for Cidr {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const FORM: &str = "is neither an address nor a network like 192.0.2.0/24";
        let (address, length) = text.split_once('/').map_or((text, None), |(a, l)| (a, Some(l)));
        let base = literal(address).filter(|_| !address.contains('%')).ok_or(FORM)?;
        let width = if base.is_ipv4() { 32 } else { 128 };
        // An IPv4 network may come in IPv6 clothes, like the addresses that it is compared with.
        let clothes = if base.is_ipv4() && address.contains(':') { 96 } else { 0 };
        let length = match length {
            None => width,
            Some(digits) if digits.len() <= 3 && digits.bytes().all(|b| b.is_ascii_digit()) => {
                let length: u32 = digits.parse().map_err(|_| FORM)?;
                length.checked_sub(clothes).filter(|l| *l <= width).ok_or(FORM)?
            }
            Some(_) => return Err(FORM),
        };
        Some(Self { base, length }).filter(Self::is_whole).ok_or("sets bits behind its length")
    }
}
