//! The quiet future: no more crashes, no more changes, time goes on, and the owner types what the phone shows. Whether
//! he gets in is no matter of other futures, so it is played to its end from each state and is a safety property:
//! stateright's `eventually` would not see a cycle.

use std::cell::RefCell;
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use crate::host::Content;
use crate::keys::{MAX_DRIFT, Phone, Typed, WINDOW};
use crate::model::Host;
use crate::mutation::Mutation;
use crate::program::{Deed, LIMITS, Run, Said, steps};
use crate::world::{Seen, World};

/// Does the owner get in, within the time that was stated? Of himself, and with an administrator's `unlock`.
///
/// A state in which programs run need not be asked: they come to an end, and their ends are states too.
pub fn gets_in(model: &Host, world: &World) -> bool {
    if !world.is_idle() || world.host.secret.cached == Content::Absent {
        return true;
    }
    thread_local! {
        static KNOWN: RefCell<HashMap<(u64, Option<Mutation>), bool>> = RefCell::default();
    }
    let mut hasher = DefaultHasher::new();
    (&world.host, world.ahead, world.ghost.lost, world.ghost.back).hash(&mut hasher);
    let key = (hasher.finish(), model.mutation);
    if let Some(known) = KNOWN.with_borrow(|known| known.get(&key).copied()) {
        return known;
    }
    let phones = world.host.factor().map_or_else(Vec::new, |factor| factor.phones.all());
    let with = |phone: &Phone| {
        plays(world, *phone, stated(world, *phone), model.mutation, false)
            && plays(world, *phone, stated_after_unlock(world, *phone), model.mutation, true)
    };
    let known = !phones.is_empty() && phones.iter().all(with);
    KNOWN.with_borrow_mut(|all| all.insert(key, known));
    known
}

/// Steps until what the phone shows counts, at the latest: behind a code of the next step that was used already, or
/// behind the longest wait; behind a lost state when the phone's code has passed the furthest step that can have been
/// used; and by as much later as the clock went back.
fn stated(world: &World, phone: Phone) -> u64 {
    let throttled = steps(LIMITS.longest_wait);
    let used = WINDOW + 1;
    let healed = if world.ghost.lost { behind_the_furthest(world, phone) } else { 0 };
    throttled.max(used).max(healed) + world.ghost.back
}

fn stated_after_unlock(world: &World, phone: Phone) -> u64 {
    let brought_back = world.ghost.lost || world.ghost.back > 0;
    (WINDOW + 1).max(if brought_back { behind_the_furthest(world, phone) } else { 0 })
}

/// Three minutes, and as much more as the phone is slow.
fn behind_the_furthest(world: &World, phone: Phone) -> u64 {
    let ahead = world.shown(phone) as i64 - world.host.clock as i64;
    (MAX_DRIFT + WINDOW + 1).saturating_add_signed(-ahead)
}

fn plays(world: &World, phone: Phone, bound: u64, mutation: Option<Mutation>, unlock: bool) -> bool {
    let mut world = World { programs: vec![None], ..world.clone() };
    if unlock {
        run(&mut world, Deed::Unlock, mutation);
    }
    for _ in 0..=bound {
        let typed = Typed::Code(phone, world.shown(phone));
        if run(&mut world, Deed::Login(typed), mutation) == Some(Said::Accepted) {
            return true;
        }
        world.time_goes_on();
    }
    false
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
