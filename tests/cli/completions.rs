//! The completions know users, services and groups: tried in the real shells.

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
    for command in ["add", "remove"] {
        has(&format!("pam-totp stack {command} oth"), "other");
        assert!(!offered(&format!("pam-totp stack {command} roo")).iter().any(|word| word == "root"), "no user");
    }
    has("pam-totp stack add sudo-i --like oth", "other");
    has("pam-totp list --group roo", "root");
    has("pam-totp pol", "policy");
    has("pam-totp stat", "status");
    has("pam-totp status --js", "--json");
    has("pam-totp comp", "completions");
    assert!(!offered("pam-totp status --js").iter().any(|word| word == "root"));
}

#[test]
fn in_fish_too() {
    let script = format!("{} completions fish | source; complete -C $argv[1]", artifacts::program().display());
    let offers = |words: &str, word: &str| {
        let output = Command::new("fish").args(["--no-config", "-c", &script, words]).output().expect("fish starts");
        let said = String::from_utf8(output.stdout).expect("UTF-8");
        assert!(said.lines().any(|line| line.split('\t').next() == Some(word)), "{words}: {said}");
    };
    for command in ["status", "unlock", "remove", "enroll", "policy explain", "list", "backup-codes"] {
        offers(&format!("pam-totp {command} roo"), "root");
    }
    offers("pam-totp remove --all --except roo", "root");
    offers("pam-totp verify --service oth", "other");
    offers("pam-totp try oth", "other");
    offers("pam-totp stack add oth", "other");
    offers("pam-totp stack remove oth", "other");
    offers("pam-totp list --group roo", "root");
}

#[test]
fn zsh_reads_the_script_and_asks_for_each_kind_of_value() {
    let completions = |shell: &str| {
        let output = Command::new(artifacts::program()).args(["completions", shell]).output().expect("it starts");
        String::from_utf8(output.stdout).expect("UTF-8")
    };
    let script = completions("zsh");
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), &script).expect("writes the script");
    let read = Command::new("zsh").args(["--no-rcs", "-n"]).arg(file.path()).output().expect("zsh starts");
    assert!(read.status.success() && read.stderr.is_empty(), "{}", String::from_utf8_lossy(&read.stderr));
    let asks = |what: &str, action: &str| {
        let lines: Vec<&str> = script.lines().filter(|line| line.contains(what)).collect();
        assert!(!lines.is_empty() && lines.iter().all(|line| line.contains(action)), "{what}: {lines:?}");
    };
    asks(":user -- ", ":_users'");
    asks(":SERVICE:", ":_files -W /etc/pam.d'");
    asks("':service -- ", ":_files -W /etc/pam.d'");
    asks(":GROUP:", ":_groups'");
}
