//! What the doctor thinks that libpam does with a stack is what libpam does.

use crate::support::application::{self, SERVICE, SUCCESS, Said, application};
use crate::support::system::{System, throw_away};
use pam_totp::doctor::stacks::files::StackFiles;
use pam_totp::doctor::stacks::line::{Facility, StackLine};
use pam_totp::doctor::stacks::run::{ModuleAnswer, run};

const CONTROLS: [&str; 14] = [
    "required",
    "requisite",
    "sufficient",
    "optional",
    "[success=ok default=ignore]",
    "[success=1 default=ignore]",
    "[success=2 default=1]",
    "[success=done default=bad]",
    "[success=ok user_unknown=ignore default=die]",
    "[default=reset]",
    "[success=ok ignore=ignore default=1]",
    "[success=done new_authtok_reqd=done default=ignore]",
    "[success=ok default=done]",
    "[default=bad]",
];
const ANSWERS: [(&str, ModuleAnswer); 4] = [
    ("success", ModuleAnswer::Success),
    ("auth_err", ModuleAnswer::Refuse),
    ("ignore", ModuleAnswer::Ignore),
    ("user_unknown", ModuleAnswer::Unknown),
];

/// The same stacks in each run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).expect("31 bits") % sides
    }

    fn line(&mut self, number: usize) -> String {
        let (control, answer) = (CONTROLS[self.roll(CONTROLS.len())], ANSWERS[self.roll(ANSWERS.len())].0);
        format!("auth {control} pam_debug.so auth={answer} line={number}\n")
    }

    fn stack(&mut self, first: usize) -> String {
        let count = 1 + self.roll(4);
        (0..count).map(|number| self.line(first + number)).collect()
    }
}

fn answer(line: &StackLine) -> ModuleAnswer {
    let word = line.arguments.iter().find_map(|argument| argument.strip_prefix("auth=")).expect("an answer");
    ANSWERS.iter().find(|answer| answer.0 == word).expect("one of them").1
}

#[test]
fn a_stack_in_thought_ends_as_the_real_one() {
    throw_away(|system| {
        application::build(system);
        system.user("alice");
        let mut dice = Dice(20_261_121);
        let mut successes = 0;
        for round in 0..400 {
            let inner = dice.stack(20);
            let how = ["auth substack inner\n", "auth include inner\n", "@include inner\n"][dice.roll(3)];
            let outer = [dice.stack(0), how.to_owned(), dice.stack(10)].concat();
            successes += usize::from(agree(system, round, &outer, &inner));
        }
        assert!((50..350).contains(&successes), "{successes}: the stacks are all of one kind");
    });
}

/// Whether both let in.
fn agree(system: &System, round: usize, outer: &str, inner: &str) -> bool {
    let mut files = StackFiles::default();
    for (name, text) in [(SERVICE, outer), ("inner", inner)] {
        files.add(name, &format!("/etc/pam.d/{name}"), text);
        system.file(&format!("/etc/pam.d/{name}"), text);
    }
    let steps = files.chain(SERVICE, Facility::Auth);
    let thought = run(&steps, |_, line| answer(line));
    let real = Said::read(&system.tries(application().args([SERVICE, "alice"]), ""));
    let messages: Vec<String> = real.messages.iter().filter(|m| m.contains("auth=")).cloned().collect();
    let asked: Vec<String> =
        thought.reached.iter().filter_map(|at| steps[*at].line()).map(|line| line.arguments[0].clone()).collect();
    let told: Vec<String> =
        messages.iter().filter_map(|m| Some(m.split(' ').find(|w| w.starts_with("auth="))?.to_owned())).collect();
    let said = format!("round {round}:\n{outer}\ninner:\n{inner}\n{real:?}\n{thought:?}");
    assert_eq!(asked, told, "{said}");
    assert_eq!(thought.succeeds, real.codes == [SUCCESS], "{said}");
    thought.succeeds
}
