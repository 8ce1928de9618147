//! What the doctor says of a stack, and which truths that stands for.

use super::places::Stack;
use super::shapes::Texts;
use super::truths::Wrong;
use pam_totp::doctor::finding::Severity;
use pam_totp::doctor::stacks::diagnose::problems;
use pam_totp::doctor::stacks::files::StackFiles;
use pam_totp::doctor::stacks::problem::{Circumstances, Problem};
use pam_totp::policy::rules::Unenrolled;

/// A policy under which everything counts.
pub const CIRCUMSTANCES: Circumstances = Circumstances {
    enabled: true,
    unenrolled: Some(Unenrolled::Enroll),
    all_enrolled: false,
    refuses: false,
    requires: false,
};

/// The files of a stack.
pub fn files(texts: &Texts) -> StackFiles {
    let mut files = StackFiles::default();
    for (name, lines) in texts {
        files.add(name, &format!("/etc/pam.d/{name}"), &text(lines));
    }
    files
}

/// What stands in a file.
pub fn text(lines: &[String]) -> String {
    lines.iter().map(|line| format!("{line}\n")).collect()
}

/// What the doctor warns of.
pub fn warnings(stack: &Stack, files: &StackFiles) -> Vec<Problem> {
    let mut problems = problems(files, &stack.service, &CIRCUMSTANCES);
    problems.retain(|problem| problem.level >= Severity::Warning);
    problems
}

/// What a finding says, if it is about what happens to logins.
pub fn meant_by(code: &str, has_credentials: bool) -> Option<&'static [Wrong]> {
    Some(match code {
        "unreachable" | "sufficient_before" => &[Wrong::Unasked],
        "condition" => &[Wrong::Unasked, Wrong::CodeAlone, Wrong::Nothing],
        "optional" => &[Wrong::AnyCode],
        "sufficient" => &[Wrong::AnyCode, Wrong::CodeAlone],
        "password_optional" => &[Wrong::CodeAlone],
        "permit" => &[Wrong::Nothing, Wrong::CodeAlone],
        "no_code_due" => &[Wrong::NoneDue],
        "shut_out" => &[Wrong::ShutOut, Wrong::AccountShutOut],
        "nobody" => &[Wrong::Nobody],
        "strangers" | "explain" => &[Wrong::Strangers],
        "code_alone" if !has_credentials => &[Wrong::Strangers],
        "asked_twice" => &[Wrong::Twice],
        "no_account" => &[Wrong::NotStored],
        "after_publickey" => &[Wrong::Nobody],
        "forward_pass" | "forward_pass_order" => &[Wrong::Unasked, Wrong::CodeAlone, Wrong::Strangers],
        _ => return None,
    })
}
