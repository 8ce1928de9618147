//! One login, straight-line, over the traits [`Application`] and [`Backend`].

use std::fmt::Display;

use crate::backend::Backend;
use crate::factor::attempt::{Outcome, Via};
use crate::factor::backup::BackupShaped;
use crate::factor::judgment::Verdict;
use crate::factor::secret::Answer;
use crate::factor::source::{Source, Told};
use crate::login::messages::{log, user};
use crate::login::preview::{Login, Preview, Reason, Standing};
use crate::login::unavailable::Unavailable;

use super::application::{Application, ConversationFailed, Exit, Items, LogLevel, Tone, log_failure};
use super::enrolling;
use crate::policy::arguments::Arguments;

/// Microseconds that PAM waits after a failure, give or take a quarter: as pam_unix does.
const FAIL_DELAY: u32 = 2_000_000;
/// What `forward_pass` asks with.
const PROMPT_BOTH: &str = "Password and verification code: ";
/// How often somebody is asked for a further code: for the second, the third, and once for another one.
const ASKED_AGAIN: usize = 3;
/// With this, cut or repeated to the length of what was typed, sshd replaces the answer of users who may not log in.
const SSHD_FILLER: &[u8] = b"\x08\n\r\x7fINCORRECT";

/// One line in one stack.
pub fn login(host: &mut impl Application, backend: &impl Backend, options: &Arguments) -> Exit {
    if !options.nodelay {
        host.delay(FAIL_DELAY);
    }
    let items = host.items();
    let Ok(name) = host.user() else { return Exit::ConversationFailed };
    let source = Source::new(&told(&items, options), host);
    if let Some(fault) = backend.policy_fault() {
        host.log(LogLevel::Error, &log::policy_error(&fault));
    }
    let login = Login {
        name: name.as_deref(),
        service: &items.service,
        source,
        ssh_auth: items.ssh_auth_info.as_deref().unwrap_or_default(),
        nullok: options.nullok,
        // Who types both in one field does not see whether a code is due: what looks like one is split off.
        remembers: backend.policy().remember.is_some() && !options.forward_pass && host.ids().1 == 0,
    };
    let preview = backend.preview(&login);
    if options.after_publickey && !key_was_seen(&items) {
        log_failure(host, &items, preview.user());
        host.log(LogLevel::Notice, log::NO_KEY);
        return Exit::Refuse;
    }
    let stashed = host.take_stash();
    // Where there is one field for password and code, or no question at all, nobody can enroll.
    let can_enroll = stashed.is_none() && !options.forward_pass && !options.use_first_pass;
    let mut line = ModuleCall { host, backend, options, items: &items, login, stashed };
    match preview {
        Preview::Ignore(reason, user) => line.no_code_is_due(reason, user.as_deref()),
        Preview::Enroll { account, required } if can_enroll => {
            enrolling::prove(line.host, backend, options, &items, &account, required)
        }
        Preview::Enroll { account, .. } => line.ask_or_forward(&Standing::Unenrolled(account)),
        Preview::Ask(standing) => line.ask_or_forward(&standing),
    }
}

fn told<'a>(items: &'a Items, options: &Arguments) -> Told<'a> {
    let ssh_connection = items.ssh_connection.as_deref();
    Told { rhost: &items.rhost, tty: &items.tty, ssh_connection, local: options.local, remote: options.remote }
}

/// sshd's own word that a key was proved in this connection.
fn key_was_seen(items: &Items) -> bool {
    items.ssh_auth_info.as_deref().is_some_and(|info| info.lines().any(|line| line.starts_with("publickey ")))
}

struct ModuleCall<'a, H, D> {
    host: &'a mut H,
    backend: &'a D,
    options: &'a Arguments,
    items: &'a Items,
    login: Login<'a>,
    /// The code that an earlier line split off.
    stashed: Option<Answer>,
}

impl<H: Application, D: Backend> ModuleCall<'_, H, D> {
    fn ask_or_forward(&mut self, standing: &Standing) -> Exit {
        if self.options.forward_pass { self.forward(standing) } else { self.ask(standing) }
    }

    fn no_code_is_due(&mut self, reason: Reason, user: Option<&str>) -> Exit {
        let level = match reason {
            Reason::SwitchedOff => LogLevel::Debug,
            // To be found when it is asked how somebody got in without a code.
            Reason::NotEnrolled | Reason::Exempt | Reason::Remembered => LogLevel::Info,
        };
        if level != LogLevel::Debug || self.options.debug {
            self.host.log(level, &log::no_code(reason, user, self.login.source));
        }
        if self.options.forward_pass {
            // The next line needs a password all the same; there is no code to split off.
            return self.forward_whole();
        }
        // Never success by itself: alone in a stack it would be a login without any credential. With
        // after=publickey the key is the credential.
        if self.options.after_publickey { Exit::Success } else { Exit::Ignore }
    }

    fn forward_whole(&mut self) -> Exit {
        match self.ask_for_both() {
            Ok(answer) if self.host.set_password(answer.as_bytes()) => Exit::Ignore,
            Ok(_) => self.refuse_forwarding(),
            Err(ConversationFailed) => self.conversation_failed(),
        }
    }

    /// Splits and stashes only: strangers without the password never reach the check.
    fn forward(&mut self, standing: &Standing) -> Exit {
        let Ok(answer) = self.ask_for_both() else { return self.conversation_failed() };
        let digits = self.backend.digits(standing).get();
        let (password, code) = split(answer.as_bytes(), digits);
        if self.host.set_password(password) && self.host.stash(Answer::new(code)) {
            Exit::Ignore
        } else {
            self.refuse_forwarding()
        }
    }

    fn ask_for_both(&mut self) -> Result<Answer, ConversationFailed> {
        let text = self.options.prompt.as_deref().unwrap_or(PROMPT_BOTH);
        self.host.prompt(text, self.options.echo)
    }

    fn refuse_forwarding(&mut self) -> Exit {
        self.host.log(LogLevel::Error, log::NOT_PASSED_ON);
        Exit::Refuse
    }

    fn conversation_failed(&mut self) -> Exit {
        self.host.log(LogLevel::Notice, log::NO_ANSWER);
        Exit::ConversationFailed
    }

    fn ask(&mut self, standing: &Standing) -> Exit {
        let taken = self.taken(standing);
        if taken.is_none() && self.options.use_first_pass {
            self.host.log(LogLevel::Error, log::NO_PASSWORD);
            return Exit::Refuse;
        }
        // Who typed into a prompt of ours can be asked for more.
        let can_ask = taken.is_none();
        let Ok(mut answer) = taken.map_or_else(|| self.ask_for_code(), Ok) else { return self.conversation_failed() };
        panic_here!("flow");
        let mut verdict = self.backend.verify(standing, &self.login, &answer);
        for _ in 0..ASKED_AGAIN {
            let Some(question) = self.question(&verdict, &answer, standing).filter(|_| can_ask) else { break };
            self.log_outcome(&verdict, standing);
            let Ok(more) = self.host.prompt(&question, self.options.echo) else { return self.conversation_failed() };
            answer = answer.continued(more, self.backend.digits(standing).get());
            verdict = self.backend.verify(standing, &self.login, &answer);
        }
        if self.is_remembered_by_now(&verdict) {
            return self.no_code_is_due(Reason::Remembered, standing.user());
        }
        self.log(&verdict, standing);
        if let (Ok(Some(verdict)), true) = (&verdict, self.explains()) {
            self.explain(verdict);
        }
        self.hint_at_filler(&answer);
        match verdict {
            Ok(Some(Verdict { outcome: Outcome::Accepted { .. }, .. })) => Exit::Success,
            _ => Exit::Refuse,
        }
    }

    fn explains(&self) -> bool {
        self.options.explain && !self.options.quiet
    }

    /// What to ask next, where more codes are looked at than were typed: an owner with the phone need not wait, nor know
    /// how codes in a row are typed. It is a prompt, which programs show that swallow messages.
    fn question(
        &self,
        verdict: &Result<Option<Verdict>, Unavailable>,
        answer: &Answer,
        standing: &Standing,
    ) -> Option<String> {
        match &verdict.as_ref().ok()?.as_ref()?.outcome {
            _ if !self.explains() => None,
            Outcome::Waiting { need, next_in, .. } => {
                let typed = answer.as_codes(self.backend.digits(standing).get())?.count();
                (typed < usize::from(*need)).then(|| user::one_more(typed, *next_in))
            }
            Outcome::Twice { next_in } => Some(user::another(*next_in)),
            _ => None,
        }
    }

    /// What was typed before, where that is what this line judges.
    fn taken(&mut self, standing: &Standing) -> Option<Answer> {
        if self.options.use_first_pass {
            return self.host.password();
        }
        if self.stashed.is_some() || !self.options.try_first_pass {
            return self.stashed.take();
        }
        let digits = self.backend.digits(standing).get();
        self.host.password().filter(|password| has_shape_of_code(password, digits))
    }

    fn ask_for_code(&mut self) -> Result<Answer, ConversationFailed> {
        let text = self.options.prompt.as_deref().unwrap_or_else(|| self.backend.policy().prompt());
        self.host.prompt(text, self.options.echo)
    }

    /// Programs open several connections at once with one code, and only the first one can have it. Once that one has had
    /// the address remembered, none is due from there: had the others begun a moment later, nobody would have asked.
    fn is_remembered_by_now(&self, verdict: &Result<Option<Verdict>, Unavailable>) -> bool {
        let is_used = matches!(verdict, Ok(Some(Verdict { outcome: Outcome::Used { .. }, .. })));
        let remembered = || matches!(self.backend.preview(&self.login), Preview::Ignore(Reason::Remembered, _));
        is_used && self.login.remembers && remembered()
    }

    /// Refused without a verdict: nothing is said to the user, whatever the reason.
    fn log_without_verdict(&mut self, verdict: &Result<Option<Verdict>, Unavailable>, standing: &Standing) {
        let (user, source) = (standing.user(), self.login.source);
        match (verdict, standing) {
            (Err(error), _) => {
                self.log_store_error(error, user);
            }
            (_, Standing::Unknown) => {
                self.host.log(LogLevel::Notice, &log::unknown_user(source));
            }
            _ => {
                self.host.log(LogLevel::Notice, &log::refused_unenrolled(user, source));
            }
        }
    }

    fn hint_at_filler(&mut self, answer: &Answer) {
        let answer = answer.as_bytes();
        if !answer.is_empty() && answer.iter().eq(SSHD_FILLER.iter().cycle().take(answer.len())) {
            self.host.log(LogLevel::Notice, log::SSHD_REPLACED);
        }
    }

    /// One line for fail2ban, one for people.
    fn log(&mut self, verdict: &Result<Option<Verdict>, Unavailable>, standing: &Standing) {
        if !matches!(verdict, Ok(Some(Verdict { outcome: Outcome::Accepted { .. }, .. }))) {
            log_failure(self.host, self.items, standing.user());
        }
        self.log_outcome(verdict, standing);
    }

    /// Why, or how.
    fn log_outcome(&mut self, verdict: &Result<Option<Verdict>, Unavailable>, standing: &Standing) {
        let (Ok(Some(verdict)), Standing::Enrolled(account)) = (verdict, standing) else {
            return self.log_without_verdict(verdict, standing);
        };
        let name = &account.name;
        let accepted = matches!(verdict.outcome, Outcome::Accepted { .. });
        match &verdict.fault {
            // Not told apart from a wrong code to anybody else.
            Some(error) => self.log_store_error(error, Some(name)),
            None => {
                let level = if accepted { LogLevel::Info } else { LogLevel::Notice };
                self.host.log(level, &log::verdict(verdict, name, &self.login.source));
            }
        }
        for note in log::notes(verdict, name) {
            self.host.log(LogLevel::Notice, &note);
        }
    }

    fn log_store_error(&mut self, error: &dyn Display, user: Option<&str>) {
        self.host.log(LogLevel::Error, &log::store_error(user, error));
    }

    fn explain(&mut self, verdict: &Verdict) {
        let accepted = matches!(verdict.outcome, Outcome::Accepted { .. });
        if verdict.clock_is_wrong && !accepted {
            self.host.say(Tone::Error, user::CLOCK_IS_WRONG);
            return self.say_support();
        }
        if let Outcome::Accepted { via, since } = &verdict.outcome {
            match via {
                Via::Backup { left } => self.host.say(Tone::Info, &user::backup_codes_left(*left)),
                Via::Temporary => self.host.say(Tone::Info, user::TEMPORARY_CODE),
                Via::Device(_) | Via::Untold => {}
            }
            if let Some(since) = since {
                self.host.say(Tone::Info, &user::since(since));
            }
        }
        if let Some(told) = user::refused(&verdict.outcome, verdict.now) {
            self.host.say(Tone::Error, &told);
        }
        if matches!(&verdict.outcome, Outcome::Waiting { .. } | Outcome::Wrong { since: 3.., .. }) {
            self.say_support();
        }
    }

    fn say_support(&mut self) {
        if let Some(support) = &self.backend.policy().support {
            self.host.say(Tone::Info, support);
        }
    }
}

/// A code of the user's devices, or several in a row, or a backup code in its exact shape: in another one it may be a
/// password.
fn has_shape_of_code(answer: &Answer, digits: usize) -> bool {
    let is_backup = || BackupShaped::split_from(answer.as_bytes()).is_some_and(|(before, _)| before.is_empty());
    answer.as_codes(digits).is_some() || is_backup()
}

/// Password and code: at the end three or two codes in a row, joined by hyphens; else a backup code in its exact shape, else
/// exactly as many digits as the user's codes have. Without any the whole is the password and the code is empty.
fn split(both: &[u8], digits: usize) -> (&[u8], &[u8]) {
    let row = |count| split_row(both, digits, count);
    row(3).or_else(|| row(2)).or_else(|| BackupShaped::split_from(both)).or_else(|| row(1)).unwrap_or((both, b""))
}

/// So many codes at the end, with exactly one hyphen between two.
fn split_row(both: &[u8], digits: usize, count: usize) -> Option<(&[u8], &[u8])> {
    let length = digits.saturating_add(1).checked_mul(count)?.checked_sub(1)?;
    let (password, codes) = both.split_at_checked(both.len().checked_sub(length)?)?;
    let is_row =
        codes.split(|byte| *byte == b'-').all(|code| code.len() == digits && code.iter().all(u8::is_ascii_digit));
    is_row.then_some((password, codes))
}
