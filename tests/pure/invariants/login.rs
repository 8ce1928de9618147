//! A stack of up to three lines of ours, with any arguments, at any application: who gets in, what is asked and said,
//! and what the log may hold.

use std::ffi::CStr;

use pam_totp::factor::attempt::{Outcome, Via};
use pam_totp::factor::change::ChangeError;
use pam_totp::factor::judgment::Verdict;
use pam_totp::factor::otp::{Algorithm, Digits, hotp, step};
use pam_totp::factor::record::Since;
use pam_totp::factor::secret::Secret;
use pam_totp::factor::source::Source;
use pam_totp::login::messages::enrolling::NOT_ENROLLED;
use pam_totp::login::preview::{Preview, Reason, Standing};
use pam_totp::manage::ManageError;
use pam_totp::pam::application::{ConversationFailed, Exit, Items, LogLevel};
use pam_totp::pam::enrolling::store;
use pam_totp::pam::flow::login;
use pam_totp::policy::arguments::{Arguments, BadOption};
use pam_totp::store::StoreError;

use super::pieces::Pieces;
use super::script::{Clerk, NOW, PHONE, Script, Step, accepted, alice, clerk, enrolled, script, verdict};

/// Part of everything that is typed, so that it is known wherever it turns up.
const SECRET: &str = "7#Secret";

const CODE: &str = "123456";
const BACKUP: &str = "abcd-efgh-jkmn-pqrs";

const ARGUMENTS: [&CStr; 11] = [
    c"nullok",
    c"use_first_pass",
    c"forward_pass",
    c"after=publickey",
    c"explain",
    c"prompt=OTP: ",
    c"echo",
    c"nodelay",
    c"quiet",
    c"debug",
    c"try_first_pass",
];

pub fn hold(bytes: &[u8]) {
    let mut pieces = Pieces(bytes);
    let mut script = application(&mut pieces);
    let clerk = backend(&mut pieces);
    for _ in 0..=pieces.byte() % 3 {
        let Ok(options) = arguments(&mut pieces) else { continue };
        script.replies = (0..pieces.byte() % 6).map(|_| reply(&mut pieces)).collect();
        script.steps.clear();
        script.delay = None;
        let more = if matches!(clerk.preview, Preview::Ask(Standing::Enrolled(_))) { pieces.byte() % 4 } else { 0 };
        let verdicts: Vec<Verdict> = (0..more).map(|_| judgement(&mut pieces)).collect();
        clerk.first.replace(verdicts.clone().into());
        let judged = clerk.judged.borrow().len();
        let exit = login(&mut script, &clerk, &options);
        let judged = clerk.judged.borrow().len() - judged;
        check(&script, &clerk, &options, exit, &told(&clerk, &verdicts, judged));
    }
    without_explain_the_stack_hears_the_same(bytes);
    if let Some(pending) = script.kept.take() {
        script.steps.clear();
        script.replies = (0..pieces.byte() % 5).map(|_| typed_back(&mut pieces)).collect();
        script.user =
            pieces.pick(&[Ok(Some("alice".into())), Ok(Some("mallory".into())), Ok(None), Err(ConversationFailed)]);
        let options = Arguments { quiet: pieces.flag(), ..Arguments::default() };
        let exit = store(&mut script, &clerk, &options, pending);
        assert_ne!(exit, Exit::Success, "what is stored lets nobody in");
        let names_alice = script.user == Ok(Some("alice".into()));
        assert_eq!(clerk.enrolled.borrow().len(), usize::from(names_alice));
        assert_eq!(exit == Exit::Ignore, names_alice && clerk.enrolls.is_ok());
        let reply = |step: &Step| if let Step::Asks(_, _, reply) = step { reply.clone() } else { None };
        let typed_back = script.steps.iter().rev().find_map(reply).as_deref() == Some(BACKUP.as_bytes());
        assert_eq!(clerk.added.borrow().len(), usize::from(typed_back), "a set counts once one of it came back");
        assert!(!options.quiet || !script.steps.iter().any(|step| matches!(step, Step::Says(..))), "prompts alone");
        script.says_nothing_secret();
        the_log_is_clean(&script);
    }
}

/// The same application, the same answers and the same backend, but for `explain`: the same first answer is judged, and where
/// nothing more is asked the stack hears the same.
fn without_explain_the_stack_hears_the_same(bytes: &[u8]) {
    let run = |explain: bool| {
        let mut pieces = Pieces(bytes);
        let (mut script, clerk) = (application(&mut pieces), backend(&mut pieces));
        let Ok(options) = arguments(&mut pieces) else { return None };
        let options = Arguments { explain, ..options };
        script.replies = (0..4).map(|_| reply(&mut pieces)).collect();
        let exit = login(&mut script, &clerk, &options);
        let judged = clerk.judged.borrow().clone();
        Some((exit, judged.first().cloned(), judged.len(), script.steps.last().cloned()))
    };
    let (Some(told), Some(silent)) = (run(true), run(false)) else { return };
    assert_eq!(told.1, silent.1, "the same answer is judged first");
    assert!(silent.2 <= 1, "and no other, without it");
    let asked_again = told.2 > 1 || matches!(told.0, Exit::ConversationFailed) && told.2 == 1;
    assert_eq!(if asked_again { Exit::Refuse } else { told.0 }, silent.0);
}

fn application(pieces: &mut Pieces<'_>) -> Script {
    let mut script = script();
    script.items = Items {
        service: pieces.text(),
        tty: pieces.pick(&["ssh", "/dev/pts/1", "", ":0"]).to_owned(),
        rhost: pieces.text(),
        ruser: pieces.text(),
        ssh_connection: pieces.flag().then(|| pieces.text()),
        ssh_auth_info: pieces.pick(&[None, Some("publickey ssh-ed25519 AAAA\n"), Some("password")]).map(str::to_owned),
    };
    if pieces.flag() {
        script.items.ssh_auth_info = Some(pieces.text());
    }
    script.user = match pieces.byte() % 4 {
        0 => Err(ConversationFailed),
        1 => Ok(None),
        2 => Ok(Some(pieces.text())),
        _ => Ok(Some("alice".into())),
    };
    script.password = pieces.flag().then(|| SECRET.as_bytes().to_vec());
    let [silent, askpass, deaf, refuses_password, refuses_stash, refuses_key] =
        [(); 6].map(|()| pieces.byte() % 8 == 1);
    (script.silent, script.askpass) = (silent, askpass);
    script.takes = [!deaf].into();
    (script.takes_password, script.takes_stash, script.takes_key) = (!refuses_password, !refuses_stash, !refuses_key);
    script.phone = Some(phone);
    script
}

fn backend(pieces: &mut Pieces<'_>) -> Clerk {
    let mut clerk = clerk();
    clerk.policy.support = pieces.flag().then(|| "Call 42.".into());
    clerk.policy.enroll_by = pieces.pick(&[None, Some(0), Some(u64::MAX)]);
    clerk.fault = pieces.flag().then(|| "line 1, column 1: unknown field".into());
    let standing = pieces.pick(&[
        enrolled(),
        Standing::Unenrolled(alice()),
        Standing::Unknown,
        Standing::Faulty(StoreError::Busy.into()),
    ]);
    let reasons = [Reason::SwitchedOff, Reason::NotEnrolled, Reason::Exempt, Reason::Remembered];
    clerk.preview = match pieces.byte() % 4 {
        0 => Preview::Ignore(pieces.pick(&reasons), pieces.flag().then(|| "alice".into())),
        1 => Preview::Enroll { account: alice(), required: pieces.flag() },
        _ => Preview::Ask(standing.clone()),
    };
    clerk.digits = pieces.byte() % 3 + 6;
    // Who is not enrolled is never let in, and no store says so: see `verify`.
    let is_enrolled = matches!(clerk.preview, Preview::Ask(Standing::Enrolled(_)));
    clerk.verdict = match pieces.byte() % 8 {
        0 => Err(StoreError::Busy.into()),
        1 => Ok(None),
        _ if !is_enrolled => Ok(None),
        _ => Ok(Some(judgement(pieces))),
    };
    if pieces.flag() {
        clerk.enrolls = Err(ManageError::Refused(ChangeError::AlreadyEnrolled));
    }
    clerk
}

/// What the backend said of each answer that reached it.
fn told(clerk: &Clerk, first: &[Verdict], judged: usize) -> Vec<Option<Verdict>> {
    let others = std::iter::repeat(clerk.verdict.clone().ok().flatten());
    first.iter().cloned().map(Some).chain(others).take(judged).collect()
}

fn judgement(pieces: &mut Pieces<'_>) -> Verdict {
    let at = pieces.pick(&[0, NOW - 60, NOW, NOW + 5, NOW + 500_000, u64::MAX]);
    let since = pieces.flag().then(|| Since { count: 3, at, from: pieces.pick(&[Source::Local, Source::Unknown]) });
    let next_in = pieces.flag().then_some(30);
    let outcome = match pieces.byte() % 10 {
        0 => Outcome::Used { next_in: at },
        1 => Outcome::Wrong { since: u32::from(pieces.byte()), left: u32::from(pieces.byte() % 16) },
        2 | 3 => Outcome::Waiting { until: pieces.flag().then_some(at), need: pieces.byte() % 2 + 2, next_in },
        4 => Outcome::NotACode,
        5 => Outcome::Accepted { via: Via::Backup { left: u32::from(pieces.byte()) }, since },
        6 => Outcome::Accepted { via: Via::Device("d1".into()), since },
        7 => Outcome::Twice { next_in },
        8 => Outcome::Later { at },
        _ => accepted(),
    };
    let fault =
        pieces.flag().then(|| StoreError::Busy.to_string()).filter(|_| matches!(outcome, Outcome::Wrong { .. }));
    let [closed, clock_is_wrong] = [pieces.flag(), pieces.flag()];
    let ([healed, counter_lost], clock_back) = ([pieces.flag(), pieces.flag()], pieces.flag().then_some(NOW));
    let clock_off = pieces.flag().then_some(-90);
    Verdict { healed, counter_lost, closed, clock_back, clock_off, clock_is_wrong, fault, ..verdict(outcome) }
}

fn arguments(pieces: &mut Pieces<'_>) -> Result<Arguments, BadOption> {
    let chosen = u16::from_be_bytes([pieces.byte(), pieces.byte()]);
    let arguments: Vec<&CStr> = (0..).zip(ARGUMENTS).filter(|(n, _)| chosen >> n & 1 == 1).map(|(_, a)| a).collect();
    Arguments::parse(&arguments)
}

fn reply(pieces: &mut Pieces<'_>) -> Option<Vec<u8>> {
    match pieces.byte() % 6 {
        0 => None,
        1 => Some(Vec::new()),
        2 => Some(PHONE.into()),
        3 => Some([SECRET, CODE].concat().into()),
        4 => Some([SECRET, BACKUP].concat().into()),
        _ => Some([SECRET.as_bytes(), pieces.piece()].concat()),
    }
}

/// One of the backup codes, or what is none.
fn typed_back(pieces: &mut Pieces<'_>) -> Option<Vec<u8>> {
    match pieces.byte() % 4 {
        0 => Some(BACKUP.into()),
        1 => Some(Vec::new()),
        2 => None,
        _ => reply(pieces),
    }
}

/// Types the key that was shown, and reads the code.
fn phone(screen: &str) -> String {
    let Some(key) = screen.lines().rev().find_map(|line| line.strip_prefix("Key:     ")) else { return String::new() };
    let key = Secret::from_base32(key).expect("base32");
    let code = hotp(key.as_bytes(), step(pam_totp::system::clock::now(), 30), Algorithm::Sha1, Digits::SIX);
    String::from_utf8(code.as_bytes().to_vec()).expect("digits")
}

fn check(script: &Script, clerk: &Clerk, options: &Arguments, exit: Exit, told: &[Option<Verdict>]) {
    let judged = told.len();
    let is_right =
        |verdict: &Option<Verdict>| matches!(verdict, Some(Verdict { outcome: Outcome::Accepted { .. }, .. }));
    let by_code = told.last().is_some_and(is_right);
    is_asked_again(script, options, told);
    // With after=publickey the key is the credential, where no code is due or a key has been shown and proved.
    let info = script.items.ssh_auth_info.as_deref().unwrap_or_default();
    let has_key = options.after_publickey && info.lines().any(|line| line.starts_with("publickey "));
    let is_asked = matches!(clerk.preview, Preview::Ask(_));
    assert!(exit == Exit::Success || !by_code, "a right code gets in");
    assert!(exit != Exit::Success || by_code || has_key && !is_asked, "{options:?}");
    assert!(!options.after_publickey || has_key || matches!(exit, Exit::Refuse | Exit::ConversationFailed));
    assert!(exit != Exit::Ignore || !is_asked || options.forward_pass, "who is asked is not waved through");
    assert!(judged == 0 || !options.forward_pass, "the line that splits checks nothing");

    let unanswered = script.steps.iter().any(|step| matches!(step, Step::Asks(_, _, None)));
    assert!(!unanswered || exit == Exit::ConversationFailed, "no answer is none");
    assert!(clerk.enrolled.borrow().is_empty(), "auth stores nothing");
    assert_eq!(script.delay.is_none(), options.nodelay);

    script.says_nothing_secret();
    what_is_said(script, clerk, options);
    the_log_is_clean(script);
    let logs = |start: &str| script.steps.iter().any(|s| matches!(s, Step::Logs(_, text) if text.starts_with(start)));
    assert_eq!(logs("right "), by_code, "a right code is found in the log, and nothing else looks like one");
    assert!(exit != Exit::Refuse || logs(""), "a refusal has its reason there");
    assert!(!logs("authentication failure; ") || exit == Exit::Refuse);
}

/// Where more codes are looked at than were typed, or one came twice; by a prompt, and at most until there are three.
fn is_asked_again(script: &Script, options: &Arguments, told: &[Option<Verdict>]) {
    assert!(told.len() <= 4, "a code, two more, and one that came twice");
    assert!(
        told.len() <= 1 || options.explain && !options.quiet && !options.use_first_pass,
        "no sign without `explain`"
    );
    let asked = script.steps.iter().filter(|step| matches!(step, Step::Asks(..))).count();
    assert!(told.len() <= asked.max(1), "for each one a prompt");
    for before in told.iter().rev().skip(1) {
        let is_open = |outcome: &Outcome| matches!(outcome, Outcome::Waiting { .. } | Outcome::Twice { .. });
        assert!(before.as_ref().is_some_and(|verdict| is_open(&verdict.outcome)), "{before:?}");
    }
}

fn what_is_said(script: &Script, clerk: &Clerk, options: &Arguments) {
    let any = |is_it: fn(&Step) -> bool| script.steps.iter().any(is_it);
    let shows = any(|step| matches!(step, Step::Shows(..)));
    let asked = script.steps.iter().filter(|step| matches!(step, Step::Asks(..))).count();
    for step in &script.steps {
        let Step::Says(_, text) = step else { continue };
        assert!(!options.quiet, "the line wants prompts alone: {text}");
        // Who was shown a new key, and three times typed no code of it, learns nothing by this.
        let gave_up = text == NOT_ENROLLED && matches!(clerk.preview, Preview::Enroll { .. }) && asked >= 3;
        assert!(options.explain || gave_up, "an oracle, unless the stack says `explain`: {text}");
    }
    assert!(!shows || !script.silent && !options.quiet, "the application wants prompts alone");
    assert!(!any(|step| matches!(step, Step::Logs(LogLevel::Debug, _))) || options.debug);
    for step in &script.steps {
        let (Step::Asks(text, ..) | Step::Says(_, text) | Step::Shows(text, _)) = step else { continue };
        assert!(!text.contains(SECRET), "what is typed is not shown: {text:?}");
    }
}

/// Lines of ours alone, and of what was typed or shown only what came as a name too.
fn the_log_is_clean(script: &Script) {
    let Items { rhost, ruser, .. } = &script.items;
    let user = script.user.clone().ok().flatten().unwrap_or_default();
    let key = script.kept.as_ref().map(|pending| pending.device.secret.to_base32().to_string());
    let typed =
        [SECRET, CODE, BACKUP].into_iter().filter(|secret| ![rhost, ruser, &user].iter().any(|t| t.contains(*secret)));
    let secrets: Vec<&str> = typed.chain(key.as_deref()).collect();
    for step in &script.steps {
        let Step::Logs(_, text) = step else { continue };
        assert!(!text.chars().any(pam_totp::text::deceives), "{text:?}");
        assert!(!secrets.iter().any(|secret| text.contains(secret)), "{text}");
    }
}
