//! What does no I/O: each room of which `src/lib.rs` says so.

use super::imports::Crate;
use super::order::rooms;
use super::{CRATES, read, room, text};

/// All that pure rooms need of others; nothing here opens, asks or waits.
const PURE_NEEDS: [&str; 33] = [
    "base32",
    "core::fmt",
    "crc32fast",
    "hmac",
    "pbkdf2",
    "qrcode",
    "serde",
    "serde_json",
    "sha1",
    "sha2",
    "std::array",
    "std::borrow::Cow",
    "std::cmp",
    "std::collections",
    "std::error",
    "std::ffi::CStr",
    "std::fmt",
    "std::iter",
    "std::mem",
    "std::net::IpAddr",
    "std::net::Ipv4Addr",
    "std::net::Ipv6Addr",
    "std::num",
    "std::ops",
    "std::path::Component",
    "std::path::Path",
    "std::path::PathBuf",
    "std::slice",
    "std::str",
    "std::time::Duration",
    "subtle",
    "toml",
    "zeroize",
];

/// What a path can be asked that the disk answers.
const ASKS_THE_DISK: [&str; 12] = [
    "canonicalize",
    "exists",
    "is_dir",
    "is_file",
    "is_symlink",
    "metadata",
    "read_dir",
    "read_link",
    "symlink_metadata",
    "to_socket_addrs",
    "try_exists",
    "open",
];

/// Rooms below that ask the host, and what may be taken from them all the same: it asks nothing.
const FROM_THE_SYSTEM: [&str; 4] =
    ["system::account::Account", "system::clock::is_wrong", "system::memory", "system::random::NoRandom"];

/// Of those, the ones that say that they take bytes and the time, and do no I/O.
pub fn pure<'a>(rooms: &[(&'a str, String)]) -> Vec<&'a str> {
    rooms.iter().filter(|(_, what)| what.ends_with("Pure")).map(|(name, _)| *name).collect()
}

/// What a file of a pure room names that it must not.
pub fn impure(house: &Crate, room: &str) -> Vec<String> {
    let below = |path: &str, all: &[&str]| all.iter().any(|one| path == *one || path.starts_with(&format!("{one}::")));
    let mut found = Vec::new();
    for (file, source) in house.files().filter(|(file, _)| self::room(file) == room) {
        let names = source.names().filter(|(path, is_ours, _)| match is_ours {
            true => below(path, &["system", "store"]) && !below(path, &FROM_THE_SYSTEM),
            // An enum's own names are nobody else's.
            false => !below(path, &PURE_NEEDS) && !path.starts_with(char::is_uppercase),
        });
        found.extend(names.map(|(path, _, line)| format!("src/{file}:{line}: {path}")));
        let asks =
            source.tokens.windows(2).filter(|pair| pair[0].text == "." && ASKS_THE_DISK.contains(&&*pair[1].text));
        found.extend(asks.map(|pair| format!("src/{file}:{}: .{}", pair[1].line, pair[1].text)));
    }
    found
}

#[test]
fn pure_rooms_do_no_io() {
    let (house, lib) = (read(CRATES[0]), text("src/lib.rs"));
    let pure = pure(&rooms(&lib));
    assert!(pure.contains(&"factor") && pure.contains(&"policy"), "{pure:?}");
    for room in pure {
        assert_eq!(impure(&house, room), Vec::<String>::new());
    }
    assert!(impure(&house, "store").len() > 10 && impure(&house, "system").len() > 10, "those do I/O");
}
