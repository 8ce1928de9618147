//! A scripted application and a scripted backend, between which one line of a stack runs.

use std::cell::RefCell;
use std::collections::VecDeque;

use pam_totp::backend::Backend;
use pam_totp::factor::attempt::{Outcome, Via};
use pam_totp::factor::backup::{BackupCodeForm, BackupCodes};
use pam_totp::factor::judgment::Verdict;
use pam_totp::factor::otp::Digits;
use pam_totp::factor::record::Proving;
use pam_totp::factor::secret::Answer;
use pam_totp::factor::source::{Process, Source};
use pam_totp::login::preview::{Login, Preview, Standing};
use pam_totp::login::unavailable::Unavailable;
use pam_totp::manage::{ManageError, NewBackupCodes, Pending};
use pam_totp::pam::application::{Application, ConversationFailed, Items, LogLevel, Tone};
use pam_totp::policy::Policy;
use pam_totp::store::{Store, StoreError};
use pam_totp::system::account::Account;

pub const NOW: u64 = 1_800_000_000;

/// As many and as long as they are in truth.
pub const BACKUP_CODES: [&str; 10] = [
    "abcd-efgh-jkmn-pqrs",
    "0bcd-efgh-jkmn-pqrs",
    "1bcd-efgh-jkmn-pqrs",
    "2bcd-efgh-jkmn-pqrs",
    "3bcd-efgh-jkmn-pqrs",
    "4bcd-efgh-jkmn-pqrs",
    "5bcd-efgh-jkmn-pqrs",
    "6bcd-efgh-jkmn-pqrs",
    "7bcd-efgh-jkmn-pqrs",
    "8bcd-efgh-jkmn-pqrs",
];

/// What the application is asked to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// With what, whether it is shown, and what comes of it.
    Asks(String, bool, Option<Vec<u8>>),
    Says(Tone, String),
    /// Something for a terminal alone; whether it was shown.
    Shows(String, bool),
    Logs(LogLevel, String),
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
    /// Runs a program to ask with, and how many it has run.
    pub askpass: bool,
    pub children: u64,
    /// What stood above the last question, and all that stood above questions.
    pub asked: String,
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
        self.says_nothing_secret();
        result
    }
}

impl Script {
    /// What is said beside the questions, programs write into logs: no key that was shown stands there, and no backup code.
    pub fn says_nothing_secret(&self) {
        let keys = self.screen.lines().filter_map(|line| line.strip_prefix("Key:     "));
        let secrets: Vec<String> = keys.chain(BACKUP_CODES).map(plain).collect();
        for step in &self.steps {
            let (Step::Says(_, text) | Step::Shows(text, _) | Step::Logs(_, text)) = step else { continue };
            let text = plain(text);
            assert!(!secrets.iter().any(|secret| text.contains(secret)), "{text}");
        }
    }
}

/// However its letters are grouped.
fn plain(text: &str) -> String {
    text.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase()
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

impl Application for Script {
    fn items(&mut self) -> Items {
        self.items.clone()
    }

    fn user(&mut self) -> Result<Option<String>, ConversationFailed> {
        self.user.clone()
    }

    fn prompt(&mut self, text: &str, echo: bool) -> Result<Answer, ConversationFailed> {
        assert!(text.len() <= 512, "more than every program shows: {text}");
        let reply = self.replies.pop_front().flatten();
        let (above, text) = text.rsplit_once('\n').unwrap_or(("", text));
        self.asked = above.to_owned();
        self.children += u64::from(self.askpass);
        self.screen += &format!("{above}\n");
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

    fn children(&self) -> u64 {
        self.children
    }

    fn has_terminal(&self, tty: &str) -> bool {
        tty.starts_with("/dev/")
    }

    fn show(&mut self, tty: &str, text: &str) -> bool {
        assert!(self.has_terminal(tty) && !self.silent, "others see it");
        let taken = self.takes.pop_front().unwrap_or(true);
        self.steps.push(Step::Shows(text.into(), taken));
        taken
    }

    fn is_silent(&self) -> bool {
        self.silent
    }

    fn log(&mut self, level: LogLevel, text: &str) {
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

/// The backend: one user, their verdicts, and what was asked of it.
pub struct Clerk {
    pub policy: Policy,
    pub fault: Option<String>,
    pub preview: Preview,
    /// What it says when it is asked again.
    pub later: Option<Preview>,
    pub digits: u8,
    /// Of the first answers, in turn.
    pub first: RefCell<VecDeque<Verdict>>,
    /// Of all others.
    pub verdict: Result<Option<Verdict>, Unavailable>,
    pub enrolls: Result<(), ManageError>,
    pub enrolled: RefCell<Vec<String>>,
    /// What was proved and not stored; and whether that can be noted.
    pub proving: RefCell<Result<Option<Proving>, StoreError>>,
    pub marks: Result<(), StoreError>,
    /// What comes of its backup codes; and to whose devices they went.
    pub codes: Result<Vec<&'static str>, ManageError>,
    pub adds: Result<bool, ManageError>,
    pub added: RefCell<Vec<(String, String)>>,
    /// The name, whether nullok was said, and whether an address may be remembered.
    pub previewed: RefCell<Vec<(Option<String>, bool, bool)>>,
    pub judged: RefCell<Vec<(Source, Vec<u8>)>>,
}

impl Backend for Clerk {
    fn store(&self) -> Result<&dyn Store, StoreError> {
        Err(StoreError::Busy)
    }

    fn policy(&self) -> &Policy {
        &self.policy
    }

    fn policy_fault(&self) -> Option<String> {
        self.fault.clone()
    }

    fn preview(&self, login: &Login<'_>) -> Preview {
        self.previewed.borrow_mut().push((login.name.map(str::to_owned), login.nullok, login.remembers));
        let later = self.later.as_ref().filter(|_| self.previewed.borrow().len() > 1);
        later.unwrap_or(&self.preview).clone()
    }

    fn digits(&self, standing: &Standing) -> Digits {
        self.assert_is_its(standing);
        Digits::new(self.digits).expect("6 to 8")
    }

    fn names(&self, name: &str, account: &Account) -> bool {
        name == account.name
    }

    fn enroll(&self, pending: Pending) -> Result<(), ManageError> {
        self.enrolled.borrow_mut().push(pending.account.name);
        self.enrolls.clone()
    }

    fn proving(&self, _: &Account) -> Result<Option<Proving>, StoreError> {
        self.proving.borrow().clone()
    }

    fn mark_proving(&self, _: &Account, service: &str) -> Result<(), StoreError> {
        self.marks.clone()?;
        *self.proving.borrow_mut() = Ok(Some(Proving::at(service, NOW, None)));
        Ok(())
    }

    fn end_proving(&self, _: &Account) -> Result<bool, StoreError> {
        Ok(self.proving.replace(Ok(None))?.is_some())
    }

    fn make_codes(&self) -> Result<(BackupCodes, NewBackupCodes), ManageError> {
        let (form, salt, hashes) = (BackupCodeForm::Letters, Vec::new(), Vec::new());
        let set = BackupCodes { id: "set".into(), form, salt, iterations: 1, hashes, created: NOW, temporary: None };
        let codes = self.codes.clone()?;
        Ok((set, codes.into_iter().map(|code| code.to_owned().into()).collect()))
    }

    fn add_codes(&self, account: &Account, device: &str, set: BackupCodes) -> Result<bool, ManageError> {
        assert_eq!((self.enrolled.borrow().last(), set.id.as_str()), (Some(&account.name), "set"));
        self.added.borrow_mut().push((account.name.clone(), device.to_owned()));
        self.adds.clone()
    }

    fn verify(&self, standing: &Standing, login: &Login<'_>, answer: &Answer) -> Result<Option<Verdict>, Unavailable> {
        self.assert_is_its(standing);
        self.judged.borrow_mut().push((login.source, answer.as_bytes().to_vec()));
        self.first.borrow_mut().pop_front().map_or_else(|| self.verdict.clone(), |verdict| Ok(Some(verdict)))
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
        askpass: false,
        // One that was run before says nothing of a prompt.
        children: 7,
        asked: String::new(),
        screen: String::new(),
        kept: None,
        takes_key: true,
        phone: None,
        delay: None,
    }
}

/// alice is enrolled, and every code of theirs is right.
pub fn clerk() -> Clerk {
    Clerk {
        policy: Policy::default(),
        fault: None,
        preview: Preview::Ask(enrolled()),
        later: None,
        digits: 6,
        first: RefCell::default(),
        verdict: Ok(Some(verdict(accepted()))),
        enrolls: Ok(()),
        enrolled: RefCell::default(),
        proving: RefCell::new(Ok(None)),
        marks: Ok(()),
        codes: Ok(BACKUP_CODES.into()),
        adds: Ok(true),
        added: RefCell::default(),
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
    Verdict::told(outcome, NOW)
}

pub fn accepted() -> Outcome {
    Outcome::Accepted { via: Via::Device("d1".into()), since: None }
}
