//! Instruction by instruction: until a guess is counted, a right code and a wrong one make a login do the same.

use super::*;
use crate::support::disk::on_disk;
use crate::support::effort::effort;
use std::collections::HashMap;
use std::ops::Range;
use std::process::Command;

/// From reading the record on.
struct Steps {
    login: Login,
    /// Where instructions are looked at: the module's, and what it calls of the C library.
    looked_at: Vec<Range<u64>>,
    /// Which instructions make a system call.
    calls: HashMap<u64, bool>,
    at: u64,
}

impl Steps {
    fn begin(answer: &str) -> Self {
        let mut login = Login::asked();
        login.types(answer);
        login.reads_the_record();
        let mappings = login.traced.mappings();
        let ours = mappings.into_iter().filter(|m| m.file.contains("/pam_totp.so") || m.file.contains("/libc.so"));
        let looked_at = ours.map(|mapping| mapping.start..mapping.end).collect();
        Self { login, looked_at, calls: HashMap::new(), at: 0 }
    }

    /// One instruction of those, and whether a system call was made on the way.
    fn step(&mut self) -> (u64, bool) {
        let mut called = false;
        loop {
            let address = self.login.traced.step().expect("it goes on");
            called |= self.calls.get(&self.at) == Some(&true);
            self.at = address;
            self.calls.entry(address).or_insert_with(|| self.login.traced.is_call(address));
            if called || self.looked_at.iter().any(|range| range.contains(&address)) {
                return (address, called);
            }
        }
    }

    fn holds_the_record(&self) -> bool {
        self.login.traced.has_open(STATE)
    }
}

/// What it did from reading the record to giving it up.
struct Trace {
    addresses: Vec<u64>,
    /// How many of them came before what is on the disk said that somebody guessed.
    uncounted: usize,
}

impl Trace {
    fn of(answer: &str) -> Self {
        let before = state();
        let mut steps = Steps::begin(answer);
        let (mut addresses, mut uncounted) = (Vec::new(), None);
        loop {
            let (address, called) = steps.step();
            if called && uncounted.is_none() && state() != before {
                uncounted = Some(addresses.len());
            }
            if called && !steps.holds_the_record() {
                break;
            }
            addresses.push(address);
        }
        steps.login.traced.kill();
        Self { addresses, uncounted: uncounted.expect("it counts") }
    }

    /// How many instructions come before the first one that the other one has not.
    fn same(&self, other: &Self) -> usize {
        let both = self.addresses.iter().zip(&other.addresses);
        both.take_while(|(one, other)| one == other).count()
    }
}

/// Two wrong answers, so that it is known that nothing else differs, and the right one.
fn do_the_same(what: &str, wrong: [&str; 2], right: &str) {
    let before = state();
    let [first, second, right] = [wrong[0], wrong[1], right].map(|answer| {
        restore_of(DAY, &before);
        Trace::of(answer)
    });
    let (all, same) = (first.addresses.len(), first.same(&right));
    println!("{what}: {} instructions to the count, {same} to the first that tells, {all} in all", first.uncounted);
    assert!(first.addresses == second.addresses, "{what}: two wrong ones differ behind {}", first.same(&second));
    assert!(same >= first.uncounted, "{what}: a right one differs from a wrong one behind {same}");
    assert!(same < all, "{what}: the right one got in");
    restore_of(DAY, &before);
}

#[test]
fn until_a_guess_is_counted_a_right_code_and_a_wrong_one_do_the_same() {
    on_disk(Vec::new, |system| {
        prepare(system);
        system.enrolled("alice");
        let [far, further] = [wrong(), code_at(KEY, T + 7000)];
        do_the_same("a code", [&far, &further], &right());
        let row = |second: &str| format!("{}-{second}", right());
        do_the_same("two codes in a row", [&row(&far), &row(&further)], &row(&code_at(KEY, T + 30)));
    });
}

#[test]
fn until_a_guess_is_counted_a_right_code_of_a_token_and_a_wrong_one_do_the_same() {
    on_disk(Vec::new, |system| {
        prepare(system);
        system.user("alice");
        let hotp = ["set", "--no-code", "--type", "hotp", "alice"];
        system.reads(Command::new("pam-totp").args(hotp), &format!("{KEY}\n"));
        let code = |counter: &str| {
            let output = system.runs(Command::new("oathtool").args(["--base32", "--hotp", "--counter", counter, KEY]));
            String::from_utf8(output.stdout).expect("digits").trim().to_owned()
        };
        do_the_same("a code of a token", [&code("5000"), &code("6000")], &code("3"));
    });
}

#[test]
fn until_a_guess_is_counted_a_right_scratch_code_and_a_wrong_one_do_the_same() {
    on_disk(Vec::new, |system| {
        prepare(system);
        system.user("alice");
        let theirs = "/root/alice";
        system.file(theirs, &format!("{KEY}\n\" TOTP_AUTH\n12345678\n23456789\n"));
        system.runs(Command::new("chmod").args(["600", theirs]));
        let import = ["import", "google-authenticator", theirs, "--user", "alice"];
        system.runs(Command::new("pam-totp").args(import));
        do_the_same("a scratch code", ["34567890", "45678901"], "23456789");
    });
}

/// Kills it anywhere between reading the record and giving it up.
#[test]
fn killed_between_any_two_instructions_it_has_judged_nothing_or_the_guess_is_counted() {
    on_disk(Vec::new, |system| {
        prepare(system);
        system.enrolled("alice");
        let before = state();
        let whole = |answer: &str| {
            restore_of(DAY, &before);
            Trace::of(answer)
        };
        let (mut counted, wrong_one) = (0, whole(&wrong()));
        // Behind these, what it does tells a right code from a wrong one.
        let (all, unjudged) = (wrong_one.addresses.len(), wrong_one.same(&whole(&right())));
        let rounds = effort(10, 60);
        for round in 0..rounds {
            restore_of(DAY, &before);
            let answer = if round % 2 == 0 { wrong() } else { right() };
            let mut steps = Steps::begin(&answer);
            let instructions = all * round / rounds;
            for _ in 0..instructions {
                steps.step();
            }
            steps.login.traced.kill();
            let is_counted = is_counted(&before, &answer);
            assert!(is_counted || instructions <= unjudged, "{answer}: judged and not counted at {instructions}");
            counted += usize::from(is_counted);
        }
        println!("{counted} of {rounds} were counted");
        assert!(0 < counted && counted < rounds, "{counted}");
    });
}
