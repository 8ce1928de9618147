//! Enrollment at login: shown and proved in `auth`, stored in `account`.

use pam_totp::clock::now;
use pam_totp::manage::Pending;
use pam_totp::otp::{Algorithm, hotp, step};
use pam_totp::pam::enrolling::store;
use pam_totp::secret::Secret;

use super::*;

const SHOWN: &str = "This host asks for a code of an app for one-time codes after the password.";
const INVALID: &str = "The security code is invalid.";
const PROVED: &str = "enrolling: alice has proved a new key";
const NOT_PROVED: &str = "no code proved the new key";

/// A first login under `unenrolled = "enroll"`.
fn first(arguments: &[&CStr]) -> Line {
    line(arguments).with(|line| {
        line.clerk.preview = Preview::Enroll { account: alice(), required: false };
        line.script.phone = Some(phone);
    })
}

impl Line {
    /// The account line.
    fn stores(&mut self, pending: Pending, steps: &[Step]) -> Exit {
        self.script.plays(steps, |script| store(script, &self.clerk, pending))
    }
}

fn shows(taken: bool) -> Step {
    Step::Shows(SHOWN.into(), taken)
}

fn key(shown: &str) -> Secret {
    let line = shown.lines().rev().find_map(|line| line.strip_prefix("Key:     ")).expect("a key");
    Secret::from_base32(line).expect("base32")
}

/// Types the key that was shown, and reads the code.
fn phone(shown: &str) -> String {
    let code = hotp(key(shown).as_bytes(), step(now(), 30), Algorithm::Sha1, Digits::SIX);
    String::from_utf8(code.as_bytes().to_vec()).unwrap()
}

fn invalid() -> Step {
    Step::Shows(INVALID.into(), true)
}

fn refusals(why: &str) -> [Step; 2] {
    [notes(FAILURE), notes(&format!("no enrollment: alice must enroll, and {why}"))]
}

#[test]
fn what_is_proved_is_kept_and_stored_by_the_account_line_alone() {
    let mut line = first(&[]);
    let steps = [shows(true), asks(PROMPT, PHONE), Step::Logs(Level::Info, PROVED.into())];
    assert_eq!(line.runs(&steps), Exit::Ignore, "a key of one's own making lets nobody in");
    assert!(line.clerk.enrolled.borrow().is_empty(), "auth stores nothing");
    let pending = line.script.kept.take().expect("kept");
    assert_eq!(pending.device.secret, key(&line.script.shown));
    assert!(pending.line.last.is_some_and(|last| last + 2 > step(now(), 30)), "the proving code is used up");
    let steps = [
        notes("enrolled alice at a login, proved by a code"),
        Step::Shows("Backup codes, each good for one login without the phone.".into(), true),
        Step::Asks("Press Enter when you have written them down: ".into(), true, Some(Vec::new())),
    ];
    assert_eq!(line.stores(pending, &steps), Exit::Ignore, "the rest of the stack decides");
    assert!(line.script.shown.ends_with("\n1. abcd-efgh-jkmn-pqrs"));
    assert_eq!(*line.clerk.enrolled.borrow(), ["alice"]);
}

#[test]
fn three_wrong_codes_end_it_and_nothing_is_kept() {
    let mut line = first(&[]);
    let slip = || asks(PROMPT, "12345x");
    let steps = [vec![shows(true), slip(), invalid(), slip(), invalid(), slip()], refusals(NOT_PROVED).into()];
    assert_eq!(line.runs(&steps.concat()), Exit::Refuse);
    assert!(line.script.kept.is_none());
}

#[test]
fn where_no_messages_are_wanted_the_key_is_part_of_the_question() {
    let mut line = first(&[]).with(|line| line.script.silent = true);
    let proved = Step::Logs(Level::Info, PROVED.into());
    assert_eq!(
        line.runs(
            &[asks(PROMPT, "12345x"), asks(PROMPT, ""), asks(PROMPT, "1")]
                .into_iter()
                .chain(refusals(NOT_PROVED))
                .collect::<Vec<_>>()
        ),
        Exit::Refuse
    );
    assert_eq!(line.script.shown, INVALID);
    assert_eq!(line.runs_again(&[asks(PROMPT, PHONE), proved]), Exit::Ignore);
    assert!(line.script.shown.starts_with(SHOWN));
}

#[test]
fn a_slip_is_forgiven_for_the_same_key() {
    let proved = Step::Logs(Level::Info, PROVED.into());
    let steps = [shows(true), asks(PROMPT, "12345x"), invalid(), asks(PROMPT, PHONE), proved];
    assert_eq!(first(&[]).runs(&steps), Exit::Ignore);
    let mut with_key = first(&[c"after=publickey"]);
    with_key.script.items.ssh_auth_info = Some("publickey ssh-ed25519 AAAA".into());
    assert_eq!(with_key.runs(&steps), Exit::Success, "the key was the credential");
}

#[test]
fn enter_puts_it_off_until_the_day_and_not_after_and_not_where_a_rule_requires_it() {
    let until = |by: u64| move |line: &mut Line| line.clerk.policy.enroll_by = Some(by);
    let steps = [shows(true), asks(PROMPT, ""), notes("enrolling: alice put it off")];
    let mut line = first(&[]).with(until(now() + 60));
    assert_eq!(line.runs(&steps), Exit::Ignore);
    assert!(line.script.shown.contains("you may put this off: press Enter."));
    let mut with_key = first(&[c"after=publickey"]).with(until(now() + 60));
    with_key.script.items.ssh_auth_info = Some("publickey ssh-ed25519 AAAA".into());
    assert_eq!(with_key.runs(&steps), Exit::Success, "the key was the credential");
    let empty = || asks(PROMPT, "");
    let steps =
        [vec![shows(true), empty(), invalid(), empty(), invalid(), empty()], refusals(NOT_PROVED).into()].concat();
    for (by, required) in [(Some(now() - 60), false), (None, false), (Some(now() + 60), true)] {
        let mut line = first(&[]).with(|line| line.clerk.policy.enroll_by = by);
        line.clerk.preview = Preview::Enroll { account: alice(), required };
        assert_eq!(line.runs(&steps), Exit::Refuse);
        assert!(!line.script.shown.contains("put this off"));
    }
}

#[test]
fn a_program_that_shows_nothing_refuses() {
    let refused = refusals("this program cannot show a key");
    let steps = [vec![shows(false)], refused.to_vec()].concat();
    assert_eq!(first(&[]).runs(&steps), Exit::Refuse);
    assert_eq!(first(&[c"quiet"]).runs(&refused), Exit::Refuse);
}

#[test]
fn one_field_for_both_shows_no_key() {
    let mut line = first(&[c"forward_pass"]);
    assert_eq!(line.runs(&[asks(BOTH, "hunter2123456")]), Exit::Ignore);
    assert_eq!(line.script.password.as_deref(), Some(&b"hunter2"[..]));
    // The line that checks what the first one split off asks nothing, and refuses like anybody without a factor.
    line.options = Options::parse(&[]).unwrap();
    line.clerk.verdict = Ok(None);
    let why = "no enrollment: alice from 192.0.2.4 has no factor, and the policy refuses those";
    assert_eq!(line.runs_again(&[notes(FAILURE), notes(why)]), Exit::Refuse);
    assert_eq!(line.answers(), ["123456"]);
}

#[test]
fn where_nothing_is_asked_nobody_enrolls() {
    let mut line = first(&[c"use_first_pass"]).with(|line| line.script.password = Some(b"123456".to_vec()));
    line.clerk.verdict = Ok(None);
    let why = "no enrollment: alice from 192.0.2.4 has no factor, and the policy refuses those";
    assert_eq!(line.runs(&[notes(FAILURE), notes(why)]), Exit::Refuse);
    assert_eq!(line.answers(), ["123456"]);
}

#[test]
fn a_terminal_gets_a_qr_code_and_the_network_does_not() {
    for (tty, drawn) in [("ssh", false), ("", false), ("/dev/pts/3", true), ("tty1", true), ("pts/0", true)] {
        let mut line = first(&[]).with(|line| line.script.items.tty = tty.into());
        let failure = FAILURE.replace("tty=ssh", &format!("tty={tty}"));
        let why = "no enrollment: alice must enroll, and this program cannot show a key";
        assert_eq!(line.runs(&[shows(false), notes(&failure), notes(why)]), Exit::Refuse);
        assert_eq!(line.script.shown.contains('█'), drawn, "{tty}");
        assert_eq!(line.script.shown.contains("QR code"), drawn, "{tty}");
    }
}

#[test]
fn a_user_who_leaves_is_a_failed_conversation() {
    let left = Step::Asks(PROMPT.into(), false, None);
    let logged = notes("no answer: the application could not ask for a code, or its user left");
    assert_eq!(first(&[]).runs(&[shows(true), left, logged]), Exit::ConversationFailed);
}

#[test]
fn what_cannot_be_kept_or_stored_is_refused_and_said() {
    let mut line = first(&[]).with(|line| line.script.takes_key = false);
    let refused = refusals("the key could not be kept for the account line");
    assert_eq!(line.runs(&[vec![shows(true), asks(PROMPT, PHONE)], refused.into()].concat()), Exit::Refuse);

    let mut line = first(&[]).with(|line| line.clerk.enrolls = Err(ManageError::AlreadyEnrolled));
    line.runs(&[shows(true), asks(PROMPT, PHONE), Step::Logs(Level::Info, PROVED.into())]);
    let pending = line.script.kept.take().expect("kept");
    let failed = "enrolling alice failed: already enrolled: --replace makes a new key and voids the old one";
    let told = "Your enrollment could not be stored. Tell your administrator, and try again.";
    assert_eq!(line.stores(pending.clone(), &[error(failed), complains(told)]), Exit::Refuse);

    line.script.user = Ok(Some("mallory".into()));
    let changed = error("enrolling: the key that alice proved is not stored: PAM_USER has changed");
    assert_eq!(line.stores(pending, &[changed]), Exit::Refuse);
    assert_eq!(line.clerk.enrolled.borrow().len(), 1, "only the first try reached the desk");
}
