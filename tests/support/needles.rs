//! What a login must not leave behind in its host's memory, and the looking for it.

use super::codes::{codes, now};
use super::host::{Once, Region};
use super::sha1;
use std::fmt::Write;

/// What must not be found, under its name.
pub struct Needles(Vec<(String, Vec<u8>)>);

impl Needles {
    pub fn new() -> Self {
        Self(Vec::new())
    }

    /// A key in every form in which it is worth as much: raw, as text, mixed with HMAC's pads, and what SHA-1 makes of
    /// those two blocks. Eight bytes of it are enough to find it.
    pub fn key(mut self, base32: &str) -> Self {
        let key = base32::decode(base32::Alphabet::Rfc4648 { padding: false }, base32).expect("base32");
        let padded = |pad: u8| -> Vec<u8> { key.iter().map(|byte| byte ^ pad).collect() };
        let forms = [
            ("key", key.clone()),
            ("key as text", base32.as_bytes().to_vec()),
            ("inner pad", padded(sha1::INNER)),
            ("outer pad", padded(sha1::OUTER)),
            ("inner state", sha1::keyed(&key, sha1::INNER)),
            ("outer state", sha1::keyed(&key, sha1::OUTER)),
        ];
        for (name, bytes) in forms {
            for (place, part) in bytes.chunks_exact(8).enumerate() {
                self.0.push((format!("{name}[{}..]", 8 * place), part.to_vec()));
            }
        }
        self
    }

    pub fn text(mut self, name: &str, text: &str) -> Self {
        self.0.push((format!("{name} {text}"), text.as_bytes().to_vec()));
        self
    }

    /// All codes that a login may have computed, and a typed one.
    pub fn codes(self, key: &str, typed: &str) -> Self {
        let near = codes(key, now() - 25 * 30, 50);
        near.iter().fold(self, |needles, code| needles.text("code", code)).text("typed", typed)
    }

    /// A backup code as it is typed, and as it is judged.
    pub fn backup(self, code: &str) -> Self {
        let pads = |pad: u8| code.bytes().filter(|b| *b != b'-').map(|byte| byte ^ pad).collect::<Vec<u8>>();
        let mut needles = self.text("backup code", code).text("backup code", &code.replace('-', ""));
        needles.0.push(("backup code, inner pad".into(), pads(0x36)));
        needles.0.push(("backup code, outer pad".into(), pads(0x5c)));
        needles
    }

    pub fn found_in(&self, memory: &[Region]) -> String {
        let mut found = String::new();
        for region in memory {
            for (name, place) in region.find(&self.0) {
                writeln!(found, "{name} in {} at {place:#x}", region.name).expect("a string");
            }
        }
        found
    }
}

/// Looks for the needles once PAM has ended, wherever the host can have written to; its stack is no exception. What may
/// hold a piece of one still are the processor's vector registers, which no code of ours can reach.
/// Made-up codes tell how often six digits are there by chance.
pub fn leaves_nothing(what: &str, mut login: Once, expected: i32, needles: &Needles) {
    assert_eq!(login.code(), expected, "{what}");
    let memory = login.memory();
    assert!(memory.iter().any(Region::is_stack) && memory.len() > 10, "{what}: that is not all");
    let decoys = (0..60).map(|n| format!("{:06}", 130_363 + n * 7_919)).collect::<Vec<_>>();
    let decoys = decoys.iter().fold(Needles::new(), |needles, code| needles.text("decoy", code));
    let by_chance = decoys.found_in(&memory);
    let found = needles.found_in(&memory);
    assert_eq!(login.ends(), "", "{what}");
    assert_eq!(found, "", "{what}; of 60 codes that nobody typed: {by_chance:?}");
}
