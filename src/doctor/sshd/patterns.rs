//! Patterns of sshd's: of names, of addresses, of paths. Pure.

use std::net::IpAddr;

/// `*` and `?`, and in paths `[a-z]` too.
#[derive(Clone, Debug)]
enum PatternToken {
    Any,
    One,
    Letter(char),
    /// Ranges, and whether they are excluded.
    Class(Vec<(char, char)>, bool),
}

/// A name, or whatever else is no path.
pub fn fits(pattern: &str, text: &str) -> bool {
    all(&tokens(pattern, false), &text.chars().collect::<Vec<_>>())
}

/// What `Include` finds: `*` means no slash, and no dot in front.
pub fn path_fits(pattern: &str, path: &str) -> bool {
    let (patterns, parts): (Vec<_>, Vec<_>) = (pattern.split('/').collect(), path.split('/').collect());
    patterns.len() == parts.len() && patterns.iter().zip(parts).all(|(pattern, part)| part_fits(pattern, part))
}

/// One folder's or file's name in such a path.
pub fn part_fits(pattern: &str, part: &str) -> bool {
    (pattern.starts_with('.') || !part.starts_with('.'))
        && all(&tokens(pattern, true), &part.chars().collect::<Vec<_>>())
}

/// A list with commas: one that is negated and fits decides.
pub fn list_fits(list: &str, fits_one: impl Fn(&str) -> bool) -> bool {
    let (negated, plain): (Vec<&str>, Vec<&str>) = list.split(',').partition(|pattern| pattern.starts_with('!'));
    plain.iter().any(|pattern| fits_one(pattern))
        && !negated.iter().filter_map(|pattern| pattern.strip_prefix('!')).any(fits_one)
}

/// An address, or a network.
pub fn address_fits(pattern: &str, address: IpAddr) -> bool {
    let Some((network, length)) = network(pattern) else { return fits(pattern, &address.to_string()) };
    let (own, width) = bits(address);
    let shift = width.saturating_sub(length);
    let high = |bits: u128| bits.checked_shr(shift).unwrap_or(0);
    network.is_ipv4() == address.is_ipv4() && high(bits(network).0) == high(own)
}

/// Addresses that a pattern may mean: some out of a network, others with something in the place of its stars.
pub fn addresses(pattern: &str) -> Vec<IpAddr> {
    let Some((network, length)) = network(pattern) else {
        let some = ["", "1", "1.1", "1.1.1", ":1", "::1"].map(|part| pattern.replace('*', part).replace('?', "1"));
        return some.iter().filter_map(|text| text.parse().ok()).collect();
    };
    let (base, width) = bits(network);
    let hosts = 1_u128.checked_shl(width.saturating_sub(length)).unwrap_or(0).wrapping_sub(1);
    let base = base & !hosts;
    let offsets = [1, 0, 2, hosts / 2, hosts.saturating_sub(1), hosts];
    offsets.into_iter().map(|offset| address(base | (offset & hosts), network.is_ipv4())).collect()
}

fn network(pattern: &str) -> Option<(IpAddr, u32)> {
    let (address, length) = pattern.split_once('/').unwrap_or((pattern, "128"));
    let address: IpAddr = address.parse().ok()?;
    Some((address, length.parse::<u32>().ok()?.min(bits(address).1)))
}

fn bits(address: IpAddr) -> (u128, u32) {
    match address {
        IpAddr::V4(address) => (u128::from(address.to_bits()), 32),
        IpAddr::V6(address) => (address.to_bits(), 128),
    }
}

fn address(bits: u128, is_v4: bool) -> IpAddr {
    match u32::try_from(bits) {
        Ok(bits) if is_v4 => IpAddr::V4(bits.into()),
        _ => IpAddr::V6(bits.into()),
    }
}

fn tokens(pattern: &str, is_path: bool) -> Vec<PatternToken> {
    let mut tokens = Vec::new();
    let mut rest = pattern;
    while let Some(letter) = rest.chars().next() {
        rest = rest.strip_prefix(letter).unwrap_or_default();
        let class = if is_path && letter == '[' { rest.split_once(']') } else { None };
        tokens.push(match (letter, class) {
            ('*', _) => PatternToken::Any,
            ('?', _) => PatternToken::One,
            (_, Some((inside, behind))) => {
                rest = behind;
                class_of(inside)
            }
            _ => PatternToken::Letter(letter),
        });
    }
    tokens
}

fn class_of(inside: &str) -> PatternToken {
    let is_excluded = inside.starts_with(['!', '^']);
    let letters: Vec<char> = inside.chars().skip(usize::from(is_excluded)).collect();
    let (mut ranges, mut rest) = (Vec::new(), letters.as_slice());
    loop {
        rest = match rest {
            [first, '-', last, rest @ ..] => {
                ranges.push((*first, *last));
                rest
            }
            [one, rest @ ..] => {
                ranges.push((*one, *one));
                rest
            }
            [] => return PatternToken::Class(ranges, is_excluded),
        };
    }
}

/// Of several stars only the last one can have taken too little.
fn all(tokens: &[PatternToken], text: &[char]) -> bool {
    let (mut tokens, mut text) = (tokens, text);
    let mut star: Option<(&[PatternToken], &[char])> = None;
    loop {
        (tokens, text) = match (tokens, text, star) {
            ([], [], _) => return true,
            ([PatternToken::Any, rest @ ..], text, _) => {
                star = Some((rest, text));
                (rest, text)
            }
            ([token, rest @ ..], [letter, text @ ..], _) if is_meant(token, *letter) => (rest, text),
            (_, _, Some((behind, [_, text @ ..]))) => {
                star = Some((behind, text));
                (behind, text)
            }
            _ => return false,
        };
    }
}

fn is_meant(token: &PatternToken, letter: char) -> bool {
    match token {
        PatternToken::Any | PatternToken::One => true,
        PatternToken::Letter(own) => *own == letter,
        PatternToken::Class(ranges, is_excluded) => {
            ranges.iter().any(|(first, last)| (*first..=*last).contains(&letter)) != *is_excluded
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_mean_what_sshd_means() {
        for (pattern, text, expected) in [
            ("*", "", true),
            ("a*c", "abbc", true),
            ("a?c", "ac", false),
            ("*ab*ab", "ababcab", true),
            ("*ab*ab", "abab ", false),
            ("a*a*a*a*a*a*a*a*a*a*b", &"a".repeat(1000), false),
            ("[ab]", "a", false),
            ("backup-*", "backup-1", true),
            ("A", "a", false),
        ] {
            assert_eq!(fits(pattern, text), expected, "{pattern} {text}");
        }
        for (pattern, path, expected) in [
            ("/a/*.conf", "/a/x.conf", true),
            ("/a/*.conf", "/a/.x.conf", false),
            ("/a/*", "/a/b/c", false),
            ("/*/[0-4][!x]*", "/a/0yz", true),
            ("/*/[0-4][!x]*", "/a/5yz", false),
            ("/a/x", "/a/x", true),
        ] {
            assert_eq!(path_fits(pattern, path), expected, "{pattern} {path}");
        }
        for (list, expected) in [("a", true), ("b,a", true), ("*,!a", false), ("!b", false), ("!b,*", true)] {
            assert_eq!(list_fits(list, |pattern| fits(pattern, "a")), expected, "{list}");
        }
    }

    #[test]
    fn an_address_of_each_pattern_is_found() {
        for list in [
            "10.0.0.0/8",
            "10.0.0.0/8,!10.0.0.0/24",
            "192.0.2.7",
            "192.0.2.7/32",
            "192.168.*",
            "2001:db8::/32",
            "0.0.0.0/0",
            "::/0",
            "fe80::*",
        ] {
            let fits = |address: &IpAddr| list_fits(list, |pattern| address_fits(pattern, *address));
            assert!(list.split(',').flat_map(addresses).any(|address| fits(&address)), "{list}");
        }
        let other: IpAddr = "11.0.0.1".parse().unwrap();
        assert!(!address_fits("10.0.0.0/8", other) && !address_fits("::/0", other) && address_fits("*", other));
    }
}
