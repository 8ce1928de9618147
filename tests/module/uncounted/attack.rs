//! The attack: a caller of su or sudo without root, who kills it when it may know whether the code was right.

use super::*;
use crate::support::codes::now;
use crate::support::disk::on_disk;
use crate::support::effort::effort;
use crate::support::tracer::Codes;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdout, Stdio};

const ATTACK: &str = "/usr/local/bin/attack.py";

/// Somebody who guesses alice's codes.
struct Attacker {
    process: Child,
    says: BufReader<ChildStdout>,
}

/// What came of a guess.
#[derive(Debug)]
struct Guess {
    /// A code was computed that could have let somebody in.
    judged: bool,
    /// What is on the disk says that somebody guessed, or got in.
    recorded: bool,
    /// How it ended.
    end: String,
}

impl Attacker {
    fn start(caller: &User, program: &[&str]) -> Self {
        let mut command = caller.command("python3");
        command.arg(ATTACK).args(program).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().expect("it starts");
        let says = BufReader::new(process.stdout.take().expect("a pipe"));
        Self { process, says }
    }

    fn hears(&mut self, line: &str) {
        writeln!(self.process.stdin.as_mut().expect("a pipe"), "{line}").expect("it listens");
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.says.read_line(&mut line).expect("a pipe");
        line.trim_end().to_owned()
    }

    /// One guess, and whether it was judged: root sees what the caller only hopes to see.
    fn guesses(&mut self, codes: &Codes, code: &str, how: &str) -> Guess {
        let before = state();
        self.hears(&format!("{code} {how}"));
        let asked = self.line();
        let pid = asked.strip_prefix("asked ").and_then(|pid| pid.parse().ok());
        let mut traced = Traced::seize(pid.unwrap_or_else(|| panic!("{asked:?}")));
        let step = now() / 30;
        let could_be_right = Newest::of(&before).last.max(step - 20) + 1..step + 40;
        traced.watch(codes, &key(), could_be_right);
        self.hears("");
        let mut judged = false;
        while let Event::Computes = traced.next(false) {
            judged = true;
        }
        Guess { judged, end: self.line(), recorded: state() != before }
    }
}

/// Guesses by somebody who runs `program` and kills it in every way that they could profit by.
fn attack(system: &System, caller: &User, program: &[&str], rounds: usize) {
    system.module("/mnt/named.so");
    system.file(ATTACK, include_str!("../../support/attack.py"));
    let alice = User { name: "alice" };
    let before = state();
    let codes = Codes::of(&module());
    let mut attacker = Attacker::start(caller, program);

    // Left alone, a wrong code is judged and counted, and a right one gets in: so an attack could be seen.
    let guess = attacker.guesses(&codes, &alice.wrong_code(), "never");
    assert!(guess.judged && guess.recorded && guess.end != "ended 0", "{guess:?}");
    restore(&before);
    let guess = attacker.guesses(&codes, &alice.code(), "never");
    assert!(guess.judged && guess.recorded && guess.end == "ended 0", "{guess:?}");

    let (mut unjudged, mut counted, mut uncounted) = (0, 0, 0);
    // Microseconds to the kill: closer and closer to where the guess is counted, from either side.
    let mut moment = 8_000;
    for round in 0..rounds {
        // Written just now, as by the guess before: synced first.
        restore(&before);
        let code = if round % 5 == 4 { alice.code() } else { alice.wrong_code() };
        let by_clock = round % 2 == 1;
        let how = if by_clock { format!("after {moment}") } else { format!("disk {}", 1 + round / 2 % 3) };
        let guess = attacker.guesses(&codes, &code, &how);
        if by_clock {
            moment = if guess.recorded { moment * 4 / 5 } else { moment * 5 / 4 };
        }
        match (guess.judged, guess.recorded) {
            (true, false) => uncounted += 1,
            (false, false) => unjudged += 1,
            _ if guess.end == "killed" => counted += 1,
            _ => {}
        }
    }
    let program = program[0];
    println!(
        "{program}: {uncounted} uncounted of {rounds}; killed {unjudged} before and {counted} after it was counted"
    );
    assert_eq!(uncounted, 0, "guesses by {program} that were judged and not counted, of {rounds}");
    // Some kills came before the guess was counted, and some behind.
    assert!(unjudged > 0 && counted > 0, "{program}: {unjudged} {counted}");
}

#[test]
fn whoever_kills_su_has_no_guess_that_is_not_counted() {
    on_disk(named, |system| {
        system.stack("su", STACK);
        system.without_delay_of_su();
        let bob = system.user("bob");
        system.enrolled("alice");
        attack(system, &bob, &["su", "alice", "-c", "true"], effort(30, 600));
    });
}

#[test]
fn whoever_kills_sudo_has_no_guess_that_is_not_counted() {
    on_disk(named, |system| {
        crate::programs::sudo::prepare(system);
        system.stack("sudo", STACK);
        let alice = system.enrolled("alice");
        attack(system, &alice, &["sudo", "-k", "-S", "true"], effort(20, 400));
    });
}

/// A tracer would stop it between any two instructions, and read them: the kernel knows better.
#[test]
fn nobody_traces_su_with_its_rights() {
    on_disk(Vec::new, |system| {
        system.stack("su", STACK);
        system.without_delay_of_su();
        let bob = system.user("bob");
        let alice = system.enrolled("alice");
        system.file(ATTACK, include_str!("../../support/attack.py"));
        let before = state();
        let su = ["strace", "-o", "/dev/null", "su", "alice", "-c", "true"];
        let output = system.tries(bob.command(su[0]).args(&su[1..]), &format!("{}\n", alice.code()));
        assert!(!output.status.success(), "{output:?}");
        assert_eq!(state(), before, "{output:?}");

        let mut attacker = Attacker::start(&bob, &["su", "alice", "-c", "true"]);
        attacker.hears(&format!("{} never", alice.code()));
        let asked = attacker.line();
        let pid = asked.strip_prefix("asked ").expect("a process");
        is_out_of_reach(system, &bob, pid);
        attacker.hears("");
        assert_eq!(attacker.line(), "ended 0");
    });
}
