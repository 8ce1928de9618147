//! One line in one stack, against a scripted application and a scripted backend: every argument, every outcome, what is
//! asked, said and logged, and what the stack hears.

use std::ffi::CStr;

use pam_totp::factor::attempt::{Outcome, Via};
use pam_totp::factor::judgment::Verdict;
use pam_totp::factor::otp::Digits;
use pam_totp::factor::record::Since;
use pam_totp::factor::secret::Answer;
use pam_totp::factor::source::Source;
use pam_totp::login::preview::{Preview, Reason, Standing};
use pam_totp::login::unavailable::Unavailable;
use pam_totp::manage::ManageError;
use pam_totp::pam::application::{ConversationFailed, Exit, LogLevel, Tone};
use pam_totp::pam::flow::login;
use pam_totp::policy::arguments::Arguments;
use pam_totp::policy::{Policy, Remember};
use pam_totp::store::StoreError;
use pam_totp::system::account::Account;

use crate::pure::invariants::script::{
    Clerk, NOW, PHONE, Script, Step, accepted, alice, clerk, enrolled, script, verdict,
};

mod again;
mod arguments;
mod enrolling;
mod outcomes;

const PROMPT: &str = "Verification code: ";
const BOTH: &str = "Password and verification code: ";
const FAILURE: &str =
    "authentication failure; logname= uid=1000 euid=0 tty=ssh ruser=carol rhost=192.0.2.4  user=alice";
const FAILURE_OF_NOBODY: &str = "authentication failure; logname= uid=1000 euid=0 tty=ssh ruser=carol rhost=192.0.2.4 ";

/// Hidden, and answered.
fn asks(text: &str, reply: &str) -> Step {
    Step::Asks(text.into(), false, Some(reply.into()))
}

fn says(text: &str) -> Step {
    Step::Says(Tone::Info, text.into())
}

fn complains(text: &str) -> Step {
    Step::Says(Tone::Error, text.into())
}

fn notes(text: &str) -> Step {
    Step::Logs(LogLevel::Notice, text.into())
}

fn error(text: &str) -> Step {
    Step::Logs(LogLevel::Error, text.into())
}

/// A line in a stack and who comes along: alice, enrolled, over SSH, with a right code.
struct Line {
    options: Arguments,
    script: Script,
    clerk: Clerk,
}

/// By a policy that remembers addresses.
fn line(arguments: &[&CStr]) -> Line {
    let policy = Policy { remember: Some(Remember { hours: 1, services: vec!["sshd".into()] }), ..Policy::default() };
    Line { options: Arguments::parse(arguments).unwrap(), script: script(), clerk: Clerk { policy, ..clerk() } }
}

impl Line {
    fn judged(self, outcome: Outcome) -> Self {
        self.with(|line| line.clerk.verdict = Ok(Some(verdict(outcome))))
    }

    fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    /// Runs it; every step must come, and no other.
    fn runs(&mut self, steps: &[Step]) -> Exit {
        self.script.plays(steps, |script| login(script, &self.clerk, &self.options))
    }

    /// The next line of the stack, or the next try.
    fn runs_again(&mut self, steps: &[Step]) -> Exit {
        self.script.delay = None;
        self.runs(steps)
    }

    /// The answers that reached the backend.
    fn answers(&self) -> Vec<String> {
        self.clerk.judged.borrow().iter().map(|(_, answer)| String::from_utf8(answer.clone()).unwrap()).collect()
    }
}

fn wrong(since: u32, left: u32) -> Outcome {
    Outcome::Wrong { since, left }
}

/// Not looked at: two codes in a row are, and a single one in three hours.
fn waiting(need: u8, next_in: Option<u64>) -> Outcome {
    Outcome::Waiting { until: Some(NOW + 10_800), need, next_in }
}
