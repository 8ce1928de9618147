//! Text that shows as what it is, and the words for times and numbers. Pure.

pub mod wrap;

use crate::date::Utc;

/// Does this letter show as something else than itself? Control characters write lines of their own; the invisible and
/// the direction marks of Unicode turn what stands beside them into another text.
pub fn deceives(letter: char) -> bool {
    letter.is_control()
        || matches!(letter, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}')
        || matches!(letter, '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// Foreign text in a log: control characters and spaces replaced, so that nobody writes lines or words of ours.
pub fn clean(text: &str) -> String {
    let mut out: String =
        text.chars().take(128).map(|c| if deceives(c) || c.is_whitespace() { '?' } else { c }).collect();
    if text.chars().nth(128).is_some() {
        out.push_str("...");
    }
    out
}

/// Text of several lines in which nothing shows as something else than itself.
pub fn plain(text: &str) -> String {
    text.chars().map(|c| if deceives(c) && c != '\n' { '?' } else { c }).collect()
}

/// A name on a terminal, whole: in quotes where it has blanks, which some directories allow.
pub fn shown(name: &str) -> String {
    let shown: String = name.chars().take(128).map(|c| if deceives(c) { '?' } else { c }).collect();
    let more = if name.chars().nth(128).is_some() { "..." } else { "" };
    if shown.chars().any(char::is_whitespace) { format!("\"{shown}{more}\"") } else { format!("{shown}{more}") }
}

/// Seconds as people say them, rounded up: "12 s", "4 minutes", "6 hours".
pub fn duration(seconds: u64) -> String {
    match seconds {
        0..=120 => format!("{seconds} s"),
        121..=7_200 => format!("{} minutes", seconds.div_ceil(60)),
        7_201..=172_800 => format!("{} hours", seconds.div_ceil(3_600)),
        _ => format!("{} days", seconds.div_ceil(86_400)),
    }
}

/// A number and what there is so much of: "1 user", "2 users".
pub fn counted<N: std::fmt::Display + PartialEq + From<u8>>(count: N, one: &str, many: &str) -> String {
    let noun = if count == N::from(1) { one } else { many };
    format!("{count} {noun}")
}

/// `2026-11-21 19:00 UTC`.
pub fn moment(epoch: u64) -> String {
    let utc = Utc::from_epoch(epoch);
    format!("{:04}-{:02}-{:02} {:02}:{:02} UTC", utc.year, utc.month, utc.day, utc.hour, utc.minute)
}

/// The clocks of phone and server differ: which way, by how much.
pub fn clocks_differ(ahead: i64) -> String {
    let direction = if ahead < 0 { "behind" } else { "ahead of" };
    format!("{} s {direction}", ahead.unsigned_abs())
}

/// An issuer or account that fits an otpauth label: printable, without a colon, 1 to 128 bytes.
pub fn valid_label(text: &str) -> bool {
    (1..=128).contains(&text.len()) && !text.chars().any(|c| deceives(c) || c == ':')
}

/// The parser's own message quotes the offending line, which may hold a key: the place alone is kept.
pub(crate) fn position(text: &str, error: &toml::de::Error) -> Option<(usize, usize)> {
    place(text, error.span()?.start)
}

/// Line and column, both from 1.
pub(crate) fn place(text: &str, byte: usize) -> Option<(usize, usize)> {
    let before = text.get(..byte)?;
    let line = before.matches('\n').count().saturating_add(1);
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count().saturating_add(1);
    Some((line, column))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_makes_no_lines_and_no_words() {
        assert_eq!(clean("bob\nroot user=x\u{1b}[2J\u{2028}"), "bob?root?user=x?[2J?");
        assert_eq!(clean("bo\u{202e}b\u{200b}"), "bo?b?");
        assert_eq!(clean(&"x".repeat(200)).len(), 131);
    }

    #[test]
    fn what_has_a_number_says_one_or_many() {
        assert_eq!([0, 1, 2].map(|count: u32| counted(count, "user", "users")), ["0 users", "1 user", "2 users"]);
        assert_eq!(counted(21_usize, "user", "users"), "21 users");
        assert_eq!([-30, 0, 30].map(clocks_differ), ["30 s behind", "0 s ahead of", "30 s ahead of"]);
    }

    #[test]
    fn times_as_people_say_them() {
        let cases = [
            (12, "12 s"),
            (120, "120 s"),
            (121, "3 minutes"),
            (240, "4 minutes"),
            (21_600, "6 hours"),
            (172_801, "3 days"),
        ];
        for (seconds, words) in cases {
            assert_eq!(duration(seconds), words);
        }
    }

    #[test]
    fn labels() {
        assert!(valid_label("my host"));
        for bad in ["", "a:b", "a\nb", "a\u{202e}b", &"x".repeat(129)] {
            assert!(!valid_label(bad));
        }
    }
}
