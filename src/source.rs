//! Where a login comes from: PAM_RHOST and SSH_CONNECTION to an address and its lane. Names are never
//! resolved (CVE-2024-10963 was that). Pure.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

/// The origin of a login.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// No remote address: a console, sudo, su.
    Local,
    /// A caller of the door who is not root: a screen locker, or malware in the session.
    Door,
    /// A literal remote address.
    Net(IpAddr),
    /// A name, or addresses that contradict each other.
    Unknown,
}

impl Source {
    /// `tty` decides whether SSH_CONNECTION counts: only sshd writes it into the PAM environment itself.
    pub fn new(rhost: Option<&str>, tty: Option<&str>, ssh_connection: Option<&str>) -> Self {
        let ssh = ssh_connection.filter(|_| tty == Some("ssh")).and_then(peer);
        match rhost.filter(|r| !r.is_empty()) {
            // sshd always names its peer: without one this is no local login.
            None if tty == Some("ssh") => ssh.map_or(Self::Unknown, Self::Net),
            None => Self::Local,
            Some(rhost) => match (literal(rhost), ssh) {
                (Some(a), Some(b)) if a != b => Self::Unknown,
                (Some(address), _) | (None, Some(address)) => Self::Net(address),
                (None, None) => Self::Unknown,
            },
        }
    }

    /// From an address that an administrator named.
    pub fn from_address(text: &str) -> Option<Self> {
        literal(text).map(Self::Net)
    }
}

/// For the state file and for messages: a parsed address, else one word of ours, never foreign text.
impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Local | Self::Door => f.write_str("local"),
            Self::Net(address) => address.fmt(f),
            Self::Unknown => f.write_str("name"),
        }
    }
}

/// The inverse of `Display`, but that the door is on this host.
impl std::str::FromStr for Source {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "local" => Ok(Self::Local),
            "name" => Ok(Self::Unknown),
            _ => Self::from_address(text).ok_or(()),
        }
    }
}

/// The other side of `ADDRESS PORT ADDRESS PORT`; what looks otherwise sshd has not written.
fn peer(connection: &str) -> Option<IpAddr> {
    let mut words = connection.split(' ');
    let mut end = || {
        let address = literal(words.next()?)?;
        words.next()?.parse::<u16>().ok().map(|_port| address)
    };
    let (peer, _own) = (end()?, end()?);
    words.next().is_none().then_some(peer)
}

/// A literal address; an IPv4 address in IPv6 clothes is the IPv4 address, a zone is dropped.
pub(crate) fn literal(text: &str) -> Option<IpAddr> {
    let bare = text.split_once('%').map_or(text, |(address, _zone)| address);
    let address: IpAddr = bare.parse().ok()?;
    Some(match address {
        IpAddr::V6(v6) => v6.to_ipv4_mapped().map_or(address, IpAddr::V4),
        IpAddr::V4(_) => address,
    })
}

/// Is this an address of another host? Never loopback, nor one of `own`; `None`: these are not known.
pub fn is_remote(address: IpAddr, own: Option<&[IpAddr]>) -> Option<bool> {
    if address.is_loopback() || address.is_unspecified() {
        return Some(false);
    }
    own.map(|own| !own.contains(&address))
}

/// The neighborhood of an address: what one household or company shares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Network {
    /// A /24.
    V4([u8; 3]),
    /// A /64.
    V6([u8; 8]),
}

impl From<IpAddr> for Network {
    fn from(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(v4) => {
                let [a, b, c, _] = v4.octets();
                Self::V4([a, b, c])
            }
            IpAddr::V6(v6) => {
                let [a, b, c, d, e, f, g, h, ..] = Ipv6Addr::octets(&v6);
                Self::V6([a, b, c, d, e, f, g, h])
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_table_of_origins() {
        let net = |a: &str| Source::Net(a.parse().unwrap());
        let connection = Some("192.0.2.4 50022 198.51.100.1 22");
        let cases = [
            (None, None, None, Source::Local),
            (Some(""), Some("/dev/pts/3"), connection, Source::Local),
            (None, Some("ssh"), connection, net("192.0.2.4")),
            (Some("192.0.2.4"), Some("ssh"), connection, net("192.0.2.4")),
            (Some("host.example"), Some("ssh"), connection, net("192.0.2.4")),
            (Some("host.example"), Some("ssh"), None, Source::Unknown),
            (Some("host.example"), Some("cockpit"), connection, Source::Unknown),
            (Some("203.0.113.9"), Some("ssh"), connection, Source::Unknown),
            (Some("203.0.113.9"), None, connection, net("203.0.113.9")),
            (Some("::ffff:203.0.113.9"), None, None, net("203.0.113.9")),
            (Some("fe80::1%eth0"), None, None, net("fe80::1")),
            (Some("0x7f.1"), None, None, Source::Unknown),
            (None, Some("ssh"), Some("garbage"), Source::Unknown),
            (None, Some("ssh"), Some("192.0.2.4"), Source::Unknown),
            (None, Some("ssh"), Some("192.0.2.4 50022 198.51.100.1 22 x"), Source::Unknown),
            (None, Some("ssh"), Some("192.0.2.4 50022 198.51.100.1 65536"), Source::Unknown),
        ];
        for (rhost, tty, connection, expected) in cases {
            assert_eq!(Source::new(rhost, tty, connection), expected, "{rhost:?} {tty:?} {connection:?}");
        }
    }
}
