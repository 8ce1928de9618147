//! Explores every state of small hosts on which people log in, change their enrollment, and things go wrong; and sees
//! that each mistake that could be in there is found.
//!
//! `cargo run --release --locked -- short|long [SCENE]`

// A program of its own may print.
#![allow(clippy::disallowed_macros)]

mod host;
mod keys;
mod model;
mod mutation;
mod observer;
mod program;
mod quiet;
mod run;
mod scenes;
mod scope;
mod verdict;
mod world;

use std::collections::BTreeSet;
use std::process::ExitCode;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Instant;

use stateright::{Checker, HasDiscoveries, Model, Path};

use model::{Action, Host, Scene};
use mutation::Mutation;
use observer::Seen;
use world::World;

const THREADS: usize = 2;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (long, only) = match arguments[..] {
        ["short"] => (false, None),
        ["long"] => (true, None),
        ["short", scene] => (false, Some(scene)),
        ["long", scene] => (true, Some(scene)),
        _ => {
            eprintln!("short: less than a minute; long: some minutes; a second word names one scene");
            return ExitCode::from(2);
        }
    };
    let wanted = |name: &str| only.is_none_or(|only| only == name);
    let mut holds = true;
    for scene in scenes::all(long).into_iter().filter(|scene| wanted(scene.name)) {
        holds &= explore(scene);
    }
    let exceptions = scenes::EXCEPTIONS.iter().map(|(e, scene, promise)| (Mutation::Without(*e), *scene, *promise));
    let mistakes = scenes::MUTATIONS.iter().copied().chain(exceptions);
    holds &= catch_all(mistakes.filter(|(_, scene, _)| wanted(scene)));
    println!("{}", if holds { "All held, and every mutation was caught." } else { "NOT ALL HELD." });
    if holds { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The honest model, to its end.
fn explore(scene: Scene) -> bool {
    let begin = Instant::now();
    let seen = Arc::new(Seen::default());
    let host = Host { scene: scene.clone(), mutation: None, seen: seen.clone() };
    let checker = host.checker().threads(THREADS).finish_when(HasDiscoveries::AnyFailures).spawn_bfs().join();
    let found = checker.discoveries();
    let seen = seen.all();
    let missed: Vec<_> = scene.expected.iter().filter(|what| !seen.contains(**what)).collect();
    let exhausted = found.is_empty() && checker.is_done();
    println!(
        "{}: {} states, depth {}, {} ({:.1} s)",
        scene.name,
        checker.unique_state_count(),
        checker.max_depth(),
        if exhausted { "exhausted" } else { "NOT exhausted" },
        begin.elapsed().as_secs_f32(),
    );
    for (promise, path) in found {
        println!("  BROKEN: {promise}\n    {}", told(path));
    }
    for what in &missed {
        println!("  NEVER SEEN: {what}");
    }
    exhausted && missed.is_empty()
}

/// Every mistake, as many at once as there are threads.
fn catch_all(mistakes: impl Iterator<Item = (Mutation, &'static str, &'static str)> + Send) -> bool {
    let mistakes = Mutex::new(mistakes);
    let next = || mistakes.lock().expect("nobody panicked").next();
    let catch_some = || {
        let mut holds = true;
        while let Some((mutation, scene, promise)) = next() {
            let scene = scenes::all(false).into_iter().find(|known| known.name == scene).expect("a scene of that name");
            holds &= catch(scene, mutation, promise);
        }
        holds
    };
    thread::scope(|scope| {
        let threads = [(); THREADS].map(|()| scope.spawn(catch_some));
        threads.into_iter().fold(true, |holds, thread| holds & thread.join().expect("nobody panicked"))
    })
}

/// A model with a mistake in it, to where it breaks its promise. One thread, so that it is one of the shortest ways there.
fn catch(scene: Scene, mutation: Mutation, promise: &'static str) -> bool {
    let name = scene.name;
    let host = Host { scene, mutation: Some(mutation), seen: Arc::default() };
    let finish = HasDiscoveries::AnyOf(BTreeSet::from([promise]));
    let checker = host.checker().threads(1).finish_when(finish).spawn_bfs().join();
    let Some(path) = checker.discovery(promise) else {
        println!("{mutation:?}, in \"{name}\": NOT CAUGHT by \"{promise}\" in {} states", checker.unique_state_count());
        return false;
    };
    let steps = path.clone().into_actions().len();
    println!("{mutation:?}, in \"{name}\": caught by \"{promise}\" in {steps} steps\n    {}", told(path));
    true
}

fn told(path: Path<World, Action>) -> String {
    let steps = path.into_vec().into_iter().filter_map(|(world, action)| Some(action?.told(&world)));
    steps.collect::<Vec<String>>().join("; ")
}
