//! Every verdict: the stack's answer, the log's lines, and what the user reads where the stack says `explain`.

use super::*;

const ACCEPTED: &str = "right code: alice from 192.0.2.4 (device d1)";

/// An outcome, what the stack hears, the line for people in the log, and what is explained.
fn table() -> Vec<(Outcome, Exit, &'static str, Vec<Step>)> {
    let from = "198.51.100.7".parse().unwrap();
    let since = |count| Some(Since { count, at: NOW, from });
    let once = "1 wrong code was entered since your last right one, at 2027-01-15 08:00 UTC from 198.51.100.7.";
    let more =
        "3 wrong codes were entered since your last right one, the last at 2027-01-15 08:00 UTC from 198.51.100.7.";
    let device = || Via::Device("d1".into());
    let backup = |left| Outcome::Accepted { via: Via::Backup { left }, since: None };
    let (yes, no) = (Exit::Success, Exit::Refuse);
    let used = "used code: alice from 192.0.2.4 entered a code that was accepted before";
    vec![
        (accepted(), yes, ACCEPTED, vec![]),
        (Outcome::Accepted { via: device(), since: since(1) }, yes, ACCEPTED, vec![says(once)]),
        (Outcome::Accepted { via: device(), since: since(3) }, yes, ACCEPTED, vec![says(more)]),
        (
            Outcome::Accepted { via: Via::Backup { left: 1 }, since: since(3) },
            yes,
            "right backup code: alice from 192.0.2.4 (1 left)",
            vec![says("1 backup code is left. Make new ones with `pam-totp backup-codes`."), says(more)],
        ),
        (backup(4), yes, "right backup code: alice from 192.0.2.4 (4 left)", vec![says("4 backup codes are left.")]),
        (
            backup(0),
            yes,
            "right backup code: alice from 192.0.2.4 (0 left)",
            vec![says("That was your last backup code. Make new ones with `pam-totp backup-codes`.")],
        ),
        (
            Outcome::Used { next_in: 12 },
            no,
            used,
            vec![complains("This code was already used. The next one comes in 12 s.")],
        ),
        (Outcome::Used { next_in: 0 }, no, used, vec![complains("This code was already used. Take the next one.")]),
        (
            Outcome::Used { next_in: 86_400 },
            no,
            used,
            vec![complains("The clock of this host has gone back. Ask its administrator, or use a backup code.")],
        ),
        (
            Outcome::Later { at: NOW + 240 },
            no,
            "used code: alice from 192.0.2.4 entered a code of a time that is over; codes count again from 2027-01-15 \
             08:04 UTC",
            vec![complains("Codes count again from 08:04 UTC (in 4 minutes).")],
        ),
        (
            wrong(1, 14),
            no,
            "wrong code: alice from 192.0.2.4, 1 wrong code in all since the last right one, 14 more looked at there",
            vec![],
        ),
        (
            wrong(2, 13),
            no,
            "wrong code: alice from 192.0.2.4, 2 wrong codes in all since the last right one, 13 more looked at there",
            vec![],
        ),
        (
            wrong(3, 12),
            no,
            "wrong code: alice from 192.0.2.4, 3 wrong codes in all since the last right one, 12 more looked at there",
            vec![says("Call 42.")],
        ),
        // From a new place, of somebody at whom strangers guess elsewhere.
        (
            wrong(40, 14),
            no,
            "wrong code: alice from 192.0.2.4, 40 wrong codes in all since the last right one, 14 more looked at there",
            vec![says("Call 42.")],
        ),
        (
            wrong(12, 3),
            no,
            "wrong code: alice from 192.0.2.4, 12 wrong codes in all since the last right one, 3 more looked at there",
            vec![complains("Wrong code. 3 more here, then two codes in a row are asked for."), says("Call 42.")],
        ),
        (
            wrong(15, 0),
            no,
            "wrong code: alice from 192.0.2.4, 15 wrong codes in all since the last right one, 0 more looked at there",
            vec![complains("Wrong code. From now on two codes in a row are asked for here."), says("Call 42.")],
        ),
        (Outcome::NotACode, no, "no code: the answer of alice from 192.0.2.4 has not the shape of a code", vec![]),
    ]
}

/// What the log reads whatever is explained.
fn logged(exit: Exit, reason: &str) -> Vec<Step> {
    match exit {
        Exit::Success => vec![Step::Logs(LogLevel::Info, reason.into())],
        _ => vec![notes(FAILURE), notes(reason)],
    }
}

fn supported(arguments: &[&CStr], outcome: Outcome) -> Line {
    line(arguments).judged(outcome).with(|line| line.clerk.policy.support = Some("Call 42.".into()))
}

#[test]
fn with_explain_the_user_learns_why() {
    for (outcome, exit, reason, said) in table() {
        let steps = [vec![asks(PROMPT, "123456")], logged(exit, reason), said].concat();
        let mut line = supported(&[c"explain"], outcome.clone());
        assert_eq!(line.runs(&steps), exit, "{outcome:?}");
        assert_eq!(*line.clerk.judged.borrow(), [("192.0.2.4".parse().unwrap(), b"123456".to_vec())]);
        let previewed = line.clerk.previewed.borrow();
        assert!(previewed.iter().all(|previewed| *previewed == (Some("alice".to_owned()), false, true)));
        // Of a used code alone it is asked whether the address is remembered by now.
        let is_used = matches!(outcome, Outcome::Used { .. });
        assert_eq!(previewed.len(), 1 + usize::from(is_used), "{outcome:?}");
    }
}

#[test]
fn without_explain_nothing_is_said() {
    for (outcome, exit, reason, _) in table() {
        let steps = [vec![asks(PROMPT, "123456")], logged(exit, reason)].concat();
        assert_eq!(supported(&[], outcome.clone()).runs(&steps), exit, "{outcome:?}");
        assert_eq!(supported(&[c"explain", c"quiet"], outcome.clone()).runs(&steps), exit, "{outcome:?}");
    }
}

#[test]
fn without_a_support_sentence_none_is_said() {
    let steps = |reason: &str| vec![asks(PROMPT, "123456"), notes(FAILURE), notes(reason)];
    let three =
        "wrong code: alice from 192.0.2.4, 3 wrong codes in all since the last right one, 12 more looked at there";
    assert_eq!(line(&[c"explain"]).judged(wrong(3, 12)).runs(&steps(three)), Exit::Refuse);
}

type WithoutVerdict = (Standing, Result<Option<Verdict>, Unavailable>, &'static str, Step);

/// Who has no verdict, the line for fail2ban and the one for people.
fn without_verdict() -> Vec<WithoutVerdict> {
    let missing = || Unavailable::Store(StoreError::Missing("/var/lib/pam_totp".into()));
    let gone = "no enrollment: alice from 192.0.2.4 is not enrolled, and the policy refuses those";
    let unknown = "no enrollment: unknown user from 192.0.2.4";
    let disk = "/var/lib/pam_totp is missing: mount it or install pam_totp again";
    let busy = "store error for alice: another login of this user holds the lock: try again; should it last, `lslocks` \
                names the process";
    vec![
        (Standing::Unknown, Ok(None), FAILURE_OF_NOBODY, notes(unknown)),
        (Standing::Unenrolled(alice()), Ok(None), FAILURE, notes(gone)),
        (enrolled(), Ok(None), FAILURE, notes(gone)),
        (enrolled(), Err(StoreError::Busy.into()), FAILURE, error(busy)),
        (enrolled(), Err(missing()), FAILURE, error(&format!("store error for alice: {disk}"))),
        (Standing::Faulty(missing()), Err(missing()), FAILURE_OF_NOBODY, error(&format!("store error: {disk}"))),
    ]
}

#[test]
fn without_an_enrollment_or_a_store_all_are_asked_and_refused_alike() {
    for (standing, verdict, failure, reason) in without_verdict() {
        for arguments in [&[][..], &[c"explain"]] {
            let mut line = line(arguments).with(|line| {
                line.clerk.preview = Preview::Ask(standing.clone());
                line.clerk.verdict = verdict.clone();
                line.clerk.policy.support = Some("Call 42.".into());
            });
            let steps = [asks(PROMPT, "123456"), notes(failure), reason.clone()];
            assert_eq!(line.runs(&steps), Exit::Refuse, "{standing:?}");
            assert_eq!(line.script.delay, Some(2_000_000));
            assert_eq!(line.answers(), ["123456"], "judged in vain, so that it takes as long");
        }
    }
}

#[test]
fn the_log_alone_learns_of_losses_and_clocks() {
    let told = |change: &dyn Fn(&mut Verdict), note: &str| {
        let mut verdict = verdict(wrong(1, 14));
        change(&mut verdict);
        let mut line = line(&[c"explain"]).with(|line| line.clerk.verdict = Ok(Some(verdict)));
        let reason =
            "wrong code: alice from 192.0.2.4, 1 wrong code in all since the last right one, 14 more looked at there";
        let steps = [asks(PROMPT, "123456"), notes(FAILURE), notes(reason), notes(note)];
        assert_eq!(line.runs(&steps), Exit::Refuse);
    };
    told(
        &|verdict| verdict.healed = true,
        "state of alice was lost and is made again: codes of the next three minutes are refused, \
         backup codes count as used",
    );
    told(
        &|verdict| verdict.counter_lost = true,
        "a token of alice is out of service, as its counter was lost: `pam-totp resync alice --counter N`",
    );
    for (off, words) in [(90, "90 s ahead of"), (-600, "600 s behind")] {
        told(
            &|verdict| verdict.clock_off = Some(off),
            &format!(
                "clock: the code of alice would be right if the device's clock, {words} this host's, were right; \
                 see `timedatectl`"
            ),
        );
    }
    told(
        &|verdict| verdict.closed = true,
        "closed: alice had a hundred wrong codes in a row: single codes are not looked at until two in a row, or a \
         backup code, are right",
    );
    told(
        &|verdict| verdict.clock_back = Some(7_200),
        "clock: this host's clock went back by 120 minutes or more since the last code of alice: codes up to \
         that one stay refused; when the clock is right, `pam-totp unlock alice`",
    );
}

#[test]
fn sshds_filler_is_recognized_for_everybody() {
    let filler = "\x08\n\r\x7fINCORRECT\x08\n\r\x7fINC";
    let hint = "sshd replaced the answer: this user may not log in here (root without PermitRootLogin yes?)";
    let reason = "no code: the answer of alice from 192.0.2.4 has not the shape of a code";
    let steps = [asks(PROMPT, filler), notes(FAILURE), notes(reason), notes(hint)];
    assert_eq!(line(&[c"explain"]).judged(Outcome::NotACode).runs(&steps), Exit::Refuse);
    for (standing, verdict, failure, reason) in without_verdict() {
        let mut line = line(&[]).with(|line| {
            line.clerk.preview = Preview::Ask(standing);
            line.clerk.verdict = verdict;
        });
        assert_eq!(line.runs(&[asks(PROMPT, filler), notes(failure), reason, notes(hint)]), Exit::Refuse);
    }
}

#[test]
fn foreign_text_writes_no_lines_into_the_log() {
    let mut line = line(&[]).judged(wrong(1, 14)).with(|line| {
        line.script.items.ruser = "x\nroot from".into();
        line.script.items.rhost = "bad host\x1b[2J".into();
        line.clerk.preview = Preview::Ask(Standing::Enrolled(Account { name: "do main\\bob".into(), uid: 7, gid: 7 }));
    });
    let failure = "authentication failure; logname= uid=1000 euid=0 tty=ssh ruser=x?root?from \
                   rhost=bad?host?[2J  user=do?main\\bob";
    let reason =
        "wrong code: do?main\\bob from name, 1 wrong code in all since the last right one, 14 more looked at there";
    assert_eq!(line.runs(&[asks(PROMPT, "123456"), notes(failure), notes(reason)]), Exit::Refuse);
}
