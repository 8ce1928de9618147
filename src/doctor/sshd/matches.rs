//! Connections that `Match` blocks are made for, so that sshd can be asked what holds there. Pure.

use std::net::IpAddr;

use super::config::Config;
use super::patterns::{address_fits, addresses, fits, list_fits};
use crate::words::clean;

/// So many blocks are judged: sshd is started for each of them.
pub const MOST: usize = 16;
/// Nobody's, so that no other block is meant by chance.
const NO_USER: &str = "no-such-user";
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

/// Made to fit all criteria of a block.
pub fn connection(config: &Config, block: usize, people: &People) -> Fit {
    const JUDGED: [&str; 8] = ["all", "user", "group", "host", "address", "localaddress", "localport", "rdomain"];
    let criteria = config.criteria(block);
    if criteria.iter().any(|(attribute, _)| attribute == "invalid-user") {
        return Fit::Nobody;
    }
    if let Some((other, _)) = criteria.iter().find(|(attribute, _)| !JUDGED.contains(&attribute.as_str())) {
        return Fit::Unknown(format!("nothing is known of its criterion {}", clean(other)));
    }
    let lists = |wanted: &str| -> Vec<&str> {
        criteria.iter().filter(|(attribute, _)| attribute == wanted).map(|(_, list)| list.as_str()).collect()
    };
    let found = [
        ("user", user(&lists("user"), &lists("group"), people)),
        ("host", name(&lists("host"), "host.invalid")),
        ("addr", place(&lists("address"), FAR)),
        ("laddr", place(&lists("localaddress"), NEAR)),
        ("lport", name(&lists("localport"), "22")),
        ("rdomain", name(&lists("rdomain"), "")),
    ];
    if let Some((what, _)) = found.iter().find(|(_, value)| value.is_none()) {
        let what = match *what {
            "user" => "no user",
            "host" => "no host name",
            "lport" => "no port",
            "rdomain" => "no routing domain",
            _ => "no address",
        };
        return Fit::Unknown(format!("{what} is known that it is for"));
    }
    // A comma would end it. Of routing domains older releases know nothing.
    let parts = found.into_iter().filter_map(|(key, value)| Some((key, value.filter(|value| !value.is_empty())?)));
    let parts: Vec<String> = parts.map(|(key, value)| format!("{key}={value}")).collect();
    match parts.iter().any(|part| part.contains(',')) {
        true => Fit::Unknown("a comma is in its patterns".into()),
        false => Fit::One(parts.join(",")),
    }
}

fn user(lists: &[&str], groups: &[&str], people: &People) -> Option<String> {
    let is_meant = |name: &&str| lists.iter().all(|list| list_fits(list, |pattern| fits(pattern, name)));
    if groups.is_empty() {
        return name(lists, NO_USER).or_else(|| people.names.iter().copied().find(is_meant).map(ToOwned::to_owned));
    }
    let is_member = |name: &&str| {
        let own = (people.groups)(name);
        let fits_one = |pattern: &str| own.iter().any(|group| fits(pattern, group));
        groups.iter().all(|list| list_fits(list, fits_one))
    };
    people.names.iter().copied().filter(is_meant).find(is_member).map(ToOwned::to_owned)
}

/// One that fits all lists, made out of their patterns.
fn name(lists: &[&str], usual: &str) -> Option<String> {
    let patterns = lists.iter().flat_map(|list| list.split(',')).filter(|pattern| !pattern.starts_with('!'));
    let made = patterns.flat_map(|pattern| ["", "x", "1"].map(|part| pattern.replace('*', part).replace('?', "x")));
    let made = made.filter(|name| !name.is_empty()).chain([usual.to_owned()]);
    made.into_iter().find(|name| lists.iter().all(|list| list_fits(list, |pattern| fits(pattern, name))))
}

fn place(lists: &[&str], usual: [&str; 2]) -> Option<String> {
    let usual = usual.into_iter().filter_map(|text| text.parse::<IpAddr>().ok());
    let inside = lists.iter().flat_map(|list| list.split(',')).filter(|pattern| !pattern.starts_with('!'));
    let mut all = usual.chain(inside.flat_map(addresses));
    let is_meant =
        |address: &IpAddr| lists.iter().all(|list| list_fits(list, |pattern| address_fits(pattern, *address)));
    all.find(is_meant).map(|address| address.to_string())
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
            ("Host *.example.org", is(NO_USER, "x.example.org", far, rest).clone()),
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
            // Of a host's name the star may be nothing.
            let fit = match fit {
                Fit::One(text) => Fit::One(text.replace("host=.example", "host=x.example")),
                fit => fit,
            };
            assert_eq!(fit, expected, "{criteria}");
        }
    }
}
