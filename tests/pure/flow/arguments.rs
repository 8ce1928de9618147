//! Every argument of a line in a stack.

use super::*;
use pam_totp::login::messages::user;

const KEY: &str = "publickey ssh-ed25519 SHA256:AAAA";
const NO_KEY: &str = "no public key came before: refused by after=publickey (see AuthenticationMethods)";
const LEFT: &str = "no answer: the application could not ask for a code, or its user left";
const NOT_FORWARDED: &str = "the password could not be passed on to the next module";

fn ok() -> Step {
    Step::Logs(LogLevel::Info, "right code: alice from 192.0.2.4 (device d1)".into())
}

fn no_code_is_due(reason: Reason) -> impl FnOnce(&mut Line) {
    move |line| line.clerk.preview = Preview::Ignore(reason, Some("alice".into()))
}

/// Who need no code because they are not enrolled stand in the log, those of a policy that is off do not.
fn logged(reason: Reason) -> Vec<Step> {
    let text = "no code asked: alice from 192.0.2.4: not enrolled, and those who are not may log in without a code";
    if reason == Reason::NotEnrolled { vec![Step::Logs(LogLevel::Info, text.into())] } else { Vec::new() }
}

#[test]
fn the_prompt_is_the_lines_then_the_policys_then_ours() {
    let policy = |line: &mut Line| line.clerk.policy.prompt = Some("Code of your phone: ".into());
    assert_eq!(line(&[]).runs(&[asks(PROMPT, "1"), ok()]), Exit::Success);
    assert_eq!(line(&[]).with(policy).runs(&[asks("Code of your phone: ", "1"), ok()]), Exit::Success);
    assert_eq!(line(&[c"prompt=OTP: "]).with(policy).runs(&[asks("OTP: ", "1"), ok()]), Exit::Success);
    let both = line(&[c"forward_pass"]).with(policy).runs(&[asks(BOTH, "1")]);
    assert_eq!(both, Exit::Ignore, "the policy's prompt asks for a code alone");
    assert_eq!(line(&[c"forward_pass", c"prompt=Both: "]).runs(&[asks("Both: ", "1")]), Exit::Ignore);
}

#[test]
fn echo_shows_what_is_typed() {
    let shown = |text: &str| Step::Asks(text.into(), true, Some("123456".into()));
    assert_eq!(line(&[c"echo"]).runs(&[shown(PROMPT), ok()]), Exit::Success);
    assert_eq!(line(&[c"echo", c"forward_pass"]).runs(&[shown(BOTH)]), Exit::Ignore);
}

#[test]
fn nodelay_asks_for_no_delay() {
    for (arguments, delay) in [(&[][..], Some(2_000_000)), (&[c"nodelay"], None)] {
        let mut line = line(arguments);
        assert_eq!(line.runs(&[asks(PROMPT, "1"), ok()]), Exit::Success);
        assert_eq!(line.script.delay, delay);
    }
}

#[test]
fn nullok_is_the_desks_to_weigh() {
    let mut line = line(&[c"nullok"]).with(no_code_is_due(Reason::SwitchedOff));
    assert_eq!(line.runs(&[]), Exit::Ignore, "never a success");
    assert_eq!(*line.clerk.previewed.borrow(), [(Some("alice".to_owned()), true, true)]);
    assert!(line.clerk.judged.borrow().is_empty());
}

#[test]
fn debug_says_why_no_code_is_due() {
    let text = "no code asked: alice from 192.0.2.4: the policy is switched off";
    let is_off = || no_code_is_due(Reason::SwitchedOff);
    assert_eq!(line(&[c"debug"]).with(is_off()).runs(&[Step::Logs(LogLevel::Debug, text.into())]), Exit::Ignore);
    assert_eq!(line(&[]).with(is_off()).runs(&[]), Exit::Ignore);
}

#[test]
fn who_may_have_passed_without_a_code_is_always_logged() {
    let exempt = (Reason::Exempt, "the policy exempts this login");
    let unenrolled = (Reason::NotEnrolled, "not enrolled, and those who are not may log in without a code");
    for (reason, text) in [exempt, unenrolled, (Reason::Remembered, "a code was given from this address not long ago")]
    {
        let logged = Step::Logs(LogLevel::Info, format!("no code asked: alice from 192.0.2.4: {text}"));
        assert_eq!(line(&[]).with(no_code_is_due(reason)).runs(&[logged]), Exit::Ignore);
    }
}

#[test]
fn a_name_that_is_no_accounts_is_not_logged() {
    let nobody = |line: &mut Line| line.clerk.preview = Preview::Ignore(Reason::Exempt, None);
    let text = "no code asked: somebody from 192.0.2.4: the policy exempts this login";
    assert_eq!(line(&[]).with(nobody).runs(&[Step::Logs(LogLevel::Info, text.into())]), Exit::Ignore);
}

#[test]
fn use_first_pass_asks_nothing() {
    let mut with = line(&[c"use_first_pass"]).with(|line| line.script.password = Some(b"654321".to_vec()));
    assert_eq!(with.runs(&[ok()]), Exit::Success);
    assert_eq!(with.answers(), ["654321"]);

    let mut without = line(&[c"use_first_pass"]);
    assert_eq!(without.runs(&[error("use_first_pass: no earlier module asked for a password")]), Exit::Refuse);
    assert!(without.answers().is_empty());
}

#[test]
fn try_first_pass_takes_what_has_the_shape_of_a_code_and_asks_otherwise() {
    let typed = |digits, password: Option<&str>| {
        line(&[c"try_first_pass"]).with(|line| {
            line.script.password = password.map(|password| password.as_bytes().to_vec());
            line.clerk.digits = digits;
        })
    };
    let codes = [
        (6, "654321"),
        (7, "7654321"),
        (8, "87654321"),
        (6, "123456-789012"),
        (6, "123456-789012-345678"),
        (6, "abcd-efgh-jkmn-pqrs"),
    ];
    for (digits, code) in codes {
        let mut with = typed(digits, Some(code));
        assert_eq!(with.runs(&[ok()]), Exit::Success, "{code}");
        assert_eq!(with.answers(), [code]);
    }
    let passwords =
        [(6, "hunter2"), (8, "654321"), (6, "7654321"), (6, "87654321"), (6, "65432x"), (6, "hunter2654321"), (6, "")];
    for (digits, password) in passwords {
        let mut with = typed(digits, Some(password));
        assert_eq!(with.runs(&[asks(PROMPT, "123456"), ok()]), Exit::Success, "{password}");
        assert_eq!(with.answers(), ["123456"], "{password}");
    }
    assert_eq!(typed(6, None).runs(&[asks(PROMPT, "123456"), ok()]), Exit::Success);

    // One answer is judged: neither is somebody asked again for what they typed elsewhere, nor for more of it.
    let reason = notes(
        "wrong code: alice from 192.0.2.4, 1 wrong code in all since the last right one, 14 more looked at there",
    );
    let mut wrong = typed(6, Some("654321")).judged(super::wrong(1, 14));
    assert_eq!(wrong.runs(&[notes(FAILURE), reason]), Exit::Refuse);
    let waits = "waiting: alice from 192.0.2.4 had too many wrong codes, 3 hours left; the code was not looked at, 2 in a row are";
    let told = user::too_many(Some(NOW + 10_800), 2, NOW);
    let mut line = typed(6, Some("654321")).judged(waiting(2, Some(12))).with(|line| line.options.explain = true);
    assert_eq!(line.runs(&[notes(FAILURE), notes(waits), complains(&told)]), Exit::Refuse);
}

/// One code for several connections at once: the first one has had the address remembered.
#[test]
fn a_used_code_from_an_address_that_is_remembered_by_now_is_none_that_was_due() {
    let used = || line(&[]).judged(Outcome::Used { next_in: 12 }).with(|line| line.script.ids = (0, 0));
    let due_none = Preview::Ignore(Reason::Remembered, Some("alice".into()));
    let logged = "no code asked: alice from 192.0.2.4: a code was given from this address not long ago";
    let mut later = used().with(|line| line.clerk.later = Some(due_none.clone()));
    assert_eq!(later.runs(&[asks(PROMPT, "123456"), Step::Logs(LogLevel::Info, logged.into())]), Exit::Ignore);
    // Another reason by now is none, and a wrong code ends what was remembered.
    let exempt = Preview::Ignore(Reason::Exempt, Some("alice".into()));
    let reasons = [
        "used code: alice from 192.0.2.4 entered a code that was accepted before",
        "wrong code: alice from 192.0.2.4, 1 wrong code in all since the last right one, 14 more looked at there",
    ];
    let cases = [(used(), exempt), (used().judged(super::wrong(1, 14)), due_none)];
    for ((line, later), reason) in cases.into_iter().zip(reasons) {
        let mut line = line.with(|line| line.clerk.later = Some(later));
        let failure = FAILURE.replace("uid=1000", "uid=0");
        assert_eq!(line.runs(&[asks(PROMPT, "123456"), notes(&failure), notes(reason)]), Exit::Refuse);
    }
}

#[test]
fn forward_pass_splits_password_and_code() {
    let cases = [
        (6, "hunter2123456", "hunter2", "123456"),
        (6, "123456", "", "123456"),
        (6, "pass1234567", "pass1", "234567"),
        (8, "pass12345678", "pass", "12345678"),
        (7, "pass12345678", "pass1", "2345678"),
        (8, "pass123456", "pass123456", ""),
        (6, "pass 123 456", "pass 123 456", ""),
        (6, "12345", "12345", ""),
        (6, "", "", ""),
        (6, "pass", "pass", ""),
        (6, "pass12345x", "pass12345x", ""),
        (6, "pässwörd123456", "pässwörd", "123456"),
        (6, "pass١٢٣٤٥٦", "pass١٢٣٤٥٦", ""),
        (6, "hunter2abcd-efgh-jkmn-pqrs", "hunter2", "abcd-efgh-jkmn-pqrs"),
        (6, "abcd-efgh-jkmn-pqrs", "", "abcd-efgh-jkmn-pqrs"),
        (6, "hunter2abcd-efgh-jkmn-123456", "hunter2abcd-efgh-jkmn-", "123456"),
        (6, "aaaa-1111-2222-3333-444444", "aaaa-1111-2222-3333-", "444444"),
        (6, "x1234-5678-9012-3456", "x", "1234-5678-9012-3456"),
        // Codes in a row, joined by hyphens.
        (6, "pw123456-789012", "pw", "123456-789012"),
        (6, "pw123456-789012-345678", "pw", "123456-789012-345678"),
        (6, "123456-789012", "", "123456-789012"),
        (6, "123456-789012-345678", "", "123456-789012-345678"),
        (6, "pw999999-123456-789012-345678", "pw999999-", "123456-789012-345678"),
        (6, "pw-123456", "pw-", "123456"),
        (6, "pw-123456-789012", "pw-", "123456-789012"),
        (6, "pw1123456-789012", "pw1", "123456-789012"),
        (6, "pw12345-789012", "pw12345-", "789012"),
        (6, "pw123456--789012", "pw123456--", "789012"),
        (6, "pw123456 789012", "pw123456 ", "789012"),
        (6, "pw123456789012", "pw123456", "789012"),
        (6, "pw123456-789012-", "pw123456-789012-", ""),
        (7, "pw1234567-8901234", "pw", "1234567-8901234"),
        (8, "pw12345678-90123456", "pw", "12345678-90123456"),
        (8, "pw12345678-90123456-78901234", "pw", "12345678-90123456-78901234"),
        (8, "pw123456-789012", "pw123456-789012", ""),
        // A backup code is none of them, nor they one.
        (6, "pw123456-abcd-efgh-jkmn-pqrs", "pw123456-", "abcd-efgh-jkmn-pqrs"),
        (8, "pw1234-5678-9012-3456", "pw", "1234-5678-9012-3456"),
    ];
    for (digits, typed, password, code) in cases {
        let mut line = line(&[c"forward_pass"]).with(|line| line.clerk.digits = digits);
        assert_eq!(line.runs(&[asks(BOTH, typed)]), Exit::Ignore);
        assert_eq!(line.script.password.as_deref(), Some(password.as_bytes()), "{typed}");
        assert_eq!(line.script.stash.as_ref().map(Answer::as_bytes), Some(code.as_bytes()), "{typed}");
        assert!(line.answers().is_empty(), "strangers without the password never reach the check");
    }
}

#[test]
fn the_stash_is_checked_once() {
    let mut line = line(&[c"forward_pass"]);
    assert_eq!(line.runs(&[asks(BOTH, "hunter2123456")]), Exit::Ignore);
    line.options = Arguments::default();
    assert_eq!(line.runs_again(&[ok()]), Exit::Success);
    assert_eq!(line.answers(), ["123456"]);
    // A stack with the line twice asks the second time.
    assert_eq!(line.runs_again(&[asks(PROMPT, "777777"), ok()]), Exit::Success);
    assert_eq!(line.answers(), ["123456", "777777"]);
}

#[test]
fn an_empty_stash_is_an_answer_too() {
    let mut line = line(&[c"forward_pass"]).judged(Outcome::NotACode);
    assert_eq!(line.runs(&[asks(BOTH, "hunter2")]), Exit::Ignore);
    line.options = Arguments::default();
    let reason = "no code: the answer of alice from 192.0.2.4 has not the shape of a code";
    assert_eq!(line.runs_again(&[notes(FAILURE), notes(reason)]), Exit::Refuse);
    assert_eq!(line.answers(), [""]);
}

#[test]
fn forward_pass_splits_nothing_where_no_code_is_due() {
    for reason in [Reason::SwitchedOff, Reason::NotEnrolled] {
        let mut line = line(&[c"forward_pass"]).with(no_code_is_due(reason));
        let steps = [logged(reason), vec![asks(BOTH, "hunter2123456")]].concat();
        assert_eq!(line.runs(&steps), Exit::Ignore);
        assert_eq!(line.script.password.as_deref(), Some(&b"hunter2123456"[..]));
        assert!(line.script.stash.is_none());
    }
}

#[test]
fn forward_pass_asks_those_who_are_not_enrolled_alike() {
    let faulty = Standing::Faulty(StoreError::Busy.into());
    for standing in [Standing::Unknown, Standing::Unenrolled(alice()), faulty] {
        let mut line = line(&[c"forward_pass"]).with(|line| line.clerk.preview = Preview::Ask(standing));
        assert_eq!(line.runs(&[asks(BOTH, "hunter2123456")]), Exit::Ignore);
        assert_eq!(line.script.password.as_deref(), Some(&b"hunter2"[..]));
    }
}

#[test]
fn what_cannot_be_passed_on_is_refused() {
    let password = |line: &mut Line| line.script.takes_password = false;
    let stash = |line: &mut Line| line.script.takes_stash = false;
    let steps = [asks(BOTH, "hunter2123456"), error(NOT_FORWARDED)];
    assert_eq!(line(&[c"forward_pass"]).with(password).runs(&steps), Exit::Refuse);
    assert_eq!(line(&[c"forward_pass"]).with(stash).runs(&steps), Exit::Refuse);
    let due_none = line(&[c"forward_pass"]).with(password).with(no_code_is_due(Reason::SwitchedOff)).runs(&steps);
    assert_eq!(due_none, Exit::Refuse);
}

#[test]
fn after_publickey_refuses_whoever_brings_no_key() {
    let proofs = [
        (None, false),
        (Some(""), false),
        (Some("password"), false),
        (Some("publickey"), false),
        (Some(" publickey ssh-ed25519 AAAA"), false),
        (Some("password publickey ssh-ed25519 AAAA"), false),
        (Some("publickey-hostbound ssh-ed25519 AAAA"), false),
        (Some(KEY), true),
        (Some("password\npublickey ssh-rsa AAAA\n"), true),
    ];
    for (proof, seen) in proofs {
        let after =
            || line(&[c"after=publickey"]).with(|line| line.script.items.ssh_auth_info = proof.map(str::to_owned));
        // Enrolled, with a right code.
        let (steps, exit) = match seen {
            true => (vec![asks(PROMPT, "123456"), ok()], Exit::Success),
            false => (vec![notes(FAILURE), notes(NO_KEY)], Exit::Refuse),
        };
        assert_eq!(after().runs(&steps), exit, "{proof:?}");
        // Where no code is due, the key is the credential; with the policy off too.
        for reason in [Reason::SwitchedOff, Reason::NotEnrolled] {
            let (steps, exit) = match seen {
                true => (logged(reason), Exit::Success),
                false => (vec![notes(FAILURE), notes(NO_KEY)], Exit::Refuse),
            };
            assert_eq!(after().with(no_code_is_due(reason)).runs(&steps), exit, "{proof:?} {reason:?}");
        }
    }
}

#[test]
fn a_key_does_not_replace_the_code() {
    let mut line = line(&[c"after=publickey"])
        .judged(wrong(1, 14))
        .with(|line| line.script.items.ssh_auth_info = Some(KEY.into()));
    let reason =
        "wrong code: alice from 192.0.2.4, 1 wrong code in all since the last right one, 14 more looked at there";
    assert_eq!(line.runs(&[asks(PROMPT, "123456"), notes(FAILURE), notes(reason)]), Exit::Refuse);
}

#[test]
fn a_key_without_the_argument_is_no_credential() {
    let mut line = line(&[])
        .with(|line| line.script.items.ssh_auth_info = Some(KEY.into()))
        .with(no_code_is_due(Reason::SwitchedOff));
    assert_eq!(line.runs(&[]), Exit::Ignore);
}

/// Callers who are not root name the address themselves, and in one field nobody sees whether a code is due.
#[test]
fn only_a_root_host_that_asks_for_a_code_alone_remembers_an_address() {
    let cases = [(&[][..], (1000, 0), true), (&[], (0, 1000), false), (&[c"forward_pass"], (0, 0), false)];
    for (arguments, ids, remembers) in cases.into_iter().chain([(&[c"forward_pass"][..], (1000, 1000), false)]) {
        let mut line = line(arguments).with(no_code_is_due(Reason::SwitchedOff)).with(|line| line.script.ids = ids);
        let steps = if arguments.is_empty() { vec![] } else { vec![asks(BOTH, "hunter2")] };
        assert_eq!(line.runs(&steps), Exit::Ignore);
        assert_eq!(*line.clerk.previewed.borrow(), [(Some("alice".to_owned()), false, remembers)], "{ids:?}");
    }
    // Nor where no policy says so.
    let mut line = line(&[]).with(no_code_is_due(Reason::SwitchedOff)).with(|line| line.clerk.policy.remember = None);
    assert_eq!(line.runs(&[]), Exit::Ignore);
    assert_eq!(*line.clerk.previewed.borrow(), [(Some("alice".to_owned()), false, false)]);
}

#[test]
fn a_broken_policy_is_logged_at_every_login() {
    let fault = |line: &mut Line| line.clerk.fault = Some("/etc/x: line 3, column 1: unknown field".into());
    let logged = error("policy error: /etc/x: line 3, column 1: unknown field: the strictest policy is in force");
    assert_eq!(line(&[]).with(fault).runs(&[logged.clone(), asks(PROMPT, "1"), ok()]), Exit::Success);
    assert_eq!(line(&[c"forward_pass"]).with(fault).runs(&[logged.clone(), asks(BOTH, "1")]), Exit::Ignore);
    assert_eq!(line(&[]).with(fault).with(no_code_is_due(Reason::SwitchedOff)).runs(&[logged]), Exit::Ignore);
}

#[test]
fn an_application_that_cannot_ask_is_told_so() {
    let silent = |text: &str| Step::Asks(text.into(), false, None);
    for (arguments, text) in [(&[][..], PROMPT), (&[c"forward_pass"], BOTH)] {
        let mut line = line(arguments);
        assert_eq!(line.runs(&[silent(text), notes(LEFT)]), Exit::ConversationFailed);
        assert!(line.answers().is_empty(), "what was not typed is not judged");
    }
    let mut due_none = line(&[c"forward_pass"]).with(no_code_is_due(Reason::SwitchedOff));
    assert_eq!(due_none.runs(&[silent(BOTH), notes(LEFT)]), Exit::ConversationFailed);

    let mut nameless = line(&[]).with(|line| line.script.user = Err(ConversationFailed));
    assert_eq!(nameless.runs(&[]), Exit::ConversationFailed);
    assert!(nameless.clerk.previewed.borrow().is_empty());
}

#[test]
fn a_name_that_is_no_text_is_asked_like_an_unknown_one() {
    let mut line = line(&[]).with(|line| {
        line.script.user = Ok(None);
        line.clerk.preview = Preview::Ask(Standing::Unknown);
        line.clerk.verdict = Ok(None);
    });
    let reason = "no enrollment: unknown user from 192.0.2.4";
    assert_eq!(line.runs(&[asks(PROMPT, "1"), notes(FAILURE_OF_NOBODY), notes(reason)]), Exit::Refuse);
    assert_eq!(*line.clerk.previewed.borrow(), [(None, false, true)]);
}

#[test]
fn the_address_is_the_peers_own() {
    let cases = [
        ("ssh", "host.example", Some("203.0.113.5 50022 192.0.2.1 22"), Source::from_address("203.0.113.5").unwrap()),
        ("ssh", "192.0.2.4", Some("203.0.113.5 50022 192.0.2.1 22"), Source::Unknown),
        ("pts/1", "", Some("203.0.113.5 50022 192.0.2.1 22"), Source::Local),
        ("pts/1", "host.example", None, Source::Unknown),
    ];
    for (tty, rhost, connection, source) in cases {
        let mut line = line(&[c"quiet"]).with(|line| {
            line.script.items.tty = tty.into();
            line.script.items.rhost = rhost.into();
            line.script.items.ssh_connection = connection.map(str::to_owned);
        });
        let accepted = Step::Logs(LogLevel::Info, format!("right code: alice from {source} (device d1)"));
        assert_eq!(line.runs(&[asks(PROMPT, "123456"), accepted]), Exit::Success);
        assert_eq!(*line.clerk.judged.borrow(), [(source, b"123456".to_vec())]);
    }
}

/// The same login as a set-uid program's, as a daemon's, and as that of either behind an argument.
#[test]
fn where_a_login_without_an_address_comes_from_is_seen_of_the_program_or_said_by_its_stack() {
    let (su, daemon) = ((1000, 0), (0, 0));
    let (here, anywhere) = (Source::Local, Source::Unknown);
    let cases = [
        (&[][..], su, "", "", here),
        (&[], daemon, "", "", anywhere),
        (&[], daemon, "tty1", "", here),
        (&[], daemon, "ttyS0", "host", here),
        (&[], daemon, "dovecot", "localhost", anywhere),
        (&[c"local"], daemon, "", "", here),
        (&[c"local"], daemon, "", "192.0.2.4", Source::from_address("192.0.2.4").unwrap()),
        (&[c"local"], daemon, "", "host.example", anywhere),
        (&[c"remote"], su, "pts/3", "", anywhere),
        (&[c"remote"], daemon, "", "192.0.2.4", Source::from_address("192.0.2.4").unwrap()),
    ];
    for (arguments, ids, tty, rhost, source) in cases {
        let mut line = line(arguments).with(|line| {
            line.script.ids = ids;
            line.script.items.tty = tty.into();
            line.script.items.rhost = rhost.into();
        });
        let accepted = Step::Logs(LogLevel::Info, format!("right code: alice from {source} (device d1)"));
        assert_eq!(
            line.runs(&[asks(PROMPT, "123456"), accepted]),
            Exit::Success,
            "{arguments:?} {ids:?} {tty} {rhost}"
        );
        assert_eq!(*line.clerk.judged.borrow(), [(source, b"123456".to_vec())]);
    }
}
