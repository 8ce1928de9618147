//! Explores every state of small hosts on which people log in, change their factor, and things go wrong; and sees that
//! each mistake that could be in there is found.
//!
//! `cargo run --release --locked -- short|long [SCENE]`

mod host;
mod keys;
mod model;
mod mutation;
mod program;
mod quiet;
mod scenes;
mod world;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use stateright::{Checker, HasDiscoveries, Model};

use model::{Host, Scene};
use mutation::Mutation;
use world::Seen;

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
    let exceptions = scenes::EXCEPTIONS.iter().map(|(exception, scene)| (Mutation::Without(*exception), *scene));
    for (mutation, scene) in scenes::MUTATIONS.iter().copied().chain(exceptions).filter(|(_, scene)| wanted(scene)) {
        let scene = scenes::all(false).into_iter().find(|known| known.name == scene).expect("a scene of that name");
        holds &= catch(scene, mutation);
    }
    println!("{}", if holds { "All held, and every mutation was caught." } else { "NOT ALL HELD." });
    if holds { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn checker(scene: &Scene, mutation: Option<Mutation>) -> (Arc<Seen>, impl Checker<Host>) {
    let seen = Arc::new(Seen::default());
    let host = Host { scene: scene.clone(), mutation, seen: seen.clone() };
    (seen, host.checker().threads(THREADS).finish_when(HasDiscoveries::AnyFailures).spawn_bfs().join())
}

/// The honest model, to its end.
fn explore(scene: Scene) -> bool {
    let begin = Instant::now();
    let (seen, checker) = checker(&scene, None);
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
    for (property, path) in &found {
        println!("  BROKEN: {property}");
        tell(path.clone());
    }
    for what in &missed {
        println!("  NEVER SEEN: {what}");
    }
    exhausted && missed.is_empty()
}

/// A model with a mistake in it, to its first counterexample.
fn catch(scene: Scene, mutation: Mutation) -> bool {
    let (_, checker) = checker(&scene, Some(mutation));
    let found = checker.discoveries();
    let shortest = found.into_iter().min_by_key(|(_, path)| path.clone().into_actions().len());
    match shortest {
        Some((property, path)) => {
            let steps = path.clone().into_actions().len();
            println!("{mutation:?}, in \"{}\": caught by \"{property}\" in {steps} steps", scene.name);
            tell(path);
            true
        }
        None => {
            println!("{mutation:?}, in \"{}\": NOT CAUGHT in {} states", scene.name, checker.unique_state_count());
            false
        }
    }
}

fn tell(path: stateright::Path<world::World, model::Action>) {
    let steps: Vec<String> = path.into_vec().into_iter().filter_map(|(world, action)| Some(world.tells(&action?))).collect();
    println!("    {}", steps.join("; "));
}
