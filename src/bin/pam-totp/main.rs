//! pam-totp: people enroll with it, administrators run the host with it, panels script it.
//!
//! Thin over the library: arguments in, one transaction, one report out.
#![deny(unsafe_code, clippy::undocumented_unsafe_blocks)]
#![allow(clippy::disallowed_methods, clippy::disallowed_macros, reason = "a program of its own, not inside a host")]

mod accounts;
mod change;
mod doctor;
mod edit;
mod enroll;
mod explain;
mod form;
mod home;
mod import;
mod input;
mod list;
mod look;
mod own;
mod pam_app;
mod people;
mod picture;
mod policy;
mod policy_set;
mod report;
mod rescue;
mod resync;
mod rollout;
mod set;
mod stacks;
mod sweep;
mod target;
mod temporary;
mod try_stack;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};
use nix::sys::resource::{Resource, setrlimit};

use form::Form;
use pam_totp::backup::{MAX_CODES, MIN_CODES};
use report::{Failure, Report};

/// Enrolls users for codes after the password, and looks after what they enrolled.
#[derive(Parser)]
#[command(name = "pam-totp", version, max_term_width = 78)]
struct Cli {
    /// Use this policy instead of /etc/security/pam_totp.toml.
    #[arg(long, global = true, value_name = "PATH")]
    config: Option<PathBuf>,
    /// Work on the system whose disk is mounted there; --config is a path on it.
    #[arg(long, global = true, value_name = "DIR")]
    root: Option<PathBuf>,
    /// For panels: who in the panel does this. The log says so. Root only.
    #[arg(long, global = true, value_name = "NAME")]
    by: Option<String>,
    /// Print one JSON object, also for errors; never ask.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Make a key, show it, and store it once a code proves that it is in the phone.
    Enroll(Enroll),
    /// `enroll --replace`, as panels call it.
    #[command(hide = true)]
    Reconfigure(Enroll),
    /// Print a new key and its URI; nothing is stored.
    Generate(Generate),
    /// Store a key: the key is read from the first line of stdin, a code that proves it from the second.
    Set(set::Set),
    /// Make a new set of backup codes; the old one is void.
    BackupCodes(BackupCodes),
    /// Check one code, read from stdin, exactly as a login would: it is used up, or counted.
    Verify(Verify),
    /// Run a PAM stack as a login would, prompt by prompt, and say what it answers; opens no session. A code is used
    /// up, a wrong one counted.
    Try(try_stack::Try),
    /// Show what a user has enrolled, when it was last used, and whether he has to wait.
    Status {
        /// Whose; without it your own.
        user: Option<String>,
    },
    /// Show every enrolled user, or those that a filter names.
    List(list::List),
    /// Take the factor off; works when the account is gone.
    #[command(alias = "disable")]
    Remove(sweep::Remove),
    /// Follow a device whose clock or counter has run away: two codes in a row, read from stdin, show where it is.
    Resync(resync::Resync),
    /// Clear waits, and a state that lies in the future after a wrong clock.
    Unlock(Users),
    /// Move a factor to a renamed account, or tie it to an account that was made anew.
    Rename {
        /// The name it is under.
        old: String,
        /// The account that shall have it.
        new: String,
    },
    /// Take over what users have with another module: keys, counters, scratch codes, and which codes were used.
    Import(import::Import),
    /// Show, check and switch what this host asks of its users.
    #[command(subcommand)]
    Policy(policy::Command),
    /// Look whether this host is in order, and say how to mend what is not; exit 1 on a fault.
    Doctor,
    /// Show or set the name that apps show beside the account.
    Issuer {
        /// The new one; "" for the hostname.
        name: Option<String>,
    },
    /// Print the completions for a shell.
    #[command(hide = true)]
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
    /// For whom; without it for yourself.
    user: Option<String>,
    #[command(flatten)]
    label: Label,
    #[command(flatten)]
    form: Form,
    /// What to call the phone or token: a further one where the user has others [default: phone].
    #[arg(long, value_name = "NAME")]
    device: Option<String>,
    /// How to draw the QR code.
    #[arg(long, value_enum, default_value = "auto")]
    qr: Qr,
    /// Draw it into a new file too: a .png or .svg.
    #[arg(long, value_name = "FILE", value_parser = picture::NewFile::parse)]
    qr_file: Option<picture::NewFile>,
    /// Void the key of --device, or of the only one, and the backup codes.
    #[arg(long)]
    replace: bool,
    /// How many backup codes to make: 0, or 2 to 20 [default: 10; for a further device 0, and the codes stay].
    #[arg(long, value_name = "N", value_parser = none_or_a_set)]
    backup_codes: Option<u8>,
}

#[derive(Args)]
struct BackupCodes {
    /// For whom; without it for yourself.
    user: Option<String>,
    /// How many: 2 to 20, with --expires 1 to 12 [default: 10, with --expires 1].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=MAX_CODES as i64))]
    count: Option<u8>,
    /// Codes of a help desk: root makes them beside the user's own, which stay, and after this time none counts: 10m to 7d.
    #[arg(long, value_name = "TIME", value_parser = temporary::life)]
    expires: Option<u64>,
}

fn none_or_a_set(text: &str) -> Result<u8, String> {
    let count = text.parse().ok().filter(|n| *n == 0 || (MIN_CODES..=MAX_CODES).contains(&usize::from(*n)));
    count.ok_or_else(|| format!("0, or {MIN_CODES} to {MAX_CODES}"))
}

#[derive(Args)]
struct Generate {
    /// For whom; without it for yourself.
    user: Option<String>,
    #[command(flatten)]
    label: Label,
    #[command(flatten)]
    form: Form,
    /// Draw the QR code too.
    #[arg(long, value_enum, default_value = "none")]
    qr: picture::Drawing,
    /// Draw it into a new file: a .png or .svg.
    #[arg(long, value_name = "FILE", value_parser = picture::NewFile::parse)]
    qr_file: Option<picture::NewFile>,
}

#[derive(Args)]
struct Verify {
    /// Whose code.
    user: String,
    /// The PAM service that the login is for.
    #[arg(long)]
    service: Option<String>,
    /// The literal address that the login comes from [default: this host].
    #[arg(long, value_name = "ADDRESS")]
    from: Option<String>,
}

#[derive(Args)]
struct Users {
    /// Whom.
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
    if let Some(exit) = home::read_as_asked() {
        return exit;
    }
    keep_no_core();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return usage(&error),
    };
    let json = cli.json;
    report::finish(json, run(cli))
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
            temporary::backup_codes(config, user.as_deref(), count, life)
        }
        Command::BackupCodes(arguments) => enroll::backup_codes(config, &arguments, cli.json),
        Command::Verify(arguments) => look::verify(config, &arguments, cli.json),
        Command::Try(arguments) => try_stack::run(&arguments, cli.json),
        Command::Status { user } => look::status(config, user.as_deref()),
        Command::List(arguments) => list::list(config, &arguments),
        Command::Remove(arguments) => sweep::remove(config, &arguments, cli.json),
        Command::Resync(arguments) => resync::resync(config, &arguments, cli.json),
        Command::Unlock(users) => change::unlock(config, &users.users),
        Command::Rename { old, new } => change::rename(config, &old, &new),
        Command::Import(arguments) => import::import(config, &arguments, cli.json),
        Command::Policy(command) => policy::run(config, command, cli.json),
        Command::Doctor => Ok(doctor::doctor(config).unwrapped()),
        Command::Issuer { name } => policy::issuer(config, name.as_deref()),
        Command::Completions { shell } => Ok(completions(shell)),
    }
}

fn completions(shell: clap_complete::Shell) -> Report {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "pam-totp", &mut script);
    // clap_complete writes our hyphen in two ways into its bash functions, which then never meet.
    let script = String::from_utf8_lossy(&script).trim_end().replace("pam__subcmd__totp", "pam__totp");
    Report::new(script.clone()).unwrapped().with("text", script)
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
