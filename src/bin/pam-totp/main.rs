//! pam-totp: people enroll with it, administrators run the host with it, panels script it.
//!
//! Thin over the library: arguments in, one transaction, one report out.
#![deny(unsafe_code, clippy::undocumented_unsafe_blocks)]
#![allow(clippy::disallowed_methods, clippy::disallowed_macros, reason = "a program of its own, not inside a host")]

mod accounts;
mod commands;
mod consequences;
mod doctor;
mod each;
mod edit;
mod form;
mod input;
mod names;
mod notify;
mod pam_app;
mod people;
mod picture;
mod proof;
mod read_as_user;
mod report;
mod rescue;
mod rollout;
mod stacks;
mod standing;
mod target;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};
use nix::sys::resource::{Resource, setrlimit};

use commands::{backup_codes, completions, enroll, import, list, policy, remove, resync, set, stack, r#try};
use form::Form;
use pam_totp::backup::{MAX_CODES, MIN_CODES};
use report::{Failure, Report};

/// Two-factor authentication for logins: enrolls users, and looks after their devices.
#[derive(Parser)]
#[command(name = "pam-totp", version, max_term_width = 78)]
struct Cli {
    /// Use this policy instead of /etc/security/pam_totp.toml.
    #[arg(long, global = true, value_name = "PATH")]
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
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Turn two-factor authentication on for a user: show a new key and QR code, and store it after a right code.
    Enroll(Enroll),
    /// The same as enroll --replace, as panels call it.
    Reconfigure(Enroll),
    /// Print a new key and its URI. Stores nothing.
    Generate(Generate),
    /// Store a key that came from elsewhere: the key or an otpauth:// URI on the first line of stdin, a code of it on the
    /// second. Root can repeat it: a key that is there already changes nothing.
    Set(set::Set),
    /// Make new backup codes. The old ones are void.
    BackupCodes(BackupCodes),
    /// Check a code from stdin as a login would: a right code is used up, a wrong one counted.
    Verify(Verify),
    /// Show the same prompts as a login, use up a code like one, and say whether the user would get in. Opens no
    /// session.
    Try(r#try::Try),
    /// Show a user's devices, when they were last used, backup codes, and wrong codes.
    Status {
        /// Which user [default: you].
        user: Option<String>,
    },
    /// List the users who are enrolled, or those that a filter names.
    List(list::List),
    /// Turn two-factor authentication off for users: remove all of their devices, or one. The account may be gone.
    #[command(visible_alias = "disable")]
    Remove(remove::Remove),
    /// Accept a device again whose clock or counter is too far off. Needs two of its codes in a row, from stdin.
    Resync(resync::Resync),
    /// Forget wrong codes, so that one code is enough again. Also fixes a state from the future, after a wrong clock.
    Unlock(Users),
    /// End remembered addresses: the next login from there asks for a code again. Needs no code.
    Forget {
        /// Whose; without it your own.
        users: Vec<String>,
    },
    /// Move an enrollment to a renamed account, or give it to an account that was deleted and created again.
    Rename {
        /// The name that the enrollment has.
        old: String,
        /// The new name; the same name again for an account that was created again.
        new: String,
    },
    /// Import what users have with another module: keys, counters, scratch codes, and which codes were used.
    Import(import::Import),
    /// Show, check and change the policy: who needs a code on this host.
    #[command(subcommand)]
    Policy(policy::Command),
    /// Have a PAM stack ask for codes, or not any more.
    #[command(subcommand)]
    Stack(stack::Command),
    /// Check the clock, files, policy, PAM stacks and sshd, and print the commands that fix what it finds. Exit 1 on
    /// a fault.
    Doctor,
    /// Show or set the name that apps show beside the account.
    Issuer {
        /// The new one; "" for the hostname.
        name: Option<String>,
    },
    /// Tell the policy's `notify` program what logins and pam-totpd have changed; systemd calls this.
    Notify,
    /// Print the completions for a shell.
    Completions {
        /// Which.
        shell: clap_complete::Shell,
    },
}

#[derive(Args)]
struct Label {
    /// The name that the app shows first [default: the policy's, else the hostname].
    #[arg(long)]
    issuer: Option<String>,
    /// The name that the app shows second [default: USER].
    #[arg(long)]
    account: Option<String>,
}

#[derive(Args)]
struct Enroll {
    /// Which user [default: you].
    user: Option<String>,
    #[command(flatten)]
    label: Label,
    #[command(flatten)]
    form: Form,
    /// What to call the device. A new name adds a device to those that the user has [default: phone].
    #[arg(long, value_name = "NAME")]
    device: Option<String>,
    /// How to draw the QR code.
    #[arg(long, value_enum, default_value = "auto")]
    qr: Qr,
    /// Also write the QR code to a new file: a .png or .svg.
    #[arg(long, value_name = "FILE", value_parser = picture::NewFile::parse)]
    qr_file: Option<picture::NewFile>,
    /// Replace the key of --device, or of the only device. The old key and the backup codes are void.
    #[arg(long)]
    replace: bool,
    /// How many backup codes to make: 0, or 2 to 20 [default: 10; for one more device 0: the old codes stay].
    #[arg(long, value_name = "N", value_parser = none_or_a_set)]
    backup_codes: Option<u8>,
}

#[derive(Args)]
struct BackupCodes {
    /// Which user [default: you].
    user: Option<String>,
    /// How many: 2 to 20, with --expires 1 to 12 [default: 10, with --expires 1].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=MAX_CODES as i64))]
    count: Option<u8>,
    /// Codes of a help desk: root makes them beside the user's own, which stay, and after this time none counts: 10m to 7d.
    #[arg(long, value_name = "TIME", value_parser = backup_codes::life)]
    expires: Option<u64>,
}

fn none_or_a_set(text: &str) -> Result<u8, String> {
    let count = text.parse().ok().filter(|n| *n == 0 || (MIN_CODES..=MAX_CODES).contains(&usize::from(*n)));
    count.ok_or_else(|| format!("0, or {MIN_CODES} to {MAX_CODES}"))
}

#[derive(Args)]
struct Generate {
    /// Which user [default: you].
    user: Option<String>,
    #[command(flatten)]
    label: Label,
    #[command(flatten)]
    form: Form,
    /// Also draw the QR code.
    #[arg(long, value_enum, default_value = "none")]
    qr: picture::Drawing,
    /// Write the QR code to a new file: a .png or .svg.
    #[arg(long, value_name = "FILE", value_parser = picture::NewFile::parse)]
    qr_file: Option<picture::NewFile>,
}

#[derive(Args)]
struct Verify {
    /// Whose code it is.
    user: String,
    /// The PAM service that the login is for.
    #[arg(long)]
    service: Option<String>,
    /// The IP address that the login comes from [default: this host].
    #[arg(long, value_name = "ADDRESS")]
    from: Option<String>,
}

#[derive(Args)]
struct Users {
    /// Which users.
    #[arg(required = true)]
    users: Vec<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Qr {
    /// utf8 where the terminal can, else ascii; none where there is no terminal.
    Auto,
    /// Half blocks.
    Utf8,
    /// Colored blanks and `##`, for terminals without UTF-8.
    Ascii,
    /// Not at all.
    None,
}

fn main() -> ExitCode {
    // First of all, while nothing was opened or read: this process may have to be somebody else's.
    if let Some(exit) = read_as_user::read_as_asked() {
        return exit;
    }
    keep_no_core();
    let cli = match command().try_get_matches().and_then(|matches| Cli::from_arg_matches(&matches)) {
        Ok(cli) => cli,
        Err(error) => return usage(&error),
    };
    let json = cli.json;
    report::finish(json, run(cli))
}

/// Options for all that a command refuses, and says why. Its help does not offer them.
const REFUSED: [(&str, &[&str]); 5] = [
    ("enroll", &["json"]),
    ("reconfigure", &["json"]),
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

fn run(cli: Cli) -> Result<Report, Failure> {
    let config = cli.config.as_deref();
    cli.by.as_deref().map_or(Ok(()), people::on_behalf_of)?;
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
        Command::Enroll(_) | Command::Reconfigure(_) if cli.json => {
            Err(Failure::usage("`enroll` asks for a code; with --json use `generate`, then `set`"))
        }
        Command::Enroll(arguments) => enroll::enroll(config, &arguments),
        Command::Reconfigure(arguments) => enroll::enroll(config, &Enroll { replace: true, ..arguments }),
        Command::Generate(arguments) => enroll::generate(config, &arguments),
        Command::Set(arguments) => set::set(config, &arguments, cli.json),
        Command::BackupCodes(BackupCodes { user, count, expires: Some(life) }) => {
            backup_codes::backup_codes(config, user.as_deref(), count, life)
        }
        Command::BackupCodes(arguments) => enroll::backup_codes(config, &arguments, cli.json),
        Command::Verify(arguments) => standing::verify(config, &arguments, cli.json),
        Command::Try(arguments) => r#try::run(&arguments, cli.json),
        Command::Status { user } => standing::status(config, user.as_deref()),
        Command::List(arguments) => list::list(config, &arguments),
        Command::Remove(arguments) => remove::remove(config, &arguments, cli.json),
        Command::Resync(arguments) => resync::resync(config, &arguments, cli.json),
        Command::Unlock(users) => each::unlock(config, &users.users),
        Command::Forget { users } => each::forget(config, &users),
        Command::Rename { old, new } => each::rename(config, &old, &new),
        Command::Import(arguments) => import::import(config, &arguments, cli.json),
        Command::Policy(command) => policy::run(config, command, cli.json),
        Command::Stack(command) => stack::run(config, &command, cli.json),
        Command::Doctor => Ok(doctor::doctor(config).unwrapped()),
        Command::Issuer { name } => policy::issuer(config, name.as_deref()),
        Command::Notify => notify::notify(),
        Command::Completions { shell } => Ok(completions::script(shell, command())),
    }
}

/// clap's own errors and pages, as one JSON object where that was asked for.
fn usage(error: &clap::Error) -> ExitCode {
    let json = std::env::args_os().any(|argument| argument == "--json");
    let text = error.render().to_string();
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            let text = text.trim_end();
            report::finish(json, Ok(Report::new(text.to_owned()).unwrapped().with("text", text)))
        }
        _ => report::finish(json, Err(Failure::usage(text.trim_start_matches("error: ").trim_end()))),
    }
}

/// Keys pass through this process: none goes into a core file or to a debugger of the same user.
fn keep_no_core() {
    let _ = nix::sys::prctl::set_dumpable(false);
    let _ = setrlimit(Resource::RLIMIT_CORE, 0, 0);
}
