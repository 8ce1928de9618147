//! Where a login comes from: what the program tells PAM, and what can be seen of the program, to an address or a place.
//! Names are never resolved (CVE-2024-10963 was that). Pure.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};

/// The origin of a login.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// This host: a console, sudo, su.
    Local,
    /// A caller of the door who is not root: a screen locker, or malware in the session.
    Door,
    /// A daemon that has codes of others judged, and that could name any address.
    Judge,
    /// A literal remote address.
    Net(IpAddr),
    /// A name, addresses that contradict each other, or nothing at all: a mail server asks without an address.
    Unknown,
}

/// What a program tells PAM of a login, and what the line in its stack says of the program.
#[derive(Clone, Copy, Debug, Default)]
pub struct Told<'a> {
    /// PAM_RHOST; empty: none.
    pub rhost: &'a str,
    /// PAM_TTY; empty: none.
    pub tty: &'a str,
    /// Counts only where PAM_TTY is `ssh`: sshd alone writes it into the PAM environment itself.
    pub ssh_connection: Option<&'a str>,
    /// The argument `local`.
    pub local: bool,
    /// The argument `remote`.
    pub remote: bool,
}

/// What can be seen of the program; each is looked at only where the rest leaves it open.
pub trait Process {
    /// Real and effective uid.
    fn ids(&self) -> (u32, u32);
    /// This host's own name.
    fn hostname(&self) -> Option<String>;
    /// Is this path a device that somebody can sit at?
    fn is_terminal(&self, path: &str) -> bool;
}

impl Source {
    /// An address counts as that address, whatever else is there: no argument makes the Internet this host.
    pub fn new(told: &Told<'_>, process: &impl Process) -> Self {
        let is_sshd = told.tty == "ssh";
        let ssh = told.ssh_connection.filter(|_| is_sshd).and_then(peer);
        match (literal(told.rhost), ssh) {
            (Some(a), Some(b)) if a != b => Self::Unknown,
            (Some(address), _) | (None, Some(address)) => Self::Net(address),
            // sshd always names its peer: without one this is no local login.
            (None, None) if is_sshd || told.remote => Self::Unknown,
            (None, None) if told.names_no_other_host(process) && told.is_here(process) => Self::Local,
            (None, None) => Self::Unknown,
        }
    }

    /// From an address that an administrator named.
    pub fn from_address(text: &str) -> Option<Self> {
        literal(text).map(Self::Net)
    }
}

impl Told<'_> {
    fn names_no_other_host(&self, process: &impl Process) -> bool {
        let own = |name: &str| name.eq_ignore_ascii_case(self.rhost);
        self.rhost.is_empty() || own("localhost") || process.hostname().is_some_and(|name| own(&name))
    }

    /// A caller of a set-uid program, or at a terminal, is on this host. PAM_RUSER says nothing: mail servers
    /// put the name there that a stranger typed.
    fn is_here(&self, process: &impl Process) -> bool {
        let (real, effective) = process.ids();
        self.local || real != effective || self.has_terminal(process)
    }

    /// Daemons put words like `dovecot` into PAM_TTY.
    fn has_terminal(&self, process: &impl Process) -> bool {
        let name = self.tty.strip_prefix("/dev/").unwrap_or(self.tty);
        let is_display = |display: &str| {
            let (display, screen) = display.split_once('.').unwrap_or((display, "0"));
            is_number(display) && is_number(screen)
        };
        let numbered = name.strip_prefix("pts/").or_else(|| name.strip_prefix("tty")).is_some_and(is_number);
        let plain = !name.is_empty() && name.split('/').all(|part| !part.is_empty() && !part.starts_with('.'));
        numbered
            || self.tty.strip_prefix(':').is_some_and(is_display)
            // A serial line, or one of a virtual machine.
            || (plain && process.is_terminal(&format!("/dev/{name}")))
    }
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// For the state file and for messages: a parsed address, else one word of ours, never foreign text.
impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Local | Self::Door => f.write_str("local"),
            Self::Net(address) => address.fmt(f),
            Self::Judge | Self::Unknown => f.write_str("name"),
        }
    }
}

/// The inverse of `Display`, but that the door is on this host, and a judge's login from somewhere.
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
        match address.to_canonical() {
            // One network, or a user of this host has as many of them as they like (ssh -b 127.5.0.1).
            loopback if loopback.is_loopback() => Self::v4(Ipv4Addr::LOCALHOST),
            IpAddr::V4(v4) => Self::v4(v4),
            IpAddr::V6(v6) => {
                let [a, b, c, d, e, f, g, h, ..] = v6.octets();
                Self::V6([a, b, c, d, e, f, g, h])
            }
        }
    }
}

/// As people write networks: `192.0.2.0/24`.
impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::V4([a, b, c]) => write!(f, "{}/24", Ipv4Addr::new(a, b, c, 0)),
            Self::V6([a, b, c, d, e, f6, g, h]) => {
                write!(f, "{}/64", std::net::Ipv6Addr::from([a, b, c, d, e, f6, g, h, 0, 0, 0, 0, 0, 0, 0, 0]))
            }
        }
    }
}

impl Network {
    fn v4(address: Ipv4Addr) -> Self {
        let [a, b, c, _] = address.octets();
        Self::V4([a, b, c])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONNECTION: Option<&str> = Some("192.0.2.4 50022 198.51.100.1 22");

    /// A daemon, or a set-uid program, on `host.example` with a serial line.
    struct Seen {
        set_uid: bool,
    }

    impl Process for Seen {
        fn ids(&self) -> (u32, u32) {
            (if self.set_uid { 1000 } else { 0 }, 0)
        }

        fn hostname(&self) -> Option<String> {
            Some("host.example".into())
        }

        fn is_terminal(&self, path: &str) -> bool {
            path == "/dev/ttyS0"
        }
    }

    fn net(address: &str) -> Source {
        Source::Net(address.parse().unwrap())
    }

    #[test]
    fn one_table_of_addresses() {
        let cases = [
            ("", "ssh", CONNECTION, net("192.0.2.4")),
            ("192.0.2.4", "ssh", CONNECTION, net("192.0.2.4")),
            ("there.example", "ssh", CONNECTION, net("192.0.2.4")),
            ("there.example", "ssh", None, Source::Unknown),
            ("there.example", "cockpit", CONNECTION, Source::Unknown),
            ("there.example", "tty1", None, Source::Unknown),
            ("203.0.113.9", "ssh", CONNECTION, Source::Unknown),
            ("203.0.113.9", "", CONNECTION, net("203.0.113.9")),
            ("203.0.113.9", "pts/3", None, net("203.0.113.9")),
            ("::ffff:203.0.113.9", "", None, net("203.0.113.9")),
            ("fe80::1%eth0", "", None, net("fe80::1")),
            ("0x7f.1", "", None, Source::Unknown),
            ("", "ssh", Some("garbage"), Source::Unknown),
            ("", "ssh", Some("192.0.2.4"), Source::Unknown),
            ("", "ssh", Some("192.0.2.4 50022 198.51.100.1 22 x"), Source::Unknown),
            ("", "ssh", Some("192.0.2.4 50022 198.51.100.1 65536"), Source::Unknown),
        ];
        for (rhost, tty, ssh_connection, expected) in cases {
            for set_uid in [false, true] {
                let told = Told { rhost, tty, ssh_connection, ..Told::default() };
                assert_eq!(Source::new(&told, &Seen { set_uid }), expected, "{told:?}");
                // No argument makes another host this one.
                let local = Told { local: true, ..told };
                assert_eq!(Source::new(&local, &Seen { set_uid }), expected, "{local:?}");
                let remote = Told { remote: true, ..told };
                assert_eq!(Source::new(&remote, &Seen { set_uid }), expected, "{remote:?}");
            }
        }
    }

    #[test]
    fn one_table_of_this_host() {
        let (here, anywhere) = (Source::Local, Source::Unknown);
        // PAM_RHOST and PAM_TTY, and what a daemon and a set-uid program that gives them come to.
        let cases = [
            ("", "", anywhere, here),
            ("", "tty1", here, here),
            ("", "/dev/tty12", here, here),
            ("", "pts/3", here, here),
            ("", "/dev/pts/0", here, here),
            ("", ":0", here, here),
            ("", ":10.0", here, here),
            ("", "/dev/ttyS0", here, here),
            ("", "ttyS0", here, here),
            ("host.example", "tty1", here, here),
            ("HOST.example", "tty1", here, here),
            ("localhost", "pts/3", here, here),
            ("localhost", "", anywhere, here),
            ("host", "tty1", anywhere, anywhere),
            ("host.example.org", "tty1", anywhere, anywhere),
            ("", "dovecot", anywhere, here),
            ("", "xrdp-sesman", anywhere, here),
            ("", "tty", anywhere, here),
            ("", "ttyp", anywhere, here),
            ("", "pts/", anywhere, here),
            ("", "pts/3x", anywhere, here),
            ("", "/pts/3", anywhere, here),
            ("", ":", anywhere, here),
            (":0", "", anywhere, anywhere),
            ("", ":0.", anywhere, here),
            ("", "host:0", anywhere, here),
            ("", "/dev/", anywhere, here),
            ("", "/dev/../dev/ttyS0", anywhere, here),
            ("", "/dev//ttyS0", anywhere, here),
            ("", "ssh", anywhere, anywhere),
        ];
        for (rhost, tty, daemon, set_uid) in cases {
            // sshd's own variable says nothing outside of sshd.
            for ssh_connection in [None, CONNECTION.filter(|_| tty != "ssh")] {
                let told = Told { rhost, tty, ssh_connection, ..Told::default() };
                assert_eq!(Source::new(&told, &Seen { set_uid: false }), daemon, "{told:?}");
                assert_eq!(Source::new(&told, &Seen { set_uid: true }), set_uid, "{told:?}");
                // `local` says what a set-uid bit says, and `remote` that nobody here is asked.
                let local = Told { local: true, ..told };
                assert_eq!(Source::new(&local, &Seen { set_uid: false }), set_uid, "{local:?}");
                let remote = Told { remote: true, ..told };
                assert_eq!(Source::new(&remote, &Seen { set_uid: true }), anywhere, "{remote:?}");
            }
        }
    }

    #[test]
    fn loopback_is_one_network() {
        let network = |address: &str| Network::from(address.parse::<IpAddr>().unwrap());
        for address in ["127.0.0.1", "127.5.0.1", "127.255.255.254", "::1", "::ffff:127.5.0.1"] {
            assert_eq!(network(address), network("127.0.0.1"), "{address}");
        }
        for address in ["126.255.255.255", "128.0.0.1", "::2", "::", "::ffff:128.0.0.1"] {
            assert_ne!(network(address), network("127.0.0.1"), "{address}");
        }
        assert_eq!(network("192.0.2.4"), network("::ffff:192.0.2.99"));
        assert_ne!(network("192.0.2.4"), network("192.0.3.4"));
    }
}
