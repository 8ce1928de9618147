//! The completions know users, services and groups: tried in a real bash.

use crate::support::artifacts;
use std::process::Command;

/// What bash offers for the last of these words.
fn offered(words: &str) -> Vec<String> {
    let script = format!(
        "source <({} completions bash) || exit 1
         COMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); COMP_LINE=\"${{COMP_WORDS[*]}}\"
         _pam_totp_names pam-totp \"${{COMP_WORDS[COMP_CWORD]}}\" \"${{COMP_WORDS[COMP_CWORD-1]}}\"
         printf '%s\\n' \"${{COMPREPLY[@]}}\"
         complete -p pam-totp >&2",
        artifacts::program().display()
    );
    let output = Command::new("bash").args(["--norc", "-c", &script]).output().expect("bash starts");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        output.status.success() && said.trim() == said.trim().lines().last().unwrap_or_default(),
        "{words}: {said}"
    );
    assert!(said.contains("-F _pam_totp_names"), "{said}");
    String::from_utf8(output.stdout).expect("UTF-8").lines().map(str::to_owned).collect()
}

#[test]
fn users_services_and_groups_are_offered() {
    let has = |words: &str, word: &str| assert!(offered(words).iter().any(|w| w == word), "{words}: {word}");
    for command in ["status", "unlock", "remove", "enroll", "policy explain", "list", "backup-codes"] {
        has(&format!("pam-totp {command} roo"), "root");
    }
    has("pam-totp policy explain root --service oth", "other");
    has("pam-totp list --group roo", "root");
    has("pam-totp pol", "policy");
    has("pam-totp stat", "status");
    has("pam-totp status --js", "--json");
    has("pam-totp comp", "completions");
    assert!(!offered("pam-totp status --js").iter().any(|word| word == "root"));
}
