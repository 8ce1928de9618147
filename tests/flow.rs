//! One line in one stack, against a scripted application and a scripted desk: every argument, every outcome, what is
//! asked, said and logged, and what the stack hears.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::ffi::CStr;

use pam_totp::account::Account;
use pam_totp::attempt::{Outcome, Via};
use pam_totp::desk::Desk;
use pam_totp::manage::{Codes, ManageError, Pending};
use pam_totp::options::Options;
use pam_totp::otp::Digits;
use pam_totp::pam::flow::{ConversationFailed, Exit, Host, Items, Level, Tone, login};
use pam_totp::policy::Policy;
use pam_totp::preview::{Login, Preview, Reason, Standing};
use pam_totp::secret::Answer;
use pam_totp::source::Source;
use pam_totp::state::Since;
use pam_totp::store::StoreError;
use pam_totp::verify::Verdict;

mod arguments;
mod enrolling;
mod outcomes;

const NOW: u64 = 1_800_000_000;
const PROMPT: &str = "Verification code: ";
const BOTH: &str = "Password and verification code: ";
const FAILURE: &str =
    "authentication failure; logname= uid=1000 euid=0 tty=ssh ruser=carol rhost=192.0.2.4  user=alice";
const FAILURE_OF_NOBODY: &str = "authentication failure; logname= uid=1000 euid=0 tty=ssh ruser=carol rhost=192.0.2.4 ";

/// What the application is asked to do, in this order and no other.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    /// With what, whether it is shown, and what comes of it.
    Asks(String, bool, Option<String>),
    Says(Tone, String),
    /// Something that must be seen and begins so; whether the program takes it.
    Shows(String, bool),
    Logs(Level, String),
}

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
    Step::Logs(Level::Notice, text.into())
}

fn error(text: &str) -> Step {
    Step::Logs(Level::Error, text.into())
}

/// The application.
struct Script {
    steps: VecDeque<Step>,
    items: Items,
    user: Result<Option<String>, ConversationFailed>,
    password: Option<Vec<u8>>,
    takes_password: bool,
    stash: Option<Answer>,
    takes_stash: bool,
    /// Wants prompts alone.
    silent: bool,
    /// The text that was shown last, and all of it.
    shown: String,
    screen: String,
    /// The key that waits for the account line.
    kept: Option<Pending>,
    takes_key: bool,
    /// Answers instead of the script's, worked out from what was shown.
    phone: Option<fn(&str) -> String>,
    delay: Option<u32>,
}

impl Script {
    fn next(&mut self, what: Step) {
        let expected = self.steps.pop_front();
        assert_eq!(Some(what), expected, "then: {:?}", self.steps);
    }
}

impl Host for Script {
    fn items(&mut self) -> Items {
        self.items.clone()
    }

    fn ids(&self) -> (u32, u32) {
        (1000, 0)
    }

    fn user(&mut self) -> Result<Option<String>, ConversationFailed> {
        self.user.clone()
    }

    fn prompt(&mut self, text: &str, echo: bool) -> Result<Answer, ConversationFailed> {
        let reply = match self.steps.front() {
            Some(Step::Asks(_, _, reply)) => reply.clone(),
            _ => None,
        };
        // The key of an enrollment is part of the question where no messages are wanted.
        let (before, text) = text.rsplit_once('\n').unwrap_or(("", text));
        if self.silent {
            self.shown = before.to_owned();
            self.screen += &format!("{before}\n");
        }
        self.next(Step::Asks(text.into(), echo, reply.clone()));
        let reply = match (self.phone, reply.as_deref()) {
            (Some(phone), Some("<the phone's>")) => Some(phone(&self.screen)),
            _ => reply,
        };
        reply.map(|reply| Answer::new(reply.as_bytes())).ok_or(ConversationFailed)
    }

    fn say(&mut self, tone: Tone, text: &str) {
        self.next(Step::Says(tone, text.into()));
    }

    fn show(&mut self, text: &str) -> bool {
        let (start, taken) = match self.steps.front() {
            Some(Step::Shows(start, taken)) if text.starts_with(start.as_str()) => (start.clone(), *taken),
            _ => (text.to_owned(), true),
        };
        self.shown = text.to_owned();
        self.screen += &format!("{text}\n");
        self.next(Step::Shows(start, taken));
        taken
    }

    fn is_silent(&self) -> bool {
        self.silent
    }

    fn log(&mut self, level: Level, text: &str) {
        self.next(Step::Logs(level, text.into()));
    }

    fn delay(&mut self, microseconds: u32) {
        assert_eq!(self.delay.replace(microseconds), None, "asked for once");
    }

    fn password(&mut self) -> Option<Answer> {
        self.password.as_deref().map(Answer::new)
    }

    fn set_password(&mut self, password: &[u8]) -> bool {
        self.password = Some(password.to_vec()).filter(|_| self.takes_password);
        self.takes_password
    }

    fn stash(&mut self, code: Answer) -> bool {
        self.stash = Some(code).filter(|_| self.takes_stash);
        self.takes_stash
    }

    fn take_stash(&mut self) -> Option<Answer> {
        self.stash.take()
    }

    fn keep(&mut self, pending: Pending) -> bool {
        self.kept = Some(pending).filter(|_| self.takes_key);
        self.takes_key
    }
}

/// The desk: one user, one verdict, and what was asked of it.
struct Clerk {
    policy: Policy,
    fault: Option<String>,
    preview: Preview,
    digits: u8,
    verdict: Result<Option<Verdict>, StoreError>,
    enrolls: Result<Vec<&'static str>, ManageError>,
    enrolled: RefCell<Vec<String>>,
    previewed: RefCell<Vec<(Option<String>, bool)>>,
    judged: RefCell<Vec<(Source, Vec<u8>)>>,
}

impl Desk for Clerk {
    fn policy(&self) -> &Policy {
        &self.policy
    }

    fn policy_fault(&self) -> Option<String> {
        self.fault.clone()
    }

    fn preview(&self, login: &Login<'_>) -> Preview {
        self.previewed.borrow_mut().push((login.name.map(str::to_owned), login.nullok));
        self.preview.clone()
    }

    fn digits(&self, standing: &Standing) -> Digits {
        let enrolls = matches!(self.preview, Preview::Enroll { .. }) && *standing == Standing::Unenrolled(alice());
        assert!(enrolls || Preview::Ask(standing.clone()) == self.preview);
        Digits::new(self.digits).unwrap()
    }

    fn names(&self, name: &str, account: &Account) -> bool {
        name == account.name
    }

    fn enroll(&self, pending: Pending, backup_codes: u8) -> Result<Codes, ManageError> {
        assert_eq!(backup_codes, 10);
        self.enrolled.borrow_mut().push(pending.account.name);
        let codes = self.enrolls.clone()?;
        Ok(codes.into_iter().map(|code| code.to_owned().into()).collect())
    }

    fn verify(&self, standing: &Standing, login: &Login<'_>, answer: &Answer) -> Result<Option<Verdict>, StoreError> {
        let enrolls = matches!(self.preview, Preview::Enroll { .. }) && *standing == Standing::Unenrolled(alice());
        assert!(enrolls || Preview::Ask(standing.clone()) == self.preview);
        self.judged.borrow_mut().push((login.source, answer.as_bytes().to_vec()));
        self.verdict.clone()
    }
}

/// A line in a stack and who comes along: alice, enrolled, over SSH, with a right code.
struct Line {
    options: Options,
    script: Script,
    clerk: Clerk,
}

fn line(arguments: &[&CStr]) -> Line {
    let items = Items {
        service: "sshd".into(),
        tty: "ssh".into(),
        rhost: "192.0.2.4".into(),
        ruser: "carol".into(),
        ..Items::default()
    };
    Line {
        options: Options::parse(arguments).unwrap(),
        script: Script {
            steps: VecDeque::new(),
            items,
            user: Ok(Some("alice".into())),
            password: None,
            takes_password: true,
            stash: None,
            takes_stash: true,
            silent: false,
            shown: String::new(),
            screen: String::new(),
            kept: None,
            takes_key: true,
            phone: None,
            delay: None,
        },
        clerk: Clerk {
            policy: Policy::default(),
            fault: None,
            preview: Preview::Ask(enrolled()),
            digits: 6,
            verdict: Ok(Some(verdict(accepted()))),
            enrolls: Ok(vec!["abcd-efgh-jkmn-pqrs"]),
            enrolled: RefCell::default(),
            previewed: RefCell::default(),
            judged: RefCell::default(),
        },
    }
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
        self.script.steps = steps.iter().cloned().collect();
        let exit = login(&mut self.script, &self.clerk, &self.options);
        assert!(self.script.steps.is_empty(), "did not come: {:?}", self.script.steps);
        exit
    }

    /// The next line of the stack, or the next try.
    fn runs_again(&mut self, steps: &[Step]) -> Exit {
        self.script.delay = None;
        self.runs(steps)
    }

    /// The answers that reached the desk.
    fn answers(&self) -> Vec<String> {
        self.clerk.judged.borrow().iter().map(|(_, answer)| String::from_utf8(answer.clone()).unwrap()).collect()
    }
}

fn alice() -> Account {
    Account { name: "alice".into(), uid: 1000, gid: 1000 }
}

fn enrolled() -> Standing {
    Standing::Enrolled(alice())
}

fn verdict(outcome: Outcome) -> Verdict {
    Verdict { outcome, healed: false, counter_lost: false, clock_back: None, clock_off: None, now: NOW }
}

fn accepted() -> Outcome {
    Outcome::Accepted { via: Via::Device("d1".into()), since: None }
}

fn wrong(fails: u32, wait_until: Option<u64>) -> Outcome {
    Outcome::Wrong { fails, wait_until }
}
