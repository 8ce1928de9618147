//! A scripted application and a scripted desk, between which one line of a stack runs.

use std::cell::RefCell;
use std::collections::VecDeque;

use pam_totp::account::Account;
use pam_totp::attempt::{Outcome, Via};
use pam_totp::desk::Desk;
use pam_totp::manage::{Codes, ManageError, Pending};
use pam_totp::otp::Digits;
use pam_totp::pam::flow::{ConversationFailed, Host, Items, Level, Tone};
use pam_totp::policy::Policy;
use pam_totp::preview::{Login, Preview, Standing};
use pam_totp::secret::Answer;
use pam_totp::source::{Process, Source};
use pam_totp::store::StoreError;
use pam_totp::verify::Verdict;

pub const NOW: u64 = 1_800_000_000;

/// What the application is asked to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// With what, whether it is shown, and what comes of it.
    Asks(String, bool, Option<Vec<u8>>),
    Says(Tone, String),
    /// Something that must be seen; whether the program takes it.
    Shows(String, bool),
    Logs(Level, String),
}

impl Step {
    /// The same, where of what is shown the beginning alone is said.
    fn begins(&self, seen: &Self) -> bool {
        match (self, seen) {
            (Self::Shows(start, taken), Self::Shows(text, took)) => text.starts_with(start) && taken == took,
            _ => self == seen,
        }
    }
}

/// The application.
pub struct Script {
    /// What comes of the prompts, in turn; when none is left, nothing.
    pub replies: VecDeque<Option<Vec<u8>>>,
    /// Whether it takes what must be seen, in turn; when none is left, it does.
    pub takes: VecDeque<bool>,
    /// What it was asked to do.
    pub steps: Vec<Step>,
    pub items: Items,
    /// Real and effective uid.
    pub ids: (u32, u32),
    pub user: Result<Option<String>, ConversationFailed>,
    pub password: Option<Vec<u8>>,
    pub takes_password: bool,
    pub stash: Option<Answer>,
    pub takes_stash: bool,
    /// Wants prompts alone.
    pub silent: bool,
    /// The text that was shown last, and all of it.
    pub shown: String,
    pub screen: String,
    /// The key that waits for the account line.
    pub kept: Option<Pending>,
    pub takes_key: bool,
    /// Answers instead of the script's, worked out from what was shown.
    pub phone: Option<fn(&str) -> String>,
    pub delay: Option<u32>,
}

/// The reply in whose place the phone's comes.
pub const PHONE: &str = "<the phone's>";

impl Script {
    /// Plays a part of these steps; every one must come, in this order, and no other.
    pub fn plays<T>(&mut self, steps: &[Step], part: impl FnOnce(&mut Self) -> T) -> T {
        self.replies =
            steps.iter().filter_map(|s| if let Step::Asks(_, _, r) = s { Some(r.clone()) } else { None }).collect();
        self.takes = steps.iter().filter_map(|s| if let Step::Shows(_, t) = s { Some(*t) } else { None }).collect();
        self.steps.clear();
        let result = part(self);
        let as_said = steps.len() == self.steps.len() && steps.iter().zip(&self.steps).all(|(said, s)| said.begins(s));
        assert!(as_said, "not as said:\n{steps:#?}\nbut:\n{:#?}", self.steps);
        result
    }
}

impl Process for Script {
    fn ids(&self) -> (u32, u32) {
        self.ids
    }

    fn hostname(&self) -> Option<String> {
        Some("host".into())
    }

    fn is_terminal(&self, path: &str) -> bool {
        path == "/dev/ttyS0"
    }
}

impl Host for Script {
    fn items(&mut self) -> Items {
        self.items.clone()
    }

    fn user(&mut self) -> Result<Option<String>, ConversationFailed> {
        self.user.clone()
    }

    fn prompt(&mut self, text: &str, echo: bool) -> Result<Answer, ConversationFailed> {
        let reply = self.replies.pop_front().flatten();
        // The key of an enrollment is part of the question where no messages are wanted.
        let (before, text) = text.rsplit_once('\n').unwrap_or(("", text));
        if self.silent {
            self.shown = before.to_owned();
            self.screen += &format!("{before}\n");
        }
        self.steps.push(Step::Asks(text.into(), echo, reply.clone()));
        let reply = match self.phone {
            Some(phone) if reply.as_deref() == Some(PHONE.as_bytes()) => Some(phone(&self.screen).into_bytes()),
            _ => reply,
        };
        reply.map(|reply| Answer::new(&reply)).ok_or(ConversationFailed)
    }

    fn say(&mut self, tone: Tone, text: &str) {
        self.steps.push(Step::Says(tone, text.into()));
    }

    fn show(&mut self, text: &str) -> bool {
        let taken = self.takes.pop_front().unwrap_or(true);
        self.shown = text.to_owned();
        self.screen += &format!("{text}\n");
        self.steps.push(Step::Shows(text.into(), taken));
        taken
    }

    fn is_silent(&self) -> bool {
        self.silent
    }

    fn log(&mut self, level: Level, text: &str) {
        self.steps.push(Step::Logs(level, text.into()));
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
pub struct Clerk {
    pub policy: Policy,
    pub fault: Option<String>,
    pub preview: Preview,
    pub digits: u8,
    pub verdict: Result<Option<Verdict>, StoreError>,
    pub enrolls: Result<Vec<&'static str>, ManageError>,
    pub enrolled: RefCell<Vec<String>>,
    /// The name, whether nullok was said, and whether an address may be remembered.
    pub previewed: RefCell<Vec<(Option<String>, bool, bool)>>,
    pub judged: RefCell<Vec<(Source, Vec<u8>)>>,
}

impl Desk for Clerk {
    fn policy(&self) -> &Policy {
        &self.policy
    }

    fn policy_fault(&self) -> Option<String> {
        self.fault.clone()
    }

    fn preview(&self, login: &Login<'_>) -> Preview {
        self.previewed.borrow_mut().push((login.name.map(str::to_owned), login.nullok, login.remembers));
        self.preview.clone()
    }

    fn digits(&self, standing: &Standing) -> Digits {
        self.assert_is_its(standing);
        Digits::new(self.digits).expect("6 to 8")
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
        self.assert_is_its(standing);
        self.judged.borrow_mut().push((login.source, answer.as_bytes().to_vec()));
        self.verdict.clone()
    }
}

impl Clerk {
    /// What it has said of the user itself is what it hears.
    fn assert_is_its(&self, standing: &Standing) {
        let enrolls = matches!(self.preview, Preview::Enroll { .. }) && *standing == Standing::Unenrolled(alice());
        assert!(enrolls || Preview::Ask(standing.clone()) == self.preview);
    }
}

/// alice over SSH, whose application takes everything.
pub fn script() -> Script {
    let items = Items {
        service: "sshd".into(),
        tty: "ssh".into(),
        rhost: "192.0.2.4".into(),
        ruser: "carol".into(),
        ..Items::default()
    };
    Script {
        replies: VecDeque::new(),
        takes: VecDeque::new(),
        steps: Vec::new(),
        items,
        ids: (1000, 0),
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
    }
}

/// alice is enrolled, and every code of hers is right.
pub fn clerk() -> Clerk {
    Clerk {
        policy: Policy::default(),
        fault: None,
        preview: Preview::Ask(enrolled()),
        digits: 6,
        verdict: Ok(Some(verdict(accepted()))),
        enrolls: Ok(vec!["abcd-efgh-jkmn-pqrs"]),
        enrolled: RefCell::default(),
        previewed: RefCell::default(),
        judged: RefCell::default(),
    }
}

pub fn alice() -> Account {
    Account { name: "alice".into(), uid: 1000, gid: 1000 }
}

pub fn enrolled() -> Standing {
    Standing::Enrolled(alice())
}

pub fn verdict(outcome: Outcome) -> Verdict {
    Verdict { outcome, healed: false, counter_lost: false, clock_back: None, clock_off: None, now: NOW }
}

pub fn accepted() -> Outcome {
    Outcome::Accepted { via: Via::Device("d1".into()), since: None }
}
