//! What `stack add` writes beside its lines, so that they can be taken out to the byte. Pure.

use super::line::{StackLine, parse};

/// Behind it stands a line as it was.
pub(super) const INSTEAD: &str = "# pam_totp, instead of: ";
/// At the end of a line that came with ours.
pub(super) const ADDED: &str = "# added for pam_totp";
/// The first line of a copy, and then where it is from.
pub(super) const COPY: &str = "# pam_totp, a copy of ";

/// The text without our lines; `None` where there are none.
pub(super) fn without_ours(path: &str, text: &str) -> Option<String> {
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let ours: Vec<StackLine> = parse(path, text).into_iter().filter(StackLine::is_ours).collect();
    let is_ours = |number: usize| ours.iter().any(|line| (line.at.0..=line.at.1).contains(&number));
    let mut kept: Vec<&str> = Vec::new();
    let mut last_is_gone = false;
    for (number, line) in (1_usize..).zip(&lines) {
        let bare = line.trim_end_matches('\n');
        last_is_gone = is_ours(number) || (bare.ends_with(ADDED) && !bare.starts_with('#'));
        if !last_is_gone {
            kept.push(line.strip_prefix(INSTEAD).unwrap_or(line));
        }
    }
    let mut less = kept.concat();
    // What was put behind a last line without an end gave it one.
    if last_is_gone && !text.ends_with('\n') && less.ends_with('\n') {
        less.pop();
    }
    (less != text).then_some(less)
}
