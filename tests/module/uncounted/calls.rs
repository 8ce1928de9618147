//! System call by system call: what lies between reading the record and the verdict, and what a kill there leaves.

use super::*;
use crate::support::application::{SUCCESS, login_at};
use crate::support::disk::on_disk;
use crate::support::tracer::Codes;

/// What a login does from the record that it has read to giving it up.
fn transaction(answer: &str) -> Vec<String> {
    let mut login = Login::asked();
    login.types(answer);
    login.reads_the_record();
    let mut calls = Vec::new();
    loop {
        match login.traced.next(true) {
            Event::Begins(call) if call.number == libc::SYS_flock => break,
            Event::Begins(call) => calls.push(described(&login, &call)),
            Event::Gone => panic!("it never gave the record up: {calls:?}"),
            _ => {}
        }
    }
    login.traced.kill();
    calls
}

fn described(login: &Login, call: &Call) -> String {
    let [_, buffer, length, offset, ..] = call.arguments;
    match call.number {
        libc::SYS_pwrite64 if is_of_record(&login.traced, call) => {
            let head = login.traced.read(buffer, 64);
            let sequence = String::from_utf8_lossy(&head).split(' ').nth(2).map(str::to_owned);
            written(length, offset, sequence.and_then(|number| number.parse().ok()).expect("a number"))
        }
        libc::SYS_fdatasync if is_of_record(&login.traced, call) => SYNC.into(),
        number => format!("system call {number}"),
    }
}

const SYNC: &str = "sync";

fn written(length: u64, offset: u64, sequence: u64) -> String {
    format!("{length} bytes at {offset}, number {sequence}")
}

#[test]
fn between_the_record_and_the_verdict_lies_the_count_and_nothing_else() {
    on_disk(Vec::new, |system| {
        prepare(system);
        system.enrolled("alice");
        // A login before, so that both slots are in use.
        assert_eq!(login_at(system, T - 30, "alice", &code_at(KEY, T - 30)), SUCCESS);
        let before = state();
        let newest = Newest::of(&before);
        let older = if Newest::of(&before[..4096]) == newest { 4096 } else { 0 };
        let counted = written(4096, older, newest.sequence + 1);
        let outcome = written(4096, older, newest.sequence + 2);
        let used = code_at(KEY, T - 30);
        for (answer, then) in [
            (wrong(), vec![counted.as_str(), SYNC]),
            (right(), vec![&counted, &outcome, SYNC]),
            (used, vec![]),
            ("no code".into(), vec![]),
        ] {
            restore_of(DAY, &before);
            assert_eq!(transaction(&answer), then, "{answer}");
            // Written just now, perhaps by somebody who died before it was on the disk.
            restore_of(60, &before);
            let first = if then.is_empty() { &[][..] } else { &[SYNC] };
            assert_eq!(transaction(&answer), [first, &then].concat(), "{answer}, the last one just before");
        }
    });
}

#[test]
fn a_lost_record_is_made_anew_with_the_guess_in_it() {
    on_disk(Vec::new, |system| {
        prepare(system);
        system.enrolled("alice");
        restore_of(DAY, &[0; 8192]);
        assert_eq!(transaction(&wrong()), [&written(8192, 0, 1), SYNC]);
        assert_eq!(Newest::of(&state()).since, 1);
    });
}

#[test]
fn killed_at_any_system_call_it_has_judged_nothing_or_the_guess_is_counted() {
    on_disk(named, |system| {
        prepare(system);
        system.enrolled("alice");
        system.module("/mnt/named.so");
        let codes = Codes::of(&module());
        let before = state();
        for (answer, seconds) in [(wrong(), DAY), (wrong(), 60), (right(), DAY), (right(), 60)] {
            let what = format!("{answer}, {seconds} seconds later");
            let (mut unjudged, mut counted) = (0, 0);
            for nth in 0.. {
                restore_of(seconds, &before);
                let mut login = Login::asked();
                login.traced.watch(&codes, &key(), could_be_right(&before));
                login.types(&answer);
                let Some(judged) = is_judged_before(&mut login.traced, nth) else { break };
                login.traced.kill();
                let is_counted = is_counted(&before, &answer);
                assert!(is_counted || !judged, "{what}: judged and not counted at call {nth}");
                unjudged += usize::from(!judged);
                counted += usize::from(is_counted);
            }
            // The kills came before and behind.
            assert!(unjudged > 0 && counted > 0, "{what}: {unjudged} {counted}");
        }
    });
}
