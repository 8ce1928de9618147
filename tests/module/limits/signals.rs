//! Callers stop what they have started: by the alarm that they set before, by a signal, by a key, by going away.
//! Whenever they do, no wrong code gets in, and a refusal that they could hear is a guess that was counted.

use super::*;
use crate::support::effort::effort;

/// How each says no.
const REFUSALS: [&str; 3] = ["Authentication failure", "Sorry, try again", "incorrect password attempt"];

struct Program {
    caller: User,
    /// Whose code is asked for.
    target: User,
    command: &'static [&'static str],
}

/// su stays its caller's to kill until it lets in; sudo is root's at once.
fn programs(system: &System) -> [Program; 2] {
    sudo::prepare(system);
    let sudoers = fs::read_to_string("/etc/sudoers").expect("text");
    system.file("/etc/sudoers", &format!("Defaults passwd_tries = 1, passwd_timeout = 0\n{sudoers}"));
    system.stack("su", include_str!("../../../pam.d/su"));
    system.without_delays();
    system.without_delay_of_su();
    system.enrolled("alice");
    system.enrolled("bob");
    let alice = || User { name: "alice" };
    [
        Program { caller: alice(), target: User { name: "bob" }, command: &["su", "bob", "-c", "echo let in"] },
        Program { caller: alice(), target: alice(), command: &["sudo", "-k", "-S", "echo", "let in"] },
    ]
}

/// What the caller heard and what was counted, over all attempts.
#[derive(Default)]
struct Tally {
    heard: usize,
    unheard: usize,
}

impl Tally {
    /// One attempt with a wrong code, judged.
    fn add(&mut self, what: &str, attempt: &Attempt) {
        let said = String::from_utf8_lossy(&[&attempt.output.stdout[..], &attempt.output.stderr].concat()).into_owned();
        let refused = REFUSALS.iter().any(|refusal| said.contains(refusal));
        assert!(attempt.recorded || !refused, "{what}: answered, and not counted: {attempt:?}");
        assert!(!said.contains("let in"), "{what}: {attempt:?}");
        *if refused { &mut self.heard } else { &mut self.unheard } += 1;
    }
}

impl Program {
    /// Each guess is a first one: no wait may hide what comes after it.
    fn unlocked(&self, system: &System) {
        system.runs(Command::new("pam-totp").args(["unlock", self.target.name]));
    }

    fn still_lets_in(&self, system: &System) {
        self.unlocked(system);
        let answers = format!("{PASSWORD}\n{}\n", self.target.code());
        let output = system.tries(self.caller.command(self.command[0]).args(&self.command[1..]), &answers);
        assert!(output.stdout.ends_with(b"let in\n"), "{output:?}");
    }
}

/// The alarm that callers have set rings in the program that they start.
#[test]
fn an_alarm_that_rings_in_the_middle_gives_no_guess_for_nothing() {
    const RINGS: &str = "import os, signal, sys
signal.setitimer(signal.ITIMER_REAL, float(sys.argv[1]))
os.execvp(sys.argv[2], sys.argv[2:])";
    throw_away(|system| {
        for program in programs(system) {
            let attempt = |seconds: f64| {
                program.unlocked(system);
                let mut command = program.caller.command("python3");
                command.args(["-c", RINGS, &seconds.to_string()]).args(program.command);
                let answers = format!("{PASSWORD}\n{}\n", program.target.wrong_code());
                let start = Instant::now();
                (guess(system, &program.target, command, &answers), start.elapsed().as_secs_f64())
            };
            let mut tally = Tally::default();
            let (in_peace, takes) = attempt(600.0);
            tally.add("in peace", &in_peace);
            assert_eq!(tally.heard, 1, "{in_peace:?}");
            // From before the module is loaded to after the answer.
            let moments = effort(16, 100);
            for moment in 0..=moments {
                let seconds = 0.001 + takes * moment as f64 / moments as f64;
                tally.add(&format!("{:?} rung at {seconds} s of {takes}", program.command), &attempt(seconds).0);
            }
            println!("{:?}: {} heard, {} not", program.command, tally.heard, tally.unheard);
            // sudo notes a signal, and goes on.
            assert!(tally.unheard > 0 || program.command[0] == "sudo", "the alarm did not ring");
            program.still_lets_in(system);
        }
    });
}

/// Types both answers on a terminal, and does what it is told to so long after the second; then says "took SECONDS".
const STOPS: &str = r#"
import os, pty, select, signal, sys, time
how, after, password, code, *command = sys.argv[1:]
program, terminal = pty.fork()
if program == 0:
    os.execvp(command[0], command)
screen = b""

def reads(until=None):
    global screen
    while until is None or until not in screen:
        try:
            # A key that comes just before a program reads takes back what was typed, and it waits for more.
            if not select.select([terminal], [], [], 3)[0]:
                os.write(terminal, b"\x03")
            screen += os.read(terminal, 4096)
        except OSError:
            return

def stops():
    if how == "leaves":
        os.close(terminal)
    elif how.startswith("^"):
        os.write(terminal, bytes([ord(how[1]) - 64]))
    elif how.startswith("SIG"):
        os.kill(program, getattr(signal, how))

reads(b"assword")
os.write(terminal, password.encode() + b"\n")
reads(b"Verification code: ")
os.write(terminal, code.encode() + b"\n")
start = time.monotonic()
time.sleep(float(after))
try:
    stops()
except OSError:
    pass
reads()
sys.stdout.buffer.write(screen)
os.waitpid(program, 0)
print("took", time.monotonic() - start)
"#;

/// The signals that a caller may send to what is still theirs, the keys of their terminal, and closing it.
const STOPPED_BY: [&str; 8] = ["SIGINT", "SIGTERM", "SIGALRM", "SIGHUP", "SIGKILL", "^C", "^\\", "leaves"];

#[test]
fn whoever_is_stopped_in_the_middle_was_not_answered_for_nothing() {
    throw_away(|system| {
        for program in programs(system) {
            let attempt = |how: &str, after: f64| {
                program.unlocked(system);
                let mut command = program.caller.command("python3");
                command.args(["-c", STOPS, how, &after.to_string(), PASSWORD, &program.target.wrong_code()]);
                command.args(program.command.iter().filter(|word| **word != "-S"));
                guess(system, &program.target, command, "")
            };
            let mut tally = Tally::default();
            let in_peace = attempt("nothing", 0.0);
            tally.add("in peace", &in_peace);
            assert_eq!(tally.heard, 1, "{in_peace:?}");
            let said = String::from_utf8_lossy(&in_peace.output.stdout).into_owned();
            let took = said.rsplit_once("took ").and_then(|(_, seconds)| seconds.trim().parse::<f64>().ok());
            let took = took.unwrap_or_else(|| panic!("{in_peace:?}"));
            let moments = effort(6, 40);
            for how in STOPPED_BY {
                for moment in 0..=moments {
                    let after = 2.0 * took * moment as f64 / moments as f64;
                    tally.add(&format!("{:?} {how} after {after} s of {took}", program.command), &attempt(how, after));
                }
            }
            println!("{:?}: {} heard, {} not", program.command, tally.heard, tally.unheard);
            assert!(tally.unheard > 0, "{:?}: nothing stopped it", program.command);
            program.still_lets_in(system);
        }
    });
}
