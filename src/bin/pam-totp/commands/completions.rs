//! `completions`: what a shell offers at the Tab key, with users, services and groups.

use clap::{Args, Command, ValueHint};
use clap_complete::Shell;

use crate::json;
use crate::report::Report;

/// The arguments that are users.
const USERS: [&str; 5] = ["user", "users", "except", "old", "new"];

#[derive(Args)]
pub struct CompletionsArgs {
    /// Which.
    shell: Shell,
}

pub fn script(CompletionsArgs { shell }: &CompletionsArgs, program: Command) -> Report {
    let mut script = Vec::new();
    clap_complete::generate(*shell, &mut with_users(program), "pam-totp", &mut script);
    let script = String::from_utf8_lossy(&script).into_owned();
    let script = match shell {
        // clap_complete writes our hyphen in two ways into its bash functions, which then never meet.
        Shell::Bash => script.replace("pam__subcmd__totp", "pam__totp") + include_str!("completions.bash"),
        Shell::Fish => script + include_str!("completions.fish"),
        Shell::Zsh => script.lines().map(zsh).collect(),
        _ => script,
    };
    let script = script.trim_end().to_owned();
    Report::new(script.clone(), &json::TextReport { text: script }).unwrapped()
}

fn with_users(command: Command) -> Command {
    let names: Vec<String> = command.get_subcommands().map(|inner| inner.get_name().to_owned()).collect();
    let command = command.mut_args(|argument| {
        if USERS.contains(&argument.get_id().as_str()) { argument.value_hint(ValueHint::Username) } else { argument }
    });
    names.into_iter().fold(command, |command, name| command.mut_subcommand(name, with_users))
}

/// A line of zsh's script: it names values that clap has no hint for.
fn zsh(line: &str) -> String {
    let action = match line {
        line if line.contains(":SERVICE:") || line.starts_with("':service --") => "_files -W /etc/pam.d",
        line if line.contains(":GROUP:") => "_groups",
        _ => "_default",
    };
    format!("{}\n", line.replace(":_default'", &format!(":{action}'")))
}
