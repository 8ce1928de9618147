//! The quiet future: no more crashes, no more changes, time goes on, and the owner types what the phone shows. Whether
//! they get in is no matter of other futures, so it is played to its end from each state and is a safety property:
//! stateright's `eventually` would not see a cycle.

use std::cell::RefCell;
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use crate::host::Content;
use crate::keys::{MAX_DRIFT, Phone, Typed, WINDOW};
use crate::mutation::{Exception, Mutation};
use crate::observer::Seen;
use crate::run::{Deed, LIMITS, Run, Said, steps};
use crate::world::World;

/// Whether an owner gets in, within the time that was stated: of themselves, and with an administrator's `unlock`.
#[derive(Clone, Copy, Debug)]
pub struct Future {
    /// With two codes in a row where single ones wait.
    pub in_a_row: bool,
    /// With single codes, once no wait is due.
    pub one_by_one: bool,
}

const FINE: Future = Future { in_a_row: true, one_by_one: true };

/// A state in which programs run need not be asked: they come to an end, and their ends are states too. While the host's
/// clock is behind, nobody is promised anything.
pub fn future(mutation: Option<Mutation>, world: &World) -> Future {
    if !world.is_idle() || world.host.secret.cached == Content::Absent || world.behind > 0 {
        return FINE;
    }
    thread_local! {
        static KNOWN: RefCell<HashMap<(u64, Option<Mutation>), Future>> = RefCell::default();
    }
    let mut hasher = DefaultHasher::new();
    let ghost = &world.ghost;
    (&world.host, world.ahead, ghost.lost, ghost.back, ghost.fast_and_late).hash(&mut hasher);
    let key = (hasher.finish(), mutation);
    if let Some(known) = KNOWN.with_borrow(|known| known.get(&key).copied()) {
        return known;
    }
    let phones = world.host.enrolled().map_or_else(Vec::new, |enrolled| enrolled.phones.all());
    let all = |in_a_row: bool| {
        let with = |phone: &Phone| {
            [false, true].into_iter().all(|unlock| {
                let bound = if unlock { stated_after_unlock(world, *phone) } else { stated(world, *phone) };
                plays(world, *phone, bound, mutation, unlock, in_a_row)
            })
        };
        !phones.is_empty() && phones.iter().all(with)
    };
    let excepted = world.ghost.fast_and_late && mutation != Some(Mutation::Without(Exception::FastAndLate));
    let known = Future { in_a_row: all(true), one_by_one: excepted || all(false) };
    KNOWN.with_borrow_mut(|all| all.insert(key, known));
    known
}

/// Steps until what the phone shows counts, at the latest: behind a code of the next step that was used already; behind a
/// lost state when the phone's code has passed the furthest step that can have been used; and by as much later as the
/// clock went back.
fn stated(world: &World, phone: Phone) -> u64 {
    let healed = if world.ghost.lost { behind_the_furthest(world, phone) } else { 0 };
    (WINDOW + 1).max(healed) + world.ghost.back
}

/// What was used ahead of the clock stays barred, so that the clock must pass it here too.
fn stated_after_unlock(world: &World, phone: Phone) -> u64 {
    let brought_back = world.ghost.lost || world.ghost.back > 0;
    (WINDOW + 1).max(if brought_back { behind_the_furthest(world, phone) } else { 0 }) + world.ghost.back
}

/// Three minutes, and as much more as the phone is slow.
fn behind_the_furthest(world: &World, phone: Phone) -> u64 {
    let ahead = world.shown(phone) as i64 - world.host.clock as i64;
    (MAX_DRIFT + WINDOW + 1).saturating_add_signed(-ahead)
}

/// No single code waits longer: until a lane gets one back, at twice the price.
fn longest_wait() -> u64 {
    steps(2 * LIMITS.every)
}

/// The owner types each code that comes. Where it is wrong they try it again, and where it waits, the next one behind it, if
/// they may; or they wait.
fn plays(world: &World, phone: Phone, bound: u64, mutation: Option<Mutation>, unlock: bool, in_a_row: bool) -> bool {
    let mut world = World { programs: vec![None], ..world.clone() };
    if unlock {
        run(&mut world, Deed::Unlock, mutation);
    }
    let (mut first, mut waited) = (None, 0);
    let mut left = if in_a_row { bound + 1 } else { bound };
    loop {
        let shown = world.shown(phone);
        let row = first.is_some_and(|first| {
            run(&mut world, Deed::Login(Typed::Row(phone, first)), mutation) == Some(Said::Accepted)
        });
        let tries = if in_a_row { LIMITS.free + 1 } else { 1 };
        let mut single = || run(&mut world, Deed::Login(Typed::Code(phone, shown)), mutation);
        let said = (0..tries).map(|_| single()).find(|said| *said != Some(Said::Wrong));
        if row || said == Some(Some(Said::Accepted)) {
            return true;
        }
        let waits = said == Some(Some(Said::Waiting));
        first = (waits && in_a_row).then_some(shown);
        match (waits && !in_a_row, left) {
            (true, _) if waited < longest_wait() => waited += 1,
            (_, 0) => return false,
            _ => left -= 1,
        }
        world.time_goes_on();
    }
}

/// Runs a program to its end, and says what it said.
fn run(world: &mut World, deed: Deed, mutation: Option<Mutation>) -> Option<Said> {
    world.programs[0] = Run::start(deed, &world.host);
    while let Some(run) = &world.programs[0] {
        if run.waits(&world.host, mutation) {
            return None;
        }
        if let Some(said) = world.step(0, mutation, &Seen::default()) {
            return Some(said);
        }
    }
    None
}
