//! pam-totp: people enroll with it, administrators run the host with it, panels script it.
//!
//! Thin over the library: arguments in, one transaction, one report out.
#![deny(unsafe_code, clippy::undocumented_unsafe_blocks)]
#![allow(clippy::disallowed_methods, clippy::disallowed_macros, reason = "a program of its own, not inside a host")]

mod accounts;
mod backend;
mod codes;
mod commands;
mod consequences;
mod delegate;
mod each;
mod edit;
mod form;
mod hook;
mod input;
mod json;
mod label;
mod log;
mod names;
mod no_core;
mod orphans;
mod pam_app;
mod people;
mod picture;
mod policy_file;
mod proof;
mod read_as_user;
mod report;
mod rescue;
mod rollout;
mod stacks;
mod standing;
mod stream;
mod target;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use commands::{
    backup_codes, completions, doctor, enroll, forget, generate, import, issuer, list, notify, policy, remove, rename,
    resync, set, stack, status, r#try, unlock, verify,
};
use pam_totp::paths;
use report::{Failure, Format, Report};

/// Two-factor authentication for logins: enrolls users, and looks after their devices.
#[derive(Parser)]
#[command(name = "pam-totp", version, max_term_width = 78)]
struct Cli {
    #[arg(long, global = true, value_name = "PATH", help = format!("Use this policy instead of {}", paths::POLICY))]
    config: Option<PathBuf>,
    /// Work on the system whose disk is mounted there. --config is a path on that disk.
    #[arg(long, global = true, value_name = "DIR")]
    root: Option<PathBuf>,
    /// For panels: who in the panel does this. The log says so. Root only.
    #[arg(long, global = true, value_name = "NAME")]
    by: Option<String>,
    /// Print one JSON object, also for errors, and never prompt.
    #[arg(long, global = true)]
    json: bool,
    /// Like --json, but with a line for each user as soon as they are read or changed, and a last line for the rest.
    #[arg(long, global = true)]
    json_lines: bool,
    #[command(subcommand)]
    command: Command,
}

impl Cli {
    fn format(&self) -> Format {
        match self {
            Self { json_lines: true, .. } => Format::JsonLines,
            Self { json: true, .. } => Format::Json,
            _ => Format::Text,
        }
    }
}

#[derive(Subcommand)]
enum Command {
    /// Turn two-factor authentication on for a user: show a new key and QR code, and store it after a right code.
    Enroll(enroll::EnrollArgs),
    /// The same as enroll --replace, as panels call it.
    Reconfigure(enroll::EnrollArgs),
    /// Print a new key and its URI. Stores nothing.
    Generate(generate::GenerateArgs),
    /// Store a key that came from elsewhere: the key or an otpauth:// URI on the first line of stdin, a code of it on the
    /// second. Root can repeat it: a key that is there already changes nothing.
    Set(set::SetArgs),
    /// Make new backup codes. The old ones are void.
    BackupCodes(backup_codes::BackupCodesArgs),
    /// Check a code from stdin as a login would: a right code is used up, a wrong one counted.
    Verify(verify::VerifyArgs),
    /// Show the same prompts as a login, use up a code like one, and say whether the user would get in. Opens no
    /// session.
    Try(r#try::TryArgs),
    /// Show a user's devices, when they were last used, backup codes, and wrong codes.
    Status(status::StatusArgs),
    /// List the users who are enrolled, or those that a filter names.
    List(list::ListArgs),
    /// Turn two-factor authentication off for users: remove all of their devices, or one. The account may be gone.
    #[command(visible_alias = "disable")]
    Remove(remove::RemoveArgs),
    /// Accept a device again whose clock or counter is too far off. Needs two of its codes in a row, from stdin.
    Resync(resync::ResyncArgs),
    /// Forget wrong codes, so that one code is enough again. Also fixes a state from the future, after a wrong clock.
    Unlock(unlock::UnlockArgs),
    /// End remembered addresses: the next login from there asks for a code again. Needs no code.
    Forget(forget::ForgetArgs),
    /// Move an enrollment to a renamed account, or give it to an account that was deleted and created again.
    Rename(rename::RenameArgs),
    /// Import what users have with another module: keys, counters, scratch codes, and which codes were used.
    Import(import::ImportArgs),
    /// Show, check and change the policy: who needs a code on this host.
    #[command(subcommand)]
    Policy(policy::PolicyCommand),
    /// Have a PAM stack ask for codes, or not any more.
    #[command(subcommand)]
    Stack(stack::StackCommand),
    /// Check the clock, files, policy, PAM stacks and sshd, and print the commands that fix what it finds. Exit 1 on
    /// a fault.
    Doctor,
    /// Show or set the name that apps show beside the account.
    Issuer(issuer::IssuerArgs),
    /// Tell the policy's `notify` program what logins and pam-totpd have changed; systemd calls this.
    Notify,
    /// Print the completions for a shell.
    Completions(completions::CompletionsArgs),
}

fn main() -> ExitCode {
    // First of all, while nothing was opened or read: this process may have to be somebody else's.
    if let Some(exit) = read_as_user::read_as_asked() {
        return exit;
    }
    no_core::keep_none();
    let cli = match command().try_get_matches().and_then(|matches| Cli::from_arg_matches(&matches)) {
        Ok(cli) => cli,
        Err(error) => return usage(&error),
    };
    let format = cli.format();
    report::finish(format.is_json(), run(cli, format))
}

/// Options for all that a command refuses, and says why. Its help does not offer them.
const REFUSED: [(&str, &[&str]); 5] = [
    ("enroll", &["json", "json_lines"]),
    ("reconfigure", &["json", "json_lines"]),
    ("try", &["config", "root"]),
    ("import", &["root"]),
    ("notify", &["root"]),
];

fn command() -> clap::Command {
    // It always replaces.
    let command =
        Cli::command().mut_subcommand("reconfigure", |own| own.mut_arg("replace", |replace| replace.hide(true)));
    REFUSED.iter().fold(command, |command, (name, refused)| {
        let options = command.get_arguments().filter(|option| refused.contains(&option.get_id().as_str()));
        let hidden: Vec<_> = options.map(|option| option.clone().hide(true)).collect();
        command.mut_subcommand(name, |own| own.args(hidden))
    })
}

fn run(cli: Cli, format: Format) -> Result<Report, Failure> {
    let (config, json) = (cli.config.as_deref(), format.is_json());
    cli.by.as_deref().map_or(Ok(()), log::on_behalf_of)?;
    match (&cli.root, &cli.command) {
        (Some(_), Command::Import(_)) => {
            return Err(Failure::usage("`import` reads homes as their owners: not with --root; import on that host"));
        }
        (Some(_), Command::Try(_)) => return Err(Failure::usage("`try` runs this system's own PAM: not with --root")),
        _ if config.is_some() && matches!(cli.command, Command::Try(_)) => {
            return Err(Failure::usage("`try` takes the policy that the stack names: not with --config"));
        }
        (Some(directory), _) => rescue::enter(directory)?,
        (None, _) => {}
    }
    match cli.command {
        Command::Enroll(_) | Command::Reconfigure(_) if json => {
            Err(Failure::usage("`enroll` asks for a code; with --json use `generate`, then `set`"))
        }
        Command::Enroll(arguments) => enroll::enroll(config, &arguments),
        Command::Reconfigure(arguments) => enroll::reconfigure(config, arguments),
        Command::Generate(arguments) => generate::generate(config, &arguments),
        Command::Set(arguments) => set::set(config, &arguments, json),
        Command::BackupCodes(arguments) => backup_codes::backup_codes(config, &arguments, json),
        Command::Verify(arguments) => verify::verify(config, &arguments, json),
        Command::Try(arguments) => r#try::run(&arguments, json),
        Command::Status(arguments) => status::status(config, &arguments, json),
        Command::List(arguments) => list::list(config, &arguments, format),
        Command::Remove(arguments) => remove::remove(config, &arguments, format),
        Command::Resync(arguments) => resync::resync(config, &arguments, json),
        Command::Unlock(arguments) => unlock::unlock(config, &arguments, format),
        Command::Forget(arguments) => forget::forget(config, &arguments, format),
        Command::Rename(arguments) => rename::rename(config, &arguments),
        Command::Import(arguments) => import::import(config, &arguments, format),
        Command::Policy(command) => policy::run(config, &command, json),
        Command::Stack(command) => stack::run(config, &command, json),
        Command::Doctor => Ok(doctor::doctor(config, format).unwrapped()),
        Command::Issuer(arguments) => issuer::issuer(config, &arguments),
        Command::Notify => notify::notify(),
        Command::Completions(arguments) => Ok(completions::script(&arguments, command())),
    }
}

/// clap's own errors and pages, as one JSON object where that was asked for.
fn usage(error: &clap::Error) -> ExitCode {
    let json = std::env::args_os().any(|argument| argument == "--json" || argument == "--json-lines");
    let text = error.render().to_string();
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            let text = text.trim_end();
            report::finish(
                json,
                Ok(Report::new(text.to_owned(), &json::TextReport { text: text.to_owned() }).unwrapped()),
            )
        }
        _ => report::finish(json, Err(Failure::usage(text.trim_start_matches("error: ").trim_end()))),
    }
}
