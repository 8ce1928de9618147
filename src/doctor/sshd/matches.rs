//! Connections that `Match` blocks are made for, so that sshd can be asked what holds there. Pure.

use std::net::IpAddr;

use super::config::Config;
use super::patterns::{address_fits, addresses, fits, list_fits};
use crate::text::clean;

/// So many blocks are judged: sshd is started for each of them.
pub const MOST: usize = 16;
/// Nobody's, so that no other block is meant by chance.
const NO_USER: &str = "no-such-user";
/// So many users are compared.
const FEW: usize = 50;
const FAR: [&str; 2] = ["192.0.2.4", "2001:db8::4"];
const NEAR: [&str; 2] = ["127.0.0.1", "::1"];

/// Whose login a block may be.
pub struct People<'a> {
    /// Accounts of this host.
    pub names: Vec<&'a str>,
    /// The groups of one.
    pub groups: &'a dyn Fn(&str) -> Vec<String>,
}

/// A connection for a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fit {
    /// What `sshd -T -C` is to be told.
    One(String),
    /// Those who come by it get in nowhere.
    Nobody,
    /// None is known, and why.
    Unknown(String),
}

/// Made to fit all criteria of a block, and those of others as little as can be: their values would hide its own.
pub fn connection(config: &Config, block: usize, people: &People) -> Fit {
    const JUDGED: [&str; 8] = ["all", "user", "group", "host", "address", "localaddress", "localport", "rdomain"];
    let criteria = config.criteria(block);
    if criteria.iter().any(|(attribute, _)| attribute == "invalid-user") {
        return Fit::Nobody;
    }
    if let Some((other, _)) = criteria.iter().find(|(attribute, _)| !JUDGED.contains(&attribute.as_str())) {
        return Fit::Unknown(format!("nothing is known of its criterion {}", clean(other)));
    }
    let search = Search { config, block, people };
    let found = [
        ("user", "no user", search.user()),
        ("host", "no host name", search.name("host", "host.invalid")),
        ("addr", "no address", search.place("address", FAR)),
        ("laddr", "no address of this host", search.place("localaddress", NEAR)),
        ("lport", "no port", search.name("localport", "22")),
        // Of these older releases know nothing.
        ("rdomain", "no routing domain", search.name("rdomain", "").filter(|name| !name.is_empty())),
    ];
    let mut parts = Vec::new();
    for (key, none, value) in found {
        match value {
            Some(value) if value.contains(',') => return Fit::Unknown("a comma is in its patterns".into()),
            Some(value) => parts.push(format!("{key}={value}")),
            None if key == "rdomain" && search.lists("rdomain").is_empty() => {}
            None => return Fit::Unknown(format!("{none} is known that it is for")),
        }
    }
    Fit::One(parts.join(","))
}

struct Search<'a> {
    config: &'a Config,
    block: usize,
    people: &'a People<'a>,
}

impl<'a> Search<'a> {
    /// What must hold.
    fn lists(&self, wanted: &str) -> Vec<&'a str> {
        let criteria = self.config.criteria(self.block).into_iter();
        criteria.filter(|(attribute, _)| attribute == wanted).map(|(_, list)| list.as_str()).collect()
    }

    /// What holds for other blocks.
    fn others(&self, wanted: &'a str) -> impl Iterator<Item = &'a str> {
        let own = self.block;
        let others = self.config.blocks.iter().enumerate().filter(move |(at, _)| *at != own);
        let criteria = others.flat_map(|(_, block)| &block.criteria);
        criteria.filter(move |(attribute, _)| attribute == wanted).map(|(_, list)| list.as_str())
    }

    fn user(&self) -> Option<String> {
        let (lists, groups) = (self.lists("user"), self.lists("group"));
        let mut names: Vec<String> = if groups.is_empty() { made(&lists, NO_USER) } else { Vec::new() };
        names.extend(self.people.names.iter().map(|name| (*name).to_owned()));
        let is_one = |list: &str, name: &str| list_fits(list, |pattern| fits(pattern, name));
        let is_in = |list: &str, name: &str| {
            let own = (self.people.groups)(name);
            list_fits(list, |pattern| own.iter().any(|group| fits(pattern, group)))
        };
        let fit = names
            .into_iter()
            .filter(|name| lists.iter().all(|list| is_one(list, name)) && groups.iter().all(|list| is_in(list, name)));
        let others = |name: &String| {
            let by_name = self.others("user").filter(|list| is_one(list, name)).count();
            by_name.saturating_add(self.others("group").filter(|list| is_in(list, name)).count())
        };
        fit.take(FEW).min_by_key(others)
    }

    fn name(&self, attribute: &'static str, usual: &str) -> Option<String> {
        let lists = self.lists(attribute);
        let is_one = |list: &str, name: &str| list_fits(list, |pattern| fits(pattern, name));
        let fit = made(&lists, usual).into_iter().filter(|name| lists.iter().all(|list| is_one(list, name)));
        fit.min_by_key(|name| self.others(attribute).filter(|list| is_one(list, name)).count())
    }

    fn place(&self, attribute: &'static str, usual: [&str; 2]) -> Option<String> {
        let lists = self.lists(attribute);
        let is_in = |list: &str, address: IpAddr| list_fits(list, |pattern| address_fits(pattern, address));
        let usual = usual.into_iter().filter_map(|text| text.parse::<IpAddr>().ok());
        let all = usual.chain(positive(&lists).flat_map(addresses));
        let fit = all.filter(|address| lists.iter().all(|list| is_in(list, *address)));
        let best = fit.min_by_key(|address| self.others(attribute).filter(|list| is_in(list, *address)).count());
        best.map(|address| address.to_string())
    }
}

fn positive<'a>(lists: &[&'a str]) -> impl Iterator<Item = &'a str> {
    lists.iter().flat_map(|list| list.split(',')).filter(|pattern| !pattern.starts_with('!'))
}

/// Names that are made out of patterns, and one that nobody has.
fn made(lists: &[&str], usual: &str) -> Vec<String> {
    let made =
        positive(lists).flat_map(|pattern| ["x", "", "1"].map(|part| pattern.replace('*', part).replace('?', "x")));
    made.filter(|name| !name.is_empty()).chain([usual.to_owned()]).collect()
}

#[cfg(test)]
mod tests {
    use super::super::config::MAIN;
    use super::*;

    #[test]
    fn a_connection_fits_its_block() {
        let groups = |name: &str| match name {
            "root" => vec!["root".to_owned()],
            "alice" => vec!["alice".to_owned(), "staff".to_owned()],
            _ => vec![],
        };
        let people = People { names: vec!["root", "alice"], groups: &groups };
        let is = |user: &str, host: &str, address: &str, rest: &str| {
            Fit::One(format!("user={user},host={host},addr={address},{rest}"))
        };
        let (host, far, rest) = ("host.invalid", "192.0.2.4", "laddr=127.0.0.1,lport=22");
        let unknown = |why: &str| Fit::Unknown(why.into());
        let cases = [
            ("all", is(NO_USER, host, far, rest)),
            ("User backup", is("backup", host, far, rest)),
            ("user=backup", is("backup", host, far, rest)),
            ("User *,!root", is("x", host, far, rest)),
            ("User r??t", is("rxxt", host, far, rest)),
            ("Group staff", is("alice", host, far, rest)),
            ("Group *,!root", is("alice", host, far, rest)),
            ("User root Group staff", unknown("no user is known that it is for")),
            ("Group nobody-is-in-it", unknown("no user is known that it is for")),
            ("Host *.example.org", is(NO_USER, "x.example.org", far, rest)),
            ("Address 10.0.0.0/8,!10.0.0.0/24", is(NO_USER, host, "10.127.255.255", rest)),
            ("Address *,!192.0.2.0/24", is(NO_USER, host, "2001:db8::4", rest)),
            ("LocalAddress 10.1.2.3 LocalPort 2222", is(NO_USER, host, far, "laddr=10.1.2.3,lport=2222")),
            ("RDomain blue", is(NO_USER, host, far, &format!("{rest},rdomain=blue"))),
            ("Address !10.0.0.0/8", unknown("no address is known that it is for")),
            ("exec /bin/true", unknown("nothing is known of its criterion exec")),
            ("invalid-user", Fit::Nobody),
        ];
        for (criteria, expected) in cases {
            let texts = [(MAIN.to_owned(), format!("Match {criteria}\n"))].into();
            let fit = connection(&Config::read(&texts), 0, &people);
            assert_eq!(fit, expected, "{criteria}");
        }
    }

    /// Of two that overlap, each is asked about where it alone holds.
    #[test]
    fn another_block_hides_none() {
        let groups = |name: &str| if ["alice", "bob"].contains(&name) { vec!["staff".to_owned()] } else { vec![] };
        let people = People { names: vec!["alice", "bob"], groups: &groups };
        for (first, second, expected) in [
            ("User alice", "Group staff", "user=bob,"),
            ("User alice", "User alice,bob", "user=bob,"),
            ("Group staff", "User *", "user=x,"),
            ("Address 192.0.2.4,10.0.0.0/24", "Address 10.0.0.0/8", "addr=10.127.255.255,"),
            ("Address 192.0.2.4", "User alice", "addr=2001:db8::4,"),
        ] {
            let texts = [(MAIN.to_owned(), format!("Match {first}\nMatch {second}\n"))].into();
            let Fit::One(text) = connection(&Config::read(&texts), 1, &people) else { panic!("{first} {second}") };
            assert!(text.contains(expected), "{first} {second}: {text}");
        }
    }
}
