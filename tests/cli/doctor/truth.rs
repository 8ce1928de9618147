//! The doctor's judgement of stacks, held against the real libpam: every login through thousands of stacks, with a
//! stand-in for each module, and what the doctor says of each.

mod code;
mod explained;
mod explorer;
mod fixes;
mod modules;
mod places;
mod shapes;
mod tally;
mod truths;
mod verdict;
mod ways;

use crate::support::effort::effort;
use crate::support::system::throw_away;
use explorer::Explorer;
use pam_totp::doctor::stacks::problem::Problem;
use places::Stack;
use shapes::Texts;
use std::thread;
use tally::Tally;
use truths::{ALL, Measure, Seen, Wrong};

/// Two work at it.
const HANDS: usize = 2;

/// Of so many stacks one is fixed as well: that takes longer.
const PASTES: usize = 10;

/// A spread sample of so many, the same in each run.
fn sample(count: usize) -> Vec<Stack> {
    let shapes = shapes::all();
    let all = places::all(&shapes).count();
    let few = |(number, stack): (usize, Stack)| {
        let spread = number.wrapping_mul(0x9E37_79B9_7F4A_7C15) % all;
        (spread < count).then_some(stack)
    };
    println!("{} shapes, {all} stacks", shapes.len());
    places::all(&shapes).enumerate().filter_map(few).collect()
}

/// Goes every way through a stack.
fn seen(explorer: &mut Explorer, stack: &Stack) -> Seen {
    let mut ways = |texts: &Texts| {
        explorer.put(texts);
        explorer.explore(&stack.service)
    };
    let [auth_without, account_without] = ways(&stack.without_us());
    let [auth, account] = ways(&stack.texts);
    let (can_enroll, is_for_keys) = (stack.can_enroll(), stack.is_for_keys());
    Seen { auth, account, auth_without, account_without, can_enroll, is_for_keys }
}

/// Holds what the doctor says of a stack against what libpam did.
fn compare(stack: &Stack, seen: &Seen, tally: &mut Tally) {
    let files = verdict::files(&stack.texts);
    // Our line may stand where this service does not come to.
    if files.stack_of(&stack.service).is_none() {
        tally.silent += 1;
        return;
    }
    let found = verdict::warnings(stack, &files);
    let meant = |code: &str| verdict::meant_by(code, seen.has_credentials());
    // Where nobody gets in, nothing else is to be said of it.
    let nobody = found.iter().any(|problem| problem.code == "nobody");
    let needless = [Wrong::NotStored, Wrong::Strangers, Wrong::ShutOut];
    for wrong in &ALL {
        let Some(example) = seen.example(*wrong, Measure::Must) else { continue };
        let is_said = |problem: &Problem| meant(problem.code).is_some_and(|wrongs| wrongs.contains(wrong));
        let is_needless = nobody && needless.contains(wrong);
        if !is_needless && !found.iter().any(is_said) {
            tally.missed(*wrong, stack, &example, &found);
        }
    }
    for problem in &found {
        let Some(wrongs) = meant(problem.code) else {
            tally.unheld(problem.code);
            continue;
        };
        let holds = |wrong: &Wrong| seen.example(*wrong, Measure::May).is_some();
        if !wrongs.iter().any(holds) || (problem.code == "unreachable" && !seen.asks_nobody()) {
            tally.false_alarm(problem, stack);
        }
    }
    tally.judged += 1;
}

#[test]
fn the_doctor_says_what_libpam_does() {
    throw_away(|system| {
        let mut modules = shapes::modules();
        modules.insert(modules::OURS.to_owned());
        explorer::build(system, modules.iter().map(String::as_str));
        let stacks = sample(effort(2_800, usize::MAX));
        let work = |hand: usize| {
            let (mut explorer, mut tally) = (Explorer::start(hand), Tally::default());
            for (number, stack) in stacks.iter().skip(hand).step_by(HANDS).enumerate() {
                let seen = seen(&mut explorer, stack);
                compare(stack, &seen, &mut tally);
                if number % PASTES == 0 {
                    let pasted = fixes::paste_each(&mut explorer, stack, &seen);
                    pasted.iter().for_each(|pasted| tally.pasted(stack, pasted));
                }
            }
            tally
        };
        let tally = thread::scope(|scope| {
            let hands: Vec<_> = (0..HANDS).map(|hand| scope.spawn(move || work(hand))).collect();
            hands.into_iter().map(|hand| hand.join().expect("a hand ends")).fold(Tally::default(), Tally::and)
        });
        tally.print();
        assert!(tally.judged >= 2_500, "{}", tally.judged);
        assert!(tally.pasted >= 50, "{}", tally.pasted);
        assert_eq!(tally.bad(), Vec::<String>::new());
        assert_eq!(tally.false_words(), [], "said, and not so");
    });
}
