//! `policy`: what this host asks of its users, shown, checked, changed and explained.

mod check;
mod disable;
mod enable;
mod explain;
mod set;
mod show;

use std::path::Path;

use clap::Subcommand;

use crate::report::{Failure, Report};

#[derive(Subcommand)]
pub enum PolicyCommand {
    /// Show each key, the value in force, and whether it is the file's or the default.
    Show,
    /// Check the policy, and say where it is wrong.
    Check(check::PolicyCheckArgs),
    /// Switch two-factor authentication on for this host. Says first how many users would be refused.
    Enable(enable::PolicyEnableArgs),
    /// Switch two-factor authentication off for this host: nobody is asked for a code. Enrollments stay. Says first
    /// which stacks would then refuse everybody, or let everybody in.
    Disable(disable::PolicyDisableArgs),
    /// Set keys of the policy, or remove them with --unset. Comments stay; a wrong value changes nothing.
    Set(set::PolicySetArgs),
    /// Say what happens at a login of a user, and by which rule.
    Explain(explain::PolicyExplainArgs),
}

pub fn run(config: Option<&Path>, command: &PolicyCommand, json: bool) -> Result<Report, Failure> {
    match command {
        PolicyCommand::Show => show::show(config),
        PolicyCommand::Check(arguments) => check::check(config, arguments),
        PolicyCommand::Enable(arguments) => enable::enable(config, arguments, json),
        PolicyCommand::Disable(arguments) => disable::disable(config, arguments, json),
        PolicyCommand::Set(arguments) => set::set(config, arguments, json),
        PolicyCommand::Explain(arguments) => explain::explain(config, arguments),
    }
}
