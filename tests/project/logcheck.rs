//! logcheck's rules: each line that the log can have is usual, a warning, or left for people to read. `grep -E` decides, as
//! logcheck has it decide.

use super::words::readable;
use pam_totp::factor::attempt::{Outcome, Via};
use pam_totp::factor::judgment::Verdict;
use pam_totp::factor::record::Proving;
use pam_totp::factor::source::Source;
use pam_totp::login::messages::log::{self, AuthFailure, enrolling};
use pam_totp::login::preview::Reason;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const NOW: u64 = 1_800_000_000;

fn rules(part: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/logcheck").join(part)
}

/// Those of the lines that a file of rules matches.
fn matched(part: &str, lines: &[String]) -> Vec<String> {
    let folder = tempfile::tempdir().expect("a folder");
    let log = folder.path().join("log");
    fs::write(&log, lines.join("\n") + "\n").expect("writes a log");
    let grep = Command::new("grep").args(["-E", "--text", "-f"]).arg(rules(part)).arg(log).env("LC_ALL", "C").output();
    let output = grep.expect("grep starts");
    // 2 is a rule that is none.
    assert!(matches!(output.status.code(), Some(0 | 1)), "{output:?}");
    String::from_utf8(output.stdout).expect("UTF-8").lines().map(str::to_owned).collect()
}

/// As the module logs it in sshd, by a syslog daemon of each kind.
fn by_the_module(text: &str) -> [String; 2] {
    ["Nov 21 20:19:00", "2026-11-21T20:19:00.123456+00:00"]
        .map(|time| format!("{time} host.example sshd[7]: pam_totp(sshd:auth): {text}"))
}

fn of_verdicts() -> (Vec<String>, Vec<String>, Vec<String>) {
    let net = Source::from_address("2001:db8::4").expect("an address");
    let told = |outcome| Verdict::told(outcome, NOW);
    let line = |outcome| log::verdict(&told(outcome), "alice", &net);
    let accepted = |via| line(Outcome::Accepted { via, since: None });
    let usual = vec![
        accepted(Via::Device("ad4bcf2e".into())),
        accepted(Via::Untold),
        line(Outcome::Untold),
        line(Outcome::Used { next_in: 0 }),
        line(Outcome::Later { at: NOW }),
        line(Outcome::Wrong { since: 1, left: 14 }),
        line(Outcome::Wrong { since: 2, left: 13 }),
        line(Outcome::Twice { next_in: None }),
        line(Outcome::NotACode),
        log::notes(&Verdict { clock_off: Some(-300), ..told(Outcome::NotACode) }, "alice").remove(0),
    ];
    let note = |verdict: Verdict| log::notes(&verdict, "alice").remove(0);
    let wrong = || told(Outcome::Wrong { since: 3, left: 12 });
    let warnings = vec![
        line(Outcome::Waiting { until: Some(NOW + 14_400), need: 2, next_in: None }),
        line(Outcome::Waiting { until: None, need: 3, next_in: None }),
        note(Verdict { copied: true, ..wrong() }),
        note(Verdict { closed: true, ..wrong() }),
    ];
    let left = vec![
        accepted(Via::Backup { left: 4 }),
        accepted(Via::Temporary),
        line(Outcome::Wrong { since: 3, left: 12 }),
        line(Outcome::Wrong { since: 21, left: 0 }),
        note(Verdict { healed: true, ..wrong() }),
        note(Verdict { counter_lost: true, ..wrong() }),
        note(Verdict { clock_is_wrong: true, ..wrong() }),
        note(Verdict { clock_back: Some(600), ..wrong() }),
    ];
    (usual, warnings, left)
}

fn of_enrolling() -> (Vec<String>, Vec<String>) {
    let proving = Proving { service: "sshd".into(), at: NOW };
    let must = |why| enrolling::must_enroll("alice", why);
    let usual = vec![
        must(enrolling::CANNOT_SHOW),
        must(enrolling::SHOWN_TO_OTHERS),
        must(enrolling::NOT_PROVED),
        enrolling::proved("alice"),
        enrolling::put_off("alice"),
        enrolling::codes_count("alice"),
        enrolling::no_codes("alice"),
    ];
    let left = vec![
        enrolling::enrolled("alice"),
        must(enrolling::PROVED_BEFORE),
        must(enrolling::NOT_KEPT),
        must(enrolling::NOT_MARKED),
        enrolling::not_marked("alice", &"no room"),
        enrolling::changed_user("alice"),
        enrolling::failed("alice", &enrolling::CHANGED_SINCE),
        enrolling::codes_not_stored("alice", &"no room"),
        enrolling::not_stored("alice", &proving),
    ];
    (usual, left)
}

/// Every line: those that are usual, those that warn, and the rest.
fn lines() -> [Vec<String>; 3] {
    let (local, net) = (Source::Local, Source::from_address("192.0.2.4").expect("an address"));
    let failure = |user| AuthFailure { uid: 0, euid: 0, tty: "ssh", ruser: "", rhost: "192.0.2.4", user }.to_string();
    let (mut usual, mut warnings, mut left) = of_verdicts();
    let (more_usual, more_left) = of_enrolling();
    usual.extend(more_usual);
    usual.extend([failure(Some("alice")), failure(None)]);
    for reason in [Reason::SwitchedOff, Reason::NotEnrolled, Reason::Exempt, Reason::Remembered] {
        usual.extend([log::no_code(reason, Some("alice"), net), log::no_code(reason, None, local)]);
    }
    usual.extend([log::NO_ANSWER.into(), log::unknown_user(net)]);
    usual.extend([Some("alice"), None].map(|user| log::refused_unenrolled(user, net)));
    warnings.push(log::store_error(Some("alice"), &"/var/lib/pam_totp/secrets is open to others: refusing to use it"));
    left.extend(more_left);
    left.extend([log::NO_KEY, log::NOT_PASSED_ON, log::NO_PASSWORD, log::SSHD_REPLACED].map(str::to_owned));
    left.extend([
        log::policy_error(&"line 2"),
        log::store_error(None, &"/var/lib/pam_totp is missing"),
        log::notify_error(&"not found"),
    ]);
    [usual, warnings, left].map(|lines| lines.iter().flat_map(|line| by_the_module(line)).collect())
}

/// What pam-totpd says, who has no service, and for whom.
fn of_the_door() -> [Vec<String>; 3] {
    let postgres = log::a_program_of("postgres");
    let wrong = |since| log::verdict(&Verdict::told(Outcome::Wrong { since, left: 1 }, NOW), "alice", &postgres);
    let usual = vec![
        wrong(1),
        log::not_enrolled(Some("alice"), &postgres),
        log::refused_for(&postgres, &log::NO_SUCH_USER),
        log::refused_for(&postgres, &log::judged_for_nobody("root")),
    ];
    let left = vec![
        wrong(3),
        log::refused_for("alice", &"not permitted"),
        log::request_failed(&"signal 11"),
        log::request_too_long(Duration::from_secs(30)),
        log::not_received(&"no processes"),
        log::delegates_error(&"line 2"),
        log::by_delegate("unlocked alice", "ray"),
        log::by_delegate("listed users", "ray"),
    ];
    let line = |text: &String| format!("Nov 21 20:19:00 host pam-totpd[7]: {}", log::asked_by(text, 1000, 77));
    [usual, Vec::new(), left].map(|lines| lines.iter().map(line).collect())
}

#[test]
fn usual_lines_are_ignored_and_warnings_are_not() {
    for [usual, warnings, left] in [lines(), of_the_door()] {
        let all: Vec<String> = [&usual[..], &warnings, &left].concat();
        for ignored in ["ignore.d.server/pam_totp", "violations.ignore.d/local-pam_totp"] {
            assert_eq!(matched(ignored, &all), usual, "{ignored}");
        }
        assert_eq!(matched("violations.d/pam_totp", &all), warnings);
    }
    // Nothing is hidden behind the words of a usual line, nor in front of them.
    let [usual, ..] = lines();
    let longer =
        usual.iter().flat_map(|line| [format!("{line} and more"), line.replace(": pam_totp", ": said pam_totp")]);
    assert_eq!(matched("ignore.d.server/pam_totp", &longer.collect::<Vec<_>>()), Vec::<String>::new());
}

/// Whoever writes another line says above what it is.
#[test]
fn no_line_is_forgotten() {
    let known: Vec<String> = [lines(), of_the_door()].into_iter().flatten().flatten().collect();
    let known = known.join("\n");
    let mut pieces = 0;
    for file in ["log.rs", "log/enrolling.rs"] {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/login/messages").join(file);
        for (line, text) in readable(&fs::read_to_string(source).expect("a source"), false) {
            // A line that a backslash breaks is one.
            let text: String = text.split("\\\n").map(str::trim_start).collect::<Vec<_>>().join("");
            for piece in text.split(['{', '}']).step_by(2).filter(|piece| piece.split_whitespace().count() > 1) {
                pieces += 1;
                assert!(known.contains(piece.trim()), "{file}:{line}: no rule was tried on {piece:?}");
            }
        }
    }
    assert!(pieces > 50, "only {pieces} were found");
}
