//! What applications and people answer beside six digits: refused at once, not counted, and nothing lost.

use crate::support::application::{self, AUTH_ERR, CONV_ERR, SERVICE, SUCCESS, Said, application, at};
use crate::support::codes::code_at;
use crate::support::system::{KEY, System, throw_away};
use std::fs;
use std::io::Write;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

/// The beginning of a step.
const T: u64 = 1_800_000_000;
const FAILURE: &str =
    "pam_totp(application:auth): authentication failure; logname= uid=0 euid=0 tty=tty1 ruser= rhost=";

/// One login of alice's, which must end: long before that, but for a busy machine.
fn answers(command: &mut Command, answer: &[u8]) -> Said {
    let start = Instant::now();
    let output = runs(at(T, command), answer);
    assert!(start.elapsed() < Duration::from_secs(20), "{command:?} took {:?}", start.elapsed());
    Said::read(&output)
}

fn runs(command: &mut Command, input: &[u8]) -> Output {
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the application starts");
    child.stdin.take().expect("a pipe").write_all(input).expect("the application reads");
    child.wait_with_output().expect("the application ends")
}

fn record() -> Vec<u8> {
    fs::read("/var/lib/pam_totp/state/alice").expect("the record")
}

fn alice_with_her_code(system: &System) -> String {
    application::build(system);
    system.enrolled("alice");
    code_at(KEY, T)
}

#[test]
fn an_application_that_cannot_ask_gets_no_one_in_and_spends_nothing() {
    throw_away(|system| {
        let code = alice_with_her_code(system);
        let before = record();
        let no_answer = "no answer: the application could not ask for a code, or its user left";
        let no_code = "no code: the answer of alice from local has not the shape of a code";
        let cases =
            [("fail", CONV_ERR, no_answer, 1), ("none", CONV_ERR, no_answer, 2), ("null", AUTH_ERR, no_code, 1)];
        for (misbehavior, expected, line, lines) in cases {
            let said = answers(application().args(["-m", misbehavior, SERVICE, "alice"]), b"");
            assert_eq!((said.codes, said.errors.as_str()), (vec![expected], ""), "{misbehavior}");
            assert_eq!(system.log.count(line), lines, "{misbehavior}");
            assert_eq!(record(), before, "{misbehavior}");
        }
        assert_eq!(answers(application().args([SERVICE, "alice"]), code.as_bytes()).codes, [SUCCESS]);
    });
}

#[test]
fn an_application_that_sets_every_item_anew_while_it_asks_changes_nothing_of_this_login() {
    throw_away(|system| {
        let code = alice_with_her_code(system);
        let replaces = |answer: &str| {
            let said = answers(application().args(["-m", "replace", SERVICE, "alice"]), answer.as_bytes());
            assert_eq!((said.codes.len(), said.errors.as_str()), (1, ""), "{said:?}");
            said.codes[0]
        };
        let before = record();
        assert_eq!(replaces("000000"), AUTH_ERR);
        assert!(record() != before, "counted as hers");
        system.log.line_where("her failure", |line| line.contains(FAILURE) && line.ends_with("rhost=  user=alice"));
        assert_eq!(replaces(&code), SUCCESS);
        assert_eq!(replaces(&code), AUTH_ERR, "used up as hers");
        system.log.line("used code: alice from local");
        assert_eq!(system.log.count("198.51.100.99") + system.log.count("/dev/replaced"), 0);
    });
}

#[test]
fn of_more_answers_than_were_asked_for_the_first_is_taken_and_of_a_megabyte_nothing() {
    throw_away(|system| {
        let code = alice_with_her_code(system);
        let misbehaves = |how: &str, answer: &str| {
            let said = answers(application().args(["-m", how, SERVICE, "alice"]), answer.as_bytes());
            assert_eq!(said.errors, "", "{how}");
            said.codes
        };
        let before = record();
        assert_eq!(misbehaves("long", &code), [AUTH_ERR]);
        assert_eq!(record(), before, "it is no guess");
        system.log.line("no code: the answer of alice from local has not the shape of a code");
        assert_eq!(misbehaves("more", "000000"), [AUTH_ERR]);
        assert!(record() != before);
        assert_eq!(misbehaves("more", &code), [SUCCESS]);
    });
}

#[test]
fn an_answer_that_is_no_code_is_refused_and_not_counted() {
    throw_away(|system| {
        let code = alice_with_her_code(system);
        let before = record();
        let ten_kilobytes = |byte: u8| vec![byte; 10_000];
        let with_nul = [&code.as_bytes()[..3], b"\0", &code.as_bytes()[3..]].concat();
        let longer = [code.as_bytes(), &ten_kilobytes(b' ')].concat();
        let sshd = b"\x08\r\x7fINCORRECT\x08".repeat(10);
        let cases: [&[u8]; 16] = [
            b"",
            b" ",
            &code.as_bytes()[..5],
            &[code.as_bytes(), b"0"].concat(),
            b"abcdef",
            b"12345a",
            b"-12345",
            "１２３４５６".as_bytes(),
            "٠١٢٣٤٥".as_bytes(),
            "12345\u{0665}".as_bytes(),
            b"\xff\xfe\xfd\xfc\xfb\xfa",
            b"%s%n%s",
            &with_nul,
            &ten_kilobytes(b'1'),
            &longer,
            &sshd,
        ];
        for (n, answer) in cases.iter().enumerate() {
            let said = answers(application().args([SERVICE, "alice"]), &[answer, b"\n".as_slice()].concat());
            assert_eq!((said.codes.as_slice(), said.errors.as_str()), ([AUTH_ERR].as_slice(), ""), "{answer:?}");
            assert_eq!(said.messages, ["1 Verification code: ", "delay"], "{answer:?}");
            assert_eq!(system.log.count(&format!("{FAILURE}  user=alice")), n + 1, "{answer:?}");
            let reason = "no code: the answer of alice from local has not the shape of a code";
            assert_eq!(system.log.count(reason), n + 1, "{answer:?}");
            assert_eq!(record(), before, "{answer:?}");
        }
        assert_eq!(system.log.count(&code), 0, "a code in the log");
        let as_people_type = format!(" {} {} \n", &code[..3], &code[3..]);
        assert_eq!(answers(application().args([SERVICE, "alice"]), as_people_type.as_bytes()).codes, [SUCCESS]);
    });
}
