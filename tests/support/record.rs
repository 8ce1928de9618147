//! A record as an administrator reads it: lines of text, whatever the code under test makes of them.

/// What a file of the state says: the newer of its two slots.
#[derive(Debug, PartialEq, Eq)]
pub struct Newest {
    pub sequence: u64,
    /// The highest step, or the next counter, of its device.
    pub last: u64,
    /// Wrong codes since the last login.
    pub since: u64,
}

impl Newest {
    pub fn of(bytes: &[u8]) -> Self {
        let slots = bytes.chunks(4096).filter_map(|slot| Self::read(&String::from_utf8_lossy(slot)));
        slots.max_by_key(|slot| slot.sequence).expect("a record")
    }

    fn read(slot: &str) -> Option<Self> {
        let number = |line: &str, place: usize| line.split(' ').nth(place).and_then(|word| word.parse().ok());
        let sequence = number(slot.lines().next().filter(|head| head.starts_with("pam_totp "))?, 2)?;
        let line = |keyword: &str| slot.lines().find(|line| line.split(' ').next() == Some(keyword));
        let last = line("device").and_then(|line| number(line, 2)).unwrap_or(0);
        let since = line("since").and_then(|line| number(line, 1)).unwrap_or(0);
        Some(Self { sequence, last, since })
    }
}
