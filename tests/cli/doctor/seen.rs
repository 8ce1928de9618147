//! Shapes of stacks that administrators wrote, each tried with the real libpam: what doctor says of each.

use pam_totp::doctor::finding::Severity;
use pam_totp::doctor::stacks::check::check;
use pam_totp::doctor::stacks::diagnose::problems;
use pam_totp::doctor::stacks::files::StackFiles;
use pam_totp::doctor::stacks::predict::{Demand, LoginUser, StackDecision, WithoutCodes, predict, without_codes};
use pam_totp::doctor::stacks::problem::{Circumstances, Problem};
use pam_totp::policy::rules::Unenrolled;

const OURS: &str = "auth requisite pam_totp.so explain";
const COMMON: &str = "auth [success=1 default=ignore] pam_unix.so nullok\nauth requisite pam_deny.so\n\
                      auth required pam_permit.so\n";
const COMMON_ACCOUNT: &str = "account [success=1 new_authtok_reqd=done default=ignore] pam_unix.so\n\
                              account requisite pam_deny.so\naccount required pam_permit.so\n";

fn files(service: &str, lines: &[&str]) -> StackFiles {
    let mut files = StackFiles::default();
    let stack = lines.join("\n") + "\n";
    for (name, text) in [(service, stack.as_str()), ("common-auth", COMMON), ("common-account", COMMON_ACCOUNT)] {
        files.add(name, &format!("/etc/pam.d/{name}"), text);
    }
    files
}

fn of(service: &str, lines: &[&str]) -> Vec<Problem> {
    problems(&files(service, lines), service, &Circumstances { enabled: true, ..Circumstances::default() })
}

/// The codes of what may go wrong, and what is said.
fn bad(lines: &[&str]) -> Vec<(&'static str, String)> {
    let bad = of("sshd", lines).into_iter().filter(|ill| ill.level >= Severity::Warning);
    bad.map(|ill| (ill.code, ill.what)).collect()
}

fn says(lines: &[&str], code: &str, words: &str) {
    let found = bad(lines);
    let one = found.iter().find(|found| found.0 == code);
    assert!(one.is_some_and(|found| found.1.contains(words)), "{code}: {words}: {lines:#?}: {found:#?}");
}

#[test]
fn a_directory_named_twice_is_one() {
    let twice = [
        "auth [success=1 default=bad] pam_unix.so",
        "auth optional pam_faildelay.so",
        "auth sufficient pam_unix.so try_first_pass",
        OURS,
        "auth sufficient pam_sss.so",
        "auth required pam_deny.so",
    ];
    says(&twice, "unreachable", "pam_unix.so (/etc/pam.d/sshd:3, sufficient) ends the stack");
}

#[test]
fn a_condition_that_fails_lets_nobody_by_unsaid() {
    let group = ["auth [default=1 success=ignore] pam_succeed_if.so user ingroup mfa", OURS, "@include common-auth"];
    says(&group, "condition", "users whom pam_succeed_if.so (/etc/pam.d/sshd:1, [default=1 success=ignore]) refuses");
    let rhel = [
        "auth required pam_env.so",
        "auth [default=1 ignore=ignore success=ok] pam_localuser.so",
        OURS,
        "auth sufficient pam_unix.so",
        "auth sufficient pam_sss.so",
        "auth required pam_deny.so",
    ];
    says(&rhel, "condition", "users whom pam_localuser.so");
}

#[test]
fn what_lets_in_beside_the_password_is_named() {
    for module in ["pam_kanidm.so", "pam_authd.so", "pam_python.so", "pam_u2f.so", "pam_fprintd.so", "pam_my_own.so"] {
        let other = format!("auth sufficient {module}");
        let stack = [
            "auth [success=2 default=ignore] pam_unix.so",
            &other,
            "auth requisite pam_deny.so",
            "auth required pam_permit.so",
            OURS,
        ];
        let found = bad(&stack);
        assert!(found.iter().any(|(_, what)| what.contains(module)), "{module}: {found:#?}");
    }
    let unknown = ["auth sufficient pam_my_own.so", "@include common-auth", OURS];
    says(&unknown, "condition", "What that module checks is not known here");
}

/// It may be the one that checks passwords here.
#[test]
fn of_a_module_that_nobody_knows_it_is_said_that_it_is_not_known() {
    let jump =
        ["auth [success=1 default=ignore] pam_vendor.so", "auth requisite pam_deny.so", "auth required pam_permit.so"];
    for stack in [&["auth required pam_vendor.so", OURS][..], &[jump.as_slice(), &[OURS]].concat()] {
        let found = bad(stack);
        let said = found.iter().find(|(code, _)| *code == "code_alone").map(|(_, what)| what.as_str());
        assert!(
            said.is_some_and(|said| said.contains("unless pam_vendor.so (/etc/pam.d/sshd:1")),
            "{stack:#?} {found:#?}"
        );
        assert!(found.iter().all(|(code, _)| !["permit", "nobody"].contains(code)), "{found:#?}");
    }
}

#[test]
fn a_wrong_password_gets_in_nowhere_where_no_code_is_due() {
    let faillock = [
        "auth required pam_faillock.so preauth",
        "auth [success=1 default=ignore] pam_unix.so",
        "auth required pam_faillock.so authfail",
        OURS,
    ];
    says(&faillock, "permit", "without any credential");
}

#[test]
fn who_needs_no_code_gets_in() {
    let others = ["@include common-auth", "auth [success=done new_authtok_reqd=done default=die] pam_totp.so"];
    says(&others, "no_code_due", "`[success=done new_authtok_reqd=done default=die]` also fails where no code is due");
    let jump = ["auth [success=1 default=ignore] pam_unix.so", "auth requisite pam_deny.so", OURS];
    says(&jump, "no_code_due", "no line accepts the password");
}

#[test]
fn duo_s_stack_is_not_said_to_let_nobody_in() {
    let duo = [
        "auth required pam_env.so",
        "auth requisite pam_unix.so nullok",
        "auth sufficient pam_duo.so",
        "auth required pam_deny.so",
        OURS,
    ];
    says(&duo, "unreachable", "only users who pass pam_duo.so");
    let alone = ["auth sufficient pam_unix.so", "auth requisite pam_totp.so", "auth requisite pam_deny.so"];
    says(&alone, "unreachable", "pam_unix.so (/etc/pam.d/sshd:1, sufficient) ends the stack");
    for lines in [&duo[..], &alone] {
        assert!(bad(lines).iter().all(|(code, what)| *code != "nobody" && !what.contains("pass pam_deny")));
    }
}

#[test]
fn whom_our_line_keeps_out_is_said() {
    let between = [
        "auth [success=2 default=ignore] pam_krb5.so",
        OURS,
        "auth [success=1 default=ignore] pam_unix.so",
        "auth requisite pam_deny.so",
        "auth required pam_permit.so",
    ];
    says(&between, "shut_out", "users whom pam_krb5.so knows");
    let policy = Circumstances { enabled: true, ..Circumstances::default() };
    let fix = |files: &StackFiles| {
        let found = check(files, &policy).into_iter().find(|finding| finding.code == "shut_out");
        found.expect("a finding").fix.join("\n")
    };
    assert!(fix(&files("sshd", &between)).contains("-e '2s/^/#/' -e '5a\\auth requisite pam_totp.so explain'"));
    let mut shared = files("sshd", &["@include base-auth"]);
    shared.add("base-auth", "/etc/pam.d/base-auth", &between.join("\n"));
    assert!(fix(&shared).contains("/etc/pam.d/base-auth"), "{}", fix(&shared));
    let account = ["@include common-auth", OURS, "account required pam_totp.so"];
    says(&account, "shut_out", "the account stack refuses users because of this line");
}

#[test]
fn an_account_line_that_is_not_always_reached_stores_nothing() {
    let enroll = Circumstances { enabled: true, unenrolled: Some(Unenrolled::Enroll), ..Circumstances::default() };
    let local = "account sufficient pam_localuser.so";
    let ours = "account required pam_totp.so";
    let found = |account: &[&str], circumstances: &Circumstances| {
        let lines = [&["@include common-auth", OURS][..], account].concat();
        let found = problems(&files("sshd", &lines), "sshd", circumstances);
        found.into_iter().filter(|ill| ill.code == "no_account").map(|ill| (ill.level, ill.what)).collect::<Vec<_>>()
    };
    let policy = Circumstances { enabled: true, ..Circumstances::default() };
    for account in [&[local, ours, "@include common-account"][..], &["@include common-account", ours]] {
        let [(level, what)] = &found(account, &enroll)[..] else { panic!("{account:#?}") };
        assert!(*level == Severity::Fault && what.contains("before the other account lines"), "{what}");
        assert_eq!(found(account, &policy)[0].0, Severity::Note);
        let lines = [&["@include common-auth", OURS][..], account].concat();
        let fix = check(&files("sshd", &lines), &enroll).into_iter().find(|finding| finding.code == "no_account");
        let fix = fix.expect("a finding").fix.join("\n");
        assert!(fix.contains("3i\\account    required     pam_totp.so"), "in front: {fix}");
    }
    assert_eq!(found(&[ours, local, "@include common-account"], &enroll), []);
    assert_eq!(found(&["@include common-account"], &enroll).len(), 1);
    assert_eq!(found(&["@include common-account"], &policy), []);
}

#[test]
fn no_fix_takes_the_count_of_failures_away() {
    let cis = [
        "auth required pam_faillock.so preauth audit silent deny=5 unlock_time=900",
        "auth [success=1 default=bad] pam_unix.so",
        "auth [default=die] pam_faillock.so authfail audit deny=5 unlock_time=900",
        "auth sufficient pam_faillock.so authsucc audit deny=5 unlock_time=900",
        OURS,
    ];
    let findings = check(&files("sshd", &cis), &Circumstances { enabled: true, ..Circumstances::default() });
    let fix: Vec<&String> = findings.iter().flat_map(|finding| &finding.fix).collect();
    assert!(findings.iter().any(|finding| finding.code == "unreachable"), "{findings:#?}");
    assert!(fix.iter().all(|line| !line.contains("s/^/#/")), "{fix:#?}");
}

#[test]
fn root_s_programs_let_nobody_in_as_root() {
    let lines = ["auth sufficient pam_rootok.so", "@include common-auth", OURS];
    says(&lines, "permit", "pam_rootok.so accepts everybody");
    assert_eq!(of("su", &lines), [], "where the caller is asked who they are");
}

#[test]
fn what_becomes_of_a_login_is_told_for_each_directory() {
    let of = |lines: &[&str], is_local, due| {
        let verdict = predict(&files("sshd", lines), "sshd", LoginUser { is_local, ..LoginUser::default() }, due);
        (verdict.decision, verdict.why.unwrap_or_default())
    };
    let sss_first = ["auth sufficient pam_sss.so", "auth requisite pam_unix.so", OURS];
    assert_eq!(of(&sss_first, true, Demand::Code), (StackDecision::Ask, String::new()));
    let (decision, why) = of(&sss_first, false, Demand::Code);
    assert!(
        decision == StackDecision::Pass && why.contains("pam_sss.so (/etc/pam.d/sshd:1, sufficient) ends it"),
        "{why}"
    );
    assert_eq!(of(&sss_first, false, Demand::Nothing), (StackDecision::Pass, String::new()));
    assert_eq!(of(&sss_first, false, Demand::Refusal).0, StackDecision::Pass, "nobody asks the policy");
    let dies = ["@include common-auth", "auth [success=done default=die] pam_totp.so"];
    assert_eq!(of(&dies, true, Demand::Code), (StackDecision::Ask, String::new()));
    let (decision, why) = of(&dies, true, Demand::Nothing);
    assert!(
        decision == StackDecision::Refuse && why.contains("/etc/pam.d/sshd:2, [success=done default=die]"),
        "{why}"
    );
    assert_eq!(without_codes(&files("sshd", &dies), "sshd"), Some(WithoutCodes::Refuses(Vec::new())));
    assert_eq!(without_codes(&files("sshd", &["@include common-auth", OURS]), "sshd"), None);
    let open = ["auth required pam_totp.so", "auth required pam_permit.so"];
    assert_eq!(without_codes(&files("x", &open), "x"), Some(WithoutCodes::Opens));
    let alone = ["auth required pam_totp.so"];
    assert_eq!(without_codes(&files("x", &alone), "x"), Some(WithoutCodes::Closes));
}

#[test]
fn what_depends_on_a_condition_is_said_in_a_note() {
    let of = |lines: &[&str], is_local| {
        let verdict =
            predict(&files("sshd", lines), "sshd", LoginUser { is_local, ..LoginUser::default() }, Demand::Code);
        (verdict.decision, verdict.notes)
    };
    let group = ["auth [default=1 success=ignore] pam_succeed_if.so user ingroup mfa", OURS, "@include common-auth"];
    let (decision, notes) = of(&group, true);
    let note = "users whom pam_succeed_if.so (/etc/pam.d/sshd:1, [default=1 success=ignore]) refuses are not asked";
    assert_eq!((decision, notes), (StackDecision::Ask, vec![note.to_owned()]));
    // Who is in /etc/passwd is known.
    let rhel = ["auth [default=1 ignore=ignore success=ok] pam_localuser.so", OURS, "@include common-auth"];
    assert_eq!(of(&rhel, true), (StackDecision::Ask, Vec::new()));
    assert_eq!(of(&rhel, false).0, StackDecision::Pass);
    // As gdm begins: only some may come.
    let some = ["auth [success=1 default=ignore] pam_succeed_if.so user ingroup x", "auth requisite pam_deny.so"];
    let (decision, notes) = of(&[some.as_slice(), &["@include common-auth", OURS]].concat(), true);
    assert!(decision == StackDecision::Ask && notes.len() == 1 && notes[0].ends_with("are refused"), "{notes:?}");
    let fprint = ["auth sufficient pam_fprintd.so", "@include common-auth", OURS];
    let (decision, notes) = of(&fprint, true);
    assert!(decision == StackDecision::Ask && notes[0].contains("who pass pam_fprintd.so"), "{notes:?}");
    let optional = ["@include common-auth", "auth optional pam_totp.so"];
    let (decision, notes) = of(&optional, true);
    assert!(decision == StackDecision::Ask && notes[0].starts_with("a wrong code gets in too"), "{notes:?}");
}
